"""Law 8 across processes: the venue's windows outlive whoever spent in them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Coroutine
from typing import Any

import pytest
from venue import API_KEY, API_SECRET, session_on

from connector.config import SessionConfig
from connector.errors import Unreachable
from connector.model.clock import NS_PER_S, Now
from connector.model.limits import BucketKind, BucketScope, BucketSpec, Priority
from connector.paper.faces.binance_usdm import LimitConfig
from connector.paper.faces.binance_usdm.context import FaceConfig
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server, wall_ms
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import JournalFaults, MemoryDisk, MemoryJournal
from connector.session import Session
from connector.session.gate import forget_gates
from connector.session.spending import Spending, Spent, run_of, spent_before

VENUE = "binance-usdm"
OWNER = Owner(profile=f"paper:{VENUE}", venue=VENUE)
MINUTE_NS = 60 * NS_PER_S
WEIGHT = BucketSpec(id="weight", limit=200, window_ns=MINUTE_NS)
BURST = BucketSpec(id="burst", limit=10, window_ns=NS_PER_S)
PER_SYMBOL = BucketSpec(id="amend:*", limit=100, window_ns=MINUTE_NS)
POOL = BucketSpec(id="credits", kind=BucketKind.CREDITS, limit=500, refill_per_s=100)
FRAMES = BucketSpec(
    id="frames", limit=10, window_ns=NS_PER_S, scope=BucketScope.CONNECTION
)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run with a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(bounded())


class Clock:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_700_000_000 * NS_PER_S

    def __call__(self) -> Now:
        return Now(mono_ns=self.wall_ns, wall_ns=self.wall_ns)


def book(clock: Clock, name: str = "r1") -> Spending:
    spending = Spending(name, clock)
    spending.learn((WEIGHT, BURST, FRAMES))
    return spending


def told(body: str, clock: Clock) -> dict[str, int]:
    """Units by bucket, whenever they were spent."""
    sums: dict[str, int] = {}
    for spent in spent_before(body, clock.wall_ns):
        sums[spent.bucket] = sums.get(spent.bucket, 0) + spent.units
    return sums


class TestBook:
    """What a record says."""

    def test_a_bucket_per_name_is_told_by_its_name(self) -> None:
        """Limits per instrument: each has a book once it was used."""

        async def body() -> None:
            clock = Clock()
            spending = book(clock)
            spending.learn((PER_SYMBOL,))
            await spending.lend((("amend:BTC", 3),), Priority.PLACE)
            assert told(spending.record(is_last=True), clock) == {"amend:BTC": 3}
            assert told(spending.record(), clock)["amend:BTC"] == 3 + 5

        run(body())

    def test_pools_are_taken_as_empty(self) -> None:
        """Credits come back from the first instant: an upper bound costs little."""
        clock = Clock()
        spending = Spending("r1", clock)
        spending.learn((POOL,))
        assert told(spending.record(), clock) == {"credits": 500}
        assert told(spending.record(is_last=True), clock) == {}

    def test_a_record_tells_what_was_spent_and_lends_more(self) -> None:
        """The spent units, a twentieth of the limit, and all of a short window."""

        async def body() -> None:
            clock = Clock()
            spending = book(clock)
            await spending.lend((("weight", 7), ("frames", 1)), Priority.PLACE)
            assert told(spending.record(), clock) == {"weight": 7 + 10, "burst": 10}

        run(body())

    def test_the_last_record_lends_nothing(self) -> None:
        """A session that was closed spends no more."""

        async def body() -> None:
            clock = Clock()
            spending = book(clock)
            await spending.lend((("weight", 7),), Priority.PLACE)
            assert told(spending.record(is_last=True), clock) == {"weight": 7}

        run(body())

    def test_old_spending_is_forgotten(self) -> None:
        """Beyond the window, and what clocks may be off, it is told no more."""

        async def body() -> None:
            clock = Clock()
            spending = book(clock)
            await spending.lend((("weight", 7),), Priority.PLACE)
            clock.wall_ns += 80 * NS_PER_S
            assert told(spending.record(is_last=True), clock) == {}

        run(body())

    def test_what_was_inherited_is_told_on_with_its_time(self) -> None:
        """The third process knows of the first; its units do not become younger."""
        clock = Clock()
        spending = book(clock)
        at_ns = clock.wall_ns - 30 * NS_PER_S
        spending.inherit([Spent("weight", 9, at_ns)])
        body = spending.record(is_last=True)
        assert list(spent_before(body, clock.wall_ns)) == [Spent("weight", 9, at_ns)]
        assert run_of(body) == "r1"

    def test_half_a_loan_asks_for_a_record(self) -> None:
        """In time, so that nobody has to wait for it."""

        async def body() -> None:
            spending = book(Clock())
            asked: list[int] = []
            spending.nudge = lambda: asked.append(1)
            for _ in range(5):
                await spending.lend((("weight", 1),), Priority.PLACE)
            assert asked == []
            await spending.lend((("weight", 1),), Priority.PLACE)
            await spending.lend((("weight", 1),), Priority.PLACE)
            assert asked == [1]

        run(body())

    @pytest.mark.parametrize("priority", [Priority.PLACE, Priority.CANCEL])
    def test_beyond_the_loan_a_record_is_waited_for(self, priority: Priority) -> None:
        """No request leaves that no record covers; cancels do not wait."""

        async def body() -> None:
            spending = book(Clock())
            spending.record()
            waiting = asyncio.ensure_future(spending.lend((("weight", 11),), priority))
            await asyncio.sleep(0)
            assert waiting.done() is (priority is Priority.CANCEL)
            spending.record()
            spending.on_written()
            await waiting

        run(body())

    def test_a_disk_that_refuses_holds_nobody_up(self) -> None:
        """No record can be written: requests leave all the same."""

        async def body() -> None:
            spending = book(Clock())
            spending.record()
            spending.on_refused()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(20):
                await spending.lend((("weight", 11),), Priority.RECONCILE)
            assert loop.time() - begun < 0.5

        run(body())


def weight_used(session: Session) -> int:
    """As the limiter of the session's process counts."""
    (row,) = [b for b in session.stats()["limits"] if b["id"] == "weight-1m"]
    return int(row["used"])


