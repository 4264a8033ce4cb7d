"""Questions, unsigned, and how their pages follow each other.

Source: "Account" and "Trade" pages of the REST API, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Host, Request, Security
from connector.model.ids import Symbol
from connector.model.limits import FREE
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.asking import question
from connector.venues.binance_usdm import wire
from connector.venues.binance_usdm.limits import weight
from connector.venues.binance_usdm.requests import is_wire_id

PAGE = 1000
DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS
"""Longest span of userTrades by time."""

FILL_RETENTION_S = 90 * 86_400
UNFILLED_RETENTION_S = 3 * 86_400

_MARKS_ONE_BY_ONE = 3
_KEY_INFO_PATH = "/sapi/v1/account/apiRestrictions"


def server_time() -> Request:
    """The venue's clock; exchangeInfo.serverTime is not one."""
    return question("server_time", "/fapi/v1/time", weight(1), security=Security.NONE)


def query_order(order: Order) -> tuple[Request, ...]:
    """One order by id; a conditional one in both stores, because it may have been
    triggered meanwhile (the order it became has the same client id)."""
    symbol = ("symbol", str(order.symbol))
    if not order.order_type.is_conditional:
        regular = (
            ("orderId", order.venue_order_id)
            if order.venue_order_id
            else ("origClientOrderId", order.client_order_id)
        )
        return (_order_question("query_order", order, (symbol, regular)),)
    waiting = (
        ("algoId", order.venue_order_id)
        if order.venue_order_id
        else ("clientAlgoId", order.client_order_id)
    )
    algo = _order_question("query_algo", order, (waiting,))
    became: tuple[str, str]
    if order.triggered_order_id:
        became = ("orderId", order.triggered_order_id)
    elif is_wire_id(order.client_order_id):
        became = ("origClientOrderId", order.client_order_id)
    else:
        return (algo,)
    return (algo, _order_question("query_order", order, (symbol, became)))


