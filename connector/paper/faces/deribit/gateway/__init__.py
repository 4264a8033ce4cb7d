"""Coinbase's gateway to Deribit, as it speaks itself: the same face, other keys."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connector.paper.engine import Engine
from connector.paper.faces.deribit import KIT as OF_DERIBIT
from connector.paper.faces.deribit import FaceConfig
from connector.paper.faces.deribit.auth import ApiKey
from connector.paper.faces.deribit.face import Deribit
from connector.paper.faces.deribit.jwt import public_of

SCOPE = "rat#trade rat#view wallet:user:read"
CONFIG = FaceConfig(is_gateway=True, token_life_s=3600)


class Gateway(Deribit):
    """The face behind Coinbase's name."""

    venue = "coinbase-derivatives"


def build(
    engine: Engine,
    *,
    account_id: str,
    api_key: str,
    api_secret: str,
    passphrase: str | None = None,
    seed: int = 0,
    config: FaceConfig = CONFIG,
) -> Gateway:
    """A gateway with one key, Ed25519 or ES256 (see `secret_from`)."""
    key = ApiKey(
        client_id=api_key,
        verifier=public_of(secret_from(api_secret), passphrase),
        account_id=account_id,
        max_scope=SCOPE,
    )
    return Gateway(engine, (key,), seed=seed, config=config)


def secret_from(word: str) -> str:
    """A private key as PEM: *word* itself if it is one, else an Ed25519 key made of
    it, always the same. For simulated accounts only: a word is easily guessed."""
    if word.lstrip().startswith("-----BEGIN"):
        return word
    key = Ed25519PrivateKey.from_private_bytes(sha256(word.encode()).digest())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


KIT = replace(OF_DERIBIT, build=build, secret_from=secret_from)

__all__ = ["KIT", "Gateway", "build", "secret_from"]
