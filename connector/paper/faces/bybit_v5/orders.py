"""Order endpoints. Code 0 says "accepted for processing": what became of an order
is told by the stream alone.

Source: Bybit v5 docs, "Trade" section, read 2026-11. Retention: what closed
unfilled can be queried for a day, other closed orders for two years.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces.bybit_v5.apierrors import ApiError, bad, refuse
from connector.paper.faces.bybit_v5.context import Ask, Params
from connector.paper.faces.bybit_v5.order_requests import EXITS, place
from connector.paper.faces.bybit_v5.render import is_rising, link_id
from connector.paper.types import Conditional, Fill, Order, Refusal
from connector.paper.words import ConditionalStatus, OrderKind, OrderType, Reason

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS
KEPT_MS = 730 * DAY_MS
BATCH_MAX = 20
CANCEL_ALL_MAX = 500
ALL = 1 << 30
STREAM_ONLY = ("isLeverage", "marketUnit", "execPnl")  # of an execution
OPEN_WORDS = ("New", "PartiallyFilled", "Untriggered", "Triggered")

Item = Order | Conditional


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The answer to a batch: ids beside codes, one of each per order."""

    rows: list[dict[str, Any]]
    codes: list[dict[str, Any]]


def _ids(item: Item) -> dict[str, str]:
    number = item.order_id if isinstance(item, Order) else item.conditional_id
    return {"orderId": str(number), "orderLinkId": link_id(item)}


def check_deadline(ask: Ask) -> None:
    """The acceptance window once more, at the gateway of the matching engine."""
    if ask.now_ms + ask.venue.matching_delay_ms > ask.deadline_ms:
        raise ApiError(10002)


# commands


def create(ask: Ask) -> object:
    """POST order/create, order.create."""
    ask.need_linear()
    check_deadline(ask)
    return _ids(place(ask, ask.params))


def find_open(ask: Ask, params: Params) -> Item:
    """The open order that orderId (which wins) or orderLinkId names; 110001."""
    symbol = ask.instrument(params).symbol
    order_id, client_id = params.text("orderId"), params.text("orderLinkId")
    if order_id is None and client_id is None:
        raise ApiError(10001, "params error: orderId or orderLinkId needed")
    for item in found_by_ids(ask.engine, ask.account_id, order_id, client_id):
        if item.symbol == symbol and is_open(item):
            return item
    raise ApiError(110001)


def found_by_ids(
    engine: Engine, account_id: str, order_id: str | None, client_id: str | None
) -> list[Item]:
    """What an id names: the order that a conditional one became, before itself."""
    found: list[Item | None] = []
    if order_id is not None:
        if order_id.isdecimal():
            found.append(engine.order(account_id, int(order_id)))
            found.append(engine.conditional(account_id, int(order_id)))
    elif client_id is not None:
        found.append(engine.order_by_client_id(account_id, client_id))
        found.append(engine.conditional_by_client_id(account_id, client_id))
    return [item for item in found if item is not None and not _is_hidden(item)]


def _is_hidden(item: Item) -> bool:
    """A conditional order that became a real one is that; settlements are trades
    without an order."""
    if isinstance(item, Conditional):
        return item.status in (
            ConditionalStatus.TRIGGERED,
            ConditionalStatus.FINISHED,
        )
    return item.kind is OrderKind.SETTLEMENT


def is_open(item: Item) -> bool:
    """Whether it may still trade."""
    if isinstance(item, Order):
        return item.status.is_open
    return item.status in (ConditionalStatus.NEW, ConditionalStatus.TRIGGERING)


def _amend(ask: Ask, params: Params) -> dict[str, str]:
    item = find_open(ask, params)
    names = ("qty", "price", "triggerPrice")
    qty, price, trigger = (params.decimal(name) or None for name in names)
    check_deadline(ask)
    if any(params.value(word) not in (None, "") for word in EXITS):
        raise ApiError(10001, "params error: TP/SL are not amended here")
    engine, account_id, now_ms = ask.engine, ask.account_id, ask.engine_ms
    changed: Item | Refusal
    if isinstance(item, Conditional):
        number = item.conditional_id
        changed = engine.amend_conditional(
            account_id,
            number,
            qty=qty,
            price=price,
            trigger_price=trigger,
            now_ms=now_ms,
        )
    else:
        if item.type is not OrderType.LIMIT or trigger is not None:
            raise ApiError(10001, "params error: this kind of order has no such terms")
        if qty is not None and qty <= item.filled_qty:
            raise ApiError(110064)
        changed = engine.amend(
            account_id,
            item.symbol,
            item.order_id,
            qty=qty,
            price=price,
            now_ms=now_ms,
        )
    if isinstance(changed, Refusal):
        code = None
        if changed.reason is Reason.WOULD_TRIGGER and isinstance(item, Conditional):
            code = 110092 if is_rising(item.type, item.side) else 110093
        refuse(changed, code=code)
    return _ids(changed)


def amend(ask: Ask) -> object:
    """POST order/amend, order.amend."""
    ask.need_linear()
    return _amend(ask, ask.params)


