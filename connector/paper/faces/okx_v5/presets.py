"""Answers of a venue in trouble, by name, for faults.

Source: OKX API v5 docs, "Error Code" and "Rate Limits", read 2026-11. HTML is what
gateways answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.paper.faces import Reply
from connector.paper.faces.okx_v5.apierrors import TEXTS, failure


def _page(status: int, text: str) -> Reply:
    body = f"<html><body><h1>{status} {text}</h1></body></html>".encode()
    return Reply(status=status, body=body, content_type="text/html")


def _error(status: int, code: int) -> Reply:
    return Reply(status=status, body=failure(code, TEXTS[code]).encode())


PRESETS: Mapping[str, Reply] = {
    # Not executed.
    "too_many_requests": _error(429, 50011),
    "account_limit": _error(200, 50061),
    "order_expired": _error(200, 50037),
    # May have been executed.
    "request_timeout": _error(400, 50004),
    "order_timeout": _error(500, 51149),
    "unavailable": _error(503, 50001),
    "busy": _error(429, 50013),
    "system_error": _error(500, 50026),
    "bad_gateway": _page(502, "Bad Gateway"),
    "forbidden": _page(403, "Forbidden"),
    "truncated_json": Reply(status=200, body=b'{"code":"0","data":[{"ordId":"30179'),
    "empty_list": Reply(status=200, body=b'{"code":"0","data":[],"msg":""}'),
    # The key.
    "invalid_key": _error(401, 50111),
    "invalid_sign": _error(401, 50113),
    "stale_timestamp": _error(401, 50102),
}
