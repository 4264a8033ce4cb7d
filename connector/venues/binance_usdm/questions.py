"""Questions, unsigned, and how their pages follow each other.

Source: "Account" and "Trade" pages of the REST API, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Host, Request
from connector.model.ids import Symbol
from connector.model.limits import FREE
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.asking import Params, question
from connector.venues.binance_usdm.limits import weight
from connector.venues.binance_usdm.requests import is_wire_id, order_id
from connector.venues.json_commands import JsonRow
from connector.venues.json_rows import Row

PAGE = 1000
DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS
"""Longest span of userTrades by time."""

FILL_RETENTION_S = 90 * 86_400
UNFILLED_RETENTION_S = 3 * 86_400

_MARKS_ONE_BY_ONE = 3
_LIMIT = ("limit", str(PAGE))
# Of all symbols: only those answers show orders of symbols nobody here has heard of.
_CALLS = {
    "server_time": ("/fapi/v1/time", 1),
    "query_order": ("/fapi/v1/order", 1),
    "query_conditional": ("/fapi/v1/algoOrder", 1),
    "open_orders": ("/fapi/v1/openOrders", 40),
    "open_conditionals": ("/fapi/v1/openAlgoOrders", 40),
    "fills": ("/fapi/v1/userTrades", 5),
    "positions": ("/fapi/v3/positionRisk", 5),
    "account": ("/fapi/v3/account", 5),
    "account_config": ("/fapi/v1/accountConfig", 5),
    "symbol_config": ("/fapi/v1/symbolConfig", 5),
    "ledger": ("/fapi/v1/income", 30),
    "instruments": ("/fapi/v1/exchangeInfo", 1),
    "brackets": ("/fapi/v1/leverageBracket", 1),
    "key_info": ("/sapi/v1/account/apiRestrictions", 0),
    "marks": ("/fapi/v1/premiumIndex", 1),
}
_PUBLIC = frozenset(("server_time", "instruments", "marks"))


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock; exchangeInfo.serverTime is not one."""
        return _ask("server_time")

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order by id; a conditional one in both stores, because it may have been
        triggered meanwhile (the order it became has the same client id)."""
        if not order.order_type.is_conditional:
            return (_one_order(order, order.venue_order_id),)
        named = order_id(order.venue_order_id, order, "algoId", "clientAlgoId")
        waiting = _about("query_conditional", order, named)
        became = order.triggered_order_id
        if not became and not is_wire_id(order.client_order_id):
            return (waiting,)
        return (waiting, _one_order(order, became))

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions from the cursor (inclusive, so that it reappears) to now."""
        trade_id = cursor.trade_id
        if trade_id is None:
            return (_fills_by_time(cursor.symbol, cursor.since_ms, now_ms),)
        if not (trade_id.isascii() and trade_id.isdigit()):
            # Not an id of the venue (an inferred fill has a name of our own).
            return (_fills_by_time(cursor.symbol, cursor.venue_ms, now_ms),)
        since = str(cursor.venue_ms)
        return (_fills_by_id(cursor.symbol, trade_id, now_ms, since=since),)

    def query(
        self,
        part: Part,
        *,
        symbols: Sequence[Symbol],
        assets: Sequence[str] = (),
        since_ms: int,
        now_ms: int,
    ) -> tuple[Request, ...]:
        """The calls that answer one part of a snapshot.

        KEY_INFO goes to `Host.KEY_INFO`, which demo and paper environments do not
        have: the session leaves it out where the endpoint is empty.
        """
        match part:
            case Part.OPEN_ORDERS:
                return (_ask("open_orders"), _ask("open_conditionals"))
            case Part.POSITIONS:
                return (_ask("positions"),)
            case Part.BALANCES:
                return (_ask("account"),)
            case Part.SETTINGS:
                only = (("symbol", symbols[0]),) if len(symbols) == 1 else ()
                return (_ask("account_config"), _ask("symbol_config", only))
            case Part.LEDGER:
                start = max(0, since_ms, now_ms - FILL_RETENTION_S * 1000)
                return (_income_page(_ask("ledger"), start, now_ms),)
            case Part.INSTRUMENTS:
                return (_ask("instruments"), _ask("brackets"))
            case Part.KEY_INFO:
                # Another host with a weight pool of its own.
                request = _ask("key_info")
                return (replace(request, host=Host.KEY_INFO, cost=FREE),)
            case Part.MARKS if 0 < len(symbols) <= _MARKS_ONE_BY_ONE:
                return tuple(_ask("marks", (("symbol", s),), s) for s in symbols)
            case Part.MARKS:
                return (replace(_ask("marks"), cost=weight(10)),)
            case Part.TIERS:
                return ()  # INSTRUMENTS and SETTINGS bring them for all


