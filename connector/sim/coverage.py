"""What many worlds together must have met: every fault in every phase, every
transition that an order can make.

A law that no world can break proves nothing, and neither does a fault that never
happened. Judged from `ENOUGH` worlds on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connector.model.order import OrderStatus as S
from connector.sim.phases import PHASES

ENOUGH = 1000

KINDS = (
    "frames",
    "call",
    "answer",
    "cut",
    "stall",
    "half_open",
    "mute",
    "refuse",
    "hang_up",
    "strange",
    "market",
    "manual",
    "by_hand",
    "money",
    "forced",
    "stream_key",
    "journal",
    "consumer",
    "clock",
    "lag",
    "ban",
    "venue_down",
    "kill",
    "kill_write",
    "own",
    "brownout",
)

_NEW = "none"
TRANSITIONS: tuple[tuple[str, str], ...] = tuple(
    (before, after)
    for before, afters in {
        _NEW: (
            S.PENDING_NEW,
            S.NEW,
            S.PARTIALLY_FILLED,
            S.FILLED,
            S.CANCELED,
            S.IN_DOUBT,
        ),
        S.PENDING_NEW: (
            S.NEW,
            S.PARTIALLY_FILLED,
            S.FILLED,
            S.CANCELED,
            S.EXPIRED,
            S.REJECTED,
            S.IN_DOUBT,
        ),
        S.IN_DOUBT: (S.NEW, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED),
        S.NEW: (
            S.PARTIALLY_FILLED,
            S.FILLED,
            S.CANCELED,
            S.EXPIRED,
            S.PENDING_CANCEL,
            S.PENDING_REPLACE,
        ),
        S.PARTIALLY_FILLED: (
            S.FILLED,
            S.CANCELED,
            S.PENDING_CANCEL,
            S.PENDING_REPLACE,
        ),
        S.PENDING_CANCEL: (S.NEW, S.CANCELED, S.FILLED, S.PENDING_REPLACE),
        S.PENDING_REPLACE: (S.NEW, S.CANCELED, S.FILLED, S.PENDING_CANCEL),
    }.items()
    for after in afters
)
"""What an order of a life of the bot may be told to become."""


@dataclass(slots=True)
class Coverage:
    """Counts over many worlds."""

    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(
        self,
        matrix: Mapping[tuple[str, str], int],
        transitions: Mapping[tuple[str, str], int],
    ) -> None:
        """Count one world."""
        self.matrix.update(matrix)
        self.transitions.update(transitions)

    def missing(self) -> Iterator[str]:
        """What no world has met yet."""
        for kind in KINDS:
            for phase in PHASES:
                if not self.matrix[kind, phase.value]:
                    yield f"no world had '{kind}' in phase '{phase.value}'"
        for before, after in TRANSITIONS:
            if not self.transitions[before, after]:
                yield f"no order went from {before} to {after}"

    def as_dict(self) -> dict[str, dict[str, int | dict[str, int]]]:
        """Plain containers."""
        return {
            "faults_by_phase": {
                kind: {p.value: self.matrix[kind, p.value] for p in PHASES}
                for kind in KINDS
            },
            "transitions": {
                f"{before} > {after}": count
                for (before, after), count in sorted(self.transitions.items())
            },
        }
