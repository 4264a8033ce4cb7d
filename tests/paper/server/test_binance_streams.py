"""Listen keys, private and public streams of the Binance face."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from connector.paper.faces.binance_usdm import FaceConfig

S = "BTCUSDT"
KEY_HEADER = {"X-MBX-APIKEY": "benchkey"}


def kinds(rows: list[Any]) -> list[str]:
    """Event types, with execution types for orders."""
    return [
        f"{row['e']}:{row['o']['x']}" if row["e"] == "ORDER_TRADE_UPDATE" else row["e"]
        for row in rows
    ]


def test_a_fill_comes_as_three_events_in_order(stage: Any) -> None:
    """TRADE_LITE, ACCOUNT_UPDATE, ORDER_TRADE_UPDATE, all with the same T."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        await bench.market("BUY")
        rows = await bench.read_all(socket)
        assert kinds(rows) == [
            "ORDER_TRADE_UPDATE:NEW",
            "TRADE_LITE",
            "ACCOUNT_UPDATE",
            "ORDER_TRADE_UPDATE:TRADE",
        ]
        assert {row["T"] for row in rows} == {bench.now_ms}
        fill = (await bench.ok("GET", "/fapi/v1/userTrades", symbol=S))[0]
        trade = rows[3]["o"]
        assert (fill["id"], fill["commission"]) == (trade["t"], trade["n"])
        assert rows[1]["t"] == trade["t"]

    stage(story)


