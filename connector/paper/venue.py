"""A simulated venue ready to run, for demos, tests and the command line.

``paper_server(venue)`` builds a server with one funded account and one key; it is
started by ``async with``. ``serve`` runs one until SIGTERM or SIGINT.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces.registry import kit_of
from connector.paper.faults import Faults
from connector.paper.rules import EngineRules
from connector.paper.server import PaperServer
from connector.paper.types import Instrument

ACCOUNT_ID = "main"

IDS_SINCE_MS = 1_700_000_000_000
IDS_PER_MS = 1


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
    ids_follow_time: bool = False,
    **options: Any,
) -> PaperServer:
    """A server of *venue* with the account ``main`` holding *balances*.

    *balances* and *instruments* None: the venue's usual ones; *options* are those
    of its face. *ids_follow_time*: a venue that is started again never gives ids
    which it gave before, as no real venue does. Raises KeyError for a venue without
    a face.
    """
    kit = kit_of(venue)
    start_ms = now_ms()
    rules = (
        ids_from(kit.rules or EngineRules(), start_ms) if ids_follow_time else kit.rules
    )
    if instruments is None:
        instruments = kit.list_at(start_ms) if kit.list_at else kit.instruments
    engine = Engine(
        seed=seed,
        now_ms=start_ms,
        instruments=instruments,
        rules=rules,
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


def ids_from(rules: EngineRules, start_ms: int) -> EngineRules:
    """*rules* whose first ids are beyond those of any venue started earlier.

    Clients keep journals: an old order under a new order's id, or an old trade id,
    would look like the same order, and the new fill like a duplicate. Holds for up
    to IDS_PER_MS orders or trades per millisecond of the earlier venue's life.
    """
    more = max(0, start_ms - IDS_SINCE_MS) * IDS_PER_MS
    return replace(
        rules,
        first_order_id=rules.first_order_id + more,
        first_trade_id=rules.first_trade_id + more,
        first_tran_id=rules.first_tran_id + more,
        first_conditional_id=rules.first_conditional_id + more,
    )


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
        ids_follow_time=True,
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
