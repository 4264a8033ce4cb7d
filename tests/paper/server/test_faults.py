"""Faults: each one does to the wire what it says, and the ledger keeps the truth."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

S = "BTCUSDT"
ORDER = {
    "symbol": S,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "59000.00",
}


def orders(bench: Any) -> list[str]:
    """Client ids of all orders the venue really has."""
    return [row["client_order_id"] for row in bench.control("state")["orders"].values()]


async def place(bench: Any, client_id: str) -> httpx.Response:
    return await bench.call(
        "POST", "/fapi/v1/order", **ORDER, newClientOrderId=client_id
    )


async def is_closed(bench: Any, socket: Any) -> bool:
    try:
        await bench.read_all(socket)
    except ConnectionClosed:
        return True
    return False


def test_outage_cuts_refuses_fills_and_ends(stage: Any) -> None:
    """Private sockets drop, new ones fail for the hold, resting orders fill."""

    async def story(bench: Any) -> None:
        private, public = await bench.private(), await bench.socket("/market/ws")
        await bench.buy(newClientOrderId="rests")
        await bench.read_all(private)
        result = bench.control("outage", venue="binance-usdm", hold=2, fill=True)
        assert (result["cut"], result["filled"]) == (1, 1)
        assert await is_closed(bench, private)
        assert not await is_closed(bench, public)
        order = await bench.ok(
            "GET", "/fapi/v1/order", symbol=S, origClientOrderId="rests"
        )
        assert order["status"] == "FILLED"
        with pytest.raises((OSError, InvalidHandshake, EOFError)):
            await bench.private()
        bench.pass_ms(2000)
        again = await bench.private()
        await bench.buy()
        assert len(await bench.read_all(again)) == 1

    stage(story)


def test_outage_over_http(stage: Any) -> None:
    """The same verb through the control address; bad calls are told so."""

    async def story(bench: Any) -> None:
        await bench.private()
        answer = await bench.http.post(
            "/control/outage", json={"venue": "binance-usdm", "hold": 1, "fill": False}
        )
        assert answer.json()["cut"] == 1
        state = (await bench.http.get("/control/state")).json()
        assert state["venue"] == "binance-usdm"
        assert state["balances"] == {"USDT": "5000"}
        for path, body, status in (
            ("/control/nonsense", {}, 404),
            ("/control/mark", {"symbol": S}, 400),
            ("/control/mark", {"symbol": S, "price": "x"}, 400),
            ("/control/outage", {"venue": "other"}, 400),
            ("/control/state", {"account": "nobody"}, 400),
        ):
            answer = await bench.http.post(path, json=body)
            assert (answer.status_code, "error" in answer.json()) == (status, True)
        answer = await bench.http.post("/control/mark", content=b"not json")
        assert answer.status_code == 400

    stage(story)


@pytest.mark.parametrize(
    ("verb", "is_placed"),
    [("lose_request", False), ("lose_reply", True)],
)
def test_lost_requests_and_replies(stage: Any, verb: str, is_placed: bool) -> None:
    """The client sees the same broken connection; only the ledger differs."""

    async def story(bench: Any) -> None:
        bench.control(verb, method="POST", path="/order")
        with pytest.raises(httpx.TransportError):
            await place(bench, "lost")
        assert (orders(bench) == ["lost"]) is is_placed
        assert (await place(bench, "next")).status_code == 200

    stage(story)


@pytest.mark.parametrize(("verb", "is_placed"), [("hang", False), ("hang_after", True)])
def test_hanging_calls(stage: Any, verb: str, is_placed: bool) -> None:
    """No answer ever, the connection stays open."""

    async def story(bench: Any) -> None:
        bench.control(verb, path="/order")
        bench.http.timeout = httpx.Timeout(0.1)
        with pytest.raises(httpx.ReadTimeout):
            await place(bench, "hung")
        assert (orders(bench) == ["hung"]) is is_placed

    stage(story)


@pytest.mark.parametrize(
    ("preset", "status", "text"),
    [
        ("unknown_error", 503, "Unknown error, please check your request"),
        ("service_unavailable", 503, "Service Unavailable."),
        ("internal_error", 503, "Internal error; unable to process"),
        ("throttled", 503, "system-level protection"),
        ("timeout", 408, "execution status unknown"),
        ("bad_gateway", 502, "<html>"),
        ("forbidden", 403, "<html>"),
        ("truncated_json", 200, '{"orderId":7155500'),
        ("too_many_requests", 429, "Too many requests"),
        ("banned", 418, "IP banned until"),
    ],
)
def test_canned_answers(stage: Any, preset: str, status: int, text: str) -> None:
    """Instead of the machine's answer, or after the machine accepted."""

    async def story(bench: Any) -> None:
        for verb, count in (("answer", 0), ("answer_after", 1)):
            bench.control(verb, path="/order", preset=preset)
            answer = await place(bench, verb)
            assert answer.status_code == status
            assert text in answer.text
            assert len(orders(bench)) == count
            assert ("Retry-After" in answer.headers) == (status in (418, 429))

    stage(story)


