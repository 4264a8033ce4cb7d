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
from connector.venues.json_rows import compact
from connector.venues.link_script import Subscription, TopicScript, chunks

KEEP_ALIVE_NS = 30 * 60 * NS_PER_S
"""Half the life of a listen key."""

KEEP_ALIVE_RETRY_NS = 60 * NS_PER_S

STREAMS_PER_FRAME = 50
STREAMS_ONE_BY_ONE = 200
"""Above this the stream of all marks is the smaller subscription."""

SIGN_LOGON = "logon"


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


class PublicScript(TopicScript):
    """Subscribes to mark prices, once a second each; few frames: the venue cuts off
    at ten a second."""

    subscribe_cost = FRAME_COST

    def __init__(self, public_url: str, symbols: Sequence[Symbol]) -> None:
        names = [f"{symbol.lower()}@markPrice@1s" for symbol in dict.fromkeys(symbols)]
        if len(names) > STREAMS_ONE_BY_ONE:
            names = ["!markPrice@arr@1s"]
        pieces = [part for _, part in chunks(names, STREAMS_PER_FRAME)]
        frames = [_subscribe(number, part) for number, part in enumerate(pieces, 1)]
        super().__init__(_public_url(public_url), subscriptions=frames)


class OrderScript(TopicScript):
    """Opens the WebSocket API and makes sure that it answers; later, a refusal without
    an id ends it all."""

    connect_cost = WS_API_HANDSHAKE_COST
    login_ref = LOGON_ID
    login_cost = WS_API_SESSION_COST

    def __init__(self, url: str) -> None:
        super().__init__(url, login=SIGN_LOGON)

    def is_key_refused(self, fact: ControlFact) -> bool:
        """Not a clock that is off."""
        return fact.code in map(str, KEY_ERRORS)


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


def _subscribe(number: int, names: list[str]) -> Subscription:
    frame = {"method": "SUBSCRIBE", "params": names, "id": number}
    return Subscription(text=compact(frame), refs=(str(number),))


def _failed(reply: Reply, what: str) -> Fail:
    failure = ScriptFailure.KEY_REFUSED if reply.is_key_error else ScriptFailure.RETRY
    return Fail(failure=failure, why=f"{what}: {reply.code} {reply.text}")
