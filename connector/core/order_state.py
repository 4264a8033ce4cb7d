"""How one fact changes one order; the theory stands in `orders`.

Final are the venue's words only. Where we conclude an end ourselves (refused,
proven absent, the fills reach the quantity) it is marked as inferred, and the next
word of the venue starts from an open order again.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter

from connector.core.tracked import Tracked
from connector.dialect.facts import FillFact, OrderFact
from connector.model.clock import NS_PER_S
from connector.model.money import ZERO
from connector.model.order import OrderStatus

SPREAD_NS = 10 * NS_PER_S
"""Stamps of an order and of its executions differ by less than this."""


def is_old_end(fact: OrderFact, floor_ns: int) -> bool:
    """The end of an order so long ago that, if nobody remembers it, it was forgotten
    (*floor_ns*: see `Orders`)."""
    is_old = 0 < fact.venue_ns < floor_ns - SPREAD_NS
    return is_old and fact.status is not None and fact.status.is_terminal


def merge_state(tracked: Tracked, fact: OrderFact) -> bool:
    """Merge the state of an order; True if what users see changed."""
    if (
        tracked.is_conditional
        and fact.is_conditional
        and not _conditional_counts(tracked, fact)
    ):
        return False
    before = _shown(tracked)
    if tracked.is_end_inferred:
        _reopen(tracked)
    filled = fact.filled_qty
    if filled is None:
        filled = tracked.filled_qty
    status, told = tracked.status, fact.status
    tracked.in_doubt_since_ns = None
    if status is OrderStatus.PENDING_NEW or _is_no_older(tracked, fact, filled):
        if told.is_terminal or not status.is_terminal:
            tracked.status = _consistent_status(told, filled)
        if fact.reason:
            tracked.reason = fact.reason
        if fact.avg_price and fact.avg_price != tracked.avg_price:
            tracked.avg_price = fact.avg_price
    if fact.venue_ns >= tracked.terms_ns:
        # Amended terms follow venue time alone: a fill may be older, or known first.
        tracked.terms_ns = fact.venue_ns
        _take_terms(tracked, fact)
    if filled > tracked.filled_qty:
        tracked.filled_qty = filled
    if fact.venue_ns > tracked.venue_ns:
        tracked.venue_ns = fact.venue_ns
    _close_if_done(tracked)
    return before != _shown(tracked)


def count_fill(tracked: Tracked, fact: FillFact) -> Decimal:
    """Add an execution that is new; returns how much of it had been inferred.

    A fill is evidence of its own: the state follows if it is behind.
    """
    replaced = ZERO
    if tracked.provisional_qty:
        counted = tracked.base_filled + tracked.fills_qty
        excess = counted + fact.qty - tracked.filled_qty
        replaced = max(ZERO, min(tracked.provisional_qty, fact.qty, excess))
        tracked.provisional_qty -= replaced
    tracked.fills_qty += fact.qty - replaced
    if tracked.base_filled and fact.venue_ns <= tracked.venue_ns:
        # No later than the state we know, so part of it: the base held it, if any.
        over = tracked.base_filled + tracked.fills_qty - tracked.filled_qty
        tracked.base_filled -= max(ZERO, min(tracked.base_filled, over))
    if tracked.is_end_inferred:
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
    tracked.is_end_inferred = False
    if tracked.status is not OrderStatus.FILLED:
        tracked.reason = ""
    tracked.status = _consistent_status(OrderStatus.NEW, tracked.filled_qty)


def _close_if_done(tracked: Tracked) -> None:
    if not tracked.status.is_terminal:
        qty = tracked.qty
        if qty is None or not tracked.filled_qty >= qty > ZERO:
            return
        tracked.status = OrderStatus.FILLED
        tracked.is_end_inferred = True
    tracked.pending = None


_shown = attrgetter(
    "status",
    "filled_qty",
    "qty",
    "price",
    "avg_price",
    "trigger_price",
    "reason",
    "in_doubt_since_ns",
    "is_end_inferred",
)


def _conditional_counts(tracked: Tracked, fact: OrderFact) -> bool:
    """Whether the waiting object still has a say: once it became a real order, only
    that order's own facts do (FINISHED repeats them late)."""
    if tracked.triggered_order_id is None or fact.triggered_order_id is None:
        return tracked.triggered_order_id is None
    return not tracked.is_terminal and not fact.status.is_terminal


def _take_terms(tracked: Tracked, fact: OrderFact) -> None:
    """What is told, unless it is the number held, perhaps with other zeros at its end:
    what is no change is not written, and must not differ from what was written."""
    if fact.qty is not None and fact.qty != tracked.qty:
        tracked.qty = fact.qty
    if fact.price is not None and fact.price != tracked.price:
        tracked.price = fact.price
    if fact.trigger_price and fact.trigger_price != tracked.trigger_price:
        tracked.trigger_price = fact.trigger_price


def _is_no_older(tracked: Tracked, fact: OrderFact, filled: Decimal) -> bool:
    """By (is it final, cumulative filled quantity, venue time)."""
    told, held = fact.status.is_terminal, tracked.status.is_terminal
    if told is not held:
        return told
    if filled != tracked.filled_qty:
        return filled > tracked.filled_qty
    return fact.venue_ns >= tracked.venue_ns


def _consistent_status(status: OrderStatus, filled: Decimal) -> OrderStatus:
    """NEW with something filled reads PARTIALLY_FILLED."""
    if status is OrderStatus.NEW and filled > 0:
        return OrderStatus.PARTIALLY_FILLED
    return status
