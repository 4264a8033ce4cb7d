"""What carries calls and frames between the machine and the small venue.

A call and its answer travel by themselves, frames of one connection in order; every
call and every frame asks the tape what befalls it (0: nothing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from random import Random
from typing import Any

from connector.core.inputs import LinkRole
from connector.sim.tape import Tape

S = 1_000_000_000
WRITE_NS = 2_000_000
"""What a commit takes on a healthy disk."""

CALL_CHANCE = 0.04
FRAME_CHANCE = 0.02


class CallFate(StrEnum):
    """What befalls a call, from mild to severe."""

    NONE = "none"
    SLOW = "slow"
    NOT_SENT = "not_sent"
    NOT_EXECUTED = "not_executed"
    THROTTLED = "throttled"
    LOST_REQUEST = "lost_request"
    UNKNOWN_BEFORE = "unknown_before"  # an answer that tells nothing; not executed
    LOST_ANSWER = "lost_answer"
    UNKNOWN_AFTER = "unknown_after"
    HANGS = "hangs"
    HANGS_AFTER = "hangs_after"


class FrameFate(StrEnum):
    """What befalls a frame."""

    NONE = "none"
    TWICE = "twice"
    LATE = "late"
    GARBLED = "garbled"
    LOST = "lost"


CALL_FATES = tuple(CallFate)
FRAME_FATES = tuple(FrameFate)


@dataclass(slots=True, eq=False)
class Socket:
    """One connection of a stream."""

    role: LinkRole
    epoch: int
    is_subscribed: bool = False
    is_stalled: bool = False
    last_ns: int = 0


class Calendar:
    """What happens when, in order of time and then of making."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._items: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, at_ns: int, call: Callable[..., None], *given: Any) -> None:
        """Call it then."""
        self._count += 1
        heappush(self._items, (at_ns, self._count, call, given))

    def after(self, wait_ns: int, call: Callable[..., None], *given: Any) -> None:
        """Call it later."""
        self.at(self.now_ns + wait_ns, call, *given)

    @property
    def next_ns(self) -> int | None:
        """When something happens next."""
        return self._items[0][0] if self._items else None

    def turn(self) -> None:
        """Let the next thing happen."""
        self.now_ns, _, call, given = heappop(self._items)
        call(*given)


class Latency:
    """How long messages travel."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._base_ns = int(random.choice((0.001, 0.01, 0.05)) * S)
        self._jitter_ns = int(random.choice((0.0, 0.005, 0.1)) * S)
        # Answers before events, or after them, or either.
        self.lead_ns = int(random.choice((0.0, 0.02, -0.0005)) * S)

    def draw(self) -> int:
        """One way."""
        return self._base_ns + int(self._random.random() * self._jitter_ns)


def call_fate(tape: Tape, *, is_chaos: bool) -> CallFate:
    """What befalls the next call."""
    if not is_chaos:
        return CallFate.NONE
    return CALL_FATES[tape.draw("call", len(CALL_FATES), CALL_CHANCE)]


def frame_fate(tape: Tape, *, is_chaos: bool) -> FrameFate:
    """What befalls the next frame."""
    if not is_chaos:
        return FrameFate.NONE
    return FRAME_FATES[tape.draw("frame", len(FRAME_FATES), FRAME_CHANCE)]
