"""Events for the user: a bounded queue that is re-synced, not cut, on overflow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
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
        self._is_closed = False
        self._error: BaseException | None = None
        self._overflow_seq: int | None = None
        self._overflow_fills = 0
        self._replay: AsyncIterator[Event] | None = None
        self.dropped = 0
        self.overflows = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event; waits without a bound, cancelling loses nothing."""
        while True:
            if self._replay is not None:
                event = await anext(self._replay, None)
                if event is not None:
                    return event
                self._replay = None
            if self._queue:
                return self._queue.popleft()
            if self._overflow_seq is not None:
                self._replay = self._resync(self._overflow_seq, self._overflow_fills)
                self._overflow_seq = None
                continue
            if self._is_closed:
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
        if self._replay is None and self._overflow_seq is not None:
            since_seq, self._overflow_seq = self._overflow_seq, None
            replay = self._resync(since_seq, self._overflow_fills)
            self._queue.extend([event async for event in replay])

    def close(self, error: BaseException | None = None) -> None:
        """No more events; what is queued can still be read."""
        self._is_closed = True
        self._error = error
        self._shell.forget_stream(self)
        self._wake.set()

    async def _resync(self, since_seq: int, fills_before: int) -> AsyncIterator[Event]:
        shell = self._shell
        now = shell.now()
        core = shell.core
        # All at once, before anything is told: the journal may be closed later.
        last = shell.fills_told
        fills = [fill async for fill in shell.fills_between(fills_before, last)]
        yield Gap(
            seq=since_seq,
            reason=GapReason.OVERFLOW,
            since_wall_ns=now.wall_ns,
            detail=f"{self._most} events were unread",
        )
        orders = [t for t in core.orders.all() if t.last_seq >= since_seq]
        open_orders = core.orders.snapshots(only_open=True)
        positions = core.account.positions()
        margin = core.account.margin(open_orders, now)
        for fill in fills:
            yield FillEvent(seq=since_seq, recovered=True, fill=fill)
        for tracked in orders:
            yield OrderUpdate(seq=since_seq, recovered=True, order=tracked.snapshot())
        for position in positions:
            yield PositionUpdate(seq=since_seq, recovered=True, position=position)
        if margin is not None:
            yield MarginUpdate(seq=since_seq, recovered=True, margin=margin)


def fill_of_json(body: str) -> Fill:
    """A fill as the journal keeps it."""
    return of_text(Fill, body)
