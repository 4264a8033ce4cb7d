"""Frames that come with every order and fill, validated once, straight from bytes.

Rarer events are read field by field (`messages`). One- and two-letter names of the
wire stand in `field(name=...)`. Amounts become Decimals in the decoder (also where the
venue writes a number instead of a text: the digits are read, no float is made) and are
bounded by `amount`.

Source: "User Data Streams" and "Mark Price Stream", read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct, field

from connector.model.ids import ClientOrderId, Symbol
from connector.model.money import ZERO

Millis = Annotated[int, Meta(ge=0, lt=1 << 53)]
Positive = Annotated[int, Meta(gt=0)]

_DIGITS_MAX = 40


def amount(told: Decimal) -> Decimal:
    """*told*, if it is a number that money can be: finite, of bounded size."""
    if told.is_finite() and -_DIGITS_MAX <= told.adjusted() <= _DIGITS_MAX:
        return told
    raise ValueError(f"not an amount: {told}")


class OrderState(Struct, kw_only=True):
    """`o` of ORDER_TRADE_UPDATE: an order after one thing happened to it."""

    symbol: Symbol = field(name="s")
    client_order_id: ClientOrderId = field(name="c")
    side: str = field(name="S")
    type_now: str = field(name="o")
    time_in_force: str = field(name="f", default="")
    qty: Decimal = field(name="q")
    price: Decimal = field(name="p", default=ZERO)
    average_price: Decimal = field(name="ap", default=ZERO)
    stop_price: Decimal | None = field(name="sp", default=None)
    execution: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_qty: Decimal = field(name="l", default=ZERO)
    cumulative_qty: Decimal = field(name="z")
    last_price: Decimal = field(name="L", default=ZERO)
    fee: Decimal | None = field(name="n", default=None)
    fee_asset: str | None = field(name="N", default=None)
    trade_time: Millis = field(name="T")
    trade_id: int = field(name="t", default=0)
    is_maker: bool | None = field(name="m", default=None)
    reduce_only: bool | None = field(name="R", default=None)
    original_type: str = field(name="ot", default="")
    position_side: str = field(name="ps", default="BOTH")
    close_position: bool | None = field(name="cp", default=None)
    realized_pnl: Decimal | None = field(name="rp", default=None)
    expiry_reason: str | int = field(name="er", default="0")
    modify_id: str | int | None = field(name="M", default=None)


class OrderTradeUpdate(Struct, kw_only=True):
    """ORDER_TRADE_UPDATE."""

    order: OrderState = field(name="o")


class TradeLite(Struct, kw_only=True):
    """TRADE_LITE: an early, thin copy of an execution."""

    transaction_time: Millis = field(name="T")
    symbol: str = field(name="s")
    client_order_id: str | None = field(name="c", default=None)
    side: str = field(name="S")
    last_qty: Decimal = field(name="l")
    last_price: Decimal = field(name="L")
    trade_id: Positive = field(name="t")
    order_id: int = field(name="i")
    is_maker: bool | None = field(name="m", default=None)


class BalanceRow(Struct, kw_only=True):
    """`B` of ACCOUNT_UPDATE; *change* excludes PnL and commission."""

    asset: str = field(name="a")
    wallet: Decimal = field(name="wb")
    cross_wallet: Decimal | None = field(name="cw", default=None)
    change: Decimal = field(name="bc", default=ZERO)


class PositionRow(Struct, kw_only=True):
    """`P` of ACCOUNT_UPDATE."""

    symbol: Symbol = field(name="s")
    qty: Decimal = field(name="pa")
    entry_price: Decimal | None = field(name="ep", default=None)
    margin_type: str = field(name="mt", default="")
    isolated_wallet: str | None = field(name="iw", default=None)
    position_side: str = field(name="ps")


class AccountChange(Struct, kw_only=True):
    """`a` of ACCOUNT_UPDATE: only what changed."""

    reason: str = field(name="m", default="")
    balances: list[BalanceRow] = field(name="B", default_factory=list)
    positions: list[PositionRow] = field(name="P", default_factory=list)
    symbol: str | None = field(name="S", default=None)


class AccountUpdate(Struct, kw_only=True):
    """ACCOUNT_UPDATE."""

    transaction_time: Millis = field(name="T")
    change: AccountChange = field(name="a")


class ErrorHead(Struct, kw_only=True):
    """``{"code", "msg"}``."""

    code: int
    msg: str = ""


class FrameHead(Struct, kw_only=True):
    """What tells the kind of a frame that is no event: a WebSocket API answer has
    *status*, the acknowledgement of a SUBSCRIBE an *id* alone."""

    id: str | int | None = None
    status: int | None = None
    error: ErrorHead | None = None


class RateLimit(Struct, kw_only=True, rename="camel"):
    """One limit of exchangeInfo, or of an answer, with how much is used (*count*)."""

    rate_limit_type: str
    interval: str
    interval_num: Positive
    limit: Positive
    count: int | None = None


class FrameAnswer(Struct, kw_only=True, rename="camel"):
    """A WebSocket API answer; what it tells is read by whoever asked."""

    status: int
    result: Any = None
    error: Any = None
    rate_limits: list[RateLimit] = field(default_factory=list)


EventT = TypeVar("EventT")


class Wrapped(Struct, Generic[EventT]):
    """Combined streams: ``{"stream": ..., "data": event}``."""

    data: EventT
