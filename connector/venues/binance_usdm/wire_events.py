"""Events that Binance USD-M futures pushes, validated once, straight from bytes.

One- and two-letter names of the wire stand in the aliases; see `wire` for the
rules that amounts follow.

Source: "User Data Streams" and "Mark Price Stream", read 2026-11.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from connector.venues.binance_usdm.wire import Millis, Number, NumberOrEmpty


class _Stream(BaseModel):
    """Part of a pushed event: one- and two-letter names."""

    model_config = ConfigDict(extra="ignore")


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
