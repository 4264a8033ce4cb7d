"""Words of the wire, both ways, and what an instrument's name tells.

Source: Deribit API reference, "private/buy", "user.changes", "Order management";
read 2026-11.
"""

from __future__ import annotations

from connector.model.account import LedgerKind
from connector.model.ids import Symbol
from connector.model.instrument import InstrumentKind, OptionType
from connector.model.order import OrderStatus, OrderType, Side, TimeInForce
from connector.model.order import TriggerPriceType as Watched

VENUE = "deribit"

SIDES = {"buy": Side.BUY, "sell": Side.SELL}

STATES = {
    "open": OrderStatus.NEW,
    "untriggered": OrderStatus.NEW,
    "triggered": OrderStatus.NEW,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED,
    "rejected": OrderStatus.REJECTED,
}

WAITING = frozenset(("untriggered", "triggered"))
"""States of the object that waits for a trigger."""

TYPE_WORDS = {
    OrderType.LIMIT: "limit",
    OrderType.MARKET: "market",
    OrderType.STOP_LIMIT: "stop_limit",
    OrderType.STOP_MARKET: "stop_market",
    OrderType.TAKE_PROFIT_LIMIT: "take_limit",
    OrderType.TAKE_PROFIT_MARKET: "take_market",
    OrderType.TRAILING_STOP: "trailing_stop",
}
TYPES = {word: order_type for order_type, word in TYPE_WORDS.items()} | {
    "market_limit": OrderType.MARKET,
    "liquidation": OrderType.MARKET,
}

TIF_WORDS = {
    TimeInForce.GTC: "good_til_cancelled",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
}
TIFS = {word: tif for tif, word in TIF_WORDS.items()} | {
    "good_til_day": TimeInForce.GTD
}

TRIGGER_WORDS = {
    Watched.LAST: "last_price",
    Watched.MARK: "mark_price",
    Watched.INDEX: "index_price",
}

KINDS = {
    "future": InstrumentKind.FUTURE,
    "option": InstrumentKind.OPTION,
    "spot": InstrumentKind.SPOT,
}
EXACT_KINDS = {InstrumentKind.OPTION: "option", InstrumentKind.SPOT: "spot"}
"""Kinds that the venue tells apart as we do: its futures are perpetuals, too."""

OPTION_TYPES = {"call": OptionType.CALL, "put": OptionType.PUT}

LEDGER_KINDS = {
    "settlement": LedgerKind.SETTLEMENT,
    "delivery": LedgerKind.DELIVERY,
    "options_settlement_summary": LedgerKind.SETTLEMENT,
    "transfer": LedgerKind.TRANSFER,
    "deposit": LedgerKind.TRANSFER,
    "withdrawal": LedgerKind.TRANSFER,
    "liquidation": LedgerKind.LIQUIDATION_FEE,
    "correction": LedgerKind.OTHER,
}

ASKED_FOR = frozenset(
    (
        "",
        "user_request",
        "cancel_on_disconnect",
        "mmp_trigger",
        "mmp_config_curtailment",
    )
)
"""Reasons of a cancel that the user asked for, at once or in advance."""


def currency_of(symbol: Symbol) -> str:
    """The currency that calls about *symbol* name: the one it settles in.

    ``BTC-PERPETUAL`` and ``BTC-25DEC26-110000-C`` are BTC, ``ETH_USDC-PERPETUAL``
    is USDC.
    """
    pair = symbol.partition("-")[0]
    base, _, quote = pair.partition("_")
    return quote or base


def status_of(
    state: str, tif: str, reason: str, *, is_market: bool = False
) -> OrderStatus:
    """FIX status; KeyError for a state of a new kind.

    The rest of a market, IOC or FOK order, and what ended with its instrument, its
    partner or the venue's risk rules, expired: nobody asked for it to be cancelled.
    """
    status = STATES[state]
    never_rests = is_market or tif in ("immediate_or_cancel", "fill_or_kill")
    ended = reason not in ASKED_FOR or (never_rests and reason in ("", "user_request"))
    if status is OrderStatus.CANCELED and ended:
        return OrderStatus.EXPIRED
    return status
