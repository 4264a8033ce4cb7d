"""Commands, unsigned: place, amend, cancel.

`post_only` is always sent: its default in the schema is true, and alone it *moves*
the price of an order that would take, so it goes with `reject_post_only`. A label is
not unique at the venue and no idempotency key exists; ours never repeats, and
`valid_until` bounds when the order can still come to be.

Source: Deribit API, "private/buy", "private/edit", "private/cancel_*"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from connector.venues.deribit.limits import (
    CANCEL_ALL_COST,
    MATCHING_COST,
    REQUEST_COST,
)

VALID_MS = 2_000
"""From signing to `valid_until`: the shorter, the sooner a lost answer is settled."""

LABEL_MAX = 64

_UNIT_WORDS = {PriceUnit.USD: "usd", PriceUnit.VOLATILITY: "implv"}

Params = list[tuple[str, str]]


class Commands:
    """The commands of the dialect."""

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones included."""
        if len(client_order_id) > LABEL_MAX or not client_order_id.isascii():
            raise InvalidOrder(
                "client_order_id", client_order_id, "1 to 64 ASCII letters"
            )
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

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """There are no batches: orders go one by one."""
        raise Unsupported(words.VENUE, "batches of orders", "place them one by one")

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """New total quantity, price and trigger. The place in the queue is kept only
        if the size falls or the price stays; a post-only order whose new price would
        take is cancelled by the venue."""
        if order.venue_order_id is None:
            raise InvalidOrder(
                "status", order.status.value, "an order the venue answered"
            )
        assert terms.qty is not None, "orders here have a quantity"
        params: Params = [
            ("order_id", order.triggered_order_id or order.venue_order_id),
            ("amount", text_of(terms.qty)),
            ("post_only", _truth(order.post_only)),
        ]
        if terms.price is not None:
            params.append(("price", text_of(terms.price)))
        if order.waits and terms.trigger_price is not None:
            params.append(("trigger_price", text_of(terms.trigger_price)))
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

    def cancel(self, order: Order, instrument: Instrument | None = None) -> Request:
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
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None = None
    ) -> Request:
        """There are no batches."""
        raise Unsupported(words.VENUE, "batches of cancels", "cancel them one by one")

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """Every order of *symbol*, waiting ones included; answers a count."""
        params = [("instrument_name", str(symbol)), ("detailed", "false")]
        method = "private/cancel_all_by_instrument"
        return (_command("cancel_all", method, params, symbol=symbol),)

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
        """Every order there is, or every one of a kind. Perpetuals are futures with
        the venue, so that neither can be told apart here."""
        params = [("detailed", "false")]
        if kind is None:
            method, cost = "private/cancel_all", CANCEL_ALL_COST
        elif word := words.EXACT_KINDS.get(kind):
            method, cost = "private/cancel_all_by_kind_or_type", MATCHING_COST
            params = [("currency", "any"), ("kind", word), *params]
        else:
            return ()
        return (_command("cancel_all", method, params, cost=cost),)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage follows from the margin model."""
        raise Unsupported(words.VENUE, "leverage", "margin follows from the position")

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Positions always net."""
        raise Unsupported(words.VENUE, "hedge mode", "positions net")

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Whether the venue cancels what was placed on this connection when it ends.

        Where it does not, the answer leads to `arm`: that takes `account:read_write`,
        which could also read the secrets of the account's other keys. So it is armed
        for keys that ask for that (`sign.SETTINGS`), and for all others by hand, for
        the whole account, on the web page.
        """
        return _protection("dead_man", "private/get_cancel_on_disconnect", "GET")


def arm() -> Request:
    """Switch cancel-on-disconnect on for this connection."""
    return _protection("dead_man_arm", "private/enable_cancel_on_disconnect", "POST")


def _protection(op: str, method: str, verb: str) -> Request:
    return Request(
        op=op,
        method=verb,
        path=f"/api/v2/{method}",
        params=(("scope", "connection"),),
        cost=REQUEST_COST,
        priority=Priority.CANCEL,
        frame_method=method,
    )


def order_params(
    intent: OrderIntent, client_order_id: ClientOrderId, instrument: Instrument
) -> Params:
    """The order in wire words; raises for what the venue would refuse."""
    kind = intent.order_type
    if intent.qty is None:
        raise InvalidOrder("qty", None, "a quantity above 0")
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
        params.append(("trigger", words.TRIGGER_WORDS[intent.trigger_price_type]))
        params.append(_trigger(intent))
    return params


def _trigger(intent: OrderIntent) -> tuple[str, str]:
    """The price that triggers, or how far a trailing stop stays behind the best one,
    in price units."""
    if intent.order_type is not OrderType.TRAILING_STOP:
        if intent.trigger_price is None:
            raise InvalidOrder("trigger_price", None, "a price that triggers the order")
        return ("trigger_price", text_of(intent.trigger_price))
    if intent.activation_price is not None:
        raise Unsupported(words.VENUE, "activation prices", "it trails from the start")
    if intent.trail_offset is None:
        raise Unsupported(
            words.VENUE, "trailing stops in percent", "give trailing_offset, a distance"
        )
    return ("trigger_offset", text_of(intent.trail_offset))


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


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _command(
    op: str,
    method: str,
    params: Params,
    *,
    priority: Priority = Priority.CANCEL,
    cost: Cost = MATCHING_COST,
    window_ms: int | None = None,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
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
    )
