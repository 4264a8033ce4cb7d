"""Order endpoints: place, amend, cancel, their batches, and the questions.

Every order of a call has a row with ``sCode``; the envelope sums them up. Cancel
and amend answer that the request was accepted, the channel tells the outcome.

Source: OKX API v5 docs, "Trade", read 2026-11. Retention: unfilled cancelled orders
2 hours, others 7 days (3 months in the archive); fills 3 days, 3 months in history.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.faces.okx_v5.context import (
    POSITION_SIDES,
    WHOLE,
    Ask,
    choice,
    flag_in,
    need,
    number_in,
    refuse,
    side_in,
    text_in,
)
from connector.paper.faces.okx_v5.render import (
    Row,
    fill_row,
    order_answer,
)
from connector.paper.types import Exit, NewOrder, Order, Refusal
from connector.paper.words import (
    OrderType,
    PositionSide,
    SelfTradePrevention,
    TimeInForce,
    WorkingType,
)

WATCHED = {
    "": WorkingType.CONTRACT_PRICE,
    "last": WorkingType.CONTRACT_PRICE,
    "mark": WorkingType.MARK_PRICE,
    "index": WorkingType.MARK_PRICE,
}
BATCH_MAX = 20
DAY_MS = 86_400_000
CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
TAG = re.compile(r"[A-Za-z0-9]{0,16}")
TYPES = {
    "limit": (OrderType.LIMIT, TimeInForce.GTC),
    "market": (OrderType.MARKET, TimeInForce.GTC),
    "post_only": (OrderType.LIMIT, TimeInForce.POST_ONLY),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
    "optimal_limit_ioc": (OrderType.MARKET, TimeInForce.GTC),
}
SELF_TRADE = {
    "": SelfTradePrevention.EXPIRE_MAKER,
    "cancel_maker": SelfTradePrevention.EXPIRE_MAKER,
    "cancel_taker": SelfTradePrevention.EXPIRE_TAKER,
    "cancel_both": SelfTradePrevention.EXPIRE_BOTH,
}

One = Callable[[Ask, Mapping[str, Any]], Row]


# one order at a time ---------------------------------------------------------------


def check_cross(row: Mapping[str, Any]) -> None:
    """Only cross margin is simulated."""
    need(row, "tdMode")
    if text_in(row, "tdMode") != "cross":
        raise ApiError(51000, "tdMode")


def named(row: Mapping[str, Any], name: str) -> str | None:
    """A client's own id; raises 51000."""
    value = text_in(row, name)
    if value and not CLIENT_ID.fullmatch(value):
        raise ApiError(51000, name)
    return value or None


def reduce_only_in(ask: Ask, row: Mapping[str, Any], side: PositionSide) -> bool:
    """Ignored in hedge mode, where closing is what the two sides say."""
    return flag_in(row, "reduceOnly") and side is PositionSide.BOTH


def place_one(ask: Ask, row: Mapping[str, Any]) -> Row:
    """A new order; answers its id."""
    symbol = ask.symbol_in(row)
    check_cross(row)
    need(row, "ordType")
    kind, lifetime = choice(row, "ordType", TYPES)
    size = number_in(row, "sz")
    if size is None:
        raise ApiError(50014, "sz")
    price = number_in(row, "px")
    if kind is OrderType.LIMIT and price is None:
        raise ApiError(50014, "px")
    if not TAG.fullmatch(text_in(row, "tag")):
        raise ApiError(51000, "tag")
    position_side = choice(row, "posSide", POSITION_SIDES)
    exits = _exits(row)
    request = NewOrder(
        symbol=symbol,
        side=side_in(row),
        type=kind,
        qty=ask.contract(symbol).coins(size),
        price=price if kind is OrderType.LIMIT else None,
        time_in_force=lifetime,
        position_side=position_side,
        reduce_only=reduce_only_in(ask, row, position_side),
        client_order_id=named(row, "clOrdId"),
        stp=choice(row, "stpMode", SELF_TRADE),
        tag=text_in(row, "tag"),
        take_profit=exits.get("take_profit"),
        stop_loss=exits.get("stop_loss"),
    )
    ask.check_deadline()
    placed = ask.engine.place(ask.account_id, request, now_ms=ask.engine_ms)
    if isinstance(placed, Refusal):
        raise refuse(placed)
    return {"ordId": str(placed.order_id), "ts": str(placed.created_ms)}


