"""The seam between the paper server and the venues' wire protocols.

A *face* speaks one venue's protocol over one machine (the paper engine). It is
pure: bytes and times go in, replies and frames come out; the server in
``connector.paper.server`` owns sockets, timers and faults. Several faces may
share one server as long as their paths differ.

Order of calls for one socket: ``open_socket`` (may refuse), any number of
``text_received`` and ``ping_received``, then ``close_socket`` exactly once. After
every call and after every change of the engine the server drains ``outbox``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from connector.paper.engine import Engine


class SocketKind(StrEnum):
    """What a WebSocket is for; faults choose their victims by it."""

    PRIVATE = "private"
    PUBLIC = "public"
    WS_API = "ws_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, or the request that opens a WebSocket.

    *target* is path and query exactly as received; header names are lower case;
    *peer* is the address of the client, which is what "per IP" limits count.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The raw query, still percent-encoded, without the question mark."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer; *headers* are sent besides length, date and type."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One text frame for a socket; *event* is its type in the venue's words.

    Faults select by *event*; answers to requests are called ``reply``.
    """

    socket_id: int
    text: str
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """The venue closes a socket with a close code."""

    socket_id: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The venue pings a client at the protocol level."""

    socket_id: int
    payload: bytes


Outgoing = Frame | Hangup | Ping


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A WebSocket handshake is accepted as this kind of socket."""

    kind: SocketKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What each address of a face adds to the server's; "" is its root.

    *second*: another private stream, None where there is only one.
    """

    rest: str = ""
    stream: str = ""
    public: str = ""
    ws_api: str = ""
    second: str | None = None


@dataclass(slots=True, kw_only=True)
class Links:
    """Addresses of a running server as a client of one venue needs them."""

    venue: str
    rest: str
    stream: str
    public: str
    ws_api: str
    control: str
    second: str | None = None

    def as_dict(self) -> dict[str, str]:
        """All of them by name, in the order they are printed."""
        links = {
            "venue": self.venue,
            "rest": self.rest,
            "stream": self.stream,
            "public": self.public,
            "ws_api": self.ws_api,
            "control": self.control,
        }
        if self.second is not None:
            links["second"] = self.second
        return links


class Face(Protocol):
    """One venue's wire protocol, seen from the server."""

    venue: str
    outbox: list[Outgoing]
    presets: Mapping[str, Reply]  # canned answers for faults, by name

    @property
    def engine(self) -> Engine:
        """The machine behind this face."""
        ...

    def claims(self, path: str) -> bool:
        """Whether a request for this path belongs to this face."""
        ...

    @property
    def paths(self) -> Paths:
        """Paths of the REST, stream and order-entry addresses."""
        ...

    @property
    def order_entry(self) -> tuple[tuple[str, str], ...]:
        """How faults recognise calls that place one order: (method, part of the
        path), and ("WS", part of the text)."""
        ...

    def http(self, call: Call, now_ms: int) -> Reply:
        """Answer one request; never raises on outside input."""
        ...

    def open_socket(self, socket_id: int, call: Call, now_ms: int) -> Admission | Reply:
        """Accept a WebSocket, or refuse its handshake with an HTTP answer."""
        ...

    def text_received(self, socket_id: int, text: str, now_ms: int) -> None:
        """Take one text frame of the client."""
        ...

    def canned_text(self, text: str, answer: Reply) -> str:
        """A fault's *answer* in the form a socket call *text* expects."""
        ...

    def ping_received(self, socket_id: int, *, is_pong: bool, now_ms: int) -> None:
        """Take note of a ping or pong frame; the server already answers pings."""
        ...

    def close_socket(self, socket_id: int, now_ms: int) -> None:
        """Forget a socket, however it ended."""
        ...

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set; what counts uses of limits is not."""
        ...

    def on_time(self, now_ms: int) -> None:
        """Let pass what is due: expiries, periodic streams, engine events."""
        ...

    def next_due_ms(self) -> int | None:
        """When ``on_time`` has work again; None if only on request."""
        ...

    def command(
        self, name: str, args: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        """Carry out a control verb of this venue; raises KeyError if unknown.

        Every face knows ``heal``: end the faults that live in the face.
        """
        ...
