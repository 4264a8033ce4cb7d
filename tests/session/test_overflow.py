"""Event streams that run full: what is told again, also while the session closes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from venue import desk

from connector.config import SessionConfig
from connector.model.events import (
    Alarm,
    BalanceUpdate,
    Event,
    FillEvent,
    Gap,
    GapReason,
    LinkChanged,
    LinkState,
)
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import JournalFaults, MemoryJournal

VENUE = "binance-usdm"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run with a bound."""

    async def bounded() -> Any:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("reads", ["while it closes", "afterwards"])
def test_a_disk_that_stalls_while_closing_costs_no_event(
    reads: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads is told what overflowed, and then that it is the end."""
    monkeypatch.setattr("connector.session.events._PIECE", piece)

    async def body() -> None:
        faults = JournalFaults()
        owner = Owner(profile=f"paper:{VENUE}", venue=VENUE)
        journal = MemoryJournal(owner, faults=faults)
        config = SessionConfig(event_queue_max=3, close_timeout_s=0.2)
        async with desk(VENUE, config=config, journal=journal) as at:
            events = at.session.events()
            rests = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            for _ in range(3):
                await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            assert events.overflows

            async def read() -> list[Event]:
                return [event async for event in events]

            faults.delay_s = 3600
            await at.session.cancel(rests)
            task = asyncio.create_task(read())
            if reads == "while it closes":
                await asyncio.sleep(0)
            else:
                task.cancel()
            await at.session.close()
            told = await (task if reads == "while it closes" else read())
            fills = [e.fill.trade_id for e in told if isinstance(e, FillEvent)]
            assert sorted(fills) == sorted(
                str(row["trade_id"]) for row in at.ledger()["fills"]
            )
            gaps = [e.reason for e in told if isinstance(e, Gap)]
            assert gaps == [GapReason.OVERFLOW]
            assert isinstance(told[-1], LinkChanged) or told[-1].recovered

    run(body())


def test_many_fills_are_read_back_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 12: each once and in order, whatever happens between two pieces; a consumer
    that stops between them goes on where it was."""
    monkeypatch.setattr("connector.session.events._PIECE", 2)

    async def body() -> None:
        config = SessionConfig(event_queue_max=3)
        async with desk(VENUE, config=config) as at:
            events = at.session.events()
            for _ in range(7):
                await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            told: list[Event] = []
            while not any(isinstance(event, BalanceUpdate) for event in told[4:]):
                event = await anext(events)
                told.append(event)
                if isinstance(event, FillEvent) and len(told) < 8:
                    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            fills = [e.fill.trade_id for e in told if isinstance(e, FillEvent)]
            wanted = [str(row["trade_id"]) for row in at.ledger()["fills"]]
            assert fills == wanted[: len(fills)]
            assert len(fills) >= 7

    run(body())


def test_what_is_no_state_is_kept_up_to_the_bound() -> None:
    """Alarms, ledger entries, the link: the newest are told, older ones are counted;
    wallets are told as they are now."""

    async def body() -> None:
        config = SessionConfig(event_queue_max=3)
        async with desk(VENUE, config=config) as at:
            events = at.session.events()
            tell = at.session._open_shell.audience.tell
            for number in range(1, 8):
                tell(Alarm(seq=1000 + number, code=f"a{number}", text=""))
            stale = LinkChanged(
                seq=1008, before=LinkState.LIVE, after=LinkState.STALE, why="x"
            )
            tell(stale)
            told: list[Event] = []
            while not any(isinstance(e, BalanceUpdate) for e in told):
                told.append(await anext(events))
            assert [e.code for e in told[:3] if isinstance(e, Alarm)] == [
                "a1",
                "a2",
                "a3",
            ]
            gap, *others = told[3:7]
            assert isinstance(gap, Gap)
            assert gap.detail == "3 events were unread; 2 of them are gone"
            assert [e.code for e in others if isinstance(e, Alarm)] == ["a6", "a7"]
            assert others[-1] is stale

    run(body())
