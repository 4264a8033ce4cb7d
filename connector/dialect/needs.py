"""What an order asks of a venue, and what none would take."""

from __future__ import annotations

from collections.abc import Iterator

from connector.dialect import Capability
from connector.errors import InvalidOrder
from connector.model.order import (
    OrderIntent,
    OrderType,
    PositionSide,
    PriceUnit,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)


def needs_of(intent: OrderIntent) -> Iterator[Capability]:
    """What a venue must be able to do for *intent*; Unsupported where it is not."""
    if intent.order_type.is_conditional:
        yield Capability.CONDITIONAL
    if intent.callback_rate is not None:
        yield Capability.TRAILING_STOP
    if intent.trail_offset is not None:
        yield Capability.TRAILING_OFFSET
    if intent.time_in_force is TimeInForce.GTD:
        yield Capability.GTD
    if intent.position_side is not PositionSide.NET:
        yield Capability.HEDGE_MODE
    if intent.close_position:
        yield Capability.CLOSE_POSITION
    if intent.price_unit is not PriceUnit.QUOTE:
        yield Capability.PRICE_UNITS
    if intent.take_profit is not None or intent.stop_loss is not None:
        yield Capability.ATTACHED_EXITS
    if intent.price_protect:
        yield Capability.PRICE_PROTECT
    if intent.self_trade_prevention is not SelfTradePrevention.DEFAULT:
        yield Capability.SELF_TRADE_PREVENTION


def check_shape(intent: OrderIntent) -> None:
    """Raise InvalidOrder for what no venue takes, whatever its account and market."""
    kind = intent.order_type
    if (intent.qty is None) != intent.close_position:
        raise InvalidOrder(
            "qty", intent.qty, "a quantity, or close_position without one"
        )
    if intent.close_position and kind.has_price:
        raise InvalidOrder("close_position", kind.value, "market kinds only")
    if kind.has_price and intent.price is None:
        raise InvalidOrder("price", None, f"a {kind.value} order needs a price")
    if not kind.has_price and intent.price is not None:
        raise InvalidOrder("price", intent.price, f"none on a {kind.value} order")
    needs_trigger = kind.is_conditional and kind is not OrderType.TRAILING_STOP
    if needs_trigger != (intent.trigger_price is not None):
        wanted = "needs a trigger price" if needs_trigger else "has no trigger price"
        raise InvalidOrder(
            "trigger_price", intent.trigger_price, f"a {kind.value} order {wanted}"
        )
    _check_trail(intent)
    _check_idle(intent)
    if intent.post_only and (
        kind is not OrderType.LIMIT or intent.time_in_force is not TimeInForce.GTC
    ):
        raise InvalidOrder(
            "post_only",
            f"{kind.value} {intent.time_in_force.value}",
            "post-only goes with a GTC limit order",
        )
    is_gtd = intent.time_in_force is TimeInForce.GTD
    if is_gtd != (intent.good_till_ms is not None):
        raise InvalidOrder(
            "good_till_ms", intent.good_till_ms, "GTD orders need a date, others none"
        )
    opening = (PositionSide.LONG, Side.BUY), (PositionSide.SHORT, Side.SELL)
    opens = (intent.position_side, intent.side) in opening
    if opens and (intent.reduce_only or intent.close_position):
        what = f"{intent.side.value} {intent.position_side.value}"
        raise InvalidOrder("reduce_only", what, "SELL with LONG or BUY with SHORT")


def _check_trail(intent: OrderIntent) -> None:
    """A trailing stop stays behind by a rate or by a distance, others by neither."""
    kind = intent.order_type
    told = [x for x in (intent.callback_rate, intent.trail_offset) if x is not None]
    is_trailing = kind is OrderType.TRAILING_STOP
    if len(told) != is_trailing:
        wanted = "one" if is_trailing else "none"
        raise InvalidOrder(
            "callback_rate",
            told[0] if told else None,
            f"{wanted} of callback rate and trail offset on a {kind.value} order",
        )
    if told and told[0] <= 0:
        rule = "callback_rate" if intent.trail_offset is None else "trail_offset"
        raise InvalidOrder(rule, told[0], "more than 0")


def _check_idle(intent: OrderIntent) -> None:
    """What is about a trigger or a price goes with one: whoever forgot it did not mean
    an order that is due at once."""
    kind, unit = intent.order_type, intent.price_unit
    if intent.price is None and unit is not PriceUnit.QUOTE:
        raise InvalidOrder("price_unit", unit.value, "with a limit price only")
    activation, watched = intent.activation_price, intent.trigger_price_type
    if activation is not None and kind is not OrderType.TRAILING_STOP:
        raise InvalidOrder("activation_price", activation, "with trailing stops only")
    if kind.is_conditional:
        return
    if intent.price_protect:
        raise InvalidOrder("price_protect", True, "with conditional orders only")
    has_exits = intent.take_profit is not None or intent.stop_loss is not None
    if watched is not TriggerPriceType.LAST and not has_exits:
        raise InvalidOrder(
            "trigger_price_type", watched.value, f"a {kind.value} order has no trigger"
        )
