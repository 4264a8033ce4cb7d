"""Streams: text frames over WebSocket, bounded, told apart from what was lost.

This is the one client importer of websockets. Of that library we use the handshake,
the framing and the closing; redirects, proxies, compression, its own keepalive pings
and its DEBUG logging of headers and frames are off. Incoming messages go to an inbox
of our own, which notes when each arrived and is bounded by messages *and* bytes: at
the bound the socket is no longer read, so that TCP slows the venue down, and
`Stream.backlog` and `Stream.oldest_unread_s` tell how far the reader is behind.

A stream ends for the reader as soon as the end is known (a close frame either way, a
frame above the cap, a reset); the socket is dropped a moment later whether or not the
peer does its part. Messages received before the end are delivered first.

Only the event loop's own facilities are used: any loop will do, a simulated one too.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import logging
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    PayloadTooBig,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from connector.errors import ConfigError, StreamLost, StreamRefused
from connector.model.credentials import Secret
from connector.runtime.hosts import AllowList
from connector.runtime.tls import require_verified, verified_context

MIB = 1024 * 1024

_MESSAGES = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_GRACE_S = 2.0  # how long the peer may take to close its end
_PINGS_MAX = 8

# Above DEBUG, websockets logs neither headers nor frames, which hold keys.
_quiet = logging.getLogger("connector.runtime.websockets")
_quiet.setLevel(logging.INFO)
_quiet.addHandler(logging.NullHandler())


class StreamChannel:
    """Opens streams to the hosts of one environment.

    *max_frame_bytes* caps one message, fragments together. *max_queue* and
    *max_queue_bytes* bound what is received but not read; one read of the socket may
    go beyond them. *send_timeout_s* bounds the wait for a peer that takes no bytes.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        open_timeout_s: float,
        send_timeout_s: float = 5.0,
        max_frame_bytes: int = 16 * MIB,
        max_queue: int = 4_096,
        max_queue_bytes: int = 32 * MIB,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises ConfigError for a *tls* context that does not verify."""
        self._allow = allow
        self._open_timeout_s = open_timeout_s
        self._send_timeout_s = send_timeout_s
        self._max_frame_bytes = max_frame_bytes
        self._max_queue = max_queue
        self._max_queue_bytes = max_queue_bytes
        self._tls = None if tls is None else require_verified(tls)

    async def open(self, url: Secret | str) -> Stream:
        """Connect and shake hands; the caller closes the stream.

        Raises ConfigError for a host that is not allowed, before anything is sent,
        and StreamRefused for everything else, timeout included. Neither shows the
        URL, which may hold a stream key.
        """
        failure: BaseException
        try:
            return await self._open(url)
        except (asyncio.CancelledError, ConfigError) as exc:
            # The frames below hold the URL among their locals.
            failure = exc.with_traceback(None)
        except Exception as exc:
            failure = _refusal(exc, self._open_timeout_s)
        try:
            raise failure
        finally:
            del failure  # it refers to this frame, which refers to it

    async def _open(self, url: Secret | str) -> Stream:
        text = url.reveal() if isinstance(url, Secret) else url
        origin, target = self._allow.split(text)
        options: dict[str, Any] = {}
        if origin.scheme == "wss":
            options["ssl"] = self._tls or verified_context()

        def wired(*args: Any, **kwargs: Any) -> _Wire:
            return _Wire(*args, inbox=inbox, **kwargs)

        inbox = _Inbox(self._max_queue, self._max_queue_bytes)
        opening = _Connect(
            text,
            compression=None,
            user_agent_header="connector",
            proxy=None,
            open_timeout=self._open_timeout_s,
            ping_interval=None,
            close_timeout=_GRACE_S,
            max_size=self._max_frame_bytes,
            max_queue=None,
            logger=_quiet,
            # It is documented as a factory, and typed as a class.
            create_connection=cast(type[ClientConnection], wired),
            **options,
        )
        if opening.ws_uri.resource_name != target:
            raise ConfigError("URL refused: its path or query is oddly spelled")
        wire = await opening
        assert isinstance(wire, _Wire)
        return Stream(wire, inbox, self._send_timeout_s)


class Stream:
    """One open WebSocket: `recv` (or ``async for``), `send`, `ping`, `close`.

    One task reads; any number may send.
    """

    def __init__(self, wire: _Wire, inbox: _Inbox, send_timeout_s: float) -> None:
        self._wire = wire
        self._inbox = inbox
        self._send_timeout_s = send_timeout_s
        self._is_ours_to_end = False

    @property
    def is_open(self) -> bool:
        """False as soon as an end is known, with or without unread messages."""
        return not self._inbox.is_ended

    @property
    def close_code(self) -> int | None:
        """Code of the close frame: the peer's, else ours, else None."""
        return self._wire.farewell()[0]

    @property
    def close_reason(self) -> str:
        """Text of that close frame, "" without one."""
        return self._wire.farewell()[1]

    @property
    def backlog(self) -> int:
        """Messages received and not read yet."""
        return len(self._inbox.messages)

    @property
    def backlog_bytes(self) -> int:
        """Their size."""
        return self._inbox.size

    @property
    def is_paused(self) -> bool:
        """The backlog is at its bound: the socket is not read, pongs wait too."""
        return self._inbox.is_paused

    @property
    def oldest_unread_s(self) -> float:
        """How long the oldest unread message has been waiting, 0 without one."""
        messages = self._inbox.messages
        return self._wire.loop.time() - messages[0][0] if messages else 0.0

    @property
    def idle_s(self) -> float:
        """Time since bytes came from the venue: data, pings or pongs."""
        return self._wire.loop.time() - self._wire.heard_s

    async def recv(self) -> bytes:
        """The next message, text not decoded; waits for it without a bound.

        Cancelling loses nothing. Raises StreamLost when the stream has ended and
        everything received before was read.
        """
        if not self._inbox.messages:
            await self._inbox.wait()
        if self._inbox.messages:
            return self._inbox.take()
        raise self._lost()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """As `recv`; the iteration stops after our own `close`."""
        try:
            return await self.recv()
        except StreamLost:
            if self._is_ours_to_end:
                raise StopAsyncIteration from None
            raise

    async def send(
        self, text: str, *, on_bytes_may_leave: Callable[[], None] | None = None
    ) -> None:
        """Send one text frame.

        *on_bytes_may_leave* is called just before the first byte may be written;
        when cancelled, it tells whether the frame may have left.

        Raises StreamLost, with *maybe_sent* False only if nothing was written. A
        peer that takes no bytes for the send timeout ends the stream.
        """
        if not self.is_open or self._wire.protocol.state is not State.OPEN:
            raise self._lost()
        data = text.encode()
        if on_bytes_may_leave is not None:
            on_bytes_may_leave()
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._wire.send(data, text=True)
        except (ConnectionClosed, TimeoutError) as exc:
            if isinstance(exc, TimeoutError):
                self._wire.drop(f"no byte taken within {self._send_timeout_s:g} s")
        else:
            return
        raise self._lost(maybe_sent=True)

    async def ping(self, timeout_s: float) -> float | None:
        """Round trip of a ping in seconds; None if no pong came in time.

        The stream stays open without a pong: what silence means is the caller's
        decision. None at once while 8 pings are unanswered. Raises StreamLost.
        """
        if not self.is_open:
            raise self._lost()
        if len(self._wire.pending_pings) >= _PINGS_MAX:
            return None
        try:
            async with asyncio.timeout(timeout_s):
                return await (await self._wire.ping())
        except TimeoutError:
            return None
        except ConnectionClosed:
            pass
        raise self._lost()

    async def close(self, timeout_s: float = _GRACE_S) -> None:
        """Say goodbye, and drop the socket if the peer is not done in *timeout_s*.

        Never raises for a stream that is gone already. Unread messages can still be
        read.
        """
        if self.is_open:
            self._is_ours_to_end = True
        self._inbox.end("closed by us")
        try:
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                async with asyncio.timeout(timeout_s):
                    await self._wire.close()
        finally:
            self._wire.drop("closed by us")
        await self._wire.wait_closed()

    def _lost(self, *, maybe_sent: bool = False) -> StreamLost:
        code, text = self._wire.farewell()
        return StreamLost(
            self._inbox.reason or "closed", code=code, text=text, maybe_sent=maybe_sent
        )


