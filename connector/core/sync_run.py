"""One run of reconciliation: what it gathered, and in which order that happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connector.core.orders import Orders
from connector.core.sums import PositionKey
from connector.core.tracked import Tracked
from connector.dialect.facts import Fact, FillFact, OrderFact, PositionFact
from connector.model.account import LedgerEntry
from connector.model.clock import ClockOffset, Now
from connector.model.events import Adjustment, GapReason, ReconcileReport
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.noun import replace
from connector.model.order import (
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Side,
)


class SyncMode(StrEnum):
    """Whether the stream's facts wait."""

    GAP = "gap"
    AUDIT = "audit"


@dataclass(slots=True, eq=False)
class Run:
    """One execution of the routine. The lists at the end fill the report."""

    mode: SyncMode
    reason: GapReason
    gap_start_ns: int
    begun: Now
    with_settings: bool
    rounds: int = 1
    checks: int = 0
    waiting: int = 0
    then: Callable[[Now], None] | None = None
    resume_ns: int | None = None
    retries: list[tuple[int, Callable[[Now], None]]] = field(default_factory=list)
    asked_ns: int = 0
    assets: list[str] = field(default_factory=list)  # whose ledger was asked
    asked_mono_ns: int = 0
    facts: list[Fact] = field(default_factory=list)
    ordered: deque[Fact] = field(default_factory=deque)  # still to be merged
    listed: list[OrderFact] = field(default_factory=list)
    positions: dict[PositionKey, PositionFact] = field(default_factory=dict)
    positions_asked_ns: int = 0
    wallets: set[str] = field(default_factory=set)
    ledger_symbols: set[Symbol] = field(default_factory=set)
    lost: list[Tracked] = field(default_factory=list)
    doubted: list[Tracked] = field(default_factory=list)
    requests_before: int = 0
    weight_before: int = 0
    dropped_before: int = 0
    fills: list[Fill] = field(default_factory=list)
    changed: dict[ClientOrderId, Tracked] = field(default_factory=dict)
    external: dict[ClientOrderId, Tracked] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    differences: list[Adjustment] = field(default_factory=list)
    watched: list[Adjustment] = field(default_factory=list)
    unknowable: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Something cannot be known; named once."""
        if what not in self.unknowable:
            self.unknowable.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPorts:
    """What reconciliation needs from the rest of the machine."""

    clock: Callable[[], ClockOffset]
    merge: Callable[[Run, Sequence[Fact], Now], None]  # snapshot facts, recovered
    drain: Callable[[Run, Now], None]  # buffered stream facts
    flatten: Callable[[Run, set[PositionKey], int, Now], None]
    close_unknown: Callable[[Run, Tracked, Now], None]
    save: Callable[[Tracked], None]  # durable with the next write
    infer: Callable[[Run, Tracked, Now], None]
    done: Callable[[Run, ReconcileReport, Now], None]
    failed: Callable[[Run, str, Now], None]
    in_doubt: Callable[[SyncMode], list[Tracked]]  # now, or since the gap began
    is_busy: Callable[[Tracked], bool]


def causal(facts: Sequence[Fact], orders: Orders) -> list[Fact]:
    """Snapshot facts as they happened: what waited for a trigger becomes an order,
    unknown orders appear, then fills by time, then what orders became, then the
    account."""
    fills = [f for f in facts if isinstance(f, FillFact)]
    states = [f for f in facts if isinstance(f, OrderFact)]
    rest = [f for f in facts if not isinstance(f, (FillFact, OrderFact))]
    # Its executions carry the new id only: whose they are must be known first.
    births = [
        _as_born(fact)
        for fact in states
        if fact.is_conditional
        and fact.triggered_order_id is not None
        and orders.find(fact.symbol, fact.triggered_order_id) is None
    ]
    filled = {(fact.symbol, fact.venue_order_id) for fact in fills}
    seen = set()
    for fact in states:
        key = (fact.symbol, fact.venue_order_id)
        if fact.venue_order_id is None or key in seen:
            continue
        seen.add(key)
        if fact.status is OrderStatus.NEW and key not in filled:
            continue  # nothing happened to it that could come before it
        if orders.find(fact.symbol, fact.venue_order_id) is None:
            births.append(_as_born(fact))
    fills.sort(key=lambda fact: fact.venue_ns)
    states.sort(key=lambda fact: fact.venue_ns)
    return [*births, *fills, *states, *rest]


def _as_born(fact: OrderFact) -> OrderFact:
    return replace(
        fact,
        status=OrderStatus.NEW,
        filled_qty=None,
        avg_price=None,
        venue_ns=fact.created_ns or 0,
    )


def shadow(symbol: Symbol, venue_order_id: VenueOrderId) -> Order:
    """Just enough of an order to ask the venue for it."""
    return Order(
        client_order_id=ClientOrderId(""),
        venue_order_id=venue_order_id,
        symbol=symbol,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=OrderStatus.NEW,
        qty=None,
        price=None,
    )
