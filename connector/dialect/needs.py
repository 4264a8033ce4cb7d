"""What an order asks of a venue."""

from __future__ import annotations

from collections.abc import Iterator

from connector.dialect import Capability
from connector.model.order import (
    OrderIntent,
    PositionSide,
    PriceUnit,
    SelfTradePrevention,
    TimeInForce,
)


def needs_of(intent: OrderIntent) -> Iterator[Capability]:
    """What a venue must be able to do for *intent*; Unsupported where it is not."""
    wanted = {
        Capability.CONDITIONAL: intent.order_type.is_conditional,
        Capability.TRAILING_STOP: intent.callback_rate is not None,
        Capability.TRAILING_OFFSET: intent.trail_offset is not None,
        Capability.GTD: intent.time_in_force is TimeInForce.GTD,
        Capability.HEDGE_MODE: intent.position_side is not PositionSide.NET,
        Capability.CLOSE_POSITION: intent.close_position,
        Capability.PRICE_UNITS: intent.price_unit is not PriceUnit.QUOTE,
        Capability.ATTACHED_EXITS: (
            intent.take_profit is not None or intent.stop_loss is not None
        ),
        Capability.PRICE_PROTECT: intent.price_protect,
        Capability.SELF_TRADE_PREVENTION: (
            intent.self_trade_prevention is not SelfTradePrevention.DEFAULT
        ),
    }
    return (capability for capability, is_wanted in wanted.items() if is_wanted)
