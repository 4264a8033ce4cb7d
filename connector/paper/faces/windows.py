"""Counting uses of a limit, and what went above it.

A face may enforce calendar or sliding windows; every use that takes a *sliding*
window above its limit, the worst alignment, is told, for laws to look at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

KEPT_MAX = 1000  # exceedances that a face remembers


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceedance:
    """One use that took a sliding window above its limit."""

    limit: str
    scope: str
    at_ms: int
    count: int
    allowed: int


@dataclass(slots=True)
class Window:
    """Uses of one limit in one scope; both sums are kept up to date."""

    name: str
    scope: str
    length_ms: int
    allowed: int
    _uses: deque[tuple[int, int]] = field(default_factory=deque)
    _sliding: int = 0
    _calendar: int = 0
    _calendar_start_ms: int = 0

    def sliding(self, now_ms: int) -> int:
        """Sum of the last ``length_ms``."""
        while self._uses and self._uses[0][0] <= now_ms - self.length_ms:
            self._sliding -= self._uses.popleft()[1]
        return self._sliding

    def calendar(self, now_ms: int) -> int:
        """Sum since the current fixed window began."""
        start_ms = now_ms - now_ms % self.length_ms
        if start_ms != self._calendar_start_ms:
            self._calendar_start_ms = start_ms
            self._calendar = 0
        return self._calendar

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set: time went on as before for what was counted."""
        self._uses = deque((at_ms + by_ms, cost) for at_ms, cost in self._uses)

    def retry_after_s(self, now_ms: int, *, is_sliding: bool) -> int:
        """Whole seconds until there is room again, at least 1."""
        free_ms = now_ms - now_ms % self.length_ms + self.length_ms
        if is_sliding:
            left = self.sliding(now_ms)
            for at_ms, cost in self._uses:
                left -= cost
                if left < self.allowed:
                    free_ms = at_ms + self.length_ms
                    break
        return max(1, -(-(free_ms - now_ms) // 1000))

    def add(self, cost: int, now_ms: int) -> Exceedance | None:
        """Count a use; tells if the sliding window is now exceeded."""
        if cost <= 0:
            return None
        self.calendar(now_ms)
        self._calendar += cost
        self._sliding += cost
        self._uses.append((now_ms, cost))
        count = self.sliding(now_ms)
        if count <= self.allowed:
            return None
        return Exceedance(
            limit=self.name,
            scope=self.scope,
            at_ms=now_ms,
            count=count,
            allowed=self.allowed,
        )


def exceedance_rows(rows: Iterable[Exceedance]) -> dict[str, object]:
    """The answer to the control verb ``exceedances``."""
    return {
        "exceedances": [
            {
                "limit": row.limit,
                "scope": row.scope,
                "at_ms": row.at_ms,
                "count": row.count,
                "allowed": row.allowed,
            }
            for row in rows
        ]
    }
