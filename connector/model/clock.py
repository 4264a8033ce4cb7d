"""Time as a value: asked for once, at the edge, and passed inwards."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.model.noun import Noun

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Now(Noun, frozen=True, gc=False):
    """One reading of both clocks.

    *mono_ns* orders and measures durations; *wall_ns* is UTC epoch and is only
    compared with venue stamps after the venue's offset was applied.
    """

    mono_ns: int
    wall_ns: int


class ClockOffset(Noun, frozen=True, kw_only=True):
    """Venue clock minus ours, in ns, known to within ± *error_ns*.

    *anchor* is when it was measured: from there on the venue's clock is our monotonic
    one, so that a wall clock that is set meanwhile changes nothing. Without an anchor
    (never measured) our wall clock has to do.
    """

    offset_ns: int = 0
    error_ns: int = 0
    measured_mono_ns: int | None = None
    anchor: Now | None = None

    def venue_ns(self, now: Now) -> int:
        """Best estimate of the venue's clock at *now* (UTC epoch ns)."""
        anchor = self.anchor
        if anchor is None:
            return now.wall_ns + self.offset_ns
        return anchor.wall_ns + self.offset_ns + now.mono_ns - anchor.mono_ns

    def venue_ns_late(self, now: Now) -> int:
        """The earliest the venue's clock can show at *now*: safe to call past."""
        return self.venue_ns(now) - self.error_ns


def iso_text(epoch_ms: int) -> str:
    """``2024-11-22T10:40:00.000Z``."""
    whole = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"
