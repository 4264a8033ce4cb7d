"""Law 8 seen from the venue: strict servers judge arrival times alone.

The servers are written without looking at the limiter, in the strictest reading
of each rule. A request granted at t arrives anywhere in [t, t + jitter].
"""

from __future__ import annotations

import heapq
import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.limiter import Charge, Limiter, Ticket, TicketState
from connector.model.limits import BucketKind, BucketSpec, Priority

S = 1_000_000_000
MS = 1_000_000
FAR = 10**15


class RollingVenue:
    """At most *limit* units in any window of *window_ns*, both ends included.

    Every calendar window, whatever its alignment, is one of these.
    """

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self.rejected = 0
        self._held = 0
        self._arrived: deque[tuple[int, int]] = deque()

    def arrive(self, at_ns: int, amount: int = 1) -> bool:
        while self._arrived and self._arrived[0][0] < at_ns - self.window_ns:
            self._held -= self._arrived.popleft()[1]
        self._arrived.append((at_ns, amount))
        self._held += amount
        if self._held > self.limit:
            self.rejected += 1
            return False
        return True


class CalendarVenue:
    """At most *limit* units in each ``[k*window + phase, (k+1)*window + phase)``."""

    def __init__(self, limit: int, window_ns: int, phase_ns: int = 0) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self.phase_ns = phase_ns
        self.rejected = 0
        self.used = 0
        self._window = -1

    def arrive(self, at_ns: int, amount: int = 1) -> bool:
        window = (at_ns - self.phase_ns) // self.window_ns
        if window != self._window:
            self._window, self.used = window, 0
        self.used += amount
        if self.used > self.limit:
            self.rejected += 1
            return False
        return True


class CreditVenue:
    """A pool of *capacity* units refilling *rate* units per second, never dry."""

    def __init__(self, capacity: int, rate: int) -> None:
        self.capacity = capacity * 1_000_000_000
        self.rate = rate
        self.rejected = 0
        self._level = self.capacity
        self._at_ns = 0

    def arrive(self, at_ns: int, amount: int = 1) -> bool:
        refill = self.rate * (at_ns - self._at_ns)
        self._level = min(self.capacity, self._level + refill)
        self._at_ns = at_ns
        if amount * 1_000_000_000 > self._level:
            self.rejected += 1
            return False
        self._level -= amount * 1_000_000_000
        return True


Venue = RollingVenue | CalendarVenue | CreditVenue


def rejections(venue: Venue, arrivals: list[tuple[int, int]]) -> int:
    """How many of ``(arrival_ns, amount)`` a venue refuses."""
    for at_ns, amount in sorted(arrivals):
        venue.arrive(at_ns, amount)
    return venue.rejected


