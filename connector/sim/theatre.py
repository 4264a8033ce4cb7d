"""The stage of one world: venue, bot process, disk, and the story that is played.

A seed draws the conditions (`connector.sim.draw`), the tape decides every fault.
After the faults everything is healed, the bot falls silent, and session and ledger
must agree within `SETTLE_S`; then the laws judge, the session is closed (perhaps
with one more fault), and the journal must replay to the state that was left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from connector.config import SessionConfig
from connector.config.profiles import Environment, Profile
from connector.core.machine import SessionCore
from connector.embedded import endpoints_of
from connector.errors import ConnectorError
from connector.model.clock import Now
from connector.model.credentials import ApiKey, Credentials, KeyName, Secret
from connector.paper.faces.registry import kit_of, playbook_of
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.runtime.journal import Owner, RecordLike
from connector.runtime.journal_memory import JournalFaults, MemoryDisk, MemoryJournal
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.bots import Bot, on_grid, shown
from connector.sim.draw import Draw
from connector.sim.faultplan import FaultPlan
from connector.sim.hearing import ACCOUNT
from connector.sim.judgement import judge, replays
from connector.sim.laws import CommandRecord, Life, Witness
from connector.sim.past import make_past
from connector.sim.phases import Phase, phase_of
from connector.sim.wiretap import Wiretap
from connector.sim.world import Party, World

SETTLE_S = 120.0
"""Virtual time within which a healed world must agree: proof of non-acceptance
takes the command's window, 40 s of lag and two queries."""

WAIT_FOR_LIMITS_S = 180.0
"""What waiting for low limits may add: three windows of a minute."""

_PASSPHRASE = "simulated-passphrase"  # noqa: S105 - a simulated account
_API_KEY = "simulated-key"
_API_SECRET = "simulated-secret-7d1f20c6"  # noqa: S105 - a simulated account
_SETTLE_LOOK_S = 0.5
_THIN = "0.00005"
_CLOSE_S = 60.0


class _Clock:
    """A party's clocks, bound to it whoever asks."""

    def __init__(self, world: World, party: Party) -> None:
        self._world = world
        self._party = party

    def now(self) -> Now:
        return Now(self._world.mono_ns(), self._world.now(self._party))

    def mono_ns(self) -> int:
        return self._world.mono_ns()


