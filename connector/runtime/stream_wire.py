"""One WebSocket on a socket: asyncio's protocol around websockets' sans-I/O core.

This is the client's importer of websockets, which shakes hands, checks, masks and
closes. Redirects, proxies, compression, its keepalive pings and its DEBUG logging of
headers and frames (they hold keys) are not used.

Of what comes in, only the boundaries of frames are found here. The frame that nearly
all messages are, a whole unmasked text frame within the cap, is taken as it is: the
library's parser, a chain of generators, takes several times as long to come to the
same bytes (`tests/runtime/test_stream_wire.py` holds both against each other). Every
other frame goes to the library, whole, and its judgement is final.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import ssl
from collections.abc import Mapping
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidHandshake,
    InvalidStatus,
    PayloadTooBig,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.uri import parse_uri

from connector.errors import StreamRefused
from connector.runtime.stream_inbox import Inbox

GRACE_S = 2.0
"""How long the peer may take to close its end."""

_HANDSHAKE_MAX = 64 * 1024
_MESSAGES = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_PLAIN_TEXT = 0x81  # FIN, no reserved bits, opcode 1
_CONTROL = 0x08
_CONTROL_MAX = 125
_MASKED = 0x80  # in the second byte; a server must not
_MEANING = 0x7F  # reserved bits and opcode
_KNOWN = frozenset(int(opcode) for opcode in Opcode)

# Above DEBUG, websockets logs neither headers nor frames.
_quiet = logging.getLogger("connector.runtime.websockets")
_quiet.setLevel(logging.INFO)
_quiet.addHandler(logging.NullHandler())


class WireLost(Exception):
    """The connection ended while a pong or room for bytes was waited for."""


class Wire(asyncio.Protocol):
    """Made by `dial` for *url*; wait for `opened`, then for messages in *inbox*.

    `opened` fails with a websockets exception when the handshake does. `closed` is
    done when the socket is gone.
    """

    def __init__(self, url: str, *, max_frame_bytes: int, inbox: Inbox) -> None:
        self.loop = asyncio.get_running_loop()
        self.protocol = ClientProtocol(
            parse_uri(url), max_size=max_frame_bytes, logger=_quiet
        )
        self.inbox = inbox
        self.heard_s = self.loop.time()
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.pending_pings: dict[bytes, tuple[float, asyncio.Future[float]]] = {}
        self._max_frame_bytes = max_frame_bytes
        self._transport: asyncio.Transport | None = None
        self._room: asyncio.Future[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._rest = bytearray()
        self._missing = 0  # bytes until `_rest` holds what can be read on
        self._is_condemned = False  # a frame came that the library will refuse
        self._parts: bytearray | None = None
        self._pings = 0

    @property
    def target(self) -> str:
        """Path and query as the handshake will ask for them."""
        return self.protocol.uri.resource_name

    @property
    def is_open(self) -> bool:
        """Frames may be sent."""
        return self.protocol.state is State.OPEN

    @property
    def has_room(self) -> bool:
        """The peer has taken most of what was written."""
        return self._room is None

    # Out

    def send_text(self, data: bytes) -> None:
        """Write one text frame; the stream must be open."""
        self.protocol.send_text(data)
        self._flush()

    async def wait_room(self) -> None:
        """Return when the peer has taken most of what was written; raises WireLost."""
        if self._room is not None:
            await asyncio.shield(self._room)

    def send_ping(self) -> asyncio.Future[float]:
        """Ping; the future is the round trip in seconds, or fails with WireLost."""
        self._pings += 1
        data = self._pings.to_bytes(4, "big")
        pong: asyncio.Future[float] = self.loop.create_future()
        self.pending_pings[data] = (self.loop.time(), pong)
        self.protocol.send_ping(data)
        self._flush()
        return pong

    def say_goodbye(self) -> None:
        """Begin the closing handshake, if nobody has."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(1000)
            self._flush()

    def drop(self, reason: str) -> None:
        """End at once, without a goodbye."""
        self.inbox.end(reason)
        if self._transport is not None:
            self._transport.abort()

    def farewell(self) -> tuple[int | None, str]:
        """Code and text of the close frame received, else of the one sent."""
        close = self.protocol.close_rcvd or self.protocol.close_sent
        return (int(close.code), close.reason) if close is not None else (None, "")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.inbox.pause = self._transport.pause_reading
        self.inbox.resume = self._transport.resume_reading
        request = self.protocol.connect()
        request.headers["User-Agent"] = "connector"
        self.protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self.heard_s = self.loop.time()
        if self._missing > len(data):
            self._rest += data
            self._missing -= len(data)
            return
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
            self._rest.clear()
        self._missing = 0
        if self.protocol.state is State.CONNECTING:
            data = self._shake_hands(data)
        if not data:
            return
        if self.protocol.state is State.OPEN and not self._is_condemned:
            self._split(data)
        else:
            self._feed(data)

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._after()

    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.receive_eof()
        self._after()
        if self._grace is not None:
            self._grace.cancel()
        self.inbox.end(self._why(exc))
        self.resume_writing(WireLost())
        for _, pong in self.pending_pings.values():
            if not pong.done():
                pong.set_exception(WireLost())
                pong.exception()  # nobody may be waiting any longer
        self.pending_pings.clear()
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._room = self.loop.create_future()

    def resume_writing(self, lost: WireLost | None = None) -> None:
        room, self._room = self._room, None
        if room is None or room.done():
            return
        if lost is None:
            room.set_result(None)
        else:
            room.set_exception(lost)
            room.exception()

    # In

    def _shake_hands(self, data: bytes) -> bytes:
        """Give the library the answer's head, and return what follows it."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 and len(data) <= _HANDSHAKE_MAX:
            self._rest += data
            return b""
        head = end if end >= 4 else len(data)
        self._feed(data[:head])
        return data[head:]

    def _split(self, data: bytes) -> None:
        """Find the frames in *data*, which begins with one."""
        got: list[bytes] = []
        at, size = 0, len(data)
        longest = self._max_frame_bytes
        while size - at >= 2:
            first, length, start = data[at], data[at + 1], at + 2
            is_plain = first == _PLAIN_TEXT and self._parts is None
            if is_plain and length == 126 and size - at >= 4:
                # Nearly all: a whole text frame of 126 bytes to 64 KiB.
                length = data[at + 2] << 8 | data[at + 3]
                end = at + 4 + length
                if end <= size and length <= longest:
                    got.append(data[at + 4 : end])
                    at = end
                    continue
                length = 126
            if length == 126:
                start += 2
                length = int.from_bytes(data[at + 2 : start], "big")
            elif length == 127:
                start += 8
                length = int.from_bytes(data[at + 2 : start], "big")
            end = start + length
            if (first & _MEANING not in _KNOWN or data[at + 1] & _MASKED) or (
                start <= size and self._is_too_long(first, length)
            ):
                self._is_condemned = True
                self._hand_over(got, data[at:])
                return
            if start > size or end > size:
                self._missing = (start if start > size else end) - size
                break
            if is_plain:
                got.append(data[start:end])
            else:
                self._hand_over(got, data[at:end])
                got = []
                if self.protocol.state is not State.OPEN:
                    self._feed(data[end:])
                    return
            at = end
        if at < size:
            self._rest += data[at:]
        self.inbox.put(self.heard_s, got)

    def _is_too_long(self, first: int, length: int) -> bool:
        if first & _CONTROL:
            return length > _CONTROL_MAX
        return length > self._max_frame_bytes

    def _hand_over(self, got: list[bytes], data: bytes) -> None:
        """What came before first; then *data*, for the library to judge."""
        self.inbox.put(self.heard_s, got)
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            self._take(event)
        self._after()

    def _take(self, event: Event) -> None:
        if isinstance(event, Response):
            if self.protocol.handshake_exc is None and not self.opened.done():
                self.opened.set_result(None)
        elif isinstance(event, Frame):
            if event.opcode in _MESSAGES:
                self._take_part(event)
            elif event.opcode is Opcode.PONG:
                self._take_pong(bytes(event.data))

    def _take_part(self, frame: Frame) -> None:
        if self._parts is None:
            self._parts = bytearray()
        # One buffer, so that a million empty fragments cost nothing.
        self._parts += frame.data
        if frame.fin:
            message, self._parts = bytes(self._parts), None
            self.inbox.put(self.heard_s, [message])

    def _take_pong(self, data: bytes) -> None:
        """A pong answers its ping and all before it (RFC 6455, 5.5.3)."""
        if data not in self.pending_pings:
            return
        for sent in list(self.pending_pings):
            sent_s, pong = self.pending_pings.pop(sent)
            if not pong.done():
                pong.set_result(self.heard_s - sent_s)
            if sent == data:
                return

    def _after(self) -> None:
        """Write what the library wants to say, and see where it stands."""
        self._flush()
        protocol = self.protocol
        if protocol.state is State.OPEN:
            return
        if not self.opened.done() and protocol.handshake_exc is not None:
            self.opened.set_exception(protocol.handshake_exc)
            self.opened.exception()  # the one who opens may have given up
        if protocol.state is not State.CONNECTING:
            self._leave()

    def _leave(self) -> None:
        """A close frame came or went: tell the reader, let the peer finish, drop."""
        self.inbox.end(self._why(None))
        if self._grace is None and not self.closed.done():
            assert self._transport is not None
            self._grace = self.loop.call_later(GRACE_S, self._transport.abort)

    def _flush(self) -> None:
        transport = self._transport
        assert transport is not None
        for data in self.protocol.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()

    def _why(self, exc: Exception | None) -> str:
        failed = self.protocol.parser_exc
        if isinstance(failed, PayloadTooBig):
            return "a frame is larger than the cap"
        if self.protocol.close_rcvd is not None:
            return "closed by the venue"
        if failed is not None and not isinstance(failed, EOFError):
            return "the venue broke the WebSocket protocol"
        if exc is not None:
            return f"the connection broke ({type(exc).__name__})"
        return "the connection ended without a goodbye"


def refusal_of(exc: Exception, timeout_s: float) -> StreamRefused:
    """A failed opening in our words, without any reference to *exc* or the URL."""
    if isinstance(exc, InvalidStatus):
        return StreamRefused(
            f"the venue answered {exc.response.status_code}",
            status=exc.response.status_code,
            retry_after_s=_retry_after_s(exc.response.headers),
        )
    if isinstance(exc, TimeoutError):
        return StreamRefused(f"no handshake within {timeout_s:g} s")
    if isinstance(exc, ssl.SSLError):
        return StreamRefused(f"TLS failed ({exc.reason or type(exc).__name__})")
    if isinstance(exc, OSError):
        return StreamRefused(f"no connection ({type(exc).__name__})")
    if isinstance(exc, InvalidHandshake | WebSocketException):
        return StreamRefused(f"the handshake failed ({type(exc).__name__})")
    return StreamRefused(f"opening failed ({type(exc).__name__})")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); a date is read by the server's own."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        until = email.utils.parsedate_to_datetime(text)
        now = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None
