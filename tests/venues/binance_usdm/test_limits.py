"""Tests of limits: what exists before and after the venue has told."""

from __future__ import annotations

import msgspec
import pytest

from connector.model.limits import BucketScope
from connector.venues.binance_usdm.limits import (
    BASE_LIMITS,
    limits_fact,
    used_in_headers,
    used_in_rows,
)
from connector.venues.binance_usdm.wire_events import RateLimit


def row(kind: str, interval: str, number: int, limit: int, count: int | None = None):
    told = {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
        "count": count,
    }
    return msgspec.convert(told, RateLimit)


def test_the_published_limits_are_known_from_the_start() -> None:
    """They are published, so they are no guess. A part of each shared budget is kept
    for cancels and reduce-only orders."""
    specs = {spec.id: spec for spec in BASE_LIMITS}
    weight, fast, slow = (
        specs[name] for name in ("weight-1m", "orders-10s", "orders-1m")
    )
    assert (weight.limit, weight.scope) == (2400, BucketScope.IP)
    assert (fast.limit, fast.window_ns) == (300, 10 * 10**9)
    assert (slow.limit, slow.scope) == (1200, BucketScope.ACCOUNT)
    assert all(s.reserve > 0 and s.learnt for s in (weight, fast, slow))
    assert specs["stream-frames-1s"].scope is BucketScope.CONNECTION


def test_a_host_tells_its_own_limits() -> None:
    """The demo venue allows more; kinds nobody charges are left out."""
    fact = limits_fact(
        [
            row("REQUEST_WEIGHT", "MINUTE", 1, 6000),
            row("ORDERS", "DAY", 1, 200000),
            row("RAW_REQUESTS", "MINUTE", 5, 61000),
            row("ORDERS", "FORTNIGHT", 1, 5),
        ]
    )
    told = {spec.id: spec for spec in fact.specs}
    assert told["weight-1m"].limit == 6000
    assert told["orders-1d"].window_ns == 86_400 * 10**9
    assert told["weight-1m"].learnt
    assert not {"raw_requests-5m", "orders-1f"} & set(told)


def test_a_host_that_tells_nothing_changes_nothing() -> None:
    """No fact, rather than an empty one."""
    assert limits_fact([]) is None


@pytest.mark.parametrize("value", ["-1", "", "1.5", "٣", "9" * 30, "x"])
def test_usage_that_is_no_count_is_ignored(value: str) -> None:
    """Only plain digits of a sane length."""
    assert used_in_headers({"x-mbx-used-weight-1m": value}) == ()


def test_usage_in_a_frame() -> None:
    """The same bucket ids as in headers."""
    rows = [
        row("REQUEST_WEIGHT", "MINUTE", 1, 2400, 7),
        row("ORDERS", "SECOND", 10, 300, 0),
        row("ORDERS", "MINUTE", 1, 1200, -1),
        row("OTHER", "MINUTE", 1, 1200, 5),
    ]
    assert used_in_rows(rows) == (("weight-1m", 7), ("orders-10s", 0))
