"""Questions about orders, trades, positions, money.

Two stores: the recent one (orders that are open or ended less than 30 minutes ago,
trades of 24 hours) and the historical one, which learns of things a little later and
leaves the recent ones out.

Source: Deribit API, "private/get_*"; read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.paper.faces.deribit import ids, rows
from connector.paper.faces.deribit.context import (
    RECENT_ORDERS_MS,
    RECENT_TRADES_MS,
    Ask,
)
from connector.paper.faces.deribit.rpc import RpcError, bad
from connector.paper.faces.deribit.trading import find
from connector.paper.types import ZERO, Conditional, Fill, Income, Order
from connector.paper.words import IncomeType

_EVERYTHING = 1 << 30
_FIRST_SEQ = 7001


def _row(ask: Ask, order: Order | Conditional) -> dict[str, Any]:
    instrument = ask.venue.instrument(order.symbol)
    if isinstance(order, Conditional):
        return rows.waiting_row(order, instrument)
    return rows.order_row(order, instrument)


def _open(ask: Ask, symbols: list[str]) -> list[dict[str, Any]]:
    found: list[Order | Conditional] = [*ask.reads.open_orders(ask.account_id)]
    found += ask.reads.open_conditionals(ask.account_id)
    return [_row(ask, order) for order in found if order.symbol in symbols]


def open_orders(ask: Ask) -> object:
    """private/get_open_orders."""
    return _open(ask, ask.symbols_of("any", ask.params.text("kind", "any") or "any"))


def open_orders_by_currency(ask: Ask) -> object:
    """private/get_open_orders_by_currency."""
    kind = ask.params.text("kind", "any") or "any"
    return _open(ask, ask.symbols_of(ask.params.need("currency"), kind))


def open_orders_by_instrument(ask: Ask) -> object:
    """private/get_open_orders_by_instrument."""
    return _open(ask, [ask.symbol()])


def open_orders_by_label(ask: Ask) -> object:
    """private/get_open_orders_by_label."""
    symbols = ask.symbols_of(ask.params.need("currency"))
    label = ask.params.text("label")
    return [r for r in _open(ask, symbols) if label in (None, r["label"])]


def order_state(ask: Ask) -> object:
    """private/get_order_state: 10004 once an order is too old."""
    order = find(ask, live=False)
    if not is_recent(ask, order):
        raise RpcError(10004)
    return _row(ask, order)


def order_state_by_label(ask: Ask) -> object:
    """private/get_order_state_by_label: a list, open and recent ones."""
    symbols = ask.symbols_of(ask.params.need("currency"))
    label = ask.params.need("label")
    found = [
        order
        for order in _all_orders(ask)
        if order.client_order_id == label
        and order.symbol in symbols
        and is_recent(ask, order)
    ]
    return [_row(ask, order) for order in found]


def is_recent(ask: Ask, order: Order | Conditional) -> bool:
    """Open, or ended within the last half hour."""
    if isinstance(order, Conditional):
        is_open = not order.triggered_ms and order.status.value == "NEW"
    else:
        is_open = order.status.is_open
    return is_open or order.updated_ms > ask.now_ms - RECENT_ORDERS_MS


def _is_indexed(ask: Ask, at_ms: int, recent_ms: int) -> bool:
    return at_ms <= ask.now_ms - max(recent_ms, ask.venue.config.indexing_ms)


def _all_orders(ask: Ask) -> list[Order | Conditional]:
    found: list[Order | Conditional] = [
        *ask.reads.orders(ask.account_id, limit=_EVERYTHING)
    ]
    found += ask.reads.conditionals(ask.account_id, limit=_EVERYTHING)
    return found


def history_by_currency(ask: Ask) -> object:
    """private/get_order_history_by_currency."""
    kind = ask.params.text("kind", "any") or "any"
    return _history(ask, ask.symbols_of(ask.params.need("currency"), kind))


def history_by_instrument(ask: Ask) -> object:
    """private/get_order_history_by_instrument."""
    return _history(ask, [ask.symbol()])


def _history(ask: Ask, symbols: list[str]) -> object:
    """Ended orders, newest first; unfilled ones only when asked for."""
    count = ask.params.count(20, 1000)
    is_historical = ask.params.truth("historical", default=False)
    with_unfilled = ask.params.truth("include_unfilled", default=False)
    ended = []
    for order in _all_orders(ask):
        if order.symbol not in symbols or _is_open(order):
            continue
        is_old = _is_indexed(ask, order.updated_ms, RECENT_ORDERS_MS)
        if is_old is not is_historical:
            continue
        filled = order.filled_qty if isinstance(order, Order) else ZERO
        if filled or with_unfilled:
            ended.append(order)
    ended.sort(key=lambda order: -order.updated_ms)
    offset = ask.params.integer("offset") or 0
    token = ask.params.text("continuation")
    if token is not None:
        offset = int(token) if token.isdigit() else 0
    page = [_row(ask, order) for order in ended[offset : offset + count]]
    if not ask.params.truth("with_continuation", default=False):
        return page
    more = offset + count < len(ended)
    return {"orders": page, "continuation": str(offset + count) if more else None}


def _is_open(order: Order | Conditional) -> bool:
    if isinstance(order, Conditional):
        return order.status.value in ("NEW", "TRIGGERING")
    return order.status.is_open


# trades ------------------------------------------------------------------------
def trades_by_instrument(ask: Ask) -> object:
    """private/get_user_trades_by_instrument(_and_time)."""
    return _trades(ask, [ask.symbol()])


def trades_by_currency(ask: Ask) -> object:
    """private/get_user_trades_by_currency(_and_time)."""
    kind = ask.params.text("kind", "any") or "any"
    return _trades(ask, ask.symbols_of(ask.params.need("currency"), kind))


def trades_by_order(ask: Ask) -> object:
    """private/get_user_trades_by_order: a bare list."""
    order = find(ask, live=False)
    if isinstance(order, Conditional):
        return []
    fills = ask.reads.fills(
        ask.account_id, symbol=order.symbol, order_id=order.order_id, limit=_EVERYTHING
    )
    return [_trade(ask, fill) for fill in fills]


def _trades(ask: Ask, symbols: list[str]) -> object:
    count = ask.params.count(10, 1000)
    start = ask.params.integer("start_timestamp")
    end = ask.params.integer("end_timestamp")
    is_historical = ask.params.truth("historical", default=False)
    found = [
        fill
        for fill in ask.reads.fills(ask.account_id, limit=_EVERYTHING)
        if fill.symbol in symbols
        and _is_indexed(ask, fill.time_ms, RECENT_TRADES_MS) is is_historical
        and (start is None or fill.time_ms >= start)
        and (end is None or fill.time_ms <= end)
    ]
    if ask.params.text("sorting", "default") != "asc":
        found.reverse()
    page = found[:count]
    return {
        "trades": [_trade(ask, fill) for fill in page],
        "has_more": len(found) > count,
    }


def _trade(ask: Ask, fill: Fill) -> dict[str, Any]:
    quote = ask.engine.quote(fill.symbol)
    return rows.trade_row(
        fill,
        ask.venue.instrument(fill.symbol),
        mark=quote.mark,
        index=quote.index,
        state="filled",
    )


# positions and money -------------------------------------------------------------
def positions(ask: Ask) -> object:
    """private/get_positions: those that are not flat."""
    currency = ask.params.text("currency", "any") or "any"
    kind = ask.params.text("kind", "any") or "any"
    symbols = ask.symbols_of(currency, kind)
    return [
        rows.position_row(row, ask.reads)
        for row in ask.reads.positions(ask.account_id)
        if row.qty and row.symbol in symbols
    ]


def position(ask: Ask) -> object:
    """private/get_position."""
    found = ask.reads.positions(ask.account_id, ask.symbol(), all_rows=True)
    return rows.position_row(found[0], ask.reads)


def summaries_of(ask: Ask) -> dict[str, dict[str, Any]]:
    """Every currency of the account."""
    return rows.summaries(ask.reads, ask.account_id, is_cross=ask.venue.config.is_cross)


def _identity(ask: Ask) -> dict[str, Any]:
    return {
        "id": rows.USER_ID,
        "username": ask.account_id,
        "system_name": ask.account_id,
        "email": "user@example.com",
        "type": "subaccount",
    }


def account_summary(ask: Ask) -> object:
    """private/get_account_summary; *extended* adds who it is and the limits."""
    told = summaries_of(ask).get(ask.params.need("currency"))
    if told is None:
        raise bad("currency")
    if ask.params.truth("extended", default=False):
        told |= {"limits": ask.venue.config.credits.told(), **_identity(ask)}
    return told


def account_summaries(ask: Ask) -> object:
    """private/get_account_summaries."""
    return {**_identity(ask), "summaries": list(summaries_of(ask).values())}


def margins(ask: Ask) -> object:
    """private/get_margins: initial margin of an order, either way."""
    symbol = ask.symbol()
    instrument = ask.venue.instrument(symbol)
    amount, price = ask.params.number("amount"), ask.params.number("price")
    if not amount or not price:
        raise bad("amount", "required")
    rate = instrument.size_margin.initial if instrument.size_margin else Decimal(1)
    needed = instrument.value(amount, price) * rate
    mark = ask.engine.quote(symbol).mark
    return {
        "buy": needed,
        "sell": needed,
        "min_price": mark * instrument.band_down,
        "max_price": mark * instrument.band_up,
    }


# the transaction log ---------------------------------------------------------------
def transaction_log(ask: Ask) -> object:
    """private/get_transaction_log: newest first."""
    currency = ask.params.need("currency")
    start = ask.params.need_integer("start_timestamp")
    end = ask.params.need_integer("end_timestamp")
    count = ask.params.count(100, 250)
    every = log_rows(ask)
    found = [
        row
        for row in every
        if row["currency"] == currency
        and start <= row["timestamp"] <= end
        and row["user_seq"] not in ask.venue.hidden_log
    ]
    found.reverse()
    offset = ask.params.integer("continuation") or 0
    more = offset + count < len(found)
    return {
        "logs": found[offset : offset + count],
        "continuation": offset + count if more else None,
    }


def log_rows(ask: Ask) -> list[dict[str, Any]]:
    """Every row of the account, oldest first, numbered without a hole."""
    entries = ask.reads.income(ask.account_id, start_ms=0, limit=_EVERYTHING)
    told: list[dict[str, Any]] = []
    balances: dict[str, Decimal] = {}
    for entry in entries:
        balances[entry.asset] = balances.get(entry.asset, ZERO) + entry.amount
        told.append(_log_row(ask, entry, _FIRST_SEQ + len(told), balances[entry.asset]))
    return told


_TYPES = {
    IncomeType.PREMIUM: "trade",
    IncomeType.COMMISSION: "trade",
    IncomeType.REALIZED_PNL: "trade",
    IncomeType.SETTLEMENT: "settlement",
    IncomeType.FUNDING_FEE: "settlement",
    IncomeType.DELIVERY: "delivery",
    IncomeType.TRANSFER: "transfer",
    IncomeType.INSURANCE_CLEAR: "socialized_fund",
    IncomeType.ADJUSTMENT: "correction",
}


def _log_row(ask: Ask, entry: Income, number: int, balance: Decimal) -> dict[str, Any]:
    is_fee = entry.type is IncomeType.COMMISSION
    is_delivery = entry.type is IncomeType.DELIVERY
    is_trade = bool(entry.trade_id)
    word = _TYPES[entry.type]
    if is_fee and not is_trade:
        word = "delivery"
    side = "-"
    if is_delivery and entry.qty:
        side = "close buy" if entry.qty > 0 else "close sell"
    elif word == "settlement":
        side = "long" if entry.qty > 0 else "short"
    return {
        "id": entry.tran_id,
        "user_seq": number,
        "user_id": rows.USER_ID,
        "username": ask.account_id,
        "currency": entry.asset,
        "timestamp": entry.time_ms,
        "type": word,
        "commission": -entry.amount if is_fee else ZERO,
        "cashflow": ZERO if is_fee else entry.amount,
        "change": entry.amount,
        "balance": balance,
        "equity": balance,
        "instrument_name": entry.symbol or None,
        "position": None,
        "side": side,
        "amount": abs(entry.qty) if entry.qty else None,
        "price": entry.price if entry.price else None,
        "trade_id": ids.shown(entry.symbol, entry.trade_id) if is_trade else None,
        "order_id": None,
        "info": None,
        "profit_as_cashflow": False,
    }
