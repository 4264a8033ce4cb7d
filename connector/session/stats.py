"""Numbers about a running session, in plain containers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connector.core.link import Link
from connector.model.account import Position
from connector.model.clock import Now
from connector.model.order import Order, Side

if TYPE_CHECKING:
    from connector.session.opening import Parts
    from connector.session.shell import Shell


def stats(shell: Shell, parts: Parts) -> dict[str, Any]:
    """Channels, clock, limits and counters at this moment.

    Times are in seconds or ms as the names say; bucket counts in units.
    """
    core = shell.core
    now = shell.now()
    clock = core.clock.offset
    return {
        "venue": parts.dialect.facts.name,
        "environment": parts.profile.environment,
        "profile": parts.profile.text,
        "state": core.state.value,
        "is_live": core.is_live,
        "stale_age_s": core.trust.age_s(now),
        "private": _channel(core.link, now),
        "public": _channel(core.marks.link, now),
        "orders": _channel(core.order_link, now) if core.order_link else None,
        "clock_offset_ms": clock.offset_ns / 1e6,
        "clock_error_ms": clock.error_ns / 1e6,
        "clock_age_s": (
            None
            if clock.measured_mono_ns is None
            else (now.mono_ns - clock.measured_mono_ns) / 1e9
        ),
        "limits": [
            {
                "id": view.id,
                "used": view.used,
                "limit": view.limit,
                "reserve": view.reserve,
                "closed_s": (
                    0.0
                    if view.closed_until_ns is None
                    else (view.closed_until_ns - now.mono_ns) / 1e9
                ),
            }
            for view in shell.budget.view().buckets
        ],
        "open_orders": core.orders.open_total,
        "in_doubt": len(core.outcomes.in_doubt()),
        "fills": core.merger.fills_seen,
        "duplicates_dropped": core.orders.duplicates_dropped,
        "requests": core.outbox.requests_made,
        "weight": core.outbox.weight_used,
        "in_doubt_resolved_by": dict(core.outcomes.resolved_by),
        "reconciliations": core.trust.reports,
        "latency": shell.latency.as_dict(),
    }


def exposure_of(
    positions: Sequence[Position], orders: Sequence[Order], symbol: str
) -> tuple[Decimal, Decimal]:
    """Lowest and highest signed position of *symbol* that *orders* can lead to."""
    low = high = sum((p.qty for p in positions if p.symbol == symbol), Decimal(0))
    for order in orders:
        if order.symbol != symbol:
            continue
        qty = order.leaves_qty
        if order.qty is None:  # it closes whatever is held
            qty = sum((abs(p.qty) for p in positions if _closes(order, p)), Decimal(0))
        if order.side is Side.BUY:
            high += qty
        else:
            low -= qty
    return low, high


def _closes(order: Order, position: Position) -> bool:
    is_held = (position.symbol, position.position_side) == (
        order.symbol,
        order.position_side,
    )
    return is_held and (position.qty > 0) == (order.side is Side.SELL)


def _channel(link: Link, now: Now) -> dict[str, Any]:
    heard = link.last_frame_ns
    return {
        "is_up": link.is_ready,
        "epoch": link.epoch,
        "reconnects": link.reconnects,
        "rotations": link.rotations,
        "ping_ms": link.ping_ms,
        "last_frame_age_s": (now.mono_ns - heard) / 1e9 if heard else None,
    }
