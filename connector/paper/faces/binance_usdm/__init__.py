"""Binance USDⓈ-M futures as the venue itself speaks it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.paper.engine import Engine
from connector.paper.faces.binance_usdm.auth import ApiKey
from connector.paper.faces.binance_usdm.context import FaceConfig
from connector.paper.faces.binance_usdm.face import BinanceUsdm
from connector.paper.faces.binance_usdm.limits import LimitConfig
from connector.paper.faces.keys import verifier
from connector.paper.faces.registry import Kit
from connector.paper.faces.windows import Exceedance


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
) -> BinanceUsdm:
    """A face with one key; *passphrase* opens a PEM given as *api_secret*."""
    key = ApiKey(
        key=api_key,
        verifier=verifier(api_secret, passphrase),
        account_id=account_id,
    )
    return BinanceUsdm(engine, (key, *more_keys), seed=seed, config=config)


KIT = Kit(build=build)

__all__ = [
    "KIT",
    "ApiKey",
    "BinanceUsdm",
    "Exceedance",
    "FaceConfig",
    "LimitConfig",
    "build",
]
