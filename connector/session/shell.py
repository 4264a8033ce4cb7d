"""Between the machine and the world: inputs in, effects out, tasks in one group.

`post` is the only way in. It runs the machine and starts what it asks for; it
never awaits, so no state change is ever interrupted. Every task is born in one
TaskGroup; what it learns comes back through `post`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, assert_never

from connector.core.effects import (
    AppendJournal,
    CloseGate,
    CloseStream,
    Effect,
    EndCall,
    Fatal,
    ObserveLimits,
    OpenStream,
    PingStream,
    Publish,
    RefundCall,
    Resolve,
    SendCall,
    SendStream,
    SetLimits,
)
from connector.core.inputs import (
    CallAnswered,
    CallFailed,
    CallSigned,
    Input,
    LinkRole,
    Start,
    Stop,
    Tick,
)
from connector.core.outbox import NOT_LIVE, NOT_SENT, RATE_LIMITED
from connector.dialect.wire import Host, HttpWire, Security, Send
from connector.errors import (
    ConnectorError,
    MaybeSent,
    NotSent,
    RateLimited,
    SessionClosed,
    StreamLost,
)
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import Alarm, Event
from connector.model.ids import ClientOrderId
from connector.model.noun import replace
from connector.model.order import Fill
from connector.session.audience import Audience
from connector.session.departure import Departure, NotLiveError, TooLateError
from connector.session.events import fill_of_json
from connector.session.gate import Permit
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
        self._signer = parts.signer
        self._journal = journal(self.post)
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: int | None = None
        self._is_arming = False
        self._tickets: dict[int, asyncio.Future[Any]] = {}
        self._ticket = 0
        self._permits: dict[int, Permit] = {}
        self._sent_ns: dict[int, int] = {}
        self._sockets = Sockets(
            parts.streams,
            parts.budget,
            post=self.post,
            spawn=self._spawn,
            now=self.now,
            finish=self._finish_frame,
            logon_timeout_s=parts.config.logon_timeout_s,
        )
        self.audience = Audience(self, on_event)
        self._inputs: deque[Input] = deque()
        self._is_posting = False
        self._changed: asyncio.Future[None] | None = None
        self._clock_mono_ns: int | None = None
        self.fatal: ConnectorError | None = None
        self._end: BaseException | None = None
        self.is_closed = False
        self._is_ending = False

    # --- life ---

    async def run(self, opened: asyncio.Future[None], stop: asyncio.Event) -> None:
        """Own the task group from Start until *stop*."""
        self.core.restore(self._journal.restored, self.now())
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
                        for stream in self.audience.streams():
                            await stream.settle()
                writer.cancel()
        finally:
            # Also when cancelled or broken: what waits for the disk is written.
            self._journal.close()

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
        self._inputs.append(happened)
        if self._is_posting:
            return
        self._is_posting = True
        try:
            while self._inputs:
                self._take(self._inputs.popleft())
        finally:
            self._is_posting = False
            self._inputs.clear()
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

    async def fills_between(self, first: int, last: int) -> AsyncIterator[Fill]:
        """Fills number *first* to *last* of this session, from the journal."""
        await self._journal.flush()
        for index, body in enumerate(self._journal.rows_since_open("fill")):
            if index >= last:
                return
            if index >= first:
                yield fill_of_json(body)

    # --- out ---

    def _execute(self, effect: Effect) -> None:
        match effect:
            case Publish(event=event):
                self.audience.tell(event)
            case SendCall():
                asked_ns = self.latency.asked_ns()
                self._spawn(self._call(effect, asked_ns), f"call.{effect.request.op}")
            case EndCall(call_id=call_id):
                permit = self._permits.pop(call_id, None)
                self._sent_ns.pop(call_id, None)
                self.latency.frame_answered(call_id)
                if permit is not None:
                    permit.answered()
            case AppendJournal():
                self.latency.journaling(effect)
                self._journal.put(effect)
            case Resolve(ticket=ticket, outcome=outcome):
                self._resolve(ticket, outcome)
            case OpenStream():
                self._sockets.open(effect)
            case SendStream():
                self._sockets.send(effect)
            case PingStream():
                self._sockets.ping(effect)
            case CloseStream():
                self._sockets.close(effect)
            case ObserveLimits(call_id=call_id, used=used):
                self.budget.observe(used, sent_ns=self._sent_ns.get(call_id))
            case RefundCall(call_id=call_id):
                permit = self._permits.pop(call_id, None)
                if permit is not None:
                    permit.refund()
            case CloseGate(throttle=throttle):
                self.budget.close(throttle, self.core.clock.offset, self.now())
            case SetLimits(specs=specs):
                self.budget.learn(specs)
            case Fatal(error=error):
                self.fatal = self.fatal or error
                self.audience.tell(Alarm(code="session.fatal", text=str(error)))
            case _:
                assert_never(effect)

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

    # --- calls ---

    async def _call(self, effect: SendCall, asked_ns: int) -> None:
        call_id = effect.call_id
        is_awaited = False  # its answer comes as a frame
        try:
            while True:
                permit = await self._permit(effect)
                self._permits[call_id] = permit
                departure = Departure(
                    permit,
                    self.now,
                    lambda: self._may_leave(effect),
                    lambda left_ns: self.latency.sent(effect, asked_ns, left_ns),
                )
                is_awaited = await self._send_as_frame(effect, departure)
                if is_awaited:
                    return
                if departure.was_too_late:
                    continue
                if effect.is_frame_only:
                    self._refuse_http(effect, permit)
                    return
                if await self._exchange(effect, departure):
                    return
        except RateLimited as error:
            self.post(CallFailed(call_id, False, RATE_LIMITED, str(error)))
        finally:
            if not is_awaited:
                self.latency.answered(call_id, self.now(), is_read=False)
                self._permits.pop(call_id, None)
                self._sent_ns.pop(call_id, None)

    async def _permit(self, effect: SendCall) -> Permit:
        request = effect.request
        try:
            return await self.budget.acquire(
                request.cost, request.priority, effect.give_up_mono_ns
            )
        except asyncio.CancelledError:
            why = "the session closed before it could be sent"
            self.post(CallFailed(effect.call_id, False, NOT_SENT, why))
            raise

    async def _send_as_frame(self, effect: SendCall, departure: Departure) -> bool:
        """True if the frame left, or may have; False if nothing of it did."""
        call_id, epoch = effect.call_id, effect.frame_epoch
        stream = self._sockets.get(LinkRole.ORDERS, epoch) if epoch else None
        if stream is None:
            return False
        wire = self.core.dialect.sign_request_frame(
            effect.request, self._signer, str(call_id), self._venue_ms()
        )
        self.post(CallSigned(call_id, wire.deadline_ms, epoch))
        try:
            await stream.send(wire.text, on_bytes_may_leave=departure)
        except (TooLateError, NotLiveError):
            return False
        except StreamLost as error:
            if not error.maybe_sent:
                return False
            self.post(CallFailed(call_id, True, "", str(error)))
            self._execute(EndCall(call_id))
        except asyncio.CancelledError:
            self.post(CallFailed(call_id, departure.has_left, NOT_SENT, "cancelled"))
            raise
        if call_id in self._permits:  # else its answer was faster
            self._sent_ns[call_id] = departure.left_ns
        return True

    async def _exchange(self, effect: SendCall, departure: Departure) -> bool:
        """Sign and send by HTTP; False if the grant ran out before it left."""
        call_id = effect.call_id
        wire = self._sign(effect)
        self.post(CallSigned(call_id, wire.deadline_ms))
        try:
            answer = await self._http.send(
                wire,
                timeout_s=self.core.config.answer_timeout_s,
                on_bytes_may_leave=departure,
            )
        except NotSent as error:
            departure.permit.refund()
            if departure.was_too_late:
                return False
            is_ours = not self._may_leave(effect)
            code = NOT_LIVE if is_ours else NOT_SENT
            self.post(CallFailed(call_id, False, code, str(error)))
        except MaybeSent as error:
            self.post(CallFailed(call_id, True, "", str(error)))
        except asyncio.CancelledError:
            self.post(CallFailed(call_id, departure.has_left, NOT_SENT, "cancelled"))
            raise
        else:
            departure.permit.answered()
            self._sent_ns[call_id] = departure.left_ns
            self.latency.answered(call_id, self.now(), is_read=True)
            self.post(CallAnswered(call_id, answer))
            self._tell_clock()
        return True

    def _refuse_http(self, effect: SendCall, permit: Permit) -> None:
        """Nothing of the frame was sent, and HTTP is no way for this call."""
        permit.refund()
        code = NOT_SENT if self._may_leave(effect) else NOT_LIVE
        why = "order entry over WebSocket is not open"
        self.post(CallFailed(effect.call_id, False, code, why))

    def _may_leave(self, effect: SendCall) -> bool:
        return self.core.may_expose or not effect.is_exposure

    def _sign(self, effect: SendCall) -> HttpWire:
        request = effect.request
        base = self._endpoints.rest
        if request.host is Host.KEY_INFO:
            base = self._endpoints.key_info
        signer = None if request.security is Security.NONE else self._signer
        wire = self.core.dialect.sign(request, signer, base, self._venue_ms())
        extra = self._endpoints.headers
        return replace(wire, headers=wire.headers + extra) if extra else wire

    def _finish_frame(self, step: Send) -> str:
        return self.core.dialect.sign_frame(step, self._signer, self._venue_ms())

    def _venue_ms(self) -> int:
        """Late, never early: the venue allows little of the future."""
        return self.core.clock.offset.venue_ns_late(self.now()) // NS_PER_MS

    def _tell_clock(self) -> None:
        clock = self.core.clock.offset
        if clock.measured_mono_ns != self._clock_mono_ns:
            self._clock_mono_ns = clock.measured_mono_ns
            self.budget.set_clock(clock, self.now())


async def _raise(error: Exception) -> None:
    raise error
