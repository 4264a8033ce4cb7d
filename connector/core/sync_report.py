"""What a reconciliation found, as a report."""

from __future__ import annotations

from collections.abc import Sequence

from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.sync_run import Run
from connector.model.account import LedgerEntry
from connector.model.clock import Now
from connector.model.events import ReconcileReport


def report_of(run: Run, orders: Orders, outbox: Outbox, now: Now) -> ReconcileReport:
    """Everything that *run* and the runs it replaced have found."""
    resolved = [t for t in run.doubted if t.in_doubt_since_ns is None]
    left = [t for t in run.doubted if t.in_doubt_since_ns is not None]
    external = run.external
    changed = [t for key, t in run.changed.items() if key not in external]
    return ReconcileReport(
        reason=run.reason,
        gap_start_ns=run.gap_start_ns,
        gap_end_ns=now.wall_ns,
        duration_ms=(now.mono_ns - run.begun.mono_ns) / 1e6,
        rounds=run.rounds,
        missed_fills=tuple(run.fills),
        orders_changed=tuple(t.snapshot() for t in changed),
        external_orders=tuple(t.snapshot() for t in external.values()),
        in_doubt_resolved=tuple(t.snapshot() for t in resolved),
        in_doubt_left=tuple(t.snapshot() for t in left),
        ledger_entries=_beside_fills(run.ledger, orders),
        duplicates_dropped=orders.duplicates_dropped - run.dropped_before,
        differences_left=tuple(run.differences),
        differences_watched=tuple(run.watched),
        unknowable=tuple(run.unknowable),
        requests=outbox.requests_made - run.requests_before,
        weight=outbox.weight_used - run.weight_before,
    )


def _beside_fills(
    entries: Sequence[LedgerEntry], orders: Orders
) -> tuple[LedgerEntry, ...]:
    """Without fees and profits of executions that are told as fills, of this gap
    or before it: the fill says them."""
    told = set()
    if any(entry.trade_id is not None for entry in entries):
        told = {(symbol, trade) for symbol, _, trade in orders.fill_keys}
    return tuple(e for e in entries if (e.symbol, e.trade_id) not in told)
