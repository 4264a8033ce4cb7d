"""HTTP: signed bytes out, an answer back, and certainty about what may have left.

No redirects, no cookies, no proxies, nothing from the environment, and no log: a
signed URL is as good as a key until it expires.

What may have left. `NotSent` is raised when it is certain that no byte of the request
left; everything else is `MaybeSent`. The moment before the first byte is written is
announced; a failure before that is `NotSent`, from then on nothing is certain.

Connections are our own (`http_pool`, `http_connection`). Any transport of httpx, a
mock for instance, can stand in their place (`httpx_bridge`).

Nothing of a request (URL, headers, body) and no foreign exception is reachable from
what is raised: failures are built inside, raised outside of the except blocks, and
name method and origin only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from connector.dialect.wire import HttpAnswer, HttpWire
from connector.errors import ConfigError, MaybeSent, NetworkError, NotSent
from connector.runtime.hosts import AllowList, Origin
from connector.runtime.http_connection import Answer, Ask, ExchangeError
from connector.runtime.http_pool import Pool, PoolError
from connector.runtime.tls import require_verified, verified_context

if TYPE_CHECKING:
    import httpx

MIB = 1024 * 1024

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_DEFAULTS = {
    "accept": (b"Accept", b"*/*"),
    "accept-encoding": (b"Accept-Encoding", b"gzip"),
    "user-agent": (b"User-Agent", b"connector"),
}


class _UnreadableError(Exception):
    """The answer cannot be used: too large, or an encoding we cannot undo."""


class Exchanger(Protocol):
    """What carries requests: `Pool`, or a transport of httpx behind the bridge."""

    async def exchange(
        self,
        origin: Origin,
        ask: Ask,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        on_write: Callable[[], None] | None = None,
    ) -> Answer:
        """See `Pool.exchange`; PoolError means that nothing was written."""
        ...

    async def warm(
        self, origin: Origin, count: int, *, for_s: float, connect_timeout_s: float
    ) -> None:
        """See `Pool.warm`."""
        ...

    async def close(self) -> None:
        """See `Pool.close`."""
        ...


class HttpChannel:
    """Keep-alive HTTP/1.1 connections to the hosts of one environment.

    *connect_timeout_s* bounds the wait for a connection (DNS, TCP, TLS, a free slot
    in the pool), *read_timeout_s* the wait for the next bytes, and `send` takes a
    bound for the whole. An answer above *max_response_bytes*, as received or
    decompressed, is `MaybeSent`. At most *max_connections* are open; further
    requests wait. Idle connections are given up after *keepalive_s*.

    *transport* replaces the network in tests. It need not announce when it writes:
    bytes count as possibly sent from the moment it is called.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        max_response_bytes: int = 32 * MIB,
        max_connections: int = 20,
        keepalive_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises ConfigError for a *tls* context that does not verify."""
        self._allow = allow
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._keepalive_s = keepalive_s
        self._max_response_bytes = max_response_bytes
        self._pool: Exchanger
        if transport is None:
            self._pool = Pool(
                tls=require_verified(tls or verified_context()),
                max_connections=max_connections,
                max_body_bytes=max_response_bytes,
                keepalive_s=keepalive_s,
            )
        else:
            from connector.runtime.httpx_bridge import Foreign

            self._pool = Foreign(transport, max_body_bytes=max_response_bytes)

    async def send(
        self,
        wire: HttpWire,
        *,
        timeout_s: float,
        on_bytes_may_leave: Callable[[], None] | None = None,
    ) -> HttpAnswer:
        """Send *wire* untouched and return the answer, whatever its status.

        *on_bytes_may_leave* is called at most once, just before the first byte may
        be written; what it raises stops the request. When `send` is cancelled,
        CancelledError passes, and the call tells whether the request may have left.

        Raises ConfigError for a host that is not allowed (nothing was sent),
        NotSent (also after *on_bytes_may_leave*: then it is certain after all) and
        MaybeSent. *timeout_s* bounds everything.
        """
        attempt = _Attempt(f"{wire.method} request", on_bytes_may_leave)
        failure: BaseException
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(wire, attempt, timeout_s)
        except (asyncio.CancelledError, ConfigError) as exc:
            # The frames below hold the URL among their locals.
            failure = exc.with_traceback(None)
        except Exception as exc:
            failure = attempt.failure(exc, timeout_s)
        try:
            raise failure
        finally:
            del failure  # it refers to this frame, which refers to it

    async def warm(self, url: str, *, connections: int = 1, for_s: float = 0.0) -> None:
        """Have connections ready to the host of *url*: TCP and TLS, nothing is asked.

        They last for another *for_s*, if the venue does not close them. Raises
        ConfigError for a host that is not allowed, and NotSent. With another
        transport than ours there is nothing to warm.
        """
        origin, _ = self._allow.split(url)
        try:
            await self._pool.warm(
                origin,
                connections,
                for_s=for_s,
                connect_timeout_s=self._connect_timeout_s,
            )
        except PoolError as exc:
            why = exc.why
        else:
            return
        raise NotSent(f"{origin}: {why}")

    async def keep_warm(self, url: str, *, connections: int = 2) -> None:
        """`warm` for ever, so that no order waits for a handshake; cancel it.

        A venue that cannot be reached is tried again after a third of the time
        that idle connections are kept.
        """
        every_s = self._keepalive_s / 3
        while True:
            with contextlib.suppress(NotSent):
                await self.warm(url, connections=connections, for_s=every_s)
            await asyncio.sleep(every_s)

    async def close(self) -> None:
        """Close every connection; requests under way fail as `MaybeSent`."""
        await self._pool.close()

    async def _exchange(
        self, wire: HttpWire, attempt: _Attempt, timeout_s: float
    ) -> HttpAnswer:
        origin, target = self._allow.split(wire.url)
        attempt.what = f"{wire.method} {origin}"
        answer = await self._pool.exchange(
            origin,
            _ask_of(wire, origin, target),
            connect_timeout_s=min(self._connect_timeout_s, timeout_s),
            read_timeout_s=min(self._read_timeout_s, timeout_s),
            on_write=attempt.announce,
        )
        headers = _lower_case(answer.headers)
        body = _decoded(headers, answer.body, self._max_response_bytes)
        return HttpAnswer(status=answer.status, headers=headers, body=body)


def _ask_of(wire: HttpWire, origin: Origin, target: str) -> Ask:
    """*wire* with the headers that frame it; its own bytes are not touched."""
    headers = [(b"Host", origin.authority.encode("ascii"))]
    given = set()
    for name, value in wire.headers:
        given.add(name.lower())
        headers.append((name.encode("ascii"), value.encode("ascii")))
    assert given.isdisjoint(_OURS), "a dialect must not set framing headers"
    headers += [pair for name, pair in _DEFAULTS.items() if name not in given]
    if wire.body or wire.method in _WITH_LENGTH:
        headers.append((b"Content-Length", b"%d" % len(wire.body)))
    return Ask(wire.method.encode("ascii"), target.encode("ascii"), headers, wire.body)


class _Attempt:
    """One request's way out: whether bytes may have left, and what a failure means."""

    __slots__ = ("_may_have_left", "_on_bytes_may_leave", "what")

    def __init__(
        self, what: str, on_bytes_may_leave: Callable[[], None] | None
    ) -> None:
        self.what = what
        self._on_bytes_may_leave = on_bytes_may_leave
        self._may_have_left = False

    def announce(self) -> None:
        """Called just before the first byte may be written."""
        if self._on_bytes_may_leave is not None:
            self._on_bytes_may_leave()
        self._may_have_left = True

    def failure(self, exc: Exception, timeout_s: float) -> NetworkError:
        """*exc* in our words, without any reference to it."""
        if isinstance(exc, PoolError | ExchangeError):
            why = exc.why
        elif isinstance(exc, _UnreadableError):
            why = str(exc)
        elif type(exc) is TimeoutError:
            why = f"no complete answer within {timeout_s:g} s"
        else:
            why = type(exc).__name__
        if isinstance(exc, PoolError) or not self._may_have_left:
            return NotSent(f"{self.what}: not sent: {why}")
        return MaybeSent(f"{self.what}: may have been sent: {why}")


