"""One bare world: machine, disk, network and venue on one calendar.

A seed draws the conditions, the tape every fault: one question for each call, each
frame and each beat of the plan. After `Conditions.seconds` everything is healed, and
machine and venue must agree within `SETTLE_S`.

A *step* is an input that the machine took, an effect that was carried out, or an
entry of the calendar (something arrives, trades, is written, wakes).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from connector.config import SessionConfig
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
from connector.core.inputs import Input, Start, Tick
from connector.core.machine import SessionCore
from connector.model.clock import NS_PER_MS, Now
from connector.model.events import Resynced
from connector.sim.bare.bot import BareBot
from connector.sim.bare.calls import BareCalls
from connector.sim.bare.dialect import TinyDialect
from connector.sim.bare.disk import BareDisk
from connector.sim.bare.laws import ENDPOINTS, BareWitness, replayed
from connector.sim.bare.network import WRITE_NS, Calendar, Latency, S
from connector.sim.bare.plan import BarePlan
from connector.sim.bare.streams import BareStreams
from connector.sim.bare.venue import SmallVenue
from connector.sim.tape import Tape
from connector.sim.world import EPOCH_NS

SETTLE_S = 150.0
"""Proof of non-acceptance takes the window, 40 s of lag and two questions; what was
begun just before the healing may have to wait for an answer first."""

_SPINS_MAX = 200
_LOOK_NS = S // 2
_SOON_NS = S * 7 // 10
"""Before the first audit, which repairs what reconciliation forgot."""
_IN_FLIGHT_NS = S // 2
"""Longer than any frame is on its way."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a seed decides."""

    seconds: float
    config: SessionConfig
    skew_ns: int
    fault_chance: float

    @classmethod
    def of_seed(cls, seed: int) -> Conditions:
        """Everything but faults."""
        random = Random(f"bare/{seed}")  # noqa: S311 - reproducible on purpose
        return cls(
            seconds=random.choice((30.0, 60.0, 120.0)),
            config=SessionConfig(
                rotate_after_s=random.choice((math.inf, math.inf, 20.0)),
                buffer_max=random.choice((10, 200_000, 200_000)),
                audit_interval_s=random.choice((10.0, 60.0)),
            ),
            skew_ns=random.randint(-3_000, 3_000) * NS_PER_MS,
            fault_chance=random.choice((0.1, 0.3, 0.6)),
        )


