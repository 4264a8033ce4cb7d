"""The venue's clock, known to within a bound.

One sample: ask for the time, note when the question left and when the answer
came. The venue read its clock somewhere in between, so the offset is known to
within half the round trip. The sample with the smallest bound is kept until it
is old or contradicted.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.core.outbox import Outbox
from connector.dialect import Dialect
from connector.dialect.wire import Reply
from connector.model.clock import NS_PER_MS, NS_PER_S, ClockOffset, Now
from connector.model.noun import replace

_RESOLUTION_NS = NS_PER_MS
_SAMPLES_AT_ONCE = 3
_DRIFT_PPM = 100
_AGAIN_AFTER_ERROR_S = 1.0


class Timekeeper:
    """Measures the venue's clock at start, on a timer and when told off."""

    def __init__(self, dialect: Dialect, outbox: Outbox, every_s: float) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._every_ns = int(every_s * NS_PER_S)
        self._left = 0
        self._is_asking = False
        self._then: Callable[[Now], None] | None = None
        self.next_wake_ns: int | None = None
        self.offset = ClockOffset()
        self.trouble = ""  # why the last sample failed; "" if it did not

    def measure(self, now: Now, then: Callable[[Now], None] | None = None) -> None:
        """Take a few samples; *then* is called after the last, if one succeeded
        or not."""
        self._left = _SAMPLES_AT_ONCE
        self._then = then or self._then
        self.next_wake_ns = now.mono_ns + self._every_ns
        if not self._is_asking:
            self._sample(now)

    def on_clock_error(self, now: Now) -> None:
        """The venue refused our timestamp: what we believe is wrong."""
        measured = self.offset.measured_mono_ns
        fresh_ns = int(_AGAIN_AFTER_ERROR_S * NS_PER_S)
        if measured is not None and now.mono_ns - measured < fresh_ns:
            return
        self.offset = replace(self.offset, measured_mono_ns=None)
        self.measure(now)

    def tick(self, now: Now) -> None:
        """Measure again when it is time."""
        if self.next_wake_ns is not None and self.next_wake_ns <= now.mono_ns:
            self.measure(now)

    def _sample(self, now: Now) -> None:
        sent: list[Now] = []
        self._is_asking = True
        self._left -= 1

        def on_signed(_: int | None, at: Now) -> None:
            sent.append(at)

        def on_reply(reply: Reply, later: Now) -> None:
            self._is_asking = False
            if reply.server_ms is not None and sent:
                self.trouble = ""
                self._take(reply.server_ms, sent[-1], later)
            else:
                self.trouble = f"{reply.code} {reply.text}".strip()
            if self._left > 0:
                self._sample(later)
                return
            then, self._then = self._then, None
            if then is not None:
                then(later)

        self._outbox.call(
            self._dialect.server_time(), on_reply, now, wait_s=10, on_signed=on_signed
        )

    def _take(self, server_ms: int, sent: Now, received: Now) -> None:
        round_trip_ns = received.mono_ns - sent.mono_ns
        # By the wall clock of the answer: it may have been set since the question.
        middle_ns = received.wall_ns - round_trip_ns // 2
        # The venue cuts its clock to whole milliseconds.
        server_ns = server_ms * NS_PER_MS + _RESOLUTION_NS // 2
        sample = ClockOffset(
            offset_ns=server_ns - middle_ns,
            error_ns=round_trip_ns // 2 + _RESOLUTION_NS // 2,
            measured_mono_ns=received.mono_ns,
            anchor=received,
        )
        held = self.offset
        if held.measured_mono_ns is not None:
            age_ns = received.mono_ns - held.measured_mono_ns
            bound_ns = held.error_ns + age_ns * _DRIFT_PPM // 1_000_000
            apart_ns = abs(sample.venue_ns(received) - held.venue_ns(received))
            agrees = apart_ns <= bound_ns + sample.error_ns
            if agrees and bound_ns <= sample.error_ns:
                return
        self.offset = sample