def _lower_case(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case, repeated ones joined by commas (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _decoded(headers: Mapping[str, str], body: bytes, limit: int) -> bytes:
    """The body without its encoding; _UnreadableError above *limit* bytes."""
    encoding = headers.get("content-encoding")
    if encoding is None:
        return body
    encoding = encoding.strip().lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise _UnreadableError("the answer has an encoding nobody asked for")
    inflater = _Inflater(limit)
    body = inflater.feed(body)
    if len(body) > limit:
        raise _UnreadableError(f"the answer is larger than {limit} bytes")
    inflater.finish()
    return body


class _Inflater:
    """gzip or zlib, never producing more than *limit* bytes plus one per call."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inflate = self._fresh()
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """What *data* adds; _UnreadableError if it is not compressed data."""
        out = bytearray()
        try:
            while data and len(out) <= self._limit:
                if self._inflate.eof:  # gzip allows several members in a row
                    self._inflate = self._fresh()
                self._has_begun = True
                out += self._inflate.decompress(data, self._limit + 1 - len(out))
                data = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error:
            raise _UnreadableError("the compressed answer is damaged") from None
        return bytes(out)

    def finish(self) -> None:
        """_UnreadableError if the compressed data ended too early."""
        if self._has_begun and not self._inflate.eof:
            raise _UnreadableError("the compressed answer is cut short")

    @staticmethod
    def _fresh() -> zlib._Decompress:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
