"""Conversations: account, conditional orders, mark prices, order entry.

    Open -> login -> subscribe -> every acknowledgement -> Ready
    ping (bare text) every 8 s; one not answered by the next is a dead socket

Order entry is the private socket without subscriptions. Conditional orders are told
on the business socket, everything else on the private one. The fast channel of
fills is for higher tiers: whoever may not have it does without. A channel that too
many connections have taken is acknowledged first and refused then.

Source: "WebSocket", "Connect", "Login", "Notification" of the API v5 documentation,
read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Fail,
    Ready,
    ScriptFailure,
    Send,
    Step,
)
from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.venues.link_script import SocketScript
from connector.venues.okx_v5 import codes
from connector.venues.okx_v5.limits import CONNECT_COST, SUBSCRIBE_COST
from connector.venues.okx_v5.sign import LOGIN, compact

PING_NS = 8 * NS_PER_S
"""The venue cuts at 30 s of silence; a stall is to be found out sooner."""

CHANNELS_PER_FRAME = 50
OPTIONAL_ID = "optional"

Channel = Mapping[str, str]

_ON_CHANGE = '{"updateInterval":"0"}'
PRIVATE: tuple[Channel, ...] = (
    {"channel": "orders", "instType": "ANY"},
    {"channel": "positions", "instType": "ANY", "extraParams": _ON_CHANGE},
    # Its regular push keeps the totals of multi-currency margin fresh.
    {"channel": "account"},
    {"channel": "balance_and_position"},
    {"channel": "liquidation-warning", "instType": "ANY"},
)
FAST_FILLS: Channel = {"channel": "fills"}
BUSINESS: tuple[Channel, ...] = (
    {"channel": "orders-algo", "instType": "ANY"},
    {"channel": "algo-advance", "instType": "ANY"},
)

_KEY_CODES = frozenset(str(code) for code in codes.KEY_ERRORS)
_NOT_ENTITLED = frozenset(str(code) for code in codes.NOT_ENTITLED)


def marks(symbols: Sequence[Symbol]) -> tuple[Channel, ...]:
    """The mark prices of *symbols*."""
    return tuple(
        {"channel": "mark-price", "instId": symbol} for symbol in dict.fromkeys(symbols)
    )


class StreamScript(SocketScript):
    """One socket: *channels* must be acknowledged, *optional* may be refused."""

    connect_cost = CONNECT_COST  # new connections are limited per address

    def __init__(
        self,
        url: str,
        *,
        has_login: bool,
        channels: Sequence[Channel] = (),
        optional: Channel | None = None,
    ) -> None:
        super().__init__(url)
        self._has_login = has_login
        self._channels = tuple(channels)
        self._optional = optional
        self._waiting: list[str] = []
        self._is_pinging = False

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Log in first, where there is a login."""
        self.next_tick_ns = mono_ns + PING_NS
        if not self._has_login:
            return self._subscribe()
        self._waiting = [LOGIN]
        return (Send(text=LOGIN, sign=LOGIN, cost=SUBSCRIBE_COST),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Ready with the last acknowledgement."""
        match fact.kind:
            case ControlKind.PONG:
                self._is_pinging = False
            case ControlKind.REFUSED:
                return self._refused(fact)
            case ControlKind.SUBSCRIPTION_LOST:
                why = f"{fact.ref}: {fact.text}"
                return (Fail(failure=ScriptFailure.RETRY, why=why),)
            case ControlKind.ACK if fact.ref in self._waiting:
                self._waiting.remove(fact.ref)
                if fact.ref == LOGIN:
                    return self._subscribe()
                return () if self._waiting else (Ready(),)
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Ping; the last one must have been answered."""
        if self._is_pinging:
            why = "a ping was not answered"
            return (Fail(failure=ScriptFailure.STALLED, why=why),)
        self._is_pinging = True
        self.next_tick_ns = mono_ns + PING_NS
        return (Send(text="ping"),)

    def _subscribe(self) -> tuple[Step, ...]:
        if not self._channels:
            return (Ready(),)
        self._waiting = [channel["channel"] for channel in self._channels]
        size = CHANNELS_PER_FRAME
        frames = [
            (f"s{begin}", self._channels[begin : begin + size])
            for begin in range(0, len(self._channels), size)
        ]
        if self._optional is not None:
            frames.append((OPTIONAL_ID, (self._optional,)))
        return tuple(
            Send(
                text=compact({"id": name, "op": "subscribe", "args": list(channels)}),
                cost=SUBSCRIBE_COST,
            )
            for name, channels in frames
        )

    def _refused(self, fact: ControlFact) -> tuple[Step, ...]:
        if fact.ref == OPTIONAL_ID or fact.code in _NOT_ENTITLED:
            return ()
        is_key = fact.code in _KEY_CODES
        return (
            Fail(
                failure=ScriptFailure.KEY_REFUSED if is_key else ScriptFailure.RETRY,
                why=f"refused: {fact.code} {fact.text}",
            ),
        )
