"""The one importer of httpx: our connections for its clients, its transports for us.

Not needed while a session talks to a venue, so it is imported when somebody asks for
it: httpx brings a command line and its libraries along, 10 MiB and 100 ms.

`HttpTransport` is httpx's transport over our own connections (`http_pool`): with it
httpx's client, and what replaces it in tests, work as ever. `Foreign` is the other
direction: any transport of httpx, a mock for instance, behind our channel.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import httpx

from connector.runtime.hosts import Origin
from connector.runtime.http_connection import (
    Answer,
    Ask,
    BrokenError,
    ExchangeError,
    GarbledError,
    SilentError,
    TooLargeError,
)
from connector.runtime.http_pool import (
    BusyError,
    ClosedError,
    Pool,
    PoolError,
    RefusedError,
    UnansweredError,
)


class HttpTransport(httpx.AsyncBaseTransport):
    """httpx's transport over our own connections: HTTP/1.1, no proxy, no redirect.

    Answers come whole, at most *max_body_bytes* as received. Heeds the extensions
    ``timeout`` (connect, which is also the bound of waiting for a free connection,
    and read) and ``target``. Raises httpx's own exceptions: ConnectError,
    ConnectTimeout and PoolTimeout mean that nothing was written.
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
        target = request.extensions.get("target") or request.url.raw_path
        body = await request.aread()
        ask = Ask(request.method.encode("ascii"), target, request.headers.raw, body)
        timeouts = request.extensions.get("timeout", {})
        try:
            answer = await self._pool.exchange(
                _origin_of(request.url),
                ask,
                connect_timeout_s=timeouts.get("connect") or _PATIENCE_S,
                read_timeout_s=timeouts.get("read") or _PATIENCE_S,
            )
        except (PoolError, ExchangeError) as exc:
            kind = next(theirs for ours, theirs in _KINDS if isinstance(exc, ours))
            raise kind(exc.why, request=request) from exc
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(answer.body),
            request=request,
        )

    async def aclose(self) -> None:
        await self._pool.close()


class Foreign:
    """A transport of httpx in the place of `Pool`.

    It does not announce when it writes: bytes count as possibly sent from the moment
    it is called, unless it fails to connect. There is nothing to warm.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, *, max_body_bytes: int
    ) -> None:
        self._transport = transport
        self._max_body_bytes = max_body_bytes

    async def exchange(
        self,
        origin: Origin,
        ask: Ask,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        on_write: Callable[[], None] | None = None,
    ) -> Answer:
        """As `Pool.exchange`; what is no error of httpx comes out as it is."""
        request = httpx.Request(
            ask.method.decode("ascii"),
            f"{origin}{ask.target.decode('ascii')}",
            headers=ask.headers,
            stream=httpx.ByteStream(ask.body),
            extensions={
                "target": ask.target,
                "timeout": {"connect": connect_timeout_s, "read": read_timeout_s},
            },
        )
        if on_write is not None:
            on_write()
        try:
            response = await self._transport.handle_async_request(request)
            return await self._read(response)
        except httpx.TransportError as exc:
            failure = next(ours for ours, theirs in _KINDS if isinstance(exc, theirs))
        raise failure

    async def warm(
        self, origin: Origin, count: int, *, for_s: float, connect_timeout_s: float
    ) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _read(self, response: httpx.Response) -> Answer:
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        body = bytearray()
        try:
            async for part in stream:
                body += part
                if len(body) > self._max_body_bytes:
                    raise TooLargeError
        finally:
            await stream.aclose()
        return Answer(response.status_code, response.headers.raw, bytes(body))


_PATIENCE_S = 5.0  # httpx's own, for requests that say nothing

# Ours and httpx's, both ways; the first match counts.
_KINDS: tuple[
    tuple[type[PoolError | ExchangeError], type[httpx.TransportError]], ...
] = (
    (BusyError, httpx.PoolTimeout),
    (UnansweredError, httpx.ConnectTimeout),
    (RefusedError, httpx.ConnectError),
    (ClosedError, httpx.ConnectError),
    (SilentError, httpx.ReadTimeout),
    (GarbledError, httpx.RemoteProtocolError),
    (BrokenError, httpx.TransportError),
    (TooLargeError, httpx.ReadError),
)


def _origin_of(url: httpx.URL) -> Origin:
    default = {"http": 80, "https": 443}[url.scheme]
    return Origin(url.scheme, url.host, url.port or default)
