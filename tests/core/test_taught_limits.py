"""Answers that teach limits, whichever call they answer."""

from __future__ import annotations

from typing import Any

from connector.core.effects import CloseGate, SetLimits
from connector.dialect.wire import Throttle, Verdict
from connector.model.limits import BucketScope, BucketSpec

TIER = BucketSpec(
    id="place", limit=20, window_ns=1_000_000_000, scope=BucketScope.ACCOUNT
)


def taught(desk: Any) -> list[tuple[BucketSpec, ...]]:
    return [effect.specs for effect in desk.effects if isinstance(effect, SetLimits)]


def test_any_answer_may_teach_a_limit(desk: Any, story: Any) -> None:
    """The answer to an order tells the account's tier."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "7"), limits=(TIER,)))
    assert taught(desk) == [(TIER,)]


def test_what_is_no_news_is_not_put_in_force_again(desk: Any, story: Any) -> None:
    """Every answer repeats the limits; only a change is an effect."""
    for _ in range(3):
        desk.buy()
        desk.answer("place", story.no(Verdict.REJECTED, limits=(TIER,)))
    assert taught(desk) == [(TIER,)]


def test_a_throttle_may_name_buckets(desk: Any, story: Any) -> None:
    """The names pass through to the gate."""
    throttle = Throttle(scope=BucketScope.ACCOUNT, buckets=("place",), wait_ms=500)
    desk.buy()
    desk.answer("place", story.no(Verdict.REJECTED, throttle=throttle))
    told = [e.throttle for e in desk.effects if isinstance(e, CloseGate)]
    assert told == [throttle]
