"""Sockets: who is signed in, what they subscribed to, and their heartbeats.

Unknown channel names are dropped without a word. Heartbeats go both ways: a client
that was silent for an interval gets a ``test_request`` and must answer with
``public/test`` within the next one, or the socket is closed.

Source: Deribit API, "Subscriptions", "Heartbeats"; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.paper.faces import Frame, Hangup, Outgoing
from connector.paper.faces.deribit.auth import Token
from connector.paper.faces.deribit.ids import currency_of
from connector.paper.faces.deribit.rpc import dump, notification

PRIVATE = ("user.",)
SILENCE_MS = 30_000
"""What the gateway bears from a client; pings of the protocol are no words."""
_KINDS = r"(any|future|option|spot|future_combo|option_combo)"
_EVERY = r"(raw|100ms|agg2)"
_CHANNELS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"user\.(orders|trades|changes)\.{_KINDS}\.([A-Za-z]+)\.{_EVERY}",
        rf"user\.(orders|trades|changes)\.([A-Z0-9_]+-[A-Z0-9_-]+)\.{_EVERY}",
        r"user\.portfolio\.([A-Za-z]+)",
        r"user\.lock",
        r"user\.mmp_trigger\.([a-z_]+)",
        r"platform_state",
        r"instrument\.state\.([a-z_]+)\.([A-Za-z]+)",
        rf"ticker\.([A-Z0-9_]+-[A-Z0-9_-]+)\.{_EVERY}",
    )
)


@dataclass(slots=True, kw_only=True)
class Socket:
    """One connection."""

    socket_id: int
    peer: str
    token: Token | None = None
    channels: dict[str, None] = field(default_factory=dict)
    label: str = ""
    heartbeat_ms: int = 0
    beaten_ms: int = 0
    heard_ms: int = 0
    is_tested: bool = False
    said_goodbye: bool = False
    is_over: bool = False

    @property
    def account_id(self) -> str | None:
        """Whose socket it is."""
        return None if self.token is None else self.token.key.account_id


class Streams:
    """All sockets of the venue."""

    def __init__(self, silence_ms: int = 0) -> None:
        self.sockets: dict[int, Socket] = {}
        self._silence_ms = silence_ms  # 0: silence is nobody's business

    def open(self, socket_id: int, peer: str, now_ms: int) -> None:
        """A new connection."""
        self.sockets[socket_id] = Socket(
            socket_id=socket_id, peer=peer, heard_ms=now_ms, beaten_ms=now_ms
        )

    def close(self, socket_id: int) -> Socket | None:
        """Forget a connection."""
        return self.sockets.pop(socket_id, None)

    def subscribe(self, socket: Socket, names: list[str]) -> list[str]:
        """Take the channels that exist; answers them."""
        known = [
            name for name in names if any(one.fullmatch(name) for one in _CHANNELS)
        ]
        socket.channels.update(dict.fromkeys(known))
        return known

    # what is told ------------------------------------------------------------
    def account_frames(
        self, account_id: str, subject: str, symbol: str, kind: str, data: object
    ) -> Iterator[Frame]:
        """An event of an account about an instrument (*subject*: orders, trades,
        changes) for every channel that covers it."""
        currency = currency_of(symbol)
        head = f"user.{subject}."
        for socket in self.sockets.values():
            if socket.account_id != account_id:
                continue
            for channel in socket.channels:
                if not channel.startswith(head):
                    continue
                name, _, every = channel.removeprefix(head).rpartition(".")
                if name != symbol:
                    asked_kind, _, asked = name.partition(".")
                    if asked_kind not in ("any", kind):
                        continue
                    if asked.upper() not in ("ANY", currency):
                        continue
                is_list = every != "raw" and subject == "orders"
                told = [data] if is_list else data
                yield self._frame(socket, channel, told, f"user.{subject}")

    def portfolio_frames(
        self, account_id: str, currency: str, data: object
    ) -> Iterator[Frame]:
        """A summary for everybody who watches that currency."""
        for socket in self.sockets.values():
            if socket.account_id != account_id:
                continue
            for channel in ("user.portfolio.any", f"user.portfolio.{currency.lower()}"):
                if channel in socket.channels:
                    yield self._frame(socket, channel, data, "user.portfolio")

    def public_frames(self, channel: str, data: object, event: str) -> Iterator[Frame]:
        """Something everybody may see."""
        for socket in self.sockets.values():
            if channel in socket.channels:
                yield self._frame(socket, channel, data, event)

    def state_frames(
        self, symbol: str, kind: str, data: dict[str, object]
    ) -> Iterator[Frame]:
        """An instrument's state."""
        currency = currency_of(symbol)
        for socket in self.sockets.values():
            for channel in socket.channels:
                parts = channel.split(".")
                if parts[:2] != ["instrument", "state"]:
                    continue
                if parts[2] in ("any", kind) and parts[3] in ("any", currency):
                    yield self._frame(socket, channel, data, "instrument.state")

    def wanted_tickers(self) -> dict[str, str]:
        """Channel to instrument of every ticker somebody watches."""
        return {
            channel: channel.split(".")[1]
            for socket in self.sockets.values()
            for channel in socket.channels
            if channel.startswith("ticker.")
        }

    def _frame(self, socket: Socket, channel: str, data: object, event: str) -> Frame:
        return Frame(
            socket_id=socket.socket_id, text=notification(channel, data), event=event
        )

    # heartbeats ----------------------------------------------------------------
    def beat(self, now_ms: int) -> Iterator[Outgoing]:
        """Heartbeats that are due, and the end of those who do not answer."""
        for socket in self.sockets.values():
            if self._is_too_silent(socket, now_ms):
                yield Hangup(socket_id=socket.socket_id, code=1011, reason="silence")
                continue
            if not socket.heartbeat_ms:
                continue
            if now_ms - socket.beaten_ms < socket.heartbeat_ms:
                continue
            was_silent = socket.heard_ms <= socket.beaten_ms
            socket.beaten_ms = now_ms
            if socket.is_tested and was_silent:
                socket.heartbeat_ms = 0
                yield Hangup(
                    socket_id=socket.socket_id, code=1000, reason="heartbeat failed"
                )
                continue
            kind = "test_request" if was_silent else "heartbeat"
            socket.is_tested = was_silent
            text = dump(
                {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}}
            )
            yield Frame(socket_id=socket.socket_id, text=text, event="heartbeat")

    def _is_too_silent(self, socket: Socket, now_ms: int) -> bool:
        """Said nothing for too long; told once."""
        silence_ms = self._silence_ms
        if not silence_ms or socket.is_over or now_ms < socket.heard_ms + silence_ms:
            return False
        socket.is_over = True
        socket.heartbeat_ms = 0
        return True

    def next_beat_ms(self) -> int | None:
        """When the next heartbeat is due, or the end of a silent socket."""
        dues = []
        for socket in self.sockets.values():
            if socket.heartbeat_ms:
                dues.append(socket.beaten_ms + socket.heartbeat_ms)
            if self._silence_ms and not socket.is_over:
                dues.append(socket.heard_ms + self._silence_ms)
        return min(dues, default=None)
