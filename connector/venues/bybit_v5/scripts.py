"""Conversations: the private stream, mark prices, order entry over WebSocket.

    Open -> auth (private, trade) -> subscribe (private, public) -> every ack -> Ready
    every 20 s a JSON ping; one that is not answered by the next is a dead stream

Source: "WebSocket Connect" and "WebSocket Trade Guideline", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connector.dialect.facts import ControlFact
from connector.model.clock import NS_PER_S
from connector.venues.bybit_v5.classify import KEY_ERRORS, TOO_MANY_SESSIONS
from connector.venues.json_rows import compact
from connector.venues.link_script import Subscription, TopicScript, chunks

PRIVATE_TOPICS = (
    *("order", "execution", "execution.fast"),
    *("position", "wallet", "greeks"),
)
TOPICS_PER_FRAME = 100

_KEY_CODES = frozenset(map(str, KEY_ERRORS - {TOO_MANY_SESSIONS}))
_KEY_WORDS = re.compile(r"api.?key|signature|permission", re.IGNORECASE)


class StreamScript(TopicScript):
    """One socket. *sign* is the kind of login, "" for public streams."""

    ping_ns = 20 * NS_PER_S
    ping_text = compact({"op": "ping"})

    def __init__(self, url: str, *, sign: str = "", topics: Sequence[str] = ()) -> None:
        frames = [
            Subscription(
                text=compact({"req_id": ref, "op": "subscribe", "args": names}),
                refs=(ref,),
            )
            for ref, names in chunks(topics, TOPICS_PER_FRAME)
        ]
        super().__init__(url, login=sign, subscriptions=frames)

    def is_key_refused(self, fact: ControlFact) -> bool:
        """A login also fails for a clock or for too many sessions: only what speaks
        of the key itself is final. Every start asks for the key's permissions by
        REST, whose codes are clear."""
        return fact.code in _KEY_CODES or _KEY_WORDS.search(fact.text) is not None
