"""Questions, unsigned.

Source: "Market", "Trade", "Position" and "Account" pages, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Request
from connector.model.ids import ClientOrderId, Symbol
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.asking import Params, begin_of, question
from connector.venues.bybit_v5 import words
from connector.venues.bybit_v5.limits import cost_of
from connector.venues.bybit_v5.requests import is_wire_id, order_ids
from connector.venues.windows import windowed

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 1
FILL_RETENTION_S = 730 * 86_400
UNFILLED_RETENTION_S = 86_400
PROBE = Symbol("BTCUSDT")
"""Asked for the position mode when nothing else is at stake."""

_LINEAR: Params = (("category", words.CATEGORY),)
_UNIFIED: Params = (("accountType", "UNIFIED"),)


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock."""
        return _ask("server_time", "market/time", ())

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order: open and recent ones are told at once, closed ones later."""
        ids = order_ids(order)
        if "orderId" not in ids and not is_wire_id(order.client_order_id):
            return ()
        params = (*_LINEAR, ("symbol", str(order.symbol)), *ids.items())
        name = order.client_order_id
        return (
            _ask("query_order", "order/realtime", params, order.symbol, name),
            _ask("query_history", "order/history", params, order.symbol, name),
        )

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Executions of one instrument, window by window."""
        start = begin_of(cursor, now_ms, FILL_RETENTION_S)
        params = (*_LINEAR, ("symbol", str(cursor.symbol)), ("limit", "100"))
        first = _ask("fills", "execution/list", params, cursor.symbol)
        return (_since(first, start, now_ms),)

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
                params: Params = (("openOnly", "0"), ("limit", "50"))
                return _per_coin("open_orders", "order/realtime", params)
            case Part.POSITIONS:
                return _per_coin("positions", "position/list", (("limit", "200"),))
            case Part.BALANCES:
                return (_ask("balances", "account/wallet-balance", _UNIFIED),)
            case Part.SETTINGS:
                return (_ask("account_info", "account/info", ()), *_modes(symbols))
            case Part.LEDGER:
                params = (*_UNIFIED, ("limit", "50"))
                first = _ask("ledger", "account/transaction-log", params)
                return (_since(first, since_ms, now_ms),)
            case Part.INSTRUMENTS:
                params = (*_LINEAR, ("limit", "1000"))
                return (
                    _ask("instruments", "market/instruments-info", params),
                    _ask("tiers", "market/risk-limit", _LINEAR),
                )
            case Part.KEY_INFO:
                return (_ask("key_info", "user/query-api", ()),)
            case Part.MARKS:
                one = (("symbol", str(symbols[0])),) if len(symbols) == 1 else ()
                return (_ask("marks", "market/tickers", (*_LINEAR, *one)),)
            case Part.TIERS:
                return ()  # came with the instruments


def _since(request: Request, start_ms: int, now_ms: int) -> Request:
    kept_ms = FILL_RETENTION_S * 1000
    return windowed(request, start_ms, now_ms, kept_ms=kept_ms, window_ms=WINDOW_MS)


def _modes(symbols: Sequence[Symbol]) -> tuple[Request, ...]:
    """Only by symbol are flat positions told, with mode and leverage."""
    return tuple(
        _ask("position_settings", "position/list", (*_LINEAR, ("symbol", s)), s)
        for s in symbols or (PROBE,)
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
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
) -> Request:
    is_public, cost = path.startswith("market/"), cost_of(op)
    asked = question(op, f"/v5/{path}", cost, params, is_public=is_public)
    return replace(asked, symbol=symbol, client_order_id=client_order_id)
