"""pybit, the official SDK, trades on the paper venue, base URLs aside."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

unified = pytest.importorskip("pybit.unified_trading", reason="extra: clients")
trading = pytest.importorskip("pybit._websocket_trading", reason="extra: clients")
exceptions = pytest.importorskip("pybit.exceptions", reason="extra: clients")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
ORDER = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.010",
    "price": "59000.0",
}
BTC = {"category": "linear", "symbol": "BTCUSDT"}


def http_of(urls: dict[str, str], keys: tuple[str, str]) -> Any:
    """The REST client at another address."""
    client = unified.HTTP(api_key=keys[0], api_secret=keys[1])
    client.endpoint = urls["rest"]
    return client


def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The list of an answer that succeeded."""
    assert answer["retCode"] == 0
    found = answer["result"]["list"]
    assert isinstance(found, list)
    return found


def trade(client: Any) -> None:
    """A day over REST: place, amend, cancel, batch, settings, queries."""
    order_id = client.place_order(**ORDER, orderLinkId="p1")["result"]["orderId"]
    client.amend_order(**BTC, orderId=order_id, qty="0.012", price="59100.0")
    (order,) = rows(client.get_open_orders(**BTC))
    assert (order["qty"], order["price"], order["orderLinkId"]) == (
        ("0.012", "59100.00", "p1")
    )
    client.cancel_order(**BTC, orderLinkId="p1")
    with pytest.raises(exceptions.InvalidRequestError, match="110001"):
        client.cancel_order(**BTC, orderLinkId="p1")
    with pytest.raises(exceptions.InvalidRequestError, match="110072"):
        client.place_order(**ORDER, orderLinkId="p1")
    (ended,) = rows(client.get_order_history(**BTC, orderLinkId="p1"))
    assert ended["cancelType"] == "CancelByUser"
    batch = client.place_batch_order(
        category="linear",
        request=[
            {**ORDER, "orderLinkId": "b1"},
            {**ORDER, "orderLinkId": "b2", "reduceOnly": True, "side": "Sell"},
        ],
    )
    codes = [item["code"] for item in batch["retExtInfo"]["list"]]
    assert codes == [0, 110017]
    assert (
        len(rows(client.cancel_all_orders(category="linear", settleCoin="USDT"))) == 1
    )
    client.place_order(**{**ORDER, "orderType": "Market"})
    (position,) = rows(client.get_positions(category="linear", settleCoin="USDT"))
    assert (position["side"], position["size"]) == ("Buy", "0.01")
    (fill,) = rows(client.get_executions(**BTC))
    assert fill["execType"] == "Trade"
    exits_and_triggers(client)
    client.set_leverage(**BTC, buyLeverage="20", sellLeverage="20")
    wallet = rows(client.get_wallet_balance(accountType="UNIFIED"))[0]
    assert float(wallet["totalWalletBalance"]) < 100_000
    assert client.get_account_info()["result"]["marginMode"] == "REGULAR_MARGIN"
    assert client.get_api_key_information()["result"]["readOnly"] == 0
    assert rows(client.get_transaction_log(accountType="UNIFIED"))
    assert rows(client.get_tickers(**BTC))[0]["symbol"] == "BTCUSDT"
    assert rows(client.get_instruments_info(**BTC))[0]["settleCoin"] == "USDT"


def exits_and_triggers(client: Any) -> None:
    """Attached exits wait; a trigger is moved."""
    exits = {"takeProfit": "63000", "stopLoss": "57000", "tpslMode": "Partial"}
    client.place_order(**{**ORDER, "orderType": "Market"}, **exits)
    waiting = rows(client.get_open_orders(**BTC))
    kinds = {row["stopOrderType"] for row in waiting}
    assert kinds == {"PartialTakeProfit", "PartialStopLoss"}
    ids = [row["orderId"] for row in waiting if row["triggerPrice"] == "57000.00"]
    client.amend_order(**BTC, orderId=ids[0], triggerPrice="57500")
    (moved,) = rows(client.get_open_orders(**BTC, orderId=ids[0]))
    assert (moved["triggerPrice"], moved["orderStatus"]) == ("57500.00", "Untriggered")
    assert len(rows(client.cancel_all_orders(**BTC))) == 2


def test_rest(bybit: Any, keys: Any, run: Any) -> None:
    """The official client accepts every answer, and its signature is accepted."""

    async def story() -> None:
        async with bybit() as server:
            await asyncio.to_thread(trade, http_of(server.urls, keys))

    run(story())


def test_sockets(
    bybit: Any, keys: Any, run: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private stream, order entry and tickers through the official client."""
    told: dict[str, list[Any]] = {}
    acknowledged: list[Any] = []

    def keep(message: dict[str, Any]) -> None:
        base = message["topic"].partition(".")[0]
        data = message["data"]
        told.setdefault(base, []).extend(data if isinstance(data, list) else [data])

    def open_all(urls: dict[str, str], stack: ExitStack) -> Any:
        monkeypatch.setattr(unified, "PRIVATE_WSS", urls["stream"])
        monkeypatch.setattr(unified, "PUBLIC_WSS", urls["public"])
        monkeypatch.setattr(trading, "TRADE_WSS", urls["ws_api"])
        secrets = {"api_key": keys[0], "api_secret": keys[1]}
        private = unified.WebSocket(testnet=False, channel_type="private", **secrets)
        stack.callback(private.exit)
        for follow in (
            private.order_stream,
            private.execution_stream,
            private.position_stream,
            private.wallet_stream,
        ):
            follow(callback=keep)
        public = unified.WebSocket(testnet=False, channel_type="linear")
        stack.callback(public.exit)
        public.ticker_stream(symbol="BTCUSDT", callback=keep)
        entry = unified.WebSocketTrading(testnet=False, **secrets)
        stack.callback(entry.exit)
        return entry

    async def story() -> None:
        async with bybit() as server:
            with ExitStack() as stack:
                entry = await asyncio.to_thread(open_all, server.urls, stack)
                await until(lambda: "tickers" in told)
                entry.place_order(acknowledged.append, **ORDER, orderLinkId="w1")
                await until(lambda: bool(told.get("order")) and bool(acknowledged))
                assert acknowledged[0]["retCode"] == 0
                assert acknowledged[0]["header"]["X-Bapi-Limit"] == "10"
                server.control.apply("trade", {"symbol": "BTCUSDT", "price": 59000})
                await until(lambda: {"execution", "position", "wallet"} <= told.keys())
                await until(lambda: told["order"][-1]["orderStatus"] == "Filled")
                assert told["execution"][0]["orderLinkId"] == "w1"
                await asyncio.to_thread(stack.close)

    run(story())
