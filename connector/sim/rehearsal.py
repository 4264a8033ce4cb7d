"""Rehearse a bot of your own in a hostile world, in a test, on virtual time.

    from connector import Session
    from connector.sim.rehearsal import rehearse

    async def my_bot(session: Session) -> None:
        order = await session.buy("BTCUSDT", "0.010", limit="59000")
        ...

    def test_my_bot_survives_an_outage() -> None:
        result = rehearse(my_bot, seed=7, kinds={"cut", "venue_down"}, chance=0.5)
        result.check()
        assert result.position("BTCUSDT") == 0

A minute of the world takes a fraction of a second; the same seed is the same world.
The real session (HTTP, WebSocket, journal, limiter) trades on the simulated venue over
an in-memory network. Faults are drawn from the seed (`FAULTS` lists the kinds), or set
at fixed times with *script*. After ``seconds`` everything is healed; the bot goes on
for *calm_s* and is then cancelled; session and ledger must agree. If a fault kills the
bot's process, it is started again with a new session on the same journal.

A bot must not use real time, threads, sockets or files of its own: inside a world
`asyncio.sleep` and `time.time` are virtual, and real ones are refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from connector.config import SessionConfig
from connector.config.defaults import DEFAULT_VENUE
from connector.errors import UsageError
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.coverage import KINDS
from connector.sim.draw import Draw
from connector.sim.hearing import ACCOUNT
from connector.sim.laws import Violation
from connector.sim.loop import Limits
from connector.sim.tape import shrink
from connector.sim.theatre import Piece, Theatre
from connector.sim.world import World, WorldConfig, run_world
from connector.venues.registry import venue_of

Program = Callable[[Session], Awaitable[None]]

FAULTS: tuple[str, ...] = KINDS
"""Every kind of fault; `connector.sim.faultkinds` says what each does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How it went.

    *violations* are laws that the session broke (there should be none), *errors* what
    the bot itself raised, *faults* what happened to it, *ledger* the venue's own truth
    at the end (see ``state`` in `connector.paper.control`), *positions* what it holds
    per symbol, all sides together. *lives* counts the processes of the bot. *tape*
    replays the faults: ``rehearse(..., tape=...)``.
    """

    seed: int
    venue: str
    violations: tuple[Violation, ...]
    errors: tuple[str, ...]
    faults: tuple[str, ...]
    ledger: dict[str, Any]
    positions: dict[str, Decimal]
    lives: int
    virtual_s: float
    tape: tuple[int, ...]

    @property
    def failed(self) -> bool:
        """A law was broken, or the bot raised."""
        return bool(self.violations or self.errors)

    def check(self) -> None:
        """Raise AssertionError, saying what happened and how to see it again."""
        if self.failed:
            raise AssertionError(str(self))

    def position(self, symbol: str) -> Decimal:
        """What the venue says the account holds of *symbol*."""
        return self.positions.get(symbol, Decimal(0))

    def __str__(self) -> str:
        lines = [f"seed {self.seed} on {self.venue}:"]
        lines += [f"  the bot raised {error}" for error in self.errors]
        lines += [f"  {violation}" for violation in self.violations]
        lines += ["  faults:", *(f"    {fault}" for fault in self.faults)]
        return "\n".join(lines)


def rehearse(
    bot: Program,
    *,
    seed: int = 0,
    venue: str = DEFAULT_VENUE,
    seconds: float = 60.0,
    calm_s: float = 20.0,
    chance: float = 0.3,
    kinds: Collection[str] | None = None,
    script: Sequence[tuple[float, str]] = (),
    config: SessionConfig | None = None,
    tape: Sequence[int] | None = None,
    small_s: float = 0.0,
) -> Rehearsal:
    """Play one world with *bot* in it; raises UsageError for what cannot be played.

    *chance* of a fault at each look (a look is 0.25 to 2 s after the last), of any of
    *kinds*; 0 for none but those of *script*, pairs of (seconds, kind). *config* None:
    drawn from the seed, like latencies and clocks. With *small_s* a failure is played
    again for that many real seconds, with fewer faults each time it still fails.
    """
    known = set(FAULTS)
    strange = {*(kinds or ()), *(kind for _, kind in script)} - known
    if strange:
        raise UsageError(f"no faults {sorted(strange)}; there are: {sorted(known)}")
    if not 0 < seconds <= 3_600 or not 0 <= chance <= 1:
        raise UsageError("seconds must be in (0, 3600], chance in [0, 1]")
    piece = Piece(
        program=bot,
        config=config,
        kinds=None if kinds is None else frozenset(kinds),
        script=tuple(script),
        calm_s=calm_s,
    )
    drawn = Draw.of_seed(seed, venue_of(venue))
    draw = replace(
        drawn,
        seconds=seconds,
        fault_chance=chance,
        style=replace(drawn.style, is_hedge=False),
        rotate_after_s=drawn.rotate_after_s
        if config is None
        else config.rotate_after_s,
        is_tight=False,
        has_past=False,
    )
    result = _play(seed, draw, piece, tape)
    if result.failed and small_s > 0:
        smallest = shrink(
            result.tape,
            lambda shorter: _play(seed, draw, piece, shorter).failed,
            budget_s=small_s,
        )
        result = _play(seed, draw, piece, smallest)
    return result


def _play(seed: int, draw: Draw, piece: Piece, tape: Sequence[int] | None) -> Rehearsal:
    theatres: list[Theatre] = []

    async def main(world: World) -> None:
        theatre = Theatre(world, draw, piece)
        theatres.append(theatre)
        await theatre.play()

    limits = Limits(virtual_s=7_200, wall_s=300, steps=20_000_000)
    forget_gates()
    result = run_world(main, seed, tape, config=WorldConfig(limits=limits))
    theatre = theatres[0]
    engine = theatre.server.faces[0].engine
    positions: dict[str, Decimal] = {}
    for row in engine.positions(ACCOUNT):
        qty = row.qty * theatre.playbook.markets[row.symbol].unit
        positions[row.symbol] = positions.get(row.symbol, Decimal(0)) + qty
    errors = list(theatre.program_errors)
    if result.error is not None:
        errors.append(f"{type(result.error).__name__}: {result.error}")
    return Rehearsal(
        seed=seed,
        venue=draw.venue,
        violations=tuple(theatre.witness.violations),
        errors=tuple(errors),
        faults=tuple(theatre.plan.log),
        ledger=engine.ledger.state(ACCOUNT),
        positions=positions,
        lives=len(theatre.witness.lives),
        virtual_s=result.virtual_ns / 1e9,
        tape=tuple(result.tape),
    )
