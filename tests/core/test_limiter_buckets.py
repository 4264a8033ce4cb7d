"""One limit: what is used, what is given back, what the venue adds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.limiter_buckets import (
    CREDIT_HISTORY,
    NEVER_NS,
    Bucket,
    CreditBucket,
    WindowBucket,
    make_bucket,
)
from connector.model.limits import BucketKind, BucketSpec
from connector.model.noun import replace

S = 1_000_000_000
MS = 1_000_000
SPAN = 10 * S + 20 * MS + 1

WINDOW = BucketSpec(id="w", limit=10, window_ns=10 * S)
CREDITS = BucketSpec(
    id="c", kind=BucketKind.CREDITS, limit=20, refill_per_s=5, jitter_ns=0
)


def window(**changes: int | bool) -> WindowBucket:
    return WindowBucket(replace(WINDOW, **changes), 0)


def pool(**changes: int | bool) -> CreditBucket:
    return CreditBucket(replace(CREDITS, **changes), 0)


def top(bucket: Bucket, is_cancel: bool) -> int:
    """The largest amount that will ever fit."""
    amount = bucket.spec.limit
    while bucket.ready_ns(amount, is_cancel, 0) == NEVER_NS:
        amount -= 1
    return amount


def test_kind_decides_the_bucket() -> None:
    """A spec makes the bucket of its kind."""
    assert isinstance(make_bucket(WINDOW, 0), WindowBucket)
    assert isinstance(make_bucket(CREDITS, 0), CreditBucket)


def test_a_take_is_held_for_window_and_jitter() -> None:
    """Freed one past window + jitter: windows with both ends included are safe."""
    bucket = window()
    bucket.take(10, 1, 0)
    assert not bucket.fits(1, True, SPAN - 1)
    assert bucket.ready_ns(1, True, SPAN - 1) == SPAN
    assert bucket.fits(10, True, SPAN)


def test_ready_walks_the_ledger_to_the_take_that_makes_room() -> None:
    """The wait named is exact, foreign use included."""
    bucket = window()
    bucket.take(4, 1, 0)
    bucket.take(4, 2, S)
    bucket.observe(10, None, 2 * S, 2 * S)  # two of somebody else
    assert bucket.ready_ns(1, True, 2 * S) - SPAN == 0
    assert bucket.ready_ns(8, True, 2 * S) == SPAN + S
    assert bucket.ready_ns(10, True, 2 * S) == SPAN + 2 * S
    assert bucket.ready_ns(11, True, 2 * S) == NEVER_NS


@pytest.mark.parametrize(
    "bucket", [window(reserve=3), pool(reserve=3)], ids=lambda b: str(b.spec.kind)
)
def test_the_reserve_is_for_cancels(bucket: Bucket) -> None:
    """Others stop at limit - reserve, cancels at the limit."""
    most = top(bucket, True)
    assert most - 3 == top(bucket, False)
    bucket.take(most - 3, 1, 0)
    assert not bucket.fits(1, False, 0)
    assert bucket.fits(3, True, 0)
    assert not bucket.fits(4, True, 0)


@pytest.mark.parametrize(
    "bucket", [window(learnt=False), pool(learnt=False)], ids=lambda b: str(b.spec.kind)
)
def test_an_unlearnt_limit_is_used_at_half(bucket: Bucket) -> None:
    """Until the venue has told its limits, half of the guess is used."""
    half = bucket.spec.limit // 2
    assert half == top(bucket, True)
    bucket.take(half, 1, 0)
    learnt = replace(bucket.spec, learnt=True)
    bucket.adopt(learnt, 0)
    assert half == bucket.used_at(0)
    assert bucket.fits(learnt.limit - half, True, 0)
    assert not bucket.fits(learnt.limit - half + 1, True, 0)


def test_unlearnt_credits_refill_at_half() -> None:
    """Half the rate, too."""
    bucket = pool(learnt=False, refill_per_s=6)
    bucket.take(10, 1, 0)
    assert bucket.ready_ns(3, True, 0) == S


def test_credits_refill_to_the_nanosecond() -> None:
    """Integer arithmetic: nothing is lost and nothing is invented."""
    bucket = pool()
    bucket.take(20, 1, 0)
    assert bucket.ready_ns(1, True, 0) == S // 5
    assert not bucket.fits(1, True, S // 5 - 1)
    assert bucket.fits(1, True, S // 5)
    assert bucket.fits(20, True, 4 * S)
    assert not bucket.fits(21, True, 400 * S)


def test_credits_leave_room_for_jitter() -> None:
    """Capacity is less by what refills within the jitter."""
    assert top(pool(jitter_ns=200 * MS), True) == 19
    assert pool(jitter_ns=200 * MS).ready_ns(20, True, 0) == NEVER_NS


# Refunds


def test_a_window_gives_back_exactly_once_and_never_what_it_forgot() -> None:
    """Giving back twice, or after the window, changes nothing."""
    bucket = window()
    bucket.take(4, 1, 0)
    bucket.take(5, 2, 1)
    bucket.give_back(4, 1, 2)
    bucket.give_back(4, 1, 2)
    assert bucket.used_at(2) == 5
    assert bucket.used_at(SPAN + 1) == 0
    bucket.give_back(5, 2, SPAN + 1)
    assert bucket.used_at(SPAN + 1) == 0


CREDIT_STEPS = st.lists(
    st.tuples(st.integers(0, 3 * S), st.integers(1, 8)), min_size=1, max_size=20
)


@given(CREDIT_STEPS, st.data())
def test_refunded_credits_are_those_of_a_pool_that_never_paid(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    """After refunds the pool equals one in which those takes never were.

    Refill that a full pool would have lost is not given back: that would invent
    credits, and an empty pool costs the session (Deribit code 10028).
    """
    paid, never = pool(), pool()
    chosen = data.draw(st.sets(st.integers(0, len(steps) - 1), max_size=4))
    now = 0
    for key, (wait, amount) in enumerate(steps):
        now += wait
        if not paid.fits(amount, True, now):
            continue
        paid.take(amount, key, now)
        if key not in chosen:
            never.take(amount, key, now)
    for key in data.draw(st.permutations(sorted(chosen))):
        paid.give_back(steps[key][1], key, now)
    for amount in range(1, 21):
        assert never.ready_ns(amount, True, now) == paid.ready_ns(amount, True, now)


def test_a_take_too_long_ago_is_not_given_back() -> None:
    """The history is bounded; what it lost stays paid: the safe side."""
    bucket = pool(limit=10_000, refill_per_s=1)
    for key in range(CREDIT_HISTORY + 1):
        bucket.take(1, key, 0)
    bucket.give_back(1, 0, 0)
    assert bucket.used_at(0) == CREDIT_HISTORY + 1
    bucket.give_back(1, 1, 0)
    assert bucket.used_at(0) == CREDIT_HISTORY


def test_a_moved_take_is_held_from_its_new_time() -> None:
    """A request that may have arrived late is counted late, in order of time."""
    bucket = window()
    bucket.take(3, 1, 0)
    bucket.take(4, 2, 2 * S)
    bucket.move(3, 1, S, 3 * S)
    assert bucket.used_at(SPAN + S - 1) == 7
    assert bucket.used_at(SPAN + S) == 4
    assert bucket.used_at(SPAN + 2 * S) == 0


def test_a_moved_credit_is_paid_later() -> None:
    """The refill since the take does not count for a request that came late."""
    bucket = pool()
    bucket.take(10, 1, 0)
    bucket.move(10, 1, S, S)
    assert bucket.used_at(S) == 10


# What the venue says


@pytest.mark.parametrize("bucket", [window(), pool()], ids=lambda b: str(b.spec.kind))
@pytest.mark.parametrize(("said", "used"), [(0, 4), (3, 4), (4, 4), (7, 7), (99, 99)])
def test_observed_use_corrects_upwards_only(
    bucket: Bucket, said: int, used: int
) -> None:
    """Less than we counted proves nothing, more is somebody else's."""
    bucket = make_bucket(bucket.spec, 0)
    bucket.take(4, 1, 0)
    bucket.observe(said, None, 0, 0)
    bucket.observe(said, None, 0, 0)
    assert used == bucket.used_at(0)


