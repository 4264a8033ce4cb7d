"""Conditional orders: waiting, triggering, becoming real.

    NEW -> TRIGGERING -> TRIGGERED -> FINISHED     the real order lived and ended
     |          |-> REJECTED                       the engine refused it then
     |          `-> EXPIRED                        no position left to close
     `-> CANCELED

Nothing but the form of the order is checked before the trigger: no margin, no
position. The real order has a new id and the client id of the conditional one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import replace
from decimal import Decimal

from connector.paper.engine.booking import tell_conditional
from connector.paper.engine.orders import (
    admit,
    check_position_side,
    check_price,
    check_qty,
    new_order,
    run,
)
from connector.paper.engine.queries import match_price
from connector.paper.engine.state import AccountState, World
from connector.paper.types import (
    ZERO,
    Conditional,
    NewConditional,
    NewOrder,
    Refusal,
)
from connector.paper.words import (
    ConditionalStatus,
    ConditionalType,
    OrderKind,
    OrderType,
    Reason,
    Side,
    TimeInForce,
    WorkingType,
)

_HUNDRED = Decimal(100)
_STOPS = (ConditionalType.STOP, ConditionalType.STOP_MARKET)
_TRAILING = ConditionalType.TRAILING_STOP_MARKET
# which way the price must go to trigger
_Key = tuple[WorkingType, bool]
_Waiting = list[tuple[Decimal, int, str]]


class Triggers:
    """Waiting conditional orders of one symbol, by price.

    ``_lists`` are sorted by trigger price, ``_trails`` hold the best price seen
    since activation (None before it).
    """

    def __init__(self) -> None:
        self._lists: dict[_Key, _Waiting] = {}
        self._trails: dict[int, tuple[str, Decimal | None]] = {}

    def add(self, item: Conditional, extreme: Decimal | None = None) -> None:
        """Let *item* wait; *extreme* is where an active trail begins."""
        if item.type is _TRAILING:
            self._trails[item.conditional_id] = (item.account_id, extreme)
            return
        for key, price in _waits_at(item):
            entry = (price, item.conditional_id, item.account_id)
            insort(self._lists.setdefault(key, []), entry)

    def remove(self, item: Conditional) -> None:
        """Stop waiting."""
        if item.type is _TRAILING:
            del self._trails[item.conditional_id]
            return
        for key, price in _waits_at(item):
            entry = (price, item.conditional_id, item.account_id)
            del self._lists[key][bisect_left(self._lists[key], entry)]

    def due(self, world: World, symbol: str) -> list[Conditional]:
        """Orders whose price has come, nearest first."""
        market = world.markets[symbol]
        found: list[Conditional] = []
        for (working, is_rising), waiting in self._lists.items():
            price = market.mark if working is WorkingType.MARK_PRICE else market.last
            entries = waiting if is_rising else reversed(waiting)
            for trigger, number, account_id in entries:
                if (trigger > price) if is_rising else (trigger < price):
                    break
                item = world.accounts[account_id].conditionals[number]
                if not item.price_protect or _is_calm(world, symbol):
                    found.append(item)
        return found + self._trail(world, symbol)

    def _trail(self, world: World, symbol: str) -> list[Conditional]:
        market = world.markets[symbol]
        found = []
        for number, (account_id, extreme) in list(self._trails.items()):
            account = world.accounts[account_id]
            item = account.conditionals[number]
            is_mark = item.working_type is WorkingType.MARK_PRICE
            price = market.mark if is_mark else market.last
            sign = item.side.sign  # a sell follows the price up, a buy down
            if extreme is None:
                if (price - item.activate_price) * sign > 0:
                    continue
                activated = replace(item, is_activated=True, updated_ms=world.now_ms)
                item = tell_conditional(world, account, activated)
                extreme = price
            extreme = min(extreme, price) if sign > 0 else max(extreme, price)
            self._trails[number] = (account_id, extreme)
            limit = extreme + sign * item.trail_offset
            if not item.trail_offset:
                limit = extreme * (1 + sign * item.callback_rate / _HUNDRED)
            if (price - limit) * sign >= 0:
                found.append(item)
        return found


def _waits_at(item: Conditional) -> list[tuple[_Key, Decimal]]:
    """Where it triggers: at one price, or with a profit price at either of two."""
    is_rising = _is_rising(item.type, item.side)
    places = [((item.working_type, is_rising), item.trigger_price)]
    if item.profit_price:
        places.append(((item.working_type, not is_rising), item.profit_price))
    return places


def _is_rising(kind: ConditionalType, side: Side) -> bool:
    """True when the trigger waits above the price."""
    return (side is Side.BUY) == (kind in _STOPS)


def _is_calm(world: World, symbol: str) -> bool:
    market = world.markets[symbol]
    gap = abs(market.last - market.mark)
    return gap <= market.mark * market.instrument.trigger_protect


# placing -------------------------------------------------------------------
def place_conditional(
    world: World, account: AccountState, request: NewConditional
) -> Conditional | Refusal:
    """Accept a conditional order, or say why not."""
    refusal = _check(world, account, request)
    return wait(world, account, request) if refusal is None else refusal


def wait(world: World, account: AccountState, request: NewConditional) -> Conditional:
    """Let an order that was admitted wait."""
    market = world.markets[request.symbol]
    is_mark = request.working_type is WorkingType.MARK_PRICE
    price = market.mark if is_mark else market.last
    is_trailing = request.type is _TRAILING
    is_active = is_trailing and request.activate_price is None
    number = world.new_conditional_id()
    item = Conditional(
        account_id=account.account_id,
        conditional_id=number,
        client_order_id=request.client_order_id or str(number),
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        position_side=request.position_side,
        qty=request.qty,
        trigger_price=request.trigger_price or ZERO,
        profit_price=request.profit_price or ZERO,
        price=request.price or ZERO,
        status=ConditionalStatus.NEW,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        working_type=request.working_type,
        price_protect=request.price_protect,
        activate_price=(request.activate_price or price) if is_trailing else ZERO,
        callback_rate=request.callback_rate or ZERO,
        trail_offset=request.trail_offset or ZERO,
        is_activated=is_active,
        stp=request.stp,
        price_match=request.price_match,
        expire_ms=request.expire_ms,
        created_ms=world.now_ms,
        updated_ms=world.now_ms,
        triggered_ms=0,
        actual_order_id=0,
        actual_type=None,
        actual_price=ZERO,
        actual_qty=ZERO,
        reject_reason=None,
        tag=request.tag,
    )
    account.open_conditionals[number] = None
    account.conditionals_by_client_id[item.client_order_id] = number
    world.triggers[request.symbol].add(item, price if is_active else None)
    return tell_conditional(world, account, item)


def _check(
    world: World, account: AccountState, request: NewConditional
) -> Refusal | None:
    return (
        _check_form(world, account, request)
        or _check_counts(world, account, request)
        or _check_unique(account, request)
    )


def _check_form(
    world: World, account: AccountState, request: NewConditional
) -> Refusal | None:
    instrument = world.instruments.get(request.symbol)
    if instrument is None:
        return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=request.symbol)
    if request.symbol in world.delisted:
        return Refusal(reason=Reason.NOT_TRADING, detail=request.symbol)
    refusal = check_position_side(account, request.side, request.position_side)
    if refusal is not None:
        return refusal
    if request.close_position:
        if request.qty or request.reduce_only or request.type.is_limit:
            return Refusal(reason=Reason.BAD_PARAMETER, detail="close_position")
    else:
        is_market = not request.type.is_limit
        refusal = check_qty(instrument, request.qty, is_market=is_market)
        if refusal is not None:
            return refusal
    if request.type.is_limit and request.price_match == "NONE":
        if request.price is None:
            return Refusal(reason=Reason.BAD_PARAMETER, detail="price")
        refusal = check_price(instrument, request.price)
        if refusal is not None:
            return refusal
    return _check_trigger(world, request)


def _check_trigger(world: World, request: NewConditional) -> Refusal | None:
    market = world.markets[request.symbol]
    is_mark = request.working_type is WorkingType.MARK_PRICE
    price = market.mark if is_mark else market.last
    if request.type is _TRAILING:
        rate, offset = request.callback_rate, request.trail_offset
        is_offset = offset is not None and offset > 0
        if not is_offset and (rate is None or not 0 < rate < _HUNDRED):
            return Refusal(reason=Reason.BAD_PARAMETER, detail="callback_rate")
        activate = request.activate_price
        if activate is None:
            return None
        if (activate - price) * request.side.sign > 0:
            return Refusal(reason=Reason.WOULD_TRIGGER, allowed=price)
        return check_price(market.instrument, activate)
    trigger = request.trigger_price
    if trigger is None:
        return Refusal(reason=Reason.BAD_PARAMETER, detail="trigger_price")
    refusal = check_price(market.instrument, trigger)
    if refusal is not None:
        return refusal
    is_rising = _is_rising(request.type, request.side)
    if (trigger <= price) if is_rising else (trigger >= price):
        return Refusal(reason=Reason.WOULD_TRIGGER, allowed=price)
    profit = request.profit_price
    if profit is not None and ((profit >= price) if is_rising else (profit <= price)):
        return Refusal(reason=Reason.WOULD_TRIGGER, allowed=price)
    return None if profit is None else check_price(market.instrument, profit)


def _check_counts(
    world: World, account: AccountState, request: NewConditional
) -> Refusal | None:
    limit = world.rules.max_conditional
    if len(account.open_conditionals) >= limit:
        return Refusal(reason=Reason.MAX_CONDITIONAL, allowed=Decimal(limit))
    here = sum(
        account.conditionals[number].symbol == request.symbol
        for number in account.open_conditionals
    )
    limit = world.instruments[request.symbol].max_conditional
    if here >= limit:
        return Refusal(reason=Reason.MAX_CONDITIONAL, allowed=Decimal(limit))
    return None


def _check_unique(account: AccountState, request: NewConditional) -> Refusal | None:
    name = request.client_order_id
    number = account.conditionals_by_client_id.get(name) if name is not None else None
    if number is not None and number in account.open_conditionals:
        return Refusal(reason=Reason.DUPLICATE_CLIENT_ID, detail=name or "")
    return None


# amending ------------------------------------------------------------------
def amend_conditional(
    world: World,
    account: AccountState,
    item: Conditional,
    *,
    qty: Decimal | None = None,
    price: Decimal | None = None,
    trigger_price: Decimal | None = None,
    profit_price: Decimal | None = None,
) -> Conditional | Refusal:
    """Change what waits, or say why not; its kind stays, and so does its id."""
    if item.type is _TRAILING or (qty and item.close_position):
        return Refusal(reason=Reason.NOT_AMENDABLE)
    if price is not None and not item.type.is_limit:
        return Refusal(reason=Reason.NOT_AMENDABLE)
    changed = replace(
        item,
        qty=item.qty if qty is None else qty,
        price=item.price if price is None else price,
        trigger_price=item.trigger_price if trigger_price is None else trigger_price,
        profit_price=item.profit_price if profit_price is None else profit_price,
    )
    if changed == item:
        return Refusal(reason=Reason.NO_CHANGE)
    trial = NewConditional(
        symbol=item.symbol,
        side=item.side,
        type=item.type,
        qty=changed.qty,
        trigger_price=changed.trigger_price,
        profit_price=changed.profit_price or None,
        price=changed.price or None,
        position_side=item.position_side,
        reduce_only=item.reduce_only,
        close_position=item.close_position,
        working_type=item.working_type,
        price_match=item.price_match,
    )
    refusal = _check_form(world, account, trial)
    if refusal is not None:
        return refusal
    world.triggers[item.symbol].remove(item)
    world.triggers[item.symbol].add(changed)
    changed = replace(changed, updated_ms=world.now_ms)
    return tell_conditional(world, account, changed)


def resize(
    world: World, account: AccountState, item: Conditional, qty: Decimal
) -> Conditional:
    """Another quantity; it goes on waiting."""
    if qty == item.qty:
        return item
    changed = replace(item, qty=qty, updated_ms=world.now_ms)
    return tell_conditional(world, account, changed)


# ending --------------------------------------------------------------------
def find_waiting(account: AccountState, conditional_id: int) -> Conditional | Refusal:
    """The waiting conditional order, or why there is none."""
    item = account.conditionals.get(conditional_id)
    if item is None:
        return Refusal(reason=Reason.UNKNOWN_ORDER, detail=str(conditional_id))
    if item.status is ConditionalStatus.TRIGGERING:
        return Refusal(reason=Reason.TRIGGERING, detail=str(conditional_id))
    if item.status is not ConditionalStatus.NEW:
        return Refusal(reason=Reason.ORDER_CLOSED, detail=str(conditional_id))
    return item


def cancel_conditional(
    world: World,
    account: AccountState,
    item: Conditional,
    status: ConditionalStatus = ConditionalStatus.CANCELED,
) -> Conditional:
    """End a waiting conditional order."""
    _stop_waiting(world, account, item)
    ended = replace(item, status=status, updated_ms=world.now_ms)
    return tell_conditional(world, account, ended)


def expire_symbol(world: World, symbol: str) -> None:
    """End every waiting conditional order of a delisted symbol."""
    for account in world.accounts.values():
        for number in list(account.open_conditionals):
            item = account.conditionals[number]
            if item.symbol == symbol:
                cancel_conditional(world, account, item, ConditionalStatus.EXPIRED)


def _stop_waiting(world: World, account: AccountState, item: Conditional) -> None:
    world.triggers[item.symbol].remove(item)
    del account.open_conditionals[item.conditional_id]


# triggering ----------------------------------------------------------------
def fire_due(world: World, symbol: str) -> bool:
    """Trigger what is due, and what that makes due, until nothing is; False if
    nothing was."""
    has_fired = False
    while due := world.triggers[symbol].due(world, symbol):
        for item in due:
            account = world.accounts[item.account_id]
            if item.conditional_id in account.open_conditionals:
                has_fired = True
                _cancel_rest_of_group(world, account, item)
                _fire(world, account, item)
    return has_fired


def _cancel_rest_of_group(
    world: World, account: AccountState, item: Conditional
) -> None:
    """Attached exits: the one that triggers ends the other."""
    for number in account.exits.get(item.conditional_id, ()):
        if number != item.conditional_id and number in account.open_conditionals:
            other = account.conditionals[number]
            cancel_conditional(world, account, other, ConditionalStatus.EXPIRED)


def _fire(world: World, account: AccountState, item: Conditional) -> None:
    _stop_waiting(world, account, item)
    item = tell_conditional(
        world,
        account,
        replace(
            item,
            status=ConditionalStatus.TRIGGERING,
            triggered_ms=world.now_ms,
            updated_ms=world.now_ms,
        ),
    )
    request = _real_request(world, account, item)
    if request is None:
        status, refusal = ConditionalStatus.EXPIRED, None
    elif isinstance(request, Refusal):
        status, refusal = ConditionalStatus.REJECTED, request
    else:
        status, refusal = ConditionalStatus.REJECTED, admit(world, account, request)
        if refusal is None:
            order = new_order(world, account, request, OrderKind.TRIGGERED, item)
            triggered = replace(
                item,
                status=ConditionalStatus.TRIGGERED,
                actual_order_id=order.order_id,
                actual_type=request.type,
            )
            tell_conditional(world, account, triggered)
            run(world, account, order)
            return
    ended = replace(item, status=status, reject_reason=refusal)
    tell_conditional(world, account, ended)


def _real_request(
    world: World, account: AccountState, item: Conditional
) -> NewOrder | Refusal | None:
    """The order to place; None when there is no position left to close."""
    qty = item.qty
    if item.close_position:
        state = world.symbol_state(account, item.symbol)
        qty = state.position(item.position_side).reducible(item.side)
        if not qty:
            return None
    price: Decimal | None = None
    if item.type.is_limit:
        price = item.price
        if item.price_match != "NONE":
            found = match_price(world, item.symbol, item.side, item.price_match)
            if isinstance(found, Refusal):
                return found
            price = found
    lifetime = item.time_in_force if item.type.is_limit else TimeInForce.GTC
    return NewOrder(
        symbol=item.symbol,
        side=item.side,
        type=OrderType.LIMIT if item.type.is_limit else OrderType.MARKET,
        qty=qty,
        price=price,
        time_in_force=lifetime,
        position_side=item.position_side,
        reduce_only=item.reduce_only or item.close_position,
        close_position=item.close_position,
        client_order_id=item.client_order_id,
        expire_ms=item.expire_ms,
        stp=item.stp,
        price_match=item.price_match,
        tag=item.tag,
    )
