"""The venue's words and ours, both ways.

A word that we do not know never stops a reader: types and lifetimes become None
(not told), a status is derived from the quantities, and the word itself is kept
as the reason.

Source: "Enums Definitions" of the v5 documentation, read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.dialect.facts import SettingFact
from connector.model.account import LedgerKind, MarginMode
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

VENUE = "bybit-v5"
CATEGORY = "linear"
SETTLE_COINS = ("USDT", "USDC")

SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
SIDE_WORDS = {side: word for word, side in SIDES.items()}

POSITION_SIDES = {0: PositionSide.NET, 1: PositionSide.LONG, 2: PositionSide.SHORT}
POSITION_INDEXES = {side: index for index, side in POSITION_SIDES.items()}

MARGIN_MODES = {
    "REGULAR_MARGIN": MarginMode.CROSS,
    "ISOLATED_MARGIN": MarginMode.ISOLATED,
}
MARGIN_MODE_WORDS = {mode: word for word, mode in MARGIN_MODES.items()}

# RPI is a post-only kind for retail flow that we never send.
LIFETIMES: dict[str, tuple[TimeInForce, bool]] = {
    "GTC": (TimeInForce.GTC, False),
    "IOC": (TimeInForce.IOC, False),
    "FOK": (TimeInForce.FOK, False),
    "PostOnly": (TimeInForce.GTC, True),
    "RPI": (TimeInForce.GTC, True),
}

# DEFAULT sends nothing: the venue's default is None, but some of its regional
# sites force another one, which None would contradict.
SELF_TRADE_WORDS = {
    SelfTradePrevention.NONE: "None",
    SelfTradePrevention.EXPIRE_TAKER: "CancelTaker",
    SelfTradePrevention.EXPIRE_MAKER: "CancelMaker",
    SelfTradePrevention.EXPIRE_BOTH: "CancelBoth",
}

TRIGGER_WORDS = {
    TriggerPriceType.LAST: "LastPrice",
    TriggerPriceType.MARK: "MarkPrice",
    TriggerPriceType.INDEX: "IndexPrice",
}

STATUSES = {
    "New": OrderStatus.NEW,
    "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
    "Untriggered": OrderStatus.NEW,
    "Triggered": OrderStatus.NEW,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELED,
    "PartiallyFilledCanceled": OrderStatus.CANCELED,
    "Deactivated": OrderStatus.CANCELED,
    "Rejected": OrderStatus.REJECTED,
}

TROUBLE_WORDS = frozenset(("Liq", "Adl"))

# The order still waits for its trigger, or ended while it did.
WAITING_WORDS = frozenset(("Untriggered", "Deactivated"))

_SAYS_NOTHING = frozenset(("", "UNKNOWN", "EC_NoError"))
# Ended by a rule, the order's own or the venue's, not by anybody's wish.
_EXPIRY_WORDS = frozenset(
    (
        "CancelAllBeforeAdl",
        "CancelAllBeforeLiq",
        "CancelByPrepareAdl",
        "CancelByPrepareLiq",
        "CancelByReduceOnly",
        "CancelBySettle",
        "CancelBySmp",
        "EC_BySelfMatch",
        "EC_CancelForNoFullFill",
        "EC_NoEnoughQtyToFill",
        "EC_NoImmediateQtyToFill",
        "EC_PostOnlyWillTakeLiquidity",
        "EC_ReachMaxTradeNum",
        "EC_ReachRiskPriceLimit",
        "EC_ReachMarketPriceLimit",
    )
)

ORDER_ORIGINS = {
    "CreateByLiq": Origin.LIQUIDATION,
    "CreateByTakeOver_PassThrough": Origin.LIQUIDATION,
    "CreateByAdl_PassThrough": Origin.ADL,
    "CreateBySettle": Origin.SETTLEMENT,
}

FUNDING = "Funding"
# Executions that change a position; None: whoever made the order.
FILL_ORIGINS: dict[str, Origin | None] = {
    **dict.fromkeys(("Trade", "BlockTrade", "MovePosition", "FutureSpread")),
    "BustTrade": Origin.LIQUIDATION,
    "AdlTrade": Origin.ADL,
    "Settle": Origin.SETTLEMENT,
    "Delivery": Origin.SETTLEMENT,
}

# What `cashFlow` of a ledger entry is, by type; funding and fee stand beside it.
LEDGER_KINDS = {
    **dict.fromkeys(("TRADE", "LIQUIDATION", "ADL"), LedgerKind.REALIZED_PNL),
    "SETTLEMENT": LedgerKind.SETTLEMENT,
    "DELIVERY": LedgerKind.DELIVERY,
    **{
        f"{kind}TRANSFER_{way}{loan}": LedgerKind.TRANSFER
        for kind in ("", "BONUS_")
        for way in ("IN", "OUT")
        for loan in ("", "_INS_LOAN")
    },
}


def mode_fact(mode: MarginMode | None) -> SettingFact:
    """Outside cross mode the totals are not ours to compute."""
    return SettingFact(margin_mode=mode, is_multi_asset=mode is not MarginMode.CROSS)


def settle_coin_of(symbol: str) -> str:
    """USDT contracts carry it in their names; all others of this category settle
    in USDC (BTCPERP, BTC-26DEC25)."""
    return "USDT" if "USDT" in symbol else "USDC"


def status_of(
    word: str, ended_by: str, refused_by: str, qty: Decimal | None, filled: Decimal
) -> tuple[OrderStatus, str]:
    """(status, reason) of an order; *ended_by* is its cancelType, *refused_by* its
    rejectReason.

    Derivatives stay ``Cancelled`` with something filled. ``Rejected`` with
    something filled has been seen too: what traded was accepted, so only the rest
    ended. A ``Filled`` that tells a cancelType reports a cancel that came too late.
    """
    told = [part for part in (ended_by, refused_by) if part not in _SAYS_NOTHING]
    reason = ": ".join(told)
    match STATUSES.get(word):
        case None:
            reason = ": ".join((word, *told))
            if qty is not None and filled >= qty > 0:
                return OrderStatus.FILLED, reason
            return (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW), reason
        case OrderStatus.REJECTED if filled > 0:
            return OrderStatus.CANCELED, ": ".join((word, *told))
        case OrderStatus.CANCELED if not _EXPIRY_WORDS.isdisjoint(told):
            return OrderStatus.EXPIRED, reason
        case OrderStatus.FILLED if told:
            return OrderStatus.FILLED, f"a cancel came too late: {reason}"
        case known:
            return known, reason


def type_of(word: str, stop_word: str, side: Side, direction: int) -> OrderType | None:
    """Kind of an order. A conditional one is a stop if its trigger lies against
    the order (a buy above, a sell below the price), else it takes profit."""
    if word not in {"Limit", "Market"}:
        return None
    limit = word == "Limit"
    if stop_word in _SAYS_NOTHING:
        return OrderType.LIMIT if limit else OrderType.MARKET
    if stop_word == "TrailingStop":
        return OrderType.TRAILING_STOP
    takes_profit = "TakeProfit" in stop_word
    if stop_word == "Stop" and direction:
        takes_profit = direction != trigger_direction(OrderType.STOP_MARKET, side)
    if takes_profit:
        return OrderType.TAKE_PROFIT_LIMIT if limit else OrderType.TAKE_PROFIT_MARKET
    return OrderType.STOP_LIMIT if limit else OrderType.STOP_MARKET


def trigger_direction(order_type: OrderType, side: Side) -> int:
    """1: triggers when the price rises to it, 2: when it falls to it."""
    is_stop = order_type in (OrderType.STOP_LIMIT, OrderType.STOP_MARKET)
    return 1 if is_stop == (side is Side.BUY) else 2
