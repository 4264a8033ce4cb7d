"""What every call and every control of a face has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from connector.paper.engine import Engine
from connector.paper.faces.replica import Replica


class Steered(Protocol):
    """The state of a face, as far as faults of time are concerned."""

    replica: Replica
    matching_delay_ms: int

    @property
    def engine(self) -> Engine:
        """The machine."""
        ...


class Asked:
    """One call after its checks: where it reads and where it acts."""

    __slots__ = ()

    venue: Steered
    now_ms: int

    @property
    def engine(self) -> Engine:
        """Where commands go."""
        return self.venue.engine

    @property
    def engine_ms(self) -> int:
        """The machine's time of this call: it never goes back, a skewed clock may."""
        return max(self.now_ms, self.venue.engine.now_ms)

    @property
    def reads(self) -> Engine:
        """Where queries look."""
        return self.venue.replica.read(self.now_ms)


def steer(state: Steered, name: str, args: Mapping[str, Any], now_ms: int) -> None:
    """Controls of what trails: ``read_lag`` and ``matching_delay`` (``ms``), ``heal``.

    Raises KeyError for any other name.
    """
    ms = int(args.get("ms", 0))
    match name:
        case "read_lag":
            state.replica.lag_ms = ms
            state.replica.remember(now_ms)
        case "matching_delay":
            state.matching_delay_ms = ms
        case "heal":
            state.replica.lag_ms = state.matching_delay_ms = 0
            state.replica.remember(now_ms)
        case _:
            raise KeyError(name)
