"""The asyncio shell of the limiter: waiting, cancellation, threads, sharing."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest

from connector.core.limiter import Limiter, TicketState
from connector.errors import RateLimited
from connector.model.limits import BucketScope, BucketSpec, Priority
from connector.session.gate import Gate, GateKey, GateRegistry, Permit, shared_gate
from connector.sim.loop import VirtualTimeLoop

T = TypeVar("T")

S = 1_000_000_000
MS = 1_000_000
SPAN = 10 * S + 20 * MS + 1
FAR = 10**15

W = BucketSpec(id="w", limit=2, window_ns=10 * S)
ONE = (("w", 1),)
TWO = (("w", 2),)


def play(
    scene: Callable[[Gate, VirtualTimeLoop], Awaitable[None]], *specs: BucketSpec
) -> None:
    """Run *scene* in virtual time, on a gate with that clock."""
    loop = VirtualTimeLoop()

    async def main() -> None:
        await scene(Gate(Limiter(specs or (W,), 0), lambda: loop.now_ns), loop)
        assert not loop.unfinished_tasks()[1:]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def used(gate: Gate) -> int:
    return gate.snapshot().buckets[0].used


def test_a_waiter_goes_at_the_nanosecond_the_window_frees() -> None:
    """At once while there is room, at the wake-up otherwise."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        await gate.acquire(TWO, Priority.PLACE, FAR)
        assert loop.now_ns == 0
        await gate.acquire(gate.charge(ONE), Priority.PLACE, FAR)
        assert SPAN <= loop.now_ns <= SPAN + 2000

    play(scene)


def test_what_cannot_be_in_time_raises_before_sending() -> None:
    """At once if it is known, else at the deadline; nothing stays charged."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        await gate.acquire(TWO, Priority.PLACE, FAR)
        with pytest.raises(RateLimited) as caught:
            await gate.acquire(ONE, Priority.PLACE, 5 * S)
        assert loop.now_ns == 0
        assert caught.value.buckets == ("w",)
        async with asyncio.TaskGroup() as group:
            group.create_task(gate.acquire(TWO, Priority.PLACE, FAR))
            late = group.create_task(
                _outcome(gate.acquire(ONE, Priority.PLACE, 11 * S))
            )
        assert isinstance(late.result(), RateLimited)
        assert 11 * S <= loop.now_ns <= 11 * S + 2000
        assert used(gate) == 2

    play(scene)


def _timers(loop: Any) -> list[asyncio.TimerHandle]:
    timers: list[asyncio.TimerHandle] = loop._scheduled
    return timers


async def _outcome(waiting: Awaitable[Permit]) -> Permit | RateLimited:
    try:
        return await waiting
    except RateLimited as refused:
        return refused


def test_a_cancelled_waiter_leaves_its_place() -> None:
    """Whoever gives up waiting does not hold up the next."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        await gate.acquire(ONE, Priority.PLACE, FAR)
        async with asyncio.TaskGroup() as group:
            large = group.create_task(gate.acquire(TWO, Priority.PLACE, FAR))
            small = group.create_task(gate.acquire(ONE, Priority.PLACE, FAR))
            await asyncio.sleep(1)
            assert not small.done()
            large.cancel()
        assert small.result().ticket.state is TicketState.GRANTED
        assert loop.now_ns < 2 * S
        assert not gate._alarms
        assert all(timer.cancelled() for timer in _timers(loop))

    play(scene)


