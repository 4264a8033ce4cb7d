"""What worlds together must have met is told by name, and a hole is a broken law."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.paper.faces.registry import playbook_of
from connector.sim.coverage import ENOUGH, KINDS, TRANSITIONS, Coverage
from connector.sim.phases import PHASES

VENUE = "binance-usdm"


@dataclass
class World:
    """Counts of one world."""

    venue: str = VENUE
    matrix: dict[tuple[str, str], int] = field(default_factory=dict)
    transitions: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)


def everything() -> World:
    book = playbook_of(VENUE)
    return World(
        matrix={(kind, phase.value): 1 for kind in KINDS for phase in PHASES},
        transitions={(str(a), str(b)): 1 for a, b in TRANSITIONS},
        answers=dict.fromkeys((*book.not_executed, *book.executed), 1),
    )


def test_nothing_is_missing_when_all_was_met() -> None:
    """The law is kept by worlds that met everything."""
    coverage = Coverage()
    coverage.add(everything())
    for _ in range(ENOUGH):
        coverage.add(World())
    assert list(coverage.missing()) == []


def test_every_hole_is_named() -> None:
    """A fault in a phase, a transition, an answer: each is missed by name."""
    world = everything()
    del world.matrix["cut", "rotate"]
    before, after = TRANSITIONS[0]
    del world.transitions[str(before), str(after)]
    del world.answers["timeout"]
    coverage = Coverage()
    coverage.add(world)
    assert list(coverage.missing()) == [
        "no world had 'cut' in phase 'rotate'",
        f"no order went from {before} to {after}",
    ]
    for _ in range(ENOUGH):
        coverage.add(World())
    assert list(coverage.missing())[2:] == [f"no world of {VENUE} answered 'timeout'"]
