"""The contract that the tests of Bybit v5 are about."""

from __future__ import annotations

from decimal import Decimal

from connector.model.ids import Symbol
from connector.model.instrument import Bracket, Instrument, InstrumentKind

BTC = Symbol("BTCUSDT")


def rules(brackets: tuple[Bracket, ...] = ()) -> Instrument:
    """Its rules, with the tiers given."""
    return Instrument(
        symbol=BTC,
        kind=InstrumentKind.PERPETUAL,
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(1190),
        market_max_qty=Decimal(500),
        brackets=brackets,
    )
