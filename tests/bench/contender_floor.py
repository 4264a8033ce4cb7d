"""Floors: bare libraries that do nothing but the necessary."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from bench_tools import (
    Spread,
    Task,
    in_flight,
    measure,
    place_cancel,
    serve,
    start_burst,
)

SYMBOL = "BTCUSDT"
PARAMS = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.010", "price": "58000.0", "newOrderRespType": "RESULT",
}  # fmt: skip


class State(msgspec.Struct):
    s: str
    c: str
    S: str
    o: str
    f: str
    q: Decimal
    p: Decimal
    ap: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 - the wire's own name
    z: Decimal
    L: Decimal
    n: Decimal
    N: str
    T: int
    t: int
    m: bool
    R: bool
    ps: str
    rp: Decimal


class BalanceRow(msgspec.Struct):
    a: str
    wb: Decimal
    cw: Decimal
    bc: Decimal


class PositionRow(msgspec.Struct):
    s: str
    pa: Decimal
    ep: Decimal
    ps: str


class Change(msgspec.Struct):
    m: str
    B: list[BalanceRow]
    P: list[PositionRow]


class Order(msgspec.Struct, tag="ORDER_TRADE_UPDATE", tag_field="e"):
    E: int
    T: int
    o: State


class Account(msgspec.Struct, tag="ACCOUNT_UPDATE", tag_field="e"):
    E: int
    T: int
    a: Change


DECODER = msgspec.json.Decoder(Order | Account)


async def ingest(task: Task) -> dict[str, Any]:
    """websockets and a typed decode; no state."""
    from websockets.asyncio.client import connect

    decode = DECODER.decode
    url = task.places["stream"] + "/ws/floor"
    async with connect(url, compression=None, proxy=None) as socket:
        with measure() as spent:
            burst = await start_burst(task)
            got = 0
            while got < task.count:
                decode(await socket.recv(decode=False))
                got += 1
        await burst
        return {**spent.per(task.count), "got": got}


async def latency(task: Task) -> dict[str, Any]:
    """The same at a rate: wire to after the decode."""
    from websockets.asyncio.client import connect

    decode = DECODER.decode
    spread = Spread()
    url = task.places["stream"] + "/ws/floor"
    async with connect(url, compression=None, proxy=None) as socket:
        with measure() as spent:
            burst = await start_burst(task)
            for _ in range(task.count):
                event = decode(await socket.recv(decode=False))
                state = getattr(event, "o", None)
                if state is not None and state.X == "NEW":
                    spread.add_ns(time.time_ns() - int(state.c[1:]))
        await burst
    return {**spread.summary(), **spent.per(task.count), "got": task.count}


def signed(params: dict[str, Any], secret: bytes) -> str:
    """A signed query."""
    query = urlencode({**params, "recvWindow": 5000, "timestamp": 1_790_000_000_000})
    digest = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
    return f"{query}&signature={digest}"


async def place_rest(task: Task) -> dict[str, Any]:
    """Stock httpx, used as its documentation says."""
    import httpx

    secret = task.places["api_secret"].encode()
    headers = {"X-MBX-APIKEY": task.places["api_key"]}
    url = task.places["rest"] + "/fapi/v1/order"
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(
        headers=headers, trust_env=False, limits=limits, timeout=30
    ) as client:

        async def place() -> Any:
            answer = await client.post(f"{url}?{signed(PARAMS, secret)}")
            return answer.json()

        async def cancel(order: Any) -> None:
            params = {"symbol": SYMBOL, "orderId": order["orderId"]}
            await client.delete(f"{url}?{signed(params, secret)}")

        if task.in_flight == 1:
            return await place_cancel(task, place, cancel)
        with measure() as spent:
            await in_flight(task, place)
        return spent.per(task.count)


async def place_ws(task: Task) -> dict[str, Any]:
    """Bare websockets: a frame out, its answer in."""
    from websockets.asyncio.client import connect

    secret = task.places["api_secret"].encode()
    async with connect(task.places["ws_api"], compression=None, proxy=None) as socket:
        number = 0

        async def call(method: str, params: dict[str, Any]) -> Any:
            nonlocal number
            number += 1
            query = urlencode(sorted(params.items()))
            digest = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
            signed_params = {**params, "signature": digest}
            frame = {"id": str(number), "method": method, "params": signed_params}
            await socket.send(json.dumps(frame))
            return json.loads(await socket.recv(decode=False))["result"]

        async def place() -> Any:
            return await call("order.place", {**PARAMS, "timestamp": 1_790_000_000_000})

        async def cancel(order: Any) -> None:
            params = {"symbol": SYMBOL, "orderId": order["orderId"]}
            await call("order.cancel", {**params, "timestamp": 1_790_000_000_000})

        return await place_cancel(task, place, cancel)


async def sign(task: Task) -> dict[str, Any]:
    """urlencode and a fresh HMAC, as every other client does."""
    with measure() as spent:
        for _ in range(task.count):
            signed(PARAMS, b"b" * 64)
    await asyncio.sleep(0)
    return spent.per(task.count)


BENCHES = {
    "ingest": ingest,
    "latency": latency,
    "place_rest": place_rest,
    "place_ws": place_ws,
    "sign": sign,
}

if __name__ == "__main__":
    serve(BENCHES)