def test_own_answers_and_times(stage: Any) -> None:
    """Status, body and headers at will, as often as asked."""

    async def story(bench: Any) -> None:
        bench.control(
            "answer",
            path="/ping",
            status=500,
            body={"code": -1000, "msg": "x"},
            headers={"X-Odd": "1"},
            times=2,
        )
        got = [await bench.http.get("/fapi/v1/ping") for _ in range(3)]
        assert [row.status_code for row in got] == [500, 500, 200]
        assert got[0].headers["X-Odd"] == "1"
        assert got[0].json() == {"code": -1000, "msg": "x"}

    stage(story)


def test_truncated_reply(stage: Any) -> None:
    """The answer breaks off inside its body, the order exists."""

    async def story(bench: Any) -> None:
        bench.control("truncate", path="/order", bytes=12)
        with pytest.raises(httpx.RemoteProtocolError):
            await place(bench, "cut")
        assert orders(bench) == ["cut"]

    stage(story)


def test_late_request_can_be_too_late(stage: Any) -> None:
    """A request that arrives after its window is refused by the venue; an answer that
    is late tells of an order that exists already."""

    async def story(bench: Any) -> None:
        held = bench.hold_timers()

        async def begin(name: str) -> asyncio.Task[Any]:
            call = asyncio.create_task(place(bench, name))
            while not held:
                await asyncio.sleep(0)
            return call

        bench.control("delay_request", path="/order", ms=30)
        call = await begin("late")
        bench.now_ms += 6000
        delay_ms, let_go = held.pop()
        let_go()
        assert delay_ms == 30
        assert (await call).json()["code"] == -1021
        assert orders(bench) == []
        bench.control("delay_reply", path="/order", ms=30)
        call = await begin("slow")
        assert orders(bench) == ["slow"]
        assert not call.done()
        held.pop()[1]()
        assert (await call).status_code == 200

    stage(story)


def test_frame_faults(stage: Any) -> None:
    """Drop, duplicate, reorder by event type; the ledger is not touched."""

    async def story(bench: Any) -> None:
        socket = await bench.private()

        async def names() -> list[str]:
            await bench.market("BUY", "0.001")
            return [row["e"] for row in await bench.read_all(socket)]

        order, lite, account = "ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE"
        bench.control("drop", event=account)
        assert await names() == [order, lite, order]
        bench.control("duplicate", event=lite, copies=2)
        assert await names() == [order, lite, lite, lite, account, order]
        bench.control("reorder", event=account)
        assert await names() == [order, lite, order, account]
        bench.control("drop", kind="private", times=2)
        assert await names() == [account, order]
        assert await names() == [order, lite, account, order]
        bench.control("mute", event=order, hold=5)
        assert await names() == [lite, account]
        await asyncio.wait_for(await socket.ping(), 5)
        bench.pass_ms(5000)
        assert await names() == [order, lite, account, order]
        assert len(bench.control("state")["fills"]) == 7

    stage(story)


