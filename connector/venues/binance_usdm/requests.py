"""Commands, unsigned: place, amend, cancel, settings, dead-man timer.

Conditional orders live in the algo service until they trigger; cancelling one
goes there before the trigger and to the order service afterwards.

`newOrderRespType` is RESULT where the outcome is decided at once (MARKET, IOC,
FOK): the answer then carries the final status, and an order that was killed is
not reported as accepted and open. Resting orders use ACK, the faster one; the
stream tells the rest.

Source: "Trade" pages of the REST API, weights in each page; read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from connector.dialect.facts import SettingFact
from connector.dialect.wire import Request, Security
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Cost, Priority
from connector.model.money import text_of
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    Terms,
    TimeInForce,
)
from connector.venues.base import setting_context
from connector.venues.binance_usdm import words
from connector.venues.binance_usdm.limits import BATCH_PLACE_COST, ORDER_COST, weight
from connector.venues.replies import batch_context

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""

BATCH_PLACE_MAX = 5
BATCH_CANCEL_MAX = 10

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CALLBACK_MIN, _CALLBACK_MAX = Decimal("0.1"), Decimal(20)
_CLOSING_TYPES = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)

Params = list[tuple[str, str]]


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id. Orders of others that came without a usable
    id carry a local name, which never goes on the wire."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


def is_in_algo_store(order: Order) -> bool:
    """The order still waits for its trigger, as far as is known."""
    return order.order_type.is_conditional and order.triggered_order_id is None


def place(intent: OrderIntent, client_order_id: ClientOrderId) -> Request:
    """A new order; conditional ones through the algo service."""
    conditional = intent.order_type.is_conditional
    params = order_params(intent, client_order_id)
    return Request(
        op="place_algo" if conditional else "place",
        method="POST",
        path="/fapi/v1/algoOrder" if conditional else "/fapi/v1/order",
        params=tuple(params),
        cost=ORDER_COST,
        priority=Priority.CANCEL if intent.reduces else Priority.PLACE,
        window_ms=RECV_WINDOW_MS,
        frame_method="algoOrder.place" if conditional else "order.place",
        symbol=intent.symbol,
        client_order_id=client_order_id,
    )


def place_batch(orders: Sequence[tuple[OrderIntent, ClientOrderId]]) -> Request:
    """Up to five regular orders in one call, processed concurrently."""
    _batch_size(len(orders), BATCH_PLACE_MAX)
    for intent, _ in orders:
        if intent.order_type.is_conditional:
            raise Unsupported(
                words.VENUE, "batches of conditional orders", "place them one by one"
            )
    rows = [dict(order_params(*order)) for order in orders]
    reduces = all(intent.reduces for intent, _ in orders)
    ids = [client_order_id for _, client_order_id in orders]
    return Request(
        op="place_batch",
        method="POST",
        path="/fapi/v1/batchOrders",
        params=(("batchOrders", _compact(rows)),),
        cost=BATCH_PLACE_COST,
        priority=Priority.CANCEL if reduces else Priority.PLACE,
        window_ms=RECV_WINDOW_MS,
        context=batch_context(ids),
    )


def order_params(intent: OrderIntent, client_order_id: ClientOrderId) -> Params:
    """The order in wire words; InvalidOrder for what the venue would refuse."""
    if not is_wire_id(client_order_id):
        raise InvalidOrder(
            "client_order_id", client_order_id, "1 to 36 of A-Z a-z 0-9 . : / _ -"
        )
    conditional = intent.order_type.is_conditional
    params: Params = [("algoType", "CONDITIONAL")] if conditional else []
    params += [
        ("symbol", intent.symbol),
        ("side", intent.side.value),
        ("positionSide", words.POSITION_SIDE_WORDS[intent.position_side]),
        ("type", words.TYPE_WORDS[intent.order_type]),
    ]
    params += _lifetime(intent)
    params += _size(intent)
    params += _trigger(intent) if conditional else _no_trigger(intent)
    params.append(
        (
            "selfTradePreventionMode",
            words.SELF_TRADE_WORDS[intent.self_trade_prevention],
        )
    )
    if conditional:
        params.append(("clientAlgoId", client_order_id))
        return params
    decided_at_once = intent.order_type is OrderType.MARKET or intent.time_in_force in (
        TimeInForce.IOC,
        TimeInForce.FOK,
    )
    params.append(("newClientOrderId", client_order_id))
    params.append(("newOrderRespType", "RESULT" if decided_at_once else "ACK"))
    return params


def _lifetime(intent: OrderIntent) -> Params:
    if not intent.order_type.has_price:
        if intent.post_only:
            raise InvalidOrder(
                "post_only", intent.order_type.value, "limit orders only"
            )
        return []
    if intent.post_only:
        if intent.time_in_force is not TimeInForce.GTC:
            raise InvalidOrder(
                "post_only",
                intent.time_in_force.value,
                "time in force GTC: post-only is a lifetime of its own here (GTX)",
            )
        return [("timeInForce", "GTX")]
    params: Params = [("timeInForce", intent.time_in_force.value)]
    if intent.time_in_force is TimeInForce.GTD:
        if intent.good_till_ms is None:
            raise InvalidOrder("good_till_ms", None, "a UTC time in ms with GTD")
        # The venue counts whole seconds; rounding down never outlives the wish.
        params.append(("goodTillDate", str(intent.good_till_ms // 1000 * 1000)))
    return params


def _size(intent: OrderIntent) -> Params:
    params: Params = []
    if intent.close_position:
        if intent.order_type not in _CLOSING_TYPES:
            raise InvalidOrder(
                "close_position",
                intent.order_type.value,
                "STOP_MARKET or TAKE_PROFIT_MARKET only",
            )
        if intent.qty is not None:
            raise InvalidOrder("close_position", intent.qty, "no quantity with it")
    elif intent.qty is None:
        raise InvalidOrder("qty", None, "a quantity above 0")
    else:
        params.append(("quantity", text_of(intent.qty)))
    if intent.order_type.has_price:
        if intent.price is None:
            raise InvalidOrder("price", None, f"a price with {intent.order_type.value}")
        params.append(("price", text_of(intent.price)))
    elif intent.price is not None:
        raise InvalidOrder(
            "price", intent.price, f"no price with {intent.order_type.value}"
        )
    return params + _closing(intent)


def _closing(intent: OrderIntent) -> Params:
    """`reduceOnly` is forbidden in hedge mode, where the two sides say the same;
    `closePosition` excludes it."""
    hedge = intent.position_side is not PositionSide.NET
    opens = (intent.side.sign > 0) == (intent.position_side is PositionSide.LONG)
    if hedge and opens and (intent.reduce_only or intent.close_position):
        raise InvalidOrder(
            "reduce_only",
            f"{intent.side.value} {intent.position_side.value}",
            "SELL with LONG or BUY with SHORT",
        )
    if intent.close_position:
        return [("closePosition", "true")]
    if intent.reduce_only and not hedge:
        return [("reduceOnly", "true")]
    return []


def _trigger(intent: OrderIntent) -> Params:
    watched = words.TRIGGER_WORDS.get(intent.trigger_price_type)
    if watched is None:
        raise Unsupported(
            words.VENUE, "triggers on the index price", "use the mark or last price"
        )
    params: Params = [("workingType", watched)]
    if intent.order_type is OrderType.TRAILING_STOP:
        rate = intent.callback_rate
        if rate is None or not _CALLBACK_MIN <= rate <= _CALLBACK_MAX:
            raise InvalidOrder("callback_rate", rate, "0.1 to 20 percent")
        if intent.activation_price is not None:
            params.append(("activatePrice", text_of(intent.activation_price)))
        params.append(("callbackRate", text_of(rate)))
    elif intent.trigger_price is None:
        raise InvalidOrder("trigger_price", None, "a price that triggers the order")
    else:
        params.append(("triggerPrice", text_of(intent.trigger_price)))
    if intent.price_protect:
        params.append(("priceProtect", "true"))
    return params


def _no_trigger(intent: OrderIntent) -> Params:
    given = {
        "trigger_price": intent.trigger_price,
        "activation_price": intent.activation_price,
        "callback_rate": intent.callback_rate,
        "price_protect": intent.price_protect or None,
    }
    for rule, value in given.items():
        if value is not None:
            raise InvalidOrder(rule, value, "conditional orders only")
    return []


def amend(order: Order, terms: Terms, amend_id: str) -> Request:
    """New total quantity and price; the order loses its place in the queue.

    *amend_id*: digits; the stream echoes it. A quantity at or below what is
    filled, or a price that would cross a post-only order, cancels the order.
    """
    if order.order_type is not OrderType.LIMIT:
        raise Unsupported(
            words.VENUE, f"amending {order.order_type.value} orders", "LIMIT only"
        )
    if amend_id and not (amend_id.isascii() and amend_id.isdigit()):
        raise InvalidOrder("amend_id", amend_id, "digits only")
    assert terms.qty is not None
    assert terms.price is not None
    params: Params = [
        ("symbol", order.symbol),
        *_regular_id(order),
        ("side", order.side.value),
        ("quantity", text_of(terms.qty)),
        ("price", text_of(terms.price)),
    ]
    if amend_id:
        params.append(("modifyId", amend_id))
    return Request(
        op="amend",
        method="PUT",
        path="/fapi/v1/order",
        params=tuple(params),
        cost=ORDER_COST,
        priority=Priority.PLACE,
        window_ms=RECV_WINDOW_MS,
        frame_method="order.modify",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )


def cancel(order: Order) -> Request:
    """By venue id if known, else by client id, in the store that has it."""
    algo = is_in_algo_store(order)
    params = (
        _algo_id(order)
        if algo
        else [("symbol", str(order.symbol)), *_regular_id(order)]
    )
    return Request(
        op="cancel_algo" if algo else "cancel",
        method="DELETE",
        path="/fapi/v1/algoOrder" if algo else "/fapi/v1/order",
        params=tuple(params),
        cost=weight(1),
        priority=Priority.CANCEL,
        window_ms=RECV_WINDOW_MS,
        frame_method="algoOrder.cancel" if algo else "order.cancel",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        context={"venue_order_id": order.venue_order_id or ""},
    )


def cancel_batch(orders: Sequence[Order]) -> Request:
    """Up to ten regular orders of one symbol, all by venue id or all by client id."""
    _batch_size(len(orders), BATCH_CANCEL_MAX)
    symbol = orders[0].symbol
    if any(order.symbol != symbol for order in orders):
        raise InvalidOrder("symbol", symbol, "one instrument per batch of cancels")
    if any(is_in_algo_store(order) for order in orders):
        raise Unsupported(
            words.VENUE, "batch cancels of conditional orders", "cancel them one by one"
        )
    ids = [order.triggered_order_id or order.venue_order_id for order in orders]
    if all(ids):
        chosen = ("orderIdList", f"[{','.join(str(one) for one in ids)}]")
    else:
        chosen = (
            "origClientOrderIdList",
            _compact([order.client_order_id for order in orders]),
        )
    return Request(
        op="cancel_batch",
        method="DELETE",
        path="/fapi/v1/batchOrders",
        params=(("symbol", symbol), chosen),
        cost=weight(1),
        priority=Priority.CANCEL,
        window_ms=RECV_WINDOW_MS,
        symbol=symbol,
        context=batch_context(order.client_order_id for order in orders),
    )


def cancel_all(symbol: Symbol) -> tuple[Request, ...]:
    """Both stores; the fate of each order comes over the stream."""
    return tuple(
        _command(op, "DELETE", path, [("symbol", symbol)], 1, Priority.CANCEL, symbol)
        for op, path in (
            ("cancel_all", "/fapi/v1/allOpenOrders"),
            ("cancel_all_algo", "/fapi/v1/algoOpenOrders"),
        )
    )


def set_leverage(symbol: Symbol, leverage: int) -> Request:
    """Leverage of one symbol."""
    return _command(
        "set_leverage",
        "POST",
        "/fapi/v1/leverage",
        [("symbol", symbol), ("leverage", str(leverage))],
        1,
        Priority.PLACE,
        symbol,
    )


def set_margin_mode(symbol: Symbol, mode: MarginMode) -> Request:
    """Refused by the venue while the symbol has orders or a position."""
    return _command(
        "set_margin_mode",
        "POST",
        "/fapi/v1/marginType",
        [("symbol", symbol), ("marginType", words.MARGIN_MODE_WORDS[mode])],
        1,
        Priority.PLACE,
        symbol,
        setting_context(SettingFact(symbol=symbol, margin_mode=mode)),
    )


def set_hedge_mode(*, is_hedge: bool) -> Request:
    """Position mode of the account; USD-M and COIN-M change together."""
    word = "true" if is_hedge else "false"
    return _command(
        "set_hedge_mode",
        "POST",
        "/fapi/v1/positionSide/dual",
        [("dualSidePosition", word)],
        1,
        Priority.PLACE,
        None,
        setting_context(SettingFact(is_hedge_mode=is_hedge)),
    )


def dead_man(symbol: Symbol, timeout_ms: int) -> Request:
    """Cancels the regular orders of *symbol* in *timeout_ms*; 0 disarms.

    Whether conditional orders are covered is not documented: do not rely on it.
    """
    return _command(
        "dead_man",
        "POST",
        "/fapi/v1/countdownCancelAll",
        [("symbol", symbol), ("countdownTime", str(timeout_ms))],
        10,
        Priority.CANCEL,
        symbol,
    )


def listen_key(op: str) -> Request:
    """`listen_key_start` answers the account's one stream key and extends it;
    `listen_key_keepalive` extends it by 60 minutes. There is no closing call: it
    would close the stream of every other client of the account."""
    return Request(
        op=op,
        method="POST" if op == "listen_key_start" else "PUT",
        path="/fapi/v1/listenKey",
        security=Security.KEY,
        cost=weight(1),
        priority=Priority.RECONCILE,
    )


def _command(
    op: str,
    method: str,
    path: str,
    params: Params,
    units: int,
    priority: Priority,
    symbol: Symbol | None,
    context: Mapping[str, str] | None = None,
) -> Request:
    cost: Cost = weight(units)
    return Request(
        op=op,
        method=method,
        path=path,
        params=tuple(params),
        cost=cost,
        priority=priority,
        window_ms=RECV_WINDOW_MS,
        symbol=symbol,
        context=context or {},
    )


def _regular_id(order: Order) -> Params:
    venue_id = order.triggered_order_id or (
        None if order.order_type.is_conditional else order.venue_order_id
    )
    if venue_id is not None:
        return [("orderId", venue_id)]
    return [("origClientOrderId", order.client_order_id)]


def _algo_id(order: Order) -> Params:
    if order.venue_order_id is not None:
        return [("algoId", order.venue_order_id)]
    return [("clientAlgoId", order.client_order_id)]


def _batch_size(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise InvalidOrder("batch", count, f"1 to {most} orders in one call")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
