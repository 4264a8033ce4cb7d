"""Tests of requests: what we ask, in the venue's words."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from bybit_nouns import BTC, rules

from connector.dialect import Dialect
from connector.errors import InvalidOrder
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, VenueOrderId
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import (
    Exit,
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    Terms,
    TimeInForce,
    TriggerPriceType,
)

NAME = ClientOrderId("c1-7f3a9b")
RULES = rules()


def intent(**terms: Any) -> OrderIntent:
    """A limit order to buy, but for *terms*."""
    base = {
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "qty": D("0.010"),
        "price": D("61250.0"),
    }
    return OrderIntent(**{**base, **terms})


def order(**terms: Any) -> Order:
    """An open order of ours, but for *terms*."""
    base = {
        "client_order_id": NAME,
        "venue_order_id": None,
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "status": OrderStatus.NEW,
        "qty": D("0.010"),
        "price": D("61250.0"),
    }
    return Order(**{**base, **terms})


PLAIN = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "61250",
    "timeInForce": "GTC",
    "positionIdx": 0,
    "orderLinkId": NAME,
    "reduceOnly": False,
}
MARKET = {"order_type": OrderType.MARKET, "price": None}


@pytest.mark.parametrize(
    ("terms", "changes", "absent"),
    [
        ({}, {}, ()),
        (MARKET, {"orderType": "Market"}, ("price", "timeInForce")),
        ({"post_only": True}, {"timeInForce": "PostOnly"}, ()),
        ({"time_in_force": TimeInForce.FOK}, {"timeInForce": "FOK"}, ()),
        ({"reduce_only": True}, {"reduceOnly": True}, ()),
        ({"position_side": PositionSide.LONG}, {"positionIdx": 1}, ()),
        (
            {"side": Side.BUY, "position_side": PositionSide.SHORT},
            {"positionIdx": 2},
            (),
        ),
        (
            {"self_trade_prevention": SelfTradePrevention.EXPIRE_BOTH},
            {"smpType": "CancelBoth"},
            (),
        ),
        (
            {
                "side": Side.SELL,
                "order_type": OrderType.STOP_LIMIT,
                "trigger_price": D(60000),
                "trigger_price_type": TriggerPriceType.MARK,
            },
            {
                "side": "Sell",
                "triggerPrice": "60000",
                "triggerDirection": 2,
                "triggerBy": "MarkPrice",
            },
            (),
        ),
        (
            {
                "side": Side.SELL,
                "order_type": OrderType.TAKE_PROFIT_MARKET,
                "qty": None,
                "price": None,
                "close_position": True,
                "trigger_price": D(70000),
            },
            {
                "side": "Sell",
                "orderType": "Market",
                "qty": "0",
                "reduceOnly": True,
                "closeOnTrigger": True,
                "triggerPrice": "70000",
                "triggerDirection": 1,
                "triggerBy": "LastPrice",
            },
            ("price", "timeInForce"),
        ),
    ],
)
def test_orders_in_wire_words(
    dialect: Dialect,
    terms: dict[str, Any],
    changes: dict[str, Any],
    absent: tuple[str, ...],
) -> None:
    """The whole body of an order, field by field."""
    request = dialect.place(intent(**terms), NAME, RULES)
    wanted = {k: v for k, v in {**PLAIN, **changes}.items() if k not in absent}
    assert request.body == wanted
    assert (request.method, request.path) == ("POST", "/v5/order/create")
    assert request.frame_method == "order.create"
    assert request.window_ms == 3000


def test_a_client_id_the_venue_cannot_know_is_refused(dialect: Dialect) -> None:
    """1 to 36 of its alphabet."""
    for name in ("", "x" * 37, "a b"):
        with pytest.raises(InvalidOrder):
            dialect.place(intent(), ClientOrderId(name), RULES)


def test_changes_name_the_venues_id_if_it_is_known(dialect: Dialect) -> None:
    """Else ours; the new quantity is the total, what is filled included."""
    known = order(venue_order_id=VenueOrderId("77"))
    assert dialect.cancel(order()).body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderLinkId": NAME,
    }
    assert dialect.amend(known, RULES, Terms(qty=D("0.02"), price=D(61000))).body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderId": "77",
        "qty": "0.02",
        "price": "61000",
    }


def test_a_waiting_order_is_amended_with_its_trigger(dialect: Dialect) -> None:
    """The same call; a term that the order does not have is not sent."""
    stop = order(
        order_type=OrderType.STOP_MARKET, price=None, qty=None, trigger_price=D(61000)
    )
    terms = replace(stop.terms, trigger_price=D(60000))
    assert dialect.amend(stop, RULES, terms).body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderLinkId": NAME,
        "triggerPrice": "60000",
    }


def test_exits_close_what_the_order_opens(dialect: Dialect) -> None:
    """Never in the mode that would replace those of the whole position."""
    terms = {
        "take_profit": Exit(
            trigger_price=D(63000), trigger_price_type=TriggerPriceType.MARK
        ),
        "stop_loss": Exit(trigger_price=D(60000), price=D(59900)),
    }
    body = dialect.place(intent(**terms), NAME, RULES).body
    assert body == {
        **PLAIN,
        "tpslMode": "Partial",
        "takeProfit": "63000",
        "tpTriggerBy": "MarkPrice",
        "tpOrderType": "Market",
        "stopLoss": "60000",
        "slTriggerBy": "LastPrice",
        "slOrderType": "Limit",
        "slLimitPrice": "59900",
    }


def test_cancel_all_by_symbol_and_by_settle_coin(dialect: Dialect) -> None:
    """There is no form for everything: one call per coin that contracts settle in."""
    (one,) = dialect.cancel_all(BTC)
    assert one.body == {"category": "linear", "symbol": "BTCUSDT"}
    bodies = [request.body for request in dialect.cancel_account()]
    assert bodies == [
        {"category": "linear", "settleCoin": "USDT"},
        {"category": "linear", "settleCoin": "USDC"},
    ]
    for request in (one, *dialect.cancel_account()):
        assert request.path == "/v5/order/cancel-all"
        assert dict(request.cost)["cancel-all-1s"] == 1
        assert request.priority is Priority.CANCEL


def test_batches_cost_one_of_their_own_bucket_each(dialect: Dialect) -> None:
    """Separate from single orders, and at most 20."""
    many = [(intent(), ClientOrderId(f"c{n}"), RULES) for n in range(3)]
    request = dialect.place_batch(many)
    assert request.frame_method == "order.create-batch"
    assert dict(request.cost)["place-batch-1s"] == 3
    cancels = dialect.cancel_batch([order()] * 2)
    assert (cancels.priority, cancels.path) == (
        Priority.CANCEL,
        "/v5/order/cancel-batch",
    )
    with pytest.raises(InvalidOrder):
        dialect.place_batch(many * 7)


def test_settings(dialect: Dialect) -> None:
    """Leverage of both sides, the mode of all USDT contracts, margin of all."""
    assert dialect.set_leverage(BTC, 7).body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "buyLeverage": "7",
        "sellLeverage": "7",
    }
    assert dialect.set_hedge_mode(is_hedge=True).body == {
        "category": "linear",
        "coin": "USDT",
        "mode": 3,
    }
    request = dialect.set_margin_mode(None, MarginMode.ISOLATED)
    assert request.body == {"setMarginMode": "ISOLATED_MARGIN"}
    assert request.frame_method == ""


def test_cancel_all_takes_conditional_orders_too(dialect: Dialect) -> None:
    """No filter: all orders of the instrument, by REST only."""
    (request,) = dialect.cancel_all(BTC)
    assert request.body == {"category": "linear", "symbol": "BTCUSDT"}
    assert (request.frame_method, request.priority) == ("", Priority.CANCEL)


def test_what_reduces_goes_first(dialect: Dialect) -> None:
    """Reduce-only orders have the priority of cancels."""
    assert dialect.place(intent(), NAME, RULES).priority is Priority.PLACE
    reducing = dialect.place(intent(reduce_only=True), NAME, RULES)
    assert reducing.priority is Priority.CANCEL
