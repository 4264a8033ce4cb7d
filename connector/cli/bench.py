"""``connector bench``: how fast this machine is with this product."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import JsonOption
from connector.cli.output import Column, Output
from connector.cli.paper import DEFAULT_KEY, DEFAULT_SECRET
from connector.config.defaults import DEFAULT_PROFILE
from connector.errors import Unreachable

if TYPE_CHECKING:
    from connector.config.hosts import EndpointUrls

_START_S = 30.0
_MOST = 250  # simulated venues keep the real limits

_HEADINGS = (
    Column("what"),
    Column("count", is_number=True),
    Column("p50 ms", is_number=True),
    Column("p99 ms", is_number=True),
    Column("max ms", is_number=True),
)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(bench)


def bench(
    venue: Annotated[
        str, typer.Argument(help="Whose protocol; name or short name.")
    ] = DEFAULT_PROFILE.partition(":")[2],
    orders: Annotated[
        int, typer.Option("--orders", min=1, max=_MOST, help="Placed per channel.")
    ] = 100,
    uvloop: Annotated[
        bool, typer.Option("--uvloop", help="Use the extra: fast.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure this machine against a simulated venue.

    The venue runs in another process.

    Each order is placed (journaled and fsynced, limited, signed, sent, answered) and
    cancelled, over WebSocket and over REST. The venue's own work, and this machine's
    loopback in place of a network, are in the numbers.
    """
    out = Output(as_json=as_json)
    if uvloop:
        try:
            import uvloop as fast
        except ImportError:
            from connector.errors import ConfigError

            raise ConfigError(
                "--uvloop needs the extra: pip install 'connector[fast]'"
            ) from None
        rows = fast.run(_measure(venue, orders))
    else:
        rows = asyncio.run(_measure(venue, orders))
    if as_json:
        for row in rows:
            out.record({"type": "bench", **row}, "")
        return
    out.table(
        _HEADINGS,
        [
            (
                f"{row['channel']}: {row['what']}",
                row["count"],
                *(f"{row[name]:.3f}" for name in ("p50_ms", "p99_ms", "max_ms")),
            )
            for row in rows
        ],
    )


async def _measure(venue: str, orders: int) -> list[dict[str, Any]]:
    rows = []
    for channel in ("websocket", "rest"):
        async with _served(venue) as urls:
            if channel == "rest":
                urls = replace(urls, ws_api="")
            found = await _one_channel(venue, urls, orders)
        rows += [
            {"channel": channel, "what": what, **numbers}
            for what, numbers in found.items()
            if numbers["count"]
        ]
    return rows


async def _one_channel(
    venue: str, urls: EndpointUrls, orders: int
) -> dict[str, dict[str, float]]:
    from connector.model.credentials import ApiKey, Credentials, Secret
    from connector.model.money import floor_to_grid
    from connector.session import Session
    from connector.session.latency import Histogram

    placing, cancelling = Histogram(), Histogram()
    with TemporaryDirectory() as place:
        async with Session(
            f"paper:{venue}",
            endpoints=urls,
            credentials=Credentials(
                api_key=ApiKey(DEFAULT_KEY), secret=Secret(DEFAULT_SECRET)
            ),
            journal=Path(place) / "bench.db",
        ) as session:
            symbol, rules = next(iter(session.instruments.items()))
            while (mark := session.mark_price(symbol)) is None:
                await session.changed()
            price = floor_to_grid(mark * 97 / 100, rules.tick_size)
            qty = max(rules.min_qty, rules.qty_step, rules.min_notional / price * 2)
            qty = floor_to_grid(qty, rules.qty_step) + rules.qty_step
            for _ in range(orders):
                began_ns = time.perf_counter_ns()
                order = await session.buy(symbol, qty, limit=price)
                placed_ns = time.perf_counter_ns()
                await session.cancel(order)
                placing.record(placed_ns - began_ns)
                cancelling.record(time.perf_counter_ns() - placed_ns)
            inside: dict[str, dict[str, float]] = session.stats()["latency"]
    return {"place": placing.summary(), "cancel": cancelling.summary(), **inside}


@contextlib.asynccontextmanager
async def _served(venue: str) -> AsyncIterator[EndpointUrls]:
    """A simulated venue in a process of its own; raises Unreachable."""
    from connector.config.hosts import EndpointUrls

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", "paper", "serve", venue, "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
        if not line:
            raise Unreachable("the simulated venue did not start")
        links = json.loads(line)
        yield EndpointUrls(
            rest=links["rest"],
            stream=links["stream"],
            public=links["public"],
            ws_api=links["ws_api"],
            key_info=links["rest"],
        )
    except TimeoutError:
        raise Unreachable(
            f"the simulated venue did not start within {_START_S:g} s"
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
