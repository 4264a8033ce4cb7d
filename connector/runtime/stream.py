"""Streams: text frames over WebSocket, bounded, told apart from what was lost.

Incoming messages go to an inbox (`stream_inbox`) that notes when each arrived and is
bounded by messages *and* bytes: at the bound the socket is no longer read, so that
TCP slows the venue down, and `Stream.backlog` and `Stream.oldest_unread_s` tell how
far the reader is behind. Bytes become messages in `stream_wire`.

A stream ends for the reader as soon as the end is known (a close frame either way, a
frame above the cap, a reset); the socket is dropped a moment later whether or not the
peer does its part. Messages received before the end are delivered first.

Only the event loop's own facilities are used: any loop will do, a simulated one too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Self

from connector.errors import ConfigError, StreamLost
from connector.model.credentials import Secret
from connector.runtime.dial import dial
from connector.runtime.hosts import AllowList
from connector.runtime.stream_inbox import Inbox, Sink
from connector.runtime.stream_wire import GRACE_S, Wire, WireLost, refusal_of
from connector.runtime.tls import require_verified, verified_context

MIB = 1024 * 1024

_PINGS_MAX = 8


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
            async with asyncio.timeout(self._open_timeout_s):
                return await self._open(url)
        except (asyncio.CancelledError, ConfigError) as exc:
            # The frames below hold the URL among their locals.
            failure = exc.with_traceback(None)
        except Exception as exc:
            failure = refusal_of(exc, self._open_timeout_s)
        try:
            raise failure
        finally:
            del failure  # it refers to this frame, which refers to it

    async def _open(self, url: Secret | str) -> Stream:
        text = url.reveal() if isinstance(url, Secret) else url
        origin, target = self._allow.split(text)
        inbox = Inbox(self._max_queue, self._max_queue_bytes)

        def wired() -> Wire:
            return Wire(text, max_frame_bytes=self._max_frame_bytes, inbox=inbox)

        if wired().target != target:
            raise ConfigError("URL refused: its path or query is oddly spelled")
        tls = None
        if origin.scheme == "wss":
            tls = self._tls or verified_context()
        wire = await dial(origin, wired, tls=tls, timeout_s=self._open_timeout_s)
        try:
            await wire.opened
        except BaseException:
            wire.drop("the handshake failed")
            raise
        return Stream(wire, inbox, self._send_timeout_s)


class Stream:
    """One open WebSocket: `recv` (or ``async for``), `send`, `ping`, `close`.

    One task reads, or one function (`deliver`); any number may send.
    """

    def __init__(self, wire: Wire, inbox: Inbox, send_timeout_s: float) -> None:
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

    async def deliver(self, sink: Sink) -> None:
        """Call *sink* with every message, from where it arrives; returns at the end.

        No task switch per message; in a burst others get their turn (see
        `stream_inbox`). Returns after our own `close`, raises StreamLost after any
        other end, and what *sink* raised, which gets no further message.
        Cancelling ends the delivery; what has not been delivered stays.
        """
        inbox = self._inbox
        inbox.deliver_to(sink)
        try:
            await inbox.wait()
        finally:
            inbox.deliver_to(None)
        if inbox.failure is not None:
            raise inbox.failure
        if not self._is_ours_to_end:
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
        self.send_nowait(text, on_bytes_may_leave=on_bytes_may_leave)
        if self.has_room:
            return
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._wire.wait_room()
        except (WireLost, TimeoutError) as exc:
            if isinstance(exc, TimeoutError):
                self._wire.drop(f"no byte taken within {self._send_timeout_s:g} s")
        else:
            return
        raise self._lost(maybe_sent=True)

    @property
    def has_room(self) -> bool:
        """The peer keeps up: what is sent now leaves now."""
        return self._wire.has_room

    def send_nowait(
        self, text: str, *, on_bytes_may_leave: Callable[[], None] | None = None
    ) -> None:
        """As `send`, without waiting for a peer that takes no bytes (`has_room`).

        Raises StreamLost if nothing was written, and what *on_bytes_may_leave* does.
        """
        if not self.is_open or not self._wire.is_open:
            raise self._lost()
        data = text.encode()
        if on_bytes_may_leave is not None:
            on_bytes_may_leave()
        self._wire.send_text(data)

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
                return await self._wire.send_ping()
        except TimeoutError:
            return None
        except WireLost:
            pass
        raise self._lost()

    async def close(self, timeout_s: float = GRACE_S) -> None:
        """Say goodbye, and drop the socket if the peer is not done in *timeout_s*.

        Never raises for a stream that is gone already. Unread messages can still be
        read.
        """
        if self.is_open:
            self._is_ours_to_end = True
        self._inbox.end("closed by us")
        self._wire.say_goodbye()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await asyncio.shield(self._wire.closed)
        finally:
            self._wire.drop("closed by us")
        await asyncio.shield(self._wire.closed)

    def _lost(self, *, maybe_sent: bool = False) -> StreamLost:
        code, text = self._wire.farewell()
        return StreamLost(
            self._inbox.reason or "closed", code=code, text=text, maybe_sent=maybe_sent
        )
