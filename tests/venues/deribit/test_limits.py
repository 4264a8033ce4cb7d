"""Credit pools of Deribit, as documented and as the account is told."""

from __future__ import annotations

from connector.model.limits import BucketKind, BucketScope
from connector.venues.deribit.limits import BASE_LIMITS, limits_fact

TOLD = {
    "limits_per_currency": False,
    "matching_engine": {
        "trading": {"total": {"burst": 100, "rate": 40}},
        "spot": {"burst": 250, "rate": 200},
        "cancel_all": {"burst": 250, "rate": 200},
    },
    "non_matching_engine": {"burst": 1500, "rate": 1000},
}


def test_pools_belong_to_the_account_and_keep_something_back() -> None:
    """Cancels and reconciliation must always fit."""
    for spec in BASE_LIMITS:
        assert spec.kind is BucketKind.CREDITS
        assert spec.scope is BucketScope.ACCOUNT
        assert spec.jitter_ns > 0
    assert BASE_LIMITS[0].reserve > 0


def test_the_account_tells_its_own() -> None:
    """Rate and burst per call of the matching engine, credits for the rest."""
    fact = limits_fact(TOLD)
    assert fact is not None
    found = {spec.id: (spec.refill_per_s, spec.limit) for spec in fact.specs}
    assert found == {
        "matching": (40, 100),
        "cancel-all": (200, 250),
        "requests": (500_000, 750_000),
    }


def test_of_several_blocks_the_smallest_is_obeyed() -> None:
    """Per currency or per product: one pool that is safe for all."""
    blocks = {
        "BTC": {"perpetuals": {"burst": 20, "rate": 10}},
        "ETH": {"perpetuals": {"burst": 50, "rate": 5}},
    }
    fact = limits_fact({"matching_engine": {"trading": blocks}})
    assert fact is not None
    (spec,) = fact.specs
    assert (spec.refill_per_s, spec.limit) == (5, 20)


def test_nothing_told_teaches_nothing() -> None:
    """Nor do zeros, which would lock everything."""
    assert limits_fact({}) is None
    zero = {"matching_engine": {"trading": {"total": {"burst": 0, "rate": 0}}}}
    assert limits_fact(zero) is None
