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
from dataclasses import dataclass

from connector.config import SessionConfig
from connector.core.command import (
    Command,
    CommandKind,
    CommandPorts,
    build_batch,
    build_request,
    exposes,
    has_ended,
    too_late,
)
from connector.core.effects import AppendJournal, JournalRecord, Resolve
from connector.core.orders import Orders
from connector.core.outbox import NOT_SENT, Outbox
from connector.core.outcomes import Outcomes
from connector.core.tracked import Tracked
from connector.dialect import Dialect
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import JournalError, JournalFull
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.ids import ClientOrderId
from connector.model.instrument import Instrument
from connector.model.order import OrderIntent, OrderStatus, Terms

_STALLED = Reply(
    verdict=Verdict.NOT_EXECUTED,
    code=NOT_SENT,
    text="the disk did not keep the intent in time",
)


@dataclass(slots=True)
class _Journaling:
    """What waits for one write, at most until *deadline_ns* (monotonic)."""

    commands: list[Command]
    is_batch: bool
    deadline_ns: int


class Commands:
    """Begins commands: journaled first where they must be, then sent."""

    def __init__(
        self,
        dialect: Dialect,
        outbox: Outbox,
        orders: Orders,
        config: SessionConfig,
        outcomes: Outcomes,
        ports: CommandPorts,
    ) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._orders = orders
        self._config = config
        self._ports = ports
        self._outcomes = outcomes
        self._journaling: dict[int, _Journaling] = {}
        self._wait_ns = int(config.order_wait_s * NS_PER_S)
        self._token = 0

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        if not self._journaling:
            return None
        return next(iter(self._journaling.values())).deadline_ns  # oldest first

    def tick(self, now: Now) -> None:
        """The disk does not answer: what waits for it longer than `order_wait_s` is
        not sent any more, whatever becomes of its intent."""
        waiting = list(self._journaling.items())
        for token, journaling in waiting:
            if journaling.deadline_ns <= now.mono_ns:
                del self._journaling[token]
                self._give_up(journaling.commands, now)

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
        requests = [self._dialect.place(*item) for item in items]
        commands = []
        records = []
        for ticket, (intent, client_order_id, instrument), request in zip(
            tickets, items, requests, strict=True
        ):
            tracked = self._orders.add_own(intent, client_order_id, now.wall_ns)
            tracked.born_mono_ns = now.mono_ns
            commands.append(
                Command(
                    CommandKind.PLACE,
                    ticket,
                    tracked,
                    intent=intent,
                    instrument=instrument,
                    request=request,
                )
            )
            records.append(JournalRecord("intent", client_order_id, intent))
            records.append(JournalRecord("order", client_order_id, tracked.as_of_now()))
        self._journal(commands, records, now, is_batch=len(commands) > 1)

    def amend(
        self,
        ticket: int,
        tracked: Tracked,
        instrument: Instrument,
        terms: Terms,
        now: Now,
    ) -> None:
        """Journal the new terms, then send them."""
        self._dialect.amend(tracked.snapshot(), instrument, terms)
        command = Command(
            CommandKind.AMEND, ticket, tracked, instrument=instrument, terms=terms
        )
        record = JournalRecord("amend", tracked.client_order_id, terms)
        self._journal([command], [record], now, is_batch=False)

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
            self.send(commands[0], now)

    def watch_cancel(self, ticket: int, tracked: Tracked, now: Now) -> None:
        """A cancel-all covered this order: see that it ends."""
        command = self._begin_cancel(ticket, tracked)
        command.deadline_ms = self._ports.clock().venue_ns(now) // NS_PER_MS
        command.signed_ns = now.mono_ns
        self._outcomes.doubt(command, "cancel-all accepted, end not seen yet", now)

    def resume(self, tracked: Tracked, now: Now) -> None:
        """An intent from the journal whose outcome was never recorded.

        Nothing can have left after the process died, so its deadline is at most
        one acceptance window from now.
        """
        command = Command(CommandKind.PLACE, 0, tracked)
        # Without a deadline of its own it gets one when the clock is measured.
        command.deadline_ms = tracked.deadline_ms
        command.signed_ns = now.mono_ns
        self._outcomes.start(command)
        self._outcomes.doubt(command, "found in the journal without an outcome", now)

    # --- what happens ---

    def on_journaled(self, token: int, now: Now) -> None:
        """The intents are durable: send, unless that took too long."""
        journaling = self._journaling.pop(token, None)
        if journaling is None:
            return
        commands = journaling.commands
        if journaling.deadline_ns <= now.mono_ns:
            self._give_up(commands, now)
            return
        for command in list(commands):
            if command.kind is CommandKind.AMEND and has_ended(command.tracked):
                commands.remove(command)
                refused = too_late(command, was_sent=False)
                self._outbox.emit(Resolve(command.ticket, refused))
                continue
            self._outcomes.start(command)
            if command.kind is CommandKind.AMEND:
                command.tracked.pending = OrderStatus.PENDING_REPLACE
            self._outcomes.show(command.tracked)
        if journaling.is_batch:
            self._send_batch(commands, now)
        elif commands:
            self.send(commands[0], now)

    def on_journal_failed(
        self, token: int, why: str, now: Now, *, is_full: bool
    ) -> None:
        """The intents are not durable: nothing is sent."""
        journaling = self._journaling.pop(token, None)
        if journaling is None:
            return
        error = JournalFull(why) if is_full else JournalError(why)
        for command in journaling.commands:
            if command.kind is CommandKind.PLACE:
                self._outcomes.drop(command.tracked, f"not journaled: {why}", now)
            self._outbox.emit(Resolve(command.ticket, error))

    def _give_up(self, commands: Sequence[Command], now: Now) -> None:
        for command in commands:
            self._outcomes.start(command)
            self._outcomes.on_reply(command, _STALLED, now)

    # --- sending ---

    def _begin_cancel(self, ticket: int, tracked: Tracked) -> Command:
        command = Command(
            CommandKind.CANCEL,
            ticket,
            tracked,
            instrument=self._ports.instrument(tracked.symbol),
        )
        self._outcomes.start(command)
        tracked.pending = OrderStatus.PENDING_CANCEL
        self._outcomes.show(tracked)
        return command

    def _journal(
        self,
        commands: list[Command],
        records: list[JournalRecord],
        now: Now,
        *,
        is_batch: bool,
    ) -> None:
        self._token += 1
        deadline_ns = now.mono_ns + self._wait_ns
        self._journaling[self._token] = _Journaling(commands, is_batch, deadline_ns)
        self._outbox.emit(
            AppendJournal(tuple(records), is_durable=True, token=self._token)
        )

    def send(self, command: Command, now: Now) -> None:
        """Send a command, for the first time or once more."""
        command.tries += 1
        command.is_received = False
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
                self._outcomes.on_reply(commands[0], reply, later)
                return
            if len(items) != len(commands):
                # The whole batch was refused, or nobody knows.
                items = tuple(reply for _ in commands)
            for command, item in zip(commands, items, strict=True):
                self._outcomes.on_reply(command, item, later)

        is_cancel = commands[0].kind is CommandKind.CANCEL
        wait_s = self._config.cancel_wait_s if is_cancel else self._config.order_wait_s
        is_exposure = any(
            exposes(command, self._outcomes.of(command.tracked)) for command in commands
        )
        self._outbox.call(
            request,
            on_reply,
            now,
            wait_s=wait_s,
            on_signed=on_signed,
            is_exposure=is_exposure,
            is_frame_only=is_exposure and self._ports.is_frame_only(),
        )
