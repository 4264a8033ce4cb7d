"""The durable form of what the machine knows: JSON text of plain nouns.

Texts are made when they are written, not when the fact arrives: of an order that
changes three times before the disk is ready, only the last state is put into words.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter

from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.money import ZERO, text_of
from connector.model.noun import Noun, field
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
)


class SumsRecord(Noun, frozen=True):
    """Quantities by position name, wallets by asset."""

    position: dict[str, Decimal] = field(default_factory=dict)
    wallet: dict[str, Decimal] = field(default_factory=dict)

    def digest_text(self) -> str:
        """Equal for equal sums."""
        groups = (self.position, self.wallet)
        return "|".join(
            f"{name} {text_of(group[name])}"
            for group in groups
            for name in sorted(group)
        )


class BaseTimes(Noun, frozen=True):
    """Venue times (UTC ns) of the words that the sums begin with."""

    position: dict[str, int] = field(default_factory=dict)
    wallet: dict[str, int] = field(default_factory=dict)

    def digest_text(self) -> str:
        """Equal for equal times."""
        return f"{sorted(self.position.items())}{sorted(self.wallet.items())}"


class OrderRecord(Noun, frozen=True, gc=False, omit_defaults=True):
    """What survives of an order. Fields that have their default are not written, nor
    were those that an older version did not know."""

    client_order_id: ClientOrderId
    symbol: Symbol
    side: Side
    order_type: OrderType
    status: OrderStatus
    qty: Decimal | None
    price: Decimal | None
    created_ns: int
    venue_order_id: VenueOrderId | None = None
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
    origin: Origin = Origin.OWN
    is_conditional: bool = False
    triggered_order_id: VenueOrderId | None = None
    reason: str = ""
    in_doubt_since_ns: int | None = None
    deadline_ms: int | None = None
    is_end_inferred: bool = False
    is_stub: bool = False
    venue_ns: int = 0
    terms_ns: int = 0

    def digest_text(self) -> str:
        """Equal for equal orders, however the venue wrote their numbers."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        return "|".join(
            text_of(value) if isinstance(value, Decimal) else str(value)
            for value in values
        )


RECORDED = OrderRecord.__struct_fields__
record_values = attrgetter(*RECORDED)
"""The values of an order's durable fields, in the order of `OrderRecord`."""