class World:
    """Plays a random stream of requests into a limiter, in virtual time."""

    def __init__(self, specs: list[BucketSpec], seed: int) -> None:
        self.random = random.Random(seed)
        self.limiter = Limiter(specs, 0)
        self.specs = specs
        self.now = 0
        self.waiting: list[Ticket] = []
        self.counted: list[tuple[Ticket, int]] = []  # with arrival time

    def charge(self) -> Charge:
        chosen = self.random.sample(self.specs, self.random.randint(1, len(self.specs)))
        most = [max(1, spec.limit // 3) for spec in chosen]
        return self.limiter.charge(
            tuple(
                (spec.id, self.random.randint(0, top))
                for spec, top in zip(chosen, most, strict=True)
            )
        )

    def settle(self) -> None:
        for ticket in self.limiter.poll(self.now):
            self.waiting.remove(ticket)
            if ticket.state is TicketState.GRANTED:
                self.leave(ticket)
            else:
                assert ticket.error is not None

    def leave(self, ticket: Ticket) -> None:
        """Most leave at once, some late, some never."""
        jitter = min(spec.jitter_ns for spec in self.specs)
        fate = self.random.random()
        if fate < 0.1:
            self.limiter.refund(ticket, self.now)
            return
        if fate < 0.3:
            self.now += self.random.choice([MS, 30 * MS, 3 * S])
            if not self.limiter.departed(ticket, self.now):
                return
        arrival = ticket.counted_ns + self.random.randint(0, jitter)
        if fate > 0.9 and all(spec.kind is BucketKind.WINDOW for spec in self.specs):
            # Far later than the margin; the answer tells before the charge ends.
            shortest = min(spec.window_ns for spec in self.specs)
            arrival = ticket.counted_ns + self.random.randint(0, shortest)
            self.now = max(self.now, arrival)
            self.limiter.answered(ticket, arrival)
        self.counted.append((ticket, arrival))

    def step(self) -> None:
        self.now += self.random.choice([0, 1, MS, 50 * MS, 700 * MS])
        self.settle()
        ticket = self.limiter.submit(
            self.charge(),
            self.random.choice(list(Priority)),
            self.now + self.random.choice([0, 10 * MS, 2 * S, 60 * S]),
            self.now,
        )
        if ticket.state is TicketState.GRANTED:
            self.leave(ticket)
        elif ticket.state is TicketState.WAITING:
            self.waiting.append(ticket)
        if self.waiting and self.random.random() < 0.1:
            dropped = self.random.choice(self.waiting)
            if self.limiter.cancel(dropped, self.now):
                self.waiting.remove(dropped)
        self.settle()

    def finish(self) -> None:
        while self.waiting:
            self.now = max(self.now, self.limiter.next_wake_ns())
            self.settle()

    def arrivals(self, bucket_id: str) -> list[tuple[int, int]]:
        return [
            (at_ns, amount)
            for ticket, at_ns in self.counted
            for name, amount in ticket.charge.cost
            if name == bucket_id and amount
        ]


def window_specs() -> st.SearchStrategy[BucketSpec]:
    return st.builds(
        lambda limit, seconds, jitter_ms, reserve: BucketSpec(
            id="?",
            limit=limit,
            window_ns=seconds * S,
            jitter_ns=jitter_ms * MS,
            reserve=min(reserve, limit - 1),
        ),
        st.integers(1, 30),
        st.sampled_from([1, 2, 5, 10]),
        st.sampled_from([0, 1, 20, 100]),
        st.integers(0, 5),
    )


def credit_specs() -> st.SearchStrategy[BucketSpec]:
    return st.builds(
        lambda limit, rate, jitter_ms: BucketSpec(
            id="?",
            kind=BucketKind.CREDITS,
            limit=limit,
            refill_per_s=rate,
            jitter_ns=jitter_ms * MS,
        ),
        st.integers(5, 50),
        st.integers(1, 20),
        st.sampled_from([0, 20, 50]),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(window_specs(), credit_specs()), min_size=1, max_size=3),
    st.integers(0, 2**32),
)
def test_no_window_and_no_pool_is_ever_exceeded(
    drawn: list[BucketSpec], seed: int
) -> None:
    """Law 8: whatever is asked, refunded, late or given up, no venue refuses."""
    specs = [
        BucketSpec(
            id=f"b{i}",
            kind=spec.kind,
            limit=spec.limit,
            window_ns=spec.window_ns,
            refill_per_s=spec.refill_per_s,
            jitter_ns=spec.jitter_ns,
            reserve=spec.reserve,
        )
        for i, spec in enumerate(drawn)
    ]
    world = World(specs, seed)
    for _ in range(80):
        world.step()
    world.finish()
    for spec in specs:
        arrivals = world.arrivals(spec.id)
        if spec.kind is BucketKind.CREDITS:
            pool: Venue = CreditVenue(spec.limit, spec.refill_per_s)
            assert rejections(pool, arrivals) == 0
            continue
        assert rejections(RollingVenue(spec.limit, spec.window_ns), arrivals) == 0
        phase = world.random.randrange(spec.window_ns)
        calendar = CalendarVenue(spec.limit, spec.window_ns, phase)
        assert rejections(calendar, arrivals) == 0


def run_tasks(
    limiter: Limiter, charge: Charge, tasks: int, until_ns: int, seed: int
) -> list[int]:
    """*tasks* loops that each ask again once answered; arrival times by jitter."""
    chance = random.Random(seed)
    ready = [(chance.randrange(S), task) for task in range(tasks)]
    heapq.heapify(ready)
    arrivals: list[int] = []
    while True:
        wake_ns = limiter.next_wake_ns()
        now = min(ready[0][0], wake_ns) if ready else wake_ns
        if now >= until_ns:
            return arrivals
        granted = limiter.poll(now)
        while ready and ready[0][0] <= now:
            _, task = heapq.heappop(ready)
            ticket = limiter.submit(charge, Priority.PLACE, FAR, now)
            ticket.owner = task
            if ticket.state is TicketState.GRANTED:
                granted.append(ticket)
        for ticket in granted:
            assert ticket.state is TicketState.GRANTED
            arrival = now + chance.randint(0, 20 * MS)
            arrivals.append(arrival)
            assert isinstance(ticket.owner, int)
            heapq.heappush(ready, (arrival + chance.randint(0, 50 * MS), ticket.owner))


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_tasks_use_the_limit_and_never_break_it(seed: int) -> None:
    """300 per 10 s, any alignment, 20 ms jitter: no refusal, 98 % or more used."""
    limiter = Limiter(
        [
            BucketSpec(id="orders-10s", limit=300, window_ns=10 * S),
            BucketSpec(id="weight-1m", limit=2400, window_ns=60 * S),
        ],
        0,
    )
    charge = limiter.charge((("orders-10s", 1), ("weight-1m", 1)))
    until_s = 1200
    arrivals = run_tasks(limiter, charge, 200, until_s * S, seed)
    venues: list[Venue] = [
        RollingVenue(300, 10 * S),
        RollingVenue(2400, 60 * S),
        *(CalendarVenue(300, 10 * S, phase * S // 3) for phase in range(0, 30, 7)),
    ]
    for venue in venues:
        assert rejections(venue, [(at_ns, 1) for at_ns in arrivals]) == 0
    # The first burst is free at any rate: the rest alone must keep it up.
    allowed = 300 * until_s // 10
    assert len(arrivals) - 300 >= 0.98 * (allowed - 300)


@pytest.mark.parametrize("error_ms", [None, -90, -5, 0, 5, 90])
@pytest.mark.parametrize("phase_ms", [0, 1, 3333, 9990])
def test_headers_about_our_own_traffic_change_nothing(
    error_ms: int | None, phase_ms: int
) -> None:
    """A venue's count of what we sent never makes us slower.

    Not even around the end of its window, which we know to 100 ms or not at all.
    """
    spec = BucketSpec(id="w", limit=500, window_ns=10 * S)
    limiter = Limiter([spec], 0)
    if error_ms is not None:
        # Our 0 is phase_ms after a window began.
        limiter.set_venue_clock((phase_ms + error_ms) * MS, 100 * MS)
    venue = CalendarVenue(500, 10 * S, -phase_ms * MS)
    charge = limiter.charge((("w", 1),))
    chance = random.Random(phase_ms)
    answers: list[tuple[int, int, int]] = []  # (received, used, sent)
    now = 0
    for _ in range(4000):
        now += chance.randint(0, 40 * MS)
        while answers and answers[0][0] <= now:
            received, used, sent = heapq.heappop(answers)
            before = limiter.snapshot(received).buckets[0].used
            limiter.observe("w", used, received, sent)
            assert limiter.snapshot(received).buckets[0].used == before
        if limiter.try_acquire(charge, Priority.QUERY, now) is not None:
            arrival = now + 10 * MS  # in order, so that the venue may count now
            assert venue.arrive(arrival)
            received = arrival + chance.randint(0, 50 * MS)
            heapq.heappush(answers, (received, venue.used, now))


def test_a_stranger_who_shares_the_budget_is_made_room_for() -> None:
    """With headers on every answer the sum stays within a calendar window."""
    limiter = Limiter([BucketSpec(id="w", limit=100, window_ns=10 * S)], 0)
    limiter.set_venue_clock(0, 0)
    venue = CalendarVenue(100, 10 * S)
    charge = limiter.charge((("w", 1),))
    chance = random.Random(7)
    now, ours, theirs = 0, 0, 0
    while now < 300 * S:
        now += chance.randint(0, 60 * MS)
        # The stranger is modest: it leaves some room and rests at times.
        if venue.used < 95 and (venue.used < 60 or now // (10 * S) % 3):
            venue.arrive(now)
            theirs += 1
        if limiter.try_acquire(charge, Priority.PLACE, now) is not None:
            venue.arrive(now)
            ours += 1
            limiter.observe("w", venue.used, now, now)
    assert venue.rejected == 0
    assert ours > 300
    assert theirs > 300
