"""The bytes that are sent, and their signatures.

Signed is ``timestamp + api_key + recv_window + X``: X is the query string of a GET
(cursors arrive percent-encoded and go back as they came), the body of a POST, to
the byte. HMAC travels as hexadecimal, RSA as base64; there are no other keys. The
venue accepts while server time - recv_window <= timestamp: that is the deadline.

Source: "Integration Guidance" and "WebSocket Connect" of the v5 documentation,
read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from connector.dialect.wire import (
    FrameWire,
    HttpWire,
    Request,
    Security,
    Send,
    SigningKey,
)
from connector.errors import Unsupported
from connector.model.credentials import KeyKind
from connector.venues.bybit_v5 import words
from connector.venues.json_commands import body_of, deadline_of, http_wire
from connector.venues.json_rows import compact

QUERY_WINDOW_MS = 5000
LOGIN_AHEAD_MS = 10_000
SIGN_PRIVATE, SIGN_TRADE = "private", "trade"
FRAME_MARK = "-"


def encode(params: Iterable[tuple[str, str]]) -> str:
    """A query string in the given order; a cursor is encoded already."""
    return "&".join(
        f"{name}={value if name == 'cursor' else quote(value, safe='')}"
        for name, value in params
    )


def signature(signer: SigningKey, payload: str) -> str:
    """Unsupported for kinds of key the venue does not have."""
    raw = payload.encode("utf-8")
    if signer.kind is KeyKind.HMAC:
        return signer.sign_hex(raw)
    if signer.kind is KeyKind.RSA:
        return signer.sign_base64(raw)
    raise Unsupported(words.VENUE, f"{signer.kind.value} keys", "use HMAC or RSA")


def sign(
    request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
) -> HttpWire:
    """*request* at venue time *venue_ms*; a GET never has a body (403 else)."""
    query, body = encode(request.params), body_of(request)
    if request.security is Security.NONE:
        return http_wire(request, base_url, query, body)
    assert signer is not None, f"{request.op} needs a key"
    key, window_ms = signer.api_key.reveal(), request.window_ms or QUERY_WINDOW_MS
    payload = f"{venue_ms}{key}{window_ms}{query or body}"
    headers = [
        ("X-BAPI-API-KEY", key),
        ("X-BAPI-TIMESTAMP", str(venue_ms)),
        ("X-BAPI-RECV-WINDOW", str(window_ms)),
        ("X-BAPI-SIGN", signature(signer, payload)),
    ]
    deadline_ms = deadline_of(request, venue_ms)
    return http_wire(request, base_url, query, body, headers, deadline_ms)


def sign_request_frame(
    request: Request, signer: SigningKey, frame_id: str, venue_ms: int
) -> FrameWire:
    """The same command for WebSocket order entry, which signs only the login.

    The request id carries the time too: it must never come twice, and our frame
    ids start anew with every process.
    """
    if not request.frame_method:
        raise Unsupported(words.VENUE, f"{request.op} over WebSocket", "use REST")
    window_ms = request.window_ms or QUERY_WINDOW_MS
    frame = {
        "reqId": f"{frame_id}{FRAME_MARK}{venue_ms}",
        "header": {
            "X-BAPI-TIMESTAMP": str(venue_ms),
            "X-BAPI-RECV-WINDOW": str(window_ms),
        },
        "op": request.frame_method,
        "args": [request.body],
    }
    deadline_ms = deadline_of(request, venue_ms)
    return FrameWire(text=compact(frame), frame_id=frame_id, deadline_ms=deadline_ms)


def sign_frame(step: Send, signer: SigningKey, venue_ms: int) -> str:
    """The login of a stream; the two sockets spell its id differently."""
    assert step.sign in (SIGN_PRIVATE, SIGN_TRADE), step.sign
    expires = venue_ms + LOGIN_AHEAD_MS
    made = signature(signer, f"GET/realtime{expires}")
    name = "reqId" if step.sign == SIGN_TRADE else "req_id"
    args = [signer.api_key.reveal(), expires, made]
    return compact({name: step.text, "op": "auth", "args": args})
