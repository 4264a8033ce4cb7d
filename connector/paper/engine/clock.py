"""Letting the venue live: market steps, timers, funding, each at its own time.

Steps are at multiples of ``rules.step_ms``; what is due at the same time goes in
the order timers, settlement, expiry, funding, market. So the result depends on the
time reached, not on how often it was asked for.
"""

from __future__ import annotations

from heapq import heappop

from connector.paper.engine import expiry, forced
from connector.paper.engine.attached import attach_due
from connector.paper.engine.booking import end_order
from connector.paper.engine.matching import cross_house
from connector.paper.engine.orders import cancel
from connector.paper.engine.state import AccountState, Timer, World, next_multiple
from connector.paper.engine.triggers import fire_due
from connector.paper.types import MarkEvent
from connector.paper.words import EndReason, OrderStatus, Side


def advance(world: World, now_ms: int) -> None:
    """Do everything due up to and including *now_ms*; going back is ignored."""
    while True:
        due = _next_due(world)
        if due > now_ms:
            break
        world.now_ms = max(world.now_ms, due)
        while world.timers and world.timers[0].due_ms <= due:
            _ring(world, heappop(world.timers))
        settles_ms = expiry.next_settlement_ms(world)
        if settles_ms is not None and settles_ms <= due:
            expiry.settle_day(world)
        expiry.expire_due(world)
        for symbol, at_ms in world.next_funding.items():
            if at_ms <= due:
                _fund(world, symbol)
        if world.next_step_ms <= due:
            _step(world)
    world.now_ms = max(world.now_ms, now_ms)
    period = world.rules.mark_event_ms
    if world.now_ms // period != world.marked_ms // period:
        world.marked_ms = world.now_ms
        for symbol in world.instruments:
            tell_mark(world, symbol)


def next_timer_ms(world: World) -> int:
    """When something is due next."""
    return _next_due(world)


def _next_due(world: World) -> int:
    """Time of the next step, timer or funding; frozen markets have no steps."""
    others = (expiry.next_settlement_ms(world), expiry.next_expiry_ms(world))
    planned = [*world.next_funding.values(), *(t for t in others if t is not None)]
    due = min(planned)
    if world.timers:
        due = min(due, world.timers[0].due_ms)
    if all(market.is_frozen for market in world.markets.values()):
        return due
    return min(due, world.next_step_ms)


def _step(world: World) -> None:
    step_ms = world.rules.step_ms
    step = world.next_step_ms // step_ms
    world.next_step_ms += step_ms
    for symbol, market in world.markets.items():
        if market.is_frozen or symbol in world.delisted:
            continue
        market.walk(step)
        expiry.reprice(world, symbol)
        if market.liquidity:
            _print_trade(world, symbol)
        react(world, symbol)


def _print_trade(world: World, symbol: str) -> None:
    """Others trade among themselves at the house's best price."""
    market = world.markets[symbol]
    bid = market.best(Side.BUY)
    side = Side.SELL if market.last == bid else Side.BUY
    row = (
        world.new_trade_id(symbol),
        market.last,
        market.instrument.min_qty,
        side,
        world.now_ms,
    )
    world.public_trades[symbol].append(row)


def react(world: World, symbol: str) -> None:
    """After prices of *symbol* moved: fills, triggers, liquidations, in this order."""
    cross_house(world, symbol)
    settle(world, symbol)


def settle(world: World, symbol: str) -> None:
    """After trades in *symbol*: triggers, then liquidations and what they trigger."""
    _trigger(world, symbol)
    forced.check_symbol(world, symbol)
    _trigger(world, symbol)


def _trigger(world: World, symbol: str) -> None:
    """What triggers may open what has exits, and close what other exits wait for."""
    attach_due(world, symbol)
    while fire_due(world, symbol):
        attach_due(world, symbol)


def tell_mark(world: World, symbol: str) -> None:
    """Remember the newest prices of *symbol* for the next drain."""
    market = world.markets[symbol]
    world.mark_events[symbol] = MarkEvent(
        time_ms=world.now_ms,
        symbol=symbol,
        mark=market.mark,
        index=market.index,
        funding_rate=market.funding_rate,
        next_funding_ms=world.next_funding[symbol],
    )


def _fund(world: World, symbol: str) -> None:
    interval = world.instruments[symbol].funding_interval_ms
    world.next_funding[symbol] = next_multiple(world.now_ms, interval)
    is_funded = not world.instruments[symbol].expiry_ms
    if symbol not in world.delisted and is_funded:
        forced.settle_funding(world, symbol, world.markets[symbol].funding_rate)


def _ring(world: World, timer: Timer) -> None:
    account = world.accounts[timer.account_id]
    if timer.kind == "order":
        assert isinstance(timer.key, int), "order timers carry an order id"
        order = account.orders_by_id[timer.key]
        if order.status.is_open:
            end_order(world, account, order, OrderStatus.EXPIRED, EndReason.GTD)
        return
    assert not isinstance(timer.key, int), "countdown timers carry a symbol or None"
    if account.countdowns.get(timer.key) == timer.due_ms:
        del account.countdowns[timer.key]
        cancel_all(world, account, timer.key, EndReason.COUNTDOWN)


def cancel_all(
    world: World, account: AccountState, symbol: str | None, reason: EndReason
) -> list[int]:
    """Cancel the open orders of *symbol* (None: all); returns their ids."""
    if symbol is None:
        found = list(account.open_orders.values())
    else:
        state = account.symbols.get(symbol)
        found = list(state.orders.values()) if state is not None else []
    for order in found:
        cancel(world, account, order, reason)
    return [order.order_id for order in found]
