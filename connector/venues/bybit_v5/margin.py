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

from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class _Leg:
    position: Position
    mark: Decimal
    leverage: Decimal
    bracket: Bracket

    @property
    def sign(self) -> int:
        return 1 if self.position.qty > 0 else -1

    @property
    def value(self) -> Decimal:
        return abs(self.position.qty) * self.mark

    @property
    def fee_rate(self) -> Decimal:
        return (1 - self.sign / self.leverage) * TAKER_RATE

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
    if view.is_multi_asset:
        return None
    orders: dict[Symbol, list[Order]] = defaultdict(list)
    for order in view.open_orders:
        orders[order.symbol].append(order)
    held = [position for position in view.positions if position.qty]
    legs = [_leg(view, position, orders[position.symbol]) for position in held]
    known = [leg for leg in legs if leg is not None]
    order_margins = [_order_margin(view, s, o, held) for s, o in orders.items()]
    symbols = {position.symbol for position in held} | {s for s, o in orders.items()}
    settles = {
        view.instruments[symbol].settle
        for symbol in symbols
        if symbol in view.instruments
    }
    currency = min(settles, default=DEFAULT_CURRENCY)
    others = any(b.wallet and asset != currency for asset, b in view.balances.items())
    if len(known) < len(legs) or None in order_margins or others or len(settles) > 1:
        return None
    reserved = sum((m for m in order_margins if m is not None), ZERO)
    return _totals(view, currency, known, reserved)


def _leg(view: AccountView, position: Position, orders: list[Order]) -> _Leg | None:
    symbol = position.symbol
    instrument, mark = view.instruments.get(symbol), view.marks.get(symbol)
    leverage = view.leverage.get(symbol) or position.leverage
    if instrument is None or mark is None or not leverage or not instrument.brackets:
        return None
    opening = sum(
        (
            order.leaves_qty
            for order in orders
            if _needs_margin(order)
            and order.side.sign * position.qty > 0
            and order.position_side is position.position_side
        ),
        ZERO,
    )
    tier = bracket_for(instrument.brackets, (abs(position.qty) + opening) * mark)
    return _Leg(position, mark, Decimal(leverage), tier)


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


def _order_margin(
    view: AccountView, symbol: Symbol, orders: list[Order], held: list[Position]
) -> Decimal | None:
    """Every order that may open is charged in full: how the venue nets opposite
    ones is not published, and this is never too little."""
    charged = [order for order in orders if _needs_margin(order)]
    if not charged:
        return ZERO
    told = next((p.leverage for p in held if p.symbol == symbol and p.leverage), None)
    leverage = view.leverage.get(symbol) or told
    if not leverage or symbol not in view.instruments:
        return None
    total = ZERO
    for order in charged:
        assert order.price is not None
        closing = (1 - order.side.sign / Decimal(leverage)) * TAKER_RATE
        rate = ONE / leverage + TAKER_RATE + closing
        total += order.leaves_qty * order.price * rate
    return total


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
    if not bottom:
        return None
    price = top / bottom
    return price if price > 0 else None
