"""All orders and fills: facts are merged here, in whatever order they arrive.

Theory. The venue tells the state of an order many times, on several channels,
late, early and twice. Two facts about one order are compared by

    (is it final, cumulative filled quantity, venue time)

and the larger one stands; what is smaller never takes anything back. Filled
quantity only grows, a final state never reverts (except one that we inferred
ourselves); see `order_state`. A fill is a fact of its own, counted once per
(instrument, venue order id, trade id). So any order of {reply, new, partial, fill,
cancel}, with duplicates, ends in the same state.

An order is found by its venue id; by its client id only if that cannot be
another order that reuses the id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from connector.core.order_state import count_fill, is_old_end, merge_state
from connector.core.tracked import Tracked
from connector.dialect.facts import FillFact, OrderFact
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.money import ZERO
from connector.model.noun import Noun
from connector.model.order import (
    Fill,
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
)

FillKey = tuple[Symbol, VenueOrderId, TradeId]


class Change(Noun):
    """What one merge did. *fills* are new ones, to be told once; *dropped* are
    fills that were known already. *is_duplicate*: another order carries an id of
    ours. *is_durable*: something changed that must be saved, if only a time stamp
    that is no news. *moved*: fills of this order (signed quantity) were counted for
    that position side before the order told its own."""

    tracked: Tracked | None = None
    is_new_order: bool = False
    order_changed: bool = False
    is_durable: bool = False
    fills: tuple[Fill, ...] = ()
    dropped: int = 0
    is_duplicate: bool = False
    replaced_provisional: Decimal = ZERO
    moved: tuple[PositionSide, Decimal] | None = None


class Orders:
    """Every order that is open, in doubt or recent, with the fills counted for it.

    *floor_ns*: what is older and not remembered was forgotten, not unheard of.
    *closed*: every final order at least once, and some that opened again, with the
    monotonic time since when that is known (None: not yet; 0: an earlier process).
    """

    def __init__(self) -> None:
        self._by_client: dict[ClientOrderId, Tracked] = {}
        self._by_venue: dict[tuple[Symbol, VenueOrderId], Tracked] = {}
        self._open: dict[ClientOrderId, Tracked] = {}
        self._open_by_symbol: dict[Symbol, int] = {}
        self._short: dict[ClientOrderId, Tracked] = {}
        self.fresh_symbols: set[Symbol] = set()  # got an open order; emptied by readers
        self._trades: dict[tuple[Symbol, VenueOrderId], set[TradeId]] = {}
        self.closed: deque[tuple[Tracked, int | None]] = deque()
        self.floor_ns = 0
        self.duplicates_dropped = 0

    # --- reading ---------------------------------------------------------

    def get(self, client_order_id: ClientOrderId) -> Tracked | None:
        """By client id."""
        return self._by_client.get(client_order_id)

    def find(self, symbol: Symbol, venue_order_id: VenueOrderId) -> Tracked | None:
        """By venue id."""
        return self._by_venue.get((symbol, venue_order_id))

    def open(self) -> list[Tracked]:
        """Those that are not final, oldest first."""
        return list(self._open.values())

    def all(self) -> list[Tracked]:
        """Everything remembered, oldest first."""
        return list(self._by_client.values())

    @property
    def open_total(self) -> int:
        """How many orders are not final."""
        return len(self._open)

    def open_count(self, symbol: Symbol) -> int:
        """How many orders of *symbol* are not final."""
        return self._open_by_symbol.get(symbol, 0)

    def open_symbols(self) -> Iterable[Symbol]:
        """Instruments with an order that is not final."""
        return self._open_by_symbol.keys()

    def short(self) -> list[Tracked]:
        """Orders that filled more than the fills known here."""
        return list(self._short.values())

    def snapshots(self, *, only_open: bool) -> list[Order]:
        """What users see."""
        rows = self._open if only_open else self._by_client
        return [tracked.snapshot() for tracked in rows.values()]

    def is_forgotten(self, fact: FillFact) -> bool:
        """An execution that was counted, of an order that has left memory."""
        is_old = fact.venue_ns < self.floor_ns
        return is_old and self.find(fact.symbol, fact.venue_order_id) is None

    def has_fill(self, key: FillKey) -> bool:
        """Whether this execution was counted."""
        return key[2] in self._trades.get(key[:2], ())

    @property
    def fill_keys(self) -> frozenset[FillKey]:
        """Every fill that was counted, of the orders that are remembered."""
        return frozenset(
            (*order, trade_id)
            for order, trades in self._trades.items()
            for trade_id in trades
        )

    # --- our own doing -----------------------------------------------------

    def add_own(
        self, intent: OrderIntent, client_order_id: ClientOrderId, created_ns: int
    ) -> Tracked:
        """A new own order, before it is journaled."""
        assert client_order_id not in self._by_client, "client ids are used once"
        tracked = Tracked.of_intent(intent, client_order_id, created_ns)
        self._insert(tracked)
        return tracked

    def restore(self, tracked: Tracked) -> None:
        """An order from the journal."""
        self._insert(tracked)
        for venue_id in (tracked.venue_order_id, tracked.triggered_order_id):
            if venue_id is not None:
                self._by_venue[tracked.symbol, venue_id] = tracked

    def restore_fill_keys(self, keys: Iterable[FillKey]) -> None:
        """Fills from the journal: they never count again."""
        for symbol, venue_order_id, trade_id in keys:
            self._trades.setdefault((symbol, venue_order_id), set()).add(trade_id)

    def holds(self, tracked: Tracked) -> bool:
        """This very order is remembered."""
        return self._by_client.get(tracked.client_order_id) is tracked

    def forget(self, tracked: Tracked) -> list[FillKey]:
        """Drop a final order and its fills from memory; the journal keeps them.
        Returns which fills. From now on one of them is known by its age only
        (`floor_ns`)."""
        assert tracked.is_terminal
        fills: list[FillKey] = []
        self._short.pop(tracked.client_order_id, None)
        self._by_client.pop(tracked.client_order_id, None)
        for venue_id in (tracked.venue_order_id, tracked.triggered_order_id):
            if venue_id is not None:
                order = (tracked.symbol, venue_id)
                self._by_venue.pop(order, None)
                fills += ((*order, trade) for trade in self._trades.pop(order, ()))
        return fills

    def discard(self, tracked: Tracked) -> None:
        """Drop an order that was never journaled, so never sent."""
        self._set_open(tracked, is_open=False)
        self._by_client.pop(tracked.client_order_id, None)

    def end(self, tracked: Tracked, status: OrderStatus, reason: str) -> None:
        """Final by our own conclusion (refused, or proof), not by an event."""
        assert status.is_terminal
        tracked.status = status
        tracked.reason = reason
        tracked.is_end_inferred = True
        tracked.in_doubt_since_ns = None
        tracked.pending = None
        self._touch(tracked)

    def touch(self, tracked: Tracked) -> None:
        """Something of ours changed on it (pending, doubt)."""
        self._touch(tracked)

    # --- facts -------------------------------------------------------------

    def merge_order(self, fact: OrderFact) -> Change:
        """Merge the state of an order; that of a forgotten one is dropped."""
        tracked = self._resolve(fact)
        change = Change(tracked)
        if tracked is None:
            if is_old_end(fact, self.floor_ns):
                self.duplicates_dropped += 1
                change.dropped = 1
                return change
            change.is_duplicate = self._is_own(fact.client_order_id)
            tracked = self._adopt(fact)
            change.tracked = tracked
            change.is_new_order = change.order_changed = True
        elif tracked.is_stub:
            change.moved = self._complete(tracked, fact)
            change.is_new_order = change.order_changed = True
        stamps = (tracked.venue_ns, tracked.terms_ns, tracked.created_ns)
        if tracked.origin is not Origin.OWN:
            self._date(tracked, fact.created_ns or fact.venue_ns)
        if self._attach_ids(tracked, fact):
            # Becoming a real order may change nothing else.
            change.order_changed = True
        if merge_state(tracked, fact):
            change.order_changed = True
        change.is_durable = change.order_changed or stamps != (
            tracked.venue_ns,
            tracked.terms_ns,
            tracked.created_ns,
        )
        if change.is_durable:
            self._touch(tracked)
        return change

    def merge_fill(self, fact: FillFact) -> Change:
        """Count a fill once; an unknown order becomes a stub to be asked for."""
        assert not fact.is_hint, "hints are not fills"
        key = (fact.symbol, fact.venue_order_id, fact.trade_id)
        tracked = self._by_venue.get(key[:2])
        if tracked is None:
            tracked = self._by_client_of_fill(fact)
        change = Change(tracked)
        if self.has_fill(key) or (tracked is None and self.is_forgotten(fact)):
            self.duplicates_dropped += 1
            change.dropped = 1
            return change
        if tracked is None:
            tracked = self._stub(fact)
            change.tracked = tracked
            change.is_new_order = True
        self._trades.setdefault(key[:2], set()).add(fact.trade_id)
        if tracked.origin is not Origin.OWN:
            self._date(tracked, fact.venue_ns)
        change.replaced_provisional = count_fill(tracked, fact)
        change.order_changed = change.is_durable = True
        change.fills = (
            fill_of_fact(
                fact, tracked.client_order_id, tracked.origin, tracked.position_side
            ),
        )
        self._touch(tracked)
        return change

    def infer_fill(self, tracked: Tracked, price: Decimal, venue_ns: int) -> Fill:
        """A provisional fill for a quantity the venue says was filled but whose
        execution it does not tell. The real one replaces it when it comes."""
        qty = tracked.missing_fills
        venue_order_id = tracked.triggered_order_id or tracked.venue_order_id
        assert qty > 0
        assert venue_order_id is not None
        tracked.fills_qty += qty
        tracked.provisional_qty += qty
        self._touch(tracked)
        trade_id = TradeId(f"inferred-{tracked.filled_qty}")
        self.restore_fill_keys(((tracked.symbol, venue_order_id, trade_id),))
        return Fill(
            symbol=tracked.symbol,
            client_order_id=tracked.client_order_id,
            venue_order_id=venue_order_id,
            trade_id=trade_id,
            side=tracked.side,
            qty=qty,
            price=price,
            position_side=tracked.position_side,
            origin=tracked.origin,
            venue_ns=venue_ns,
            is_provisional=True,
        )

    # --- how -----------------------------------------------------------------

    def _insert(self, tracked: Tracked) -> None:
        self._by_client[tracked.client_order_id] = tracked
        if tracked.is_terminal:
            self.closed.append((tracked, 0))
        self._touch(tracked)

    def _touch(self, tracked: Tracked) -> None:
        tracked.snapshot_cache = None
        if tracked.status.is_terminal is (tracked.client_order_id in self._open):
            self._set_open(tracked, is_open=not tracked.status.is_terminal)
        if tracked.filled_qty > tracked.base_filled + tracked.fills_qty:
            self._short[tracked.client_order_id] = tracked
        elif self._short:
            self._short.pop(tracked.client_order_id, None)

    def _set_open(self, tracked: Tracked, *, is_open: bool) -> None:
        name, symbol = tracked.client_order_id, tracked.symbol
        if is_open is (name in self._open):
            return
        count = self._open_by_symbol.get(symbol, 0)
        if is_open:
            self._open[name] = tracked
            self._open_by_symbol[symbol] = count + 1
            if not count:
                self.fresh_symbols.add(symbol)
            return
        del self._open[name]
        self.closed.append((tracked, None))
        if count == 1:
            del self._open_by_symbol[symbol]
        else:
            self._open_by_symbol[symbol] = count - 1

    def _resolve(self, fact: OrderFact) -> Tracked | None:
        if fact.venue_order_id is not None:
            known = self._by_venue.get((fact.symbol, fact.venue_order_id))
            if known is not None:
                return known
        if fact.triggered_order_id is not None:
            known = self.find(fact.symbol, fact.triggered_order_id)
            if known is not None:
                return known
        if fact.conditional_order_id is not None:
            known = self.find(fact.symbol, fact.conditional_order_id)
            if known is not None:
                return known
        if fact.client_order_id is None:
            return None
        return self._by_client_if_same(
            fact.client_order_id,
            fact.symbol,
            fact.venue_order_id,
            is_conditional=fact.is_conditional,
        )

    def _by_client_of_fill(self, fact: FillFact) -> Tracked | None:
        if fact.client_order_id is None:
            return None
        tracked = self._by_client_if_same(
            fact.client_order_id,
            fact.symbol,
            fact.venue_order_id,
            is_conditional=False,
        )
        if tracked is not None:
            self._attach(tracked, fact.venue_order_id, is_conditional=False)
        return tracked

    def _by_client_if_same(
        self,
        client_order_id: ClientOrderId,
        symbol: Symbol,
        venue_order_id: VenueOrderId | None,
        *,
        is_conditional: bool,
    ) -> Tracked | None:
        """The order with this client id, unless the venue id says that it must
        be another one that reuses the id."""
        tracked = self._by_client.get(client_order_id)
        if tracked is None or tracked.symbol != symbol:
            return None
        if venue_order_id is None:
            return tracked
        if tracked.is_stub and is_conditional:
            return tracked  # the waiting object of what is known by a fill
        if tracked.is_conditional and not is_conditional:
            known = tracked.triggered_order_id
        else:
            known = tracked.venue_order_id
        return tracked if known is None or known == venue_order_id else None

    def _is_own(self, client_order_id: ClientOrderId | None) -> bool:
        """An order that this journal made carries that id."""
        known = self._by_client.get(client_order_id) if client_order_id else None
        return known is not None and known.origin is Origin.OWN

    def _adopt(self, fact: OrderFact) -> Tracked:
        """An order we did not make."""
        tracked = Tracked.of_fact(fact, self._free_client_id(fact))
        tracked.origin = self._origin_of(fact)
        self._insert(tracked)
        return tracked

    @staticmethod
    def _date(tracked: Tracked, told_ns: int) -> None:
        """An order we did not make is as old as the oldest word about it."""
        tracked.created_ns = min(tracked.created_ns, told_ns)

    def _origin_of(self, fact: OrderFact) -> Origin:
        """Of an order we did not make; what is attached to ours is ours."""
        if self._is_own(fact.attached_to):
            return Origin.OWN
        return fact.origin or Origin.EXTERNAL

    def _complete(
        self, stub: Tracked, fact: OrderFact
    ) -> tuple[PositionSide, Decimal] | None:
        """An order that was known by a fill only is told."""
        stub.is_stub = False
        side_before = stub.position_side
        stub.adopt_static(fact)
        stub.origin = self._origin_of(fact)
        if fact.is_conditional or stub.order_type.is_conditional:
            stub.is_conditional = True
            stub.triggered_order_id, stub.venue_order_id = stub.venue_order_id, None
        if stub.position_side is side_before:
            return None
        return side_before, stub.fills_qty * stub.side.sign

    def _free_client_id(self, fact: OrderFact) -> ClientOrderId:
        """The fact's own client id, or a local name if it has none or the name
        belongs to an earlier order."""
        if fact.client_order_id and fact.client_order_id not in self._by_client:
            return fact.client_order_id
        base = fact.client_order_id or "external"
        return ClientOrderId(f"{base}~{fact.symbol}~{fact.venue_order_id}")

    def _stub(self, fact: FillFact) -> Tracked:
        name = fact.client_order_id
        if not name or name in self._by_client:
            name = ClientOrderId(f"external~{fact.symbol}~{fact.venue_order_id}")
        tracked = Tracked(
            client_order_id=name,
            symbol=fact.symbol,
            side=fact.side,
            order_type=OrderType.LIMIT,
            qty=None,
            price=None,
            created_ns=fact.venue_ns,
            origin=fact.origin or Origin.EXTERNAL,
            status=OrderStatus.PARTIALLY_FILLED,
            position_side=fact.position_side or PositionSide.NET,
            is_stub=True,
        )
        self._insert(tracked)
        self._attach(tracked, fact.venue_order_id, is_conditional=False)
        return tracked

    def _attach_ids(self, tracked: Tracked, fact: OrderFact) -> bool:
        before = (tracked.venue_order_id, tracked.triggered_order_id)
        is_same = before == (fact.venue_order_id, fact.triggered_order_id)
        if is_same and (fact.is_conditional or not tracked.is_conditional):
            return False  # nearly always: told before
        if fact.venue_order_id is not None:
            self._attach(
                tracked, fact.venue_order_id, is_conditional=fact.is_conditional
            )
        if fact.triggered_order_id is not None:
            tracked.triggered_order_id = fact.triggered_order_id
            self._by_venue[tracked.symbol, fact.triggered_order_id] = tracked
        return before != (tracked.venue_order_id, tracked.triggered_order_id)

    def _attach(
        self, tracked: Tracked, venue_order_id: VenueOrderId, *, is_conditional: bool
    ) -> None:
        if tracked.is_conditional and not is_conditional:
            tracked.triggered_order_id = venue_order_id
        elif tracked.venue_order_id is None:
            tracked.venue_order_id = venue_order_id
        self._by_venue[tracked.symbol, venue_order_id] = tracked


def fill_of_fact(
    fact: FillFact,
    client_order_id: ClientOrderId,
    origin: Origin,
    position_side: PositionSide = PositionSide.NET,
) -> Fill:
    """A fill as users see it; *origin* and *position_side* are those of its order,
    for what the fact does not tell."""
    return Fill(
        symbol=fact.symbol,
        client_order_id=client_order_id,
        venue_order_id=fact.venue_order_id,
        trade_id=fact.trade_id,
        side=fact.side,
        qty=fact.qty,
        price=fact.price,
        fee=fact.fee,
        fee_asset=fact.fee_asset,
        realized_pnl=fact.realized_pnl,
        is_maker=fact.is_maker,
        position_side=fact.position_side or position_side,
        origin=fact.origin or origin,
        venue_ns=fact.venue_ns,
    )
