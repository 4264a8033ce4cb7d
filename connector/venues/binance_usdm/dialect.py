"""Binance USD-M futures, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import (
    AccountView,
    Capability,
    DeadMan,
    DeadManKind,
    Endpoints,
    FillCursor,
    LinkScript,
    MarginNumbers,
    Part,
    ResendPolicy,
    Sequencing,
    VenueFacts,
)
from connector.dialect.facts import Fact
from connector.dialect.wire import (
    FrameWire,
    HttpAnswer,
    HttpWire,
    Reply,
    Request,
    Send,
    SigningKey,
)
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import BucketSpec
from connector.model.order import Order, OrderIntent, Terms
from connector.venues.base import PureDialect
from connector.venues.binance_usdm import (
    answers,
    limits,
    messages,
    questions,
    requests,
    scripts,
    sign,
    words,
)
from connector.venues.binance_usdm import margin as margin_model

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(Capability)
    - {
        Capability.AMEND_CONDITIONAL,
        Capability.ATTACHED_EXITS,
        Capability.CANCEL_ACCOUNT,
        Capability.PRICE_UNITS,
        Capability.TRAILING_OFFSET,
    },
    # Unique among open orders only: a filled order frees its id.
    resend=ResendPolicy.AFTER_PROOF,
    # No sequence number; ordered by transaction time per event type.
    sequencing=Sequencing.TIME,
    ack_is_final=True,
    client_order_id_max=36,
    recv_window_ms=requests.RECV_WINDOW_MS,
    # Reads come from replicas: "does not exist" persisted for over 10 s for
    # orders that existed (public report on the margin API), and the stream has
    # been seen ahead of REST by up to 40 s.
    lag_budget_ms=40_000,
    # The venue cuts at 24 h.
    rotate_after_s=23 * 3600,
    ping_interval_s=15.0,
    unfilled_retention_s=questions.UNFILLED_RETENTION_S,
    fill_retention_s=questions.FILL_RETENTION_S,
    batch_place_max=requests.BATCH_PLACE_MAX,
    batch_cancel_max=requests.BATCH_CANCEL_MAX,
    # No bounds are published; the example is two minutes, renewed every 30 s. Each
    # renewal weighs 10 per symbol: shorter ones would eat the weight of everything.
    dead_man=DeadMan(kind=DeadManKind.SYMBOL_TIMER, min_ms=5_000, max_ms=3_600_000),
)

# Keys are not interchangeable between the two. The demo hosts are what the venue
# calls its testnet today; the routed stream path is not confirmed there, the
# un-routed one is known to work.
ENVIRONMENTS = {
    "live": Endpoints(
        rest="https://fapi.binance.com",
        stream="wss://fstream.binance.com/private",
        public="wss://fstream.binance.com/market",
        ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
        key_info="https://api.binance.com",
    ),
    "testnet": Endpoints(
        rest="https://demo-fapi.binance.com",
        stream="wss://demo-fstream.binance.com/ws",
        public="wss://demo-fstream.binance.com/stream",
    ),
}


class BinanceUsdm(PureDialect):
    """The dialect of Binance USD-M futures; has no state."""

    @property
    def facts(self) -> VenueFacts:
        """Constants of the venue."""
        return FACTS

    @property
    def base_limits(self) -> tuple[BucketSpec, ...]:
        """Limits to obey before exchangeInfo has told the true ones."""
        return limits.BASE_LIMITS

    def endpoints(self, environment: str) -> Endpoints | None:
        """Published URLs of ``live`` or ``testnet``."""
        return ENVIRONMENTS.get(environment)

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones through the algo service."""
        return requests.place(intent, client_order_id)

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Up to five regular orders."""
        return requests.place_batch([(intent, name) for intent, name, _ in orders])

    def amend(
        self,
        order: Order,
        instrument: Instrument,
        terms: Terms,
        amend_id: str = "",
    ) -> Request:
        """New total quantity and price; *amend_id* (digits) is echoed."""
        return requests.amend(order, terms, amend_id)

    def cancel(self, order: Order, instrument: Instrument | None = None) -> Request:
        """Cancel by venue id if known, else by client id."""
        return requests.cancel(order)

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None = None
    ) -> Request:
        """Up to ten regular orders of one symbol."""
        return requests.cancel_batch(orders)

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """Regular and conditional orders of *symbol*."""
        return requests.cancel_all(symbol)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of an instrument."""
        return requests.set_leverage(symbol, leverage)

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Cross or isolated margin of an instrument."""
        assert symbol is not None, "of an instrument; core checks"
        return requests.set_margin_mode(symbol, mode)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """One-way or hedge mode of the account."""
        return requests.set_hedge_mode(is_hedge=is_hedge)

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """The venue's countdown per symbol."""
        assert symbol is not None, "the countdown is one per symbol"
        return requests.dead_man(symbol, timeout_ms)

    def server_time(self) -> Request:
        """The venue's clock."""
        return questions.server_time()

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order; a conditional one in both stores."""
        return questions.query_order(order)

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions from the cursor to now."""
        return questions.query_fills(cursor, now_ms=now_ms)

    def query(
        self,
        part: Part,
        *,
        symbols: Sequence[Symbol],
        assets: Sequence[str] = (),
        since_ms: int,
        now_ms: int,
    ) -> tuple[Request, ...]:
        """A part of a snapshot."""
        return questions.query(part, symbols=symbols, since_ms=since_ms, now_ms=now_ms)

    def read_answer(self, request: Request, answer: HttpAnswer) -> Reply:
        """Classify and translate; never raises for what the venue sent."""
        return answers.read_answer(request, answer)

    def read_frame(self, raw: bytes) -> tuple[Fact, ...]:
        """Translate one frame of any stream; never raises."""
        return messages.read_frame(raw)

    def read_frame_reply(self, request: Request, raw: bytes) -> Reply:
        """The answer to a request that was sent as a frame."""
        return answers.read_frame_reply(request, raw)

    def sign(
        self, request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
    ) -> HttpWire:
        """The exact bytes to send at venue time *venue_ms*."""
        return sign.sign(request, signer, base_url, venue_ms)

    def sign_request_frame(
        self, request: Request, signer: SigningKey, frame_id: str, venue_ms: int
    ) -> FrameWire:
        """The same command for WebSocket order entry."""
        return sign.sign_request_frame(request, signer, frame_id, venue_ms)

    def sign_frame(self, step: Send, signer: SigningKey, venue_ms: int) -> str:
        """The logon frame of order entry, the only one that needs the key."""
        assert step.sign == scripts.SIGN_LOGON, step.sign
        return sign.logon_frame(step.text, signer, venue_ms)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        return scripts.PrivateScript(endpoints.stream)

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Everything is told on one stream."""
        return None

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return scripts.PublicScript(endpoints.public, symbols)

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        return scripts.OrderScript(endpoints.ws_api) if endpoints.ws_api else None

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """Single-asset margin; None in multi-asset mode."""
        return margin_model.margin(view)
