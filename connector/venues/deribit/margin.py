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
from connector.model.instrument import Instrument
from connector.model.money import ZERO


def margin(view: AccountView) -> MarginNumbers | None:
    """The headline currency's margin and every position's live numbers."""
    if not view.collateral:
        return None
    head = max(view.collateral.values(), key=_urgency)
    return MarginNumbers(
        currency=head.currency,
        wallet=head.wallet,
        equity=head.equity,
        unrealized_pnl=head.unrealized_pnl,
        initial_margin=head.initial_margin,
        maintenance_margin=head.maintenance_margin,
        available=head.available,
        margin_ratio=_ratio(head),
        positions=_positions(view),
    )


def _urgency(row: Collateral) -> tuple[Decimal, Decimal, str]:
    return _ratio(row) or ZERO, row.equity, row.currency


def _ratio(row: Collateral) -> Decimal | None:
    if not row.maintenance_margin:
        return None
    if row.margin_balance <= 0:
        return Decimal("Infinity")
    return row.maintenance_margin / row.margin_balance


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
