"""The wire of Binance USD-M futures: every answer, validated once.

Pushed events stand in `wire_events`, which shares the amounts defined here.

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
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
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


class Shape:
    """Validates one shape, once; ValueError if the thing is of another.

    The rest of the package meets pydantic only through this and the models.
    """

    __slots__ = ("_adapter",)

    def __init__(self, model: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(model)

    def of_bytes(self, raw: bytes) -> Any:
        """The model of a JSON document."""
        return self._adapter.validate_json(raw)

    def of_object(self, value: object) -> Any:
        """The model of a document that is parsed already."""
        return self._adapter.validate_python(value)


class _Rest(BaseModel):
    """Part of an answer: camelCase names."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class VenueError(_Rest):
    """``{"code": -2011, "msg": "..."}``; *code* 200 is success.

    *data* is told by the WebSocket API over a limit, as its spot page shows.
    """

    code: int
    msg: str = ""
    data: Any = None

    @property
    def until_ms(self) -> int | None:
        """The venue's time from which calls are allowed again, if told."""
        until = self.data.get("retryAfter") if isinstance(self.data, dict) else None
        return until if type(until) is int and 0 < until < 1 << 53 else None


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