def next_fills(request: Request, page: Sequence[Row]) -> Request | None:
    """The page after *page*, None when it was the last; always further on.

    The first page by id must hold the cursor's own trade: whether ids reach back
    more than seven days is not documented, so if it does not, the time windows
    are walked instead.
    """
    context, symbol = request.context, request.symbol
    assert symbol is not None
    now = int(context["now"])
    if context["by"] == "id":
        start, ids = int(context["from"]), [row.integer("id") for row in page]
        if context.get("since") and start not in ids:
            return _fills_by_time(symbol, int(context["since"]), now)
        if len(page) < PAGE:
            return None
        return _fills_by_id(symbol, str(max(max(ids), start + 1)), now)
    start, end = int(context["start"]), int(context["end"])
    if len(page) >= PAGE:
        time, newest = max((row.millis("time"), row.integer("id")) for row in page)
        if time > start:
            return _fills_by_time(symbol, time, now)
        # More than a page within one millisecond: only ids lead on.
        return _fills_by_id(symbol, str(newest + 1), now)
    return None if end >= now else _fills_by_time(symbol, end + 1, now)


def _fills_by_id(
    symbol: Symbol, trade_id: str, now_ms: int, *, since: str = ""
) -> Request:
    context = {"by": "id", "from": trade_id, "since": since, "now": str(now_ms)}
    params = (("symbol", symbol), ("fromId", trade_id), _LIMIT)
    return replace(_ask("fills", params, symbol), context=context)


def _fills_by_time(symbol: Symbol, start_ms: int, now_ms: int) -> Request:
    start = max(0, start_ms, now_ms - FILL_RETENTION_S * 1000)
    end = start + WINDOW_MS - 1
    # The last window is left open, so that no clock can cut off its end.
    until = (("endTime", str(end)),) if end < now_ms else ()
    params = (("symbol", symbol), ("startTime", str(start)), *until, _LIMIT)
    times = {"start": str(start), "end": str(end), "now": str(now_ms)}
    return replace(_ask("fills", params, symbol), context={"by": "time", **times})


def next_income(request: Request, page: Sequence[Row]) -> Request | None:
    """The page after a full one, whichever way the venue sorts.

    Entries of the border millisecond come twice; their ids tell them apart.
    """
    if len(page) < PAGE:
        return None
    start, end = int(request.context["start"]), int(request.context["end"])
    first, last = page[0].millis("time"), page[-1].millis("time")
    if first > last:
        earlier = last if last < end else end - 1
        return _income_page(request, start, earlier) if earlier >= start else None
    later = last if last > start else start + 1
    return _income_page(request, later, end) if later <= end else None


def _income_page(request: Request, start: int, end: int) -> Request:
    params = (("startTime", str(start)), ("endTime", str(end)), _LIMIT)
    context = {"start": str(start), "end": str(end)}
    return replace(request, params=params, context=context)


def _ask(op: str, params: Params = (), symbol: Symbol | None = None) -> Request:
    path, units = _CALLS[op]
    is_public = op in _PUBLIC
    return question(op, path, weight(units), params, is_public=is_public, symbol=symbol)


def _one_order(order: Order, known: str | None) -> Request:
    named = {"symbol": order.symbol, **order_id(known, order)}
    return _about("query_order", order, named)


def _about(op: str, order: Order, named: JsonRow) -> Request:
    params = tuple((name, str(value)) for name, value in named.items())
    request = _ask(op, params, order.symbol)
    return replace(request, client_order_id=order.client_order_id)
