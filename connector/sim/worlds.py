"""Play one world and report: a real session and bot, a venue, faults, laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.session.gate import forget_gates
from connector.sim.draw import Draw
from connector.sim.hearing import ACCOUNT
from connector.sim.laws import Violation
from connector.sim.loop import Limits
from connector.sim.secretsearch import searched
from connector.sim.theatre import Piece, Theatre
from connector.sim.world import Result, World, WorldConfig, run_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one world went; plain values, so that it travels between processes."""

    seed: int
    venue: str
    violations: tuple[Violation, ...]
    faults: tuple[str, ...]
    fault_counts: dict[str, int]
    answers: dict[str, int]
    matrix: dict[tuple[str, str], int]
    transitions: dict[tuple[str, str], int]
    tape: tuple[int, ...]
    trace_hash: str
    virtual_s: float
    wall_s: float
    steps: int
    lives: int
    commands: int
    fills: int
    reconnects: int
    resolved_by: dict[str, int]
    trace: tuple[str, ...] = ()

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws that were broken, each once."""
        return tuple(dict.fromkeys(v.law for v in self.violations))


def play(
    seed: int,
    tape: Sequence[int] | None = None,
    *,
    venue: str | None = None,
    kinds: frozenset[str] | None = None,
    with_trace: bool = False,
) -> Report:
    """Run world number *seed*, faults from *tape* if given, and judge it.

    *venue* None: drawn from `draw.venue_names`. *kinds*: only these faults happen
    (`coverage.KINDS`).
    """
    theatres: list[Theatre] = []
    draw = Draw.of_seed(seed, venue)

    async def main(world: World) -> None:
        theatre = Theatre(world, draw, Piece(kinds=kinds))
        theatres.append(theatre)
        with searched(theatre.witness, is_verbose=draw.is_verbose):
            await theatre.play()

    config = WorldConfig(
        # Steps bound it; real time does not: the machine may be busy.
        limits=Limits(virtual_s=3_600, wall_s=3_600, steps=5_000_000),
        trace_lines=200_000 if with_trace else 1_000,
        trace_preview=160 if with_trace else 0,
    )
    forget_gates()
    result = run_world(main, seed, tape, config=config)
    return _report(result, theatres[0], with_trace=with_trace)


def _report(result: Result[None], theatre: Theatre, *, with_trace: bool) -> Report:
    witness = theatre.witness
    ended_s = result.virtual_ns / 1e9
    # What was killed is taken apart after the end, and may complain.
    was_killed = len(witness.lives) > 1
    errors = theatre.errors if was_killed else result.errors
    extra = [("alive", text) for text in errors]
    if result.error is not None:
        extra.append(("alive", f"{type(result.error).__name__}: {result.error}"))
    extra += [("bounded", f"task left: {name}") for name in result.left_running]
    violations = [
        *witness.violations,
        *(Violation(law=law, text=text, at_s=ended_s) for law, text in extra),
    ]
    return Report(
        seed=result.seed,
        venue=theatre.draw.venue,
        violations=tuple(violations),
        faults=tuple(theatre.plan.log),
        fault_counts=dict(theatre.plan.counts),
        answers=dict(theatre.plan.answers),
        matrix=dict(theatre.plan.matrix),
        transitions=dict(witness.hearing.transitions),
        tape=tuple(result.tape),
        trace_hash=result.trace_hash,
        virtual_s=ended_s,
        wall_s=result.wall_s,
        steps=result.steps,
        lives=len(witness.lives),
        commands=len(witness.commands),
        fills=len(theatre.server.faces[0].engine.fills(ACCOUNT, limit=1 << 30)),
        reconnects=witness.reconnects,
        resolved_by=theatre.totals.resolved_by,
        trace=tuple(map(str, result.trace.lines)) if with_trace else (),
    )
