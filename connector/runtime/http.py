"""HTTP: signed bytes out, an answer back, and certainty about what may have left.

This is the one importer of httpx. Only its transport is used, never its client: a
client follows redirects, keeps cookies, reads the environment and logs full URLs at
INFO, and a signed URL is as good as a key until it expires.

What may have left. `NotSent` is raised when it is certain that no byte of the request
left; everything else is `MaybeSent`. The transport announces the moment before the
first byte is written (httpcore's trace extension, ``send_request_headers.started``).
A failure before that is `NotSent`; from then on nothing is certain.

Stale connections. httpcore 1.0 looks whether an idle connection became readable
(the server closed it) before it uses it again, and then connects anew. If the server
closes in the gap between that look and our write, the request fails as `MaybeSent`;
httpcore never sends it a second time. Its only retry is for a connection which
another request took first, before a byte was written.

Interrupted requests. When a task is cancelled (or its asyncio.timeout ends) while
httpcore tidies up, httpcore 1.0 forgets the connection: its slot in the pool stays
taken for ever, and after as many of them as there are slots no request would ever
leave again. So interrupted requests are counted, and after half as many as there are
slots the pool is replaced; the old one is closed when its last request is done. What
remains: in a test that cancels hundreds of requests while they connect, now and then
one idle socket (nothing was written to it) is closed only by the garbage collector.

Nothing of a request (URL, headers, body) and no foreign exception is reachable from
what is raised: failures are built inside, raised outside of the except blocks, and
name method and origin only.

Cost of httpcore: it finds out which async library runs by importing sniffio, several
times per request. httpx does not bring sniffio; without it each of those imports is
a failing search of the whole path, which is why it is a dependency of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import httpx

from connector.dialect.wire import HttpAnswer, HttpWire
from connector.errors import ConfigError, MaybeSent, NetworkError, NotSent
from connector.runtime.hosts import AllowList, Origin
from connector.runtime.tls import require_verified, verified_context

MIB = 1024 * 1024

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_DEFAULTS = (
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "connector"),
)
# Raised by httpcore before anything of the request is written, and only then.
_NEVER_WROTE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _UnreadableError(Exception):
    """The answer cannot be used: too large, or an encoding we cannot undo."""


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
        self._max_response_bytes = max_response_bytes
        self._announces = transport is None
        # What httpcore needs of a URL is the origin; parsing a long one costs as much
        # as the rest of building a request.
        self._urls = {origin: httpx.URL(str(origin)) for origin in allow.origins}
        self._max_connections = max_connections
        self._keepalive_s = keepalive_s
        self._tls = require_verified(tls or verified_context())
        self._pool = _Pool(transport or self._fresh_transport())
        self._retired: set[_Pool] = set()

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
            await attempt.abandon()
            raise failure
        finally:
            del failure  # it refers to this frame, which refers to it

    async def warm(self, url: str, *, timeout_s: float | None = None) -> None:
        """Have a connection ready to the host of *url*, an unsigned GET.

        httpcore cannot connect without a request, so take the venue's cheapest path
        and pay for it at the limiter. Raises as `send` does.
        """
        wire = HttpWire(method="GET", url=url, headers=(), body=b"", deadline_ms=None)
        bound = self._connect_timeout_s + self._read_timeout_s
        await self.send(wire, timeout_s=bound if timeout_s is None else timeout_s)

    async def close(self) -> None:
        """Close every connection; requests under way fail as `MaybeSent`."""
        for pool in (self._pool, *self._retired):
            await pool.close()

    def _fresh_transport(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(
            verify=self._tls,
            trust_env=False,
            http1=True,
            http2=False,
            retries=0,
            limits=httpx.Limits(
                max_connections=self._max_connections,
                # httpcore counts busy connections as idle ones here, so a lower
                # number would close warm connections for no reason.
                max_keepalive_connections=self._max_connections,
                keepalive_expiry=self._keepalive_s,
            ),
        )

    def _request(
        self,
        wire: HttpWire,
        origin: Origin,
        target: str,
        timeout_s: float,
    ) -> httpx.Request:
        assert not any(name.lower() in _OURS for name, _ in wire.headers), (
            "a dialect must not set framing headers"
        )
        given = {name.lower() for name, _ in wire.headers}
        headers = [("Host", origin.authority), *wire.headers]
        headers += [pair for pair in _DEFAULTS if pair[0].lower() not in given]
        if wire.body or wire.method in {"POST", "PUT", "PATCH"}:
            headers.append(("Content-Length", str(len(wire.body))))
        connect_s = min(self._connect_timeout_s, timeout_s)
        read_s = min(self._read_timeout_s, timeout_s)
        timeouts = {
            "connect": connect_s,
            "pool": connect_s,
            "write": read_s,
            "read": read_s,
        }
        # httpx.URL re-encodes what it finds odd; signed bytes go as they are.
        extensions = {"timeout": timeouts, "target": target.encode("ascii")}
        return httpx.Request(
            wire.method,
            self._urls[origin] if self._announces else httpx.URL(wire.url),
            headers=headers,
            stream=httpx.ByteStream(wire.body),
            extensions=extensions,
        )

    async def _exchange(
        self, wire: HttpWire, attempt: _Attempt, timeout_s: float
    ) -> HttpAnswer:
        origin, target = self._allow.split(wire.url)
        attempt.what = f"{wire.method} {origin}"
        request = self._request(wire, origin, target, timeout_s)
        if self._announces:
            request.extensions["trace"] = attempt.trace
        else:
            attempt.announce()
        pool = attempt.pool = self._pool
        pool.in_flight += 1
        try:
            return await self._ask(pool.transport, request)
        except asyncio.CancelledError:
            pool.interrupted += 1
            raise
        finally:
            pool.in_flight -= 1
            await self._retire(pool)

    async def _ask(
        self, transport: httpx.AsyncBaseTransport, request: httpx.Request
    ) -> HttpAnswer:
        response = await transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            headers = _lower_case(response.headers.raw)
            body = await _read(stream, headers, self._max_response_bytes)
        finally:
            await stream.aclose()
        return HttpAnswer(status=response.status_code, headers=headers, body=body)

    async def _retire(self, pool: _Pool) -> None:
        """Replace a pool that may have lost half of its slots; close it when unused."""
        is_worn = pool.interrupted * 2 >= self._max_connections
        if is_worn and pool is self._pool and self._announces:
            self._pool = _Pool(self._fresh_transport())
            self._retired.add(pool)
        if pool in self._retired and pool.in_flight == 0:
            self._retired.discard(pool)
            await pool.close()


class _Pool:
    """A transport, how many requests use it, and how many of them were interrupted."""

    __slots__ = ("_sockets", "in_flight", "interrupted", "transport")

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.transport = transport
        self.in_flight = 0
        self.interrupted = 0
        self._sockets: list[Any] = []

    def note(self, opened: Any) -> None:
        """Remember a socket (an httpcore stream), and forget the closed ones."""
        self._sockets = [one for one in self._sockets if _is_open(one)]
        self._sockets.append(opened)

    async def close(self) -> None:
        """Close every socket, those httpcore has forgotten as well."""
        await self.transport.aclose()
        for one in self._sockets:
            await _drop(one)
        self._sockets.clear()


def _is_open(opened: Any) -> bool:
    raw = opened.get_extra_info("socket")
    return raw is not None and raw.fileno() >= 0


async def _drop(opened: Any) -> None:
    with contextlib.suppress(Exception):
        await opened.aclose()


class _Attempt:
    """One request's way out: whether bytes may have left, and what a failure means."""

    __slots__ = ("_half_open", "_may_have_left", "_on_bytes_may_leave", "pool", "what")

    def __init__(
        self, what: str, on_bytes_may_leave: Callable[[], None] | None
    ) -> None:
        self.what = what
        self._on_bytes_may_leave = on_bytes_may_leave
        self._may_have_left = False
        self._half_open: Any = None
        self.pool: _Pool | None = None

    def announce(self) -> None:
        """Called just before the first byte may be written."""
        if self._on_bytes_may_leave is not None:
            self._on_bytes_may_leave()
        self._may_have_left = True

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's hook; it awaits this between all its steps."""
        if event == "http11.send_request_headers.started":
            self._half_open = None
            self.announce()
        elif event == "connection.connect_tcp.complete":
            self._half_open = info["return_value"]
            if self.pool is not None:
                self.pool.note(self._half_open)

    async def abandon(self) -> None:
        """Close what httpcore forgets: a socket whose TLS handshake is cancelled."""
        if self._half_open is not None:
            await _drop(self._half_open)

    def failure(self, exc: Exception, timeout_s: float) -> NetworkError:
        """*exc* in our words, without any reference to it."""
        if isinstance(exc, _UnreadableError):
            why = str(exc)
        elif type(exc) is TimeoutError:
            why = f"no complete answer within {timeout_s:g} s"
        else:
            why = _WHY.get(type(exc).__name__, type(exc).__name__)
        if isinstance(exc, _NEVER_WROTE) or not self._may_have_left:
            return NotSent(f"{self.what}: not sent: {why}")
        return MaybeSent(f"{self.what}: may have been sent: {why}")


