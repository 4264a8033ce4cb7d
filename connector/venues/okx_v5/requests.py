"""Commands, unsigned: place, amend, cancel, settings, cancel-all-after.

Bodies are those of REST, with instruments by name; `sign_request_frame` puts their
numbers in place. Sizes are contracts: the quantity divided by `qty_unit`. Every
order is cross margin: the mode is chosen with each order here, and one instrument
may hold a cross and an isolated position at once, which one position per instrument
and side cannot show.

Conditional orders (``conditional`` with a stop-loss or take-profit price,
``move_order_stop``) live in the algo service and go by REST only; the venue has no
deadline for them but the 30 s of every signed call.

Source: "Trade" and "Algo Trading" pages of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from connector.dialect.wire import Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import Cost, Priority
from connector.model.money import text_of
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Terms,
    TimeInForce,
)
from connector.venues.okx_v5 import words
from connector.venues.okx_v5.limits import cost_of, order_cost
from connector.venues.okx_v5.sign import ACCEPTANCE_MS

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""
BATCH_MAX = 20

_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_HUNDRED = Decimal(100)
_MARKET = "-1"

Row = dict[str, object]


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id; local names of other orders it cannot."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


class Commands:
    """The commands of the dialect."""

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones through the algo service."""
        symbol, is_algo = intent.symbol, intent.order_type.is_conditional
        row = order_row(intent, client_order_id, instrument)
        return _command(
            "place_algo" if is_algo else "place",
            "/api/v5/trade/order-algo" if is_algo else "/api/v5/trade/order",
            row,
            order_cost("place-algo" if is_algo else "place", [symbol]),
            Priority.CANCEL if intent.reduces else Priority.PLACE,
            window_ms=ACCEPTANCE_MS if is_algo else RECV_WINDOW_MS,
            frame_method="" if is_algo else "order",
            codes=[instrument.wire_code],
            symbol=symbol,
            client_order_id=client_order_id,
        )

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Up to 20 orders, executed in turn; each has an outcome of its own."""
        _batch_size(len(orders))
        if any(intent.order_type.is_conditional for intent, _, _ in orders):
            raise Unsupported(
                words.VENUE, "batches of conditional orders", "place them one by one"
            )
        reduces = all(intent.reduces for intent, _, _ in orders)
        operation = "place" if len(orders) == 1 else "place-batch"
        return _command(
            "place_batch",
            "/api/v5/trade/batch-orders",
            [order_row(*order) for order in orders],
            order_cost(operation, [intent.symbol for intent, _, _ in orders]),
            Priority.CANCEL if reduces else Priority.PLACE,
            window_ms=RECV_WINDOW_MS,
            frame_method="batch-orders",
            codes=[instrument.wire_code for _, _, instrument in orders],
            ids=[name for _, name, _ in orders],
        )

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """New total size, what is filled included, and price. A size at or below
        what is filled makes the order filled."""
        if order.waits:
            return _amend_algo(order, instrument, terms)
        row: Row = {"instId": order.symbol, **_order_id(order)}
        row |= _new_size(terms, instrument)
        if terms.price is not None:
            row["newPx"] = text_of(terms.price)
        return _command(
            "amend",
            "/api/v5/trade/amend-order",
            row,
            order_cost("amend", [order.symbol]),
            Priority.PLACE,
            window_ms=RECV_WINDOW_MS,
            frame_method="amend-order",
            codes=[instrument.wire_code],
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )

    def cancel(self, order: Order, instrument: Instrument | None) -> Request:
        """Cancel by venue id if known, else by client id, in the store that has it."""
        is_algo = order.waits
        name = _algo_id(order) if is_algo else _order_id(order)
        row: Row = {"instId": order.symbol, **name}
        return _command(
            "cancel_algo" if is_algo else "cancel",
            "/api/v5/trade/cancel-algos" if is_algo else "/api/v5/trade/cancel-order",
            [row] if is_algo else row,
            order_cost("cancel-algo" if is_algo else "cancel", [order.symbol]),
            Priority.CANCEL,
            frame_method="" if is_algo else "cancel-order",
            codes=[instrument.wire_code if instrument else ""],
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None
    ) -> Request:
        """Up to 20 regular orders."""
        _batch_size(len(orders))
        if any(order.waits for order in orders):
            raise Unsupported(
                words.VENUE,
                "batch cancels of conditional orders",
                "cancel them one by one",
            )
        operation = "cancel" if len(orders) == 1 else "cancel-batch"
        return _command(
            "cancel_batch",
            "/api/v5/trade/cancel-batch-orders",
            [{"instId": order.symbol, **_order_id(order)} for order in orders],
            order_cost(operation, [order.symbol for order in orders]),
            Priority.CANCEL,
            frame_method="batch-cancel-orders",
            codes=[instrument.wire_code if instrument else ""] * len(orders),
            ids=[order.client_order_id for order in orders],
            symbol=orders[0].symbol,
        )

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """The venue has no such call but for option market makers."""
        raise Unsupported(words.VENUE, "cancel-all in one call", "cancel what is open")

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of cross positions of an instrument."""
        row: Row = {"instId": symbol, "lever": str(leverage), "mgnMode": "cross"}
        return _command(
            "set_leverage",
            "/api/v5/account/set-leverage",
            row,
            cost_of("set-leverage"),
            Priority.PLACE,
            window_ms=ACCEPTANCE_MS,
            symbol=symbol,
        )

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Chosen with every order here; isolated positions are not supported."""
        raise Unsupported(
            words.VENUE,
            f"{mode.value} margin of one instrument",
            "orders are cross margin",
        )

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Position mode of the account."""
        mode = "long_short_mode" if is_hedge else "net_mode"
        return _command(
            "set_hedge_mode",
            "/api/v5/account/set-position-mode",
            {"posMode": mode},
            cost_of("set-position-mode"),
            Priority.PLACE,
            window_ms=ACCEPTANCE_MS,
        )

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Cancels every order of the account, of any instrument, in whole seconds
        (10 to 120) unless armed again; 0 disarms. Conditional orders stay."""
        seconds = -(-timeout_ms // 1000)
        return _command(
            "dead_man",
            "/api/v5/trade/cancel-all-after",
            {"timeOut": str(seconds)},
            cost_of("cancel-all-after"),
            Priority.CANCEL,
            window_ms=ACCEPTANCE_MS,
        )


def order_row(
    intent: OrderIntent, client_order_id: ClientOrderId, instrument: Instrument
) -> Row:
    """An order in wire words; raises for what the venue would refuse."""
    if not is_wire_id(client_order_id):
        raise InvalidOrder(
            "client_order_id", client_order_id, "1 to 32 letters and digits"
        )
    _check(intent)
    is_algo = intent.order_type.is_conditional
    row: Row = {
        "instId": intent.symbol,
        "tdMode": "cross",
        "algoClOrdId" if is_algo else "clOrdId": client_order_id,
        "side": words.SIDE_WORDS[intent.side],
        "posSide": words.POSITION_SIDE_WORDS[intent.position_side],
    }
    if intent.qty is not None:
        row["sz"] = _contracts(intent.qty, instrument)
    else:
        row["closeFraction"] = "1"
    # In hedge mode the two sides say it.
    is_net = intent.position_side is PositionSide.NET
    if is_net and (intent.reduce_only or intent.close_position):
        row["reduceOnly"] = True
    return row | (_trigger(intent) if is_algo else _terms(intent))


def _terms(intent: OrderIntent) -> Row:
    row: Row = {"ordType": "market"}
    if intent.price is not None:
        word = words.LIFETIME_WORDS[intent.time_in_force]
        row["ordType"] = "post_only" if intent.post_only else word
        row["px"] = text_of(intent.price)
    policy = words.SELF_TRADE_WORDS.get(intent.self_trade_prevention)
    if policy is not None:
        row["stpMode"] = policy
    return row


def _trigger(intent: OrderIntent) -> Row:
    if intent.order_type is OrderType.TRAILING_STOP:
        assert intent.callback_rate is not None, "checked"
        row: Row = {
            "ordType": "move_order_stop",
            "callbackRatio": text_of(intent.callback_rate / _HUNDRED),
        }
        if intent.activation_price is not None:
            row["activePx"] = text_of(intent.activation_price)
        return row
    assert intent.trigger_price is not None, "checked"
    prefix = _prefix(intent.order_type)
    return {
        "ordType": "conditional",
        f"{prefix}TriggerPx": text_of(intent.trigger_price),
        f"{prefix}TriggerPxType": words.TRIGGER_WORDS[intent.trigger_price_type],
        f"{prefix}OrdPx": _price_word(intent.price),
    }


def _amend_algo(order: Order, instrument: Instrument, terms: Terms) -> Request:
    """Trigger price, price and size of what waits; not of a trailing stop."""
    if terms.trigger_price is None:
        raise Unsupported(words.VENUE, "amending trailing stops", "place another one")
    prefix = _prefix(order.order_type)
    row: Row = {"instId": order.symbol, **_algo_id(order)}
    row |= _new_size(terms, instrument)
    row[f"new{prefix.title()}TriggerPx"] = text_of(terms.trigger_price)
    row[f"new{prefix.title()}OrdPx"] = _price_word(terms.price)
    return _command(
        "amend_algo",
        "/api/v5/trade/amend-algos",
        row,
        order_cost("amend-algo", [order.symbol]),
        Priority.PLACE,
        window_ms=ACCEPTANCE_MS,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )


def _new_size(terms: Terms, instrument: Instrument) -> Row:
    return {} if terms.qty is None else {"newSz": _contracts(terms.qty, instrument)}


def _prefix(kind: OrderType) -> str:
    """What fields of a stop-loss or of a take-profit begin with."""
    return "sl" if kind in (OrderType.STOP_LIMIT, OrderType.STOP_MARKET) else "tp"


def _price_word(price: Decimal | None) -> str:
    return _MARKET if price is None else text_of(price)


def _check(intent: OrderIntent) -> None:
    kind, policy = intent.order_type, intent.self_trade_prevention
    if intent.time_in_force is TimeInForce.GTD:
        raise Unsupported(words.VENUE, "good till date")
    if intent.price_protect:
        raise Unsupported(words.VENUE, "price protect")
    if policy is SelfTradePrevention.NONE:
        raise Unsupported(
            words.VENUE, "orders without self-trade prevention", "it is mandatory here"
        )
    if policy is not SelfTradePrevention.DEFAULT and kind.is_conditional:
        raise Unsupported(words.VENUE, "self-trade prevention of conditional orders")
    is_fok = intent.time_in_force is TimeInForce.FOK
    if is_fok and policy is SelfTradePrevention.EXPIRE_BOTH:
        raise InvalidOrder("self_trade_prevention", policy.value, "not with FOK")
    if kind.is_conditional and (
        intent.time_in_force is not TimeInForce.GTC or intent.post_only
    ):
        raise InvalidOrder(
            "time_in_force", intent.time_in_force.value, "GTC on conditional orders"
        )
    if kind.has_price != (intent.price is not None):
        raise InvalidOrder("price", intent.price, f"with limit orders, not {kind}")
    if intent.close_position and kind not in (
        OrderType.STOP_MARKET,
        OrderType.TAKE_PROFIT_MARKET,
    ):
        raise InvalidOrder(
            "close_position", kind.value, "STOP_MARKET or TAKE_PROFIT_MARKET only"
        )


def _contracts(qty: Decimal, instrument: Instrument) -> str:
    return text_of(qty / instrument.qty_unit)


def _order_id(order: Order) -> dict[str, str]:
    venue_id = order.triggered_order_id or (
        None if order.order_type.is_conditional else order.venue_order_id
    )
    if venue_id is not None:
        return {"ordId": venue_id}
    return {"clOrdId": order.client_order_id}


def _algo_id(order: Order) -> dict[str, str]:
    if order.venue_order_id is not None:
        return {"algoId": order.venue_order_id}
    return {"algoClOrdId": order.client_order_id}


def _batch_size(count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise InvalidOrder("batch", count, f"1 to {BATCH_MAX} orders in one call")


def _command(
    op: str,
    path: str,
    body: object,
    cost: Cost,
    priority: Priority,
    *,
    window_ms: int | None = None,
    frame_method: str = "",
    codes: Sequence[str] = (),
    ids: Sequence[str] = (),
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
) -> Request:
    context: Mapping[str, str] = {}
    if ids:
        context = {"count": str(len(ids)), "ids": " ".join(ids)}
    if frame_method and all(codes):
        context = {**context, "codes": " ".join(codes)}
    else:
        frame_method = ""
    return Request(
        op=op,
        method="POST",
        path=path,
        body=body,
        cost=cost,
        priority=priority,
        window_ms=window_ms,
        frame_method=frame_method,
        symbol=symbol,
        client_order_id=client_order_id,
        context=context,
    )
