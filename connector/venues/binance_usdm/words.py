"""The venue's words and ours, both ways.

A word that we do not know never stops a reader: types and lifetimes become None
(not told), a status is derived from the quantities, and the word itself is kept
as the reason.
"""

from __future__ import annotations

from decimal import Decimal

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

VENUE = "binance-usdm"

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

POSITION_SIDES = {
    "BOTH": PositionSide.NET,
    "LONG": PositionSide.LONG,
    "SHORT": PositionSide.SHORT,
}
POSITION_SIDE_WORDS = {side: word for word, side in POSITION_SIDES.items()}

TYPES = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP": OrderType.STOP_LIMIT,
    "STOP_MARKET": OrderType.STOP_MARKET,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
    "TRAILING_STOP_MARKET": OrderType.TRAILING_STOP,
}
TYPE_WORDS = {order_type: word for word, order_type in TYPES.items()}

# GTX is post-only; RPI is a post-only kind for retail flow that we never send.
LIFETIMES = {kind.value: (kind, False) for kind in TimeInForce} | dict.fromkeys(
    ("GTX", "RPI"), (TimeInForce.GTC, True)
)

# The REST page says that the venue's default is EXPIRE_MAKER, the WebSocket page
# says NONE: always sent, so that both channels do the same.
SELF_TRADE_WORDS = {policy: policy.value for policy in SelfTradePrevention} | {
    SelfTradePrevention.DEFAULT: "EXPIRE_MAKER"
}

TRIGGER_WORDS = {
    TriggerPriceType.LAST: "CONTRACT_PRICE",
    TriggerPriceType.MARK: "MARK_PRICE",
}

MARGIN_MODES = {
    "cross": MarginMode.CROSS,
    "crossed": MarginMode.CROSS,
    "isolated": MarginMode.ISOLATED,
}
MARGIN_MODE_WORDS = {MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"}

_S = OrderStatus
_KNOWN = (_S.NEW, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED)
STATUSES = {status.value: status for status in _KNOWN}
STATUSES["EXPIRED_IN_MATCH"] = OrderStatus.EXPIRED

# "er" of ORDER_TRADE_UPDATE.
EXPIRY_REASONS = {
    "1": "self-trade prevention",
    "2": "IOC remainder",
    "3": "IOC remainder because of self-trade prevention",
    "4": "displaced by a reduce-only order of higher priority, "
    "or would reverse the position",
    "5": "account liquidated",
    "6": "GTE condition not met",
    "7": "symbol delisted",
    "8": "first order expired because the stop triggered",
    "9": "market order could not fill completely",
}

_FORCED = (
    ("autoclose-", Origin.LIQUIDATION),
    ("adl_autoclose", Origin.ADL),
    ("settlement_autoclose", Origin.SETTLEMENT),
    ("delivery_autoclose", Origin.SETTLEMENT),
)

_FORCED_PREFIXES = tuple(prefix for prefix, _ in _FORCED)

# Reasons of ACCOUNT_UPDATE that change a wallet by themselves.
ACCOUNT_REASONS = {
    "FUNDING_FEE": LedgerKind.FUNDING,
    **dict.fromkeys(
        (
            *("DEPOSIT", "WITHDRAW", "WITHDRAW_REJECT", "ASSET_TRANSFER"),
            *("ADMIN_DEPOSIT", "ADMIN_WITHDRAW"),
            *("COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"),
        ),
        LedgerKind.TRANSFER,
    ),
    "INSURANCE_CLEAR": LedgerKind.INSURANCE,
}
INCOME_TYPES = {
    "REALIZED_PNL": LedgerKind.REALIZED_PNL,
    "COMMISSION": LedgerKind.FEE,
    "FUNDING_FEE": LedgerKind.FUNDING,
    **dict.fromkeys(
        (
            *("TRANSFER", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER"),
            *("COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"),
            "STRATEGY_UMFUTURES_TRANSFER",
        ),
        LedgerKind.TRANSFER,
    ),
    "INSURANCE_CLEAR": LedgerKind.INSURANCE,
    "DELIVERED_SETTELMENT": LedgerKind.DELIVERY,
}


def origin_of(client_order_id: str) -> Origin | None:
    """Who forced an order, told by its id; None when nobody did.

    Source: "Event: Order Update", special client order ids, read 2026-11.
    """
    if not client_order_id.startswith(_FORCED_PREFIXES):
        return None
    return next(who for prefix, who in _FORCED if client_order_id.startswith(prefix))


def status_of(
    word: str, qty: Decimal | None, filled: Decimal
) -> tuple[OrderStatus, str]:
    """(status, reason). A word we do not map (NEW_INSURANCE, NEW_ADL, or new ones)
    counts as open unless everything is filled, and is kept as the reason."""
    known = STATUSES.get(word)
    if known is not None:
        return known, word if word == "EXPIRED_IN_MATCH" else ""
    if qty is not None and filled >= qty > 0:
        return OrderStatus.FILLED, word
    return (OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.NEW), word


def algo_status_of(
    word: str, qty: Decimal | None, filled: Decimal
) -> tuple[OrderStatus, str]:
    """(status, reason) of a conditional order.

    NEW, TRIGGERING and TRIGGERED are open; FINISHED means that the order it
    became has ended: filled if all of it (or, closing a position, any) was.
    """
    if word == "FINISHED":
        full = filled > 0 and (qty is None or filled >= qty)
        return (OrderStatus.FILLED if full else OrderStatus.CANCELED), word
    if word in {"TRIGGERING", "TRIGGERED"}:
        return (OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.NEW), word
    return status_of(word, qty, filled)


def conditional_type(word: str, price: Decimal | None) -> OrderType:
    """The type of an order that the algo service holds.

    A kind nobody knows counts as a stop, with or without a limit price: it must
    stay recognisable as conditional, or it would be cancelled in the wrong store.
    """
    known = TYPES.get(word)
    if known is not None and known.is_conditional:
        return known
    return OrderType.STOP_MARKET if price is None else OrderType.STOP_LIMIT


def expiry_text(status: OrderStatus, code: str | int) -> str:
    """Why an order expired, "" when it did not or the venue gave no reason."""
    text = str(code)
    if status is not OrderStatus.EXPIRED or text in {"", "0"}:
        return ""
    return EXPIRY_REASONS.get(text, f"expiry reason {text}")
