"""The exact signed request of an order, shown instead of sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.model.clock import NS_PER_MS
from connector.model.credentials import Secret
from connector.model.order import OrderIntent

if TYPE_CHECKING:
    from connector.session.opening import Parts
    from connector.session.shell import Shell


def preview(
    shell: Shell, parts: Parts, intent: OrderIntent, at_ms: int | None
) -> dict[str, Any]:
    """Method, URL, headers and body as they would be signed at *at_ms* (UTC epoch
    ms of the venue's clock; None: now). The API key shows as its fingerprint, an
    access token not at all; the signature is shown, it is good for this order and
    this time alone.

    Raises what `submit` would raise.
    """
    core = shell.core
    now = shell.now()
    instrument = core.check(intent, now)
    request = core.dialect.place(intent, core.new_client_order_id(), instrument)
    if at_ms is None:
        at_ms = core.clock.offset.venue_ns_late(now) // NS_PER_MS
    wire = core.dialect.sign(request, parts.signer, parts.endpoints.rest, at_ms)
    key, token = parts.signer.api_key, parts.signer.token or Secret("")
    return {
        "method": wire.method,
        "url": wire.url,
        "headers": {
            name: key.redact_from(token.redact_from(value))
            for name, value in wire.headers
        },
        "body": wire.body.decode(),
        "deadline_ms": wire.deadline_ms,
        "client_order_id": request.client_order_id,
        "cost": dict(request.cost),
    }