def _cancel(ask: Ask, params: Params) -> dict[str, str]:
    item = find_open(ask, params)
    check_deadline(ask)
    engine, account_id, now_ms = ask.engine, ask.account_id, ask.engine_ms
    gone: Item | Refusal
    if isinstance(item, Order):
        gone = engine.cancel(account_id, item.symbol, item.order_id, now_ms=now_ms)
    else:
        gone = engine.cancel_conditional(account_id, item.conditional_id, now_ms=now_ms)
    if isinstance(gone, Refusal):
        refuse(gone)
    return _ids(gone)


def cancel(ask: Ask) -> object:
    """POST order/cancel, order.cancel."""
    ask.need_linear()
    return _cancel(ask, ask.params)


def cancel_all(ask: Ask) -> object:
    """POST order/cancel-all: at most 500, conditional ones too unless filtered."""
    ask.need_linear()
    symbols = ask.symbols()
    check_deadline(ask)
    wanted = _of_filter(ask.params)
    engine, account_id, now_ms = ask.engine, ask.account_id, ask.engine_ms
    victims = [
        item
        for item in open_items(engine, account_id)
        if item.symbol in symbols and wanted(item)
    ]
    rows = []
    for item in victims[:CANCEL_ALL_MAX]:
        if isinstance(item, Order):
            engine.cancel(account_id, item.symbol, item.order_id, now_ms=now_ms)
        else:
            engine.cancel_conditional(account_id, item.conditional_id, now_ms=now_ms)
        rows.append(_ids(item))
    return {"list": rows, "success": "1"}


def _of_filter(params: Params) -> Callable[[Item], bool]:
    word = params.text("orderFilter")
    if word is None:
        return lambda item: True
    if word not in ("Order", "StopOrder", "tpslOrder"):
        raise bad("orderFilter")
    return lambda item: isinstance(item, Order) is (word == "Order")


def open_items(engine: Engine, account_id: str) -> list[Item]:
    """Everything open, newest first."""
    found: list[Item] = [
        *engine.open_orders(account_id),
        *engine.open_conditionals(account_id),
    ]
    return sorted(found, key=_newest_first)


def _number(item: Item) -> int:
    return item.order_id if isinstance(item, Order) else item.conditional_id


def _newest_first(item: Item) -> tuple[int, int]:
    return -item.created_ms, -_number(item)


# batches


def _batch(ask: Ask, act: Callable[[Ask, Params], dict[str, str]]) -> Batch:
    """Each on its own; what the limits did not let through fails like that."""
    ask.need_linear()
    rows, codes = [], []
    for index, params in enumerate(ask.params.rows("request", BATCH_MAX)):
        row = {
            "category": "linear",
            "symbol": params.text("symbol") or "",
            "orderId": "",
            "orderLinkId": params.text("orderLinkId") or "",
        }
        try:
            if index >= ask.granted:
                raise ApiError(10006)
            row |= act(ask, params)
            codes.append({"code": 0, "msg": "OK"})
        except ApiError as error:
            codes.append({"code": error.code, "msg": error.text})
        rows.append(row)
    return Batch(rows=rows, codes=codes)


def create_batch(ask: Ask) -> object:
    """POST order/create-batch, order.create-batch."""
    check_deadline(ask)
    batch = _batch(ask, lambda ask, params: _ids(place(ask, params)))
    for row in batch.rows:
        row["createAt"] = str(ask.now_ms) if row["orderId"] else ""
    return batch


def amend_batch(ask: Ask) -> object:
    """POST order/amend-batch, order.amend-batch."""
    return _batch(ask, _amend)


def cancel_batch(ask: Ask) -> object:
    """POST order/cancel-batch, order.cancel-batch."""
    return _batch(ask, _cancel)


# questions


def row_of(ask: Ask, item: Item) -> dict[str, Any]:
    """An order as answers show it."""
    renderer = ask.venue.renderer
    if isinstance(item, Order):
        return renderer.order(item)
    return renderer.conditional(item)


def _listed(ask: Ask, items: list[Item], size: int) -> dict[str, Any]:
    page, cursor = ask.page(items, lambda item: str(_number(item)), size)
    rows = [row_of(ask, item) for item in page]
    return {"category": "linear", "list": rows, "nextPageCursor": cursor}


def realtime(ask: Ask) -> object:
    """GET order/realtime: open orders; by id, or on request, the newest closed."""
    if ask.category() != "linear":
        return {"category": ask.category(), "list": [], "nextPageCursor": ""}
    symbols, size = ask.symbols(), ask.limit(20, 50)
    engine, account_id = ask.reads, ask.account_id
    wanted = _of_filter(ask.params)
    order_id, client_id = ask.params.text("orderId"), ask.params.text("orderLinkId")
    if order_id or client_id:
        refused = ask.venue.refused.find(account_id, order_id or client_id)
        if refused:
            return {"category": "linear", "list": refused, "nextPageCursor": ""}
        items = [
            item
            for item in found_by_ids(engine, account_id, order_id, client_id)[:1]
            if is_open(item) or _is_recent(ask, item)
        ]
    elif ask.params.integer("openOnly") == 1:
        items = [i for i in closed_items(engine, account_id) if _is_recent(ask, i)]
        items = items[: ask.venue.config.closed_kept]
    else:
        items = open_items(engine, account_id)
    items = [item for item in items if item.symbol in symbols and wanted(item)]
    return _listed(ask, items, size)