def test_answers_and_events_in_either_order(stage: Any) -> None:
    """Events come before the answer they belong to, or after it."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        order: list[str] = []
        connection = bench.server.connections_of(None)
        for known in connection:
            reply, send_text = known.reply, known.send_text

            def spy_reply(*args: Any, reply: Any = reply, **kwargs: Any) -> None:
                order.append("answer")
                reply(*args, **kwargs)

            def spy_text(text: str, send_text: Any = send_text) -> None:
                order.append("event")
                send_text(text)

            known.reply, known.send_text = spy_reply, spy_text
        await bench.buy()
        bench.control("replies_first")
        await bench.buy()
        assert order == ["event", "answer", "answer", "event"]
        assert len(await bench.read_all(socket)) == 2

    stage(story)


def test_delayed_frames(stage: Any) -> None:
    """A delayed event comes later than the ones behind it."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        held = bench.hold_timers()
        bench.control("delay", event="TRADE_LITE", ms=30)
        await bench.market("BUY")
        assert len(await bench.read_all(socket)) == 3
        ((delay_ms, let_go),) = held
        let_go()
        assert delay_ms == 30
        assert (await bench.read(socket))["e"] == "TRADE_LITE"

    stage(story)


def test_stalled_socket(stage: Any) -> None:
    """Half-open: nothing comes, nothing ends; new ones never open."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        bench.control("stall", kind="private", hold=5)
        await bench.buy()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.05)
        with pytest.raises(TimeoutError):
            await bench.socket("/private/ws", open_timeout=0.05)
        bench.pass_ms(5000)
        fresh = await bench.private()
        await bench.buy()
        assert len(await bench.read_all(fresh)) == 1
        bench.control("cut", kind="private")
        assert await is_closed(bench, fresh)

    stage(story)


def test_cut_inside_a_frame(stage: Any) -> None:
    """The connection ends after so many bytes, in the middle of an event."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        assert bench.control("cut", kind="private", bytes=100) == {"cut": 1}
        await bench.buy()
        with pytest.raises(ConnectionClosed):
            await bench.read(socket)
        assert len(orders(bench)) == 1

    stage(story)


def test_frames_nobody_expects(stage: Any) -> None:
    """Broken JSON, foreign events, a polite close with any code."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        bench.control("corrupt", event="ORDER_TRADE_UPDATE")
        await bench.buy()
        async with asyncio.timeout(5):
            text = await socket.recv()
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        assert bench.control("inject", body={"e": "serverShutdown"}) == {"sent": 1}
        assert await bench.read(socket) == {"e": "serverShutdown"}
        bench.control("inject", body="not json")
        async with asyncio.timeout(5):
            assert await socket.recv() == "not json"
        assert bench.control("hang_up", kind="private", code=1012) == {"closed": 1}
        with pytest.raises(ConnectionClosed):
            await bench.read(socket)
        assert socket.close_code == 1012

    stage(story)


def test_restart(stage: Any) -> None:
    """Everything drops, nobody is let in for a while, the state survives."""

    async def story(bench: Any) -> None:
        await bench.buy(newClientOrderId="kept")
        socket = await bench.private()
        bench.control("restart", hold=3)
        assert await is_closed(bench, socket)
        with pytest.raises(httpx.TransportError):
            await bench.http.get("/fapi/v1/ping")
        bench.pass_ms(3000)
        rows = await bench.ok("GET", "/fapi/v1/openOrders", symbol=S)
        assert [row["clientOrderId"] for row in rows] == ["kept"]

    stage(story)


def test_skewed_clock(stage: Any) -> None:
    """The venue's time, stamps and checks move together, and back."""

    async def story(bench: Any) -> None:
        bench.control("skew", ms=7000)
        time = (await bench.http.get("/fapi/v1/time")).json()["serverTime"]
        assert time == bench.now_ms + 7000
        assert (await place(bench, "early")).json()["code"] == -1021
        bench.control("skew", ms=-2000)
        assert (await place(bench, "late")).json()["code"] == -1021
        bench.control("heal")
        assert (await place(bench, "right")).status_code == 200

    stage(story)


