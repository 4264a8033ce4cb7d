"""The official Binance SDK (USD-M futures) on the paper venue: REST, streams, ws."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connector.paper.faces.binance_usdm import ApiKey

sdk = pytest.importorskip(
    "binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures",
    reason="extra: clients",
)
settings = pytest.importorskip("binance_common.configuration")

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]
SYMBOL = "BTCUSDT"


def client_of(urls: dict[str, str], keys: tuple[str, str]) -> Any:
    """A client that differs from the stock one in its addresses only."""
    key, secret = keys
    return sdk.DerivativesTradingUsdsFutures(
        config_rest_api=settings.ConfigurationRestAPI(
            api_key=key, api_secret=secret, base_path=urls["rest"]
        ),
        config_ws_streams=settings.ConfigurationWebSocketStreams(
            stream_url=urls["stream"]
        ),
        config_ws_api=settings.ConfigurationWebSocketAPI(
            api_key=key, api_secret=secret, stream_url=urls["ws_api"]
        ),
    )


async def call(function: Any, **params: Any) -> Any:
    """A blocking SDK call in a thread."""
    answer = await asyncio.to_thread(function, **params)
    return answer.data()


def test_rest_and_user_stream(venue: Any, keys: Any, run: Any, until: Any) -> None:
    """Place, amend, cancel, query over REST; events over the private stream."""

    async def story() -> None:
        async with venue() as server:
            client = client_of(server.urls, keys)
            rest = client.rest_api
            events: list[str] = []
            listen_key = (await call(rest.start_user_data_stream)).listen_key
            streams = await client.websocket_streams.create_connection()
            try:
                handle = await streams.user_data(listenKey=listen_key)
                handle.on(
                    "message", lambda m: events.append(type(m.actual_instance).__name__)
                )
                await trade(rest)
                await until(lambda: "AccountUpdate" in events)
                assert {"OrderTradeUpdate", "TradeLite"} <= set(events)
            finally:
                await streams.close_connection(close_session=True)

    run(story())


async def trade(rest: Any) -> None:
    order = await call(
        rest.new_order,
        symbol=SYMBOL,
        side="BUY",
        type="LIMIT",
        time_in_force="GTC",
        quantity=0.01,
        price=59000,
    )
    changed = await call(
        rest.modify_order,
        symbol=SYMBOL,
        side="BUY",
        quantity=0.02,
        price=59100,
        order_id=order.order_id,
    )
    assert (changed.price, changed.orig_qty) == ("59100.00", "0.020")
    opened = await call(rest.current_all_open_orders)
    assert [row.order_id for row in opened] == [order.order_id]
    gone = await call(rest.cancel_order, symbol=SYMBOL, order_id=order.order_id)
    assert gone.status == "CANCELED"
    await call(rest.new_order, symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.01)
    positions = await call(rest.position_information_v3)
    assert [row.position_amt for row in positions] == ["-0.010"]
    fills = await call(rest.account_trade_list, symbol=SYMBOL)
    assert [row.qty for row in fills] == ["0.010"]
    balances = await call(rest.futures_account_balance_v3)
    assert [row.asset for row in balances] == ["USDT"]


def test_order_entry_socket(venue: Any, keys: Any, run: Any) -> None:
    """Order entry over ws-fapi, signed the SDK's way."""

    async def story() -> None:
        async with venue() as server:
            client = client_of(server.urls, keys)
            entry = await client.websocket_api.create_connection()
            try:
                answer = await entry.new_order(
                    symbol=SYMBOL,
                    side="BUY",
                    type="LIMIT",
                    time_in_force="GTC",
                    quantity=0.01,
                    price=59000,
                )
                order_id = answer.data().result.order_id
                gone = await entry.cancel_order(symbol=SYMBOL, order_id=order_id)
                assert gone.data().result.status == "CANCELED"
            finally:
                await entry.close_connection(close_session=True)

    run(story())


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_asymmetric_keys(venue: Any, run: Any, kind: str) -> None:
    """The SDK's Ed25519 and RSA signatures verify on REST and on ws-fapi."""
    private: Any = Ed25519PrivateKey.generate()
    if kind == "rsa":
        private = generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secret = {"api_key": kind, "api_secret": "", "private_key": pem.decode()}

    async def story() -> None:
        async with venue(ApiKey(key=kind, verifier=private.public_key())) as server:
            client = sdk.DerivativesTradingUsdsFutures(
                config_rest_api=settings.ConfigurationRestAPI(
                    **secret, base_path=server.urls["rest"]
                ),
                config_ws_api=settings.ConfigurationWebSocketAPI(
                    **secret, stream_url=server.urls["ws_api"]
                ),
            )
            entry = await client.websocket_api.create_connection()
            try:
                answer = await entry.new_order(
                    symbol=SYMBOL,
                    side="BUY",
                    type="LIMIT",
                    time_in_force="GTC",
                    quantity=0.01,
                    price=59000,
                )
                opened = await call(client.rest_api.current_all_open_orders)
                assert [row.order_id for row in opened] == [
                    answer.data().result.order_id
                ]
            finally:
                await entry.close_connection(close_session=True)

    run(story())
