"""Answers of a venue in trouble, by name, for faults.

Texts: Binance USDⓈ-M docs, "General Info" (HTTP return codes, 503) and "Error
Codes", read 2026-11; the numeric codes beside the 503 texts are not published, so
a client must tell them apart by text. HTML is what gateways answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.paper.faces import Reply

PRESETS: Mapping[str, Reply] = {
    "unknown_error": Reply(
        status=503,
        body=b'{"code":-1000,"msg":"Unknown error, please check your request or '
        b'try again later."}',
    ),
    "service_unavailable": Reply(
        status=503, body=b'{"code":-1000,"msg":"Service Unavailable."}'
    ),
    "internal_error": Reply(
        status=503,
        body=b'{"code":-1001,"msg":"Internal error; unable to process your request. '
        b'Please try again."}',
    ),
    "throttled": Reply(
        status=503,
        body=b'{"code":-1008,"msg":"Request throttled by system-level protection. '
        b'Reduce-only/close-position orders are exempt. Please try again."}',
    ),
    "timeout": Reply(
        status=408,
        body=b'{"code":-1007,"msg":"Timeout waiting for response from backend '
        b'server. Send status unknown; execution status unknown."}',
    ),
    "bad_gateway": Reply(
        status=502,
        body=b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        content_type="text/html",
    ),
    "forbidden": Reply(
        status=403,
        body=b"<html><body>Request blocked.</body></html>",
        content_type="text/html",
    ),
    "truncated_json": Reply(status=200, body=b'{"orderId":7155500'),
    "too_many_requests": Reply(
        status=429,
        body=b'{"code":-1003,"msg":"Too many requests; current limit is 2400 requests '
        b"per minute. Please use the websocket for live updates to avoid polling the "
        b'API."}',
        headers=(("Retry-After", "7"),),
    ),
    "banned": Reply(
        status=418,
        body=b'{"code":-1003,"msg":"Way too many requests; IP banned until '
        b'4102444800000. Please use the websocket for live updates to avoid bans."}',
        headers=(("Retry-After", "120"),),
    ),
}
