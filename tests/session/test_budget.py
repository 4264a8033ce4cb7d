"""The budget of one account at a shared gate."""

from __future__ import annotations

import asyncio

import pytest

from connector.core.limiter import Limiter
from connector.dialect.wire import Throttle
from connector.errors import RateLimited
from connector.model.clock import NS_PER_MS, NS_PER_S, ClockOffset, Now
from connector.model.limits import BucketScope, BucketSpec, Priority
from connector.model.noun import replace
from connector.session.budget import Budget
from connector.session.gate import Gate

SPECS = (
    BucketSpec(id="place", limit=10, window_ns=NS_PER_S, scope=BucketScope.ACCOUNT),
    BucketSpec(id="amend:*", limit=10, window_ns=NS_PER_S, scope=BucketScope.ACCOUNT),
    BucketSpec(id="cancel", limit=10, window_ns=NS_PER_S, scope=BucketScope.ACCOUNT),
)


def now() -> Now:
    return Now(mono_ns=NS_PER_S, wall_ns=0)


def budget_of() -> Budget:
    return Budget(Gate(Limiter((), NS_PER_S), lambda: NS_PER_S), "me", SPECS)


def test_a_throttle_closes_only_the_buckets_it_names() -> None:
    """Placing is closed, cancelling goes on; templates close all of their kind."""

    async def body() -> None:
        budget = budget_of()
        throttle = Throttle(
            scope=BucketScope.ACCOUNT, buckets=("place", "amend:*"), wait_ms=500
        )
        budget.close(throttle, ClockOffset(), now())
        soon_ns = now().mono_ns + 100 * NS_PER_MS
        await budget.acquire((("cancel", 1),), Priority.PLACE, soon_ns)
        for name in ("place", "amend:BTC"):
            with pytest.raises(RateLimited):
                await budget.acquire(((name, 1),), Priority.PLACE, soon_ns)

    asyncio.run(body())


def test_a_throttle_without_names_closes_its_scope() -> None:
    """No bucket is named: everything of the account."""

    async def body() -> None:
        budget = budget_of()
        budget.close(
            Throttle(scope=BucketScope.ACCOUNT, wait_ms=500), ClockOffset(), now()
        )
        soon_ns = now().mono_ns + 100 * NS_PER_MS
        with pytest.raises(RateLimited):
            await budget.acquire((("cancel", 1),), Priority.PLACE, soon_ns)

    asyncio.run(body())


def test_who_comes_later_does_not_undo_what_others_have_learnt() -> None:
    """A second session starts from published limits; those in force stay."""
    gate = Gate(Limiter((), NS_PER_S), lambda: NS_PER_S)
    first = Budget(gate, "me", SPECS)
    learnt = tuple(replace(spec, limit=spec.limit * 4) for spec in SPECS)
    first.learn(learnt)
    before = {view.id: view.limit for view in gate.snapshot().buckets}
    Budget(gate, "me", SPECS)
    assert {view.id: view.limit for view in gate.snapshot().buckets} == before
    Budget(gate, "somebody else", SPECS)
    after = {view.id: view.limit for view in gate.snapshot().buckets}
    assert after.items() >= before.items()
