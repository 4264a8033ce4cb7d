"""ccxt and ccxt.pro ``okx`` trade on the paper venue, base URLs aside.

Amounts are contracts of 0.01 BTC, as the venue counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connector.paper.faces.okx_v5 import KIT
from connector.paper.venue import paper_server

ccxtpro = pytest.importorskip("ccxt.pro", reason="extra: clients")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
SYMBOL, LISTED = "BTC/USDT:USDT", "BTC-USDT-SWAP"


@asynccontextmanager
async def trading(keys: tuple[str, str]) -> AsyncIterator[tuple[Any, Any]]:
    """A still venue, and a ccxt.pro client that differs in its addresses only."""
    server = paper_server("okx-v5", api_key=keys[0], api_secret=keys[1], seed=7)
    server.faces[0].engine.freeze()
    async with server:
        client = ccxtpro.okx(
            {"apiKey": keys[0], "secret": keys[1], "password": KIT.passphrase}
        )
        client.urls["api"]["rest"] = server.urls["rest"]
        client.urls["api"]["ws"] = server.urls["public"].removesuffix("/public")
        try:
            await client.load_markets()
            yield server, client
        finally:
            await client.close()


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


def test_rest(keys: Any, run: Any) -> None:
    """Place, amend, cancel, query and settings over REST."""

    async def story() -> None:
        async with trading(keys) as (_, client):
            market = client.market(SYMBOL)
            assert (market["contractSize"], market["precision"]["amount"]) == (
                0.01,
                0.01,
            )
            order = await client.create_order(
                SYMBOL, "limit", "buy", 1, 59000, {"clientOrderId": "ccxt1"}
            )
            assert order["clientOrderId"] == "ccxt1"
            await client.edit_order(order["id"], SYMBOL, "limit", "buy", 1.2, 59100)
            opened = await client.fetch_open_orders(SYMBOL)
            assert [(o["id"], o["amount"], o["price"]) for o in opened] == [
                (order["id"], 1.2, 59100)
            ]
            await client.cancel_order(order["id"], SYMBOL)
            with pytest.raises(ccxtpro.OrderNotFound):
                await client.cancel_order(order["id"], SYMBOL)
            gone = await client.fetch_order(order["id"], SYMBOL)
            assert gone["status"] == "canceled"
            sold = await client.create_order(SYMBOL, "market", "sell", 1)
            sold = await client.fetch_order(sold["id"], SYMBOL)
            assert (sold["status"], sold["filled"]) == ("closed", 1)
            positions = await client.fetch_positions([SYMBOL])
            assert [(p["side"], p["contracts"]) for p in positions] == [("short", 1)]
            trades = await client.fetch_my_trades(SYMBOL)
            assert [(t["order"], t["amount"]) for t in trades] == [(sold["id"], 1)]
            assert trades[0]["fee"]["cost"] > 0
            balance = await client.fetch_balance()
            assert balance["USDT"]["total"] < 100_000
            with pytest.raises(ccxtpro.InsufficientFunds):
                await client.create_order(SYMBOL, "limit", "buy", 90_000, 59000)

    run(story())


def test_conditional_orders_and_settings(keys: Any, run: Any) -> None:
    """A stop is placed, listed and cancelled; leverage, batches, the dead-man."""

    async def story() -> None:
        async with trading(keys) as (_, client):
            await client.create_order(SYMBOL, "market", "buy", 1)
            stop = await client.create_order(
                SYMBOL, "market", "sell", 1, None, {"stopLossPrice": 55000}
            )
            waiting = await client.fetch_open_orders(
                SYMBOL, params={"ordType": "conditional", "stop": True}
            )
            assert [row["id"] for row in waiting] == [stop["id"]]
            await client.cancel_order(stop["id"], SYMBOL, {"stop": True})
            late = await client.create_order(
                SYMBOL, "market", "buy", 1, None, {"triggerPrice": 61000}
            )
            await client.cancel_order(late["id"], SYMBOL, {"trigger": True})
            await client.set_leverage(10, SYMBOL, {"mgnMode": "cross"})
            told = await client.fetch_leverage(SYMBOL, {"marginMode": "cross"})
            assert told["longLeverage"] == 10
            wanted = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1}
            rows = await client.create_orders(
                [wanted | {"price": 58000}, wanted | {"price": 58001}]
            )
            await client.cancel_orders([row["id"] for row in rows], SYMBOL)
            assert not await client.fetch_open_orders(SYMBOL)
            await client.cancel_all_orders_after(10_000)
            assert (await client.fetch_position_mode(SYMBOL))["hedged"] is False
            assert (await client.fetch_funding_rate(SYMBOL))["fundingRate"] is not None
            book = await client.fetch_order_book(SYMBOL, 5)
            assert len(book["bids"]) == 5

    run(story())


def test_streams(keys: Any, run: Any, until: Any) -> None:
    """Orders, fills, positions and balance arrive through ccxt.pro's watch calls."""

    async def story() -> None:
        async with trading(keys) as (server, client):
            watcher = Watcher()
            try:
                watcher.follow("orders", lambda: client.watch_orders(SYMBOL))
                watcher.follow("trades", lambda: client.watch_my_trades(SYMBOL))
                watcher.follow("positions", client.watch_positions)
                watcher.follow("balance", client.watch_balance)
                state = server.control.apply
                await until(lambda: state("state")["sockets"].get("private") == 1)
                rows = watcher.rows
                await until(lambda: bool(rows["balance"]))
                await asyncio.sleep(0.1)  # ccxt reads its snapshots first
                await client.create_order(SYMBOL, "limit", "buy", 1, 59000)
                await until(lambda: "open" in {r["status"] for r in rows["orders"]})
                state("trade", {"symbol": LISTED, "price": 59000})
                await until(lambda: "closed" in {r["status"] for r in rows["orders"]})
                await until(lambda: bool(rows["trades"]))
                trade = rows["trades"][-1]
                assert (trade["price"], trade["amount"]) == (59000, 1)
                assert trade["takerOrMaker"] == "maker"
                await until(lambda: 1 in {r["contracts"] for r in rows["positions"]})
            finally:
                await watcher.stop()

    run(story())


def test_order_entry_socket(keys: Any, run: Any) -> None:
    """ccxt.pro places, amends and cancels over the private socket."""

    async def story() -> None:
        async with trading(keys) as (_, client):
            order = await client.create_order_ws(SYMBOL, "limit", "buy", 1, 59000)
            await client.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 2, 59100)
            changed = await client.fetch_order(order["id"], SYMBOL)
            assert (changed["amount"], changed["price"]) == (2, 59100)
            await client.cancel_order_ws(order["id"], SYMBOL)
            with pytest.raises(ccxtpro.ExchangeError, match="51400"):
                await client.cancel_order_ws(order["id"], SYMBOL)

    run(story())
