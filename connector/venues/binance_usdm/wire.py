"""The wire of Binance USD-M futures: every frame and answer, validated once.

Attribute names are ours; the venue's own spelling stands in the aliases and
nowhere else. Amounts stay text here (`Number`, a bounded plain decimal) and are
turned into Decimal by `amount`: a JSON number in place of such a text would have
passed through a float, so it is refused. Unknown fields are ignored, unknown
words kept as text.

Source: Binance "USDS-M Futures" documentation (User Data Streams, Trade, Account,
WebSocket API), read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

_DECIMAL = r"-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,2})?"

Number = Annotated[str, StringConstraints(pattern=rf"^{_DECIMAL}$")]
NumberOrEmpty = Annotated[str, StringConstraints(pattern=rf"^({_DECIMAL})?$")]
Millis = Annotated[int, Field(ge=0, lt=1 << 53)]


def amount(text: str) -> Decimal:
    """A validated `Number` as Decimal."""
    return Decimal(text)


def amount_or_none(text: str | None) -> Decimal | None:
    """As `amount`, None for what the venue means by nothing: "", "0", absent."""
    if not text:
        return None
    return Decimal(text) or None


class _Stream(BaseModel):
    """Part of a pushed event: one- and two-letter names."""

    model_config = ConfigDict(extra="ignore")


class _Rest(BaseModel):
    """Part of an answer: camelCase names."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


# --- pushed events --------------------------------------------------------------


class OrderState(_Stream):
    """`o` of ORDER_TRADE_UPDATE: an order after one thing happened to it."""

    symbol: str = Field(alias="s")
    client_order_id: str = Field(alias="c")
    side: str = Field(alias="S")
    type_now: str = Field(alias="o")
    time_in_force: str = Field(alias="f", default="")
    qty: Number = Field(alias="q")
    price: Number = Field(alias="p", default="0")
    average_price: Number = Field(alias="ap", default="0")
    stop_price: Number | None = Field(alias="sp", default=None)
    execution: str = Field(alias="x")
    status: str = Field(alias="X")
    order_id: int = Field(alias="i")
    last_qty: Number = Field(alias="l", default="0")
    cumulative_qty: Number = Field(alias="z")
    last_price: Number = Field(alias="L", default="0")
    fee: Number | None = Field(alias="n", default=None)
    fee_asset: str | None = Field(alias="N", default=None)
    trade_time: Millis = Field(alias="T")
    trade_id: int = Field(alias="t", default=0)
    is_maker: bool | None = Field(alias="m", default=None)
    reduce_only: bool | None = Field(alias="R", default=None)
    original_type: str = Field(alias="ot", default="")
    position_side: str = Field(alias="ps", default="BOTH")
    close_position: bool | None = Field(alias="cp", default=None)
    realized_pnl: Number | None = Field(alias="rp", default=None)
    expiry_reason: str | int = Field(alias="er", default="0")
    modify_id: str | int | None = Field(alias="M", default=None)


class OrderTradeUpdate(_Stream):
    """ORDER_TRADE_UPDATE."""

    order: OrderState = Field(alias="o")


class TradeLite(_Stream):
    """TRADE_LITE: an early, thin copy of an execution."""

    transaction_time: Millis = Field(alias="T")
    symbol: str = Field(alias="s")
    client_order_id: str | None = Field(alias="c", default=None)
    side: str = Field(alias="S")
    last_qty: Number = Field(alias="l")
    last_price: Number = Field(alias="L")
    trade_id: int = Field(alias="t", gt=0)
    order_id: int = Field(alias="i")
    is_maker: bool | None = Field(alias="m", default=None)


class BalanceRow(_Stream):
    """`B` of ACCOUNT_UPDATE; *change* excludes PnL and commission."""

    asset: str = Field(alias="a")
    wallet: Number = Field(alias="wb")
    cross_wallet: Number | None = Field(alias="cw", default=None)
    change: Number = Field(alias="bc", default="0")


class PositionRow(_Stream):
    """`P` of ACCOUNT_UPDATE."""

    symbol: str = Field(alias="s")
    qty: Number = Field(alias="pa")
    entry_price: Number | None = Field(alias="ep", default=None)
    margin_type: str = Field(alias="mt", default="")
    isolated_wallet: NumberOrEmpty | None = Field(alias="iw", default=None)
    position_side: str = Field(alias="ps")


class AccountChange(_Stream):
    """`a` of ACCOUNT_UPDATE: only what changed."""

    reason: str = Field(alias="m", default="")
    balances: list[BalanceRow] = Field(alias="B", default_factory=list)
    positions: list[PositionRow] = Field(alias="P", default_factory=list)
    symbol: str | None = Field(alias="S", default=None)


