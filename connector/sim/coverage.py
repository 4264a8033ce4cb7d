"""What many worlds together must have met: every fault in every phase, every
transition that an order can make, every documented answer of a venue in trouble.

A law that no world can break proves nothing, and neither does a fault that never
happened. Judged from `ENOUGH` worlds on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connector.model.order import OrderStatus as S
from connector.paper.faces.registry import playbook_of
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


class Met(Protocol):
    """What one world met, see `connector.sim.worlds.Report`."""

    @property
    def venue(self) -> str:
        """Whose world."""

    @property
    def matrix(self) -> Mapping[tuple[str, str], int]:
        """Faults by kind and phase."""

    @property
    def transitions(self) -> Mapping[tuple[str, str], int]:
        """What orders became, from what."""

    @property
    def answers(self) -> Mapping[str, int]:
        """Documented answers of a venue in trouble."""


@dataclass(slots=True)
class Coverage:
    """Counts over many worlds."""

    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)  # by venue
    worlds: Counter[str] = field(default_factory=Counter)

    def add(self, world: Met) -> None:
        """Count one world."""
        self.matrix.update(world.matrix)
        self.transitions.update(world.transitions)
        self.worlds[world.venue] += 1
        for preset, count in world.answers.items():
            self.answers[world.venue, preset] += count

    def missing(self) -> Iterator[str]:
        """What no world has met yet."""
        for kind in KINDS:
            for phase in PHASES:
                if not self.matrix[kind, phase.value]:
                    yield f"no world had '{kind}' in phase '{phase.value}'"
        for before, after in TRANSITIONS:
            if not self.transitions[before, after]:
                yield f"no order went from {before} to {after}"
        for venue, count in sorted(self.worlds.items()):
            if count >= ENOUGH:
                yield from self._unanswered(venue)

    def _unanswered(self, venue: str) -> Iterator[str]:
        book = playbook_of(venue)
        for preset in sorted({*book.not_executed, *book.executed}):
            if not self.answers[venue, preset]:
                yield f"no world of {venue} answered '{preset}'"

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
            "answers": {
                f"{venue} {preset}": count
                for (venue, preset), count in sorted(self.answers.items())
            },
        }
