"""Keys, signatures and the time rule, checked over the bytes received.

Signed is ``timestamp + key + recv_window + X``: X is the raw query of a GET, the
raw body of a POST. HMAC-SHA256 as lower-case hex, or RSA (PKCS#1 v1.5, SHA-256) as
base64. A socket signs ``GET/realtime{expires}``. Accepted is a timestamp in
[server time - recv_window, server time + 1000).

Source: Bybit v5 docs, "Integration Guidance" and "WebSocket Connect", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from connector.paper.faces import Call
from connector.paper.faces.bybit_v5.apierrors import ApiError

WINDOW_DEFAULT_MS = 5000
AHEAD_MAX_MS = 1000

_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key of an account and what it may do; *uid* is the account's number."""

    key: str
    verifier: str | RSAPublicKey = field(repr=False)
    account_id: str = "main"
    uid: int = 10012345
    can_trade: bool = True
    can_withdraw: bool = False
    ips: tuple[str, ...] = ("*",)

    def signs(self, payload: bytes, signature: str) -> bool:
        """Whether *signature* is this key's over *payload*."""
        if isinstance(self.verifier, str):
            mac = hmac.new(self.verifier.encode(), payload, hashlib.sha256)
            return hmac.compare_digest(mac.hexdigest().encode(), signature.encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            self.verifier.verify(raw, payload, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class KeyRing:
    """The keys the venue knows."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = {key.key: key for key in keys}

    def revoke(self, key: str) -> None:
        """Delete a key; unknown names are ignored."""
        self._keys.pop(key, None)

    def find(self, key: object) -> ApiKey:
        """The key by name, whatever was sent as one; raises 10003."""
        found = self._keys.get(key) if isinstance(key, str) else None
        if found is None:
            raise ApiError(10003)
        return found


def check_time(timestamp: object, window: object, now_ms: int) -> int:
    """Apply the time rule; the last millisecond of acceptance. Raises 10002."""
    text = str(timestamp or "")
    size = str(window or WINDOW_DEFAULT_MS)
    if not _NUMBER.fullmatch(text) or not _NUMBER.fullmatch(size):
        raise ApiError(10002)
    sent_ms, window_ms = int(text), int(size)
    if not now_ms - window_ms <= sent_ms < now_ms + AHEAD_MAX_MS:
        told = f"req_timestamp[{sent_ms}],server_timestamp[{now_ms}]"
        raise ApiError(10002, f"invalid request, {told},recv_window[{window_ms}]")
    return sent_ms + window_ms


def authenticate(call: Call, keys: KeyRing, now_ms: int) -> tuple[ApiKey, int]:
    """Whose call this is, and until when it may be accepted; raises 10002 to 10004."""
    headers = call.headers
    key = keys.find(headers.get("x-bapi-api-key"))
    timestamp = headers.get("x-bapi-timestamp", "")
    window = headers.get("x-bapi-recv-window", str(WINDOW_DEFAULT_MS))
    deadline_ms = check_time(timestamp, window, now_ms)
    signed = call.body if call.method == "POST" else call.query.encode()
    payload = f"{timestamp}{key.key}{window}".encode() + signed
    if not key.signs(payload, headers.get("x-bapi-sign", "")):
        raise ApiError(10004)
    return key, deadline_ms


def log_in(args: object, keys: KeyRing, now_ms: int) -> ApiKey:
    """The key of a socket's login ``[key, expires, sign]``; raises ApiError."""
    if not isinstance(args, list) or len(args) != 3:
        raise ApiError(10001, "Params Error")
    name, expires, signature = args
    key = keys.find(name)
    if not _NUMBER.fullmatch(str(expires)) or int(expires) <= now_ms:
        raise ApiError(10002, "request expired")
    if not key.signs(f"GET/realtime{expires}".encode(), str(signature)):
        raise ApiError(10004)
    return key
