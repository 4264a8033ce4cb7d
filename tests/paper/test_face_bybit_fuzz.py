"""The Bybit v5 face survives whatever a client sends."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from bybit_desk import KEY, LIMIT, PRIVATE, SECRET, T0, TRADE, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.paper.faces import Call, Frame
from connector.paper.faces.bybit_v5 import FaceConfig, LimitConfig
from connector.paper.faces.bybit_v5.endpoints import REST
from connector.paper.faces.bybit_v5.endpoints import TRADE as OPS

NAMES = [
    "category",
    "symbol",
    "side",
    "orderType",
    "qty",
    "price",
    "timeInForce",
    "positionIdx",
    "orderLinkId",
    "orderId",
    "reduceOnly",
    "closeOnTrigger",
    "triggerPrice",
    "triggerDirection",
    "triggerBy",
    "smpType",
    "settleCoin",
    "baseCoin",
    "limit",
    "cursor",
    "startTime",
    "endTime",
    "openOnly",
    "orderFilter",
    "request",
    "buyLeverage",
    "sellLeverage",
    "mode",
    "coin",
    "setMarginMode",
    "accountType",
    "execType",
    "orderStatus",
]
WORDS = st.sampled_from(
    [
        "linear",
        "spot",
        "BTCUSDT",
        "NOPE",
        "Buy",
        "Sell",
        "Limit",
        "Market",
        "0.010",
        "59000.00",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "GTC",
        "IOC",
        "PostOnly",
        "a",
        "true",
        "false",
        "LastPrice",
        "USDT",
        "UNIFIED",
        "None",
        "StopOrder",
        "New",
        "9999999999999999",
        "1e5",
        "NaN",
        "after%3Dx",
        "REGULAR_MARGIN",
        "ISOLATED_MARGIN",
    ]
)
VALUES = st.one_of(
    WORDS,
    st.text(max_size=6),
    st.integers(-2, 2_000_000_000_000),
    st.booleans(),
    st.none(),
    st.lists(st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=5), max_size=3),
)
PARAMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=10)
SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FREE = FaceConfig(limits=LimitConfig(factor=10**6, http_5s=10**9))


@pytest.fixture(scope="module")
def desk() -> Desk:
    """One venue for all, with an order, a position and two sockets."""
    desk = Desk(config=FREE)
    desk.place(orderLinkId="a")
    desk.place(orderType="Market")
    desk.private("order", "execution", "position", "wallet")
    desk.open(TRADE, "trade")
    desk.log_in(TRADE)
    return desk


def signed(method: str, target: str, body: bytes) -> Call:
    """A call whose signature is right, whatever it says."""
    text = body if method == "POST" else target.partition("?")[2].encode()
    mac = hmac.new(SECRET.encode(), f"{T0}{KEY}5000".encode() + text, hashlib.sha256)
    headers = {
        "x-bapi-api-key": KEY,
        "x-bapi-timestamp": str(T0),
        "x-bapi-recv-window": "5000",
        "x-bapi-sign": mac.hexdigest(),
    }
    return Call(method=method, target=target, headers=headers, body=body)


@SLOW
@given(route=st.sampled_from(sorted(REST)), params=PARAMS, usual=st.booleans())
def test_every_call_is_answered_in_the_envelope(
    desk: Desk, route: tuple[str, str], params: dict[str, Any], usual: bool
) -> None:
    """Right signature, any parameters: a code, never an exception; the books hold."""
    method, path = route
    if usual:
        params = {**LIMIT, "settleCoin": "USDT", **params}
    plain = {k: v for k, v in params.items() if not isinstance(v, list)}
    target = f"{path}?{urlencode(plain)}" if method == "GET" else path
    body = json.dumps(params).encode() if method == "POST" else b""
    reply = desk.face.http(signed(method, target, body), T0)
    told = json.loads(reply.body)
    assert set(told) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    desk.pushed()
    desk.engine.audit()


@SLOW
@given(body=st.binary(max_size=40), route=st.sampled_from(sorted(REST)))
def test_bodies_that_are_no_json(
    desk: Desk, body: bytes, route: tuple[str, str]
) -> None:
    """Refused, and nothing else."""
    reply = desk.face.http(signed(*route, body), T0)
    assert reply.status in (200, 403)


@SLOW
@given(
    socket_id=st.sampled_from([PRIVATE, TRADE]),
    op=st.sampled_from([*OPS, "auth", "ping", "subscribe", "unsubscribe", "x", None]),
    args=st.one_of(VALUES, st.lists(PARAMS, max_size=2), st.lists(WORDS, max_size=4)),
    header=st.one_of(st.none(), st.just({"X-BAPI-TIMESTAMP": str(T0)}), VALUES),
)
def test_frames_of_any_shape_are_answered(
    desk: Desk, socket_id: int, op: str | None, args: Any, header: Any
) -> None:
    """Wrong words, wrong types, twice the same: an answer on the same socket."""
    frame = {"op": op, "args": args, "header": header}
    desk.face.text_received(socket_id, json.dumps(frame), T0)
    out, desk.face.outbox[:] = list(desk.face.outbox), []
    texts = [item.text for item in out if isinstance(item, Frame)]
    assert texts
    assert all(isinstance(json.loads(text), dict) for text in texts)


@SLOW
@given(text=st.text(max_size=30), socket_id=st.sampled_from([PRIVATE, TRADE]))
def test_text_that_is_no_frame_is_answered(
    desk: Desk, text: str, socket_id: int
) -> None:
    """It is told off, not thrown."""
    desk.face.text_received(socket_id, text, T0)
    assert desk.face.outbox
    desk.face.outbox.clear()
