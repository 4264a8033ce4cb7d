"""A bot that is killed by its test: places one order when told, then waits."""

from __future__ import annotations

import asyncio
import json
import sys

from connector.config.hosts import EndpointUrls
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.session import Session


async def main() -> None:
    """Arguments as JSON on the first line of stdin; an order per further line."""
    loop = asyncio.get_running_loop()
    told = json.loads(sys.stdin.readline())
    async with Session(
        "paper:binance-usdm",
        endpoints=EndpointUrls(**told["endpoints"]),
        credentials=Credentials(
            api_key=ApiKey(told["key"]), secret=Secret(told["secret"])
        ),
        journal=told["journal"],
        dead_man_s=told.get("dead_man_s"),
    ) as session:
        print("live", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            await session.buy(order["symbol"], order["qty"], limit=order["limit"])
            print("placed", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
