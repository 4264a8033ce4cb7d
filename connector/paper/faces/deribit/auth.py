"""Keys, tokens and sessions, and the three ways to show who one is.

    public/auth    client_credentials, client_signature, refresh_token
    a socket       is signed in by public/auth until its token ends
    HTTP           Authorization: deri-hmac-sha256 | Basic | Bearer

    The gateway (`KeyRing.is_gateway`) takes ``coinbase_cdp`` with a JWT at
    public/auth, gives no refresh token, and Bearer over HTTP.

A token of connection scope dies with its socket and is good there only; one of
``session:NAME`` serves everywhere. A key has at most 16 sessions; the 17th silently
ends the oldest. Timestamps are good for 60 s, nonces once.

Source: Deribit API, "Authentication", "public/auth"; read 2026-11.
"""

from __future__ import annotations

import base64
import hmac
import random
import re
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connector.paper.faces import Call
from connector.paper.faces.deribit import jwt
from connector.paper.faces.deribit.rpc import Params, RpcError, bad

TIME_WINDOW_MS = 60_000
SESSIONS_MAX = 16
MAX_SCOPE = "account:read trade:read_write wallet:read"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_ITEM = re.compile(r"(id|ts|nonce|sig)=([^,]*)")
_LEVELS = ("none", "read", "read_write")
_AT_GATEWAY = {
    "trade:read_write": "rat#trade",
    "trade:read": "rat#view",
    "account:read": "rat#view",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of one account; *verifier* is its secret or its public key."""

    client_id: str
    verifier: str | Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey
    account_id: str = "main"
    max_scope: str = MAX_SCOPE

    def signs(self, payload: str, signature: str) -> bool:
        """Whether *signature* is this key's over *payload*."""
        raw = payload.encode()
        if isinstance(self.verifier, str):
            made = hmac.new(self.verifier.encode(), raw, sha256).hexdigest()
            return hmac.compare_digest(made, signature)
        try:
            told = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            if isinstance(self.verifier, Ed25519PublicKey):
                self.verifier.verify(told, raw)
            elif isinstance(self.verifier, RSAPublicKey):
                self.verifier.verify(told, raw, padding.PKCS1v15(), hashes.SHA256())
            else:
                return False
        except (ValueError, InvalidSignature):
            return False
        return True

    def may(self, need: str) -> bool:
        """Whether its scope holds ``area:level``."""
        return grants(self.max_scope.split(), need)


def grants(scope: list[str], need: str) -> bool:
    """Whether *scope* holds ``area:level`` or more of it."""
    if _AT_GATEWAY.get(need) in scope:
        return True
    area, _, level = need.partition(":")
    for word in scope:
        name, _, held = word.partition(":")
        if name == area and held in _LEVELS:
            return _LEVELS.index(held) >= _LEVELS.index(level)
    return False


@dataclass(slots=True, kw_only=True)
class Token:
    """An access token with its refresh token. *socket_id* None: not bound."""

    access: str
    refresh: str
    key: ApiKey
    scope: str
    session: str
    expires_ms: int
    socket_id: int | None = None
    sid: str = ""

    def answer(self, now_ms: int) -> dict[str, object]:
        """What public/auth tells."""
        told: dict[str, object] = {
            "access_token": self.access,
            "expires_in": max(1, (self.expires_ms - now_ms) // 1000),
            "scope": self.scope,
            "token_type": "bearer",
        }
        if self.refresh:
            told |= {"refresh_token": self.refresh, "enabled_features": []}
        if self.sid:
            told["sid"] = self.sid
        return told


@dataclass(slots=True)
class KeyRing:
    """All keys, the tokens given out, and the nonces seen."""

    keys: dict[str, ApiKey]
    source: random.Random
    life_s: int
    is_gateway: bool = False
    tokens: dict[str, Token] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    _nonces: dict[tuple[str, str], int] = field(default_factory=dict)

    # ways in ---------------------------------------------------------------
    def sign_in(self, params: Params, now_ms: int, socket_id: int | None) -> Token:
        """public/auth; raises RpcError."""
        grant = params.need("grant_type")
        if self.is_gateway:
            return self._exchange(grant, params, now_ms, socket_id)
        if grant == "refresh_token":
            return self._refresh(params.need("refresh_token"), now_ms, socket_id)
        key = self._key(params.need("client_id"))
        if grant == "client_credentials":
            secret = params.need("client_secret")
            if not isinstance(key.verifier, str) or not hmac.compare_digest(
                key.verifier, secret
            ):
                raise RpcError(13004)
        elif grant == "client_signature":
            stamp, nonce = params.need_integer("timestamp"), params.need("nonce")
            data = params.text("data", "")
            self._check_fresh(key, stamp, nonce, now_ms)
            if not key.signs(f"{stamp}\n{nonce}\n{data}", params.need("signature")):
                raise RpcError(13004)
        else:
            raise bad("grant_type", "unsupported")
        return self._grant(key, params.text("scope") or "", now_ms, socket_id)

    def _exchange(
        self, grant: str, params: Params, now_ms: int, socket_id: int | None
    ) -> Token:
        """A JWT for an access token; there is nothing to refresh it with."""
        if grant != "coinbase_cdp":
            raise bad("grant_type", "unsupported")
        publics = {
            name: key.verifier
            for name, key in self.keys.items()
            if isinstance(key.verifier, Ed25519PublicKey | EllipticCurvePublicKey)
        }
        name, nonce = jwt.check(params.need("token"), publics, now_ms)
        key = self._key(name)
        self._check_fresh(key, now_ms, nonce, now_ms)
        expires_ms = now_ms + self.life_s * 1000
        token = self._issue(key, key.max_scope, "", expires_ms, socket_id)
        token.refresh = ""
        return token

    def of_http(
        self, call: Call, params: Params, now_ms: int
    ) -> tuple[ApiKey | None, str]:
        """Who signed an HTTP call (None: nobody), and the scope. Raises RpcError."""
        scheme, _, rest = call.headers.get("authorization", "").partition(" ")
        scheme = scheme.lower()
        access = params.text("access_token")
        if access is not None or scheme == "bearer":
            token = self.of_token(access or rest.strip(), now_ms, None)
            return token.key, token.scope
        if not scheme:
            return None, ""
        if self.is_gateway or scheme not in ("basic", "deri-hmac-sha256"):
            raise RpcError(13004)
        is_basic = scheme == "basic"
        key = self._basic(rest) if is_basic else self._signed(rest, call, now_ms)
        return key, key.max_scope

    def of_token(self, access: str, now_ms: int, socket_id: int | None) -> Token:
        """The token, if it is good here and now; 13009 otherwise."""
        token = self.tokens.get(access)
        is_foreign = (
            token is not None
            and token.socket_id is not None
            and token.socket_id != socket_id
        )
        if token is None or is_foreign or now_ms >= token.expires_ms:
            raise RpcError(
                13009, data={"reason": "invalid_token", "param": "access_token"}
            )
        self._key(token.key.client_id)
        return token

    def _basic(self, rest: str) -> ApiKey:
        try:
            name, _, secret = base64.b64decode(rest).decode().partition(":")
        except ValueError:
            raise RpcError(13004) from None
        key = self._key(name)
        if not isinstance(key.verifier, str) or not hmac.compare_digest(
            key.verifier, secret
        ):
            raise RpcError(13004)
        return key

    def _signed(self, rest: str, call: Call, now_ms: int) -> ApiKey:
        items = dict(_ITEM.findall(rest))
        if not {"id", "ts", "nonce", "sig"} <= items.keys():
            raise RpcError(13004)
        key = self._key(items["id"])
        if not items["ts"].isdigit():
            raise RpcError(13004)
        stamp, nonce = int(items["ts"]), items["nonce"]
        self._check_fresh(key, stamp, nonce, now_ms)
        body = call.body.decode("utf-8", "replace")
        payload = f"{stamp}\n{nonce}\n{call.method}\n{call.target}\n{body}\n"
        if not key.signs(payload, items["sig"]):
            raise RpcError(13004)
        return key

    def _key(self, client_id: str) -> ApiKey:
        key = self.keys.get(client_id)
        if key is None or client_id in self.revoked:
            raise RpcError(13004)
        return key

    def _check_fresh(self, key: ApiKey, stamp: int, nonce: str, now_ms: int) -> None:
        if abs(now_ms - stamp) > TIME_WINDOW_MS:
            raise RpcError(13004, data={"reason": "timestamp"})
        if not nonce:
            raise bad("nonce", "invalid format")
        self._nonces = {
            used: at_ms
            for used, at_ms in self._nonces.items()
            if at_ms > now_ms - 2 * TIME_WINDOW_MS
        }
        if (key.client_id, nonce) in self._nonces:
            raise RpcError(13004, data={"reason": "nonce"})
        self._nonces[key.client_id, nonce] = now_ms

    # tokens ----------------------------------------------------------------
    def _grant(
        self, key: ApiKey, wanted: str, now_ms: int, socket_id: int | None
    ) -> Token:
        """Never more than the key may; areas nobody asked for as the key has them."""
        asked = dict(word.partition(":")[::2] for word in wanted.split())
        session = asked.pop("session", "")
        life_s = int(asked.pop("expires", "0") or 0) or self.life_s
        scope = []
        for word in key.max_scope.split():
            area, _, most = word.partition(":")
            level = asked.get(area, most)
            if level not in _LEVELS:
                continue
            least = min(_LEVELS.index(level), _LEVELS.index(most))
            scope.append(f"{area}:{_LEVELS[least]}")
        scope.append(f"session:{session}" if session else "connection")
        scope.append("mainaccount")
        return self._issue(
            key, " ".join(sorted(scope)), session, now_ms + life_s * 1000, socket_id
        )

    def _issue(
        self,
        key: ApiKey,
        scope: str,
        session: str,
        expires_ms: int,
        socket_id: int | None,
    ) -> Token:
        token = Token(
            access=self._text(expires_ms),
            refresh=self._text(expires_ms),
            key=key,
            scope=scope,
            session=session,
            expires_ms=expires_ms,
            socket_id=None if session else socket_id,
            sid=f"{session}.{self._text(0)[2:10]}" if session else "",
        )
        self.tokens[token.access] = token
        if session:
            mine = [t for t in self.tokens.values() if t.key is key and t.session]
            for old in mine[:-SESSIONS_MAX]:
                del self.tokens[old.access]
        return token

    def _text(self, number: int) -> str:
        return f"{number}.1" + "".join(self.source.choices(_ALPHABET, k=40))

    def of_refresh(self, refresh: str) -> Token:
        """The token that this refresh token belongs to; 13009 if there is none."""
        for token in self.tokens.values():
            if token.refresh and hmac.compare_digest(token.refresh, refresh):
                return token
        raise RpcError(
            13009, data={"reason": "invalid_token", "param": "refresh_token"}
        )

    def _refresh(self, refresh: str, now_ms: int, socket_id: int | None) -> Token:
        old = self.of_refresh(refresh)
        if old.socket_id is not None and old.socket_id != socket_id:
            raise RpcError(13009)
        self._key(old.key.client_id)
        if not old.session:
            del self.tokens[old.access]
        return self._issue(
            old.key, old.scope, old.session, now_ms + self.life_s * 1000, socket_id
        )

    def fork(self, params: Params, now_ms: int) -> Token:
        """public/fork_token: another session from a session's refresh token."""
        old = self.of_refresh(params.need("refresh_token"))
        name = params.need("session_name")
        if not old.session:
            raise RpcError(13009)
        scope = old.scope.replace(f"session:{old.session}", f"session:{name}")
        return self._issue(old.key, scope, name, now_ms + self.life_s * 1000, None)

    def forget_socket(self, socket_id: int) -> None:
        """Tokens of connection scope die with their socket."""
        self.tokens = {
            access: token
            for access, token in self.tokens.items()
            if token.socket_id != socket_id
        }

    def end(self, token: Token) -> None:
        """private/logout with invalidate_token."""
        self.tokens.pop(token.access, None)
