"""The Bybit v5 face: limits, the gate, idle sockets."""

from __future__ import annotations

import json

import pytest
from bybit_desk import LIMIT, PRIVATE, T0, TRADE, Desk

from connector.paper.faces import Call, Hangup
from connector.paper.faces.bybit_v5 import FaceConfig, LimitConfig


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


def test_operations_have_windows_of_their_own(desk: Desk) -> None:
    """Ten a second, told in headers; what is refused uses nothing, and a second
    later there is room."""
    for number in range(10):
        desk.place(price=f"{59000 + number}.00")
    reply = desk.call("POST", "order/create", **LIMIT)
    headers = dict(reply.headers)
    assert json.loads(reply.body)["retCode"] == 10006
    assert headers["X-Bapi-Limit-Status"] == "0"
    assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) > desk.now
    assert desk.get("order/realtime", symbol="BTCUSDT")["list"]
    assert len(desk.face.command("exceedances", {}, desk.now)["exceedances"]) == 1
    desk.now += 1000
    desk.place()


def test_a_batch_that_runs_out_fails_its_tail(desk: Desk) -> None:
    """The first k succeed."""
    rows = [{**LIMIT, "orderLinkId": f"b{n}"} for n in range(12)]
    body = desk.ask("POST", "order/create-batch", category="linear", request=rows)
    codes = [item["code"] for item in body["retExtInfo"]["list"]]
    assert codes == [0] * 10 + [10006] * 2


def test_an_address_above_the_gate_is_out_for_ten_minutes() -> None:
    """HTTP 403 without a code, for public calls too."""
    desk = Desk(config=FaceConfig(limits=LimitConfig(http_5s=3)))
    for _ in range(3):
        desk.get("market/time")
    for later in (0, 599_999):
        desk.now = T0 + later
        reply = desk.call("GET", "market/time")
        assert (reply.status, b"too frequent" in reply.body) == (403, True)
    desk.now = T0 + 600_000
    assert desk.call("GET", "market/time").status == 200


def test_a_get_with_a_body_is_refused_by_the_gateway(desk: Desk) -> None:
    """Even an empty object."""
    call = Call(method="GET", target="/v5/market/time", body=b"{}")
    assert desk.face.http(call, desk.now).status == 403


def test_idle_sockets_are_cut(desk: Desk) -> None:
    """Ten minutes without a word, or what the client asked for."""
    desk.open(PRIVATE, "private", "?max_active_time=1m")
    desk.open(TRADE, "trade")
    desk.now += 59_000
    desk.say(TRADE, op="ping")
    desk.now += 1000
    desk.face.on_time(desk.now)
    cut = [out.socket_id for out in desk.face.outbox if isinstance(out, Hangup)]
    assert cut == [PRIVATE]


def test_topics_of_both_forms_must_not_be_mixed(desk: Desk) -> None:
    """All-in-one or by category, not both in one request."""
    desk.private("order.linear")
    mixed = desk.say(
        PRIVATE, op="subscribe", args=["order", "wallet", "position.linear"]
    )
    assert mixed["success"] is False
    desk.place()
    assert {frame["topic"] for frame in desk.pushed()} == {"order.linear"}
