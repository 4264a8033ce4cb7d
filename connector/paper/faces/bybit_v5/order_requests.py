"""Reading a new order: which words are allowed, and what they ask of the machine.

Source: Bybit v5 docs, "Place Order", read 2026-11. Take-profit and stop-loss attached
to a regular order are simulated, those of conditional orders are refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from connector.paper.amounts import ceil_to, floor_to
from connector.paper.faces.bybit_v5.apierrors import ApiError, bad, refuse
from connector.paper.faces.bybit_v5.context import Ask, Params, position_sides
from connector.paper.types import (
    ZERO,
    Conditional,
    Exit,
    Instrument,
    NewConditional,
    NewOrder,
    Order,
    Refusal,
)
from connector.paper.words import (
    ConditionalType,
    OrderType,
    PositionSide,
    Reason,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
INDEXES = {0: PositionSide.BOTH, 1: PositionSide.LONG, 2: PositionSide.SHORT}
LIFETIMES = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
    "RPI": TimeInForce.POST_ONLY,
}
SMP_TYPES = {
    "None": SelfTradePrevention.NONE,
    "CancelMaker": SelfTradePrevention.EXPIRE_MAKER,
    "CancelTaker": SelfTradePrevention.EXPIRE_TAKER,
    "CancelBoth": SelfTradePrevention.EXPIRE_BOTH,
}
TRIGGERS = {
    "LastPrice": WorkingType.CONTRACT_PRICE,
    "MarkPrice": WorkingType.MARK_PRICE,
    "IndexPrice": WorkingType.MARK_PRICE,
}
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
NOT_SIMULATED = ("slippageTolerance", "bboSideType")
EXITS = {"takeProfit": "tp", "stopLoss": "sl"}


def place(ask: Ask, params: Params) -> Order | Conditional:
    """Read one order and hand it to the machine; raises ApiError."""
    instrument = ask.instrument(params)
    for name in NOT_SIMULATED:
        if params.value(name) not in (None, "0", 0):
            raise ApiError(10001, f"params error: {name} is not simulated")
    client_id = params.text("orderLinkId")
    if client_id is not None:
        _check_client_id(ask, client_id)
    wished: NewOrder | NewConditional
    placed: Order | Conditional | Refusal
    exits = read_exits(params)
    if params.decimal("triggerPrice"):
        if exits:
            raise ApiError(10001, "params error: TP/SL of a trigger is not simulated")
        wished = _conditional(ask, params, instrument, client_id)
        placed = ask.engine.place_conditional(
            ask.account_id, wished, now_ms=ask.engine_ms
        )
    else:
        wished = replace(
            _order(ask, params, instrument, client_id),
            take_profit=exits.get("takeProfit"),
            stop_loss=exits.get("stopLoss"),
        )
        _check_exits(ask, wished)
        placed = _place(ask, wished, instrument)
    if not isinstance(placed, Refusal):
        return placed
    later = ask.venue.refused.take(
        ask.account_id, wished, placed, ask.venue.renderer, ask.engine_ms
    )
    if later is not None:
        return later
    code = None
    if placed.reason is Reason.WOULD_TRIGGER:
        code = 110092 if _direction(params) == 1 else 110093
    return refuse(placed, code=code)


def read_exits(params: Params) -> dict[str, Exit]:
    """The attached take-profit and stop-loss; raises 10001. Limit orders
    need the mode ``Partial``; both modes close by market otherwise."""
    mode = params.choice("tpslMode", ("Full", "Partial"), "Full")
    exits = {}
    for word, prefix in EXITS.items():
        trigger = params.decimal(word)
        if not trigger:
            continue
        kind = params.choice(f"{prefix}OrderType", ("Market", "Limit"), "Market")
        price = params.decimal(f"{prefix}LimitPrice") if kind == "Limit" else None
        if kind == "Limit" and (mode == "Full" or not price):
            raise ApiError(10001, "params error: limit TP/SL needs Partial and a price")
        watched = params.choice(f"{prefix}TriggerBy", tuple(TRIGGERS), "LastPrice")
        stop_type = word[0].upper() + word[1:]
        if mode == "Partial":
            stop_type = f"Partial{stop_type}"
        exits[word] = Exit(
            trigger_price=trigger,
            price=price,
            working_type=TRIGGERS[watched],
            closes_all=mode == "Full",
            tag=f"{stop_type}:{params.text('orderLinkId') or ''}",
        )
    return exits


def _check_exits(ask: Ask, order: NewOrder) -> None:
    """On the grid, and on their sides of the order's price (10001)."""
    price = order.price or ask.engine.quote(order.symbol).last
    tick = ask.engine.instruments[order.symbol].tick_size
    for wish, sign in ((order.take_profit, 1), (order.stop_loss, -1)):
        if wish is None:
            continue
        gap = (wish.trigger_price - price) * order.side.sign * sign
        if gap <= 0 or wish.trigger_price % tick:
            raise ApiError(10001, "params error: TP/SL price is on the wrong side")


