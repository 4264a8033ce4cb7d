"""Expectations: silence is found out, and ordinary trading is not taken for it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.core.inputs import Stop
from connector.dialect.facts import UnknownFact
from connector.dialect.wire import Verdict
from connector.errors import SessionClosed
from connector.model.events import (
    Alarm,
    Gap,
    GapReason,
    LedgerUpdate,
    LinkState,
    UnknownMessage,
)
from connector.model.noun import replace
from connector.model.order import OrderStatus

S = OrderStatus


def _gaps(desk: Any) -> list[GapReason]:
    return [gap.reason for gap in desk.told(Gap)]


def test_an_accepted_order_must_show(desk: Any, story: Any) -> None:
    """Law 7: the answer says accepted, the stream says nothing: it is mute."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.wait(2.9)
    assert desk.core.is_live
    desk.wait(0.2)
    assert _gaps(desk) == [GapReason.MUTE]
    desk.until_live()
    assert desk.status("c1") is S.NEW


def test_an_announced_trade_must_follow(desk: Any) -> None:
    """Law 7: an early copy of a fill is a promise."""
    desk.push(desk.fill("x", "v1", "t1", "1", is_hint=True))
    desk.wait(3.1)
    assert _gaps(desk) == [GapReason.MUTE]


def test_a_trade_that_followed_its_announcement(desk: Any) -> None:
    """The promise kept, and kept before it was made, is no gap; it counts once."""
    facts = (desk.state("x", "v1", S.FILLED, "1"), desk.fill("x", "v1", "t1", "1"))
    desk.push(desk.fill("x", "v1", "t1", "1", is_hint=True))
    desk.push(*facts, desk.position("1"))
    desk.push(desk.fill("x", "v1", "t1", "1", is_hint=True))
    desk.wait(30)
    assert _gaps(desk) == []
    assert desk.fills_told() == ["t1"]


def test_a_filled_order_must_have_its_fills(desk: Any) -> None:
    """Law 1: cumulative quantity without executions leads to a re-sync."""
    fact = desk.state("x", "v1", S.FILLED, "1")
    desk.fill("x", "v1", "t1", "1")
    desk.position("1")
    desk.push(fact)
    desk.wait(3.5)
    assert _gaps(desk) == [GapReason.MUTE]
    desk.until_live()
    assert desk.fills_told() == ["t1"]


def test_a_position_must_be_explained(desk: Any) -> None:
    """Law 13: a position that no fill explains leads to a re-sync."""
    fact = desk.position("1")
    desk.state("x", "v1", S.FILLED, "1")
    desk.fill("x", "v1", "t1", "1")
    desk.push(fact)
    desk.wait(6.5)
    assert _gaps(desk) == [GapReason.MUTE]
    desk.until_live()
    assert desk.fills_told() == ["t1"]


def test_busy_trading_with_states_ahead_of_fills_is_no_gap(desk: Any) -> None:
    """A venue that tells states and executions apart is one message behind at any
    instant; that is not silence."""
    desk.push(desk.state("x", "v1", qty=D(100)))
    for n in range(1, 400):
        filled = str(D(n) / 100)
        state = desk.state("x", "v1", S.PARTIALLY_FILLED, filled, qty=D(100))
        desk.push(state)
        desk.wait(0.03)
        desk.push(desk.fill("x", "v1", f"t{n}", "0.01"), desk.position(filled))
        desk.wait(0.001)
    assert _gaps(desk) == []
    desk.wait(30)
    assert _gaps(desk) == []


def test_a_fill_that_only_rest_knows_is_distrusted(desk: Any) -> None:
    """An idle stream and a dead one look alike: REST tells them apart, and the
    stream is replaced."""
    desk.state("x", "v1", S.FILLED, "1")
    desk.fill("x", "v1", "t1", "1")
    desk.position("1")
    desk.wait(65)
    assert desk.fills_told() == ["t1"]
    assert _gaps(desk) == [GapReason.AUDIT_MISMATCH]
    assert "stream.missed" in [alarm.code for alarm in desk.told(Alarm)]


