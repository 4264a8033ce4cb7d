"""What cannot be explained is named, once, and stays in the report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.model.events import Adjustment


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
