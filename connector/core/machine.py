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
from collections.abc import Iterable, Sequence

from connector.config import SessionConfig
from connector.core import restore
from connector.core.account import Account
from connector.core.command import CommandPorts
from connector.core.commands import Commands
from connector.core.dead_man import DeadManSwitch
from connector.core.effects import (
    AppendJournal,
    Effect,
    Fatal,
    JournalRecord,
)
from connector.core.forgetting import Forgetting
from connector.core.inputs import (
    CallAnswered,
    CallFailed,
    CallSigned,
    Input,
    JournalFailed,
    JournalWritten,
    LinkRole,
    PongReceived,
    Start,
    Stop,
    StreamClosed,
    StreamFrame,
    StreamOpened,
    Tick,
)
from connector.core.link import Link, LinkEvents
from connector.core.listings import Listings
from connector.core.marks import MarkFeed
from connector.core.merge import MergePorts, Merger
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.outcomes import Outcomes
from connector.core.private_streams import PrivateStreams
from connector.core.reconcile import Reconciler
from connector.core.rules import check_intent, instrument_of
from connector.core.startup import Startup
from connector.core.timekeeping import Timekeeper
from connector.core.tracked import Tracked
from connector.core.trust import Trust
from connector.core.untimed import stamped
from connector.core.wishes import Wishes
from connector.dialect import Dialect, Endpoints, LinkScript
from connector.dialect.facts import (
    BalanceFact,
    ControlFact,
    Fact,
    FillFact,
    FrameReply,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    UnknownFact,
)
from connector.dialect.wire import Reply
from connector.errors import KeyRefused, NotLive
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, Now
from connector.model.events import Alarm, GapReason, LinkState
from connector.model.ids import ClientOrderId
from connector.model.instrument import Instrument
from connector.model.money import exactly
from connector.model.order import OrderIntent

_PLAIN = frozenset((OrderFact, FillFact, MarkFact, LedgerFact))
"""Facts about the account that the stream tells with their time."""

