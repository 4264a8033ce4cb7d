"""Many worlds: seeds in parallel, one summary; a failing seed is made small.

One seed in fifty is played again by another process: equal seeds must leave equal
traces, whatever the hashes of that process are.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from connector.sim.coverage import ENOUGH, Coverage
from connector.sim.tape import shrink
from connector.sim.worlds import Report, play

_TWICE_EVERY = 50
_ELSEWHERE_S = 300.0
_COLLECT_EVERY = 10
"""Worlds leave cycles to the collector, which is off while they last."""


@dataclass(slots=True)
class Summary:
    """What a range of seeds showed; counts, hours of virtual time, seconds."""

    runs: int = 0
    virtual_hours: float = 0.0
    wall_s: float = 0.0
    lives: int = 0
    commands: int = 0
    fills: int = 0
    reconnects: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    in_doubt_resolved_by: Counter[str] = field(default_factory=Counter)
    run_twice: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    venues: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str, str, str]] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Count one world."""
        self.runs += 1
        self.virtual_hours += report.virtual_s / 3600
        self.lives += report.lives
        self.commands += report.commands
        self.fills += report.fills
        self.reconnects += report.reconnects
        self.faults.update(report.fault_counts)
        self.coverage.add(report)
        self.in_doubt_resolved_by.update(report.resolved_by)
        self.violations += [
            (report.seed, report.venue, v.law, v.text) for v in report.violations
        ]
        self.venues[report.venue] += 1

    def as_dict(self) -> dict[str, Any]:
        """Plain containers."""
        return {
            "type": "sim",
            "runs": self.runs,
            "venues": dict(sorted(self.venues.items())),
            "virtual_hours": round(self.virtual_hours, 3),
            "wall_s": round(self.wall_s, 1),
            "lives": self.lives,
            "commands": self.commands,
            "fills": self.fills,
            "reconnects": self.reconnects,
            "faults": dict(sorted(self.faults.items())),
            "in_doubt_resolved_by": dict(self.in_doubt_resolved_by),
            "run_twice": self.run_twice,
            "coverage": self.coverage.as_dict(),
            "not_covered": list(self.coverage.missing()),
            "law_violations": len(self.violations),
            "violations": [
                {"seed": seed, "venue": venue, "law": law, "text": text}
                for seed, venue, law, text in self.violations
            ],
        }


def judge(seed: int, venue: str | None = None) -> tuple[Report, bool]:
    """One world; every fiftieth seed twice, and whether both left the same trace."""
    report = play(seed, venue=venue)
    if seed % _COLLECT_EVERY == 0:
        gc.collect()
    if seed % _TWICE_EVERY:
        return report, True
    return report, hash_elsewhere(seed, report.venue) == report.trace_hash


def hash_elsewhere(seed: int, venue: str, python: str = sys.executable) -> str:
    """The hash of a world's trace as another process leaves it; "" if it fails."""
    words = ["sim", "--venue", venue, "--seed", str(seed), "--json"]
    ended = subprocess.run(  # noqa: S603 - our own program, our own words
        [python, "-m", "connector", *words],
        capture_output=True,
        timeout=_ELSEWHERE_S,
        check=False,
    )
    try:
        return str(json.loads(ended.stdout)["trace_hash"])
    except (ValueError, KeyError):
        return ""


def run_seeds(
    seeds: Iterable[int],
    *,
    venue: str | None = None,
    jobs: int = 1,
    on_report: Callable[[Report], None] | None = None,
) -> Summary:
    """Judge *seeds* in *jobs* processes; *on_report* is told of each as it ends.

    *venue* None: each world draws its own.
    """
    summary = Summary()
    began = time.monotonic()
    wanted = list(seeds)
    judged = partial(judge, venue=venue)
    if jobs == 1:
        outcomes: Iterable[tuple[Report, bool]] = map(judged, wanted)
        _collect(summary, outcomes, on_report)
    else:
        others = multiprocessing.active_children()
        pool = ProcessPoolExecutor(jobs, initializer=_leave_interrupts_to_parent)
        try:
            with _interrupts_held():
                outcomes = pool.map(judged, wanted, chunksize=4)
            _collect(summary, outcomes, on_report)
        except BaseException:  # interrupted: worlds half played are of no use
            for child in multiprocessing.active_children():
                if child not in others:
                    child.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    summary.wall_s = time.monotonic() - began
    if summary.runs >= ENOUGH:
        summary.violations += [
            (-1, venue or "all", "coverage", text)
            for text in summary.coverage.missing()
        ]
    return summary


def smallest_tape(report: Report, *, budget_s: float) -> list[int]:
    """The fewest and lowest fault decisions that still break the same law."""
    law = report.laws[0]

    def fails(tape: list[int]) -> bool:
        return law in play(report.seed, tape, venue=report.venue).laws

    return shrink(list(report.tape), fails, budget_s=budget_s)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """While processes are made, Ctrl-C waits: it would end a child that has not said
    yet that it leaves it to its parent, and the parent would see a broken pool.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches the whole process group; the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _collect(
    summary: Summary,
    outcomes: Iterable[tuple[Report, bool]],
    on_report: Callable[[Report], None] | None,
) -> None:
    for report, is_repeatable in outcomes:
        summary.add(report)
        if report.seed % _TWICE_EVERY == 0:
            summary.run_twice += 1
        if not is_repeatable:
            text = "two runs of this seed left different traces"
            summary.violations.append(
                (report.seed, report.venue, "deterministic", text)
            )
        if on_report is not None:
            on_report(report)
