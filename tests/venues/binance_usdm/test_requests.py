"""Tests of requests: commands in wire words, and what is refused before."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from connector.dialect.wire import Security
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.limits import Priority
from connector.model.order import (
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    Terms,
    TimeInForce,
    TriggerPriceType,
)
from connector.venues.binance_usdm import requests
from connector.venues.binance_usdm.dialect import BinanceUsdm

DIALECT = BinanceUsdm()
CX = ClientOrderId("cx1")
STOP = {
    "order_type": OrderType.STOP_MARKET,
    "side": Side.SELL,
    "price": None,
    "trigger_price": Decimal("58000.00"),
}


def sent(intent) -> dict[str, str]:
    return dict(DIALECT.place(intent, CX, None).params)


def test_a_limit_order(intent) -> None:
    """All that the venue wants, in plain decimals, self-trade rule explicit."""
    request = DIALECT.place(intent(), CX, None)
    assert (request.method, request.path) == ("POST", "/fapi/v1/order")
    assert request.params == (
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("positionSide", "BOTH"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.01"),
        ("price", "60000"),
        ("selfTradePreventionMode", "EXPIRE_MAKER"),
        ("newClientOrderId", "cx1"),
        ("newOrderRespType", "ACK"),
    )
    assert request.cost == (("orders-10s", 1), ("orders-1m", 1))
    assert request.window_ms == 3000
    assert request.frame_method == "order.place"
    assert request.client_order_id == CX


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"post_only": True}, {"timeInForce": "GTX"}),
        ({"time_in_force": TimeInForce.IOC}, {"newOrderRespType": "RESULT"}),
        ({"time_in_force": TimeInForce.FOK}, {"newOrderRespType": "RESULT"}),
        (
            {"time_in_force": TimeInForce.GTD, "good_till_ms": 1795341600999},
            {"timeInForce": "GTD", "goodTillDate": "1795341600000"},
        ),
        ({"reduce_only": True}, {"reduceOnly": "true"}),
        (
            {"self_trade_prevention": SelfTradePrevention.NONE},
            {"selfTradePreventionMode": "NONE"},
        ),
        ({"position_side": PositionSide.LONG}, {"positionSide": "LONG"}),
        ({"qty": Decimal("1E+2")}, {"quantity": "100"}),
    ],
)
def test_variants_of_a_limit_order(intent, given, expected) -> None:
    """Each wish in the venue's word."""
    assert expected.items() <= sent(intent(**given)).items()


def test_a_market_order_has_neither_price_nor_lifetime(intent) -> None:
    """And answers with its result."""
    params = sent(intent(order_type=OrderType.MARKET, price=None))
    assert params["type"] == "MARKET"
    assert params["newOrderRespType"] == "RESULT"
    assert not {"price", "timeInForce"} & set(params)


def test_reduce_only_is_never_sent_in_hedge_mode(intent) -> None:
    """The venue forbids it there; side and position side say the same."""
    params = sent(
        intent(side=Side.SELL, position_side=PositionSide.LONG, reduce_only=True)
    )
    assert "reduceOnly" not in params


@pytest.mark.parametrize(
    ("given", "priority"),
    [
        ({}, Priority.PLACE),
        ({"reduce_only": True}, Priority.CANCEL),
        (
            {"side": Side.SELL, "position_side": PositionSide.LONG},
            Priority.CANCEL,
        ),
    ],
)
def test_exits_go_first(intent, given, priority) -> None:
    """What reduces exposure shares the priority of cancels."""
    assert priority is DIALECT.place(intent(**given), CX, None).priority


@pytest.mark.parametrize(
    ("order_type", "word", "price"),
    [
        (OrderType.STOP_LIMIT, "STOP", Decimal(57900)),
        (OrderType.STOP_MARKET, "STOP_MARKET", None),
        (OrderType.TAKE_PROFIT_LIMIT, "TAKE_PROFIT", Decimal(57900)),
        (OrderType.TAKE_PROFIT_MARKET, "TAKE_PROFIT_MARKET", None),
    ],
)
def test_conditional_orders_go_to_the_algo_service(
    intent, order_type, word, price
) -> None:
    """With their own client id parameter and the price they watch."""
    request = DIALECT.place(
        intent(
            **{**STOP, "order_type": order_type, "price": price},
            trigger_price_type=TriggerPriceType.MARK,
            price_protect=True,
            reduce_only=True,
        ),
        CX,
        None,
    )
    params = dict(request.params)
    assert request.path == "/fapi/v1/algoOrder"
    assert params["algoType"] == "CONDITIONAL"
    assert (params["type"], params["triggerPrice"]) == (word, "58000")
    assert (params["workingType"], params["priceProtect"]) == ("MARK_PRICE", "true")
    assert params["clientAlgoId"] == "cx1"
    assert params["reduceOnly"] == "true"
    assert "newClientOrderId" not in params
    assert ("price" in params) is (price is not None)
    assert request.frame_method == "algoOrder.place"


