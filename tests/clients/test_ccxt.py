"""ccxt and ccxt.pro ``binanceusdm`` trade on the paper venue, base URLs aside."""

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
HOSTS = ("https://fapi.binance.com", "https://api.binance.com")


def exchange(urls: dict[str, str], keys: tuple[str, str]) -> Any:
    """A ccxt.pro exchange that differs from the stock one in its addresses only."""
    client = ccxtpro.binanceusdm({"apiKey": keys[0], "secret": keys[1]})
    api = client.urls["api"]
    for name, url in list(api.items()):
        for host in HOSTS:
            if isinstance(url, str) and url.startswith(host):
                api[name] = url.replace(host, urls["rest"])
    api["ws"]["linear"] = urls["stream"] + "/ws"
    api["ws"]["ws-api"]["linear"] = urls["ws_api"]
    return client


class Watcher:
    """Keeps what the watch loops of ccxt.pro deliver."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, name: str, watch: Any) -> None:
        self.rows[name] = []
        self._tasks.append(asyncio.create_task(self._loop(name, watch)))

    async def _loop(self, name: str, watch: Any) -> None:
        while True:
            got = await watch()
            self.rows[name] += got if isinstance(got, list) else [got]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def test_rest(venue: Any, keys: Any, run: Any) -> None:
    """Place, amend, cancel, query and settings over REST."""

    async def story() -> None:
        async with venue() as server:
            client = exchange(server.urls, keys)
            try:
                markets = await client.load_markets()
                assert SYMBOL in markets
                order = await client.create_order(
                    SYMBOL, "limit", "buy", 0.01, 59000, {"clientOrderId": "ccxt-1"}
                )
                assert order["clientOrderId"] == "ccxt-1"
                order = await client.edit_order(
                    order["id"], SYMBOL, "limit", "buy", 0.012, 59100
                )
                assert (order["price"], order["amount"]) == (59100, 0.012)
                opened = await client.fetch_open_orders(SYMBOL)
                assert [row["id"] for row in opened] == [order["id"]]
                gone = await client.cancel_order(order["id"], SYMBOL)
                assert gone["status"] == "canceled"
                with pytest.raises(ccxtpro.OrderNotFound):
                    await client.cancel_order(order["id"], SYMBOL)
                market = await client.create_order(SYMBOL, "market", "sell", 0.01)
                assert (market["status"], market["filled"]) == ("closed", 0.01)
                stop = await client.create_order(
                    SYMBOL, "market", "buy", 0.01, None, {"triggerPrice": 61000}
                )
                await client.cancel_order(stop["id"], SYMBOL, {"trigger": True})
                positions = await client.fetch_positions([SYMBOL])
                assert [(p["side"], p["contracts"]) for p in positions] == [
                    ("short", 0.01)
                ]
                trades = await client.fetch_my_trades(SYMBOL)
                assert [trade["amount"] for trade in trades] == [0.01]
                balance = await client.fetch_balance()
                assert balance["USDT"]["total"] < 100_000
                leverage = await client.set_leverage(10, SYMBOL)
                assert leverage["leverage"] == 10
                # ccxt picks its error classes by host name, so only the code is ours
                with pytest.raises(ccxtpro.ExchangeError, match="-2019"):
                    await client.create_order(SYMBOL, "limit", "buy", 900, 59000)
                book = await client.fetch_order_book(SYMBOL, 5)
                assert len(book["bids"]) == 5
            finally:
                await client.close()

    run(story())


def test_streams(venue: Any, keys: Any, run: Any, until: Any) -> None:
    """Orders, fills, positions and balance arrive through ccxt.pro's watch calls."""

    async def story() -> None:
        async with venue() as server:
            client = exchange(server.urls, keys)
            watcher = Watcher()
            try:
                await client.load_markets()
                watcher.follow("orders", lambda: client.watch_orders(SYMBOL))
                watcher.follow("trades", lambda: client.watch_my_trades(SYMBOL))
                watcher.follow("positions", client.watch_positions)
                watcher.follow("balance", client.watch_balance)
                state = server.control.apply
                await until(lambda: state("state")["sockets"].get("private") == 1)
                await asyncio.sleep(0.1)  # ccxt reads its snapshots first
                await client.create_order(SYMBOL, "limit", "buy", 0.01, 59000)
                rows = watcher.rows
                await until(lambda: "open" in {r["status"] for r in rows["orders"]})
                server.control.apply("trade", {"symbol": "BTCUSDT", "price": 59000})
                await until(lambda: "closed" in {r["status"] for r in rows["orders"]})
                await until(lambda: bool(rows["trades"]))
                trade = rows["trades"][0]
                assert (trade["price"], trade["amount"]) == (59000, 0.01)
                assert trade["takerOrMaker"] == "maker"
                await until(
                    lambda: 0.01 in {row["contracts"] for row in rows["positions"]}
                )
                await until(lambda: bool(rows["balance"]))
            finally:
                await watcher.stop()
                await client.close()

    run(story())


def test_order_entry_socket(venue: Any, keys: Any, run: Any) -> None:
    """ccxt.pro places, amends and cancels over ws-fapi."""

    async def story() -> None:
        async with venue() as server:
            client = exchange(server.urls, keys)
            try:
                await client.load_markets()
                order = await client.create_order_ws(
                    SYMBOL, "limit", "buy", 0.01, 59000
                )
                assert order["status"] == "open"
                order = await client.edit_order_ws(
                    order["id"], SYMBOL, "limit", "buy", 0.02, 59100
                )
                assert order["amount"] == 0.02
                gone = await client.cancel_order_ws(order["id"], SYMBOL)
                assert gone["status"] == "canceled"
                balance = await client.fetch_balance_ws()
                assert balance["USDT"]["total"] == 100_000
            finally:
                await client.close()

    run(story())
