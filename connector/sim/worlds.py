"""One world: a real session and bot against the simulated venue, faults, laws.

A seed draws the bot's style, latencies, clock skew and limits of the session; the
tape decides every fault. After the faults everything is healed, the bot falls
silent, and session and ledger must agree within `SETTLE_S`; then the laws judge.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from connector.config import SessionConfig
from connector.config.profiles import Environment, Profile
from connector.embedded import endpoints_of
from connector.errors import ConnectorError
from connector.model.clock import Now
from connector.model.credentials import ApiKey, Credentials, KeyName, Secret
from connector.paper.faces.registry import has_playbook, playbook_of
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import JournalFaults, MemoryDisk, MemoryJournal
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.bots import Bot, Style, draw_style, on_grid, shown
from connector.sim.faultplan import FaultPlan
from connector.sim.laws import ACCOUNT, CommandRecord, Life, Violation, Witness
from connector.sim.link import LinkProfile
from connector.sim.loop import Limits
from connector.sim.wiretap import Wiretap
from connector.sim.world import Party, Result, World, WorldConfig, run_world
from connector.venues import registry

SETTLE_S = 120.0
"""Virtual time within which a healed world must agree: proof of non-acceptance
takes the command's window, 40 s of lag and two queries."""

_PASSPHRASE = "simulated-passphrase"  # noqa: S105 - a simulated account
_API_KEY = "simulated-key"
_API_SECRET = "simulated-secret-7d1f20c6"  # noqa: S105 - a simulated account
_SETTLE_LOOK_S = 0.5


