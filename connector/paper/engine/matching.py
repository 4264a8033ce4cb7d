"""Price-time priority: an incoming order against the book and the house.

The best price trades first; at one price accounts come before the house (whose
quotes are always the newest), and accounts in the order they came. A trade is at
the price of the order that rested.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.engine.book import Level
from connector.paper.engine.booking import (
    book_fill,
    book_house,
    end_order,
    tell_order,
)
from connector.paper.engine.state import AccountState, LiveOrder, World
from connector.paper.types import ZERO
from connector.paper.words import (
    EndReason,
    ExecKind,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)


def accepts(side: Side, bound: Decimal, price: Decimal) -> bool:
    """True when an order on *side* that goes to *bound* takes *price*."""
    return price <= bound if side is Side.BUY else price >= bound


def price_bound(world: World, symbol: str, side: Side, price: Decimal) -> Decimal:
    """Worst price of an order: its limit, or for market orders off the mark."""
    if price:
        return price
    bound = world.instruments[symbol].market_take_bound
    return world.markets[symbol].mark * (1 + side.sign * bound)


def best_price(world: World, symbol: str, side: Side) -> Decimal | None:
    """Best resting price on *side*, house included."""
    level = world.books[symbol].side(side).best()
    ladder = world.markets[symbol].ladder(side)
    if level is None:
        return ladder[0][0] if ladder else None
    if not ladder or not accepts(side.opposite, level.price, ladder[0][0]):
        return level.price
    return ladder[0][0]


def would_cross(world: World, symbol: str, side: Side, price: Decimal) -> bool:
    """True when a limit at *price* would trade at once."""
    best = best_price(world, symbol, side.opposite)
    return best is not None and accepts(side, price, best)


def _next_offer(
    world: World, symbol: str, side: Side, bound: Decimal
) -> tuple[Level | None, Decimal, Decimal] | None:
    """(level or None for the house, price, quantity) that trades next."""
    level = world.books[symbol].side(side.opposite).best()
    ladder = world.markets[symbol].ladder(side.opposite)
    if level is not None and (not ladder or accepts(side, ladder[0][0], level.price)):
        if not accepts(side, bound, level.price):
            return None
        return level, level.price, level.qty
    if not ladder or not accepts(side, bound, ladder[0][0]):
        return None
    return None, ladder[0][0], ladder[0][1]


def match(world: World, account: AccountState, taker: LiveOrder) -> None:
    """Trade *taker* until it is full, ended, or finds nothing it accepts."""
    request = taker.request
    symbol, side = request.symbol, taker.side
    bound = price_bound(world, symbol, side, taker.price)
    position = world.symbol_state(account, symbol).position(request.position_side)
    while taker.status.is_open and taker.remaining:
        wanted = taker.remaining
        if taker.is_reducing:
            wanted = min(wanted, position.reducible(side))
        offer = _next_offer(world, symbol, side, bound) if wanted else None
        if offer is None:
            return
        level, price, offered = offer
        if level is None:
            qty = min(wanted, offered)
            world.markets[symbol].take(side.opposite, qty)
            trade(world, symbol, side, qty, price, taker=(account, taker))
            continue
        maker = level.first()
        if maker.account_id == taker.account_id and (
            request.stp is not SelfTradePrevention.NONE
        ):
            prevent(world, account, taker, maker)
            continue
        qty = min(wanted, maker.remaining)
        owner = world.accounts[maker.account_id]
        trade(
            world,
            symbol,
            side,
            qty,
            price,
            taker=(account, taker),
            maker=(owner, maker),
        )


def prevent(
    world: World, account: AccountState, taker: LiveOrder, maker: LiveOrder
) -> None:
    """Expire whom the taker's self-trade prevention names."""
    stp = taker.request.stp
    if stp is not SelfTradePrevention.EXPIRE_TAKER:
        end_order(world, account, maker, OrderStatus.EXPIRED, EndReason.SELF_TRADE)
    if stp is not SelfTradePrevention.EXPIRE_MAKER:
        is_ioc = taker.request.time_in_force is TimeInForce.IOC
        reason = EndReason.IOC_SELF_TRADE if is_ioc else EndReason.SELF_TRADE
        end_order(world, account, taker, OrderStatus.EXPIRED, reason)


def trade(
    world: World,
    symbol: str,
    taker_side: Side,
    qty: Decimal,
    price: Decimal,
    *,
    taker: tuple[AccountState, LiveOrder] | None = None,
    maker: tuple[AccountState, LiveOrder] | None = None,
) -> None:
    """Do one trade; a side that is None is the house."""
    trade_id = world.new_trade_id(symbol)
    for party, side, is_maker in (
        (maker, taker_side.opposite, True),
        (taker, taker_side, False),
    ):
        if party is None:
            book_house(
                world, symbol, side, qty, price, trade_id=trade_id, is_maker=is_maker
            )
            continue
        account, order = party
        book_fill(
            world, account, order, qty, price, trade_id=trade_id, is_maker=is_maker
        )
    market = world.markets[symbol]
    market.last = price
    world.books[symbol].update_id += 1
    world.public_trades[symbol].append((trade_id, price, qty, taker_side, world.now_ms))
    for party in (maker, taker):
        if party is not None:
            rebalance(world, party[0], symbol)