class AccountUpdate(_Stream):
    """ACCOUNT_UPDATE."""

    transaction_time: Millis = Field(alias="T")
    change: AccountChange = Field(alias="a")


class AlgoState(_Stream):
    """`o` of ALGO_UPDATE: a conditional order before and after its trigger."""

    client_algo_id: str = Field(alias="caid")
    algo_id: int = Field(alias="aid")
    order_type: str = Field(alias="o")
    symbol: str = Field(alias="s")
    side: str = Field(alias="S")
    position_side: str = Field(alias="ps", default="BOTH")
    time_in_force: str = Field(alias="f", default="")
    qty: NumberOrEmpty = Field(alias="q", default="")
    status: str = Field(alias="X")
    actual_order_id: str = Field(alias="ai", default="")
    actual_price: NumberOrEmpty = Field(alias="ap", default="")
    actual_qty: NumberOrEmpty = Field(alias="aq", default="")
    trigger_price: NumberOrEmpty = Field(alias="tp", default="")
    price: NumberOrEmpty = Field(alias="p", default="")
    close_position: bool | None = Field(alias="cp", default=None)
    reduce_only: bool | None = Field(alias="R", default=None)
    failure: str | None = Field(alias="rm", default=None)


class AlgoUpdate(_Stream):
    """ALGO_UPDATE."""

    transaction_time: Millis = Field(alias="T")
    order: AlgoState = Field(alias="o")


class MarginCallRow(_Stream):
    """`p` of MARGIN_CALL."""

    symbol: str = Field(alias="s")
    qty: NumberOrEmpty = Field(alias="pa", default="")
    maintenance: NumberOrEmpty = Field(alias="mm", default="")
    unrealized: NumberOrEmpty = Field(alias="up", default="")


class MarginCall(_Stream):
    """MARGIN_CALL: guidance only; has no transaction time."""

    event_time: Millis = Field(alias="E")
    rows: list[MarginCallRow] = Field(alias="p", default_factory=list)


class SymbolSetting(_Stream):
    """`ac` of ACCOUNT_CONFIG_UPDATE."""

    symbol: str = Field(alias="s")
    leverage: int = Field(alias="l")


class AccountSetting(_Stream):
    """`ai` of ACCOUNT_CONFIG_UPDATE."""

    is_multi_asset: bool = Field(alias="j")


class ConfigUpdate(_Stream):
    """ACCOUNT_CONFIG_UPDATE: one of the two parts."""

    symbol_setting: SymbolSetting | None = Field(alias="ac", default=None)
    account_setting: AccountSetting | None = Field(alias="ai", default=None)


class MarkPrice(_Stream):
    """markPriceUpdate of the market streams; `r` and `T` are empty for futures
    with a delivery date."""

    event_time: Millis = Field(alias="E")
    symbol: str = Field(alias="s")
    mark_price: Number = Field(alias="p")
    index_price: NumberOrEmpty = Field(alias="i", default="")
    funding_rate: NumberOrEmpty = Field(alias="r", default="")
    next_funding: Millis = Field(alias="T", default=0)


class Notice(_Stream):
    """listenKeyExpired, serverShutdown: the kind says it all."""


EventT = TypeVar("EventT")


class Wrapped(BaseModel, Generic[EventT]):
    """Combined streams: ``{"stream": ..., "data": event}``."""

    data: EventT


# --- answers --------------------------------------------------------------------


class VenueError(_Rest):
    """``{"code": -2011, "msg": "..."}``; *code* 200 is success."""

    code: int
    msg: str = ""


class OrderRow(_Rest):
    """An order as place, amend, cancel and query answer it; `avgPrice` left the
    answers of commands on 2026-07-15."""

    order_id: int
    symbol: str
    status: str
    client_order_id: str
    side: str
    type: str
    orig_qty: Number
    executed_qty: Number
    update_time: Millis
    time: Millis | None = None
    price: Number = "0"
    avg_price: Number | None = None
    stop_price: Number | None = None
    orig_type: str = ""
    time_in_force: str = ""
    position_side: str = "BOTH"
    reduce_only: bool | None = None
    close_position: bool | None = None
    modify_id: str | int | None = None


class AlgoRow(_Rest):
    """A conditional order as the algo endpoints answer it."""

    algo_id: int
    client_algo_id: str
    order_type: str
    symbol: str
    side: str
    algo_status: str
    update_time: Millis
    create_time: Millis | None = None
    position_side: str = "BOTH"
    time_in_force: str = ""
    quantity: NumberOrEmpty | None = None
    trigger_price: NumberOrEmpty | None = None
    price: NumberOrEmpty | None = None
    close_position: bool | None = None
    reduce_only: bool | None = None
    actual_order_id: str | int | None = None
    actual_price: NumberOrEmpty | None = None
    actual_qty: NumberOrEmpty | None = None