def test_an_unreadable_frame_is_a_gap_and_kept(desk: Any) -> None:
    """Law 11: kept raw (cut), reported, survived, and the state is read again."""
    desk.push(UnknownFact(kind="garbage", raw="x" * 10_000, is_gap=True))
    assert _gaps(desk) == [GapReason.PARSE_FAILURE]
    desk.until_live()
    (unknown,) = desk.told(UnknownMessage)
    assert len(unknown.raw) == 4096


def test_an_unknown_event_is_no_gap(desk: Any) -> None:
    """Law 11: what is understood to be no business of ours is only told."""
    desk.push(UnknownFact(kind="news", raw="{}"))
    assert desk.core.is_live
    assert [event.kind for event in desk.told(UnknownMessage)] == ["news"]


def test_too_much_while_syncing_starts_over(make_desk: Any) -> None:
    """Law 12: the buffer is bounded; its overflow is a re-sync, not a loss."""
    desk = make_desk(buffer_max=20).open()
    desk.hold("open_orders")
    desk.drop()
    desk.wait(1)
    for n in range(30):
        desk.push(desk.state("x", "v1", filled=f"0.{n:02}"))
    assert desk.core.state is LinkState.SYNCING
    desk.release("open_orders")
    desk.until_live()
    assert len(desk.asked("open_orders")) >= 2
    assert desk.order("x").filled_qty == D("0.29")


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.REJECTED])
def test_a_sync_that_fails_is_repeated_until_it_works(
    desk: Any, story: Any, verdict: Verdict
) -> None:
    """Law 6: never live without the truth; each failure has an alarm."""
    desk.answers["positions"] = lambda request: story.no(verdict)
    desk.drop()
    desk.wait(60)
    assert desk.core.state is LinkState.SYNCING
    alarms = [alarm.code for alarm in desk.told(Alarm)]
    assert alarms.count("reconcile.failed") > 1
    del desk.answers["positions"]
    desk.until_live()


def test_a_requested_run_is_answered_or_refused(desk: Any) -> None:
    """Every ticket ends: with the report, or with the session."""
    ticket = desk.resync()
    desk.wait(1)
    assert desk.outcomes[ticket].reason is GapReason.REQUESTED
    desk.hold("open_orders")
    left = desk.resync()
    desk.feed(Stop())
    assert isinstance(desk.outcomes[left], SessionClosed)


def test_a_request_while_disconnected_waits_for_the_stream(desk: Any) -> None:
    """Nothing can be compared before the stream is back; then it is answered."""
    desk.streams_auto = False
    desk.drop()
    ticket = desk.resync()
    desk.wait(5)
    assert ticket not in desk.outcomes
    desk.streams_auto = True
    desk.wait(15)
    assert desk.outcomes[ticket].reason is GapReason.DISCONNECT


def test_a_request_is_answered_by_a_run_that_asked_after_it(desk: Any) -> None:
    """Law 6: what an audit asked before the wish is no answer to "compare now"."""
    desk.wait(120)
    desk.hold("balances")
    desk.wait(120)
    assert desk.open_calls("balances")
    desk.state("x", "v9")  # entered on the web page; its event is on its way
    tickets = [desk.resync(), desk.resync()]
    asked = len(desk.asked("open_orders"))
    desk.release("balances")
    desk.wait(1)
    for ticket in tickets:
        report = desk.outcomes[ticket]
        assert [order.venue_order_id for order in report.external_orders] == ["v9"]
    assert len(desk.asked("open_orders")) == asked + 1


def test_what_was_announced_during_an_audit_is_asked_for_after_it(desk: Any) -> None:
    """Law 13: the audit that a notice of the ledger wants is not lost because another
    one is slow; those that are due together are one."""
    desk.wait(120)
    desk.hold("balances")
    desk.wait(120)
    for _ in range(5):
        desk.push(replace(desk.entry("-1"), entry_id=""))
    desk.book.ledger[:] = desk.book.ledger[:1]
    asked = len(desk.asked("ledger"))
    desk.wait(4)
    assert len(desk.asked("ledger")) == asked
    desk.release("balances")
    desk.wait(2)
    assert len(desk.asked("ledger")) == asked + 1
    assert [event.entry.amount for event in desk.told(LedgerUpdate)] == [D("-1")]
