"""Both clocks, read at the edge and passed inwards as one value."""

from __future__ import annotations

import time
from typing import Protocol

from connector.model.clock import Now


class Clock(Protocol):
    """Where the shell asks for the time; the simulator gives another one."""

    def now(self) -> Now:
        """Monotonic and wall time of this instant, both in ns."""
        ...

    def mono_ns(self) -> int:
        """Monotonic time alone."""
        ...


class SystemClock:
    """The clocks of this machine.

    The wall clock may step in either direction; only *mono_ns* orders and measures.
    """

    __slots__ = ()

    def now(self) -> Now:
        """One reading of `time.monotonic_ns` and `time.time_ns`."""
        return Now(time.monotonic_ns(), time.time_ns())

    def mono_ns(self) -> int:
        """`time.monotonic_ns`."""
        return time.monotonic_ns()
