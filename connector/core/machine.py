"""The session's machine: one call, `feed(input, now) -> effects`.

It joins the parts (orders, account, commands, links, reconciliation, clock) and
owns the one question that matters: does the local state equal the venue's?

    DISCONNECTED -> CONNECTING -> LOGGING_ON -> SUBSCRIBING -> SYNCING -> LIVE
         ^                                                        ^        |
         +----------------- the stream is lost ------------ STALE <--------+

Whatever casts doubt on the stream (loss, stall, silence where an echo was due, a
frame that cannot be read, a difference found by an audit) is a gap: the session
is not LIVE from that instant until reconciliation has finished.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from connector.config import SessionConfig
from connector.core import restore
from connector.core.account import Account
from connector.core.command import CommandPorts
from connector.core.commands import Commands
from connector.core.effects import (
    AppendJournal,
    Effect,
    Fatal,
    JournalRecord,
    Resolve,
)
from connector.core.inputs import (
    Amend,
    Ask,
    CallAnswered,
    CallFailed,
    CallSigned,
    Cancel,
    CancelAll,
    Input,
    JournalFailed,
    JournalWritten,
    LinkRole,
    PongReceived,
    Resync,
    Start,
    Stop,
    StreamClosed,
    StreamFrame,
    StreamOpened,
    Submit,
    Tick,
)
from connector.core.link import Link, LinkEvents
from connector.core.marks import MarkFeed
from connector.core.merge import MergePorts, Merger
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.reconcile import Reconciler
from connector.core.rules import check_amend, check_intent
from connector.core.startup import Startup
from connector.core.timekeeping import Timekeeper
from connector.core.tracked import Tracked
from connector.core.trust import Trust
from connector.dialect import Dialect, Endpoints
from connector.dialect.facts import ControlFact, Fact, FrameReply, UnknownFact
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import KeyRefused, NotLive, UsageError
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import Alarm, GapReason, LinkState
from connector.model.ids import ClientOrderId
from connector.model.instrument import Instrument
from connector.model.order import OrderIntent


class SessionCore:
    """Everything a session knows and decides; touches no world.

    *id_prefix* makes client order ids unique for ever: it must be new for every
    run. *rng* is used for jitter only.
    """

    def __init__(
        self,
        dialect: Dialect,
        endpoints: Endpoints,
        config: SessionConfig,
        *,
        id_prefix: str,
        rng: random.Random,
    ) -> None:
        self.dialect = dialect
        self.config = config
        self._id_prefix = id_prefix
        self._id_count = 0
        self.outbox = Outbox(dialect)
        self.orders = Orders()
        self.account = Account(dialect)
        self.clock = Timekeeper(dialect, self.outbox, config.clock_every_s)
        self.merger = Merger(
            self.outbox,
            self.orders,
            self.account,
            MergePorts(
                on_change=self._on_change,
                on_stream_order=self._on_stream_order,
                on_ledger_notice=lambda now: self.trust.audit_soon(now),
                on_key=lambda fact: self.startup.on_key(fact),
            ),
        )
        self.commands = Commands(
            dialect,
            self.outbox,
            self.orders,
            config,
            CommandPorts(
                clock=lambda: self.clock.offset,
                apply=lambda facts, now: self.merger.apply(facts, Source.REPLY, now),
                publish_order=self.merger.publish_order,
                save_order=self.merger.save_order,
                on_accepted=lambda tracked, now: self.trust.expect_echo(tracked, now),
            ),
        )
        self.link = Link(
            LinkRole.PRIVATE,
            lambda: dialect.private_script(endpoints),
            self.outbox,
            config,
            ping_interval_s=dialect.facts.ping_interval_s,
            rotate_after_s=dialect.facts.rotate_after_s,
            rng=rng,
            events=LinkEvents(
                on_state=lambda state, why, now: self.trust.on_link_state(state, why),
                on_ready=lambda now: self.trust.on_stream_ready(now),
                on_lost=lambda r, why, now: self.trust.on_stream_lost(r, why, now),
                on_key_refused=self._refuse_key,
                on_alarm=self._alarm,
            ),
        )
        self.marks = MarkFeed(
            dialect, endpoints, self.outbox, config, self.account, self.orders, rng
        )
        self.trust = Trust(self)
        self.reconciler = Reconciler(
            dialect, self.outbox, self.orders, self.account, config, self.trust.ports()
        )
        self.startup = Startup(self)
        self.outbox.on_clock_error = self.clock.on_clock_error
        self.outbox.on_key_error = self._on_key_error

    # --- the one call ---

    def feed(self, happened: Input, now: Now) -> list[Effect]:
        """Take one input; returns what is to be done, in order."""
        match happened:
            case StreamFrame():
                self._on_frame(happened, now)
            case CallSigned():
                self.outbox.on_signed(happened, now)
            case CallAnswered():
                self.outbox.on_answered(happened, now)
            case CallFailed():
                self.outbox.on_failed(happened, now)
            case Tick():
                self._tick(now)
            case JournalWritten(token=token):
                self.commands.on_journaled(token, now)
            case JournalFailed():
                self._on_journal_failed(happened)
            case StreamOpened():
                self._link_of(happened.role).on_opened(happened, now)
            case StreamClosed():
                self._link_of(happened.role).on_closed(happened, now)
            case PongReceived():
                self._link_of(happened.role).on_pong(happened, now)
            case Start():
                self.startup.begin(now)
            case Stop():
                self._stop()
            case _:
                self._on_wish(happened, now)
        self.marks.follow(now)
        self.trust.watch_margin(now)
        records = self.merger.take_records()
        if records:
            self.outbox.emit(AppendJournal(records, is_durable=False))
        return self.outbox.take()

    def _on_wish(
        self, wish: Submit | Cancel | CancelAll | Amend | Ask | Resync, now: Now
    ) -> None:
        match wish:
            case Submit():
                self._submit(wish, now)
            case Cancel():
                self._cancel(wish, now)
            case CancelAll():
                self._cancel_all(wish, now)
            case Amend():
                self._amend(wish)
            case Ask():
                self._ask(wish, now)
            case Resync(ticket=ticket):
                self.trust.resync(ticket, now)

    @property
    def next_wake_ns(self) -> int | None:
        """Monotonic time at which a Tick is due."""
        times = (
            self.link.next_wake_ns,
            self.marks.next_wake_ns,
            self.commands.next_wake_ns,
            self.reconciler.next_wake_ns,
            self.clock.next_wake_ns,
            self.trust.next_wake_ns,
            self.startup.next_wake_ns,
        )
        return min((t for t in times if t is not None), default=None)

    # --- reading ---

    @property
    def state(self) -> LinkState:
        """Where the private channel stands."""
        return self.trust.state

    @property
    def is_live(self) -> bool:
        """Local state equals the venue's up to messages in flight."""
        return self.trust.state is LinkState.LIVE

    def check(self, intent: OrderIntent, now: Now) -> Instrument:
        """Raise a UsageError unless *intent* may be sent now."""
        if not (self.is_live or intent.reduces or self._may_trade_stale):
            raise NotLive(self.trust.why_not_live(now))
        symbol = intent.symbol
        count = sum(1 for t in self.orders.open() if t.symbol == symbol)
        return check_intent(
            intent,
            self.account,
            self.dialect,
            open_orders=count,
            now_ms=self.clock.offset.venue_ns(now) // NS_PER_MS,
        )

    def new_client_order_id(self) -> ClientOrderId:
        """An id that was never used and never will be again."""
        self._id_count += 1
        client_order_id = f"{self._id_prefix}{restore.base36(self._id_count)}"
        assert len(client_order_id) <= self.dialect.facts.client_order_id_max
        return ClientOrderId(client_order_id)

    # --- the journal ---

    def restore(self, records: Iterable[JournalRecord], now: Now) -> None:
        """Replay the journal of earlier runs; before Start."""
        restore.replay(self, records, now)

    def save_sync_point(self) -> None:
        """Make durable how far the past is known."""
        if self.reconciler.synced_ms is not None:
            self.merger.record("meta", "synced_ms", str(self.reconciler.synced_ms))

    def forget_closed(self, now: Now) -> None:
        """Closed orders leave memory after a while; the journal keeps them."""
        limit_ns = now.wall_ns - int(self.config.keep_closed_s * NS_PER_S)
        for tracked in self.orders.all():
            is_old = max(tracked.venue_ns, tracked.created_ns) < limit_ns
            if tracked.is_terminal and is_old and not self.commands.is_busy(tracked):
                self.orders.forget(tracked)
        self.account.prune_ledger_ids()

    def state_hash(self) -> str:
        """Digest of everything durable: equal after a replay of the journal."""
        return restore.state_hash(self)

    # --- wishes ---

    @property
    def _may_trade_stale(self) -> bool:
        return self.config.allow_exposure_when_stale

    def _submit(self, wish: Submit, now: Now) -> None:
        try:
            instruments = [self.check(intent, now) for intent in wish.intents]
        except UsageError as error:
            for ticket in wish.tickets:
                self.outbox.emit(Resolve(ticket, error))
            return
        items = [
            (intent, self.new_client_order_id(), instrument)
            for intent, instrument in zip(wish.intents, instruments, strict=True)
        ]
        self.commands.place(wish.tickets, items, now)

    def _cancel(self, wish: Cancel, now: Now) -> None:
        groups: dict[str, list[tuple[int, Tracked]]] = {}
        most = self.dialect.facts.batch_cancel_max
        for ticket, client_order_id in zip(
            wish.tickets, wish.client_order_ids, strict=True
        ):
            tracked = self.orders.get(client_order_id)
            if tracked is None:
                error = UsageError(f"no order {client_order_id} is known here")
                self.outbox.emit(Resolve(ticket, error))
                continue
            # Conditional orders have endpoints of their own: one at a time.
            alone = tracked.is_conditional or most == 1
            group = f"{tracked.symbol} {client_order_id if alone else ''}"
            groups.setdefault(group, []).append((ticket, tracked))
        for group_items in groups.values():
            for start in range(0, len(group_items), most):
                part = group_items[start : start + most]
                self.commands.cancel([t for t, _ in part], [o for _, o in part], now)

    def _cancel_all(self, wish: CancelAll, now: Now) -> None:
        requests = self.dialect.cancel_all(wish.symbol)
        covered = [t for t in self.orders.open() if t.symbol == wish.symbol]

        def then(replies: tuple[Reply, ...], later: Now) -> None:
            if any(r.verdict not in (Verdict.OK, Verdict.UNCHANGED) for r in replies):
                return
            for tracked in covered:
                if not tracked.is_terminal:
                    self.commands.watch_cancel(0, tracked, later)

        self._call_all(wish.ticket, requests, now, then, self.config.cancel_wait_s)

    def _amend(self, wish: Amend) -> None:
        tracked = self.orders.get(wish.client_order_id)
        try:
            if tracked is None:
                raise UsageError(f"no order {wish.client_order_id} is known here")
            instrument = check_amend(
                tracked.snapshot(), wish.qty, wish.price, self.account, self.dialect
            )
        except UsageError as error:
            self.outbox.emit(Resolve(wish.ticket, error))
            return
        self.commands.amend(wish.ticket, tracked, instrument, wish.qty, wish.price)

    def _ask(self, wish: Ask, now: Now) -> None:
        self._call_all(
            wish.ticket,
            wish.requests,
            now,
            None,
            self.config.query_wait_s,
            is_merged=wish.is_merged,
        )

    def _call_all(
        self,
        ticket: int,
        requests: Sequence[Request],
        now: Now,
        then: Callable[[tuple[Reply, ...], Now], None] | None,
        wait_s: float,
        *,
        is_merged: bool = True,
    ) -> None:
        """Make calls together and resolve *ticket* with their replies."""
        replies: dict[int, Reply] = {}

        def collector(index: int) -> Callable[[Reply, Now], None]:
            def on_reply(reply: Reply, later: Now) -> None:
                replies[index] = reply
                if is_merged:
                    self.merger.apply(reply.facts, Source.REPLY, later)
                if len(replies) == len(requests):
                    ordered = tuple(replies[i] for i in range(len(requests)))
                    self.outbox.emit(Resolve(ticket, ordered))
                    if then is not None:
                        then(ordered, later)

            return on_reply

        for index, request in enumerate(requests):
            self.outbox.call(request, collector(index), now, wait_s=wait_s)

    # --- what happens ---

    def _link_of(self, role: LinkRole) -> Link:
        return self.link if role is LinkRole.PRIVATE else self.marks.link

    def _on_frame(self, frame: StreamFrame, now: Now) -> None:
        link = self._link_of(frame.role)
        if not link.accepts(frame.epoch, now):
            return
        facts: list[Fact] = []
        gap: UnknownFact | None = None
        for fact in self.dialect.read_frame(frame.raw):
            if isinstance(fact, ControlFact):
                link.on_control(frame.epoch, fact, now)
            elif not isinstance(fact, FrameReply):
                facts.append(fact)
                if isinstance(fact, UnknownFact) and fact.is_gap:
                    gap = fact
        if frame.role is LinkRole.PUBLIC:
            self.merger.apply(facts, Source.STREAM, now)
            return
        self.trust.take(facts, now)
        if gap is not None:
            self.trust.gap(GapReason.PARSE_FAILURE, gap.kind, now)

    def _on_change(self, tracked: Tracked, now: Now) -> None:
        self.commands.on_change(tracked, now)
        self.trust.on_change(tracked, now)

    def _on_stream_order(self, tracked: Tracked) -> None:
        self.trust.on_echo(tracked)

    def _on_journal_failed(self, failed: JournalFailed) -> None:
        self.commands.on_journal_failed(
            failed.token, failed.why, is_full=failed.is_full
        )
        self._alarm("journal.failed", failed.why)

    def _tick(self, now: Now) -> None:
        self.startup.tick(now)
        self.clock.tick(now)
        self.link.tick(now)
        self.marks.tick(now)
        self.commands.tick(now)
        self.reconciler.tick(now)
        self.trust.tick(now)

    def _on_key_error(self, reply: Reply, now: Now) -> None:
        text = f"{reply.code} {reply.text}".strip()
        if self.startup.is_done:
            self._alarm("key.refused", text)
        else:
            self._refuse_key(text)

    def _refuse_key(self, why: str) -> None:
        self.outbox.emit(
            Fatal(
                KeyRefused(
                    f"the venue refuses the key: {why}. Is it a key of this "
                    "environment, with trading allowed and this address permitted? "
                    "Check with `connector keys check`"
                )
            )
        )

    def _alarm(self, code: str, text: str) -> None:
        self.outbox.publish(Alarm(code=code, text=text))

    def _stop(self) -> None:
        self.reconciler.abort()
        self.trust.stop()
        self.link.stop()
        self.marks.stop()
        for tracked in self.orders.open():
            self.merger.save_order(tracked)