def _check_client_id(ask: Ask, client_id: str) -> None:
    """Well formed, and never used before, by whatever kind of order."""
    if not CLIENT_ID.fullmatch(client_id):
        raise bad("orderLinkId")
    engine, account_id = ask.engine, ask.account_id
    if (
        engine.conditional_by_client_id(account_id, client_id) is not None
        or engine.order_by_client_id(account_id, client_id) is not None
        or ask.venue.refused.find(account_id, client_id)
    ):
        raise ApiError(110072)


def _place(ask: Ask, order: NewOrder, instrument: Instrument) -> Order | Refusal:
    """A price outside the band is moved to its edge, as the account is set."""
    placed = ask.engine.place(ask.account_id, order, now_ms=ask.engine_ms)
    if (
        not isinstance(placed, Refusal)
        or placed.allowed is None
        or not ask.venue.config.moves_prices
    ):
        return placed
    if placed.reason is Reason.PRICE_BAND_HIGH:
        price = floor_to(placed.allowed, instrument.tick_size)
    elif placed.reason is Reason.PRICE_BAND_LOW:
        price = ceil_to(placed.allowed, instrument.tick_size)
    else:
        return placed
    moved = replace(order, price=price)
    return ask.engine.place(ask.account_id, moved, now_ms=ask.engine_ms)


def _side(params: Params) -> Side:
    return SIDES[params.choice("side", tuple(SIDES))]


def position_side(ask: Ask, params: Params) -> PositionSide:
    """The side that ``positionIdx`` names; raises 10001 unless the mode has it."""
    found = INDEXES.get(params.integer("positionIdx") or 0)
    if found not in position_sides(ask.engine, ask.account_id):
        raise ApiError(10001, "position idx not match position mode")
    assert found is not None
    return found


def _closes_all(params: Params, qty: Decimal) -> bool:
    return not qty and params.flag("reduceOnly") and params.flag("closeOnTrigger")


def _order(
    ask: Ask, params: Params, instrument: Instrument, client_id: str | None
) -> NewOrder:
    side, held = _side(params), position_side(ask, params)
    is_limit = params.choice("orderType", ("Limit", "Market")) == "Limit"
    qty = params.decimal("qty")
    if qty is None:
        raise bad("qty")
    if _closes_all(params, qty):
        qty = _held(ask, instrument.symbol, held)
    price = params.decimal("price") if is_limit else None
    if is_limit and not price:
        raise bad("price")
    lifetime = params.choice("timeInForce", tuple(LIFETIMES), "GTC")
    return NewOrder(
        symbol=instrument.symbol,
        side=side,
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        qty=qty,
        price=price,
        time_in_force=LIFETIMES[lifetime] if is_limit else TimeInForce.GTC,
        position_side=held,
        reduce_only=params.flag("reduceOnly"),
        client_order_id=client_id,
        stp=SMP_TYPES[params.choice("smpType", tuple(SMP_TYPES), "None")],
    )


def _held(ask: Ask, symbol: str, side: PositionSide) -> Decimal:
    rows = ask.engine.positions(ask.account_id, symbol)
    return sum((abs(row.qty) for row in rows if row.position_side is side), ZERO)


def _direction(params: Params) -> int:
    direction = params.integer("triggerDirection")
    if direction not in (1, 2):
        raise bad("triggerDirection")
    return direction


def _conditional(
    ask: Ask, params: Params, instrument: Instrument, client_id: str | None
) -> NewConditional:
    side, held = _side(params), position_side(ask, params)
    is_limit = params.choice("orderType", ("Limit", "Market")) == "Limit"
    is_stop = (_direction(params) == 1) == (side is Side.BUY)
    kind = {
        (True, True): ConditionalType.STOP,
        (True, False): ConditionalType.STOP_MARKET,
        (False, True): ConditionalType.TAKE_PROFIT,
        (False, False): ConditionalType.TAKE_PROFIT_MARKET,
    }[is_stop, is_limit]
    qty = params.decimal("qty")
    if qty is None:
        raise bad("qty")
    closes = _closes_all(params, qty)
    lifetime = params.choice("timeInForce", tuple(LIFETIMES), "GTC")
    return NewConditional(
        symbol=instrument.symbol,
        side=side,
        type=kind,
        qty=ZERO if closes else qty,
        trigger_price=params.decimal("triggerPrice"),
        price=params.decimal("price") if is_limit else None,
        time_in_force=LIFETIMES[lifetime] if is_limit else TimeInForce.GTC,
        position_side=held,
        reduce_only=params.flag("reduceOnly") and not closes,
        close_position=closes,
        working_type=TRIGGERS[params.choice("triggerBy", tuple(TRIGGERS), "LastPrice")],
        client_order_id=client_id,
        stp=SMP_TYPES[params.choice("smpType", tuple(SMP_TYPES), "None")],
    )
