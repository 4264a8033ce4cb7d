"""Rounding of the simulated venue, direction named."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

UNIT = Decimal("0.00000001")


def money(value: Decimal) -> Decimal:
    """*value* on the money grid of 8 decimals, half to even."""
    return value.quantize(UNIT, rounding=ROUND_HALF_EVEN)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Largest multiple of *step* not above *value*."""
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Smallest multiple of *step* not below *value*."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step
