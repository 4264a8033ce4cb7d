"""The limiter's asyncio shell: waits until a request may leave.

There is one `Gate` (one limiter) per (venue, environment, outgoing IP) of a
process, found by `shared_gate`. IP limits are its plain buckets; limits of an
account or a connection are buckets whose ids carry a fingerprint of the key or
the connection's id. So a request that needs both is charged in one step, and
whoever shares a key or an IP shares its budget.

Sessions may run in several threads, each with its own event loop. The limiter
is plain and synchronous: a lock guards it, is never held across an await, and
every loop that has waiters keeps one timer. (It lives here and not in `runtime`
because it joins the core with asyncio, and neighbours do not know each other.)
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from connector.core.limiter import (
    NEVER_NS,
    Charge,
    Limiter,
    LimiterView,
    Ticket,
    TicketState,
)
from connector.model.limits import BucketScope, BucketSpec, Cost, Priority

__all__ = [
    "Gate",
    "GateKey",
    "GateRegistry",
    "Permit",
    "forget_gates",
    "shared_gate",
]

_Told = TypeVar("_Told")

TIMER_GRAIN_NS = 1_000
"""Timers are rounded up to this, so that one never fires just too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateKey:
    """What shares a gate: *egress* names the outgoing IP if there are several."""

    venue: str
    environment: str
    egress: str = ""


class Permit:
    """A request that may leave now. Say what became of it."""

    __slots__ = ("_gate", "ticket")

    def __init__(self, gate: Gate, ticket: Ticket) -> None:
        self._gate = gate
        self.ticket = ticket

    def departed(self) -> bool:
        """Call just before the bytes are written, if that may be after the grant.

        False: too late, nothing may be sent; the permit is void, acquire again.
        """
        return self._gate._after(self.ticket, Limiter.departed)

    def answered(self) -> None:
        """Call when the answer is here; counts a late arrival as late."""
        self._gate._after(self.ticket, Limiter.answered)

    def refund(self) -> None:
        """Call when the request never left or the venue did not count it."""
        self._gate._after(self.ticket, Limiter.refund)


