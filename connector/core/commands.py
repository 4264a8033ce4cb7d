"""The life of a command: asked, journaled, sent, answered, or searched for.

Theory. A command ends by evidence only (laws 2 and 3):

    answer of the venue       accepted or refused
    event or query            the order exists (or has changed as asked)
    proof of non-acceptance   the venue enforces a deadline on every command; an
                              order that two queries, made after deadline + lag
                              budget, do not know, was never accepted
    not sent                  no byte left this machine

Everything else is doubt. While in doubt the order counts as exposure and is
asked for by client id, quickly at first; nothing is sent under another id. The
user's `await` gets InDoubt after a while, the search goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connector.config import SessionConfig
from connector.core.command import (
    Command,
    CommandKind,
    CommandPorts,
    build_batch,
    build_request,
    doubt_of,
    exposes,
    judge,
)
from connector.core.effects import AppendJournal, JournalRecord, Resolve
from connector.core.orders import Orders
from connector.core.outbox import NOT_LIVE, NOT_SENT, RATE_LIMITED, Outbox
from connector.core.proof import (
    RESEND_S,
    count_proof,
    may_cancel_again,
    search_pause_ns,
)
from connector.core.tracked import Tracked, intent_to_json
from connector.dialect import Dialect
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import JournalError, JournalFull
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.ids import ClientOrderId
from connector.model.instrument import Instrument
from connector.model.order import (
    Accepted,
    Order,
    OrderIntent,
    OrderStatus,
    Outcome,
    Rejected,
)

PROVEN = "NOT_ACCEPTED"


class Commands:
    """Every command that has no outcome yet."""

    def __init__(
        self,
        dialect: Dialect,
        outbox: Outbox,
        orders: Orders,
        config: SessionConfig,
        ports: CommandPorts,
    ) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._orders = orders
        self._config = config
        self._ports = ports
        self._running: dict[ClientOrderId, list[Command]] = {}
        self._journaling: dict[int, tuple[list[Command], bool]] = {}
        self._token = 0
        self.resolved_by: dict[str, int] = {"answer": 0, "event": 0, "proof": 0}

    # --- reading ---

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        times = []
        for command in self._commands():
            if command.next_ns is not None:
                times.append(command.next_ns)
            if command.ticket and command.doubt_ns is not None:
                times.append(self._patience_ns(command.doubt_ns))
        return min(times, default=None)

    def in_doubt(self) -> list[Tracked]:
        """Orders of which nobody knows whether they exist."""
        return [
            c.tracked
            for c in self._commands()
            if c.doubt_ns is not None and c.tracked.in_doubt_since_ns is not None
        ]

    def is_busy(self, tracked: Tracked) -> bool:
        """A command on this order has no outcome yet."""
        return tracked.client_order_id in self._running

    # --- asking ---

    def place(
        self,
        tickets: Sequence[int],
        items: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]],
        now: Now,
    ) -> None:
        """Journal the intents; the request leaves when they are durable.

        Raises UsageError, with nothing journaled, for what the dialect refuses.
        """
        for intent, client_order_id, instrument in items:
            self._dialect.place(intent, client_order_id, instrument)
        commands = []
        records = []
        for ticket, (intent, client_order_id, instrument) in zip(
            tickets, items, strict=True
        ):
            tracked = self._orders.add_own(intent, client_order_id, now.wall_ns)
            commands.append(
                Command(
                    CommandKind.PLACE,
                    ticket,
                    tracked,
                    intent=intent,
                    instrument=instrument,
                )
            )
            records.append(
                JournalRecord("intent", client_order_id, intent_to_json(intent))
            )
            records.append(JournalRecord("order", client_order_id, tracked.to_json()))
        self._journal(commands, records, is_batch=len(commands) > 1)

    def amend(
        self,
        ticket: int,
        tracked: Tracked,
        instrument: Instrument,
        qty: Decimal,
        price: Decimal,
    ) -> None:
        """Journal the new terms, then send them."""
        self._dialect.amend(tracked.snapshot(), instrument, qty, price)
        command = Command(
            CommandKind.AMEND,
            ticket,
            tracked,
            instrument=instrument,
            qty=qty,
            price=price,
        )
        body = f'{{"qty":"{qty}","price":"{price}"}}'
        record = JournalRecord("amend", tracked.client_order_id, body)
        self._journal([command], [record], is_batch=False)

    def cancel(
        self, tickets: Sequence[int], tracked: Sequence[Tracked], now: Now
    ) -> None:
        """Cancels need no durable record: repeating one does no harm."""
        commands = [
            self._begin_cancel(ticket, order)
            for ticket, order in zip(tickets, tracked, strict=True)
        ]
        if len(commands) > 1:
            self._send_batch(commands, now)
        elif commands:
            self._send(commands[0], now)

    def watch_cancel(self, ticket: int, tracked: Tracked, now: Now) -> None:
        """A cancel-all covered this order: see that it ends."""
        command = self._begin_cancel(ticket, tracked)
        command.deadline_ms = self._ports.clock().venue_ns(now) // NS_PER_MS
        command.signed_ns = now.mono_ns
        self._doubt(command, "cancel-all accepted, end not seen yet", now)

    def resume(self, tracked: Tracked, now: Now) -> None:
        """An intent from the journal whose outcome was never recorded.

        Nothing can have left after the process died, so its deadline is at most
        one acceptance window from now.
        """
        command = Command(CommandKind.PLACE, 0, tracked)
        # Without a deadline of its own it gets one when the clock is measured.
        command.deadline_ms = tracked.deadline_ms
        command.signed_ns = now.mono_ns
        self._start(command)
        self._doubt(command, "found in the journal without an outcome", now)

    # --- what happens ---

    def on_journaled(self, token: int, now: Now) -> None:
        """The intents are durable: send."""
        commands, is_batch = self._journaling.pop(token, ([], False))
        for command in commands:
            self._start(command)
            if command.kind is CommandKind.AMEND:
                command.tracked.pending = OrderStatus.PENDING_REPLACE
            self._show(command.tracked)
        if is_batch:
            self._send_batch(commands, now)
        elif commands:
            self._send(commands[0], now)

    def on_journal_failed(self, token: int, why: str, *, is_full: bool) -> None:
        """The intents are not durable: nothing is sent."""
        commands, _ = self._journaling.pop(token, ([], False))
        error = JournalFull(why) if is_full else JournalError(why)
        for command in commands:
            if command.kind is CommandKind.PLACE:
                self._orders.discard(command.tracked)
            self._outbox.emit(Resolve(command.ticket, error))

    def on_change(self, tracked: Tracked, now: Now) -> None:
        """The order changed: see whether that is the evidence waited for."""
        for command in list(self._running.get(tracked.client_order_id, ())):
            if command.doubt_ns is not None or command.next_ns is not None:
                self._judge(command, now)

    def search_all(self, now: Now) -> None:
        """Ask for everything in doubt now (a stream came back)."""
        for command in self._commands():
            if command.doubt_ns is not None and not command.is_searching:
                command.searches = 0
                command.next_ns = now.mono_ns

    def tick(self, now: Now) -> None:
        """Do what is due."""
        for command in self._commands():
            if command.next_ns is not None and command.next_ns <= now.mono_ns:
                command.next_ns = None
                if command.doubt_ns is None:
                    self._send(command, now)
                else:
                    self._search(command, now)
            doubt_ns = command.doubt_ns
            if (
                command.ticket
                and doubt_ns is not None
                and self._patience_ns(doubt_ns) <= now.mono_ns
            ):
                self._tell_doubt(command, now)

    # --- sending ---

    def _commands(self) -> list[Command]:
        return [command for group in self._running.values() for command in group]

    def _is_running(self, command: Command) -> bool:
        return command in self._running.get(command.tracked.client_order_id, ())

    def _start(self, command: Command) -> None:
        self._running.setdefault(command.tracked.client_order_id, []).append(command)

    def _begin_cancel(self, ticket: int, tracked: Tracked) -> Command:
        command = Command(
            CommandKind.CANCEL,
            ticket,
            tracked,
            instrument=self._ports.instrument(tracked.symbol),
        )
        self._start(command)
        tracked.pending = OrderStatus.PENDING_CANCEL
        self._show(tracked)
        return command

    def _show(self, tracked: Tracked) -> None:
        self._orders.touch(tracked)
        self._ports.publish_order(tracked)

    def _journal(
        self, commands: list[Command], records: list[JournalRecord], *, is_batch: bool
    ) -> None:
        self._token += 1
        self._journaling[self._token] = (commands, is_batch)
        self._outbox.emit(
            AppendJournal(tuple(records), is_durable=True, token=self._token)
        )

    def _send(self, command: Command, now: Now) -> None:
        command.tries += 1
        self._call([command], build_request(self._dialect, command), now)

    def _send_batch(self, commands: list[Command], now: Now) -> None:
        for command in commands:
            command.tries += 1
        self._call(commands, build_batch(self._dialect, commands), now)

    def _call(self, commands: list[Command], request: Request, now: Now) -> None:
        def on_signed(deadline_ms: int | None, signed: Now) -> None:
            for command in commands:
                command.deadline_ms = deadline_ms
                command.signed_ns = signed.mono_ns

        def on_reply(reply: Reply, later: Now) -> None:
            items = reply.items
            if len(commands) == 1 and not items:
                self._on_reply(commands[0], reply, later)
                return
            if len(items) != len(commands):
                # The whole batch was refused, or nobody knows.
                items = tuple(reply for _ in commands)
            for command, item in zip(commands, items, strict=True):
                self._on_reply(command, item, later)

        is_cancel = commands[0].kind is CommandKind.CANCEL
        wait_s = self._config.cancel_wait_s if is_cancel else self._config.order_wait_s
        self._outbox.call(
            request,
            on_reply,
            now,
            wait_s=wait_s,
            on_signed=on_signed,
            is_exposure=any(
                exposes(command, self._running.get(command.tracked.client_order_id, ()))
                for command in commands
            ),
        )

    # --- answers ---

    def _on_reply(self, command: Command, reply: Reply, now: Now) -> None:
        self._ports.apply(reply.facts, now)
        if not self._is_running(command):
            return  # ended before, or by the facts of this very answer
        match reply.verdict:
            case Verdict.OK | Verdict.UNCHANGED:
                self._on_accepted(command, now)
            case Verdict.PROCESSING:
                self._doubt(command, "acknowledged, fate not told yet", now)
            case Verdict.REJECTED:
                self._refuse(command, reply)
            case Verdict.NOT_EXECUTED:
                self._not_executed(command, reply, now)
            case Verdict.NOT_OPEN | Verdict.NOT_FOUND | Verdict.DUPLICATE:
                # The venue speaks of a state we must read before we conclude.
                self._doubt(command, f"{reply.code} {reply.text}", now)
            case Verdict.UNKNOWN:
                self._doubt(command, f"{reply.code} {reply.text}", now)

    def _on_accepted(self, command: Command, now: Now) -> None:
        tracked = command.tracked
        if command.kind is CommandKind.PLACE:
            self._ports.on_accepted(tracked, now)
        if command.kind is CommandKind.CANCEL:
            # Acknowledged is not ended, and it may have ended otherwise.
            ended = judge(command)
            if ended is None:
                self._doubt(command, "cancel acknowledged, end not seen yet", now)
            else:
                self._finish(command, ended, "answer")
            return
        self._finish(command, Accepted(order=self._settled(command)), "answer")

    def _refuse(self, command: Command, reply: Reply) -> None:
        tracked = command.tracked
        if command.kind is CommandKind.PLACE and not tracked.is_known_to_venue:
            text = f"{reply.code} {reply.text}".strip()
            self._orders.end(tracked, OrderStatus.REJECTED, text)
        outcome = Rejected(
            order=self._settled(command), code=reply.code, text=reply.text
        )
        self._finish(command, outcome, "answer")

    def _not_executed(self, command: Command, reply: Reply, now: Now) -> None:
        if command.doubt_ns is not None:
            self._schedule_search(command, now)  # an earlier try is still unknown
            return
        was_sent = reply.code not in (NOT_SENT, RATE_LIMITED, NOT_LIVE)
        may_retry = was_sent or (
            command.kind is CommandKind.CANCEL and reply.code == NOT_SENT
        )
        if may_retry and command.tries <= len(RESEND_S):
            pause_s = RESEND_S[command.tries - 1]
            command.next_ns = now.mono_ns + int(pause_s * NS_PER_S)
            return
        tracked = command.tracked
        if command.kind is CommandKind.PLACE and not tracked.is_known_to_venue:
            text = f"{reply.code} {reply.text}".strip()
            self._orders.end(tracked, OrderStatus.REJECTED, text)
        outcome = Rejected(
            order=self._settled(command),
            code=reply.code,
            text=reply.text,
            was_sent=was_sent,
        )
        self._finish(command, outcome, "answer")

    # --- doubt ---

    def _patience_ns(self, doubt_ns: int) -> int:
        return doubt_ns + int(self._config.doubt_patience_s * NS_PER_S)

    def _doubt(self, command: Command, why: str, now: Now) -> None:
        tracked = command.tracked
        if command.doubt_ns is None:
            command.doubt_ns = now.mono_ns
            command.doubt_why = why
            if command.kind is CommandKind.PLACE and not tracked.is_known_to_venue:
                tracked.in_doubt_since_ns = now.wall_ns
                tracked.deadline_ms = command.deadline_ms
                self._show(tracked)
                self._ports.save_order(tracked)
        self._judge(command, now)
        if self._is_running(command):
            self._schedule_search(command, now)

    def _schedule_search(self, command: Command, now: Now) -> None:
        command.next_ns = now.mono_ns + search_pause_ns(command)
        command.searches += 1

    def _search(self, command: Command, now: Now) -> None:
        """Ask for the order; NOT_FOUND from every store counts towards proof."""
        requests = self._dialect.query_order(command.tracked.snapshot())
        clock = self._ports.clock()
        asked_ms = clock.venue_ns_late(now) // NS_PER_MS
        if command.deadline_ms is None and clock.measured_mono_ns is not None:
            command.deadline_ms = asked_ms + self._dialect.facts.recv_window_ms
        replies: list[Reply] = []
        command.is_searching = True

        def on_reply(reply: Reply, later: Now) -> None:
            self._ports.apply(reply.facts, later)
            replies.append(reply)
            if len(replies) == len(requests):
                command.is_searching = False
                self._on_searched(command, replies, asked_ms, later)

        for request in requests:
            self._outbox.call(request, on_reply, now, wait_s=self._config.query_wait_s)

    def _on_searched(
        self, command: Command, replies: list[Reply], asked_ms: int, now: Now
    ) -> None:
        if not self._is_running(command):
            return
        self._judge(command, now)
        if not self._is_running(command):
            return
        if may_cancel_again(command, replies, asked_ms):
            self._send(command, now)
        elif count_proof(command, replies, asked_ms, now, self._dialect.facts):
            found = any(reply.verdict is Verdict.OK for reply in replies)
            self._conclude(command, now, was_found=found)
        else:
            self._schedule_search(command, now)

    def _conclude(self, command: Command, now: Now, *, was_found: bool) -> None:
        """Two late answers say it did not happen."""
        tracked = command.tracked
        text = "the venue's deadline passed and it twice knew nothing of it"
        if command.kind is CommandKind.PLACE:
            if was_found or tracked.is_known_to_venue:
                self._schedule_search(command, now)
                return
            self._orders.end(tracked, OrderStatus.REJECTED, text)
        elif not was_found and not tracked.is_known_to_venue:
            self._schedule_search(command, now)  # whether it exists comes first
            return
        elif not was_found:
            # A cancel or amend of an order that the venue no longer tells.
            self._orders.end(tracked, OrderStatus.CANCELED, "closed, cause unknown")
        outcome = Rejected(
            order=self._settled(command), code=PROVEN, text=text, by_proof=True
        )
        self._finish(command, outcome, "proof")

    # --- verdicts ---

    def _judge(self, command: Command, now: Now) -> None:
        """Finish *command* if the order's state is evidence."""
        outcome = judge(command)
        if outcome is None:
            return
        if command.kind is CommandKind.AMEND and isinstance(outcome, Accepted):
            outcome = Accepted(order=self._settled(command))
        self._finish(command, outcome, "event")

    def _settled(self, command: Command) -> Order:
        """The order without our own pending mark."""
        tracked = command.tracked
        if tracked.pending is not None and command.kind is not CommandKind.PLACE:
            tracked.pending = None
            self._orders.touch(tracked)
        return tracked.snapshot()

    def _tell_doubt(self, command: Command, now: Now) -> None:
        self._outbox.emit(Resolve(command.ticket, doubt_of(command, now)))
        command.ticket = 0

    def _finish(self, command: Command, outcome: Outcome, by: str) -> None:
        tracked = command.tracked
        group = self._running[tracked.client_order_id]
        group.remove(command)
        if not group:
            del self._running[tracked.client_order_id]
        if command.doubt_ns is not None:
            self.resolved_by[by] += 1
        if command.kind is CommandKind.PLACE:
            tracked.in_doubt_since_ns = None
        if not group and tracked.pending is not None:
            tracked.pending = None
        self._show(tracked)
        self._ports.save_order(tracked)
        if command.ticket:
            self._outbox.emit(Resolve(command.ticket, outcome))
