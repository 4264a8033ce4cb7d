"""Placing, editing and cancelling.

`post_only` without `reject_post_only` moves the price of an order that would take,
to one tick inside the spread; with it such an order is refused. An order whose
`valid_until` has passed is not looked at (13888).

Source: Deribit API, "private/buy", "private/edit", "private/cancel_*"; read 2026-11.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.paper.amounts import floor_to
from connector.paper.engine.options import mark_of
from connector.paper.faces.deribit import ids, rows
from connector.paper.faces.deribit.context import Ask, refuse
from connector.paper.faces.deribit.rpc import RpcError, bad
from connector.paper.types import (
    ZERO,
    Conditional,
    NewConditional,
    NewOrder,
    Order,
    Refusal,
)
from connector.paper.words import (
    ConditionalType,
    OrderType,
    Side,
    TimeInForce,
    WorkingType,
)

_PLAIN = {"limit": OrderType.LIMIT, "market": OrderType.MARKET}
_WAITING = {
    "stop_limit": ConditionalType.STOP,
    "stop_market": ConditionalType.STOP_MARKET,
    "take_limit": ConditionalType.TAKE_PROFIT,
    "take_market": ConditionalType.TAKE_PROFIT_MARKET,
    "trailing_stop": ConditionalType.TRAILING_STOP_MARKET,
}
_TIFS = {
    "good_til_cancelled": TimeInForce.GTC,
    "good_til_day": TimeInForce.GTC,
    "immediate_or_cancel": TimeInForce.IOC,
    "fill_or_kill": TimeInForce.FOK,
}
_TRIGGERS = {
    "mark_price": WorkingType.MARK_PRICE,
    "last_price": WorkingType.CONTRACT_PRICE,
    "index_price": WorkingType.MARK_PRICE,
}


def buy(ask: Ask) -> object:
    """private/buy."""
    return _place(ask, Side.BUY)


def sell(ask: Ask) -> object:
    """private/sell."""
    return _place(ask, Side.SELL)


def check_valid(ask: Ask) -> None:
    """The deadline, looked at by the matching engine."""
    valid_until = ask.params.integer("valid_until")
    at_ms = ask.now_ms + ask.venue.matching_delay_ms
    if valid_until is not None and at_ms > valid_until:
        raise RpcError(13888)


def amount_of(ask: Ask, symbol: str) -> Decimal:
    """The quantity, by amount or by contracts; both must agree."""
    amount, contracts = ask.params.number("amount"), ask.params.number("contracts")
    size = ask.venue.instrument(symbol).contract_size
    if amount is None and contracts is None:
        raise bad("amount", "required")
    if amount is None:
        assert contracts is not None
        return contracts * size
    if contracts is not None and contracts * size != amount:
        raise RpcError(11029)
    return amount


def _place(ask: Ask, side: Side) -> object:
    symbol = ask.symbol()
    word = ask.params.text("type", "limit") or "limit"
    label = ask.params.text("label")
    if label is not None and len(label) > 64:
        raise bad("label", "too long")
    amount = amount_of(ask, symbol)
    check_valid(ask)
    if word in _WAITING:
        return _place_waiting(ask, symbol, side, _WAITING[word], amount, label)
    if word not in _PLAIN:
        raise RpcError(11049)
    is_limit = word == "limit"
    price = ask.params.number("price") if is_limit else None
    if is_limit:
        price = _in_coin(ask, symbol, price)
        if price is None or price <= 0:
            raise bad("price", "required")
    tif = _tif(ask) if is_limit else TimeInForce.GTC
    if is_limit and ask.params.truth("post_only", default=True):
        tif = TimeInForce.POST_ONLY
        if not ask.params.truth("reject_post_only", default=False):
            assert price is not None
            price = _inside_spread(ask, symbol, side, price)
    order = ask.engine.place(
        ask.account_id,
        NewOrder(
            symbol=symbol,
            side=side,
            type=_PLAIN[word],
            qty=amount,
            price=price,
            time_in_force=tif,
            reduce_only=ask.params.truth("reduce_only", default=False),
            client_order_id=label or None,
        ),
        now_ms=ask.engine_ms,
    )
    if isinstance(order, Refusal):
        raise refuse(order)
    _remember(ask, order.order_id)
    return placed(ask, order)


def _place_waiting(
    ask: Ask,
    symbol: str,
    side: Side,
    kind: ConditionalType,
    amount: Decimal,
    label: str | None,
) -> object:
    trigger = ask.params.text("trigger", "last_price") or ""
    if trigger not in _TRIGGERS:
        raise bad("trigger")
    item = ask.engine.place_conditional(
        ask.account_id,
        NewConditional(
            symbol=symbol,
            side=side,
            type=kind,
            qty=amount,
            trigger_price=ask.params.number("trigger_price"),
            trail_offset=ask.params.number("trigger_offset"),
            price=ask.params.number("price") if kind.is_limit else None,
            time_in_force=_tif(ask) if kind.is_limit else TimeInForce.GTC,
            reduce_only=ask.params.truth("reduce_only", default=False),
            working_type=_TRIGGERS[trigger],
            client_order_id=label or None,
        ),
        now_ms=ask.engine_ms,
    )
    if isinstance(item, Refusal):
        raise refuse(item)
    if ask.socket_id is not None:
        ask.venue.waiting_origins[item.conditional_id] = ask.socket_id
    return {
        "order": rows.waiting_row(item, ask.venue.instrument(symbol)),
        "trades": [],
    }


def _tif(ask: Ask) -> TimeInForce:
    word = ask.params.text("time_in_force", "good_til_cancelled") or ""
    if word not in _TIFS:
        raise bad("time_in_force")
    return _TIFS[word]


def _in_coin(ask: Ask, symbol: str, price: Decimal | None) -> Decimal | None:
    """A price in USD or volatility becomes one in coin, on the grid."""
    word = ask.params.text("advanced")
    if word is None or price is None:
        return price
    instrument = ask.venue.instrument(symbol)
    if not instrument.strike or word not in ("usd", "implv"):
        raise RpcError(11029)
    forward = ask.engine.quote(instrument.underlying).mark
    if word == "usd":
        coin = price / forward
    else:
        coin = mark_of(replace(instrument, iv=price), forward, ask.engine_ms)
    return max(instrument.tick_size, floor_to(coin, instrument.tick_at(coin)))


def _inside_spread(ask: Ask, symbol: str, side: Side, price: Decimal) -> Decimal:
    """Where a post-only order that would take is moved to."""
    quote = ask.engine.quote(symbol)
    best = quote.best_ask if side is Side.BUY else quote.best_bid
    if not best or (best - price) * side.sign > 0:
        return price
    return best - side.sign * ask.venue.instrument(symbol).tick_at(best)


def _remember(ask: Ask, order_id: int) -> None:
    if ask.socket_id is not None:
        ask.venue.origins[order_id] = ask.socket_id


def placed(ask: Ask, order: Order) -> dict[str, Any]:
    """{order, trades}: what it became and the executions so far."""
    instrument = ask.venue.instrument(order.symbol)
    fills = ask.engine.fills(
        ask.account_id, symbol=order.symbol, order_id=order.order_id
    )
    quote = ask.engine.quote(order.symbol)
    return {
        "order": rows.order_row(order, instrument),
        "trades": [
            rows.trade_row(
                fill,
                instrument,
                mark=quote.mark,
                index=quote.index,
                state=rows.STATES[order.status],
            )
            for fill in fills
            if fill.time_ms >= order.updated_ms
        ],
    }


# finding ---------------------------------------------------------------------
def find(ask: Ask, *, live: bool = True) -> Order | Conditional:
    """The order that *order_id* names; 10004 if there is none."""
    number, is_waiting = ids.number_of(ask.params.need("order_id"))
    engine = ask.engine if live else ask.reads
    found: Order | Conditional | None
    if is_waiting:
        found = engine.conditional(ask.account_id, number)
    else:
        found = engine.order(ask.account_id, number)
    if found is None:
        raise RpcError(10004)
    return found


def by_label(ask: Ask, label: str, symbols: list[str]) -> list[Order | Conditional]:
    """Open orders with a label."""
    found: list[Order | Conditional] = [*ask.engine.open_orders(ask.account_id)]
    found += ask.engine.open_conditionals(ask.account_id)
    return [
        one for one in found if one.client_order_id == label and one.symbol in symbols
    ]


# editing ---------------------------------------------------------------------
def edit(ask: Ask) -> object:
    """private/edit: `amount` is the new total."""
    check_valid(ask)
    found = find(ask)
    return _edit(ask, found)


def edit_by_label(ask: Ask) -> object:
    """private/edit_by_label: exactly one open match."""
    check_valid(ask)
    found = by_label(ask, ask.params.need("label"), [ask.symbol()])
    if len(found) != 1:
        raise RpcError(13032)
    return _edit(ask, found[0])


def _edit(ask: Ask, found: Order | Conditional) -> object:
    if isinstance(found, Conditional):
        return _edit_waiting(ask, found)
    has_amount = any(ask.params.number(name) for name in ("amount", "contracts"))
    order = ask.engine.amend(
        ask.account_id,
        found.symbol,
        found.order_id,
        qty=amount_of(ask, found.symbol) if has_amount else None,
        price=ask.params.number("price"),
        now_ms=ask.engine_ms,
    )
    if isinstance(order, Refusal):
        if order.reason == "NO_CHANGE":
            current = ask.engine.order(ask.account_id, found.order_id)
            assert current is not None
            return placed(ask, current)
        raise refuse(order)
    return placed(ask, order)


def _edit_waiting(ask: Ask, found: Conditional) -> object:
    has_amount = any(ask.params.number(name) for name in ("amount", "contracts"))
    item = ask.engine.amend_conditional(
        ask.account_id,
        found.conditional_id,
        qty=amount_of(ask, found.symbol) if has_amount else None,
        price=ask.params.number("price"),
        trigger_price=ask.params.number("trigger_price"),
        now_ms=ask.engine_ms,
    )
    if isinstance(item, Refusal):
        if item.reason != "NO_CHANGE":
            raise refuse(item)
        item = found
    row = rows.waiting_row(item, ask.venue.instrument(item.symbol))
    return {"order": {**row, "replaced": True}, "trades": []}


# cancelling --------------------------------------------------------------------
def cancel(ask: Ask) -> object:
    """private/cancel answers the bare order."""
    return _cancel(ask, find(ask))


def _cancel(ask: Ask, found: Order | Conditional) -> dict[str, Any]:
    instrument = ask.venue.instrument(found.symbol)
    if isinstance(found, Conditional):
        item = ask.engine.cancel_conditional(
            ask.account_id, found.conditional_id, now_ms=ask.engine_ms
        )
        if isinstance(item, Refusal):
            raise RpcError(11044)
        return rows.waiting_row(item, instrument)
    order = ask.engine.cancel(
        ask.account_id, found.symbol, found.order_id, now_ms=ask.engine_ms
    )
    if isinstance(order, Refusal):
        raise refuse(order)
    return rows.order_row(order, instrument)


def cancel_by_label(ask: Ask) -> object:
    """private/cancel_by_label answers how many."""
    symbols = ask.symbols_of(ask.params.text("currency", "any") or "any")
    found = by_label(ask, ask.params.need("label"), symbols)
    return len([_cancel(ask, one) for one in found])


def cancel_all(ask: Ask) -> object:
    """private/cancel_all."""
    return _cancel_all(ask, ask.symbols_of("any"))


def cancel_all_by_currency(ask: Ask) -> object:
    """private/cancel_all_by_currency."""
    kind = ask.params.text("kind", "any") or "any"
    return _cancel_all(ask, ask.symbols_of(ask.params.need("currency"), kind))


def cancel_all_by_kind(ask: Ask) -> object:
    """private/cancel_all_by_kind_or_type."""
    currency = ask.params.text("currency", "any") or "any"
    kind = ask.params.text("kind", "any") or "any"
    return _cancel_all(ask, ask.symbols_of(currency, kind))


def cancel_all_by_instrument(ask: Ask) -> object:
    """private/cancel_all_by_instrument."""
    return _cancel_all(ask, [ask.symbol()])


def _cancel_all(ask: Ask, symbols: list[str]) -> object:
    wanted = ask.params.text("type", "all")
    found: list[Order | Conditional] = []
    if wanted in ("all", "limit"):
        found += ask.engine.open_orders(ask.account_id)
    if wanted in ("all", "trigger_all", "stop", "take"):
        found += ask.engine.open_conditionals(ask.account_id)
    gone = [_cancel(ask, one) for one in found if one.symbol in symbols]
    if ask.params.truth("detailed", default=False):
        return [{"order": row} for row in gone]
    return len(gone)


def close_position(ask: Ask) -> object:
    """private/close_position: a reduce-only order for all of it."""
    symbol = ask.symbol()
    held = ask.engine.positions(ask.account_id, symbol)
    qty = sum((row.qty for row in held), ZERO)
    if not qty:
        raise RpcError(10025)
    is_limit = ask.params.need("type") == "limit"
    order = ask.engine.place(
        ask.account_id,
        NewOrder(
            symbol=symbol,
            side=Side.SELL if qty > 0 else Side.BUY,
            type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            qty=abs(qty),
            price=ask.params.number("price") if is_limit else None,
            reduce_only=True,
        ),
        now_ms=ask.engine_ms,
    )
    if isinstance(order, Refusal):
        raise refuse(order)
    return placed(ask, order)
