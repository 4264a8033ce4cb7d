"""Venues by name: one line each, imported when asked for.

Short names are words of the configuration (`connector.config.venues`).
"""

from __future__ import annotations

from importlib import import_module

from connector.config.venues import VENUES
from connector.config.venues import venue_of as known_venue
from connector.dialect import Dialect
from connector.errors import ConfigError

_DIALECTS = {
    "binance-usdm": ("connector.venues.binance_usdm.dialect", "BinanceUsdm"),
    "bybit-v5": ("connector.venues.bybit_v5.dialect", "BybitV5"),
    "coinbase-derivatives": ("connector.venues.deribit.gateway", "Coinbase"),
    "deribit": ("connector.venues.deribit.dialect", "Deribit"),
    "okx-v5": ("connector.venues.okx_v5.dialect", "OkxV5"),
}


def venue_names() -> tuple[str, ...]:
    """All venues that have a dialect, sorted; short names are not among them."""
    return tuple(sorted(_DIALECTS))


def venue_of(name: str) -> str:
    """The venue's full name; ConfigError, listing what exists, if unknown."""
    venue = known_venue(name)
    if venue is None or venue not in _DIALECTS:
        raise ConfigError(f"no venue {name[:64]!r}; there are: {_listed()}")
    return venue


def dialect_for(name: str) -> Dialect:
    """The dialect of a venue or short name; ConfigError if there is none."""
    module, class_name = _DIALECTS[venue_of(name)]
    dialect: Dialect = getattr(import_module(module), class_name)()
    return dialect


def _listed() -> str:
    return ", ".join(
        " or ".join((venue, *VENUES[venue].aliases)) for venue in venue_names()
    )