def test_foreign_use_in_a_calendar_window_ends_with_it() -> None:
    """The header describes the venue's current window, not our rolling one."""
    bucket = window()
    bucket.take(5, 1, 0)  # in the window that ended at 4 s
    bucket.observe(3, (4 * S, 14 * S), 6 * S, 6 * S)  # 3 in this one, none of them ours
    assert bucket.used_at(6 * S) == 8
    bucket.take(2, 2, 7 * S)
    bucket.observe(5, (4 * S, 14 * S), 8 * S, 8 * S)
    assert bucket.used_at(8 * S) == 10
    bucket.observe(9, (4 * S, 14 * S), 15 * S, 15 * S)  # an answer that comes too late
    assert bucket.used_at(15 * S) == 2


@given(st.integers(0, 2**32))
def test_counting_as_it_goes_is_counting_afresh(seed: int) -> None:
    """A window's own use is kept up by takes, refunds and moves, not recounted."""
    chance = random.Random(seed)
    kept, fresh = window(), window()
    calendar, now = (5 * S, 15 * S), 0
    open_keys: dict[int, int] = {}
    for key in range(30):
        now += chance.choice([0, MS, 700 * MS])
        if now >= calendar[0]:
            kept.observe(0, calendar, now, now)
        amount = chance.randint(1, 3)
        other = chance.choice(list(open_keys)) if open_keys else 0
        for bucket in (kept, fresh):
            bucket.take(amount, key, now)
        open_keys[key] = amount
        what = chance.random()
        for bucket in (kept, fresh):
            if what < 0.2 and other:
                bucket.give_back(open_keys[other], other, now)
            elif what < 0.4 and other:
                bucket.move(open_keys[other], other, max(0, now - MS), now)
        if what < 0.2:
            open_keys.pop(other, None)
    if now < 14 * S:
        for bucket in (kept, fresh):
            bucket.observe(1000, calendar, now, now)
    assert kept.used_at(now) == fresh.used_at(now)


