"""The transport an asyncio protocol gets at its end of an in-memory connection.

It behaves like asyncio's socket transport: write buffer with high and low water
marks, pausing in both directions, half-close, `close` flushes and `abort` does not,
`connection_lost` comes exactly once and never from inside the call that caused it.
Kernel habits that matter to callers are kept: a reset is seen only after the bytes
before it were read, closing with unread bytes sends a reset, bytes for a closed end
are answered with a reset.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from connector.sim.connecting import Address
from connector.sim.errors import SimulationError
from connector.sim.link import (
    MAX_SEGMENT,
    Connection,
    Pipe,
    Segment,
    SegmentKind,
    connection_reset,
)
from connector.sim.loop import VirtualTimeLoop

_HIGH_WATER = 64 * 1024


class QuietDescriptor:
    """A real file descriptor on which nothing ever happens.

    HTTP clients poll the descriptor of an idle connection to learn whether the server
    hung up. They get this one while there is nothing to read, and -1 (which they
    take for readable) when there is. One pipe serves the whole process.
    """

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def number(self) -> int:
        """The descriptor, opened on first use."""
        if self._ends is None:
            self._ends = os.pipe()
        return self._ends[0]


_quiet = QuietDescriptor()


class SimulatedSocket:
    """What `get_extra_info("socket")` returns: names, options, nothing to read from."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(
        self,
        name: Address,
        peer: Address | None,
        is_readable: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._peer = peer
        self._is_readable = is_readable
        self._options: dict[tuple[int, int], int | bytes] = {}

    def getsockname(self) -> Address:
        """Own address."""
        return self._name

    def getpeername(self) -> Address:
        """Address of the other end; OSError(ENOTCONN) for a listening socket."""
        if self._peer is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return self._peer

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Remembered, without effect."""
        self._options[(level, option)] = value

    def getsockopt(self, level: int, option: int) -> int | bytes:
        """What was set, else 0."""
        return self._options.get((level, option), 0)

    def fileno(self) -> int:
        """A quiet descriptor, or -1 if there is something to read."""
        return -1 if self._is_readable() else _quiet.number()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise SimulationError(f"a simulated socket has no {name}()")


class Endpoint(asyncio.Transport):
    """One end of an in-memory connection.

    Created unconnected; `attach` gives it its pipes and `start` its protocol. What
    arrives before `start` waits. *accept* is called, instead of the protocol, when
    the peer's handshake arrives (server side).
    """

    _start_tls_compatible = True  # asyncio's start_tls asks for it

    def __init__(
        self,
        loop: VirtualTimeLoop,
        context: contextvars.Context,
        accept: Callable[[Endpoint], None] | None = None,
    ) -> None:
        super().__init__()
        self.loop = loop
        self.context = context
        self.on_gone: Callable[[Endpoint], None] | None = None
        self._accept = accept
        self._protocol: asyncio.BaseProtocol | None = None
        self._inbox: deque[Segment] = deque()
        self._buffer = bytearray()
        self._low_water, self._high_water = _HIGH_WATER // 4, _HIGH_WATER
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._is_reset = False
        self._got_eof = False
        self._wants_eof = False
        self._sent_eof = False
        self._is_closing = False
        self._is_gone = False
        self._was_told = False
        self._is_released = False
        self._info: dict[str, Any] = {}
        self._connection: Connection | None = None
        self._outward: Pipe | None = None
        self._inward: Pipe | None = None

    # Birth

    def attach(self, connection: Connection, outward: Pipe, inward: Pipe) -> None:
        """Connect this end with its pipes."""
        self._connection = connection
        self._outward, self._inward = outward, inward
        names = (connection.client_address, connection.server_address)
        if outward is connection.to_client:
            names = names[::-1]
        self._info = {
            "sockname": names[0],
            "peername": names[1],
            "socket": SimulatedSocket(*names, self._has_unread),
        }

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the end to *protocol*; what has arrived follows on a later turn."""
        self._protocol = protocol
        protocol.connection_made(self)
        self.loop.call_soon(self._drain, context=self.context)

    def reject(self) -> None:
        """Nobody serves here any more: answer with a reset."""
        self._out().send(SegmentKind.RESET)
        self._leave(None)

    @property
    def connection(self) -> Connection:
        """The connection this is an end of."""
        assert self._connection is not None
        return self._connection

    # asyncio.BaseTransport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._info.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        if not self._buffer:
            self._finish()

    # asyncio.ReadTransport

    def is_reading(self) -> bool:
        return not self._is_reading_paused and not self._is_closing

    def pause_reading(self) -> None:
        self._is_reading_paused = True

    def resume_reading(self) -> None:
        if self._is_closing or not self._is_reading_paused:
            return
        self._is_reading_paused = False
        self.loop.call_soon(self._drain, context=self.context)

    # asyncio.WriteTransport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._wants_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_gone or not data:
            return
        if self._is_reset:
            self._force_close(self._write_error())
            return
        self._buffer += data
        self.pump()
        if len(self._buffer) > self._high_water and not self._is_writing_paused:
            self._is_writing_paused = True
            self.get_protocol().pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._is_closing or self._wants_eof:
            return
        self._wants_eof = True
        self.pump()

    def abort(self) -> None:
        # As in asyncio: only our own buffer is dropped. What the pipe already has
        # still arrives, followed by an orderly end.
        self._force_close(None)

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low_water, self._high_water

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._low_water, self._high_water = low, high

    # Called by the pipes, inside the context of this end

    @property
    def wants_room(self) -> bool:
        """Whether `pump` would have something to do."""
        return bool(self._buffer) or self._is_writing_paused

    def arrive(self, segment: Segment) -> None:
        """Take a segment, or answer it with a reset if nobody is here any more."""
        if self._is_gone:
            if segment.kind is SegmentKind.DATA:
                self._out().send(SegmentKind.RESET)
            return
        if segment.kind is SegmentKind.OPEN:
            assert self._accept is not None
            self._accept(self)
            return
        self._inbox.append(segment)
        if segment.kind is SegmentKind.RESET:
            self._is_reset = True
            if self._buffer or self._is_closing:
                # A waiting writer learns at once; a paused reader does not.
                self._force_close(self._write_error())
                return
        if self._protocol is not None:
            self._drain()

    def pump(self) -> None:
        """Move buffered bytes into the pipe as far as it has room."""
        if self._is_gone:
            return
        out = self._out()
        while self._buffer and (room := out.room()) > 0:
            chunk = bytes(self._buffer[: min(room, MAX_SEGMENT)])
            del self._buffer[: len(chunk)]
            out.send(SegmentKind.DATA, chunk)
        if self._is_writing_paused and len(self._buffer) <= self._low_water:
            self._is_writing_paused = False
            self.get_protocol().resume_writing()
        if not self._buffer:
            if self._wants_eof and not self._sent_eof:
                self._sent_eof = True
                out.send(SegmentKind.EOF)
            if self._is_closing:
                self._finish()

    def give_up(self) -> None:
        """The kernel stopped retransmitting."""
        self._force_close(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    def die(self) -> None:
        """The process of this end was killed: its kernel closes, nobody is told."""
        self.context = contextvars.Context()  # nobody's
        if not self._is_gone:
            self._buffer.clear()
            self._say_goodbye()
            self._is_closing = self._is_gone = True
            self._inbox.clear()
        if not self._is_released:
            self._released()

    def lose(self, exc: BaseException | None = None) -> None:
        """Tell the protocol that the connection is gone; only the first call does."""
        was_told, self._was_told = self._was_told, True
        try:
            if self._protocol is not None and not was_told:
                shown = exc if isinstance(exc, Exception) else None
                self._protocol.connection_lost(shown)
        finally:
            if not self._is_released:
                self._released()

    # Inner parts

    def _drain(self) -> None:
        while self._inbox and not self._is_reading_paused and not self._is_closing:
            segment = self._inbox.popleft()
            if segment.kind is SegmentKind.RESET:
                # After an orderly end nobody reads: the next write will find it.
                if not self._got_eof:
                    self._force_close(connection_reset())
                return
            try:
                if segment.kind is SegmentKind.DATA:
                    self._feed(segment.data)
                else:
                    self._end_of_input()
            except Exception as exc:
                self._report(exc)
                self._force_close(exc)

    def _feed(self, data: bytes) -> None:
        protocol = self.get_protocol()
        if isinstance(protocol, asyncio.BufferedProtocol):
            rest = memoryview(data)
            while rest:
                space = memoryview(protocol.get_buffer(len(rest)))
                size = min(len(space), len(rest))
                space[:size] = rest[:size]
                protocol.buffer_updated(size)
                rest = rest[size:]
        else:
            assert isinstance(protocol, asyncio.Protocol)
            protocol.data_received(data)
        assert self._inward is not None
        self._inward.consumed(len(data))

    def _end_of_input(self) -> None:
        if self._got_eof:
            return
        self._got_eof = True
        protocol = self.get_protocol()
        assert isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        if not protocol.eof_received():
            self.close()

    def _finish(self, exc: BaseException | None = None) -> None:
        self._say_goodbye()
        self._leave(exc)

    def _say_goodbye(self) -> None:
        """An orderly end, or a reset if there are bytes nobody read."""
        unread = any(segment.kind is SegmentKind.DATA for segment in self._inbox)
        if unread:
            self._out().send(SegmentKind.RESET)
        elif not self._sent_eof:
            self._sent_eof = True
            self._out().send(SegmentKind.EOF)

    def _force_close(self, exc: BaseException | None) -> None:
        """Leave without flushing; asyncio's TLS calls it by this name."""
        if self._is_gone:
            return
        self._buffer.clear()
        if self._is_reset:
            self._leave(exc)
        else:
            self._finish(exc)

    def _leave(self, exc: BaseException | None) -> None:
        self._is_closing = self._is_gone = True
        self._inbox.clear()
        self.loop.call_soon(self.lose, exc, context=self.context)

    def _released(self) -> None:
        self._is_released = True
        self.connection.end_closed()
        if self.on_gone is not None:
            self.on_gone(self)

    def _report(self, exc: Exception) -> None:
        self.loop.call_exception_handler(
            {
                "message": "Fatal error: the protocol failed on received bytes",
                "exception": exc,
                "transport": self,
                "protocol": self._protocol,
            }
        )

    def _write_error(self) -> OSError:
        if self._got_eof:
            return BrokenPipeError(errno.EPIPE, "Broken pipe")
        return connection_reset()

    def _has_unread(self) -> bool:
        return bool(self._inbox) or self._got_eof or self._is_gone

    def _out(self) -> Pipe:
        assert self._outward is not None
        return self._outward

    def __repr__(self) -> str:
        state = "closing" if self._is_closing else "open"
        names = self._info.get("sockname"), self._info.get("peername")
        return f"<Endpoint {state} {names[0]} -> {names[1]}>"
