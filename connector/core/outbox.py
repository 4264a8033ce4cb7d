"""Where the parts of the machine leave effects, and how they make calls.

A call is a request whose answer is wanted by one part: the part hands over a
callback, the outbox remembers it by call id. Everything that every answer may
say about limits and clocks is taken care of here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.core.effects import (
    CloseGate,
    DropToken,
    Effect,
    EndCall,
    ObserveLimits,
    RefundCall,
    SendCall,
    SetLimits,
)
from connector.core.inputs import CallAnswered, CallFailed, CallSigned
from connector.dialect import Dialect
from connector.dialect.facts import FrameReply
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.clock import NS_PER_S, Now
from connector.model.events import Event
from connector.model.limits import BucketSpec
from connector.model.noun import replace

NOT_SENT = "NOT_SENT"
RATE_LIMITED = "RATE_LIMITED"
NOT_LIVE = "NOT_LIVE"
NO_ANSWER = "NO_ANSWER"

_FRAME_ID_MAX = 20
"""Digits of a frame id of ours, at most; longer texts are not even read."""

OnReply = Callable[[Reply, Now], None]


@dataclass(slots=True)
class _Call:
    request: Request
    on_reply: OnReply
    on_signed: Callable[[int | None, Now], None] | None
    frame_epoch: int = 0


class Outbox:
    """Collects effects in order; owns event numbers and open calls."""

    def __init__(self, dialect: Dialect, answer_timeout_s: float) -> None:
        self._dialect = dialect
        self._answer_timeout_ns = int(answer_timeout_s * NS_PER_S)
        self._effects: list[Effect] = []
        self._calls: dict[int, _Call] = {}
        self._due_ns: dict[int, int] = {}  # of calls that left as frames
        self._limits: dict[str, BucketSpec] = {}  # as answers taught them
        self._call_id = 0
        self._event_seq = 0
        self.requests_made = 0
        self.weight_used = 0
        self.order_epoch: Callable[[], int] = lambda: 0
        self.on_clock_error: Callable[[Now], None] | None = None
        self.on_key_error: Callable[[Reply, Now], None] | None = None

    def take(self) -> list[Effect]:
        """All effects since the last time."""
        effects, self._effects = self._effects, []
        return effects

    def emit(self, effect: Effect) -> None:
        """Leave one effect."""
        self._effects.append(effect)

    def next_seq(self) -> int:
        """The number of the event that is emitted next."""
        self._event_seq += 1
        return self._event_seq

    def publish(self, event: Event) -> None:
        """Tell the user; the event gets its number."""
        self._effects.append(replace(event, seq=self.next_seq()))

    def call(
        self,
        request: Request,
        on_reply: OnReply,
        now: Now,
        *,
        wait_s: float,
        on_signed: Callable[[int | None, Now], None] | None = None,
        is_exposure: bool = False,
        is_frame_only: bool = False,
    ) -> int:
        """Make a call; *on_reply* gets its Reply, also when there is no answer.

        No answer is a Reply too: NOT_EXECUTED with code NOT_SENT, RATE_LIMITED or
        NOT_LIVE (*is_exposure*, and the session was not) when no byte left, UNKNOWN
        with code NO_ANSWER when bytes may have left.
        """
        self._call_id += 1
        self._calls[self._call_id] = _Call(request, on_reply, on_signed)
        self._effects.append(
            SendCall(
                self._call_id,
                request,
                now.mono_ns + int(wait_s * NS_PER_S),
                self.order_epoch() if request.frame_method else 0,
                is_exposure,
                is_frame_only,
            )
        )
        return self._call_id

    def on_signed(self, signed: CallSigned, now: Now) -> None:
        """The call is about to leave."""
        call = self._calls.get(signed.call_id)
        if call is None:
            return
        self.requests_made += 1
        self.weight_used += sum(n for name, n in call.request.cost if "weight" in name)
        call.frame_epoch = signed.frame_epoch
        # HTTP answers are bounded by the shell, frames have to be bounded here.
        if signed.frame_epoch:
            self._due_ns[signed.call_id] = now.mono_ns + self._answer_timeout_ns
        else:
            self._due_ns.pop(signed.call_id, None)
        if call.on_signed is not None:
            call.on_signed(signed.deadline_ms, now)

    def on_answered(self, answered: CallAnswered, now: Now) -> None:
        """Read the answer and hand it to whoever asked."""
        call = self._take_call(answered.call_id)
        if call is not None:
            reply = self._dialect.read_answer(call.request, answered.answer)
            self._on_reply(answered.call_id, call, reply, now)

    def on_frame_reply(self, answer: FrameReply, now: Now) -> None:
        """The answer to a call that left as a frame; others are ignored."""
        frame_id = answer.frame_id
        is_ours = len(frame_id) <= _FRAME_ID_MAX and frame_id.isdecimal()
        call_id = int(frame_id) if is_ours else 0
        call = self._calls.get(call_id)
        if call is None or not call.frame_epoch:
            return
        self._take_call(call_id)
        reply = self._dialect.read_frame_reply(call.request, answer.raw)
        self._on_reply(call_id, call, reply, now)
        self.emit(EndCall(call_id))

    def lose_frames(self, why: str, now: Now) -> None:
        """Order entry is gone: whoever waits for an answer that was to come as a
        frame will never know by an answer."""
        for call_id, call in list(self._calls.items()):
            if call.frame_epoch:
                self._lose(call_id, why, now)

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        return min(self._due_ns.values()) if self._due_ns else None

    def tick(self, now: Now) -> None:
        """Frames without an answer in time."""
        for call_id, due_ns in list(self._due_ns.items()):
            if due_ns <= now.mono_ns:
                self._lose(call_id, "no answer in time", now)

    def _take_call(self, call_id: int) -> _Call | None:
        self._due_ns.pop(call_id, None)
        return self._calls.pop(call_id, None)

    def _lose(self, call_id: int, why: str, now: Now) -> None:
        self.emit(EndCall(call_id))
        self.on_failed(CallFailed(call_id, True, NO_ANSWER, why), now)

    def _on_reply(self, call_id: int, call: _Call, reply: Reply, now: Now) -> None:
        if reply.limits:
            self._learn(reply.limits)
        if reply.used:
            self.emit(ObserveLimits(call_id, reply.used))
        if not reply.is_counted:
            self.emit(RefundCall(call_id))
        if reply.throttle is not None:
            self.emit(CloseGate(reply.throttle))
        if reply.is_token_error:
            self.emit(DropToken())
        if reply.is_clock_error and self.on_clock_error is not None:
            self.on_clock_error(now)
        if reply.is_key_error and self.on_key_error is not None:
            self.on_key_error(reply, now)
        call.on_reply(reply, now)

    def _learn(self, specs: tuple[BucketSpec, ...]) -> None:
        """Limits that an answer taught, if they are news: most answers repeat them."""
        news = tuple(spec for spec in specs if self._limits.get(spec.id) != spec)
        if news:
            self._limits.update((spec.id, spec) for spec in news)
            self.emit(SetLimits(news))

    def on_failed(self, failed: CallFailed, now: Now) -> None:
        """No answer came."""
        call = self._take_call(failed.call_id)
        if call is None:
            return
        if failed.maybe_sent:
            reply = Reply(verdict=Verdict.UNKNOWN, code=NO_ANSWER, text=failed.why)
        else:
            reply = Reply(
                verdict=Verdict.NOT_EXECUTED, code=failed.code, text=failed.why
            )
        call.on_reply(reply, now)
