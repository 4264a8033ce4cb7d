"""Order entry over WebSocket: signatures, sessions, answers, shared limits."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.exceptions import InvalidStatus

from connector.paper.faces.binance_usdm import ApiKey, FaceConfig, LimitConfig

PATH = "/ws-fapi/v1"
S = "BTCUSDT"
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_KEY = ApiKey(key="edkey", verifier=ED.public_key())


def payload(params: dict[str, Any], *, encoded: bool = False) -> str:
    pairs = sorted((k, str(v)) for k, v in params.items())
    if encoded:
        return "&".join(f"{k}={quote(v, safe='')}" for k, v in pairs)
    return "&".join(f"{k}={v}" for k, v in pairs)


def hmac_signed(bench: Any, *, encoded: bool = False, **params: Any) -> dict[str, Any]:
    full = {"apiKey": "benchkey", "timestamp": bench.now_ms, **params}
    text = payload(full, encoded=encoded)
    mac = hmac.new(b"benchsecret", text.encode(), hashlib.sha256).hexdigest()
    return {**full, "signature": mac}


def ed_signed(bench: Any, **params: Any) -> dict[str, Any]:
    full = {"apiKey": "edkey", "timestamp": bench.now_ms, **params}
    raw = ED.sign(payload(full).encode())
    return {**full, "signature": base64.b64encode(raw).decode()}


LIMIT = {
    "symbol": S,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "59000.00",
}


def request(request_id: Any, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"id": request_id, "method": method, "params": params}


def test_answers_have_the_golden_shape(stage: Any, golden: Any, shape_of: Any) -> None:
    """Place, modify, status, cancel, position, algo: the documented answers."""
    samples = [row["m"] for row in golden("wsapi_messages.jsonl") if row["dir"] == "<"]
    wanted = {row["id"]: row for row in samples}

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)

        async def same(name: str, method: str, **params: Any) -> Any:
            full = hmac_signed(bench, **params)
            answer = await bench.ask(socket, request(name, method, full))
            assert shape_of(wanted[name]) == shape_of(answer), answer
            return answer

        order_id = (await same("o1", "order.place", **LIMIT))["result"]["orderId"]
        by_id = {"symbol": S, "orderId": order_id}
        change = {"side": "BUY", "quantity": "0.011", "price": "59100", "modifyId": 7}
        await same("m1", "order.modify", **by_id, **change)
        await same("q1", "order.status", **by_id)
        await same("c1", "order.cancel", **by_id)
        refused = await same("c2", "order.cancel", **by_id)
        assert refused["error"] == wanted["c2"]["error"]
        short = {k: v for k, v in LIMIT.items() if k != "quantity"}
        refused = await same("o2", "order.place", **short)
        assert refused["error"] == wanted["o2"]["error"]
        await bench.market("BUY")
        await same("p1", "v2/account.position", symbol=S)
        stop = {
            "algoType": "CONDITIONAL",
            "symbol": S,
            "side": "SELL",
            "type": "STOP_MARKET",
            "triggerPrice": "58000",
            "quantity": "0.010",
            "clientAlgoId": "stop-1",
        }
        placed = hmac_signed(bench, **stop)
        answer = await bench.ask(socket, request("a1", "algoOrder.place", placed))
        assert shape_of(wanted["a1"]["result"]) == shape_of(answer["result"])
        await same("a2", "algoOrder.cancel", clientAlgoId="stop-1")
        for name, method in (("u1", "start"), ("u2", "ping"), ("u3", "stop")):
            ask = request(name, f"userDataStream.{method}", {"apiKey": "benchkey"})
            answer = await bench.ask(socket, ask)
            assert shape_of(wanted[name]) == shape_of(answer)

    stage(story)


@pytest.mark.parametrize("request_id", [1, "text", None, "ü" * 10, 1 << 60])
def test_ids_come_back_as_sent(stage: Any, request_id: Any) -> None:
    """The answer carries the request's id, whatever its type."""

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        answer = await bench.ask(
            socket, request(request_id, "ticker.price", {"symbol": S})
        )
        assert (answer["id"], answer["status"]) == (request_id, 200)

    stage(story)


def test_raw_and_encoded_payloads_are_accepted(stage: Any) -> None:
    """The documented raw form, and the SDK's percent-encoded one."""

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        for number, encoded in enumerate((False, True)):
            params = hmac_signed(
                bench, encoded=encoded, **LIMIT, newClientOrderId=f"a:b/{number}"
            )
            answer = await bench.ask(socket, request(number, "order.place", params))
            assert answer["status"] == 200, answer
        params["signature"] = "00"
        answer = await bench.ask(socket, request(9, "order.place", params))
        assert (answer["status"], answer["error"]["code"]) == (400, -1022)

    stage(story)


