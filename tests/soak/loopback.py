"""One session on real sockets for as long as wanted, through a proxy that does harm.

    python tests/soak/loopback.py --minutes 60 --venue binance-usdm

The simulated venue, a TCP proxy and the session share one event loop on 127.0.0.1.
The session trades, quotes and cancels, and another hand trades beside it: up to some
200 private events a second. Every few seconds the proxy cuts, resets, stalls or slows a
connection. At the end it does no harm any more, and session and ledger must agree:
orders, positions, wallets, every fill told once. Tasks and objects must not grow.
Prints one JSON object; exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.config.hosts import EndpointUrls
from connector.config.profiles import Environment, Profile
from connector.embedded import credentials_for, endpoints_of
from connector.errors import ConnectorError
from connector.model.credentials import KeyName
from connector.model.events import Event, FillEvent
from connector.paper.control import BadArgument
from connector.paper.faces.registry import playbook_of
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.runtime.journal import Owner
from connector.runtime.journal_file import FileJournal
from connector.session import Session
from connector.sim.agreement import disagreements
from connector.sim.bots import on_grid

ACCOUNT = "main"
KEY, SECRET = "soak-key", "soak-secret-55d0"
OWN_A_SECOND = 25  # orders; the venue takes 30
OTHERS_A_SECOND = 15  # each of those missed in a gap is asked for by itself
PAUSE_S = 4.0
"""Between two harms, on average."""
HARMS = ("cut", "reset", "stall", "slow")
SETTLE_S = 150.0
PROXY = "proxy"  # tasks that are not the session's, nor the venue's
SLACK = 1.25


@dataclass
class Told:
    """How it went."""

    seconds: float = 0.0
    trades: int = 0
    events: int = 0
    fills: int = 0
    commands: int = 0
    refused: int = 0
    reconnects: int = 0
    harms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HARMS, 0))
    samples: list[dict[str, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Proxy:
    """Carries bytes between clients and *port*; `harm` spoils one connection."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._to = port
        self._rng = rng
        self._pairs: dict[asyncio.Task[Any], list[asyncio.StreamWriter]] = {}
        self._slow_s: dict[asyncio.Task[Any], float] = {}
        self.port = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(PROXY)
        writers = self._pairs.setdefault(task, [writer])
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self._to
            )
            writers.append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pipe(task, reader, far_writer), name=PROXY)
                group.create_task(self._pipe(task, far_reader, writer), name=PROXY)
        except (OSError, ExceptionGroup):
            pass  # one side is gone: so is the other
        finally:
            self._pairs.pop(task, None)
            self._slow_s.pop(task, None)
            for end in writers:
                end.transport.abort()

    async def _pipe(
        self,
        owner: asyncio.Task[Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65536):
            while (wait_s := self._slow_s.get(owner, 0.0)) > 0:
                await asyncio.sleep(min(wait_s, 0.1))
                if wait_s < 1:
                    break  # slow, not stalled
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    def harm(self, kind: str) -> bool:
        """Do it to one connection; False if there is none."""
        if not self._pairs:
            return False
        task = self._rng.choice(list(self._pairs))
        match kind:
            case "cut":
                for writer in self._pairs[task]:
                    writer.close()
            case "reset":
                for writer in self._pairs[task]:
                    writer.transport.abort()
            case "stall":
                self._slow_s[task] = 60.0
            case _:
                self._slow_s[task] = 0.3
        return True

    def heal(self) -> None:
        """What is stalled or slow flows again."""
        self._slow_s.clear()


class Stage:
    """Venue, proxy and session."""

    def __init__(self, venue: str, seed: int, folder: Path) -> None:
        self.told = Told()
        self.rng = random.Random(seed)
        self.book = playbook_of(venue)
        self._fills: Counter[str] = Counter()
        self._folder = folder
        self._venue = venue
        credentials = credentials_for(venue, KEY, SECRET)
        self.server: PaperServer = paper_server(
            venue,
            api_key=KEY,
            api_secret=SECRET,
            seed=seed,
            passphrase=credentials.passphrase and credentials.passphrase.reveal(),
        )
        self.engine = self.server.faces[0].engine

    async def play(self, seconds: float) -> Told:
        """Everything; returns how it went."""
        await self.server.start()
        port = int(self.server.urls["rest"].rpartition(":")[2])
        proxy = Proxy(port, self.rng)
        listening = await proxy.start()
        endpoints = _through(endpoints_of(self.server.urls), port, proxy.port)
        began = time.monotonic()
        try:
            async with self._session(endpoints) as session:
                await self._run(session, proxy, seconds)
                self.told.seconds = round(time.monotonic() - began, 1)
                await self._settle(session, proxy)
                self.told.reconnects = session.stats()["private"]["reconnects"]
        finally:
            listening.close()
            await self.server.close()
        self._judge()
        return self.told

    def _session(self, endpoints: EndpointUrls) -> Session:
        name = KeyName(venue=self._venue, environment="paper", name="soak")
        owner = Owner(profile="paper:soak", venue=self._venue)
        return Session(
            Profile(
                environment=Environment.PAPER,
                name="soak",
                venue=self._venue,
                key_name=name,
            ),
            credentials=credentials_for(self._venue, KEY, SECRET),
            endpoints=endpoints,
            journal=FileJournal(
                self._folder / "soak.journal", owner, wall_ns=time.time_ns()
            ),
            on_event=self._on_event,
        )

    def _on_event(self, event: Event) -> None:
        self.told.events += 1
        if isinstance(event, FillEvent) and not event.fill.is_provisional:
            fill = event.fill
            key = f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}"
            self._fills[key] += 1

    async def _run(self, session: Session, proxy: Proxy, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(self._other_hand()),
                group.create_task(self._trade(session)),
                group.create_task(self._quote(session)),
                group.create_task(self._do_harm(proxy)),
                group.create_task(_read(session)),
            ]
            while (left_s := end_s - time.monotonic()) > 0:
                await asyncio.sleep(min(left_s, max(1.0, seconds / 20)))
                self._sample(session)
            for job in jobs:
                job.cancel()

    async def _other_hand(self) -> None:
        """Trades of another program, back and forth."""
        symbol, market = next(iter(self.book.markets.items()))
        side = "BUY"
        clock = asyncio.get_running_loop().time
        due_s = clock()
        while True:
            due_s += 1 / OTHERS_A_SECOND
            await asyncio.sleep(max(0.0, due_s - clock()))
            args: dict[str, Any] = {"symbol": symbol, "side": side}
            with contextlib.suppress(BadArgument):
                self.server.control.apply("manual", {**args, "qty": market.by_hand})
                self.told.trades += 1
            side = "SELL" if side == "BUY" else "BUY"

    async def _trade(self, session: Session) -> None:
        """Our own trades, back and forth."""
        symbol, market = next(iter(self.book.markets.items()))
        is_buy = True
        while True:
            await asyncio.sleep(1 / OWN_A_SECOND)
            act = session.buy if is_buy else session.sell
            is_buy = not is_buy
            try:
                await act(symbol, market.lot * 2)
            except ConnectorError:
                self.told.refused += 1
                await asyncio.sleep(0.2)
            self.told.commands += 1

    async def _quote(self, session: Session) -> None:
        symbol, market = list(self.book.markets.items())[-1]
        while True:
            await asyncio.sleep(0.5)
            away = Decimal(1) - Decimal(self.rng.randint(5, 30)) / 1000
            price = on_grid(self.engine.quote(symbol).mark * away, market.tick)
            try:
                for order in session.orders[:3]:
                    await session.cancel(order)
                await session.buy(symbol, market.lot * 3, limit=price)
            except ConnectorError:
                self.told.refused += 1
            self.told.commands += 1

    async def _do_harm(self, proxy: Proxy) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / PAUSE_S))
            kind = self.rng.choice(HARMS)
            if proxy.harm(kind):
                self.told.harms[kind] += 1

    def _sample(self, session: Session) -> None:
        gc.collect()
        self.told.samples.append(
            {
                "s": round(time.monotonic()),
                "tasks": sum(t.get_name() != PROXY for t in asyncio.all_tasks()),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "fills": sum(self._fills.values()),
                "is_live": session.is_live,
            }
        )

    async def _settle(self, session: Session, proxy: Proxy) -> None:
        proxy.heal()
        self.engine.freeze()
        end_s = time.monotonic() + SETTLE_S
        while True:
            wrong = self._differences(session)
            if not wrong or time.monotonic() > end_s:
                self.told.wrong += wrong
                return
            await asyncio.sleep(0.5)

    def _differences(self, session: Session) -> list[str]:
        if not session.is_live:
            return [f"the session is {session.state.value}"]
        truly = len(self.engine.fills(ACCOUNT, limit=1 << 30))
        told = len(self._fills)
        missing = [f"{told} fills were told, truly {truly}"] if told != truly else []
        return missing + disagreements(session, self.engine, self.book, ACCOUNT)

    def _judge(self) -> None:
        told = self.told
        told.fills = len(self._fills)
        told.wrong += [
            f"fill {k} came {n} times" for k, n in self._fills.items() if n > 1
        ]
        half = told.samples[len(told.samples) // 2 :]
        if len(half) > 2 and half[-1]["tasks"] > half[0]["tasks"] * SLACK + 10:
            told.wrong.append(f"tasks grew: {half[0]['tasks']} to {half[-1]['tasks']}")


def _through(endpoints: EndpointUrls, port: int, proxy: int) -> EndpointUrls:
    """The same addresses by way of the proxy."""

    def moved(url: str) -> str:
        return url.replace(f":{port}", f":{proxy}")

    return replace(
        endpoints,
        rest=moved(endpoints.rest),
        stream=moved(endpoints.stream),
        public=moved(endpoints.public),
        ws_api=moved(endpoints.ws_api),
        key_info=moved(endpoints.key_info),
        second=moved(endpoints.second),
    )


async def _read(session: Session) -> None:
    async for _ in session.events():
        pass


def soak(seconds: float, venue: str, seed: int = 0) -> Told:
    """Play *seconds* of real time."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(Stage(venue, seed, Path(folder)).play(seconds))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--venue", default="binance-usdm")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    told = soak(given.minutes * 60, given.venue, given.seed)
    print(json.dumps(asdict(told), indent=1))
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
