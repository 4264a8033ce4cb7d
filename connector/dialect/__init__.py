"""The seam: what a venue must be able to say and to understand.

A dialect is pure knowledge: it builds requests, signs them, translates answers
and frames into facts, and computes margin. It never waits, retries, counts or
remembers; connection life, limits, journal and reconciliation exist once, in
core, for all venues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from connector.dialect.facts import ControlFact, Fact
from connector.dialect.wire import (
    FrameWire,
    HttpAnswer,
    HttpWire,
    Reply,
    Request,
    Send,
    SigningKey,
    Step,
)
from connector.model.account import Balance, Collateral, MarginMode, Position
from connector.model.credentials import KeyKind
from connector.model.ids import ClientOrderId, Symbol, TradeId
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.limits import BucketSpec
from connector.model.noun import Noun, field
from connector.model.order import Order, OrderIntent, Terms


class Capability(StrEnum):
    """What a venue may or may not be able to do; absent ones raise Unsupported."""

    AMEND = "amend"
    AMEND_CONDITIONAL = "amend of conditional orders"
    ATTACHED_EXITS = "attached take-profit and stop-loss"
    BATCH_PLACE = "batch_place"
    BATCH_CANCEL = "batch_cancel"
    CANCEL_ALL = "cancel_all"
    CANCEL_ACCOUNT = "cancel all of the account at once"
    CONDITIONAL = "conditional orders"
    TRAILING_STOP = "trailing stop"
    TRAILING_OFFSET = "trailing stop by distance"
    GTD = "good till date"
    HEDGE_MODE = "hedge mode"
    ISOLATED_MARGIN = "isolated margin"
    SET_LEVERAGE = "leverage"
    SELF_TRADE_PREVENTION = "self-trade prevention"
    CLOSE_POSITION = "close position"
    PRICE_PROTECT = "price protect"
    PRICE_UNITS = "prices in USD or volatility"
    WEBSOCKET_ORDERS = "order entry over WebSocket"
    DEAD_MAN_TIMER = "dead-man timer"


class ResendPolicy(StrEnum):
    """When the same client id may be sent again after an unknown outcome."""

    ALWAYS = "always"  # the venue refuses duplicates for ever
    AFTER_PROOF = "after_proof"  # unique among open orders only
    NEVER = "never"  # ids are labels: a fresh one, after proof


class Sequencing(StrEnum):
    """How the private stream can be ordered."""

    TIME = "time"  # by venue time only
    PER_SYMBOL = "per_symbol"  # a rising number per instrument
    LEDGER = "ledger"  # a counter in the transaction log


class DeadManKind(StrEnum):
    """How the venue finds out that nobody is there any more."""

    SYMBOL_TIMER = "symbol_timer"  # a countdown per instrument
    ACCOUNT_TIMER = "account_timer"  # one countdown for everything
    # Bound to the connection of order entry: covers what was sent as a frame of
    # it, is armed anew on each connection and not renewed by time alone.
    ORDER_CONNECTION = "order_connection"


class DeadMan(Noun, frozen=True, kw_only=True):
    """The venue's dead-man switch; bounds of its timeout, and how often a renewal
    is welcome at most."""

    kind: DeadManKind
    min_ms: int
    max_ms: int
    renew_min_ms: int = 1000

    def __post_init__(self) -> None:
        if not 0 < 2 * self.renew_min_ms <= self.min_ms <= self.max_ms:
            raise ValueError(f"renewals must fit into every timeout: {self!r}")


class VenueFacts(Noun, frozen=True, kw_only=True):
    """Constants of a venue that core needs; sources stand in each dialect.

    *lag_budget_ms*: how long REST reads may trail the matching engine.
    *client_order_id_max*: characters, letters and digits only.
    *rotate_after_s*: when a planned reconnect must have happened.
    *ack_is_final*: a good answer to a place means that the order exists.
    *snapshot_on_subscribe*: positions and balances come without asking.
    *counts_contracts*: quantities in facts are contracts; core turns them into base
    quantities with `Instrument.qty_unit`.
    *tiers_one_by_one*: margin tiers and leverage are asked (`Part.TIERS`) for each
    instrument once it is at stake.
    *dials_in_turn*: connections are counted tightly; while the private stream is down
    no other is dialed.
    *ping_interval_s*: pings at the protocol level; 0 where the venue promises no
    answer to them, its script pings then.
    *ledger_per_asset*: the ledger is asked per currency, so not before wallets are
    known.
    *dead_man*: None if the venue has no switch, or not for everybody.
    *margin_mode_of_account*: cross or isolated is chosen for the whole account.
    *holds_by_mode*: an instrument may hold a cross and an isolated position at once.
    *not_traded*: (pattern of names, what they are) of the venue's other instruments.
    *key_kinds*: how keys of this venue sign. *key_settings*: public settings that a
    key may bring along (`Credentials.extra`), with the pattern of their values.
    *exchange*: the call whose answer holds the access token (`TokenFact`) that every
    signed REST call carries; None where each call is signed by itself.
    """

    name: str
    capabilities: frozenset[Capability]
    resend: ResendPolicy
    sequencing: Sequencing
    ack_is_final: bool
    client_order_id_max: int
    recv_window_ms: int
    lag_budget_ms: int
    rotate_after_s: int
    ping_interval_s: float
    unfilled_retention_s: int
    fill_retention_s: int
    batch_place_max: int = 1
    batch_cancel_max: int = 1
    snapshot_on_subscribe: bool = False
    counts_contracts: bool = False
    tiers_one_by_one: bool = False
    ledger_per_asset: bool = False
    margin_mode_of_account: bool = False
    dials_in_turn: bool = False
    holds_by_mode: bool = False
    not_traded: tuple[tuple[str, str], ...] = ()
    dead_man: DeadMan | None = None
    key_kinds: frozenset[KeyKind] = frozenset(KeyKind)
    key_settings: Mapping[str, str] = field(default_factory=dict)
    exchange: Request | None = None


class Endpoints(Noun, frozen=True, kw_only=True):
    """Base URLs of one environment of one venue; *hosts* is the allow-list.

    *second*: another private stream, where the account is told on two. *headers*
    go with every REST call of this environment.
    """

    rest: str
    stream: str
    public: str
    ws_api: str = ""
    key_info: str = ""
    second: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def urls(self) -> tuple[str, ...]:
        """Every configured URL."""
        return tuple(
            url
            for url in (
                self.rest,
                self.stream,
                self.public,
                self.ws_api,
                self.key_info,
                self.second,
            )
            if url
        )


class FillCursor(Noun, frozen=True, kw_only=True):
    """How far fills of one instrument are known.

    *trade_id* and *venue_ms* are those of the newest known fill, None / 0 when
    none is known; *since_ms* bounds the query then.
    """

    symbol: Symbol
    trade_id: TradeId | None
    venue_ms: int
    since_ms: int


class Part(StrEnum):
    """Parts of a snapshot, asked in the order that core decides."""

    OPEN_ORDERS = "open_orders"
    POSITIONS = "positions"
    BALANCES = "balances"
    SETTINGS = "settings"
    LEDGER = "ledger"
    INSTRUMENTS = "instruments"
    KEY_INFO = "key_info"
    MARKS = "marks"
    TIERS = "tiers"  # margin tiers and leverage of *symbols*, see VenueFacts


class PositionNumbers(Noun, frozen=True, kw_only=True):
    """Live numbers of one position, all in settle currency but the last."""

    mark_price: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal | None


class AccountView(Noun, frozen=True, kw_only=True):
    """All that a margin model may look at. *positions* are those that are not flat,
    with the mark that the venue told with them; *marks* are the live ones."""

    balances: Mapping[str, Balance]
    positions: Sequence[Position]
    open_orders: Sequence[Order]
    instruments: Mapping[Symbol, Instrument]
    marks: Mapping[Symbol, Decimal]
    leverage: Mapping[Symbol, int]
    margin_modes: Mapping[Symbol, MarginMode]
    venue_fields: Mapping[str, str]
    is_multi_asset: bool = False
    collateral: Mapping[str, Collateral] = field(default_factory=dict)

    def by_symbol(self) -> dict[Symbol, tuple[list[Position], list[Order]]]:
        """What is at stake: positions that are not flat and open orders, by
        instrument."""
        found: dict[Symbol, tuple[list[Position], list[Order]]] = {}
        for position in self.positions:
            if position.qty:
                found.setdefault(position.symbol, ([], []))[0].append(position)
        for order in self.open_orders:
            found.setdefault(order.symbol, ([], []))[1].append(order)
        return found


class MarginNumbers(Noun, frozen=True, kw_only=True):
    """What a margin model computes; *positions* keyed by (symbol, side)."""

    currency: str
    wallet: Decimal
    equity: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    margin_ratio: Decimal | None
    positions: Mapping[tuple[Symbol, str], PositionNumbers] = field(
        default_factory=dict
    )


class LinkScript(Protocol):
    """One connection's conversation, from nothing to subscribed and beyond.

    Pure: every method returns the next steps. `on_tick` is called at
    `next_tick_ns` (monotonic) and keeps the connection or its key alive.
    """

    next_tick_ns: int | None

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """First steps: a REST call for a key, or opening the socket."""
        ...

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """The answer to a `Call`."""
        ...

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """The socket is open: sign in, subscribe, or be ready."""
        ...

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """A frame about the connection."""
        ...

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Time for a keep-alive."""
        ...


