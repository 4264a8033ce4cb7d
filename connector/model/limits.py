"""What a request costs and what a venue allows: the limiter's vocabulary."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from connector.model.noun import Noun


class Priority(IntEnum):
    """Who goes first when the budget is short; lower is sooner."""

    CANCEL = 0  # cancels and reduce-only orders
    RECONCILE = 1
    PLACE = 2
    QUERY = 3


class BucketKind(StrEnum):
    """How the venue counts."""

    WINDOW = "window"  # at most `limit` in any `window_ns`
    CREDITS = "credits"  # a pool of `limit`, refilled evenly


class BucketScope(StrEnum):
    """Who shares the limit at the venue."""

    IP = "ip"
    ACCOUNT = "account"
    CONNECTION = "connection"
    SYMBOL = "symbol"


class BucketSpec(Noun, frozen=True, kw_only=True):
    """One published limit.

    *id* is unique within a limiter; a dialect gives the bare id, the session
    adds the *owner* (account fingerprint or connection id) where the scope asks
    for one. *limit* is the count per window or the capacity in credits;
    *window_ns* is for WINDOW, *refill_per_s* (credits) for CREDITS. Only CANCEL
    priority may use the last *reserve* units. *jitter_ns* bounds the time from
    grant to arrival. *calendar* says that a usage header describes a window
    starting at a multiple of its length since the epoch. A limit that is not
    *learnt* yet is used at half.
    """

    id: str
    kind: BucketKind = BucketKind.WINDOW
    limit: int
    window_ns: int = 0
    refill_per_s: int = 0
    scope: BucketScope = BucketScope.IP
    owner: str = ""
    reserve: int = 0
    jitter_ns: int = 20_000_000
    calendar: bool = True
    learnt: bool = True

    def __post_init__(self) -> None:
        timed = self.window_ns if self.kind is BucketKind.WINDOW else self.refill_per_s
        if not self.id or self.limit <= 0 or timed <= 0 or self.jitter_ns < 0:
            raise ValueError(f"not a rate limit: {self!r}")
        if not 0 <= self.reserve < self.limit:
            raise ValueError(f"{self.id}: reserve {self.reserve} of {self.limit}")


Cost = tuple[tuple[str, int], ...]
"""(bucket id, units) pairs, taken together or not at all."""

FREE: Cost = ()
