"""Acknowledgements that say only "received": the stream must tell the fate."""

from __future__ import annotations

from typing import Any

import pytest

from connector.dialect.wire import Verdict
from connector.model.events import Gap, GapReason, OrderUpdate
from connector.model.order import Accepted, OrderStatus, Rejected


def received(story: Any) -> Any:
    return story.no(Verdict.PROCESSING, "0")


def statuses(desk: Any) -> list[OrderStatus]:
    return [event.order.status for event in desk.told(OrderUpdate)]


def test_received_is_pending_not_doubt(desk: Any, story: Any) -> None:
    """Received and told a moment later: PENDING_NEW, then NEW, never IN_DOUBT."""
    ticket = desk.buy()
    desk.answer("place", received(story))
    assert desk.status("c1") is OrderStatus.PENDING_NEW
    assert ticket not in desk.outcomes
    desk.wait(1)
    desk.push(desk.state("c1", "7"))
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert statuses(desk) == [OrderStatus.PENDING_NEW, OrderStatus.NEW]
    assert desk.core.outcomes.resolved_by == {"answer": 0, "event": 0, "proof": 0}


def test_event_before_received(desk: Any, story: Any) -> None:
    """The stream was faster than the acknowledgement: accepted at once."""
    ticket = desk.buy()
    desk.push(desk.state("c1", "7"))
    desk.answer("place", received(story))
    assert isinstance(desk.outcomes[ticket], Accepted)


def test_refused_after_received(desk: Any, story: Any) -> None:
    """The venue decides later, and against it."""
    ticket = desk.buy()
    desk.answer("place", received(story))
    desk.push(desk.state("c1", "7", OrderStatus.REJECTED, reason="no margin"))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert outcome.order.status is OrderStatus.REJECTED


def test_silence_after_received_costs_trust(desk: Any, story: Any) -> None:
    """No echo within the budget: the stream is mute; re-syncing finds the order."""
    ticket = desk.buy()
    desk.answer("place", received(story))
    desk.state("c1", "7")  # it exists, the stream does not tell
    desk.clear()
    desk.wait(2.9)
    assert desk.core.is_live
    assert desk.asked("order") == []
    desk.wait(1)
    assert [gap.reason for gap in desk.told(Gap)] == [GapReason.MUTE]
    desk.wait(3)
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.core.is_live


def test_received_and_never_heard_of_is_doubt(desk: Any, story: Any) -> None:
    """Neither stream nor query knows it: in doubt until there is proof."""
    ticket = desk.buy()
    desk.answer("place", received(story))
    desk.wait(4)
    assert desk.status("c1") is OrderStatus.IN_DOUBT
    desk.wait(120)
    outcome = desk.outcomes[ticket]
    assert not isinstance(outcome, Accepted)
    assert desk.status("c1") is OrderStatus.REJECTED


@pytest.mark.parametrize("verb", ["cancel", "amend"])
def test_received_change_waits_for_the_stream(desk: Any, story: Any, verb: str) -> None:
    """A cancel or amend that was received is pending until the stream tells."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "7")))
    desk.push(desk.state("c1", "7"))
    ticket = desk.cancel("c1")[0] if verb == "cancel" else desk.amend("c1", "2", "100")
    desk.clear()
    desk.answer(verb, received(story))
    desk.wait(2)
    assert desk.asked("order") == []
    assert desk.status("c1") in (
        OrderStatus.PENDING_CANCEL,
        OrderStatus.PENDING_REPLACE,
    )
    if verb == "cancel":
        desk.push(desk.state("c1", "7", OrderStatus.CANCELED))
    else:
        desk.push(desk.state("c1", "7", qty=story.D(2), is_amend=True))
    assert isinstance(desk.outcomes[ticket], Accepted)


def test_cancel_all_received_is_followed(desk: Any, story: Any) -> None:
    """A cancel-all that was only received: its orders are watched to their end."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "7")))
    desk.push(desk.state("c1", "7"))
    desk.cancel_all()
    desk.answer("cancel_all", received(story))
    assert desk.status("c1") is OrderStatus.PENDING_CANCEL
