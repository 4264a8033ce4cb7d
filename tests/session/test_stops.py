"""The venue's word to wait outlives the process that heard it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable

import pytest
from venue import API_KEY, API_SECRET, session_on

from connector.config import SessionConfig
from connector.core.limiter import Limiter
from connector.dialect.wire import Throttle
from connector.errors import RateLimited, Unreachable
from connector.model.clock import NS_PER_S, ClockOffset, Now
from connector.model.limits import BucketScope, BucketSpec
from connector.paper.venue import paper_server
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import MemoryDisk, MemoryJournal
from connector.session.budget import Budget
from connector.session.gate import Gate, forget_gates
from connector.session.spending import Spending, Spent, stops_before

VENUE = "binance-usdm"
BAN = Throttle(scope=BucketScope.IP, until_ms=1_700_000_120_000, is_ban=True)
PLACES = Throttle(scope=BucketScope.ACCOUNT, buckets=("place:*",), wait_ms=9_000)


class Clock:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_700_000_000 * NS_PER_S

    def __call__(self) -> Now:
        return Now(mono_ns=self.wall_ns, wall_ns=self.wall_ns)


def told_after(
    stops: Iterable[tuple[Throttle, int]], later_s: float
) -> list[tuple[Throttle, int]]:
    """What the next process reads that many seconds later, and what is left in ms."""
    clock = Clock()
    spending = Spending("r1", clock)
    for throttle, wait_ms in stops:
        spending.stop(throttle, wait_ms)
    body = spending.record()
    wall_ns = clock.wall_ns + int(later_s * NS_PER_S)
    return [(stop, stop.wait_ms or 0) for stop in stops_before(body, wall_ns)]


def test_what_is_left_of_a_stop_is_told() -> None:
    """Scope, buckets and kind stay; the time that passed counts."""
    (ban, left_ms), (places, _) = told_after([(BAN, 120_000), (PLACES, 9_000)], 5)
    assert (ban.scope, ban.is_ban, ban.until_ms, left_ms) == (
        BucketScope.IP,
        True,
        None,
        115_000,
    )
    assert (places.buckets, places.wait_ms) == (("place:*",), 4_000)
    assert told_after([(BAN, 120_000), (PLACES, 9_000)], 121) == []


def test_a_clock_set_back_does_not_make_it_longer() -> None:
    """An hour back: no more than what was asked for."""
    ((_, left_ms),) = told_after([(BAN, 120_000)], -3600)
    assert left_ms == 120_000


def test_a_ban_of_days_is_asked_about_again() -> None:
    """The address may be another one by now: after ten minutes somebody asks."""
    ((_, left_ms),) = told_after([(BAN, 3 * 86_400_000)], 60)
    assert left_ms == 600_000


def test_the_newest_word_counts() -> None:
    """Told again, the same stop is one stop."""
    ((_, left_ms),) = told_after([(BAN, 60_000), (BAN, 120_000)], 10)
    assert left_ms == 110_000


def test_a_shorter_word_does_not_end_a_longer_one() -> None:
    """A 429 that was under way when the ban was told: the ban stands."""
    throttled = Throttle(scope=BucketScope.IP, wait_ms=5_000)
    ((ban, left_ms),) = told_after([(BAN, 120_000), (throttled, 5_000)], 10)
    assert (ban.is_ban, left_ms) == (True, 110_000)


def test_a_short_stop_is_not_worth_a_write() -> None:
    """It is over before anybody has started again."""
    clock = Clock()
    spending = Spending("r1", clock)
    spending.record()
    spending.stop(PLACES, 2_000)
    assert not spending.wants_record
    spending.stop(PLACES, 9_000)
    assert spending.wants_record


def test_one_record_is_inherited_once() -> None:
    """A session that fails to open and is opened again by the same process."""
    spec = BucketSpec(id="weight", limit=1000, window_ns=60 * NS_PER_S)
    clock = Clock()
    gate = Gate(Limiter((), clock().mono_ns), lambda: clock().mono_ns)
    for _ in range(3):
        budget = Budget(gate, "me", (spec,), Spending("r2", clock))
        budget.inherit([Spent("weight", 90, clock.wall_ns)], "r1", clock())
    assert [view.used for view in gate.snapshot().buckets] == [90]


def test_a_stop_of_an_earlier_process_closes_the_gate() -> None:
    """Nothing that costs anything leaves before it is over."""

    async def body() -> None:
        spec = BucketSpec(id="weight", limit=1000, window_ns=60 * NS_PER_S)
        clock = Clock()
        first = Spending("r1", clock)
        gate = Gate(Limiter((), clock().mono_ns), lambda: clock().mono_ns)
        Budget(gate, "me", (spec,), first).close(
            replace_wait(120_000), ClockOffset(), clock()
        )
        fresh = Gate(Limiter((), clock().mono_ns), lambda: clock().mono_ns)
        budget = Budget(fresh, "me", (spec,), Spending("r2", clock))
        for stop in stops_before(first.record(), clock.wall_ns):
            budget.close(stop, ClockOffset(), clock())
        soon_ns = clock().mono_ns + 100 * NS_PER_S
        with pytest.raises(RateLimited):
            await budget.acquire((("weight", 1),), 0, soon_ns)

    asyncio.run(body())


def replace_wait(wait_ms: int) -> Throttle:
    return Throttle(scope=BucketScope.IP, wait_ms=wait_ms, is_ban=True)


def test_a_session_started_during_a_ban_asks_nothing() -> None:
    """Banned, killed, started again: the venue does not hear of it before the end."""

    async def body() -> None:
        forget_gates()
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            disk = MemoryDisk()
            owner = Owner(profile=f"paper:{VENUE}", venue=VENUE)
            journal = MemoryJournal(owner, disk=disk)
            hasty = SessionConfig(open_timeout_s=3.0)
            async with session_on(
                server, VENUE, journal=journal, config=hasty
            ) as session:
                server.control.apply("ban", {"ms": 60_000})
                with pytest.raises(Unreachable):
                    await session.reconcile()
                left = copy.deepcopy(
                    MemoryDisk(
                        rows=dict(disk.rows),
                        unsynced=dict(disk.unsynced),
                        last_seq=disk.last_seq,
                        owner=disk.owner,
                    )
                )
                left.lose_power()
            forget_gates()
            server.control.apply("answer", {"path": "/fapi", "status": 500})
            again = MemoryJournal(owner, disk=left)
            with pytest.raises(Unreachable, match="banned"):
                async with session_on(server, VENUE, journal=again, config=hasty):
                    pass
            assert len(server.faults.call_rules) == 1, "a request came and used it"

    asyncio.run(body())
