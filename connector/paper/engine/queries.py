"""Reading: what a face needs to answer questions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from connector.paper.engine.state import AccountState, LiveOrder, World
from connector.paper.types import (
    ZERO,
    Amendment,
    Conditional,
    Depth,
    Fill,
    Income,
    Order,
    PublicTrade,
    Quote,
    Refusal,
)
from connector.paper.words import IncomeType, OrderKind, Reason, Side

_FAR = 1 << 62


def _window(start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    """Both bounds, inclusive."""
    return (
        -_FAR if start_ms is None else start_ms,
        _FAR if end_ms is None else end_ms,
    )


def _page(found: list[Order], *, limit: int, is_forward: bool) -> list[Order]:
    return found[:limit] if is_forward else found[-limit:]


def orders(
    account: AccountState,
    *,
    symbol: str | None,
    from_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Order]:
    """Orders by creation time or id, oldest first.

    With *from_id* or *start_ms* the page begins there; otherwise it is the newest.
    """
    first, last = _window(start_ms, end_ms)
    begin = bisect_left(account.orders, from_id or 0, key=lambda item: item.order_id)
    matching = (
        item
        for item in islice(account.orders, begin, None)
        if (symbol is None or item.request.symbol == symbol)
        and first <= item.created_ms <= last
    )
    if from_id is not None or start_ms is not None:
        return [item.snapshot() for item in islice(matching, limit)]
    return [item.snapshot() for item in list(matching)[-limit:]]


def fills(
    account: AccountState,
    *,
    symbol: str | None,
    order_id: int | None,
    from_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Fill]:
    """Fills oldest first; *from_id* is inclusive and per symbol."""
    first, last = _window(start_ms, end_ms)
    source = account.fills
    if symbol is not None:
        source = account.fills_by_symbol.get(symbol, [])
    begin = bisect_left(source, first, key=lambda item: item.time_ms)
    matching = (
        item
        for item in islice(source, begin, None)
        if item.time_ms <= last
        and (from_id is None or item.trade_id >= from_id)
        and (order_id is None or item.order_id == order_id)
    )
    if from_id is not None or start_ms is not None:
        return list(islice(matching, limit))
    return list(matching)[-limit:]


def income(
    account: AccountState,
    *,
    symbol: str | None,
    kind: IncomeType | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Income]:
    """Wallet entries, oldest first; without *start_ms* the newest."""
    first, last = _window(start_ms, end_ms)
    begin = bisect_left(account.income, first, key=lambda item: item.time_ms)
    matching = (
        item
        for item in islice(account.income, begin, None)
        if item.time_ms <= last
        and (symbol is None or item.symbol == symbol)
        and (kind is None or item.type is kind)
    )
    if start_ms is not None:
        return list(islice(matching, limit))
    return list(matching)[-limit:]


def forced_orders(
    account: AccountState,
    *,
    symbol: str | None,
    kind: OrderKind | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Order]:
    """Orders the venue made (liquidation, ADL, settlement), oldest first."""
    first, last = _window(start_ms, end_ms)
    found = [
        item.snapshot()
        for item in account.forced
        if first <= item.created_ms <= last
        and (symbol is None or item.request.symbol == symbol)
        and (kind is None or item.kind is kind)
    ]
    return _page(found, limit=limit, is_forward=start_ms is not None)


def amendments(
    account: AccountState,
    symbol: str,
    *,
    order_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Amendment]:
    """Amendments, newest first."""
    first, last = _window(start_ms, end_ms)
    matching = (
        item
        for item in reversed(account.amendments)
        if item.symbol == symbol
        and first <= item.time_ms <= last
        and (order_id is None or item.order_id == order_id)
    )
    return list(islice(matching, limit))


def conditionals(
    account: AccountState,
    *,
    symbol: str | None,
    from_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Conditional]:
    """Conditional orders by creation, oldest first."""
    first, last = _window(start_ms, end_ms)
    found = [
        item
        for number, item in account.conditionals.items()
        if number >= (from_id or 0)
        and first <= item.created_ms <= last
        and (symbol is None or item.symbol == symbol)
    ]
    if from_id is not None or start_ms is not None:
        return found[:limit]
    return found[-limit:]


def snapshots(items: Iterable[LiveOrder]) -> list[Order]:
    """Frozen copies."""
    return [item.snapshot() for item in items]


# public --------------------------------------------------------------------
def _merged(world: World, symbol: str, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
    """Price levels of accounts and house, best first."""
    levels = (
        (level.price, level.qty) for level in world.books[symbol].side(side).levels()
    )
    quotes = iter(list(world.markets[symbol].ladder(side)))
    own, house = next(levels, None), next(quotes, None)
    while own is not None or house is not None:
        if own is not None and house is not None and own[0] == house[0]:
            yield own[0], own[1] + house[1]
            own, house = next(levels, None), next(quotes, None)
        elif house is None or (own is not None and (own[0] - house[0]) * side.sign > 0):
            assert own is not None
            yield own
            own = next(levels, None)
        else:
            yield house
            house = next(quotes, None)


def depth(world: World, symbol: str, limit: int) -> Depth:
    """The best *limit* levels of both sides."""
    return Depth(
        symbol=symbol,
        bids=tuple(islice(_merged(world, symbol, Side.BUY), limit)),
        asks=tuple(islice(_merged(world, symbol, Side.SELL), limit)),
        update_id=world.books[symbol].update_id + world.markets[symbol].update_id,
        time_ms=world.now_ms,
    )


def quote(world: World, symbol: str) -> Quote:
    """Prices of now; a best price is 0 when that side is empty."""
    market = world.markets[symbol]
    bid = next(_merged(world, symbol, Side.BUY), (ZERO, ZERO))
    ask = next(_merged(world, symbol, Side.SELL), (ZERO, ZERO))
    return Quote(
        symbol=symbol,
        mark=market.mark,
        index=market.index,
        last=market.last,
        best_bid=bid[0],
        best_bid_qty=bid[1],
        best_ask=ask[0],
        best_ask_qty=ask[1],
        funding_rate=market.funding_rate,
        next_funding_ms=world.next_funding[symbol],
        time_ms=world.now_ms,
    )


def public_trades(world: World, symbol: str, limit: int) -> list[PublicTrade]:
    """The newest *limit* trades (of at most 1000 kept), oldest first."""
    rows = list(world.public_trades[symbol])[-limit:] if limit > 0 else []
    return [
        PublicTrade(
            symbol=symbol,
            trade_id=trade_id,
            price=price,
            qty=qty,
            taker_side=side,
            time_ms=time_ms,
        )
        for trade_id, price, qty, side, time_ms in rows
    ]


def match_price(world: World, symbol: str, side: Side, mode: str) -> Decimal | Refusal:
    """Limit price of a price-match mode: OPPONENT, QUEUE, or either with _<n>.

    OPPONENT_5 is the fifth level of the other side, QUEUE_5 of one's own; when
    the book is thinner, its last level.
    """
    name, _, level = mode.partition("_")
    if name not in ("OPPONENT", "QUEUE") or (level and not level.isdigit()):
        return Refusal(reason=Reason.BAD_PARAMETER, detail=mode)
    wanted = side.opposite if name == "OPPONENT" else side
    levels = list(islice(_merged(world, symbol, wanted), int(level or 1)))
    if not levels:
        return Refusal(reason=Reason.NO_LIQUIDITY, detail=mode)
    return levels[-1][0]
