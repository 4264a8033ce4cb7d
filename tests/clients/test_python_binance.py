"""python-binance's async client and futures user socket on the paper venue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

binance = pytest.importorskip("binance", reason="extra: clients")

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]
SYMBOL = "BTCUSDT"


def client_of(urls: dict[str, str], keys: tuple[str, str]) -> Any:
    """A client that differs from the stock one in its addresses only."""
    client = binance.AsyncClient(*keys)
    client.FUTURES_URL = urls["rest"] + "/fapi"
    client.ws_future._url = urls["ws_api"]
    return client


def test_trades_and_streams(venue: Any, keys: Any, run: Any, until: Any) -> None:
    """REST calls and the user socket tell the same story."""

    async def story() -> None:
        async with venue() as server:
            client = client_of(server.urls, keys)
            sockets = binance.BinanceSocketManager(client)
            sockets.FSTREAM_URL = server.urls["stream"] + "/"
            events: list[dict[str, Any]] = []
            try:
                async with sockets.futures_user_socket() as stream:

                    async def read() -> None:
                        while True:
                            events.append(await stream.recv())

                    reader = asyncio.create_task(read())
                    try:
                        await trade(client, server, events, until)
                    finally:
                        reader.cancel()
                        await asyncio.gather(reader, return_exceptions=True)
            finally:
                await client.close_connection()

    run(story())


async def trade(client: Any, server: Any, events: list[Any], until: Any) -> None:
    order = await client.futures_create_order(
        symbol=SYMBOL,
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.01",
        price="59000",
    )
    order_id = order["orderId"]
    changed = await client.futures_modify_order(
        symbol=SYMBOL, side="BUY", orderId=order_id, quantity="0.02", price="59100"
    )
    assert (changed["price"], changed["origQty"]) == ("59100.00", "0.020")
    opened = await client.futures_get_open_orders(symbol=SYMBOL)
    assert [row["orderId"] for row in opened] == [order_id]
    gone = await client.futures_cancel_order(symbol=SYMBOL, orderId=order_id)
    assert gone["status"] == "CANCELED"
    with pytest.raises(binance.BinanceAPIException) as caught:
        await client.futures_cancel_order(symbol=SYMBOL, orderId=order_id)
    assert caught.value.code == -2011
    await client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.01"
    )
    positions = await client.futures_position_information(symbol=SYMBOL)
    assert [row["positionAmt"] for row in positions] == ["-0.010"]
    fills = await client.futures_account_trades(symbol=SYMBOL)
    assert [row["qty"] for row in fills] == ["0.010"]
    account = await client.futures_account()
    assert float(account["totalWalletBalance"]) < 100_000
    balances = await client.futures_account_balance()
    assert [row["asset"] for row in balances] == ["USDT"]
    assert await client.futures_leverage_bracket(symbol=SYMBOL)
    await client.futures_change_leverage(symbol=SYMBOL, leverage=10)
    stop = await client.futures_create_order(
        symbol=SYMBOL,
        side="BUY",
        type="STOP_MARKET",
        stopPrice="61000",
        closePosition=True,
    )
    assert stop["algoStatus"] == "NEW"
    await until(lambda: any(e["e"] == "ALGO_UPDATE" for e in events))
    kinds = [e["o"]["x"] for e in events if e["e"] == "ORDER_TRADE_UPDATE"]
    assert kinds == ["NEW", "AMENDMENT", "CANCELED", "NEW", "TRADE"]
    names = {e["e"] for e in events}
    assert {"TRADE_LITE", "ACCOUNT_UPDATE", "ACCOUNT_CONFIG_UPDATE"} <= names


def test_order_entry_socket(venue: Any, keys: Any, run: Any) -> None:
    """Order entry over ws-fapi, signed per request."""

    async def story() -> None:
        async with venue() as server:
            client = client_of(server.urls, keys)
            try:
                order = await client.ws_futures_create_order(
                    symbol=SYMBOL,
                    side="BUY",
                    type="LIMIT",
                    timeInForce="GTC",
                    quantity="0.01",
                    price="59000",
                )
                gone = await client.ws_futures_cancel_order(
                    symbol=SYMBOL, orderId=order["orderId"]
                )
                assert gone["status"] == "CANCELED"
            finally:
                await client.close_connection()

    run(story())