def _exits(row: Mapping[str, Any]) -> dict[str, Exit]:
    """A stop, a take-profit, or both as one order; they close what this one opens."""
    told = row.get("attachAlgoOrds") or []
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise ApiError(51000, "attachAlgoOrds")
    if len(told) > 1:
        raise ApiError(51000, "attachAlgoOrds: one is simulated")
    return _exits_in(told[0]) if told else {}


def _exits_in(row: Mapping[str, Any]) -> dict[str, Exit]:
    found: dict[str, Exit] = {}
    for name, prefix in (("stop_loss", "sl"), ("take_profit", "tp")):
        trigger = number_in(row, f"{prefix}TriggerPx")
        if trigger is None:
            continue
        is_market = need(row, f"{prefix}OrdPx") == "-1"
        found[name] = Exit(
            trigger_price=trigger,
            price=None if is_market else number_in(row, f"{prefix}OrdPx"),
            working_type=choice(row, f"{prefix}TriggerPxType", WATCHED),
            client_order_id=named(row, "attachAlgoClOrdId"),
        )
    if not found:
        raise ApiError(50015, "slTriggerPx", "tpTriggerPx")
    profit = found.get("take_profit")
    if len(found) == 1 or profit is None:
        return found
    if any(wish.price is not None for wish in found.values()):
        raise ApiError(51000, "attachAlgoOrds: two are simulated at market")
    stop = replace(found["stop_loss"], profit_price=profit.trigger_price)
    return {"stop_loss": stop}


def find_order(ask: Ask, row: Mapping[str, Any], *, code: int) -> Order:
    """The order named by ordId (which wins) or clOrdId; raises *code*."""
    symbol = ask.symbol_in(row)
    order_id, name = text_in(row, "ordId"), text_in(row, "clOrdId")
    if order_id:
        order = None
        if WHOLE.fullmatch(order_id):
            order = ask.engine.order(ask.account_id, int(order_id))
    elif name:
        order = ask.engine.order_by_client_id(ask.account_id, name, symbol=symbol)
    else:
        raise ApiError(50015, "ordId", "clOrdId")
    if order is None or order.symbol != symbol:
        raise ApiError(code)
    if not order_id and order.conditional_id:
        raise ApiError(code)  # what a conditional order became has no client id
    return order


def amend_one(ask: Ask, row: Mapping[str, Any]) -> Row:
    """New size (what is filled included) or price."""
    order = find_order(ask, row, code=51503)
    contract = ask.contract(order.symbol)
    size, price = number_in(row, "newSz"), number_in(row, "newPx")
    if size is None and price is None:
        raise ApiError(50015, "newSz", "newPx")
    if not order.status.is_open:
        raise ApiError(51503)
    ask.check_deadline()
    changed = ask.engine.amend(
        ask.account_id,
        order.symbol,
        order.order_id,
        qty=None if size is None else contract.coins(size),
        price=price,
        tag=f"user:{text_in(row, 'reqId')}",
        now_ms=ask.engine_ms,
    )
    if isinstance(changed, Refusal):
        raise refuse(changed)
    return {"ordId": str(order.order_id), "ts": str(ask.engine_ms)}


def cancel_one(ask: Ask, row: Mapping[str, Any]) -> Row:
    """Cancel an open order."""
    order = find_order(ask, row, code=51400)
    gone = ask.engine.cancel(
        ask.account_id, order.symbol, order.order_id, now_ms=ask.engine_ms
    )
    if isinstance(gone, Refusal):
        raise refuse(gone)
    return {"ordId": str(order.order_id), "ts": str(ask.engine_ms)}


# calls -----------------------------------------------------------------------------


