"""How long things take, always measured: six histograms of fixed size.

    submit_to_sent    the wish arrives .. the first byte may leave (journal, limiter)
    sent_to_ack       .. the venue's answer has been read
    ack_to_echo       .. the private stream shows the order (0 if it was faster)
    venue_to_handler  the venue's time of an order or fill .. the user has the event
    handler           time spent inside the user's `on_event`
    loop_lag          how late a timer of the event loop is

Durations are on the monotonic clock except venue_to_handler, which compares the
venue's clock with ours: it is as exact as `clock_error_ms` of the session's stats and
the venue's time stamps, which are mostly whole milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from connector.core.effects import AppendJournal, SendCall
from connector.core.inputs import (
    Amend,
    Cancel,
    CancelAll,
    Input,
    JournalFailed,
    JournalWritten,
    StreamFrame,
    Submit,
)
from connector.core.machine import SessionCore
from connector.model.clock import Now
from connector.model.events import Event
from connector.model.ids import ClientOrderId

_PARTS = 8  # buckets per doubling: at most 12.5 % wide
_SHIFT = 3
_BUCKETS = (64 - _SHIFT) * _PARTS
_LAG_EVERY_S = 0.5
_ACKED_MAX = 1_024
_WISHES = frozenset((Submit, Cancel, CancelAll, Amend))


class Histogram:
    """Durations in nanoseconds, in logarithmic buckets; never grows.

    A bucket is at most an eighth of its value wide, below 8 ns exact. Beyond 2^63 ns
    everything is in the last bucket; negative durations (clocks that disagree) count
    as 0.
    """

    __slots__ = ("_counts", "count", "max_ns", "total_ns")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.total_ns = 0
        self.max_ns = 0

    def record(self, ns: int) -> None:
        """Count one duration."""
        if ns < 0:
            ns = 0
        shift = ns.bit_length() - _SHIFT - 1
        index = ns if shift < 0 else (shift << _SHIFT) + (ns >> shift)
        self._counts[index if index < _BUCKETS else -1] += 1
        self.count += 1
        self.total_ns += ns
        if ns > self.max_ns:
            self.max_ns = ns

    def quantile_ns(self, part: float) -> int:
        """The upper end of the bucket that *part* (0 to 1) of all reach; 0 if empty."""
        wanted = part * self.count
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min(_upper_ns(index), self.max_ns)
        return 0

    def cumulative(self) -> list[tuple[float, int]]:
        """(upper bound in seconds, how many are not longer), one per doubling."""
        found = []
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if index % _PARTS == _PARTS - 1:
                found.append((_upper_ns(index) / 1e9, seen))
        return found

    def summary(self) -> dict[str, float]:
        """count, and mean, p50, p90, p99, max in ms."""
        mean_ns = self.total_ns / self.count if self.count else 0.0
        return {
            "count": self.count,
            "mean_ms": mean_ns / 1e6,
            "p50_ms": self.quantile_ns(0.5) / 1e6,
            "p90_ms": self.quantile_ns(0.9) / 1e6,
            "p99_ms": self.quantile_ns(0.99) / 1e6,
            "max_ms": self.max_ns / 1e6,
        }


def _upper_ns(index: int) -> int:
    if index < 2 * _PARTS:
        return index
    shift = (index >> _SHIFT) - 1
    return ((index - (shift << _SHIFT) + 1) << shift) - 1


class Latency:
    """The histograms of one session, and what is under way."""

    NAMES: Final = (
        "submit_to_sent",
        "sent_to_ack",
        "ack_to_echo",
        "venue_to_handler",
        "handler",
        "loop_lag",
    )

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self.submit_to_sent = Histogram()
        self.sent_to_ack = Histogram()
        self.ack_to_echo = Histogram()
        self.venue_to_handler = Histogram()
        self.handler = Histogram()
        self.loop_lag = Histogram()
        self._asked_ns = 0  # when the wish was uttered whose effects are executed
        self._is_answer = False
        self._journaling: dict[int, int] = {}
        self._calls: dict[int, tuple[int, ClientOrderId | None]] = {}
        self._acked_ns: dict[ClientOrderId, int] = {}
        self._now = Now(0, 0)
        self._here_ns = 0  # the same by the venue's clock, once somebody asked
        self._lag_timer: asyncio.TimerHandle | None = None

    # --- told by the shell ---

    def posting(self, happened: Input, now: Now) -> None:
        """An input goes into the machine; its effects follow."""
        self._now = now
        self._here_ns = 0
        self._asked_ns = 0
        kind = type(happened)
        self._is_answer = kind is StreamFrame
        if self._is_answer:
            return
        if kind in _WISHES:
            self._asked_ns = now.mono_ns
        elif isinstance(happened, JournalWritten | JournalFailed):
            self._asked_ns = self._journaling.pop(happened.token, 0)

    def posted(self) -> None:
        """The machine has taken it: which orders has the stream shown?"""
        if not self._acked_ns or not self._is_answer:
            return
        for client_order_id, acked_ns in list(self._acked_ns.items()):
            tracked = self._core.orders.get(client_order_id)
            if tracked is None or tracked.seen_on_stream:
                del self._acked_ns[client_order_id]
                if tracked is not None:
                    self.ack_to_echo.record(self._now.mono_ns - acked_ns)

    def journaling(self, effect: AppendJournal) -> None:
        """An intent waits for the disk."""
        if effect.token and self._asked_ns:
            self._journaling[effect.token] = self._asked_ns

    def asked_ns(self) -> int:
        """When the user asked for the call that is about to be made; 0: nobody did."""
        return self._asked_ns

    def sent(self, effect: SendCall, asked_ns: int, left_ns: int) -> None:
        """A call that was asked for left."""
        if asked_ns and left_ns:
            self.submit_to_sent.record(left_ns - asked_ns)
            self._calls[effect.call_id] = (left_ns, effect.request.client_order_id)

    def answered(self, call_id: int, now: Now, *, is_read: bool) -> None:
        """Its answer is there (*is_read*), or will not come."""
        left_ns, client_order_id = self._calls.pop(call_id, (0, None))
        if not left_ns or not is_read:
            return
        self.sent_to_ack.record(now.mono_ns - left_ns)
        if client_order_id is None or len(self._acked_ns) >= _ACKED_MAX:
            return
        tracked = self._core.orders.get(client_order_id)
        if tracked is None or tracked.is_terminal:
            return
        if tracked.seen_on_stream:
            self.ack_to_echo.record(0)
        else:
            self._acked_ns[client_order_id] = now.mono_ns

    def frame_answered(self, call_id: int) -> None:
        """A call that left as a frame ended, by the frame being read or otherwise."""
        self.answered(call_id, self._now, is_read=self._is_answer)

    def handed_over(self, event: Event, venue_ns: int) -> None:
        """The user has *event* now, which the venue dates *venue_ns*."""
        if event.recovered or not venue_ns:
            return
        if not self._here_ns:
            self._here_ns = self._core.clock.offset.venue_ns(self._now)
        self.venue_to_handler.record(self._here_ns - venue_ns)

    # --- the loop ---

    def watch_loop(self, clock: Callable[[], Now]) -> None:
        """Measure how late timers are, until `stop`."""
        due_ns = clock().mono_ns + int(_LAG_EVERY_S * 1e9)

        def look() -> None:
            self.loop_lag.record(clock().mono_ns - due_ns)
            self.watch_loop(clock)

        self._lag_timer = asyncio.get_running_loop().call_later(_LAG_EVERY_S, look)

    def stop(self) -> None:
        """Measure no more."""
        if self._lag_timer is not None:
            self._lag_timer.cancel()
            self._lag_timer = None

    # --- reading ---

    def histograms(self) -> dict[str, Histogram]:
        """By name, in the order of the text above."""
        return {name: getattr(self, name) for name in self.NAMES}

    def as_dict(self) -> dict[str, Any]:
        """`Histogram.summary` of each."""
        return {name: kept.summary() for name, kept in self.histograms().items()}
