"""Between the machine and the world: inputs in, effects out, tasks in one group.

`post` is the only way in. It runs the machine and starts what it asks for; it
never awaits, so no state change is ever interrupted. Every task is born in one
TaskGroup; what it learns comes back through `post`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from connector.core.effects import (
    AppendJournal,
    CloseGate,
    CloseStream,
    DropToken,
    Effect,
    EndCall,
    Fatal,
    ObserveLimits,
    OpenStream,
    PingStream,
    RefundCall,
    Resolve,
    SendCall,
    SendStream,
    SetLimits,
)
from connector.core.inputs import (
    Input,
    Start,
    Stop,
    Tick,
)
from connector.errors import (
    ConnectorError,
    SessionClosed,
)
from connector.model.clock import NS_PER_S, Now
from connector.model.events import Alarm, Event
from connector.model.ids import ClientOrderId
from connector.model.order import Fill
from connector.session.audience import Audience
from connector.session.calls import Calls
from connector.session.events import fill_of_json
from connector.session.journaling import JournalWriter
from connector.session.latency import Latency
from connector.session.opening import Parts
from connector.session.sockets import Sockets

log = logging.getLogger("connector.session")
log.addHandler(logging.NullHandler())


class Shell:
    """Executes effects for one machine."""

    def __init__(
        self,
        parts: Parts,
        *,
        journal: Callable[[Callable[[Input], None]], JournalWriter],
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.core = parts.core
        self._clock = parts.clock
        self._http = parts.http
        self.budget = parts.budget
        self.latency = Latency(parts.core)
        self._endpoints = parts.endpoints
        self._journal = journal(self.post)
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: int | None = None
        self._is_arming = False
        self._tickets: dict[int, asyncio.Future[Any]] = {}
        self._ticket = 0
        self._sockets = Sockets(
            parts.streams,
            parts.budget,
            post=self.post,
            spawn=self._spawn,
            now=self.now,
            finish=lambda step: self._calls.finish_frame(step),
            logon_timeout_s=parts.config.logon_timeout_s,
        )
        self._calls = Calls(
            parts,
            self._sockets,
            self.latency,
            post=self.post,
            take=self._take,
            spawn=self._spawn,
            now=self.now,
        )
        self.audience = Audience(self, on_event, parts.clock.mono_ns)
        self._executors = self._make_executors()
        self._inputs: deque[Input] = deque()
        self._is_posting = False
        self._changed: asyncio.Future[None] | None = None
        self.fatal: ConnectorError | None = None
        self._end: BaseException | None = None
        self.is_closed = False
        self._is_ending = False

    # --- life ---

    async def run(self, opened: asyncio.Future[None], stop: asyncio.Event) -> None:
        """Own the task group from Start until *stop*."""
        with _no_garbage():
            self.core.restore(self._journal.restore(), self.now())
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                writer = group.create_task(self._journal.run(), name="journal.write")
                warmer = group.create_task(
                    self._http.keep_warm(self._endpoints.rest), name="http.warm"
                )
                self.latency.watch_loop(self.now)
                self.post(Start())
                if not opened.done():  # whoever opens may have been cancelled
                    opened.set_result(None)
                await stop.wait()
                warmer.cancel()
                self.post(Stop())
                await self._end_calls()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.core.config.close_timeout_s):
                        await self._journal.flush()
                writer.cancel()
        finally:
            # Also when cancelled or broken: what waits for the disk is written.
            self._journal.close()
            for stream in self.audience.streams():
                stream.settle()

    async def _end_calls(self) -> None:
        """Calls under way may end by themselves for a while; those that do not are
        cancelled, and say whether they may have left."""
        timeout_s = self.core.config.close_timeout_s
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        self._is_ending = True
        left = list(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=timeout_s)

    def end(self, error: BaseException | None) -> None:
        """Nobody waits any longer."""
        self.is_closed = True
        self.latency.stop()
        if self._timer is not None:
            self._timer.cancel()
        reason = self._end = error or SessionClosed("the session is closed")
        for future in self._tickets.values():
            if not future.done():
                future.set_exception(reason)
                future.exception()  # nobody may be waiting: that is no news
        self._tickets.clear()
        for stream in self.audience.streams():
            stream.close(error)
        self._signal_change()

    # --- in ---

    def now(self) -> Now:
        """Both clocks."""
        return self._clock.now()

    def post(self, happened: Input) -> None:
        """Feed the machine and do what it wants.

        Called from inside (a user's callback that acts at once), the input waits
        until the effects of the one under way are done.
        """
        if self.is_closed:
            return
        if self._is_posting:
            self._inputs.append(happened)
            return
        self._is_posting = True
        inputs, calls = self._inputs, self._calls
        try:
            self._take(happened)
            while True:
                if calls.departing and not self._is_ending:
                    calls.depart()
                if not inputs:
                    break
                self._take(inputs.popleft())
        finally:
            self._is_posting = False
            inputs.clear()
        if self._changed is not None:
            self._signal_change()
        if not self._is_arming:
            # Once per turn of the loop: a burst of frames needs one timer.
            self._is_arming = True
            asyncio.get_running_loop().call_soon(self._arm)

    def _take(self, happened: Input) -> None:
        now = self._clock.now()
        self.latency.posting(happened, now)
        effects = self.core.feed(happened, now)
        self.latency.posted()
        for effect in effects:
            self._execute(effect)

    def new_ticket(self) -> tuple[int, asyncio.Future[Any]]:
        """A number for a wish, and where its answer will be; raises SessionClosed."""
        if self.is_closed:
            raise SessionClosed("the session is closed")
        self._ticket += 1
        future = asyncio.get_running_loop().create_future()
        self._tickets[self._ticket] = future
        return self._ticket, future

    async def changed(self) -> None:
        """Return when anything has happened."""
        if self._end is not None:
            raise self._end
        if self._changed is None or self._changed.done():
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._changed)
        if self._end is not None:
            raise self._end

    async def settled(self, ids: Sequence[ClientOrderId]) -> None:
        """Wait a while for orders to end."""

        def is_open(client_order_id: ClientOrderId) -> bool:
            tracked = self.core.orders.get(client_order_id)
            return tracked is not None and tracked.snapshot().is_open

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.core.config.doubt_patience_s):
                while any(is_open(one) for one in ids):
                    await self.changed()

    async def journal_flushed(self) -> None:
        """What happened until now is in the journal."""
        await self._journal.flush()

    def fills_between(self, first: int, last: int) -> Iterator[Fill]:
        """Fills number *first* to *last* of this session, read from the journal as they
        are taken."""
        rows = self._journal.rows_since_open("fill")
        return map(fill_of_json, itertools.islice(rows, first, last))

    # --- out ---

    def _execute(self, effect: Effect) -> None:
        self._executors[type(effect)](effect)

    def _make_executors(self) -> dict[type[Any], Callable[[Any], object]]:
        """What is done for each kind of effect."""
        calls, sockets, budget = self._calls, self._sockets, self.budget
        return {
            **dict.fromkeys(Event.__subclasses__(), self.audience.tell),
            SendCall: calls.put,
            EndCall: lambda effect: calls.end(effect.call_id),
            AppendJournal: self._append,
            Resolve: lambda effect: self._resolve(effect.ticket, effect.outcome),
            OpenStream: sockets.open,
            SendStream: sockets.send,
            PingStream: sockets.ping,
            CloseStream: sockets.close,
            ObserveLimits: lambda effect: budget.observe(
                effect.used, sent_ns=calls.sent_ns(effect.call_id)
            ),
            RefundCall: lambda effect: calls.refund(effect.call_id),
            CloseGate: lambda effect: budget.close(
                effect.throttle, self.core.clock.offset, self.now()
            ),
            DropToken: lambda _: calls.drop_token(),
            SetLimits: lambda effect: budget.learn(effect.specs),
            Fatal: self._fail,
        }

    def _append(self, effect: AppendJournal) -> None:
        if effect.token:
            self.latency.journaling(effect)
        self._journal.put(effect)

    def _fail(self, effect: Fatal) -> None:
        self.fatal = self.fatal or effect.error
        self.audience.tell(Alarm(code="session.fatal", text=str(effect.error)))

    def _spawn(
        self, work: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None] | None:
        assert self._group is not None, "effects before the session is open"
        if self._is_ending:
            work.close()
            return None
        try:
            task = self._group.create_task(work, name=name)
        except RuntimeError:
            # The group is being cancelled from outside (Ctrl-C, the loop's end).
            work.close()
            self._is_ending = True
            return None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _resolve(self, ticket: int, outcome: object) -> None:
        future = self._tickets.pop(ticket, None)
        if future is None or future.done():
            return
        if isinstance(outcome, ConnectorError):
            future.set_exception(outcome)
            future.exception()  # of a batch, only the first is waited for
        else:
            future.set_result(outcome)

    def _signal_change(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _arm(self) -> None:
        self._is_arming = False
        if self.is_closed:
            return
        due = self.core.next_wake_ns
        if due == self._timer_ns and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_ns = due
        if due is None or self._is_ending:
            return
        delay_s = max(0, due - self.now().mono_ns) / NS_PER_S
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_ns = None
        try:
            self.post(Tick())
        except Exception as error:
            # In a timer nobody would hear of it: let the group end with it.
            self._spawn(_raise(error), "timers")


async def _raise(error: Exception) -> None:
    raise error


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """A long replay makes a million things that stay: looking through all of them
    again and again for garbage takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
