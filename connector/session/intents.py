"""From what a person types to an `OrderIntent`, with errors that name the rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict, TypeVar, Unpack, cast

from connector.errors import InvalidOrder
from connector.model.ids import Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.money import decimal_of
from connector.model.order import (
    Exit,
    OrderIntent,
    OrderType,
    PositionSide,
    PriceUnit,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)

Number = Decimal | str | int
_E = TypeVar("_E", bound=StrEnum)


class OrderOptions(TypedDict, total=False):
    """Everything about an order but side, instrument and quantity.

    limit: price in quote per base; without it (and without a trigger) a market
        order.
    post_only: refuse to take liquidity.
    time_in_force: GTC, IOC, FOK or GTD (with good_till_ms, UTC epoch ms).
    reduce_only: may only make the position smaller.
    position_side: NET, or LONG / SHORT while the account is in hedge mode.
    self_trade_prevention: what happens when it would meet an order of your own.
    stop, take_profit: trigger price of a conditional order; with limit it becomes
        a limit order when triggered.
    trailing: callback in percent of a trailing stop; trailing_offset: the same as a
        distance in price; activation: its start price.
    trigger_by: LAST, MARK or INDEX price.
    close_position: close all of it when triggered (no quantity then).
    price_protect: do not trigger while last and mark price differ much.
    attach_take_profit, attach_stop_loss: trigger prices (or `Exit`s) of orders that
        close what this one opens; trigger_by counts for them too.
    price_unit: QUOTE, or for options USD or VOLATILITY (percent a year): the venue
        follows with the price in coin.
    """

    limit: Number | None
    post_only: bool
    time_in_force: TimeInForce | str
    good_till_ms: int | None
    reduce_only: bool
    position_side: PositionSide | str
    self_trade_prevention: SelfTradePrevention | str
    stop: Number | None
    take_profit: Number | None
    trigger_by: TriggerPriceType | str
    trailing: Number | None
    trailing_offset: Number | None
    activation: Number | None
    close_position: bool
    price_protect: bool
    price_unit: PriceUnit | str
    attach_take_profit: Number | Exit | None
    attach_stop_loss: Number | Exit | None


def make_intent(
    side: Side, symbol: str, qty: Number | None, **options: Unpack[OrderOptions]
) -> OrderIntent:
    """An intent of the kind that the options imply; raises InvalidOrder."""
    if not isinstance(symbol, str):
        raise InvalidOrder("symbol", symbol, "a text such as BTCUSDT")
    unknown = options.keys() - OrderOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(OrderOptions.__annotations__)
        raise InvalidOrder("option", sorted(unknown)[0], f"one of {known}")
    numbers = {
        rule: None if value is None else decimal_of(value, rule)
        for rule, value in (
            ("qty", qty),
            ("price", options.get("limit")),
            ("stop", options.get("stop")),
            ("take_profit", options.get("take_profit")),
            ("callback_rate", options.get("trailing")),
            ("trail_offset", options.get("trailing_offset")),
            ("activation_price", options.get("activation")),
        )
    }
    given = [
        name
        for name in ("stop", "take_profit", "callback_rate", "trail_offset")
        if numbers[name] is not None
    ]
    if len(given) > 1:
        raise InvalidOrder("trigger", " and ".join(given), "one of them")
    stop, take_profit = numbers["stop"], numbers["take_profit"]
    return OrderIntent(
        Symbol(symbol),
        side,
        _type_of(given, has_price=numbers["price"] is not None),
        numbers["qty"],
        numbers["price"],
        _word(TimeInForce, options.get("time_in_force", "GTC"), "time_in_force"),
        options.get("post_only", False),
        options.get("reduce_only", False),
        options.get("close_position", False),
        _word(PositionSide, options.get("position_side", "NET"), "position_side"),
        _word(
            SelfTradePrevention,
            options.get("self_trade_prevention", "DEFAULT"),
            "self_trade_prevention",
        ),
        options.get("good_till_ms"),
        trigger_price=stop if stop is not None else take_profit,
        trigger_price_type=_word(
            TriggerPriceType, options.get("trigger_by", "LAST"), "trigger_by"
        ),
        activation_price=numbers["activation_price"],
        callback_rate=numbers["callback_rate"],
        trail_offset=numbers["trail_offset"],
        price_protect=options.get("price_protect", False),
        price_unit=_word(PriceUnit, options.get("price_unit", "QUOTE"), "price_unit"),
        take_profit=_exit(options, "attach_take_profit"),
        stop_loss=_exit(options, "attach_stop_loss"),
    )


def _exit(options: OrderOptions, name: str) -> Exit | None:
    given = cast(Number | Exit | None, options.get(name))
    if given is None or isinstance(given, Exit):
        return given
    watched = _word(TriggerPriceType, options.get("trigger_by", "LAST"), "trigger_by")
    return Exit(trigger_price=decimal_of(given, name), trigger_price_type=watched)


def kind_of(word: InstrumentKind | str) -> InstrumentKind:
    """A kind of instrument by its word; raises InvalidOrder."""
    try:
        return InstrumentKind(str(word).lower())
    except ValueError:
        words = ", ".join(item.value for item in InstrumentKind)
        raise InvalidOrder("kind", word, f"one of {words}") from None


def kind_in(listed: Mapping[str, Instrument], symbol: str) -> InstrumentKind | None:
    """The kind of what may not be listed any more."""
    found = listed.get(symbol)
    return None if found is None else found.kind


def groups_of(
    intents: Sequence[OrderIntent], most: int
) -> Iterator[Sequence[OrderIntent]]:
    """Regular orders together, conditional ones alone (endpoints of their own)."""
    together: list[OrderIntent] = []
    for intent in intents:
        if intent.order_type.is_conditional:
            if together:
                yield together
                together = []
            yield [intent]
            continue
        together.append(intent)
        if len(together) == most:
            yield together
            together = []
    if together:
        yield together


def _type_of(given: list[str], *, has_price: bool) -> OrderType:
    match given:
        case ["stop"]:
            return OrderType.STOP_LIMIT if has_price else OrderType.STOP_MARKET
        case ["take_profit"]:
            if has_price:
                return OrderType.TAKE_PROFIT_LIMIT
            return OrderType.TAKE_PROFIT_MARKET
        case ["callback_rate"] | ["trail_offset"]:
            return OrderType.TRAILING_STOP
        case _:
            return OrderType.LIMIT if has_price else OrderType.MARKET


def _word(kind: type[_E], value: object, rule: str) -> _E:
    try:
        return kind(str(value).upper())
    except ValueError:
        words = ", ".join(item.value for item in kind)
        raise InvalidOrder(rule, value, f"one of {words}") from None
