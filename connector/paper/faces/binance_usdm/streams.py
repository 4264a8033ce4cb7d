"""Listen keys, stream addresses and who is subscribed to what.

Facts the tests rely on: the account has one listen key, POST returns it again
and extends it, DELETE closes it for everybody; a wrong or dead key does not fail
the handshake, the socket just stays silent; ``listenKeyExpired`` goes only to
sockets on which the key was valid; an un-routed socket (``/ws/<key>``) gets
private events only where the venue still allows it.

Source: Binance USDⓈ-M docs, "User Data Streams" and "Important WebSocket Change
Notice", read 2026-11; behaviour of dead keys from public captures.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from connector.paper.faces import Call, Frame, SocketKind

LISTEN_KEY_CHARS = string.ascii_letters + string.digits
CATEGORIES = ("private", "public", "market")


@dataclass(slots=True)
class ListenKeys:
    """The account's listen key and when it dies."""

    life_ms: int
    random: random.Random
    current: str | None = None
    expires_ms: int = 0

    def start(self, now_ms: int) -> str:
        """POST: the active key, extended, or a new one."""
        if not self.is_alive(now_ms):
            self.current = "".join(self.random.choices(LISTEN_KEY_CHARS, k=64))
        assert self.current is not None
        self.expires_ms = now_ms + self.life_ms
        return self.current

    def is_alive(self, now_ms: int) -> bool:
        """Whether there is a key that still works."""
        return self.current is not None and now_ms < self.expires_ms

    def extend(self, now_ms: int) -> str | None:
        """PUT: extend; None if there is nothing to extend."""
        return self.start(now_ms) if self.is_alive(now_ms) else None

    def close(self) -> None:
        """DELETE: the key is dead for every client of the account."""
        self.current = None

    def take_expired(self, now_ms: int) -> str | None:
        """The key that has just expired, once."""
        if self.current is None or now_ms < self.expires_ms:
            return None
        expired, self.current = self.current, None
        return expired


@dataclass(slots=True, kw_only=True)
class Socket:
    """One stream connection: its route and its subscriptions in order."""

    socket_id: int
    kind: SocketKind
    category: str
    is_wrapped: bool
    names: dict[str, None] = field(default_factory=dict)
    events: dict[str, frozenset[str]] = field(default_factory=dict)

    def frame(self, name: str, payload: Any, event: str) -> Frame:
        """*payload* as this socket expects it: bare, or wrapped with its stream."""
        whole = {"stream": name, "data": payload} if self.is_wrapped else payload
        return Frame(socket_id=self.socket_id, text=dump(whole), event=event)


