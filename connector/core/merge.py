"""Facts become state, events and durable records, one at a time.

Everything the venue tells goes through `Merger.apply`, whether it came by stream,
as the answer to a command or from a snapshot; so an event is told once, whichever
channel was first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from connector.core.account import Account
from connector.core.effects import JournalRecord, SetLimits
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePorts:
    """Who else wants to know."""

    on_change: Callable[[Tracked, Now], None]  # an order changed
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
        self._records: dict[tuple[str, str], JournalRecord] = {}
        self._changed: dict[ClientOrderId, Tracked] = {}
        self._sums_changed = False
        self.hints: dict[FillKey, int] = {}
        self.fills_seen = 0

    def take_records(self) -> tuple[JournalRecord, ...]:
        """Durable records since the last time, sums included, newest per key."""
        if self._sums_changed:
            self._sums_changed = False
            self.record("meta", "bases", self._account.sums.record())
        for name, tracked in self._changed.items():
            self.record("order", name, tracked.record())
        self._changed.clear()
        records = tuple(self._records.values())
        self._records.clear()
        return records

    def save_sums(self) -> None:
        """Make the sums durable with the next write."""
        self._sums_changed = True

    def record(self, kind: str, key: str, value: str | Noun) -> None:
        """Keep one durable record."""
        self._records[kind, key] = JournalRecord(kind, key, value)

    def save_order(self, tracked: Tracked) -> None:
        """Make the state of an order durable with the next write."""
        self._changed[tracked.client_order_id] = tracked

    def publish_order(self, tracked: Tracked, *, recovered: bool = False) -> None:
        """Tell the user what is known of an order now, unless that was told."""
        order = tracked.snapshot()
        if order == tracked.told:
            return
        tracked.told = order
        tracked.last_seq = self._outbox.publish(
            OrderUpdate(order=order, recovered=recovered)
        )
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
        for index, fact in enumerate(facts):
            if fact is told:
                continue
            match fact:
                case OrderFact() if _is_filled_by(fact, facts, index + 1):
                    # One frame tells both: the user hears of the fill first.
                    change = self._merge_order(fact, source, now)
                    told = facts[index + 1]
                    self._fill(cast(FillFact, told), now, run)
                    self._after(change, now, run)
                case FillFact():
                    self._fill(fact, now, run)
                case OrderFact():
                    self._order(fact, source, now, run)
                case PositionFact():
                    self._position(fact, source, now, run)
                case BalanceFact():
                    if self._account.merge_balance(fact, source, now):
                        balance = self._account.balances[fact.asset]
                        self._outbox.publish(
                            BalanceUpdate(balance=balance, recovered=run is not None)
                        )
                case LedgerFact():
                    self._ledger(fact, now, run)
                case MarkFact():
                    self._account.merge_mark(fact)
                case SettingFact():
                    self._account.merge_setting(fact)
                case AccountFact():
                    self._account.merge_account(fact)
                case CollateralFact():
                    self._account.merge_collateral(fact)
                case NoticeFact(code=code, text=text):
                    self._outbox.publish(Alarm(code=code, text=text))
                case RiskFact():
                    symbols = ", ".join(fact.symbols)
                    self._outbox.publish(
                        Alarm(
                            code="risk.margin_call",
                            text=fact.text,
                            fields={"symbols": symbols},
                        )
                    )
                case UnknownFact():
                    self._outbox.publish(
                        UnknownMessage(kind=fact.kind, raw=fact.raw[:4096])
                    )
                case InstrumentFact(instrument=instrument):
                    self._account.merge_instrument(instrument)
                case BracketFact(symbol=symbol, brackets=brackets):
                    self._account.merge_brackets(symbol, brackets)
                case LimitsFact():
                    self._outbox.emit(SetLimits(fact.specs))
                case KeyFact():
                    self._ports.on_key(fact)
                case _:
                    # Tokens and frame replies are consumed by whoever asked.
                    pass

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
            self._outbox.publish(PositionUpdate(position=position, recovered=recovered))

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

    def _order(
        self, fact: OrderFact, source: Source, now: Now, run: Run | None
    ) -> None:
        self._after(self._merge_order(fact, source, now), now, run)

    def _merge_order(self, fact: OrderFact, source: Source, now: Now) -> Change:
        change = self._orders.merge_order(fact)
        tracked = change.tracked
        assert tracked is not None
        if change.moved is not None:
            side, qty = change.moved
            self._account.sums.move_fills(
                (tracked.symbol, side), (tracked.symbol, tracked.position_side), qty
            )
            self._sums_changed = True
        if change.is_new_order:
            tracked.born_mono_ns = now.mono_ns
        if source is Source.STREAM:
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

    def _fill(self, fact: FillFact, now: Now, run: Run | None) -> None:
        key = (fact.symbol, fact.venue_order_id, fact.trade_id)
        if fact.is_hint:
            if not self._orders.has_fill(key):
                self.hints.setdefault(key, now.mono_ns)
            return
        self.hints.pop(key, None)
        change = self._orders.merge_fill(fact)
        for fill in change.fills:
            self.fills_seen += 1
            self._count(fill, change.replaced_provisional)
            if run is not None:
                run.fills.append(fill)
            self._outbox.publish(FillEvent(fill=fill, recovered=run is not None))
        self._after(change, now, run)

    def _count(self, fill: Fill, replaced: Decimal) -> None:
        self._account.sums.add_fill(fill, replaced)
        self._sums_changed = True
        self.record("fill", fill_name(fill), fill)

    def _after(self, change: Change, now: Now, run: Run | None) -> None:
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
        self._ports.on_change(tracked, now)

    def _position(
        self, fact: PositionFact, source: Source, now: Now, run: Run | None
    ) -> None:
        if self._account.merge_position(fact, source, now):
            key = (fact.symbol, fact.position_side)
            self.publish_position(key, recovered=run is not None)

    def _ledger(self, fact: LedgerFact, now: Now, run: Run | None) -> None:
        if not fact.entry_id:
            self._ports.on_ledger_notice(now)
            return
        entry = self._account.merge_ledger(fact)
        if entry is None:
            return
        self._sums_changed = True
        if run is not None:
            run.ledger.append(entry)
        self.record(
            "ledger", f"{entry.kind.value}/{entry.entry_id}", str(entry.venue_ns)
        )
        self._outbox.publish(LedgerUpdate(entry=entry, recovered=run is not None))


def _is_filled_by(fact: OrderFact, facts: Sequence[Fact], index: int) -> bool:
    """The next fact is an execution of the same order."""
    if index >= len(facts):
        return False
    following = facts[index]
    return (
        isinstance(following, FillFact)
        and not following.is_hint
        and following.venue_order_id == fact.venue_order_id
    )
