"""Orders of users: admission, placing, amending, cancelling.

Admission changes nothing and answers why not; its order is: symbol, filters,
client id, position side, counts, reduce-only, margin, and last what only the
matching engine knows (post-only, fill-or-kill).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from connector.paper.engine import margin
from connector.paper.engine.booking import (
    end_order,
    open_order,
    rest,
    tell_order,
    unrest,
)
from connector.paper.engine.matching import (
    best_price,
    execute,
    fillable,
    rebalance,
    shrink,
    would_cross,
)
from connector.paper.engine.standard_margin import open_option_margin, option_rates
from connector.paper.engine.state import (
    AccountState,
    LiveOrder,
    SymbolState,
    World,
    is_closing,
)
from connector.paper.types import (
    ZERO,
    Amendment,
    Conditional,
    Instrument,
    NewOrder,
    Order,
    Refusal,
)
from connector.paper.words import (
    ClientIdRule,
    ContractKind,
    EndReason,
    ExecKind,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    Side,
    TimeInForce,
)


# admission -----------------------------------------------------------------
def admit(world: World, account: AccountState, request: NewOrder) -> Refusal | None:
    """Why *request* may not be placed, or None."""
    instrument = world.instruments.get(request.symbol)
    if instrument is None:
        return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=request.symbol)
    if request.symbol in world.delisted:
        return Refusal(reason=Reason.NOT_TRADING, detail=request.symbol)
    return (
        _check_filters(world, instrument, request)
        or _check_client_id(world, account, request.client_order_id)
        or check_position_side(account, request.side, request.position_side)
        or _check_counts(world, account, request)
        or _check_reducing(world, account, request)
        or _check_margin(world, account, request)
        or _check_matching(world, account, request)
    )


def _check_filters(
    world: World, instrument: Instrument, request: NewOrder
) -> Refusal | None:
    mark = world.markets[request.symbol].mark
    is_limit = request.type is OrderType.LIMIT
    if is_limit and request.price is None:
        return Refusal(reason=Reason.BAD_PARAMETER, detail="price")
    if request.time_in_force is TimeInForce.GTD and request.expire_ms <= world.now_ms:
        return Refusal(reason=Reason.EXPIRE_TIME)
    refusal = check_qty(instrument, request.qty, is_market=not is_limit)
    if refusal is not None:
        return refusal
    price = mark
    if is_limit and request.price is not None:
        price = request.price
        refusal = check_price(instrument, price) or check_band(
            instrument, request.side, price, mark
        )
        if refusal is not None:
            return refusal
    is_exempt = request.reduce_only or is_closing(request.side, request.position_side)
    if not is_exempt and instrument.value(request.qty, price) < instrument.min_notional:
        return Refusal(reason=Reason.NOTIONAL_MIN, allowed=instrument.min_notional)
    return None


def check_qty(
    instrument: Instrument, qty: Decimal, *, is_market: bool
) -> Refusal | None:
    """Quantity rules."""
    maximum = instrument.market_max_qty if is_market else instrument.max_qty
    if qty < instrument.min_qty:
        return Refusal(reason=Reason.QTY_MIN, allowed=instrument.min_qty)
    if qty > maximum:
        return Refusal(reason=Reason.QTY_MAX, allowed=maximum)
    if (qty - instrument.min_qty) % instrument.qty_step:
        return Refusal(reason=Reason.QTY_STEP, allowed=instrument.qty_step)
    return None


def check_price(instrument: Instrument, price: Decimal) -> Refusal | None:
    """Price rules that need no market."""
    if price < instrument.min_price:
        return Refusal(reason=Reason.PRICE_MIN, allowed=instrument.min_price)
    if price > instrument.max_price:
        return Refusal(reason=Reason.PRICE_MAX, allowed=instrument.max_price)
    tick = instrument.tick_at(price)
    if (price - instrument.min_price) % tick:
        return Refusal(reason=Reason.PRICE_TICK, allowed=tick)
    return None


def check_band(
    instrument: Instrument, side: Side, price: Decimal, mark: Decimal
) -> Refusal | None:
    """Percent price against the mark: buys have a ceiling, sells a floor."""
    ceiling, floor = mark * instrument.band_up, mark * instrument.band_down
    if side is Side.BUY and price > ceiling:
        return Refusal(reason=Reason.PRICE_BAND_HIGH, allowed=ceiling)
    if side is Side.SELL and price < floor:
        return Refusal(reason=Reason.PRICE_BAND_LOW, allowed=floor)
    return None


def _check_client_id(
    world: World, account: AccountState, client_order_id: str | None
) -> Refusal | None:
    rule = world.rules.client_id_rule
    if client_order_id is None or rule is ClientIdRule.NEVER:
        return None
    known = account.orders_by_client_id.get(client_order_id)
    if known is None:
        return None
    if rule is ClientIdRule.ALWAYS or known.status.is_open:
        return Refusal(reason=Reason.DUPLICATE_CLIENT_ID, detail=client_order_id)
    return None


def check_position_side(
    account: AccountState, side: Side, position_side: PositionSide
) -> Refusal | None:
    """BOTH belongs to one-way mode, LONG and SHORT to hedge mode."""
    if position_side not in account.position_sides():
        return Refusal(reason=Reason.POSITION_SIDE, detail=f"{side} {position_side}")
    return None


def _check_counts(
    world: World, account: AccountState, request: NewOrder
) -> Refusal | None:
    state = world.symbol_state(account, request.symbol)
    limit = state.instrument.max_orders
    if request.type is OrderType.LIMIT and len(state.orders) >= limit:
        return Refusal(reason=Reason.MAX_ORDERS, allowed=Decimal(limit))
    return None


def _check_reducing(
    world: World, account: AccountState, request: NewOrder
) -> Refusal | None:
    closing = is_closing(request.side, request.position_side)
    if not request.reduce_only and not closing:
        return None
    state = world.symbol_state(account, request.symbol)
    reducible = state.position(request.position_side).reducible(request.side)
    if not reducible or (closing and request.qty > reducible):
        return Refusal(reason=Reason.REDUCE_ONLY, allowed=reducible)
    return None


def _check_margin(
    world: World, account: AccountState, request: NewOrder
) -> Refusal | None:
    if request.reduce_only or is_closing(request.side, request.position_side):
        return None
    price = request.price if request.type is OrderType.LIMIT else None
    if price is None:
        mark = world.markets[request.symbol].mark
        price = best_price(world, request.symbol, request.side.opposite) or mark
    return check_margin(
        world,
        account,
        request.symbol,
        request.side,
        request.position_side,
        price=price,
        added=world.instruments[request.symbol].value(request.qty, price),
        qty=request.qty,
    )


def check_margin(
    world: World,
    account: AccountState,
    symbol: str,
    side: Side,
    position_side: PositionSide,
    *,
    price: Decimal,
    added: Decimal,
    qty: Decimal,
) -> Refusal | None:
    """Would *added* open notional on *side* fit margin and bracket?

    Needed: the rise of the symbol's initial margin, plus what *qty* loses at once
    when *price* is worse than the mark.
    """
    state = world.symbol_state(account, symbol)
    if state.instrument.kind is ContractKind.OPTION:
        return _check_option_margin(world, account, state, side, added=added, qty=qty)
    mark = world.markets[symbol].mark
    bids, asks = (added, ZERO) if side is Side.BUY else (ZERO, added)
    before = margin.side_margin(state, position_side, mark)
    after = margin.side_margin(state, position_side, mark, bids=bids, asks=asks)
    if after <= before:
        return None
    cap = margin.max_notional(state.instrument, state.leverage)
    is_capped = state.instrument.size_margin is None
    if is_capped and after * state.leverage > cap:
        return Refusal(reason=Reason.MAX_POSITION, allowed=cap)
    rise = state.instrument.value(qty, price) - state.instrument.value(qty, mark)
    loss = rise * side.sign * state.instrument.flow_sign
    needed = after - before + max(ZERO, loss)
    available = margin.totals(world, account, state.instrument.settle).available
    if needed > available:
        return Refusal(reason=Reason.MARGIN, allowed=available)
    return None


def _check_option_margin(
    world: World,
    account: AccountState,
    state: SymbolState,
    side: Side,
    *,
    added: Decimal,
    qty: Decimal,
) -> Refusal | None:
    """A buyer needs the premium, a seller what short options must be backed by."""
    market = world.markets[state.instrument.symbol]
    position = state.position(PositionSide.BOTH)
    initial, _ = option_rates(state, market.mark, market.reference)
    before = open_option_margin(state, position, initial)
    after = open_option_margin(
        state,
        position,
        initial,
        sells=qty if side is Side.SELL else ZERO,
        premium=added if side is Side.BUY else ZERO,
    )
    available = margin.totals(world, account, state.instrument.settle).available
    if after - before > available:
        return Refusal(reason=Reason.MARGIN, allowed=available)
    return None


def _check_matching(
    world: World, account: AccountState, request: NewOrder
) -> Refusal | None:
    rules, price = world.rules, request.price
    if request.time_in_force is TimeInForce.POST_ONLY and rules.refuse_post_only:
        assert price is not None, "filters come first"
        if would_cross(world, request.symbol, request.side, price):
            return Refusal(reason=Reason.POST_ONLY)
    if request.time_in_force is TimeInForce.FOK and rules.refuse_fok:
        trial = LiveOrder(
            account_id=account.account_id,
            order_id=0,
            request=request,
            instrument=world.instruments[request.symbol],
            kind=OrderKind.USER,
            now_ms=world.now_ms,
        )
        if fillable(world, account, trial) < request.qty:
            return Refusal(reason=Reason.FOK)
    return None


# placing -------------------------------------------------------------------
def place(world: World, account: AccountState, request: NewOrder) -> Order | Refusal:
    """Admit and run an order; the answer is its state after matching."""
    refusal = admit(world, account, request)
    if refusal is not None:
        return refusal
    order = new_order(world, account, request, OrderKind.USER)
    return run(world, account, order)


def new_order(
    world: World,
    account: AccountState,
    request: NewOrder,
    kind: OrderKind,
    conditional: Conditional | None = None,
) -> LiveOrder:
    """Give an admitted request its id."""
    if conditional is not None and world.rules.trigger_keeps_id:
        order_id = conditional.conditional_id
    else:
        order_id = world.new_order_id()
    return LiveOrder(
        account_id=account.account_id,
        order_id=order_id,
        request=request,
        instrument=world.instruments[request.symbol],
        kind=kind,
        now_ms=world.now_ms,
        conditional=conditional,
    )


def run(world: World, account: AccountState, order: LiveOrder) -> Order:
    """Announce, match and rest a new order."""
    open_order(world, account, order)
    tell_order(world, account, order, ExecKind.NEW)
    request = order.request
    if request.time_in_force is TimeInForce.GTD:
        world.set_timer(request.expire_ms, "order", account.account_id, order.order_id)
    _match_and_rest(world, account, order)
    return order.snapshot()


def _match_and_rest(world: World, account: AccountState, order: LiveOrder) -> None:
    execute(world, account, order)
    if order.status.is_open:
        rest(world, account, order)
        if order.is_reducing:
            rebalance(world, account, order.request.symbol)


# cancelling ----------------------------------------------------------------
def find_open(account: AccountState, symbol: str, order_id: int) -> LiveOrder | Refusal:
    """The open order, or why there is none."""
    order = account.orders_by_id.get(order_id)
    if order is None or order.request.symbol != symbol:
        return Refusal(reason=Reason.UNKNOWN_ORDER, detail=str(order_id))
    if not order.status.is_open:
        return Refusal(reason=Reason.ORDER_CLOSED, detail=str(order_id))
    return order


def cancel(
    world: World,
    account: AccountState,
    order: LiveOrder,
    reason: EndReason = EndReason.USER,
) -> Order:
    """Cancel an open order."""
    return end_order(world, account, order, OrderStatus.CANCELED, reason)


# amending ------------------------------------------------------------------
def amend(
    world: World,
    account: AccountState,
    order: LiveOrder,
    *,
    qty: Decimal | None,
    price: Decimal | None,
    tag: str,
) -> Order | Refusal:
    """Change price or quantity; the order goes to the back of the queue.

    A quantity of no more than what is filled cancels (or fills, by the venue's
    rules), and so does a post-only order whose new price would take.
    """
    qty = order.qty if qty is None else qty
    price = order.price if price is None else price
    refusal = _check_amend(world, account, order, qty, price)
    if refusal is not None:
        return refusal
    if qty <= order.filled_qty:
        if world.rules.amend_may_fill and order.filled_qty:
            unrest(world, account, order)
            order.qty = order.filled_qty
            return end_order(world, account, order, OrderStatus.FILLED, EndReason.NONE)
        return cancel(world, account, order)
    request = order.request
    is_post_only = request.time_in_force is TimeInForce.POST_ONLY
    if is_post_only and would_cross(world, request.symbol, order.side, price):
        return cancel(world, account, order, EndReason.POST_ONLY)
    state = world.symbol_state(account, request.symbol)
    _write_amendment(world, account, order, qty, price, tag)
    is_smaller = price == order.price and qty < order.qty
    if is_smaller and world.rules.amend_keeps_queue:
        order.amend_count += 1
        shrink(world, account, order, order.qty - qty, tag=tag)
        return order.snapshot()
    unrest(world, account, order)
    _reprice(state, order, qty, price)
    tell_order(world, account, order, ExecKind.AMENDMENT, tag=tag)
    _match_and_rest(world, account, order)
    return order.snapshot()


def _reprice(
    state: SymbolState, order: LiveOrder, qty: Decimal, price: Decimal
) -> None:
    order.qty, order.price = qty, price
    order.amend_count += 1
    state.recount(order)


def _check_amend(
    world: World,
    account: AccountState,
    order: LiveOrder,
    qty: Decimal,
    price: Decimal,
) -> Refusal | None:
    request = order.request
    instrument = world.instruments[request.symbol]
    if request.type is not OrderType.LIMIT:
        return Refusal(reason=Reason.NOT_AMENDABLE)
    if qty == order.qty and price == order.price:
        return Refusal(reason=Reason.NO_CHANGE)
    if order.amend_count >= world.rules.max_amends:
        return Refusal(reason=Reason.MAX_AMENDS)
    trial = replace(request, qty=qty, price=price, time_in_force=TimeInForce.GTC)
    refusal = _check_filters(world, instrument, trial)
    if refusal is not None or qty <= order.filled_qty or order.is_reducing:
        return refusal
    left = qty - order.filled_qty
    return check_margin(
        world,
        account,
        request.symbol,
        order.side,
        request.position_side,
        price=price,
        added=instrument.value(left, price) - order.open_value,
        qty=left,
    )


def _write_amendment(
    world: World,
    account: AccountState,
    order: LiveOrder,
    qty: Decimal,
    price: Decimal,
    tag: str,
) -> None:
    world.amendment_id += 1
    account.amendments.append(
        Amendment(
            amendment_id=world.amendment_id,
            account_id=account.account_id,
            symbol=order.request.symbol,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            price_before=order.price,
            price_after=price,
            qty_before=order.qty,
            qty_after=qty,
            count=order.amend_count + 1,
            tag=tag,
            time_ms=world.now_ms,
        )
    )
