"""Which ledger entries were counted: each counts once."""

from __future__ import annotations

from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_S

_WINDOW_NS = 15 * 60 * NS_PER_S
"""Ids are remembered this long behind the newest entry."""


class LedgerIds:
    """Ids by kind, with the venue time of each entry."""

    def __init__(self) -> None:
        self._seen: dict[tuple[LedgerKind, str], int] = {}
        self._newest_ns = 0

    def add(self, kind: LedgerKind, entry_id: str, venue_ns: int) -> bool:
        """Remember an entry; whether it is new."""
        if (kind, entry_id) in self._seen:
            return False
        self._seen[kind, entry_id] = venue_ns
        self._newest_ns = max(self._newest_ns, venue_ns)
        return True

    def prune(self) -> None:
        """Forget those that no query will bring again."""
        limit = self._newest_ns - _WINDOW_NS
        self._seen = {key: ns for key, ns in self._seen.items() if ns >= limit}
