"""Weeks of virtual time with one session: does anything grow, leak or drift?

The session holds a position and a resting quote and trades once an hour; the venue
pays funding, lets the stream's key expire early once a day, and the session rotates
its streams. Once a day everything is counted. At the end session and ledger must
agree, and nothing may be unexplained.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from connector.config import SessionConfig
from connector.errors import ConnectorError
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.bots import on_grid
from connector.sim.draw import Draw
from connector.sim.laws import Violation
from connector.sim.loop import Limits
from connector.sim.theatre import Piece, Theatre
from connector.sim.world import World, WorldConfig, run_world

DAY_S = 86_400.0
_HOUR_S = 3_600.0
_OURS = ("connector.core", "connector.session", "connector.runtime", "connector.model")
_SLACK = 1.25
_perf_counter = time.perf_counter  # the real clock, also while a world replaces it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What there was at the end of a day: *objects* of the product that the garbage
    collector knows, unfinished *tasks*, *timers* set, memory of the process."""

    day: float
    objects: int
    tasks: int
    timers: int
    rss_mb: float
    orders: int
    connections: int


@dataclass(slots=True, kw_only=True)
class Soak:
    """How it went; *violations* are broken laws, growth among them."""

    days: float
    wall_s: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    fills: int = 0
    commands: int = 0
    rotations: int = 0
    reconnects: int = 0
    funding_payments: int = 0
    reports: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Plain containers."""
        return {
            "type": "soak",
            "days": self.days,
            "wall_s": round(self.wall_s, 1),
            "fills": self.fills,
            "commands": self.commands,
            "rotations": self.rotations,
            "reconnects": self.reconnects,
            "funding_payments": self.funding_payments,
            "reports": dict(self.reports),
            "samples": [
                {name: getattr(sample, name) for name in Sample.__slots__}
                for sample in self.samples
            ],
            "violations": [str(violation) for violation in self.violations],
        }


def soak(
    days: float,
    *,
    venue: str | None = None,
    seed: int = 0,
    on_sample: Callable[[Sample], None] | None = None,
) -> Soak:
    """Play *days* (at most 29) of virtual time; *on_sample* is told once a day."""
    told = Soak(days=days)
    stages: list[Theatre] = []
    piece = Piece(
        program=_Trader(told, stages, on_sample).run,
        config=SessionConfig(),
        kinds=frozenset(),
        script=tuple(
            (day * DAY_S + 5 * _HOUR_S, "stream_key") for day in range(int(days))
        ),
        calm_s=1.0,
    )
    drawn = Draw.of_seed(seed, venue)
    draw = replace(
        drawn,
        seconds=days * DAY_S,
        fault_chance=0.0,
        chaos=None,
        style=replace(drawn.style, is_hedge=False),
        rotate_after_s=float("inf"),
        drift_ppm=0,
        is_tight=False,
        has_past=False,
        is_verbose=False,
    )

    async def main(world: World) -> None:
        theatre = Theatre(world, draw, piece)
        theatre.market_pause_s = 60.0
        stages.append(theatre)
        await theatre.play()

    limits = Limits(virtual_s=days * DAY_S + 7_200, wall_s=7_200, steps=1 << 40)
    forget_gates()
    result = run_world(main, seed, config=WorldConfig(limits=limits, trace_lines=100))
    theatre = stages[0]
    told.wall_s = result.wall_s
    told.violations += theatre.witness.violations
    errors = [*theatre.program_errors, *result.errors]
    if result.error is not None:
        errors.append(f"{type(result.error).__name__}: {result.error}")
    ended_s = result.virtual_ns / 1e9
    told.violations += [
        Violation(law="alive", text=text, at_s=ended_s) for text in errors
    ]
    told.violations += [
        Violation(law="flat", text=text, at_s=ended_s) for text in growth(told.samples)
    ]
    return told


def growth(samples: list[Sample]) -> list[str]:
    """What grew from the second day to the last; empty if nothing did."""
    if len(samples) < 3:
        return []
    first, last = samples[1], samples[-1]
    grown = []
    for name in ("objects", "tasks", "timers", "connections", "orders"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before * _SLACK + 10:
            grown.append(f"{name} grew from {before} to {after}")
    return grown


class _Trader:
    """Trades once an hour, quotes, and counts once a day."""

    def __init__(
        self,
        told: Soak,
        stages: list[Theatre],
        on_sample: Callable[[Sample], None] | None,
    ) -> None:
        self._told = told
        self._stages = stages
        self._on_sample = on_sample

    async def run(self, session: Session) -> None:
        """The program of the session."""
        hour = 0
        while True:
            await asyncio.sleep(_HOUR_S)
            hour += 1
            try:
                await self._trade(session, hour)
            except ConnectorError:
                self._told.reports["a trade was refused"] += 1
            if hour % 24 == 0:
                self._count(session, hour / 24)

    async def _trade(self, session: Session, hour: int) -> None:
        stage = self._stages[0]
        symbol, market = next(iter(stage.playbook.markets.items()))
        side = session.buy if hour % 2 else session.sell
        away = Decimal("0.98") if hour % 2 else Decimal("1.02")
        limit = on_grid(stage.price_of(symbol) * away, market.tick)
        for order in session.orders:
            await session.cancel(order)
        await side(symbol, market.lot * 3)
        await side(symbol, market.lot * 3, limit=limit)
        self._told.commands += 3

    def _count(self, session: Session, day: float) -> None:
        stage = self._stages[0]
        loop: Any = stage.world.loop
        gc.collect()
        core = session._open_shell.core
        sample = Sample(
            day=day,
            objects=sum(
                1
                for thing in gc.get_objects()
                if type(thing).__module__.startswith(_OURS)
            ),
            tasks=len(loop.unfinished_tasks()),
            timers=sum(1 for handle in loop._scheduled if not handle.cancelled()),
            rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            orders=len(core.orders.all()),
            connections=len(stage.world.network.connections),
        )
        told = self._told
        told.samples.append(sample)
        told.rotations = core.link.rotations
        told.reconnects = core.link.reconnects
        told.fills = len(stage.witness.fills)
        told.reports.clear()
        told.reports.update(
            event.report.reason.value for event in stage.witness.life.reports
        )
        told.funding_payments = sum(
            1
            for event in stage.witness.life.reports
            for entry in event.report.ledger_entries
            if entry.kind.value == "funding"
        )
        if self._on_sample is not None:
            self._on_sample(sample)
