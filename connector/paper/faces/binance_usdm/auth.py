"""Keys, signatures and the time rule, checked over the bytes received.

Written against the venue's description, not against our signer: the signed text
of a REST call is the raw query immediately followed by the raw body (no ``&``
between them) without the ``signature`` parameter; the signed text of an
order-entry frame is all parameters but ``signature`` sorted by name, ``k=v``
joined with ``&``, not percent-encoded. The official SDK percent-encodes the
latter, so that form is accepted as well.

Source: Binance USDⓈ-M docs, "General Info" (SIGNED endpoints, timing security)
and "WebSocket API General Info", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from connector.paper.faces.binance_usdm.apierrors import AHEAD_TEXT, ApiError, missing

RECV_WINDOW_DEFAULT_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
AHEAD_MAX_MS = 1000

Verifier = str | Ed25519PublicKey | RSAPublicKey


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key of the account and what it may do.

    *verifier* is the HMAC secret as text, or the registered public key.
    """

    key: str
    verifier: Verifier = field(repr=False)
    account_id: str = "main"
    can_read: bool = True
    can_trade: bool = True
    can_withdraw: bool = False
    is_ip_restricted: bool = False

    @property
    def may_log_on(self) -> bool:
        """Whether ``session.logon`` takes this key: Ed25519 only."""
        return isinstance(self.verifier, Ed25519PublicKey)

    def check(self, *, is_trade: bool) -> None:
        """Raise -2015 unless the key may read, or trade."""
        if not (self.can_trade if is_trade else self.can_read):
            raise ApiError(-2015)

    def signs(self, payload: bytes, signature: str) -> bool:
        """Whether *signature* is this key's over *payload*."""
        verifier = self.verifier
        if isinstance(verifier, str):
            mac = hmac.new(verifier.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(mac.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(verifier, Ed25519PublicKey):
                verifier.verify(raw, payload)
            else:
                verifier.verify(raw, payload, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def split_signature(raw: str) -> tuple[str, str | None]:
    """A raw query or body without its signature, and the signature, decoded."""
    kept = []
    signature = None
    for part in raw.split("&") if raw else []:
        name, _, value = part.partition("=")
        if name == "signature" and signature is None:
            signature = unquote(value)
        else:
            kept.append(part)
    return "&".join(kept), signature


def rest_payload(query: str, body: bytes) -> tuple[bytes, str | None]:
    """Signed bytes and signature of a REST call; the query's signature wins."""
    query_rest, query_signature = split_signature(query)
    body_rest, body_signature = split_signature(body.decode("utf-8", "replace"))
    signature = body_signature if query_signature is None else query_signature
    return (query_rest + body_rest).encode(), signature


def param_text(value: Any) -> str:
    """The text of a JSON parameter as it is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def socket_payloads(params: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Signed bytes of an order-entry call: as documented, and percent-encoded."""
    pairs = sorted((k, param_text(v)) for k, v in params.items() if k != "signature")
    raw = "&".join(f"{k}={v}" for k, v in pairs)
    encoded = "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in pairs)
    return raw.encode(), encoded.encode()


def check_time(timestamp: str, recv_window: str | None, now_ms: int) -> int:
    """Apply the time rule; returns the last millisecond at which it may execute.

    Raises ApiError -1021 with one of its two texts, -1102 or -1130 on nonsense.
    """
    if not re.fullmatch(r"[0-9]{1,18}", timestamp):
        raise missing("timestamp")
    window = RECV_WINDOW_DEFAULT_MS
    if recv_window:
        if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,3})?", recv_window):
            raise missing("recvWindow")
        window = int(recv_window.partition(".")[0])
        if not 0 < window <= RECV_WINDOW_MAX_MS:
            raise ApiError(-1131, "recvWindow must be less than 60000")
    sent_ms = int(timestamp)
    if sent_ms >= now_ms + AHEAD_MAX_MS:
        raise ApiError(-1021, AHEAD_TEXT)
    if now_ms - sent_ms > window:
        raise ApiError(-1021)
    return sent_ms + window


class KeyRing:
    """The keys the venue knows; *revoke* makes one unknown at once."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._keys = {key.key: key for key in keys}

    def add(self, key: ApiKey) -> None:
        """Register or replace a key."""
        self._keys[key.key] = key

    def revoke(self, key: str) -> None:
        """Delete a key; unknown names are ignored."""
        self._keys.pop(key, None)

    def find(self, key: object) -> ApiKey:
        """The key by name, whatever was sent as one; raises -2014 or -2015."""
        if (
            not isinstance(key, str)
            or not key
            or not key.isascii()
            or not key.isprintable()
            or " " in key
        ):
            raise ApiError(-2014)
        found = self._keys.get(key)
        if found is None:
            raise ApiError(-2015)
        return found
