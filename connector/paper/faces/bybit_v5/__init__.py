"""Bybit v5, linear contracts of a unified account, as the venue itself speaks it."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connector.paper.engine import Engine
from connector.paper.faces.bybit_v5.auth import ApiKey
from connector.paper.faces.bybit_v5.context import FaceConfig
from connector.paper.faces.bybit_v5.face import BybitV5
from connector.paper.faces.bybit_v5.limits import LimitConfig
from connector.paper.faces.bybit_v5.listing import INSTRUMENTS, RULES
from connector.paper.faces.keys import verifier
from connector.paper.faces.registry import Kit


def build(
    engine: Engine,
    *,
    account_id: str,
    api_key: str,
    api_secret: str,
    passphrase: str | None = None,
    seed: int = 0,
    config: FaceConfig | None = None,
    more_keys: Sequence[ApiKey] = (),
) -> BybitV5:
    """A face with one key; *passphrase* opens a PEM given as *api_secret*.

    Raises ValueError for an Ed25519 key, which this venue does not have.
    """
    known = verifier(api_secret, passphrase)
    if isinstance(known, Ed25519PublicKey):
        raise ValueError("this venue takes HMAC and RSA keys")
    key = ApiKey(key=api_key, verifier=known, account_id=account_id)
    return BybitV5(engine, (key, *more_keys), config=config)


KIT = Kit(build=build, instruments=INSTRUMENTS, rules=RULES)

__all__ = ["KIT", "ApiKey", "BybitV5", "FaceConfig", "LimitConfig", "build"]
