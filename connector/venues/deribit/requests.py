"""Commands, unsigned: place, amend, cancel.

`post_only` is always sent: its default in the schema is true, and alone it *moves*
the price of an order that would take, so it goes with `reject_post_only`. A label is
not unique at the venue and no idempotency key exists; ours never repeats, and
`valid_until` bounds when the order can still come to be.

Source: Deribit API, "private/buy", "private/edit", "private/cancel_*"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.dialect.wire import Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.limits import Cost, Priority
from connector.model.money import text_of
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PriceUnit,
    Side,
    Terms,
)
from connector.venues.deribit import words
from connector.venues.deribit.limits import MATCHING_COST, REQUEST_COST

VALID_MS = 2_000
"""From signing to `valid_until`: the shorter, the sooner a lost answer is settled."""

LABEL_MAX = 64

_UNIT_WORDS = {PriceUnit.USD: "usd", PriceUnit.VOLATILITY: "implv"}

Params = list[tuple[str, str]]


def place(
    intent: OrderIntent, client_order_id: ClientOrderId, instrument: Instrument
) -> Request:
    """A new order, conditional ones included."""
    if len(client_order_id) > LABEL_MAX or not client_order_id.isascii():
        raise InvalidOrder("client_order_id", client_order_id, "1 to 64 ASCII letters")
    method = "private/buy" if intent.side is Side.BUY else "private/sell"
    return _command(
        "place",
        method,
        order_params(intent, client_order_id, instrument),
        priority=Priority.CANCEL if intent.reduces else Priority.PLACE,
        window_ms=VALID_MS,
        symbol=intent.symbol,
        client_order_id=client_order_id,
    )


def order_params(
    intent: OrderIntent, client_order_id: ClientOrderId, instrument: Instrument
) -> Params:
    """The order in wire words; raises for what the venue would refuse."""
    kind = intent.order_type
    if intent.qty is None:
        raise InvalidOrder("qty", None, "a quantity above 0")
    if kind is OrderType.TRAILING_STOP:
        raise Unsupported(
            words.VENUE, "trailing stops in percent", "the venue counts in price units"
        )
    params: Params = [
        ("instrument_name", intent.symbol),
        ("amount", text_of(intent.qty)),
        ("type", words.TYPE_WORDS[kind]),
        ("label", client_order_id),
        ("post_only", _truth(intent.post_only)),
        ("reduce_only", _truth(intent.reduce_only)),
    ]
    if intent.post_only:
        params.append(("reject_post_only", "true"))
    params += _price(intent, instrument)
    if kind.is_conditional:
        if intent.trigger_price is None:
            raise InvalidOrder("trigger_price", None, "a price that triggers the order")
        params.append(("trigger", words.TRIGGER_WORDS[intent.trigger_price_type]))
        params.append(("trigger_price", text_of(intent.trigger_price)))
    return params


def _price(intent: OrderIntent, instrument: Instrument) -> Params:
    if not intent.order_type.has_price:
        return []
    if intent.price is None:
        raise InvalidOrder("price", None, f"a price with {intent.order_type.value}")
    tif = words.TIF_WORDS.get(intent.time_in_force)
    if tif is None:
        raise Unsupported(
            words.VENUE,
            f"time in force {intent.time_in_force.value}",
            f"use {', '.join(sorted(t.value for t in words.TIF_WORDS))}",
        )
    params = [("price", text_of(intent.price)), ("time_in_force", tif)]
    if intent.price_unit is not PriceUnit.QUOTE:
        if instrument.kind is not InstrumentKind.OPTION:
            raise InvalidOrder("price_unit", intent.price_unit.value, "options only")
        params.append(("advanced", _UNIT_WORDS[intent.price_unit]))
    return params


def amend(order: Order, terms: Terms) -> Request:
    """New total quantity and price. The place in the queue is kept only if the size
    falls or the price stays; a post-only order whose new price would take is
    cancelled by the venue."""
    if order.venue_order_id is None:
        raise InvalidOrder("status", order.status.value, "an order the venue answered")
    assert terms.qty is not None
    assert terms.price is not None
    params: Params = [
        ("order_id", order.triggered_order_id or order.venue_order_id),
        ("amount", text_of(terms.qty)),
        ("price", text_of(terms.price)),
        ("post_only", _truth(order.post_only)),
    ]
    if order.post_only:
        params.append(("reject_post_only", "true"))
    if order.reduce_only:
        params.append(("reduce_only", "true"))
    return _command(
        "amend",
        "private/edit",
        params,
        priority=Priority.PLACE,
        window_ms=VALID_MS,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )


def cancel(order: Order) -> Request:
    """By venue id if known, else by label, which answers a count."""
    order_id = order.triggered_order_id or order.venue_order_id
    if order_id is not None:
        method, params = "private/cancel", [("order_id", str(order_id))]
    else:
        method = "private/cancel_by_label"
        currency = words.currency_of(order.symbol)
        params = [("label", str(order.client_order_id)), ("currency", currency)]
    return _command(
        "cancel",
        method,
        params,
        priority=Priority.CANCEL,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )


def cancel_all(symbol: Symbol) -> Request:
    """Every order of an instrument, waiting ones included; answers a count."""
    return _command(
        "cancel_all",
        "private/cancel_all_by_instrument",
        [("instrument_name", symbol), ("detailed", "false")],
        priority=Priority.CANCEL,
        symbol=symbol,
    )


def protection() -> Request:
    """Whether cancel-on-disconnect is on here.

    Switching it on takes `account:read_write`, which could read the secrets of the
    account's other keys: so it is switched on by hand, for the whole account, on the
    web page, and only looked at here.
    """
    return Request(
        op="protection",
        method="GET",
        path="/api/v2/private/get_cancel_on_disconnect",
        params=(("scope", "connection"),),
        cost=REQUEST_COST,
        priority=Priority.CANCEL,
        frame_method="private/get_cancel_on_disconnect",
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _command(
    op: str,
    method: str,
    params: Params,
    *,
    priority: Priority,
    cost: Cost = MATCHING_COST,
    window_ms: int | None = None,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
    context: Mapping[str, str] | None = None,
) -> Request:
    return Request(
        op=op,
        method="POST",
        path=f"/api/v2/{method}",
        params=tuple(params),
        cost=cost,
        priority=priority,
        window_ms=window_ms,
        frame_method=method,
        symbol=symbol,
        client_order_id=client_order_id,
        context=context or {},
    )
