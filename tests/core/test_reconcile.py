"""What cannot be explained is named, once, and stays in the report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.model.events import Adjustment
from connector.model.order import OrderStatus, Origin


def test_a_position_without_a_fill_is_a_difference_left(desk: Any, story: Any) -> None:
    """Law 13: base + fills is not the venue's word, and no fact says why."""
    desk.position("3")
    desk.wait(120)
    named = [report for report in desk.reports() if report.differences_left]
    assert [report.differences_left for report in named] == [
        (
            Adjustment(
                subject=f"position {story.BTC} NET",
                local=Decimal(0),
                venue=Decimal(3),
            ),
        )
    ]
    assert not named[0].is_clean
    assert "differences left    1" in named[0].text()
    desk.resync()
    desk.wait(30)
    assert desk.reports()[-1].is_clean
    assert desk.held_qty() == 3


def test_an_order_is_not_taken_for_another_of_its_name(desk: Any, story: Any) -> None:
    """Client ids of others need not be unique: that one such order is listed says
    nothing of another, which ended while nobody listened."""
    for venue in ("v1", "v2"):
        desk.state("web", venue, origin=Origin.EXTERNAL)
    desk.wait(60)
    assert len(desk.core.orders.all()) == 2
    desk.streams_auto = False
    desk.drop()
    desk.state("web", "v1", OrderStatus.CANCELED, origin=Origin.EXTERNAL)
    desk.streams_auto = True
    desk.wait(60)
    told = {t.venue_order_id: t.status for t in desk.core.orders.all()}
    assert told == {"v1": OrderStatus.CANCELED, "v2": OrderStatus.NEW}