def closed_items(engine: Engine, account_id: str) -> list[Item]:
    """Everything that ended, newest first."""
    found: list[Item] = [
        *engine.orders(account_id, limit=ALL),
        *engine.conditionals(account_id, limit=ALL),
    ]
    shown = [item for item in found if not is_open(item) and not _is_hidden(item)]
    return sorted(shown, key=_newest_first)


def _is_recent(ask: Ask, item: Item) -> bool:
    """Among what the fresh store still has: it forgets when it is restarted."""
    return item.updated_ms > ask.venue.forgotten_ms and is_kept(item, ask.now_ms)


def is_kept(item: Item, now_ms: int) -> bool:
    """Whether a closed order can be queried at all."""
    has_fills = isinstance(item, Order) and bool(item.filled_qty)
    return now_ms - item.updated_ms <= (KEPT_MS if has_fills else DAY_MS)


def span(ask: Ask) -> tuple[int, int]:
    """``startTime`` and ``endTime``: at most seven days, by default the last."""
    start, end = ask.params.integer("startTime"), ask.params.integer("endTime")
    if start is None:
        end = ask.now_ms if end is None else end
        return end - WINDOW_MS, end
    if end is None:
        return start, start + WINDOW_MS
    if end < start or end - start > WINDOW_MS:
        raise ApiError(10001, "params error: time range is at most 7 days")
    return start, end


def history(ask: Ask) -> object:
    """GET order/history: what closed; it may trail the fresh store."""
    if ask.category() != "linear":
        return {"category": ask.category(), "list": [], "nextPageCursor": ""}
    if ask.params.text("orderStatus") in OPEN_WORDS:
        raise ApiError(181017)
    size = ask.limit(20, 50)
    seen_ms = ask.now_ms - ask.venue.history_lag_ms
    order_id, client_id = ask.params.text("orderId"), ask.params.text("orderLinkId")
    engine, account_id = ask.reads, ask.account_id
    if order_id or client_id:
        items = found_by_ids(engine, account_id, order_id, client_id)[:1]
        items = [item for item in items if not is_open(item)]
    else:
        start, end = span(ask)
        items = closed_items(engine, account_id)
        items = [item for item in items if start <= item.created_ms <= end]
    symbol = ask.params.text("symbol")
    items = [
        item
        for item in items
        if is_kept(item, ask.now_ms)
        and item.updated_ms <= seen_ms
        and symbol in (None, item.symbol)
    ]
    return _listed(ask, items, size)


def executions(ask: Ask) -> object:
    """GET execution/list: newest first; an order's id switches other filters off."""
    if ask.category() != "linear":
        return {"category": ask.category(), "list": [], "nextPageCursor": ""}
    size, engine = ask.limit(50, 100), ask.reads
    order_id, client_id = ask.params.text("orderId"), ask.params.text("orderLinkId")
    fundings: list[dict[str, Any]] = []
    if order_id or client_id:
        named = found_by_ids(engine, ask.account_id, order_id, client_id)
        numbers = {_number(item) for item in named}
        if order_id and order_id.isdecimal():
            numbers.add(int(order_id))
        fills = [
            fill
            for number in sorted(numbers)
            for fill in engine.fills(ask.account_id, order_id=number, limit=ALL)
        ]
    else:
        start, end = span(ask)
        symbols = set(_symbols_or_all(ask))
        fills = [
            fill
            for fill in engine.fills(
                ask.account_id,
                symbol=ask.params.text("symbol"),
                start_ms=start,
                end_ms=end,
                limit=ALL,
            )
            if fill.symbol in symbols
        ]
        seen_ms = ask.now_ms - ask.venue.replica.lag_ms
        fundings = [
            row
            for row in ask.venue.fundings.get(ask.account_id, ())
            if start <= int(row["execTime"]) <= min(end, seen_ms)
            and row["symbol"] in symbols
        ]
    rows = [_execution(ask, engine, fill) for fill in fills] + fundings
    kind = ask.params.text("execType")
    rows = [row for row in rows if kind in (None, row["execType"])]
    rows.sort(key=lambda row: (-int(row["execTime"]), row["execId"], row["orderId"]))
    page, cursor = ask.page(rows, lambda r: f"{r['execId']}:{r['orderId']}", size)
    return {"category": "linear", "list": page, "nextPageCursor": cursor}


def _symbols_or_all(ask: Ask) -> tuple[str, ...]:
    names = ("symbol", "baseCoin", "settleCoin")
    if any(ask.params.text(name) for name in names):
        return ask.symbols()
    return tuple(ask.engine.instruments)


def _execution(ask: Ask, engine: Engine, fill: Fill) -> dict[str, Any]:
    order = engine.order(ask.account_id, fill.order_id)
    mark = engine.quote(fill.symbol).mark
    row = ask.venue.renderer.execution(fill, order, mark)
    return {name: value for name, value in row.items() if name not in STREAM_ONLY}
