"""Tests of connector.cli.options and output."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from connector.cli.options import amount, seconds
from connector.cli.output import (
    Column,
    Output,
    cell,
    clock_text,
    grouped,
    json_line,
)
from connector.errors import UsageError
from tests.cli import frames


@given(st.decimals(min_value="1e-18", max_value="1e18", places=18))
def test_amounts_keep_every_digit(value: Decimal) -> None:
    """Whatever plain number is typed is the number that is meant."""
    assert amount(format(value, "f")) == value


@given(st.text())
def test_amounts_are_refused_in_words(text: str) -> None:
    """Nothing else than a finite number above 0 comes through, nothing else raises."""
    try:
        number = amount(text)
    except typer.BadParameter:
        return
    assert number.is_finite()
    assert number > 0


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800)]
)
def test_ages(text: str, expected: int) -> None:
    """A number and a unit."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "0s", "h", "-1h", "1.5h", "1w", "1h "])
def test_ages_are_refused_in_words(text: str) -> None:
    """The error shows how to write one."""
    with pytest.raises(UsageError, match="90s"):
        seconds(text)


def test_json_keeps_amounts_as_text() -> None:
    """Nobody reads a price as a binary fraction."""
    line = json_line({"order": frames.order(1), "x": Decimal("1E+3")})

    found = json.loads(line)
    assert found["order"]["price"] == "59997.5"
    assert found["x"] == "1000"
    assert "\n" not in line


def test_plain_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers to the right, words to the left, nothing cut."""
    columns = (Column("NAME"), Column("QTY", is_number=True))

    Output().table(columns, [("a", Decimal("1.50")), ("b" * 90, None)])

    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"NAME{'':86}  QTY"
    assert second == f"a{'':89}  1.5"
    assert third == f"{'b' * 90}    -"


def test_texts_of_values() -> None:
    """Exponents, absence and zeros as people write them."""
    assert [cell(Decimal("1E+2")), cell(None), cell("")] == ["100", "-", "-"]
    assert grouped(Decimal("1234567.891"), 2) == "1,234,567.89"
    assert clock_text(0) == "-"
    assert clock_text(frames.NOW_NS) == "11-25 10:55:50.388"
