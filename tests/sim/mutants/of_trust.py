"""Broken variants of trust, streams and reconciliation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connector.core.link import Link
from connector.core.reconcile import Reconciler
from connector.core.trust import Trust
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


def ask_for_no_fills(patch: Patch) -> None:
    """Reconciliation asks for orders and positions only."""
    patch.setattr(Reconciler, "_fills", lambda self, run, now: self._missing(run, now))


def ask_for_no_missing_orders(patch: Patch) -> None:
    """An order that is not in the list of open ones is left alone."""
    patch.setattr(Reconciler, "_missing", lambda self, run, now: self._again(run, now))


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


def drain_nothing(patch: Patch) -> None:
    """What the stream told during the snapshot is thrown away; the audits find it."""

    def drain(self: Trust, run: Any, now: Any) -> None:
        self._buffer.clear()

    patch.setattr(Trust, "_drain", drain)


def check_nothing(patch: Patch) -> None:
    """The sums of a snapshot need not tie out, and nothing is asked again."""
    patch.setattr(Reconciler, "_check", lambda self, run, now: self._finish(run, now))


def a_failed_sync_is_over(patch: Patch) -> None:
    """A reconciliation that failed is not tried again."""

    def failed(self: Trust, run: Any, why: str, now: Any) -> None:
        self._gap_detail = why

    patch.setattr(Trust, "_failed", failed)
