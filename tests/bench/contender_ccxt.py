"""ccxt and ccxt.pro."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import ccxt.pro
from bench_tools import (
    Spread,
    Task,
    in_flight,
    measure,
    place_cancel,
    resident_kib,
    serve,
    start_burst,
    tell_venue,
)

SYMBOL = "BTC/USDT:USDT"
HOSTS = ("https://fapi.binance.com", "https://api.binance.com")


async def exchange(task: Task) -> Any:
    """An exchange that differs from the stock one in its addresses only."""
    places = task.places
    client = ccxt.pro.binanceusdm(
        {
            "apiKey": places["api_key"],
            "secret": places["api_secret"],
            "enableRateLimit": False,
        }
    )
    api = client.urls["api"]
    for name, url in list(api.items()):
        for host in HOSTS:
            if isinstance(url, str) and url.startswith(host):
                api[name] = url.replace(host, places["rest"])
    api["ws"]["linear"] = places["stream"] + "/ws"
    api["ws"]["ws-api"]["linear"] = places["ws_api"]
    await client.load_markets()
    return client


async def ingest(task: Task) -> dict[str, Any]:
    """watch_orders in a loop. It hands over what there is when the loop gets its
    turn, so not every event reaches the user; the venue's work is what is counted."""
    spread = Spread()
    client = await exchange(task)
    last = task.count // 3
    closed: set[str] = set()
    try:
        first = asyncio.create_task(client.watch_orders())
        await asyncio.sleep(0.5)  # it subscribes
        got = 0
        with measure() as spent:
            burst = await start_burst(task)
            pending = first
            quiet_s = 0.0
            while len(closed) < last and quiet_s < 5:
                done, _ = await asyncio.wait({pending}, timeout=1)
                if not done:
                    quiet_s += 1
                    continue
                quiet_s = 0
                for order in pending.result():
                    got += 1
                    if order["status"] == "open":
                        name = order["clientOrderId"]
                        spread.add_ns(time.time_ns() - int(name[1:]))
                    else:
                        closed.add(order["id"])
                pending = asyncio.create_task(client.watch_orders())
        await burst
        pending.cancel()
        spent.wall_s -= quiet_s
        return {**spread.summary(), **spent.per(task.count), "got": got * 3 // 2}
    finally:
        await client.close()


async def place_rest(task: Task) -> dict[str, Any]:
    """create_order and cancel_order."""
    client = await exchange(task)
    try:

        async def place() -> Any:
            return await client.create_order(SYMBOL, "limit", "buy", 0.01, 58000)

        async def cancel(order: Any) -> None:
            await client.cancel_order(order["id"], SYMBOL)

        if task.in_flight == 1:
            return await place_cancel(task, place, cancel)
        with measure() as spent:
            await in_flight(task, place)
        return spent.per(task.count)
    finally:
        await client.close()


async def place_ws(task: Task) -> dict[str, Any]:
    """create_order_ws and cancel_order_ws."""
    client = await exchange(task)
    try:

        async def place() -> Any:
            return await client.create_order_ws(SYMBOL, "limit", "buy", 0.01, 58000)

        async def cancel(order: Any) -> None:
            await client.cancel_order_ws(order["id"], SYMBOL)

        return await place_cancel(task, place, cancel)
    finally:
        await client.close()


async def open_orders(task: Task) -> dict[str, Any]:
    """fetch_open_orders of all that rest."""
    await tell_venue(task, f"orders?count={task.count}")
    client = await exchange(task)
    try:
        before_kib = resident_kib()
        with measure() as spent:
            orders = await client.fetch_open_orders(SYMBOL)
        assert len(orders) == task.count
        kib = (resident_kib() - before_kib) / task.count
        return {**spent.per(task.count), "kib": kib}
    finally:
        await client.close()


BENCHES = {
    "ingest": ingest,
    "latency": ingest,
    "open_orders": open_orders,
    "place_rest": place_rest,
    "place_ws": place_ws,
}

if __name__ == "__main__":
    serve(BENCHES)
