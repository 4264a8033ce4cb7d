"""Venues by name: one line each, imported when asked for."""

from __future__ import annotations

from importlib import import_module

from connector.dialect import Dialect
from connector.errors import ConfigError

_VENUES = {
    "binance-usdm": ("connector.venues.binance_usdm.dialect", "BinanceUsdm"),
}
_ALIASES = {
    "binance": "binance-usdm",
}


def venue_names() -> tuple[str, ...]:
    """All venues, sorted; aliases are not among them."""
    return tuple(sorted(_VENUES))


def venue_of(name: str) -> str:
    """The venue's full name; ConfigError, listing what exists, if unknown."""
    venue = _ALIASES.get(name, name)
    if venue not in _VENUES:
        shortcuts = ", ".join(f"{a} for {v}" for a, v in sorted(_ALIASES.items()))
        raise ConfigError(
            f"no venue {name[:64]!r}; there are: {', '.join(venue_names())} "
            f"(short: {shortcuts})"
        )
    return venue


def dialect_for(name: str) -> Dialect:
    """The dialect of a venue or alias; ConfigError if there is none."""
    module, class_name = _VENUES[venue_of(name)]
    dialect: Dialect = getattr(import_module(module), class_name)()
    return dialect