def test_a_trailing_stop(intent) -> None:
    """Callback rate in percent, activation price only if given."""
    given = {
        **STOP,
        "order_type": OrderType.TRAILING_STOP,
        "trigger_price": None,
        "callback_rate": Decimal("1.0"),
    }
    params = sent(intent(**given))
    assert params["callbackRate"] == "1"
    assert "activatePrice" not in params
    for edge in ("0.1", "20"):
        wide = {**given, "callback_rate": Decimal(edge)}
        assert sent(intent(**wide))["callbackRate"] == edge
    params = sent(intent(**given, activation_price=Decimal("60400.0")))
    assert params["activatePrice"] == "60400"


def test_closing_a_position(intent) -> None:
    """`closePosition` excludes quantity and reduce-only."""
    params = sent(intent(**STOP, qty=None, close_position=True, reduce_only=True))
    assert params["closePosition"] == "true"
    assert not {"quantity", "reduceOnly"} & set(params)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"price": None}, "price"),
        ({"qty": None}, "qty"),
        ({"order_type": OrderType.MARKET}, "price"),
        (
            {"order_type": OrderType.MARKET, "price": None, "post_only": True},
            "post_only",
        ),
        ({"post_only": True, "time_in_force": TimeInForce.IOC}, "post_only"),
        ({"time_in_force": TimeInForce.GTD}, "good_till_ms"),
        ({"trigger_price": Decimal(1)}, "trigger_price"),
        ({"callback_rate": Decimal(1)}, "callback_rate"),
        ({"price_protect": True}, "price_protect"),
        ({"close_position": True, "qty": None}, "close_position"),
        ({**STOP, "close_position": True}, "qty"),
        ({**STOP, "trigger_price": None}, "trigger_price"),
        (
            {**STOP, "order_type": OrderType.TRAILING_STOP, "trigger_price": None},
            "callback_rate",
        ),
        (
            {
                **STOP,
                "order_type": OrderType.TRAILING_STOP,
                "trigger_price": None,
                "callback_rate": Decimal("20.1"),
            },
            "callback_rate",
        ),
        (
            {"position_side": PositionSide.LONG, "reduce_only": True},
            "reduce_only",
        ),
        (
            {
                "side": Side.SELL,
                "position_side": PositionSide.SHORT,
                "reduce_only": True,
            },
            "reduce_only",
        ),
    ],
)
def test_what_the_venue_would_refuse_is_refused_here(intent, given, rule) -> None:
    """Before anything is journaled or sent, with the rule's name."""
    with pytest.raises(InvalidOrder) as caught:
        DIALECT.place(intent(**given), CX, None)
    assert rule == caught.value.rule


@pytest.mark.parametrize("bad", ["", "a b", "é", "x" * 37, "a,b", "a\n"])
def test_a_client_id_the_venue_cannot_take_is_refused(intent, bad: str) -> None:
    """1 to 36 characters of a fixed alphabet."""
    with pytest.raises(InvalidOrder):
        DIALECT.place(intent(), ClientOrderId(bad), None)


def test_index_price_triggers_do_not_exist_here(intent) -> None:
    """Unsupported, and it says what exists."""
    with pytest.raises(Unsupported, match="mark or last"):
        DIALECT.place(
            intent(**STOP, trigger_price_type=TriggerPriceType.INDEX), CX, None
        )


def test_a_batch_of_orders(intent) -> None:
    """One JSON array in one parameter; at most five; no conditional ones."""
    pair = (intent(), CX, None)
    request = DIALECT.place_batch(
        [pair, (intent(side=Side.SELL), ClientOrderId("b"), None)]
    )
    ((name, text),) = request.params
    rows = json.loads(text)
    assert name == "batchOrders"
    assert [row["newClientOrderId"] for row in rows] == ["cx1", "b"]
    assert request.cost == (("weight-1m", 5), ("orders-10s", 5), ("orders-1m", 1))
    for count in (0, 6):
        with pytest.raises(InvalidOrder):
            DIALECT.place_batch([pair] * count)
    with pytest.raises(Unsupported):
        DIALECT.place_batch([(intent(**STOP), CX, None)])


def test_amending(order) -> None:
    """Total quantity and price; by venue id, else by client id; LIMIT only."""
    request = DIALECT.amend(
        order(), None, Terms(qty=Decimal("0.006"), price=Decimal("59100.0"))
    )
    assert (request.method, request.path) == ("PUT", "/fapi/v1/order")
    assert request.params == (
        ("symbol", "BTCUSDT"),
        ("orderId", "715550001234"),
        ("side", "BUY"),
        ("quantity", "0.006"),
        ("price", "59100"),
    )
    by_client = DIALECT.amend(
        order(venue_order_id=None), None, Terms(qty=Decimal(1), price=Decimal(1))
    )
    assert ("origClientOrderId", "cx1") in by_client.params
    with pytest.raises(Unsupported):
        DIALECT.amend(
            order(order_type=OrderType.STOP_LIMIT),
            None,
            Terms(qty=Decimal(1), price=Decimal(1)),
        )