# Changing limits


def test_a_new_limit_keeps_what_is_used() -> None:
    """A lower limit holds at once, a higher one gives only the difference."""
    bucket = window()
    bucket.take(8, 1, 0)
    bucket.adopt(replace(WINDOW, limit=5), 1)
    assert not bucket.fits(1, True, 1)
    assert bucket.ready_ns(1, True, 1) == SPAN
    bucket.adopt(replace(WINDOW, limit=12), 2)
    assert bucket.fits(4, True, 2)
    assert not bucket.fits(5, True, 2)


def test_a_longer_window_remembers_what_the_shorter_forgot() -> None:
    """What left the old window is still in the new one, as late as possible."""
    bucket = window()
    bucket.take(8, 1, 0)
    bucket.take(1, 2, 9 * S)
    now = SPAN
    bucket.adopt(replace(WINDOW, window_ns=60 * S), now)
    assert bucket.used_at(now) == 9
    assert bucket.used_at(60 * S + 20 * MS + 1) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": 0},
        {"window_ns": 0},
        {"jitter_ns": -1},
        {"reserve": 10},
        {"reserve": -1},
        {"id": ""},
        {"kind": BucketKind.CREDITS},
    ],
    ids=str,
)
def test_nonsense_is_no_limit(bad: dict[str, object]) -> None:
    """A spec that cannot be obeyed is refused when it is made."""
    with pytest.raises(ValueError):
        replace(WINDOW, **bad)


# Gates


def test_closing_is_only_extended() -> None:
    """A shorter stop does not undo a longer one; the reason is the longest's."""
    bucket = window()
    bucket.close(10 * S, "ban", False)
    bucket.close(5 * S, "429", False)
    bucket.close(20 * S, "overload", True)
    assert bucket.opens_ns(True) == 10 * S
    assert bucket.opens_ns(False) == 20 * S
    assert bucket.closed_reason == "overload"
