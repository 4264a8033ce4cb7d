"""Decimal arithmetic on a grid. Amounts are made from text, never from floats."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from typing import ParamSpec, TypeVar

from connector.errors import InvalidOrder

ZERO = Decimal(0)
ONE = Decimal(1)

_DIGITS_MAX = 12
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_CONTEXT = Context(
    prec=28,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)


def exactly(work: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Do *work* in our own decimal context.

    `decimal.getcontext().prec = 8` in a bot reaches every task of its thread: sums
    would be rounded, and nobody would be told.
    """

    @functools.wraps(work)
    def guarded(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        before = getcontext()
        if before is _CONTEXT:
            return work(*args, **kwargs)
        # Not `localcontext`, which makes a new context each time: nobody changes
        # this one, since no code of users runs inside.
        setcontext(_CONTEXT)
        try:
            return work(*args, **kwargs)
        finally:
            setcontext(before)

    return guarded


def decimal_of(value: object, rule: str) -> Decimal:
    """*value* as a finite Decimal; raises InvalidOrder naming *rule*.

    Floats are refused: 0.1 is not what the venue will read.
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidOrder(
            rule, value, "give a Decimal, a text such as '0.010', or an int"
        )
    else:
        try:
            number = Decimal(value)
        except ArithmeticError:
            raise InvalidOrder(rule, value, "give a number such as '0.010'") from None
    if not number.is_finite():
        raise InvalidOrder(rule, value, "give a finite number")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has an exponent"
    if number and (number.adjusted() >= _DIGITS_MAX or exponent < -_DIGITS_MAX):
        # Beyond this, arithmetic on the venue's grid would have to round.
        raise InvalidOrder(
            rule, value, f"at most {_DIGITS_MAX} digits before and after the point"
        )
    return number


def floor_to_grid(value: Decimal, step: Decimal, origin: Decimal = ZERO) -> Decimal:
    """Largest point of the grid origin + n·step not above *value*."""
    return ((value - origin) / step).to_integral_value(ROUND_FLOOR) * step + origin


def ceil_to_grid(value: Decimal, step: Decimal, origin: Decimal = ZERO) -> Decimal:
    """Smallest point of the grid origin + n·step not below *value*."""
    return ((value - origin) / step).to_integral_value(ROUND_CEILING) * step + origin


def text_of(value: Decimal) -> str:
    """Plain notation without exponent or trailing zeros: what goes on the wire."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
