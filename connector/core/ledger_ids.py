"""Which ledger entries were counted: each counts once."""

from __future__ import annotations

from collections import deque

from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_S

_WINDOW_NS = 15 * 60 * NS_PER_S
"""Ids are remembered this long behind the newest entry, and behind every query."""


class LedgerIds:
    """Ids by kind, with the venue time of each entry."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._by_arrival: deque[tuple[str, int]] = deque()
        self._newest_ns = 0

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, kind: LedgerKind, entry_id: str, venue_ns: int) -> bool:
        """Remember an entry; whether it is new."""
        name = entry_name(kind, entry_id)
        if name in self._seen:
            return False
        self._seen.add(name)
        self._by_arrival.append((name, venue_ns))
        self._newest_ns = max(self._newest_ns, venue_ns)
        return True

    def sweep(self, count: int, since_ns: int) -> list[str]:
        """Look at *count* of them, in turn, and forget those that no query will bring
        again, *since_ns* being how far back the next one looks; returns their names."""
        limit = min(self._newest_ns, since_ns) - _WINDOW_NS
        gone = []
        for _ in range(count):
            name, venue_ns = self._by_arrival.popleft()
            if venue_ns < limit:
                self._seen.remove(name)
                gone.append(name)
            else:
                self._by_arrival.append((name, venue_ns))
        return gone

    def names(self) -> list[str]:
        """What is remembered, sorted."""
        return sorted(self._seen)


def entry_name(kind: LedgerKind, entry_id: str) -> str:
    """The durable name of an entry."""
    return f"{kind.value}/{entry_id}"
