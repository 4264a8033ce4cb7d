"""Calls of a bare world on their way to the venue and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core.effects import SendCall
from connector.core.inputs import CallAnswered, CallFailed, CallSigned
from connector.core.outbox import NO_ANSWER, NOT_LIVE, NOT_SENT, RATE_LIMITED
from connector.dialect.wire import HttpAnswer, Reply, Request, Throttle, Verdict
from connector.model.clock import NS_PER_MS
from connector.model.limits import BucketScope
from connector.sim.bare.dialect import Told
from connector.sim.bare.network import CallFate, S, call_fate
from connector.sim.tape import Tape

if TYPE_CHECKING:
    from connector.sim.bare.rig import BareWorld

_QUESTIONS_OF_KEY = ("key", "keep_alive")


class BareCalls:
    """Signs, sends, answers or loses; who sent it may be dead when it arrives."""

    def __init__(self, world: BareWorld) -> None:
        self._world = world
        self._open: set[int] = set()
        self._gate_ns = 0

    def forget(self) -> None:
        """The process died."""
        self._open.clear()
        self._gate_ns = 0

    def close_gate(self, throttle: Throttle) -> None:
        """The venue said stop."""
        wait_ns = (throttle.wait_ms or 0) * NS_PER_MS
        self._gate_ns = max(self._gate_ns, self._world.calendar.now_ns + wait_ns)

    def open_gate(self) -> None:
        """It changed its mind."""
        self._gate_ns = 0

    def send(self, effect: SendCall) -> None:
        """Wait for the gate, sign, send."""
        world = self._world
        life, now_ns = world.life, world.calendar.now_ns
        if now_ns < self._gate_ns:
            if effect.give_up_mono_ns < self._gate_ns:
                world.post(CallFailed(effect.call_id, False, RATE_LIMITED, "the gate"))
            else:
                world.calendar.at(self._gate_ns, self._send_later, life, effect)
            return
        if effect.is_exposure and not world.core.may_expose:
            world.post(CallFailed(effect.call_id, False, NOT_LIVE, "not live"))
            return
        window_ms = effect.request.window_ms
        signed_ms = world.core.clock.offset.venue_ns_late(world.now()) // NS_PER_MS
        deadline_ms = signed_ms + window_ms if window_ms else None
        world.witness.on_departure(effect, world.core.state)
        self._open.add(effect.call_id)
        world.post(CallSigned(effect.call_id, deadline_ms))
        if life != world.life:
            return  # died before a byte left
        fate = CallFate.LOST_REQUEST
        if now_ns >= max(world.down_until_ns, world.silent_until_ns):
            fate = call_fate(world.tape, is_chaos=world.is_chaos)
        self._travel(effect, fate, deadline_ms)

    def _send_later(self, life: int, effect: SendCall) -> None:
        if life == self._world.life:
            self.send(effect)

    def _travel(
        self, effect: SendCall, fate: CallFate, deadline_ms: int | None
    ) -> None:
        world, call_id = self._world, effect.call_id
        if fate is not CallFate.NONE:
            world.plan.caused(f"call.{fate.value}", effect.request.op)
        there_ns = world.latency.draw()
        timeout_ns = int(world.conditions.config.answer_timeout_s * S)
        self._fail_later(timeout_ns, CallFailed(call_id, True, NO_ANSWER, "timeout"))
        match fate:
            case CallFate.SLOW:
                there_ns += (world.tape.draw("slow", 60) + 1) * S // 4
            case CallFate.NOT_SENT:
                why = CallFailed(call_id, False, NOT_SENT, "refused")
                self._fail_later(there_ns, why)
                return
            case CallFate.LOST_REQUEST:
                self._fail_later(there_ns, CallFailed(call_id, True, "", "reset"))
                return
            case CallFate.HANGS:
                return
            case _:
                pass
        world.calendar.after(
            there_ns, self._arrive, world.life, effect, fate, deadline_ms
        )

    def _fail_later(self, wait_ns: int, failed: CallFailed) -> None:
        self._world.calendar.after(wait_ns, self._fail, self._world.life, failed)

    def _arrive(
        self, life: int, effect: SendCall, fate: CallFate, deadline_ms: int | None
    ) -> None:
        """The call is at the venue, whether or not who sent it still lives."""
        world = self._world
        is_done = fate not in (
            CallFate.NOT_EXECUTED,
            CallFate.THROTTLED,
            CallFate.UNKNOWN_BEFORE,
        )
        truly = self._perform(effect.request, deadline_ms) if is_done else None
        if fate is CallFate.HANGS_AFTER:
            return
        back_ns = world.latency.draw()
        if fate is CallFate.LOST_ANSWER:
            why = CallFailed(effect.call_id, True, "", "reset")
            world.calendar.after(back_ns, self._fail, life, why)
            return
        reply = _strange_reply(fate, world.tape) or truly
        back_ns += max(0, -world.latency.lead_ns)
        world.calendar.after(back_ns, self._answer, life, effect.call_id, reply)

    def _perform(self, request: Request, deadline_ms: int | None) -> Reply:
        world = self._world
        now_ns = world.venue_ns()
        if request.op in _QUESTIONS_OF_KEY:
            return Reply(verdict=Verdict.OK)
        if request.window_ms is None:
            if world.lag_ns:
                return world.venue.ask(request, now_ns, now_ns - world.lag_ns)
            return world.venue.ask(request, now_ns)
        assert deadline_ms is not None, "what has a window has a deadline"
        if now_ns // NS_PER_MS > deadline_ms:
            return Reply(verdict=Verdict.NOT_EXECUTED, code="late", text="too old")
        return world.venue.execute(request, now_ns)

    def _fail(self, life: int, failed: CallFailed) -> None:
        if self._is_awaited(life, failed.call_id):
            self._world.post(failed)

    def _answer(self, life: int, call_id: int, reply: Reply) -> None:
        if self._is_awaited(life, call_id):
            answer = HttpAnswer(status=200, headers={}, body=Told.of(reply))
            self._world.post(CallAnswered(call_id, answer))

    def _is_awaited(self, life: int, call_id: int) -> bool:
        """Whether somebody waits for it; nobody does afterwards."""
        if life != self._world.life or call_id not in self._open:
            return False
        self._open.discard(call_id)
        return True


def _strange_reply(fate: CallFate, tape: Tape) -> Reply | None:
    """What is answered instead; None: the truth."""
    match fate:
        case CallFate.NOT_EXECUTED:
            return Reply(verdict=Verdict.NOT_EXECUTED, code="busy", text="try again")
        case CallFate.THROTTLED:
            wait_ms = (tape.draw("wait", 10) + 1) * 1000
            throttle = Throttle(scope=BucketScope.IP, wait_ms=wait_ms)
            return Reply(
                verdict=Verdict.NOT_EXECUTED,
                code="stop",
                text="too many",
                throttle=throttle,
            )
        case CallFate.UNKNOWN_BEFORE | CallFate.UNKNOWN_AFTER:
            return Reply(verdict=Verdict.UNKNOWN, code="5xx", text="who knows")
        case _:
            return None
