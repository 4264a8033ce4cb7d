"""Binance USD-M futures, behind the seam."""

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
from connector.venues.binance_usdm import (
    answers,
    limits,
    messages,
    questions,
    requests,
    scripts,
    words,
)
from connector.venues.binance_usdm import margin as margins
from connector.venues.binance_usdm import sign as signing

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


class BinanceUsdm(requests.Commands, questions.Questions, PureDialect):
    """The dialect of Binance USD-M futures; has no state."""

    facts = FACTS
    base_limits = limits.BASE_LIMITS
    # Keys are not interchangeable between the two. The demo hosts are what the venue
    # calls its testnet today; the routed stream path is not confirmed there, the
    # un-routed one is known to work.
    environments = {
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

    read_answer = staticmethod(answers.read_answer)
    read_frame = staticmethod(messages.read_frame)
    read_frame_reply = staticmethod(answers.read_frame_reply)
    sign = staticmethod(signing.sign)
    sign_request_frame = staticmethod(signing.sign_request_frame)
    sign_frame = staticmethod(signing.sign_frame)
    margin = staticmethod(margins.margin)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        return scripts.PrivateScript(endpoints.stream)

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        return scripts.PublicScript(endpoints.public, symbols)

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        return scripts.OrderScript(endpoints.ws_api) if endpoints.ws_api else None
