"""The neutral words of the simulated venue: what goes into the engine, what comes out.

Nothing here belongs to one venue. A face translates its wire format to these
values and back; the engine knows no wire at all. Values are frozen; prices are
quote per base, quantities base units, money in the settle asset unless a field
says otherwise; times are UTC epoch milliseconds. Ids are integers, rising; trade
ids rise per symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from connector.paper.exits import Exit as Exit
from connector.paper.rules import Bracket as Bracket
from connector.paper.rules import EngineRules as EngineRules
from connector.paper.rules import Instrument as Instrument
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    ConditionalType,
    EndReason,
    ExecKind,
    IncomeType,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

ZERO = Decimal(0)


class Value:
    """Base of the frozen values: a copy of one is itself, so replicas share them."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Value):
    """The engine's no. *allowed* is the bound that was broken, where there is one."""

    reason: Reason
    detail: str = ""
    allowed: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder(Value):
    """A request for an order. ``client_order_id`` None: the order id as text.

    ``price`` is needed for LIMIT; a face maps price match with ``Engine.match_price``
    and passes its mode in ``price_match``, to be echoed. ``tag`` is opaque here and
    echoed in every snapshot (faces keep wire words there).
    """

    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    close_position: bool = False
    client_order_id: str | None = None
    expire_ms: int = 0
    stp: SelfTradePrevention = SelfTradePrevention.NONE
    price_match: str = "NONE"
    tag: str = ""
    take_profit: Exit | None = None
    stop_loss: Exit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConditional(Value):
    """A request for a conditional order.

    ``trigger_price`` is needed but for trailing stops: ``callback_rate`` (percent) or
    ``trail_offset`` (price), ``activate_price``. With ``close_position`` the quantity
    is 0 and all is closed. A stop may have a ``profit_price`` that triggers it too.
    """

    symbol: str
    side: Side
    type: ConditionalType
    qty: Decimal
    trigger_price: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    close_position: bool = False
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    trail_offset: Decimal | None = None
    profit_price: Decimal | None = None
    client_order_id: str | None = None
    expire_ms: int = 0
    stp: SelfTradePrevention = SelfTradePrevention.NONE
    price_match: str = "NONE"
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Value):
    """Snapshot of an order. ``price`` 0 for market, ``average_price`` 0 unfilled.

    ``updated_ms`` is the time of the last change; ``conditional_id`` and
    ``original_type`` tell which conditional order became this one.
    """

    account_id: str
    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    original_type: OrderType | ConditionalType
    time_in_force: TimeInForce
    position_side: PositionSide
    qty: Decimal
    price: Decimal
    status: OrderStatus
    filled_qty: Decimal
    filled_quote: Decimal
    average_price: Decimal
    reduce_only: bool
    close_position: bool
    stp: SelfTradePrevention
    price_match: str
    expire_ms: int
    kind: OrderKind
    end_reason: EndReason
    created_ms: int
    updated_ms: int
    amend_count: int
    conditional_id: int
    stop_price: Decimal
    activate_price: Decimal
    callback_rate: Decimal
    working_type: WorkingType
    price_protect: bool
    tag: str
    take_profit: Exit | None = None
    stop_loss: Exit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Value):
    """One execution of one order. ``commission`` positive = paid.

    ``realized_pnl`` is before commission. ``quote_qty`` is the value in the settle
    asset, ``flow_sign`` that of the instrument. A self-trade makes two fills with
    one trade id, told apart by the order id.
    """

    account_id: str
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: Side
    position_side: PositionSide
    qty: Decimal
    price: Decimal
    quote_qty: Decimal
    is_maker: bool
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    kind: OrderKind
    time_ms: int
    flow_sign: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade(Value):
    """A trade as everybody sees it."""

    symbol: str
    trade_id: int
    price: Decimal
    qty: Decimal
    taker_side: Side
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional(Value):
    """Snapshot of a conditional order. ``actual_*`` are 0 or None until triggered.

    ``actual_price`` is the average fill price of the real order,
    ``reject_reason`` is set with REJECTED (MARGIN, REDUCE_ONLY, ...).
    """

    account_id: str
    conditional_id: int
    client_order_id: str
    symbol: str
    side: Side
    type: ConditionalType
    time_in_force: TimeInForce
    position_side: PositionSide
    qty: Decimal
    trigger_price: Decimal
    profit_price: Decimal = ZERO
    price: Decimal
    status: ConditionalStatus
    reduce_only: bool
    close_position: bool
    working_type: WorkingType
    price_protect: bool
    activate_price: Decimal
    callback_rate: Decimal
    is_activated: bool
    stp: SelfTradePrevention
    price_match: str
    expire_ms: int
    created_ms: int
    updated_ms: int
    triggered_ms: int
    actual_order_id: int
    actual_type: OrderType | None
    actual_price: Decimal
    actual_qty: Decimal
    reject_reason: Refusal | None
    tag: str
    trail_offset: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment(Value):
    """One change of one order, for the amendment history."""

    amendment_id: int
    account_id: str
    symbol: str
    order_id: int
    client_order_id: str
    price_before: Decimal
    price_after: Decimal
    qty_before: Decimal
    qty_after: Decimal
    count: int
    tag: str
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Income(Value):
    """One wallet entry. ``amount`` is signed, ``trade_id`` 0 where there is none.

    ``qty`` (signed) and ``price`` tell of the position of a settlement, and of what
    a delivery took from it.
    """

    account_id: str
    tran_id: int
    type: IncomeType
    asset: str
    amount: Decimal
    symbol: str
    trade_id: int
    info: str
    time_ms: int
    qty: Decimal = ZERO
    price: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceChange(Value):
    """A balance after a change. ``delta`` leaves out profit and commission."""

    asset: str
    wallet: Decimal
    cross_wallet: Decimal
    delta: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Value):
    """Every number of one position (signed ``qty``; SHORT is negative).

    ``liquidation_price`` 0 = none. ``open_order_margin`` is the symbol's initial
    margin minus the position's. ``realized_pnl`` is accumulated, before fees.
    ``adl_quantile`` 0 (safe) to 4.
    """

    symbol: str
    position_side: PositionSide
    qty: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    mark_price: Decimal
    notional: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    liquidation_price: Decimal
    leverage: int
    max_notional: Decimal
    margin_type: MarginType
    margin_asset: str
    isolated_wallet: Decimal
    isolated_margin: Decimal
    initial_margin: Decimal
    position_margin: Decimal
    open_order_margin: Decimal
    maintenance_margin: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    adl_quantile: int
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetBalance(Value):
    """Every number of one asset of one account.

    ``session_pnl`` is what futures realised since the last daily settlement,
    ``options_value`` the options at mark; neither is in ``wallet``.
    """

    asset: str
    wallet: Decimal
    unrealized_pnl: Decimal
    margin_balance: Decimal
    maintenance_margin: Decimal
    initial_margin: Decimal
    position_margin: Decimal
    open_order_margin: Decimal
    cross_wallet: Decimal
    cross_unrealized_pnl: Decimal
    available: Decimal
    max_withdraw: Decimal
    updated_ms: int
    session_pnl: Decimal = ZERO
    options_value: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView(Value):
    """Totals over the assets (``totals.asset`` is ""), the assets, the positions."""

    account_id: str
    is_hedge: bool
    is_multi_assets: bool
    totals: AssetBalance
    assets: tuple[AssetBalance, ...]
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolConfig(Value):
    """Leverage and margin type of one symbol of one account."""

    symbol: str
    leverage: int
    margin_type: MarginType
    max_notional: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Value):
    """Everything about a symbol's prices now."""

    symbol: str
    mark: Decimal
    index: Decimal
    last: Decimal
    best_bid: Decimal
    best_bid_qty: Decimal
    best_ask: Decimal
    best_ask_qty: Decimal
    funding_rate: Decimal
    next_funding_ms: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth(Value):
    """Aggregated book, best first: (price, qty)."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    update_id: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(Value):
    """An order changed. ``*_notional``: open orders of account and symbol after it."""

    account_id: str
    time_ms: int
    kind: ExecKind
    order: Order
    fill: Fill | None
    bid_notional: Decimal
    ask_notional: Decimal
    tag: str = ""  # what the amend carried


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEvent(Value):
    """A fill, first and thin; its AccountEvent and OrderEvent follow in this order."""

    account_id: str
    time_ms: int
    order: Order
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent(Value):
    """Balances or positions changed; only what changed is inside."""

    account_id: str
    time_ms: int
    reason: AccountReason
    balances: tuple[BalanceChange, ...]
    positions: tuple[Position, ...]
    symbol: str = ""  # of a funding fee


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalEvent(Value):
    """A conditional order changed."""

    account_id: str
    time_ms: int
    conditional: Conditional


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverageEvent(Value):
    """Leverage of a symbol changed."""

    account_id: str
    time_ms: int
    symbol: str
    leverage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetModeEvent(Value):
    """The multi-assets flag changed."""

    account_id: str
    time_ms: int
    is_multi_assets: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCallEvent(Value):
    """Margin runs out. ``cross_wallet`` None when only isolated positions are."""

    account_id: str
    time_ms: int
    cross_wallet: Decimal | None
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEvent(Value):
    """Prices of a symbol; only the newest per symbol is kept until drained."""

    time_ms: int
    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ms: int


AccountScoped = (
    TradeEvent
    | OrderEvent
    | AccountEvent
    | ConditionalEvent
    | LeverageEvent
    | AssetModeEvent
    | MarginCallEvent
)
Event = AccountScoped | MarkEvent