_WHY = {
    "ConnectError": "no connection (name, port, or TLS refused)",
    "ConnectTimeout": "no connection in time",
    "PoolTimeout": "all connections were busy",
    "ReadError": "the connection broke",
    "ReadTimeout": "the venue fell silent",
    "RemoteProtocolError": "the venue closed, or does not speak HTTP",
    "WriteError": "the connection broke",
    "WriteTimeout": "the connection took no bytes",
}


def _lower_case(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case, repeated ones joined by commas (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _read(
    stream: httpx.AsyncByteStream, headers: Mapping[str, str], limit: int
) -> bytes:
    """The decoded body; _UnreadableError above *limit* bytes, decoded or not."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise _UnreadableError("the answer has an encoding nobody asked for")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > limit:
        raise _UnreadableError(f"the answer is larger than {limit} bytes")
    inflater = None if encoding == "identity" else _Inflater(limit)
    body = bytearray()
    received = 0
    async with contextlib.aclosing(_chunks(stream)) as chunks:
        async for chunk in chunks:
            received += len(chunk)
            body += chunk if inflater is None else inflater.feed(chunk)
            if received > limit or len(body) > limit:
                raise _UnreadableError(f"the answer is larger than {limit} bytes")
    if inflater is not None:
        inflater.finish()
    return bytes(body)


async def _chunks(stream: httpx.AsyncByteStream) -> AsyncGenerator[bytes, None]:
    async for chunk in stream:
        yield chunk


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
