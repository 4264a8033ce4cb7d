"""Credits: pools of the sub-account, refilled steadily, shared by all its keys.

An empty pool answers 10028 *and ends the session*; with cancel-on-disconnect that
kills every order of the connection. So no pool may ever run dry: the limiter counts
REST and WebSocket together, keeps a reserve for cancels and reconciliation, and
assumes that a request may arrive a whole second late (`BucketSpec.jitter_ns`). What
that takes off the capacity is also what the web page of the same account may spend.

Matching calls are counted one by one here (rate and burst are told per call), the
others in credits as documented.

Source: Deribit API, "Rate Limits" and "private/get_account_summary"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connector.dialect.facts import LimitsFact
from connector.model.clock import NS_PER_S
from connector.model.limits import BucketKind, BucketScope, BucketSpec, Cost

MATCHING = "matching"
CANCEL_ALL = "cancel-all"
REQUESTS = "requests"
SUBSCRIPTIONS = "subscriptions"
TRANSACTION_LOG = "transaction-log"
INSTRUMENTS = "instruments"

_CREDITS_PER_CALL = 500

MATCHING_COST: Cost = ((MATCHING, 1),)
CANCEL_ALL_COST: Cost = ((CANCEL_ALL, 1),)
REQUEST_COST: Cost = ((REQUESTS, _CREDITS_PER_CALL),)
SUBSCRIBE_COST: Cost = ((SUBSCRIPTIONS, 3_000),)
LOG_COST: Cost = ((TRANSACTION_LOG, 10_000),)
INSTRUMENTS_COST: Cost = ((INSTRUMENTS, 10_000),)


def _pool(
    name: str, limit: int, refill_per_s: int, *, reserve: int = 0, learnt: bool
) -> BucketSpec:
    return BucketSpec(
        id=name,
        kind=BucketKind.CREDITS,
        limit=limit,
        refill_per_s=refill_per_s,
        scope=BucketScope.ACCOUNT,
        reserve=reserve,
        # A segment that was lost is sent again; the pool must bear it.
        jitter_ns=NS_PER_S if limit > refill_per_s else NS_PER_S // 5,
        learnt=learnt,
    )


def _matching(rate: int, burst: int, *, learnt: bool) -> BucketSpec:
    return _pool(
        MATCHING, max(burst, 2), rate, reserve=max(burst, 2) // 5, learnt=learnt
    )


# The pools that no answer tells are used in full, as documented.
BASE_LIMITS = (
    _matching(5, 20, learnt=False),
    _pool(CANCEL_ALL, 250, 200, learnt=False),
    _pool(REQUESTS, 50_000, 10_000, learnt=False),
    _pool(SUBSCRIPTIONS, 30_000, 10_000, learnt=True),
    _pool(TRANSACTION_LOG, 80_000, 10_000, learnt=True),
    _pool(INSTRUMENTS, 500_000, 10_000, learnt=True),
)


def limits_fact(told: Mapping[str, Any]) -> LimitsFact | None:
    """The pools as `get_account_summary.limits` tells them; None if it does not.

    With limits per currency or per product there are several blocks for trading;
    the smallest of them is obeyed for all, which is safe and simple.
    """
    specs = []
    matching = told.get("matching_engine")
    if isinstance(matching, Mapping):
        blocks = list(_blocks(matching.get("trading")))
        if blocks:
            rate, burst = min(r for r, _ in blocks), min(b for _, b in blocks)
            specs.append(_matching(rate, burst, learnt=True))
        for rate, burst in _blocks(matching.get("cancel_all")):
            specs.append(_pool(CANCEL_ALL, burst, rate, learnt=True))
    for rate, burst in _blocks(told.get("non_matching_engine")):
        specs.append(
            _pool(
                REQUESTS,
                burst * _CREDITS_PER_CALL,
                rate * _CREDITS_PER_CALL,
                learnt=True,
            )
        )
    return LimitsFact(specs=tuple(specs)) if specs else None


def _blocks(told: object) -> Iterator[tuple[int, int]]:
    """Every (rate, burst) below *told*."""
    if not isinstance(told, Mapping):
        return
    rate, burst = told.get("rate"), told.get("burst")
    if rate is not None and burst is not None:
        if int(rate) >= 1 and int(burst) >= 1:
            yield int(rate), int(burst)
        return
    for inner in told.values():
        yield from _blocks(inner)
