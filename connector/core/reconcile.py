"""One routine restores the truth: at start, after a gap, in doubt, on a timer.

    ask      open orders, positions, ledger
    fills    of every instrument that may have traded, from the last good time
             minus an overlap
    missing  every order that should be open and is not listed, and every order
             that a fill names and nobody knows, one by one
    again    positions and balances; if positions moved meanwhile, fills again
    merge    all facts by the ordinary rules, fills in the order they happened, a few
             at a time
    drain    what the stream delivered meanwhile
    check    fills = cumulative, positions and wallets tie out; what does not is
             read again after a pause, then named
    report

In GAP mode the stream's facts wait in a buffer until the merge; an AUDIT runs
beside a live stream and must find nothing. Every run belongs to one gap: a new
gap aborts the run and starts over, what was found so far stays merged (merging
twice does no harm).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from connector.config import SessionConfig
from connector.core.account import Account
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.pending import PendingDifferences
from connector.core.sync_report import report_of
from connector.core.sync_run import Run, SyncMode, SyncPorts, causal, shadow
from connector.core.tie_out import differences as differences_of
from connector.core.tie_out import is_quiet_since
from connector.core.tracked import Tracked
from connector.dialect import Dialect, FillCursor, Part
from connector.dialect.facts import (
    BalanceFact,
    FillFact,
    LedgerFact,
    OrderFact,
    PositionFact,
)
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import GapReason
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import (
    Order,
    OrderStatus,
    Origin,
)

_PIECE = 256
_ROUNDS = 3
_CHECK_PAUSES_S = (0.3, 1.0, 2.5)
_TRIES = 6
_RETRY_S = 0.25


class Reconciler:
    """Runs the routine; at most one run at a time."""

    def __init__(
        self,
        dialect: Dialect,
        outbox: Outbox,
        orders: Orders,
        account: Account,
        config: SessionConfig,
        ports: SyncPorts,
    ) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._orders = orders
        self._account = account
        self._config = config
        self._ports = ports
        self._run: Run | None = None
        self._dropped: Run | None = None
        self._overlap_ms = int(config.overlap_s * 1000)
        lag_ns = dialect.facts.lag_budget_ms * NS_PER_MS
        self.pending = PendingDifferences(lag_ns)
        self.synced_ms: int | None = None
        self.history_start_ns = 0
        self._absent_since: dict[ClientOrderId, int] = {}  # monotonic, first answer

    # --- reading ---

    @property
    def run(self) -> Run | None:
        """The run in progress."""
        return self._run

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        run = self._run
        if run is None:
            return None
        times = [due for due, _ in run.retries]
        if run.resume_ns is not None:
            times.append(run.resume_ns)
        return min(times, default=None)

    # --- commands ---

    def begin(
        self,
        mode: SyncMode,
        reason: GapReason,
        gap_start_ns: int,
        now: Now,
        *,
        with_settings: bool = False,
    ) -> None:
        """Start a run; a run in progress is dropped."""
        run = Run(mode, reason, gap_start_ns, now, with_settings)
        run.requests_before = self._outbox.requests_made
        run.weight_before = self._outbox.weight_used
        run.dropped_before = self._orders.duplicates_dropped
        run.doubted = self._ports.in_doubt(mode)
        if mode is SyncMode.GAP:
            self._inherit(run)
        self._run = run
        self._ask(run, now)

    def abort(self) -> None:
        """Drop the run in progress; what it found is told by the next one."""
        self._dropped = self._run or self._dropped
        self._run = None

    def _inherit(self, run: Run) -> None:
        """A dropped run found things nobody was told of yet."""
        old = self._run or self._dropped
        self._dropped = None
        if old is None:
            return
        run.fills = old.fills
        run.changed = old.changed
        run.external = old.external
        run.ledger = old.ledger
        run.unknowable = old.unknowable
        run.requests_before = old.requests_before
        run.weight_before = old.weight_before
        run.dropped_before = old.dropped_before
        known = {tracked.client_order_id for tracked in run.doubted}
        run.doubted += [t for t in old.doubted if t.client_order_id not in known]

    def tick(self, now: Now) -> None:
        """Continue after a pause."""
        run = self._run
        if run is None:
            return
        due = [item for item in run.retries if item[0] <= now.mono_ns]
        for item in due:
            run.retries.remove(item)
            item[1](now)
        if run.resume_ns is not None and run.resume_ns <= now.mono_ns:
            run.resume_ns = None
            self._ask(run, now)

    # --- the steps ---

    def since_ms(self, now: Now) -> int:
        """How far back the next run looks, UTC ms of the venue."""
        synced_ms = self.synced_ms
        if synced_ms is None:
            # Never synced: an earlier run may have begun long ago and died.
            begun_ms = self.history_start_ns // NS_PER_MS
            synced_ms = begun_ms or self._venue_ms(now)
        # A journal may come from a machine whose clock was ahead.
        return min(synced_ms, self._venue_ms(now)) - self._overlap_ms

    def _venue_ms(self, now: Now) -> int:
        return self._ports.clock().venue_ns(now) // NS_PER_MS

    def _ask(self, run: Run, now: Now) -> None:
        run.facts.clear()
        run.listed.clear()
        run.positions.clear()
        run.ledger_symbols.clear()
        run.lost.clear()
        run.asked_ns = self._ports.clock().venue_ns_late(now)
        run.asked_mono_ns = now.mono_ns
        run.assets = self._account.assets()
        parts = [Part.OPEN_ORDERS, Part.POSITIONS, Part.LEDGER]
        if run.with_settings:
            parts.append(Part.SETTINGS)
        requests = [
            (request, self._collector(run, part))
            for part in parts
            for request in self._query(part, now)
        ]
        self._all(run, requests, lambda later: self._fills(run, later), now)

    def _query(self, part: Part, now: Now) -> tuple[Request, ...]:
        symbols = set(self._orders.open_symbols())
        symbols.update(symbol for symbol, _ in self._account.position_keys())
        return self._dialect.query(
            part,
            symbols=sorted(symbols),
            assets=self._account.assets(),
            since_ms=self.since_ms(now),
            now_ms=self._venue_ms(now),
        )

    def _collector(self, run: Run, part: Part) -> Callable[[Reply], None]:
        def collect(reply: Reply) -> None:
            run.facts.extend(reply.facts)
            for fact in reply.facts:
                if part is Part.OPEN_ORDERS and isinstance(fact, OrderFact):
                    run.listed.append(fact)
                elif part is Part.POSITIONS and isinstance(fact, PositionFact):
                    run.positions[fact.symbol, fact.position_side] = fact
                elif part is Part.BALANCES and isinstance(fact, BalanceFact):
                    run.wallets.add(fact.asset)
                elif isinstance(fact, LedgerFact) and fact.symbol is not None:
                    run.ledger_symbols.add(fact.symbol)

        return collect

    def _fills(self, run: Run, now: Now) -> None:
        symbols = set(run.ledger_symbols)
        symbols.update(fact.symbol for fact in run.listed)
        symbols.update(self._orders.open_symbols())
        symbols.update(tracked.symbol for tracked in run.doubted)
        symbols.update(tracked.symbol for tracked in self._orders.short())
        symbols.update(symbol for symbol, _ in run.positions)
        symbols.update(symbol for symbol, _ in self._account.position_keys())
        since_ms = self.since_ms(now)
        cursors = self._cursors(run, symbols, since_ms, now)

        def collect(reply: Reply) -> None:
            run.facts.extend(
                fact
                for fact in reply.facts
                if not (isinstance(fact, FillFact) and self._orders.is_forgotten(fact))
            )

        requests = [
            (request, collect)
            for cursor in cursors
            for request in self._dialect.query_fills(cursor, now_ms=self._venue_ms(now))
        ]
        self._all(run, requests, lambda later: self._missing(run, later), now)

    def _cursors(
        self, run: Run, symbols: Iterable[Symbol], since_ms: int, now: Now
    ) -> list[FillCursor]:
        """From *since_ms*, or from the creation of an order that lacks fills: the
        missing one may be older than all that was known when it was last asked."""
        oldest_ms = dict.fromkeys(symbols, since_ms)
        for tracked in self._orders.short():
            if tracked.symbol in oldest_ms and not self._is_before_our_time(tracked):
                created_ms = tracked.created_ns // NS_PER_MS - self._overlap_ms
                oldest_ms[tracked.symbol] = min(oldest_ms[tracked.symbol], created_ms)
        kept_ms = self._venue_ms(now) - self._dialect.facts.fill_retention_s * 1000
        if any(ms < kept_ms for ms in oldest_ms.values()):
            run.note("fills older than the venue keeps them")
        return [
            FillCursor(symbol=symbol, trade_id=None, venue_ms=start, since_ms=start)
            for symbol, ms in sorted(oldest_ms.items())
            for start in (max(ms, kept_ms),)
        ]

    def _missing(self, run: Run, now: Now) -> None:
        """Orders that should be listed and are not, and orders known by a fill
        only."""
        listed = {(f.symbol, f.venue_order_id) for f in run.listed}
        listed_clients = {f.client_order_id for f in run.listed}
        wanted: list[tuple[Order, Tracked | None]] = []
        for tracked in self._orders.open():
            ids = (tracked.venue_order_id, tracked.triggered_order_id)
            if any((tracked.symbol, venue_id) in listed for venue_id in ids):
                continue
            # A name may be of several orders: it speaks for one without an id of the
            # venue, or for one whose id changes when it triggers.
            is_by_name = tracked.venue_order_id is None or tracked.is_conditional
            if is_by_name and tracked.client_order_id in listed_clients:
                continue
            if tracked.status is OrderStatus.PENDING_NEW:
                if tracked.in_doubt_since_ns is None:
                    continue  # not sent yet, or its answer is on the way
            elif tracked.born_mono_ns > run.asked_mono_ns:
                continue  # younger than the list
            wanted.append((tracked.snapshot(), tracked))
        known = set(listed)
        for fact in run.facts:
            if not isinstance(fact, FillFact):
                continue
            key = (fact.symbol, fact.venue_order_id)
            if key in known or self._orders.find(*key) is not None:
                continue
            known.add(key)
            wanted.append((shadow(fact.symbol, fact.venue_order_id), None))
        asked = {t.client_order_id for _, t in wanted if t is not None}
        self._absent_since = {k: v for k, v in self._absent_since.items() if k in asked}
        requests = []
        for order, missing in wanted:
            requests += self._order_queries(run, order, missing, now)
        self._all(run, requests, lambda later: self._again(run, later), now)

    def _order_queries(
        self, run: Run, order: Order, tracked: Tracked | None, now: Now
    ) -> list[tuple[Request, Callable[[Reply], None]]]:
        requests = self._dialect.query_order(order)
        replies: list[Reply] = []

        def collect(reply: Reply) -> None:
            run.facts.extend(reply.facts)
            replies.append(reply)
            if len(replies) < len(requests) or tracked is None:
                return
            absent = all(r.verdict is Verdict.NOT_FOUND for r in replies)
            if absent and tracked.is_known_to_venue:
                self._absent(run, tracked)
            elif not absent:
                self._absent_since.pop(tracked.client_order_id, None)

        return [(request, collect) for request in requests]

    def _absent(self, run: Run, tracked: Tracked) -> None:
        """The venue accepted it once and now tells nothing: beyond retention,
        or a lagging read. Only time can tell which: two answers further apart than
        any read lags cannot both be behind."""
        facts = self._dialect.facts
        age_ns = run.asked_ns - (tracked.venue_ns or tracked.created_ns)
        lag_ns = facts.lag_budget_ms * NS_PER_MS
        retained_ns = facts.unfilled_retention_s * NS_PER_S
        was_asked_enough = run.checks >= len(_CHECK_PAUSES_S) and age_ns >= lag_ns
        first_ns = self._absent_since.setdefault(
            tracked.client_order_id, run.asked_mono_ns
        )
        is_gone = run.asked_mono_ns - first_ns > lag_ns
        if age_ns > retained_ns or was_asked_enough or is_gone:
            run.unknowable.append(
                f"how order {tracked.client_order_id} ended: the venue no longer "
                "tells it"
            )
            run.changed[tracked.client_order_id] = tracked
            run.lost.append(tracked)

    def _again(self, run: Run, now: Now) -> None:
        before = {key: fact.qty for key, fact in run.positions.items() if fact.qty}
        run.positions.clear()
        run.wallets.clear()
        run.positions_asked_ns = self._ports.clock().venue_ns_late(now)
        requests = [
            (request, self._collector(run, part))
            for part in (Part.POSITIONS, Part.BALANCES)
            for request in self._query(part, now)
        ]

        def compare(later: Now) -> None:
            after = {key: f.qty for key, f in run.positions.items() if f.qty}
            if before != after and run.rounds < _ROUNDS:
                run.rounds += 1
                self._fills(run, later)
            else:
                self._merge(run, later)

        self._all(run, requests, compare, now)

    def _merge(self, run: Run, now: Now) -> None:
        run.ordered = deque(causal(run.facts, self._orders))
        self._merge_piece(run, now)

    def _merge_piece(self, run: Run, now: Now) -> None:
        """So many that whatever else is due has its turn in time."""
        count = min(len(run.ordered), _PIECE)
        piece = [run.ordered.popleft() for _ in range(count)]
        self._ports.merge(run, piece, now)
        if run.ordered:
            again = (now.mono_ns, lambda later: self._merge_piece(run, later))
            run.retries.append(again)
        else:
            self._merged(run, now)

    def _merged(self, run: Run, now: Now) -> None:
        self._ports.flatten(run, set(run.positions), run.positions_asked_ns, now)
        for tracked in run.lost:
            if not tracked.is_terminal and not self._ports.is_busy(tracked):
                self._ports.close_unknown(run, tracked, now)
        self._ports.drain(run, now)
        if self._run is run:
            self._check(run, now)

    def _check(self, run: Run, now: Now) -> None:
        short = [t for t in self._orders.short() if not self._is_before_our_time(t)]
        is_first = self.synced_ms is None
        if is_first:
            self._account.take_bases()
        differences = differences_of(self._account, quiet_since_ns=run.asked_ns)
        unsettled = is_first and not (
            is_quiet_since(self._account, run.asked_ns) and self._asked_whole(run)
        )
        hole = self._account.ledger_numbers.hole()
        is_news = any(not self.pending.is_watched(item) for item in differences)
        is_open = bool(short or is_news or unsettled or hole)
        if is_open and run.checks < len(_CHECK_PAUSES_S):
            run.resume_ns = now.mono_ns + int(_CHECK_PAUSES_S[run.checks] * NS_PER_S)
            run.checks += 1
            return
        for tracked in short:
            self._ports.infer(run, tracked, now)
        if short:
            # What was inferred explains its part of the position.
            differences = differences_of(self._account, quiet_since_ns=run.asked_ns)
        if hole:
            run.note(hole)
            self._account.ledger_numbers.restart()
        venue_ns = self._ports.clock().venue_ns(now)
        run.differences = self.pending.lasting(differences, venue_ns)
        run.watched = [d for d in differences if d not in run.differences]
        self._account.sums.accept(run.differences)
        self._finish(run, now)

    def _asked_whole(self, run: Run) -> bool:
        """The ledger of every wallet was asked for: what is in the first wallets told
        must not be counted a second time by an entry that is read later."""
        if not self._dialect.facts.ledger_per_asset:
            return True
        return set(self._account.assets()) <= set(run.assets)

    def _is_before_our_time(self, tracked: Tracked) -> bool:
        """Filled partly before this journal began: take that as the base."""
        if tracked.origin is Origin.OWN or tracked.is_stub:
            return False
        if tracked.created_ns >= self.history_start_ns:
            return False
        tracked.base_filled = tracked.filled_qty - tracked.fills_qty
        self._orders.touch(tracked)
        self._ports.save(tracked)
        return True

    def _finish(self, run: Run, now: Now) -> None:
        self._run = None
        self.synced_ms = run.asked_ns // NS_PER_MS
        report = report_of(run, self._orders, self._outbox, now)
        self._ports.done(run, report, now)

    # --- calls ---

    def _all(
        self,
        run: Run,
        requests: Sequence[tuple[Request, Callable[[Reply], None]]],
        then: Callable[[Now], None],
        now: Now,
    ) -> None:
        """Make calls together, every page of each; then go on."""
        run.waiting = len(requests)
        run.then = then
        if not requests:
            then(now)
            return
        for request, collect in requests:
            self._one(run, request, collect, 1, now)

    def _one(
        self,
        run: Run,
        request: Request,
        collect: Callable[[Reply], None],
        attempt: int,
        now: Now,
    ) -> None:
        def on_reply(reply: Reply, later: Now) -> None:
            if self._run is not run:
                return
            if reply.verdict in (Verdict.OK, Verdict.UNCHANGED, Verdict.NOT_FOUND):
                collect(reply)
                if reply.next_request is not None:
                    self._one(run, reply.next_request, collect, 1, later)
                    return
                run.waiting -= 1
                if run.waiting == 0 and run.then is not None:
                    run.then(later)
                return
            if attempt >= _TRIES:
                self.abort()
                why = f"{request.op}: {reply.code} {reply.text}".strip()
                self._ports.failed(run, why, later)
                return
            pause_ns = int(_RETRY_S * 2 ** (attempt - 1) * NS_PER_S)
            run.retries.append(
                (
                    later.mono_ns + pause_ns,
                    lambda then: self._one(run, request, collect, attempt + 1, then),
                )
            )

        wait_s = self._config.query_wait_s
        self._outbox.call(
            replace(request, priority=Priority.RECONCILE), on_reply, now, wait_s=wait_s
        )
