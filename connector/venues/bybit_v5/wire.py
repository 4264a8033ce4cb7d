"""The wire of Bybit v5: rows of answers and of pushed messages, validated once.

Amounts stay text here (`Number`, a bounded plain decimal) and become Decimal by
`amount`; a JSON number in their place would have passed through a float and is
refused. Rows of REST and stream are the same but for a few names. Unknown fields
are ignored, unknown words kept as text.

Source: the v5 documentation (Order, Position, Account, Market, WebSocket Stream),
read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)
from pydantic.alias_generators import to_camel

_DECIMAL = r"-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,2})?"

Number = Annotated[str, StringConstraints(pattern=rf"^{_DECIMAL}$")]
NumberOrEmpty = Annotated[str, StringConstraints(pattern=rf"^({_DECIMAL})?$")]
Millis = Annotated[
    int, BeforeValidator(lambda value: value or 0), Field(ge=0, lt=1 << 53)
]
Exact = Annotated[Decimal, BeforeValidator(lambda value: value or "0")]


def amount(text: str | None) -> Decimal:
    """A validated number as Decimal; "" and absent are 0."""
    return Decimal(text or "0")


def amount_or_none(text: str | None) -> Decimal | None:
    """As `amount`, None for what the venue means by nothing: "", "0", absent."""
    return amount(text) or None


class Shape:
    """Validates one shape, once; ValueError if the thing is of another."""

    __slots__ = ("_adapter",)

    def __init__(self, model: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(model)

    def of_bytes(self, raw: bytes) -> Any:
        """The model of a JSON document."""
        return self._adapter.validate_json(raw)

    def of_object(self, value: object) -> Any:
        """The model of a document that is parsed already."""
        return self._adapter.validate_python(value)


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class Envelope(_Row):
    """Every answer of REST, and of order entry (*data*, *header*)."""

    ret_code: int
    ret_msg: str = ""
    result: Any = None
    data: Any = None
    ret_ext_info: Any = None
    time: Millis = 0
    header: dict[str, str] = Field(default_factory=dict)


class OrderRow(_Row):
    """An order, on the stream and in answers."""

    category: str = ""
    symbol: str
    order_id: str = Field(min_length=1)
    order_link_id: str = ""
    side: str
    position_idx: int = 0
    order_status: str
    create_type: str = ""
    cancel_type: str = ""
    reject_reason: str = ""
    time_in_force: str = ""
    order_type: str = ""
    price: NumberOrEmpty = ""
    qty: NumberOrEmpty = ""
    cum_exec_qty: NumberOrEmpty = ""
    avg_price: NumberOrEmpty = ""
    stop_order_type: str = ""
    trigger_price: NumberOrEmpty = ""
    trigger_direction: int = 0
    reduce_only: bool | None = None
    close_on_trigger: bool | None = None
    created_time: Millis = 0
    updated_time: Millis


class ExecutionRow(_Row):
    """One execution; funding comes as one too."""

    category: str = ""
    symbol: str
    order_id: str
    order_link_id: str = ""
    side: str
    exec_id: str = Field(min_length=1)
    exec_price: Number
    exec_qty: Number
    exec_type: str
    exec_fee: NumberOrEmpty | None = None
    exec_pnl: NumberOrEmpty | None = None
    fee_currency: str = ""
    create_type: str = ""
    is_maker: bool | None = None
    leaves_qty: NumberOrEmpty = ""
    exec_time: Millis


class PositionRow(_Row):
    """A position; its entry price has another name on the stream."""

    category: str = ""
    symbol: str
    side: str
    size: Number
    position_idx: int
    entry_price: NumberOrEmpty = Field(
        default="", validation_alias=AliasChoices("entryPrice", "avgPrice")
    )
    mark_price: NumberOrEmpty = ""
    leverage: NumberOrEmpty = ""
    liq_price: NumberOrEmpty = ""
    position_status: str = ""
    updated_time: Millis
    seq: int


class CoinRow(_Row):
    """One coin of the wallet."""

    coin: str
    wallet_balance: NumberOrEmpty


class WalletRow(BaseModel):
    """The account's totals, kept as told, and its coins."""

    model_config = ConfigDict(extra="allow")

    coin: list[CoinRow] = Field(default_factory=list)