@dataclass(slots=True)
class Totals:
    """Counters summed over lives."""

    resolved_by: dict[str, int] = field(default_factory=dict)

    def add(self, session: Session) -> None:
        """Add what a session counted."""
        for name, count in session.stats()["in_doubt_resolved_by"].items():
            self.resolved_by[name] = self.resolved_by.get(name, 0) + count


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is played: *program* of a user over an open session, None: a bot of ours.

    *config* None: drawn. *kinds* are the faults that may happen (None: all), *script*
    has some more at fixed times (seconds, kind). *calm_s*: how long the program goes
    on after everything was healed; then it is cancelled.
    """

    program: Callable[[Session], Awaitable[None]] | None = None
    config: SessionConfig | None = None
    kinds: frozenset[str] | None = None
    script: tuple[tuple[float, str], ...] = ()
    calm_s: float = 0.0


OUR_BOT = Piece()


class Theatre:
    """One world's stage; see `faultkinds.Stage` for what faults use of it."""

    def __init__(self, world: World, draw: Draw, piece: Piece = OUR_BOT) -> None:
        self._piece = piece
        self.program_errors: list[str] = []
        self.world = world
        self.draw = draw
        self.playbook = playbook_of(draw.venue)
        self.journal_faults = JournalFaults()
        self.disk = MemoryDisk()
        self.consumer_waits_until_s = 0.0
        self.bot_address = "127.0.0.1"
        self.market_pause_s = 0.0  # 0: drawn
        self.quiet = asyncio.Event()
        self.totals = Totals()
        self.errors: tuple[str, ...] = ()
        self._is_trading = False
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()
        self._skew_ns = draw.skew_ns
        self._restart: asyncio.TimerHandle | None = None
        self._random = Random(f"bot/{world.seed}")  # noqa: S311 - reproducible
        self._secret = kit_of(draw.venue).secret_from(_API_SECRET)
        with world.party("venue"):
            self.server: PaperServer = paper_server(
                draw.venue,
                api_key=_API_KEY,
                api_secret=self._secret,
                seed=world.seed,
                now_ms=lambda: world.now() // 1_000_000,
                passphrase=_PASSPHRASE if self.playbook.with_passphrase else None,
                **(self.playbook.tight_options if draw.is_tight else {}),
            )
        self.witness = Witness(
            world, self.server, self.playbook, self.disk, (self._secret, _PASSPHRASE)
        )
        self.witness.rotate_after_s = draw.rotate_after_s
        self.witness.is_tight = draw.is_tight
        self.witness.knows_commands = piece.program is None
        self.plan = FaultPlan(
            self,
            chance=draw.fault_chance,
            kinds=piece.kinds,
            script=piece.script,
            is_aimed=draw.is_aimed and piece.kinds is None,
        )
        self.witness.on_state = self.plan.phase_changed
        self.witness.is_calm = self._is_calm

    async def play(self) -> None:
        """The whole story; raises nothing that is not our own mistake."""
        world = self.world
        self._set_up()
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
        judge(self.witness)
        await self._close(has_faults=True)
        if self.witness.life.is_over:
            await self._come_back()
        await self.server.close()
        self.errors = tuple(world.errors)

    def _set_up(self) -> None:
        world, network = self.world, self.world.network
        network.profile = self.draw.profile
        network.chaos = self.draw.chaos
        tap = Wiretap(self.playbook, self.witness)
        network.on_sent.append(tap.on_sent)
        network.on_bytes.append(tap.on_arrived)
        network.on_connect.append(
            lambda c: setattr(self, "bot_address", c.client_address[0])
        )
        engine = self.server.faces[0].engine
        engine.freeze()
        self.server.faults.replies_first = self.draw.replies_first
        if self.draw.is_thin:
            for symbol in self.playbook.symbols:
                args = {"symbol": symbol, "factor": _THIN}
                self.server.control.apply("liquidity", args)
        if self.draw.style.is_hedge:
            engine.set_hedge(ACCOUNT, hedge=True, now_ms=engine.now_ms)
        if self.draw.has_past:
            make_past(self.server, self.playbook, Random(f"past/{world.seed}"))  # noqa: S311 - reproducible

    async def _come_back(self) -> None:
        """The process died while it was closing: the next one knows everything."""
        self._closing.clear()
        self._closed.clear()
        self._restart = None
        self.start_bot()
        await self._settle()
        judge(self.witness)
        await self._close(has_faults=False)

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

    def kill_at_write(self, writes: int, pause_s: float, *, kept: bool) -> None:
        """See `Stage`."""
        left = writes

        def at_write(_: Sequence[RecordLike]) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.journal_faults.on_commit = None
                self.journal_faults.before_commit = None
                # At once for whoever is dead; what a dying call still does, it does
                # before its next await, and no byte can leave a dead process.
                self._kill(pause_s, power=not kept)

        if kept:
            self.journal_faults.on_commit = at_write
        else:
            self.journal_faults.before_commit = at_write

    def _kill(self, pause_s: float, *, power: bool) -> None:
        life = self.witness.life
        if life.is_over or life.party is None:
            return
        if self.quiet.is_set() and not self._closing.is_set():
            return  # healed: nothing happens any more
        self.world.kill(life.party)
        self._is_trading = False
        life.is_over = True
        life.ended_s = self.witness.now_s
        life.session = None
        if power:
            self.disk.lose_power()
        else:
            self.disk.kill()
        if self._closing.is_set():
            self._closed.set()
        else:
            self._restart = self.world.loop.call_later(pause_s, self.start_bot)
        self.plan.phase_changed()

    def step_clock(self, ms: int) -> None:
        """See `Stage`."""
        self._turn_clock(ms * 1_000_000)

    def _turn_clock(self, ns: int) -> None:
        self._skew_ns += ns
        party = self.witness.life.party
        if party is not None:
            party.skew_ns = self._skew_ns

    def lag_reads(self, ms: int) -> None:
        """See `Stage`."""
        self.witness.had_lag = True
        self.server.control.apply("read_lag", {"ms": ms})

    def venue_says_stop(self) -> None:
        """See `Stage`."""
        self.witness.was_stopped = True

    def disk_fails(self) -> None:
        """See `Stage`."""
        self.witness.patience.had_disk_fault = True

    def phase(self) -> Phase:
        """See `Stage`."""
        return phase_of(self.witness.life.session, is_closing=self._closing.is_set())

    def _is_calm(self) -> bool:
        """Nothing has been done to this world yet, and nothing is in the way."""
        draw = self.draw
        is_quiet = draw.chaos is None and not draw.is_tight and draw.buffer_max > 10
        return is_quiet and not self.plan.log and not self._closing.is_set()

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
            config=self._piece.config
            or SessionConfig(
                event_queue_max=self.draw.event_queue_max,
                buffer_max=self.draw.buffer_max,
                rotate_after_s=self.draw.rotate_after_s,
                keep_closed_s=self.draw.keep_closed_s,
            ),
            credentials=Credentials(
                api_key=ApiKey(_API_KEY),
                secret=Secret(self._secret),
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
            rng=Random(f"session/{self.world.seed}/{life.number}"),  # noqa: S311 - reproducible
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
        await self._trade(life, session)
        await self._closing.wait()
        try:
            await session.close()
        except Exception as error:
            self.witness.broken("alive", f"close() raised {shown(error)}")
        await consumer
        self._closed.set()

    async def _trade(self, life: Life, session: Session) -> None:
        """Run the bot until the world is quiet."""
        self._is_trading = True
        if self._piece.program is None:
            bot = Bot(
                session,
                self.draw.style,
                self._random,
                self.playbook.markets,
                self.price_of,
                lambda kind: self._record(life, kind),
            )
            await bot.run(self.quiet)
        else:
            await self._rehearse(self._piece.program, session)
        self._is_trading = False

    async def _rehearse(
        self, program: Callable[[Session], Awaitable[None]], session: Session
    ) -> None:
        """Run a user's program until a while after the world was healed."""

        async def run() -> None:
            try:
                await program(session)
            except Exception as error:
                self.program_errors.append(shown(error))

        task = asyncio.create_task(run(), name="bot")
        await self.quiet.wait()
        await asyncio.wait({task}, timeout=self._piece.calm_s)
        task.cancel()
        await asyncio.wait({task})

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
            pause_s = self.market_pause_s or random.choice((0.2, 1.0, 2.0))
            await asyncio.sleep(pause_s)
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
            self._turn_clock(self.draw.drift_ppm * 1_000)
            self.witness.watch()

    def heal(self) -> None:
        """End every fault but that of the venue's clock, and bring the bot back."""
        self.world.note("heal")
        # A clock that is wrong is no fault.
        self.server.control.apply("heal", {"clock": False})
        self.world.network.heal()
        faults = self.journal_faults
        faults.is_full, faults.delay_s = False, 0.0
        faults.before_commit = faults.on_commit = None
        self.consumer_waits_until_s = 0.0
        if self._restart is not None:
            self._restart.cancel()
            self.start_bot()

    async def _settle(self) -> None:
        """Heal everything; then the truth must be told in a bounded time."""
        self.quiet.set()
        self.heal()
        end_s = self.witness.now_s + SETTLE_S + self._piece.calm_s
        if self.draw.is_tight:
            end_s += WAIT_FOR_LIMITS_S
        while True:
            await asyncio.sleep(_SETTLE_LOOK_S)
            differences = self.witness.differences()
            # A look in progress owes its report of what it found.
            is_told = not self.witness.life.recovered
            if not differences and is_told and not self._is_trading:
                return
            if self.witness.now_s > end_s:
                for text in differences:
                    self.witness.broken("truth", text)
                return

    async def _close(self, *, has_faults: bool) -> None:
        """Close the session; what it leaves on the disk is all there is to know."""
        life = self.witness.life
        core: SessionCore | None = None
        if life.session is not None:
            self.totals.add(life.session)
            core = life.session._open_shell.core
        self._closing.set()
        if has_faults:
            self.plan.while_closing()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._closed.wait()
        except TimeoutError:
            tasks = ", ".join(self.world.loop.describe_tasks())
            self.witness.broken("bounded", f"close() did not end: {tasks}")
        is_kept = not self.journal_faults.is_full and not life.is_over
        if core is not None and is_kept:
            for text in replays(core, self.disk, self.draw.venue):
                self.witness.broken("replay", text)
