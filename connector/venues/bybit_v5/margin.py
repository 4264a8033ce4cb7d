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
from connector.model.ids import Symbol
from connector.model.instrument import Bracket
from connector.model.money import ONE, ZERO
from connector.model.order import Order, PositionSide

TAKER_RATE = Decimal("0.00055")
DEFAULT_CURRENCY = "USDT"


class _NotKnown(Exception):
    """A number that the model needs is not there (yet)."""


@dataclass(frozen=True, slots=True)
class _Leg:
    position: Position
    mark: Decimal
    leverage: Decimal
    bracket: Bracket

    @property
    def value(self) -> Decimal:
        return abs(self.position.qty) * self.mark

    @property
    def fee_rate(self) -> Decimal:
        return _closing_rate(1 if self.position.qty > 0 else -1, self.leverage)

    @property
    def unrealized(self) -> Decimal:
        return self.position.qty * (self.mark - self.position.entry_price)

    @property
    def initial(self) -> Decimal:
        return self.value / self.leverage + self.value * self.fee_rate

    @property
    def maintenance(self) -> Decimal:
        rate = self.bracket.maintenance_rate + self.fee_rate
        return self.value * rate - self.bracket.cum


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None outside cross mode, with collateral in another
    coin, and while a mark, a leverage or tiers at stake are not known."""
    held = [position for position in view.positions if position.qty]
    charged = [order for order in view.open_orders if _needs_margin(order)]
    at_stake = {p.symbol for p in held} | {o.symbol for o in view.open_orders}
    known = [view.instruments[s] for s in at_stake if s in view.instruments]
    settles = {instrument.settle for instrument in known}
    currency = min(settles, default=DEFAULT_CURRENCY)
    others = any(b.wallet and asset != currency for asset, b in view.balances.items())
    if view.is_multi_asset or others or len(settles) > 1:
        return None
    try:
        legs = [_leg(view, position, charged) for position in held]
        reserved = sum((_order_margin(view, o, held) for o in charged), ZERO)
    except _NotKnown:
        return None
    return _totals(view, currency, legs, reserved)


def _closing_rate(sign: int, leverage: Decimal) -> Decimal:
    return (1 - sign / leverage) * TAKER_RATE


def _leverage(view: AccountView, symbol: Symbol, held: Sequence[Position]) -> Decimal:
    told = (p.leverage for p in held if p.symbol == symbol and p.leverage)
    leverage = view.leverage.get(symbol) or next(told, None)
    if not leverage or symbol not in view.instruments:
        raise _NotKnown
    return Decimal(leverage)


def _leg(view: AccountView, position: Position, charged: Sequence[Order]) -> _Leg:
    symbol = position.symbol
    leverage, mark = _leverage(view, symbol, [position]), view.marks.get(symbol)
    brackets = view.instruments[symbol].brackets
    if mark is None or not brackets:
        raise _NotKnown
    opening = (
        order.leaves_qty
        for order in charged
        if order.symbol == symbol
        and order.side.sign * position.qty > 0
        and order.position_side is position.position_side
    )
    tier = bracket_for(brackets, sum(opening, abs(position.qty)) * mark)
    return _Leg(position, mark, leverage, tier)


def bracket_for(brackets: Sequence[Bracket], value: Decimal) -> Bracket:
    """The tier whose cap holds *value*; the last one above all caps."""
    return next((tier for tier in brackets if value <= tier.cap), brackets[-1])


def _needs_margin(order: Order) -> bool:
    """Reduce-only and waiting conditional orders reserve nothing, nor do the
    closing orders of hedge mode."""
    waits = order.order_type.is_conditional and order.triggered_order_id is None
    closes = order.position_side is not PositionSide.NET and (
        (order.side.sign > 0) != (order.position_side is PositionSide.LONG)
    )
    frees = order.reduce_only or order.close_position
    return not (waits or closes or frees) and order.price is not None


def _order_margin(view: AccountView, order: Order, held: Sequence[Position]) -> Decimal:
    """Every order that may open is charged in full: how the venue nets opposite
    ones is not published, and this is never too little."""
    assert order.price is not None, "only orders with a price are charged"
    leverage = _leverage(view, order.symbol, held)
    rate = ONE / leverage + TAKER_RATE + _closing_rate(order.side.sign, leverage)
    return order.leaves_qty * order.price * rate


def _totals(
    view: AccountView, currency: str, legs: list[_Leg], reserved: Decimal
) -> MarginNumbers:
    balance = view.balances.get(currency)
    wallet = balance.wallet if balance else ZERO
    unrealized = sum((leg.unrealized for leg in legs), ZERO)
    maintenance = sum((leg.maintenance for leg in legs), ZERO)
    initial = sum((leg.initial for leg in legs), ZERO) + reserved
    equity = wallet + unrealized
    ratio = None
    if maintenance:
        ratio = maintenance / equity if equity > 0 else ONE
    positions = {}
    for leg in legs:
        symbol = leg.position.symbol
        same = [other for other in legs if other.position.symbol == symbol]
        rest = [other for other in legs if other.position.symbol != symbol]
        buffer = wallet + sum((o.unrealized - o.maintenance for o in rest), ZERO)
        positions[symbol, leg.position.position_side.value] = PositionNumbers(
            mark_price=leg.mark,
            unrealized_pnl=leg.unrealized,
            initial_margin=leg.initial,
            maintenance_margin=leg.maintenance,
            liquidation_price=liquidation_price(same, buffer),
        )
    return MarginNumbers(
        currency=currency,
        wallet=wallet,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=max(ZERO, equity - initial),
        margin_ratio=ratio,
        positions=positions,
    )


def liquidation_price(legs: Sequence[_Leg], buffer: Decimal) -> Decimal | None:
    """Mark at which *buffer* and the legs' PnL fall to their maintenance; None if
    there is no such price."""
    top, bottom = -buffer, ZERO
    for leg in legs:
        qty = leg.position.qty
        top += qty * leg.position.entry_price - leg.bracket.cum
        bottom += qty - abs(qty) * (leg.bracket.maintenance_rate + leg.fee_rate)
    price = top / bottom if bottom else ZERO
    return price if price > 0 else None