def query_fills(cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
    """Own executions from the cursor (inclusive, so that it reappears) to now."""
    if cursor.trade_id is None:
        return (_fills_by_time(cursor.symbol, cursor.since_ms, now_ms),)
    if not (cursor.trade_id.isascii() and cursor.trade_id.isdigit()):
        # Not an id of the venue (an inferred fill has a name of our own).
        return (_fills_by_time(cursor.symbol, cursor.venue_ms, now_ms),)
    return (
        _fills_by_id(
            cursor.symbol,
            cursor.trade_id,
            {
                "by": "id",
                "from": cursor.trade_id,
                "since": str(cursor.venue_ms),
                "now": str(now_ms),
            },
        ),
    )


def next_fills(request: Request, page: Sequence[wire.TradeRow]) -> Request | None:
    """The page after *page*, None when it was the last; always further on.

    The first page by id must hold the cursor's own trade: whether ids reach back
    more than seven days is not documented, so if it does not, the time windows
    are walked instead.
    """
    context, symbol = request.context, request.symbol
    assert symbol is not None
    now = int(context["now"])
    if context["by"] == "id":
        start = int(context["from"])
        if context.get("since") and all(row.id != start for row in page):
            return _fills_by_time(symbol, int(context["since"]), now)
        if len(page) < PAGE:
            return None
        return _fills_on(symbol, max(max(row.id for row in page), start + 1), now)
    start, end = int(context["start"]), int(context["end"])
    if len(page) >= PAGE:
        newest = max(page, key=lambda row: (row.time, row.id))
        if newest.time > start:
            return _fills_by_time(symbol, newest.time, now)
        # More than a page within one millisecond: only ids lead on.
        return _fills_on(symbol, newest.id + 1, now)
    return None if end >= now else _fills_by_time(symbol, end + 1, now)


def _fills_on(symbol: Symbol, trade_id: int, now_ms: int) -> Request:
    context = {"by": "id", "from": str(trade_id), "now": str(now_ms)}
    return _fills_by_id(symbol, str(trade_id), context)


def _fills_by_id(symbol: Symbol, trade_id: str, context: Mapping[str, str]) -> Request:
    params = (("symbol", symbol), ("fromId", trade_id), ("limit", str(PAGE)))
    return question(
        "fills",
        "/fapi/v1/userTrades",
        weight(5),
        params,
        symbol=symbol,
        context=context,
    )


def _fills_by_time(symbol: Symbol, start_ms: int, now_ms: int) -> Request:
    start = max(0, start_ms, now_ms - FILL_RETENTION_S * 1000)
    end = start + WINDOW_MS - 1
    params = [("symbol", str(symbol)), ("startTime", str(start))]
    if end < now_ms:
        # The last window is left open, so that no clock can cut off its end.
        params.append(("endTime", str(end)))
    params.append(("limit", str(PAGE)))
    return question(
        "fills",
        "/fapi/v1/userTrades",
        weight(5),
        tuple(params),
        symbol=symbol,
        context={
            "by": "time",
            "start": str(start),
            "end": str(end),
            "now": str(now_ms),
        },
    )


def query(
    part: Part, *, symbols: Sequence[Symbol], since_ms: int, now_ms: int
) -> tuple[Request, ...]:
    """The calls that answer one part of a snapshot.

    Open orders are asked for all symbols (weight 40 per store): only that answer
    shows orders of symbols nobody here has heard of. KEY_INFO goes to
    `Host.KEY_INFO`, which demo and paper environments do not have: the session
    leaves it out where the endpoint is empty.
    """
    match part:
        case Part.OPEN_ORDERS:
            return (
                question("open_orders", "/fapi/v1/openOrders", weight(40)),
                question("open_algo", "/fapi/v1/openAlgoOrders", weight(40)),
            )
        case Part.POSITIONS:
            return (question("positions", "/fapi/v3/positionRisk", weight(5)),)
        case Part.BALANCES:
            return (question("account", "/fapi/v3/account", weight(5)),)
        case Part.SETTINGS:
            only = (("symbol", symbols[0]),) if len(symbols) == 1 else ()
            return (
                question("account_config", "/fapi/v1/accountConfig", weight(5)),
                question("symbol_config", "/fapi/v1/symbolConfig", weight(5), only),
            )
        case Part.LEDGER:
            return (_income(since_ms, now_ms),)
        case Part.INSTRUMENTS:
            return (
                question(
                    "instruments",
                    "/fapi/v1/exchangeInfo",
                    weight(1),
                    security=Security.NONE,
                ),
                question("brackets", "/fapi/v1/leverageBracket", weight(1)),
            )
        case Part.KEY_INFO:
            # Another host with a weight pool of its own.
            return (question("key_info", _KEY_INFO_PATH, FREE, host=Host.KEY_INFO),)
        case Part.MARKS:
            return _marks(symbols)
        case Part.TIERS:
            return ()  # INSTRUMENTS and SETTINGS bring them for all


def _marks(symbols: Sequence[Symbol]) -> tuple[Request, ...]:
    """A few symbols one by one; many, or none named, as the answer for all."""
    path = "/fapi/v1/premiumIndex"
    if not symbols or len(symbols) > _MARKS_ONE_BY_ONE:
        return (question("marks", path, weight(10), security=Security.NONE),)
    return tuple(
        question(
            "marks",
            path,
            weight(1),
            (("symbol", symbol),),
            security=Security.NONE,
            symbol=symbol,
        )
        for symbol in symbols
    )


def _income(start_ms: int, end_ms: int) -> Request:
    start = max(0, start_ms, end_ms - FILL_RETENTION_S * 1000)
    return question(
        "ledger",
        "/fapi/v1/income",
        weight(30),
        (
            ("startTime", str(start)),
            ("endTime", str(end_ms)),
            ("limit", str(PAGE)),
        ),
        context={"start": str(start), "end": str(end_ms)},
    )


def next_income(request: Request, page: Sequence[wire.IncomeRow]) -> Request | None:
    """The page after a full one, whichever way the venue sorts.

    Entries of the border millisecond come twice; their ids tell them apart.
    """
    if len(page) < PAGE:
        return None
    start, end = int(request.context["start"]), int(request.context["end"])
    first, last = page[0].time, page[-1].time
    if first > last:
        earlier = last if last < end else end - 1
        return _income_page(request, start, earlier) if earlier >= start else None
    later = last if last > start else start + 1
    return _income_page(request, later, end) if later <= end else None


def _income_page(request: Request, start: int, end: int) -> Request:
    return replace(
        request,
        params=(
            ("startTime", str(start)),
            ("endTime", str(end)),
            ("limit", str(PAGE)),
        ),
        context={"start": str(start), "end": str(end)},
    )


def _order_question(
    op: str, order: Order, params: tuple[tuple[str, str], ...]
) -> Request:
    path = "/fapi/v1/algoOrder" if op == "query_algo" else "/fapi/v1/order"
    return question(
        op,
        path,
        weight(1),
        params,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )
