"""What a venue can tell us, in neutral words.

Frames and replies alike are translated into facts; the core merges facts and
never learns which wire they came from. Times are the venue's, UTC ns. A field
that the venue did not tell is None, which never overwrites what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from connector.model.account import Collateral, Greeks, LedgerKind, MarginMode
from connector.model.credentials import Secret
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument
from connector.model.limits import BucketSpec
from connector.model.noun import Noun, field
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
)


class OrderFact(Noun, frozen=True, gc=False):
    """The state of one order at *venue_ns*.

    *status* is never one of ours (PENDING_*, IN_DOUBT). *is_conditional* speaks
    of the waiting trigger object; *triggered_order_id* is the order it became, and
    *conditional_order_id* the waiting object that an order was.
    *amend_id* echoes the id of an amend that this state answers. *attached_to*: it
    closes what the order of this client id opens, and is as own as that one.
    """

    symbol: Symbol
    venue_order_id: VenueOrderId | None
    client_order_id: ClientOrderId | None
    status: OrderStatus
    venue_ns: int
    side: Side | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    post_only: bool | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    filled_qty: Decimal | None = None
    avg_price: Decimal | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    position_side: PositionSide | None = None
    origin: Origin | None = None
    reason: str = ""
    is_conditional: bool = False
    triggered_order_id: VenueOrderId | None = None
    conditional_order_id: VenueOrderId | None = None
    is_amend: bool = False
    amend_id: str = ""
    attached_to: ClientOrderId | None = None
    created_ns: int | None = None


class FillFact(Noun, frozen=True, kw_only=True, gc=False):
    """One execution. *is_hint*: an early copy without fee or state; the full
    fact follows, so it must not be counted by itself if that could double it.
    *position_side* None: not told with executions, that of its order counts."""

    symbol: Symbol
    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    trade_id: TradeId
    side: Side
    qty: Decimal
    price: Decimal
    venue_ns: int
    fee: Decimal | None = None
    fee_asset: str = ""
    realized_pnl: Decimal | None = None
    is_maker: bool | None = None
    position_side: PositionSide | None = PositionSide.NET
    origin: Origin | None = None
    is_hint: bool = False


class PositionFact(Noun, frozen=True, gc=False):
    """One position, absolute. *version* orders facts where the venue has a
    sequence; else, and between equal ones, *venue_ns* does. *is_as_of*: the row has
    no time of its own, *venue_ns* is when it was read; 0 means that the stream tells
    no time, and that it is newer than what the stream told before."""

    symbol: Symbol
    position_side: PositionSide
    qty: Decimal
    venue_ns: int
    entry_price: Decimal | None = None
    margin_mode: MarginMode | None = None
    isolated_wallet: Decimal | None = None
    leverage: int | None = None
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    version: int | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    vega: Decimal | None = None
    theta: Decimal | None = None
    is_as_of: bool = False


class BalanceFact(Noun, frozen=True, kw_only=True, gc=False):
    """One wallet, absolute. *is_as_of*: the row has no time of its own, *venue_ns* is
    when it was read (0 as in `PositionFact`); the wallet may have rested before."""

    asset: str
    wallet: Decimal
    venue_ns: int
    cross_wallet: Decimal | None = None
    is_as_of: bool = False


class LedgerFact(Noun, frozen=True, kw_only=True, gc=False):
    """One change of a wallet. *entry_id* "" when the stream does not tell it:
    such a fact is a notice; the ledger query brings the entry itself. *seq* counts
    the account's entries without a hole; *position_change* is what moved a position
    without a trade (delivery, exercise, transfer)."""

    kind: LedgerKind
    asset: str
    amount: Decimal
    venue_ns: int
    symbol: Symbol | None = None
    entry_id: str = ""
    trade_id: TradeId | None = None
    text: str = ""
    seq: int | None = None
    position_change: Decimal | None = None


class AccountFact(Noun, frozen=True, kw_only=True):
    """The venue's own account totals, kept as told; *scope* tells whose, where it
    tells them apart (per currency), and only its fields are replaced then."""

    venue_ns: int
    fields: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""


class CollateralFact(Noun, frozen=True, kw_only=True):
    """One currency's collateral; *venue_ns* 0 as in `PositionFact`."""

    venue_ns: int
    collateral: Collateral


