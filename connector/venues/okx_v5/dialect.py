"""OKX v5 perpetuals and futures, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import (
    Capability,
    DeadMan,
    DeadManKind,
    Endpoints,
    LinkScript,
    ResendPolicy,
    Sequencing,
    VenueFacts,
)
from connector.model.ids import Symbol
from connector.venues.base import PureDialect
from connector.venues.okx_v5 import (
    answers,
    limits,
    messages,
    questions,
    requests,
    scripts,
    words,
)
from connector.venues.okx_v5 import margin as margins
from connector.venues.okx_v5 import sign as signing
from connector.venues.okx_v5.scripts import StreamScript

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(Capability)
    - {
        Capability.CANCEL_ACCOUNT,
        Capability.CANCEL_ALL,
        Capability.GTD,
        Capability.ISOLATED_MARGIN,
        Capability.PRICE_PROTECT,
        Capability.PRICE_UNITS,
        Capability.TRAILING_OFFSET,
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
    holds_by_mode=True,
    not_traded=(
        ("[A-Z0-9]+-[A-Z0-9]+-[0-9]{6}-[0-9.]+-[CP]", "options"),
        ("[A-Z0-9]+-(USDT|USDC|USD|EUR|BTC|ETH)", "spot and margin"),
    ),
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


class OkxV5(requests.Commands, questions.Questions, PureDialect):
    """The dialect of OKX v5 perpetuals and futures; has no state."""

    facts = FACTS
    base_limits = limits.BASE_LIMITS
    # Keys of my.okx.com (EEA) and app.okx.com (US, AU) live on hosts of their own,
    # which a profile names: eea.okx.com with wseea.okx.com, us.okx.com with
    # wsus.okx.com. The demo account is reached through the same REST host, told
    # apart by a header.
    environments = {
        "live": _endpoints("ws.okx.com"),
        "testnet": _endpoints("wspap.okx.com", ("x-simulated-trading", "1")),
    }

    read_answer = staticmethod(answers.read_answer)
    read_frame = staticmethod(messages.read_frame)
    read_frame_reply = staticmethod(answers.read_frame_reply)
    sign = staticmethod(signing.sign)
    sign_request_frame = staticmethod(signing.sign_request_frame)
    sign_frame = staticmethod(signing.sign_frame)
    margin = staticmethod(margins.margin)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps orders, positions and balances."""
        return StreamScript(endpoints.stream, scripts.PRIVATE, scripts.FAST_FILLS)

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps conditional orders, which have a socket of their own."""
        url = endpoints.second
        return StreamScript(url, scripts.BUSINESS) if url else None

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return StreamScript(endpoints.public, scripts.marks(symbols), login="")

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        return StreamScript(endpoints.ws_api) if endpoints.ws_api else None
