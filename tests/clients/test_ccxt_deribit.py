"""ccxt ``deribit`` trades on the paper venue, base URLs aside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connector.paper.venue import paper_server

ccxt = pytest.importorskip("ccxt.async_support", reason="extra: clients")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
KEY, SECRET = "clientskey", "clientssecret"
INVERSE = "BTC/USD:BTC"


def exchange(rest: str) -> Any:
    """An exchange that differs from the stock one in its address only."""
    client = ccxt.deribit({"apiKey": KEY, "secret": SECRET})
    client.urls["api"]["rest"] = rest
    return client


def test_ccxt_places_cancels_and_asks() -> None:
    """Markets, prices, orders, stops, trades, positions and balances over REST."""

    async def story() -> None:
        server = paper_server("deribit", api_key=KEY, api_secret=SECRET, seed=7)
        server.faces[0].engine.freeze()
        async with server, asyncio.timeout(60):
            client = exchange(server.links.rest)
            try:
                await _trade(client)
            finally:
                await client.close()

    asyncio.run(story())


async def _trade(client: Any) -> None:
    markets = await client.load_markets()
    assert markets[INVERSE]["inverse"]
    options = [m for m in markets.values() if m["option"]]
    assert options
    ticker = await client.fetch_ticker(INVERSE)
    assert ticker["last"] > 0
    book = await client.fetch_order_book(INVERSE)
    assert book["bids"][0][0] < book["asks"][0][0]
    order = await client.create_order(INVERSE, "limit", "buy", 100, 95000)
    assert order["status"] == "open"
    order = await client.edit_order(order["id"], INVERSE, "limit", "buy", 200, 95100)
    assert (order["price"], order["amount"]) == (95100, 200)
    opened = await client.fetch_open_orders(INVERSE)
    assert [row["id"] for row in opened] == [order["id"]]
    gone = await client.cancel_order(order["id"], INVERSE)
    assert gone["status"] == "canceled"
    with pytest.raises(ccxt.BaseError):
        await client.cancel_order(order["id"], INVERSE)
    market = await client.create_order(INVERSE, "market", "sell", 100)
    assert (market["status"], market["filled"]) == ("closed", 100)
    stop = await client.create_order(
        INVERSE, "limit", "buy", 100, 106000, {"stopLossPrice": 105000}
    )
    assert stop["id"].startswith("SLMS-")
    await client.cancel_all_orders(INVERSE)
    assert await client.fetch_open_orders(INVERSE) == []
    (trade,) = await client.fetch_my_trades(INVERSE)
    assert trade["order"] == market["id"]
    (position,) = [row for row in await client.fetch_positions() if row["contracts"]]
    assert position["side"] == "short"
    balance = await client.fetch_balance()
    assert balance["BTC"]["total"] > 9
    call = next(m for m in options if m["optionType"] == "call")
    bought = await client.create_order(call["symbol"], "market", "buy", 1)
    assert bought["status"] == "closed"
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(INVERSE, "market", "buy", 900_000_00)
