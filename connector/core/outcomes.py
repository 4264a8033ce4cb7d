"""How a command ends: by an answer, an event, or proof; everything else is doubt.

An answer that says only "received" (PROCESSING) ends nothing: the stream must tell
the rest. Until `echo_budget_s` has passed the order is pending, then it is in
doubt. While in doubt the order counts as exposure and is asked for by client id,
quickly at first; nothing is sent under another id.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.config import SessionConfig
from connector.core.command import (
    TOO_LATE,
    Command,
    CommandKind,
    CommandPorts,
    doubt_of,
    ended_instead,
    judge,
)
from connector.core.effects import Resolve
from connector.core.orders import Orders
from connector.core.outbox import NOT_LIVE, NOT_SENT, RATE_LIMITED, Outbox
from connector.core.proof import (
    RESEND_S,
    count_proof,
    may_cancel_again,
    search_pause_ns,
)
from connector.core.tracked import Tracked
from connector.dialect import Dialect, ResendPolicy
from connector.dialect.wire import Reply, Verdict
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.ids import ClientOrderId
from connector.model.order import Accepted, Order, OrderStatus, Outcome, Rejected

PROVEN = "NOT_ACCEPTED"
_PAGED = (Verdict.OK, Verdict.NOT_FOUND)


class Outcomes:
    """Every command that was sent and has no outcome yet.

    *resend* sends a command again, which is only asked for where it does no harm.
    """

    def __init__(
        self,
        dialect: Dialect,
        outbox: Outbox,
        orders: Orders,
        config: SessionConfig,
        ports: CommandPorts,
        resend: Callable[[Command, Now], None],
    ) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._orders = orders
        self._config = config
        self._patient_ns = int(config.doubt_patience_s * NS_PER_S)
        self._ports = ports
        self._resend = resend
        self._running: dict[ClientOrderId, list[Command]] = {}
        # Orders that were in doubt since the gap began; None: there is no gap.
        self._doubted: dict[ClientOrderId, Tracked] | None = {}
        self._is_stopping = False
        self.resolved_by: dict[str, int] = {"answer": 0, "event": 0, "proof": 0}

    # --- reading ---

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        soonest: int | None = None
        for group in self._running.values():  # asked for after every input
            for command in group:
                due = command.next_ns
                if command.ticket and command.doubt_ns is not None:
                    told_ns = command.doubt_ns + self._patient_ns
                    due = told_ns if due is None or told_ns < due else due
                if due is not None and (soonest is None or due < soonest):
                    soonest = due
        return soonest

    def all(self) -> list[Command]:
        """Every running command."""
        return [command for group in self._running.values() for command in group]

    def in_doubt(self) -> list[Tracked]:
        """Orders of which nobody knows whether they exist."""
        return [
            c.tracked
            for c in self.all()
            if c.doubt_ns is not None and c.tracked.in_doubt_since_ns is not None
        ]

    def begin_gap(self) -> None:
        """From now on remember who was in doubt."""
        self._doubted = {t.client_order_id: t for t in self.in_doubt()}

    def end_gap(self) -> None:
        """The report of the gap is written."""
        self._doubted = None

    def doubted_in_gap(self) -> list[Tracked]:
        """Orders in doubt at some time since the gap began, settled ones included."""
        return list((self._doubted or {}).values())

    def is_busy(self, tracked: Tracked) -> bool:
        """A command on this order has no outcome yet."""
        return tracked.client_order_id in self._running

    def of(self, tracked: Tracked) -> list[Command]:
        """Those on one order, in the order they began."""
        return list(self._running.get(tracked.client_order_id, ()))

    def is_running(self, command: Command) -> bool:
        """It has no outcome yet."""
        return command in self._running.get(command.tracked.client_order_id, ())

    # --- what happens ---

    def start(self, command: Command) -> None:
        """Follow *command* until its outcome is known."""
        self._running.setdefault(command.tracked.client_order_id, []).append(command)

    def on_change(self, tracked: Tracked, source: Source, now: Now) -> None:
        """The order changed: see whether that is the evidence waited for."""
        if not self._running:
            return
        for command in self.of(tracked):
            if command.doubt_ns is not None or command.next_ns is not None:
                by = "event" if source is Source.STREAM else "answer"
                self._judge(command, now, by)

    def drop(self, tracked: Tracked, why: str, now: Now) -> None:
        """An order that never was: commands that run on it end with it."""
        self._orders.end(tracked, OrderStatus.REJECTED, why)
        for command in self.of(tracked):
            self._judge(command, now)
        self._orders.discard(tracked)

    def stop(self, now: Now) -> None:
        """Closing is no answer: whoever waits for one hears that nobody knows, now
        or when the call ends without one."""
        self._is_stopping = True
        for command in self.all():
            if command.is_received and command.doubt_ns is None:
                self.doubt(command, "received, and the session closes", now)
            elif command.ticket and command.doubt_ns is not None:
                self._tell_doubt(command, now)

    def search_all(self, now: Now) -> None:
        """Ask for everything in doubt now (a stream came back)."""
        for command in self.all():
            if command.doubt_ns is not None and not command.is_searching:
                command.searches = 0
                command.next_ns = now.mono_ns

    def tick(self, now: Now) -> None:
        """Do what is due."""
        for command in self.all():
            if command.next_ns is not None and command.next_ns <= now.mono_ns:
                command.next_ns = None
                if command.doubt_ns is not None:
                    self._search(command, now)
                elif command.is_received:
                    self.doubt(command, "received, fate not told in time", now)
                else:
                    self._resend(command, now)
            doubt_ns = command.doubt_ns
            if (
                command.ticket
                and doubt_ns is not None
                and doubt_ns + self._patient_ns <= now.mono_ns
            ):
                self._tell_doubt(command, now)

    # --- answers ---

    def on_reply(self, command: Command, reply: Reply, now: Now) -> None:
        """The venue's answer, or that there is none."""
        self._ports.apply(reply.facts, now)
        if not self.is_running(command):
            return  # ended before, or by the facts of this very answer
        match reply.verdict:
            case Verdict.OK | Verdict.UNCHANGED:
                self._on_accepted(command, reply, now)
            case Verdict.PROCESSING:
                self._on_received(command, now)
            case Verdict.REJECTED:
                self._refuse(command, reply)
            case Verdict.NOT_EXECUTED:
                self._not_executed(command, reply, now)
            case Verdict.NOT_OPEN | Verdict.NOT_FOUND | Verdict.DUPLICATE:
                # The venue speaks of a state we must read before we conclude.
                self.doubt(command, f"{reply.code} {reply.text}", now)
            case Verdict.UNKNOWN:
                self.doubt(command, f"{reply.code} {reply.text}", now)

    def _on_accepted(self, command: Command, reply: Reply, now: Now) -> None:
        tracked = command.tracked
        if command.kind is CommandKind.PLACE:
            self._ports.on_accepted(tracked, now)
        if command.kind is CommandKind.CANCEL:
            # Acknowledged is not ended, and it may have ended otherwise.
            ended = judge(command)
            if ended is None:
                self.doubt(command, "cancel acknowledged, end not seen yet", now)
            else:
                self._finish(command, ended, "answer")
            return
        if ended_instead(command, reply):
            text = f"the order ended as {tracked.status.value} instead"
            refused = Rejected(order=self._settled(command), code=TOO_LATE, text=text)
            self._finish(command, refused, "answer")
            return
        self._finish(command, Accepted(order=self._settled(command)), "answer")

    def _on_received(self, command: Command, now: Now) -> None:
        """The venue will decide; the stream must tell, within its budget."""
        self._judge(command, now)
        if not self.is_running(command) or command.doubt_ns is not None:
            return  # the stream was first, or an earlier try is in doubt anyway
        command.is_received = True
        budget_ns = int(self._config.echo_budget_s * NS_PER_S)
        command.next_ns = now.mono_ns + budget_ns
        if command.kind is CommandKind.PLACE:
            self._ports.on_accepted(command.tracked, now)

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
        # Where ids are labels, an order is not sent twice under one, whatever the
        # venue says about the first try.
        is_label = self._dialect.facts.resend is ResendPolicy.NEVER
        may_retry = (
            was_sent and not (is_label and command.kind is CommandKind.PLACE)
        ) or (command.kind is CommandKind.CANCEL and reply.code == NOT_SENT)
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

    def doubt(self, command: Command, why: str, now: Now) -> None:
        """Nobody knows what became of it: search until there is evidence."""
        tracked = command.tracked
        if command.doubt_ns is None:
            command.doubt_ns = now.mono_ns
            command.doubt_why = why
            if command.kind is CommandKind.PLACE and not tracked.is_known_to_venue:
                if tracked.in_doubt_since_ns is None:  # else found in the journal
                    tracked.in_doubt_since_ns = now.wall_ns
                if self._doubted is not None:
                    self._doubted[tracked.client_order_id] = tracked
                tracked.deadline_ms = command.deadline_ms
                self.show(tracked)
                self._ports.save_order(tracked)
        self._judge(command, now)
        if not self.is_running(command):
            return
        self._schedule_search(command, now)
        if self._is_stopping and command.ticket:
            self._tell_doubt(command, now)

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
            if reply.next_request is not None and reply.verdict in _PAGED:
                # Only the last page of a store says that it does not know.
                self._outbox.call(
                    reply.next_request,
                    on_reply,
                    later,
                    wait_s=self._config.query_wait_s,
                )
                return
            replies.append(reply)
            if len(replies) == len(requests):
                command.is_searching = False
                self._on_searched(command, replies, asked_ms, later)

        for request in requests:
            self._outbox.call(request, on_reply, now, wait_s=self._config.query_wait_s)

    def _on_searched(
        self, command: Command, replies: list[Reply], asked_ms: int, now: Now
    ) -> None:
        if not self.is_running(command):
            return
        self._judge(command, now)
        if not self.is_running(command):
            return
        if may_cancel_again(command, replies, asked_ms):
            self._resend(command, now)
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

    def show(self, tracked: Tracked) -> None:
        """Tell what is known of the order now."""
        self._orders.touch(tracked)
        self._ports.publish_order(tracked)

    def _judge(self, command: Command, now: Now, by: str = "event") -> None:
        """Finish *command* if the order's state is evidence."""
        outcome = judge(command)
        if outcome is None:
            return
        if command.kind is CommandKind.AMEND and isinstance(outcome, Accepted):
            outcome = Accepted(order=self._settled(command))
        self._finish(command, outcome, by)

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
        self.show(tracked)
        self._ports.save_order(tracked)
        if command.ticket:
            self._outbox.emit(Resolve(command.ticket, outcome))