class GreeksFact(Noun, frozen=True, kw_only=True, gc=False):
    """The venue's sum of greeks over all options on one coin."""

    currency: str
    greeks: Greeks
    venue_ns: int


class MarkFact(Noun, frozen=True, kw_only=True, gc=False):
    """A mark price of the public stream or a query."""

    symbol: Symbol
    mark_price: Decimal
    venue_ns: int
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding_ns: int | None = None


class SettingFact(Noun, frozen=True, kw_only=True):
    """Account or instrument settings; None = not told. A margin mode without a
    symbol is that of the whole account."""

    symbol: Symbol | None = None
    leverage: int | None = None
    margin_mode: MarginMode | None = None
    is_hedge_mode: bool | None = None
    is_multi_asset: bool | None = None
    can_trade: bool | None = None


class KeyFact(Noun, frozen=True, kw_only=True):
    """What this key may do; None = the venue does not tell."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    is_ip_bound: bool | None = None


class InstrumentFact(Noun, frozen=True, kw_only=True):
    """One instrument with its rules."""

    instrument: Instrument


class BracketFact(Noun, frozen=True, kw_only=True):
    """The margin tiers of one instrument, where the venue tells them apart from
    its other rules; they replace `Instrument.brackets`, in whichever order the
    two arrive."""

    symbol: Symbol
    brackets: tuple[Bracket, ...]


class LimitsFact(Noun, frozen=True, kw_only=True):
    """The limits in force for this host and account."""

    specs: tuple[BucketSpec, ...]


class TokenFact(Noun, frozen=True, kw_only=True):
    """A stream key or access token, with its life in seconds."""

    token: Secret
    lifetime_s: int


class ControlKind(StrEnum):
    """What the wire says about itself."""

    ACK = "ack"  # answer to a login or subscription; `ref` tells which
    REFUSED = "refused"  # a login or subscription failed
    PONG = "pong"
    TEST_REQUEST = "test_request"  # the venue asks whether we live
    KEY_EXPIRED = "key_expired"
    RESTART_NOTICE = "restart_notice"  # this connection will be closed soon
    SUBSCRIPTION_LOST = "subscription_lost"


class ControlFact(Noun, frozen=True, kw_only=True):
    """A frame about the connection, not about the account; *fields* are what it
    granted (a script compares them), *secret* a token that goes back to the venue."""

    kind: ControlKind
    ref: str = ""
    code: str = ""
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    secret: Secret | None = None


class NoticeFact(Noun, frozen=True, kw_only=True):
    """The venue says something about itself that somebody should know."""

    code: str
    text: str


class RiskFact(Noun, frozen=True, kw_only=True):
    """The venue warns: positions near liquidation, account frozen."""

    text: str
    venue_ns: int
    symbols: tuple[Symbol, ...] = ()


class UnknownFact(Noun, frozen=True, kw_only=True):
    """A frame, an event or a row that nobody understood.

    *is_gap*: it may have been a state change, so the state must be re-synced.
    """

    kind: str
    raw: str
    is_gap: bool = False


class FrameReply(Noun, frozen=True, kw_only=True, gc=False):
    """The answer to a command sent as a frame; *raw* is read by
    `Dialect.read_frame_reply` with the request it belongs to."""

    frame_id: str
    raw: bytes


Fact = (
    OrderFact
    | FillFact
    | PositionFact
    | BalanceFact
    | LedgerFact
    | AccountFact
    | CollateralFact
    | GreeksFact
    | MarkFact
    | SettingFact
    | KeyFact
    | InstrumentFact
    | BracketFact
    | LimitsFact
    | TokenFact
    | ControlFact
    | NoticeFact
    | RiskFact
    | UnknownFact
    | FrameReply
)
