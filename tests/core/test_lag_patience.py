"""What reads that lag may not lead to: differences named too early, fills not asked
for far enough back, doubts that a report forgets."""

from __future__ import annotations

from typing import Any

import pytest

from connector.dialect.wire import Verdict
from connector.model.events import Gap
from connector.model.order import OrderStatus

LAG_S = 40.0


def named(desk: Any) -> list[str]:
    """Subjects of the differences that reports have named."""
    return [d.subject for report in desk.reports() for d in report.differences_left]


def fills_asked_s(desk: Any, story: Any) -> list[float]:
    """From when fills were asked for, in seconds of the story."""
    return [
        int(request.context["since"]) / 1000 - story.EPOCH_S
        for _, request in desk.sent
        if request.op == "fills"
    ]


class TestDifferences:
    """A sum that does not tie out is named when it has stood for the lag budget."""

    @pytest.fixture
    def desk(self, make_desk: Any) -> Any:
        """Live, with money."""
        desk = make_desk()
        desk.balance("1000")
        return desk.open()

    def test_not_named_before_the_lag_budget(self, desk: Any) -> None:
        """A wallet that moved without an entry: reads may be behind, so it waits;
        then it is named once, and is the base from there on."""
        desk.balance("990")
        desk.reconnect()
        desk.wait(LAG_S - 10)
        assert named(desk) == []
        assert desk.core.is_live
        desk.wait(20)
        assert named(desk) == ["wallet USDT"]
        desk.wait(200)
        assert named(desk) == ["wallet USDT"]

    def test_a_late_entry_explains_it(self, desk: Any) -> None:
        """The entry shows within the lag budget: there was no difference."""
        desk.balance("990")
        desk.reconnect()
        desk.wait(15)
        desk.entry("-10")
        desk.wait(120)
        assert named(desk) == []

    def test_a_watched_difference_is_told(self, desk: Any) -> None:
        """Who asks meanwhile hears of it: that is not clean."""
        desk.balance("990")
        desk.reconnect()
        desk.wait(10)
        ticket = desk.resync()
        report = desk.outcomes[ticket]
        assert [d.subject for d in report.differences_watched] == ["wallet USDT"]
        assert report.differences_left == ()
        assert not report.is_clean
        assert "watched             wallet USDT: local 1000, venue 990" in report.text()

    def test_watched_across_processes(self, desk: Any, story: Any) -> None:
        """A program that lives for one question: the next one names it."""
        desk.balance("990")
        desk.reconnect()
        desk.wait(10)
        desk.t += LAG_S
        again = story.reborn(desk)
        again.feed(story.Start())
        again.wait(10)
        assert named(again) == ["wallet USDT"]

    def test_watching_costs_little(self, desk: Any) -> None:
        """What is watched already is not read again and again within one audit."""
        desk.balance("990")
        desk.reconnect()
        desk.wait(10)
        desk.clear()
        desk.wait(LAG_S - 12)
        assert len(desk.asked("open_orders")) == 1, "the audit after 15 s"

    def test_a_watched_position_does_not_cost_trust(self, desk: Any) -> None:
        """A position that differs is told as the venue tells it; while it is watched
        it is no reason to be stale over and over."""
        desk.position("3")
        desk.reconnect()
        desk.clear()
        for _ in range(5):
            desk.push(desk.position("3"))
            desk.wait(5)
        assert desk.core.is_live
        assert len(desk.told(Gap)) == 1, "once, to look at it"
        desk.wait(60)
        assert named(desk) == ["position BTCUSDT NET"]


class TestOldFills:
    """An order that lacks fills is asked for from its creation."""

    def test_asked_from_the_creation_of_the_order(self, desk: Any, story: Any) -> None:
        """Its fill is older than all that a reconciliation would look at."""
        desk.buy()
        created_s = desk.t
        desk.answer("place", story.ok(desk.state("c1", "7")))
        desk.push(desk.state("c1", "7"))
        desk.wait(5)
        desk.fill("c1", "7", "1", "1")  # REST knows it, the stream never told
        desk.book.fills[-1:], hidden = [], desk.book.fills[-1]
        desk.wait(1000)
        desk.clear()
        desk.book.fills.append(hidden)
        desk.push(desk.state("c1", "7", OrderStatus.FILLED, filled="1"))
        desk.wait(20)
        assert desk.fills_told() == ["1"]
        assert min(fills_asked_s(desk, story)) <= created_s

    def test_not_beyond_retention(self, make_desk: Any, story: Any) -> None:
        """What the venue no longer keeps is not asked for, and the report says so."""
        desk = make_desk(facts={"fill_retention_s": 600}).open()
        desk.buy()
        desk.answer("place", story.ok(desk.state("c1", "7")))
        desk.push(desk.state("c1", "7"))
        desk.wait(1000)
        desk.clear()
        desk.push(desk.state("c1", "7", OrderStatus.FILLED, filled="1"))
        desk.wait(30)
        asked = fills_asked_s(desk, story)
        assert min(asked) >= desk.t - 30 - 600 - 1
        notes = [note for report in desk.reports() for note in report.unknowable]
        assert "fills older than the venue keeps them" in notes


class TestDoubts:
    """A report names every doubt of its gap, whenever it was settled."""

    def test_settled_before_the_run(self, desk: Any, story: Any) -> None:
        """In doubt after the stream was lost, found by a question of its own before
        the stream was back: resolved in this gap."""
        desk.buy()
        desk.streams_auto = False
        desk.drop()
        desk.fail("place", maybe_sent=True)
        desk.state("c1", "7")
        desk.wait(1)
        assert desk.status("c1") is OrderStatus.NEW
        before = desk.core.trust.reports
        desk.streams_auto = True
        desk.wait(11)
        report = desk.until_live(before)
        assert [o.client_order_id for o in report.in_doubt_resolved] == ["c1"]

    def test_of_an_earlier_time(self, desk: Any, story: Any) -> None:
        """Doubts that were over before the gap began are none of its business."""
        desk.buy()
        desk.fail("place", maybe_sent=True)
        desk.push(desk.state("c1", "7"))
        desk.wait(5)
        report = desk.reconnect()
        assert report.in_doubt_resolved == ()

    def test_still_open(self, desk: Any, story: Any) -> None:
        """Neither found nor proven absent: left in doubt."""
        desk.buy()
        desk.answer("place", story.no(Verdict.UNKNOWN))
        report = desk.reconnect()
        assert [o.client_order_id for o in report.in_doubt_left] == ["c1"]
