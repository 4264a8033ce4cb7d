"""Rate limits: what exists and what each call costs.

Windows of two seconds. Order operations count per user and instrument, each kind
of operation apart and batches apart from single calls (a batch of one is a single
call, others cost one per order); REST and WebSocket share the buckets. New and
amended orders of all instruments share one more. Answers tell no usage, so these
buckets are all there is; they are kept local to the account. Public calls and
connections count per address.

Source: the "Rate Limit" line of each page and "Sub-account rate limit" of the API
v5 documentation, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.model.limits import BucketScope, BucketSpec, Cost

WINDOW_NS = 2 * NS_PER_S

ORDERS = "orders-2s"
CONNECTS = "connects"
DIALS = "dials"
SUBSCRIPTIONS = "subscriptions-1h"
CONNECT_COST: Cost = ((CONNECTS, 1), (DIALS, 1))
SUBSCRIBE_COST: Cost = ((SUBSCRIPTIONS, 1),)

# Operation -> orders per instrument.
_PER_SYMBOL = {
    "place": 60,
    "amend": 60,
    "cancel": 60,
    "place-batch": 300,
    "cancel-batch": 300,
    "place-algo": 20,
    "amend-algo": 20,
    "cancel-algo": 20,
    "order": 60,
}
# Operation -> calls per user.
_PER_USER = {
    "orders-pending": 60,
    "algo": 20,
    "algos-pending": 20,
    "fills": 60,
    "fills-history": 10,
    "positions": 10,
    "balance": 10,
    "bills": 10,
    "bills-archive": 10,
    "config": 5,
    "instruments": 20,
    "leverage-info": 20,
    "set-leverage": 20,
    "set-position-mode": 5,
    "cancel-all-after": 2,
}
# Operation -> calls per address.
_PER_ADDRESS = {"time": 10, "mark-price": 10, "position-tiers": 10}
_COUNTED_TOGETHER = frozenset(("place", "amend", "place-batch"))


def _spec(bucket: str, limit: int, scope: BucketScope) -> BucketSpec:
    return BucketSpec(
        id=bucket,
        limit=limit,
        window_ns=WINDOW_NS,
        scope=scope,
        # A twentieth is kept for cancels and reduce-only orders.
        reserve=limit // 20,
        calendar=False,
    )


BASE_LIMITS = (
    _spec(ORDERS, 1000, BucketScope.ACCOUNT),
    *(_spec(f"{k}:*", n, BucketScope.SYMBOL) for k, n in _PER_SYMBOL.items()),
    *(_spec(name, n, BucketScope.ACCOUNT) for name, n in _PER_USER.items()),
    *(_spec(name, n, BucketScope.IP) for name, n in _PER_ADDRESS.items()),
    # Three a second, wherever in its handshake each arrives; and evenly, so that a
    # venue that comes back is soon reached.
    BucketSpec(id=CONNECTS, limit=3, window_ns=NS_PER_S, calendar=False),
    BucketSpec(id=DIALS, limit=1, window_ns=5 * NS_PER_S // 16, calendar=False),
    BucketSpec(
        id=SUBSCRIPTIONS,
        limit=480,
        window_ns=3600 * NS_PER_S,
        scope=BucketScope.CONNECTION,
        calendar=False,
    ),
)


def cost_of(operation: str) -> Cost:
    """What a call costs that is no order."""
    return ((operation, 1),)


def order_cost(operation: str, symbols: Iterable[Symbol]) -> Cost:
    """What an order operation costs: one unit of its instrument per order."""
    counts: dict[str, int] = {}
    for symbol in symbols:
        name = f"{operation}:{symbol}"
        counts[name] = counts.get(name, 0) + 1
    cost = tuple(counts.items())
    if operation in _COUNTED_TOGETHER:
        cost += ((ORDERS, sum(counts.values())),)
    return cost
