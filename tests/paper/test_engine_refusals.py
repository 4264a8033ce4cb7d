"""What is refused and why, limits, client ids."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.types import EngineRules, NewOrder, Order, Refusal
from connector.paper.words import (
    ClientIdRule,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    Side,
)

D = Decimal


@pytest.mark.parametrize(
    ("reason", "args", "more"),
    [
        ("UNKNOWN_SYMBOL", ("BUY", "1", "60000.0"), {"symbol": "NOPE"}),
        ("PRICE_TICK", ("BUY", "1", "60000.05"), {}),
        ("PRICE_MIN", ("BUY", "1", "0.0"), {}),
        ("PRICE_MAX", ("SELL", "1", "5000000.0"), {}),
        ("PRICE_BAND_HIGH", ("BUY", "0.01", "63000.1"), {}),
        ("PRICE_BAND_LOW", ("SELL", "0.01", "56999.9"), {}),
        ("QTY_MIN", ("BUY", "0", "60000.0"), {}),
        ("QTY_STEP", ("BUY", "0.0015", "60000.0"), {}),
        ("QTY_MAX", ("BUY", "1000.001", "60000.0"), {}),
        ("QTY_MAX", ("BUY", "120.001"), {}),
        ("NOTIONAL_MIN", ("SELL", "0.001", "49999.9"), {"mark": "49000"}),
        ("POSITION_SIDE", ("BUY", "1", "60000.0"), {"position_side": "LONG"}),
        ("MARGIN", ("BUY", "2", "60000.0"), {}),
        ("MARGIN", ("SELL", "2"), {}),
        ("MAX_POSITION", ("BUY", "1000", "60000.0"), {"leverage": 125}),
    ],
)
def test_refusals(
    desk: Any, reason: str, args: tuple[str, ...], more: dict[str, Any]
) -> None:
    """Every rule has its own reason, and a refusal changes and tells nothing."""
    if "mark" in more:
        desk.mark(more.pop("mark"))
    if "leverage" in more:
        leverage = more.pop("leverage")
        desk.engine.set_leverage("a", "BTCUSDT", leverage, now_ms=desk.now_ms)
    if "position_side" in more:
        more["position_side"] = PositionSide(more["position_side"])
    assert Reason(reason) is desk.refused("a", *args, **more)


def test_a_limit_order_needs_a_price(desk: Any) -> None:
    """`check` names what is missing and places nothing."""
    request = NewOrder(symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, qty=D(1))
    refusal = desk.engine.check("a", request, now_ms=desk.now_ms)
    assert Reason.BAD_PARAMETER is refusal.reason


@pytest.mark.parametrize("rule", list(ClientIdRule))
def test_client_ids(make_desk: Callable[..., Any], rule: ClientIdRule) -> None:
    """Unique among open orders, always, or never checked, as the venue has it."""
    desk = make_desk(rules=EngineRules(client_id_rule=rule))
    first = desk.order("a", "BUY", "0.010", "59000.0", client_order_id="x")
    second = desk.try_order("a", "BUY", "0.010", "59000.0", client_order_id="x")
    assert (rule is not ClientIdRule.NEVER) == isinstance(second, Refusal)
    desk.engine.cancel_all("a", now_ms=desk.now_ms)
    assert OrderStatus.CANCELED is desk.now(first).status
    third = desk.try_order("a", "BUY", "0.010", "59000.0", client_order_id="x")
    assert (rule is ClientIdRule.ALWAYS) == isinstance(third, Refusal)
    assert isinstance(
        desk.try_order("b", "BUY", "0.010", "59000.0", client_order_id="x"), Order
    )


def test_open_orders_are_limited(make_desk: Callable[..., Any]) -> None:
    """At the limit the next resting order is refused, a market order is not."""
    desk = make_desk(balance="1000000")
    for _ in range(200):
        desk.engine.place(
            "a",
            _limit("0.001", "59000.0"),
            now_ms=desk.now_ms,
        )
    assert len(desk.engine.open_orders("a")) == 200
    assert Reason.MAX_ORDERS is desk.refused("a", "BUY", "0.001", "59000.0")
    assert isinstance(desk.try_order("a", "BUY", "0.001"), Order)


def _limit(qty: str, price: str) -> Any:
    return NewOrder(
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D(qty),
        price=D(price),
    )


def test_cancel_all_is_per_symbol(desk: Any) -> None:
    """Other symbols stay."""
    desk.order("a", "BUY", "0.010", "59000.0")
    other = desk.order("a", "BUY", "0.1", "2900.00", symbol="ETHUSDT")
    gone = desk.engine.cancel_all("a", "BTCUSDT", now_ms=desk.now_ms)
    assert [order.status for order in gone] == [OrderStatus.CANCELED]
    assert [other.order_id] == [o.order_id for o in desk.engine.open_orders("a")]


def test_price_match_takes_the_asked_level(desk: Any) -> None:
    """OPPONENT is the other side's best, QUEUE_5 one's own fifth level."""
    depth = desk.engine.depth("BTCUSDT", 5)
    side = desk.order("a", "BUY", "0.010", "59000.0").side
    assert depth.asks[0][0] == desk.engine.match_price("BTCUSDT", side, "OPPONENT")
    assert depth.bids[4][0] == desk.engine.match_price("BTCUSDT", side, "QUEUE_5")
    bad = desk.engine.match_price("BTCUSDT", side, "NEAREST")
    assert Reason.BAD_PARAMETER is bad.reason