def venue_names() -> tuple[str, ...]:
    """Venues that worlds can play: those with a dialect, a face and a playbook."""
    return tuple(name for name in registry.venue_names() if has_playbook(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What the seed decides; the tape decides the rest."""

    venue: str
    style: Style
    profile: LinkProfile
    skew_ns: int
    seconds: float
    fault_chance: float
    uses_ws_api: bool
    event_queue_max: int
    buffer_max: int

    @classmethod
    def of_seed(cls, seed: int, venue: str | None = None) -> Draw:
        """Everything about world number *seed* but its faults; *venue* None: any.

        The venue has a stream of its own: another registered venue must not change
        the worlds of those that are there.
        """
        random = Random(f"draw/{seed}")  # noqa: S311 - reproducible on purpose
        venues = Random(f"venue/{seed}")  # noqa: S311 - reproducible on purpose
        venue = venue or venues.choice(venue_names())
        return cls(
            venue=venue,
            style=draw_style(random, can_hedge=playbook_of(venue).has_hedge),
            profile=LinkProfile(
                latency_s=random.choice((0.001, 0.01, 0.05, 0.15)),
                jitter_s=random.choice((0.0, 0.005, 0.1)),
                return_latency_s=random.choice((0.001, 0.01, 0.05, 0.15)),
            ),
            skew_ns=random.randint(-3000, 3000) * 1_000_000,
            seconds=random.choice((15.0, 30.0, 60.0)),
            fault_chance=random.choice((0.1, 0.3, 0.6)),
            uses_ws_api=random.random() < 0.4,
            event_queue_max=random.choice((5, 40, 10_000)),
            buffer_max=random.choice((10, 200_000, 200_000)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one world went; plain values, so that it travels between processes."""

    seed: int
    venue: str
    violations: tuple[Violation, ...]
    faults: tuple[str, ...]
    fault_counts: dict[str, int]
    tape: tuple[int, ...]
    trace_hash: str
    virtual_s: float
    wall_s: float
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


class _Clock:
    """A party's clocks, bound to it whoever asks."""

    def __init__(self, world: World, party: Party) -> None:
        self._world = world
        self._party = party

    def now(self) -> Now:
        return Now(self._world.mono_ns(), self._world.now(self._party))


class _SecretSearch(logging.Handler):
    """Looks for the secret in everything that is logged."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(logging.INFO)
        self._witness = witness

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.getMessage()} {record.__dict__}"
        if _API_SECRET in text:
            self._witness.broken("secret", f"in the log of {record.name}")


@dataclass(slots=True)
class Totals:
    """Counters summed over lives."""

    resolved_by: dict[str, int] = field(default_factory=dict)

    def add(self, session: Session) -> None:
        """Add what a session counted."""
        for name, count in session.stats()["in_doubt_resolved_by"].items():
            self.resolved_by[name] = self.resolved_by.get(name, 0) + count


class Theatre:
    """The stage of one world: venue, bot process, disk; see `faultplan.Stage`."""

    def __init__(self, world: World, draw: Draw) -> None:
        self.world = world
        self.draw = draw
        self.playbook = playbook_of(draw.venue)
        self.journal_faults = JournalFaults()
        self.disk = MemoryDisk()
        self.consumer_waits_until_s = 0.0
        self.bot_address = "127.0.0.1"
        self.quiet = asyncio.Event()
        self.totals = Totals()
        self.errors: tuple[str, ...] = ()
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()
        self._skew_ns = draw.skew_ns
        self._restart: asyncio.TimerHandle | None = None
        self._random = Random(f"bot/{world.seed}")  # noqa: S311 - reproducible
        with world.party("venue"):
            self.server: PaperServer = paper_server(
                draw.venue,
                api_key=_API_KEY,
                api_secret=_API_SECRET,
                seed=world.seed,
                now_ms=lambda: world.now() // 1_000_000,
                passphrase=_PASSPHRASE if self.playbook.with_passphrase else None,
            )
        self.witness = Witness(
            world, self.server, self.playbook, self.disk, _API_SECRET
        )
        self.plan = FaultPlan(self, chance=draw.fault_chance)

    async def play(self) -> None:
        """The whole story; raises nothing that is not our own mistake."""
        world, witness = self.world, self.witness
        world.network.profile = self.draw.profile
        tap = Wiretap(self.playbook, witness.on_sent)
        world.network.on_sent.append(tap.on_sent)
        world.network.on_connect.append(
            lambda c: setattr(self, "bot_address", c.client_address[0])
        )
        engine = self.server.faces[0].engine
        engine.freeze()
        if self.draw.style.is_hedge:
            engine.set_hedge(ACCOUNT, hedge=True, now_ms=engine.now_ms)
        await self.server.start()
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._move_market(), name="world.market"),
                group.create_task(self._watch(), name="world.watch"),
            ]
            self.start_bot()
            await self.plan.run(self.draw.seconds)
            await self._settle()
            for helper in helpers:
                helper.cancel()
        witness.judge()
        await self._close()
        await self.server.close()
        self.errors = tuple(world.errors)

    # --- the bot's process ---

    def start_bot(self) -> None:
        """A new process on the same disk."""
        self._restart = None
        forget_gates()
        life = self.witness.new_life()
        life.party = self.world.start("bot", self._live(life), skew_ns=self._skew_ns)

    def kill_at_step(self, steps: int, pause_s: float, *, power: bool) -> None:
        """See `Stage`."""
        loop = self.world.loop
        loop.at_step(loop.steps + steps, lambda: self._kill(pause_s, power=power))

    def _kill(self, pause_s: float, *, power: bool) -> None:
        life = self.witness.life
        if life.is_over or self.quiet.is_set() or life.party is None:
            return
        self.world.kill(life.party)
        life.is_over = True
        life.session = None
        if power:
            self.disk.lose_power()
        else:
            self.disk.kill()
        self._restart = self.world.loop.call_later(pause_s, self.start_bot)

    def step_clock(self, ms: int) -> None:
        """See `Stage`."""
        self._skew_ns += ms * 1_000_000
        party = self.witness.life.party
        if party is not None:
            party.skew_ns = self._skew_ns

    def lag_reads(self, ms: int) -> None:
        """See `Stage`."""
        self.witness.had_lag = True
        self.server.control.apply("read_lag", {"ms": ms})

    def price_of(self, symbol: str) -> Decimal:
        """See `Stage`."""
        return self.server.faces[0].engine.quote(symbol).mark

    def _session(self, life: Life) -> Session:
        venue = self.draw.venue
        endpoints = endpoints_of(self.server.urls)
        if not self.draw.uses_ws_api:
            endpoints = replace(endpoints, ws_api="")
        passphrase = Secret(_PASSPHRASE) if self.playbook.with_passphrase else None
        assert life.party is not None
        return Session(
            Profile(
                environment=Environment.PAPER,
                name="sim",
                venue=venue,
                key_name=KeyName(venue=venue, environment="paper", name="sim"),
            ),
            config=SessionConfig(
                event_queue_max=self.draw.event_queue_max,
                buffer_max=self.draw.buffer_max,
            ),
            credentials=Credentials(
                api_key=ApiKey(_API_KEY),
                secret=Secret(_API_SECRET),
                passphrase=passphrase,
            ),
            endpoints=endpoints,
            journal=MemoryJournal(
                Owner(profile="paper:sim", venue=venue),
                disk=self.disk,
                faults=self.journal_faults,
            ),
            on_event=lambda event: self.witness.on_event(life, event),
            clock=_Clock(self.world, life.party),
            rng=Random(f"session/{self.world.seed}/{life.number}"),  # noqa: S311
        )

    async def _live(self, life: Life) -> None:
        """The bot's program: open until it works, trade, close when told."""
        await asyncio.sleep(0)
        session: Session | None = None
        while session is None and not self._closing.is_set():
            session = await self._open(life)
        if session is None:
            self._closed.set()
            return
        consumer = asyncio.create_task(self._consume(life, session), name="consumer")
        bot = Bot(
            session,
            self.draw.style,
            self._random,
            self.playbook.markets,
            self.price_of,
            lambda kind: self._record(life, kind),
        )
        await bot.run(self.quiet)
        await self._closing.wait()
        try:
            await session.close()
        except Exception as error:
            self.witness.broken("alive", f"close() raised {shown(error)}")
        await consumer
        self._closed.set()

    async def _open(self, life: Life) -> Session | None:
        self.witness.new_session(life)
        try:
            session = life.session = self._session(life)
            await session.open()
        except ConnectorError as error:
            self.world.note("open", f"{type(error).__name__}: {error}")
            life.session = None
            self.disk.kill()
            await asyncio.sleep(1)
            return None
        self.world.note("open", f"life {life.number} is live")
        return session

    async def _consume(self, life: Life, session: Session) -> None:
        life.told_early = frozenset(life.told)
        try:
            async for event in session.events():
                self.witness.on_consumed(life, event)
                wait_s = self.consumer_waits_until_s - self.witness.now_s
                if wait_s > 0:
                    # Slow, not dead: it reads on once the world has healed.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self.quiet.wait()
        except Exception as error:
            self.witness.broken("alive", f"the session died: {shown(error)}")

    def _record(self, life: Life, kind: str) -> CommandRecord:
        record = CommandRecord(kind, self.witness.now_s, life)
        self.witness.commands.append(record)
        return record

    # --- the world ---

    async def _move_market(self) -> None:
        random = Random(f"market/{self.world.seed}")  # noqa: S311 - reproducible
        engine = self.server.faces[0].engine
        while not self.quiet.is_set():
            await asyncio.sleep(random.choice((0.2, 1.0, 2.0)))
            symbol = random.choice(self.playbook.symbols)
            move = Decimal(random.randint(-15, 15)) / 10_000
            tick = self.playbook.markets[symbol].tick
            price = on_grid(self.price_of(symbol) * (1 + move), tick)
            verb = random.choice(("mark", "mark", "trade"))
            if engine.is_trading(symbol):
                self.server.control.apply(verb, {"symbol": symbol, "price": str(price)})

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.witness.watch()

    async def _settle(self) -> None:
        """Heal everything; then the truth must be told in a bounded time."""
        self.world.note("heal")
        self.quiet.set()
        self.server.control.apply("heal")
        self.world.network.heal()
        self.journal_faults.is_full = False
        self.journal_faults.delay_s = 0.0
        self.consumer_waits_until_s = 0.0
        if self._restart is not None:
            self._restart.cancel()
            self.start_bot()
        end_s = self.witness.now_s + SETTLE_S
        while True:
            await asyncio.sleep(_SETTLE_LOOK_S)
            differences = self.witness.differences()
            if not differences:
                return
            if self.witness.now_s > end_s:
                for text in differences:
                    self.witness.broken("truth", text)
                return

    async def _close(self) -> None:
        life = self.witness.life
        if life.session is not None:
            self.totals.add(life.session)
        self._closing.set()
        try:
            async with asyncio.timeout(60):
                await self._closed.wait()
        except TimeoutError:
            tasks = ", ".join(self.world.loop.describe_tasks())
            self.witness.broken("bounded", f"close() did not end: {tasks}")


def play(
    seed: int,
    tape: Sequence[int] | None = None,
    *,
    venue: str | None = None,
    with_trace: bool = False,
) -> Report:
    """Run world number *seed*, faults from *tape* if given, and judge it.

    *venue* None: drawn from `venue_names`.
    """
    theatres: list[Theatre] = []

    async def main(world: World) -> None:
        theatre = Theatre(world, Draw.of_seed(seed, venue))
        theatres.append(theatre)
        search = _SecretSearch(theatre.witness)
        log = logging.getLogger()
        log.addHandler(search)
        try:
            await theatre.play()
        finally:
            log.removeHandler(search)

    config = WorldConfig(
        limits=Limits(virtual_s=3_600, wall_s=120, steps=5_000_000),
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
        tape=tuple(result.tape),
        trace_hash=result.trace_hash,
        virtual_s=ended_s,
        wall_s=result.wall_s,
        lives=len(witness.lives),
        commands=len(witness.commands),
        fills=len(theatre.server.faces[0].engine.fills(ACCOUNT, limit=1 << 30)),
        reconnects=witness.reconnects,
        resolved_by=theatre.totals.resolved_by,
        trace=tuple(map(str, result.trace.lines)) if with_trace else (),
    )
