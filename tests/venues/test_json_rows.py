"""Tests of reading JSON field by field, exactly."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.venues.json_rows import Row, compact

READERS = (
    *("text", "name", "number", "number_or_none", "exact", "integer"),
    *("millis", "nanos", "flag", "row", "rows", "items"),
)


def row(value: Any) -> Row:
    """A row with one field."""
    return Row({"x": value})


def test_amounts_are_text() -> None:
    """A JSON number may have passed through a float: refused where text is due."""
    big = "12345678901234567.123456789"
    assert row(big).number("x") == D(big)
    with pytest.raises(ValueError, match="no text"):
        Row.of_bytes(b'{"x": 1.5}').number("x")
    assert Row.of_bytes(f'{{"x": {big}}}'.encode()).exact("x") == D(big)


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1_0", " 1", "0x1", "1e999"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Whatever Decimal itself would take."""
    with pytest.raises(ValueError, match="x is no number"):
        row(text).number("x")


def test_nothing_is_told_apart_from_zero_only_where_it_matters() -> None:
    """ "" and absent have the default of the reader."""
    assert row("").number("x", D(7)) == 7
    assert Row({}).number("x", D(7)) == 7
    assert row("0").number_or_none("x") is None
    assert row("0").number("x", D(7)) == 0
    assert Row({}).flag("x") is None
    assert Row({}).row("x").has("y") is False
    with pytest.raises(ValueError, match="empty"):
        row("").name("x")


@pytest.mark.parametrize("value", [-1, 1 << 53, "tomorrow", "1_0", " 1", True, None])
def test_times_are_sensible_milliseconds(value: Any) -> None:
    """Neither negative nor beyond what a JSON number holds."""
    with pytest.raises(ValueError, match="x"):
        row(value).nanos("x")
    assert row("1795605600123").nanos("x") == 1_795_605_600_123_000_000


@given(
    st.sampled_from(READERS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.text(max_size=2), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_other_shapes_raise_value_error_alone(reader: str, value: Any) -> None:
    """So that one `except` keeps the reader alive."""
    with suppress(ValueError):
        getattr(row(value), reader)("x")


def test_compact_has_no_spaces() -> None:
    """What is signed is what is sent, to the byte."""
    assert compact({"a": [1, "ä b"]}) == '{"a":[1,"ä b"]}'