def test_session(stage: Any, golden: Any, shape_of: Any) -> None:
    """Ed25519 logs on; then neither key nor signature is needed; HMAC may not."""
    samples = [row["m"] for row in golden("wsapi_messages.jsonl") if row["dir"] == "<"]
    wanted = {row["id"]: row for row in samples}

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        unsigned = {**LIMIT, "timestamp": bench.now_ms}
        before = await bench.ask(socket, request(0, "order.place", unsigned))
        assert before["error"]["code"] == -2014
        refused = await bench.ask(
            socket, request("h", "session.logon", hmac_signed(bench))
        )
        assert refused["status"] == 400
        logon = await bench.ask(
            socket, request("l1", "session.logon", ed_signed(bench))
        )
        assert shape_of(wanted["l1"]) == shape_of(logon)
        status = await bench.ask(socket, {"id": "s1", "method": "session.status"})
        assert shape_of(wanted["s1"]) == shape_of(status)
        placed = await bench.ask(socket, request(1, "order.place", unsigned))
        assert placed["status"] == 200
        no_time = await bench.ask(socket, request(2, "order.place", dict(LIMIT)))
        assert no_time["error"]["code"] == -1102
        own = hmac_signed(bench, **LIMIT)
        assert (await bench.ask(socket, request(3, "order.place", own)))[
            "status"
        ] == 200
        logout = await bench.ask(socket, {"id": "x1", "method": "session.logout"})
        assert shape_of(wanted["x1"]) == shape_of(logout)
        after = await bench.ask(socket, request(4, "order.place", unsigned))
        assert after["error"]["code"] == -2014

    stage(story, more_keys=(ED_KEY,))


def test_a_revoked_key_ends_the_session(stage: Any) -> None:
    """The next request yields id null, 401, -2015, and nobody is logged on."""

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        await bench.ask(socket, request(1, "session.logon", ed_signed(bench)))
        bench.control("revoke_api_key", key="edkey")
        unsigned = {**LIMIT, "timestamp": bench.now_ms}
        answer = await bench.ask(socket, request(2, "order.place", unsigned))
        assert (answer["id"], answer["status"]) == (None, 401)
        assert answer["error"]["code"] == -2015
        status = await bench.ask(socket, {"id": 3, "method": "session.status"})
        assert status["result"]["apiKey"] is None

    stage(story, more_keys=(ED_KEY,))


def test_nonsense_is_answered(stage: Any) -> None:
    """No JSON, no object, no method, an unknown method: an error each."""

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        for text in ("no json", "[]", "{}", '{"id":1,"method":"odd"}', '{"method":5}'):
            await socket.send(text)
            answer = await bench.read(socket)
            assert answer["status"] == 400, text
            assert answer["error"]["code"] < 0

    stage(story)


def test_limits_can_be_hidden(stage: Any) -> None:
    """``returnRateLimits=false`` on the address or in the request."""

    async def story(bench: Any) -> None:
        quiet = await bench.socket(f"{PATH}?returnRateLimits=false")
        answer = await bench.ask(quiet, request(1, "ticker.price", {"symbol": S}))
        assert "rateLimits" not in answer
        loud = await bench.socket(PATH)
        params = {"symbol": S, "returnRateLimits": False}
        answer = await bench.ask(loud, request(1, "ticker.price", params))
        assert "rateLimits" not in answer

    stage(story)


def test_weight_is_shared_with_rest(stage: Any) -> None:
    """One pool: handshake, order entry and REST; then 429 on both."""
    limits = LimitConfig(weight_1m=20)

    async def story(bench: Any) -> None:
        socket = await bench.socket(PATH)
        answer = await bench.http.get("/fapi/v1/ping")
        assert answer.headers["x-mbx-used-weight-1m"] == "6"
        for number in range(5):
            ask = request(number, "ticker.price", {"symbol": S})
            answer = await bench.ask(socket, ask)
        assert answer["rateLimits"][0]["count"] == 11
        depth = request(9, "depth", {"symbol": S, "limit": 5})
        answer = await bench.ask(socket, depth)
        assert (answer["status"], answer["error"]["code"]) == (429, -1003)
        assert answer["error"]["data"]["retryAfter"] == bench.now_ms + 60_000
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 429
        with pytest.raises(InvalidStatus) as caught:
            await bench.socket(PATH)
        assert caught.value.response.status_code == 429

    stage(story, config=FaceConfig(limits=limits))
