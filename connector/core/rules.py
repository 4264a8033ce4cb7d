"""What is refused before anything is journaled or sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import takewhile

from connector.core.account import Account
from connector.dialect import Capability, Dialect, VenueFacts
from connector.dialect.needs import check_shape, needs_of
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
from connector.model.money import decimal_of
from connector.model.noun import as_plain
from connector.model.order import (
    Exit,
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    PriceUnit,
    SelfTradePrevention,
    Side,
    Terms,
    TimeInForce,
    TriggerPriceType,
)

_NUMBERS = (
    "qty",
    "price",
    "trigger_price",
    "activation_price",
    "callback_rate",
    "trail_offset",
)
_EXITS = ("take_profit", "stop_loss")
_WORDS: dict[str, type] = {
    "side": Side,
    "order_type": OrderType,
    "time_in_force": TimeInForce,
    "position_side": PositionSide,
    "self_trade_prevention": SelfTradePrevention,
    "trigger_price_type": TriggerPriceType,
    "price_unit": PriceUnit,
    "post_only": bool,
    "reduce_only": bool,
    "close_position": bool,
    "price_protect": bool,
}

_TRAILS = {
    Capability.TRAILING_STOP: (Capability.TRAILING_OFFSET, "give trailing_offset"),
    Capability.TRAILING_OFFSET: (Capability.TRAILING_STOP, "give trailing, in percent"),
}
"""Either way of trailing, and what to give for the other."""

_ALIKE = 3
"""Letters that two names must share to be called close."""


def instrument_of(
    instruments: Mapping[Symbol, Instrument],
    symbol: object,
    facts: VenueFacts | None = None,
) -> Instrument:
    """The instrument; InvalidOrder with close names if there is none, Unsupported if
    it is of a kind that the venue has and its dialect does not trade."""
    found = instruments.get(Symbol(symbol)) if isinstance(symbol, str) else None
    if found is not None:
        return found
    shown = str(symbol)[:40].upper()
    letters = "".join(c for c in shown if c.isalnum())

    def distance(name: str) -> tuple[int, int, str]:
        """Names that begin alike first, then short ones."""
        plain = "".join(c for c in name if c.isalnum())
        pairs = zip(plain, letters, strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return (-alike if alike >= _ALIKE else 0, len(name), name)

    some = ", ".join(sorted(instruments, key=distance)[:5])
    if facts is not None:
        for pattern, what in facts.not_traded:
            if re.fullmatch(pattern, shown):
                raise Unsupported(facts.name, what, f"trade {some} and others")
    raise InvalidOrder("symbol", symbol, f"the venue trades {some} and others")


def check_intent(
    intent: OrderIntent,
    account: Account,
    dialect: Dialect,
    *,
    open_orders: int,
    now_ms: int,
) -> Instrument:
    """Raise InvalidOrder or Unsupported; returns the instrument."""
    instrument = instrument_of(account.instruments, intent.symbol, dialect.facts)
    if not instrument.is_trading:
        raise InvalidOrder("status", intent.symbol, "an instrument that is trading")
    _check_kinds(intent)
    _check_capabilities(intent, dialect.facts)
    check_shape(intent)
    good_till = intent.good_till_ms
    if good_till is not None and good_till <= now_ms:
        raise InvalidOrder("good_till_ms", good_till, "a time in the future")
    _check_position_side(intent, account)
    mark = account.mark_of(intent.symbol)
    if intent.qty is not None:
        instrument.check_qty(intent.qty, is_market=not intent.order_type.has_price)
    is_quoted = intent.price_unit is PriceUnit.QUOTE
    if intent.price is not None and is_quoted:
        band = None if intent.order_type.is_conditional else mark
        instrument.check_price(intent.price, mark=band)
    elif intent.price is not None and intent.price <= 0:
        raise InvalidOrder("price", intent.price, "a price above 0")
    for name in ("trigger_price", "activation_price"):
        value = getattr(intent, name)
        if value is not None:
            instrument.check_price(value, rule=name)
    _check_exits(intent, instrument, mark)
    if intent.qty is not None and not intent.reduces:
        price = (intent.price or intent.trigger_price or mark) if is_quoted else None
        if price is not None:
            instrument.check_notional(intent.qty, price)
    limit = instrument.max_open_orders
    if limit is not None and open_orders >= limit:
        raise InvalidOrder(
            "max_open_orders", open_orders, f"at most {limit} on {intent.symbol}"
        )
    return instrument


def check_amend(
    order: Order, terms: Terms, account: Account, dialect: Dialect
) -> Instrument:
    """Raise unless *terms* may replace those of *order*."""
    waits = order.waits
    wanted = Capability.AMEND_CONDITIONAL if waits else Capability.AMEND
    if wanted not in dialect.facts.capabilities:
        raise Unsupported(dialect.facts.name, wanted.value)
    if not order.is_open:
        raise InvalidOrder(
            "status", order.status.value, "only open orders can be amended"
        )
    if not waits and order.price is None:
        raise InvalidOrder(
            "order_type", order.order_type.value, "only limit orders can be amended"
        )
    for name, value in as_plain(terms).items():
        # What an order does not have, it cannot be given, nor lose what it has.
        if (value is None) != (getattr(order, name) is None):
            raise InvalidOrder(name, value, f"as the order: {getattr(order, name)}")
    if terms.trigger_price != order.trigger_price and not waits:
        raise InvalidOrder("trigger_price", terms.trigger_price, "it has triggered")
    instrument = instrument_of(account.instruments, order.symbol)
    if terms.qty is not None:
        decimal_of(terms.qty, "qty")
        instrument.check_qty(terms.qty, is_market=terms.price is None)
    if terms.price is not None:
        decimal_of(terms.price, "price")
        mark = None if waits else account.mark_of(order.symbol)
        instrument.check_price(terms.price, mark=mark)
    if terms.trigger_price is not None:
        decimal_of(terms.trigger_price, "trigger_price")
        instrument.check_price(terms.trigger_price, rule="trigger_price")
    price = terms.price or terms.trigger_price
    if terms.qty is not None and price is not None and not order.reduce_only:
        instrument.check_notional(terms.qty, price)
    return instrument


def check_margin_scope(symbol: str | None, facts: VenueFacts) -> None:
    """Raise Unsupported unless the venue has a margin mode of this scope: of an
    instrument, or (None) of the whole account."""
    if (symbol is None) == facts.margin_mode_of_account:
        return
    wrong, right = "the account", "an instrument"
    if facts.margin_mode_of_account:
        wrong, right = right, f"{wrong}: give None for the symbol"
    raise Unsupported(facts.name, f"margin mode of {wrong}", f"it is of {right}")


def amend_exposes(order: Order, qty: Decimal | None) -> bool:
    """The new total quantity is larger, and the order does not reduce."""
    reduces = order.reduce_only or (order.position_side, order.side) in (
        (PositionSide.LONG, Side.SELL),
        (PositionSide.SHORT, Side.BUY),
    )
    return not reduces and (order.qty is None or qty is None or qty > order.qty)


def _check_kinds(intent: OrderIntent) -> None:
    """An intent made by hand holds what its annotations say, and finite numbers."""
    for name, kind in _WORDS.items():
        value = getattr(intent, name)
        if not isinstance(value, kind):
            raise InvalidOrder(name, value, f"a {kind.__name__}")
    numbers = {name: getattr(intent, name) for name in _NUMBERS}
    for name in _EXITS:
        found = getattr(intent, name)
        if found is None:
            continue
        if not isinstance(found, Exit):
            raise InvalidOrder(name, found, "an Exit")
        if found.trigger_price is None:
            raise InvalidOrder(name, None, "an Exit with a trigger price")
        watched = found.trigger_price_type
        if not isinstance(watched, TriggerPriceType):
            raise InvalidOrder(name, watched, "an Exit with a TriggerPriceType")
        numbers |= {name: found.trigger_price, f"{name} price": found.price}
    for name, value in numbers.items():
        if value is None:
            continue
        if not isinstance(value, Decimal):
            raise InvalidOrder(name, value, "a Decimal made from text")
        decimal_of(value, name)
    good_till = intent.good_till_ms
    if good_till is not None and type(good_till) is not int:
        raise InvalidOrder("good_till_ms", good_till, "UTC milliseconds, an int")


def _check_capabilities(intent: OrderIntent, facts: VenueFacts) -> None:
    for capability in needs_of(intent):
        if capability not in facts.capabilities:
            other, option = _TRAILS.get(capability, (None, ""))
            instead = option if other in facts.capabilities else ""
            raise Unsupported(facts.name, capability.value, instead)


def _check_exits(
    intent: OrderIntent, instrument: Instrument, mark: Decimal | None
) -> None:
    """Exits go with orders that open, on the sides of the price where they belong."""
    price = intent.price or mark
    for name, exit_, sign in (
        ("take_profit", intent.take_profit, 1),
        ("stop_loss", intent.stop_loss, -1),
    ):
        if exit_ is None:
            continue
        if intent.reduces or intent.order_type.is_conditional:
            raise InvalidOrder(
                name,
                exit_.trigger_price,
                "attached only to market and limit orders that open a position",
            )
        instrument.check_price(exit_.trigger_price, rule=name)
        if exit_.price is not None:
            instrument.check_price(exit_.price, rule=name)
        if price is None:
            continue
        if (exit_.trigger_price - price) * intent.side.sign * sign <= 0:
            way = "above" if intent.side.sign * sign > 0 else "below"
            whose = "the limit price" if intent.price else "the mark price"
            raise InvalidOrder(name, exit_.trigger_price, f"{way} {price}, {whose}")


def _check_position_side(intent: OrderIntent, account: Account) -> None:
    if account.is_hedge_mode and intent.position_side is PositionSide.NET:
        raise InvalidOrder(
            "position_side", "NET", "LONG or SHORT while the account is in hedge mode"
        )
    if not account.is_hedge_mode and intent.position_side is not PositionSide.NET:
        raise InvalidOrder(
            "position_side",
            intent.position_side.value,
            "NET while the account is in one-way mode",
        )
