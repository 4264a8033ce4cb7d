"""Amounts: made from text, exact, bounded, and refused with what is allowed."""

from __future__ import annotations

import decimal
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidOrder
from connector.model.money import (
    ceil_to_grid,
    decimal_of,
    exactly,
    floor_to_grid,
    text_of,
)

GOOD: list[tuple[Any, str]] = [
    ("0.010", "0.01"),
    ("1", "1"),
    (1, "1"),
    (0, "0"),
    (D("2.50"), "2.5"),
    ("1e3", "1000"),
    ("1E-3", "0.001"),
    (" 7 ", "7"),
    ("-0", "0"),
    ("-1.5", "-1.5"),
    ("999999999999", "999999999999"),
    ("0.000000000001", "0.000000000001"),
    ("1_000", "1000"),
]


@pytest.mark.parametrize(("given_value", "text"), GOOD, ids=repr)
def test_numbers_people_write(given_value: Any, text: str) -> None:
    """Text, int and Decimal; what goes on the wire has no exponent and no zeros."""
    assert text_of(decimal_of(given_value, "qty")) == text


BAD: list[Any] = [
    0.1,
    1.0,
    True,
    None,
    b"1",
    [],
    {},
    object(),
    "",
    "abc",
    "1,5",
    "0x10",
    "1.2.3",
    "--1",
    "NaN",
    "sNaN",
    "Infinity",
    "-inf",
    D("NaN"),
    D("sNaN"),
    D("Infinity"),
    "1e12",
    "1000000000000",
    "1e999999",
    "1e-13",
    "0.0000000000001",
    "9" * 5000,
    "0." + "1" * 5000,
    "1e" + "9" * 50,
    10**5000,
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_what_is_no_amount_is_refused_by_name(bad: Any) -> None:
    """Law 11: floats, words, infinities, absurd lengths: InvalidOrder, short."""
    with pytest.raises(InvalidOrder) as caught:
        decimal_of(bad, "the_rule")
    assert caught.value.rule == "the_rule"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("prec", [1, 5, 9])
def test_parsing_does_not_depend_on_the_context(prec: int) -> None:
    """A bot's own decimal context changes no amount that is parsed."""
    with decimal.localcontext() as context:
        context.prec = prec
        context.traps[decimal.InvalidOperation] = False
        assert str(decimal_of("123456.123456", "qty")) == "123456.123456"
        with pytest.raises(InvalidOrder):
            decimal_of("abc", "qty")


def test_exactly_lends_our_context_and_gives_it_back() -> None:
    """Inside nothing is rounded, outside everything is as before, also on error."""

    @exactly
    def add(a: D, b: D) -> D:
        return a + b

    @exactly
    def fail() -> None:
        raise KeyError

    with decimal.localcontext() as context:
        context.prec = 2
        assert add(D("123456.1"), D("0.01")) == D("123456.11")
        with pytest.raises(KeyError):
            fail()
        assert decimal.getcontext().prec == 2


amounts = st.decimals(-(10**9), 10**9, places=6, allow_nan=False, allow_infinity=False)
steps = st.sampled_from([D("0.1"), D("0.001"), D("0.5"), D(5), D("0.00025")])


@given(amounts, steps, st.sampled_from([D(0), D("0.3"), D(-1)]))
def test_grid_points_enclose_a_number(value: D, step: D, origin: D) -> None:
    """Floor <= value <= ceil, both on the grid, less than one step apart."""
    low, high = floor_to_grid(value, step, origin), ceil_to_grid(value, step, origin)
    assert low <= value <= high
    assert (low - origin) % step == (high - origin) % step == 0
    assert high - low in (0, step)
    assert floor_to_grid(low, step, origin) == low == ceil_to_grid(low, step, origin)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_wire_text_is_plain_and_loses_nothing(value: D) -> None:
    """No exponent, no trailing zero, no minus zero, the same number."""
    text = text_of(value)
    assert D(text) == value
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."
