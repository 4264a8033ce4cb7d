"""Orders in FIX words: which states exist, which are final, what may still fill."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.core.orders import Orders
from connector.dialect.facts import OrderFact
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
)

S = OrderStatus
BTC = Symbol("BTCUSDT")
FINAL = {S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED}
TOLD = [S.NEW, S.PARTIALLY_FILLED, *sorted(FINAL)]


def order(status: OrderStatus, **given: Any) -> Order:
    """An order of 3, of which 1 is filled."""
    return Order(
        client_order_id=ClientOrderId("c1"),
        venue_order_id=None,
        symbol=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=status,
        qty=given.get("qty", D(3)),
        price=D(100),
        filled_qty=D(1),
    )


@pytest.mark.parametrize("status", list(S))
def test_final_or_open(status: OrderStatus) -> None:
    """Four states are final; only an open order has something left to fill."""
    assert status.is_terminal is (status in FINAL)
    assert order(status).is_open is (status not in FINAL)
    assert order(status).leaves_qty == (0 if status in FINAL else 2)
    assert order(status, qty=None).leaves_qty == 0


def test_overfilled_leaves_nothing() -> None:
    """Never a negative rest."""
    assert order(S.PARTIALLY_FILLED, qty=D("0.5")).leaves_qty == 0


def _fact(status: OrderStatus, ns: int) -> OrderFact:
    filled = {S.NEW: "0", S.PARTIALLY_FILLED: "1", S.FILLED: "3"}.get(status, "1")
    return OrderFact(
        symbol=BTC,
        venue_order_id=VenueOrderId("v1"),
        client_order_id=ClientOrderId("c1"),
        status=status,
        venue_ns=ns,
        qty=D(3),
        price=D(100),
        filled_qty=D(filled),
    )


@pytest.mark.parametrize("last", TOLD)
@pytest.mark.parametrize("first", TOLD)
def test_the_table_of_life(first: OrderStatus, last: OrderStatus) -> None:
    """FIX: any state may follow an open one; no way leads back from a final one, and
    none from something filled to nothing filled."""
    orders = Orders()
    intent = OrderIntent(
        symbol=BTC, side=Side.BUY, order_type=OrderType.LIMIT, qty=D(3), price=D(100)
    )
    orders.add_own(intent, ClientOrderId("c1"), 1)
    orders.merge_order(_fact(first, 10))
    orders.merge_order(_fact(last, 20))
    (tracked,) = orders.all()
    if first in FINAL and last not in FINAL:
        assert tracked.status is first
    elif last is S.NEW and first is S.PARTIALLY_FILLED:
        assert tracked.status is S.PARTIALLY_FILLED
    elif first not in FINAL:
        assert tracked.status is last
    assert tracked.is_terminal is (first in FINAL or last in FINAL)
    assert tracked.filled_qty == max(
        _fact(first, 0).filled_qty or 0, _fact(last, 0).filled_qty or 0
    )
    assert bool(orders.open()) is not tracked.is_terminal


@pytest.mark.parametrize("kind", list(OrderType))
def test_kinds(kind: OrderType) -> None:
    """Conditional ones wait for a trigger; those named LIMIT carry a price."""
    assert kind.is_conditional is (kind.value not in ("LIMIT", "MARKET"))
    assert kind.has_price is kind.value.endswith("LIMIT")


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("position_side", list(PositionSide))
@pytest.mark.parametrize("flag", ["reduce_only", "close_position", ""])
def test_what_only_reduces(side: Side, position_side: PositionSide, flag: str) -> None:
    """By flag, or by closing a leg of a hedged account."""
    intent = OrderIntent(
        symbol=BTC,
        side=side,
        order_type=OrderType.MARKET,
        qty=D(1),
        position_side=position_side,
        reduce_only=flag == "reduce_only",
        close_position=flag == "close_position",
    )
    closes = (side.sign, position_side.value) in ((-1, "LONG"), (1, "SHORT"))
    assert intent.reduces is (bool(flag) or closes)
