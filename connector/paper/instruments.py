"""The instruments the simulated venue lists unless told otherwise.

Three linear USDT perpetuals whose rules have the size and shape of the real ones
(Binance USD-M exchangeInfo, leverageBracket and commissionRate, read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from connector.paper.types import ZERO, Bracket, Instrument

HOUR_MS = 3_600_000


def make_brackets(
    rows: Iterable[tuple[int, str, str]],
) -> tuple[Bracket, ...]:
    """Brackets from rows of (max leverage, notional cap, maintenance rate).

    The floor of a row is the cap before it; ``cum`` makes maintenance margin
    continuous: cum(n) = cum(n-1) + floor(n) * (mmr(n) - mmr(n-1)), cum(1) = 0.
    """
    brackets: list[Bracket] = []
    floor, cum, mmr_before = ZERO, ZERO, ZERO
    for number, (max_leverage, cap_text, mmr_text) in enumerate(rows, start=1):
        mmr = Decimal(mmr_text)
        cum += floor * (mmr - mmr_before)
        cap = Decimal(cap_text)
        brackets.append(
            Bracket(
                number=number,
                max_leverage=max_leverage,
                floor=floor,
                cap=cap,
                mmr=mmr,
                cum=cum,
            )
        )
        floor, mmr_before = cap, mmr
    return tuple(brackets)


_MAJOR = (
    (125, "300000", "0.004"),
    (100, "800000", "0.005"),
    (75, "3000000", "0.0065"),
    (50, "12000000", "0.01"),
    (25, "70000000", "0.02"),
    (20, "100000000", "0.025"),
    (10, "230000000", "0.05"),
    (5, "480000000", "0.1"),
    (4, "600000000", "0.125"),
    (3, "800000000", "0.15"),
    (2, "1200000000", "0.25"),
    (1, "1800000000", "0.5"),
)
_MINOR = (
    (100, "50000", "0.005"),
    (75, "200000", "0.0065"),
    (50, "1000000", "0.01"),
    (25, "5000000", "0.02"),
    (20, "10000000", "0.025"),
    (10, "30000000", "0.05"),
    (5, "60000000", "0.1"),
    (2, "120000000", "0.25"),
    (1, "200000000", "0.5"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    base: str
    mark: str
    tick_size: str
    qty_step: str
    max_price: str
    max_qty: str
    market_max_qty: str
    min_notional: str
    brackets: tuple[tuple[int, str, str], ...]


_LISTINGS = (
    _Listing(
        base="BTC",
        mark="60000",
        tick_size="0.10",
        qty_step="0.001",
        max_price="4529764",
        max_qty="1000",
        market_max_qty="120",
        min_notional="50",
        brackets=_MAJOR,
    ),
    _Listing(
        base="ETH",
        mark="3000",
        tick_size="0.01",
        qty_step="0.001",
        max_price="306177",
        max_qty="10000",
        market_max_qty="2000",
        min_notional="20",
        brackets=_MAJOR,
    ),
    _Listing(
        base="SOL",
        mark="150",
        tick_size="0.0100",
        qty_step="0.01",
        max_price="6857",
        max_qty="1000000",
        market_max_qty="50000",
        min_notional="5",
        brackets=_MINOR,
    ),
)


def _listed(listing: _Listing) -> Instrument:
    tick_size = Decimal(listing.tick_size)
    qty_step = Decimal(listing.qty_step)
    return Instrument(
        symbol=f"{listing.base}USDT",
        base=listing.base,
        quote="USDT",
        settle="USDT",
        tick_size=tick_size,
        qty_step=qty_step,
        min_price=tick_size,
        max_price=Decimal(listing.max_price),
        min_qty=qty_step,
        max_qty=Decimal(listing.max_qty),
        market_max_qty=Decimal(listing.market_max_qty),
        min_notional=Decimal(listing.min_notional),
        band_up=Decimal("1.05"),
        band_down=Decimal("0.95"),
        market_take_bound=Decimal("0.05"),
        trigger_protect=Decimal("0.05"),
        max_orders=200,
        max_conditional=200,
        brackets=make_brackets(listing.brackets),
        maker_rate=Decimal("0.0002"),
        taker_rate=Decimal("0.0004"),
        liquidation_fee=Decimal("0.0125"),
        funding_interval_ms=8 * HOUR_MS,
        initial_mark=Decimal(listing.mark),
    )


DEFAULT_INSTRUMENTS: tuple[Instrument, ...] = tuple(map(_listed, _LISTINGS))
