"""Deribit as the venue itself speaks it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.paper.engine import Engine
from connector.paper.faces.deribit.auth import MAX_SCOPE, ApiKey
from connector.paper.faces.deribit.context import FaceConfig
from connector.paper.faces.deribit.credits import CreditConfig
from connector.paper.faces.deribit.face import Deribit
from connector.paper.faces.deribit.listing import BALANCES, RULES, instruments_at
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
    max_scope: str = MAX_SCOPE,
) -> Deribit:
    """A face with one key that may do *max_scope*; *passphrase* opens a PEM given as
    *api_secret*."""
    key = ApiKey(
        client_id=api_key,
        verifier=verifier(api_secret, passphrase),
        account_id=account_id,
        max_scope=max_scope,
    )
    return Deribit(engine, (key, *more_keys), seed=seed, config=config)


KIT = Kit(build=build, list_at=instruments_at, rules=RULES, balances=BALANCES)

__all__ = ["KIT", "ApiKey", "CreditConfig", "Deribit", "FaceConfig", "build"]
