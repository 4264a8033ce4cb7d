"""Broken variants of trust, streams and reconciliation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connector.core.link import Link
from connector.core.machine import SessionCore
from connector.core.reconcile import Reconciler
from connector.core.trust import Trust
from connector.dialect.facts import ControlKind
from connector.model.events import GapReason, LinkState
from connector.model.noun import replace
from connector.sim.faultplan import FaultPlan

Patch = pytest.MonkeyPatch


def never_ask(patch: Patch) -> None:
    """Live again without asking what was missed."""

    def sync(self: Trust, now: Any) -> None:
        self._was_live = True
        self._set_state(LinkState.LIVE, "")

    patch.setattr(Trust, "_sync", sync)


def never_stale(patch: Patch) -> None:
    """A lost stream is nobody's business."""
    patch.setattr(Trust, "on_stream_lost", lambda self, reason, why, now: None)


def never_ping(patch: Patch) -> None:
    """Trust a stream for as long as it does not close."""
    ready = Link._ready

    def no_ping(self: Link, conn: Any, now: Any) -> None:
        ready(self, conn, now)
        conn.next_ping_ns = 1 << 62

    async def silence(self: FaultPlan, seconds: float) -> None:
        await asyncio.sleep(3)
        self._stage.world.network.stall_all()
        await asyncio.sleep(40)

    patch.setattr(Link, "_ready", no_ping)
    patch.setattr(FaultPlan, "run", silence)


def ignore_expectations(patch: Patch) -> None:
    """Silence where an echo was due means nothing, and nobody audits."""
    patch.setattr(Trust, "_check_expectations", lambda self, now: None)
    patch.setattr(Trust, "_audit", lambda self, now: None)


def skip_audits(patch: Patch) -> None:
    """Nobody compares REST with the local state while live."""
    patch.setattr(Trust, "_audit", lambda self, now: None)


def audits_find_nothing(patch: Patch) -> None:
    """What an audit found does not make the stream suspect."""
    patch.setattr(Trust, "_suspect_stream", lambda self, report, now: None)


def no_report(patch: Patch) -> None:
    """Nobody is told what a gap cost."""
    patch.setattr(Trust, "_tell_report", lambda self, report: None)


def reports_leave_fills_out(patch: Patch) -> None:
    """The report of a gap does not name the fills that were missed."""
    tell = Trust._tell_report

    def empty(self: Trust, report: Any) -> None:
        tell(self, replace(report, missed_fills=()))

    patch.setattr(Trust, "_tell_report", empty)


def skip_rotation(patch: Patch) -> None:
    """Wait until the venue closes the stream."""
    patch.setattr(Link, "rotate", lambda self, now: setattr(self, "_rotate_ns", None))


def rotate_by_dropping(patch: Patch) -> None:
    """The old stream is closed before the new one is up."""

    def rotate(self: Link, now: Any) -> None:
        self._rotate_ns = None
        self.reset(GapReason.DISCONNECT, "rotation", now)

    patch.setattr(Link, "rotate", rotate)


def ignore_expired_keys(patch: Patch) -> None:
    """The farewell of a stream whose key expired is not understood, and neither pings
    nor audits are made."""
    on_control = Link.on_control

    def deaf(self: Link, epoch: int, fact: Any, now: Any) -> None:
        if fact.kind is not ControlKind.KEY_EXPIRED:
            on_control(self, epoch, fact, now)

    patch.setattr(Link, "on_control", deaf)
    ignore_expectations(patch)


def overflow_is_forgotten(patch: Patch) -> None:
    """Too many facts while syncing: the rest is thrown away."""
    take = Trust.take

    def forget(self: Trust, facts: Any, now: Any) -> None:
        if self.state is not LinkState.LIVE and len(self._buffer) > 8:
            return
        take(self, facts, now)

    patch.setattr(Trust, "take", forget)
    patch.setattr(Trust, "_audit", lambda self, now: None)


def drain_nothing(patch: Patch) -> None:
    """What the stream told during the snapshot is thrown away."""

    def drain(self: Trust, run: Any, now: Any) -> None:
        self._buffer.clear()

    patch.setattr(Trust, "_drain", drain)
    patch.setattr(Trust, "_audit", lambda self, now: None)


def ask_for_no_fills(patch: Patch) -> None:
    """Reconciliation asks for orders and positions only."""
    patch.setattr(Reconciler, "_fills", lambda self, run, now: self._missing(run, now))


def ask_for_no_missing_orders(patch: Patch) -> None:
    """An order that is not in the list of open ones is left alone."""
    patch.setattr(Reconciler, "_missing", lambda self, run, now: self._again(run, now))


def lose_the_cursor(patch: Patch) -> None:
    """Fills are asked for from now on."""
    patch.setattr(Reconciler, "_since_ms", lambda self, now: self._venue_ms(now))


def save_no_cursor(patch: Patch) -> None:
    """After a restart nobody knows how far the past was known."""
    patch.setattr(SessionCore, "save_sync_point", lambda self: None)


def check_nothing(patch: Patch) -> None:
    """The sums of a snapshot need not tie out, and nothing is asked again."""
    patch.setattr(Reconciler, "_check", lambda self, run, now: self._finish(run, now))


def accept_every_epoch(patch: Patch) -> None:
    """Frames of a stream that was given up still count, as if it were the present."""
    patch.setattr(Link, "accepts", lambda self, epoch, now: False)


def give_up_reconnecting(patch: Patch) -> None:
    """One attempt to reconnect is enough."""
    lose = Link._lose

    def once(self: Link, *args: Any) -> None:
        lose(self, *args)
        if self.reconnects > 1:
            self._retry_ns = None

    patch.setattr(Link, "_lose", once)


def a_failed_sync_is_over(patch: Patch) -> None:
    """A reconciliation that failed is not tried again."""

    def failed(self: Trust, run: Any, why: str, now: Any) -> None:
        self._gap_detail = why

    patch.setattr(Trust, "_failed", failed)


def unreadable_is_harmless(patch: Patch) -> None:
    """A frame that breaks off may have told anything: nobody cares."""
    gap = Trust.gap

    def only_others(self: Trust, reason: Any, why: str, now: Any) -> None:
        if reason is not GapReason.PARSE_FAILURE:
            gap(self, reason, why, now)

    patch.setattr(Trust, "gap", only_others)
    ignore_expectations(patch)
