"""Keys, signatures and the time rules, checked over the bytes received.

Written against the venue's description, not against our signer: a REST call signs
timestamp + method + path with query + body as base64 HMAC-SHA256 and is refused
30 s after its timestamp; a login signs seconds + "GET" + "/users/self/verify".

Source: OKX API v5 docs, "Overview" (REST Authentication, WebSocket login), read
2026-11.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connector.paper.faces import Call
from connector.paper.faces.okx_v5.apierrors import ApiError

ACCEPTANCE_MS = 30_000
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key of the account and what it may do."""

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    account_id: str = "main"
    permissions: str = "read_only,trade"
    ips: str = ""

    def signs(self, payload: bytes, signature: str) -> bool:
        """Whether *signature* is this key's over *payload*."""
        mac = hmac.new(self.secret.encode(), payload, hashlib.sha256).digest()
        return hmac.compare_digest(base64.b64encode(mac), signature.encode())

    def has_passphrase(self, told: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.passphrase.encode(), told.encode())


class KeyRing:
    """The keys the venue knows; *revoke* makes one unknown at once."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._keys = {key.key: key for key in keys}

    def revoke(self, key: str) -> None:
        """Delete a key; unknown names are ignored."""
        self._keys.pop(key, None)

    def find(self, key: str) -> ApiKey | None:
        """The key by name."""
        return self._keys.get(key)


def check_call(keys: KeyRing, call: Call, now_ms: int) -> ApiKey:
    """The key of a REST call; raises the error of the first thing that is wrong."""
    headers = call.headers
    told = {}
    for code, name in (
        (50103, "ok-access-key"),
        (50106, "ok-access-sign"),
        (50107, "ok-access-timestamp"),
        (50104, "ok-access-passphrase"),
    ):
        told[name] = headers.get(name, "")
        if not told[name]:
            raise ApiError(code)
    stamp = told["ok-access-timestamp"]
    if not _ISO.fullmatch(stamp):
        raise ApiError(50112)
    try:
        sent = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        raise ApiError(50112) from None
    if abs(now_ms - round(sent.timestamp() * 1000)) > ACCEPTANCE_MS:
        raise ApiError(50102)
    key = keys.find(told["ok-access-key"])
    if key is None:
        raise ApiError(50119)
    payload = f"{stamp}{call.method}{call.target}".encode() + call.body
    if not key.signs(payload, told["ok-access-sign"]):
        raise ApiError(50113)
    if not key.has_passphrase(told["ok-access-passphrase"]):
        raise ApiError(50105)
    return key


def check_login(keys: KeyRing, args: Mapping[str, Any], now_ms: int) -> ApiKey:
    """The key of a login frame."""
    stamp = str(args.get("timestamp", ""))
    if not re.fullmatch(r"[0-9]{10}(\.[0-9]{1,6})?", stamp):
        raise ApiError(60004)
    if abs(now_ms - round(float(stamp) * 1000)) > ACCEPTANCE_MS:
        raise ApiError(60006)
    key = keys.find(str(args.get("apiKey", "")))
    if key is None:
        raise ApiError(60032)
    payload = f"{stamp}GET/users/self/verify".encode()
    if not key.signs(payload, str(args.get("sign", ""))):
        raise ApiError(60007)
    if not key.has_passphrase(str(args.get("passphrase", ""))):
        raise ApiError(60024)
    return key