class AlgoCancelled(_Rest):
    """The answer to an algo cancel; *code* is a text, "200" on success."""

    algo_id: int
    client_algo_id: str
    code: int


class TradeRow(_Rest):
    """One own execution of userTrades."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Number
    qty: Number
    time: Millis
    commission: Number | None = None
    commission_asset: str | None = None
    realized_pnl: Number | None = None
    maker: bool | None = None
    position_side: str = "BOTH"


class PositionRisk(_Rest):
    """One row of positionRisk v3."""

    symbol: str
    position_side: str
    position_amt: Number
    entry_price: Number
    update_time: Millis
    mark_price: NumberOrEmpty | None = None
    liquidation_price: NumberOrEmpty | None = None
    isolated_wallet: NumberOrEmpty | None = None


class AccountAsset(_Rest):
    """One asset of account v3."""

    asset: str
    wallet_balance: Number
    cross_wallet_balance: Number | None = None
    update_time: Millis = 0


class Account(BaseModel):
    """Account v3: assets, and the totals, which are kept as told."""

    model_config = ConfigDict(extra="allow")

    assets: list[AccountAsset]


class AccountConfig(_Rest):
    """accountConfig."""

    can_trade: bool | None = None
    dual_side_position: bool | None = None
    multi_assets_margin: bool | None = None


class SymbolConfig(_Rest):
    """One row of symbolConfig."""

    symbol: str
    margin_type: str = ""
    leverage: int


class IncomeRow(_Rest):
    """One wallet change; *tran_id* is unique per *income_type* and user."""

    symbol: str | None = None
    income_type: str
    income: Number
    asset: str
    time: Millis
    tran_id: int
    trade_id: str | int | None = None


class PremiumIndex(_Rest):
    """Mark price and funding of one symbol."""

    symbol: str
    mark_price: Number
    time: Millis
    index_price: NumberOrEmpty = ""
    last_funding_rate: NumberOrEmpty = ""
    next_funding_time: Millis = 0


class RateLimit(_Rest):
    """One limit of exchangeInfo or of a WebSocket API answer (with *count*)."""

    rate_limit_type: str
    interval: str
    interval_num: int = Field(gt=0)
    limit: int = Field(gt=0)
    count: int | None = None


class SymbolFilter(_Rest):
    """One filter; which fields are set depends on *filter_type*."""

    filter_type: str
    tick_size: Number | None = None
    min_price: Number | None = None
    max_price: Number | None = None
    step_size: Number | None = None
    min_qty: Number | None = None
    max_qty: Number | None = None
    notional: Number | None = None
    limit: int | None = None
    multiplier_up: Number | None = None
    multiplier_down: Number | None = None


class SymbolInfo(_Rest):
    """One symbol of exchangeInfo."""

    symbol: str
    contract_type: str = ""
    delivery_date: Millis = 0
    status: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    filters: list[SymbolFilter]


class ExchangeInfo(_Rest):
    """exchangeInfo; its symbols are validated one by one by the reader."""

    rate_limits: list[RateLimit] = Field(default_factory=list)
    symbols: list[dict[str, Any]]


class BracketRow(_Rest):
    """One tier of leverageBracket; read with parse_float=Decimal."""

    initial_leverage: int
    notional_cap: Decimal
    notional_floor: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal = Decimal(0)


class SymbolBrackets(_Rest):
    """The tiers of one symbol; *notional_coef* scales them for this user."""

    symbol: str
    brackets: list[BracketRow]
    notional_coef: Decimal = Decimal(1)


class KeyRestrictions(_Rest):
    """apiRestrictions."""

    ip_restrict: bool | None = None
    enable_withdrawals: bool | None = None
    enable_futures: bool | None = None


class ListenKey(_Rest):
    """The key of the private stream; PUT may answer an empty object."""

    listen_key: str | None = None


class ServerTime(_Rest):
    """The venue's clock."""

    server_time: Millis


class LeverageSet(_Rest):
    """The answer to a change of leverage."""

    symbol: str
    leverage: int


class Countdown(_Rest):
    """The answer to arming or disarming the dead-man timer."""

    countdown_time: int


class FrameHead(_Rest):
    """What tells the kind of a frame that is no event: a WebSocket API answer has
    *status*, the acknowledgement of a SUBSCRIBE an *id* alone."""

    id: str | int | None = None
    status: int | None = None
    error: VenueError | None = None


class FrameAnswer(_Rest):
    """A WebSocket API answer in full; *result* is validated by the caller."""

    id: str | int | None = None
    status: int
    result: Any = None
    error: VenueError | None = None
    rate_limits: list[RateLimit] = Field(default_factory=list)
