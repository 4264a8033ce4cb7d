"""The venue's clock: what a sample proves, and what bad answers do."""

from __future__ import annotations

from typing import Any

import pytest

from connector.dialect.wire import Verdict
from connector.model.clock import NS_PER_MS, NS_PER_S, ClockOffset, Now


def _clock(desk: Any) -> ClockOffset:
    offset: ClockOffset = desk.core.clock.offset
    return offset


@pytest.mark.parametrize("error_s", [0.0, 0.25, -3.0, 86_400.0])
def test_the_offset_is_found_whatever_our_clock_says(
    make_desk: Any, error_s: float
) -> None:
    """Within its own bound."""
    desk = make_desk()
    desk.wall_error_s = error_s
    desk.open()
    clock = _clock(desk)
    off_ns = clock.venue_ns(desk.now) - desk.at()
    assert abs(off_ns) <= clock.error_ns
    assert abs(clock.offset_ns + error_s * NS_PER_S) <= clock.error_ns + NS_PER_MS


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_time_in_the_answer_is_no_sample(
    make_desk: Any, story: Any, verdict: Verdict
) -> None:
    """Nothing is signed by a clock that was never measured: it is asked again."""
    desk = make_desk()
    desk.answers["time"] = lambda request: story.no(verdict)
    desk.feed(story.Start())
    desk.wait(5)
    assert _clock(desk).measured_mono_ns is None
    assert desk.asked("instruments") == []
    trouble = desk.core.startup.last_trouble
    assert trouble.startswith("the venue's clock could not be read")
    del desk.answers["time"]
    desk.open()
    assert _clock(desk).measured_mono_ns is not None


def _slow_answer(desk: Any, story: Any, round_trip_s: float, ahead_s: float) -> None:
    """One measurement by answers that take *round_trip_s*, of a venue whose clock is
    *ahead_s* ahead of what it was."""
    desk.hold("time")
    desk.core.clock.measure(desk.now)
    for effect in desk.core.outbox.take():
        desk._execute(effect)
    desk.feed(story.Tick())
    for _ in range(3):
        desk.wait(round_trip_s)
        read_ns = desk.at(desk.t - round_trip_s / 2 + ahead_s)
        desk.answer("time", story.ok(server_ms=read_ns // NS_PER_MS))
    desk.held.discard("time")


def test_a_worse_sample_does_not_replace_a_better_one(desk: Any, story: Any) -> None:
    """It agrees, with a wider bound: the narrow one stays."""
    before = _clock(desk)
    _slow_answer(desk, story, 1.0, ahead_s=0.0)
    assert _clock(desk) == before


def test_a_contradicting_sample_replaces_what_was_believed(
    desk: Any, story: Any
) -> None:
    """The venue's clock moved by more than both bounds: the newest word stands."""
    _slow_answer(desk, story, 0.1, ahead_s=60.0)
    ahead_ns = _clock(desk).venue_ns(desk.now) - desk.at()
    assert ahead_ns > 55 * NS_PER_S


def test_a_refused_time_stamp_measures_again_and_the_order_goes_out(
    desk: Any, story: Any
) -> None:
    """Law 2: not executed for the clock's sake: measured, then sent once more."""
    desk.wait(5)
    desk.sent.clear()
    desk.buy()
    bad = story.no(Verdict.NOT_EXECUTED, "-1021", is_clock_error=True)
    desk.answer("place", bad)
    assert desk.asked("time")
    desk.wait(1)
    assert len(desk.asked("place")) == 2
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    assert desk.status("c1") == "NEW"


def test_refusals_in_a_row_do_not_measure_without_end(desk: Any, story: Any) -> None:
    """Law 12: a fresh measurement is not repeated for every refusal."""
    desk.wait(5)
    desk.sent.clear()
    bad = story.no(Verdict.NOT_EXECUTED, "-1021", is_clock_error=True)
    for _ in range(20):
        desk.buy()
        desk.answer("place", bad)
    assert len(desk.asked("time")) <= 3


def test_it_is_measured_again_in_time(desk: Any) -> None:
    """Every `clock_every_s`, in a few samples."""
    desk.wait(605)
    assert 3 <= len(desk.asked("time")) <= 6


def test_the_bound_is_subtracted_where_early_would_hurt() -> None:
    """`venue_ns_late` never runs ahead of the venue."""
    clock = ClockOffset(offset_ns=100, error_ns=7, measured_mono_ns=1, anchor=Now(1, 9))
    assert clock.venue_ns(Now(1, 9)) == 109
    assert clock.venue_ns(Now(4, 5_000)) == 112
    assert clock.venue_ns_late(Now(4, 5_000)) == 105
    assert ClockOffset(offset_ns=100).venue_ns(Now(1, 9)) == 109
