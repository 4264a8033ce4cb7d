"""The wire of Deribit: JSON-RPC envelopes and rows, validated once.

Amounts are JSON numbers, some with the dirt of a float at their end
(``0.00035000000000000005``). So a document is parsed with its numbers as Decimal
from the text, and validation quantises them (`Amount`); no float is ever made.
Unknown fields are ignored, unknown words kept as text, fields that a state does not
have (a stop has no `filled_amount`) have defaults.

Source: Deribit API reference and its subscriptions, read 2026-11.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

_GRID = Decimal("1e-12")
_MOST = Decimal("1e15")


def _clean(value: object) -> Decimal:
    """A JSON number without the dirt of floats; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("not a JSON number")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= _MOST:
        raise ValueError("not a sensible number")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has an exponent"
    if exponent >= -12:
        return number
    return number.quantize(_GRID).normalize()


def _price(value: object) -> Decimal | None:
    """A price; the word ``market_price`` of orders without one is None."""
    return None if value == "market_price" else _clean(value)


Amount = Annotated[Decimal, BeforeValidator(_clean)]
AmountOrNone = Annotated[
    Decimal | None, BeforeValidator(lambda v: None if v is None else _clean(v))
]
PriceOrNone = Annotated[
    Decimal | None, BeforeValidator(lambda v: None if v is None else _price(v))
]
Millis = Annotated[int, Field(ge=0, lt=1 << 53)]


def parse(raw: bytes) -> Any:
    """A JSON document with exact numbers; ValueError if it is none."""
    return json.loads(raw, parse_float=Decimal)