def run(ask: Ask, rows: Sequence[Mapping[str, Any]], operation: str, one: One) -> Row:
    """Carry out every row in turn; the envelope with one outcome each."""
    name = operation if len(rows) == 1 else f"{operation}-batch"
    data, failed = [], 0
    if operation == "amend" and _has_duplicates(rows):
        raise ApiError(51512)
    for row in rows:
        told = {
            "clOrdId": text_in(row, "clOrdId"),
            "ordId": "",
            "tag": text_in(row, "tag"),
            "ts": str(ask.engine_ms),
            "sCode": "0",
            "sMsg": "",
            "subCode": "",
        }
        if text_in(row, "reqId"):
            told["reqId"] = text_in(row, "reqId")
        try:
            symbol = ask.symbol_in(row)
            ask.venue.limits.charge_orders(name, ask.account_id, symbol, 1, ask.now_ms)
            told |= one(ask, row)
        except ApiError as error:
            failed += 1
            told |= {"sCode": str(error.code), "sMsg": error.text}
        data.append(told)
    code, text = "0", ""
    if failed:
        code = "1" if failed == len(rows) else "2"
        text = "All operations failed"
        if code == "2":
            text = "Bulk operation partially succeeded."
    return envelope(ask, data, code, text)


def envelope(ask: Ask, data: list[Row], code: str, text: str) -> Row:
    """The answer to order operations; its times are microseconds."""
    begun = ask.now_ms * 1000 + 339
    return {
        "code": code,
        "data": data,
        "inTime": str(begun),
        "msg": text,
        "outTime": str(begun + 2000),
    }


def _has_duplicates(rows: Sequence[Mapping[str, Any]]) -> bool:
    names = [text_in(row, "ordId") or text_in(row, "clOrdId") for row in rows]
    return len(set(names)) < len(names)


def place(ask: Ask) -> Row:
    """POST order, op order."""
    return run(ask, [ask.row()], "place", place_one)


def place_batch(ask: Ask) -> Row:
    """POST batch-orders, op batch-orders."""
    return run(ask, ask.rows(BATCH_MAX), "place", place_one)


def amend(ask: Ask) -> Row:
    """POST amend-order, op amend-order."""
    return run(ask, [ask.row()], "amend", amend_one)


def amend_batch(ask: Ask) -> Row:
    """POST amend-batch-orders, op batch-amend-orders."""
    return run(ask, ask.rows(BATCH_MAX), "amend", amend_one)


def cancel(ask: Ask) -> Row:
    """POST cancel-order, op cancel-order."""
    return run(ask, [ask.row()], "cancel", cancel_one)


def cancel_batch(ask: Ask) -> Row:
    """POST cancel-batch-orders, op batch-cancel-orders."""
    return run(ask, ask.rows(BATCH_MAX), "cancel", cancel_one)


def close_position(ask: Ask) -> list[Row]:
    """POST close-position: at market; pending orders may be in the way."""
    row = ask.row()
    symbol = ask.symbol_in(row)
    side = choice(row, "posSide", POSITION_SIDES)
    if flag_in(row, "autoCxl"):
        ask.engine.cancel_all(ask.account_id, symbol, now_ms=ask.engine_ms)
    held = [
        position
        for position in ask.engine.positions(ask.account_id, symbol)
        if position.position_side is side and position.qty
    ]
    if not held:
        raise ApiError(51169)
    size = held[0].qty
    request = NewOrder(
        symbol=symbol,
        side=side_in({"side": "sell" if size > 0 else "buy"}),
        type=OrderType.MARKET,
        qty=abs(size),
        position_side=side,
        reduce_only=side is PositionSide.BOTH,
        client_order_id=named(row, "clOrdId"),
    )
    placed = ask.engine.place(ask.account_id, request, now_ms=ask.engine_ms)
    if isinstance(placed, Refusal):
        raise refuse(placed)
    names = {name: text_in(row, name) for name in ("clOrdId", "tag")}
    return [{"instId": symbol, "posSide": text_in(row, "posSide") or "net", **names}]


