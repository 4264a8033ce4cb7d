"""What the margin models of linear contracts have in common.

A venue says what a position or an order costs there; which orders cost anything,
which tier holds, and how the account adds up is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Position
from connector.model.ids import Symbol
from connector.model.instrument import Bracket
from connector.model.money import ONE, ZERO
from connector.model.order import Order, PositionSide, Side

DEFAULT_CURRENCY = "USDT"


def tier_for(tiers: Sequence[Bracket], size: Decimal) -> Bracket:
    """The tier whose cap holds *size*, in what the venue counts them by; the last
    one above all caps."""
    return next((tier for tier in tiers if size <= tier.cap), tiers[-1])


def waits(order: Order) -> bool:
    """It waits for its trigger, which reserves nothing yet."""
    return order.order_type.is_conditional and order.triggered_order_id is None


def may_open(order: Order) -> bool:
    """It rests with a price and may add exposure. Reduce-only orders, waiting
    conditional ones and the closing orders of hedge mode reserve nothing."""
    closes = (order.position_side, order.side) in (
        (PositionSide.LONG, Side.SELL),
        (PositionSide.SHORT, Side.BUY),
    )
    frees = order.reduce_only or order.close_position
    return not (waits(order) or closes or frees) and order.price is not None


def leverage_of(
    view: AccountView, symbol: Symbol, held: Iterable[Position]
) -> int | None:
    """The setting of the instrument, else what a position there says of it."""
    told = (p.leverage for p in held if p.symbol == symbol and p.leverage)
    return view.leverage.get(symbol) or next(told, None)


def currency_of(settles: Iterable[str]) -> str:
    """The main one of what is settled in."""
    found = set(settles)
    if not found or DEFAULT_CURRENCY in found:
        return DEFAULT_CURRENCY
    return min(found)


def wallet_of(view: AccountView, asset: str) -> Decimal:
    """The wallet of an asset, 0 if there is none."""
    balance = view.balances.get(asset)
    return balance.wallet if balance else ZERO


def ratio_of(maintenance: Decimal, equity: Decimal) -> Decimal | None:
    """Maintenance margin over equity; 1 is liquidation, None without exposure."""
    if not maintenance:
        return None
    return maintenance / equity if equity > 0 else ONE


def crossing(top: Decimal, bottom: Decimal) -> Decimal | None:
    """A price top / bottom; None where there is no such price above 0."""
    price = top / bottom if bottom else ZERO
    return price if price > 0 else None


def totals(
    currency: str,
    wallet: Decimal,
    of_positions: Iterable[PositionNumbers],
    reserved: Decimal,
    positions: Mapping[tuple[Symbol, str], PositionNumbers],
    available: Decimal | None = None,
) -> MarginNumbers:
    """The account in one currency: *of_positions* are those settled in it, *reserved*
    is what its orders hold; *available* where a venue computes it otherwise."""
    numbers = list(of_positions)
    unrealized = sum((n.unrealized_pnl for n in numbers), ZERO)
    maintenance = sum((n.maintenance_margin for n in numbers), ZERO)
    initial = sum((n.initial_margin for n in numbers), reserved)
    equity = wallet + unrealized
    return MarginNumbers(
        currency=currency,
        wallet=wallet,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=max(ZERO, equity - initial if available is None else available),
        margin_ratio=ratio_of(maintenance, equity),
        positions=positions,
    )