class Shape:
    """Validates one shape, once; ValueError if the thing is of another."""

    __slots__ = ("_adapter",)

    def __init__(self, model: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(model)

    def of_object(self, value: object) -> Any:
        """The model of a document that is parsed already."""
        return self._adapter.validate_python(value)


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")


class RpcError(_Row):
    """``{"code", "message", "data"}``."""

    code: int
    message: str = ""
    data: Any = None

    @property
    def text(self) -> str:
        """Message and what it is about."""
        extra = "" if self.data is None else f" {json.dumps(self.data, default=str)}"
        return f"{self.message}{extra}"


class Envelope(_Row):
    """Every answer; a notification has *method* instead of an id."""

    id: int | str | None = None
    result: Any = None
    error: RpcError | None = None
    method: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    us_in: int = Field(default=0, alias="usIn")
    testnet: bool | None = None


class Tokens(_Row):
    """What `public/auth` grants."""

    expires_in: int = Field(gt=0)
    refresh_token: str = ""
    scope: str = ""


class OrderRow(_Row):
    """An order, in answers and on channels."""

    order_id: str = Field(min_length=1)
    order_state: str
    order_type: str = ""
    time_in_force: str = ""
    instrument_name: str
    creation_timestamp: Millis | None = None
    last_update_timestamp: Millis
    direction: str
    price: PriceOrNone = None
    label: str = ""
    post_only: bool | None = None
    reduce_only: bool | None = None
    amount: AmountOrNone = None
    filled_amount: AmountOrNone = None
    average_price: AmountOrNone = None
    trigger_price: AmountOrNone = None
    trigger_order_id: str | None = None
    is_liquidation: bool = False
    cancel_reason: str = ""
    replaced: bool = False


class TradeRow(_Row):
    """One own execution."""

    trade_id: str = Field(min_length=1)
    order_id: str
    instrument_name: str
    timestamp: Millis
    direction: str
    price: Amount
    amount: Amount
    fee: AmountOrNone = None
    fee_currency: str = ""
    label: str | None = None
    liquidity: str = ""
    profit_loss: AmountOrNone = None
    liquidation: str | None = None


class PositionRow(_Row):
    """One position. *size*: base coin for options and linear futures, USD for
    inverse ones; negative when short (older rows tell it by *direction* alone)."""

    instrument_name: str
    kind: str = ""
    direction: str = ""
    size: Amount
    average_price: AmountOrNone = None
    mark_price: AmountOrNone = None
    estimated_liquidation_price: AmountOrNone = None
    initial_margin: AmountOrNone = None
    maintenance_margin: AmountOrNone = None
    floating_profit_loss: AmountOrNone = None
    leverage: int | None = None
    delta: AmountOrNone = None
    gamma: AmountOrNone = None
    vega: AmountOrNone = None
    theta: AmountOrNone = None


class Summary(_Row):
    """The account's numbers in one currency."""

    model_config = ConfigDict(extra="allow")

    currency: str
    equity: Amount
    balance: Amount
    margin_balance: Amount
    available_funds: Amount
    initial_margin: Amount
    maintenance_margin: Amount
    session_upl: AmountOrNone = None
    session_rpl: AmountOrNone = None
    futures_session_upl: AmountOrNone = None
    futures_session_rpl: AmountOrNone = None
    options_value: AmountOrNone = None
    options_delta: AmountOrNone = None
    options_gamma: AmountOrNone = None
    options_vega: AmountOrNone = None
    options_theta: AmountOrNone = None
    delta_total: AmountOrNone = None
    margin_model: str = ""
    cross_collateral_enabled: bool = False
    limits: dict[str, Any] | None = None


class Summaries(_Row):
    """All currencies of the account."""

    summaries: list[Summary]


class Changes(_Row):
    """`user.changes`: one event's trades, orders and position of an instrument."""

    instrument_name: str
    trades: list[TradeRow] = Field(default_factory=list)
    orders: list[OrderRow] = Field(default_factory=list)
    positions: list[PositionRow] = Field(default_factory=list)
    position: list[PositionRow] = Field(default_factory=list)


class Placed(_Row):
    """The answer to buy, sell and edit."""

    order: OrderRow
    trades: list[TradeRow] = Field(default_factory=list)


class TradePage(_Row):
    """Own executions, a page."""

    trades: list[TradeRow]
    has_more: bool = False


class OrderPage(_Row):
    """Orders of the past, a page."""

    orders: list[OrderRow]
    continuation: str | int | None = None


class LogRow(_Row):
    """One row of the transaction log; *change* is what the balance moved by."""

    id: int
    user_seq: int | None = None
    currency: str
    timestamp: Millis
    type: str
    change: AmountOrNone = None
    commission: AmountOrNone = None
    instrument_name: str | None = None
    side: str | None = None
    amount: AmountOrNone = None
    trade_id: str | None = None


class LogPage(_Row):
    """The transaction log, a page."""

    logs: list[LogRow]
    continuation: int | str | None = None


class TickStep(_Row):
    """A larger tick above a price."""

    above_price: Amount
    tick_size: Amount


class InstrumentRow(_Row):
    """One instrument."""

    instrument_name: str
    kind: str
    instrument_type: str = ""
    base_currency: str
    quote_currency: str
    counter_currency: str = ""
    settlement_currency: str = ""
    settlement_period: str = ""
    contract_size: Amount
    min_trade_amount: Amount
    tick_size: Amount
    tick_size_steps: list[TickStep] = Field(default_factory=list)
    is_active: bool = True
    state: str = "open"
    expiration_timestamp: Millis | None = None
    strike: AmountOrNone = None
    option_type: str = ""
    price_index: str = ""


class Ticker(_Row):
    """Prices of one instrument now."""

    instrument_name: str
    timestamp: Millis
    mark_price: Amount
    index_price: AmountOrNone = None
    funding_8h: AmountOrNone = None


class BookSummary(_Row):
    """Prices of one instrument, among those of its currency."""

    instrument_name: str
    creation_timestamp: Millis
    mark_price: AmountOrNone = None


class CancelOnDisconnect(_Row):
    """Whether the venue cancels when a connection ends."""

    scope: str
    enabled: bool
