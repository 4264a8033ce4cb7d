"""Events that Binance USD-M futures pushes, validated once, straight from bytes.

One- and two-letter names of the wire stand in `field(name=...)`. Amounts become
Decimals in the decoder (also where the venue writes a number instead of a text:
the digits are read, no float is made) and are bounded by `amount`.

Source: "User Data Streams" and "Mark Price Stream", read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
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


def amount_of(text: str) -> Decimal | None:
    """The amount in a field that may be empty."""
    return amount(Decimal(text)) if text else None


class Decoder:
    """Reads one kind of document; ValueError if the bytes are something else."""

    __slots__ = ("_decode",)

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def of_bytes(self, raw: bytes) -> Any:
        """The struct of a JSON document."""
        try:
            return self._decode(raw)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None


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


class AlgoState(Struct, kw_only=True):
    """`o` of ALGO_UPDATE: a conditional order before and after its trigger."""

    client_algo_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    order_type: str = field(name="o")
    symbol: str = field(name="s")
    side: str = field(name="S")
    position_side: str = field(name="ps", default="BOTH")
    time_in_force: str = field(name="f", default="")
    qty: str = field(name="q", default="")
    status: str = field(name="X")
    actual_order_id: str = field(name="ai", default="")
    actual_price: str = field(name="ap", default="")
    actual_qty: str = field(name="aq", default="")
    trigger_price: str = field(name="tp", default="")
    price: str = field(name="p", default="")
    close_position: bool | None = field(name="cp", default=None)
    reduce_only: bool | None = field(name="R", default=None)
    failure: str | None = field(name="rm", default=None)


class AlgoUpdate(Struct, kw_only=True):
    """ALGO_UPDATE."""

    transaction_time: Millis = field(name="T")
    order: AlgoState = field(name="o")


class MarginCallRow(Struct, kw_only=True):
    """`p` of MARGIN_CALL."""

    symbol: str = field(name="s")
    qty: str = field(name="pa", default="")
    maintenance: str = field(name="mm", default="")
    unrealized: str = field(name="up", default="")


class MarginCall(Struct, kw_only=True):
    """MARGIN_CALL: guidance only; has no transaction time."""

    event_time: Millis = field(name="E")
    rows: list[MarginCallRow] = field(name="p", default_factory=list)


class SymbolSetting(Struct, kw_only=True):
    """`ac` of ACCOUNT_CONFIG_UPDATE."""

    symbol: str = field(name="s")
    leverage: int = field(name="l")


class AccountSetting(Struct, kw_only=True):
    """`ai` of ACCOUNT_CONFIG_UPDATE."""

    is_multi_asset: bool = field(name="j")


class ConfigUpdate(Struct, kw_only=True):
    """ACCOUNT_CONFIG_UPDATE: one of the two parts."""

    symbol_setting: SymbolSetting | None = field(name="ac", default=None)
    account_setting: AccountSetting | None = field(name="ai", default=None)


class MarkPrice(Struct, kw_only=True):
    """markPriceUpdate of the market streams; `r` and `T` are empty for futures
    with a delivery date."""

    event_time: Millis = field(name="E")
    symbol: str = field(name="s")
    mark_price: Decimal = field(name="p")
    index_price: str = field(name="i", default="")
    funding_rate: str = field(name="r", default="")
    next_funding: Millis = field(name="T", default=0)


class Notice(Struct, kw_only=True):
    """listenKeyExpired, serverShutdown: the kind says it all."""


EventT = TypeVar("EventT")


class Wrapped(Struct, Generic[EventT]):
    """Combined streams: ``{"stream": ..., "data": event}``."""

    data: EventT