class Dialect(Protocol):
    """One venue, as core and the shell see it.

    Command builders raise `Unsupported` for what the venue cannot do and
    `InvalidOrder` for what it would refuse for its own reasons.
    """

    @property
    def facts(self) -> VenueFacts:
        """Constants of the venue."""
        ...

    @property
    def base_limits(self) -> tuple[BucketSpec, ...]:
        """Limits to obey before the venue has told the true ones."""
        ...

    def endpoints(self, environment: str) -> Endpoints | None:
        """Published URLs of ``live`` or ``testnet``; None if there are none."""
        ...

    # commands
    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones included."""
        ...

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Several new orders; the Reply has one item each."""
        ...

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """New terms of an open limit order, or with AMEND_CONDITIONAL of a conditional
        one that waits; all of them, those that stay included."""
        ...

    def cancel(self, order: Order, instrument: Instrument | None) -> Request:
        """Cancel by venue id if known, else by client id. *instrument* None: its
        rules are not known (any more)."""
        ...

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None
    ) -> Request:
        """Cancel several orders of one instrument."""
        ...

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """Cancel every order of an instrument, conditional ones included; asked
        only of venues that have the capability. Elsewhere the open orders are
        listed and cancelled one by one."""
        ...

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
        """Cancel every order of the account, or every one of a *kind*; asked only of
        venues that have the capability. () where the venue cannot tell that kind
        apart: then it is done instrument by instrument."""
        ...

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of an instrument."""
        ...

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Cross or isolated margin of an instrument; *symbol* is None where
        `VenueFacts.margin_mode_of_account` says so, and only there."""
        ...

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """One-way or hedge mode of the account."""
        ...

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Cancel everything of *symbol* unless renewed in time; 0 disarms.

        *symbol* is None but for SYMBOL_TIMER. For ORDER_CONNECTION it is sent as
        a frame of each new connection and answers OK if what is placed there is
        protected. A venue without a switch raises Unsupported and says why.
        """
        ...

    # questions
    def server_time(self) -> Request:
        """The venue's clock."""
        ...

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order by its ids; several calls where several stores exist.
        The order is not known only when every answer says NOT_FOUND."""
        ...

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Fills of one instrument from a cursor to now."""
        ...

    def query(
        self,
        part: Part,
        *,
        symbols: Sequence[Symbol],
        assets: Sequence[str] = (),
        since_ms: int,
        now_ms: int,
    ) -> tuple[Request, ...]:
        """A part of a snapshot. *symbols* are those with anything at stake, *assets*
        those with a wallet (for venues that ask per currency);
        the answer to OPEN_ORDERS and POSITIONS covers the whole account, and
        MARKS without symbols covers the venue."""
        ...

    # understanding
    def read_answer(self, request: Request, answer: HttpAnswer) -> Reply:
        """Classify and translate; never raises for what the venue sent."""
        ...

    def read_frame(self, raw: bytes) -> tuple[Fact, ...]:
        """Translate one frame of any stream; never raises."""
        ...

    def read_frame_reply(self, request: Request, raw: bytes) -> Reply:
        """The answer to a request that was sent as a frame."""
        ...

    # signing
    def sign(
        self, request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
    ) -> HttpWire:
        """The exact bytes to send at venue time *venue_ms*."""
        ...

    def sign_request_frame(
        self, request: Request, signer: SigningKey, frame_id: str, venue_ms: int
    ) -> FrameWire:
        """The same command for WebSocket order entry."""
        ...

    def sign_frame(self, step: Send, signer: SigningKey, venue_ms: int) -> str:
        """Finish a frame of a script that needs the credentials."""
        ...

    # conversations
    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        ...

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps the second private stream; None where all is told on
        one. The session is live only while both are up."""
        ...

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        ...

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        ...

    # numbers
    def margin(self, view: AccountView) -> MarginNumbers | None:
        """Margin from facts and live marks; None when it cannot be computed."""
        ...


__all__ = [
    "AccountView",
    "Capability",
    "DeadMan",
    "DeadManKind",
    "Dialect",
    "Endpoints",
    "FillCursor",
    "LinkScript",
    "MarginNumbers",
    "Part",
    "PositionNumbers",
    "ResendPolicy",
    "Sequencing",
    "VenueFacts",
]
