"""Signing: the exact bytes that are sent, for REST and for the WebSocket API.

REST: parameters percent-encoded (UTF-8) first, `recvWindow` and `timestamp` added,
those bytes signed, `signature` last; a query string for GET and DELETE, a form
body for POST and PUT, never both, because nothing stands between the two when
they are signed together. WebSocket API: parameters sorted by name, raw UTF-8, not
encoded; integers travel as JSON integers, everything else as text.

The venue accepts a request while serverTime - timestamp <= recvWindow: that sum
is its deadline.

Source: "General Info", SIGNED endpoint security, and "WebSocket API General Info",
request security; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

import msgspec

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
from connector.venues.binance_usdm import words

QUERY_WINDOW_MS = 5000
"""`recvWindow` of calls that change nothing."""

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_BODY_METHODS = frozenset(("POST", "PUT"))
_INTEGERS = frozenset(["algoId", "goodTillDate", "orderId", "recvWindow", "timestamp"])

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=&"
"""What percent-encoding leaves as it is, and the signs that are put in here."""

Pairs = tuple[tuple[str, str], ...]

_to_json = msgspec.json.Encoder().encode


def encode(params: Sequence[tuple[str, str]]) -> str:
    """Percent-encoded UTF-8, joined with `&`, in the given order."""
    text = "&".join(map("=".join, params))
    # Nearly always there is nothing to encode: no sign but the ones put in here.
    if (
        not text.encode().translate(None, _PLAIN)
        and text.count("=") == len(params)
        and text.count("&") < max(1, len(params))
    ):
        return text
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params
    )


def signature(signer: SigningKey, payload: str) -> str:
    """Hexadecimal for HMAC, base64 for the other kinds."""
    raw = payload.encode("utf-8")
    if signer.kind is KeyKind.HMAC:
        return signer.sign_hex(raw)
    return signer.sign_base64(raw)


def sign(
    request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
) -> HttpWire:
    """*request* at venue time *venue_ms*; `signer` None only for public calls."""
    headers: tuple[tuple[str, str], ...] = ()
    deadline_ms = None
    payload = encode(request.params)
    if request.security is not Security.NONE:
        assert signer is not None, f"{request.op} needs a key"
        headers = (("X-MBX-APIKEY", signer.api_key.reveal()),)
    if request.security is Security.SIGNED:
        assert signer is not None
        window_ms = request.window_ms or QUERY_WINDOW_MS
        if request.window_ms is not None:
            deadline_ms = venue_ms + window_ms
        stamp = f"recvWindow={window_ms}&timestamp={venue_ms}"
        payload = f"{payload}&{stamp}" if payload else stamp
        if signer.kind is KeyKind.HMAC:
            signed = signer.sign_hex(payload.encode())
        else:
            signed = quote(signer.sign_base64(payload.encode()), safe="")
        payload = f"{payload}&signature={signed}"
    url = base_url + request.path
    body = b""
    if request.method in _BODY_METHODS:
        body = payload.encode("ascii")
        if body:
            headers += _FORM
    elif payload:
        url = f"{url}?{payload}"
    return HttpWire(request.method, url, headers, body, deadline_ms)


def sign_request_frame(
    request: Request, signer: SigningKey, frame_id: str, venue_ms: int
) -> FrameWire:
    """The same command for the WebSocket API.

    It carries its own key and signature even after `session.logon`: a session
    that the venue has forgotten must not turn into refused orders.
    """
    if not request.frame_method:
        raise Unsupported(words.VENUE, f"{request.op} over WebSocket", "use REST")
    window_ms = request.window_ms or QUERY_WINDOW_MS
    params = (*request.params, *_stamp(window_ms, venue_ms))
    return FrameWire(
        text=_frame(frame_id, request.frame_method, _signed(params, signer)),
        frame_id=frame_id,
        deadline_ms=None if request.window_ms is None else venue_ms + window_ms,
    )


def sign_frame(step: Send, signer: SigningKey, venue_ms: int) -> str:
    """`session.logon`, the only frame that needs the key; it takes Ed25519 keys only.

    Other kinds sign every request, and `session.status` in its place shows that
    the socket is a working one: it is answered in the same way.
    """
    if signer.kind is not KeyKind.ED25519:
        return _frame(step.text, "session.status", None)
    params = _stamp(QUERY_WINDOW_MS, venue_ms)
    return _frame(step.text, "session.logon", _signed(params, signer))


def sorted_payload(params: Iterable[tuple[str, str]]) -> str:
    """What the WebSocket API signs."""
    return "&".join(map("=".join, sorted(params)))


def _stamp(window_ms: int, venue_ms: int) -> Pairs:
    return (("recvWindow", str(window_ms)), ("timestamp", str(venue_ms)))


def _signed(params: Pairs, signer: SigningKey) -> dict[str, str | int]:
    keyed = (*params, ("apiKey", signer.api_key.reveal()))
    typed: dict[str, str | int] = dict(keyed)
    for name in _INTEGERS.intersection(typed):
        typed[name] = int(typed[name])
    typed["signature"] = signature(signer, sorted_payload(keyed))
    return typed


def _frame(frame_id: str, method: str, params: dict[str, str | int] | None) -> str:
    frame: dict[str, object] = {"id": frame_id, "method": method}
    if params is not None:
        frame["params"] = params
    return _to_json(frame).decode()
