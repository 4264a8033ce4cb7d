"""What passes through the limiter: costs, classes, tickets and views of it.

WAITING ──► GRANTED ──► REFUNDED     not counted by the venue, or never left
   │  └───► EXPIRED                  deadline met, or could not be met
   └──────► CANCELED                 the caller gave up
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from connector.core.limiter_buckets import Bucket, BucketSpec, Scope
from connector.errors import RateLimited

Cost = tuple[tuple[str, int], ...]
"""``((bucket id, amount), ...)``. Amount 0 uses nothing but obeys the gate."""


class Priority(IntEnum):
    """Classes of requests, most urgent first."""

    CANCEL = 0  # cancels and reduce-only orders
    RECONCILE = 1
    PLACE = 2
    QUERY = 3


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
        self, charge: Charge, priority: Priority, deadline_ns: int, key: int
    ) -> None:
        self.charge = charge
        self.priority = priority
        self.deadline_ns = deadline_ns
        self.key = key
        self.state = TicketState.WAITING
        self.counted_ns = 0
        self.error: RateLimited | None = None
        self.owner: object = None

    def __repr__(self) -> str:
        return (
            f"Ticket({self.key}, {self.priority.name}, {self.state}, "
            f"{self.charge.cost!r})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketView:
    """A bucket for display. *closed_until_ns* is None while open."""

    id: str
    scope: Scope
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
    """A closed scope; buckets made while it lasts are born closed."""

    scope: Scope
    owner: str | None
    until_ns: int
    reason: str
    spare_cancels: bool

    def covers(self, spec: BucketSpec) -> bool:
        if self.scope is Scope.IP:
            return True
        if self.owner is not None and self.owner != spec.owner:
            return False
        return spec.scope is self.scope or (
            self.scope is Scope.ACCOUNT and spec.scope is Scope.SYMBOL
        )
