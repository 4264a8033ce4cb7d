"""python-binance: dictionaries, no state."""

from __future__ import annotations

import time
from typing import Any

from bench_tools import (
    Spread,
    Task,
    in_flight,
    measure,
    place_cancel,
    serve,
    start_burst,
)
from binance import AsyncClient, BinanceSocketManager

SYMBOL = "BTCUSDT"
ORDER = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.010", "price": "58000.0",
}  # fmt: skip


def client_of(task: Task) -> Any:
    """A client that differs from the stock one in its addresses only."""
    client = AsyncClient(task.places["api_key"], task.places["api_secret"])
    client.FUTURES_URL = task.places["rest"] + "/fapi"
    return client


async def ingest(task: Task) -> dict[str, Any]:
    """Its user socket; the queue of 100 messages is lifted, or nothing would come."""
    spread = Spread()
    client = client_of(task)
    try:
        sockets = BinanceSocketManager(client, max_queue_size=task.count + 100)
        sockets.FSTREAM_URL = task.places["stream"] + "/"
        async with sockets.futures_user_socket() as stream:
            with measure() as spent:
                burst = await start_burst(task)
                got = 0
                while got < task.count:
                    event = await stream.recv()
                    got += 1
                    order = event.get("o")
                    if order is not None and order["X"] == "NEW":
                        spread.add_ns(time.time_ns() - int(order["c"][1:]))
            await burst
            return {**spread.summary(), **spent.per(task.count), "got": got}
    finally:
        await client.close_connection()


async def place_rest(task: Task) -> dict[str, Any]:
    """futures_create_order and futures_cancel_order."""
    client = client_of(task)
    try:

        async def place() -> Any:
            return await client.futures_create_order(**ORDER)

        async def cancel(order: Any) -> None:
            await client.futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"])

        if task.in_flight == 1:
            return await place_cancel(task, place, cancel)
        with measure() as spent:
            await in_flight(task, place)
        return spent.per(task.count)
    finally:
        await client.close_connection()


BENCHES = {"ingest": ingest, "latency": ingest, "place_rest": place_rest}

if __name__ == "__main__":
    serve(BENCHES)
