"""Options: Black-76 marks and greeks, and what a short option must be backed by.

A price from a model is an estimate, so this is the one place of the simulated venue
that computes with floats; a mark leaves it rounded to the grid of marks and is an
exact number from there on.

    F underlying (future) price, K strike, T years of 365 days, r = 0
    d1 = (ln(F/K) + s*s*T/2) / (s*sqrt(T)),  d2 = d1 - s*sqrt(T)
    call = F*N(d1) - K*N(d2),  put = K*N(-d2) - F*N(-d1),  mark = price / F

Greeks in USD: vega per point of volatility, theta per day (below one day: what is
left). Source: Deribit ticker fields, reproduced from a real sample of 2023-11-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import erf, exp, log, pi, sqrt

from connector.paper.rules import Instrument, OptionMargin
from connector.paper.types import ZERO

DAY_MS = 86_400_000
YEAR_DAYS = 365
MARK_GRID = Decimal("0.000001")
_GREEK_GRID = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """An option's price in USD and its greeks, as floats."""

    price: float
    mark: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


def black76(
    *, forward: float, strike: float, days: float, iv_percent: float, is_call: bool
) -> Valuation:
    """Value an option; with no time left it is worth its intrinsic value."""
    years, vol = days / YEAR_DAYS, iv_percent / 100
    sign = 1 if is_call else -1
    if years <= 0 or vol <= 0:
        price = max(0.0, sign * (forward - strike))
        delta = float(sign) if price > 0 else 0.0
        return Valuation(
            price=price,
            mark=price / forward,
            delta=delta,
            gamma=0.0,
            vega=0.0,
            theta=0.0,
            rho=0.0,
        )
    width = vol * sqrt(years)
    d1 = (log(forward / strike) + width * width / 2) / width
    d2 = d1 - width
    price = sign * (forward * _cdf(sign * d1) - strike * _cdf(sign * d2))
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    theta_day = -forward * density * vol / (2 * sqrt(years)) / YEAR_DAYS
    return Valuation(
        price=price,
        mark=price / forward,
        delta=_cdf(d1) - (0 if is_call else 1),
        gamma=density / (forward * width),
        vega=forward * density * sqrt(years) / 100,
        theta=theta_day * min(1.0, days),
        rho=sign * strike * years * _cdf(sign * d2) / 100,
    )


def _cdf(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2


def value_of(instrument: Instrument, forward: Decimal, now_ms: int) -> Valuation:
    """What *instrument* is worth while its underlying is at *forward*."""
    return black76(
        forward=float(forward),
        strike=float(instrument.strike),
        days=max(0, instrument.expiry_ms - now_ms) / DAY_MS,
        iv_percent=float(instrument.iv),
        is_call=instrument.is_call,
    )


def mark_of(instrument: Instrument, forward: Decimal, now_ms: int) -> Decimal:
    """The mark, in coin where the option settles in coin, else in its quote."""
    value = value_of(instrument, forward, now_ms)
    shown = value.mark if instrument.is_coin_settled else value.price
    return max(MARK_GRID, Decimal(shown).quantize(MARK_GRID))


def intrinsic(instrument: Instrument, price: Decimal) -> Decimal:
    """What one contract pays at delivery, in its settlement currency."""
    sign = 1 if instrument.is_call else -1
    gain = max(ZERO, sign * (price - instrument.strike))
    return gain / price if instrument.is_coin_settled else gain


@dataclass(frozen=True, slots=True)
class Held:
    """Greeks of a position, exact numbers again."""

    delta: Decimal = ZERO
    gamma: Decimal = ZERO
    vega: Decimal = ZERO
    theta: Decimal = ZERO


def greeks_of(
    instrument: Instrument, qty: Decimal, forward: Decimal, now_ms: int
) -> Held:
    """Greeks of *qty* contracts."""
    value = value_of(instrument, forward, now_ms)

    def whole(one: float) -> Decimal:
        return (Decimal(one) * qty).quantize(_GREEK_GRID)

    return Held(
        whole(value.delta), whole(value.gamma), whole(value.vega), whole(value.theta)
    )


def short_margin(
    rules: OptionMargin, instrument: Instrument, forward: Decimal, mark: Decimal
) -> tuple[Decimal, Decimal]:
    """(initial, maintenance) of one short contract, in its settlement currency.

    Call: initial max(base - out-of-the-money / F, floor) + mark, maintenance
    upkeep + mark. Put: maintenance max(upkeep, upkeep * mark) + mark, initial never
    below it. Rule of 2022 to 2026, with its parameters as data.
    """
    sign = 1 if instrument.is_call else -1
    away = max(ZERO, sign * (instrument.strike - forward)) / forward
    unit = Decimal(1) if instrument.is_coin_settled else forward
    share = mark / unit
    initial = max(rules.base - away, rules.floor) + share
    if instrument.is_call:
        upkeep = rules.upkeep + share
    else:
        upkeep = max(rules.upkeep, rules.upkeep * share) + share
        initial = max(initial, upkeep)
    return initial * unit, upkeep * unit
