"""What this process spent of the venue's limits, so that the next one knows.

The venue's windows outlive a process. Journaling every request would cost an fsync
each; so a record says what was spent so far and *lends* some more: as long as no
more than the loan (a twentieth of a limit) has been spent since the newest durable
record, whoever finds it knows an upper bound. Half a loan used asks for the next
record, which travels with whatever is written anyway.

    next process: spent = what the record tells, at its times, and the loan, as if now

When the venue says stop (429, a ban), the record tells until when, too: who starts
again meanwhile must not make it longer. Stops of a few seconds are not worth a write.

A session that was closed wrote a last record without a loan. Limits whose window is
short are not recorded: unless the last process was closed, they are taken as used up.

A request waits for a new record when its loan is used up, at most `LOAN_WAIT_S`:
a disk that refuses or stalls must not keep cancels and reconciliation from leaving.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from connector.core.limiter_tickets import template_id
from connector.dialect.wire import Throttle
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.limits import BucketKind, BucketScope, BucketSpec, Cost, Priority
from connector.model.noun import of_text, replace, to_text

LOAN_WAIT_S = 1.0

_LOAN_PART = 20
_SHORT_NS = {BucketKind.WINDOW: 2 * NS_PER_S, BucketKind.CREDITS: 10 * NS_PER_S}
"""Pools refill from the first instant: taken as empty, they hold up little."""

_SLOTS = 12
"""Slots of a window: what was spent in one counts as spent at its end."""

LONG_STOP_MS = 3_000
"""A stop that is shorter is over before another process has asked anything."""

INHERITED_STOP_MS = 600_000
"""A stop told to an earlier process counts no longer: the machine may have got another
address meanwhile, and a ban can last for days. Whoever asks then is told again."""

CLOCK_SLACK_NS = 10 * NS_PER_S
"""How far the wall clock may have been set forward between two processes."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Units of one bucket (bare id), spent at *wall_ns* at the latest."""

    bucket: str
    units: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class _Stop:
    """The venue's word to wait, told and over at these times (UTC ns)."""

    throttle: Throttle
    told_ns: int
    until_ns: int


@dataclass(slots=True)
class _Ledger:
    """One bucket's use: by slot (end, in UTC ns), and since the records."""

    span_ns: int
    loan: int
    slots: dict[int, int]
    since_written: int = 0  # since the newest durable record
    since_made: int = 0  # since the newest record, durable or not yet


