"""The Binance face answers every input with a reply; nothing makes it raise."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.paper.engine import Engine
from connector.paper.faces import Call, Frame
from connector.paper.faces.binance_usdm import (
    ApiKey,
    BinanceUsdm,
    FaceConfig,
    LimitConfig,
)
from connector.paper.faces.binance_usdm.endpoints import REST, WS_API

NOW = 1_795_341_600_000
BIG = 1 << 40
OPEN = FaceConfig(limits=LimitConfig(weight_1m=BIG, orders_10s=BIG, orders_1m=BIG))

WORDS = st.sampled_from(
    [
        "",
        "BTCUSDT",
        "ethusdt",
        "BUY",
        "SELL",
        "LIMIT",
        "MARKET",
        "STOP_MARKET",
        "TRAILING_STOP_MARKET",
        "CONDITIONAL",
        "GTC",
        "IOC",
        "GTX",
        "GTD",
        "true",
        "False",
        "LONG",
        "BOTH",
        "0",
        "1",
        "-1",
        "0.010",
        "59000",
        "61000.10",
        "1e5",
        "NaN",
        "Infinity",
        "9" * 20,
        "9" * 30,
        "0." + "0" * 19 + "1",
        "[]",
        "[1]",
        '["a"]',
        '[{"symbol":"BTCUSDT"}]',
        "QUEUE_5",
        "RESULT",
        "1m",
        "٣",
        "\u0000",
        "a b&c=d",
    ]
)
NAMES = [
    "symbol",
    "side",
    "type",
    "quantity",
    "price",
    "timeInForce",
    "positionSide",
    "reduceOnly",
    "newClientOrderId",
    "newOrderRespType",
    "priceMatch",
    "selfTradePreventionMode",
    "goodTillDate",
    "orderId",
    "origClientOrderId",
    "modifyId",
    "batchOrders",
    "orderIdList",
    "origClientOrderIdList",
    "countdownTime",
    "startTime",
    "endTime",
    "fromId",
    "limit",
    "algoType",
    "triggerPrice",
    "callbackRate",
    "activatePrice",
    "closePosition",
    "algoId",
    "clientAlgoId",
    "leverage",
    "marginType",
    "dualSidePosition",
    "multiAssetsMargin",
    "amount",
    "incomeType",
    "autoCloseType",
    "interval",
    "recvWindow",
    "workingType",
]
VALID = st.sampled_from(
    [
        {},
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.010",
            "price": "59000",
        },
        {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.010"},
        {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "TRAILING_STOP_MARKET",
            "quantity": "0.010",
            "callbackRate": "1",
        },
        {"symbol": "BTCUSDT", "orderId": "715550000001", "side": "BUY"},
    ]
)
CHANGES = st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=3)
PARAMS = st.builds(lambda base, change: {**base, **change}, VALID, CHANGES)


def make_face() -> BinanceUsdm:
    engine = Engine(seed=1, now_ms=NOW)
    engine.open_account("main", {"USDT": Decimal(5000)}, now_ms=NOW)
    return BinanceUsdm(engine, (ApiKey(key="k", verifier="s"),), config=OPEN)


FACE = make_face()
FUZZ = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


@FUZZ
@given(route=st.sampled_from(sorted(REST)), params=PARAMS)
def test_every_rest_call_is_answered(
    route: tuple[str, str], params: dict[str, str]
) -> None:
    """Signed calls with any parameters get JSON and a sensible status."""
    query = urlencode({"timestamp": NOW, **params})
    mac = hmac.new(b"s", query.encode(), hashlib.sha256).hexdigest()
    call = Call(
        method=route[0],
        target=f"{route[1]}?{query}&signature={mac}",
        headers={"x-mbx-apikey": "k"},
    )
    reply = FACE.http(call, NOW)
    assert reply.status in (200, 400, 401, 429, 503)
    body = json.loads(reply.body)
    if reply.status != 200:
        assert set(body) == {"code", "msg"}
    FACE.on_time(NOW)
    FACE.outbox.clear()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda item: st.lists(item, max_size=3) | st.dictionaries(WORDS, item, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(
    method=st.sampled_from([*sorted(WS_API), "session.logon", "session.status", "x"]),
    params=st.dictionaries(
        st.sampled_from([*NAMES, "apiKey", "timestamp", "signature"]), JSON, max_size=8
    )
    | JSON,
    request_id=JSON,
)
def test_every_order_entry_request_is_answered(
    method: str, params: Any, request_id: Any
) -> None:
    """Any JSON is answered with a status, and never takes the connection down."""
    FACE.open_socket(1, Call(method="GET", target="/ws-fapi/v1"), NOW)
    request = {"id": request_id, "method": method, "params": params}
    FACE.text_received(1, json.dumps(request), NOW)
    (frame,) = FACE.outbox
    FACE.outbox.clear()
    assert isinstance(frame, Frame)
    assert "status" in json.loads(frame.text)
    FACE.close_socket(1, NOW)


@FUZZ
@given(target=st.text(max_size=60), text=st.text(max_size=60) | JSON.map(json.dumps))
def test_every_stream_address_and_frame_is_survived(target: str, text: str) -> None:
    """Any path and any frame end in a reply, a refusal or silence."""
    call = Call(method="GET", target="/private/ws/" + target)
    FACE.open_socket(2, call, NOW)
    FACE.text_received(2, text, NOW)
    FACE.on_time(NOW)
    for told in FACE.outbox:
        if isinstance(told, Frame):
            assert isinstance(json.loads(told.text), dict | list)
    FACE.outbox.clear()
    FACE.close_socket(2, NOW)


@FUZZ
@given(query=st.text(max_size=60), body=st.binary(max_size=60))
def test_raw_queries_and_bodies_are_survived(query: str, body: bytes) -> None:
    """Undecodable bytes are refused, not raised."""
    call = Call(
        method="POST",
        target=f"/fapi/v1/order?{query}",
        headers={"x-mbx-apikey": "k"},
        body=body,
    )
    assert FACE.http(call, NOW).status in (400, 401)