def test_a_grant_to_a_cancelled_waiter_is_given_back() -> None:
    """Cancelled between grant and resumption: nothing was sent, nothing is paid."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        first = await gate.acquire(TWO, Priority.PLACE, FAR)
        async with asyncio.TaskGroup() as group:
            waiter = group.create_task(gate.acquire(TWO, Priority.PLACE, FAR))
            await asyncio.sleep(1)
            first.refund()  # the grant is on its way to the waiter
            assert used(gate) == 2
            waiter.cancel()
        assert waiter.cancelled()
        assert used(gate) == 0

    play(scene)


def test_wake_ups_follow_what_changes() -> None:
    """A refund, a raised limit, a closed gate: waiters learn it at once."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        permit = await gate.acquire(TWO, Priority.PLACE, FAR)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_outcome(gate.acquire(ONE, Priority.PLACE, end)))
                for end in (FAR, FAR, 20 * S, FAR)
            ]
            await asyncio.sleep(1)
            permit.refund()
            await asyncio.sleep(0)
            gate.close(30 * S, "429", scope=BucketScope.IP)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [task.done() for task in tasks] == [True, True, True, False]
            assert isinstance(tasks[2].result(), RateLimited)
            gate.set_limits([BucketSpec(id="w", limit=9, window_ns=10 * S)])
        assert 30 * S <= loop.now_ns <= 30 * S + 2000

    play(scene)


def test_try_acquire_never_waits_and_never_overtakes() -> None:
    """With somebody waiting for the same bucket the answer is no."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        assert gate.try_acquire(ONE, Priority.PLACE) is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(gate.acquire(TWO, Priority.PLACE, FAR))
            await asyncio.sleep(1)
            assert gate.try_acquire(ONE, Priority.QUERY) is None
            assert gate.try_acquire(ONE, Priority.CANCEL) is not None

    play(scene)


def test_a_permit_tells_what_became_of_it() -> None:
    """Late departure and late answer count later; too late is void."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        permit = await gate.acquire(TWO, Priority.PLACE, FAR)
        await asyncio.sleep(3)
        assert permit.departed()
        await asyncio.sleep(1)
        permit.answered()
        await asyncio.sleep(10)
        assert used(gate) == 2
        await asyncio.sleep(0.1)
        assert used(gate) == 0
        gate.observe("w", 2)  # a second old: our own may be in that count
        assert used(gate) == 0
        gate.observe("w", 2, sent_ns=loop.now_ns)
        assert used(gate) == 2
        assert not permit.departed()
        assert permit.ticket.state is TicketState.REFUNDED

    play(scene)


