"""Order endpoints: place, amend, cancel, query, batch, dead-man switch.

Source: Binance USDⓈ-M docs, "Trade" section, read 2026-11. Retention: cancelled
and expired orders without a fill can be queried for 3 days, all others for 90.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from typing import Any

from connector.paper.faces.binance_usdm.apierrors import ApiError, missing
from connector.paper.faces.binance_usdm.context import Ask, Endpoint, refuse
from connector.paper.faces.binance_usdm.order_requests import (
    check_response_type,
    limit_price,
    qty_of,
    read_new_order,
    side_of,
)
from connector.paper.faces.binance_usdm.params import Params
from connector.paper.faces.binance_usdm.render import force_order
from connector.paper.types import ZERO, NewOrder, Order, Refusal
from connector.paper.words import OrderKind, OrderStatus, OrderType, TimeInForce

DAY_MS = 86_400_000
BATCH_MAX = 5
BATCH_CANCEL_MAX = 10
DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
ID_CHARS = string.ascii_letters + string.digits
ENDS_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def generated_id(ask: Ask) -> str:
    """A client id as the venue makes one when the client gave none."""
    return "".join(ask.venue.random.choices(ID_CHARS, k=22))


def check_matching_window(ask: Ask) -> None:
    """The second time check, at the matching engine: raises -5028."""
    if ask.now_ms + ask.venue.matching_delay_ms > ask.deadline_ms:
        raise ApiError(-5028)


def place(ask: Ask) -> object:
    """POST order, order.place."""
    request = read_new_order(ask)
    wants_result = check_response_type(ask.params) == "RESULT"
    check_matching_window(ask)
    if request.client_order_id is None:
        request = replace(request, client_order_id=generated_id(ask))
    order = ask.engine.place(ask.account_id, request, now_ms=ask.engine_ms)
    if isinstance(order, Refusal):
        refuse(order, instrument=ask.venue.instrument(request.symbol))
    if not (wants_result and _ends_at_once(order)):
        order = as_acknowledged(order)
    return ask.venue.renderer.order_answer(order)


def _ends_at_once(order: Order) -> bool:
    return order.type is OrderType.MARKET or order.time_in_force in ENDS_AT_ONCE


def as_acknowledged(order: Order) -> Order:
    """The order as an ACK shows it: accepted, nothing known about fills."""
    return replace(
        order,
        status=OrderStatus.NEW,
        filled_qty=ZERO,
        filled_quote=ZERO,
        average_price=ZERO,
        updated_ms=order.created_ms,
    )


def place_test(ask: Ask) -> object:
    """POST order/test: everything but the machine's book."""
    request: NewOrder = read_new_order(ask)
    check_response_type(ask.params)
    no = ask.engine.check(ask.account_id, request, now_ms=ask.engine_ms)
    if no is not None:
        refuse(no, instrument=ask.venue.instrument(request.symbol))
    return {}


def find_order(ask: Ask, *, code: int, live: bool) -> Order:
    """The order named by orderId (which wins) or origClientOrderId.

    *live* looks into the machine, else into the replica that queries see. Raises
    *code* if there is none or it is no longer kept.
    """
    symbol = ask.symbol()
    engine = ask.engine if live else ask.reads
    order_id = ask.params.integer("orderId")
    client_id = ask.params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise ApiError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were "
            "empty/null!",
        )
    if order_id is not None:
        order = engine.order(ask.account_id, order_id)
    else:
        assert client_id is not None
        order = engine.order_by_client_id(ask.account_id, client_id, symbol=symbol)
    if order is None or order.symbol != symbol or not is_kept(order, ask.now_ms):
        raise ApiError(code)
    return order


def is_kept(order: Order, now_ms: int) -> bool:
    """Whether a closed order can still be queried."""
    if order.status.is_open:
        return True
    days = 90 if order.filled_qty else 3
    return now_ms - order.created_ms <= days * DAY_MS


