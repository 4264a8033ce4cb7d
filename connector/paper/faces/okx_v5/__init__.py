"""OKX v5 as the venue itself speaks it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.paper.engine import Engine
from connector.paper.faces.okx_v5.auth import ApiKey
from connector.paper.faces.okx_v5.context import FaceConfig
from connector.paper.faces.okx_v5.face import OkxV5
from connector.paper.faces.okx_v5.limits import LimitConfig
from connector.paper.faces.okx_v5.listings import INSTRUMENTS, RULES
from connector.paper.faces.registry import Kit

PASSPHRASE = "paperphrase"  # noqa: S105 - a simulated account


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
) -> OkxV5:
    """A face with one key; without *passphrase* it has the usual one."""
    if api_secret.lstrip().startswith("-----BEGIN"):
        raise ValueError("this venue has HMAC keys only")
    key = ApiKey(
        key=api_key,
        secret=api_secret,
        passphrase=passphrase or PASSPHRASE,
        account_id=account_id,
    )
    return OkxV5(engine, (key, *more_keys), seed=seed, config=config)


KIT = Kit(build=build, instruments=INSTRUMENTS, rules=RULES, passphrase=PASSPHRASE)

__all__ = ["KIT", "ApiKey", "FaceConfig", "LimitConfig", "OkxV5", "build"]
