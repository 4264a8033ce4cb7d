"""What a request costs and what a venue allows: the limiter's vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """Who goes first when the budget is short; lower is sooner."""

    CANCEL = 0  # cancels and reduce-only orders
    RECONCILE = 1
    PLACE = 2
    QUERY = 3


class BucketKind(StrEnum):
    """How the venue counts."""

    WINDOW = "window"  # at most `limit` per `window_ns`, any alignment
    CREDITS = "credits"  # capacity `limit`, refilled evenly over `window_ns`


class BucketScope(StrEnum):
    """Who shares a bucket."""

    IP = "ip"
    ACCOUNT = "account"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """One limit of a venue.

    *limit* units per *window_ns*; *reserve* units that only cancels may use.
    """

    id: str
    limit: int
    window_ns: int
    kind: BucketKind = BucketKind.WINDOW
    scope: BucketScope = BucketScope.ACCOUNT
    reserve: int = 0


Cost = tuple[tuple[str, int], ...]
"""(bucket id, units) pairs, taken together or not at all."""

FREE: Cost = ()