def test_the_order_life_on_the_stream(stage: Any, golden: Any, shape_of: Any) -> None:
    """Place, amend, cancel: the same fields as the golden events."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        order = await bench.buy(newClientOrderId="life")
        by_id = {"symbol": S, "orderId": order["orderId"]}
        change = {"side": "BUY", "quantity": "0.006", "price": "59100", "modifyId": 7}
        await bench.ok("PUT", "/fapi/v1/order", **by_id, **change)
        await bench.ok("DELETE", "/fapi/v1/order", **by_id)
        rows = await bench.read_all(socket)
        cases = {
            row["case"]: row["m"]
            for row in golden("stream_order_trade_update_cases.jsonl")
        }
        wanted = (
            golden("stream_order_lifecycle.jsonl")[0],
            cases["amendment"],
            cases["cancel"],
        )
        for want, row in zip(wanted, rows, strict=True):
            assert shape_of(want) == shape_of(row)
        assert [row["o"]["x"] for row in rows] == ["NEW", "AMENDMENT", "CANCELED"]

    stage(story)


@pytest.mark.parametrize(
    ("path", "is_wrapped"),
    [
        ("/private/ws?listenKey={key}", False),
        ("/private/ws/?listenKey={key}", False),
        ("/private/ws/{key}", False),
        ("/private/stream?listenKey={key}", True),
        ("/private/stream?streams={key}", True),
        ("/private/stream?listenKey=dead&listenKey={key}", True),
        ("/ws/{key}", False),
        ("/stream?streams={key}", True),
    ],
)
def test_private_addresses(stage: Any, path: str, is_wrapped: bool) -> None:
    """Every documented way to connect carries the events, wrapped or bare."""

    async def story(bench: Any) -> None:
        key = await bench.listen_key()
        socket = await bench.socket(path.format(key=key))
        await bench.buy()
        (row,) = await bench.read_all(socket)
        if is_wrapped:
            assert row["stream"] == key
            row = row["data"]
        assert row["e"] == "ORDER_TRADE_UPDATE"

    stage(story)


@pytest.mark.parametrize("path", ["/private/stream", "/private/ws", "/ws"])
def test_subscribing_by_frame(stage: Any, path: str) -> None:
    """SUBSCRIBE, LIST_SUBSCRIPTIONS and UNSUBSCRIBE work on private sockets."""

    async def story(bench: Any) -> None:
        key = await bench.listen_key()
        socket = await bench.socket(path)
        ask = {"method": "SUBSCRIBE", "params": [key], "id": 1}
        assert await bench.ask(socket, ask) == {"result": None, "id": 1}
        ask = {"method": "LIST_SUBSCRIPTIONS", "id": "x"}
        assert await bench.ask(socket, ask) == {"result": [key], "id": "x"}
        await bench.buy()
        assert len(await bench.read_all(socket)) == 1
        ask = {"method": "UNSUBSCRIBE", "params": [key], "id": 2}
        assert await bench.ask(socket, ask) == {"result": None, "id": 2}
        await bench.buy()
        assert await bench.read_all(socket) == []
        bad = await bench.ask(socket, {"method": "DANCE", "id": 3})
        assert bad["error"]["code"] == 2
        await socket.send("not json")
        assert (await bench.read(socket))["error"]["code"] == 3

    stage(story)


def test_a_wrong_key_connects_and_stays_silent(stage: Any) -> None:
    """A connected socket proves nothing."""

    async def story(bench: Any) -> None:
        await bench.listen_key()
        socket = await bench.socket("/private/ws?listenKey=wrong")
        await bench.buy()
        assert await bench.read_all(socket) == []

    stage(story)


def test_an_unrouted_socket_may_be_silent(stage: Any) -> None:
    """Where the venue switched un-routed sockets off, they work but tell nothing."""

    async def story(bench: Any) -> None:
        key = await bench.listen_key()
        old = await bench.socket(f"/ws/{key}")
        public = await bench.socket(f"/public/ws/{key}")
        new = await bench.socket(f"/private/ws/{key}")
        await bench.buy()
        assert await bench.read_all(old) == []
        assert await bench.read_all(public) == []
        assert len(await bench.read_all(new)) == 1

    stage(story, config=FaceConfig(serves_unrouted=False))


def test_events_can_be_filtered(stage: Any) -> None:
    """``events=`` lets only the named types through."""

    async def story(bench: Any) -> None:
        key = await bench.listen_key()
        wish = "ACCOUNT_UPDATE/TRADE_LITE"
        socket = await bench.socket(f"/private/ws?listenKey={key}&events={wish}")
        await bench.market("BUY")
        rows = await bench.read_all(socket)
        assert kinds(rows) == ["TRADE_LITE", "ACCOUNT_UPDATE"]

    stage(story)


def test_listen_key_life(stage: Any) -> None:
    """POST returns the same key, PUT extends, expiry is told and then silence."""

    async def story(bench: Any) -> None:
        key = await bench.listen_key()
        socket = await bench.private()
        assert await bench.listen_key() == key
        bench.pass_ms(3_000_000)
        answer = await bench.http.put("/fapi/v1/listenKey", headers=KEY_HEADER)
        assert answer.json() == {"listenKey": key}
        bench.pass_ms(3_000_000)
        assert await bench.read_all(socket) == []
        bench.pass_ms(600_000)
        rows = await bench.read_all(socket)
        assert rows == [{"e": "listenKeyExpired", "E": bench.now_ms, "listenKey": key}]
        await bench.buy()
        assert await bench.read_all(socket) == []
        assert await bench.listen_key() != key

    stage(story)


def test_deleting_the_key_silences_every_client(stage: Any) -> None:
    """DELETE closes the key for everybody, without a farewell."""

    async def story(bench: Any) -> None:
        first, second = await bench.private(), await bench.private()
        answer = await bench.http.delete("/fapi/v1/listenKey", headers=KEY_HEADER)
        assert answer.json() == {}
        await bench.buy()
        assert await bench.read_all(first) == []
        assert await bench.read_all(second) == []

    stage(story)


def test_account_events(stage: Any, golden: Any, shape_of: Any) -> None:
    """Deposit, leverage, funding, margin type and algo events reach the stream."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        bench.control("transfer", amount=100)
        await bench.ok("POST", "/fapi/v1/leverage", symbol=S, leverage=25)
        await bench.market("BUY")
        await bench.read_all(socket)
        bench.control("funding", symbol=S, rate="0.0001")
        (funding,) = await bench.read_all(socket)
        want = golden("stream_account_update.jsonl")[1]
        assert shape_of(want) == shape_of(funding)
        assert funding["a"]["m"] == "FUNDING_FEE"
        assert funding["a"]["B"][0]["bc"].startswith("-")
        await bench.ok(
            "POST",
            "/fapi/v1/algoOrder",
            algoType="CONDITIONAL",
            symbol=S,
            side="SELL",
            type="STOP_MARKET",
            closePosition="true",
            triggerPrice="58000",
            workingType="MARK_PRICE",
        )
        bench.control("mark", symbol=S, price="57900")
        rows = await bench.read_all(socket)
        states = [row["o"]["X"] for row in rows if row["e"] == "ALGO_UPDATE"]
        assert states == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
        position = await bench.ok("GET", "/fapi/v3/positionRisk", symbol=S)
        assert position == []

    stage(story)


