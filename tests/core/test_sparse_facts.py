"""Facts that leave something out: sides, times of change, versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.model.account import MarginMode
from connector.model.events import FillEvent
from connector.model.noun import replace
from connector.model.order import PositionSide

LONG = PositionSide.LONG


def sums(desk: Any, side: PositionSide) -> Any:
    return desk.core.account.sums.position(("BTCUSDT", side))


class TestPositionSide:
    """Executions that do not tell their position side take that of the order."""

    def test_of_a_known_order(self, desk: Any, story: Any) -> None:
        """The order said LONG: so does its fill."""
        desk.push(desk.state("web", "9", position_side=LONG))
        desk.push(desk.fill("web", "9", "1", "0.5", position_side=None))
        (event,) = desk.told(FillEvent)
        assert event.fill.position_side is LONG
        assert sums(desk, LONG) == story.D("0.5")
        assert sums(desk, PositionSide.NET) == 0

    def test_told_before_its_order(self, desk: Any, story: Any) -> None:
        """The execution was first: it moves when the order tells its side."""
        desk.push(desk.fill("web", "9", "1", "0.5", position_side=None))
        desk.push(desk.state("web", "9", filled="0.5", position_side=LONG))
        assert sums(desk, LONG) == story.D("0.5")
        assert sums(desk, PositionSide.NET) == 0
        desk.push(desk.fill("web", "9", "1", "0.5", position_side=None))
        assert sums(desk, LONG) == story.D("0.5"), "counted once all the same"
        assert len(desk.told(FillEvent)) == 1

    def test_moved_sums_are_durable(self, desk: Any, story: Any) -> None:
        """What moved is still moved after a restart."""
        desk.push(desk.fill("web", "9", "1", "0.5", position_side=None))
        desk.push(desk.state("web", "9", filled="0.5", position_side=LONG))
        again = story.reborn(desk)
        assert sums(again, LONG) == story.D("0.5")
        assert sums(again, PositionSide.NET) == 0


class TestVersions:
    """Which of two words about a position is newer."""

    def test_equal_versions_go_by_time(self, desk: Any, story: Any) -> None:
        """A replica repeats the version with an older row: the newer time stays."""
        desk.push(desk.position("2", t=desk.t, version=7))
        desk.push(desk.position("1", t=desk.t - 1, version=7))
        assert desk.held_qty() == story.D(2)

    def test_versions_go_before_time(self, desk: Any, story: Any) -> None:
        """A higher version counts whatever its time says."""
        desk.push(desk.position("2", t=desk.t, version=7))
        desk.push(desk.position("1", t=desk.t - 1, version=8))
        assert desk.held_qty() == story.D(1)


def test_flat_row_tells_leverage(desk: Any) -> None:
    """The first row of an instrument is flat: its settings are kept."""
    desk.push(desk.position("0", leverage=7))
    assert desk.core.account.leverage["BTCUSDT"] == 7
    assert desk.core.account.positions() == []


def test_flat_row_tells_margin_mode(desk: Any) -> None:
    """Likewise whether it is isolated."""
    desk.push(desk.position("0", margin_mode=MarginMode.ISOLATED))
    assert desk.core.account.margin_modes["BTCUSDT"] is MarginMode.ISOLATED


class TestRowsWithoutTime:
    """Rows that say when they were read, not when they changed."""

    @pytest.fixture
    def timeless(self, make_desk: Callable[..., Any], story: Any) -> Any:
        """A venue whose wallet and position rows carry the time of the answer."""
        desk = make_desk()
        answer = desk.book.answer

        def as_of(request: Any, now_ms: int) -> Any:
            reply = answer(request, now_ms)
            if request.op not in ("balances", "positions"):
                return reply
            facts = tuple(
                replace(fact, venue_ns=now_ms * 1_000_000, is_as_of=True)
                for fact in reply.facts
            )
            return replace(reply, facts=facts)

        desk.book.answer = as_of
        desk.balance("1000")
        desk.position("2")
        return desk

    def test_are_quiet_when_they_repeat(self, timeless: Any) -> None:
        """The first synchronisation needs one more look, not all of them."""
        timeless.open()
        reports = timeless.core.trust
        assert reports.last_report is not None
        assert reports.last_report.duration_ms < 1_000

    def test_a_difference_is_found(self, timeless: Any, story: Any) -> None:
        """A wallet that moved without an entry is named, not taken for restless."""
        timeless.open()
        timeless.balance("990")
        timeless.wait(120)
        ticket = timeless.resync()
        timeless.wait(60)
        found = [
            difference.subject
            for report in [*timeless.reports(), timeless.outcomes[ticket]]
            for difference in report.differences_left
        ]
        assert found == ["wallet USDT"]
