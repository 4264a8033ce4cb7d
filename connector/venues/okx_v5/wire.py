"""The wire of OKX v5: rows of answers and of pushed messages, validated once.

Everything is text on this wire, missing is "": amounts stay text here (`Number`, a
bounded plain decimal) and become Decimal by `amount`; a JSON number in their place
would have passed through a float and is refused. Rows of REST and stream are the
same but for a few names. Unknown fields are ignored, unknown words kept as text.

Source: the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
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
Code = Annotated[int, BeforeValidator(lambda value: value or 0)]
Name = Annotated[str, StringConstraints(min_length=1)]


def amount(text: str) -> Decimal:
    """A validated number as Decimal; "" is 0."""
    return Decimal(text or "0")


def amount_or_none(text: str) -> Decimal | None:
    """As `amount`, None for what the venue means by nothing: "" and 0."""
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
    """Every answer, by REST or as a frame."""

    code: Code
    msg: str = ""
    data: list[Any] = Field(default_factory=list)


class Outcome(_Row):
    """What became of one order of a call."""

    s_code: Code
    s_msg: str = ""
    ord_id: str = ""
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    ts: Millis = 0


class OrderRow(_Row):
    """An order; ``fill*`` and ``tradeId`` of a push are those of this update."""

    inst_type: str
    inst_id: Name
    ord_id: Name
    cl_ord_id: str = ""
    side: str
    pos_side: str = ""
    ord_type: str
    px: NumberOrEmpty = ""
    sz: NumberOrEmpty = ""
    state: str
    acc_fill_sz: NumberOrEmpty = ""
    avg_px: NumberOrEmpty = ""
    reduce_only: str = ""
    category: str = ""
    cancel_source: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    amend_result: str = ""
    req_id: str = ""
    code: str = ""
    msg: str = ""
    c_time: Millis = 0
    u_time: Millis


class OrderPush(OrderRow):
    """An order with the execution that this update tells, if any."""

    trade_id: str = ""
    fill_sz: NumberOrEmpty = ""
    fill_px: NumberOrEmpty = ""
    fill_time: Millis = 0
    fill_fee: NumberOrEmpty = ""
    fill_fee_ccy: str = ""
    fill_pnl: NumberOrEmpty = ""
    exec_type: str = ""


class AlgoRow(_Row):
    """A conditional order in its own store."""

    inst_type: str
    inst_id: Name
    algo_id: Name
    algo_cl_ord_id: str = ""
    ord_id: str = ""
    ord_id_list: list[str] = Field(default_factory=list)
    ord_type: str
    side: str
    pos_side: str = ""
    sz: NumberOrEmpty = ""
    close_fraction: str = ""
    reduce_only: str = ""
    state: str
    sl_trigger_px: NumberOrEmpty = ""
    sl_ord_px: NumberOrEmpty = ""
    tp_trigger_px: NumberOrEmpty = ""
    tp_ord_px: NumberOrEmpty = ""
    trigger_px: NumberOrEmpty = ""
    ord_px: NumberOrEmpty = ""
    fail_code: str = ""
    c_time: Millis = 0
    u_time: Millis = 0


class FillRow(_Row):
    """One execution."""

    inst_type: str
    inst_id: Name
    ord_id: Name
    cl_ord_id: str = ""
    trade_id: Name
    bill_id: str = ""
    side: str
    pos_side: str = ""
    fill_sz: Number
    fill_px: Number
    fee: NumberOrEmpty = ""
    fee_ccy: str = ""
    fill_pnl: NumberOrEmpty = ""
    exec_type: str = ""
    sub_type: str = ""
    fill_time: Millis


class FillPush(_Row):
    """The fast channel: no fee; takers are added up per price (*count*)."""

    inst_id: Name
    ord_id: Name
    trade_id: Name
    side: str
    fill_sz: Number
    fill_px: Number
    exec_type: str = ""
    count: str = "1"
    ts: Millis


class PositionRow(_Row):
    """A position, in answers and pushes."""

    inst_type: str
    inst_id: Name
    mgn_mode: str = ""
    pos_side: str
    pos: NumberOrEmpty
    avg_px: NumberOrEmpty = ""
    mark_px: NumberOrEmpty = ""
    lever: NumberOrEmpty = ""
    liq_px: NumberOrEmpty = ""
    margin: NumberOrEmpty = ""
    mgn_ratio: NumberOrEmpty = ""
    u_time: Millis


class CurrencyRow(BaseModel):
    """One currency of the account, kept as told."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    ccy: Name
    cash_bal: NumberOrEmpty
    u_time: Millis


class AccountRow(BaseModel):
    """The account's totals, kept as told, and its currencies."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    u_time: Millis
    details: list[CurrencyRow] = Field(default_factory=list)


class BalanceDelta(_Row):
    """A currency that changed."""

    ccy: Name
    cash_bal: NumberOrEmpty
    u_time: Millis


class BalancePositionRow(_Row):
    """Only what changed, and why."""

    p_time: Millis
    event_type: str
    bal_data: list[BalanceDelta] = Field(default_factory=list)
    pos_data: list[PositionRow] = Field(default_factory=list)


class BillRow(_Row):
    """One change of a balance."""

    bill_id: Name
    type: str
    ts: Millis
    ccy: Name
    bal_chg: NumberOrEmpty
    pnl: NumberOrEmpty = ""
    fee: NumberOrEmpty = ""
    inst_id: str = ""
    sub_type: str = ""
    trade_id: str = ""


class InstrumentRow(_Row):
    """One contract; sizes count contracts."""

    inst_type: str
    inst_id: Name
    inst_id_code: int | None = None
    ct_val: Number
    ct_mult: NumberOrEmpty = "1"
    ct_val_ccy: Name
    ct_type: str
    settle_ccy: Name
    uly: str = ""
    exp_time: Millis = 0
    tick_sz: Number
    lot_sz: Number
    min_sz: Number
    max_lmt_sz: Number
    max_mkt_sz: Number
    state: str


class TierRow(_Row):
    """One tier; a position pays the rate of its tier on all of it."""

    inst_family: str
    tier: str
    min_sz: Number
    max_sz: Number
    mmr: Number
    max_lever: Number


class LeverageRow(_Row):
    """Leverage of one instrument."""

    inst_id: Name
    lever: Number


class ConfigRow(_Row):
    """How the account is set up, and what the key may do."""

    acct_lv: str
    pos_mode: str
    perm: str = ""
    ip: str = ""


class ModeRow(_Row):
    """The position mode in force."""

    pos_mode: str


class TimeRow(_Row):
    """The venue's clock."""

    ts: Millis


class MarkRow(_Row):
    """A mark price."""

    inst_id: Name
    mark_px: Number
    ts: Millis


T = TypeVar("T")


class Push(BaseModel, Generic[T]):
    """A pushed message."""

    model_config = ConfigDict(extra="ignore")

    data: list[T]


class Head(_Row):
    """Frames about the connection, and what else is no push."""

    event: str = ""
    id: str = ""
    op: str = ""
    code: str = ""
    msg: str = ""
    channel: str = ""
    arg: dict[str, Any] = Field(default_factory=dict)
