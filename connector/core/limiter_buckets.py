"""One rate limit of a venue: what it is, and how much of it is used.

A venue counts requests when they *arrive*; we know only when they left. A
request sent at ``t`` is taken to arrive anywhere in ``[t, t + jitter]``.

Window (fixed or rolling, length W): two requests sent ``d`` apart arrive at
least ``d - jitter`` apart, so they can share a window of some alignment only if
``d < W + jitter``. Hence the rule: never more than *limit* sent within any
``W + jitter``. The ledger of that span is exact, so the whole burst is usable
at any alignment; a plain token bucket would have to give ``b + r*W <= limit``
away. A fixed calendar window is one of the rolling ones, so one rule does both.

Credits (capacity C, refill r): the venue's pool never runs dry exactly when
every interval of length d costs at most ``C + r*d``. What arrives in such an
interval was sent in one longer by the jitter, so a local pool of capacity
``C - r*jitter`` is safe. The sum is kept in billionths of a credit: integers,
no rounding. A request held up longer than the jitter breaks the proof: where an
empty pool ends the session, let *jitter_ns* cover a retransmission (a second).
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from connector.model.limits import BucketKind, BucketSpec

NS = 1_000_000_000
NEVER_NS = (1 << 63) - 1
"""A time after all deadlines: "this will not happen"."""

LATE_ANSWER_NS = 5 * NS
"""An answer within this time never takes our own requests for a stranger's."""

CREDIT_HISTORY = 1024
"""Takes remembered per credit pool so that a refund can be exact."""


class Bucket(ABC):
    """What both kinds share: the spec in force and the closing times."""

    __slots__ = (
        "closed_ns",
        "closed_reason",
        "closed_to_new_ns",
        "spec",
    )

    spec: BucketSpec

    def __init__(self) -> None:
        self.closed_ns = 0  # nothing passes before
        self.closed_to_new_ns = 0  # only cancels pass before
        self.closed_reason = ""

    def close(self, until_ns: int, reason: str, spare_cancels: bool) -> None:
        """Close until then; an earlier, longer closing stands."""
        if until_ns > self.opens_ns(is_cancel=False):
            self.closed_reason = reason
        if spare_cancels:
            self.closed_to_new_ns = max(self.closed_to_new_ns, until_ns)
        else:
            self.closed_ns = max(self.closed_ns, until_ns)

    def opens_ns(self, is_cancel: bool) -> int:
        """Earliest time the gate lets this class through (may be past)."""
        if is_cancel or self.closed_ns > self.closed_to_new_ns:
            return self.closed_ns
        return self.closed_to_new_ns

    # The counting, by kind. Amounts are > 0 and times never run backwards.

    @abstractmethod
    def adopt(self, spec: BucketSpec, now_ns: int) -> None:
        """Put *spec* in force and keep what is already used."""

    @abstractmethod
    def fits(self, amount: int, is_cancel: bool, now_ns: int) -> bool:
        """Whether *amount* may be taken now."""

    @abstractmethod
    def ready_ns(self, amount: int, is_cancel: bool, now_ns: int) -> int:
        """Earliest time *amount* fits if nothing else is taken, or NEVER_NS."""

    @abstractmethod
    def take(self, amount: int, key: int, now_ns: int) -> None:
        """Count *amount* from now on, under *key*, without asking whether it fits."""

    @abstractmethod
    def give_back(self, amount: int, key: int, now_ns: int) -> None:
        """Undo a take; what the venue's count has forgotten is not given twice."""

    @abstractmethod
    def move(self, amount: int, key: int, at_ns: int, now_ns: int) -> None:
        """Count the take of *key* as made at *at_ns*, not later than now."""

    @abstractmethod
    def observe(
        self, used: int, window: tuple[int, int] | None, sent_ns: int, now_ns: int
    ) -> None:
        """Believe the venue if it has counted more than we have.

        *window* is when the venue's calendar window began at the earliest (not
        after now) and ends at the latest, on our clock, or None if that is not
        known. *sent_ns* is when the request left whose answer says so.
        """

    @abstractmethod
    def inherit(self, amount: int, at_ns: int, now_ns: int) -> None:
        """Count what an earlier process took at *at_ns*, not later than now."""

    @abstractmethod
    def used_at(self, now_ns: int) -> int:
        """Units in use, rounded up."""


