"""Conversations: the private stream, mark prices, order entry over WebSocket.

Private:   Call(POST listenKey) -> Open(/private/ws?listenKey=...) -> Ready on open
           every 30 min Call(PUT listenKey); another key or -1125 -> Fail(NEW_KEY)
           listenKeyExpired -> Fail(NEW_KEY)
Public:    Open(/market/stream) -> SUBSCRIBE ... -> every ack -> Ready
Orders:    Open(/ws-fapi/v1) -> session.logon | session.status -> answered -> Ready

The handshake of the private stream succeeds with a wrong or dead key, and nothing
acknowledges it: a connected socket proves nothing. Ready on open is all that can
be said; that events arrive at all is shown by the echo of our own orders and by
the audit. The listen key is one per account and shared by all its clients: it is
never deleted here, that would silence the others.

Source: "User Data Streams", "Connect", "WebSocket API General Info"; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from connector.dialect.facts import ControlFact, ControlKind, TokenFact
from connector.dialect.wire import (
    Call,
    Fail,
    Open,
    Ready,
    Reply,
    Request,
    ScriptFailure,
    Send,
    Step,
    Verdict,
)
from connector.model.clock import NS_PER_S
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.venues.binance_usdm import requests
from connector.venues.binance_usdm.classify import INVALID_LISTEN_KEY, KEY_ERRORS
from connector.venues.binance_usdm.limits import (
    FRAME_COST,
    WS_API_HANDSHAKE_COST,
    WS_API_SESSION_COST,
)
from connector.venues.binance_usdm.messages import LOGON_ID
from connector.venues.link_script import SocketScript

KEEP_ALIVE_NS = 30 * 60 * NS_PER_S
"""Half the life of a listen key."""

KEEP_ALIVE_RETRY_NS = 60 * NS_PER_S

STREAMS_PER_FRAME = 50
STREAMS_ONE_BY_ONE = 200
"""Above this the stream of all marks is the smaller subscription."""

SIGN_LOGON = "logon"

_KEY_CODES = frozenset(str(code) for code in KEY_ERRORS)


class PrivateScript:
    """Opens the private stream and keeps its key alive."""

    def __init__(self, stream_url: str) -> None:
        self._stream_url = stream_url
        self._key: Secret | None = None
        self.next_tick_ns: int | None = None

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """Ask for the account's stream key."""
        self.next_tick_ns = None
        return (Call(request=requests.listen_key("listen_key_start")),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """A key was told, or kept alive, or not."""
        told = next((f.token for f in reply.facts if isinstance(f, TokenFact)), None)
        if request.op == "listen_key_start":
            if reply.verdict is not Verdict.OK or told is None:
                return (_failed(reply, "no listen key"),)
            self._key = told
            return (Open(url=_private_url(self._stream_url, told)),)
        if reply.code == str(INVALID_LISTEN_KEY):
            return (Fail(failure=ScriptFailure.NEW_KEY, why="the listen key is dead"),)
        if reply.is_key_error:
            return (_failed(reply, "keep-alive refused"),)
        if reply.verdict is not Verdict.OK:
            self.next_tick_ns = mono_ns + KEEP_ALIVE_RETRY_NS
            return ()
        if told is not None and told != self._key:
            return (
                Fail(
                    failure=ScriptFailure.NEW_KEY,
                    why="the account has another listen key now",
                ),
            )
        return ()

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Nothing to subscribe; from now on the key is kept alive."""
        self.next_tick_ns = mono_ns + KEEP_ALIVE_NS
        return (Ready(),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """An expired key leaves the socket open and silent."""
        if fact.kind is ControlKind.KEY_EXPIRED:
            return (Fail(failure=ScriptFailure.NEW_KEY, why="the listen key expired"),)
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Extend the key by 60 minutes."""
        self.next_tick_ns = mono_ns + KEEP_ALIVE_NS
        return (Call(request=requests.listen_key("listen_key_keepalive")),)


class PublicScript(SocketScript):
    """Subscribes to mark prices, once a second each."""

    def __init__(self, public_url: str, symbols: Sequence[Symbol]) -> None:
        super().__init__(_public_url(public_url))
        names = [f"{symbol.lower()}@markPrice@1s" for symbol in dict.fromkeys(symbols)]
        if len(names) > STREAMS_ONE_BY_ONE:
            names = ["!markPrice@arr@1s"]
        self._frames = {
            str(number): names[begin : begin + STREAMS_PER_FRAME]
            for number, begin in enumerate(
                range(0, len(names), STREAMS_PER_FRAME), start=1
            )
        }
        self._waiting: set[str] = set()

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Subscribe, few frames: the venue cuts off at ten a second."""
        if not self._frames:
            return (Ready(),)
        self._waiting = set(self._frames)
        return tuple(
            Send(text=_subscribe(int(number), names), cost=FRAME_COST)
            for number, names in self._frames.items()
        )

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Ready with the last acknowledgement."""
        if fact.kind is ControlKind.REFUSED:
            return (
                Fail(
                    failure=ScriptFailure.RETRY,
                    why=f"subscription refused: {fact.code} {fact.text}",
                ),
            )
        if fact.kind is not ControlKind.ACK or fact.ref not in self._waiting:
            return ()
        self._waiting.remove(fact.ref)
        return () if self._waiting else (Ready(),)


class OrderScript(SocketScript):
    """Opens the WebSocket API and makes sure that it answers."""

    connect_cost = WS_API_HANDSHAKE_COST

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Log on; `sign_frame` knows the key and finishes the frame."""
        return (Send(text=LOGON_ID, sign=SIGN_LOGON, cost=WS_API_SESSION_COST),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """The answer to the logon; later, a refusal without an id ends it all."""
        if fact.kind is ControlKind.ACK and fact.ref == LOGON_ID:
            return (Ready(),)
        if fact.kind is not ControlKind.REFUSED:
            return ()
        refused = fact.code in _KEY_CODES
        return (
            Fail(
                failure=(ScriptFailure.KEY_REFUSED if refused else ScriptFailure.RETRY),
                why=f"order entry refused: {fact.code} {fact.text}",
            ),
        )


def _private_url(base: str, key: Secret) -> Secret:
    """Where the private stream is, from a configured address.

    A host, or its ``/private`` route, takes the key as a parameter, which keeps it
    out of paths; on the live host nothing private ever comes over another route.
    An address that ends in ``/ws`` is the old un-routed one: the key is its path.
    """
    if base.endswith("/ws"):
        return Secret(f"{base}/{key.reveal()}")
    routed = base if base.endswith("/private") else f"{base}/private"
    return Secret(f"{routed}/ws?listenKey={key.reveal()}")


def _public_url(base: str) -> str:
    """The combined market stream of a host, of its ``/market`` route, or as it is
    if it ends in ``/stream`` (un-routed)."""
    if base.endswith("/stream"):
        return base
    routed = base if base.endswith("/market") else f"{base}/market"
    return f"{routed}/stream"


def _subscribe(number: int, names: list[str]) -> str:
    frame = {"method": "SUBSCRIBE", "params": names, "id": number}
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def _failed(reply: Reply, what: str) -> Fail:
    failure = ScriptFailure.KEY_REFUSED if reply.is_key_error else ScriptFailure.RETRY
    return Fail(failure=failure, why=f"{what}: {reply.code} {reply.text}")