def fillable(world: World, account: AccountState, taker: LiveOrder) -> Decimal:
    """Quantity *taker* would find at once, at most what it wants.

    Own orders that self-trade prevention would expire do not count; behind one
    that would end the taker, nothing does.
    """
    symbol, side, stp = taker.request.symbol, taker.side, taker.request.stp
    bound = price_bound(world, symbol, side, taker.price)
    found = ZERO
    stop: Decimal | None = None
    for level in world.books[symbol].side(side.opposite).levels():
        if not accepts(side, bound, level.price) or found >= taker.remaining:
            break
        for order in level.orders.values():
            is_own = order.account_id == account.account_id
            if is_own and stp is not SelfTradePrevention.NONE:
                if stp is not SelfTradePrevention.EXPIRE_MAKER:
                    stop = level.price
                    break
                continue
            found += order.remaining
        if stop is not None:
            break
    for price, qty in world.markets[symbol].ladder(side.opposite):
        if not accepts(side, bound, price) or found >= taker.remaining:
            break
        if stop is not None and (price == stop or not accepts(side, stop, price)):
            break
        found += qty
    found = min(found, taker.remaining)
    if taker.is_reducing:
        state = world.symbol_state(account, symbol)
        position = state.position(taker.request.position_side)
        found = min(found, position.reducible(side))
    return found


def execute(world: World, account: AccountState, order: LiveOrder) -> None:
    """Match an accepted order; what may not rest expires, the caller rests the rest."""
    request = order.request
    lifetime = request.time_in_force
    if lifetime is TimeInForce.POST_ONLY and would_cross(
        world, request.symbol, order.side, order.price
    ):
        end_order(world, account, order, OrderStatus.EXPIRED, EndReason.POST_ONLY)
        return
    if lifetime is TimeInForce.FOK and (
        fillable(world, account, order) < order.remaining
    ):
        end_order(world, account, order, OrderStatus.EXPIRED, EndReason.IOC)
        return
    match(world, account, order)
    if not order.status.is_open:
        return
    reason = EndReason.NONE
    if request.type is OrderType.MARKET:
        reason = EndReason.NO_LIQUIDITY
    elif lifetime in (TimeInForce.IOC, TimeInForce.FOK):
        reason = EndReason.IOC
    if reason is EndReason.NONE:
        return
    state = world.symbol_state(account, request.symbol)
    position = state.position(request.position_side)
    if order.is_reducing and not position.reducible(order.side):
        reason = EndReason.REDUCE_ONLY
    end_order(world, account, order, OrderStatus.EXPIRED, reason)


# reduce-only ---------------------------------------------------------------
def rebalance(world: World, account: AccountState, symbol: str) -> None:
    """Keep resting reducing orders within the position they reduce.

    The ones that would trade first stay; the one on the edge is shrunk, the ones
    behind it expire.
    """
    state = world.symbol_state(account, symbol)
    for (position_side, side), resting in list(state.reducing_qty.items()):
        left = state.position(position_side).reducible(side)
        if resting <= left:
            continue
        orders = sorted(
            state.reducing[position_side, side].values(),
            key=lambda order: -order.price * order.side.sign,
        )
        for order in orders:
            if order.remaining <= left:
                left -= order.remaining
            elif left:
                shrink(world, account, order, order.remaining - left)
                left = ZERO
            else:
                end_order(
                    world, account, order, OrderStatus.EXPIRED, EndReason.REDUCE_ONLY
                )


def shrink(
    world: World,
    account: AccountState,
    order: LiveOrder,
    excess: Decimal,
    *,
    tag: str = "",
) -> None:
    """Make a resting order smaller, its place in the queue kept."""
    request = order.request
    state = world.symbol_state(account, request.symbol)
    world.books[request.symbol].side(order.side).reduce(order, excess)
    if order.is_reducing:
        state.reducing_qty[request.position_side, order.side] -= excess
    order.qty -= excess
    state.recount(order)
    world.books[request.symbol].update_id += 1
    tell_order(world, account, order, ExecKind.AMENDMENT, tag=tag)


# the house moves -----------------------------------------------------------
def cross_house(world: World, symbol: str) -> None:
    """Let house quotes that moved over resting orders trade with them."""
    book, market = world.books[symbol], world.markets[symbol]
    for side in Side:
        while (level := book.side(side).best()) is not None:
            if not accepts(side, level.price, market.best(side.opposite)):
                break
            ladder = market.ladder(side.opposite)
            if not ladder or not accepts(side, level.price, ladder[0][0]):
                break
            order = level.first()
            qty = min(order.remaining, ladder[0][1])
            market.take(side.opposite, qty)
            owner = world.accounts[order.account_id]
            trade(world, symbol, side.opposite, qty, level.price, maker=(owner, order))


def trade_through(world: World, symbol: str, price: Decimal) -> None:
    """Fill every resting order that *price* reaches, completely, by the house."""
    book = world.books[symbol]
    for side in Side:
        while (level := book.side(side).best()) is not None:
            if not accepts(side, level.price, price):
                break
            order = level.first()
            owner = world.accounts[order.account_id]
            trade(
                world,
                symbol,
                side.opposite,
                order.remaining,
                level.price,
                maker=(owner, order),
            )
    world.markets[symbol].last = price
