"""Listen-key endpoints, on REST and on order entry alike.

Source: Binance USDⓈ-M docs, "User Data Streams", read 2026-11; that DELETE
closes the key for every client of the account is inferred from POST returning
the same key to all of them.
"""

from __future__ import annotations

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.context import Ask


def start(ask: Ask) -> object:
    """POST listenKey: the same key while it lives."""
    keys = ask.venue.streams.keys_of(ask.account_id)
    return {"listenKey": keys.start(ask.now_ms)}


def extend(ask: Ask) -> object:
    """PUT listenKey: raises -1125 if there is none."""
    key = ask.venue.streams.keys_of(ask.account_id).extend(ask.now_ms)
    if key is None:
        raise ApiError(-1125)
    return {"listenKey": key}


def close(ask: Ask) -> object:
    """DELETE listenKey."""
    ask.venue.streams.keys_of(ask.account_id).close()
    return {}