def cancel_all_after(ask: Ask) -> list[Row]:
    """POST cancel-all-after: one countdown for the account, in seconds."""
    row = ask.row()
    text = need(row, "timeOut")
    if not WHOLE.fullmatch(text) or (int(text) and not 10 <= int(text) <= 120):
        raise ApiError(51000, "timeOut")
    after_ms = int(text) * 1000
    ask.engine.countdown(ask.account_id, None, after_ms, now_ms=ask.engine_ms)
    due = (ask.engine_ms + after_ms) // 1000 if after_ms else 0
    now_s = str(ask.engine_ms // 1000)
    return [{"triggerTime": str(due), "tag": text_in(row, "tag"), "ts": now_s}]


# questions -------------------------------------------------------------------------


def _answer(ask: Ask, order: Order) -> Row:
    engine = ask.reads
    fills = engine.fills(ask.account_id, order_id=order.order_id, limit=10_000)
    lever = engine.symbol_config(ask.account_id, order.symbol).leverage
    return order_answer(order, ask.contract(order.symbol), fills, lever)


def is_kept(ask: Ask, order: Order) -> bool:
    """Whether a closed order can still be queried."""
    if order.status.is_open:
        return True
    kept_ms = 7 * DAY_MS if order.filled_qty else ask.venue.config.unfilled_kept_ms
    return ask.now_ms - order.updated_ms <= kept_ms


def query(ask: Ask) -> list[Row]:
    """GET order: several with one client id, the newest is shown."""
    symbol = need(ask.query, "instId")
    ask.contract(symbol)
    ask.venue.limits.charge_orders("query", ask.account_id, symbol, 1, ask.now_ms)
    order_id, name = ask.query.get("ordId", ""), ask.query.get("clOrdId", "")
    order: Order | None = None
    if WHOLE.fullmatch(order_id):
        order = ask.reads.order(ask.account_id, int(order_id))
    elif name:
        order = ask.reads.order_by_client_id(ask.account_id, name, symbol=symbol)
    elif not order_id:
        raise ApiError(50015, "ordId", "clOrdId")
    if order is not None and not order_id and order.conditional_id:
        order = None  # what a conditional order became has no client id
    if order is None or order.symbol != symbol or not is_kept(ask, order):
        raise ApiError(51603)
    return [_answer(ask, order)]


def _matches(ask: Ask, symbol: str) -> bool:
    kind = ask.query.get("instType", "")
    wanted = ask.query.get("instId", "")
    family = ask.query.get("instFamily", "")
    return (
        kind in ("", "SWAP", "ANY")
        and wanted in ("", symbol)
        and family in ("", symbol.removesuffix("-SWAP"))
    )


def list_open(ask: Ask) -> list[Row]:
    """GET orders-pending."""
    orders = reversed(ask.reads.open_orders(ask.account_id))
    rows = [_answer(ask, order) for order in orders if _matches(ask, order.symbol)]
    return ask.page(rows, "ordId")


def history(ask: Ask) -> list[Row]:
    """GET orders-history: closed orders."""
    need(ask.query, "instType")
    begin, end = ask.whole("begin") or 0, ask.whole("end") or 1 << 62
    orders = reversed(ask.reads.orders(ask.account_id, limit=100_000))
    rows = [
        _answer(ask, order)
        for order in orders
        if _matches(ask, order.symbol)
        and not order.status.is_open
        and is_kept(ask, order)
        and begin <= order.created_ms <= end
    ]
    return ask.page(rows, "ordId")


def _fills(ask: Ask, kept_days: int) -> list[Row]:
    begin, end = ask.whole("begin") or 0, ask.whole("end") or 1 << 62
    begin = max(begin, ask.now_ms - kept_days * DAY_MS)
    order_id = ask.query.get("ordId", "")
    fills = ask.reads.fills(ask.account_id, limit=100_000)
    first = ask.engine.rules.first_tran_id
    rows = [
        fill_row(fill, ask.contract(fill.symbol), str(first + index))
        for index, fill in enumerate(fills)
        if _matches(ask, fill.symbol)
        and begin <= fill.time_ms <= end
        and order_id in ("", str(fill.order_id))
    ]
    rows.reverse()
    return ask.page(rows, "billId")


def fills(ask: Ask) -> list[Row]:
    """GET fills: the last three days."""
    return _fills(ask, 3)


def fills_history(ask: Ask) -> list[Row]:
    """GET fills-history: the last three months."""
    need(ask.query, "instType")
    return _fills(ask, 90)
