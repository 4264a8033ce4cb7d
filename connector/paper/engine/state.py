"""What changes: live orders, positions, accounts, and the world that holds them.

Only the modules of this package touch these objects; everybody else gets the
frozen snapshots of `connector.paper.types`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappush
from typing import TYPE_CHECKING

from connector.paper.amounts import money
from connector.paper.engine.book import Book
from connector.paper.ledger import HOUSE, Ledger
from connector.paper.market import Market
from connector.paper.types import (
    ZERO,
    Amendment,
    Conditional,
    EngineRules,
    Event,
    Fill,
    Income,
    Instrument,
    MarkEvent,
    NewOrder,
    Order,
)
from connector.paper.words import (
    ConditionalType,
    EndReason,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    WorkingType,
)

if TYPE_CHECKING:
    from connector.paper.engine.triggers import Triggers


class LiveOrder:
    """An order while it may change."""

    __slots__ = (
        "account_id",
        "amend_count",
        "client_order_id",
        "conditional",
        "created_ms",
        "end_reason",
        "filled_qty",
        "filled_quote",
        "instrument",
        "is_reducing",
        "kind",
        "open_value",
        "order_id",
        "original_type",
        "price",
        "qty",
        "request",
        "status",
        "updated_ms",
    )

    def __init__(
        self,
        *,
        account_id: str,
        order_id: int,
        request: NewOrder,
        instrument: Instrument,
        kind: OrderKind,
        now_ms: int,
        conditional: Conditional | None = None,
    ) -> None:
        self.account_id = account_id
        self.order_id = order_id
        self.client_order_id = request.client_order_id or str(order_id)
        self.request = request
        self.instrument = instrument
        self.kind = kind
        self.conditional = conditional
        self.original_type: OrderType | ConditionalType = (
            request.type if conditional is None else conditional.type
        )
        self.qty = request.qty
        self.price = request.price if request.price is not None else ZERO
        self.status = OrderStatus.NEW
        self.end_reason = EndReason.NONE
        self.filled_qty = ZERO
        self.filled_quote = ZERO
        self.open_value = ZERO
        self.is_reducing = request.reduce_only or is_closing(
            request.side, request.position_side
        )
        self.amend_count = 0
        self.created_ms = now_ms
        self.updated_ms = now_ms

    @property
    def remaining(self) -> Decimal:
        """Quantity that may still fill."""
        return self.qty - self.filled_qty

    @property
    def side(self) -> Side:
        """Side of the order."""
        return self.request.side

    def open_notional(self, qty: Decimal, price: Decimal) -> Decimal:
        """Value of *qty* resting at *price*; market orders (price 0) have none."""
        return self.instrument.value(qty, price) if price else ZERO

    def snapshot(self) -> Order:
        """The order as it is now."""
        request, conditional = self.request, self.conditional
        average = ZERO
        if self.filled_qty:
            flow = self.filled_quote * self.instrument.flow_sign
            average = self.instrument.price_of(self.filled_qty, flow)
        return Order(
            account_id=self.account_id,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            original_type=self.original_type,
            time_in_force=request.time_in_force,
            position_side=request.position_side,
            qty=self.qty,
            price=self.price,
            status=self.status,
            filled_qty=self.filled_qty,
            filled_quote=self.filled_quote,
            average_price=average,
            reduce_only=request.reduce_only,
            close_position=request.close_position,
            stp=request.stp,
            price_match=request.price_match,
            expire_ms=request.expire_ms,
            kind=self.kind,
            end_reason=self.end_reason,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
            amend_count=self.amend_count,
            conditional_id=conditional.conditional_id if conditional else 0,
            stop_price=conditional.trigger_price if conditional else ZERO,
            activate_price=conditional.activate_price if conditional else ZERO,
            callback_rate=conditional.callback_rate if conditional else ZERO,
            working_type=(
                conditional.working_type if conditional else WorkingType.CONTRACT_PRICE
            ),
            price_protect=conditional.price_protect if conditional else False,
            tag=request.tag,
            take_profit=request.take_profit,
            stop_loss=request.stop_loss,
        )


def is_closing(side: Side, position_side: PositionSide) -> bool:
    """True for the closing side of a hedge position."""
    if position_side is PositionSide.LONG:
        return side is Side.SELL
    return position_side is PositionSide.SHORT and side is Side.BUY


@dataclass(slots=True)
class PositionState:
    """One position. ``cost`` is exact: the sum of what its fills cost.

    ``entry`` is the price that gives this cost, rounded once when the position
    grows and kept while it shrinks. ``open_fees`` are the commissions of the open part.
    """

    instrument: Instrument
    side: PositionSide
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    entry: Decimal = ZERO
    open_fees: Decimal = ZERO
    realized: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0
    is_margin_called: bool = False  # isolated only

    @property
    def symbol(self) -> str:
        """Symbol of the instrument."""
        return self.instrument.symbol

    def notional(self, mark: Decimal) -> Decimal:
        """Value at *mark*, signed as the quantity."""
        return self.instrument.value(self.qty, mark)

    def reducible(self, side: Side) -> Decimal:
        """Quantity an order on *side* may close."""
        return max(ZERO, -self.qty * side.sign)

    def unrealized(self, mark: Decimal) -> Decimal:
        """Profit at *mark*, 8 decimals."""
        if not self.qty:
            return ZERO
        return money(self.instrument.flow_sign * self.notional(mark) - self.cost)

    def apply(self, side: Side, qty: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book a fill; returns the realised profit, before *fee*."""
        closed = min(qty, self.reducible(side))
        opened = qty - closed
        flow = side.sign * self.instrument.flow_sign * self.instrument.value(qty, price)
        opening_flow = flow if not closed else money(flow * opened / qty)
        realized = ZERO
        if closed:
            held = abs(self.qty)
            left = held - closed
            proceeds = opening_flow - flow
            part = self.cost if not left else self.cost * closed / held
            realized = money(proceeds - part)
            self.cost += realized - proceeds
            self.qty += side.sign * closed
            self.open_fees = money(self.open_fees * left / held)
            self.realized += realized
            if not left:
                self.entry = ZERO
        if opened:
            self.qty += side.sign * opened
            self.cost += opening_flow
            self.entry = self.instrument.price_of(self.qty, self.cost)
            self.open_fees += money(fee * opened / qty)
        return realized