def test_liquidation_and_adl_are_facts_on_the_stream(stage: Any) -> None:
    """autoclose- is announced NEW then CALCULATED; ADL is CALCULATED."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        await bench.ok("POST", "/fapi/v1/leverage", symbol=S, leverage=100)
        await bench.market("BUY", "2")
        bench.control("adl", symbol=S, qty="0.5", price="60000")
        rows = await bench.read_all(socket)
        adl = [row["o"] for row in rows if row["e"] == "ORDER_TRADE_UPDATE"][-1]
        assert adl["c"].startswith("adl_autoclose")
        assert adl["x"] == "CALCULATED"
        bench.control("liquidate", symbol=S)
        rows = await bench.read_all(socket)
        forced = [
            row["o"]
            for row in rows
            if row["e"] == "ORDER_TRADE_UPDATE"
            and row["o"]["c"].startswith("autoclose-")
        ]
        assert forced[0]["x"] == "NEW"
        assert {row["x"] for row in forced[1:]} <= {"CALCULATED", "EXPIRED"}
        assert "CALCULATED" in {row["x"] for row in forced}

    stage(story)


def test_too_many_inbound_messages_disconnect(stage: Any) -> None:
    """Ten frames per second are allowed, the eleventh ends the connection."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        for number in range(10):
            ask = {"method": "LIST_SUBSCRIPTIONS", "id": number}
            assert (await bench.ask(socket, ask))["id"] == number
        with pytest.raises(ConnectionClosed):
            await bench.ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 10})
        assert socket.close_code == 1008
        rows = bench.control("exceedances")["exceedances"]
        assert (rows[0]["limit"], rows[0]["count"]) == ("INBOUND", 11)

    stage(story)


def test_flooding_again_and_again_ends_in_a_ban(stage: Any) -> None:
    """Pings count as messages on streams; the third cut-off bans the address."""

    async def story(bench: Any) -> None:
        for _ in range(3):
            socket = await bench.socket("/market/ws")
            for _ in range(11):
                await socket.ping()
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1008
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 418

    stage(story)


def test_hedge_rows(stage: Any) -> None:
    """A change on LONG also tells BOTH, and SHORT where it is isolated."""

    async def story(bench: Any) -> None:
        await bench.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        socket = await bench.private()
        for margin, sides in (
            (None, ["LONG", "BOTH"]),
            ("ISOLATED", ["LONG", "BOTH", "SHORT"]),
        ):
            if margin is not None:
                await bench.market("SELL", positionSide="LONG")
                await bench.ok(
                    "POST", "/fapi/v1/marginType", symbol=S, marginType=margin
                )
                await bench.read_all(socket)
            await bench.market("BUY", positionSide="LONG")
            rows = await bench.read_all(socket)
            (update,) = [row for row in rows if row["e"] == "ACCOUNT_UPDATE"]
            assert [row["ps"] for row in update["a"]["P"]] == sides

    stage(story)


def test_an_amend_that_would_take_cancels_a_post_only_order(stage: Any) -> None:
    """GTX never takes: such an amend ends the order."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        order = await bench.buy(timeInForce="GTX")
        change = {"symbol": S, "orderId": order["orderId"], "side": "BUY"}
        await bench.call(
            "PUT", "/fapi/v1/order", **change, quantity="0.010", price="60500"
        )
        rows = await bench.read_all(socket)
        assert rows[-1]["o"]["X"] in ("CANCELED", "EXPIRED")
        assert rows[-1]["o"]["z"] == "0"

    stage(story)


def test_margin_call(stage: Any, golden: Any, shape_of: Any) -> None:
    """Guidance before the liquidation, without a T."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        await bench.ok("POST", "/fapi/v1/leverage", symbol=S, leverage=100)
        await bench.market("BUY", "4")
        (row,) = await bench.ok("GET", "/fapi/v3/positionRisk", symbol=S)
        bench.control("mark", symbol=S, price=f"{float(row['liquidationPrice']) + 30}")
        bench.pass_ms(2000)
        rows = await bench.read_all(socket)
        calls = [row for row in rows if row["e"] == "MARGIN_CALL"]
        assert shape_of(golden("stream_margin_call.json")) == shape_of(calls[0])

    stage(story)


