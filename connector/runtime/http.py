"""HTTP: signed bytes out, an answer back, and certainty about what may have left.

This is the one importer of httpx. Only its transport is used, never its client: a
client follows redirects, keeps cookies, reads the environment and logs full URLs at
INFO, and a signed URL is as good as a key until it expires.

What may have left. `NotSent` is raised when it is certain that no byte of the request
left; everything else is `MaybeSent`. The moment before the first byte is written is
announced; a failure before that is `NotSent`, from then on nothing is certain.

`HttpTransport` is httpx's transport over connections of our own (`http_pool`,
`http_connection`). Any other httpx transport, a mock for instance, can stand in its
place.

Nothing of a request (URL, headers, body) and no foreign exception is reachable from
what is raised: failures are built inside, raised outside of the except blocks, and
name method and origin only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping

import httpx

from connector.dialect.wire import HttpAnswer, HttpWire
from connector.errors import ConfigError, MaybeSent, NetworkError, NotSent
from connector.runtime.hosts import AllowList, Origin
from connector.runtime.http_connection import (
    Ask,
    ExchangeError,
    GarbledError,
    SilentError,
    TooLargeError,
)
from connector.runtime.http_pool import BusyError, Pool, PoolError
from connector.runtime.tls import require_verified, verified_context

MIB = 1024 * 1024

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_DEFAULTS = (
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "connector"),
)
# Raised before anything of the request is written, and only then.
_NEVER_WROTE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _UnreadableError(Exception):
    """The answer cannot be used: too large, or an encoding we cannot undo."""


class HttpTransport(httpx.AsyncBaseTransport):
    """httpx's transport over our own connections: HTTP/1.1, no proxy, no redirect.

    Answers come whole, at most *max_body_bytes* as received. Heeds the extensions
    ``timeout`` (connect, which is also the bound of waiting for a free connection,
    and read), ``target`` and ``on_write``, a function that is called just before the
    first byte may be written; what it raises stops the request.

    Raises httpx's own exceptions: ConnectError, ConnectTimeout and PoolTimeout mean
    that nothing was written.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        max_connections: int,
        max_body_bytes: int,
        keepalive_s: float,
    ) -> None:
        self._pool = Pool(
            tls=tls,
            max_connections=max_connections,
            max_body_bytes=max_body_bytes,
            keepalive_s=keepalive_s,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        given = request.extensions
        origin = given.get("origin") or _origin_of(request.url)
        target = given.get("target") or request.url.raw_path
        body = await request.aread()
        ask = Ask(request.method.encode("ascii"), target, request.headers.raw, body)
        timeouts = given.get("timeout", {})
        try:
            answer = await self._pool.exchange(
                origin,
                ask,
                connect_timeout_s=timeouts.get("connect", _PATIENCE_S),
                read_timeout_s=timeouts.get("read", _PATIENCE_S),
                on_write=given.get("on_write"),
            )
        except TooLargeError:
            raise _UnreadableError("the answer is larger than allowed") from None
        except _TOLD as exc:
            kind = next(kind for ours, kind in _IN_HTTPX if isinstance(exc, ours))
            raise kind(_WHY[kind.__name__], request=request) from exc
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(answer.body),
            request=request,
        )

    async def warm(
        self, origin: Origin, count: int, *, for_s: float, connect_timeout_s: float
    ) -> None:
        """Have *count* connections to *origin* that last for another *for_s*.

        Raises httpx.ConnectError and ConnectTimeout.
        """
        try:
            await self._pool.warm(
                origin, count, for_s=for_s, connect_timeout_s=connect_timeout_s
            )
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(_WHY["ConnectTimeout"]) from exc
        except OSError as exc:
            raise httpx.ConnectError(_WHY["ConnectError"]) from exc
        except PoolError:
            return  # closed meanwhile

    async def aclose(self) -> None:
        await self._pool.close()


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
        # What our transport needs of a URL is the origin; parsing a long one costs as
        # much as the rest of building a request.
        self._urls = {origin: httpx.URL(str(origin)) for origin in allow.origins}
        self._own: HttpTransport | None = None
        if transport is None:
            transport = self._own = HttpTransport(
                tls=require_verified(tls or verified_context()),
                max_connections=max_connections,
                max_body_bytes=max_response_bytes,
                keepalive_s=keepalive_s,
            )
        self._transport = transport

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
        attempt = _Attempt(
            f"{wire.method} request",
            on_bytes_may_leave,
            is_announced=self._own is not None,
        )
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
        if self._own is None:
            return
        try:
            await self._own.warm(
                origin,
                connections,
                for_s=for_s,
                connect_timeout_s=self._connect_timeout_s,
            )
        except _NEVER_WROTE as exc:
            why = _WHY[type(exc).__name__]
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
        await self._transport.aclose()

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
        # httpx.URL re-encodes what it finds odd; signed bytes go as they are.
        extensions = {
            "timeout": {"connect": connect_s, "read": read_s},
            "origin": origin,
            "target": target.encode("ascii"),
        }
        return httpx.Request(
            wire.method,
            self._urls[origin] if self._own is not None else httpx.URL(wire.url),
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
        if self._own is not None:
            request.extensions["on_write"] = attempt.announce
        else:
            attempt.announce()
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            headers = _lower_case(response.headers.raw)
            body = await _read(stream, headers, self._max_response_bytes)
        finally:
            await stream.aclose()
        return HttpAnswer(status=response.status_code, headers=headers, body=body)


class _Attempt:
    """One request's way out: whether bytes may have left, and what a failure means."""

    __slots__ = ("_may_have_left", "_on_bytes_may_leave", "is_announced", "what")

    def __init__(
        self,
        what: str,
        on_bytes_may_leave: Callable[[], None] | None,
        *,
        is_announced: bool,
    ) -> None:
        self.what = what
        self.is_announced = is_announced  # else only httpx's kind of failure tells
        self._on_bytes_may_leave = on_bytes_may_leave
        self._may_have_left = False

    def announce(self) -> None:
        """Called just before the first byte may be written."""
        if self._on_bytes_may_leave is not None:
            self._on_bytes_may_leave()
        self._may_have_left = True

    def failure(self, exc: Exception, timeout_s: float) -> NetworkError:
        """*exc* in our words, without any reference to it."""
        if isinstance(exc, _UnreadableError):
            why = str(exc)
        elif type(exc) is TimeoutError:
            why = f"no complete answer within {timeout_s:g} s"
        else:
            why = _WHY.get(type(exc).__name__, type(exc).__name__)
        is_certain = not self.is_announced and isinstance(exc, _NEVER_WROTE)
        if is_certain or not self._may_have_left:
            return NotSent(f"{self.what}: not sent: {why}")
        return MaybeSent(f"{self.what}: may have been sent: {why}")


_PATIENCE_S = 5.0  # httpx's own, for requests that say nothing

_IN_HTTPX: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    # The first match counts.
    (BusyError, httpx.PoolTimeout),
    (PoolError, httpx.ConnectError),
    (TimeoutError, httpx.ConnectTimeout),
    (OSError, httpx.ConnectError),
    (SilentError, httpx.ReadTimeout),
    (GarbledError, httpx.RemoteProtocolError),
    (ExchangeError, httpx.ReadError),
)
_TOLD = tuple(ours for ours, _ in _IN_HTTPX)

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


def _origin_of(url: httpx.URL) -> Origin:
    default = {"http": 80, "https": 443}[url.scheme]
    return Origin(url.scheme, url.host, url.port or default)


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
