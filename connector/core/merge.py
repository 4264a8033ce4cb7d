"""Facts become state, events and durable records, one at a time.

Everything the venue tells goes through `Merger.apply`, whether it came by stream,
as the answer to a command or from a snapshot; so an event is told once, whichever
channel was first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.core.account import Account
from connector.core.effects import JournalRecord, SetLimits
from connector.core.ledger_ids import entry_name
from connector.core.orders import Change, FillKey, Orders
from connector.core.outbox import Outbox
from connector.core.restore import fill_name
from connector.core.sums import PositionKey
from connector.core.sync_run import Run
from connector.core.tracked import Tracked
from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    CollateralFact,
    Fact,
    FillFact,
    GreeksFact,
    InstrumentFact,
    KeyFact,
    LedgerFact,
    LimitsFact,
    MarkFact,
    NoticeFact,
    OrderFact,
    PositionFact,
    RiskFact,
    SettingFact,
    UnknownFact,
)
from connector.model.account import Source
from connector.model.clock import Now
from connector.model.events import (
    Alarm,
    BalanceUpdate,
    Correction,
    FillEvent,
    LedgerUpdate,
    OrderUpdate,
    PositionUpdate,
    UnknownMessage,
)
from connector.model.ids import ClientOrderId, Symbol
from connector.model.noun import Noun, replace
from connector.model.order import Fill, Origin

_FORCED = (Origin.LIQUIDATION, Origin.ADL, Origin.SETTLEMENT)


Merge = Callable[[Any, Source, Now, Run | None], object]
"""Takes a fact, where it came from, the time, and the run that recovered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePorts:
    """Who else wants to know."""

    on_change: Callable[[Tracked, Source, Now], None]  # an order changed
    on_stream_order: Callable[[Tracked], None]  # the stream spoke of it
    on_ledger_notice: Callable[[Now], None]  # an entry exists that must be asked for
    on_key: Callable[[KeyFact], None]
    on_unlisted: Callable[[Symbol], None]  # an instrument nobody told the rules of


