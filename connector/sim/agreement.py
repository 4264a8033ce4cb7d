"""Whether a session and the ledger say the same, field by field, in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from connector.model.order import Order, OrderStatus
from connector.paper.engine import Engine
from connector.paper.playbook import Playbook
from connector.paper.types import Conditional
from connector.paper.types import Order as VenueOrder
from connector.session import Session

_UNSETTLED = (
    OrderStatus.PENDING_NEW,
    OrderStatus.IN_DOUBT,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_REPLACE,
)
_CENTS = Decimal("0.00000001")


def disagreements(
    session: Session, engine: Engine, book: Playbook, account_id: str
) -> list[str]:
    """What *session* has wrong about *account_id*; empty when nothing."""
    return [
        *_orders(session, engine, book, account_id),
        *_positions(session, engine, book, account_id),
        *_wallets(session, engine, account_id),
    ]


def _orders(
    session: Session, engine: Engine, book: Playbook, account_id: str
) -> Iterator[str]:
    resting: dict[tuple[str, str], VenueOrder | Conditional] = {
        ("order", book.order_id(order.symbol, order.order_id)): order
        for order in engine.open_orders(account_id)
    }
    for item in engine.open_conditionals(account_id):
        name = book.conditional_id(item.symbol, item.conditional_id)
        resting["conditional", name] = item
    for order in session.orders:
        if order.status in _UNSETTLED:
            yield f"order {order.client_order_id} is still {order.status.value}"
            continue
        venue = resting.pop(_identity(order), None)
        if venue is None:
            yield f"order {order.client_order_id} is {order.status.value} here only"
        else:
            yield from _terms(order, venue, book.markets[venue.symbol].unit)
    for kind, number in resting:
        yield f"{kind} {number} rests at the venue only"


def _identity(order: Order) -> tuple[str, str]:
    if order.triggered_order_id is not None:
        return "order", str(order.triggered_order_id)
    kind = "conditional" if order.order_type.is_conditional else "order"
    return kind, str(order.venue_order_id)


def _terms(
    order: Order, venue: VenueOrder | Conditional, unit: Decimal
) -> Iterator[str]:
    pairs = [("qty", order.qty or Decimal(0), venue.qty * unit)]
    if order.order_type.has_price:
        pairs.append(("price", order.price or Decimal(0), venue.price))
    if isinstance(venue, VenueOrder):
        pairs.append(("filled", order.filled_qty, venue.filled_qty * unit))
    for name, here, there in pairs:
        if here != there:
            yield f"order {order.client_order_id}: {name} {here}, truly {there}"


def _positions(
    session: Session, engine: Engine, book: Playbook, account_id: str
) -> Iterator[str]:
    here = {
        (str(p.symbol), p.position_side.value.replace("NET", "BOTH")): p.qty
        for p in session.positions
    }
    there = {
        (p.symbol, p.position_side.value): p.qty * book.markets[p.symbol].unit
        for p in engine.positions(account_id)
        if p.qty
    }
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            yield f"position {key}: {here.get(key)}, truly {there.get(key)}"


def _wallets(session: Session, engine: Engine, account_id: str) -> Iterator[str]:
    balances = session.balances
    for row in engine.account(account_id).assets:
        known = balances.get(row.asset)
        here = known.wallet if known is not None else Decimal(0)
        if here.quantize(_CENTS) != row.wallet.quantize(_CENTS):
            yield f"wallet {row.asset}: {here}, truly {row.wallet}"
