"""What the venue says: learnt limits, use by others, closed gates, names."""

from __future__ import annotations

import math

import pytest

from connector.core.limiter import Charge, Limiter, Ticket, TicketState
from connector.core.limiter_tickets import template_id
from connector.model.limits import BucketKind, BucketScope, BucketSpec, Priority
from connector.model.noun import replace

S = 1_000_000_000
MS = 1_000_000
SPAN = 10 * S + 20 * MS + 1
FAR = 10**15

IP = BucketSpec(id="ip", limit=10, window_ns=10 * S)
ORDERS = BucketSpec(
    id="orders@a", limit=4, window_ns=10 * S, scope=BucketScope.ACCOUNT, owner="a"
)
OTHERS = BucketSpec(
    id="orders@b", limit=4, window_ns=10 * S, scope=BucketScope.ACCOUNT, owner="b"
)


def limiter(*specs: BucketSpec) -> Limiter:
    return Limiter(specs or (IP, ORDERS, OTHERS), 0)


def used(of: Limiter, now_ns: int) -> dict[str, int]:
    return {view.id: view.used for view in of.snapshot(now_ns).buckets}


def fill(of: Limiter, bucket_id: str, amount: int, now_ns: int = 0) -> Ticket:
    ticket = of.try_acquire(of.charge(((bucket_id, amount),)), Priority.CANCEL, now_ns)
    assert ticket is not None
    return ticket


def wait(
    of: Limiter, charge: Charge, priority: Priority, deadline_ns: int = FAR
) -> Ticket:
    ticket = of.submit(charge, priority, deadline_ns, 0)
    assert ticket.state is TicketState.WAITING
    return ticket


# What the venue says


def test_observed_use_of_others_fails_who_cannot_make_it_now() -> None:
    """Negative counts and unknown names are ignored; the rest is believed."""
    of = limiter()
    fill(of, "ip", 10)
    soon = wait(of, of.charge((("ip", 1),)), Priority.PLACE, SPAN + S)
    late = wait(of, of.charge((("ip", 1),)), Priority.PLACE)
    of.observe("ip", -1, 1)
    of.observe("nowhere", 99, 1)
    assert of.poll(2 * S) == []
    of.observe("ip", 20, 2 * S)
    assert of.poll(2 * S) == [soon]
    assert soon.state is TicketState.EXPIRED
    assert of.next_wake_ns() == SPAN + 2 * S
    assert of.poll(SPAN + 2 * S) == [late]


def test_new_limits_apply_to_those_who_wait() -> None:
    """A raise lets them go, a cut fails those that can never fit."""
    of = limiter()
    fill(of, "ip", 10)
    small = wait(of, of.charge((("ip", 1),)), Priority.PLACE)
    large = wait(of, of.charge((("ip", 9),)), Priority.PLACE)
    of.set_limits([BucketSpec(id="ip", limit=11, window_ns=10 * S)], 0)
    assert of.poll(0) == [small]
    of.set_limits([BucketSpec(id="ip", limit=8, window_ns=10 * S)], 0)
    assert of.poll(0) == [large]
    assert large.error is not None
    assert large.error.wait_s == math.inf


@pytest.mark.parametrize("name", ["ip", "place:BTC"])
def test_a_guess_never_replaces_what_was_learnt(name: str) -> None:
    """A second session starts with guesses; the venue has told the first one."""
    guess = BucketSpec(id="place:*", limit=10, window_ns=10 * S, learnt=False)
    of = limiter(replace(guess, id="ip"), guess)
    charge = of.charge(((name, 6),))
    assert of.try_acquire(charge, Priority.PLACE, 0) is None
    learnt = replace(guess, learnt=True)
    of.set_limits([replace(learnt, id="ip"), learnt], 0)
    of.set_limits([replace(guess, id="ip"), guess], 0)
    assert of.try_acquire(charge, Priority.PLACE, 0) is not None


