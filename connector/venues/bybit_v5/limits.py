"""Rate limits: what exists, what each call costs, what the headers say.

Every private operation has a bucket of its own per account and second; batch
calls have separate ones, and REST shares them with WebSocket order entry. What is
seeded here is the lowest tier; answers tell the limit in force and what is left.
All HTTP calls of an address share one more.

Source: "Rate Limit Rules" of the v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.model.clock import NS_PER_S
from connector.model.limits import BucketScope, BucketSpec, Cost

HTTP_IP = "http-5s"
CONNECTS = "ws-connects-300s"
CONNECT_COST: Cost = ((CONNECTS, 1),)

# Operation -> (bucket, requests per second in the default tier).
_BUCKETS = {
    "place": ("place-1s", 10),
    "amend": ("amend-1s", 10),
    "cancel": ("cancel-1s", 10),
    "cancel_all": ("cancel-all-1s", 10),
    "place_batch": ("place-batch-1s", 10),
    "cancel_batch": ("cancel-batch-1s", 10),
    "set_leverage": ("leverage-1s", 10),
    "set_hedge_mode": ("position-mode-1s", 10),
    "set_margin_mode": ("margin-mode-1s", 5),
    "open_orders": ("order-realtime-1s", 50),
    "query_order": ("order-realtime-1s", 50),
    "query_history": ("order-history-1s", 50),
    "fills": ("executions-1s", 50),
    "positions": ("positions-1s", 50),
    "position_settings": ("positions-1s", 50),
    "balances": ("wallet-1s", 50),
    "account_info": ("account-1s", 50),
    "ledger": ("ledger-1s", 25),
    "key_info": ("key-info-1s", 10),
}
_COUNT = re.compile(r"[0-9]{1,6}")


def _spec(bucket: str, limit: int) -> BucketSpec:
    return BucketSpec(
        id=bucket,
        limit=limit,
        window_ns=NS_PER_S,
        scope=BucketScope.ACCOUNT,
        calendar=False,
    )


BASE_LIMITS = (
    BucketSpec(
        id=HTTP_IP, limit=600, window_ns=5 * NS_PER_S, reserve=30, calendar=False
    ),
    BucketSpec(id=CONNECTS, limit=500, window_ns=300 * NS_PER_S, calendar=False),
    *(_spec(bucket, limit) for bucket, limit in dict(_BUCKETS.values()).items()),
)


def buckets_of(op: str) -> tuple[str, ...]:
    """The bucket of an operation, if it has one."""
    return (_BUCKETS[op][0],) if op in _BUCKETS else ()


def cost_of(op: str, units: int = 1) -> Cost:
    """What one call costs; a batch costs one unit per order."""
    return (*((bucket, units) for bucket in buckets_of(op)), (HTTP_IP, 1))


def told_in(
    op: str, headers: Mapping[str, str]
) -> tuple[tuple[tuple[str, int], ...], tuple[BucketSpec, ...]]:
    """(bucket id, count) and the limit in force, of one answer; header names
    lower-case. What is no number, or contradicts itself, is ignored."""
    names = ("x-bapi-limit", "x-bapi-limit-status")
    texts = [headers.get(name, "").strip() for name in names]
    if op not in _BUCKETS or any(_COUNT.fullmatch(text) is None for text in texts):
        return (), ()
    limit, left = (int(text) for text in texts)
    if not 0 <= left <= limit or not limit:
        return (), ()
    bucket = _BUCKETS[op][0]
    return ((bucket, limit - left),), (_spec(bucket, limit),)
