"""Whether the local state can be trusted, and what is done when it cannot.

Two kinds of doubt. The stream may be *gone* (closed, stalled, key expired): the
link reconnects and reconciliation follows. Or it may be *lying by silence*: it
answers pings and delivers nothing. Silence is found out by expectations:

    echo       an accepted order must show on the stream
    hint       an early copy of a fill must be followed by the fill
    shortfall  an order filled according to its state must have its fills
    tie-out    a position must equal base + fills
    audit      REST must not know a fill that the stream never told

An expectation that is not met in time is a gap like any other. After every gap a
few audits follow at growing distance, since REST itself may lag the matching
engine by tens of seconds and nobody could tell at the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connector.core.buffer import without_repeats
from connector.core.effects import Resolve
from connector.core.sums import PositionKey, position_name
from connector.core.sync_run import Run, SyncMode, SyncPorts
from connector.core.tracked import Tracked
from connector.dialect.facts import Fact, FillFact, PositionFact
from connector.errors import SessionClosed
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import (
    Alarm,
    BalanceUpdate,
    Gap,
    GapReason,
    LinkChanged,
    LinkState,
    MarginUpdate,
    ReconcileReport,
    Resynced,
)
from connector.model.ids import ClientOrderId
from connector.model.order import OrderStatus

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_FOLLOW_UPS_S = (1.0, 5.0, 15.0, 45.0)
_RETRY_SYNC_S = 1.0
_NOTICE_PAUSE_S = 2.0
_MARGIN_ORDERS = 1000  # so many open orders double the pause between margins
_FRESH_SETTINGS_S = 10
_FOLLOW_UP_SOON_S = 5
_MOVING = frozenset((FillFact, PositionFact))  # after these, sums must tie out again


class Trust:
    """Owns the state LIVE / not LIVE, gaps, expectations and audits."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self.state = LinkState.DISCONNECTED
        self._buffer: list[Fact] = []
        self._gap_reason = GapReason.START
        self._gap_since_ns = 0
        self._gap_since_mono_ns = 0
        self._gap_detail = ""
        self._echoes: dict[ClientOrderId, int] = {}
        self._untied_since_ns: int | None = None
        self._audits: list[int] = []
        self._retry_ns: int | None = None
        self._margin_ns: int | None = None
        self._margin_version = -1
        self._was_live = False
        self._owes_settings = False
        self._live_since_venue_ns = 0
        self._tickets: list[int] = []
        self._later: list[int] = []  # wished while an audit was asking already
        self._started = False
        self.last_report: ReconcileReport | None = None
        self.reports = 0

    def ports(self) -> SyncPorts:
        """What reconciliation calls back."""
        core = self._core
        return SyncPorts(
            clock=lambda: core.clock.offset,
            merge=lambda run, facts, now: core.merger.apply(
                facts, Source.REST, now, run=run
            ),
            drain=self._drain,
            flatten=self._flatten,
            close_unknown=self._close_unknown,
            save=core.merger.save_order,
            infer=lambda run, tracked, _: core.merger.infer_fill(run, tracked),
            done=self._done,
            failed=self._failed,
            in_doubt=lambda mode: (
                core.outcomes.doubted_in_gap()
                if mode is SyncMode.GAP
                else core.outcomes.in_doubt()
            ),
            is_busy=core.outcomes.is_busy,
        )

    # --- reading ---

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        times = [self._retry_ns, self._margin_ns]
        budget = self._budget_ns
        if self._audits and self._core.reconciler.run is None:
            times.append(self._audits[0])
        if self.state is LinkState.LIVE:
            if self._echoes:
                times.append(min(self._echoes.values()))
            if self._core.merger.hints:
                times.append(min(self._core.merger.hints.values()) + budget)
            if self._untied_since_ns is not None:
                times.append(self._untied_since_ns + budget)
        return min([t for t in times if t is not None], default=None)

    @property
    def trouble(self) -> str:
        """What went wrong last, "" if nothing did."""
        return self._gap_detail

    def why_not_live(self, now: Now) -> str:
        """One phrase for people."""
        age_s = (now.mono_ns - self._gap_since_mono_ns) / 1e9
        return (
            f"the state is {self.state.value} since {age_s:.1f} s "
            f"({self._gap_reason.value})"
        )

    @property
    def backlog(self) -> int:
        """Facts of the stream that wait for reconciliation."""
        return len(self._buffer)

    def age_s(self, now: Now) -> float:
        """0 while live, else seconds since the state could last be trusted."""
        if self.state is LinkState.LIVE:
            return 0.0
        return (now.mono_ns - self._gap_since_mono_ns) / 1e9

    # --- the stream ---

    def take(self, facts: Sequence[Fact], now: Now) -> None:
        """Facts of the private stream: merged when live, buffered until then."""
        if self.state is LinkState.LIVE:
            self._core.merger.apply(facts, Source.STREAM, now)
            if self._untied_since_ns is None and not _MOVING.isdisjoint(
                map(type, facts)
            ):
                self._note_untied(now)
            return
        self._buffer.extend(facts)
        if len(self._buffer) > self._core.config.buffer_max:
            self._buffer = without_repeats(self._buffer)
        if len(self._buffer) > self._core.config.buffer_max:
            self._buffer.clear()
            self.gap(GapReason.OVERFLOW, "too many messages while syncing", now)

    def on_link_state(self, state: LinkState, why: str) -> None:
        """The current connection moved towards being ready."""
        if self.state is not LinkState.LIVE:
            self._set_state(state, why)

    def on_stream_ready(self, now: Now) -> None:
        """Subscribed: everything from here on is buffered, so ask for the rest."""
        self._sync(now)

    def on_stream_lost(self, reason: GapReason, why: str, now: Now) -> None:
        """The stream is gone; the link is already on its way back."""
        self._open_gap(reason, why, now)
        self._core.reconciler.abort()
        self._set_state(LinkState.DISCONNECTED, why)

    def gap(self, reason: GapReason, why: str, now: Now) -> None:
        """The stream is up but something was missed: re-sync beside it."""
        self._open_gap(reason, why, now)
        run = self._core.reconciler.run
        is_syncing = run is not None and run.mode is SyncMode.GAP
        if is_syncing and reason is GapReason.PARSE_FAILURE:
            return  # the audits that follow find what this frame may have told
        if self._core.streams.is_ready:
            self._sync(now)

    def distrust(self, reason: GapReason, why: str, now: Now) -> None:
        """The stream is up and mute: replace it."""
        self._open_gap(reason, why, now)
        for link in self._core.streams.links:
            link.reset(reason, why, now)

    # --- expectations ---

    def expect_echo(self, tracked: Tracked, now: Now) -> None:
        """An answer accepted this order: the stream must show it."""
        if self.state is LinkState.LIVE and not tracked.seen_on_stream:
            self._echoes[tracked.client_order_id] = now.mono_ns + self._budget_ns

    def on_echo(self, tracked: Tracked) -> None:
        """The stream spoke of this order."""
        tracked.seen_on_stream = True
        self._echoes.pop(tracked.client_order_id, None)

    def on_change(self, tracked: Tracked, now: Now) -> None:
        """An order changed: its fills must follow."""
        is_noted = self._untied_since_ns is not None
        if not is_noted and self.state is LinkState.LIVE and tracked.missing_fills > 0:
            self._note_untied(now)

    def audit_soon(self, now: Now) -> None:
        """Something must be asked for that the stream only announced."""
        self._plan_audit(now, _NOTICE_PAUSE_S)

    # --- wishes ---

    def resync(self, ticket: int, now: Now) -> None:
        """Reconcile on demand; answered by a run that asked after this wish, or by
        the one that ends the gap."""
        run = self._core.reconciler.run
        if run is not None and run.mode is SyncMode.AUDIT:
            self._later.append(ticket)
            return
        self._tickets.append(ticket)
        if run is None:
            self._compare(now)

    def _compare(self, now: Now) -> None:
        if self.state is LinkState.LIVE:
            self._core.reconciler.begin(
                SyncMode.AUDIT, GapReason.REQUESTED, now.wall_ns, now
            )
        elif self._core.streams.is_ready:
            self._sync(now)

    def stop(self) -> None:
        """Closing: nobody waits any longer."""
        for ticket in (*self._tickets, *self._later):
            self._core.outbox.emit(Resolve(ticket, SessionClosed("session closed")))
        self._tickets.clear()
        self._later.clear()
        self._audits.clear()
        self._retry_ns = self._margin_ns = None
        self._set_state(LinkState.DISCONNECTED, "closed")

    # --- time ---

    def tick(self, now: Now) -> None:
        """Do what is due."""
        due = now.mono_ns
        if self._retry_ns is not None and self._retry_ns <= due:
            self._retry_ns = None
            if self._core.streams.is_ready and self._core.reconciler.run is None:
                self._sync(now)
        if self.state is LinkState.LIVE:
            self._check_expectations(now)
        is_due = bool(self._audits) and self._audits[0] <= due
        if is_due and self._core.reconciler.run is None:
            # One does for all that are due; during a run they wait for its end.
            self._audits = [later for later in self._audits if later > due]
            self._audit(now)
        if self._margin_ns is not None and self._margin_ns <= due:
            self._margin_ns = None
            self._publish_margin(now)

    def watch_margin(self, now: Now) -> None:
        """Margin may have changed: tell it, not too often."""
        account = self._core.account
        if account.version == self._margin_version or self._margin_ns is not None:
            return
        if self._was_live:
            # Its cost grows with the open orders: so does the pause.
            pause_s = self._core.config.margin_every_s
            pause_s *= 1 + self._core.orders.open_total / _MARGIN_ORDERS
            self._margin_ns = now.mono_ns + int(pause_s * NS_PER_S)

    # --- how ---

    @property
    def _budget_ns(self) -> int:
        return int(self._core.config.echo_budget_s * NS_PER_S)

    def _set_state(self, state: LinkState, why: str) -> None:
        if state is self.state:
            return
        before, self.state = self.state, state
        self._core.outbox.publish(LinkChanged(before=before, after=state, why=why))

    def _open_gap(self, reason: GapReason, why: str, now: Now) -> None:
        self._echoes.clear()
        self._core.merger.hints.clear()
        self._untied_since_ns = None
        self._audits.clear()
        if self.state is not LinkState.LIVE and self._started:
            return  # the same gap goes on; its first cause counts
        self._started = True
        self._core.outcomes.begin_gap()
        self._gap_reason = reason
        self._gap_since_ns = now.wall_ns
        self._gap_since_mono_ns = now.mono_ns
        self._gap_detail = why
        self._set_state(LinkState.STALE, f"{reason.value}: {why}")
        self._core.outbox.publish(
            Gap(reason=reason, since_wall_ns=now.wall_ns, detail=why)
        )

    def _sync(self, now: Now) -> None:
        if not self._started:
            self._started = True
            self._gap_since_ns = now.wall_ns
            self._gap_since_mono_ns = now.mono_ns
        self._retry_ns = None
        self._set_state(LinkState.SYNCING, "")
        self._core.outcomes.search_all(now)
        # Asked a moment ago, before we subscribed: the first audit asks again.
        age_ns = now.mono_ns - self._core.startup.done_ns
        self._owes_settings = age_ns < _FRESH_SETTINGS_S * NS_PER_S
        self._core.reconciler.begin(
            SyncMode.GAP,
            self._gap_reason,
            self._gap_since_ns,
            now,
            with_settings=not self._owes_settings,
        )

    def _audit(self, now: Now) -> None:
        core = self._core
        if self.state is LinkState.LIVE and core.reconciler.run is None:
            with_settings, self._owes_settings = self._owes_settings, False
            core.reconciler.begin(
                SyncMode.AUDIT,
                GapReason.AUDIT_MISMATCH,
                now.wall_ns,
                now,
                with_settings=with_settings,
            )

    def _plan_audit(self, now: Now, pause_s: float) -> None:
        self._audits.append(now.mono_ns + int(pause_s * NS_PER_S))
        self._audits.sort()

    def _drain(self, run: Run, now: Now) -> None:
        facts, self._buffer = self._buffer, []
        self._core.merger.apply(facts, Source.STREAM, now)

    def _flatten(
        self, run: Run, told: set[PositionKey], asked_ns: int, now: Now
    ) -> None:
        core = self._core
        lag_ns = core.dialect.facts.lag_budget_ms * NS_PER_MS
        account = core.account
        for key in account.flatten_absent(told, asked_ns, now, lag_ns=lag_ns):
            core.merger.publish_position(key, recovered=True)
        for asset in account.empty_absent(run.wallets, asked_ns, now, lag_ns=lag_ns):
            balance = account.balances[asset]
            core.outbox.publish(BalanceUpdate(balance=balance, recovered=True))

    def _close_unknown(self, run: Run, tracked: Tracked, now: Now) -> None:
        core = self._core
        core.orders.end(tracked, OrderStatus.CANCELED, "closed, cause unknown")
        core.merger.save_order(tracked)
        core.merger.publish_order(tracked, recovered=True)

    def _done(self, run: Run, report: ReconcileReport, now: Now) -> None:
        core = self._core
        if run.mode is SyncMode.GAP:
            self._tickets += self._take_later()
        core.save_sync_point()
        core.merger.save_sums()
        found = bool(
            report.missed_fills
            or report.orders_changed
            or report.external_orders
            or report.differences_left
        )
        if run.mode is SyncMode.GAP:
            self._go_live(report, now)
        elif found or report.ledger_entries or self._tickets:
            self._tell_report(report)
        for ticket in self._tickets:
            core.outbox.emit(Resolve(ticket, report))
        self._tickets.clear()
        core.forgetting.begin(now)
        if run.mode is SyncMode.AUDIT:
            if not self._audits:
                self._plan_audit(now, core.config.audit_interval_s)
            self._watch_pending(now)
            self._suspect_stream(report, now)
        later = self._take_later()
        self._tickets += later
        if later and core.reconciler.run is None:
            self._compare(now)

    def _take_later(self) -> list[int]:
        later, self._later = self._later, []
        return later

    def _watch_pending(self, now: Now) -> None:
        """A difference nobody may name yet is looked at again when one may."""
        ripe_ns = self._core.reconciler.pending.ripe_ns
        if ripe_ns is None:
            return
        wait_ns = max(0, ripe_ns - self._core.clock.offset.venue_ns(now))
        look_ns = now.mono_ns + wait_ns
        soon_ns = look_ns + _FOLLOW_UP_SOON_S * NS_PER_S
        if not any(look_ns <= due <= soon_ns for due in self._audits):
            self._audits.append(look_ns)
            self._audits.sort()

    def _go_live(self, report: ReconcileReport, now: Now) -> None:
        self._was_live = True
        self._live_since_venue_ns = self._core.clock.offset.venue_ns(now)
        self._set_state(LinkState.LIVE, "")
        self._core.outcomes.end_gap()
        self._tell_report(report)
        self._audits.clear()
        for pause_s in _FOLLOW_UPS_S:
            self._plan_audit(now, pause_s)
        self._watch_pending(now)

    def _tell_report(self, report: ReconcileReport) -> None:
        self.last_report = report
        self.reports += 1
        self._core.outbox.publish(Resynced(report=report))

    def _suspect_stream(self, report: ReconcileReport, now: Now) -> None:
        """A fill that happened while the stream was trusted came by REST."""
        clock = self._core.clock.offset
        before_ns = clock.venue_ns(now) - self._budget_ns
        late = [
            fill
            for fill in report.missed_fills
            if self._live_since_venue_ns < fill.venue_ns < before_ns
        ]
        if late and self.state is LinkState.LIVE:
            why = f"{len(late)} fills were not told by the stream"
            self._core.outbox.publish(Alarm(code="stream.missed", text=why))
            self.distrust(GapReason.AUDIT_MISMATCH, why, now)

    def _failed(self, run: Run, why: str, now: Now) -> None:
        if run.mode is SyncMode.AUDIT:
            self._tickets += self._take_later()
            interval_s = self._core.config.audit_interval_s
            self._plan_audit(now, _RETRY_SYNC_S if self._tickets else interval_s)
            return
        self._gap_detail = f"reconciliation failed: {why}"
        self._core.outbox.publish(Alarm(code="reconcile.failed", text=why))
        self._retry_ns = now.mono_ns + int(_RETRY_SYNC_S * NS_PER_S)

    def _note_untied(self, now: Now) -> None:
        if self._untied_since_ns is None:
            self._untied_since_ns = now.mono_ns

    def _check_expectations(self, now: Now) -> None:
        budget = self._budget_ns
        due = now.mono_ns
        for client_order_id, limit_ns in self._echoes.items():
            if limit_ns <= due:
                why = f"accepted order {client_order_id} did not show on the stream"
                self.distrust(GapReason.MUTE, why, now)
                return
        for key, seen_ns in self._core.merger.hints.items():
            if seen_ns + budget <= due:
                why = f"trade {key[2]} of {key[0]} was announced and never told"
                self.distrust(GapReason.MUTE, why, now)
                return
        since = self._untied_since_ns
        if since is None or since + budget > due:
            return
        self._untied_since_ns = None
        core = self._core
        short = core.orders.short()
        untied = [
            key
            for key in core.account.position_mismatches()
            if not core.reconciler.pending.covers(f"position {position_name(key)}")
        ]
        if not short and not untied:
            return
        venue_ns = core.clock.offset.venue_ns(now)
        is_moving = core.account.moved_within(untied, budget, venue_ns) or any(
            t.venue_ns > venue_ns - budget for t in short
        )
        if is_moving:
            self._note_untied(now)  # its fills may be one message behind: look later
            return
        self.gap(GapReason.MUTE, "fills and positions do not tie out", now)

    def _publish_margin(self, now: Now) -> None:
        core = self._core
        self._margin_version = core.account.version
        open_orders = core.orders.snapshots(only_open=True)
        margin = core.account.margin(open_orders, now)
        if margin is not None:
            core.outbox.publish(MarginUpdate(margin=margin))
