"""Tests of wire: amounts are bounded plain texts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from connector.venues.binance_usdm.wire import Number, amount, amount_or_none

NUMBER = TypeAdapter(Number)


@pytest.mark.parametrize(
    "text", ["0", "-0.06025000", "60000.00", "1e-7", "0E-8", "5.", "9" * 40]
)
def test_amounts_are_exact(text: str) -> None:
    """What the venue wrote is what we compute with."""
    assert amount(NUMBER.validate_json(f'"{text}"')) == Decimal(text)


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
    """JSON numbers have been floats; the rest is no number, or a bomb."""
    with pytest.raises(ValidationError):
        NUMBER.validate_json(raw)


@pytest.mark.parametrize("text", ["", None, "0", "0.00", "-0", "0E-8"])
def test_nothing_is_none(text: str | None) -> None:
    """Absent, empty and zero all mean that there is no such price."""
    assert amount_or_none(text) is None
    assert amount_or_none("58000.00") == 58000
