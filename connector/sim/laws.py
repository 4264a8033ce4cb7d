"""Laws of the product, judged by the venue's ledger and the wire.

A `Witness` watches one world: what each life of the bot was told, what left for the
venue, what the journal held. It never asks the connector for its opinion, except to
compare that opinion with the ledger. Safety laws are judged as things happen, the
others (`connector.sim.judgement`) once the world was healed and had time to settle.

Names of laws:

    once        every fill told once per life, journaled once, none invented
    truth       orders, positions, wallets equal the ledger after healing
    no-guess    what ended Rejected never was accepted (unless adopted later), what
                ended Accepted happened: orders, amends and cancels
    one-order   a client id means one order for ever; what left, a bot asked for
    intent      the intent is durable before its order leaves
    limits      no window of the venue is exceeded, its word to wait is obeyed
    final       what was told to have ended stays so, what was filled stays filled,
                positions and wallets are never told as they were before
    starved     cancels get their turn although the limits are met
    exposure    no new exposure leaves while the session is not LIVE
    calm        without any fault the session stays LIVE
    stale       a dead stream is told within its bound
    rotation    a stream is replaced before it is too old, and without a gap
    report      every way back to LIVE has one report, with all that was recovered
    bounded     every command ends in its bound, every task ends
    secret      the secret is nowhere in what comes out
    tie-out     nothing is left unexplained; what a lagging read made look so is
                taken back
    alive       the session survives everything
    books       the simulated venue's own books are whole
    replay      the journal alone gives back the state
    coverage    faults met every phase, orders every state (over many worlds)
    deterministic  the same seed gives the same world
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from connector.model.events import (
    BalanceUpdate,
    Event,
    FillEvent,
    LinkChanged,
    LinkState,
    OrderUpdate,
    PositionUpdate,
    Resynced,
)
from connector.model.order import Fill, Order, Outcome
from connector.paper.faces import SocketKind
from connector.paper.playbook import Amended, Placed, Playbook, Sent
from connector.paper.server import PaperServer
from connector.paper.types import Order as VenueOrder
from connector.paper.words import PositionSide, Side
from connector.runtime.journal_memory import MemoryDisk
from connector.session import Session
from connector.sim.agreement import disagreements
from connector.sim.hearing import ACCOUNT, Hearing
from connector.sim.link import Connection
from connector.sim.patience import Patience
from connector.sim.world import Party, World

_CLOSING = (
    (PositionSide.LONG, Side.SELL),
    (PositionSide.SHORT, Side.BUY),
)
STALE_BOUND_S = 20.0
"""Ping interval 15 s, its timeout 3 s, and a margin."""
UNTOLD_BOUND_S = 75.0
"""An audit a minute, its requests, and a margin."""
LONGEST_WINDOW_S = 62.0
"""The longest window of the venue's limits, and a margin."""
ROTATION_BOUND_S = 45.0
"""A failed rotation is tried again, with pauses."""
COMMAND_BOUND_S = 75.0
"""Waiting for the limiter 30 s (cancels), answers 10 s each, patience 5 s."""
PLACING_BOUND_S = 30.0
"""Waiting for the limiter 5 s, an answer 10 s, patience 5 s, a slow disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A law that was broken, when (virtual seconds) and how."""

    law: str
    text: str
    at_s: float

    def __str__(self) -> str:
        return f"{self.at_s:.3f} s: law '{self.law}': {self.text}"


@dataclass(slots=True, eq=False)
class CommandRecord:
    """One command of the bot, from its call to its end."""

    kind: str
    begun_s: float
    life: Life
    ended_s: float | None = None
    outcomes: tuple[Outcome, ...] = ()
    error: str = ""
    wanted_price: Decimal | None = None  # of an amend


@dataclass(slots=True, eq=False)
class Life:
    """One process of the bot: from its start to its death or the world's end."""

    number: int
    party: Party | None
    known: frozenset[str]  # fills in the journal when its session began
    begun_s: float = 0.0
    session: Session | None = None
    is_over: bool = False
    ended_s: float = 0.0
    told: Counter[str] = field(default_factory=Counter)
    consumed: Counter[str] = field(default_factory=Counter)
    told_early: frozenset[str] = frozenset()  # before events() was asked for
    last_seq: int = 0
    not_live_s: list[float] = field(default_factory=list)
    live_since_s: float | None = None
    reports: list[Resynced] = field(default_factory=list)
    owes_report: bool = False
    recovered: set[str] = field(default_factory=set)  # told, in no report yet
    orders: dict[str, Order] = field(default_factory=dict)  # as last told
    stamps: dict[str, int] = field(default_factory=dict)  # venue times last told
    sent: set[str] = field(default_factory=set)  # client ids that left


