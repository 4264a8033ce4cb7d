"""The wall clock of a machine may jump, and may be wrong for ever; nothing that is
known about the venue may depend on it (laws 3, 6 and 7)."""

from __future__ import annotations

from typing import Any

import pytest

from connector.model.events import Gap
from connector.model.order import OrderStatus

S = OrderStatus
HOUR = 3600.0
STEPS = [HOUR, -HOUR, 86_400.0, -86_400.0]


@pytest.mark.parametrize("step_s", STEPS)
def test_the_venues_clock_does_not_follow_a_step(desk: Any, step_s: float) -> None:
    """Once measured it runs on our monotonic clock, which does not jump."""
    before = desk.core.clock.offset.venue_ns(desk.now) - desk.at()
    desk.wall_error_s += step_s
    desk.wait(10)
    after = desk.core.clock.offset.venue_ns(desk.now) - desk.at()
    assert abs(after - before) < 10_000_000


@pytest.mark.parametrize("step_s", STEPS)
def test_a_step_does_not_move_the_sync_point(desk: Any, step_s: float) -> None:
    """A run during a step must not make later runs look back too little."""
    desk.wall_error_s += step_s
    desk.reconnect()
    synced_ms = desk.core.reconciler.synced_ms
    assert abs(synced_ms - desk.at() // 1_000_000) < 2_000
    desk.wall_error_s = 0.0
    desk.wait(120)
    desk.drop()
    desk.state(None, "w1", S.FILLED, "1")
    desk.fill(None, "w1", "t1", "1")
    desk.position("1")
    desk.until_live()
    assert desk.fills_told() == ["t1"]


@pytest.mark.parametrize("step_s", STEPS)
def test_proof_takes_as_long_whatever_the_clock_says(desk: Any, step_s: float) -> None:
    """Law 3: a step neither shortens nor lengthens the wait for proof."""
    desk.buy()
    desk.fail("place", maybe_sent=True)
    desk.wall_error_s += step_s
    desk.wait(44)
    assert desk.order("c1").status is S.IN_DOUBT
    desk.wait(20)
    assert desk.status("c1") is S.REJECTED


@pytest.mark.parametrize("error_s", [HOUR, -HOUR])
@pytest.mark.parametrize("mine", [True, False], ids=["own", "stranger"])
def test_a_wrong_clock_hides_no_cancelled_order(
    make_desk: Any, story: Any, error_s: float, mine: bool
) -> None:
    """Law 6: what is no longer listed is asked for, however old our clock says it
    is; venue stamps are never compared with ours."""
    desk = make_desk()
    desk.wall_error_s = error_s
    desk.open()
    if mine:
        desk.buy()
        desk.answer("place", story.ok(desk.state("c1", "v1")))
        desk.push(desk.state("c1", "v1"))
    else:
        desk.push(desk.state("web", "v1"))
    desk.wait(5)
    desk.drop()
    desk.state("c1" if mine else "web", "v1", S.CANCELED)
    desk.until_live()
    assert desk.core.orders.open() == []


@pytest.mark.parametrize("step_s", [-HOUR, HOUR])
def test_a_step_between_an_order_and_its_gap(
    desk: Any, story: Any, step_s: float
) -> None:
    """Law 6: an order made before the clock was set back is not "too young"."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.push(desk.state("c1", "v1"))
    desk.wall_error_s += step_s
    desk.drop()
    desk.state("c1", "v1", S.CANCELED)
    desk.until_live()
    assert desk.status("c1") is S.CANCELED


def test_a_fast_clock_makes_no_order_older_than_our_journal(make_desk: Any) -> None:
    """A stranger's order of our time whose fill is not told is short of a fill: it
    was not "filled before our time" because our clock is an hour ahead."""
    desk = make_desk()
    desk.wall_error_s = HOUR
    desk.core.restore([], desk.now)
    desk.open()
    desk.drop()
    desk.state(None, "w1", S.PARTIALLY_FILLED, "0.5", created_ns=desk.at())
    desk.position("0.5")
    desk.until_live()
    (tracked,) = desk.core.orders.all()
    assert tracked.base_filled == 0
    assert tracked.provisional_qty == tracked.filled_qty


def test_closed_orders_stay_as_long_as_promised(desk: Any, story: Any) -> None:
    """A step of a day forgets nothing before its time."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1", S.CANCELED)))
    desk.push(desk.state("c1", "v1", S.CANCELED))
    desk.wall_error_s += 86_400.0
    desk.wait(600)
    assert desk.status("c1") is S.CANCELED
    desk.wait(4000)
    assert desk.core.orders.all() == []


@pytest.mark.parametrize("step_s", STEPS)
def test_a_step_alone_is_no_gap(desk: Any, step_s: float) -> None:
    """Law 7: the stream is as trustworthy as before."""
    desk.wall_error_s += step_s
    desk.wait(300)
    assert desk.core.is_live
    assert desk.told(Gap) == []