class TickerRow(_Row):
    """A ticker; on the stream only what changed."""

    symbol: str
    mark_price: NumberOrEmpty = ""
    index_price: NumberOrEmpty = ""
    funding_rate: NumberOrEmpty = ""
    next_funding_time: Millis = 0


class LedgerRow(_Row):
    """One change of a wallet: change = cashFlow + funding - fee."""

    id: str
    symbol: str = ""
    type: str
    transaction_time: Millis
    currency: str
    cash_flow: NumberOrEmpty = ""
    funding: NumberOrEmpty = ""
    fee: NumberOrEmpty = ""
    change: NumberOrEmpty = ""
    trade_id: str = ""


class PriceFilter(_Row):
    """Prices of an instrument."""

    min_price: Number
    max_price: Number
    tick_size: Number


class LotFilter(_Row):
    """Sizes of an instrument."""

    max_order_qty: Number
    min_order_qty: Number
    qty_step: Number
    max_mkt_order_qty: NumberOrEmpty = ""
    min_notional_value: NumberOrEmpty = ""


class RiskParameters(_Row):
    """How far from the mark a price may be."""

    price_limit_ratio_x: NumberOrEmpty = ""
    price_limit_ratio_y: NumberOrEmpty = ""


class InstrumentRow(_Row):
    """One contract."""

    symbol: str
    contract_type: str
    status: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    delivery_time: Millis = 0
    price_filter: PriceFilter
    lot_size_filter: LotFilter
    risk_parameters: RiskParameters = RiskParameters()


class TierRow(_Row):
    """One tier; documented as numbers, sent as text."""

    symbol: str
    risk_limit_value: Exact
    maintenance_margin: Exact
    initial_margin: Exact
    max_leverage: Exact
    mm_deduction: Exact = Decimal(0)


class AccountInfo(_Row):
    """How the account is set up."""

    margin_mode: str = ""


class KeyRow(_Row):
    """What a key may do."""

    read_only: int
    permissions: dict[str, list[str]]
    ips: list[str] = Field(default_factory=list)


class TimeRow(_Row):
    """The venue's clock."""

    time_nano: int


class Page(_Row):
    """One page; *rows* are validated by whoever asked."""

    rows: list[Any] = Field(validation_alias="list")
    next_page_cursor: str | None = ""


class Ids(_Row):
    """The answer to a command on one order."""

    order_id: str = ""
    order_link_id: str = ""


class ItemCode(_Row):
    """How one entry of a batch ended."""

    code: int
    msg: str = ""


class BatchPart(_Row):
    """`retExtInfo` of a batch."""

    rows: list[ItemCode] = Field(validation_alias="list")


class Pushed(BaseModel):
    """What all pushed messages share."""

    model_config = ConfigDict(extra="ignore")

    creation_time: Millis = Field(
        default=0, validation_alias=AliasChoices("creationTime", "ts")
    )


class Orders(Pushed):
    """Topic order."""

    data: list[OrderRow]


class Executions(Pushed):
    """Topic execution."""

    data: list[ExecutionRow]


class Positions(Pushed):
    """Topic position."""

    data: list[PositionRow]


class Wallets(Pushed):
    """Topic wallet."""

    data: list[WalletRow]


class Ticker(Pushed):
    """Topic tickers."""

    data: TickerRow


class Control(BaseModel):
    """Frames about the connection: one spelling per socket."""

    model_config = ConfigDict(extra="ignore")

    op: str = ""
    request_id: str | None = Field(
        default="", validation_alias=AliasChoices("reqId", "req_id")
    )
    success: bool | None = None
    code: int | None = Field(default=None, validation_alias="retCode")
    text: str | None = Field(
        default="", validation_alias=AliasChoices("retMsg", "ret_msg")
    )