class Spending:
    """The book of one session; *run* names it. *nudge*, set by whoever writes the
    records, asks for one soon."""

    def __init__(self, run: str, now: Callable[[], Now]) -> None:
        self.run = run
        self.nudge: Callable[[], None] = lambda: None
        self._now = now
        self._books: dict[str, _Ledger] = {}
        self._short: dict[str, int] = {}
        self._templates: dict[str, BucketSpec] = {}
        self._stops: list[_Stop] = []
        self._written = asyncio.Event()
        self.wants_record = False
        self._is_refused = False  # by the disk: nobody waits for it

    # --- spending ---

    def learn(self, specs: Iterable[BucketSpec]) -> None:
        """These limits exist; what was spent stays spent."""
        for spec in specs:
            if spec.scope is BucketScope.CONNECTION:
                continue  # dies with its connection
            if _span_ns(spec) <= _SHORT_NS[spec.kind]:
                self._short[spec.id] = spec.limit
            elif "*" in spec.id:
                self._templates[spec.id] = spec
            else:
                self._open(spec.id, spec)

    def _open(self, name: str, spec: BucketSpec) -> _Ledger:
        loan = max(1, spec.limit // _LOAN_PART)
        book = self._books.setdefault(name, _Ledger(0, loan, {}))
        book.span_ns, book.loan = _span_ns(spec), loan
        return book

    def _book(self, name: str) -> _Ledger | None:
        book = self._books.get(name)
        if book is None and self._templates:
            template = self._templates.get(template_id(name))
            book = None if template is None else self._open(name, template)
        return book

    async def lend(self, cost: Cost, priority: Priority) -> None:
        """Count *cost* as spent; waits a little for a record if the loan is used up.
        Cancels do not wait."""
        must_wait = self.would_wait(cost, priority)
        self.count(cost)
        if must_wait:
            await self._wait()

    def would_wait(self, cost: Cost, priority: Priority) -> bool:
        """Whether `lend` would wait for a record."""
        if priority is Priority.CANCEL or self._is_refused:
            return False
        for name, units in cost:
            book = self._books.get(name)
            if book is not None and units and book.since_written + units > book.loan:
                return True
        return False

    def count(self, cost: Cost) -> None:
        """Count *cost* as spent, without waiting."""
        wall_ns = self._now().wall_ns
        for name, units in cost:
            book = self._book(name)
            if book is None or not units:
                continue
            slot_ns = book.span_ns // _SLOTS
            end_ns = (wall_ns // slot_ns + 1) * slot_ns
            book.slots[end_ns] = book.slots.get(end_ns, 0) + units
            book.since_made += units
            book.since_written += units
            if 2 * book.since_made > book.loan:
                self._want_record()

    def stop(self, throttle: Throttle, wait_ms: int) -> None:
        """The venue said stop for that long, from now on."""
        if wait_ms < LONG_STOP_MS:
            return
        told_ns = self._now().wall_ns
        stop = _Stop(throttle, told_ns, told_ns + wait_ms * NS_PER_MS)
        same = [s for s in self._stops if _is_same(s.throttle, throttle)]
        if any(other.until_ns >= stop.until_ns for other in same):
            return  # a longer word stands
        in_force = (s for s in self._stops if s.until_ns > told_ns and s not in same)
        self._stops = [*in_force, stop]
        self._want_record()

    def _want_record(self) -> None:
        if not self.wants_record:
            self.wants_record = True
            self.nudge()

    async def _wait(self) -> None:
        self._written.clear()
        try:
            async with asyncio.timeout(LOAN_WAIT_S):
                await self._written.wait()
        except TimeoutError:
            return

    # --- records ---

    def record(self, *, is_last: bool = False) -> str:
        """The book as text; a new loan begins, unless it is the last record."""
        wall_ns = self._now().wall_ns
        spent: dict[str, list[list[int]]] = {}
        for name, book in self._books.items():
            oldest_ns = wall_ns - book.span_ns - CLOCK_SLACK_NS
            book.slots = {t: n for t, n in book.slots.items() if t > oldest_ns}
            book.since_made = 0
            if book.slots:
                spent[name] = [[t, n] for t, n in sorted(book.slots.items())]
        self.wants_record = False
        loans = {name: book.loan for name, book in self._books.items()}
        body = {
            "run": self.run,
            "spent": spent,
            "loans": {} if is_last else {**loans, **self._short},
            "stops": [
                [to_text(stop.throttle), stop.told_ns, stop.until_ns]
                for stop in self._stops
                if stop.until_ns > wall_ns
            ],
        }
        return json.dumps(body, separators=(",", ":"), sort_keys=True)

    def on_written(self) -> None:
        """The newest record is durable."""
        self._is_refused = False
        for book in self._books.values():
            book.since_written = book.since_made
        self._written.set()

    def on_refused(self) -> None:
        """The disk did not take it; the next one asks again."""
        self._is_refused = True
        self._written.set()

    def inherit(self, spent: Iterable[Spent]) -> None:
        """Keep telling what earlier processes spent."""
        for item in spent:
            book = self._book(item.bucket)
            if book is not None:
                book.slots[item.wall_ns] = book.slots.get(item.wall_ns, 0) + item.units


def run_of(body: str) -> str:
    """Which run wrote that record."""
    return str(json.loads(body)["run"])


def spent_before(body: str, wall_ns: int) -> Iterator[Spent]:
    """What the record of an earlier process says was spent; its loan as if now."""
    told = json.loads(body)
    for name, slots in told["spent"].items():
        for end_ns, units in slots:
            yield Spent(name, units, end_ns)
    for name, units in told["loans"].items():
        yield Spent(name, units, wall_ns)


def stops_before(body: str, wall_ns: int) -> Iterator[Throttle]:
    """What the venue told an earlier process to wait for, with what is left of it."""
    for text, told_ns, until_ns in json.loads(body).get("stops", ()):
        # A clock that was set back must not make it longer than it was.
        left_ns = min(until_ns - wall_ns, until_ns - told_ns)
        left_ms = min(left_ns // NS_PER_MS, INHERITED_STOP_MS)
        if left_ms > 0:
            told = of_text(Throttle, text)
            yield replace(told, wait_ms=left_ms, until_ms=None)


def _is_same(one: Throttle, other: Throttle) -> bool:
    return one.scope is other.scope and one.buckets == other.buckets


def _span_ns(spec: BucketSpec) -> int:
    """How long a unit counts at most."""
    if spec.kind is BucketKind.WINDOW:
        return spec.window_ns
    return spec.limit * NS_PER_S // spec.refill_per_s
