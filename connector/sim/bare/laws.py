"""Laws of a bare world, judged by the venue's book and the disk.

The names are those of `connector.sim.laws`: once, truth, no-guess, one-order, intent,
final, exposure, calm, report, bounded, tie-out, alive, replay.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from connector.config import SessionConfig
from connector.core.effects import SendCall
from connector.core.machine import SessionCore
from connector.dialect import Endpoints
from connector.dialect.wire import Request
from connector.errors import ConnectorError
from connector.model.account import Stamp
from connector.model.clock import Now
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
from connector.model.noun import Noun
from connector.model.order import Accepted, Order, OrderIntent, PositionSide, Rejected
from connector.sim.bare.dialect import TinyDialect
from connector.sim.bare.disk import BareDisk
from connector.sim.bare.venue import ASSET, SYMBOLS, SmallVenue
from connector.sim.laws import Violation

COMMAND_BOUND_S = 75.0
ENDPOINTS = Endpoints(rest="r", stream="s", public="p")
_PLACING = ("place", "place_batch")


@dataclass(slots=True, eq=False)
class Wish:
    """One ticket: what was wished, when it was answered and how."""

    kind: str
    life: int
    begun_s: float
    name: str = ""  # the order that is cancelled or amended
    ended_s: float | None = None
    outcome: object = None


@dataclass(slots=True)
class Told:
    """What one life was told."""

    fills: set[str] = field(default_factory=set)
    known: frozenset[str] = frozenset()
    orders: dict[str, Order] = field(default_factory=dict)
    stamps: dict[str, int] = field(default_factory=dict)
    last_seq: int = 0
    owes_report: bool = False


class BareWitness:
    """Watches one bare world."""

    def __init__(
        self, venue: SmallVenue, disk: BareDisk, now_s: Callable[[], float]
    ) -> None:
        self._venue = venue
        self._disk = disk
        self._now_s = now_s
        self.violations: list[Violation] = []
        self.wishes: dict[int, Wish] = {}
        self.told = Told()
        self.shapes: dict[str, OrderIntent] = {}
        self.transitions: Counter[tuple[str, str]] = Counter()
        self.named: dict[str, Decimal] = defaultdict(
            Decimal
        )  # differences, by what they are of
        self.is_calm = True  # no fault until now
        self.lives = 0

    def broken(self, law: str, text: str) -> None:
        """Note a violation, once per wording."""
        if not any(v.law == law and v.text == text for v in self.violations):
            self.violations.append(Violation(law=law, text=text, at_s=self._now_s()))

    def new_life(self) -> None:
        """A process starts on what is on the disk."""
        self.lives += 1
        self.told = Told(known=frozenset(self._fills_kept()))

    def _fills_kept(self) -> Iterator[str]:
        return (k for k in self._disk.keys("fill") if "/inferred-" not in k)

    # --- what leaves ---

    def on_departure(self, effect: SendCall, state: LinkState) -> None:
        """A call leaves for the venue."""
        for name, intent in intents_of(effect.request):
            if not self._disk.is_durable("intent", name):
                self.broken("intent", f"order {name} left before it was durable")
            if self.shapes.setdefault(name, intent) != intent:
                self.broken("one-order", f"{name} was used for another order")
            if state is not LinkState.LIVE and not intent.reduces:
                self.broken("exposure", f"order {name} left while {state.value}")

    # --- what is told ---

    def on_event(self, event: Event) -> None:
        """An event was published."""
        told = self.told
        if event.seq != told.last_seq + 1:
            self.broken("once", f"event {event.seq} after {told.last_seq}")
        told.last_seq = event.seq
        if isinstance(event, FillEvent):
            self._on_fill(event)
        elif isinstance(event, OrderUpdate):
            self._on_order(event.order)
        elif isinstance(event, PositionUpdate):
            position = event.position
            self._on_stamp(f"position {position.symbol}", position.stamp)
            states = self._venue.positions[position.symbol]
            truly = [(p.venue_ns, p.qty) for p in states] or [(0, Decimal(0))]
            self._on_amount(position.symbol, position.qty, position.stamp, truly)
        elif isinstance(event, BalanceUpdate):
            balance = event.balance
            self._on_stamp("wallet", balance.stamp)
            truly = [(w.venue_ns, w.wallet) for w in self._venue.wallets]
            self._on_amount("wallet", balance.wallet, balance.stamp, truly)
        elif isinstance(event, LinkChanged):
            if told.owes_report:
                self.broken("report", "LIVE without a report of the gap before")
            told.owes_report = event.after is LinkState.LIVE
            if event.before is LinkState.LIVE and self.is_calm:
                self.broken("calm", f"{event.after.value} without a fault")
        elif isinstance(event, Resynced):
            told.owes_report = False
            for item in event.report.differences_left:
                self.named[item.subject] += item.difference

    def _on_stamp(self, what: str, stamp: Stamp) -> None:
        last_ns = self.told.stamps.get(what, 0)
        if stamp.venue_ns < last_ns:
            self.broken("final", f"{what} was told as it had been before")
        self.told.stamps[what] = max(stamp.venue_ns, last_ns)

    def _on_amount(
        self,
        what: str,
        told: Decimal,
        stamp: Stamp,
        truly: list[tuple[int, Decimal]],
    ) -> None:
        """It was so at the time that goes with it, or became so since."""
        since = [amount for at_ns, amount in truly if at_ns >= stamp.venue_ns]
        before = [amount for at_ns, amount in truly if at_ns < stamp.venue_ns]
        if told not in since and told not in before[-1:]:
            self.broken("truth", f"{what} was told to be {told}, which it never was")

    def _on_fill(self, event: FillEvent) -> None:
        fill, told = event.fill, self.told
        if fill.is_provisional:
            return
        key = f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}"
        if key in told.fills or key in told.known:
            self.broken("once", f"fill {key} was told again")
        told.fills.add(key)
        truly = self._venue.fills.get(fill.trade_id)
        if truly is None or truly.venue_order_id != fill.venue_order_id:
            self.broken("once", f"fill {key} is invented")
        elif truly.qty != fill.qty:
            self.broken("once", f"fill {key}: {fill.qty}, truly {truly.qty}")

    def _on_order(self, order: Order) -> None:
        name = order.client_order_id
        before = self.told.orders.get(name)
        self.told.orders[name] = order
        if before is None or before.status is not order.status:
            old = "none" if before is None else before.status.value
            self.transitions[old, order.status.value] += 1
        if before is None or name not in self.shapes:
            return
        if order.filled_qty < before.filled_qty:
            self.broken("final", f"{name}: {order.filled_qty} filled after more")
        if before.status.is_terminal and not order.status.is_terminal:
            states = self._venue.orders.get(before.venue_order_id or "")
            if states is not None and states[-1].status.is_terminal:
                text = f"{order.status.value} after {before.status.value}"
                self.broken("final", f"{name} was told to be {text}")

    def on_outcome(self, ticket: int, outcome: object) -> None:
        """A wish was answered."""
        wish = self.wishes[ticket]
        if wish.ended_s is not None:
            self.broken("once", f"{wish.kind} was answered twice")
        wish.ended_s, wish.outcome = self._now_s(), outcome

    def look_soon(self, core: SessionCore, since_ns: int) -> None:
        """LIVE means equal, up to what is on its way (law 6)."""
        for symbol in SYMBOLS:
            here = core.account.position_qty((symbol, PositionSide.NET))
            states = [(p.venue_ns, p.qty) for p in self._venue.positions[symbol]]
            self._look(symbol, here, [(0, Decimal(0)), *states], since_ns)
        balance = core.account.balances.get(ASSET)
        wallets = [(w.venue_ns, w.wallet) for w in self._venue.wallets]
        if balance is not None:
            self._look("wallet", balance.wallet, wallets, since_ns)

    def _look(
        self, what: str, here: Decimal, states: list[tuple[int, Decimal]], since_ns: int
    ) -> None:
        before = [amount for at_ns, amount in states if at_ns < since_ns]
        since = [amount for at_ns, amount in states if at_ns >= since_ns]
        if here not in [*before[-1:], *since]:
            self.broken("truth", f"LIVE, but {what} is {here}, as it was before")

    # --- the end ---

    def differences_of(self, core: SessionCore, life: int) -> Iterator[str]:
        """Where machine and venue disagree; nothing when settled."""
        if not core.is_live:
            yield f"the machine is {core.state.value}"
        for wish in self.wishes.values():
            if wish.ended_s is None and wish.life == life:
                yield f"{wish.kind} of {wish.begun_s:.3f} s has no outcome"
        for command in core.outcomes.all():
            yield f"{command.kind.value} of {command.tracked.client_order_id} runs"
        yield from self._unexplained()
        yield from self._orders(core)
        for symbol in SYMBOLS:
            here = core.account.position_qty((symbol, PositionSide.NET))
            if here != self._venue.held(symbol):
                yield f"position {symbol} {here}, truly {self._venue.held(symbol)}"
        balance = core.account.balances.get(ASSET)
        wallet = self._venue.wallets[-1].wallet
        if balance is None or balance.wallet != wallet:
            yield f"wallet {balance and balance.wallet}, truly {wallet}"
        kept = set(self._fills_kept())
        for fact in self._venue.fills.values():
            key = f"{fact.symbol}/{fact.venue_order_id}/{fact.trade_id}"
            if key not in kept:
                yield f"fill {key} never reached the journal"
            if key not in self.told.known and key not in self.told.fills:
                yield f"fill {key} was not told to the last life"

    def _unexplained(self) -> Iterator[str]:
        """What has no cause is named, and nothing else is, over all lives."""
        wanted = {f"wallet {ASSET}": self._venue.slipped}
        for subject in sorted({*self.named, *wanted}):
            named, slipped = self.named[subject], wanted.get(subject, 0)
            if named != slipped:
                yield f"{named} of the {subject} was named unexplained, truly {slipped}"

    def _orders(self, core: SessionCore) -> Iterator[str]:
        resting = dict(self._venue.open)
        for tracked in core.orders.open():
            order = tracked.snapshot()
            truly = resting.pop(str(order.venue_order_id), None)
            if truly is None:
                yield f"order {order.client_order_id} is {order.status.value} here only"
                continue
            here = (order.status, order.qty, order.price, order.filled_qty)
            there = (truly.status, truly.qty, truly.price, truly.filled_qty)
            if here != there:
                yield f"order {order.client_order_id} is {here}, truly {there}"
        for number in resting:
            yield f"order {number} rests at the venue only"

    def judge(self, core: SessionCore, life: int) -> None:
        """Once settled, or when that took too long."""
        for text in self.differences_of(core, life):
            self.broken("tie-out" if "unexplained" in text else "truth", text)
        for fill in sorted(set(self._fills_kept())):
            if fill.rpartition("/")[2] not in self._venue.fills:
                self.broken("once", f"fill {fill} in the journal is invented")
        for name in self.shapes:
            if len(self._venue.named.get(name, ())) > 1:
                self.broken("one-order", f"several orders of client id {name}")
        for wish in self.wishes.values():
            self._judge_wish(wish, core, life)

    def _judge_wish(self, wish: Wish, core: SessionCore, life: int) -> None:
        outcome = wish.outcome
        if wish.life == life or wish.ended_s is not None:
            ended_s = self._now_s() if wish.ended_s is None else wish.ended_s
            took_s = ended_s - wish.begun_s
            if took_s > COMMAND_BOUND_S:
                self.broken("bounded", f"{wish.kind} took {took_s:.1f} s")
        if not isinstance(outcome, Noun) or isinstance(outcome, ConnectorError):
            return
        if wish.kind in _PLACING and isinstance(outcome, Accepted | Rejected):
            self._judge_placed(wish, outcome, core)
        elif wish.kind == "cancel" and isinstance(outcome, Accepted):
            self._judge_cancel(outcome)

    def _judge_placed(
        self, wish: Wish, outcome: Accepted | Rejected, core: SessionCore
    ) -> None:
        name = outcome.order.client_order_id
        numbers = self._venue.named.get(name, ())
        if isinstance(outcome, Accepted):
            if not numbers:
                self.broken("no-guess", f"{name} ended Accepted but never existed")
        elif numbers:
            tracked = core.orders.get(name)
            is_adopted = tracked is not None and tracked.venue_order_id is not None
            if not (outcome.by_proof and is_adopted):
                self.broken("no-guess", f"{name} ended Rejected but was accepted")

    def _judge_cancel(self, outcome: Accepted) -> None:
        states = self._venue.orders.get(outcome.order.venue_order_id or "")
        if states and states[-1].status.value != "CANCELED":
            name = outcome.order.client_order_id
            text = f"a cancel of {name} ended Accepted, it is {states[-1].status.value}"
            self.broken("no-guess", text)


def intents_of(request: Request) -> list[tuple[str, OrderIntent]]:
    """The orders that a request carries, by client id."""
    body: Any = request.body
    if request.op == "place":
        return [(str(request.client_order_id), body)]
    return list(body) if request.op == "place_batch" else []


def replayed(core: SessionCore, disk: BareDisk, config: SessionConfig) -> str | None:
    """How the state that the journal gives differs from that of *core*."""
    fresh = SessionCore(
        TinyDialect(),
        ENDPOINTS,
        config,
        id_prefix="replay",
        rng=Random(0),  # noqa: S311 - jitter only
    )
    fresh.restore(disk.records(), Now(0, 0))
    if fresh.state_hash() == core.state_hash():
        return None
    here = {t.client_order_id: t.record().digest_text() for t in core.orders.all()}
    there = {t.client_order_id: t.record().digest_text() for t in fresh.orders.all()}
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            return f"order {name}: {here.get(name)}, replayed {there.get(name)}"
    return "fills or sums differ"
