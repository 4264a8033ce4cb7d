"""One order as the machine remembers it: mutable, private to core.

The venue's word (`status`, `filled_qty`, ...) is kept apart from our own
(`pending`, `in_doubt_since_ns`), so that neither can overwrite the other; what
users see is the snapshot made of both.
"""

from __future__ import annotations

from decimal import Decimal

from connector.core.records import RECORDED, OrderRecord, record_values
from connector.dialect.facts import OrderFact
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.money import ZERO
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
)

_STATIC = (
    "side",
    "order_type",
    "time_in_force",
    "post_only",
    "trigger_price",
    "reduce_only",
    "close_position",
    "position_side",
)


class Tracked:
    """Mutable state of one order.

    *fills_qty* sums the fills counted here; *base_filled* is what was filled
    before our time. *provisional_qty* is the part of fills_qty that was
    inferred. *deadline_ms* is the venue time after which an unanswered command
    can no longer be accepted. *born_mono_ns*: when this process first heard of it, by
    the clock that is never set. *terms_ns* is the venue time of quantity and price.
    *is_end_inferred*: final by our own conclusion (refused, proven absent, filled by
    the sum of its fills), which any word of the venue overrides.
    """

    __slots__ = (
        "avg_price",
        "base_filled",
        "born_mono_ns",
        "client_order_id",
        "close_position",
        "created_ns",
        "deadline_ms",
        "filled_qty",
        "fills_qty",
        "in_doubt_since_ns",
        "is_conditional",
        "is_end_inferred",
        "is_stub",
        "last_seq",
        "order_type",
        "origin",
        "pending",
        "position_side",
        "post_only",
        "price",
        "provisional_qty",
        "qty",
        "reason",
        "reduce_only",
        "seen_on_stream",
        "side",
        "snapshot_cache",
        "status",
        "symbol",
        "terms_ns",
        "time_in_force",
        "told",
        "trigger_price",
        "triggered_order_id",
        "venue_ns",
        "venue_order_id",
    )

    def __init__(
        self,
        *,
        client_order_id: ClientOrderId,
        symbol: Symbol,
        side: Side,
        order_type: OrderType,
        qty: Decimal | None,
        price: Decimal | None,
        created_ns: int,
        origin: Origin = Origin.OWN,
    ) -> None:
        self.client_order_id = client_order_id
        self.venue_order_id: VenueOrderId | None = None
        self.symbol = symbol
        self.side = side
        self.order_type = order_type
        self.status = OrderStatus.PENDING_NEW
        self.pending: OrderStatus | None = None
        self.qty = qty
        self.price = price
        self.filled_qty = ZERO
        self.avg_price: Decimal | None = None
        self.fills_qty = ZERO
        self.base_filled = ZERO
        self.provisional_qty = ZERO
        self.time_in_force = TimeInForce.GTC
        self.post_only = False
        self.reduce_only = False
        self.close_position = False
        self.position_side = PositionSide.NET
        self.trigger_price: Decimal | None = None
        self.origin = origin
        self.is_conditional = order_type.is_conditional
        self.triggered_order_id: VenueOrderId | None = None
        self.reason = ""
        self.in_doubt_since_ns: int | None = None
        self.deadline_ms: int | None = None
        self.is_end_inferred = False
        self.is_stub = False
        self.created_ns = created_ns
        self.born_mono_ns = 0
        self.venue_ns = 0
        self.terms_ns = 0
        self.last_seq = 0
        self.seen_on_stream = False
        self.snapshot_cache: Order | None = None
        self.told: Order | None = None

    @classmethod
    def of_intent(
        cls, intent: OrderIntent, client_order_id: ClientOrderId, created_ns: int
    ) -> Tracked:
        """A new own order, not yet sent."""
        tracked = cls(
            client_order_id=client_order_id,
            symbol=intent.symbol,
            side=intent.side,
            order_type=intent.order_type,
            qty=intent.qty,
            price=intent.price,
            created_ns=created_ns,
        )
        for name in _STATIC:
            setattr(tracked, name, getattr(intent, name))
        return tracked

    @property
    def is_terminal(self) -> bool:
        """The venue's word is final."""
        return self.status.is_terminal

    @property
    def is_known_to_venue(self) -> bool:
        """The venue has said something about it."""
        return self.venue_order_id is not None or self.triggered_order_id is not None

    @property
    def missing_fills(self) -> Decimal:
        """Filled according to the venue, minus the fills counted here."""
        return self.filled_qty - self.base_filled - self.fills_qty

    def snapshot(self) -> Order:
        """What users see; the same object until something changes."""
        if self.snapshot_cache is None:
            status = self.status
            if not status.is_terminal:
                if self.in_doubt_since_ns is not None and not self.is_known_to_venue:
                    status = OrderStatus.IN_DOUBT
                elif self.pending is not None:
                    status = self.pending
            self.snapshot_cache = Order(
                client_order_id=self.client_order_id,
                venue_order_id=self.venue_order_id,
                symbol=self.symbol,
                side=self.side,
                order_type=self.order_type,
                status=status,
                qty=self.qty,
                price=self.price,
                filled_qty=self.filled_qty,
                avg_price=self.avg_price,
                time_in_force=self.time_in_force,
                post_only=self.post_only,
                reduce_only=self.reduce_only,
                close_position=self.close_position,
                position_side=self.position_side,
                trigger_price=self.trigger_price,
                origin=self.origin,
                triggered_order_id=self.triggered_order_id,
                reason=self.reason,
                in_doubt_since_ns=self.in_doubt_since_ns,
                created_ns=self.created_ns,
                venue_ns=self.venue_ns,
            )
        return self.snapshot_cache

    def adopt_static(self, fact: OrderFact) -> bool:
        """Take what never changes from *fact*; True if something was new.

        Only for orders we did not make (or know only by a fill): of our own we
        know better what was asked for.
        """
        changed = False
        for name in _STATIC:
            value = getattr(fact, name)
            if value is not None and value != getattr(self, name):
                setattr(self, name, value)
                changed = True
        return changed

    def record(self) -> OrderRecord:
        """Durable form; `of_record` restores it."""
        return OrderRecord(*record_values(self))

    @classmethod
    def of_record(cls, record: OrderRecord) -> Tracked:
        """Restore the durable form."""
        tracked = cls(
            client_order_id=record.client_order_id,
            symbol=record.symbol,
            side=record.side,
            order_type=record.order_type,
            qty=record.qty,
            price=record.price,
            created_ns=record.created_ns,
        )
        for name in RECORDED:
            setattr(tracked, name, getattr(record, name))
        return tracked
