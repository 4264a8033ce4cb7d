"""Tests of rows: amounts are bounded plain texts, ids are texts or numbers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from connector.venues.json_rows import Row, parsed


def row(value: str) -> Row:
    """``{"x": value}``, *value* as JSON."""
    return Row.of_bytes(b'{"x":' + value.encode() + b"}")


@pytest.mark.parametrize(
    "text", ["0", "-0.06025000", "60000.00", "1e-7", "0E-8", "5.", "9" * 40]
)
def test_amounts_are_exact(text: str) -> None:
    """What the venue wrote is what we compute with."""
    assert row(f'"{text}"').number("x") == Decimal(text)
    assert row(f'"{text}"').exact("x") == Decimal(text)


@pytest.mark.parametrize(
    "raw",
    [
        "0.1",
        "1",
        "null",
        "true",
        '""',
        '" 1"',
        '"1 "',
        '"1\\n"',
        '"+1"',
        '".5"',
        '"NaN"',
        '"-Infinity"',
        '"0x1"',
        '"1_0"',
        '"\uff11"',
        '"1e999"',
        f'"{"9" * 41}"',
    ],
)
def test_everything_else_is_refused(raw: str) -> None:
    """JSON numbers may have been floats; the rest is no number, or a bomb."""
    with pytest.raises(ValueError, match="x is no"):
        row(raw).number("x")


@pytest.mark.parametrize("raw", ['""', "null", '"0"', '"0.00"', '"-0"', '"0E-8"'])
def test_nothing_is_none(raw: str) -> None:
    """Absent, empty and zero all mean that there is no such price."""
    assert row(raw).number_or_none("x") is None
    assert row(raw).number_or_none("y") is None
    assert row('"58000.00"').number_or_none("x") == 58000


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("8389765739703625592", "8389765739703625592"),
        ('"715550001300"', "715550001300"),
        ('"0"', "0"),
        ("0", ""),
        ('""', ""),
        ("null", ""),
    ],
)
def test_an_id_is_a_text_or_a_number(raw: str, told: str) -> None:
    """Above 2**53 too; none is told as zero, as nothing or not at all."""
    assert row(raw).ident("x") == told
    assert row(raw).ident("y") == ""


@pytest.mark.parametrize("raw", ["1.5", "true", "[]", "{}"])
def test_what_is_no_id_is_refused(raw: str) -> None:
    """Neither a fraction nor a truth names anything."""
    with pytest.raises(ValueError, match="x is no id"):
        row(raw).ident("x")


def test_a_number_that_must_be_there() -> None:
    """Nothing is 0 only where the venue means that, and a list is never nothing."""
    for raw in ('""', "null"):
        assert row(raw).exact("x") == 0
        with pytest.raises(ValueError, match="x is no number"):
            row(raw).exact("x", None)
    for raw in ("[]", "{}", "false"):
        with pytest.raises(ValueError, match="x is no number"):
            row(raw).exact("x")
    assert row("12345678901234567.123456789").exact("x", None) == Decimal(
        "12345678901234567.123456789"
    )


def test_fields_under_other_names() -> None:
    """Only those that are named; the rest is not there."""
    renamed = Row({"a": "1", "b": "2"}).renamed({"a": "price", "c": "qty"})
    assert renamed.text("price") == "1"
    assert not any(renamed.has(name) for name in ("a", "b", "qty"))


@pytest.mark.parametrize(
    "raw", [b'{"x":"\\ud800"}', b'{"x":"\\uDFFF"}', b'{"x":"\xed\xa0\x80"}', b"\xff"]
)
def test_text_that_could_not_be_written_is_refused(raw: bytes) -> None:
    """Half a character would break the journal, long after it was read."""
    with pytest.raises(ValueError, match=r"(?i)json|utf-8|truncated|surrogate"):
        parsed(raw)


def test_whole_characters_are_read() -> None:
    """Escaped in two halves, or as they are."""
    text = "\U0001f600币"
    for raw in (json.dumps(text).encode(), json.dumps(text, ensure_ascii=False)):
        assert parsed(raw if isinstance(raw, bytes) else raw.encode()) == text
