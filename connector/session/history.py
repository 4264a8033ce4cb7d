"""Questions about the past, answered by the venue; they change no state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from connector.core.machine import SessionCore
from connector.core.orders import fill_of_fact
from connector.dialect import FillCursor
from connector.dialect.facts import FillFact
from connector.dialect.wire import Reply, Request
from connector.model.ids import ClientOrderId, Symbol
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
    while requests:
        replies = await ask(requests)
        requests = [r.next_request for r in replies if r.next_request is not None]
        for reply in replies:
            for fact in reply.facts:
                if isinstance(fact, FillFact):
                    key = (fact.symbol, fact.venue_order_id, fact.trade_id)
                    found[key] = _fill_of(core, fact)
    return sorted(found.values(), key=lambda fill: fill.venue_ns)


def touched_symbols(core: SessionCore) -> list[Symbol]:
    """Instruments with an order or a position in this session."""
    symbols = {tracked.symbol for tracked in core.orders.all()}
    symbols.update(symbol for symbol, _ in core.account.position_keys())
    return sorted(symbols)


def _fill_of(core: SessionCore, fact: FillFact) -> Fill:
    tracked = core.orders.find(fact.symbol, fact.venue_order_id)
    if tracked is not None:
        return fill_of_fact(
            fact, tracked.client_order_id, tracked.origin, tracked.position_side
        )
    name = fact.client_order_id or ClientOrderId("")
    return fill_of_fact(fact, name, Origin.EXTERNAL)