@pytest.mark.parametrize(
    ("given", "path", "identity"),
    [
        ({}, "/fapi/v1/order", ("orderId", "715550001234")),
        ({"venue_order_id": None}, "/fapi/v1/order", ("origClientOrderId", "cx1")),
        (
            {"order_type": OrderType.STOP_MARKET},
            "/fapi/v1/algoOrder",
            ("algoId", "715550001234"),
        ),
        (
            {"order_type": OrderType.STOP_MARKET, "venue_order_id": None},
            "/fapi/v1/algoOrder",
            ("clientAlgoId", "cx1"),
        ),
        (
            {
                "order_type": OrderType.STOP_MARKET,
                "triggered_order_id": VenueOrderId("99"),
            },
            "/fapi/v1/order",
            ("orderId", "99"),
        ),
    ],
)
def test_cancelling_goes_where_the_order_is(order, given, path, identity) -> None:
    """The algo service before the trigger, the order service after it."""
    request = DIALECT.cancel(order(**given))
    assert (request.method, request.path) == ("DELETE", path)
    assert identity in request.params
    assert ("symbol" in dict(request.params)) is (path == "/fapi/v1/order")
    assert request.priority is Priority.CANCEL
    assert request.cost == (("weight-1m", 1),)


def test_a_batch_of_cancels(order) -> None:
    """All by venue id, or all by client id; one symbol; regular orders only."""
    named = order(client_order_id=ClientOrderId("b"), venue_order_id=None)
    by_id = DIALECT.cancel_batch([order(), order()])
    assert by_id.params[1] == ("orderIdList", "[715550001234,715550001234]")
    by_client = DIALECT.cancel_batch([order(), named])
    assert by_client.params[1] == ("origClientOrderIdList", '["cx1","b"]')
    with pytest.raises(Unsupported):
        DIALECT.cancel_batch([order(order_type=OrderType.STOP_LIMIT)])
    with pytest.raises(InvalidOrder):
        DIALECT.cancel_batch([order(), order(symbol=Symbol("ETHUSDT"))])
    with pytest.raises(InvalidOrder):
        DIALECT.cancel_batch([order()] * 11)


def test_cancelling_everything_covers_both_stores() -> None:
    """Conditional orders are not cancelled by the regular call."""
    paths = [request.path for request in DIALECT.cancel_all(Symbol("BTCUSDT"))]
    assert paths == ["/fapi/v1/allOpenOrders", "/fapi/v1/algoOpenOrders"]


def test_settings_and_timer() -> None:
    """Booleans as texts, modes in the venue's word."""
    btc = Symbol("BTCUSDT")
    assert ("marginType", "CROSSED") in DIALECT.set_margin_mode(
        btc, MarginMode.CROSS
    ).params
    hedge = DIALECT.set_hedge_mode(is_hedge=True)
    assert hedge.params == (("dualSidePosition", "true"),)
    assert ("leverage", "20") in DIALECT.set_leverage(btc, 20).params
    timer = DIALECT.dead_man(btc, 120_000)
    assert (timer.params[1], timer.cost) == (
        ("countdownTime", "120000"),
        (("weight-1m", 10),),
    )


def test_the_listen_key_is_never_deleted(dialect) -> None:
    """It is one per account: deleting it silences every other client."""
    start = requests.listen_key("listen_key_start")
    keep = requests.listen_key("listen_key_keepalive")
    assert [start.method, keep.method] == ["POST", "PUT"]
    assert {start.security, keep.security} == {Security.KEY}


def test_costs_are_the_published_ones(golden, dialect, intent, order) -> None:
    """Weight and order counts of every command, against the golden table."""
    table = {(row["method"], row["path"]): row for row in golden("endpoints.json")}
    btc = Symbol("BTCUSDT")
    built = [
        DIALECT.place(intent(), CX, None),
        DIALECT.place(intent(**STOP), CX, None),
        DIALECT.place_batch([(intent(), CX, None)]),
        DIALECT.amend(order(), None, Terms(qty=Decimal(1), price=Decimal(1))),
        DIALECT.cancel(order()),
        DIALECT.cancel(order(order_type=OrderType.STOP_LIMIT)),
        DIALECT.cancel_batch([order()]),
        *DIALECT.cancel_all(btc),
        DIALECT.set_leverage(btc, 2),
        DIALECT.set_margin_mode(btc, MarginMode.CROSS),
        DIALECT.set_hedge_mode(is_hedge=False),
        DIALECT.dead_man(btc, 0),
        requests.listen_key("listen_key_start"),
        requests.listen_key("listen_key_keepalive"),
    ]
    for request in built:
        row = table[request.method, request.path]
        told = {
            "weight-1m": row["weight"],
            "orders-10s": row["orders_10s"],
            "orders-1m": row["orders_1m"],
        }
        assert dict(request.cost) == {k: v for k, v in told.items() if v}, request.op