class Merger:
    """Applies facts; collects journal records until they are taken."""

    def __init__(
        self, outbox: Outbox, orders: Orders, account: Account, ports: MergePorts
    ) -> None:
        self._outbox = outbox
        self._orders = orders
        self._account = account
        self._ports = ports
        self._counts_contracts = account.dialect.facts.counts_contracts
        self._merges = self._merges_by_kind()
        self._records: dict[tuple[str, str], JournalRecord] = {}
        self._retired: dict[tuple[str, str], None] = {}
        self._changed: dict[ClientOrderId, Tracked] = {}
        self._sums_changed = False
        self.hints: dict[FillKey, int] = {}
        self.fills_seen = 0

    def _merges_by_kind(self) -> dict[type[Fact], Merge]:
        """What becomes of a fact, but for the state of an order; the kinds that are
        hot first, the rest needs neither source nor time."""
        account = self._account
        simple: dict[type[Any], Callable[[Any], object]] = {
            MarkFact: account.merge_mark,
            SettingFact: account.merge_setting,
            AccountFact: account.merge_account,
            CollateralFact: self._collateral,
            GreeksFact: account.merge_greeks,
            NoticeFact: self._notice,
            RiskFact: self._risk,
            UnknownFact: self._unknown,
            InstrumentFact: lambda fact: account.merge_instrument(fact.instrument),
            BracketFact: lambda fact: account.merge_brackets(
                fact.symbol, fact.brackets
            ),
            LimitsFact: lambda fact: self._outbox.emit(SetLimits(fact.specs)),
            KeyFact: self._ports.on_key,
        }
        merges: dict[type[Any], Merge] = {
            FillFact: self._fill,
            PositionFact: self._position,
            BalanceFact: self._balance,
            LedgerFact: self._ledger,
        }
        merges.update((kind, _plainly(merge)) for kind, merge in simple.items())
        return merges

    def take_records(self) -> tuple[JournalRecord, ...]:
        """Durable records since the last time, sums included, newest per key."""
        if self._sums_changed:
            self._sums_changed = False
            self.record("meta", "bases", self._account.sums.record())
        if self._changed:
            for name, tracked in self._changed.items():
                value = tracked.as_of_now()
                self._records["order", name] = JournalRecord("order", name, value)
            self._changed.clear()
        if not self._records:
            return ()
        records = tuple(self._records.values())
        self._records.clear()
        return records

    def save_sums(self) -> None:
        """Make the sums durable with the next write."""
        self._sums_changed = True

    def record(self, kind: str, key: str, value: str | Noun) -> None:
        """Keep one durable record."""
        self._records[kind, key] = JournalRecord(kind, key, value)
        if self._retired:
            self._retired.pop((kind, key), None)

    def retire(self, kind: str, key: str) -> None:
        """A durable record is history from the next write on."""
        self._retired[kind, key] = None

    def take_retired(self) -> tuple[tuple[str, str], ...]:
        """Kinds and keys retired since the last time and not recorded again."""
        if not self._retired:
            return ()
        retired = tuple(self._retired)
        self._retired.clear()
        return retired

    def save_order(self, tracked: Tracked) -> None:
        """Make the state of an order durable with the next write."""
        if self._retired:
            self._retired.pop(("order", tracked.client_order_id), None)
        self._changed[tracked.client_order_id] = tracked

    def publish_order(self, tracked: Tracked, *, recovered: bool = False) -> None:
        """Tell the user what is known of an order now, unless that was told."""
        order, told = tracked.snapshot(), tracked.told
        if order is told or order == told:
            return
        tracked.told = order
        tracked.last_seq = seq = self._outbox.next_seq()
        self._outbox.emit(OrderUpdate(seq=seq, recovered=recovered, order=order))
        self._account.invalidate()

    def apply(
        self,
        facts: Sequence[Fact],
        source: Source,
        now: Now,
        *,
        run: Run | None = None,
    ) -> None:
        """Merge *facts*; with *run* they are recovered and go into its report."""
        if self._counts_contracts:
            facts = [self._in_base_units(fact) for fact in facts]
        told: Fact | None = None  # a fill that its order's state brought along
        for index, fact in enumerate(facts, 1):
            if fact is told:
                continue
            if type(fact) is not OrderFact:
                merge = self._merges.get(type(fact))
                if merge is not None:  # tokens and replies are read by whoever asked
                    merge(fact, source, now, run)
                continue
            change = self._merge_order(fact, source, now)
            following = facts[index] if index < len(facts) else None
            if type(following) is FillFact and _is_of(following, fact):
                # One frame tells both: the user hears of the fill first.
                told = following
                is_told = self._fill(following, source, now, run)
                if is_told and not change.is_new_order:
                    continue  # with it everything was told of the order
            self._after(change, source, now, run)

    def infer_fill(self, run: Run, tracked: Tracked) -> None:
        """The venue says filled and tells no execution: a provisional fill."""
        price = tracked.avg_price or tracked.price or Decimal(0)
        fill = self._orders.infer_fill(tracked, price, tracked.venue_ns)
        self._count(fill, Decimal(0))
        run.fills.append(fill)
        self._outbox.publish(FillEvent(fill=fill, recovered=True))
        self._outbox.publish(
            Correction(
                subject=f"order {tracked.client_order_id}",
                before=str(tracked.fills_qty - fill.qty),
                after=str(tracked.fills_qty),
                why="filled according to the venue, execution not told",
            )
        )
        self.save_order(tracked)

    def publish_position(self, key: PositionKey, *, recovered: bool) -> None:
        """Tell the user about a position."""
        position = self._account.position(key)
        if position is not None:
            seq = self._outbox.next_seq()
            self._outbox.emit(
                PositionUpdate(seq=seq, recovered=recovered, position=position)
            )

    def _in_base_units(self, fact: Fact) -> Fact:
        """*fact* with its quantities in coins; of an instrument that nobody listed
        a quantity means nothing, so its rules must be asked for first."""
        if not isinstance(fact, (OrderFact, FillFact, PositionFact)):
            return fact
        instrument = self._account.instruments.get(fact.symbol)
        if instrument is None:
            self._ports.on_unlisted(fact.symbol)
            return UnknownFact(kind=f"unlisted {fact.symbol}", raw="")
        unit = instrument.qty_unit
        if isinstance(fact, OrderFact):
            return replace(
                fact,
                qty=None if fact.qty is None else fact.qty * unit,
                filled_qty=None if fact.filled_qty is None else fact.filled_qty * unit,
            )
        return replace(fact, qty=fact.qty * unit)

    # --- by kind ---

    def _merge_order(self, fact: OrderFact, source: Source, now: Now) -> Change:
        change = self._orders.merge_order(fact)
        tracked = change.tracked
        if tracked is None:
            return change  # forgotten
        if change.moved is not None:
            side, qty = change.moved
            self._account.sums.move_fills(
                (tracked.symbol, side), (tracked.symbol, tracked.position_side), qty
            )
            self._sums_changed = True
        if change.is_new_order:
            tracked.born_mono_ns = now.mono_ns
        if source is Source.STREAM and not tracked.seen_on_stream:
            self._ports.on_stream_order(tracked)
        if change.is_duplicate:
            self._outbox.publish(
                Alarm(
                    code="order.duplicate",
                    text=f"the venue has a second order of the id "
                    f"{fact.client_order_id}: {tracked.client_order_id}",
                    fields={"symbol": tracked.symbol},
                )
            )
        if change.is_new_order and tracked.origin in _FORCED:
            self._outbox.publish(
                Alarm(
                    code=f"forced.{tracked.origin.value}",
                    text=f"the venue placed {tracked.client_order_id} on "
                    f"{tracked.symbol}: {tracked.origin.value}",
                    fields={"symbol": tracked.symbol},
                )
            )
        return change

    def _fill(self, fact: FillFact, source: Source, now: Now, run: Run | None) -> bool:
        """True if the execution is news."""
        if fact.is_hint or self.hints:
            key = (fact.symbol, fact.venue_order_id, fact.trade_id)
            if fact.is_hint:
                if not self._orders.has_fill(key):
                    self.hints.setdefault(key, now.mono_ns)
                return False
            self.hints.pop(key, None)
        change = self._orders.merge_fill(fact)
        for fill in change.fills:
            self.fills_seen += 1
            self._count(fill, change.replaced_provisional)
            if run is not None:
                run.fills.append(fill)
            seq = self._outbox.next_seq()
            recovered = run is not None
            self._outbox.emit(FillEvent(seq=seq, recovered=recovered, fill=fill))
        self._after(change, source, now, run)
        return bool(change.fills)

    def _count(self, fill: Fill, replaced: Decimal) -> None:
        self._account.sums.add_fill(fill, replaced)
        self._sums_changed = True
        key = (fill.symbol, fill.venue_order_id, fill.trade_id)
        self.record("fill", fill_name(key), fill)

    def _after(self, change: Change, source: Source, now: Now, run: Run | None) -> None:
        tracked = change.tracked
        if tracked is None or not change.is_durable:
            return
        self.save_order(tracked)
        if not change.order_changed:
            return
        if run is not None:
            if change.is_new_order and tracked.origin is not Origin.OWN:
                run.external[tracked.client_order_id] = tracked
            else:
                run.changed[tracked.client_order_id] = tracked
        if not tracked.is_stub:
            self.publish_order(tracked, recovered=run is not None)
        self._ports.on_change(tracked, source, now)

    def _position(
        self, fact: PositionFact, source: Source, now: Now, run: Run | None
    ) -> None:
        if self._account.merge_position(fact, source, now):
            key = (fact.symbol, fact.position_side)
            self.publish_position(key, recovered=run is not None)

    def _balance(
        self, fact: BalanceFact, source: Source, now: Now, run: Run | None
    ) -> None:
        if self._account.merge_balance(fact, source, now):
            balance = self._account.balances[fact.asset]
            seq, recovered = self._outbox.next_seq(), run is not None
            self._outbox.emit(
                BalanceUpdate(seq=seq, recovered=recovered, balance=balance)
            )

    def _collateral(self, fact: CollateralFact) -> None:
        if text := self._account.merge_collateral(fact):
            self._outbox.publish(Alarm(code="account.sums", text=text))

    def _notice(self, fact: NoticeFact) -> None:
        self._outbox.publish(Alarm(code=fact.code, text=fact.text))

    def _risk(self, fact: RiskFact) -> None:
        symbols = {"symbols": ", ".join(fact.symbols)}
        alarm = Alarm(code="risk.margin_call", text=fact.text, fields=symbols)
        self._outbox.publish(alarm)

    def _unknown(self, fact: UnknownFact) -> None:
        self._outbox.publish(UnknownMessage(kind=fact.kind, raw=fact.raw[:4096]))

    def _ledger(
        self, fact: LedgerFact, source: Source, now: Now, run: Run | None
    ) -> None:
        if not fact.entry_id:
            self._ports.on_ledger_notice(now)
            return
        entry = self._account.merge_ledger(fact)
        if entry is None:
            return
        self._sums_changed = True
        if run is not None:
            run.ledger.append(entry)
        name = entry_name(entry.kind, entry.entry_id)
        self.record("ledger", name, str(entry.venue_ns))
        self._outbox.publish(LedgerUpdate(entry=entry, recovered=run is not None))


def _is_of(fill: FillFact, order: OrderFact) -> bool:
    """An execution, and not an early copy of one, of that order."""
    return fill.venue_order_id == order.venue_order_id and not fill.is_hint


def _plainly(merge: Callable[[Any], object]) -> Merge:
    """*merge* of a fact alone, as a `Merge`."""
    return lambda fact, source, now, run: merge(fact)
