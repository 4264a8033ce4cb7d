"""Margin: the venue's own numbers, marks between its words.

The formulas of standard margin changed in August 2026 and are not published in a
form to compute with, and portfolio margin never was: so margin is what the venue
tells per currency, and only marks and unrealised profit of positions are kept live.

With segregated collateral every currency is liquidated by itself: the headline is
the one nearest to it. With cross collateral every currency shows the whole pool
converted: any of them is the whole, and adding them would count it twice.

Source: Deribit API, "private/get_account_summary", "user.portfolio"; read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Collateral, Position
from connector.model.ids import Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.money import ZERO


def margin(view: AccountView) -> MarginNumbers | None:
    """The headline currency's margin and every position's live numbers."""
    if not view.collateral:
        return None
    head = max(view.collateral.values(), key=_urgency)
    moved, moved_futures = _moved(view, head)
    balance = head.margin_balance + moved_futures
    return MarginNumbers(
        currency=head.currency,
        wallet=head.wallet,
        equity=head.equity + moved,
        unrealized_pnl=head.unrealized_pnl + moved,
        initial_margin=head.initial_margin,
        maintenance_margin=head.maintenance_margin,
        available=max(ZERO, head.available + moved_futures),
        margin_ratio=_ratio(head.maintenance_margin, balance),
        positions=_positions(view),
    )


def _moved(view: AccountView, head: Collateral) -> tuple[Decimal, Decimal]:
    """What marks have changed since the venue spoke: (of all, of futures)."""
    everything = futures = ZERO
    for position in view.positions:
        instrument = view.instruments.get(position.symbol)
        mark, told = view.marks.get(position.symbol), position.mark_price
        if instrument is None or instrument.settle != head.currency:
            continue
        if not mark or not told or not position.qty or head.is_shared:
            continue
        change = unrealized(instrument, position, mark)
        change -= unrealized(instrument, position, told)
        everything += change
        if instrument.kind is not InstrumentKind.OPTION:
            futures += change
    return everything, futures


def _urgency(row: Collateral) -> tuple[Decimal, Decimal, str]:
    ratio = _ratio(row.maintenance_margin, row.margin_balance)
    return ratio or ZERO, row.equity, row.currency


def _ratio(maintenance: Decimal, balance: Decimal) -> Decimal | None:
    if not maintenance:
        return None
    return maintenance / balance if balance > 0 else Decimal("Infinity")


def _positions(view: AccountView) -> dict[tuple[Symbol, str], PositionNumbers]:
    numbers = {}
    for position in view.positions:
        instrument = view.instruments.get(position.symbol)
        mark = view.marks.get(position.symbol) or position.mark_price
        if instrument is None or not mark or not position.qty:
            continue
        numbers[position.symbol, position.position_side.value] = PositionNumbers(
            mark_price=mark,
            unrealized_pnl=unrealized(instrument, position, mark),
            initial_margin=position.initial_margin or ZERO,
            maintenance_margin=position.maintenance_margin or ZERO,
            liquidation_price=position.liquidation_price,
        )
    return numbers


def unrealized(instrument: Instrument, position: Position, mark: Decimal) -> Decimal:
    """Profit at *mark* in the settlement currency.

    Inverse: size * (1/entry - 1/mark), size in USD. Options and linear contracts:
    size * (mark - entry), options being priced in coin.
    """
    if not position.entry_price:
        return ZERO
    if instrument.is_inverse:
        return position.qty * (1 / position.entry_price - 1 / mark)
    return position.qty * (mark - position.entry_price)
