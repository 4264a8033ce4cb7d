"""Events for the user: a bounded queue that is re-synced, not cut, on overflow."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from connector.errors import JournalError
from connector.model.events import (
    BalanceUpdate,
    Event,
    FillEvent,
    Gap,
    GapReason,
    MarginUpdate,
    OrderUpdate,
    PositionUpdate,
)
from connector.model.noun import of_text
from connector.model.order import Fill

if TYPE_CHECKING:
    from connector.session.shell import Shell

_PIECE = 1_000
"""Fills read back at a time, so that neither loop nor memory is held by a million."""

_REPEATED = (FillEvent, OrderUpdate, PositionUpdate, BalanceUpdate, MarginUpdate)
"""What is told again from the journal or the state of now."""


@dataclass(slots=True, eq=False)
class _Missed:
    """One overflow: its first event, the fills from *first* to *last*, and the others
    that no state repeats (the newest; *lost* older ones are only counted). It is told
    in pieces: *fills* reads on behind *first*, *rest* is what follows the fills."""

    seq: int
    wall_ns: int
    first: int
    others: deque[Event]
    last: int = 0
    lost: int = 0
    fills: Iterator[Fill] | None = None
    rest: list[Event] | None = None


class EventStream:
    """Events in causal order; ``async for event in session.events()``.

    Holds at most *most* unread events. When a slow consumer lets it run full, the
    consumer first reads what was queued, then a `Gap(reason=overflow)`, then every
    fill it missed (from the journal, flagged *recovered*), the newest *most* events
    that are no state (ledger entries, alarms, reports, changes of the link; the gap's
    *detail* counts older ones that are gone), every order that changed meanwhile and
    is remembered (`keep_closed_s`), and the positions, balances and margin of now;
    then live events again.

    Iteration ends when the session closes. Raises what ended the session if that
    was an error, and JournalError if the journal cannot be read after an overflow.
    """

    def __init__(self, shell: Shell, most: int) -> None:
        self._shell = shell
        self._most = most
        self._queue: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._is_waiting = False
        self.is_closed = False
        self._error: BaseException | None = None
        self._overflow: _Missed | None = None  # going on
        self._missed: _Missed | None = None  # over, to be told
        self._replay: deque[Event] = deque()
        self.dropped = 0
        self.overflows = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event; waits without a bound, cancelling loses nothing."""
        while True:
            if self._replay:
                return self._replay.popleft()
            if self._missed is not None:
                await self._recover()
                continue
            if self._queue:
                return self._queue.popleft()
            if self._overflow is not None:
                self._end_overflow()
                continue
            if self.is_closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._wake.clear()
            self._is_waiting = True
            try:
                await self._wake.wait()
            finally:
                self._is_waiting = False

    @property
    def backlog(self) -> int:
        """Unread events."""
        return len(self._queue)

    def put(self, event: Event, fills_told: int) -> None:
        """Called by the session. *fills_told* counts fills before this event."""
        if self._overflow is None:
            if len(self._queue) < self._most:
                self._queue.append(event)
                if self._is_waiting:
                    self._wake.set()
                return
            self.overflows += 1
            self._overflow = _Missed(
                seq=event.seq,
                wall_ns=self._shell.now().wall_ns,
                first=fills_told,
                others=deque(maxlen=self._most),
            )
        self.dropped += 1
        if not isinstance(event, _REPEATED):
            others = self._overflow.others
            self._overflow.lost += len(others) == self._most
            others.append(event)

    def settle(self) -> None:
        """The journal is about to close: what overflowed is taken from it now."""
        if self._missed is not None:
            self._replay.extend(self._last_words(self._missed))
            self._missed = None
        if self._overflow is not None:
            missed = self._end_overflow()
            self._missed = None
            self._queue.extend(self._last_words(missed))

    def close(self, error: BaseException | None = None) -> None:
        """No more events; what is queued can still be read."""
        self.is_closed = True
        self._error = error
        self._wake.set()

    def _end_overflow(self) -> _Missed:
        """From here on events are queued again; what was missed ends here."""
        assert self._overflow is not None
        missed, self._overflow = self._overflow, None
        missed.last = self._shell.audience.fills_told
        self._missed = missed
        return missed

    async def _recover(self) -> None:
        """Replay the next piece of what was missed; cancelled, it is to be done yet."""
        missed = self._missed
        assert missed is not None
        try:
            await self._shell.journal_flushed()
            told = self._again(missed)
        except JournalError:
            if self._missed is missed:
                raise
            return  # told from the journal just before it closed
        if self._missed is missed:
            self._replay.extend(told)
            if missed.first == missed.last:
                self._missed = None

    def _last_words(self, missed: _Missed) -> list[Event]:
        """All that is left; a journal that cannot be read is told and stops nothing."""
        told: list[Event] = []
        try:
            told += self._again(missed)
            while missed.first < missed.last:
                told += self._again(missed)
        except JournalError as error:
            told.append(self._gap(missed, f"; its fills cannot be read: {error}"))
            told += self._rest(missed) if missed.rest is None else missed.rest
        return told

    def _again(self, missed: _Missed) -> list[Event]:
        """The next piece: the gap first, then fills, at last everything else."""
        fills = self._fills(missed)
        told: list[Event] = []
        if missed.rest is None:
            told.append(self._gap(missed))
            missed.rest = self._rest(missed)  # what is queued since is newer
        told += [FillEvent(seq=missed.seq, recovered=True, fill=f) for f in fills]
        missed.first += len(fills)
        if missed.first == missed.last:
            told += missed.rest
        return told

    def _fills(self, missed: _Missed) -> list[Fill]:
        """At most _PIECE of those that are still to be told."""
        if missed.fills is None:
            missed.fills = self._shell.fills_between(missed.first, missed.last)
        try:
            found = list(itertools.islice(missed.fills, _PIECE))
        except JournalError:
            missed.fills = None
            raise
        if not found:
            missed.last = missed.first  # refused by the disk for good
        return found

    def _gap(self, missed: _Missed, trouble: str = "") -> Gap:
        lost = f"; {missed.lost} of them are gone" if missed.lost else ""
        return Gap(
            seq=missed.seq,
            reason=GapReason.OVERFLOW,
            since_wall_ns=missed.wall_ns,
            detail=f"{self._most} events were unread{lost}{trouble}",
        )

    def _rest(self, missed: _Missed) -> list[Event]:
        """What no fill tells, and the state of now."""
        seq, core = missed.seq, self._shell.core
        now = self._shell.now()
        margin = core.account.margin(core.orders.snapshots(only_open=True), now)
        told: list[Event] = [*missed.others]
        told += [
            OrderUpdate(seq=seq, recovered=True, order=t.snapshot())
            for t in core.orders.all()
            if t.last_seq >= seq
        ]
        told += [
            PositionUpdate(seq=seq, recovered=True, position=p)
            for p in core.account.positions()
        ]
        told += [
            BalanceUpdate(seq=seq, recovered=True, balance=b)
            for b in core.account.balances.values()
        ]
        if margin is not None:
            told.append(MarginUpdate(seq=seq, recovered=True, margin=margin))
        return told


def fill_of_json(body: str) -> Fill:
    """A fill as the journal keeps it."""
    return of_text(Fill, body)
