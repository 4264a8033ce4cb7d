"""Answers of a venue in trouble, by name, for faults.

Source: Bybit v5 docs, "Error Codes", "Rate Limit Rules" and the order entry
guideline, read 2026-11; the body of the 403 page beyond its phrase is not published.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.paper.faces import Reply
from connector.paper.faces.bybit_v5.apierrors import TEXTS, dump, envelope


def _coded(code: int, text: str = "") -> Reply:
    body = envelope({}, 0, code=code, text=text or TEXTS[code])
    del body["time"]
    return Reply(status=200, body=dump(body).encode())


def _page(status: int, text: str) -> Reply:
    return Reply(status=status, body=text.encode(), content_type="text/html")


PRESETS: Mapping[str, Reply] = {
    "server_timeout": _coded(10000, "Server Timeout"),
    "server_error": _coded(10016),
    "duplicate_request": _coded(10014, "Invalid duplicate request."),
    "system_protection": _coded(10429, "System level frequency protection"),
    "restarting": _coded(
        10019, "ws trade service is restarting, do not accept new request"
    ),
    "too_many_visits": _coded(10006),
    "too_many_requests": Reply(status=429, body=b""),
    "bad_gateway": _page(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "service_unavailable": _page(503, "<html><body>503</body></html>"),
    "gateway_timeout": _page(504, "<html><body>504</body></html>"),
    "forbidden": _page(403, "<html><body>Request blocked.</body></html>"),
    "too_frequent": _page(403, "403, access too frequent"),
    "truncated_json": Reply(status=200, body=b'{"retCode":0,"retMsg":"OK","res'),
}
