"""Deribit, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import (
    AccountView,
    Capability,
    DeadMan,
    DeadManKind,
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
from connector.model.credentials import KeyKind
from connector.model.ids import Symbol
from connector.model.limits import BucketSpec
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
            Capability.AMEND_CONDITIONAL,
            Capability.CANCEL_ALL,
            Capability.CANCEL_ACCOUNT,
            Capability.CONDITIONAL,
            Capability.DEAD_MAN_TIMER,
            Capability.PRICE_UNITS,
            Capability.TRAILING_OFFSET,
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
    key_kinds=frozenset((KeyKind.HMAC, KeyKind.ED25519, KeyKind.RSA)),
    key_settings=sign.SETTINGS,
)


def _endpoints(host: str) -> Endpoints:
    socket = f"wss://{host}/ws/api/v2"
    return Endpoints(
        rest=f"https://{host}", stream=socket, public=socket, ws_api=socket
    )


ENVIRONMENTS = {
    "live": _endpoints("www.deribit.com"),
    "testnet": _endpoints("test.deribit.com"),
}


class Deribit(requests.Commands, questions.Questions, PureDialect):
    """The dialect of Deribit; has no state."""

    facts: VenueFacts = FACTS
    base_limits: tuple[BucketSpec, ...] = limits.BASE_LIMITS
    environments = ENVIRONMENTS
    rules = scripts.RULES

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
        return scripts.SignedSocket(endpoints.stream, self.rules, subscribes=True)

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return scripts.PublicSocket(endpoints.public, symbols, self.rules)

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps order entry; None if there is none."""
        if not endpoints.ws_api:
            return None
        return scripts.SignedSocket(endpoints.ws_api, self.rules, subscribes=False)

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """The venue's own margin, marks between its words."""
        return margin_model.margin(view)
