"""Amends of conditional orders that wait for their trigger."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.core.inputs import Amend
from connector.dialect import Capability
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId
from connector.model.order import Accepted, OrderStatus, OrderType, Terms

STOP = {"order_type": OrderType.STOP_LIMIT, "is_conditional": True}


def waiting(desk: Any, story: Any) -> Any:
    """A desk with one stop-limit order that waits at 90."""
    desk.buy(order_type=OrderType.STOP_LIMIT, trigger_price="90")
    (op,) = {request.op for request in desk.calls.values()}
    desk.answer(op, story.ok(desk.state("c1", "a1", trigger_price=D(90), **STOP)))
    assert desk.status("c1") is OrderStatus.NEW
    return desk


def amend(
    desk: Any, qty: str | None = "1", price: str | None = "100", trigger: str = "91"
) -> int:
    """New terms of that order."""
    ticket = int(desk.ticket())
    numbers = [None if text is None else D(text) for text in (qty, price, trigger)]
    terms = Terms(qty=numbers[0], price=numbers[1], trigger_price=numbers[2])
    desk.feed(Amend(ticket, ClientOrderId("c1"), terms))
    return ticket


def test_it_is_accepted_when_the_trigger_is_the_new_one(desk: Any, story: Any) -> None:
    """Law 2: the state that was asked for is the evidence, the trigger with it."""
    waiting(desk, story)
    ticket = amend(desk)
    assert desk.order("c1").status is OrderStatus.PENDING_REPLACE
    desk.wait(0.01)
    desk.push(desk.state("c1", "a1", trigger_price=D(90), **STOP))
    desk.fail("amend", maybe_sent=True)
    assert ticket not in desk.outcomes
    desk.push(desk.state("c1", "a1", trigger_price=D(91), **STOP))
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.order("c1").trigger_price == D(91)


def test_the_journal_has_the_new_trigger_first(desk: Any, story: Any) -> None:
    """Law 4: intent first."""
    amend(waiting(desk, story))
    assert "trigger_price=Decimal('91')" in str(desk.records)


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        ({"trigger": "91.05"}, "trigger_price"),
        ({"trigger": "NaN"}, "trigger_price"),
        ({"qty": "0.0005"}, "min_qty"),
        ({"price": None}, "price"),
        ({"qty": None}, "qty"),
    ],
)
def test_bad_terms_are_refused(
    desk: Any, story: Any, terms: dict[str, Any], rule: str
) -> None:
    """Law 11: by name, and nothing is sent."""
    waiting(desk, story)
    sent = len(desk.sent)
    error = desk.outcomes[amend(desk, **terms)]
    assert isinstance(error, InvalidOrder)
    assert (error.rule, len(desk.sent)) == (rule, sent)


def test_what_triggered_waits_no_more(desk: Any, story: Any) -> None:
    """Its trigger is history."""
    waiting(desk, story)
    desk.push(desk.state("c1", "a1", triggered_order_id="v9", **STOP))
    assert desk.outcomes[amend(desk)].rule == "trigger_price"


def test_a_venue_that_cannot_says_so(make_desk: Any, story: Any) -> None:
    """Law 11: Unsupported, before anything is journaled."""
    have = frozenset(Capability) - {Capability.AMEND_CONDITIONAL}
    desk = waiting(make_desk(facts={"capabilities": have}).open(), story)
    assert isinstance(desk.outcomes[amend(desk)], Unsupported)
