"""Signing: headers for HTTP, sign-in for sockets, and the frames between.

A socket signs in once (`public/auth`) and needs no signature after that; HTTP signs
every call, which spends no session. The usual grant is `client_signature`: asymmetric
keys can do nothing else, and no secret is sent. `client_credentials`, which sends it,
is for who asks for it.

    socket   timestamp \\n nonce \\n data
    HTTP     timestamp \\n nonce \\n METHOD \\n path?query \\n body \\n

HMAC signatures travel as lower-case hex, the others as URL-safe base64 without
padding. A nonce serves once within the 60 s a timestamp is good for; the signer
draws it.

Law 3: `valid_until` on every buy, sell and edit is the deadline that the matching
engine enforces (13888 afterwards).

Source: Deribit API, "Authentication" and "JSON-RPC"; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from connector.dialect.wire import FrameWire, HttpWire, Request, Security, SigningKey
from connector.errors import Unsupported
from connector.model.credentials import KeyKind
from connector.venues.deribit import words

SCOPE = "trade:read_write account:read wallet:none"
"""The least that trading needs."""

SETTINGS = {
    "grant": "client_signature|client_credentials",
    "session": "[A-Za-z0-9_-]{1,64}",
    "account": "read|read_write",
}
"""What a key may ask for. *session*: its tokens outlive their socket and serve all of
ours; a key has 16 of them. *account* ``read_write``: cancel-on-disconnect can be
armed; with it one can also read the secrets of the account's other keys."""

_ARMING = ("account:read", "account:read_write")

_SCHEME = "deri-hmac-sha256"
_AS_WRITTEN = frozenset(
    (  # numbers, then what is true or false: neither goes in quotes
        *("amount", "count", "interval", "price", "timestamp", "valid_until"),
        *("start_timestamp", "end_timestamp", "trigger_offset", "trigger_price"),
        *("detailed", "expired", "extended", "historical", "include_unfilled"),
        *("post_only", "reduce_only", "reject_post_only", "with_continuation"),
    )
)
Pairs = tuple[tuple[str, str], ...]


def encode(params: Iterable[tuple[str, str]]) -> str:
    """A query string, percent-encoded UTF-8; what is signed is what is sent."""
    return urlencode(tuple(params), quote_via=quote, safe="")


def signature(signer: SigningKey, payload: str) -> str:
    """In the alphabet of the key's kind."""
    raw = payload.encode("utf-8")
    if signer.kind is KeyKind.HMAC:
        return signer.sign_hex(raw)
    return signer.sign_base64url(raw)


def frame(frame_id: str, method: str, params: Iterable[tuple[str, str]]) -> str:
    """A JSON-RPC request; numbers go on the wire as they were written."""
    body = ",".join(f"{json.dumps(name)}:{_value(name, v)}" for name, v in params)
    return (
        f'{{"jsonrpc":"2.0","id":{json.dumps(frame_id)},'
        f'"method":{json.dumps(method)},"params":{{{body}}}}}'
    )


def _value(name: str, text: str) -> str:
    if name in _AS_WRITTEN:
        return text
    if name == "channels":
        return json.dumps(text.split())
    return json.dumps(text)


def sign(
    request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
) -> HttpWire:
    """*request* at venue time *venue_ms*; `signer` None only for public calls."""
    params, deadline_ms = _dated(request, venue_ms)
    target, body = request.path, ""
    headers: list[tuple[str, str]] = []
    if request.method == "POST":
        body = frame("1", request.path.removeprefix("/api/v2/"), params)
        headers.append(("Content-Type", "application/json"))
    elif params:
        target = f"{target}?{encode(params)}"
    if request.security is not Security.NONE:
        assert signer is not None, f"{request.op} needs a key"
        nonce = signer.nonce()
        payload = f"{venue_ms}\n{nonce}\n{request.method}\n{target}\n{body}\n"
        token = (
            f"{_SCHEME} id={signer.api_key.reveal()},ts={venue_ms},nonce={nonce},"
            f"sig={signature(signer, payload)}"
        )
        headers.append(("Authorization", token))
    return HttpWire(
        method=request.method,
        url=base_url + target,
        headers=tuple(headers),
        body=body.encode("utf-8"),
        deadline_ms=deadline_ms,
    )


def sign_request_frame(request: Request, frame_id: str, venue_ms: int) -> FrameWire:
    """The same command for a socket that has signed in."""
    if not request.frame_method:
        raise Unsupported(words.VENUE, f"{request.op} over WebSocket", "use REST")
    params, deadline_ms = _dated(request, venue_ms)
    return FrameWire(
        text=frame(frame_id, request.frame_method, params),
        frame_id=frame_id,
        deadline_ms=deadline_ms,
    )


def sign_in_frame(frame_id: str, signer: SigningKey, venue_ms: int) -> str:
    """`public/auth` for the least that trading needs: by signature, or by the secret
    itself where the key's settings say so."""
    wanted = SCOPE
    if signer.settings.get("account") == "read_write":
        wanted = wanted.replace(*_ARMING)
    if session := signer.settings.get("session"):
        wanted += f" session:{session}"
    return frame(
        frame_id, "public/auth", (*_proof(signer, venue_ms), ("scope", wanted))
    )


def _proof(signer: SigningKey, venue_ms: int) -> Pairs:
    """Who signs in, and how that is shown."""
    client_id = ("client_id", signer.api_key.reveal())
    if signer.shared is not None:
        secret = ("client_secret", signer.shared.reveal())
        return (("grant_type", "client_credentials"), client_id, secret)
    nonce = signer.nonce()
    return (
        ("grant_type", "client_signature"),
        client_id,
        ("timestamp", str(venue_ms)),
        ("nonce", nonce),
        ("data", ""),
        ("signature", signature(signer, f"{venue_ms}\n{nonce}\n")),
    )


def renewal_frame(frame_id: str, refresh_token: str) -> str:
    """`public/auth` by refresh token; it answers with new tokens."""
    return frame(
        frame_id,
        "public/auth",
        (("grant_type", "refresh_token"), ("refresh_token", refresh_token)),
    )


def _dated(request: Request, venue_ms: int) -> tuple[Pairs, int | None]:
    if request.window_ms is None:
        return request.params, None
    deadline_ms = venue_ms + request.window_ms
    return (*request.params, ("valid_until", str(deadline_ms))), deadline_ms