def amend(ask: Ask) -> dict[str, Any]:
    """order.modify: limit orders only; loses queue priority."""
    params = ask.params
    symbol = ask.symbol()
    instrument = ask.venue.instrument(symbol)
    side = side_of(params)
    order = find_order(ask, code=-2013, live=True)
    if order.type is not OrderType.LIMIT:
        raise ApiError(-5025)
    if order.side is not side:
        raise ApiError(-1130, "Data sent for parameter 'side' is not valid.")
    if params.boolean("reduceOnly") and not order.reduce_only:
        raise ApiError(-5047)
    qty = qty_of(params, instrument)
    price, _ = limit_price(ask, instrument, side)
    modify_id = params.integer("modifyId")
    check_matching_window(ask)
    changed = ask.engine.amend(
        ask.account_id,
        symbol,
        order.order_id,
        qty=qty,
        price=price,
        tag="" if modify_id is None else str(modify_id),
        now_ms=ask.engine_ms,
    )
    if isinstance(changed, Refusal):
        if changed.reason == "NOTIONAL_MIN":
            raise ApiError(-5029)
        refuse(changed, instrument=instrument)
    answer = ask.venue.renderer.order_answer(changed)
    if modify_id is not None:
        answer["modifyId"] = modify_id
    return answer


def amend_rest(ask: Ask) -> object:
    """PUT order: the answer also names the pair."""
    return {**amend(ask), "pair": ask.symbol()}


def cancel(ask: Ask) -> object:
    """DELETE order, order.cancel."""
    order = find_order(ask, code=-2011, live=True)
    gone = ask.engine.cancel(
        ask.account_id, order.symbol, order.order_id, now_ms=ask.engine_ms
    )
    if isinstance(gone, Refusal):
        refuse(gone)
    return ask.venue.renderer.order_answer(gone)


def query(ask: Ask) -> object:
    """GET order, order.status."""
    return ask.venue.renderer.order_query(find_order(ask, code=-2013, live=False))


def query_open(ask: Ask) -> object:
    """GET openOrder."""
    order = find_order(ask, code=-2013, live=False)
    if not order.status.is_open:
        raise ApiError(-2013)
    return ask.venue.renderer.order_query(order)


def list_open(ask: Ask) -> object:
    """GET openOrders."""
    rows = ask.reads.open_orders(ask.account_id, ask.symbol_or_none())
    return [ask.venue.renderer.order_query(order) for order in rows]


@dataclass(frozen=True, slots=True)
class Span:
    """The time window of a query.

    With a start the oldest rows from there on are asked for; without one the
    newest rows, none older than *floor_ms*.
    """

    start_ms: int | None
    end_ms: int | None
    floor_ms: int = 0


def time_span(ask: Ask, span_ms: int) -> Span:
    """The window asked for: at most *span_ms* long, by default the newest.

    Raises -1127 if it is too long, -1130 if it is reversed.
    """
    start = ask.params.integer("startTime")
    end = ask.params.integer("endTime")
    if start is None:
        last = ask.now_ms if end is None else end
        return Span(None, end, last - span_ms)
    if end is None:
        return Span(start, start + span_ms)
    if end < start:
        raise ApiError(-1130, "Data sent for parameter 'endTime' is not valid.")
    if end - start > span_ms:
        raise ApiError(-1127)
    return Span(start, end)


def list_all(ask: Ask) -> object:
    """GET allOrders: by id from one on, or by time."""
    limit = ask.params.limit(500, 1000)
    symbol = ask.symbol_or_none()
    from_id = ask.params.integer("orderId")
    span = Span(None, None) if from_id is not None else time_span(ask, 7 * DAY_MS)
    rows = ask.reads.orders(
        ask.account_id,
        symbol=symbol,
        from_id=from_id,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        limit=limit,
    )
    renderer = ask.venue.renderer
    return [
        {**renderer.order_query(order), "cumBase": "0", "pair": order.symbol}
        for order in rows
        if is_kept(order, ask.now_ms) and order.created_ms >= span.floor_ms
    ]


def cancel_all(ask: Ask) -> object:
    """DELETE allOpenOrders: regular orders of one symbol."""
    ask.engine.cancel_all(ask.account_id, ask.symbol(), now_ms=ask.engine_ms)
    return dict(DONE)


