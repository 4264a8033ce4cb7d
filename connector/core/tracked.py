"""One order as the machine remembers it: mutable, private to core.

The venue's word (`status`, `filled_qty`, ...) is kept apart from our own
(`pending`, `in_doubt_since_ns`), so that neither can overwrite the other; what
users see is the snapshot made of both.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal

from connector.core.records import RECORDED, OrderRecord, record_values
from connector.dialect.facts import OrderFact
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.money import ZERO
from connector.model.noun import Noun
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


class Tracked(Noun, eq=False, gc=False):
    """Mutable state of one order.

    *fills_qty* sums the fills counted here; *base_filled* is what was filled
    before our time. *provisional_qty* is the part of fills_qty that was
    inferred. *deadline_ms* is the venue time after which an unanswered command
    can no longer be accepted. *born_mono_ns*: when this process first heard of it, by
    the clock that is never set. *terms_ns* is the venue time of quantity and price.
    *is_end_inferred*: final by our own conclusion (refused, proven absent, filled by
    the sum of its fills), which any word of the venue overrides.
    """

    client_order_id: ClientOrderId
    symbol: Symbol
    side: Side
    order_type: OrderType
    qty: Decimal | None
    price: Decimal | None
    created_ns: int
    origin: Origin = Origin.OWN
    venue_order_id: VenueOrderId | None = None
    status: OrderStatus = OrderStatus.PENDING_NEW
    pending: OrderStatus | None = None
    filled_qty: Decimal = ZERO
    avg_price: Decimal | None = None
    fills_qty: Decimal = ZERO
    base_filled: Decimal = ZERO
    provisional_qty: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.NET
    trigger_price: Decimal | None = None
    is_conditional: bool = False
    triggered_order_id: VenueOrderId | None = None
    reason: str = ""
    in_doubt_since_ns: int | None = None
    deadline_ms: int | None = None
    is_end_inferred: bool = False
    is_stub: bool = False
    born_mono_ns: int = 0
    venue_ns: int = 0
    terms_ns: int = 0
    last_seq: int = 0
    seen_on_stream: bool = False
    snapshot_cache: Order | None = None
    told: Order | None = None

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
            is_conditional=intent.order_type.is_conditional,
        )
        for name in _STATIC:
            setattr(tracked, name, getattr(intent, name))
        return tracked

    @classmethod
    def of_fact(cls, fact: OrderFact, client_order_id: ClientOrderId) -> Tracked:
        """An order that somebody else made, before *fact* is merged."""
        order_type = fact.order_type or OrderType.LIMIT
        return cls(
            client_order_id,
            fact.symbol,
            fact.side or Side.BUY,
            order_type,
            fact.qty,
            fact.price,
            created_ns=fact.created_ns or fact.venue_ns,
            origin=fact.origin or Origin.EXTERNAL,
            status=OrderStatus.NEW,
            time_in_force=fact.time_in_force or TimeInForce.GTC,
            post_only=bool(fact.post_only),
            trigger_price=fact.trigger_price,
            reduce_only=bool(fact.reduce_only),
            close_position=bool(fact.close_position),
            position_side=fact.position_side or PositionSide.NET,
            # What a conditional order became is still that order.
            is_conditional=fact.is_conditional or order_type.is_conditional,
        )

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
                self.client_order_id,
                self.venue_order_id,
                self.symbol,
                self.side,
                self.order_type,
                status,
                self.qty,
                self.price,
                self.filled_qty,
                self.avg_price,
                self.time_in_force,
                self.post_only,
                self.reduce_only,
                self.close_position,
                self.position_side,
                self.trigger_price,
                self.origin,
                self.triggered_order_id,
                self.reason,
                self.in_doubt_since_ns,
                self.created_ns,
                self.venue_ns,
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

    def as_of_now(self) -> Tracked:
        """A copy for the journal, put into words when it is written."""
        return copy(self)

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
