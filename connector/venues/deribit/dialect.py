"""Deribit, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

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
from connector.errors import Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import BucketSpec
from connector.model.order import Order, OrderIntent, Terms
from connector.venues.base import PureDialect
from connector.venues.deribit import (
    answers,
    limits,
    messages,
    questions,
    requests,
    scripts,
    sign,
    words,
)
from connector.venues.deribit import margin as margin_model

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(
        (
            Capability.AMEND,
            Capability.CANCEL_ALL,
            Capability.CONDITIONAL,
            Capability.DEAD_MAN_TIMER,
            Capability.PRICE_UNITS,
            Capability.WEBSOCKET_ORDERS,
        )
    ),
    # Cancel-on-disconnect covers what was placed on that connection. A dead peer is
    # noticed by heartbeats, or after ten minutes.
    dead_man=DeadMan(kind=DeadManKind.ORDER_CONNECTION, min_ms=10_000, max_ms=600_000),
    # Labels are never unique: what was not accepted is not sent again under its own.
    resend=ResendPolicy.NEVER,
    sequencing=Sequencing.LEDGER,
    ack_is_final=True,
    ledger_per_asset=True,
    client_order_id_max=requests.LABEL_MAX,
    recv_window_ms=requests.VALID_MS,
    # A call may wait 5 s for the lock of the account, and whether its deadline is
    # looked at before or after is not documented. Recent stores do not lag.
    lag_budget_ms=6_000,
    # No maximum age of a socket is published.
    rotate_after_s=23 * 3600,
    ping_interval_s=15.0,
    unfilled_retention_s=questions.RETENTION_S,
    fill_retention_s=questions.RETENTION_S,
)

ENVIRONMENTS = {
    "live": Endpoints(
        rest="https://www.deribit.com",
        stream="wss://www.deribit.com/ws/api/v2",
        public="wss://www.deribit.com/ws/api/v2",
        ws_api="wss://www.deribit.com/ws/api/v2",
    ),
    "testnet": Endpoints(
        rest="https://test.deribit.com",
        stream="wss://test.deribit.com/ws/api/v2",
        public="wss://test.deribit.com/ws/api/v2",
        ws_api="wss://test.deribit.com/ws/api/v2",
    ),
}


class Deribit(PureDialect):
    """The dialect of Deribit; has no state."""

    @property
    def facts(self) -> VenueFacts:
        """Constants of the venue."""
        return FACTS

    @property
    def base_limits(self) -> tuple[BucketSpec, ...]:
        """Limits to obey before the account summary has told the true ones."""
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
        """A new order, conditional ones included."""
        return requests.place(intent, client_order_id, instrument)

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """There are no batches."""
        _lacks("batches of orders", "place them one by one")

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """New total quantity and price."""
        return requests.amend(order, terms)

    def cancel(self, order: Order, instrument: Instrument | None = None) -> Request:
        """Cancel by venue id if known, else by label."""
        return requests.cancel(order)

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None = None
    ) -> Request:
        """There are no batches."""
        _lacks("batches of cancels", "cancel them one by one, or all of an instrument")

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """Every order of *symbol*, waiting ones included."""
        return (requests.cancel_all(symbol),)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage follows from the margin model."""
        _lacks("leverage", "margin follows from the size of the position")

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Margin modes belong to the account, set on the web page."""
        _lacks("margin modes of an instrument", "the margin model is the account's")

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Positions always net."""
        _lacks("hedge mode", "positions net")

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Whether the venue cancels what was placed on this connection when it ends."""
        return requests.protection()

    def server_time(self) -> Request:
        """The venue's clock."""
        return questions.server_time()

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """One order, in the recent and in the historical store."""
        return questions.query_order(order)

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """Own executions from the cursor to now, from both stores."""
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
        return questions.query(
            part, symbols=symbols, assets=assets, since_ms=since_ms, now_ms=now_ms
        )

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
        """The same command for a socket that has signed in."""
        return sign.sign_request_frame(request, frame_id, venue_ms)

    def sign_frame(self, step: Send, signer: SigningKey, venue_ms: int) -> str:
        """The frames that bring tokens: sign-in and renewal."""
        if step.sign == messages.RENEWAL:
            assert step.secret is not None, "a renewal carries its token"
            return sign.renewal_frame(step.text, step.secret.reveal())
        return sign.sign_in_frame(step.text, signer, venue_ms)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        return scripts.SignedSocket(endpoints.stream, subscribes=True)

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return scripts.PublicSocket(endpoints.public, symbols)

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Everything is told on one stream."""
        return None

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps order entry; None if there is none."""
        if not endpoints.ws_api:
            return None
        return scripts.SignedSocket(endpoints.ws_api, subscribes=False)

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """The venue's own margin, marks between its words."""
        return margin_model.margin(view)


def _lacks(what: str, instead: str) -> NoReturn:
    raise Unsupported(words.VENUE, what, instead)
