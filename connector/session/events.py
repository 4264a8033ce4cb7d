"""Events for the user: a bounded queue that is re-synced, not cut, on overflow."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from connector.model.events import (
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

_CLOSED = object()


class EventStream:
    """Events in causal order; ``async for event in session.events()``.

    Holds at most *most* unread events. When a slow consumer lets it run full,
    nothing is lost: the consumer first reads what was queued, then a
    `Gap(reason=overflow)`, then every fill it missed (from the journal, flagged
    *recovered*), every order that changed meanwhile and the positions and margin
    of now; then live events again.

    Iteration ends when the session closes. Raises what ended the session if that
    was an error.
    """

    def __init__(self, shell: Shell, most: int) -> None:
        self._shell = shell
        self._most = most
        self._queue: deque[Event] = deque()
        self._wake: asyncio.Event = asyncio.Event()
        self.is_closed = False
        self._error: BaseException | None = None
        self._overflow_seq: int | None = None
        self._overflow_fills = 0
        self._missed: tuple[int, int, int] | None = None
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
            if self._overflow_seq is not None:
                self._note_missed(self._overflow_seq)
                continue
            if self.is_closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()

    @property
    def backlog(self) -> int:
        """Unread events."""
        return len(self._queue)

    def put(self, event: Event, fills_told: int) -> None:
        """Called by the session. *fills_told* counts fills before this event."""
        if self._overflow_seq is not None:
            self.dropped += 1
            return
        if len(self._queue) >= self._most:
            self.overflows += 1
            self.dropped += 1
            self._overflow_seq = event.seq
            self._overflow_fills = fills_told
            return
        self._queue.append(event)
        self._wake.set()

    async def settle(self) -> None:
        """The journal is about to close: what overflowed is taken from it now."""
        if self._missed is not None:
            await self._recover()
        if self._overflow_seq is not None:
            self._note_missed(self._overflow_seq)
            assert self._missed is not None
            missed, self._missed = self._missed, None
            self._queue.extend(await self._resync(*missed))

    def close(self, error: BaseException | None = None) -> None:
        """No more events; what is queued can still be read."""
        self.is_closed = True
        self._error = error
        self._wake.set()

    def _note_missed(self, since_seq: int) -> None:
        """From here on events are queued again; what was missed ends here."""
        self._missed = (
            since_seq,
            self._overflow_fills,
            self._shell.audience.fills_told,
        )
        self._overflow_seq = None

    async def _recover(self) -> None:
        """Replay what was missed; cancelled, it is still to be done."""
        assert self._missed is not None
        missed, self._missed = self._missed, None
        try:
            self._replay.extend(await self._resync(*missed))
        except BaseException:
            self._missed = missed
            raise

    async def _resync(self, since_seq: int, first: int, last: int) -> list[Event]:
        shell = self._shell
        now = shell.now()
        core = shell.core
        # All at once, before anything is told: the journal may be closed later.
        fills = [fill async for fill in shell.fills_between(first, last)]
        gap = Gap(
            seq=since_seq,
            reason=GapReason.OVERFLOW,
            since_wall_ns=now.wall_ns,
            detail=f"{self._most} events were unread",
        )
        orders = [t for t in core.orders.all() if t.last_seq >= since_seq]
        open_orders = core.orders.snapshots(only_open=True)
        positions = core.account.positions()
        margin = core.account.margin(open_orders, now)
        told: list[Event] = [gap]
        told += [FillEvent(seq=since_seq, recovered=True, fill=f) for f in fills]
        told += [
            OrderUpdate(seq=since_seq, recovered=True, order=t.snapshot())
            for t in orders
        ]
        told += [
            PositionUpdate(seq=since_seq, recovered=True, position=p) for p in positions
        ]
        if margin is not None:
            told.append(MarginUpdate(seq=since_seq, recovered=True, margin=margin))
        return told


def fill_of_json(body: str) -> Fill:
    """A fill as the journal keeps it."""
    return of_text(Fill, body)
