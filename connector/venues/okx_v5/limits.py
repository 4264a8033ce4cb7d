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

from collections import Counter
from collections.abc import Iterable

from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.model.limits import BucketScope, BucketSpec, Cost

WINDOW_NS = 2 * NS_PER_S

ORDERS = "orders-2s"
CONNECTS, DIALS, SUBSCRIPTIONS = "connects", "dials", "subscriptions-1h"
CONNECT_COST: Cost = ((CONNECTS, 1), (DIALS, 1))
SUBSCRIBE_COST: Cost = ((SUBSCRIPTIONS, 1),)

# Units a window: of an operation and instrument, of a user, of an address. But for
# operations on orders, a bucket has the name of its path's last word.
_LIMITS: dict[BucketScope, dict[str, int]] = {
    BucketScope.SYMBOL: {
        **dict.fromkeys(("place:*", "amend:*", "cancel:*", "order:*"), 60),
        **dict.fromkeys(("place-batch:*", "cancel-batch:*"), 300),
        **{f"{verb}-conditional:*": 20 for verb in ("place", "amend", "cancel")},
    },
    BucketScope.ACCOUNT: {
        ORDERS: 1000,
        **dict.fromkeys(("orders-pending", "fills"), 60),
        **dict.fromkeys(("order-algo", "orders-algo-pending"), 20),
        **dict.fromkeys(("instruments", "leverage-info", "set-leverage"), 20),
        **dict.fromkeys(("fills-history", "positions", "balance"), 10),
        **dict.fromkeys(("bills", "bills-archive"), 10),
        **dict.fromkeys(("config", "set-position-mode"), 5),
        "cancel-all-after": 2,
    },
    BucketScope.IP: dict.fromkeys(("time", "mark-price", "position-tiers"), 10),
}
_COUNTED_TOGETHER = frozenset(("place", "amend", "place-batch"))

BASE_LIMITS = (
    *(
        BucketSpec(
            id=name,
            limit=limit,
            window_ns=WINDOW_NS,
            scope=scope,
            reserve=limit // 20,  # for cancels and reduce-only orders
            calendar=False,
        )
        for scope, limits in _LIMITS.items()
        for name, limit in limits.items()
    ),
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


def cost_of(path: str) -> Cost:
    """What a call costs that is no order: its bucket has its path's last word."""
    return ((path.rpartition("/")[2], 1),)


def order_cost(operation: str, symbols: Iterable[Symbol]) -> Cost:
    """What an order operation costs: one unit of its instrument per order."""
    counts = Counter(f"{operation}:{symbol}" for symbol in symbols)
    cost = tuple(counts.items())
    if operation in _COUNTED_TOGETHER:
        cost += ((ORDERS, counts.total()),)
    return cost
