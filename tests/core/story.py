"""A machine on a desk: fed by hand, with a clock moved by hand.

Questions are answered from the book of the venue (`rest`), commands wait for the
scenario, streams come up by themselves; each of these can be turned off.
"""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import core_tiny as tiny
from core_nouns import BTC, EPOCH_S, D, Nouns

from connector.config import SessionConfig
from connector.core.effects import (
    AppendJournal,
    Effect,
    Fatal,
    JournalRecord,
    OpenStream,
    PingStream,
    Resolve,
    SendCall,
    SendStream,
)
from connector.core.inputs import (
    Amend,
    CallAnswered,
    CallFailed,
    CallSigned,
    Cancel,
    CancelAll,
    Input,
    JournalWritten,
    LinkRole,
    PongReceived,
    Resync,
    Start,
    StreamClosed,
    StreamFrame,
    StreamOpened,
    Submit,
    Tick,
)
from connector.core.machine import SessionCore
from connector.core.tracked import Tracked
from connector.dialect import Endpoints
from connector.dialect.facts import (
    ControlFact,
    ControlKind,
    Fact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import Event, FillEvent, ReconcileReport, Resynced
from connector.model.ids import ClientOrderId, Symbol
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    PositionSide,
    Terms,
)

BOOT_S = 1_000
COMMANDS = frozenset(
    ("place", "place_batch", "amend", "cancel", "cancel_batch", "cancel_all")
)
E = TypeVar("E", bound=Event)


def ok(*facts: Fact, **given: Any) -> Reply:
    """Done."""
    return Reply(verdict=Verdict.OK, facts=facts, **given)


def no(verdict: Verdict, code: str = "X", **given: Any) -> Reply:
    """Not done, in one of the ways."""
    return Reply(verdict=verdict, code=code, text=code.lower(), **given)


