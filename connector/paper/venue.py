"""A simulated venue ready to run, for demos, tests and the command line.

``paper_server(venue)`` builds a server with one funded account and one key; it is
started by ``async with``. ``serve`` runs one until SIGTERM or SIGINT.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces.registry import kit_of
from connector.paper.faults import Faults
from connector.paper.server import PaperServer
from connector.paper.types import Instrument

ACCOUNT_ID = "main"


def wall_ms() -> int:
    """True time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def paper_server(
    venue: str,
    *,
    api_key: str = "paperkey",
    api_secret: str = "papersecret",  # noqa: S107 - a simulated account
    passphrase: str | None = None,
    seed: int = 0,
    now_ms: Callable[[], int] = wall_ms,
    host: str = "127.0.0.1",
    port: int = 0,
    balances: Mapping[str, Decimal] | None = None,
    instruments: Sequence[Instrument] | None = None,
    faults: Faults | None = None,
    **options: Any,
) -> PaperServer:
    """A server of *venue* with the account ``main`` holding *balances*.

    *balances* and *instruments* None: the venue's usual ones; *options* are those
    of its face. Raises KeyError for a venue without a face.
    """
    kit = kit_of(venue)
    start_ms = now_ms()
    engine = Engine(
        seed=seed,
        now_ms=start_ms,
        instruments=kit.instruments if instruments is None else instruments,
        rules=kit.rules,
    )
    engine.open_account(
        ACCOUNT_ID, kit.balances if balances is None else balances, now_ms=start_ms
    )
    face = kit.build(
        engine,
        account_id=ACCOUNT_ID,
        api_key=api_key,
        api_secret=api_secret,
        passphrase=passphrase,
        seed=seed,
        **options,
    )
    return PaperServer([face], now_ms, host=host, port=port, faults=faults)


async def serve(
    venue: str,
    *,
    api_key: str,
    api_secret: str,
    passphrase: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
    announce: Callable[[dict[str, str]], None] | None = None,
) -> None:
    """Run *venue* until SIGTERM or SIGINT, or until cancelled.

    *announce* is called once with the addresses (``Links.as_dict``) when connections
    are accepted. Raises
    KeyError for an unknown venue.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    server = paper_server(
        venue,
        api_key=api_key,
        api_secret=api_secret,
        passphrase=passphrase,
        host=host,
        port=port,
        seed=seed,
    )
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with server:
            if announce is not None:
                announce(server.urls)
            await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
