"""How the tape decides what befalls connections and segments.

Every fault point costs one draw, 0 for no fault, and one more for its argument
when there is a fault. Kinds are ordered from mild to severe, so that a shrinker
that lowers numbers finds the mildest fault that still breaks something.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.sim.tape import Tape

_DELAY_STEPS = 64


class FateKind(StrEnum):
    """What may befall one segment."""

    NONE = "none"
    DELAY = "delay"
    SPLIT = "split"
    CUT = "cut"
    END = "end"
    STALL = "stall"


class ConnectFate(StrEnum):
    """What may befall one attempt to connect."""

    NONE = "none"
    DELAY = "delay"
    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Fate:
    """A drawn fault: *at* is a byte offset in the segment, *delay_ns* extra time."""

    kind: FateKind = FateKind.NONE
    at: int = 0
    delay_ns: int = 0


NO_FATE = Fate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """Rates of random faults; chances per segment and per attempt to connect.

    DELAY adds up to *delay_s*; SPLIT delivers a segment in two; CUT resets the
    connection at a byte of the segment; END is an orderly end there; STALL leaves
    the direction half-open until somebody heals it. For connecting: DELAY, REFUSE
    (ECONNREFUSED) and DROP (no answer, the kernel's connect timeout).
    """

    segment_chance: float = 0.01
    segment_kinds: tuple[FateKind, ...] = (
        FateKind.DELAY,
        FateKind.SPLIT,
        FateKind.CUT,
        FateKind.END,
        FateKind.STALL,
    )
    connect_chance: float = 0.05
    connect_kinds: tuple[ConnectFate, ...] = (
        ConnectFate.DELAY,
        ConnectFate.REFUSE,
        ConnectFate.DROP,
    )
    delay_s: float = 5.0

    def segment(self, tape: Tape, size: int) -> Fate:
        """Draw what befalls a segment of *size* bytes."""
        kinds = self.segment_kinds
        drawn = tape.draw("segment", len(kinds) + 1, self.segment_chance)
        if drawn == 0:
            return NO_FATE
        kind = kinds[drawn - 1]
        if kind is FateKind.DELAY:
            return Fate(kind, delay_ns=self._delay_ns(tape))
        if kind in (FateKind.SPLIT, FateKind.CUT, FateKind.END):
            return Fate(kind, at=tape.draw("byte", size + 1))
        return Fate(kind)

    def connect(self, tape: Tape) -> tuple[ConnectFate, int]:
        """Draw what befalls an attempt to connect, with its extra delay in ns."""
        kinds = self.connect_kinds
        drawn = tape.draw("connect", len(kinds) + 1, self.connect_chance)
        if drawn == 0:
            return ConnectFate.NONE, 0
        fate = kinds[drawn - 1]
        delay_ns = self._delay_ns(tape) if fate is ConnectFate.DELAY else 0
        return fate, delay_ns

    def _delay_ns(self, tape: Tape) -> int:
        step_ns = int(self.delay_s * 1e9) // _DELAY_STEPS
        return (tape.draw("delay", _DELAY_STEPS) + 1) * step_ns
