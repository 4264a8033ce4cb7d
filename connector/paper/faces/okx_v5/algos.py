"""Conditional orders: stop-loss, take-profit and trailing stops.

Source: OKX API v5 docs, "Algo Trading", read 2026-11. Orders that close a whole
position (``closeFraction``) need ``reduceOnly`` in net mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
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
from connector.paper.faces.okx_v5.orders import (
    WATCHED,
    check_cross,
    envelope,
    named,
    reduce_only_in,
)
from connector.paper.faces.okx_v5.render import Row, algo_client_id
from connector.paper.faces.okx_v5.render_algo import algo_row
from connector.paper.types import ZERO, Conditional, NewConditional, Refusal
from connector.paper.words import (
    ConditionalStatus,
    ConditionalType,
    PositionSide,
    Reason,
    Side,
)

CANCEL_MAX = 10
_HUNDRED = Decimal(100)
_KINDS = {
    "sl": (ConditionalType.STOP, ConditionalType.STOP_MARKET),
    "tp": (ConditionalType.TAKE_PROFIT, ConditionalType.TAKE_PROFIT_MARKET),
}


def place(ask: Ask) -> Row:
    """POST order-algo."""
    row = ask.row()
    told: Row = {
        "algoClOrdId": text_in(row, "algoClOrdId"),
        "algoId": "",
        "clOrdId": "",
        "sCode": "0",
        "sMsg": "",
        "tag": text_in(row, "tag"),
    }
    return _outcomes(ask, [told], [lambda: told.update(algoId=_place_one(ask, row))])


def _outcomes(ask: Ask, rows: list[Row], acts: list[Any]) -> Row:
    failed = 0
    for told, act in zip(rows, acts, strict=True):
        try:
            act()
        except ApiError as error:
            failed += 1
            told |= {"sCode": str(error.code), "sMsg": error.text}
    code = "0" if not failed else "1" if failed == len(rows) else "2"
    body = envelope(ask, rows, code, "All operations failed" if failed else "")
    return {name: body[name] for name in ("code", "data", "msg")}


def _place_one(ask: Ask, row: Mapping[str, Any]) -> str:
    symbol = ask.symbol_in(row)
    ask.venue.limits.charge_orders("place-algo", ask.account_id, symbol, 1, ask.now_ms)
    check_cross(row)
    kind = need(row, "ordType")
    if kind not in ("conditional", "oco", "trigger", "move_order_stop"):
        raise ApiError(51000, "ordType: not simulated")
    position_side = choice(row, "posSide", POSITION_SIDES)
    whole = text_in(row, "closeFraction")
    size = number_in(row, "sz")
    if (size is None) == (not whole) or whole not in ("", "1"):
        raise ApiError(50015, "sz", "closeFraction")
    is_net = position_side is PositionSide.BOTH
    if whole and is_net and not flag_in(row, "reduceOnly"):
        raise ApiError(51328, text="closeFraction is only for reduceOnly orders")
    if kind == "trigger":
        terms = _trigger(ask, row, symbol)
    else:
        terms = _trail(row) if kind == "move_order_stop" else _stop(row)
    request = NewConditional(
        symbol=symbol,
        side=side_in(row),
        qty=ZERO if size is None else ask.contract(symbol).coins(size),
        position_side=position_side,
        reduce_only=not whole and reduce_only_in(ask, row, position_side),
        close_position=bool(whole),
        client_order_id=named(row, "algoClOrdId"),
        tag=text_in(row, "tag"),
        **terms,
    )
    placed = ask.engine.place_conditional(ask.account_id, request, now_ms=ask.engine_ms)
    if isinstance(placed, Refusal):
        raise refuse(placed)
    if kind == "trigger":
        ask.venue.plain_triggers.add(placed.conditional_id)
    return str(placed.conditional_id)


def _stop(row: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "sl" if text_in(row, "slTriggerPx") else "tp"
    trigger = number_in(row, f"{prefix}TriggerPx")
    if trigger is None:
        raise ApiError(50015, "slTriggerPx", "tpTriggerPx")
    limit, market = _KINDS[prefix]
    is_market = need(row, f"{prefix}OrdPx") == "-1"
    profit = number_in(row, "tpTriggerPx") if prefix == "sl" else None
    if (text_in(row, "ordType") == "oco") != (profit is not None):
        raise ApiError(50015, "slTriggerPx", "tpTriggerPx")
    if profit is not None and not (is_market and text_in(row, "tpOrdPx") == "-1"):
        raise ApiError(51000, "tpOrdPx: market orders are simulated")
    return {
        "type": market if is_market else limit,
        "price": None if is_market else number_in(row, f"{prefix}OrdPx"),
        "trigger_price": trigger,
        "profit_price": profit,
        "working_type": choice(row, f"{prefix}TriggerPxType", WATCHED),
    }


def _trigger(ask: Ask, row: Mapping[str, Any], symbol: str) -> dict[str, Any]:
    trigger = number_in(row, "triggerPx")
    if trigger is None:
        raise ApiError(50014, "triggerPx")
    is_above = trigger > ask.engine.quote(symbol).last
    is_stop = is_above == (side_in(row) is Side.BUY)
    limit, market = _KINDS["sl" if is_stop else "tp"]
    is_market = need(row, "orderPx") == "-1"
    return {
        "type": market if is_market else limit,
        "price": None if is_market else number_in(row, "orderPx"),
        "trigger_price": trigger,
        "working_type": choice(row, "triggerPxType", WATCHED),
    }


def _trail(row: Mapping[str, Any]) -> dict[str, Any]:
    ratio = number_in(row, "callbackRatio")
    if ratio is None:
        raise ApiError(50015, "callbackRatio", "callbackSpread")
    return {
        "type": ConditionalType.TRAILING_STOP_MARKET,
        "callback_rate": ratio * _HUNDRED,
        "activate_price": number_in(row, "activePx"),
    }


def amend(ask: Ask) -> Row:
    """POST amend-algos: trigger price, price and size of what waits."""
    row = ask.row()
    told: Row = {
        "algoClOrdId": text_in(row, "algoClOrdId"),
        "algoId": text_in(row, "algoId"),
        "reqId": text_in(row, "reqId"),
        "sCode": "0",
        "sMsg": "",
    }
    return _outcomes(ask, [told], [lambda: told.update(algoId=_amend_one(ask, row))])


def _amend_one(ask: Ask, row: Mapping[str, Any]) -> str:
    symbol = ask.symbol_in(row)
    ask.venue.limits.charge_orders("amend-algo", ask.account_id, symbol, 1, ask.now_ms)
    item = _find(ask, row, ask.engine)
    if item is None or item.symbol != symbol:
        raise ApiError(51503)
    prefix = "newTp" if item.type in _KINDS["tp"] else "newSl"
    trigger, price = f"{prefix}TriggerPx", f"{prefix}OrdPx"
    if item.conditional_id in ask.venue.plain_triggers:
        trigger, price = "newTriggerPx", "newOrdPx"
    size, is_market = number_in(row, "newSz"), text_in(row, price) in ("", "-1")
    changed = ask.engine.amend_conditional(
        ask.account_id,
        item.conditional_id,
        qty=None if size is None else ask.contract(symbol).coins(size),
        price=None if is_market else number_in(row, price),
        trigger_price=number_in(row, trigger),
        profit_price=number_in(row, "newTpTriggerPx") if item.profit_price else None,
        now_ms=ask.engine_ms,
    )
    if isinstance(changed, Refusal):
        raise (
            ApiError(51503)
            if changed.reason is Reason.ORDER_CLOSED
            else refuse(changed)
        )
    return str(item.conditional_id)


def cancel(ask: Ask) -> Row:
    """POST cancel-algos."""
    rows = ask.rows(CANCEL_MAX)
    told = [
        {
            "algoClOrdId": "",
            "algoId": text_in(row, "algoId"),
            "clOrdId": "",
            "sCode": "0",
            "sMsg": "",
            "tag": "",
        }
        for row in rows
    ]
    acts = [lambda row=row: _cancel_one(ask, row) for row in rows]
    return _outcomes(ask, told, acts)


def _cancel_one(ask: Ask, row: Mapping[str, Any]) -> None:
    symbol = ask.symbol_in(row)
    ask.venue.limits.charge_orders("cancel-algo", ask.account_id, symbol, 1, ask.now_ms)
    item = _find(ask, row, ask.engine)
    if item is None or item.symbol != symbol:
        raise ApiError(51400)
    gone = ask.engine.cancel_conditional(
        ask.account_id, item.conditional_id, now_ms=ask.engine_ms
    )
    if isinstance(gone, Refusal):
        raise refuse(gone)


def _find(ask: Ask, row: Mapping[str, Any], engine: Any) -> Conditional | None:
    algo_id, name = text_in(row, "algoId"), text_in(row, "algoClOrdId")
    found: Conditional | None = None
    if algo_id:
        if WHOLE.fullmatch(algo_id):
            found = engine.conditional(ask.account_id, int(algo_id))
    elif name:
        found = engine.conditional_by_client_id(ask.account_id, name)
        if found is not None and not algo_client_id(name, found.conditional_id):
            found = None
    else:
        raise ApiError(50015, "algoId", "algoClOrdId")
    return found


def _row(ask: Ask, item: Conditional) -> Row:
    lever = ask.reads.symbol_config(ask.account_id, item.symbol).leverage
    is_plain = item.conditional_id in ask.venue.plain_triggers
    return algo_row(item, ask.contract(item.symbol), lever, is_plain=is_plain)


def query(ask: Ask) -> list[Row]:
    """GET order-algo."""
    item = _find(ask, ask.query, ask.reads)
    if item is None:
        raise ApiError(51603)
    return [_row(ask, item)]


def list_open(ask: Ask) -> list[Row]:
    """GET orders-algo-pending: of one kind, or of ``conditional,oco``."""
    kinds = need(ask.query, "ordType").split(",")
    items = reversed(ask.reads.open_conditionals(ask.account_id))
    rows = [_row(ask, item) for item in items]
    return _select(ask, [row for row in rows if row["ordType"] in kinds])


def history(ask: Ask) -> list[Row]:
    """GET orders-algo-history: by state or by id."""
    kinds = need(ask.query, "ordType").split(",")
    state, algo_id = ask.query.get("state", ""), ask.query.get("algoId", "")
    if not state and not algo_id:
        raise ApiError(50015, "state", "algoId")
    items = reversed(ask.reads.conditionals(ask.account_id, limit=100_000))
    rows = [
        _row(ask, item)
        for item in items
        if item.status is not ConditionalStatus.NEW
        and algo_id in ("", str(item.conditional_id))
    ]
    kept = [r for r in rows if r["ordType"] in kinds and state in ("", r["state"])]
    return _select(ask, kept)


def _select(ask: Ask, rows: list[Row]) -> list[Row]:
    wanted = ask.query.get("instId", "")
    rows = [row for row in rows if wanted in ("", row["instId"])]
    return ask.page(rows, "algoId")
