"""ccxt and ccxt.pro ``bybit`` trade on the paper venue, base URLs aside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

ccxtpro = pytest.importorskip("ccxt.pro", reason="extra: clients")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
SYMBOL = "BTC/USDT:USDT"


def exchange(urls: dict[str, str], keys: tuple[str, str]) -> Any:
    """A ccxt.pro exchange that differs from the stock one in its addresses only."""
    client = ccxtpro.bybit({"apiKey": keys[0], "secret": keys[1]})
    api = client.urls["api"]
    for name, url in list(api.items()):
        if isinstance(url, str):
            api[name] = url.replace("https://api.{hostname}", urls["rest"])
    api["ws"]["public"]["linear"] = urls["public"]
    private = api["ws"]["private"]
    private["contract"] = private["spot"]["unified"] = urls["stream"]
    private["trade"] = urls["ws_api"]
    return client


async def closing(client: Any, story: Any) -> None:
    """Run *story*, then close the client whatever happened."""
    try:
        await story
    finally:
        await client.close()


def test_rest(bybit: Any, keys: Any, run: Any) -> None:
    """Place, amend, cancel, query and settings over REST."""

    async def trade(client: Any) -> None:
        assert SYMBOL in await client.load_markets()
        placed = await client.create_order(
            SYMBOL, "limit", "buy", 0.01, 59000, {"clientOrderId": "ccxt-1"}
        )
        order = await client.fetch_open_order(placed["id"], SYMBOL)
        assert (order["clientOrderId"], order["status"]) == ("ccxt-1", "open")
        await client.edit_order(order["id"], SYMBOL, "limit", "buy", 0.012, 59100)
        (order,) = await client.fetch_open_orders(SYMBOL)
        assert (order["price"], order["amount"]) == (59100, 0.012)
        await client.cancel_order(order["id"], SYMBOL)
        assert await client.fetch_open_orders(SYMBOL) == []
        with pytest.raises(ccxtpro.OrderNotFound):
            await client.cancel_order(order["id"], SYMBOL)
        ended = await client.fetch_canceled_orders(SYMBOL)
        assert [(o["id"], o["status"]) for o in ended] == [(order["id"], "canceled")]

    async def positions_and_money(client: Any) -> None:
        sold = await client.create_order(SYMBOL, "market", "sell", 0.01)
        stop = await client.create_order(
            SYMBOL,
            "market",
            "buy",
            0.01,
            None,
            {"triggerPrice": 61000, "triggerDirection": "ascending"},
        )
        await client.cancel_order(stop["id"], SYMBOL, {"trigger": True})
        (position,) = await client.fetch_positions([SYMBOL])
        assert (position["side"], position["contracts"]) == ("short", 0.01)
        (trade,) = await client.fetch_my_trades(SYMBOL)
        assert (trade["amount"], trade["order"]) == (0.01, sold["id"])
        assert trade["fee"]["cost"] > 0
        balance = await client.fetch_balance()
        assert balance["USDT"]["total"] < 100_000
        await client.set_leverage(20, SYMBOL)
        ledger = await client.fetch_ledger("USDT")
        assert {row["type"] for row in ledger} >= {"trade"}
        assert len((await client.fetch_order_book(SYMBOL, 5))["bids"]) == 5
        exits = {"takeProfit": 63000, "stopLoss": 57000}
        params = {name: {"triggerPrice": price} for name, price in exits.items()}
        await client.create_order(SYMBOL, "market", "buy", 0.02, None, params)
        waiting = await client.fetch_open_orders(SYMBOL)
        assert {o["triggerPrice"] for o in waiting} == set(exits.values())
        with pytest.raises(ccxtpro.InsufficientFunds):
            await client.create_order(SYMBOL, "limit", "buy", 100, 59000)

    async def story() -> None:
        async with bybit() as server:
            client = exchange(server.urls, keys)
            await closing(client, trade(client))
            client = exchange(server.urls, keys)
            await closing(client, positions_and_money(client))

    run(story())


def test_streams(bybit: Any, keys: Any, run: Any, until: Any) -> None:
    """Orders, fills, positions, balance and prices arrive through watch calls."""
    rows: dict[str, list[Any]] = {}

    async def follow(name: str, watch: Any) -> None:
        while True:
            got = await watch()
            rows.setdefault(name, []).extend(got if isinstance(got, list) else [got])

    async def watched(server: Any, client: Any) -> None:
        await client.load_markets()
        watches = {
            "orders": lambda: client.watch_orders(SYMBOL),
            "trades": lambda: client.watch_my_trades(SYMBOL),
            "positions": client.watch_positions,
            "balance": client.watch_balance,
            "ticker": lambda: client.watch_ticker(SYMBOL),
        }
        tasks = [asyncio.create_task(follow(n, w)) for n, w in watches.items()]
        try:
            state = server.control.apply
            await until(lambda: state("state")["sockets"].get("private") == 1)
            await asyncio.sleep(0.3)  # ccxt signs in and reads its snapshots first
            await client.create_order(SYMBOL, "limit", "buy", 0.01, 59000)
            await until(lambda: "open" in {r["status"] for r in rows.get("orders", [])})
            state("trade", {"symbol": "BTCUSDT", "price": 59000})
            await until(
                lambda: "closed" in {r["status"] for r in rows.get("orders", [])}
            )
            await until(lambda: bool(rows.get("trades")))
            trade = rows["trades"][0]
            assert (trade["price"], trade["amount"]) == (59000, 0.01)
            assert trade["takerOrMaker"] == "maker"
            await until(
                lambda: 0.01 in {r["contracts"] for r in rows.get("positions", [])}
            )
            await until(lambda: bool(rows.get("balance")))
            await until(lambda: bool(rows.get("ticker")))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def story() -> None:
        async with bybit() as server:
            client = exchange(server.urls, keys)
            await closing(client, watched(server, client))

    run(story())


def test_order_entry_socket(bybit: Any, keys: Any, run: Any) -> None:
    """ccxt.pro places, amends and cancels over /v5/trade."""

    async def entered(client: Any) -> None:
        await client.load_markets()
        order = await client.create_order_ws(SYMBOL, "limit", "buy", 0.01, 59000)
        await client.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 0.02, 59100)
        (known,) = await client.fetch_open_orders(SYMBOL)
        assert (known["id"], known["amount"]) == (order["id"], 0.02)
        await client.cancel_order_ws(order["id"], SYMBOL)
        assert await client.fetch_open_orders(SYMBOL) == []

    async def story() -> None:
        async with bybit() as server:
            client = exchange(server.urls, keys)
            await closing(client, entered(client))

    run(story())
