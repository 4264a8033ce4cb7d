"""Questions, unsigned, and how their pages follow each other.

The venue keeps two stores. The *recent* one knows everything at once, but orders
for 30 minutes and trades for 24 hours only; the *historical* one knows everything
else, late, and without the recent part. Both are asked, always: which of them holds
an order that ended in an outage depends on how long ago that was.

Source: Deribit API, "private/get_user_trades_*", "private/get_order_history_*",
"private/get_transaction_log"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Request
from connector.model.clock import NS_PER_MS
from connector.model.ids import Symbol
from connector.model.limits import Cost
from connector.model.noun import replace
from connector.model.order import Order
from connector.venues.asking import Params, question
from connector.venues.deribit import words
from connector.venues.deribit.limits import (
    INSTRUMENTS_COST,
    LOG_COST,
    REQUEST_COST,
)
from connector.venues.deribit.wire import Row

PAGE = 1000
CURRENCIES = ("BTC", "ETH", "USDC", "USDT")
"""Where something is traded; a currency that has nothing answers an empty list."""

LOG_PAGE = 250

YEAR_S = 365 * 86_400
RETENTION_S = 10 * YEAR_S
"""The historical store reaches back to the opening of the account."""

_EARLIER_MS = 3_600_000
"""Clocks of two machines never differ by more: how far before its own birth an
order is looked for."""


class Questions:
    """The questions of the dialect."""

    def server_time(self) -> Request:
        """The venue's clock."""
        return _ask("server_time", "public/get_time", is_public=True)

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order: its state by id or label (open and recent), and the historical
        store. Untriggered and triggered object are asked for by their own ids; what a
        stop became is found by the label, which it inherits."""
        ids = [one for one in (order.triggered_order_id, order.venue_order_id) if one]
        asked = [
            _ask(
                "query_order",
                "private/get_order_state",
                (("order_id", str(order_id)),),
                symbol=order.symbol,
                client_order_id=order.client_order_id,
            )
            for order_id in ids
        ]
        may_have_become = (
            order.order_type.is_conditional and order.triggered_order_id is None
        )
        if not ids or may_have_become:
            currency = words.currency_of(order.symbol)
            asked.append(
                _ask(
                    "query_label",
                    "private/get_order_state_by_label",
                    (("currency", currency), ("label", str(order.client_order_id))),
                    symbol=order.symbol,
                    client_order_id=order.client_order_id,
                )
            )
        return (*asked, _history(order, [str(one) for one in ids]))

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions of one instrument, from both stores."""
        start_ms = cursor.since_ms if cursor.trade_id is None else cursor.venue_ms
        return tuple(
            _fills(cursor.symbol, start_ms, now_ms, is_historical=is_historical)
            for is_historical in (False, True)
        )

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
                return (_ask("open_orders", "private/get_open_orders"),)
            case Part.POSITIONS:
                return (
                    _ask("positions", "private/get_positions", (("currency", "any"),)),
                )
            case Part.BALANCES:
                return (_ask("summaries", "private/get_account_summaries"),)
            case Part.SETTINGS:
                return (_summary("settings"),)
            case Part.LEDGER:
                currencies = {words.currency_of(symbol) for symbol in symbols}
                currencies.update(assets)
                return tuple(
                    _log(currency, since_ms, now_ms) for currency in sorted(currencies)
                )
            case Part.INSTRUMENTS:
                return (
                    _ask(
                        "instruments",
                        "public/get_instruments",
                        (("currency", "any"), ("expired", "false")),
                        cost=INSTRUMENTS_COST,
                        is_public=True,
                    ),
                )
            case Part.KEY_INFO | Part.TIERS:
                return ()
            case Part.MARKS if not symbols:
                return tuple(
                    _ask(
                        "all_marks",
                        "public/get_book_summary_by_currency",
                        (("currency", currency),),
                        is_public=True,
                    )
                    for currency in CURRENCIES
                )
            case Part.MARKS:
                return tuple(
                    _ask(
                        "marks",
                        "public/ticker",
                        (("instrument_name", symbol),),
                        is_public=True,
                        symbol=symbol,
                    )
                    for symbol in symbols
                )


def _history(order: Order, ids: Sequence[str]) -> Request:
    """Newest first; walked back to before the order can have been made."""
    since_ms = max(0, order.created_ns // NS_PER_MS - _EARLIER_MS)
    return _ask(
        "order_history",
        "private/get_order_history_by_instrument",
        (
            ("instrument_name", str(order.symbol)),
            ("count", str(PAGE)),
            ("include_unfilled", "true"),
            ("with_continuation", "true"),
            ("historical", "true"),
        ),
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        context={"ids": " ".join(ids), "since": str(since_ms)},
    )


def next_history(request: Request, page: Row, oldest_ns: int) -> Request | None:
    """The page after *page*; None when the order cannot be further back."""
    if oldest_ns < int(request.context["since"]) * NS_PER_MS:
        return None
    return next_page(request, page)


def next_page(request: Request, page: Row) -> Request | None:
    """The page after *page*, by its continuation."""
    token = page.value("continuation")
    if not token:
        return None
    params = tuple(p for p in request.params if p[0] != "continuation")
    return replace(request, params=(*params, ("continuation", str(token))))


def _fills(
    symbol: Symbol, start_ms: int, now_ms: int, *, is_historical: bool
) -> Request:
    return _ask(
        "fills",
        "private/get_user_trades_by_instrument_and_time",
        (
            ("instrument_name", symbol),
            ("start_timestamp", str(max(0, start_ms))),
            # Open towards the future, so that no clock can cut off its end.
            ("end_timestamp", str(now_ms + 86_400_000)),
            ("count", str(PAGE)),
            ("sorting", "asc"),
            ("historical", "true" if is_historical else "false"),
        ),
        symbol=symbol,
        context={"start": str(start_ms), "now": str(now_ms)},
    )


def next_fills(request: Request, newest_ns: int) -> Request:
    """The page after one that ends at *newest_ns*. It begins at the last millisecond
    seen, since trades share them; a whole page within one millisecond cannot be
    walked further."""
    last_ms, start_ms = newest_ns // NS_PER_MS, int(request.context["start"])
    assert request.symbol is not None, "fills are asked for by instrument"
    return _fills(
        request.symbol,
        last_ms if last_ms > start_ms else last_ms + 1,
        int(request.context["now"]),
        is_historical=("historical", "true") in request.params,
    )


def _summary(op: str) -> Request:
    """One currency in full tells the limits of the account, too."""
    return _ask(
        op,
        "private/get_account_summary",
        (("currency", "BTC"), ("extended", "true")),
    )


def _log(currency: str, start_ms: int, now_ms: int) -> Request:
    return _ask(
        "ledger",
        "private/get_transaction_log",
        (
            ("currency", currency),
            ("start_timestamp", str(max(0, start_ms))),
            ("end_timestamp", str(now_ms + 86_400_000)),
            ("count", str(LOG_PAGE)),
        ),
        cost=LOG_COST,
    )


def _ask(
    op: str, method: str, params: Params = (), cost: Cost = REQUEST_COST, **more: Any
) -> Request:
    return question(op, f"/api/v2/{method}", cost, params, **more)
