"""Rate limits: what exists, what each call costs, what the headers say.

Weight is counted per IP address, orders per account; both are shared by REST and
the WebSocket API, and with COIN-M since 2026-06-30. Cancels cost weight only.

Source: "General Info", limits, and exchangeInfo; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from connector.dialect.facts import LimitsFact
from connector.model.clock import NS_PER_S
from connector.model.limits import BucketScope, BucketSpec, Cost
from connector.venues.binance_usdm.wire_events import RateLimit

WEIGHT = "weight-1m"
ORDERS_10S = "orders-10s"
ORDERS_1M = "orders-1m"
STREAM_FRAMES = "stream-frames-1s"
WS_API_PINGS = "ws-api-pings-1s"

ORDER_COST: Cost = ((ORDERS_10S, 1), (ORDERS_1M, 1))
BATCH_PLACE_COST: Cost = ((WEIGHT, 5), (ORDERS_10S, 5), (ORDERS_1M, 1))
FRAME_COST: Cost = ((STREAM_FRAMES, 1),)
WS_API_HANDSHAKE_COST: Cost = ((WEIGHT, 5),)
WS_API_SESSION_COST: Cost = ((WEIGHT, 2),)

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
_KINDS = {
    "REQUEST_WEIGHT": ("weight", BucketScope.IP),
    "ORDERS": ("orders", BucketScope.ACCOUNT),
}
_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,6})([smhd])")
_COUNT = re.compile(r"[0-9]{1,12}")

CONNECTION_LIMITS = (
    BucketSpec(
        id=STREAM_FRAMES, limit=10, window_ns=NS_PER_S, scope=BucketScope.CONNECTION
    ),
    BucketSpec(
        id=WS_API_PINGS, limit=5, window_ns=NS_PER_S, scope=BucketScope.CONNECTION
    ),
)


def weight(units: int) -> Cost:
    """The cost of a call that only has weight."""
    return ((WEIGHT, units),)


def _bucket_id(kind: str, interval: str, number: int) -> str:
    return f"{_KINDS[kind][0]}-{number}{interval[0].lower()}"


def _spec(kind: str, interval: str, number: int, limit: int) -> BucketSpec:
    return BucketSpec(
        id=_bucket_id(kind, interval, number),
        limit=limit,
        window_ns=number * _SECONDS[interval] * NS_PER_S,
        scope=_KINDS[kind][1],
        # A twentieth is kept for cancels and reduce-only orders.
        reserve=limit // 20,
    )


# As published (and the smaller ones where hosts differ), so no guess: a program that
# lives for one question spends them in full, as one that asked exchangeInfo would.
BASE_LIMITS = (
    _spec("REQUEST_WEIGHT", "MINUTE", 1, 2400),
    _spec("ORDERS", "SECOND", 10, 300),
    _spec("ORDERS", "MINUTE", 1, 1200),
    *CONNECTION_LIMITS,
)


def _understood(rows: Iterable[RateLimit]) -> Iterator[RateLimit]:
    return (r for r in rows if r.rate_limit_type in _KINDS and r.interval in _SECONDS)


def limits_fact(rows: Iterable[RateLimit]) -> LimitsFact | None:
    """The true limits of this host; None if none of them is understood.

    Hosts differ: the demo venue allows more weight than the live one.
    """
    specs = tuple(
        _spec(row.rate_limit_type, row.interval, row.interval_num, row.limit)
        for row in _understood(rows)
    )
    return LimitsFact(specs=specs + CONNECTION_LIMITS) if specs else None


def used_in_headers(headers: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """(bucket id, count) per usage header; names are lower-case.

    Weight-0 calls answer -1: that, and anything else not a count, is ignored.
    """
    used: list[tuple[str, int]] = []
    for name, value in headers.items():
        match = _HEADER.fullmatch(name.lower())
        if match is None or _COUNT.fullmatch(value.strip()) is None:
            continue
        kind = "weight" if match[1] == "used-weight" else "orders"
        used.append((f"{kind}-{match[2]}{match[3]}", int(value)))
    return tuple(used)


def used_in_rows(rows: Iterable[RateLimit]) -> tuple[tuple[str, int], ...]:
    """(bucket id, count) of a WebSocket API answer."""
    return tuple(
        (_bucket_id(row.rate_limit_type, row.interval, row.interval_num), row.count)
        for row in _understood(rows)
        if row.count is not None and row.count >= 0
    )
