"""Decides when a request may leave, so that no limit of the venue is exceeded.

One limiter serves one (venue, environment, outgoing IP) of a process: REST and
streams together, all keys together. Limits of an account or a connection are
buckets whose ids carry their owner, so that a request is charged to all its
buckets in one step, or to none.

Order of service: a higher class first, first come first served within a class.
A waiter that lacks room in one bucket *claims* its amount in its other buckets;
whoever comes after may use only what is left over. So nothing that ranks lower
or came later can starve it, and what it does not need is not idle. `reserve`
units of a bucket are for CANCEL alone.

Times are integers (ns) of one monotonic clock, passed in. A time that runs
backwards is read as the latest time seen, which counts a request later than it
left: the safe side.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence

from connector.core.limiter_buckets import NEVER_NS, NS, Bucket
from connector.core.limiter_table import LimitTable
from connector.core.limiter_tickets import (
    BucketView,
    Charge,
    Closing,
    LimiterView,
    Ticket,
    TicketState,
)
from connector.errors import RateLimited
from connector.model.limits import BucketScope, BucketSpec, Cost, Priority

__all__ = [
    "NEVER_NS",
    "BucketView",
    "Charge",
    "Limiter",
    "LimiterView",
    "Ticket",
    "TicketState",
]

MAX_WAITING = 10_000
"""Requests of one class that may wait; one more is refused as if too late."""

UNSAID_ANSWER_NS = NS
"""How long ago a request is taken to have left if its answer does not say."""

FOLLOW_NS = NS
"""A request without an answer is counted anew this often: it may still arrive."""

LOST_NS = 60 * NS
"""A request without an answer is followed for no longer than this."""

_GRANTED = TicketState.GRANTED  # an enum member costs two look-ups


class Limiter:
    """All limits of one venue as seen from one process and IP; see above."""

    def __init__(self, specs: Iterable[BucketSpec], now_ns: int) -> None:
        self._now = now_ns
        self._table = LimitTable()
        self._active: dict[Charge, None] = {}  # charges that somebody waits for
        self._deadlines: list[tuple[int, int, Ticket]] = []  # a heap, cleaned late
        self._decided: list[Ticket] = []
        self._closed_ns = 0  # no gate at all is closed from here on
        self._wake_ns = NEVER_NS
        self._waiting = 0
        self._waiting_by = [0 for _ in Priority]
        self._keys = 0
        self._under_way: dict[Ticket, int] = {}  # without an answer, since when
        self._follow_ns = NEVER_NS
        self.set_limits(specs, now_ns)

    # Asking

    def charge(self, cost: Cost) -> Charge:
        """Look up *cost* once, for use with every request of its kind.

        Amount 0 uses nothing but obeys the gate. A bucket ``place:BTCUSDT`` is
        made from the template ``place:*`` when first named. Raises ValueError
        for a negative amount or a bucket that does not exist.
        """
        return self._table.charge(cost, self._now)

    def try_acquire(
        self, charge: Charge, priority: Priority, now_ns: int
    ) -> Ticket | None:
        """Take *charge* now, or nothing; never waits, never overtakes a waiter."""
        if now_ns < self._now:
            now_ns = self._now
        else:
            self._now = now_ns
        if now_ns >= self._follow_ns:
            self._follow()
        if self._waiting or now_ns < self._closed_ns:
            ticket = self.submit(charge, priority, NEVER_NS, now_ns)
            if ticket.state is TicketState.GRANTED:
                return ticket
            self.cancel(ticket, now_ns)
            return None
        is_cancel = priority is Priority.CANCEL
        for bucket, amount in charge.parts:
            if not bucket.fits(amount, is_cancel, now_ns):
                return None
        self._keys = key = self._keys + 1
        ticket = Ticket(charge, priority, now_ns, key, _GRANTED, now_ns)
        for bucket, amount in charge.parts:
            bucket.take(amount, key, now_ns)
        return ticket

    def submit(
        self, charge: Charge, priority: Priority, deadline_ns: int, now_ns: int
    ) -> Ticket:
        """Queue a request; look at the ticket's state at once.

        It may be GRANTED, or EXPIRED with `error` set: the cost can never fit,
        or its buckets (as used now) free or open only after the deadline, or
        too many wait. Otherwise it is WAITING and comes back from `poll`.
        """
        now_ns = self._tick(now_ns)
        if not self._waiting and self._closed_ns <= now_ns < deadline_ns:
            granted = self.try_acquire(charge, priority, now_ns)
            if granted is not None:
                return granted
        self._keys = key = self._keys + 1
        ticket = Ticket(charge, priority, deadline_ns, key)
        ready_ns, scarce = self._ready(charge, priority is Priority.CANCEL)
        if ready_ns >= deadline_ns or self._waiting_by[priority] >= MAX_WAITING:
            self._refuse(ticket, ready_ns, scarce)
            return ticket
        queue = charge.waiting[priority]
        queue[key] = ticket
        self._active[charge] = None
        self._waiting += 1
        self._waiting_by[priority] += 1
        heapq.heappush(self._deadlines, (deadline_ns, key, ticket))
        if deadline_ns < self._wake_ns:
            self._wake_ns = deadline_ns
        if len(queue) == 1:
            self._serve()
            if ticket.state is TicketState.GRANTED:
                self._decided.remove(ticket)
        return ticket

    def poll(self, now_ns: int) -> list[Ticket]:
        """Tickets that left WAITING since the last poll, GRANTED or EXPIRED.

        Call it at `next_wake_ns` and after every other call of this object
        while anybody waits.
        """
        self._tick(now_ns)
        if self._now >= self._wake_ns:
            self._serve()
        decided, self._decided = self._decided, []
        return decided

    def next_wake_ns(self) -> int:
        """When to call `poll` next if nothing else happens; NEVER_NS if idle."""
        return self._now if self._decided else self._wake_ns

    def cancel(self, ticket: Ticket, now_ns: int) -> bool:
        """Stop waiting; False if the ticket was decided already."""
        self._tick(now_ns)
        if ticket.state is not TicketState.WAITING:
            return False
        self._leave(ticket, TicketState.CANCELED)
        self._serve()
        return True

    # What became of a granted request

    def refund(self, ticket: Ticket, now_ns: int) -> bool:
        """The request never left, or the venue says that it did not count.

        False if there is nothing to give back. What the window has forgotten,
        or the credits that would have been lost to a full pool, stay lost.
        """
        self._tick(now_ns)
        if ticket.state is not TicketState.GRANTED:
            return False
        ticket.state = TicketState.REFUNDED
        self._under_way.pop(ticket, None)
        for bucket, amount in ticket.charge.parts:
            bucket.give_back(amount, ticket.key, self._now)
        if self._waiting:
            self._serve()
        return True

    def departed(self, ticket: Ticket, now_ns: int) -> bool:
        """The bytes leave only now: count the request from now on.

        For whoever needs time between grant and sending (a busy event loop, a
        slow signature), which would otherwise eat the jitter margin. False: it
        took so long that others have the budget by now, or a gate has closed.
        The ticket is REFUNDED then, nothing may be sent; submit again.
        """
        now = self._tick(now_ns)
        if ticket.state is not TicketState.GRANTED:
            return False
        charge = ticket.charge
        is_cancel = ticket.priority is Priority.CANCEL
        for bucket, amount in charge.parts:
            bucket.give_back(amount, ticket.key, now)
        # The reserve was kept when it was granted: only the limit counts here.
        if self._is_shut(charge, is_cancel) or not all(
            bucket.fits(amount, True, now) for bucket, amount in charge.parts
        ):
            ticket.state = TicketState.REFUNDED
            if self._waiting:
                self._serve()
            return False
        for bucket, amount in charge.parts:
            bucket.take(amount, ticket.key, now)
        ticket.counted_ns = now
        self._under_way[ticket] = now
        self._follow_ns = min(self._follow_ns, now + FOLLOW_NS)
        return True

    def answered(self, ticket: Ticket, now_ns: int) -> None:
        """The answer is here, or none will come: the request arrived by now, if ever.

        One that may have arrived later than the jitter margin allows is counted
        from the latest instant it may have arrived. Cheap when in time. Until this
        is said, a request that departed is counted anew from time to time.
        """
        self._tick(now_ns)
        self._under_way.pop(ticket, None)
        if ticket.state is not TicketState.GRANTED:
            return
        for bucket, amount in ticket.charge.parts:
            at_ns = self._now - bucket.spec.jitter_ns
            if at_ns > ticket.counted_ns:
                bucket.move(amount, ticket.key, at_ns, self._now)

    # What the venue says

    def set_limits(self, specs: Iterable[BucketSpec], now_ns: int) -> None:
        """Add buckets and replace limits by id; what is used stays used.

        An id ``place:*`` (``place:*@owner``) is a template: one bucket per name.
        Buckets not named stay as they are, and a spec that is not `learnt` never
        replaces one that is. Raises ValueError if a bucket would
        change its kind. Waiters whose cost can never fit any more expire.
        """
        self._table.adopt(specs, self._tick(now_ns))
        self._expire_hopeless()

    def remove(self, bucket_ids: Iterable[str], now_ns: int) -> None:
        """Forget buckets that will not be used again (a closed connection).

        Their waiters expire. Unknown ids are ignored.
        """
        self._tick(now_ns)
        for charge in self._table.remove(bucket_ids):
            for queue in charge.waiting:
                for ticket in list(queue.values()):
                    self._fail(ticket, NEVER_NS, ())
        self._serve()

    def inherit(self, bucket_id: str, amount: int, at_ns: int, now_ns: int) -> None:
        """An earlier process spent *amount* at *at_ns* (may be before our time).

        Counted as long as the venue may count it; unknown buckets are ignored.
        """
        now = self._tick(now_ns)
        if amount > 0:
            self._table.inherit(bucket_id, amount, min(at_ns, now), now)

    def observe(
        self, bucket_id: str, used: int, now_ns: int, sent_ns: int | None = None
    ) -> None:
        """The venue reports *used* units in its current window, ours included.

        Corrects upwards only: more than we counted means that somebody else
        uses the budget; less proves nothing. Negative values and unknown
        buckets are ignored. *sent_ns* is when the request left whose answer
        says so: the header belongs to the window of that time. If it is not
        said, a second ago: safe, but blind for the first second of a window.

        Source: Binance USD-M docs, "Limits" (X-MBX-USED-WEIGHT-1M, which may
        read -1 on weight-0 calls), read 2026-11.
        """
        self._tick(now_ns)
        if used >= 0:
            if sent_ns is None:
                sent_ns = self._now - UNSAID_ANSWER_NS
            sent_ns = min(sent_ns, self._now)
            self._table.observe(bucket_id, used, sent_ns, self._now)
            self._expire_hopeless()

    def set_venue_clock(self, offset_ns: int, error_ns: int) -> None:
        """Venue UTC epoch time = our time + *offset_ns*, give or take *error_ns*.

        Lets `observe` know where the venue's calendar windows begin. Before, what
        we sent in the window before hides as much of a stranger's use.
        """
        self._table.set_venue_clock(offset_ns, error_ns)

    def close(
        self,
        until_ns: int,
        reason: str,
        now_ns: int,
        *,
        bucket_ids: Iterable[str] = (),
        scope: BucketScope | None = None,
        owner: str | None = None,
        spare_cancels: bool = False,
    ) -> None:
        """Let nothing through until then (429, 418, a ban, an overload).

        Either the named buckets or a whole scope: IP is every bucket here,
        ACCOUNT includes the symbols of that *owner* (None: of all owners).
        Closings are only ever extended. Waiters whose deadline is not after the
        opening expire at once, the others keep waiting. *spare_cancels* lets
        the CANCEL class through, for overloads that do not concern it.
        """
        self._tick(now_ns)
        closing = Closing(
            until_ns=until_ns,
            reason=reason,
            bucket_ids=frozenset(bucket_ids),
            scope=scope,
            owner=owner,
            spare_cancels=spare_cancels,
        )
        self._table.close(closing, self._now)
        self._closed_ns = max(self._closed_ns, until_ns)
        self._expire_hopeless()

    def is_idle(self, now_ns: int) -> bool:
        """Whether nothing waits, is used or is closed: a new one is as good."""
        now_ns = self._tick(now_ns)
        return (
            not self._waiting
            and now_ns >= self._closed_ns
            and self._table.is_unused(now_ns)
        )

    def snapshot(self, now_ns: int) -> LimiterView:
        """What is used, closed and waiting."""
        self._tick(now_ns)
        return LimiterView(
            buckets=self._table.views(self._now),
            waiting=dict(zip(Priority, self._waiting_by, strict=True)),
        )

    # Service

    def _serve(self) -> None:
        """Grant and expire all that can be; compute the next wake-up."""
        now = self._now
        self._expire_due()
        claims: dict[Bucket, int] = {}
        wake_ns = NEVER_NS
        for priority in Priority if self._waiting else ():
            is_cancel = priority is Priority.CANCEL
            heads = [
                (next(iter(charge.waiting[priority])), charge)
                for charge in self._active
                if charge.waiting[priority]
            ]
            heapq.heapify(heads)
            while heads:
                _, charge = heapq.heappop(heads)
                if self._fits(charge, is_cancel, claims):
                    self._grant(next(iter(charge.waiting[priority].values())))
                    if charge.waiting[priority]:
                        head = next(iter(charge.waiting[priority]))
                        heapq.heappush(heads, (head, charge))
                    continue
                ready_ns, _ = self._ready(charge, is_cancel)
                if ready_ns > now:
                    wake_ns = min(wake_ns, ready_ns)
                if self._is_shut(charge, is_cancel):
                    continue  # no claim: an account closed for long holds up nobody
                for bucket, amount in charge.parts:
                    claims[bucket] = claims.get(bucket, 0) + amount
        due = self._deadlines
        while due and due[0][2].state is not TicketState.WAITING:
            heapq.heappop(due)
        self._wake_ns = min(wake_ns, due[0][0]) if due else wake_ns

    def _fits(
        self, charge: Charge, is_cancel: bool, claims: Mapping[Bucket, int]
    ) -> bool:
        now = self._now
        return not self._is_shut(charge, is_cancel) and all(
            bucket.fits(amount + claims.get(bucket, 0), is_cancel, now)
            for bucket, amount in charge.parts
        )

    def _is_shut(self, charge: Charge, is_cancel: bool) -> bool:
        return self._now < self._closed_ns and any(
            bucket.opens_ns(is_cancel) > self._now for bucket in charge.gates
        )

    def _ready(self, charge: Charge, is_cancel: bool) -> tuple[int, list[str]]:
        """When *charge* fits if nobody else takes, and what it waits for."""
        now = self._now
        ready_ns, scarce = now, []
        if now < self._closed_ns:
            for bucket in charge.gates:
                at_ns = bucket.opens_ns(is_cancel)
                if at_ns > now:
                    scarce.append(bucket.spec.id)
                    ready_ns = max(ready_ns, at_ns)
        for bucket, amount in charge.parts:
            at_ns = bucket.ready_ns(amount, is_cancel, now)
            if at_ns > now:
                if bucket.spec.id not in scarce:
                    scarce.append(bucket.spec.id)
                ready_ns = max(ready_ns, at_ns)
        return ready_ns, scarce

    def _grant(self, ticket: Ticket) -> None:
        self._leave(ticket, TicketState.GRANTED)
        for bucket, amount in ticket.charge.parts:
            bucket.take(amount, ticket.key, self._now)
        self._decided.append(ticket)

    def _expire_due(self) -> None:
        due = self._deadlines
        if len(due) > 2 * self._waiting + 64:
            due[:] = [d for d in due if d[2].state is TicketState.WAITING]
            heapq.heapify(due)
        while due and due[0][0] <= self._now:
            ticket = heapq.heappop(due)[2]
            if ticket.state is TicketState.WAITING:
                self._fail(
                    ticket,
                    *self._ready(ticket.charge, ticket.priority is Priority.CANCEL),
                )

    def _expire_hopeless(self) -> None:
        """After a limit or a gate changed: fail who cannot make it any more."""
        if not self._waiting:
            return
        for charge in list(self._active):
            for priority in Priority:
                if not charge.waiting[priority]:
                    continue
                ready_ns, scarce = self._ready(charge, priority is Priority.CANCEL)
                for ticket in list(charge.waiting[priority].values()):
                    if ticket.deadline_ns <= ready_ns:
                        self._fail(ticket, ready_ns, scarce)
        self._serve()

    def _leave(self, ticket: Ticket, state: TicketState) -> None:
        charge = ticket.charge
        del charge.waiting[ticket.priority][ticket.key]
        self._waiting -= 1
        self._waiting_by[ticket.priority] -= 1
        if not any(charge.waiting):
            del self._active[charge]
        ticket.state = state
        ticket.counted_ns = self._now

    def _fail(self, ticket: Ticket, ready_ns: int, scarce: Sequence[str]) -> None:
        self._leave(ticket, TicketState.EXPIRED)
        self._refuse(ticket, ready_ns, scarce)
        self._decided.append(ticket)

    def _refuse(self, ticket: Ticket, ready_ns: int, scarce: Sequence[str]) -> None:
        wait_s = math.inf if ready_ns == NEVER_NS else (ready_ns - self._now) / NS
        names = scarce or [bucket.spec.id for bucket in ticket.charge.gates]
        ticket.state = TicketState.EXPIRED
        why = ticket.why_closed(ready_ns) if ready_ns > self._now else ""
        ticket.error = RateLimited(names, wait_s, why)

    def _tick(self, now_ns: int) -> int:
        if now_ns > self._now:
            self._now = now_ns
            if now_ns >= self._follow_ns:
                self._follow()
        return self._now

    def _follow(self) -> None:
        """Whatever is under way may arrive only now: a window that begins here."""
        now, follow_ns = self._now, NEVER_NS
        for ticket, left_ns in list(self._under_way.items()):
            if now - left_ns > LOST_NS:
                del self._under_way[ticket]
                continue
            if now - ticket.counted_ns >= FOLLOW_NS:
                ticket.counted_ns = now
                for bucket, amount in ticket.charge.parts:
                    bucket.move(amount, ticket.key, now, now)
            # Each by its own time: a window of a second knows no pause.
            follow_ns = min(follow_ns, ticket.counted_ns + FOLLOW_NS)
        self._follow_ns = follow_ns