def test_an_answer_of_unknown_age_is_not_taken_for_the_new_window() -> None:
    """Just after the window's end, its last count is not a stranger's."""
    of = limiter()
    of.set_venue_clock(0, 0)
    fill(of, "ip", 9, 9 * S)
    of.observe("ip", 9, 10 * S + 50 * MS)
    assert used(of, 10 * S + 50 * MS)["ip"] == 9
    of.observe("ip", 3, 11 * S + 50 * MS)
    assert used(of, 11 * S + 50 * MS)["ip"] == 12


def test_a_bucket_keeps_its_kind() -> None:
    """A window does not become a pool of credits: that is another bucket."""
    with pytest.raises(ValueError, match="window bucket"):
        limiter().set_limits(
            [BucketSpec(id="ip", kind=BucketKind.CREDITS, limit=1, refill_per_s=1)], 0
        )


def test_a_removed_bucket_fails_its_waiters_only() -> None:
    """A connection is gone: nobody waits for its frames any more."""
    of = limiter()
    fill(of, "orders@a", 4)
    fill(of, "orders@b", 4)
    gone = wait(of, of.charge((("orders@a", 1),)), Priority.PLACE)
    wait(of, of.charge((("orders@b", 1),)), Priority.PLACE)
    of.remove(["orders@a", "nowhere"], 0)
    assert of.poll(0) == [gone]
    assert gone.error is not None
    with pytest.raises(ValueError):
        of.charge((("orders@a", 1),))


def test_a_template_makes_a_bucket_per_name() -> None:
    """Limits per instrument: each has its own count, one spec rules them."""
    spec = BucketSpec(
        id="place:*@a",
        limit=2,
        window_ns=2 * S,
        scope=BucketScope.SYMBOL,
        owner="a",
    )
    of = limiter(spec)
    btc, eth = of.charge((("place:BTC@a", 2),)), of.charge((("place:ETH@a", 2),))
    assert of.try_acquire(btc, Priority.PLACE, 0) is not None
    assert of.try_acquire(btc, Priority.PLACE, 0) is None
    assert of.try_acquire(eth, Priority.PLACE, 0) is not None
    of.set_limits([BucketSpec(id="place:*@a", limit=4, window_ns=2 * S)], 0)
    assert of.try_acquire(btc, Priority.PLACE, 0) is not None
    with pytest.raises(ValueError):
        of.charge((("place:*@a", 1),))
    with pytest.raises(ValueError):
        of.charge((("place:BTC@b", 1),))


# Gates


def test_a_ban_of_the_ip_holds_everything() -> None:
    """Cancels too, and orders that cost the IP nothing; it opens as stated."""
    of = limiter()
    of.close(30 * S, "418", 0, scope=BucketScope.IP)
    for cost in ((("ip", 1),), (("orders@a", 1),)):
        assert of.try_acquire(of.charge(cost), Priority.CANCEL, 1) is None
    early = of.submit(of.charge((("ip", 1),)), Priority.CANCEL, 30 * S, 1)
    assert early.state is TicketState.EXPIRED
    assert early.error is not None
    assert early.error.wait_s == pytest.approx(30)
    late = wait(of, of.charge((("ip", 1),)), Priority.CANCEL)
    assert of.next_wake_ns() == 30 * S
    assert of.poll(30 * S - 1) == []
    assert of.poll(30 * S) == [late]


def test_closing_fails_the_waiters_it_makes_late_and_no_others() -> None:
    """They learn it now, not at their deadline."""
    of = limiter()
    fill(of, "ip", 10)
    soon = wait(of, of.charge((("ip", 1),)), Priority.PLACE, 20 * S)
    late = wait(of, of.charge((("ip", 1),)), Priority.PLACE, 40 * S)
    of.close(30 * S, "429", 0, bucket_ids=["ip"])
    assert of.poll(0) == [soon]
    assert of.poll(30 * S) == [late]