def fill_key(fill: Fill) -> str:
    """A fill as laws name it."""
    return f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}"


class Witness:
    """Everything the laws need to know of one world."""

    def __init__(
        self,
        world: World,
        server: PaperServer,
        playbook: Playbook,
        disk: MemoryDisk,
        secrets: tuple[str, ...],
    ) -> None:
        self._world = world
        self.server = server
        self.book = playbook
        self.engine = server.faces[0].engine
        self.disk = disk
        self.secrets = secrets
        self.on_state: Callable[[], None] = lambda: None
        self.is_calm: Callable[[], bool] = lambda: False
        self.rotate_after_s = math.inf
        self.is_tight = False
        self.knows_commands = True
        self.violations: list[Violation] = []
        self.lives: list[Life] = []
        self.commands: list[CommandRecord] = []
        self.reconnects = 0
        self.had_lag = False
        self.was_stopped = False
        self.hearing = Hearing(self.engine, playbook, self.broken)
        self.fills: dict[str, Decimal] = {}
        self.sent_ids: dict[str, str] = {}
        self.hearing.own = self.sent_ids
        self._filled_s: dict[str, float] = {}
        self._names: dict[str, str] = {}
        self._deaf_since_s: float | None = None
        self._exceedances = 0
        self._private_ids: set[int] = set()
        self._was_closed = False
        self.patience = Patience()

    # --- notes ---

    @property
    def now_s(self) -> float:
        """Virtual seconds."""
        return self._world.mono_ns() / 1e9

    def broken(self, law: str, text: str) -> None:
        """Note a violation, once per wording."""
        if any(v.law == law and v.text == text for v in self.violations):
            return
        self.violations.append(Violation(law=law, text=text, at_s=self.now_s))
        self._world.note("broken", f"{law}: {text}")

    def journaled_fills(self) -> frozenset[str]:
        """Keys of the fills on the disk; inferred ones are left out."""
        return frozenset(
            key
            for kind, key in (*self.disk.rows, *self.disk.history)
            if kind == "fill" and "/inferred-" not in key
        )

    def new_life(self) -> Life:
        """The bot's process starts."""
        life = Life(
            len(self.lives) + 1, None, self.journaled_fills(), begun_s=self.now_s
        )
        self.lives.append(life)
        return life

    def new_session(self, life: Life) -> None:
        """The process opens a session, perhaps not its first: what an earlier one
        could not make durable may be told again."""
        life.last_seq = 0
        life.known = self.journaled_fills()
        life.told.clear()
        life.consumed.clear()
        life.recovered.clear()
        life.owes_report = False
        life.orders.clear()
        life.stamps.clear()

    @property
    def life(self) -> Life:
        """The newest life."""
        return self.lives[-1]

    # --- what is told ---

    def on_event(self, life: Life, event: Event) -> None:
        """An event was published to the user of *life*."""
        if event.seq != life.last_seq + 1:
            self.broken("once", f"event {event.seq} after {life.last_seq}")
        life.last_seq = event.seq
        if any(secret in repr(event) for secret in self.secrets):
            self.broken("secret", f"in a {type(event).__name__}")
        if isinstance(event, FillEvent):
            self._on_fill(life, event)
        elif isinstance(event, LinkChanged):
            self._world.note(
                "state", f"{event.before.value} -> {event.after.value} {event.why}"
            )
            self._on_state(life, event)
        elif isinstance(event, OrderUpdate):
            self.hearing.on_order(life.orders, event.order)
        elif isinstance(event, PositionUpdate):
            position = event.position
            key = f"position {position.symbol} {position.position_side.value}"
            self.hearing.on_stamp(life.stamps, key, position.stamp)
        elif isinstance(event, BalanceUpdate):
            key = f"wallet {event.balance.asset}"
            self.hearing.on_stamp(life.stamps, key, event.balance.stamp)
        elif isinstance(event, Resynced):
            self._on_report(life, event)

    def _on_report(self, life: Life, event: Resynced) -> None:
        life.reports.append(event)
        life.owes_report = False
        for fill in event.report.missed_fills:
            life.recovered.discard(fill_key(fill))

    def _on_fill(self, life: Life, event: FillEvent) -> None:
        fill = event.fill
        if event.recovered:
            life.recovered.add(fill_key(fill))
        if fill.is_provisional:
            self._world.note("inferred", f"{fill.client_order_id} {fill.qty}")
            return
        key = fill_key(fill)
        life.told[key] += 1
        if life.told[key] > 1:
            self.broken("once", f"fill {key} told {life.told[key]} times in one life")
        if key in life.known:
            self.broken("once", f"fill {key} told again after a restart")
        self.read_fills()
        if key not in self.fills:
            self.broken("once", f"fill {key} is invented")
        elif (name := self._names[key]) in self.sent_ids and (
            name != fill.client_order_id
        ):
            self.broken("once", f"fill {key} of {name}, told of {fill.client_order_id}")
        elif self.fills[key] != fill.qty:
            self.broken("once", f"fill {key}: {fill.qty}, truly {self.fills[key]}")

    def _on_state(self, life: Life, event: LinkChanged) -> None:
        self.on_state()
        if life.owes_report:
            self.broken("report", "LIVE without a report of the gap before")
        if event.after is LinkState.LIVE:
            life.owes_report = True
            life.live_since_s = self.now_s
        elif event.before is LinkState.LIVE:
            if self.is_calm():
                self.broken("calm", f"{event.after.value} without a fault: {event.why}")
            life.live_since_s = None
            life.not_live_s.append(self.now_s)
            self.reconnects += 1

    def on_consumed(self, life: Life, event: Event) -> None:
        """The consumer of *life* took an event from its stream."""
        if isinstance(event, FillEvent) and not event.fill.is_provisional:
            key = fill_key(event.fill)
            life.consumed[key] += 1
            if life.consumed[key] > 1:
                self.broken("once", f"fill {key} came twice out of events()")

    # --- what leaves ---

    def on_sent(self, sent: Sent) -> None:
        """An order, or new terms of one, left the bot."""
        if isinstance(sent, Placed):
            self._on_order(sent)
        else:
            self._on_amend(sent)

    def on_request(self, name: str) -> None:
        """A request left the bot: not while the venue said to wait."""
        if name.partition(" ")[2].startswith(self.book.other_hosts):
            return
        left_s = self.patience.left_s(self.life, self.now_s, self._skew_s())
        if left_s > 0:
            self.broken("limits", f"{name} left {left_s:.1f} s too early")

    def on_stop(self, wait_s: int) -> None:
        """The venue's word to wait arrived."""
        self.patience.told(self.life, wait_s, self.now_s, self._skew_s())

    def _skew_s(self) -> float:
        party = self.life.party
        return 0.0 if party is None else party.skew_ns / 1e9

    def _on_order(self, order: Placed) -> None:
        name = order.client_order_id
        row = self.disk.rows.get(("intent", name))
        if row is None or ("intent", name) in self.disk.unsynced:
            self.broken("intent", f"order {name} left before its intent was durable")
        self.life.sent.add(name)
        if self.sent_ids.setdefault(name, order.shape) != order.shape:
            self.broken("one-order", f"client id {name} was used for another order")
        if not order.reduces:
            self._expect_live(f"order {name}")

    def _on_amend(self, terms: Amended) -> None:
        order = self._order_of(terms)
        if order is None or order.reduce_only or terms.qty is None:
            return
        closing = (order.position_side, order.side)
        is_closing = closing in _CLOSING
        if terms.qty > order.qty and not is_closing:
            self._expect_live(f"amend of {order.client_order_id}")

    def _order_of(self, terms: Amended) -> VenueOrder | None:
        if terms.order_id is not None:
            return self.engine.order(ACCOUNT, terms.order_id)
        for order in self.engine.open_orders(ACCOUNT):
            if order.client_order_id == terms.client_order_id:
                return order
        return None

    def _expect_live(self, what: str) -> None:
        session = self.life.session
        if session is None or session.state is not LinkState.LIVE:
            state = "closed" if session is None else session.state.value
            self.broken("exposure", f"{what} left while {state}")

    # --- continuous ---

    def watch(self) -> None:
        """Look at the state of things; called about once a second."""
        self.read_fills()
        self.watch_limits()
        life = self.life
        is_live = life.session is not None and life.session.is_live
        self._watch_stream(life, is_live=is_live)
        if is_live:
            self._watch_age()
        if is_live and life.live_since_s is not None and not self.had_lag:
            limit_s = self.now_s - UNTOLD_BOUND_S
            for key, at_s in self._filled_s.items():
                if life.live_since_s < at_s < limit_s and key not in life.told:
                    self.broken("stale", f"LIVE, but fill {key} was not told in time")

    def watch_limits(self) -> None:
        """Every window counts, whichever processes spent in it; but where the limits
        are far below what is published, a process must first be told."""
        rows = self.server.faces[0].command("exceedances", {}, 0)["exceedances"]
        fresh, self._exceedances = rows[self._exceedances :], len(rows)
        age_s = self.now_s - self.life.begun_s
        if self.is_tight and self.life.number > 1 and age_s < LONGEST_WINDOW_S:
            return
        for row in fresh:
            self.broken("limits", str(row))

    def _watch_stream(self, life: Life, *, is_live: bool) -> None:
        open_ids = self._world.network.connections.keys()
        self._private_ids.update(c.id for c in self.private_connections())
        self._private_ids &= open_ids
        if is_live and not self._private_ids and self._was_closed:
            self.broken("stale", "LIVE without a stream for a second")
        self._was_closed = not self._private_ids
        if not is_live or self._hears():
            self._deaf_since_s = None
            return
        if self._deaf_since_s is None:
            self._deaf_since_s = self.now_s
        elif self.now_s - self._deaf_since_s > STALE_BOUND_S:
            self.broken("stale", f"LIVE for {STALE_BOUND_S:g} s on a dead stream")

    def _watch_age(self) -> None:
        """Some private stream is younger than the bound on its age."""
        bound_s = self.rotate_after_s + ROTATION_BOUND_S
        if self.is_tight:
            bound_s += 2 * LONGEST_WINDOW_S
        ages = [
            self.now_s - connection.opened_ns / 1e9
            for connection in self.private_connections()
        ]
        if ages and min(ages) > bound_s:
            self.broken("rotation", f"no stream is younger than {bound_s:g} s")

    def private_connections(self) -> list[Connection]:
        """Private streams of the client that the venue serves."""
        ports = {
            connection.peer_port
            for connection in self.server.connections_of(SocketKind.PRIVATE)
        }
        found = self._world.network.connections.values()
        return [c for c in found if c.client_address[1] in ports]

    def _hears(self) -> bool:
        """Some private stream can deliver."""
        ports = {
            connection.peer_port: connection
            for connection in self.server.connections_of(SocketKind.PRIVATE)
        }
        for connection in self._world.network.connections.values():
            served = ports.get(connection.client_address[1])
            if served is None or served.is_stalled:
                continue
            pipes = (connection.to_client, connection.to_server)
            if not any(pipe.is_dead or pipe.is_stalled for pipe in pipes):
                return True
        return False

    def read_fills(self) -> None:
        found = self.engine.fills(ACCOUNT, limit=1 << 30)
        for fill in found[len(self.fills) :]:
            order_id = self.book.order_id(fill.symbol, fill.order_id)
            trade_id = self.book.name_of_trade(
                fill.symbol, fill.trade_id, is_forced=fill.kind.is_forced
            )
            key = f"{fill.symbol}/{order_id}/{trade_id}"
            self.fills[key] = fill.qty * self.book.markets[fill.symbol].unit
            self._filled_s[key] = self.now_s
            self._names[key] = self.hearing.name_of(fill.order_id)

    # --- the end ---

    def differences(self) -> list[str]:
        """Where the newest life and the ledger disagree; empty when settled."""
        session = self.life.session
        if session is None or not session.is_live:
            state = "none" if session is None else session.state.value
            return [f"the session is not live: {state}"]
        waiting = [
            f"{command.kind} of {command.begun_s:.3f} s has no outcome"
            for command in self.commands
            if command.ended_s is None and command.life is self.life
        ]
        return [
            *waiting,
            *self.untold_fills(),
            *(f"{name} is unexplained: {n}" for name, n in self.unexplained().items()),
            *disagreements(session, self.engine, self.book, ACCOUNT),
        ]

    def unexplained(self) -> dict[str, Decimal]:
        """Differences that were named and not taken back, over all lives."""
        sums: dict[str, Decimal] = {}
        for life in self.lives:
            for event in life.reports:
                for item in event.report.differences_left:
                    left = sums.get(item.subject, Decimal(0)) + item.difference
                    sums[item.subject] = left
        return {subject: left for subject, left in sums.items() if left}

    def untold_fills(self) -> list[str]:
        self.read_fills()
        last, truth = self.life, self.fills.keys()
        journal = self.journaled_fills()
        unread = last.told.keys() - last.told_early - last.consumed.keys()
        return [
            *(f"fill {key} never reached the journal" for key in truth - journal),
            *(
                f"fill {key} was not told to the last life"
                for key in truth - last.known - last.told.keys()
            ),
            *(f"fill {key} did not come out of events()" for key in unread),
        ]
