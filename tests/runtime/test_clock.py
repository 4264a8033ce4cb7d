"""Tests of connector.runtime.clock."""

from __future__ import annotations

import time

from connector.model.clock import Now
from connector.runtime.clock import Clock, SystemClock


def test_the_system_clock_reads_both_clocks_of_this_instant() -> None:
    """Monotonic time comes from the monotonic clock, wall time from UTC epoch."""
    clock: Clock = SystemClock()
    before = Now(time.monotonic_ns(), time.time_ns())
    now = clock.now()
    after = Now(time.monotonic_ns(), time.time_ns())
    assert before.mono_ns <= now.mono_ns <= after.mono_ns
    assert before.wall_ns <= now.wall_ns <= after.wall_ns


def test_monotonic_time_never_goes_back() -> None:
    """Law: durations are measured on a clock that only goes forward."""
    clock = SystemClock()
    readings = [clock.now().mono_ns for _ in range(1000)]
    assert readings == sorted(readings)
