"""The venue's words and ours.

Sizes of derivatives are contracts on this wire, ours are coins; core converts by
`Instrument.qty_unit`. Fees are negative when paid, ours are positive.

Source: "Order Book Trading" and "Trading Account" of the API v5 documentation, read
2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.model.account import LedgerKind, MarginMode
from connector.model.ids import Symbol
from connector.model.instrument import InstrumentKind
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)
from connector.venues.base import lower_words

VENUE = "okx-v5"

KINDS = {"SWAP": InstrumentKind.PERPETUAL, "FUTURES": InstrumentKind.FUTURE}
"""Kinds of instrument that are traded here; rows of others are told, not merged."""

SIDES = lower_words(Side)
SIDE_WORDS = {side: word for word, side in SIDES.items()}
POSITION_SIDES = lower_words(PositionSide)
POSITION_SIDE_WORDS = {side: word for word, side in POSITION_SIDES.items()}
TRIGGER_WORDS = {kind: word for word, kind in lower_words(TriggerPriceType).items()}
MARGIN_MODES = lower_words(MarginMode)

# The lifetime is part of the order type here: type, time in force, post-only.
ORDER_TYPES: dict[str, tuple[OrderType, TimeInForce, bool]] = {
    "limit": (OrderType.LIMIT, TimeInForce.GTC, False),
    "market": (OrderType.MARKET, TimeInForce.GTC, False),
    "post_only": (OrderType.LIMIT, TimeInForce.GTC, True),
    "fok": (OrderType.LIMIT, TimeInForce.FOK, False),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC, False),
    "optimal_limit_ioc": (OrderType.MARKET, TimeInForce.IOC, False),
    "rpi": (OrderType.LIMIT, TimeInForce.GTC, True),
    "elp": (OrderType.LIMIT, TimeInForce.GTC, True),
}
LIFETIME_WORDS = {
    TimeInForce.GTC: "limit",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
}

STATES = {
    "live": OrderStatus.NEW,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "mmp_canceled": OrderStatus.CANCELED,
}

# What ended an order that nobody cancelled; those the lifetime ended are expiries.
CANCEL_SOURCES = {
    "0": "cancelled by the system",
    "2": "reduce-only lost its position margin",
    "3": "risk: maintenance margin",
    "4": "borrow limit",
    "6": "auto-deleveraging",
    "7": "delivery",
    "9": "the funding fee left too little",
    "10": "option expiry",
    "13": "fill or kill",
    "14": "the rest of an IOC order",
    "15": "price limit",
    "17": "position closed at market",
    "20": "cancel-all-after",
    "21": "take-profit or stop-loss: position closed",
    "22": "reduce-only displaced by a better price",
    "23": "reduce-only displaced by a better price",
    "27": "counterparty price gap above 5 %",
    "31": "post-only would take",
    "32": "self-trade prevention",
    "33": "too many matches",
    "36": "stop-loss triggered",
    "37": "take-profit triggered",
    "38": "market maker protection",
    "39": "market maker protection",
    "42": "chase",
    "43": "index price",
    "44": "auto conversion",
    "45": "RPI price",
    "46": "delta reducing",
}
_ENDED_BY_VENUE = (0, 2, 3, 4, 6, 7, 9, 10, 13, 14, 15, 22, 23, 31, 32, 33)
_EXPIRIES = frozenset(map(str, _ENDED_BY_VENUE))
"""What ends by its own terms or by the venue's care for the account; a cancel that
waits meanwhile did not do it."""

ORIGINS = {
    "full_liquidation": Origin.LIQUIDATION,
    "partial_liquidation": Origin.LIQUIDATION,
    "adl": Origin.ADL,
    "delivery": Origin.SETTLEMENT,
}

ALGO_STATES = {
    "live": OrderStatus.NEW,
    "pause": OrderStatus.NEW,
    "partially_effective": OrderStatus.NEW,
    "effective": OrderStatus.NEW,  # the order it became tells the rest
    "partially_failed": OrderStatus.NEW,
    "canceled": OrderStatus.CANCELED,
    "order_failed": OrderStatus.REJECTED,
}

SELF_TRADE_WORDS = {
    SelfTradePrevention.EXPIRE_TAKER: "cancel_taker",
    SelfTradePrevention.EXPIRE_MAKER: "cancel_maker",
    SelfTradePrevention.EXPIRE_BOTH: "cancel_both",
}

BILL_TYPES = {
    "1": LedgerKind.TRANSFER,
    "3": LedgerKind.DELIVERY,
    "8": LedgerKind.FUNDING,
    "10": LedgerKind.INSURANCE,
    "34": LedgerKind.SETTLEMENT,
}
TRADE_BILLS = frozenset(("2", "5", "9"))
"""Trades, liquidations, ADL: profit and fee stand in one bill."""
FORCED_BILLS = {str(number): Origin.LIQUIDATION for number in range(100, 108)}
FORCED_BILLS |= {str(number): Origin.ADL for number in range(125, 129)}
"""Subtypes of the bills of executions that nobody ordered."""

ACCOUNT_EVENTS = {
    "transferred": LedgerKind.TRANSFER,
    "delivered": LedgerKind.DELIVERY,
    "funding_fee": LedgerKind.FUNDING,
    "claw_back": LedgerKind.INSURANCE,
    "settlement": LedgerKind.SETTLEMENT,
}
QUIET_EVENTS = frozenset(("snapshot", "filled", "set_leverage"))
"""Events of balance_and_position whose cause is told elsewhere in full."""

ATTACHED = "X"
"""Ends the name of what is attached to an order; ours are in lower case."""

MULTI_CURRENCY_LEVELS = frozenset(("3", "4"))
SPOT_LEVEL = "1"


def kind_word(symbol: Symbol) -> str:
    """``instType`` of an instrument, from its name."""
    return "SWAP" if symbol.endswith("-SWAP") else "FUTURES"


def family(symbol: Symbol) -> str:
    """``instFamily``: the name without what tells perpetual or expiry."""
    return symbol.rpartition("-")[0]


def end_of(source: str) -> tuple[OrderStatus, str]:
    """(status, reason) of a cancelled order: what its own lifetime ended expired."""
    status = OrderStatus.EXPIRED if source in _EXPIRIES else OrderStatus.CANCELED
    if source in ("", "1"):
        return status, ""
    return status, CANCEL_SOURCES.get(source, f"cancel source {source}")


def conditional_type(
    ord_type: str, stop: Decimal | None, *, is_market: bool
) -> OrderType:
    """The kind of a conditional order; *stop* is its stop-loss trigger price. A plain
    trigger order has no direction of its own and is shown as a stop."""
    if ord_type == "move_order_stop":
        return OrderType.TRAILING_STOP
    if stop is not None or ord_type == "trigger":
        return OrderType.STOP_MARKET if is_market else OrderType.STOP_LIMIT
    return OrderType.TAKE_PROFIT_MARKET if is_market else OrderType.TAKE_PROFIT_LIMIT
