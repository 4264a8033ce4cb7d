"""Conversations: the private stream, mark prices, order entry over WebSocket.

    Open -> auth (private, trade) -> subscribe (private, public) -> every ack -> Ready
    every 20 s a JSON ping; one that is not answered by the next is a dead stream

Source: "WebSocket Connect" and "WebSocket Trade Guideline", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Fail,
    Ready,
    ScriptFailure,
    Send,
    Step,
)
from connector.model.clock import NS_PER_S
from connector.venues.bybit_v5.classify import KEY_ERRORS, TOO_MANY_SESSIONS
from connector.venues.bybit_v5.sign import LOGIN_ID, compact
from connector.venues.link_script import SocketScript

PING_NS = 20 * NS_PER_S
PRIVATE_TOPICS = ("order", "execution", "execution.fast", "position", "wallet")
TOPICS_PER_FRAME = 100

_PING = compact({"op": "ping"})
_KEY_CODES = frozenset(map(str, KEY_ERRORS - {TOO_MANY_SESSIONS}))
_KEY_WORDS = re.compile(r"api.?key|signature|permission", re.IGNORECASE)


class StreamScript(SocketScript):
    """One socket. *sign* is the kind of login, "" for public streams."""

    def __init__(self, url: str, *, sign: str = "", topics: Sequence[str] = ()) -> None:
        super().__init__(url)
        self._sign = sign
        self._frames = {
            f"subscribe-{start}": list(topics[start : start + TOPICS_PER_FRAME])
            for start in range(0, len(topics), TOPICS_PER_FRAME)
        }
        self._waiting: set[str] = set()
        self._is_pinging = False

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Log in first, where there is a login."""
        self.next_tick_ns = mono_ns + PING_NS
        if not self._sign:
            return self._subscribe()
        self._waiting = {LOGIN_ID}
        return (Send(text=LOGIN_ID, sign=self._sign),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Ready with the last acknowledgement."""
        if fact.kind is ControlKind.PONG:
            self._is_pinging = False
        if fact.kind is ControlKind.REFUSED:
            return (_refused(fact),)
        if fact.kind is not ControlKind.ACK or fact.ref not in self._waiting:
            return ()
        self._waiting.remove(fact.ref)
        if fact.ref == LOGIN_ID:
            return self._subscribe()
        return () if self._waiting else (Ready(),)

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Ping; the last one must have been answered."""
        if self._is_pinging:
            return (Fail(failure=ScriptFailure.RETRY, why="a ping was not answered"),)
        self._is_pinging = True
        self.next_tick_ns = mono_ns + PING_NS
        return (Send(text=_PING),)

    def _subscribe(self) -> tuple[Step, ...]:
        if not self._frames:
            return (Ready(),)
        self._waiting = set(self._frames)
        return tuple(
            Send(text=compact({"req_id": name, "op": "subscribe", "args": topics}))
            for name, topics in self._frames.items()
        )


def _refused(fact: ControlFact) -> Fail:
    """A login also fails for a clock or for too many sessions: only what speaks of
    the key itself is final. Every start asks for the key's permissions by REST,
    whose codes are clear."""
    is_key = fact.code in _KEY_CODES or _KEY_WORDS.search(fact.text) is not None
    return Fail(
        failure=ScriptFailure.KEY_REFUSED if is_key else ScriptFailure.RETRY,
        why=f"{fact.ref} refused: {fact.code} {fact.text}",
    )