class WindowBucket(Bucket):
    """An exact ledger of the last window."""

    __slots__ = (
        "_cap_all",
        "_cap_new",
        "_foreign",
        "_forgotten",
        "_late",
        "_ledger",
        "_recent",
        "_recent_ns",
        "_span",
        "_used",
    )

    def __init__(self, spec: BucketSpec, now_ns: int) -> None:
        super().__init__()
        # (sent_ns, key, amount) by time; at most `limit` entries because each
        # amount is >= 1. Expired entries leave when room is wanted.
        self._ledger: deque[tuple[int, int, int]] = deque()
        self._foreign: list[tuple[int, int]] = []  # (until_ns, amount), a heap
        # Expired entries that an answer still under way may count.
        self._late: deque[tuple[int, int, int]] = deque()
        self._recent = 0
        self._recent_ns = now_ns
        self._used = 0
        self._forgotten = 0  # units expired since the window's length was set
        self._span = 0
        self.adopt(spec, now_ns)

    def adopt(self, spec: BucketSpec, now_ns: int) -> None:
        old_span = self._span
        if old_span:
            self._expire(now_ns)
        self.spec = spec
        # One more than the sum, so that a venue whose windows include both ends
        # is obeyed too.
        self._span = spec.window_ns + spec.jitter_ns + 1
        half = 1 if spec.learnt else 2
        self._cap_all = max(1, spec.limit // half)
        self._cap_new = self._cap_all - spec.reserve // half
        if self._forgotten and self._span > old_span:
            # A longer window looks further back than the ledger: all we know of
            # that time is what was forgotten, at the latest one old span ago.
            self._borrow(
                min(self._forgotten, self._cap_all), now_ns - old_span + self._span
            )
            self._forgotten = 0

    def fits(self, amount: int, is_cancel: bool, now_ns: int) -> bool:
        cap = self._cap_all if is_cancel else self._cap_new
        if self._used + amount <= cap:
            return True
        self._expire(now_ns)
        return self._used + amount <= cap

    def ready_ns(self, amount: int, is_cancel: bool, now_ns: int) -> int:
        cap = self._cap_all if is_cancel else self._cap_new
        if amount > cap:
            return NEVER_NS
        missing = self._used + amount - cap
        if missing <= 0:
            return now_ns
        for until_ns, freed in self._releases():
            missing -= freed
            if missing <= 0:
                return max(until_ns, now_ns)
        raise AssertionError(f"{self.spec.id}: ledger and sum disagree")

    def take(self, amount: int, key: int, now_ns: int) -> None:
        self._ledger.append((now_ns, key, amount))
        self._used += amount
        self._recent += amount

    def give_back(self, amount: int, key: int, now_ns: int) -> None:
        ledger = self._ledger
        for back, entry in enumerate(reversed(ledger), 1):
            if entry[1] == key:
                del ledger[-back]
                self._used -= amount
                if entry[0] >= self._recent_ns:
                    self._recent -= amount
                return

    def move(self, amount: int, key: int, at_ns: int, now_ns: int) -> None:
        self.give_back(amount, key, now_ns)
        ledger = self._ledger
        at = len(ledger)
        while at and ledger[at - 1][0] > at_ns:
            at -= 1
        ledger.insert(at, (at_ns, key, amount))
        self._used += amount
        if at_ns >= self._recent_ns:
            self._recent += amount

    def observe(
        self, used: int, window: tuple[int, int] | None, sent_ns: int, now_ns: int
    ) -> None:
        self._expire(now_ns)
        if window is None:
            if used <= self._used:
                return  # cheap: all that a window may hold is in here
            self._count_since(sent_ns - self.spec.window_ns - self.spec.jitter_ns)
            counted = self._recent + sum(amount for _, amount in self._foreign)
            until_ns = now_ns + self._span
        else:
            self._count_since(window[0] - self.spec.jitter_ns)
            until_ns = window[1]
            # Estimates of the window's end wobble, by less than half a window.
            this_ns = until_ns - self.spec.window_ns // 2
            counted = self._recent + sum(a for t, a in self._foreign if t > this_ns)
        if used > counted and until_ns > now_ns:
            self._borrow(used - counted, until_ns)

    def inherit(self, amount: int, at_ns: int, now_ns: int) -> None:
        if at_ns + self._span > now_ns:
            self._borrow(amount, at_ns + self._span)

    def used_at(self, now_ns: int) -> int:
        self._expire(now_ns)
        return self._used

    def _count_since(self, since_ns: int) -> None:
        """Make `_recent` our own use since then, expired or not.

        A calendar window is counted once and then kept up by every take.
        """
        if since_ns != self._recent_ns:
            self._recent_ns = since_ns
            self._recent = sum(
                amount
                for entries in (self._ledger, self._late)
                for sent_ns, _, amount in entries
                if sent_ns >= since_ns
            )

    def _borrow(self, amount: int, until_ns: int) -> None:
        heapq.heappush(self._foreign, (until_ns, amount))
        self._used += amount

    def _releases(self) -> Iterator[tuple[int, int]]:
        own = ((sent_ns + self._span, amount) for sent_ns, _, amount in self._ledger)
        return heapq.merge(own, sorted(self._foreign)) if self._foreign else own

    def _expire(self, now_ns: int) -> None:
        ledger, late, horizon = self._ledger, self._late, now_ns - self._span
        while ledger and ledger[0][0] <= horizon:
            entry = ledger.popleft()
            self._used -= entry[2]
            self._forgotten += entry[2]
            late.append(entry)
        while late and late[0][0] <= horizon - LATE_ANSWER_NS:
            late.popleft()
        while self._foreign and self._foreign[0][0] <= now_ns:
            self._used -= heapq.heappop(self._foreign)[1]


class CreditBucket(Bucket):
    """A pool that refills steadily; kept as debt, in billionths of a credit."""

    __slots__ = ("_at_ns", "_cap_all", "_cap_new", "_debt", "_rate", "_takes")

    def __init__(self, spec: BucketSpec, now_ns: int) -> None:
        super().__init__()
        self._debt = 0
        self._at_ns = now_ns
        self._rate = 1
        # (key, debt before the take), oldest first, since the pool was last full.
        self._takes: deque[tuple[int, int]] = deque(maxlen=CREDIT_HISTORY)
        self.adopt(spec, now_ns)

    def adopt(self, spec: BucketSpec, now_ns: int) -> None:
        self._settle(now_ns)
        self.spec = spec
        half = 1 if spec.learnt else 2
        self._rate = max(1, spec.refill_per_s // half)
        capacity = max(1, spec.limit // half) * NS - spec.refill_per_s * spec.jitter_ns
        self._cap_all = max(0, capacity)
        self._cap_new = max(0, self._cap_all - spec.reserve // half * NS)

    def fits(self, amount: int, is_cancel: bool, now_ns: int) -> bool:
        self._settle(now_ns)
        cap = self._cap_all if is_cancel else self._cap_new
        return self._debt + amount * NS <= cap

    def ready_ns(self, amount: int, is_cancel: bool, now_ns: int) -> int:
        self._settle(now_ns)
        cap = self._cap_all if is_cancel else self._cap_new
        if amount * NS > cap:
            return NEVER_NS
        missing = self._debt + amount * NS - cap
        return now_ns if missing <= 0 else now_ns - (-missing // self._rate)

    def take(self, amount: int, key: int, now_ns: int) -> None:
        self._settle(now_ns)
        self._takes.append((key, self._debt))
        self._debt += amount * NS

    def give_back(self, amount: int, key: int, now_ns: int) -> None:
        # Had the request not been counted, the pool would have been fuller by
        # its cost, but never fuller than full: the difference shrinks to the
        # smallest debt since. Giving back more would invent credits.
        self._settle(now_ns)
        takes = self._takes
        at = len(takes) - 1
        while at >= 0 and takes[at][0] != key:
            at -= 1
        if at < 0:
            return  # the pool has been full since, or it is too long ago
        del takes[at]
        given = amount * NS
        for later in range(at, len(takes)):
            name, debt = takes[later]
            given = min(given, debt)
            takes[later] = (name, debt - given)
        self._debt -= min(given, self._debt)

    def move(self, amount: int, key: int, at_ns: int, now_ns: int) -> None:
        # Counting it from now instead of from at_ns is the safe side.
        self.give_back(amount, key, now_ns)
        self.take(amount, key, now_ns)

    def observe(
        self, used: int, window: tuple[int, int] | None, sent_ns: int, now_ns: int
    ) -> None:
        self._settle(now_ns)
        self._debt = max(self._debt, used * NS)

    def inherit(self, amount: int, at_ns: int, now_ns: int) -> None:
        self._settle(now_ns)
        self._debt += max(0, amount * NS - self._rate * (now_ns - at_ns))

    def used_at(self, now_ns: int) -> int:
        self._settle(now_ns)
        return -(-self._debt // NS)

    def _settle(self, now_ns: int) -> None:
        if self._debt:
            self._debt -= self._rate * (now_ns - self._at_ns)
            if self._debt <= 0:
                self._debt = 0
                self._takes.clear()
        self._at_ns = now_ns


def make_bucket(spec: BucketSpec, now_ns: int) -> Bucket:
    """An empty bucket for *spec*."""
    if spec.kind is BucketKind.WINDOW:
        return WindowBucket(spec, now_ns)
    return CreditBucket(spec, now_ns)
