"""Questions, unsigned, and how their pages and windows follow each other.

Source: "Market", "Trade", "Position" and "Account" pages, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Request, Security
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.bybit_v5 import words
from connector.venues.bybit_v5.limits import cost_of
from connector.venues.bybit_v5.requests import is_wire_id, order_ids

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 1
AHEAD_MS = 60_000
"""The last window reaches into the future, so that no clock cuts off its end."""
FILL_RETENTION_S = 730 * 86_400
UNFILLED_RETENTION_S = 86_400
PROBE = Symbol("BTCUSDT")
"""Asked for the position mode when nothing else is at stake."""

Params = tuple[tuple[str, str], ...]
_LINEAR: Params = (("category", words.CATEGORY),)


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock."""
        return _ask("server_time", "/v5/market/time", (), is_public=True)

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order: open and recent ones are told at once, closed ones later."""
        ids = order_ids(order)
        if "orderId" not in ids and not is_wire_id(order.client_order_id):
            return ()
        params = (*_LINEAR, ("symbol", str(order.symbol)), *ids.items())
        return tuple(
            _ask(
                op,
                path,
                params,
                symbol=order.symbol,
                client_order_id=order.client_order_id,
            )
            for op, path in (
                ("query_order", "/v5/order/realtime"),
                ("query_history", "/v5/order/history"),
            )
        )

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Executions of one instrument, window by window."""
        start = cursor.since_ms if cursor.trade_id is None else cursor.venue_ms
        params = (*_LINEAR, ("symbol", str(cursor.symbol)), ("limit", "100"))
        first = _ask("fills", "/v5/execution/list", params, symbol=cursor.symbol)
        return (_window(first, start, now_ms),)

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
        params: Params
        match part:
            case Part.OPEN_ORDERS:
                params = (("openOnly", "0"), ("limit", "50"))
                return _per_coin("open_orders", "/v5/order/realtime", params)
            case Part.POSITIONS:
                params = (("limit", "200"),)
                return _per_coin("positions", "/v5/position/list", params)
            case Part.BALANCES:
                params = (("accountType", "UNIFIED"),)
                return (_ask("balances", "/v5/account/wallet-balance", params),)
            case Part.SETTINGS:
                # Only by symbol are flat positions told, with mode and leverage.
                return (
                    _ask("account_info", "/v5/account/info", ()),
                    *(
                        _ask(
                            "position_settings",
                            "/v5/position/list",
                            (*_LINEAR, ("symbol", str(symbol))),
                            symbol=symbol,
                        )
                        for symbol in symbols or (PROBE,)
                    ),
                )
            case Part.LEDGER:
                params = (("accountType", "UNIFIED"), ("limit", "50"))
                first = _ask("ledger", "/v5/account/transaction-log", params)
                return (_window(first, since_ms, now_ms),)
            case Part.INSTRUMENTS:
                path, sized = "/v5/market/instruments-info", (("limit", "1000"),)
                return (
                    _ask("instruments", path, (*_LINEAR, *sized), is_public=True),
                    _ask("tiers", "/v5/market/risk-limit", _LINEAR, is_public=True),
                )
            case Part.KEY_INFO:
                return (_ask("key_info", "/v5/user/query-api", ()),)
            case Part.MARKS:
                one = (("symbol", str(symbols[0])),) if len(symbols) == 1 else ()
                path = "/v5/market/tickers"
                return (_ask("marks", path, (*_LINEAR, *one), is_public=True),)
            case Part.TIERS:
                return ()  # INSTRUMENTS brings them for all


def next_page(request: Request, cursor: str | None, rows: int) -> Request | None:
    """The page after this one, else the window after this one, else None. An empty
    page with a cursor has been seen: it ends the pages too."""
    pages = dict(request.params)
    if cursor and rows and cursor != pages.get("cursor"):
        pages["cursor"] = cursor
        return replace(request, params=tuple(pages.items()))
    context = request.context
    if not context or int(context["end"]) >= int(context["last"]):
        return None
    pages.pop("cursor", None)
    params = tuple(p for p in pages.items() if p[0] not in {"startTime", "endTime"})
    fresh = replace(request, params=params)
    return _span(fresh, int(context["end"]) + 1, int(context["last"]))


def _window(request: Request, start_ms: int, now_ms: int) -> Request:
    last = now_ms + AHEAD_MS
    start = max(0, min(start_ms, now_ms), now_ms - FILL_RETENTION_S * 1000)
    return _span(request, start, last)


def _span(request: Request, start: int, last: int) -> Request:
    end = min(start + WINDOW_MS, last)
    times = (("startTime", str(start)), ("endTime", str(end)))
    return replace(
        request,
        params=(*request.params, *times),
        context={"end": str(end), "last": str(last)},
    )


def _per_coin(op: str, path: str, params: Params) -> tuple[Request, ...]:
    return tuple(
        _ask(op, path, (*_LINEAR, ("settleCoin", coin), *params))
        for coin in words.SETTLE_COINS
    )


def _ask(
    op: str,
    path: str,
    params: Params,
    *,
    is_public: bool = False,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
    context: Mapping[str, str] | None = None,
) -> Request:
    return Request(
        op=op,
        method="GET",
        path=path,
        params=params,
        security=Security.NONE if is_public else Security.SIGNED,
        cost=cost_of(op),
        priority=Priority.RECONCILE,
        symbol=symbol,
        client_order_id=client_order_id,
        context=context or {},
    )
