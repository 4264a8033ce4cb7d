"""Tokens that Coinbase's keys sign, checked as the gateway checks them.

``header.claims.signature``, each URL-safe base64 without padding; EdDSA or ES256 by
the header, whose ``kid`` names the key. Good for at most two minutes, once.

Source: Coinbase developer documentation, "JWT authentication", RFC 7515, RFC 7518;
read 2026-11.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from connector.paper.faces.deribit.rpc import RpcError

LIFE_MAX_S = 120
SKEW_S = 60
ISSUER = "cdp"

Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


def public_of(secret: str, passphrase: str | None = None) -> Public:
    """The public half of a private key in PEM; ValueError for another kind."""
    word = passphrase.encode() if passphrase else None
    key = serialization.load_pem_private_key(secret.encode(), word)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(
        key.curve, ec.SECP256R1
    ):
        return key.public_key()
    raise ValueError("the gateway takes Ed25519 and P-256 keys")


def check(token: str, keys: Mapping[str, Public], now_ms: int) -> tuple[str, str]:
    """(key name, nonce) of whoever signed *token*; 13004 if nobody known did."""
    parts = token.split(".")
    if len(parts) != 3:
        raise RpcError(13004)
    head, claims = _object(parts[0]), _object(parts[1])
    name, nonce, now_s = head.get("kid"), head.get("nonce"), now_ms // 1000
    key = keys.get(name) if isinstance(name, str) else None
    if key is None or not isinstance(name, str) or not isinstance(nonce, str):
        raise RpcError(13004)
    if not _is_signed(key, head.get("alg"), token.rpartition(".")[0], parts[2]):
        raise RpcError(13004)
    begin, end = claims.get("nbf"), claims.get("exp")
    if not isinstance(begin, int) or not isinstance(end, int):
        raise RpcError(13004, data={"reason": "claims"})
    is_current = begin - SKEW_S <= now_s < end <= begin + LIFE_MAX_S
    if not is_current or (claims.get("sub"), claims.get("iss")) != (name, ISSUER):
        raise RpcError(13004, data={"reason": "claims"})
    return name, nonce


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise RpcError(13004) from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(text))
    except ValueError:
        raise RpcError(13004) from None
    if not isinstance(found, dict):
        raise RpcError(13004)
    return found


def _is_signed(key: Public, algorithm: object, text: str, signature: str) -> bool:
    told = _bytes(signature)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(told, text.encode())
            return algorithm == "EdDSA"
        r, s = (int.from_bytes(half, "big") for half in (told[:32], told[32:]))
        der = encode_dss_signature(r, s)
        key.verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return algorithm == "ES256" and len(told) == 64