class _Inbox:
    """Messages received and not read, each with its time of arrival."""

    __slots__ = (
        "_max_bytes",
        "_max_messages",
        "_reader",
        "is_ended",
        "is_paused",
        "messages",
        "pause",
        "reason",
        "resume",
        "size",
    )

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._reader: asyncio.Future[None] | None = None
        self.messages: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.is_paused = False
        self.is_ended = False
        self.reason = ""
        self.pause: Callable[[], None] = _nothing
        self.resume: Callable[[], None] = _nothing

    def put(self, arrived_s: float, message: bytes) -> None:
        """Add a message; at a bound, stop reading the socket.

        What comes after the end (we closed, the peer goes on) is dropped.
        """
        if self.is_ended:
            return
        self.messages.append((arrived_s, message))
        self.size += len(message)
        self._wake()
        if not self.is_paused and (
            len(self.messages) >= self._max_messages or self.size >= self._max_bytes
        ):
            self.is_paused = True
            self.pause()

    def take(self) -> bytes:
        """The oldest message; at half the bounds the socket is read again."""
        _, message = self.messages.popleft()
        self.size -= len(message)
        if (
            self.is_paused
            and len(self.messages) <= self._max_messages // 2
            and self.size <= self._max_bytes // 2
        ):
            self.is_paused = False
            self.resume()
        return message

    def end(self, reason: str) -> None:
        """Nothing will come any more; the first reason stays.

        The socket is read on, if it was not, for the peer's goodbye.
        """
        if self.is_ended:
            return
        self.is_ended = True
        self.reason = reason
        self._wake()
        if self.is_paused:
            self.is_paused = False
            self.resume()

    async def wait(self) -> None:
        """Until there is a message or the end."""
        assert self._reader is None, "one task reads a stream"
        while not self.messages and not self.is_ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class _Wire(ClientConnection):
    """websockets' connection, delivering to our inbox instead of its own.

    Overridden are asyncio's protocol callbacks and `process_event`, through which
    every received frame passes.
    """

    def __init__(self, *args: Any, inbox: _Inbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inbox = inbox
        self._parts: bytearray | None = None
        self._grace: asyncio.TimerHandle | None = None
        self.heard_s = self.loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._inbox.pause = self.transport.pause_reading
        self._inbox.resume = self.transport.resume_reading

    def data_received(self, data: bytes) -> None:
        self.heard_s = self.loop.time()
        super().data_received(data)
        if self.protocol.state is State.CLOSING or self.protocol.state is State.CLOSED:
            self._leave()

    def process_event(self, event: Event) -> None:
        if not isinstance(event, Frame) or event.opcode not in _MESSAGES:
            super().process_event(event)
            return
        if event.fin and self._parts is None:
            self._inbox.put(self.heard_s, bytes(event.data))
            return
        # One buffer, so that a million empty fragments cost nothing.
        if self._parts is None:
            self._parts = bytearray()
        self._parts += event.data
        if event.fin:
            self._inbox.put(self.heard_s, bytes(self._parts))
            self._parts = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._grace is not None:
            self._grace.cancel()
        self._inbox.end(self._why(exc))

    def drop(self, reason: str) -> None:
        """End at once, without a goodbye."""
        self._inbox.end(reason)
        self.transport.abort()

    def farewell(self) -> tuple[int | None, str]:
        """Code and text of the close frame received, else of the one sent."""
        close = self.protocol.close_rcvd or self.protocol.close_sent
        return (int(close.code), close.reason) if close is not None else (None, "")

    def _leave(self) -> None:
        """A close frame came or went: tell the reader, let the peer finish, drop."""
        if self._grace is None:
            self._inbox.end(self._why(None))
            self._grace = self.loop.call_later(_GRACE_S, self.transport.abort)

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


class _Connect(connect):
    """websockets' opening without redirects: the allow-list was asked once."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


def _refusal(exc: Exception, timeout_s: float) -> StreamRefused:
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


def _nothing() -> None:
    """Before there is a transport there is nothing to pause."""