def test_stale_reads(stage: Any) -> None:
    """Queries lag behind commands and the stream; cancels do not."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        bench.control("read_lag", ms=3000)
        await bench.buy(newClientOrderId="fresh")
        assert len(await bench.read_all(socket)) == 1
        query = {"symbol": S, "origClientOrderId": "fresh"}
        assert (await bench.error("GET", "/fapi/v1/order", **query))[1] == -2013
        assert await bench.ok("GET", "/fapi/v1/openOrders", symbol=S) == []
        bench.pass_ms(2999)
        assert (await bench.error("GET", "/fapi/v1/order", **query))[1] == -2013
        bench.pass_ms(1)
        assert (await bench.ok("GET", "/fapi/v1/order", **query))["status"] == "NEW"
        await bench.ok("DELETE", "/fapi/v1/order", **query)
        assert (await bench.ok("GET", "/fapi/v1/order", **query))["status"] == "NEW"
        bench.control("heal")
        late = await bench.ok("GET", "/fapi/v1/order", **query)
        assert late["status"] == "CANCELED"

    stage(story)


def test_keys_that_die(stage: Any) -> None:
    """A listen key can be expired (told) or deleted (not told) at once."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        bench.control("expire_key")
        (row,) = await bench.read_all(socket)
        assert row["e"] == "listenKeyExpired"
        socket = await bench.private()
        bench.control("delete_key")
        await bench.buy()
        assert await bench.read_all(socket) == []
        bench.control("ban", ms=5000)
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 418

    stage(story)


def test_outside_facts(stage: Any) -> None:
    """Manual orders, transfers, marks and trades come from nowhere."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        manual = bench.control("manual", symbol=S, side="buy", qty="0.010", price=59000)
        assert manual["client_order_id"].startswith("web_")
        bench.control("trade", symbol=S, price="59000")
        bench.control("transfer", asset="USDT", amount="-100")
        rows = await bench.read_all(socket)
        assert [row["o"]["x"] for row in rows if "o" in row] == ["NEW", "TRADE"]
        assert rows[-1]["a"]["m"] == "WITHDRAW"
        state = bench.control("state")
        assert state["positions"] == {"BTCUSDT:BOTH": "0.01"}
        with pytest.raises(ValueError, match="liquidated"):
            bench.control("liquidate", symbol="ETHUSDT")

    stage(story)


def test_order_entry_faults(stage: Any) -> None:
    """The same call faults on order entry: by a part of the request's text."""

    async def story(bench: Any) -> None:
        def ask(number: int) -> str:
            params = {"symbol": S}
            request = {"id": number, "method": "ticker.price", "params": params}
            return json.dumps(request)

        socket = await bench.socket("/ws-fapi/v1")
        bench.control("answer", path="ticker.price", preset="unknown_error")
        await socket.send(ask(1))
        answer = await bench.read(socket)
        assert (answer["id"], answer["status"]) == (1, 503)
        assert answer["error"]["code"] == -1000
        bench.control("hang_after", path="ticker.price")
        await socket.send(ask(2))
        await socket.send(ask(3))
        assert (await bench.read(socket))["id"] == 3
        bench.control("delay_reply", path="ticker.price", ms=20)
        await socket.send(ask(4))
        await socket.send(ask(5))
        assert [(await bench.read(socket))["id"] for _ in range(2)] == [5, 4]
        bench.control("lose_reply", path="ticker.price")
        await socket.send(ask(6))
        with pytest.raises(ConnectionClosed):
            await bench.read(socket)

    stage(story)


def test_refused_handshake_is_no_answer(stage: Any) -> None:
    """During an outage with other kinds, public sockets are refused too."""

    async def story(bench: Any) -> None:
        bench.control("outage", hold=1, kinds=["public", "ws_api"])
        for path in ("/market/ws", "/ws-fapi/v1"):
            with pytest.raises((OSError, InvalidHandshake, InvalidStatus, EOFError)):
                await bench.socket(path)
        await bench.private()
        bench.control("outage", hold=1, status=503)
        with pytest.raises(InvalidStatus):
            await bench.private()

    stage(story)