def exceeded(server: PaperServer) -> list[Any]:
    rows = server.control.apply("exceedances", {})
    assert isinstance(rows, dict)
    return list(rows["exceedances"])


def killed(disk: MemoryDisk) -> MemoryDisk:
    """The disk as a loss of power leaves it now; what follows never happened."""
    left = copy.deepcopy(
        MemoryDisk(
            rows=dict(disk.rows),
            history=dict(disk.history),
            unsynced=dict(disk.unsynced),
            last_seq=disk.last_seq,
            owner=disk.owner,
        )
    )
    left.lose_power()
    return left


def test_a_restarted_process_does_not_spend_twice() -> None:
    """Killed after most of the limit was spent: its successor waits for the venue's
    window, it does not exceed it. The venue's own count began anew meanwhile: its
    headers do not help."""

    async def body() -> None:
        forget_gates()
        shift_ms = [50_000 - wall_ms() % 60_000]
        limits = LimitConfig(weight_1m=420)
        async with paper_server(
            VENUE,
            api_key=API_KEY,
            api_secret=API_SECRET,
            seed=2,
            now_ms=lambda: wall_ms() + shift_ms[0],
            config=FaceConfig(limits=limits),
        ) as server:
            disk = MemoryDisk()
            journal = MemoryJournal(OWNER, disk=disk)
            async with session_on(server, VENUE, journal=journal) as session:
                while weight_used(session) < 280:
                    await session.reconcile()
                left = killed(disk)
                spent = weight_used(session)
            forget_gates()
            shift_ms[0] += 11_000
            patient = SessionConfig(open_timeout_s=2.0, query_wait_s=1.0)
            again = MemoryJournal(OWNER, disk=left)
            with pytest.raises(Unreachable):
                async with session_on(server, VENUE, journal=again, config=patient):
                    pass
            assert exceeded(server) == []
            assert spent >= 280

    run(body())


def test_a_closed_session_leaves_exact_numbers() -> None:
    """A clean restart is told what was spent, and no more than that."""

    async def body() -> None:
        forget_gates()
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            disk = MemoryDisk()
            for _ in range(2):
                journal = MemoryJournal(OWNER, disk=disk)
                async with session_on(server, VENUE, journal=journal) as session:
                    used = weight_used(session)
                    told_by_venue = session.stats()["weight"]
                forget_gates()
            assert used >= 2 * told_by_venue
            assert used <= 2 * told_by_venue + 20

    run(body())


def test_the_same_process_does_not_inherit_from_itself() -> None:
    """A session opened again in one process: its gate still knows."""

    async def body() -> None:
        forget_gates()
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            disk = MemoryDisk()
            used = []
            for _ in range(2):
                journal = MemoryJournal(OWNER, disk=disk)
                async with session_on(server, VENUE, journal=journal) as session:
                    used.append(weight_used(session))
            assert used[1] <= 2 * used[0] + 20

    run(body())


def test_a_full_disk_does_not_stop_reconciliation() -> None:
    """The journal takes nothing: the state is still restored, at full speed."""

    async def body() -> None:
        forget_gates()
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            faults = JournalFaults()
            journal = MemoryJournal(OWNER, faults=faults)
            async with session_on(server, VENUE, journal=journal) as session:
                faults.is_full = True
                async with asyncio.timeout(10):
                    while weight_used(session) < 600:
                        report = await session.reconcile()
                        assert report.is_clean
                assert session.is_live
                faults.is_full = False

    run(body())
