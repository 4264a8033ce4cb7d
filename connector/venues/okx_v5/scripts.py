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

from connector.dialect.facts import ControlFact
from connector.dialect.wire import Step
from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.venues.json_rows import Row, compact
from connector.venues.link_script import Subscription, TopicScript
from connector.venues.okx_v5.classify import KEY_ERRORS, NOT_ENTITLED
from connector.venues.okx_v5.limits import CONNECT_COST, SUBSCRIBE_COST
from connector.venues.okx_v5.messages import channel_ref
from connector.venues.okx_v5.sign import LOGIN

PING_NS = 8 * NS_PER_S
"""The venue cuts at 30 s of silence; a stall is to be found out sooner."""

CHANNELS_PER_FRAME = 50
OPTIONAL_ID = "optional"

Channel = Mapping[str, str]

PRIVATE: tuple[Channel, ...] = (
    {"channel": "orders", "instType": "ANY"},
    {
        "channel": "positions",
        "instType": "ANY",
        "extraParams": '{"updateInterval":"0"}',  # on change only
    },
    # Its regular push keeps the totals of multi-currency margin fresh.
    {"channel": "account"},
    {"channel": "balance_and_position"},
    {"channel": "liquidation-warning", "instType": "ANY"},
)
FAST_FILLS: tuple[Channel, ...] = ({"channel": "fills"},)
BUSINESS: tuple[Channel, ...] = (
    {"channel": "orders-algo", "instType": "ANY"},
    {"channel": "algo-advance", "instType": "ANY"},
)


def marks(symbols: Sequence[Symbol]) -> tuple[Channel, ...]:
    """The mark prices of *symbols*."""
    return tuple(
        {"channel": "mark-price", "instId": symbol} for symbol in dict.fromkeys(symbols)
    )


class StreamScript(TopicScript):
    """One socket: *channels* must be acknowledged, *optional* may be refused."""

    connect_cost = CONNECT_COST  # new connections are limited per address
    login_ref = LOGIN
    login_cost = subscribe_cost = SUBSCRIBE_COST
    ping_ns = PING_NS
    ping_text = "ping"

    def __init__(
        self,
        url: str,
        channels: Sequence[Channel] = (),
        optional: Sequence[Channel] = (),
        *,
        login: str = LOGIN,
    ) -> None:
        size = CHANNELS_PER_FRAME
        starts = range(0, len(channels), size)
        frames = [_frame(f"s{at}", channels[at : at + size]) for at in starts]
        if optional:
            told = _frame(OPTIONAL_ID, optional)
            frames.append(Subscription(text=told.text, refs=()))
        super().__init__(url, login=login, subscriptions=frames)

    def on_refused(self, fact: ControlFact) -> tuple[Step, ...]:
        """Whoever is not entitled to the optional channel does without."""
        if fact.ref == OPTIONAL_ID or fact.code in map(str, NOT_ENTITLED):
            return ()
        return super().on_refused(fact)

    def is_key_refused(self, fact: ControlFact) -> bool:
        """A clock that is off is not the key's fault."""
        return fact.code in map(str, KEY_ERRORS)


def _frame(name: str, channels: Sequence[Channel]) -> Subscription:
    args = [dict(channel) for channel in channels]
    return Subscription(
        text=compact({"id": name, "op": "subscribe", "args": args}),
        refs=tuple(channel_ref(Row(arg)) for arg in args),
    )
