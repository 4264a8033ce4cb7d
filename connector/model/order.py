"""Orders: what is asked for, what is known, and how a command ends."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.money import ZERO
from connector.model.noun import Noun


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    sign: int
    """+1 for BUY, -1 for SELL."""

    def __new__(cls, word: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.sign = 1 if word == "BUY" else -1
        return member


class OrderType(StrEnum):
    """Kinds of order; the last five wait for a trigger."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP = "TRAILING_STOP"

    is_conditional: bool
    """Waits for a trigger price before it reaches the book."""

    has_price: bool
    """Carries a limit price."""

    def __new__(cls, word: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.is_conditional = word not in {"LIMIT", "MARKET"}
        member.has_price = word.endswith("LIMIT")
        return member


class TimeInForce(StrEnum):
    """How long an order lives."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class PositionSide(StrEnum):
    """Which position an order belongs to: NET in one-way mode."""

    NET = "NET"
    LONG = "LONG"
    SHORT = "SHORT"


class SelfTradePrevention(StrEnum):
    """What happens when an order would match another of the same account."""

    DEFAULT = "DEFAULT"
    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class TriggerPriceType(StrEnum):
    """Which price a conditional order watches."""

    LAST = "LAST"
    MARK = "MARK"
    INDEX = "INDEX"


class PriceUnit(StrEnum):
    """What the price of an option order counts; the venue reprices all but QUOTE."""

    QUOTE = "QUOTE"
    USD = "USD"
    VOLATILITY = "VOLATILITY"  # percent a year


_TERMINAL = frozenset(("FILLED", "CANCELED", "REJECTED", "EXPIRED"))


class OrderStatus(StrEnum):
    """FIX words, plus IN_DOUBT: sent, perhaps, and not yet known."""

    PENDING_NEW = "PENDING_NEW"
    IN_DOUBT = "IN_DOUBT"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    is_terminal: bool
    """Nothing can follow."""

    def __new__(cls, word: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.is_terminal = word in _TERMINAL
        return member


class Origin(StrEnum):
    """Who made an order."""

    OWN = "own"  # this session, or an earlier one of the same journal
    EXTERNAL = "external"  # web interface, another bot
    LIQUIDATION = "liquidation"
    ADL = "adl"
    SETTLEMENT = "settlement"


class Exit(Noun, frozen=True, kw_only=True, gc=False):
    """A take-profit or a stop-loss that goes with an order: once that fills, the venue
    closes what it opened when *trigger_price* comes, by a limit order at *price* or
    (None) at the market."""

    trigger_price: Decimal
    price: Decimal | None = None
    trigger_price_type: TriggerPriceType = TriggerPriceType.LAST


class OrderIntent(Noun, frozen=True, gc=False, omit_defaults=True):
    """What the user asks for, checked but not yet sent.

    *qty* in base units (None only with *close_position*), *price* in quote per
    base. *post_only* refuses to take liquidity. *good_till_ms* is UTC epoch.
    *callback_rate* of a trailing stop is in percent, *trail_offset* in price units.
    *take_profit* and *stop_loss* are attached: orders of the venue's making, our own
    where it tells whose they are.
    """

    symbol: Symbol
    side: Side
    order_type: OrderType
    qty: Decimal | None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.NET
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.DEFAULT
    good_till_ms: int | None = None
    trigger_price: Decimal | None = None
    trigger_price_type: TriggerPriceType = TriggerPriceType.LAST
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    trail_offset: Decimal | None = None
    price_protect: bool = False
    price_unit: PriceUnit = PriceUnit.QUOTE
    take_profit: Exit | None = None
    stop_loss: Exit | None = None

    @property
    def reduces(self) -> bool:
        """Cannot add exposure, whatever happens."""
        return (
            self.reduce_only
            or self.close_position
            or (self.position_side is PositionSide.LONG and self.side is Side.SELL)
            or (self.position_side is PositionSide.SHORT and self.side is Side.BUY)
        )


class Terms(Noun, frozen=True, kw_only=True):
    """What an amend may change, complete: what stays is in it too. *qty* is the total
    in base units, what is filled included."""

    qty: Decimal | None
    price: Decimal | None
    trigger_price: Decimal | None = None


class Order(Noun, frozen=True, gc=False):
    """What is known about one order now.

    *filled_qty* is the venue's cumulative word, *avg_price* its average (None
    before the first fill). *in_doubt_since_ns* (wall) is set while a command's
    outcome is unknown. *venue_ns* is the venue's stamp of the newest fact.
    """

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None
    symbol: Symbol
    side: Side
    order_type: OrderType
    status: OrderStatus
    qty: Decimal | None
    price: Decimal | None
    filled_qty: Decimal = ZERO
    avg_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.NET
    trigger_price: Decimal | None = None
    origin: Origin = Origin.OWN
    triggered_order_id: VenueOrderId | None = None
    reason: str = ""
    in_doubt_since_ns: int | None = None
    created_ns: int = 0
    venue_ns: int = 0

    @property
    def is_open(self) -> bool:
        """Rests, or may rest, at the venue."""
        return not self.status.is_terminal

    @property
    def waits(self) -> bool:
        """It is conditional, and its trigger has not come as far as is known."""
        return self.order_type.is_conditional and self.triggered_order_id is None

    @property
    def terms(self) -> Terms:
        """What an amend may change."""
        return Terms(qty=self.qty, price=self.price, trigger_price=self.trigger_price)

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill: 0 once terminal."""
        if self.status.is_terminal or self.qty is None:
            return ZERO
        return max(ZERO, self.qty - self.filled_qty)


class Fill(Noun, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One execution of one order.

    *qty* base units > 0, *price* quote per base. *fee* > 0 is paid, < 0 is a
    rebate, None until the venue tells it. Counted once per (symbol,
    venue_order_id, trade_id). *is_provisional*: inferred from a cumulative
    quantity, replaced when the real one arrives.
    """

    symbol: Symbol
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    trade_id: TradeId
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal | None = None
    fee_asset: str = ""
    realized_pnl: Decimal | None = None
    is_maker: bool | None = None
    position_side: PositionSide = PositionSide.NET
    origin: Origin = Origin.OWN
    venue_ns: int = 0
    is_provisional: bool = False


class Accepted(Noun, frozen=True, kw_only=True, gc=False):
    """The venue has the order (or did what was asked); *order* is its state."""

    order: Order


class Rejected(Noun, frozen=True, kw_only=True):
    """The venue refused, or it is proven that it never accepted.

    *was_sent* False: no byte left (limiter, connection refused).
    *by_proof*: the venue's deadline passed and it twice knew nothing of it.
    """

    order: Order
    code: str
    text: str
    was_sent: bool = True
    by_proof: bool = False


class InDoubt(Noun, frozen=True, kw_only=True):
    """Nobody knows yet; counted as exposure until evidence arrives."""

    order: Order
    since_ns: int
    why: str


Outcome = Accepted | Rejected | InDoubt