def test_removed_buckets_and_venue_time_reach_the_limiter() -> None:
    """The shell hides nothing of the machine."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        await gate.acquire(TWO, Priority.PLACE, FAR)
        gate.set_venue_clock(4 * S, 0)
        gate.observe("w", 3, sent_ns=loop.now_ns)
        assert used(gate) == 3
        await asyncio.sleep(6)  # the venue's window ends, ours does not
        assert used(gate) == 2
        async with asyncio.TaskGroup() as group:
            waiter = group.create_task(_outcome(gate.acquire(ONE, Priority.PLACE, FAR)))
            await asyncio.sleep(0)
            gate.remove(["w"])
        assert isinstance(waiter.result(), RateLimited)
        with pytest.raises(ValueError, match="no such bucket"):
            await gate.acquire(ONE, Priority.PLACE, FAR)

    play(scene)


def test_two_hundred_tasks_through_the_gate() -> None:
    """Law 8 in the event loop: no window over the limit, 98 % or more used."""
    arrivals: list[int] = []
    chance = random.Random(5)
    until_ns = 600 * S

    async def bot(gate: Gate, loop: VirtualTimeLoop) -> None:
        charge = gate.charge(ONE)
        while loop.now_ns < until_ns:
            try:
                permit = await gate.acquire(charge, Priority.PLACE, until_ns)
            except RateLimited:
                return
            arrival = loop.now_ns + chance.randint(0, 20 * MS)
            arrivals.append(arrival)
            await asyncio.sleep((arrival - loop.now_ns) / 1e9)
            permit.answered()

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(bot(gate, loop))

    play(scene, BucketSpec(id="w", limit=300, window_ns=10 * S))
    arrivals.sort()
    for first, after in zip(arrivals, arrivals[300:], strict=False):
        assert after - first > 10 * S  # 301 requests never fit into one window
    assert len(arrivals) - 300 >= 0.98 * (300 * 600 / 10 - 300)


# Threads


class Worker:
    """An event loop in its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def start(self, what: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(what, self.loop)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    made = [Worker() for _ in range(3)]
    yield made
    for worker in made:
        if not worker.loop.is_closed():
            worker.stop()


def until(is_true: Callable[[], bool]) -> None:
    """Another thread gets there; bounded by the test's timeout."""
    pause = threading.Event()
    while not is_true():
        pause.wait(0.001)


def waiting(gate: Gate) -> int:
    return sum(gate.snapshot().waiting.values())


def test_a_refund_in_one_thread_wakes_a_waiter_in_another(
    workers: list[Worker],
) -> None:
    """Sessions of one process may run in different threads."""
    gate = Gate(Limiter([W], 0), lambda: 0)
    permit = workers[0].start(gate.acquire(TWO, Priority.PLACE, FAR)).result()
    waiter = workers[1].start(gate.acquire(TWO, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 1)
    workers[2].loop.call_soon_threadsafe(permit.refund)
    assert waiter.result().ticket.state is TicketState.GRANTED
    assert used(gate) == 2


def test_a_timer_in_one_thread_serves_waiters_in_another(
    workers: list[Worker],
) -> None:
    """Whichever loop wakes first, every waiter that can go is told."""
    clock = [0]
    gate = Gate(Limiter([W], 0), lambda: clock[0])
    workers[0].start(gate.acquire(TWO, Priority.PLACE, FAR)).result()
    first = workers[0].start(gate.acquire(ONE, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 1)
    second = workers[1].start(gate.acquire(ONE, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 2)
    clock[0] = SPAN
    gate.observe("w", 0)  # from a thread without a loop
    assert first.result().ticket.counted_ns == SPAN
    assert second.result().ticket.counted_ns == SPAN


def test_a_refund_in_one_thread_brings_the_timer_of_another_forward(
    workers: list[Worker],
) -> None:
    """The waiter now goes sooner than its own loop had been told."""
    clock = [0]
    gate = Gate(Limiter([W], 0), lambda: clock[0])
    workers[0].start(gate.acquire(ONE, Priority.PLACE, FAR)).result()
    clock[0] = 10 * S
    later = workers[0].start(gate.acquire(ONE, Priority.PLACE, FAR)).result()
    waiter = workers[1].start(gate.acquire(TWO, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 1)
    alarm = gate._alarms[workers[1].loop]
    assert alarm.at_ns == SPAN + 10 * S
    later.refund()  # here, in a thread without a loop
    assert alarm.at_ns == SPAN
    # The clock stands still at 10 s: a timer of 20 ms, not of ten seconds.
    until(lambda: alarm.handle is not None and _seconds(workers[1], alarm) < 1)
    clock[0] = SPAN
    assert waiter.result().ticket.counted_ns == SPAN


def _seconds(worker: Worker, alarm: Any) -> float:
    when: float = alarm.handle.when()
    return when - worker.loop.time()


def test_a_grant_to_a_loop_that_is_gone_is_given_back(
    workers: list[Worker],
) -> None:
    """A thread that ended without its tasks costs nobody his budget."""
    gate = Gate(Limiter([W], 0), lambda: 0)
    permit = workers[0].start(gate.acquire(TWO, Priority.PLACE, FAR)).result()
    lost = workers[1].start(gate.acquire(TWO, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 1)
    other = workers[0].start(gate.acquire(ONE, Priority.PLACE, FAR))
    until(lambda: waiting(gate) == 2)
    lost_task: Any = next(iter(asyncio.all_tasks(workers[1].loop)))
    lost_task._log_destroy_pending = False  # it is lost on purpose
    workers[1].stop()
    permit.refund()
    assert other.result().ticket.state is TicketState.GRANTED
    assert used(gate) == 1
    assert workers[1].loop not in gate._alarms
    del lost_task, lost
    gc.collect()
    assert used(gate) == 1


def test_a_waiter_that_is_collected_while_the_gate_is_busy() -> None:
    """Garbage is collected anywhere, also where the lock is held: no deadlock."""

    def clock() -> int:
        gc.collect()  # the clock is read with the lock held
        return 0

    gate = Gate(Limiter([W], 0), clock)
    permit = gate.try_acquire(TWO, Priority.PLACE)
    assert permit is not None
    loop = asyncio.new_event_loop()
    lost: Any = loop.create_task(gate.acquire(TWO, Priority.PLACE, FAR))
    lost._log_destroy_pending = False  # it is lost on purpose
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert waiting(gate) == 1
    del lost
    loop.close()
    permit.refund()  # grants, finds the loop closed, and nobody knows the task
    assert used(gate) == 0
    assert waiting(gate) == 0


def test_a_closed_coroutine_leaves_its_place() -> None:
    """Closing is not cancelling, but it gives up all the same."""

    async def scene(gate: Gate, loop: VirtualTimeLoop) -> None:
        await gate.acquire(TWO, Priority.PLACE, FAR)
        waiter = gate.acquire(TWO, Priority.PLACE, FAR)
        waiter.send(None)
        waiter.close()
        await gate.acquire(ONE, Priority.PLACE, FAR)
        assert used(gate) == 1
        assert waiting(gate) == 0
        assert not gate._alarms

    play(scene)


def test_threads_never_hold_more_than_the_limit(workers: list[Worker]) -> None:
    """Many loops taking and refunding: never two holders of a limit of one."""
    spec = BucketSpec(id="w", limit=1, window_ns=10 * S)
    gate = Gate(Limiter([spec], 0), lambda: 0)
    holders: list[int] = []
    most = []

    async def hold(name: int) -> None:
        for _ in range(100):
            permit = await gate.acquire(ONE, Priority.PLACE, FAR)
            holders.append(name)
            most.append(len(holders))
            await asyncio.sleep(0)
            holders.remove(name)
            permit.refund()

    done = [
        worker.start(hold(2 * number + half))
        for number, worker in enumerate(workers)
        for half in range(2)
    ]
    for future in done:
        future.result()
    assert max(most) == 1
    assert len(most) == 600
    assert used(gate) == 0
    assert waiting(gate) == 0


# Sharing

KEY = GateKey(venue="binance-usdm", environment="paper")


def test_the_same_key_is_the_same_gate() -> None:
    """All sessions of a process share one budget per venue, environment and IP."""
    registry = GateRegistry()
    clock = [0]
    one = registry.get(KEY, [W], lambda: clock[0])
    raised = BucketSpec(id="w", limit=5, window_ns=10 * S)
    one.set_limits([raised])
    more = BucketSpec(id="x", limit=1, window_ns=S)
    assert registry.get(KEY, [W, more], lambda: clock[0]) is one
    assert [view.limit for view in one.snapshot().buckets] == [5, 1]
    other = GateKey(venue="binance-usdm", environment="live")
    assert registry.get(other, [W], lambda: clock[0]) is not one


def test_what_was_spent_outlives_the_session_that_spent_it() -> None:
    """Closing and opening again within a window does not double the limit."""
    registry = GateRegistry()
    clock = [0]
    gate = registry.get(KEY, [W], lambda: clock[0])
    assert gate.try_acquire(TWO, Priority.PLACE) is not None
    del gate
    gc.collect()
    clock[0] = SPAN - 1
    gate = registry.get(KEY, [W], lambda: clock[0])
    assert used(gate) == 2
    del gate
    gc.collect()
    clock[0] = SPAN
    other = GateKey(venue="okx-v5", environment="paper")
    registry.get(other, [W], lambda: clock[0])
    assert set(registry._limiters) == {other}


def test_the_process_has_one_registry() -> None:
    """shared_gate finds the same gate for everybody."""
    key = GateKey(venue="nowhere", environment="test")
    gate = shared_gate(key, [W], lambda: 0)
    assert shared_gate(key, [W], lambda: 0) is gate
