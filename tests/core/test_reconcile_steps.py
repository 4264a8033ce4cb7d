"""The routine that restores the truth, step by step, with bad and late answers."""

from __future__ import annotations

from typing import Any

import pytest

from connector.core.effects import SendCall
from connector.core.inputs import CallAnswered
from connector.dialect.wire import HttpAnswer, Request, Verdict
from connector.model.events import Alarm, LinkState
from connector.model.order import OrderStatus

S = OrderStatus
STEPS = ["open_orders", "positions", "ledger", "settings", "fills", "balances"]


def _fails(desk: Any) -> int:
    return [a.code for a in desk.told(Alarm)].count("reconcile.failed")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 5])
def test_a_step_that_fails_for_a_while_is_repeated(
    desk: Any, story: Any, step: str, times: int
) -> None:
    """Law 12: with growing pauses, six times; then the run is given up and told."""
    desk.push(desk.position("1"))
    desk.wait(60)
    desk.clear()
    left = [times]

    def answer(request: Request) -> Any:
        if left[0]:
            left[0] -= 1
            return story.no(Verdict.UNKNOWN)
        return desk.book.answer(request, desk.at() // 1_000_000)

    desk.answers[step] = answer
    desk.drop()
    desk.until_live()
    assert left == [0]
    assert _fails(desk) == 0


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_never_works_is_told_and_tried_for_ever(
    desk: Any, story: Any, step: str
) -> None:
    """Law 6: not live without it, an alarm for each run, a bounded rate of calls."""
    desk.push(desk.position("1"))
    desk.wait(60)
    desk.clear()
    desk.answers[step] = lambda request: story.no(Verdict.UNKNOWN)
    desk.drop()
    desk.wait(60)
    assert desk.core.state is LinkState.SYNCING
    assert _fails(desk) >= 3
    assert len(desk.asked(step)) < 60


def test_every_page_is_read(desk: Any, story: Any) -> None:
    """A page of fills brings the next; all of them count."""
    facts = [desk.fill("x", "v1", f"t{n}", "0.1") for n in range(3)]
    desk.state("x", "v1", S.PARTIALLY_FILLED, "0.3")
    desk.position("0.3")

    def page(n: int) -> Any:
        following = Request(op=f"page{n + 1}", method="GET", path="/p")
        more = {"next_request": following} if n < 2 else {}
        return story.ok(facts[n], **more)

    desk.answers["fills"] = lambda request: page(0)
    desk.answers["page1"] = lambda request: page(1)
    desk.answers["page2"] = lambda request: page(2)
    desk.drop()
    report = desk.until_live()
    assert [f.trade_id for f in report.missed_fills] == ["t0", "t1", "t2"]


def test_positions_that_move_are_read_again_three_times_at_most(desk: Any) -> None:
    """Read before and after the fills, repeated while they differ."""
    moves = [0]

    def moving(request: Request) -> Any:
        moves[0] += 1
        desk.position(str(moves[0]))
        return desk.book.answer(request, desk.at() // 1_000_000)

    desk.answers["positions"] = moving
    desk.drop()
    desk.wait(0.5)
    assert desk.core.reconciler.run is None or desk.core.reconciler.run.rounds == 3
    assert 4 <= moves[0] <= 20


def test_an_order_that_only_a_fill_names_is_asked_for(desk: Any) -> None:
    """Law 13: whose fill it was is found out in the same run."""
    desk.state("web", "v7", S.FILLED, "1")
    desk.fill(None, "v7", "t1", "1")
    desk.position("1")
    desk.book.orders["v7"], kept = desk.book.orders["v7"], desk.book.orders["v7"]
    assert kept.status is S.FILLED, "so it is in no list of open orders"
    desk.drop()
    report = desk.until_live()
    assert [o.client_order_id for o in report.external_orders] == ["web"]
    assert desk.core.orders.all()[0].is_stub is False


@pytest.mark.parametrize("age_s", [1.0, 200.0])
def test_an_order_that_the_venue_no_longer_tells(
    desk: Any, story: Any, age_s: float
) -> None:
    """One answer may lag; two further apart than any read lags may not: the order is
    closed, and the report says that nobody can know how."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.push(desk.state("c1", "v1"))
    desk.wait(age_s)
    desk.drop()
    del desk.book.orders["v1"]
    report = desk.until_live()
    assert desk.status("c1") is S.NEW
    assert report.unknowable == ()
    desk.wait(100)
    assert desk.status("c1") is S.CANCELED
    assert desk.order("c1").reason == "closed, cause unknown"
    told = [text for r in desk.reports() for text in r.unknowable]
    assert len([text for text in told if "c1" in text]) == 1


def test_answers_of_a_dropped_run_are_not_heard(desk: Any, story: Any) -> None:
    """A new gap starts over; what the old run still gets belongs to nobody."""
    desk.hold("open_orders")
    desk.drop()
    desk.wait(1)
    (old,) = desk.open_calls("open_orders")
    del desk.calls[old]
    desk.drop()
    desk.wait(1)
    stranger = desk.state("x", "v9")
    del desk.book.orders["v9"]
    body = desk.dialect.say(story.ok(stranger))
    desk.feed(CallAnswered(old, HttpAnswer(status=200, headers={}, body=body)))
    assert desk.core.orders.all() == []
    desk.release("open_orders")
    desk.until_live()
    assert desk.core.orders.all() == []


def test_what_a_dropped_run_found_is_told_by_the_next(desk: Any) -> None:
    """Law 6: one report for the whole gap, however often it was interrupted."""
    desk.state("x", "v1", S.PARTIALLY_FILLED, "0.7")
    desk.fill("x", "v1", "t1", "0.5")  # an execution is missing: it checks again
    desk.position("0.7")
    desk.drop()
    desk.wait(0.4)
    assert not desk.core.is_live
    assert desk.fills_told() == ["t1"]
    desk.drop()
    desk.fill("x", "v1", "t2", "0.2")
    report = desk.until_live()
    assert [fill.trade_id for fill in report.missed_fills] == ["t1", "t2"]
    assert report.differences_left == ()


def test_reconciliation_never_waits_behind_other_questions(desk: Any) -> None:
    """Law 8: its calls carry a priority of their own."""
    desk.effects.clear()
    desk.reconnect()
    ranks = {
        e.request.op: e.request.priority.name
        for e in desk.effects
        if isinstance(e, SendCall) and e.request.op in STEPS
    }
    assert set(ranks.values()) == {"RECONCILE"}
    assert {"open_orders", "positions", "balances"} <= set(ranks)
