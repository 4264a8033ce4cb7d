"""Binance USDⓈ-M futures as the venue itself speaks it."""

from __future__ import annotations

from connector.paper.faces.binance_usdm.auth import ApiKey
from connector.paper.faces.binance_usdm.context import FaceConfig
from connector.paper.faces.binance_usdm.face import BinanceUsdm
from connector.paper.faces.binance_usdm.limits import Exceedance, LimitConfig

__all__ = ["ApiKey", "BinanceUsdm", "Exceedance", "FaceConfig", "LimitConfig"]
