"""The official Binance SDK for USD-M futures."""

from __future__ import annotations

from typing import Any

from bench_tools import Task, place_cancel, serve
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (  # noqa: E501
    DerivativesTradingUsdsFutures,
)

SYMBOL = "BTCUSDT"
ORDER: dict[str, Any] = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC",
    "quantity": 0.01, "price": 58000,
}  # fmt: skip


def client_of(task: Task) -> Any:
    """A client that differs from the stock one in its addresses only."""
    places = task.places
    keys = {"api_key": places["api_key"], "api_secret": places["api_secret"]}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=places["rest"]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=places["stream"]),
        config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=places["ws_api"]),
    )


async def place_rest(task: Task) -> dict[str, Any]:
    """Its REST client blocks; it is called as it is."""
    rest = client_of(task).rest_api

    async def place() -> Any:
        return rest.new_order(**ORDER).data()

    async def cancel(order: Any) -> None:
        rest.cancel_order(symbol=SYMBOL, order_id=order.order_id)

    return await place_cancel(task, place, cancel)


async def place_ws(task: Task) -> dict[str, Any]:
    """new_order and cancel_order over its WebSocket API."""
    entry = await client_of(task).websocket_api.create_connection()

    async def place() -> Any:
        return (await entry.new_order(**ORDER)).data().result

    async def cancel(order: Any) -> None:
        await entry.cancel_order(symbol=SYMBOL, order_id=order.order_id)

    try:
        return await place_cancel(task, place, cancel)
    finally:
        await entry.close_connection(close_session=True)


BENCHES = {
    "place_rest": place_rest,
    "place_ws": place_ws,
}

if __name__ == "__main__":
    serve(BENCHES)
