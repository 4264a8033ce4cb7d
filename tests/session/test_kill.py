"""Law 4: kill -9 of a real bot at each stage of an order; nothing is lost.

The venue lives in this process, the bot in another, its journal on a real disk.
After the kill a new session on the same journal must account for every order and
every fill of the venue's ledger, each exactly once, as its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from venue import API_KEY, API_SECRET, session_on, urls_of

from connector.model.events import Event, FillEvent, Resynced
from connector.model.order import OrderStatus, Origin
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server

BOT = Path(__file__).with_name("killed_bot.py")
SYMBOL = "BTCUSDT"

# stage: (fault before the order, is it at the venue when we kill, does it fill)
STAGES: dict[str, tuple[dict[str, Any] | None, str]] = {
    "request on its way": ({"verb": "delay_request", "ms": 400}, "sent"),
    "accepted, reply on its way": ({"verb": "delay_reply", "ms": 2000}, "accepted"),
    "accepted, reply lost": ({"verb": "lose_reply"}, "accepted"),
    "accepted and told": (None, "told"),
    "filled and told": (None, "filled"),
    "filled while dead": (None, "filled while dead"),
    "request lost": ({"verb": "lose_request"}, "lost"),
}


class Bot:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(
        cls, server: PaperServer, journal: Path, dead_man_s: float | None = None
    ) -> Bot:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(BOT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        bot = cls(process)
        bot.tell(
            {
                "endpoints": asdict(urls_of(server)),
                "key": API_KEY,
                "secret": API_SECRET,
                "journal": str(journal),
                "dead_man_s": dead_man_s,
            }
        )
        assert await bot.hear() == "live"
        return bot

    def tell(self, what: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def hear(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            return (await self.process.stdout.readline()).decode().strip()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at(stage: str, tmp_path: Path) -> None:
    """Killed at each stage, restarted: every order and fill is accounted for."""
    asyncio.run(asyncio.wait_for(killed_at(stage, tmp_path / "journal.db"), 60))


async def killed_at(stage: str, journal: Path) -> None:
    fault, point = STAGES[stage]
    async with paper_server(
        "binance-usdm", api_key=API_KEY, api_secret=API_SECRET, seed=2
    ) as server:
        control = server.control.apply
        control("freeze", {"symbol": SYMBOL})
        bot = await Bot.start(server, journal)
        await asyncio.sleep(0.3)  # order entry is up
        if fault is not None:
            args = {k: v for k, v in fault.items() if k != "verb"}
            control(fault["verb"], {"path": "order", "times": 1, **args})
        bot.tell({"symbol": SYMBOL, "qty": "0.010", "limit": "59400"})
        await reach(server, bot, point)
        await bot.kill()
        control("heal", {})
        if point == "filled while dead":
            control("trade", {"symbol": SYMBOL, "price": "59400"})
        await asyncio.sleep(0.5)  # what was on its way arrives
        await check(server, journal, point)


async def reach(server: PaperServer, bot: Bot, point: str) -> None:
    """Wait until the order is at *point*."""

    def orders() -> dict[str, Any]:
        state = server.control.apply("state", {})
        assert isinstance(state, dict)
        return state["orders"]

    if point in ("told", "filled", "filled while dead"):
        assert await bot.hear() == "placed"
        if point == "filled":
            server.control.apply("trade", {"symbol": SYMBOL, "price": "59400"})
            await asyncio.sleep(0.2)
        return
    if point == "accepted":
        async with asyncio.timeout(10):
            while not orders():
                await asyncio.sleep(0.01)
        return
    await asyncio.sleep(0.2)  # sent, and either still on its way or lost


async def check(server: PaperServer, journal: Path, point: str) -> None:
    told: list[Event] = []
    async with session_on(
        server, "binance-usdm", journal=journal, on_event=told.append
    ) as session:
        await asyncio.sleep(1.0)
        ledger = server.control.apply("state", {})
        assert isinstance(ledger, dict)
        reports = [e.report for e in told if isinstance(e, Resynced)]
        assert [o for r in reports for o in r.external_orders] == []
        assert [a for r in reports for a in r.differences_left] == []
        for order_id, row in ledger["orders"].items():
            tracked = session._open_shell.core.orders.find(SYMBOL, order_id)
            assert tracked is not None, "an order of the venue is unknown"
            assert tracked.origin is Origin.OWN
            assert str(tracked.filled_qty) == str(D(row["filled_qty"])) or (
                tracked.filled_qty == D(row["filled_qty"])
            )
        keys = session._open_shell.core.orders.fill_keys
        assert len(keys) == len(ledger["fills"])
        expected = D(ledger["positions"].get(f"{SYMBOL}:BOTH", "0"))
        assert sum((p.qty for p in session.positions), D(0)) == expected
        recovered = [e for e in told if isinstance(e, FillEvent)]
        assert len(recovered) == (1 if point == "filled while dead" else 0)
        if point == "lost":
            # Nobody can know yet: it is counted as exposure, not forgotten.
            assert [o.status for o in session.orders] == [OrderStatus.IN_DOUBT]
            assert session.exposure(SYMBOL) == (D(0), D("0.010"))


def test_dead_man_switch_cancels_what_a_killed_bot_left(tmp_path: Path) -> None:
    """With `dead_man_s` the venue cancels the orders of a bot that died; while it
    lives its orders stay, however much longer than that they rest."""
    asyncio.run(asyncio.wait_for(left_behind(tmp_path / "journal.db"), 60))


async def left_behind(journal: Path) -> None:
    async with paper_server(
        "binance-usdm", api_key=API_KEY, api_secret=API_SECRET, seed=2
    ) as server:
        server.control.apply("freeze", {"symbol": SYMBOL})

        def is_resting() -> bool:
            state = server.control.apply("state", {})
            assert isinstance(state, dict)
            rows = list(state["orders"].values())
            assert len(rows) == 1
            return str(rows[0]["status"]) == "NEW"

        bot = await Bot.start(server, journal, dead_man_s=5)
        bot.tell({"symbol": SYMBOL, "qty": "0.010", "limit": "59400"})
        assert await bot.hear() == "placed"
        await asyncio.sleep(6)
        assert is_resting()
        await bot.kill()
        assert is_resting()
        async with asyncio.timeout(10):
            while is_resting():
                await asyncio.sleep(0.05)
        async with session_on(server, "binance-usdm", journal=journal) as session:
            assert session.orders == []
