"""OKX v5 perpetuals and futures, behind the seam."""

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
from connector.model.ids import Symbol
from connector.model.limits import BucketSpec
from connector.venues.okx_v5 import (
    answers,
    limits,
    messages,
    questions,
    requests,
    scripts,
    sign,
    words,
)
from connector.venues.okx_v5 import margin as margin_model

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(Capability)
    - {
        Capability.CANCEL_ALL,
        Capability.GTD,
        Capability.ISOLATED_MARGIN,
        Capability.PRICE_PROTECT,
        Capability.PRICE_UNITS,
    },
    # Unique among pending orders only.
    resend=ResendPolicy.AFTER_PROOF,
    sequencing=Sequencing.TIME,
    ack_is_final=True,
    client_order_id_max=32,
    recv_window_ms=requests.RECV_WINDOW_MS,
    # Reads trail pushes by a time that is not published.
    lag_budget_ms=30_000,
    # No maximum age is published, planned closes are announced 60 s ahead.
    rotate_after_s=20 * 3600,
    # The heartbeat is a text of its own; nothing is said about protocol pings.
    ping_interval_s=0,
    unfilled_retention_s=questions.UNFILLED_RETENTION_S,
    fill_retention_s=questions.FILL_RETENTION_S,
    batch_place_max=requests.BATCH_MAX,
    batch_cancel_max=requests.BATCH_MAX,
    snapshot_on_subscribe=True,
    counts_contracts=True,
    tiers_one_by_one=True,
    # Three connections a second per address.
    dials_in_turn=True,
    # "Cancel All After": one countdown of 10 to 120 s, one call a second.
    dead_man=DeadMan(kind=DeadManKind.ACCOUNT_TIMER, min_ms=10_000, max_ms=120_000),
)


def _endpoints(host: str, *headers: tuple[str, str]) -> Endpoints:
    base = f"wss://{host}:8443/ws/v5"
    return Endpoints(
        rest="https://openapi.okx.com",
        stream=f"{base}/private",
        public=f"{base}/public",
        ws_api=f"{base}/private",
        second=f"{base}/business",
        headers=headers,
    )


# Keys of my.okx.com (EEA) and app.okx.com (US, AU) live on hosts of their own, which
# a profile names: eea.okx.com with wseea.okx.com, us.okx.com with wsus.okx.com.
# The demo account is reached through the same REST host, told apart by a header.
ENVIRONMENTS = {
    "live": _endpoints("ws.okx.com"),
    "testnet": _endpoints("wspap.okx.com", ("x-simulated-trading", "1")),
}


class OkxV5(requests.Commands, questions.Questions):
    """The dialect of OKX v5 perpetuals and futures; has no state."""

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
        """The login of a socket."""
        return sign.sign_frame(step, signer, venue_ms)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps orders, positions and balances."""
        return scripts.StreamScript(
            endpoints.stream,
            has_login=True,
            channels=scripts.PRIVATE,
            optional=scripts.FAST_FILLS,
        )

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps conditional orders, which have a socket of their own."""
        if not endpoints.second:
            return None
        return scripts.StreamScript(
            endpoints.second, has_login=True, channels=scripts.BUSINESS
        )

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return scripts.StreamScript(
            endpoints.public, has_login=False, channels=scripts.marks(symbols)
        )

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        if not endpoints.ws_api:
            return None
        return scripts.StreamScript(endpoints.ws_api, has_login=True)

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """Computed in futures mode, as told in the others."""
        return margin_model.margin(view)
