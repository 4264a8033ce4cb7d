"""Law ``limits``, the venue's word to wait: who was told to stop sends nothing.

A process that starts again within that time must know, if the one before had the
time to note it; its wall clock is all it has to measure what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

STOP_MARGIN_S = 0.5
"""The venue rounds up to whole seconds."""
HEARD_S = 0.005
"""What is written in the instant in which the word arrives may still leave."""
NOTED_BOUND_S = 2.0
"""The venue's word to wait is on the disk by then, for whoever starts next."""


class Process(Protocol):
    """One life of the bot: when it ended, if it did."""

    ended_s: float


@dataclass(frozen=True, slots=True)
class _Stop:
    """A word to wait, told to one process whose clock was off by *skew_s*."""

    process: Process
    told_s: float
    until_s: float
    skew_s: float


class Patience:
    """What the venue said last; times are virtual seconds."""

    def __init__(self) -> None:
        self.had_disk_fault = False  # what is to be noted may be lost
        self._stop: _Stop | None = None

    def told(self, process: Process, wait_s: int, now_s: float, skew_s: float) -> None:
        """The venue's word to wait arrived at *process*."""
        stop = _Stop(process, now_s, now_s + wait_s - STOP_MARGIN_S, skew_s)
        if self._until_s(process, skew_s) < stop.until_s:
            self._stop = stop

    def left_s(self, process: Process, now_s: float, skew_s: float) -> float:
        """How long *process* still has to wait; at most 0: it may send."""
        if self._stop is not None and now_s < self._stop.told_s + HEARD_S:
            return 0.0
        return self._until_s(process, skew_s) - now_s

    def _until_s(self, process: Process, skew_s: float) -> float:
        stop = self._stop
        if stop is None:
            return 0.0
        if stop.process is process:
            return stop.until_s
        if self.had_disk_fault or stop.process.ended_s - stop.told_s < NOTED_BOUND_S:
            return 0.0
        return stop.until_s - max(0.0, skew_s - stop.skew_s)
