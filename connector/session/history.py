"""Questions of the user to the venue, every page of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from connector.core.machine import SessionCore
from connector.core.orders import fill_of_fact
from connector.dialect import FillCursor, Part
from connector.dialect.facts import Fact, FillFact, LedgerFact
from connector.dialect.wire import Reply, Request
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import Fill, Origin

Asker = Callable[[Sequence[Request]], Awaitable[tuple[Reply, ...]]]


async def fills_since(
    core: SessionCore, symbols: Sequence[Symbol], since_ms: int, now_ms: int, ask: Asker
) -> list[Fill]:
    """Fills of *symbols* since then, every page, oldest first."""
    requests = [
        request
        for symbol in symbols
        for request in core.dialect.query_fills(
            FillCursor(
                symbol=symbol, trade_id=None, venue_ms=since_ms, since_ms=since_ms
            ),
            now_ms=now_ms,
        )
    ]
    found: dict[tuple[str, str, str], Fill] = {}
    async for fact in _facts(requests, ask):
        if isinstance(fact, FillFact):
            key = (fact.symbol, fact.venue_order_id, fact.trade_id)
            found[key] = _fill_of(core, fact)
    return sorted(found.values(), key=lambda fill: fill.venue_ns)


async def traded_symbols(
    core: SessionCore, since_ms: int, now_ms: int, ask: Asker
) -> list[Symbol]:
    """Instruments with an order or a position here, or an entry of the venue's ledger
    since then (an account that is flat again has traded all the same)."""
    symbols = {tracked.symbol for tracked in core.orders.all()}
    symbols.update(symbol for symbol, _ in core.account.position_keys())
    requests = _query(core, Part.LEDGER, symbols, since_ms, now_ms)
    async for fact in _facts(requests, ask):
        if isinstance(fact, LedgerFact) and fact.symbol is not None:
            symbols.add(fact.symbol)
    return sorted(symbols)


async def learn_open_orders(core: SessionCore, now_ms: int, ask: Asker) -> None:
    """Ask for all open orders, as urgently as a cancel; *ask* keeps the answers."""
    requests = _query(core, Part.OPEN_ORDERS, core.orders.open_symbols(), 0, now_ms)
    urgent = [replace(request, priority=Priority.CANCEL) for request in requests]
    async for _ in _facts(urgent, ask):
        pass


def _query(
    core: SessionCore, part: Part, symbols: Iterable[Symbol], since_ms: int, now_ms: int
) -> list[Request]:
    return list(
        core.dialect.query(
            part,
            symbols=sorted(symbols),
            assets=core.account.assets(),
            since_ms=since_ms,
            now_ms=now_ms,
        )
    )


async def _facts(requests: Sequence[Request], ask: Asker) -> AsyncIterator[Fact]:
    """Every page of what is asked for."""
    while requests:
        replies = await ask(requests)
        requests = [r.next_request for r in replies if r.next_request is not None]
        for reply in replies:
            for fact in reply.facts:
                yield fact


def _fill_of(core: SessionCore, fact: FillFact) -> Fill:
    tracked = core.orders.find(fact.symbol, fact.venue_order_id)
    if tracked is not None:
        return fill_of_fact(
            fact, tracked.client_order_id, tracked.origin, tracked.position_side
        )
    name = fact.client_order_id or ClientOrderId("")
    return fill_of_fact(fact, name, Origin.EXTERNAL)
