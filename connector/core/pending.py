"""Differences that nobody may name yet.

A read may be as far behind as the venue's lag budget. A sum that does not tie out is
therefore watched first, and named once it has stood, unchanged, for that long. What
is watched is durable: a program that lives for one question names it the next time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from connector.model.events import Adjustment


class PendingDifferences:
    """Since when each difference stands; *lag_ns*: how long it must. Times are the
    venue's, UTC ns."""

    def __init__(self, lag_ns: int) -> None:
        self._lag_ns = lag_ns
        self._since: dict[tuple[str, Decimal], int] = {}

    def lasting(self, found: Sequence[Adjustment], venue_ns: int) -> list[Adjustment]:
        """Those of *found* that may be named; the others are watched from here on,
        and what was watched and is gone is forgotten."""
        since = {_key(item): self._since.get(_key(item), venue_ns) for item in found}
        ripe = [i for i in found if venue_ns - since[_key(i)] >= self._lag_ns]
        for item in ripe:
            del since[_key(item)]
        self._since = since
        return ripe

    def is_watched(self, item: Adjustment) -> bool:
        """It stood like this the last time."""
        return _key(item) in self._since

    def covers(self, subject: str) -> bool:
        """Some difference of *subject* is being watched."""
        return any(name == subject for name, _ in self._since)

    def to_text(self) -> str:
        """What is watched, for the journal."""
        rows = [[*map(str, key), since_ns] for key, since_ns in self._since.items()]
        return json.dumps(rows, separators=(",", ":"))

    def restore(self, text: str) -> None:
        """What an earlier process watched."""
        self._since = {
            (subject, Decimal(difference)): since_ns
            for subject, difference, since_ns in json.loads(text)
        }

    @property
    def ripe_ns(self) -> int | None:
        """When the first of them may be named; None if there are none."""
        oldest_ns = min(self._since.values(), default=None)
        return None if oldest_ns is None else oldest_ns + self._lag_ns


def _key(item: Adjustment) -> tuple[str, Decimal]:
    return item.subject, item.difference