def test_an_account_is_closed_alone() -> None:
    """Its symbols too; other accounts and the IP go on. New buckets included."""
    of = limiter()
    of.close(30 * S, "10006", 0, scope=BucketScope.ACCOUNT, owner="a")
    of.set_limits(
        [
            BucketSpec(
                id=f"place:BTC@{owner}",
                limit=1,
                window_ns=S,
                scope=BucketScope.SYMBOL,
                owner=owner,
            )
            for owner in "ab"
        ],
        1,
    )

    def goes(bucket_id: str) -> bool:
        charge = of.charge(((bucket_id, 1),))
        return of.try_acquire(charge, Priority.CANCEL, 1) is not None

    names = ["ip", "orders@a", "orders@b", "place:BTC@a", "place:BTC@b"]
    assert [goes(name) for name in names] == [True, False, True, False, True]


def test_who_waits_for_a_closed_gate_claims_nothing() -> None:
    """An account that is closed for long does not hold up the others."""
    of = limiter()
    of.close(300 * S, "10006", 0, scope=BucketScope.ACCOUNT, owner="a")
    held = wait(of, of.charge((("ip", 8), ("orders@a", 1))), Priority.PLACE)
    other = of.charge((("ip", 10), ("orders@b", 1)))
    assert of.try_acquire(other, Priority.QUERY, 0) is not None
    assert of.poll(300 * S) == [held]


def test_an_overload_spares_cancels() -> None:
    """Binance -1008 never hits cancels and reduce-only orders: let them go."""
    of = limiter()
    of.close(S, "-1008", 0, scope=BucketScope.IP, spare_cancels=True)
    charge = of.charge((("ip", 1),))
    assert of.try_acquire(charge, Priority.PLACE, 1) is None
    assert of.try_acquire(charge, Priority.CANCEL, 1) is not None


def test_amount_zero_obeys_the_gate_only() -> None:
    """A free call of a closed bucket is held, one of a full bucket is not."""
    of = limiter()
    fill(of, "ip", 10)
    free = of.charge((("ip", 0), ("orders@a", 1)))
    assert of.try_acquire(free, Priority.PLACE, 0) is not None
    of.close(S, "429", 0, bucket_ids=["ip"])
    assert of.try_acquire(free, Priority.PLACE, 1) is None
    assert of.try_acquire(free, Priority.PLACE, S) is not None


def test_the_snapshot_tells_what_is_closed_and_why() -> None:
    """For display: use, limit, reserve, closing time and reason."""
    of = limiter()
    fill(of, "ip", 7)
    of.close(5 * S, "429", 0, bucket_ids=["ip"])
    view = of.snapshot(S).buckets[0]
    assert (view.used, view.limit, view.reserve, view.learnt) == (7, 10, 0, True)
    assert (view.closed_until_ns, view.closed_reason) == (5 * S, "429")
    view = of.snapshot(5 * S).buckets[0]
    assert (view.closed_until_ns, view.closed_reason) == (None, "")


def test_idle_means_that_a_new_limiter_is_as_good() -> None:
    """Used, closed or awaited is not idle."""
    of = limiter()
    assert of.is_idle(0)
    fill(of, "ip", 1)
    assert not of.is_idle(SPAN - 1)
    assert of.is_idle(SPAN)
    of.close(2 * SPAN, "ban", SPAN, scope=BucketScope.IP)
    assert not of.is_idle(2 * SPAN - 1)
    assert of.is_idle(2 * SPAN)


# Names


@pytest.mark.parametrize(
    ("bucket_id", "expected"),
    [
        ("place:BTC", "place:*"),
        ("place:BTC@a", "place:*@a"),
        ("a:b:c@d", "a:b:*@d"),
        ("orders@a", ""),
        ("ip", ""),
    ],
)
def test_a_name_tells_its_template(bucket_id: str, expected: str) -> None:
    """The part after the last colon is the name."""
    assert template_id(bucket_id) == expected
