"""Questions: calls that change nothing, so that they can always be asked again."""

from __future__ import annotations

from collections.abc import Mapping

from connector.dialect import FillCursor
from connector.dialect.wire import Host, Request, Security
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Cost, Priority

Params = tuple[tuple[str, str], ...]


def begin_of(cursor: FillCursor, now_ms: int, retention_s: int) -> int:
    """From when on executions are asked for: not before the venue keeps them."""
    known = cursor.venue_ms if cursor.trade_id is not None else cursor.since_ms
    return max(0, min(known, now_ms), now_ms - retention_s * 1000)


def question(
    op: str,
    path: str,
    cost: Cost,
    params: Params = (),
    *,
    is_public: bool = False,
    security: Security = Security.SIGNED,
    host: Host = Host.REST,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
    context: Mapping[str, str] | None = None,
) -> Request:
    """One GET; *is_public*: what the whole market may know needs no signature."""
    return Request(
        op=op,
        method="GET",
        path=path,
        params=params,
        security=Security.NONE if is_public else security,
        host=host,
        cost=cost,
        priority=Priority.RECONCILE,
        symbol=symbol,
        client_order_id=client_order_id,
        context=context or {},
    )