_NEVER_S = 100 * 365 * 86_400


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
        self.has_key_info = bool(endpoints.key_info)
        self.config = config
        self._id_prefix = id_prefix
        self._id_count = 0
        self.begun: Now | None = None  # until the beginning is dated by the venue
        self.must_last = False  # the next records survive a loss of power
        self.outbox = Outbox(dialect, config.answer_timeout_s)
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
                on_unlisted=lambda symbol: self.listings.on_unlisted(symbol),
            ),
        )
        ports = self._command_ports()
        self.outcomes = Outcomes(
            dialect,
            self.outbox,
            self.orders,
            config,
            ports,
            resend=lambda command, now: self.commands.send(command, now),
        )
        self.commands = Commands(
            dialect, self.outbox, self.orders, config, self.outcomes, ports
        )
        self.streams = PrivateStreams(
            self, endpoints, rng, self._refuse_key, self._alarm
        )
        self.link = self.streams.first
        self.dead_man = DeadManSwitch(self)
        self.order_link = self._make_order_link(endpoints, rng)
        self._has_order_entry = False
        self.marks = MarkFeed(
            dialect, endpoints, self.outbox, config, self.account, self.orders, rng
        )
        self.trust = Trust(self)
        self.reconciler = Reconciler(
            dialect, self.outbox, self.orders, self.account, config, self.trust.ports()
        )
        self.startup = Startup(self)
        self.wishes = Wishes(self)
        self.listings = Listings(self)
        self.forgetting = Forgetting(self)
        self.outbox.on_clock_error = self.clock.on_clock_error
        self.outbox.on_key_error = self._on_key_error

    def _command_ports(self) -> CommandPorts:
        return CommandPorts(
            clock=lambda: self.clock.offset,
            apply=lambda facts, now: self.merger.apply(facts, Source.REPLY, now),
            publish_order=self.merger.publish_order,
            save_order=self.merger.save_order,
            on_accepted=lambda tracked, now: self.trust.expect_echo(tracked, now),
            instrument=self.account.instruments.get,
            is_frame_only=lambda: self.dead_man.is_bound_to_order_entry,
        )

    def start_order_entry(self, now: Now) -> None:
        """Once: after the streams, which the session needs more."""
        if self.order_link is not None and not self._has_order_entry:
            self._has_order_entry = True
            self.order_link.start(now)

    def _make_order_link(self, endpoints: Endpoints, rng: random.Random) -> Link | None:
        """Order entry over WebSocket where the venue has it; HTTP serves until it
        is up, and whenever it is not."""
        if not endpoints.ws_api or self.dialect.order_script(endpoints) is None:
            return None

        def make_script() -> LinkScript:
            script = self.dialect.order_script(endpoints)
            assert script is not None, "a dialect that has order entry keeps it"
            return script

        def on_lost(_: GapReason, why: str, now: Now) -> None:
            self.outbox.lose_frames(f"order entry was lost: {why}", now)

        link = Link(
            LinkRole.ORDERS,
            make_script,
            self.outbox,
            self.config,
            ping_interval_s=self.dialect.facts.ping_interval_s,
            # A connection that orders are bound to ends when the venue ends it.
            rotate_after_s=(
                _NEVER_S
                if self.dead_man.is_bound_to_order_entry
                else self.dialect.facts.rotate_after_s
            ),
            rng=rng,
            events=LinkEvents(
                on_state=lambda *_: None,
                on_ready=lambda _: None,
                on_lost=on_lost,
                on_key_refused=self._refuse_order_entry,
                on_alarm=self._alarm,
            ),
        )
        self.outbox.order_epoch = lambda: link.epoch if link.is_ready else 0
        return link

    def _refuse_order_entry(self, why: str) -> None:
        """HTTP still works, or says itself that it does not."""
        assert self.order_link is not None
        self.order_link.stop()
        self._alarm("orders.refused", why)

    # --- the one call ---

    @exactly
    def feed(self, happened: Input, now: Now) -> list[Effect]:
        """Take one input; returns what is to be done, in order."""
        self._on_input(happened, now)
        self.marks.follow(now)
        self.listings.follow(now)
        self.dead_man.follow(now)
        self.trust.watch_margin(now)
        records = self.merger.take_records()
        retired = self.merger.take_retired()
        if records or retired:
            self.outbox.emit(AppendJournal(records, self.must_last, retired=retired))
            self.must_last = False
        return self.outbox.take()

    def _on_input(self, happened: Input, now: Now) -> None:
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
                self._on_journal_failed(happened, now)
            case StreamOpened():
                link = self._link_of(happened.role)
                self.streams.on_opened(link, happened, now)
            case StreamClosed():
                self._link_of(happened.role).on_closed(happened, now)
            case PongReceived():
                self._link_of(happened.role).on_pong(happened, now)
            case Start():
                self.startup.begin(now)
            case Stop():
                self._stop(now)
            case _:
                self.wishes.take(happened, now)

    @property
    def next_wake_ns(self) -> int | None:
        """Monotonic time at which a Tick is due."""
        times = (
            *(link.next_wake_ns for link in self.streams.links),
            self.order_link.next_wake_ns if self.order_link else None,
            self.outbox.next_wake_ns,
            self.marks.next_wake_ns,
            self.dead_man.next_wake_ns,
            self.commands.next_wake_ns,
            self.outcomes.next_wake_ns,
            self.reconciler.next_wake_ns,
            self.clock.next_wake_ns,
            self.trust.next_wake_ns,
            self.startup.next_wake_ns,
            self.listings.next_wake_ns,
            self.forgetting.next_wake_ns,
        )
        return min([t for t in times if t is not None], default=None)

    # --- reading ---

    @property
    def state(self) -> LinkState:
        """Where the private channel stands."""
        return self.trust.state

    @property
    def is_live(self) -> bool:
        """Local state equals the venue's up to messages in flight."""
        return self.trust.state is LinkState.LIVE

    @property
    def may_expose(self) -> bool:
        """New exposure may be sent now."""
        return self.is_live or self.config.allow_exposure_when_stale

    def check_all(self, intents: Iterable[OrderIntent], now: Now) -> list[Instrument]:
        """Raise a UsageError unless all *intents* may be sent now, together."""
        found: list[Instrument] = []
        for intent in intents:
            beside = sum(1 for other in found if other.symbol == intent.symbol)
            found.append(self.check(intent, now, beside=beside))
        return found

    @exactly
    def check(self, intent: OrderIntent, now: Now, *, beside: int = 0) -> Instrument:
        """Raise a UsageError unless *intent* may be sent now, with *beside* others of
        its instrument."""
        if not self.may_expose and not intent.reduces:
            raise NotLive(self.trust.why_not_live(now))
        facts = self.dialect.facts
        symbol = instrument_of(self.account.instruments, intent.symbol, facts).symbol
        return check_intent(
            intent,
            self.account,
            self.dialect,
            open_orders=self.orders.open_count(symbol) + beside,
            now_ms=self.clock.offset.venue_ns(now) // NS_PER_MS,
        )

    def new_client_order_id(self) -> ClientOrderId:
        """An id that was never used and never will be again."""
        self._id_count += 1
        client_order_id = f"{self._id_prefix}{restore.base36(self._id_count)}"
        assert len(client_order_id) <= self.dialect.facts.client_order_id_max
        return ClientOrderId(client_order_id)

    # --- the journal ---

    @exactly
    def restore(self, records: Iterable[JournalRecord], now: Now) -> None:
        """Replay the journal of earlier runs; before Start."""
        restore.replay(self, records, now)
        self.must_last = True

    def save_sync_point(self) -> None:
        """Make durable how far the past is known: without it, whoever starts after
        a loss of power would not look far enough back."""
        self.must_last = True
        if self.reconciler.synced_ms is not None:
            self.merger.record("meta", "synced_ms", str(self.reconciler.synced_ms))
        self.merger.record("meta", "watched", self.reconciler.pending.to_text())
        self.merger.record("meta", "base_times", self.account.sums.base_times())

    @exactly
    def state_hash(self) -> str:
        """Digest of everything durable: equal after a replay of the journal."""
        return restore.state_hash(self)

    # --- what happens ---

    def _link_of(self, role: LinkRole) -> Link:
        if role is LinkRole.PRIVATE:
            return self.link
        if role is LinkRole.ORDERS and self.order_link is not None:
            return self.order_link
        if role is LinkRole.SECOND and self.streams.second is not None:
            return self.streams.second
        return self.marks.link

    def _on_frame(self, frame: StreamFrame, now: Now) -> None:
        link = self._link_of(frame.role)
        if not link.accepts(frame.epoch, now):
            return
        facts: Sequence[Fact] = self.dialect.read_frame(frame.raw)
        gap: UnknownFact | None = None
        if not _PLAIN.issuperset(map(type, facts)):
            facts, gap = self._sift(link, frame.epoch, facts, now)
        if frame.role not in (LinkRole.PRIVATE, LinkRole.SECOND):
            self.merger.apply(facts, Source.STREAM, now)
            return
        self.trust.take(facts, now)
        if gap is not None:
            self.trust.gap(GapReason.PARSE_FAILURE, gap.kind, now)

    def _sift(
        self, link: Link, epoch: int, told: Sequence[Fact], now: Now
    ) -> tuple[list[Fact], UnknownFact | None]:
        """What *told* says about the account, all of it with a time, and a gap if
        there is one; the rest is done."""
        facts: list[Fact] = []
        gap: UnknownFact | None = None
        arrived_ns = self.clock.offset.venue_ns(now)
        for fact in told:
            if isinstance(fact, PositionFact | BalanceFact) and fact.venue_ns:
                facts.append(fact)
            elif isinstance(fact, ControlFact):
                link.on_control(epoch, fact, now)
            elif isinstance(fact, FrameReply):
                self.outbox.on_frame_reply(fact, now)
            else:
                facts.append(stamped(fact, self.account, arrived_ns))
                if isinstance(fact, UnknownFact) and fact.is_gap:
                    gap = fact
        return facts, gap

    def _on_change(self, tracked: Tracked, source: Source, now: Now) -> None:
        self.outcomes.on_change(tracked, source, now)
        self.trust.on_change(tracked, now)

    def _on_stream_order(self, tracked: Tracked) -> None:
        self.trust.on_echo(tracked)

    def _on_journal_failed(self, failed: JournalFailed, now: Now) -> None:
        self.commands.on_journal_failed(
            failed.token, failed.why, now, is_full=failed.is_full
        )
        self._alarm("journal.failed", failed.why)

    def _tick(self, now: Now) -> None:
        self.startup.tick(now)
        self.clock.tick(now)
        self.streams.tick(now)
        if self.order_link is not None:
            self.order_link.tick(now)
        self.outbox.tick(now)
        self.marks.tick(now)
        self.dead_man.tick(now)
        self.commands.tick(now)
        self.outcomes.tick(now)
        self.reconciler.tick(now)
        self.trust.tick(now)
        self.listings.tick(now)
        self.forgetting.tick(now)

    def _on_key_error(self, reply: Reply, now: Now) -> None:
        text = f"{reply.code} {reply.text}".strip()
        if self.startup.is_done:
            self._alarm("key.refused", text)
        else:
            self._refuse_key(text)

    def _refuse_key(self, why: str) -> None:
        told = why.rstrip(".")
        self.outbox.emit(
            Fatal(
                KeyRefused(
                    f"the venue refuses the key: {told}. Is it a key of this "
                    "environment, with trading allowed and this address permitted? "
                    "Check with `connector keys check`"
                )
            )
        )

    def _alarm(self, code: str, text: str) -> None:
        self.outbox.publish(Alarm(code=code, text=text))

    def _stop(self, now: Now) -> None:
        self.startup.stop()
        self.outcomes.stop(now)
        self.dead_man.stop()
        self.reconciler.abort()
        self.trust.stop()
        self.forgetting.stop()
        self.streams.stop()
        if self.order_link is not None:
            self.order_link.stop()
            self.outbox.lose_frames("the session closes", now)
        self.marks.stop()
        for tracked in self.orders.open():
            self.merger.save_order(tracked)
