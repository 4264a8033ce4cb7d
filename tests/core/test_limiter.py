"""Who goes when: classes, order, claims, deadlines, gates, refunds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import limiter as module
from connector.core.limiter import NEVER_NS, Charge, Limiter, Ticket, TicketState
from connector.model.limits import BucketScope, BucketSpec, Priority

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


# One request


def test_a_charge_is_taken_whole_or_not_at_all() -> None:
    """Several buckets pay in one step; one that cannot pay stops all."""
    of = limiter()
    both = of.charge((("ip", 2), ("orders@a", 4)))
    assert of.try_acquire(both, Priority.PLACE, 0) is not None
    assert used(of, 0) == {"ip": 2, "orders@a": 4, "orders@b": 0}
    assert of.try_acquire(both, Priority.PLACE, 0) is None
    assert used(of, 0) == {"ip": 2, "orders@a": 4, "orders@b": 0}


def test_the_same_cost_is_the_same_charge() -> None:
    """Costs are looked up once; a bucket named twice pays the sum."""
    of = limiter()
    assert of.charge((("ip", 2),)) is of.charge((("ip", 2),))
    of.try_acquire(of.charge((("ip", 2), ("ip", 3))), Priority.PLACE, 0)
    assert used(of, 0)["ip"] == 5


@pytest.mark.parametrize("cost", [(("nowhere", 1),), (("ip", -1),)], ids=str)
def test_a_cost_that_means_nothing_is_refused(cost: tuple[tuple[str, int]]) -> None:
    """An unknown bucket or a negative amount is our own mistake."""
    with pytest.raises(ValueError, match="no such bucket or amount"):
        limiter().charge(cost)


def test_a_free_request_always_goes() -> None:
    """No bucket, no wait."""
    of = limiter()
    assert of.submit(of.charge(()), Priority.QUERY, 1, 0).state is TicketState.GRANTED


def test_what_can_never_fit_is_refused_at_once() -> None:
    """More than the limit, or more than the part not reserved for cancels."""
    of = limiter(BucketSpec(id="ip", limit=10, window_ns=10 * S, reserve=3))
    ticket = of.submit(of.charge((("ip", 8),)), Priority.PLACE, FAR, 0)
    assert ticket.state is TicketState.EXPIRED
    assert ticket.error is not None
    assert ticket.error.buckets == ("ip",)
    assert ticket.error.wait_s == math.inf
    ok = of.submit(of.charge((("ip", 8),)), Priority.CANCEL, FAR, 0)
    assert ok.state is TicketState.GRANTED


def test_what_cannot_be_in_time_is_refused_at_once_with_the_wait() -> None:
    """The error names the scarce buckets and how long they stay so."""
    of = limiter()
    fill(of, "orders@a", 4)
    charge = of.charge((("ip", 1), ("orders@a", 1)))
    ticket = of.submit(charge, Priority.PLACE, 10 * S, 2 * S)
    assert ticket.state is TicketState.EXPIRED
    assert ticket.error is not None
    assert ticket.error.buckets == ("orders@a",)
    assert ticket.error.wait_s == pytest.approx(8.02)
    assert used(of, 2 * S)["ip"] == 0


def test_a_deadline_already_met_is_too_late() -> None:
    """Never granted at or after the deadline, even with room."""
    of = limiter()
    ticket = of.submit(of.charge((("ip", 1),)), Priority.CANCEL, 5, 5)
    assert ticket.state is TicketState.EXPIRED
    assert used(of, 5)["ip"] == 0


def test_who_waits_in_vain_expires_at_the_deadline() -> None:
    """A place in the queue is not a promise; the deadline is."""
    of = limiter()
    fill(of, "ip", 10)
    charge = of.charge((("ip", 10),))
    first = wait(of, charge, Priority.PLACE)
    second = wait(of, charge, Priority.PLACE, SPAN + S)
    assert of.next_wake_ns() == SPAN
    assert of.poll(SPAN) == [first]
    assert of.next_wake_ns() == SPAN + S
    assert of.poll(SPAN + S) == [second]
    assert second.state is TicketState.EXPIRED
    assert second.error is not None
    assert second.error.wait_s == pytest.approx(9.02)
    assert of.next_wake_ns() == NEVER_NS


def test_too_many_waiters_of_a_class_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Queues are bounded per class: queries cannot crowd out a cancel."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    of = limiter()
    fill(of, "ip", 10)
    charge = of.charge((("ip", 1),))
    for _ in range(3):
        wait(of, charge, Priority.QUERY)
    assert of.submit(charge, Priority.QUERY, FAR, 0).state is TicketState.EXPIRED
    wait(of, charge, Priority.CANCEL)
    assert of.snapshot(0).waiting == {
        Priority.CANCEL: 1,
        Priority.RECONCILE: 0,
        Priority.PLACE: 0,
        Priority.QUERY: 3,
    }


def test_those_who_gave_up_are_forgotten() -> None:
    """Memory is flat: neither deadlines nor queues keep who left."""
    of = limiter()
    fill(of, "ip", 10)
    charge = of.charge((("ip", 1),))
    wait(of, charge, Priority.PLACE)
    for _ in range(1000):
        assert of.try_acquire(charge, Priority.PLACE, 0) is None
        assert len(of._deadlines) < 100
    assert of.snapshot(0).waiting[Priority.PLACE] == 1


def test_time_that_runs_backwards_is_the_latest_seen() -> None:
    """Clocks read in another thread may be a little old; never an excuse."""
    of = limiter()
    fill(of, "ip", 5, 100)
    assert fill(of, "ip", 5, 50).counted_ns == 100
    assert used(of, SPAN + 99)["ip"] == 10
    assert used(of, SPAN + 100)["ip"] == 0


# Order


def test_classes_go_in_order_and_within_a_class_who_came_first() -> None:
    """CANCEL, RECONCILE, PLACE, QUERY; different costs keep the order too."""
    of = limiter()
    fill(of, "ip", 10)
    one, two = of.charge((("ip", 1),)), of.charge((("ip", 2),))
    queue = [
        wait(of, one, Priority.QUERY),
        wait(of, one, Priority.PLACE),
        wait(of, two, Priority.PLACE),
        wait(of, one, Priority.PLACE),
        wait(of, two, Priority.RECONCILE),
        wait(of, one, Priority.CANCEL),
    ]
    order = [queue[i] for i in (5, 4, 1, 2, 3, 0)]
    assert of.poll(SPAN) == order


def test_a_later_small_request_does_not_starve_an_earlier_large_one() -> None:
    """Room is kept for the head of the queue until it has enough."""
    of = limiter()
    for second in range(10):
        fill(of, "ip", 1, second * S)
    large = of.submit(of.charge((("ip", 5),)), Priority.PLACE, FAR, 10 * S)
    small = of.submit(of.charge((("ip", 1),)), Priority.PLACE, FAR, 10 * S)
    assert of.poll(SPAN + 3 * S) == []
    assert of.poll(SPAN + 4 * S) == [large]
    assert of.poll(SPAN + 5 * S) == [small]


def test_a_waiter_holds_up_only_those_who_need_what_it_waits_for() -> None:
    """Blocked on its account, it claims its share of the IP limit, not all."""
    of = limiter()
    fill(of, "orders@a", 4)
    blocked = wait(of, of.charge((("ip", 2), ("orders@a", 1))), Priority.PLACE)
    other = of.charge((("ip", 4), ("orders@b", 1)))
    query = of.charge((("ip", 1),))
    assert of.submit(other, Priority.PLACE, FAR, 0).state is TicketState.GRANTED
    for _ in range(4):
        assert of.try_acquire(query, Priority.QUERY, 0) is not None
    assert of.try_acquire(query, Priority.QUERY, 0) is None
    assert used(of, 0)["ip"] == 8
    assert of.poll(SPAN) == [blocked]


def test_claims_of_several_waiters_add_up() -> None:
    """Two that wait for their accounts both find their share of the IP limit."""
    of = limiter()
    fill(of, "orders@a", 4)
    fill(of, "orders@b", 4)
    for owner in "ab":
        charge = of.charge((("ip", 3), (f"orders@{owner}", 1)))
        wait(of, charge, Priority.PLACE)
    query = of.charge((("ip", 1),))
    for _ in range(4):
        assert of.try_acquire(query, Priority.QUERY, 0) is not None
    assert of.try_acquire(query, Priority.QUERY, 0) is None
    assert len(of.poll(SPAN)) == 2


def test_a_deadline_in_the_middle_of_a_queue_is_kept() -> None:
    """Held up by an earlier claim alone, it still expires in time."""
    of = limiter()
    fill(of, "ip", 7)
    wait(of, of.charge((("ip", 5),)), Priority.PLACE)
    small = of.charge((("ip", 1),))
    wait(of, small, Priority.PLACE)
    hurried = wait(of, small, Priority.PLACE, S)
    assert of.next_wake_ns() == S
    assert of.poll(S) == [hurried]
    assert hurried.error is not None
    assert hurried.error.buckets == ("ip",)


def test_reconciliation_overtakes_waiting_orders() -> None:
    """Two hundred orders in the queue do not delay finding out the truth."""
    of = limiter()
    fill(of, "ip", 10)
    place = of.charge((("ip", 1),))
    orders = [wait(of, place, Priority.PLACE) for _ in range(200)]
    reconcile = wait(of, of.charge((("ip", 5),)), Priority.RECONCILE)
    assert of.poll(SPAN) == [reconcile, *orders[:5]]


def test_giving_up_lets_the_next_one_go() -> None:
    """A waiter that leaves takes its claim along."""
    of = limiter()
    fill(of, "ip", 8)
    large = wait(of, of.charge((("ip", 5),)), Priority.PLACE)
    small = wait(of, of.charge((("ip", 2),)), Priority.PLACE)
    assert of.cancel(large, 0)
    assert not of.cancel(large, 0)
    assert large.state is TicketState.CANCELED
    assert of.next_wake_ns() == 0
    assert of.poll(0) == [small]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_cancels_within_the_reserve_go_at_once(seed: int) -> None:
    """Whatever else is asked, the reserve is there: cancels are never starved."""
    chance = random.Random(seed)
    of = limiter(
        BucketSpec(id="ip", limit=20, window_ns=10 * S, reserve=5),
        BucketSpec(id="orders@a", limit=10, window_ns=S, reserve=1),
    )
    costs = [of.charge((("ip", n), ("orders@a", n % 2))) for n in range(1, 6)]
    cancel = of.charge((("ip", 1),))
    last, now = [-FAR] * 5, 0
    for _ in range(200):
        now += chance.choice([0, MS, 100 * MS, S])
        of.submit(
            chance.choice(costs),
            chance.choice([Priority.RECONCILE, Priority.PLACE, Priority.QUERY]),
            now + chance.choice([S, 100 * S]),
            now,
        )
        of.poll(now)
        if now - last[-5] >= SPAN and chance.random() < 0.3:
            ticket = of.submit(cancel, Priority.CANCEL, now + 1, now)
            assert ticket.state is TicketState.GRANTED
            last.append(now)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_in_a_class_nobody_with_the_same_needs_is_overtaken(seed: int) -> None:
    """FIFO within a class, and a wake-up is never missed."""
    chance = random.Random(seed)
    of = limiter()
    charges = [
        of.charge((("ip", 1),)),
        of.charge((("ip", 3),)),
        of.charge((("ip", 1), ("orders@a", 1))),
    ]
    granted: dict[tuple[Charge, Priority], list[int]] = {}
    now, open_tickets = 0, set()
    for _ in range(120):
        now += chance.choice([0, 100 * MS, S])
        while of.next_wake_ns() <= now:
            for ticket in of.poll(of.next_wake_ns()):
                open_tickets.discard(ticket.key)
                row = granted.setdefault((ticket.charge, ticket.priority), [])
                row.append(ticket.key)
        ticket = of.submit(
            chance.choice(charges), chance.choice(list(Priority)), FAR, now
        )
        if ticket.state is TicketState.WAITING:
            open_tickets.add(ticket.key)
        else:
            granted.setdefault((ticket.charge, ticket.priority), []).append(ticket.key)
    while of.next_wake_ns() < FAR:
        for ticket in of.poll(of.next_wake_ns()):
            open_tickets.discard(ticket.key)
            granted.setdefault((ticket.charge, ticket.priority), []).append(ticket.key)
    assert not open_tickets
    for row in granted.values():
        assert row == sorted(row)


# Afterwards


def test_a_refund_lets_a_waiter_go() -> None:
    """Not counted by the venue: the budget is back at once, in all buckets."""
    of = limiter()
    ticket = of.submit(of.charge((("ip", 10), ("orders@a", 4))), Priority.PLACE, FAR, 0)
    waiter = wait(of, of.charge((("ip", 1),)), Priority.PLACE)
    assert of.refund(ticket, 1)
    assert not of.refund(ticket, 1)
    assert ticket.state is TicketState.REFUNDED
    assert of.poll(1) == [waiter]
    assert used(of, 1) == {"ip": 1, "orders@a": 0, "orders@b": 0}


def test_a_waiter_has_nothing_to_refund() -> None:
    """Only what was granted can be given back."""
    of = limiter()
    fill(of, "ip", 10)
    waiter = wait(of, of.charge((("ip", 1),)), Priority.PLACE)
    assert not of.refund(waiter, 0)
    assert not of.departed(waiter, 0)
    of.answered(waiter, 0)
    assert used(of, 0)["ip"] == 10


def test_a_late_departure_counts_from_then() -> None:
    """The time between grant and first byte does not eat the margin."""
    of = limiter()
    ticket = fill(of, "ip", 10)
    assert of.departed(ticket, 5 * S)
    of.answered(ticket, 5 * S)
    assert used(of, SPAN + 5 * S - 1)["ip"] == 10
    assert used(of, SPAN + 5 * S)["ip"] == 0


def test_a_departure_after_the_window_is_stopped() -> None:
    """Others have the budget by then: nothing may be sent on the old grant."""
    of = limiter()
    ticket = fill(of, "ip", 10)
    fill(of, "ip", 1, SPAN)
    assert not of.departed(ticket, SPAN)
    assert ticket.state is TicketState.REFUNDED
    assert used(of, SPAN)["ip"] == 1


def test_a_departure_after_a_ban_is_stopped() -> None:
    """A gate that closed since the grant holds the request and frees its share."""
    of = limiter()
    ticket = fill(of, "ip", 10)
    of.close(60 * S, "ban", 1, scope=BucketScope.IP)
    assert not of.departed(ticket, 2)
    assert used(of, 2)["ip"] == 0


def test_an_answer_in_time_moves_nothing_and_a_late_one_does() -> None:
    """It may have arrived as late as the answer: counted from there."""
    of = limiter()
    ticket = fill(of, "ip", 4)
    of.answered(ticket, 20 * MS)
    assert used(of, SPAN - 1)["ip"] == 4
    late = fill(of, "ip", 6, SPAN)
    of.answered(late, SPAN + 3 * S)
    assert used(of, 2 * SPAN + 3 * S - 20 * MS - 1)["ip"] == 6
    assert used(of, 2 * SPAN + 3 * S - 20 * MS)["ip"] == 0


# Under way


def test_a_request_without_an_answer_may_still_arrive() -> None:
    """Law 8: it is counted as if it arrived now, for as long as nobody answers."""
    of = limiter()
    ticket = fill(of, "orders@a", 4)
    assert of.departed(ticket, 0)
    charge = of.charge((("orders@a", 1),))
    assert of.try_acquire(charge, Priority.PLACE, SPAN) is None
    of.answered(ticket, SPAN)
    assert of.try_acquire(charge, Priority.PLACE, SPAN + 9 * S) is None
    assert of.try_acquire(charge, Priority.PLACE, 2 * SPAN) is not None


def test_a_request_nobody_speaks_of_is_given_up() -> None:
    """A minute later it arrives no more, and its place is free."""
    of = limiter()
    assert of.departed(fill(of, "orders@a", 4), 0)
    charge = of.charge((("orders@a", 1),))
    for second in range(1, 61):
        assert of.try_acquire(charge, Priority.PLACE, second * S) is None
    assert of.try_acquire(charge, Priority.PLACE, 61 * S + SPAN) is not None