class _Waiter:
    """Where to wake whoever waits for a ticket."""

    __slots__ = ("future", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class _Alarm:
    """The wake-up timer of one event loop, alive while it has waiters."""

    __slots__ = ("at_ns", "handle", "waiters")

    def __init__(self) -> None:
        self.at_ns = NEVER_NS
        self.handle: asyncio.TimerHandle | None = None
        self.waiters = 0

    def stop(self) -> None:
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None


class Gate:
    """One limiter for all event loops and threads of a process.

    *now_ns* is the monotonic clock that all deadlines and closing times use.
    All methods but `acquire` may be called from any thread, in a loop or not.
    """

    def __init__(self, limiter: Limiter, now_ns: Callable[[], int]) -> None:
        self._limiter = limiter
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._alarms: dict[asyncio.AbstractEventLoop, _Alarm] = {}
        self._orphans: deque[Ticket] = deque()  # of waiters closed, not cancelled
        self.runs: set[str] = set()  # sessions whose spending it knows

    async def acquire(
        self, cost: Cost | Charge, priority: Priority, deadline_ns: int
    ) -> Permit:
        """Wait until *cost* may be spent, at most until *deadline_ns*.

        Raises RateLimited, at once where it is known that it cannot be in time
        or too many wait already; nothing has been sent then. ValueError for a
        cost that names an unknown bucket. Cancelled while waiting, it gives its
        place or its grant back.
        """
        loop = asyncio.get_running_loop()
        waiter: _Waiter | None = None
        with self._lock:
            charge = self._charge(cost)
            ticket = self._limiter.submit(charge, priority, deadline_ns, self._now_ns())
            if ticket.state is TicketState.WAITING:
                ticket.owner = waiter = _Waiter(loop)
                self._alarms.setdefault(loop, _Alarm()).waiters += 1
                self._settle(loop)
        if waiter is not None:
            try:
                await waiter.future
            except GeneratorExit:
                # Closed, perhaps by the garbage collector while this very thread
                # holds the lock: only note it here.
                self._orphans.append(ticket)
                raise
            except BaseException:
                with self._lock:
                    self._give_up(ticket, waiter, loop)
                    self._settle(loop)
                raise
            with self._lock:
                self._leave(waiter, loop)
        if ticket.error is not None:
            raise ticket.error
        return Permit(self, ticket)

    def try_acquire(self, cost: Cost | Charge, priority: Priority) -> Permit | None:
        """A permit now, or None; never overtakes whoever waits."""
        with self._lock:
            ticket = self._limiter.try_acquire(
                self._charge(cost), priority, self._now_ns()
            )
            self._settle(_running_loop())
        return None if ticket is None else Permit(self, ticket)

    def charge(self, cost: Cost) -> Charge:
        """Look *cost* up once; `acquire` is faster with the result."""
        with self._lock:
            return self._limiter.charge(cost)

    def set_limits(self, specs: Iterable[BucketSpec]) -> None:
        """See `Limiter.set_limits`."""
        with self._lock:
            self._limiter.set_limits(specs, self._now_ns())
            self._settle(_running_loop())

    def remove(self, bucket_ids: Iterable[str]) -> None:
        """See `Limiter.remove`."""
        with self._lock:
            self._limiter.remove(bucket_ids, self._now_ns())
            self._settle(_running_loop())

    def observe(self, bucket_id: str, used: int, *, sent_ns: int | None = None) -> None:
        """See `Limiter.observe`."""
        with self._lock:
            self._limiter.observe(bucket_id, used, self._now_ns(), sent_ns)
            self._settle(_running_loop())

    def set_venue_clock(self, offset_ns: int, error_ns: int) -> None:
        """See `Limiter.set_venue_clock`."""
        with self._lock:
            self._limiter.set_venue_clock(offset_ns, error_ns)

    def close(
        self,
        until_ns: int,
        reason: str,
        *,
        bucket_ids: Iterable[str] = (),
        scope: BucketScope | None = None,
        owner: str | None = None,
        spare_cancels: bool = False,
    ) -> None:
        """See `Limiter.close`."""
        with self._lock:
            self._limiter.close(
                until_ns,
                reason,
                self._now_ns(),
                bucket_ids=bucket_ids,
                scope=scope,
                owner=owner,
                spare_cancels=spare_cancels,
            )
            self._settle(_running_loop())

    def inherit(self, bucket_id: str, amount: int, at_ns: int) -> None:
        """See `Limiter.inherit`."""
        with self._lock:
            self._limiter.inherit(bucket_id, amount, at_ns, self._now_ns())

    def snapshot(self) -> LimiterView:
        """See `Limiter.snapshot`."""
        with self._lock:
            return self._limiter.snapshot(self._now_ns())

    # Inside, with the lock held unless said otherwise

    def _charge(self, cost: Cost | Charge) -> Charge:
        return cost if isinstance(cost, Charge) else self._limiter.charge(cost)

    def _after(
        self, ticket: Ticket, tell: Callable[[Limiter, Ticket, int], _Told]
    ) -> _Told:
        """Takes the lock."""
        with self._lock:
            told = tell(self._limiter, ticket, self._now_ns())
            self._settle(_running_loop())
        return told

    def _give_up(
        self, ticket: Ticket, waiter: _Waiter, here: asyncio.AbstractEventLoop | None
    ) -> None:
        """Nobody will use this ticket: its place, or its grant, is free."""
        now_ns = self._now_ns()
        if not self._limiter.cancel(ticket, now_ns):
            self._limiter.refund(ticket, now_ns)
        self._leave(waiter, here)

    def _leave(self, waiter: _Waiter, here: asyncio.AbstractEventLoop | None) -> None:
        """One waiter less in its loop; timers stop only in their own thread."""
        alarm = self._alarms.get(waiter.loop)
        if alarm is None:
            return
        alarm.waiters -= 1
        if not alarm.waiters:
            if waiter.loop is here:
                alarm.stop()
            del self._alarms[waiter.loop]

    def _settle(self, here: asyncio.AbstractEventLoop | None) -> None:
        """Wake whoever was decided and keep the timers right."""
        while self._orphans:
            orphan = self._orphans.popleft()
            assert isinstance(orphan.owner, _Waiter)
            self._give_up(orphan, orphan.owner, here)
        if not self._alarms:
            return
        while decided := self._limiter.poll(self._now_ns()):
            for ticket in decided:
                self._wake(ticket, here)
        wake_ns = self._limiter.next_wake_ns()
        for loop, alarm in list(self._alarms.items()):
            if wake_ns >= alarm.at_ns:
                continue
            alarm.at_ns = wake_ns
            if loop is here:
                self._arm(loop, alarm)
            else:
                self._call(loop, self._rearm, loop)

    def _wake(self, ticket: Ticket, here: asyncio.AbstractEventLoop | None) -> None:
        waiter = ticket.owner
        assert isinstance(waiter, _Waiter)
        if waiter.loop is here:
            waiter.wake()
        elif not self._call(waiter.loop, waiter.wake):
            self._limiter.refund(ticket, self._now_ns())

    def _call(
        self,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[..., object],
        *args: object,
    ) -> bool:
        """Call in another loop's thread; False if that loop is closed."""
        try:
            loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            self._alarms.pop(loop, None)
            return False
        return True

    def _arm(self, loop: asyncio.AbstractEventLoop, alarm: _Alarm) -> None:
        alarm.stop()
        delay_ns = max(alarm.at_ns - self._now_ns(), 0)
        grains = -(-delay_ns // TIMER_GRAIN_NS)
        alarm.handle = loop.call_later(grains * TIMER_GRAIN_NS / 1e9, self._fired, loop)

    def _rearm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the lock; another thread asked for an earlier timer."""
        with self._lock:
            alarm = self._alarms.get(loop)
            if alarm is not None:
                self._arm(loop, alarm)

    def _fired(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the lock."""
        with self._lock:
            alarm = self._alarms.get(loop)
            if alarm is not None:
                alarm.at_ns = NEVER_NS
                alarm.handle = None
            self._settle(loop)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class GateRegistry:
    """Finds the gate of a key. Gates are held weakly, what they used is not.

    A session that closes and opens again within a window must not forget what
    it spent, so a limiter is kept until it is idle even when its gate is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limiters: dict[GateKey, Limiter] = {}
        self._gates: weakref.WeakValueDictionary[GateKey, Gate] = (
            weakref.WeakValueDictionary()
        )

    def get(
        self,
        key: GateKey,
        specs: Iterable[BucketSpec],
        now_ns: Callable[[], int],
    ) -> Gate:
        """The gate of *key* with at least the buckets of *specs*.

        Buckets that exist keep the limits in force, which may have been learnt
        since. All callers' clocks must read the same time; an existing gate
        keeps its own.
        """
        with self._lock:
            gate = self._gates.get(key)
            now = now_ns()
            for other, limiter in list(self._limiters.items()):
                if other not in self._gates and other != key and limiter.is_idle(now):
                    del self._limiters[other]
            if gate is None:
                known = self._limiters.setdefault(key, Limiter((), now))
                gate = self._gates[key] = Gate(known, now_ns)
            have = {view.id for view in gate.snapshot().buckets}
            gate.set_limits(spec for spec in specs if spec.id not in have)
            return gate


_PROCESS = GateRegistry()


def shared_gate(
    key: GateKey, specs: Iterable[BucketSpec], now_ns: Callable[[], int]
) -> Gate:
    """The gate that everybody in this process with *key* shares."""
    return _PROCESS.get(key, specs, now_ns)


def forget_gates() -> None:
    """What a new process knows of earlier ones: nothing (for simulated processes)."""
    global _PROCESS
    _PROCESS = GateRegistry()
