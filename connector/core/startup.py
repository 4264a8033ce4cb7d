"""Before the stream: clock, instruments, limits, key, settings.

Each question is asked until it is answered, with growing pauses; `Session` gives
up after its own deadline. A key that may withdraw is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core import restore
from connector.core.effects import Fatal
from connector.dialect import Part
from connector.dialect.facts import KeyFact
from connector.dialect.wire import Host, Reply, Request, Verdict
from connector.errors import KeyRefused
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import Alarm
from connector.model.limits import Priority
from connector.model.noun import replace

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_PARTS = (Part.INSTRUMENTS, Part.KEY_INFO, Part.SETTINGS, Part.MARKS)
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Startup:
    """Asks the questions whose answers everything else needs."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self._waiting = 0
        self._again: list[tuple[int, Request, int]] = []
        self._clock_ns: int | None = None
        self._is_wanted = True
        self.is_done = False
        self.done_ns = 0  # monotonic time
        self.last_trouble = ""

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        times = [due for due, _, _ in self._again]
        if self._clock_ns is not None:
            times.append(self._clock_ns)
        return min(times, default=None)

    def begin(self, now: Now) -> None:
        """The clock first: nothing can be signed without it."""
        self._core.clock.measure(now, self._ask)

    def tick(self, now: Now) -> None:
        """Ask again what was not answered."""
        if self._clock_ns is not None and self._clock_ns <= now.mono_ns:
            self._clock_ns = None
            self.begin(now)
        due = [item for item in self._again if item[0] <= now.mono_ns]
        for item in due:
            self._again.remove(item)
            self._one(item[1], item[2], now)

    def stop(self) -> None:
        """Closing: answers that still come start nothing."""
        self._is_wanted = False
        self._again.clear()
        self._clock_ns = None

    def on_key(self, fact: KeyFact) -> None:
        """What this key may do."""
        core = self._core
        if fact.can_withdraw and not core.config.allow_withdraw_key:
            core.outbox.emit(
                Fatal(
                    KeyRefused(
                        "this key may withdraw funds; make one that can only trade, "
                        "or insist with allow_withdraw_key = true"
                    )
                )
            )
        if fact.can_trade is False:
            self._alarm("key.read_only", "this key may not trade")
        if fact.is_ip_bound is False:
            self._alarm("key.any_address", "this key works from any IP address")

    def _alarm(self, code: str, text: str) -> None:
        self._core.outbox.publish(Alarm(code=code, text=text))

    def _ask(self, now: Now) -> None:
        core = self._core
        if not self._is_wanted:
            return
        if core.clock.offset.measured_mono_ns is None:
            self.last_trouble = (
                f"the venue's clock could not be read: {core.clock.trouble}"
            )
            self._clock_ns = now.mono_ns + int(_PAUSES_S[0] * NS_PER_S)
            return
        restore.date_history(core)
        now_ms = core.clock.offset.venue_ns(now) // NS_PER_MS
        requests = [
            request
            for part in _PARTS
            for request in core.dialect.query(
                part, symbols=(), since_ms=now_ms, now_ms=now_ms
            )
            # Test networks have no such host; a key is asked about where it can be.
            if request.host is not Host.KEY_INFO or core.has_key_info
        ]
        self._waiting = len(requests)
        for request in requests:
            self._one(request, 0, now)

    def _one(self, request: Request, tries: int, now: Now) -> None:
        core = self._core

        def on_reply(reply: Reply, later: Now) -> None:
            if not self._is_wanted:
                return
            if reply.verdict in (Verdict.OK, Verdict.UNCHANGED):
                core.merger.apply(reply.facts, Source.REST, later)
                if reply.next_request is not None:
                    self._one(reply.next_request, 0, later)
                    return
                self._answered(later)
                return
            self.last_trouble = f"{request.op}: {reply.code} {reply.text}".strip()
            pause_s = _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]
            due = later.mono_ns + int(pause_s * NS_PER_S)
            self._again.append((due, request, tries + 1))

        core.outbox.call(
            replace(request, priority=Priority.RECONCILE),
            on_reply,
            now,
            wait_s=core.config.query_wait_s,
        )

    def _answered(self, now: Now) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self.is_done = True
            self.done_ns = now.mono_ns
            self._core.link.start(now)
            if self._core.streams.second is None:
                self._core.start_order_entry(now)
