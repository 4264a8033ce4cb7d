"""One HTTP/1.1 connection: a request's bytes out, a whole and bounded answer in.

This is the client's importer of h11, which decides what is well-formed HTTP. Bytes
are fed to it as they arrive and the one who asked is woken once, with the whole
answer. What is strict here: one request at a time, a bounded head and body, at most
`_INTERIM_MAX` interim answers, nothing but silence between two requests.

A connection serves again only if both sides said so, the answer ended where it should
and everything of the request was taken. In doubt it is dropped: a new connection costs
a round trip, a wrong answer costs an order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import h11

Headers = list[tuple[bytes, bytes]]

_HEAD_MAX = 64 * 1024
_INTERIM_MAX = 10
_KEEP_ALIVE = re.compile(rb"(?:^|[,\s])timeout=([0-9]{1,6})(?:$|[,;\s])", re.IGNORECASE)


class ExchangeError(Exception):
    """The answer will not come, or cannot be used; its kinds say *why*."""

    why = "the answer cannot be used"


class BrokenError(ExchangeError):
    """The connection ended before the answer did."""

    why = "the venue closed, or the connection broke"


class SilentError(ExchangeError):
    """No byte came for the read timeout."""

    why = "the venue fell silent"


class GarbledError(ExchangeError):
    """What came is not HTTP/1.1."""

    why = "the venue does not speak HTTP"


class TooLargeError(ExchangeError):
    """The body is larger than allowed."""

    why = "the answer is larger than allowed"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request's parts; header names and order go out as they are."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body as it came (not decompressed)."""

    status: int
    headers: Headers
    body: bytes


class HttpConnection(asyncio.Protocol):
    """Made by `dial`; *on_lost* is called once, when it can serve no more."""

    def __init__(
        self, *, max_body_bytes: int, on_lost: Callable[[HttpConnection], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_body_bytes = max_body_bytes
        self._on_lost = on_lost
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MAX)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._status = 0
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._size = 0
        self._interim = 0
        self._heard_s = 0.0
        self._patience: asyncio.TimerHandle | None = None
        self.is_open = False
        self.idle_since_s = self._loop.time()
        self.server_keeps_s: float | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()

    async def exchange(
        self, ask: Ask, *, read_timeout_s: float, on_write: Callable[[], None] | None
    ) -> Answer:
        """Send *ask* and return the answer.

        *on_write* is called just before the first byte is written; what it raises
        comes out, with nothing written and the connection as good as before. After
        it, every failure and cancellation ends the connection.

        Raises ExchangeError kinds, and h11.LocalProtocolError (before *on_write*)
        for a request that is not HTTP.
        """
        assert self.is_open
        assert self._waiting is None, "one request at a time"
        transport = self._transport
        assert transport is not None
        data = self._encode(ask)
        try:
            if on_write is not None:
                on_write()
        except BaseException:
            self._fresh_parser()  # it thinks that a request was sent
            raise
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting = waiting
        self._heard_s = self._loop.time()
        self._patience = self._loop.call_later(
            read_timeout_s, self._look_at_the_clock, read_timeout_s
        )
        try:
            transport.write(data)
            return await waiting
        finally:
            self._patience.cancel()
            if self._waiting is not None:  # cancelled, or nothing could be written
                self.abort()
            elif not waiting.cancelled():
                waiting.exception()  # failed and cancelled in one turn: is no news

    def abort(self) -> None:
        """Close at once. A request under way fails as BrokenError."""
        self._fail(BrokenError("closed by us"))
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    def fileno(self) -> int:
        """The socket's descriptor; -1 if it is closed (or simulated and readable)."""
        assert self._transport is not None
        return cast(int, self._transport.get_extra_info("socket").fileno())

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()  # nobody asked: whatever this answers, it is not ours
            return
        self._heard_s = self._loop.time()
        self._feed(data)

    def eof_received(self) -> None:
        if self._waiting is not None:
            self._feed(b"")  # the end of the body, where no length was told
        self._fail(BrokenError("the venue closed"))
        self._lose()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(BrokenError("the connection broke"))
        self._lose()
        if not self.closed.done():
            self.closed.set_result(None)

    # Inner parts

    def _encode(self, ask: Ask) -> bytes:
        send = self._parser.send
        request = h11.Request(
            method=ask.method, target=ask.target, headers=list(ask.headers)
        )
        data = send(request) or b""
        if ask.body:
            data += send(h11.Data(data=ask.body)) or b""
        return data + (send(h11.EndOfMessage()) or b"")

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.receive_data(data)
            while self._waiting is not None:
                event = self._parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event)
        except (h11.ProtocolError, ExchangeError) as exc:
            why = exc if isinstance(exc, ExchangeError) else GarbledError()
            # Only the kind goes on: h11's text and frames may quote the answer.
            self._fail(why.with_traceback(None))
            self.abort()

    def _take(self, event: object) -> None:
        match event:
            case h11.Data():
                self._grow(len(event.data))
                self._parts.append(bytes(event.data))
            case h11.Response():
                self._status = event.status_code
                self._headers = event.headers.raw_items()
                self._look_at_headers()
            case h11.EndOfMessage():
                self._finish()
            case h11.InformationalResponse():
                self._interim += 1
                if event.status_code == 101 or self._interim > _INTERIM_MAX:
                    raise GarbledError
            case _:
                raise BrokenError("the venue closed")

    def _look_at_headers(self) -> None:
        for name, value in self._headers:
            lower = name.lower()
            # h11 has seen to it that the length is digits only, twenty at most.
            if lower == b"content-length":
                if int(value) > self._max_body_bytes:
                    raise TooLargeError
            elif lower == b"keep-alive":
                told = _KEEP_ALIVE.search(value)
                self.server_keeps_s = float(told[1]) if told is not None else None

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_body_bytes:
            raise TooLargeError

    def _finish(self) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        transport, parser = self._transport, self._parser
        assert transport is not None
        answer = Answer(self._status, self._headers, b"".join(self._parts))
        self._parts = []
        self._size = self._interim = 0
        self.idle_since_s = self._heard_s
        is_reusable = (
            parser.our_state is h11.DONE
            and parser.their_state is h11.DONE
            and parser.trailing_data == (b"", False)
            and transport.get_write_buffer_size() == 0
        )
        if is_reusable:
            parser.start_next_cycle()
        else:
            self.abort()
        if not waiting.done():
            waiting.set_result(answer)

    def _fresh_parser(self) -> None:
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MAX)

    def _fail(self, why: ExchangeError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(why)

    def _lose(self) -> None:
        if self.is_open:
            self.is_open = False
            self._on_lost(self)

    def _look_at_the_clock(self, read_timeout_s: float) -> None:
        """The read timeout may be over; bytes that came since extend it."""
        left_s = self._heard_s + read_timeout_s - self._loop.time()
        if left_s > 0:
            self._patience = self._loop.call_later(
                left_s, self._look_at_the_clock, read_timeout_s
            )
            return
        self._fail(SilentError())
        self.abort()