class BareWorld:
    """See the module; `play` runs it."""

    def __init__(self, seed: int, tape: Tape, *, with_trace: bool = False) -> None:
        self.seed = seed
        self.tape = tape
        self.conditions = Conditions.of_seed(seed)
        self.random = Random(f"bare/world/{seed}")  # noqa: S311 - reproducible
        self.calendar = Calendar()
        self.latency = Latency(self.random)
        self.disk = BareDisk()
        self.streams = BareStreams(self)
        self.calls = BareCalls(self)
        self.venue = SmallVenue(EPOCH_NS, self.streams.tell)
        self.witness = BareWitness(self.venue, self.disk, self.now_s)
        self.trace: list[str] | None = [] if with_trace else None
        self.inputs: Counter[str] = Counter()
        self.steps = 0
        self.is_chaos = True
        self.skew_ns = self.conditions.skew_ns
        self.write_ns = WRITE_NS
        self.lag_ns = 0
        self.down_until_ns = 0  # neither calls nor streams
        self.silent_until_ns = 0  # no calls
        self.life = 0
        self.kill_in: tuple[int, bool] | None = None  # inputs left, and with power
        self.core: SessionCore = self._new_core()
        self._queue: deque[Input] = deque()
        self._is_feeding = False
        self._is_writing = False
        self._spins = 0
        self._wake_ns: int | None = None
        self._is_wake_stale = True
        self.plan = BarePlan(self)
        self.bot = BareBot(self)

    # --- time ---

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.calendar.now_ns / S

    def now(self) -> Now:
        """The machine's two clocks."""
        mono_ns = self.calendar.now_ns
        return Now(mono_ns, EPOCH_NS + mono_ns + self.skew_ns)

    def venue_ns(self) -> int:
        """The venue's clock."""
        return EPOCH_NS + self.calendar.now_ns

    def note(self, text: str) -> None:
        """A line of the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.now_s():.6f} {text}")

    # --- the story ---

    def play(self) -> None:
        """From the first process to the verdict."""
        self._start()
        self.plan.beat()
        self.bot.beat()
        end_ns = int(self.conditions.seconds * S)
        self._run(lambda: self.calendar.now_ns >= end_ns)
        self._heal()
        self._look()
        self._run(self._settled_by(self.calendar.now_ns + int(SETTLE_S * S)))
        self.witness.judge(self.core, self.life)
        if not self.disk.has_work:
            text = replayed(self.core, self.disk, self.conditions.config)
            if text is not None:
                self.witness.broken("replay", text)

    def _settled_by(self, last_ns: int) -> Callable[[], bool]:
        """Whether machine and venue agree, looked at now and then; or time is up."""
        look_ns = 0

        def is_settled() -> bool:
            nonlocal look_ns
            now_ns = self.calendar.now_ns
            if now_ns < look_ns:
                return False
            look_ns = now_ns + _LOOK_NS
            differs = any(self.witness.differences_of(self.core, self.life))
            return not differs or now_ns > last_ns

        return is_settled

    def _look(self) -> None:
        """Time passes although nothing happens."""
        self.calendar.after(_LOOK_NS, self._look)

    def _heal(self) -> None:
        self.note("heal")
        self.is_chaos = False
        self.bot.is_quiet = True
        self.disk.is_full, self.write_ns, self.lag_ns = False, WRITE_NS, 0
        self.down_until_ns = self.silent_until_ns = 0
        self.calls.open_gate()
        self.kill_in = None
        for socket in self.streams.all():
            socket.is_stalled = False

    def _run(self, is_over: Callable[[], bool]) -> None:
        calendar = self.calendar
        while not is_over():
            next_ns = calendar.next_ns
            assert next_ns is not None, "the plan always has another beat"
            if next_ns > calendar.now_ns:  # all of this instant comes before a Tick
                wake_ns = self._next_wake_ns()
                if wake_ns is not None and wake_ns <= next_ns:
                    self._count_spins(wake_ns)
                    calendar.now_ns = max(calendar.now_ns, wake_ns)
                    self.post(Tick())
                    continue
            calendar.turn()
            self.steps += 1

    def _next_wake_ns(self) -> int | None:
        """When the machine wants a Tick; asked again only after an input."""
        if self._is_wake_stale:
            self._is_wake_stale = False
            self._wake_ns = self.core.next_wake_ns
        return self._wake_ns

    def _count_spins(self, wake_ns: int) -> None:
        self._spins = self._spins + 1 if wake_ns <= self.calendar.now_ns else 0
        if self._spins > _SPINS_MAX:
            raise AssertionError("the machine wants to be woken for ever")

    # --- the machine's process ---

    def _new_core(self) -> SessionCore:
        self.life += 1
        self.witness.new_life()
        core = SessionCore(
            TinyDialect(),
            ENDPOINTS,
            self.conditions.config,
            id_prefix=f"c{self.life}x",
            rng=Random(f"bare/core/{self.seed}/{self.life}"),  # noqa: S311 - jitter
        )
        core.restore(self.disk.records(), self.now())
        return core

    def _start(self) -> None:
        self.note(f"life {self.life}")
        self.post(Start())

    def _restart(self, *, power: bool) -> None:
        """The process dies, what was under way with it, and begins anew."""
        self.note("power is lost" if power else "kill -9")
        if power:
            self.disk.lose_power()
        else:
            self.disk.kill()
        self.streams.forget()
        self.calls.forget()
        self._queue.clear()
        self._is_writing = False
        self.kill_in = None
        self.core = self._new_core()
        self._start()

    def post(self, happened: Input) -> None:
        """One input, and all that answers itself."""
        self._queue.append(happened)
        if self._is_feeding:
            return
        self._is_feeding = True
        try:
            while self._queue:
                self._feed(self._queue.popleft())
        finally:
            self._is_feeding = False
        if self.kill_in is not None and self.kill_in[0] <= 0:
            self._restart(power=self.kill_in[1])

    def post_to(self, life: int, happened: Input) -> None:
        """An input for a process that may be dead."""
        if life == self.life:
            self.post(happened)

    def _feed(self, happened: Input) -> None:
        self.inputs[type(happened).__name__] += 1
        self._is_wake_stale = True
        if self.trace is not None:
            self.note(f"> {happened!r}")
        effects = self.core.feed(happened, self.now())
        self.steps += 1 + len(effects)
        if self._is_last_input():
            self._queue.clear()
            return  # died before anything was done
        for effect in effects:
            if self.trace is not None:
                self.note(f"< {effect!r}")
            self._execute(effect)

    def _is_last_input(self) -> bool:
        if self.kill_in is None:
            return False
        self.kill_in = (self.kill_in[0] - 1, self.kill_in[1])
        return self.kill_in[0] <= 0

    def _execute(self, effect: Effect) -> None:
        match effect:
            case SendCall():
                self.calls.send(effect)
            case AppendJournal():
                self.disk.put(effect)
                self._write_soon(self.write_ns)
            case Resolve(ticket=ticket, outcome=outcome):
                self.witness.on_outcome(ticket, outcome)
            case OpenStream():
                self.streams.dial(effect)
            case SendStream():
                self.streams.say(effect)
            case PingStream():
                self.streams.ping(effect)
            case CloseStream():
                self.streams.close(effect)
            case CloseGate(throttle=throttle):
                self.calls.close_gate(throttle)
            case Fatal(error=error):
                self.witness.broken("alive", f"fatal: {error}")
            case ObserveLimits() | RefundCall() | SetLimits() | EndCall() | DropToken():
                pass  # no limiter here, no order entry and no token
            case _:
                self.witness.on_event(effect)
                if isinstance(effect, Resynced) and self.plan.is_clear():
                    since = self.life, self.core.trust.reports
                    self.calendar.after(_SOON_NS, self._look_soon, *since)

    def _look_soon(self, life: int, reports: int) -> None:
        """A report was told a moment ago; nothing happened since that would excuse
        what was lost on the way."""
        core = self.core
        is_same = life == self.life and core.is_live and core.trust.reports == reports
        if is_same and self.plan.is_clear():
            self.witness.look_soon(core, self.venue_ns() - _IN_FLIGHT_NS)

    # --- the disk ---

    def _write_soon(self, wait_ns: int) -> None:
        if not self._is_writing:
            self._is_writing = True
            self.calendar.after(wait_ns, self._write, self.life)

    def _write(self, life: int) -> None:
        if life != self.life:
            return
        self._is_writing = False
        for told in self.disk.commit():
            self.post_to(life, told)
        if self.disk.has_work and life == self.life:
            self._write_soon(S)
