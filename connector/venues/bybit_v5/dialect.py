"""Bybit v5 linear contracts, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import (
    AccountView,
    Capability,
    Endpoints,
    LinkScript,
    MarginNumbers,
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
from connector.model.ids import Symbol
from connector.model.limits import BucketSpec
from connector.venues.bybit_v5 import (
    answers,
    limits,
    messages,
    questions,
    requests,
    sign,
    words,
)
from connector.venues.bybit_v5 import margin as margin_model
from connector.venues.bybit_v5.scripts import PRIVATE_TOPICS, StreamScript

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(
        (
            Capability.AMEND,
            Capability.BATCH_PLACE,
            Capability.BATCH_CANCEL,
            Capability.CANCEL_ALL,
            Capability.CONDITIONAL,
            Capability.HEDGE_MODE,
            Capability.ISOLATED_MARGIN,
            Capability.SET_LEVERAGE,
            Capability.SELF_TRADE_PREVENTION,
            Capability.CLOSE_POSITION,
            Capability.WEBSOCKET_ORDERS,
        )
    ),
    # The same id never makes a second order (110072).
    resend=ResendPolicy.ALWAYS,
    sequencing=Sequencing.PER_SYMBOL,
    ack_is_final=False,
    client_order_id_max=36,
    recv_window_ms=requests.RECV_WINDOW_MS,
    # No bound is published; history is said to lag, realtime not to.
    lag_budget_ms=30_000,
    # No maximum age is published; drops every 6 to 12 h are reported as normal.
    rotate_after_s=6 * 3600,
    ping_interval_s=15.0,
    unfilled_retention_s=questions.UNFILLED_RETENTION_S,
    fill_retention_s=questions.FILL_RETENTION_S,
    margin_mode_of_account=True,
    # 20 may be sent, but each costs one of the 10 a second of the lowest tier.
    batch_place_max=10,
    batch_cancel_max=10,
)

ENVIRONMENTS = {
    "live": Endpoints(
        rest="https://api.bybit.com",
        stream="wss://stream.bybit.com/v5/private",
        public="wss://stream.bybit.com/v5/public/linear",
        ws_api="wss://stream.bybit.com/v5/trade",
    ),
    "testnet": Endpoints(
        rest="https://api-testnet.bybit.com",
        stream="wss://stream-testnet.bybit.com/v5/private",
        public="wss://stream-testnet.bybit.com/v5/public/linear",
        ws_api="wss://stream-testnet.bybit.com/v5/trade",
    ),
}


class BybitV5(requests.Commands, questions.Questions):
    """The dialect of Bybit v5, category linear; has no state."""

    @property
    def facts(self) -> VenueFacts:
        """Constants of the venue."""
        return FACTS

    @property
    def base_limits(self) -> tuple[BucketSpec, ...]:
        """Limits of the lowest tier."""
        return limits.BASE_LIMITS

    def endpoints(self, environment: str) -> Endpoints | None:
        """Published URLs of ``live`` or ``testnet``."""
        return ENVIRONMENTS.get(environment)

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
        """The login of a stream."""
        return sign.sign_frame(step, signer, venue_ms)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        return StreamScript(
            endpoints.stream, sign=sign.SIGN_PRIVATE, topics=PRIVATE_TOPICS
        )

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Everything is told on one stream."""
        return None

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        topics = [f"tickers.{symbol}" for symbol in dict.fromkeys(symbols)]
        return StreamScript(endpoints.public, topics=topics)

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        if not endpoints.ws_api:
            return None
        return StreamScript(endpoints.ws_api, sign=sign.SIGN_TRADE)

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """Cross margin; None in the other modes."""
        return margin_model.margin(view)
