"""Standard margin by size: futures at rising rates, what short options need."""

from __future__ import annotations

from decimal import Decimal

from connector.paper.amounts import money
from connector.paper.engine.options import short_margin
from connector.paper.engine.state import PositionState, SymbolState
from connector.paper.rules import Instrument
from connector.paper.types import ZERO
from connector.paper.words import ContractKind, Side


def option_rates(
    state: SymbolState, mark: Decimal, forward: Decimal
) -> tuple[Decimal, Decimal]:
    """(initial, maintenance) of one short contract."""
    instrument = state.instrument
    return short_margin(instrument.option_margin, instrument, forward, mark)


def open_option_margin(
    state: SymbolState,
    position: PositionState,
    initial: Decimal,
    *,
    sells: Decimal = ZERO,
    premium: Decimal = ZERO,
) -> Decimal:
    """Of the open orders, and of *sells* contracts or a *premium* on trial."""
    for order in state.orders.values():
        if order.is_reducing:
            continue
        if order.side is Side.BUY:
            premium += order.open_value
        else:
            sells += order.remaining
    uncovered = max(ZERO, sells - max(ZERO, position.qty))
    return money(uncovered * initial) + money(premium)


def size_rate(
    instrument: Instrument, value: Decimal, mark: Decimal, *, initial: bool
) -> Decimal:
    """The rate of a position of *value*: so much, and more per coin of its size."""
    rules = instrument.size_margin
    assert rules is not None, "asked only of instruments with such rules"
    coins = value if instrument.kind is ContractKind.INVERSE else value / mark
    return (rules.initial if initial else rules.maintenance) + rules.per_coin * coins
