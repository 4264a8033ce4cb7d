"""The laws notice: each is broken on purpose somewhere in the connector."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from connector.core.effects import AppendJournal
from connector.core.inputs import CallFailed, JournalWritten
from connector.core.link import Link
from connector.core.machine import SessionCore
from connector.core.merge import Merger
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.outcomes import Outcomes
from connector.core.restore import replay
from connector.dialect.facts import PositionFact
from connector.session.journaling import JournalWriter
from connector.sim import judgement
from connector.sim.faultplan import FaultPlan
from connector.sim.worlds import play

# A killed process leaves coroutines behind that nobody awaits; that is the point.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
)

Break = Callable[[pytest.MonkeyPatch], None]


def _count_twice(patch: pytest.MonkeyPatch) -> None:
    """Forget which fills were counted."""
    merge = Orders.merge_fill

    def merge_fill(self: Orders, fact: Any) -> Any:
        self._trades.clear()
        return merge(self, fact)

    patch.setattr(Orders, "merge_fill", merge_fill)


def _send_before_journal(patch: pytest.MonkeyPatch) -> None:
    """Say durable before anything was written."""
    put = JournalWriter.put

    def hasty(self: JournalWriter, effect: AppendJournal) -> None:
        put(self, AppendJournal(effect.records, is_durable=effect.is_durable))
        if effect.token:
            self._post(JournalWritten(effect.token))

    patch.setattr(JournalWriter, "put", hasty)


def _guess(patch: pytest.MonkeyPatch) -> None:
    """Take a lost answer for a request that was not sent."""
    failed = Outbox.on_failed

    def on_failed(self: Outbox, happened: CallFailed, now: Any) -> None:
        failed(self, CallFailed(happened.call_id, False, "NOT_SENT", "guess"), now)

    patch.setattr(Outbox, "on_failed", on_failed)


def _expose_while_stale(patch: pytest.MonkeyPatch) -> None:
    """Send whatever was asked for, live or not."""
    patch.setattr(SessionCore, "may_expose", property(lambda self: True))


def _ignore_positions(patch: pytest.MonkeyPatch) -> None:
    """Do not take what the venue says about positions."""
    apply = Merger.apply

    def deaf(self: Merger, facts: Any, *args: Any, **options: Any) -> None:
        kept = [fact for fact in facts if not isinstance(fact, PositionFact)]
        apply(self, kept, *args, **options)

    patch.setattr(Merger, "apply", deaf)


def _never_ping(patch: pytest.MonkeyPatch) -> None:
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


def _wait_for_proof(patch: pytest.MonkeyPatch) -> None:
    """Let whoever waits wait until the very end of a doubt."""
    made = Outcomes.__init__

    def patient(self: Outcomes, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._patient_ns = 1 << 62

    patch.setattr(Outcomes, "__init__", patient)
    patch.setattr(judgement, "COMMAND_BOUND_S", 35.0)  # below the time of a proof


def _reuse_ids(patch: pytest.MonkeyPatch) -> None:
    """Begin every run with the same client ids."""
    patch.setattr("connector.session.opening._run_name", lambda *_: "again")

    def forgetful(core: SessionCore, records: Any, now: Any) -> None:
        kept = [row for row in records if row.kind not in ("intent", "order")]
        replay(core, kept, now)

    patch.setattr("connector.core.restore.replay", forgetful)


@pytest.mark.parametrize(
    ("law", "damage"),
    [
        ("once", _count_twice),
        ("intent", _send_before_journal),
        ("no-guess", _guess),
        ("exposure", _expose_while_stale),
        ("truth", _ignore_positions),
        ("stale", _never_ping),
        ("bounded", _wait_for_proof),
        ("one-order", _reuse_ids),
    ],
)
def test_a_broken_law_is_noticed(
    law: str, damage: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a connector with this defect does not survive sixty worlds."""
    damage(monkeypatch)
    assert any(law in play(seed).laws for seed in range(60))
