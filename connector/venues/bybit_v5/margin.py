"""Margin of a unified account in cross mode, at mark prices (since 2025-09).

    V = size x mark                       uPnL = s x size x (mark - entry)
    F = V x (1 - s / leverage) x taker    fee of closing at bankruptcy
    initial     = V / leverage + F        (order: at its price, plus opening fee)
    maintenance = V x rate - deduction + F, tier by position and opening orders
    liquidation price: buffer + sum(uPnL) = sum(maintenance), solved for the mark

s is +1 long, -1 short. Collateral in other coins has haircuts and prices that only
the venue knows: no numbers then, the venue's own fields are shown. Source: the
venue's help centre, "The New Margin Calculation" (2025-09-18); the form of F in
cross mode was not published, it fits observed rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Position
from connector.model.instrument import Bracket
from connector.model.money import ONE, ZERO
from connector.model.order import Order
from connector.venues.linear_margin import (
    crossing,
    currency_of,
    leverage_of,
    may_open,
    tier_for,
    totals,
    wallet_of,
)

TAKER_RATE = Decimal("0.00055")


@dataclass(frozen=True, slots=True)
class _Leg:
    position: Position
    mark: Decimal
    leverage: Decimal
    bracket: Bracket

    @property
    def fee_rate(self) -> Decimal:
        return _closing_rate(1 if self.position.qty > 0 else -1, self.leverage)

    def numbers(self, liquidation_price: Decimal | None = None) -> PositionNumbers:
        """Live numbers of the position."""
        position = self.position
        value = abs(position.qty) * self.mark
        rate = self.bracket.maintenance_rate + self.fee_rate
        return PositionNumbers(
            mark_price=self.mark,
            unrealized_pnl=position.qty * (self.mark - position.entry_price),
            initial_margin=value / self.leverage + value * self.fee_rate,
            maintenance_margin=value * rate - self.bracket.cum,
            liquidation_price=liquidation_price,
        )


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None outside cross mode, with collateral in another
    coin, and while a mark, a leverage or tiers at stake are not known."""
    at_stake = view.by_symbol()
    settles = {view.instruments[s].settle for s in at_stake if s in view.instruments}
    currency = currency_of(settles)
    others = any(b.wallet and asset != currency for asset, b in view.balances.items())
    if view.is_multi_asset or others or len(settles) > 1:
        return None
    legs: list[_Leg] = []
    reserved = ZERO
    for symbol, (held, orders) in at_stake.items():
        charged = [order for order in orders if may_open(order)]
        instrument, mark = view.instruments.get(symbol), view.marks.get(symbol)
        leverage = Decimal(leverage_of(view, symbol, held) or 0)
        for position in held:
            if instrument is None or not (leverage and mark and instrument.brackets):
                return None
            size = _size_at_stake(position, charged)
            tier = tier_for(instrument.brackets, size * mark)
            legs.append(_Leg(position, mark, leverage, tier))
        if charged and (instrument is None or not leverage):
            return None
        reserved += sum((_order_margin(o, leverage) for o in charged), ZERO)
    wallet = wallet_of(view, currency)
    positions = {
        (leg.position.symbol, leg.position.position_side.value): leg.numbers(
            _liquidation_price(leg, legs, wallet)
        )
        for leg in legs
    }
    return totals(currency, wallet, positions.values(), reserved, positions)


def _closing_rate(sign: int, leverage: Decimal) -> Decimal:
    return (1 - sign / leverage) * TAKER_RATE


def _size_at_stake(position: Position, charged: Sequence[Order]) -> Decimal:
    """The position and what its opening orders would add."""
    return sum(
        (
            order.leaves_qty
            for order in charged
            if order.side.sign * position.qty > 0
            and order.position_side is position.position_side
        ),
        abs(position.qty),
    )


def _order_margin(order: Order, leverage: Decimal) -> Decimal:
    """Every order that may open is charged in full: how the venue nets opposite
    ones is not published, and this is never too little."""
    assert order.price is not None, "only orders with a price are charged"
    rate = ONE / leverage + TAKER_RATE + _closing_rate(order.side.sign, leverage)
    return order.leaves_qty * order.price * rate


def _liquidation_price(
    leg: _Leg, legs: Sequence[_Leg], wallet: Decimal
) -> Decimal | None:
    """Mark at which the wallet and the PnL of all legs fall to their maintenance,
    the marks of other instruments standing still."""
    top, bottom = -wallet, ZERO
    for other in legs:
        qty = other.position.qty
        if other.position.symbol != leg.position.symbol:
            numbers = other.numbers()
            top -= numbers.unrealized_pnl - numbers.maintenance_margin
            continue
        top += qty * other.position.entry_price - other.bracket.cum
        bottom += qty - abs(qty) * (other.bracket.maintenance_rate + other.fee_rate)
    return crossing(top, bottom)
