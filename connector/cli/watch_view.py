"""What `connector watch` shows, as data: rendering is a pure function of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connector.model.account import Greeks, Margin, Position
from connector.model.events import ReconcileReport
from connector.model.order import Fill, Order

if TYPE_CHECKING:
    from connector.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One stream. *last_frame_age_s* None: nothing was ever heard."""

    name: str
    is_up: bool
    last_frame_age_s: float | None
    ping_ms: float | None
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """One bucket of the limiter; *closed_s* > 0: the venue said stop."""

    name: str
    used: int
    limit: int
    closed_s: float = 0.0

    @property
    def share(self) -> float:
        """Used part, 0 to 1."""
        return min(1.0, self.used / self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyView:
    """One histogram of `connector.session.latency`, with at least one entry."""

    name: str
    count: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """One frame. Orders in doubt come first, fills newest first."""

    profile: str
    environment: str
    venue: str
    state: str
    is_live: bool
    stale_age_s: float
    wall_ns: int
    channels: tuple[ChannelView, ...]
    clock_offset_ms: float
    clock_error_ms: float
    margin: Margin | None
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    limits: tuple[LimitView, ...]
    report: ReconcileReport | None
    requests: int
    duplicates_dropped: int
    latency: tuple[LatencyView, ...] = ()
    greeks: Mapping[str, Greeks] = field(default_factory=dict)


def view_of(session: Session, fills: Iterable[Fill], wall_ns: int) -> WatchView:
    """The frame of this moment; *fills* newest first."""
    stats = session.stats()
    return WatchView(
        profile=stats["profile"],
        environment=str(stats["environment"]),
        venue=stats["venue"],
        state=stats["state"],
        is_live=stats["is_live"],
        stale_age_s=stats["stale_age_s"],
        wall_ns=wall_ns,
        channels=tuple(_channel(name, stats[name]) for name in ("private", "public")),
        clock_offset_ms=stats["clock_offset_ms"],
        clock_error_ms=stats["clock_error_ms"],
        margin=session.margin,
        positions=tuple(sorted(session.positions, key=lambda p: p.symbol)),
        orders=doubtful_first(session.orders),
        fills=tuple(fills),
        limits=tuple(_limit(bucket) for bucket in stats["limits"]),
        report=session.last_report,
        requests=stats["requests"],
        duplicates_dropped=stats["duplicates_dropped"],
        latency=tuple(
            LatencyView(
                name=name,
                count=numbers["count"],
                p50_ms=numbers["p50_ms"],
                p99_ms=numbers["p99_ms"],
            )
            for name, numbers in stats["latency"].items()
            if numbers["count"]
        ),
        greeks=session.greeks,
    )


def doubtful_first(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Orders in doubt on top, then the newest."""
    return tuple(
        sorted(orders, key=lambda o: (o.in_doubt_since_ns is None, -o.created_ns))
    )


def fullest(limits: Iterable[LimitView]) -> tuple[LimitView, ...]:
    """Of buckets of one name (every connection has its own) the one nearest its end."""
    found: dict[str, LimitView] = {}
    for limit in limits:
        known = found.get(limit.name)
        if known is None or _strain(limit) > _strain(known):
            found[limit.name] = limit
    return tuple(found.values())


def _strain(limit: LimitView) -> tuple[float, float]:
    return (limit.closed_s, limit.share)


def liquidation_distance(position: Position) -> Decimal | None:
    """How far the mark price is from liquidation, as a part of the mark price.

    0 or less: there. None: cannot be liquidated, or unknown.
    """
    mark, end = position.mark_price, position.liquidation_price
    if mark is None or end is None or mark <= 0:
        return None
    return (mark - end) / mark if position.qty > 0 else (end - mark) / mark


def _channel(name: str, numbers: Mapping[str, Any]) -> ChannelView:
    return ChannelView(
        name=name,
        is_up=numbers["is_up"],
        last_frame_age_s=numbers["last_frame_age_s"],
        ping_ms=numbers["ping_ms"],
        reconnects=numbers["reconnects"],
    )


def _limit(bucket: Mapping[str, Any]) -> LimitView:
    return LimitView(
        name=bucket["id"].partition("@")[0],
        used=bucket["used"],
        limit=bucket["limit"],
        closed_s=max(0.0, bucket["closed_s"]),
    )
