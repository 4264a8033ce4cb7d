"""Authenticated private-stream trading connector for crypto derivatives venues.

::

    async with Session("paper:binance") as s:
        order = await s.buy("BTCUSDT", "0.010", limit="60000")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.config import SessionConfig
    from connector.model.events import Event, event_dict
    from connector.model.order import Accepted, InDoubt, OrderIntent, Rejected
    from connector.session import EventStream, LiveOrder, Session, SyncSession

__version__ = "0.1.0"

_WHERE = {
    "Accepted": "connector.model.order",
    "Event": "connector.model.events",
    "EventStream": "connector.session",
    "InDoubt": "connector.model.order",
    "LiveOrder": "connector.session",
    "OrderIntent": "connector.model.order",
    "Rejected": "connector.model.order",
    "Session": "connector.session",
    "SessionConfig": "connector.config",
    "SyncSession": "connector.session",
    "event_dict": "connector.model.events",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: `import connector` is cheap."""
    from importlib import import_module

    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    if _WHERE[name] == "connector.session":
        _join_paper()
    globals()[name] = value
    return value


def _join_paper() -> None:
    """Tell sessions where `paper:` profiles without endpoints find their venue."""
    from importlib import import_module

    from connector.session.opening import use_embedded_venues

    use_embedded_venues(lambda: import_module("connector.embedded").start_embedded)


__all__ = [
    "Accepted",
    "Event",
    "EventStream",
    "InDoubt",
    "LiveOrder",
    "OrderIntent",
    "Rejected",
    "Session",
    "SessionConfig",
    "SyncSession",
    "event_dict",
]
