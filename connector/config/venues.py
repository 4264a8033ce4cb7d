"""The words for venues, known without importing any of them.

The venues themselves are registered in `connector.venues`, which stands above this
layer; a test compares both lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueWords:
    """Short names of a venue, the hosts that belong to one environment only, and
    those that serve both and tell them apart by the key or a header. *market_hosts*
    are live, and tell public prices to accounts of other environments too."""

    aliases: tuple[str, ...] = ()
    live_hosts: frozenset[str] = frozenset()
    shared_hosts: frozenset[str] = frozenset()
    market_hosts: frozenset[str] = frozenset()
    testnet_hosts: frozenset[str] = frozenset()


_BYBIT_SITES = ("nl", "tr", "kz", "ae", "eu", "id")

VENUES: Mapping[str, VenueWords] = {
    "binance-usdm": VenueWords(
        aliases=("binance",),
        live_hosts=frozenset(
            (
                "fapi.binance.com",
                "fstream.binance.com",
                "ws-fapi.binance.com",
                "api.binance.com",
            )
        ),
        testnet_hosts=frozenset(("demo-fapi.binance.com", "demo-fstream.binance.com")),
    ),
    "bybit-v5": VenueWords(
        aliases=("bybit",),
        live_hosts=frozenset(
            (
                *("api.bybit.com", "api.bytick.com", "stream.bybit.com"),
                # Of regional sites; keys of one site are unknown to the others.
                *(f"api.bybit.{site}" for site in _BYBIT_SITES),
                *(f"stream.bybit.{site}" for site in _BYBIT_SITES),
                *("api.bybitgeorgia.ge", "stream.bybitgeorgia.ge"),
                *("api.manepa.jp", "stream.manepa.jp"),
            )
        ),
        # A demo account trades fake money on the prices of the live market.
        market_hosts=frozenset(("stream.bybit.com",)),
        testnet_hosts=frozenset(
            (
                *("api-testnet.bybit.com", "stream-testnet.bybit.com"),
                *("api-demo.bybit.com", "stream-demo.bybit.com"),
                "api-testnet.manepa.jp",
            )
        ),
    ),
    "coinbase-derivatives": VenueWords(
        aliases=("coinbase",),
        live_hosts=frozenset(("drb.coinbase.com", "streams.drb.coinbase.com")),
    ),
    "deribit": VenueWords(
        live_hosts=frozenset(("www.deribit.com",)),
        testnet_hosts=frozenset(("test.deribit.com",)),
    ),
    "okx-v5": VenueWords(
        aliases=("okx",),
        live_hosts=frozenset(("ws.okx.com", "wseea.okx.com", "wsus.okx.com")),
        testnet_hosts=frozenset(
            ("wspap.okx.com", "wseeapap.okx.com", "wsuspap.okx.com")
        ),
        shared_hosts=frozenset(
            ("openapi.okx.com", "www.okx.com", "eea.okx.com", "us.okx.com")
        ),
    ),
}


def venue_of(word: str) -> str | None:
    """The full name of a venue or of its short name; None if there is none."""
    for venue, words in VENUES.items():
        if word == venue or word in words.aliases:
            return venue
    return None


def venue_words() -> tuple[str, ...]:
    """Full and short names, sorted."""
    return tuple(
        sorted(
            word for venue, words in VENUES.items() for word in (venue, *words.aliases)
        )
    )
