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
from connector.dialect.wire import Request, Security
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.okx_v5 import words
from connector.venues.okx_v5.limits import cost_of, order_cost
from connector.venues.okx_v5.requests import is_wire_id

PAGE = 100
DAY_MS = 86_400_000
UNFILLED_RETENTION_S = 2 * 3600
FILL_RETENTION_S = 90 * 86_400

_FAST_FILLS_MS = 3 * DAY_MS - 3_600_000
_FAST_BILLS_MS = 7 * DAY_MS - 3_600_000
_ALGO_KINDS = ("conditional,oco", "trigger", "move_order_stop")
_LIMIT = ("limit", str(PAGE))

Params = tuple[tuple[str, str], ...]


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock."""
        return _ask("server_time", "/api/v5/public/time", (), "time", is_public=True)

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order by its ids; a conditional one in its own store, and what it
        became once that is known: the order it becomes has no client id."""
        if not order.order_type.is_conditional:
            name = ("clOrdId", str(order.client_order_id))
            if order.venue_order_id:
                name = ("ordId", order.venue_order_id)
            return (_order_question(order, name),)
        waiting = ("algoClOrdId", str(order.client_order_id))
        if order.venue_order_id:
            waiting = ("algoId", order.venue_order_id)
        algo = _ask(
            "query_algo",
            "/api/v5/trade/order-algo",
            (waiting,),
            "algo",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )
        if order.triggered_order_id is None:
            return (algo,)
        became = ("ordId", str(order.triggered_order_id))
        return (algo, _order_question(order, became))

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions of one instrument from the cursor to now."""
        begin = cursor.venue_ms if cursor.trade_id is not None else cursor.since_ms
        begin = max(0, begin, now_ms - FILL_RETENTION_S * 1000)
        name = "fills" if now_ms - begin < _FAST_FILLS_MS else "fills-history"
        params = (
            ("instType", words.kind_word(cursor.symbol)),
            ("instId", str(cursor.symbol)),
            ("begin", str(begin)),
            _LIMIT,
        )
        path = f"/api/v5/trade/{name}"
        return (_ask("fills", path, params, name, symbol=cursor.symbol),)

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
                return _open_orders()
            case Part.POSITIONS:
                return (_ask("positions", "/api/v5/account/positions", (), part),)
            case Part.BALANCES:
                return (_ask("balance", "/api/v5/account/balance", (), "balance"),)
            case Part.SETTINGS:
                config = _ask("settings", "/api/v5/account/config", (), "config")
                return (config, *(_leverage(symbol) for symbol in symbols))
            case Part.LEDGER:
                return (_bills(since_ms, now_ms),)
            case Part.INSTRUMENTS:
                return tuple(
                    _ask(
                        "instruments",
                        "/api/v5/account/instruments",
                        (("instType", word),),
                        "instruments",
                    )
                    for word in words.KINDS
                )
            case Part.KEY_INFO:
                return (_ask("key_info", "/api/v5/account/config", (), "config"),)
            case Part.MARKS:
                return _marks(symbols)
            case Part.TIERS:
                return tuple(
                    request
                    for symbol in symbols
                    for request in (_tiers(symbol), _leverage(symbol))
                )


def next_page(request: Request, last_id: str | None, rows: int) -> Request | None:
    """The page after a full one: what is older than *last_id*."""
    if rows < PAGE or not last_id:
        return None
    params = tuple(pair for pair in request.params if pair[0] != "after")
    return replace(request, params=(*params, ("after", last_id)))


def _open_orders() -> tuple[Request, ...]:
    regular = _ask(
        "open_orders", "/api/v5/trade/orders-pending", (_LIMIT,), "orders-pending"
    )
    path = "/api/v5/trade/orders-algo-pending"
    return (
        regular,
        *(
            _ask("open_algos", path, (("ordType", kind), _LIMIT), "algos-pending")
            for kind in _ALGO_KINDS
        ),
    )


def _bills(since_ms: int, now_ms: int) -> Request:
    begin = max(0, since_ms, now_ms - FILL_RETENTION_S * 1000)
    name = "bills" if now_ms - begin < _FAST_BILLS_MS else "bills-archive"
    params = (("begin", str(begin)), _LIMIT)
    return _ask("bills", f"/api/v5/account/{name}", params, name)


def _marks(symbols: Sequence[Symbol]) -> tuple[Request, ...]:
    """One instrument, or whole kinds."""
    path = "/api/v5/public/mark-price"
    asked: tuple[Params, ...] = tuple((("instType", word),) for word in words.KINDS)
    if len(symbols) == 1:
        kind = ("instType", words.kind_word(symbols[0]))
        asked = ((kind, ("instId", str(symbols[0]))),)
    return tuple(
        _ask("marks", path, params, "mark-price", is_public=True) for params in asked
    )


def _tiers(symbol: Symbol) -> Request:
    params = (
        ("instType", words.kind_word(symbol)),
        ("tdMode", "cross"),
        ("instFamily", words.family(symbol)),
    )
    path = "/api/v5/public/position-tiers"
    return _ask("tiers", path, params, "position-tiers", is_public=True, symbol=symbol)


def _leverage(symbol: Symbol) -> Request:
    params = (("instId", str(symbol)), ("mgnMode", "cross"))
    path = "/api/v5/account/leverage-info"
    return _ask("leverage", path, params, "leverage-info", symbol=symbol)


def _order_question(order: Order, name: tuple[str, str]) -> Request:
    known = name[0] == "ordId" or is_wire_id(order.client_order_id)
    assert known, "orders of others are asked for by the venue's id"
    request = _ask(
        "query_order",
        "/api/v5/trade/order",
        (("instId", str(order.symbol)), name),
        "",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
    )
    return replace(request, cost=order_cost("order", [order.symbol]))


def _ask(
    op: str,
    path: str,
    params: Params,
    bucket: str,
    *,
    is_public: bool = False,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
) -> Request:
    return Request(
        op=op,
        method="GET",
        path=path,
        params=params,
        security=Security.NONE if is_public else Security.SIGNED,
        cost=cost_of(bucket),
        priority=Priority.RECONCILE,
        symbol=symbol,
        client_order_id=client_order_id,
    )
