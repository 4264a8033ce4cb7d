"""What passes through the limiter: costs, classes, tickets and views of it.

WAITING ──► GRANTED ──► REFUNDED     not counted by the venue, or never left
   │  └───► EXPIRED                  deadline met, or could not be met
   └──────► CANCELED                 the caller gave up
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.core.limiter_buckets import Bucket
from connector.errors import RateLimited
from connector.model.limits import BucketScope, BucketSpec, Cost, Priority


def template_id(bucket_id: str) -> str:
    """``place:BTCUSDT@3fa9`` -> ``place:*@3fa9``; "" if there is no such name.

    What follows ``@`` is the owner: an account or a connection.
    """
    body, at, owner = bucket_id.partition("@")
    kind, colon, _ = body.rpartition(":")
    return f"{kind}:*{at}{owner}" if colon else ""


class TicketState(StrEnum):
    """A ticket's life; drawn on top of this module."""

    WAITING = "waiting"
    GRANTED = "granted"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REFUNDED = "refunded"


class Charge:
    """A cost whose buckets are already looked up; made by `Limiter.charge`."""

    __slots__ = ("cost", "gates", "parts", "waiting")

    def __init__(
        self,
        cost: Cost,
        parts: tuple[tuple[Bucket, int], ...],
        gates: tuple[Bucket, ...],
    ) -> None:
        self.cost = cost
        self.parts = parts  # what is taken, amounts > 0
        self.gates = gates  # all buckets, those of amount 0 included
        self.waiting: tuple[OrderedDict[int, Ticket], ...] = tuple(
            OrderedDict() for _ in Priority
        )

    def __repr__(self) -> str:
        return f"Charge({self.cost!r})"


class Ticket:
    """One request's place in the limiter.

    *state* is for reading. A granted request is counted from
    *counted_ns* on. *error* is set when EXPIRED. *owner* belongs to whoever
    submitted it.
    """

    __slots__ = (
        "charge",
        "counted_ns",
        "deadline_ns",
        "error",
        "key",
        "owner",
        "priority",
        "state",
    )

    def __init__(
        self,
        charge: Charge,
        priority: Priority,
        deadline_ns: int,
        key: int,
        state: TicketState = TicketState.WAITING,
        counted_ns: int = 0,
    ) -> None:
        self.charge = charge
        self.priority = priority
        self.deadline_ns = deadline_ns
        self.key = key
        self.state = state
        self.counted_ns = counted_ns
        self.error: RateLimited | None = None
        self.owner: object = None

    def why_closed(self, until_ns: int) -> str:
        """The venue's word that keeps this request until then; "" if there is none."""
        is_cancel = self.priority is Priority.CANCEL
        for gate in self.charge.gates:
            if gate.opens_ns(is_cancel) >= until_ns:
                return gate.closed_reason
        return ""

    def __repr__(self) -> str:
        return (
            f"Ticket({self.key}, {self.priority.name}, {self.state}, "
            f"{self.charge.cost!r})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketView:
    """A bucket for display. *closed_until_ns* is None while open."""

    id: str
    scope: BucketScope
    used: int
    limit: int
    reserve: int
    learnt: bool
    closed_until_ns: int | None
    closed_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterView:
    """The limiter for display."""

    buckets: tuple[BucketView, ...]
    waiting: Mapping[Priority, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Named buckets (or templates) and a scope, closed until a time."""

    until_ns: int
    reason: str
    bucket_ids: frozenset[str] = frozenset()
    scope: BucketScope | None = None
    owner: str | None = None
    spare_cancels: bool = False

    def apply(self, bucket: Bucket) -> None:
        """Close *bucket* if it is covered."""
        if self._covers(bucket.spec):
            bucket.close(self.until_ns, self.reason, self.spare_cancels)

    def _covers(self, spec: BucketSpec) -> bool:
        if spec.id in self.bucket_ids or template_id(spec.id) in self.bucket_ids:
            return True
        if self.scope is None or self.scope is BucketScope.IP:
            return self.scope is BucketScope.IP
        if self.owner is not None and self.owner != spec.owner:
            return False
        return spec.scope is self.scope or (
            self.scope is BucketScope.ACCOUNT and spec.scope is BucketScope.SYMBOL
        )
