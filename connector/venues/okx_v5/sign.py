"""Signing, and the bytes that are sent.

REST signs ``timestamp + METHOD + path and query + body`` with HMAC-SHA256, as
base64; the timestamp is ISO-8601 with milliseconds and the query is signed as it
is sent. The login of a socket signs ``seconds + GET/users/self/verify``; frames
after it carry no signature. The venue refuses a REST call 30 s after its timestamp,
and an order after ``expTime`` (a header, or a field of the frame).

Source: "Overview", REST and WebSocket authentication, and "expTime" of the API v5
documentation, read 2026-11. There is no other kind of key.
"""

from __future__ import annotations

from connector.dialect.wire import (
    FrameWire,
    HttpWire,
    Request,
    Security,
    Send,
    SigningKey,
)
from connector.errors import Unsupported
from connector.model.clock import iso_text
from connector.model.credentials import KeyKind
from connector.venues.base import passphrase_of
from connector.venues.json_commands import (
    body_of,
    deadline_of,
    http_wire,
    query_of,
)
from connector.venues.json_rows import compact
from connector.venues.okx_v5 import words

LOGIN = "login"
ACCEPTANCE_MS = 30_000
"""A REST call is refused when its timestamp is older."""

_VERIFY = "GET/users/self/verify"


def signature(signer: SigningKey, payload: str) -> str:
    """Unsupported for kinds of key the venue does not have."""
    if signer.kind is not KeyKind.HMAC:
        raise Unsupported(words.VENUE, f"{signer.kind.value} keys", "use HMAC")
    return signer.sign_base64(payload.encode("utf-8"))


def sign(
    request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
) -> HttpWire:
    """*request* at venue time *venue_ms*; the query is signed as it is sent."""
    query, body = query_of(request), body_of(request)
    if request.security is Security.NONE:
        return http_wire(request, base_url, query, body)
    assert signer is not None, f"{request.op} needs a key"
    stamp = iso_text(venue_ms)
    target = f"{request.path}?{query}" if query else request.path
    payload = f"{stamp}{request.method}{target}{body}"
    headers = [
        ("OK-ACCESS-KEY", signer.api_key.reveal()),
        ("OK-ACCESS-SIGN", signature(signer, payload)),
        ("OK-ACCESS-TIMESTAMP", stamp),
        ("OK-ACCESS-PASSPHRASE", passphrase_of(signer)),
    ]
    deadline_ms = deadline_of(request, venue_ms)
    if request.window_ms is not None and request.window_ms < ACCEPTANCE_MS:
        headers.append(("expTime", str(deadline_ms)))
    return http_wire(request, base_url, query, body, headers, deadline_ms)


def sign_request_frame(
    request: Request, signer: SigningKey, frame_id: str, venue_ms: int
) -> FrameWire:
    """The same command as a frame, where instruments are numbers (`instIdCode`)."""
    if not request.frame_method:
        raise Unsupported(words.VENUE, f"{request.op} over WebSocket", "use REST")
    rows = request.body if isinstance(request.body, list) else [request.body]
    numbers = request.context["codes"].split()
    args = [
        {"instIdCode": int(number)} | {k: v for k, v in row.items() if k != "instId"}
        for number, row in zip(numbers, rows, strict=True)
    ]
    frame: dict[str, object] = {"id": frame_id, "op": request.frame_method}
    if deadline_ms := deadline_of(request, venue_ms):
        frame["expTime"] = str(deadline_ms)
    frame["args"] = args
    return FrameWire(text=compact(frame), frame_id=frame_id, deadline_ms=deadline_ms)


def sign_frame(step: Send, signer: SigningKey, venue_ms: int) -> str:
    """The login of a socket; its time is in seconds."""
    assert step.sign == LOGIN, step.sign
    seconds = str(venue_ms // 1000)
    args = {
        "apiKey": signer.api_key.reveal(),
        "passphrase": passphrase_of(signer),
        "timestamp": seconds,
        "sign": signature(signer, seconds + _VERIFY),
    }
    return compact({"op": "login", "args": [args]})