@dataclass(slots=True)
class SymbolState:
    """Everything one account has in one symbol.

    ``reducing`` indexes resting orders that may only close, by (position side,
    side); ``reducing_qty`` is the sum of their remaining quantities.
    """

    instrument: Instrument
    leverage: int
    margin_type: MarginType = MarginType.CROSS
    session: Decimal = ZERO  # realised since the last daily settlement
    positions: dict[PositionSide, PositionState] = field(default_factory=dict)
    open_notional: dict[tuple[PositionSide, Side], Decimal] = field(
        default_factory=dict
    )
    orders: dict[int, LiveOrder] = field(default_factory=dict)
    reducing: dict[tuple[PositionSide, Side], dict[int, LiveOrder]] = field(
        default_factory=dict
    )
    reducing_qty: dict[tuple[PositionSide, Side], Decimal] = field(default_factory=dict)

    def position(self, side: PositionSide) -> PositionState:
        """The position on *side*, made when missing."""
        found = self.positions.get(side)
        if found is None:
            found = PositionState(self.instrument, side)
            self.positions[side] = found
        return found

    def notional(self, side: PositionSide, order_side: Side) -> Decimal:
        """Sum of price times remaining quantity of open orders."""
        return self.open_notional.get((side, order_side), ZERO)

    def side_notional(self, order_side: Side) -> Decimal:
        """The same over all position sides."""
        return sum((self.notional(side, order_side) for side in PositionSide), ZERO)

    def recount(self, order: LiveOrder) -> None:
        """Count what is left of *order* among the open notionals."""
        value = ZERO
        if order.status.is_open:
            value = order.open_notional(order.remaining, order.price)
        key = (order.request.position_side, order.side)
        before = self.open_notional.get(key, ZERO)
        self.open_notional[key] = before + value - order.open_value
        order.open_value = value


@dataclass(slots=True)
class AccountState:
    """One account. ``symbols`` holds every symbol it ever touched."""

    account_id: str
    is_hedge: bool = False
    is_multi_assets: bool = False
    wallets: dict[str, Decimal] = field(default_factory=dict)
    wallet_ms: dict[str, int] = field(default_factory=dict)
    symbols: dict[str, SymbolState] = field(default_factory=dict)
    open_orders: dict[int, LiveOrder] = field(default_factory=dict)
    orders: list[LiveOrder] = field(default_factory=list)
    orders_by_id: dict[int, LiveOrder] = field(default_factory=dict)
    orders_by_client_id: dict[str, LiveOrder] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    fills_by_symbol: dict[str, list[Fill]] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    forced: list[LiveOrder] = field(default_factory=list)
    conditionals: dict[int, Conditional] = field(default_factory=dict)
    open_conditionals: dict[int, None] = field(default_factory=dict)
    conditionals_by_client_id: dict[str, int] = field(default_factory=dict)
    countdowns: dict[str | None, int] = field(default_factory=dict)
    # Filled since its attached exits were looked at; exits by parent; all of a group
    # by each of them, while they may still wait.
    unprotected: dict[int, LiveOrder] = field(default_factory=dict)
    exits_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    exits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    is_margin_called: bool = False

    @property
    def is_house(self) -> bool:
        """True for the house, which nobody is told about and nothing refuses."""
        return self.account_id == HOUSE

    def position_sides(self) -> tuple[PositionSide, ...]:
        """The position sides of the mode."""
        if self.is_hedge:
            return (PositionSide.LONG, PositionSide.SHORT)
        return (PositionSide.BOTH,)