class Desk(Nouns):
    """One machine and the world around it."""

    def __init__(
        self,
        *,
        ws_api: str = "",
        second: str = "",
        facts: dict[str, Any] | None = None,
        id_prefix: str = "c",
        book: tiny.Book | None = None,
        at_s: float = 0.0,
        seed: int = 1,
        **config: Any,
    ) -> None:
        self.t = at_s
        self.wall_error_s = 0.0  # our wall clock minus the venue's
        self.dialect = tiny.TinyDialect(**(facts or {}))
        self.book = book or tiny.Book(
            instruments=[tiny.instrument(), tiny.instrument(tiny.ETH)]
        )
        self.rest = self.book
        self.core = SessionCore(
            self.dialect,
            Endpoints(rest="r", stream="s", public="p", ws_api=ws_api, second=second),
            SessionConfig(**config),
            id_prefix=id_prefix,
            rng=random.Random(seed),
        )
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.outcomes: dict[int, Any] = {}
        self.records: dict[tuple[str, str], JournalRecord] = {}
        self.history: dict[tuple[str, str], JournalRecord] = {}
        self.journal_auto = True
        self.calls: dict[int, Request] = {}
        self.sent: list[tuple[float, Request]] = []
        self.held: set[str] = set(COMMANDS)
        self.dials: list[tuple[float, OpenStream]] = []
        self.streams_auto = True
        self.pongs_auto = True
        self.fatal: list[Fatal] = []
        self.answers: dict[str, Callable[[Request], Reply]] = {}
        self._queue: deque[Input] = deque()
        self._busy = False
        self._ticket = 0

    # --- time ---

    @property
    def now(self) -> Now:
        return Now(
            mono_ns=int((BOOT_S + self.t) * NS_PER_S),
            wall_ns=int((EPOCH_S + self.t + self.wall_error_s) * NS_PER_S),
        )

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the machine when it wants to be."""
        end = self.t + seconds
        spins = 0
        while True:
            due = self.core.next_wake_ns
            due_t = end + 1 if due is None else due / NS_PER_S - BOOT_S
            if due_t > end:
                break
            spins = spins + 1 if due_t <= self.t else 0
            assert spins < 1000, "the machine wants to be woken for ever"
            if due is not None and due_t > self.t:
                self.t = due_t
                if self.now.mono_ns < due:
                    self.t += 1e-7
            self.feed(Tick())
        self.t = end

    # --- in ---

    def feed(self, happened: Input) -> list[Effect]:
        """One input, and everything that answers itself."""
        self._queue.append(happened)
        begun = len(self.effects)
        if self._busy:
            return []
        self._busy = True
        try:
            while self._queue:
                for effect in self.core.feed(self._queue.popleft(), self.now):
                    self.effects.append(effect)
                    self._execute(effect)
        finally:
            self._busy = False
        return self.effects[begun:]

    def open(self) -> Desk:
        """Start, and wait until it is live."""
        self.feed(Start())
        for _ in range(20):
            if self.core.is_live:
                break
            self.wait(0.5)
        assert self.core.is_live, self.core.state
        self.settle()
        return self

    def settle(self) -> None:
        """Wait for the audits that follow a gap; then forget what was said."""
        self.wait(70)
        self.clear()

    def clear(self) -> None:
        self.effects.clear()
        self.events.clear()
        self.sent.clear()
        self.dials.clear()

    def push(self, *facts: Fact, epoch: int | None = None) -> None:
        """A frame of the private stream."""
        self.frame(LinkRole.PRIVATE, epoch or self.core.link.epoch, *facts)

    def frame(self, role: LinkRole, epoch: int, *facts: Fact) -> None:
        self.feed(StreamFrame(role, epoch, self.dialect.say(tuple(facts))))

    def drop(self, why: str = "reset") -> None:
        """The private stream is gone."""
        self.feed(StreamClosed(LinkRole.PRIVATE, self.core.link.epoch, why))

    def reconnect(self) -> ReconcileReport:
        """Lose the stream, come back, tell the report of that gap."""
        before = self.core.trust.reports
        self.drop()
        return self.until_live(before)

    def until_live(self, reports_before: int = -1) -> ReconcileReport:
        for _ in range(100):
            if self.core.is_live and self.core.trust.reports != reports_before:
                break
            self.wait(0.2)
        assert self.core.is_live, self.core.state
        report = self.core.trust.last_report
        assert report is not None
        return report

    # --- wishes ---

    def ticket(self) -> int:
        self._ticket += 1
        return self._ticket

    def submit(self, *intents: OrderIntent) -> tuple[int, ...]:
        tickets = tuple(self.ticket() for _ in intents)
        self.feed(Submit(tickets, intents))
        return tickets

    def buy(self, qty: str = "1", price: str | None = "100", **given: Any) -> int:
        return self.submit(self.intent(qty=qty, price=price, **given))[0]

    def cancel(self, *client_order_ids: str) -> tuple[int, ...]:
        tickets = tuple(self.ticket() for _ in client_order_ids)
        ids = tuple(ClientOrderId(c) for c in client_order_ids)
        self.feed(Cancel(tickets, ids))
        return tickets

    def cancel_all(self, symbol: Symbol | None = BTC) -> int:
        ticket = self.ticket()
        self.feed(CancelAll(ticket, symbol))
        return ticket

    def amend(self, client_order_id: str, qty: str, price: str) -> int:
        ticket, terms = self.ticket(), Terms(qty=D(qty), price=D(price))
        self.feed(Amend(ticket, ClientOrderId(client_order_id), terms))
        return ticket

    def resync(self) -> int:
        ticket = self.ticket()
        self.feed(Resync(ticket))
        return ticket

    # --- the other side of commands ---

    def open_calls(self, op: str) -> list[int]:
        return [i for i, request in self.calls.items() if request.op == op]

    def answer(self, op: str, reply: Reply) -> None:
        """Answer the oldest open call of that kind."""
        call_id = self.open_calls(op)[0]
        del self.calls[call_id]
        answer = HttpAnswer(status=200, headers={}, body=self.dialect.say(reply))
        self.feed(CallAnswered(call_id, answer))

    def fail(self, op: str, *, maybe_sent: bool, code: str = "NOT_SENT") -> None:
        """No answer to the oldest open call of that kind."""
        call_id = self.open_calls(op)[0]
        del self.calls[call_id]
        self.feed(CallFailed(call_id, maybe_sent, code, "told by the test"))

    def hold(self, *ops: str) -> None:
        """Questions of these kinds wait for `release`, as commands always do."""
        self.held.update(ops)

    def release(self, *ops: str) -> None:
        """Answer questions of these kinds from the book, now and from now on."""
        for op in ops:
            self.held.discard(op)
            while self.open_calls(op):
                request = self.calls[self.open_calls(op)[0]]
                self.answer(op, self.rest.answer(request, self.at() // NS_PER_MS))

    def asked(self, op: str) -> list[float]:
        """When calls of that kind were made."""
        return [at for at, request in self.sent if request.op == op]

    # --- reading ---

    def order(self, client_order_id: str) -> Order:
        return self.tracked(client_order_id).snapshot()

    def tracked(self, client_order_id: str) -> Tracked:
        tracked = self.core.orders.get(ClientOrderId(client_order_id))
        assert tracked is not None, client_order_id
        return tracked

    def status(self, client_order_id: str) -> OrderStatus:
        return self.order(client_order_id).status

    def held_qty(self, symbol: Symbol = BTC) -> Decimal:
        return self.core.account.position_qty((symbol, PositionSide.NET))

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def fills_told(self) -> list[str]:
        return [event.fill.trade_id for event in self.told(FillEvent)]

    def reports(self) -> list[ReconcileReport]:
        return [event.report for event in self.told(Resynced)]

    def freeze_rest(self) -> None:
        """From now on REST tells what is so at this instant, and nothing newer."""
        self.rest = copy.deepcopy(self.book)

    def thaw_rest(self) -> None:
        self.rest = self.book

    # --- out ---

    def _execute(self, effect: Effect) -> None:
        match effect:
            case Event():
                self.events.append(effect)
            case Resolve(ticket=ticket, outcome=outcome):
                assert ticket not in self.outcomes, "a ticket is answered once"
                self.outcomes[ticket] = outcome
            case AppendJournal(records=records, token=token, retired=retired):
                if not token or self.journal_auto:
                    self._write(records)
                    self._retire(retired)
                if token and self.journal_auto:
                    self._queue.append(JournalWritten(token))
            case SendCall(call_id=call_id, request=request):
                self._call(call_id, request, effect.frame_epoch)
            case OpenStream(role=role, epoch=epoch):
                self.dials.append((self.t, effect))
                if self.streams_auto:
                    self._queue.append(StreamOpened(role, epoch))
            case SendStream(role=role, epoch=epoch, step=step):
                if self.streams_auto:
                    ack = ControlFact(kind=ControlKind.ACK, ref=step.text)
                    raw = self.dialect.say((ack,))
                    self._queue.append(StreamFrame(role, epoch, raw))
            case PingStream(role=role, epoch=epoch):
                if self.pongs_auto:
                    self._queue.append(PongReceived(role, epoch, 1.0))
            case Fatal():
                self.fatal.append(effect)
            case _:
                pass

    def _write(self, records: Iterable[JournalRecord]) -> None:
        for record in records:
            self.records.pop((record.kind, record.key), None)
            self.records[record.kind, record.key] = record

    def _retire(self, names: Iterable[tuple[str, str]]) -> None:
        for name in names:
            if name in self.records:
                self.history[name] = self.records.pop(name)

    def _call(self, call_id: int, request: Request, frame_epoch: int) -> None:
        self.sent.append((self.t, request))
        venue_ms = self.at() // NS_PER_MS
        deadline = venue_ms + request.window_ms if request.window_ms else None
        self._queue.append(CallSigned(call_id, deadline, frame_epoch))
        if request.op in self.held:
            self.calls[call_id] = request
            return
        scripted = self.answers.get(request.op)
        if scripted is not None:
            reply = scripted(request)
        elif request.op in ("key", "keep_alive"):
            reply = ok()
        else:
            reply = self.rest.answer(request, venue_ms)
        answer = HttpAnswer(status=200, headers={}, body=self.dialect.say(reply))
        self._queue.append(CallAnswered(call_id, answer))


def reborn(desk: Desk, *, id_prefix: str = "d", **config: Any) -> Desk:
    """The process died and starts again with the journal it left."""
    again = Desk(id_prefix=id_prefix, book=desk.book, at_s=desk.t + 1, **config)
    again.records = dict(desk.records)
    again.core.restore(list(desk.records.values()), again.now)
    return again
