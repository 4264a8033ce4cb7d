"""Every method of the venue that the face knows, and the scope it needs.

Source: Deribit API reference; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.paper.faces.deribit import public, queries, sessions, trading
from connector.paper.faces.deribit.context import Endpoint

TRADE, READ, ACCOUNT = "trade:read_write", "trade:read", "account:read"


@dataclass(frozen=True, slots=True)
class Method:
    """One method; *need* "" is for everybody."""

    endpoint: Endpoint
    need: str = ""


METHODS: Mapping[str, Method] = {
    "public/hello": Method(public.hello),
    "public/test": Method(public.hello),
    "public/get_time": Method(public.get_time),
    "public/status": Method(public.status),
    "public/get_currencies": Method(public.currencies),
    "public/get_instruments": Method(public.instruments),
    "public/get_instrument": Method(public.instrument),
    "public/ticker": Method(public.ticker),
    "public/get_book_summary_by_currency": Method(public.book_summaries),
    "public/get_order_book": Method(public.order_book),
    "public/get_index_price": Method(public.index_price),
    "public/get_last_trades_by_instrument": Method(public.last_trades),
    "public/auth": Method(sessions.auth),
    "public/fork_token": Method(sessions.fork_token),
    "public/set_heartbeat": Method(sessions.set_heartbeat),
    "public/disable_heartbeat": Method(sessions.disable_heartbeat),
    "public/subscribe": Method(sessions.subscribe_public),
    "public/unsubscribe": Method(sessions.unsubscribe),
    "public/unsubscribe_all": Method(sessions.unsubscribe_all),
    "private/subscribe": Method(sessions.subscribe_private, ACCOUNT),
    "private/unsubscribe": Method(sessions.unsubscribe, ACCOUNT),
    "private/unsubscribe_all": Method(sessions.unsubscribe_all, ACCOUNT),
    "private/enable_cancel_on_disconnect": Method(sessions.enable_protection, ACCOUNT),
    "private/disable_cancel_on_disconnect": Method(
        sessions.disable_protection, ACCOUNT
    ),
    "private/get_cancel_on_disconnect": Method(sessions.get_protection, ACCOUNT),
    "private/buy": Method(trading.buy, TRADE),
    "private/sell": Method(trading.sell, TRADE),
    "private/edit": Method(trading.edit, TRADE),
    "private/edit_by_label": Method(trading.edit_by_label, TRADE),
    "private/cancel": Method(trading.cancel, TRADE),
    "private/cancel_by_label": Method(trading.cancel_by_label, TRADE),
    "private/cancel_all": Method(trading.cancel_all, TRADE),
    "private/cancel_all_by_currency": Method(trading.cancel_all_by_currency, TRADE),
    "private/cancel_all_by_kind_or_type": Method(trading.cancel_all_by_kind, TRADE),
    "private/cancel_all_by_instrument": Method(trading.cancel_all_by_instrument, TRADE),
    "private/close_position": Method(trading.close_position, TRADE),
    "private/get_open_orders": Method(queries.open_orders, READ),
    "private/get_open_orders_by_currency": Method(
        queries.open_orders_by_currency, READ
    ),
    "private/get_open_orders_by_instrument": Method(
        queries.open_orders_by_instrument, READ
    ),
    "private/get_open_orders_by_label": Method(queries.open_orders_by_label, READ),
    "private/get_order_state": Method(queries.order_state, READ),
    "private/get_order_state_by_label": Method(queries.order_state_by_label, READ),
    "private/get_order_history_by_currency": Method(queries.history_by_currency, READ),
    "private/get_order_history_by_instrument": Method(
        queries.history_by_instrument, READ
    ),
    "private/get_user_trades_by_instrument": Method(queries.trades_by_instrument, READ),
    "private/get_user_trades_by_instrument_and_time": Method(
        queries.trades_by_instrument, READ
    ),
    "private/get_user_trades_by_currency": Method(queries.trades_by_currency, READ),
    "private/get_user_trades_by_currency_and_time": Method(
        queries.trades_by_currency, READ
    ),
    "private/get_user_trades_by_order": Method(queries.trades_by_order, READ),
    "private/get_positions": Method(queries.positions, READ),
    "private/get_position": Method(queries.position, READ),
    "private/get_account_summary": Method(queries.account_summary, ACCOUNT),
    "private/get_account_summaries": Method(queries.account_summaries, ACCOUNT),
    "private/get_margins": Method(queries.margins, READ),
    "private/get_transaction_log": Method(queries.transaction_log, ACCOUNT),
}