@dataclass(order=True, slots=True)
class Timer:
    """Something due; equal times go in the order they were set."""

    due_ms: int
    number: int
    kind: str = field(compare=False)
    account_id: str = field(compare=False)
    key: str | int | None = field(compare=False)


class World:
    """All state of the venue, and the counters of its ids."""

    def __init__(
        self,
        *,
        seed: int,
        now_ms: int,
        instruments: Sequence[Instrument],
        rules: EngineRules,
    ) -> None:
        self.rules = rules
        self.now_ms = now_ms
        self.marked_ms = now_ms
        self.next_step_ms = next_multiple(now_ms, rules.step_ms)
        self.instruments = {item.symbol: item for item in instruments}
        self.markets = {item.symbol: Market(item, seed=seed) for item in instruments}
        self.books = {item.symbol: Book() for item in instruments}
        self.accounts: dict[str, AccountState] = {}
        self.house = AccountState(HOUSE)
        self.triggers: dict[str, Triggers] = {}
        self.holders: dict[str, dict[str, None]] = {s: {} for s in self.instruments}
        self.delisted: set[str] = set()
        self.states: list[tuple[int, str, str]] = []  # (time, symbol, state)
        self.settled_ms = now_ms
        self.followers: dict[str, list[str]] = {}
        for item in instruments:
            if item.underlying:
                self.followers.setdefault(item.underlying, []).append(item.symbol)
        self.ledger = Ledger()
        self.outbox: list[Event] = []
        self.mark_events: dict[str, MarkEvent] = {}
        self.timers: list[Timer] = []
        self.next_funding: dict[str, int] = {
            item.symbol: next_multiple(now_ms, item.funding_interval_ms)
            for item in instruments
        }
        self.public_trades: dict[str, deque[tuple[int, Decimal, Decimal, Side, int]]]
        self.public_trades = {s: deque(maxlen=1000) for s in self.instruments}
        self.trade_ids = dict.fromkeys(self.instruments, rules.first_trade_id)
        self._order_id = rules.first_order_id - 1
        self._conditional_id = rules.first_conditional_id - 1
        self._tran_id = rules.first_tran_id - 1
        self._timer_number = 0
        self.amendment_id = 0

    def skip_steps(self) -> None:
        """Steps missed while everything was frozen never happen."""
        step_ms = self.rules.step_ms
        self.next_step_ms = max(self.next_step_ms, next_multiple(self.now_ms, step_ms))

    def new_order_id(self) -> int:
        """The next order id."""
        self._order_id += 1
        return self._order_id

    def new_conditional_id(self) -> int:
        """The next conditional order id, from the orders' if it will be theirs."""
        if self.rules.trigger_keeps_id:
            return self.new_order_id()
        self._conditional_id += 1
        return self._conditional_id

    def new_tran_id(self) -> int:
        """The next income id."""
        self._tran_id += 1
        return self._tran_id

    def new_trade_id(self, symbol: str) -> int:
        """The next trade id of *symbol*."""
        trade_id = self.trade_ids[symbol]
        self.trade_ids[symbol] = trade_id + 1
        return trade_id

    def set_timer(
        self, due_ms: int, kind: str, account_id: str, key: str | int | None
    ) -> None:
        """Remember that *kind* is due; it is checked again when it fires."""
        self._timer_number += 1
        heappush(self.timers, Timer(due_ms, self._timer_number, kind, account_id, key))

    def symbol_state(self, account: AccountState, symbol: str) -> SymbolState:
        """The state of *account* in *symbol*, made when missing."""
        state = account.symbols.get(symbol)
        if state is None:
            instrument = self.instruments[symbol]
            state = SymbolState(instrument, instrument.default_leverage)
            account.symbols[symbol] = state
        return state


def next_multiple(value: int, step: int) -> int:
    """Smallest multiple of *step* above *value*."""
    return (value // step + 1) * step
