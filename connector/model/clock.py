"""Time as a value: asked for once, at the edge, and passed inwards."""

from __future__ import annotations

from connector.model.noun import Noun

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Now(Noun, frozen=True):
    """One reading of both clocks.

    *mono_ns* orders and measures durations; *wall_ns* is UTC epoch and is only
    compared with venue stamps after the venue's offset was applied.
    """

    mono_ns: int
    wall_ns: int


class ClockOffset(Noun, frozen=True, kw_only=True):
    """Venue clock minus ours, in ns, known to within ± *error_ns*."""

    offset_ns: int = 0
    error_ns: int = 0
    measured_mono_ns: int | None = None

    def venue_ns(self, now: Now) -> int:
        """Best estimate of the venue's clock at *now* (UTC epoch ns)."""
        return now.wall_ns + self.offset_ns

    def venue_ns_late(self, now: Now) -> int:
        """The earliest the venue's clock can show at *now*: safe to call past."""
        return now.wall_ns + self.offset_ns - self.error_ns
