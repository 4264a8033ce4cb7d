"""How one fact changes one order; the theory stands in `orders`.

Final are the venue's words only. Where we conclude an end ourselves (refused,
proven absent, the fills reach the quantity) it is marked as inferred, and the next
word of the venue starts from an open order again.
"""

from __future__ import annotations

from decimal import Decimal

from connector.core.tracked import Tracked
from connector.dialect.facts import FillFact, OrderFact
from connector.model.money import ZERO
from connector.model.order import OrderStatus


def merge_state(tracked: Tracked, fact: OrderFact) -> bool:
    """Merge the state of an order; True if what users see changed."""
    if (
        tracked.is_conditional
        and fact.is_conditional
        and not _conditional_counts(tracked, fact)
    ):
        return False
    before = _shown(tracked)
    _reopen(tracked)
    filled = fact.filled_qty if fact.filled_qty is not None else tracked.filled_qty
    was_pending_new = tracked.status is OrderStatus.PENDING_NEW
    tracked.in_doubt_since_ns = None
    is_newer = was_pending_new or _rank(
        fact.status.is_terminal, filled, fact.venue_ns
    ) >= _rank(tracked.is_terminal, tracked.filled_qty, tracked.venue_ns)
    if is_newer:
        if not tracked.is_terminal or fact.status.is_terminal:
            tracked.status = _consistent_status(fact.status, filled)
        tracked.reason = fact.reason or tracked.reason
        tracked.avg_price = _newer(fact.avg_price or None, tracked.avg_price)
    if fact.venue_ns >= tracked.terms_ns:
        # Amended terms follow venue time alone: a fill may be older, or known first.
        tracked.terms_ns = fact.venue_ns
        tracked.qty = _newer(fact.qty, tracked.qty)
        tracked.price = _newer(fact.price, tracked.price)
        tracked.trigger_price = _newer(
            fact.trigger_price or None, tracked.trigger_price
        )
    tracked.filled_qty = max(tracked.filled_qty, filled)
    tracked.venue_ns = max(tracked.venue_ns, fact.venue_ns)
    _close_if_done(tracked)
    return before != _shown(tracked)


def count_fill(tracked: Tracked, fact: FillFact) -> Decimal:
    """Add an execution that is new; returns how much of it had been inferred.

    A fill is evidence of its own: the state follows if it is behind.
    """
    counted = tracked.base_filled + tracked.fills_qty
    excess = counted + fact.qty - tracked.filled_qty
    replaced = max(ZERO, min(tracked.provisional_qty, fact.qty, excess))
    tracked.provisional_qty -= replaced
    tracked.fills_qty += fact.qty - replaced
    if fact.venue_ns <= tracked.venue_ns:
        # No later than the state we know, so part of it: the base held it, if any.
        over = tracked.base_filled + tracked.fills_qty - tracked.filled_qty
        tracked.base_filled -= max(ZERO, min(tracked.base_filled, over))
    _reopen(tracked)
    if tracked.status is OrderStatus.PENDING_NEW:
        tracked.status = OrderStatus.NEW
    tracked.in_doubt_since_ns = None
    counted = tracked.base_filled + tracked.fills_qty
    if counted > tracked.filled_qty:
        tracked.filled_qty = counted
        tracked.venue_ns = max(tracked.venue_ns, fact.venue_ns)
        if not tracked.is_terminal:
            tracked.status = OrderStatus.PARTIALLY_FILLED
    _close_if_done(tracked)
    return replaced


def _reopen(tracked: Tracked) -> None:
    """Our own conclusion gives way to any word of the venue."""
    if not tracked.is_end_inferred:
        return
    tracked.is_end_inferred = False
    if tracked.status is not OrderStatus.FILLED:
        tracked.reason = ""
    tracked.status = _consistent_status(OrderStatus.NEW, tracked.filled_qty)


def _close_if_done(tracked: Tracked) -> None:
    qty = tracked.qty
    if not tracked.is_terminal and qty is not None and 0 < qty <= tracked.filled_qty:
        tracked.status = OrderStatus.FILLED
        tracked.is_end_inferred = True
    if tracked.is_terminal:
        tracked.pending = None


def _shown(tracked: Tracked) -> tuple[object, ...]:
    return (
        tracked.status,
        tracked.filled_qty,
        tracked.qty,
        tracked.price,
        tracked.avg_price,
        tracked.trigger_price,
        tracked.reason,
        tracked.in_doubt_since_ns,
        tracked.is_end_inferred,
    )


def _conditional_counts(tracked: Tracked, fact: OrderFact) -> bool:
    """Whether the waiting object still has a say: once it became a real order, only
    that order's own facts do (FINISHED repeats them late)."""
    if tracked.triggered_order_id is None or fact.triggered_order_id is None:
        return tracked.triggered_order_id is None
    return not tracked.is_terminal and not fact.status.is_terminal


def _newer(told: Decimal | None, held: Decimal | None) -> Decimal | None:
    """*told*, unless it is the number held, perhaps with other zeros at its end:
    what is no change is not written, and must not differ from what was written."""
    return held if told is None or told == held else told


def _rank(
    is_terminal: bool, filled: Decimal, venue_ns: int
) -> tuple[int, Decimal, int]:
    return (1 if is_terminal else 0, filled, venue_ns)


def _consistent_status(status: OrderStatus, filled: Decimal) -> OrderStatus:
    """NEW with something filled reads PARTIALLY_FILLED."""
    if status is OrderStatus.NEW and filled > 0:
        return OrderStatus.PARTIALLY_FILLED
    return status
