"""Bybit v5 linear contracts, behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect import (
    Capability,
    Endpoints,
    LinkScript,
    ResendPolicy,
    Sequencing,
    VenueFacts,
)
from connector.model.ids import Symbol
from connector.venues.base import PureDialect
from connector.venues.bybit_v5 import (
    answers,
    limits,
    messages,
    questions,
    requests,
    words,
)
from connector.venues.bybit_v5 import margin as margins
from connector.venues.bybit_v5 import sign as signing
from connector.venues.bybit_v5.scripts import PRIVATE_TOPICS, StreamScript

FACTS = VenueFacts(
    name=words.VENUE,
    capabilities=frozenset(
        (
            Capability.AMEND,
            Capability.BATCH_PLACE,
            Capability.BATCH_CANCEL,
            Capability.CANCEL_ALL,
            Capability.CANCEL_ACCOUNT,
            Capability.CONDITIONAL,
            Capability.AMEND_CONDITIONAL,
            Capability.ATTACHED_EXITS,
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
    # Answered, though only the JSON ping is documented: the official SDK relies on it.
    ping_interval_s=15.0,
    unfilled_retention_s=questions.UNFILLED_RETENTION_S,
    fill_retention_s=questions.FILL_RETENTION_S,
    margin_mode_of_account=True,
    # Told on the same streams, with margins and units of their own.
    not_traded=(
        (r".+-[CP](-USDT)?", "options"),
        (r"[0-9A-Z]+USD([FGHJKMNQUVXZ][0-9]{2})?", "inverse contracts"),
        (r"[0-9A-Z]+/[0-9A-Z]+", "spot markets"),
    ),
    # 20 may be sent, but each costs one of the 10 a second of the lowest tier.
    batch_place_max=10,
    batch_cancel_max=10,
)


def _endpoints(suffix: str) -> Endpoints:
    stream = f"wss://stream{suffix}.bybit.com/v5"
    return Endpoints(
        rest=f"https://api{suffix}.bybit.com",
        stream=f"{stream}/private",
        public=f"{stream}/public/linear",
        ws_api=f"{stream}/trade",
    )


class BybitV5(requests.Commands, questions.Questions, PureDialect):
    """The dialect of Bybit v5, category linear; has no state."""

    facts = FACTS
    base_limits = limits.BASE_LIMITS
    # Regional hosts and the demo account go into a profile.
    environments = {"live": _endpoints(""), "testnet": _endpoints("-testnet")}

    read_answer = staticmethod(answers.read_answer)
    read_frame = staticmethod(messages.read_frame)
    read_frame_reply = staticmethod(answers.read_frame_reply)
    sign = staticmethod(signing.sign)
    sign_request_frame = staticmethod(signing.sign_request_frame)
    sign_frame = staticmethod(signing.sign_frame)
    margin = staticmethod(margins.margin)

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """Opens and keeps the private stream."""
        return StreamScript(
            endpoints.stream, sign=signing.SIGN_PRIVATE, topics=PRIVATE_TOPICS
        )

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Opens and keeps mark prices of *symbols*."""
        topics = [f"tickers.{symbol}" for symbol in symbols]
        return StreamScript(endpoints.public, topics=topics)

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Opens and keeps WebSocket order entry; None if there is none."""
        if not endpoints.ws_api:
            return None
        return StreamScript(endpoints.ws_api, sign=signing.SIGN_TRADE)
