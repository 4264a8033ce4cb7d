"""Take-profit and stop-loss attached to an order.

They wait from its first fill on and grow with it; the one that triggers cancels the
other, and both end with the position that they would close.
"""

from __future__ import annotations

from connector.paper.engine.state import AccountState, LiveOrder, World
from connector.paper.engine.triggers import cancel_conditional, resize, wait
from connector.paper.exits import Exit
from connector.paper.types import ZERO, NewConditional
from connector.paper.words import ConditionalStatus, ConditionalType, TimeInForce


def attach_due(world: World, symbol: str) -> None:
    """After trades in *symbol*: exits begin, grow and end."""
    for account in world.accounts.values():
        if not (account.unprotected or account.exits):
            continue
        for order in list(account.unprotected.values()):
            if order.request.symbol == symbol:
                del account.unprotected[order.order_id]
                _protect(world, account, order)
        _clear(world, account, symbol)


def _protect(world: World, account: AccountState, order: LiveOrder) -> None:
    known = account.exits_of.get(order.order_id)
    if known is not None:
        for number in known:
            item = account.conditionals[number]
            if number in account.open_conditionals and not item.close_position:
                resize(world, account, item, order.filled_qty)
        return
    request = order.request
    wished = ((request.take_profit, False), (request.stop_loss, True))
    for wish, is_stop in wished:
        if wish is not None and wish.closes_all:
            _replace(world, account, order, is_stop=is_stop)
    ids = tuple(
        wait(world, account, _exit(order, wish, is_stop=is_stop)).conditional_id
        for wish, is_stop in wished
        if wish is not None
    )
    account.exits_of[order.order_id] = ids
    account.exits.update(dict.fromkeys(ids, ids))


def _replace(
    world: World, account: AccountState, order: LiveOrder, *, is_stop: bool
) -> None:
    """A position has one take-profit and one stop-loss that close all of it."""
    for number in account.exits:
        item = account.conditionals[number]
        if (
            number in account.open_conditionals
            and item.close_position
            and item.symbol == order.request.symbol
            and item.position_side is order.request.position_side
            and (item.type is ConditionalType.STOP_MARKET) is is_stop
        ):
            cancel_conditional(world, account, item, ConditionalStatus.EXPIRED)


def _exit(order: LiveOrder, wish: Exit, *, is_stop: bool) -> NewConditional:
    if is_stop:
        kinds = (ConditionalType.STOP_MARKET, ConditionalType.STOP)
    else:
        kinds = (ConditionalType.TAKE_PROFIT_MARKET, ConditionalType.TAKE_PROFIT)
    return NewConditional(
        symbol=order.request.symbol,
        side=order.side.opposite,
        type=kinds[wish.price is not None],
        qty=ZERO if wish.closes_all else order.filled_qty,
        trigger_price=wish.trigger_price,
        price=wish.price,
        profit_price=wish.profit_price,
        time_in_force=TimeInForce.GTC,
        position_side=order.request.position_side,
        reduce_only=not wish.closes_all,
        close_position=wish.closes_all,
        working_type=wish.working_type,
        client_order_id=wish.client_order_id,
        tag=wish.tag,
    )


def _clear(world: World, account: AccountState, symbol: str) -> None:
    """Nothing is left that they could close."""
    for number in list(account.exits):
        item = account.conditionals[number]
        if number not in account.open_conditionals:
            del account.exits[number]
        elif item.symbol == symbol:
            state = world.symbol_state(account, symbol)
            if not state.position(item.position_side).reducible(item.side):
                cancel_conditional(world, account, item, ConditionalStatus.EXPIRED)