def countdown(ask: Ask) -> object:
    """POST countdownCancelAll: the dead-man switch of one symbol."""
    symbol = ask.symbol()
    after_ms = ask.params.need_integer("countdownTime")
    if after_ms < 0:
        raise missing("countdownTime")
    ask.engine.countdown(ask.account_id, symbol, after_ms, now_ms=ask.engine_ms)
    return {"symbol": symbol, "countdownTime": str(after_ms)}


def amendments(ask: Ask) -> object:
    """GET orderAmendment."""
    symbol = ask.symbol()
    order_id = ask.params.integer("orderId")
    client_id = ask.params.text("origClientOrderId")
    if order_id is None and client_id is not None:
        order_id = find_order(ask, code=-2013, live=False).order_id
    rows = ask.reads.amendments(
        ask.account_id,
        symbol,
        order_id=order_id,
        start_ms=ask.params.integer("startTime"),
        end_ms=ask.params.integer("endTime"),
        limit=ask.params.limit(50, 100),
    )
    return [ask.venue.renderer.amendment(row) for row in rows]


def user_trades(ask: Ask) -> object:
    """GET userTrades: own fills of one symbol."""
    params = ask.params
    symbol = ask.symbol()
    from_id = params.integer("fromId")
    has_times = params.text("startTime") or params.text("endTime")
    if from_id is not None and has_times:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    span = Span(None, None) if from_id is not None else time_span(ask, 7 * DAY_MS)
    rows = ask.reads.fills(
        ask.account_id,
        symbol=symbol,
        order_id=params.integer("orderId"),
        from_id=from_id,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        limit=params.limit(500, 1000),
    )
    return [
        ask.venue.renderer.user_trade(fill)
        for fill in rows
        if fill.time_ms >= span.floor_ms
    ]


def forced(ask: Ask) -> object:
    """GET forceOrders: own liquidation and ADL orders."""
    word = ask.params.choice("autoCloseType", ("LIQUIDATION", "ADL"), -1130)
    span = time_span(ask, 7 * DAY_MS)
    rows = ask.reads.forced_orders(
        ask.account_id,
        symbol=ask.symbol_or_none(),
        kind=OrderKind(word) if word else None,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        limit=ask.params.limit(50, 100),
    )
    return [
        force_order(ask.venue.renderer, order)
        for order in rows
        if order.created_ms >= span.floor_ms
    ]


# batches


def _each(ask: Ask, items: list[dict[str, Any]], endpoint: Endpoint) -> list[object]:
    """Answers in request order, each a result or an error object."""
    answers: list[object] = []
    for item in items:
        one = replace(ask, params=Params.of_json(item))
        try:
            answers.append(endpoint(one))
        except ApiError as error:
            answers.append(error.body())
    return answers


def _batch_items(ask: Ask) -> list[dict[str, Any]]:
    items = ask.params.json_list("batchOrders")
    if not 1 <= len(items) <= BATCH_MAX:
        raise ApiError(-4082)
    if not all(isinstance(item, dict) for item in items):
        raise ApiError(-1130, "Data sent for parameter 'batchOrders' is not valid.")
    return items


def batch_place(ask: Ask) -> object:
    """POST batchOrders."""
    return _each(ask, _batch_items(ask), place)


def batch_amend(ask: Ask) -> object:
    """PUT batchOrders."""
    return _each(ask, _batch_items(ask), amend_rest)


def batch_cancel(ask: Ask) -> object:
    """DELETE batchOrders: by ids, or by client ids.

    The lists are also sent in lower case: so does ccxt 4.5 against the venue.
    """
    symbol = ask.symbol()
    lists = {
        "orderIdList": "orderId",
        "orderidlist": "orderId",
        "origclientorderidlist": "origClientOrderId",
        "origClientOrderIdList": "origClientOrderId",
    }
    name, key = next(
        ((name, key) for name, key in lists.items() if ask.params.text(name)),
        ("origClientOrderIdList", "origClientOrderId"),
    )
    ids = ask.params.json_list(name)
    if not 1 <= len(ids) <= BATCH_CANCEL_MAX:
        raise ApiError(-4032)
    return _each(ask, [{"symbol": symbol, key: one} for one in ids], cancel)
