"""Many bare worlds: seeds, one summary; a failing one is made small."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from connector.sim.bare.rig import BareWorld
from connector.sim.bots import shown
from connector.sim.laws import Violation
from connector.sim.tape import Tape, shrink


@dataclass(frozen=True, slots=True, kw_only=True)
class BareReport:
    """How one bare world went; plain values."""

    seed: int
    violations: tuple[Violation, ...]
    faults: tuple[str, ...]
    fault_counts: dict[str, int]
    matrix: dict[tuple[str, str], int]
    transitions: dict[tuple[str, str], int]
    inputs: dict[str, int]
    tape: tuple[int, ...]
    digest: str
    steps: int
    virtual_s: float
    cpu_s: float
    lives: int
    wishes: int
    fills: int
    trace: tuple[str, ...] = ()

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws that were broken, each once."""
        return tuple(dict.fromkeys(v.law for v in self.violations))


def play(
    seed: int, tape: Sequence[int] | None = None, *, with_trace: bool = False
) -> BareReport:
    """Play bare world number *seed*, faults from *tape* if given, and judge it."""
    source = Tape(seed=seed) if tape is None else Tape(values=tape)
    began = time.process_time()
    world = BareWorld(seed, source, with_trace=with_trace)
    try:
        world.play()
    except Exception as error:
        world.witness.broken("alive", shown(error))
    return BareReport(
        seed=seed,
        violations=tuple(world.witness.violations),
        faults=tuple(world.plan.log),
        fault_counts=dict(world.plan.counts),
        matrix=dict(world.plan.matrix),
        transitions=dict(world.witness.transitions),
        inputs=dict(world.inputs),
        tape=tuple(source.values),
        digest=_digest(world),
        steps=world.steps,
        virtual_s=world.now_s(),
        cpu_s=time.process_time() - began,
        lives=world.life,
        wishes=len(world.witness.wishes),
        fills=len(world.venue.fills),
        trace=tuple(world.trace or ()),
    )


def _digest(world: BareWorld) -> str:
    """Equal for equal worlds: faults, counts and the machine's last state."""
    told = (world.plan.log, sorted(world.inputs.items()), world.steps, world.now_s())
    seen = f"{told} {world.core.state_hash()}"
    return blake2b(seen.encode(), digest_size=16).hexdigest()


def smallest_tape(report: BareReport, *, budget_s: float) -> list[int]:
    """The fewest and lowest fault decisions that still break the same law."""
    law = report.laws[0]

    def fails(tape: list[int]) -> bool:
        return law in play(report.seed, tape).laws

    return shrink(list(report.tape), fails, budget_s=budget_s)


@dataclass(slots=True)
class BareSummary:
    """What a range of seeds showed."""

    runs: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    virtual_hours: float = 0.0
    lives: int = 0
    wishes: int = 0
    fills: int = 0
    inputs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, report: BareReport) -> None:
        """Count one world."""
        self.runs += 1
        self.steps += report.steps
        self.cpu_s += report.cpu_s
        self.virtual_hours += report.virtual_s / 3600
        self.lives += report.lives
        self.wishes += report.wishes
        self.fills += report.fills
        self.inputs.update(report.inputs)
        self.faults.update(report.fault_counts)
        self.matrix.update(report.matrix)
        self.transitions.update(report.transitions)
        self.violations += [(report.seed, v.law, v.text) for v in report.violations]

    def as_dict(self) -> dict[str, Any]:
        """Plain containers."""
        return {
            "type": "sim.core",
            "runs": self.runs,
            "steps": self.steps,
            "inputs": sum(self.inputs.values()),
            "cpu_s": round(self.cpu_s, 1),
            "wall_s": round(self.wall_s, 1),
            "steps_per_cpu_s": round(self.steps / max(self.cpu_s, 1e-9)),
            "virtual_hours": round(self.virtual_hours, 2),
            "lives": self.lives,
            "wishes": self.wishes,
            "fills": self.fills,
            "faults": dict(sorted(self.faults.items())),
            "inputs_by_kind": dict(sorted(self.inputs.items())),
            "transitions": {
                f"{before} > {after}": count
                for (before, after), count in sorted(self.transitions.items())
            },
            "law_violations": len(self.violations),
            "violations": [
                {"seed": seed, "law": law, "text": text}
                for seed, law, text in self.violations
            ],
        }


def run_seeds(
    seeds: Iterable[int],
    *,
    jobs: int = 1,
    on_report: Callable[[BareReport], None] | None = None,
) -> BareSummary:
    """Judge *seeds* in *jobs* processes; *on_report* is told of each as it ends."""
    summary = BareSummary()
    began = time.monotonic()

    def collect(reports: Iterable[BareReport]) -> None:
        for report in reports:
            summary.add(report)
            if on_report is not None:
                on_report(report)

    if jobs == 1:
        collect(map(play, seeds))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            collect(pool.map(play, seeds, chunksize=8))
    summary.wall_s = time.monotonic() - began
    return summary