def test_a_delisted_symbol(stage: Any) -> None:
    """Settlement closes orders and position; exchangeInfo says so."""

    async def story(bench: Any) -> None:
        socket = await bench.private()
        await bench.market("BUY")
        await bench.buy()
        await bench.read_all(socket)
        bench.control("settle", symbol=S, price="60000")
        rows = [row["o"] for row in await bench.read_all(socket) if "o" in row]
        assert ("EXPIRED", "7") in {(row["x"], row["er"]) for row in rows}
        assert any(row["c"].startswith("settlement_autoclose-") for row in rows)
        info = (await bench.http.get("/fapi/v1/exchangeInfo")).json()
        assert [r["status"] for r in info["symbols"] if r["symbol"] == S] == [
            "SETTLING"
        ]
        order = {"symbol": S, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        assert (await bench.error("POST", "/fapi/v1/order", **order))[1] == -4141

    stage(story)


def test_the_venue_pings_and_ends_old_sockets(stage: Any) -> None:
    """A ping every three minutes, no pong for ten minutes or 24 h end a socket."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        for _ in range(5):
            bench.pass_ms(180_000)
            await bench.read_all(socket)  # the client's pong is ahead of the answer
        bench.pass_ms(86_400_000)
        with pytest.raises(ConnectionClosed):
            await bench.read(socket)
        assert socket.close_code == 1001

    stage(story)


def test_a_client_that_answers_no_ping_is_disconnected(stage: Any) -> None:
    """Ten minutes without a pong end the connection."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        bench.control("stall", kind="public", hold=0)  # pings are lost on the way
        bench.pass_ms(180_000)
        bench.server.connections_of(None)[0].is_stalled = False
        for _ in range(3):
            bench.pass_ms(200_000)
        with pytest.raises(ConnectionClosed):
            await bench.read(socket)
        assert socket.close_code == 1008

    stage(story)


def test_public_streams(stage: Any) -> None:
    """Mark price, best prices, trades and depth, only to who subscribed."""

    async def story(bench: Any) -> None:
        low = S.lower()
        names = [
            f"{low}@markPrice@1s",
            "!markPrice@arr",
            f"{low}@bookTicker",
            f"{low}@aggTrade",
            f"{low}@depth5@100ms",
        ]
        socket = await bench.socket(f"/market/stream?streams={'/'.join(names)}")
        await bench.read_all(socket)
        bench.control("freeze", frozen=False)
        for _ in range(30):
            bench.pass_ms(100)
        rows = await bench.read_all(socket)
        assert {row["stream"] for row in rows} == set(names)
        by_name = {row["stream"]: row["data"] for row in rows}
        assert by_name[names[0]]["e"] == "markPriceUpdate"
        assert {row["s"] for row in by_name["!markPrice@arr"]} >= {S}
        assert by_name[names[3]]["e"] == "aggTrade"
        assert len(by_name[names[4]]["b"]) == 5
        bare = await bench.socket(f"/ws/{low}@markPrice@1s")
        bench.pass_ms(1000)
        (mark,) = await bench.read_all(bare)
        assert (mark["e"], mark["s"]) == ("markPriceUpdate", S)

    stage(story)


def test_accounts_do_not_see_each_other(stage: Any) -> None:
    """A second account has its own key, orders and events."""
    from connector.paper.faces.binance_usdm import ApiKey

    other = ApiKey(key="otherkey", verifier="o", account_id="other")

    async def story(bench: Any) -> None:
        bench.face.engine.open_account("other", {}, now_ms=bench.now_ms)
        headers = {"X-MBX-APIKEY": "otherkey"}
        answer = await bench.http.post("/fapi/v1/listenKey", headers=headers)
        key = answer.json()["listenKey"]
        assert key != await bench.listen_key()
        socket = await bench.socket(f"/private/ws?listenKey={key}")
        await bench.buy()
        assert await bench.read_all(socket) == []
        query = bench.signed({}, "o")
        rows = await bench.http.get(f"/fapi/v1/openOrders?{query}", headers=headers)
        assert rows.json() == []

    stage(story, more_keys=(other,))
