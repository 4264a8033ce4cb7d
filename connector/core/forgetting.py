"""Closed orders and their fills leave memory; the journal keeps them as its history.

After each reconciliation a pass looks at every closed order once, a few at a time so
that nothing waits for it. An order leaves when it was closed for `keep_closed_s`, by
the venue's clock and by ours, and no reconciliation will ask that far back; its fills
leave with it, so a fill is remembered as long as anybody may tell it again. The write
that follows retires its records, never before the journal knows from when on
(`forgotten_ns`): what a journal replays is what was in memory, so a start costs what is
remembered, however long the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core.order_state import SPREAD_NS
from connector.core.restore import fill_name
from connector.core.tracked import Tracked
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.order import Origin

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_STEP = 256
"""Orders, and ledger entries, looked at before others have their turn."""

_PAUSE_NS = 10 * NS_PER_MS


class Forgetting:
    """Runs the passes, and says when the next step is due."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self._left = 0
        self._entries_left = 0
        self._since_ns = 0
        self._keep_ns = int(core.config.keep_closed_s * NS_PER_S)
        self.next_wake_ns: int | None = None

    def begin(self, now: Now) -> None:
        """A reconciliation has ended: what is old enough may go."""
        core = self._core
        since_ns = core.reconciler.since_ms(now) * NS_PER_MS
        self._since_ns = since_ns
        limit_ns = min(core.clock.offset.venue_ns(now) - self._keep_ns, since_ns)
        orders, entries = core.orders, core.account.ledger_ids
        orders.floor_ns = max(orders.floor_ns, limit_ns)
        core.merger.record("meta", "forgotten_ns", str(orders.floor_ns))
        self._left = len(orders.closed)
        self._entries_left = len(entries)
        self._step(now)

    def tick(self, now: Now) -> None:
        """Go on with the pass under way."""
        if self.next_wake_ns is not None and self.next_wake_ns <= now.mono_ns:
            self._step(now)

    def stop(self) -> None:
        """Closing: what is left is looked at by the next run."""
        self.next_wake_ns = None

    def _step(self, now: Now) -> None:
        core = self._core
        count = min(self._left, _STEP)
        self._left -= count
        closed = core.orders.closed
        for tracked, closed_ns in [closed.popleft() for _ in range(count)]:
            if not tracked.is_terminal or not core.orders.holds(tracked):
                continue  # open again, or gone: it comes back when it closes
            since_ns = now.mono_ns if closed_ns is None else closed_ns
            if self._may_go(tracked, since_ns, now):
                self._forget(tracked)
            else:
                closed.append((tracked, since_ns))
        entries = min(self._entries_left, _STEP)
        self._entries_left -= entries
        for name in core.account.ledger_ids.sweep(entries, self._since_ns):
            core.merger.retire("ledger", name)
        is_done = not self._left and not self._entries_left
        self.next_wake_ns = None if is_done else now.mono_ns + _PAUSE_NS

    def _may_go(self, tracked: Tracked, since_ns: int, now: Now) -> bool:
        told_ns = tracked.venue_ns or tracked.created_ns
        return (
            told_ns < self._core.orders.floor_ns - SPREAD_NS
            and (not since_ns or since_ns <= now.mono_ns - self._keep_ns)
            and not self._core.outcomes.is_busy(tracked)
        )

    def _forget(self, tracked: Tracked) -> None:
        core = self._core
        for key in core.orders.forget(tracked):
            core.merger.retire("fill", fill_name(key))
        core.merger.retire("order", tracked.client_order_id)
        if tracked.origin is Origin.OWN:
            core.merger.retire("intent", tracked.client_order_id)
