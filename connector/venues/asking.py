"""Questions: calls that change nothing, so that they can always be asked again."""

from __future__ import annotations

from collections.abc import Mapping

from connector.dialect.wire import Host, Request, Security
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Cost, Priority

Params = tuple[tuple[str, str], ...]


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
