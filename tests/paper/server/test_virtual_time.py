"""The server on a virtual-time loop with an in-memory network."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import connect

from connector.paper.venue import paper_server
from connector.sim import run_world

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "MARKET",
    "quantity": "0.010",
}


def signed(params: dict[str, Any]) -> str:
    query = urlencode({**params, "timestamp": time.time_ns() // 1_000_000})
    mac = hmac.new(b"s", query.encode(), hashlib.sha256).hexdigest()
    return f"{query}&signature={mac}"


async def hour(world: Any) -> list[Any]:
    """Trade, then wait until the listen key dies; everything that was seen."""
    with world.party("venue"):
        server = paper_server(
            "binance-usdm", api_key="k", api_secret="s", seed=5, host="venue", port=8080
        )
        await server.start()
    seen: list[Any] = []
    with world.party("bot"):
        headers = {"X-MBX-APIKEY": "k"}
        async with httpx.AsyncClient(
            base_url=server.urls["rest"], headers=headers, trust_env=False
        ) as client:
            key = (await client.post("/fapi/v1/listenKey")).json()["listenKey"]
            address = f"{server.urls['stream']}/private/ws?listenKey={key}"
            async with connect(address, proxy=None, compression=None) as socket:
                for _ in range(3):
                    await client.post(f"/fapi/v1/order?{signed(ORDER)}")
                    await asyncio.sleep(30)
                while not seen or seen[-1]["e"] != "listenKeyExpired":
                    seen.append(json.loads(await socket.recv()))
    await server.close()
    return seen


def test_an_hour_passes_at_once_and_repeats_exactly() -> None:
    """Same seed, same bytes: market, ids, fills and times."""
    first = run_world(hour, seed=11).unwrap()
    assert [row["e"] for row in first].count("TRADE_LITE") == 3
    assert first == run_world(hour, seed=11).unwrap()
