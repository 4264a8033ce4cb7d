"""The enumerations of the simulated venue, in the words of the trade.

Faces map them to and from the words of their wire.
"""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class PositionSide(StrEnum):
    """BOTH in one-way mode, LONG or SHORT in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class OrderType(StrEnum):
    """What the engine matches."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class ConditionalType(StrEnum):
    """What waits outside the book for a price."""

    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def is_limit(self) -> bool:
        """True when the triggered order is a limit order."""
        return self in (ConditionalType.STOP, ConditionalType.TAKE_PROFIT)


class TimeInForce(StrEnum):
    """How long an order lives. POST_ONLY rests or dies; GTD needs ``expire_ms``."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "POST_ONLY"
    GTD = "GTD"


class OrderStatus(StrEnum):
    """States of an order. EXPIRED with SELF_TRADE is "expired in match"."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """True while the order may still fill."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class ConditionalStatus(StrEnum):
    """States of a conditional order; TRIGGERED until the real order ends."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class ExecKind(StrEnum):
    """Why an order event was sent. CALCULATED: forced execution."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    AMENDMENT = "AMENDMENT"
    CALCULATED = "CALCULATED"


class EndReason(StrEnum):
    """Why an order ended without filling completely, or NONE."""

    NONE = "NONE"
    USER = "USER"  # cancel, cancel all, amend to no more than filled
    COUNTDOWN = "COUNTDOWN"  # the dead-man timer
    POST_ONLY = "POST_ONLY"  # would have taken
    SELF_TRADE = "SELF_TRADE"
    IOC = "IOC"  # unfilled rest of IOC or FOK
    IOC_SELF_TRADE = "IOC_SELF_TRADE"
    REDUCE_ONLY = "REDUCE_ONLY"  # displaced, or would reverse the position
    LIQUIDATION = "LIQUIDATION"
    DELISTED = "DELISTED"
    GTD = "GTD"
    NO_LIQUIDITY = "NO_LIQUIDITY"  # market order found too little


class OrderKind(StrEnum):
    """Who made the order: the user or the venue."""

    USER = "USER"
    TRIGGERED = "TRIGGERED"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    SETTLEMENT = "SETTLEMENT"

    @property
    def is_forced(self) -> bool:
        """The venue's doing."""
        return self not in (OrderKind.USER, OrderKind.TRIGGERED)


class SelfTradePrevention(StrEnum):
    """What happens when two orders of one account would trade."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class WorkingType(StrEnum):
    """Which price triggers: last trade or mark."""

    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class MarginType(StrEnum):
    """Margin type of one symbol of one account."""

    CROSS = "CROSS"
    ISOLATED = "ISOLATED"


class ContractKind(StrEnum):
    """How profit is computed."""

    LINEAR = "LINEAR"
    INVERSE = "INVERSE"
    OPTION = "OPTION"


class AccountReason(StrEnum):
    """Why balances or positions changed."""

    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    TRANSFER = "TRANSFER"
    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    SETTLEMENT = "SETTLEMENT"
    DELIVERY = "DELIVERY"
    MARGIN_TRANSFER = "MARGIN_TRANSFER"
    MARGIN_TYPE_CHANGE = "MARGIN_TYPE_CHANGE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    ADJUSTMENT = "ADJUSTMENT"


class IncomeType(StrEnum):
    """Kinds of wallet entries; the wallet is their sum."""

    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    ADJUSTMENT = "ADJUSTMENT"
    PREMIUM = "PREMIUM"
    SETTLEMENT = "SETTLEMENT"
    DELIVERY = "DELIVERY"


class Reason(StrEnum):
    """Why the engine refused a command; nothing was changed."""

    BAD_PARAMETER = "BAD_PARAMETER"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    NOT_TRADING = "NOT_TRADING"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ORDER_CLOSED = "ORDER_CLOSED"
    DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENT_ID"
    PRICE_TICK = "PRICE_TICK"
    PRICE_MIN = "PRICE_MIN"
    PRICE_MAX = "PRICE_MAX"
    PRICE_BAND_HIGH = "PRICE_BAND_HIGH"
    PRICE_BAND_LOW = "PRICE_BAND_LOW"
    QTY_STEP = "QTY_STEP"
    QTY_MIN = "QTY_MIN"
    QTY_MAX = "QTY_MAX"
    NOTIONAL_MIN = "NOTIONAL_MIN"
    MAX_ORDERS = "MAX_ORDERS"
    MAX_CONDITIONAL = "MAX_CONDITIONAL"
    MARGIN = "MARGIN"
    MAX_POSITION = "MAX_POSITION"
    REDUCE_ONLY = "REDUCE_ONLY"
    POSITION_SIDE = "POSITION_SIDE"
    POST_ONLY = "POST_ONLY"
    FOK = "FOK"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    WOULD_TRIGGER = "WOULD_TRIGGER"
    TRIGGERING = "TRIGGERING"
    EXPIRE_TIME = "EXPIRE_TIME"
    NO_CHANGE = "NO_CHANGE"
    MAX_AMENDS = "MAX_AMENDS"
    NOT_AMENDABLE = "NOT_AMENDABLE"
    OPEN_ORDERS = "OPEN_ORDERS"
    OPEN_POSITION = "OPEN_POSITION"
    LEVERAGE = "LEVERAGE"
    LEVERAGE_REDUCTION = "LEVERAGE_REDUCTION"
    BALANCE = "BALANCE"
    NOT_ISOLATED = "NOT_ISOLATED"
    NO_POSITION = "NO_POSITION"
    ISOLATED_MARGIN = "ISOLATED_MARGIN"


class ClientIdRule(StrEnum):
    """Among which orders of an account a client order id must be unique."""

    OPEN = "OPEN"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"
