"""The calls of one session: limited, signed, sent by the better channel, answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connector.core.effects import SendCall
from connector.core.inputs import (
    CallAnswered,
    CallFailed,
    CallSigned,
    Input,
    LinkRole,
)
from connector.core.outbox import NOT_LIVE, NOT_SENT, RATE_LIMITED
from connector.dialect.wire import (
    Host,
    HttpAnswer,
    HttpWire,
    Request,
    Security,
    Send,
)
from connector.errors import MaybeSent, NotSent, RateLimited, StreamLost
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.runtime.stream import Stream
from connector.session.access import Access, NoTokenError
from connector.session.departure import Departure, NotLiveError, TooLateError
from connector.session.gate import Permit
from connector.session.latency import Latency
from connector.session.opening import Parts
from connector.session.sockets import Sockets, Spawn


class Calls:
    """Owns every call from the machine's wish to its answer.

    What happens goes to *post*, or, while an input is being taken, straight to
    *take*; what has to wait runs in a task of *spawn*.
    """

    def __init__(
        self,
        parts: Parts,
        sockets: Sockets,
        latency: Latency,
        *,
        post: Callable[[Input], None],
        take: Callable[[Input], None],
        spawn: Spawn,
        now: Callable[[], Now],
    ) -> None:
        self._core = parts.core
        self._http = parts.http
        self._budget = parts.budget
        self._endpoints = parts.endpoints
        self._signer = parts.signer
        self._latency = latency
        self._post = post
        self._take = take
        self._spawn = spawn
        self._now = now
        self._sockets = sockets
        self.departing: list[tuple[SendCall, int]] = []
        self._permits: dict[int, Permit] = {}
        self._sent_ns: dict[int, int] = {}
        self._clock_mono_ns: int | None = None
        self._access = Access(
            self._core.dialect, parts.signer, send=self._ask_for_token, now=now
        )

    def drop_token(self) -> None:
        """The venue refused the access token: the next call brings a new one."""
        self._access.forget()

    def put(self, effect: SendCall) -> None:
        """To be made by the next `depart`."""
        self.departing.append((effect, self._latency.asked_ns()))

    def depart(self) -> None:
        """Calls of one input, after all else that it led to."""
        while self.departing:
            departing, self.departing = self.departing, []
            for effect, asked_ns in departing:
                if not self._send_at_once(effect, asked_ns):
                    name = f"call.{effect.request.op}"
                    self._spawn(self._call(effect, asked_ns), name)

    def end(self, call_id: int) -> None:
        """A call that left as a frame has its answer, or will not get one."""
        permit = self._permits.pop(call_id, None)
        self._sent_ns.pop(call_id, None)
        self._latency.frame_answered(call_id)
        if permit is not None:
            permit.answered()

    def refund(self, call_id: int) -> None:
        """The venue did not count it."""
        permit = self._permits.pop(call_id, None)
        if permit is not None:
            permit.refund()

    def sent_ns(self, call_id: int) -> int | None:
        """When it left, while it is not answered."""
        return self._sent_ns.get(call_id)

    def _send_at_once(self, effect: SendCall, asked_ns: int) -> bool:
        """Send as a frame if nothing has to be waited for, without a task.

        False: nothing was sent, and `_call` shall see why.
        """
        stream = self._order_stream(effect)
        if stream is None or not stream.has_room:
            return False
        request = effect.request
        permit = self._budget.try_acquire(request.cost, request.priority)
        if permit is None:
            return False
        departure = self._departure(effect, permit, asked_ns)
        text = self._signed_frame(effect, self._take)
        self._permits[effect.call_id] = permit
        try:
            stream.send_nowait(text, on_bytes_may_leave=departure)
        except (TooLateError, NotLiveError, StreamLost):
            self._permits.pop(effect.call_id).refund()
            return False
        self._sent_ns[effect.call_id] = departure.left_ns
        return True

    def _order_stream(self, effect: SendCall) -> Stream | None:
        """Order entry, if the call shall go there and it is still open."""
        epoch = effect.frame_epoch
        return self._sockets.get(LinkRole.ORDERS, epoch) if epoch else None

    def _departure(self, effect: SendCall, permit: Permit, asked_ns: int) -> Departure:
        return Departure(
            permit,
            self._now,
            lambda: self._may_leave(effect),
            lambda left_ns: self._latency.sent(effect, asked_ns, left_ns),
        )

    def _signed_frame(self, effect: SendCall, tell: Callable[[Input], None]) -> str:
        wire = self._core.dialect.sign_request_frame(
            effect.request, self._signer, str(effect.call_id), self._venue_ms()
        )
        tell(CallSigned(effect.call_id, wire.deadline_ms, effect.frame_epoch))
        return wire.text

    async def _call(self, effect: SendCall, asked_ns: int) -> None:
        call_id = effect.call_id
        is_awaited = False  # its answer comes as a frame
        try:
            while True:
                permit = await self._permit(effect)
                self._permits[call_id] = permit
                departure = self._departure(effect, permit, asked_ns)
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
            self._post(CallFailed(call_id, False, RATE_LIMITED, str(error)))
        finally:
            if not is_awaited:
                self._latency.answered(call_id, self._now(), is_read=False)
                self._permits.pop(call_id, None)
                self._sent_ns.pop(call_id, None)

    async def _permit(self, effect: SendCall) -> Permit:
        request = effect.request
        try:
            return await self._budget.acquire(
                request.cost, request.priority, effect.give_up_mono_ns
            )
        except asyncio.CancelledError:
            why = "the session closed before it could be sent"
            self._post(CallFailed(effect.call_id, False, NOT_SENT, why))
            raise

    async def _send_as_frame(self, effect: SendCall, departure: Departure) -> bool:
        """True if the frame left, or may have; False if nothing of it did."""
        call_id = effect.call_id
        stream = self._order_stream(effect)
        if stream is None:
            return False
        text = self._signed_frame(effect, self._post)
        try:
            await stream.send(text, on_bytes_may_leave=departure)
        except (TooLateError, NotLiveError):
            return False
        except StreamLost as error:
            if not error.maybe_sent:
                return False
            self._post(CallFailed(call_id, True, "", str(error)))
            self.end(call_id)
        except asyncio.CancelledError:
            self._post(CallFailed(call_id, departure.has_left, NOT_SENT, "cancelled"))
            raise
        if call_id in self._permits:  # else its answer was faster
            self._sent_ns[call_id] = departure.left_ns
        return True

    async def _exchange(self, effect: SendCall, departure: Departure) -> bool:
        """Sign and send by HTTP; False if the grant ran out before it left."""
        call_id = effect.call_id
        if not await self._has_access(effect, departure):
            return True
        wire = self._sign(effect.request)
        self._post(CallSigned(call_id, wire.deadline_ms))
        try:
            answer = await self._http.send(
                wire,
                timeout_s=self._core.config.answer_timeout_s,
                on_bytes_may_leave=departure,
            )
        except NotSent as error:
            departure.permit.refund()
            if departure.was_too_late:
                return False
            is_ours = not self._may_leave(effect)
            code = NOT_LIVE if is_ours else NOT_SENT
            self._post(CallFailed(call_id, False, code, str(error)))
        except MaybeSent as error:
            departure.permit.answered()  # not later than now, if it arrived
            self._post(CallFailed(call_id, True, "", str(error)))
        except asyncio.CancelledError:
            self._post(CallFailed(call_id, departure.has_left, NOT_SENT, "cancelled"))
            raise
        else:
            departure.permit.answered()
            self._sent_ns[call_id] = departure.left_ns
            self._latency.answered(call_id, self._now(), is_read=True)
            self._post(CallAnswered(call_id, answer))
            self._tell_clock()
        return True

    async def _has_access(self, effect: SendCall, departure: Departure) -> bool:
        """A token is in force, where calls need one; else the call is answered: by
        the refusal of the key, or as one that was not sent."""
        if effect.request.security is not Security.SIGNED:
            return True
        call_id = effect.call_id
        try:
            await self._access.ensure()
        except NoTokenError as error:
            departure.permit.refund()
            if error.answer is None:
                self._post(CallFailed(call_id, False, NOT_SENT, str(error)))
            else:
                self._post(CallAnswered(call_id, error.answer))
            return False
        except asyncio.CancelledError:
            self._post(CallFailed(call_id, False, NOT_SENT, "cancelled"))
            raise
        return True

    async def _ask_for_token(self, request: Request) -> HttpAnswer:
        """The one call beside the machine's: limited as they are."""
        timeout_s = self._core.config.answer_timeout_s
        deadline_ns = self._now().mono_ns + int(timeout_s * NS_PER_S)
        while True:
            permit = await self._budget.acquire(
                request.cost, Priority.RECONCILE, deadline_ns
            )
            if permit.departed():
                break
        try:
            return await self._http.send(self._sign(request), timeout_s=timeout_s)
        finally:
            permit.answered()

    def _refuse_http(self, effect: SendCall, permit: Permit) -> None:
        """Nothing of the frame was sent, and HTTP is no way for this call."""
        permit.refund()
        code = NOT_SENT if self._may_leave(effect) else NOT_LIVE
        why = "order entry over WebSocket is not open"
        self._post(CallFailed(effect.call_id, False, code, why))

    def _may_leave(self, effect: SendCall) -> bool:
        return self._core.may_expose or not effect.is_exposure

    def _sign(self, request: Request) -> HttpWire:
        base = self._endpoints.rest
        if request.host is Host.KEY_INFO:
            base = self._endpoints.key_info
        signer = None if request.security is Security.NONE else self._signer
        wire = self._core.dialect.sign(request, signer, base, self._venue_ms())
        extra = self._endpoints.headers
        return replace(wire, headers=wire.headers + extra) if extra else wire

    def finish_frame(self, step: Send) -> str:
        """The text of a frame that needs the credentials."""
        return self._core.dialect.sign_frame(step, self._signer, self._venue_ms())

    def _venue_ms(self) -> int:
        """Late, never early: the venue allows little of the future."""
        return self._core.clock.offset.venue_ns_late(self._now()) // NS_PER_MS

    def _tell_clock(self) -> None:
        clock = self._core.clock.offset
        if clock.measured_mono_ns != self._clock_mono_ns:
            self._clock_mono_ns = clock.measured_mono_ns
            self._budget.set_clock(clock, self._now())