def dump(value: object) -> str:
    """JSON as the venue writes it: no blanks, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_stream_path(path: str) -> bool:
    """Whether *path* is one of the stream addresses."""
    head, _, rest = path.lstrip("/").partition("/")
    if head in CATEGORIES:
        head = rest.partition("/")[0]
    return head in ("ws", "stream")


def parse_route(call: Call, socket_id: int) -> Socket:
    """The socket that a stream address asks for."""
    parts = [part for part in call.path.split("/") if part]
    category = parts.pop(0) if parts and parts[0] in CATEGORIES else ""
    is_wrapped = bool(parts) and parts[0] == "stream"
    is_private = category == "private" or (not category)
    socket = Socket(
        socket_id=socket_id,
        kind=SocketKind.PRIVATE if is_private else SocketKind.PUBLIC,
        category=category,
        is_wrapped=is_wrapped,
    )
    for name in parts[1:]:
        socket.names[unquote(name)] = None
    last = ""
    for name, value in parse_qsl(call.query):
        if name == "listenKey":
            last = value
            socket.names[value] = None
        elif name == "streams":
            socket.names.update(dict.fromkeys(value.split("/")))
        elif name == "events" and last:
            socket.events[last] = frozenset(value.split("/"))
    if not category and any("@" in n or n.startswith("!") for n in socket.names):
        socket.kind = SocketKind.PUBLIC
    return socket


class Streams:
    """All open stream sockets of the venue."""

    def __init__(
        self,
        source: random.Random,
        key_life_ms: int,
        streams_max: int,
        *,
        serves_unrouted: bool,
    ) -> None:
        self._random = source
        self._key_life_ms = key_life_ms
        self._keys: dict[str, ListenKeys] = {}
        self._streams_max = streams_max
        self._serves_unrouted = serves_unrouted
        self._sockets: dict[int, Socket] = {}

    def open(self, call: Call, socket_id: int) -> Socket:
        """Register a socket by its address."""
        socket = parse_route(call, socket_id)
        self._sockets[socket_id] = socket
        return socket

    def close(self, socket_id: int) -> None:
        """Forget a socket; unknown ids are ignored."""
        self._sockets.pop(socket_id, None)

    def keys_of(self, account_id: str) -> ListenKeys:
        """The listen key of an account."""
        keys = self._keys.get(account_id)
        if keys is None:
            keys = ListenKeys(self._key_life_ms, self._random)
            self._keys[account_id] = keys
        return keys

    def expired_frames(
        self, now_ms: int, make: Callable[[str, int], dict[str, Any]]
    ) -> Iterator[Frame]:
        """The farewell of listen keys that have just expired."""
        for keys in self._keys.values():
            expired = keys.take_expired(now_ms)
            if expired is not None:
                yield from self.frames_for_key(expired, make(expired, now_ms))

    def next_expiry_ms(self) -> int | None:
        """When the next listen key dies."""
        dues = [keys.expires_ms for keys in self._keys.values() if keys.current]
        return min(dues, default=None)

    def find(self, socket_id: int) -> Socket | None:
        """The stream socket with this id."""
        return self._sockets.get(socket_id)

    def all(self) -> list[Socket]:
        """Open sockets, oldest first."""
        return list(self._sockets.values())

    def account_frames(
        self, account_id: str, event: dict[str, Any], now_ms: int
    ) -> Iterator[Frame]:
        """One event of an account for every socket entitled to it."""
        keys = self.keys_of(account_id)
        if keys.current is not None and keys.is_alive(now_ms):
            yield from self.frames_for_key(keys.current, event)

    def frames_for_key(self, key: str, event: dict[str, Any]) -> Iterator[Frame]:
        """One event for the sockets that carry *key*."""
        kind = str(event["e"])
        for socket in self._sockets.values():
            if key not in socket.names or not self._may_carry_private(socket):
                continue
            wanted = socket.events.get(key)
            if wanted is None or kind in wanted:
                yield socket.frame(key, event, kind)

    def _may_carry_private(self, socket: Socket) -> bool:
        if socket.category:
            return socket.category == "private"
        return self._serves_unrouted

    def public_names(self) -> dict[str, None]:
        """Every public stream somebody subscribed to, in a fixed order."""
        return {
            name: None
            for socket in self._sockets.values()
            if socket.category != "private"
            for name in socket.names
            if "@" in name or name.startswith("!")
        }

    def public_frames(self, name: str, payload: Any, event: str) -> Iterator[Frame]:
        """*payload* for every socket that subscribed to *name*."""
        for socket in self._sockets.values():
            if socket.category != "private" and name in socket.names:
                yield socket.frame(name, payload, event)

    def answer(self, socket: Socket, text: str) -> Frame:
        """Carry out SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and reply."""
        try:
            request = json.loads(text)
        except ValueError:
            return self._reply(socket, _error(None, 3, "Invalid JSON"))
        if not isinstance(request, dict):
            return self._reply(socket, _error(None, 2, "Invalid request"))
        asked_id = request.get("id")
        names = request.get("params") or []
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            return self._reply(socket, _error(asked_id, 2, "Invalid request: params"))
        match request.get("method"):
            case "SUBSCRIBE":
                if len({*socket.names, *names}) > self._streams_max:
                    return self._reply(socket, _error(asked_id, 2, "Too many streams"))
                socket.names.update(dict.fromkeys(names))
                result: object = None
            case "UNSUBSCRIBE":
                for name in names:
                    socket.names.pop(name, None)
                result = None
            case "LIST_SUBSCRIPTIONS":
                result = list(socket.names)
            case "SET_PROPERTY":
                result = None
            case "GET_PROPERTY":
                result = socket.is_wrapped
            case _:
                return self._reply(
                    socket, _error(asked_id, 2, "Invalid request: method")
                )
        return self._reply(socket, {"result": result, "id": asked_id})

    def _reply(self, socket: Socket, body: dict[str, Any]) -> Frame:
        return Frame(socket_id=socket.socket_id, text=dump(body), event="reply")


def _error(asked_id: object, code: int, text: str) -> dict[str, Any]:
    return {"error": {"code": code, "msg": text}, "id": asked_id}
