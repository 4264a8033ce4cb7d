"""How commands end: once, by evidence, and never larger than the state allows.

Every case here was first found in a simulated world (see tests/seeds).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.core.effects import OpenStream, SendCall
from connector.core.inputs import Start, Stop
from connector.errors import NotLive
from connector.model.order import Accepted, OrderStatus, OrderType, Rejected


def _exposures(desk: Any, op: str) -> list[bool]:
    """Whether calls of that kind count as new exposure, oldest first."""
    return [
        effect.is_exposure
        for effect in desk.effects
        if isinstance(effect, SendCall) and effect.request.op == op
    ]


def test_an_answer_ends_a_command_once(story: Any) -> None:
    """Law: the facts of an answer are evidence; the answer does not end it again."""
    desk = story.Desk(doubt_patience_s=600.0).open()
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    (ticket,) = desk.cancel("c1")
    desk.fail("cancel", maybe_sent=True)  # in doubt: facts are evidence now
    while not desk.open_calls("cancel"):
        desk.wait(0.5)
    desk.answer("cancel", story.ok(desk.state("c1", "v1", OrderStatus.CANCELED)))
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.status("c1") is OrderStatus.CANCELED


def test_becoming_a_real_order_is_told(desk: Any, story: Any) -> None:
    """Law: what users see follows the trigger, though nothing else changes."""
    given = {"order_type": OrderType.STOP_LIMIT, "is_conditional": True}
    desk.buy(order_type=OrderType.STOP_LIMIT, trigger_price="90")
    (op,) = {request.op for request in desk.calls.values()}
    desk.answer(op, story.ok(desk.state("c1", "a1", **given)))
    assert desk.order("c1").triggered_order_id is None
    desk.push(desk.state("c1", "a1", triggered_order_id="v9", **given))
    assert desk.order("c1").triggered_order_id == "v9"


def test_refused_at_the_trigger_was_accepted(desk: Any, story: Any) -> None:
    """Law: REJECTED after the venue had accepted it does not mean it never was."""
    given = {"order_type": OrderType.STOP_LIMIT, "is_conditional": True}
    ticket = desk.buy(order_type=OrderType.STOP_LIMIT, trigger_price="90")
    (op,) = {request.op for request in desk.calls.values()}
    desk.push(desk.state("c1", "a1", **given))
    desk.push(desk.state("c1", "a1", OrderStatus.REJECTED, **given))
    desk.fail(op, maybe_sent=True)
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.status("c1") is OrderStatus.REJECTED


def test_larger_is_exposure_smaller_is_not(desk: Any, story: Any) -> None:
    """Law: only what may add exposure waits for trust."""
    desk.buy(qty="5")
    desk.answer("place", story.ok(desk.state("c1", "v1", qty=story.D(5))))
    desk.amend("c1", "4", "100")
    desk.amend("c1", "6", "100")
    assert _exposures(desk, "place") == [True]
    assert _exposures(desk, "amend") == [False, True]


def test_overlapping_amends_count_from_the_smallest(desk: Any, story: Any) -> None:
    """Law: an amend under way may have made the order smaller already."""
    desk.buy(qty="5")
    desk.answer("place", story.ok(desk.state("c1", "v1", qty=story.D(5))))
    desk.amend("c1", "2", "100")
    desk.amend("c1", "5", "101")
    assert _exposures(desk, "amend") == [False, True]


def test_what_lost_its_trust_is_not_sent(desk: Any, story: Any) -> None:
    """Law: new exposure that waited while the stream was lost never leaves, and
    says so; nothing of it is in doubt."""
    ticket = desk.buy()
    desk.drop()
    assert not desk.core.may_expose
    desk.fail("place", maybe_sent=False, code="NOT_LIVE")
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert not outcome.was_sent
    assert outcome.code == "NOT_LIVE"


def test_amends_to_more_are_refused_while_stale(desk: Any, story: Any) -> None:
    """Law: an amend is new exposure if it makes the order larger."""
    desk.buy(qty="5")
    desk.answer("place", story.ok(desk.state("c1", "v1", qty=story.D(5))))
    desk.drop()
    refused = desk.amend("c1", "6", "100")
    desk.amend("c1", "4", "100")
    assert isinstance(desk.outcomes[refused], NotLive)
    assert len(desk.open_calls("amend")) == 1


def test_closing_ends_a_start_that_still_asks(story: Any) -> None:
    """Law: answers that come after Stop open nothing."""
    desk = story.Desk()
    desk.held.add("marks")
    desk.feed(Start())
    desk.wait(1)
    assert desk.open_calls("marks")
    desk.feed(Stop())
    desk.answer("marks", story.ok())
    desk.wait(30)
    assert not [e for e in desk.effects if isinstance(e, OpenStream)]


def test_the_same_number_written_otherwise_changes_nothing(
    desk: Any, story: Any
) -> None:
    """Law 14: what is not written must not differ from what was."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1", avg_price=story.D("99.5"))))
    before = desk.core.state_hash()
    desk.push(desk.state("c1", "v1", avg_price=story.D("99.500"), price=story.D("1e2")))
    assert desk.core.state_hash() == before


def test_an_amend_that_ends_the_order_is_refused(desk: Any, story: Any) -> None:
    """Law 2: a good answer that tells of an end with the old terms is no acceptance
    (a post-only order amended through the market is cancelled instead)."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    ticket = desk.amend("c1", "1", "101")
    gone = desk.state("c1", "v1", OrderStatus.CANCELED, t=5.0)
    desk.answer("amend", story.ok(gone))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert outcome.code == "TOO_LATE"
    assert desk.status("c1") is OrderStatus.CANCELED


def test_an_amend_that_fills_the_order_is_accepted(desk: Any, story: Any) -> None:
    """The new terms took effect, and the order met its end by them."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    ticket = desk.amend("c1", "1", "101")
    done = desk.state("c1", "v1", OrderStatus.FILLED, "1", t=5.0, price=Decimal(101))
    desk.answer("amend", story.ok(done))
    assert isinstance(desk.outcomes[ticket], Accepted)


@pytest.mark.parametrize("by", ["answer", "event"])
def test_what_ended_a_doubt_is_counted(desk: Any, by: str) -> None:
    """Found by the session's own question, or told by the stream."""
    ticket = desk.buy()
    desk.fail("place", maybe_sent=True)
    state = desk.state("c1", "7")
    if by == "event":
        desk.push(state)
    else:
        desk.wait(10)  # the search is answered from the book
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.core.outcomes.resolved_by[by] == 1
    assert sum(desk.core.outcomes.resolved_by.values()) == 1
