"""Questions, unsigned, and how their pages follow each other.

Lists come newest first, at most 100 rows; a full page is followed by what is older
than its last row. Regular and conditional orders are stored apart; the conditional
ones are asked for by kind. Unfilled cancelled orders are kept for two hours, fills
for three days at speed and three months slowly, bills likewise for seven days.

Source: "Trade", "Algo Trading", "Account" and "Public Data" pages of the API v5
documentation, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Request
from connector.model.ids import Symbol
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.asking import Params, begin_of, question
from connector.venues.okx_v5 import words
from connector.venues.okx_v5.limits import cost_of, order_cost
from connector.venues.okx_v5.requests import is_wire_id
from connector.venues.pages import with_param

PAGE = 100
DAY_MS = 86_400_000
UNFILLED_RETENTION_S = 2 * 3600
FILL_RETENTION_S = 90 * 86_400

_FAST_FILLS_MS = 3 * DAY_MS - 3_600_000
_FAST_BILLS_MS = 7 * DAY_MS - 3_600_000
_ALGO_KINDS = ("conditional,oco", "trigger", "move_order_stop")
_LIMIT = ("limit", str(PAGE))


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock."""
        return _ask("server_time", "public/time")

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order by its ids; a conditional one in its own store, and what it
        became once that is known: the order it becomes has no client id."""
        if not order.order_type.is_conditional:
            return (_one_order(order, order.venue_order_id),)
        name = ("algoClOrdId", str(order.client_order_id))
        if order.venue_order_id:
            name = ("algoId", order.venue_order_id)
        waiting = _ask("query_conditional", "trade/order-algo", (name,), order=order)
        if order.triggered_order_id is None:
            return (waiting,)
        return (waiting, _one_order(order, order.triggered_order_id))

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions of one instrument from the cursor to now."""
        begin = begin_of(cursor, now_ms, FILL_RETENTION_S)
        path = "fills" if now_ms - begin < _FAST_FILLS_MS else "fills-history"
        params = (*_of(cursor.symbol), ("begin", str(begin)), _LIMIT)
        return (_ask("fills", f"trade/{path}", params, cursor.symbol),)

    def query(
        self,
        part: Part,
        *,
        symbols: Sequence[Symbol],
        assets: Sequence[str] = (),
        since_ms: int,
        now_ms: int,
    ) -> tuple[Request, ...]:
        """The calls that answer one part of a snapshot."""
        match part:
            case Part.OPEN_ORDERS:
                regular = _ask("open_orders", "trade/orders-pending", (_LIMIT,))
                return (regular, *map(_open_conditionals, _ALGO_KINDS))
            case Part.POSITIONS:
                return (_ask("positions", "account/positions"),)
            case Part.BALANCES:
                return (_ask("balance", "account/balance"),)
            case Part.SETTINGS:
                config = _ask("settings", "account/config")
                return (config, *map(_leverage, symbols))
            case Part.LEDGER:
                begin = max(0, since_ms, now_ms - FILL_RETENTION_S * 1000)
                path = "bills" if now_ms - begin < _FAST_BILLS_MS else "bills-archive"
                params = (("begin", str(begin)), _LIMIT)
                return (_ask("bills", f"account/{path}", params),)
            case Part.INSTRUMENTS:
                return _by_kind("instruments", "account/instruments")
            case Part.KEY_INFO:
                return (_ask("key_info", "account/config"),)
            case Part.MARKS if len(symbols) == 1:
                return (_ask("marks", "public/mark-price", _of(symbols[0])),)
            case Part.MARKS:
                return _by_kind("marks", "public/mark-price")
            case Part.TIERS:
                asked = ((_tiers(symbol), _leverage(symbol)) for symbol in symbols)
                return tuple(request for pair in asked for request in pair)


def next_page(request: Request, last_id: str, rows: int) -> Request | None:
    """The page after a full one: what is older than *last_id*."""
    if rows < PAGE or not last_id:
        return None
    return with_param(request, "after", last_id)


def _open_conditionals(kind: str) -> Request:
    params = (("ordType", kind), _LIMIT)
    return _ask("open_conditionals", "trade/orders-algo-pending", params)


def _by_kind(op: str, path: str) -> tuple[Request, ...]:
    return tuple(_ask(op, path, (("instType", word),)) for word in words.KINDS)


def _of(symbol: Symbol) -> Params:
    return (("instType", words.kind_word(symbol)), ("instId", str(symbol)))


def _tiers(symbol: Symbol) -> Request:
    params = (
        ("instType", words.kind_word(symbol)),
        ("tdMode", "cross"),
        ("instFamily", words.family(symbol)),
    )
    return _ask("tiers", "public/position-tiers", params, symbol)


def _leverage(symbol: Symbol) -> Request:
    params = (("instId", str(symbol)), ("mgnMode", "cross"))
    return _ask("leverage", "account/leverage-info", params, symbol)


def _one_order(order: Order, venue_id: str | None) -> Request:
    name = ("ordId", venue_id) if venue_id else ("clOrdId", str(order.client_order_id))
    known = venue_id or is_wire_id(order.client_order_id)
    assert known, "orders of others are asked for by the venue's id"
    params = (("instId", str(order.symbol)), name)
    request = _ask("query_order", "trade/order", params, order=order)
    return replace(request, cost=order_cost("order", [order.symbol]))


def _ask(
    op: str,
    path: str,
    params: Params = (),
    symbol: Symbol | None = None,
    order: Order | None = None,
) -> Request:
    return question(
        op,
        f"/api/v5/{path}",
        cost_of(path),
        params,
        is_public=path.startswith("public/"),
        symbol=order.symbol if order else symbol,
        client_order_id=order.client_order_id if order else None,
    )
