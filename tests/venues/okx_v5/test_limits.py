"""Limits: connections arrive when they like and stay within the published count."""

from __future__ import annotations

import random

import pytest

from connector.core.limiter import Limiter, Ticket, TicketState
from connector.model.clock import NS_PER_S
from connector.model.limits import Priority
from connector.venues.okx_v5.limits import BASE_LIMITS, CONNECT_COST


@pytest.mark.parametrize("slowest_s", [0.01, 0.4, 1.0, 2.5])
def test_no_second_sees_four_connections(slowest_s: float) -> None:
    """Law 8: three a second, counted by the venue when they arrive: anywhere in a
    handshake that may take as long as it likes, with several under way at once."""
    rng = random.Random(f"handshakes {slowest_s}")
    limiter = Limiter(BASE_LIMITS, 0)
    charge = limiter.charge(CONNECT_COST)
    now, dials = 0, 0
    under_way: list[tuple[int, int, Ticket]] = []  # (ends, arrives, ticket)
    arrivals: list[int] = []
    while now < 60 * NS_PER_S:
        now += NS_PER_S // 200
        for ends, arrives, ticket in [u for u in under_way if u[0] <= now]:
            under_way.remove((ends, arrives, ticket))
            arrivals.append(arrives)
            limiter.answered(ticket, now)
        limiter.poll(now)
        ticket = limiter.try_acquire(charge, Priority.RECONCILE, now)
        if ticket is None or not limiter.departed(ticket, now):
            continue
        assert ticket.state is TicketState.GRANTED
        dials += 1
        ends = now + int(rng.random() * slowest_s * NS_PER_S)
        under_way.append((ends, rng.randint(now, ends), ticket))
    arrivals.sort()
    assert all(b - a >= NS_PER_S for a, b in zip(arrivals, arrivals[3:], strict=False))
    assert dials > 60 / (1 + slowest_s)
