"""Tests of connector.runtime.http: against real servers on loopback, and respx."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import logging
import socket
import ssl
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import sniffio

from connector.dialect.wire import HttpWire
from connector.errors import ConfigError, MaybeSent, NetworkError, NotSent
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel

CANARY = "canary5ignature"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Talk = Callable[["Connection"], Awaitable[None]]


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main

    asyncio.run(bounded())


async def until(fact: Callable[[], bool]) -> None:
    while not fact():
        await asyncio.sleep(0.001)


class Connection:
    """The server's end of one TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The next request, head and body; IncompleteReadError at the end."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head + await self._reader.readexactly(length)

    def reset(self) -> None:
        """Close at once, telling the client with a reset."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


class Venue:
    """A server that talks as told and remembers the requests it read."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._is_over = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []

    async def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        connection = Connection(reader, writer)
        read = connection.request

        async def remembered() -> bytes:
            request = await read()
            self.requests.append(request)
            return request

        connection.request = remembered  # type: ignore[method-assign]
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._talk(connection)
                await self._is_over.wait()
        finally:
            writer.transport.abort()

    async def end(self) -> None:
        self._is_over.set()
        if self._tasks:
            # A client socket that httpcore forgot (ARCHITECTURE, "Known limits") never
            # ends by itself; aborting our side closes it here and not in a later test.
            _, waiting = await asyncio.wait(self._tasks, timeout=1)
            for task in waiting:
                task.cancel()
            if waiting:
                await asyncio.wait(waiting)


@contextlib.asynccontextmanager
async def venue(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[Venue]:
    served = Venue(talk)
    server = await asyncio.start_server(served.accept, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        served.url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        yield served
        await served.end()


@contextlib.asynccontextmanager
async def channel_to(url: str, **options: Any) -> AsyncIterator[HttpChannel]:
    options = {"connect_timeout_s": 5, "read_timeout_s": 5, **options}
    channel = HttpChannel(AllowList([url]), **options)
    try:
        yield channel
    finally:
        await channel.close()


def post(
    url: str, target: str = f"/order?signature={CANARY}", **given: Any
) -> HttpWire:
    options: dict[str, Any] = {
        "method": "POST",
        "headers": (("X-Key", CANARY),),
        "body": f"secret={CANARY}".encode(),
        "deadline_ms": None,
        **given,
    }
    return HttpWire(url=f"{url}{target}", **options)


async def answering(connection: Connection) -> None:
    while True:
        await connection.request()
        connection.writer.write(OK)


def shown(exc: BaseException) -> str:
    """Everything an error reporter with locals would print."""
    report = traceback.TracebackException.from_exception(exc, capture_locals=True)
    return "".join(report.format())


async def failing(
    channel: HttpChannel, wire: HttpWire, **options: Any
) -> tuple[NetworkError, bool]:
    """The error of a request that must fail, and whether bytes may have left."""
    announced: list[bool] = []
    options = {"timeout_s": 5, **options}
    with pytest.raises(NetworkError) as caught:
        await channel.send(
            wire, on_bytes_may_leave=lambda: announced.append(True), **options
        )
    assert CANARY not in shown(caught.value)
    assert len(announced) <= 1
    return caught.value, bool(announced)


# What leaves


ODD = "/v1/a%2Fb//../c;d/Ä?q='[]{}|^`\"<>()*!~&x=%zz&r=%2f%2F+&&=&signature=a+/=="


def test_bytes_on_the_wire_are_the_signed_bytes() -> None:
    """The target and the body are not touched; headers as given, plus framing."""
    target = ODD.replace("Ä", "%C3%84")

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            body = bytes(range(256))
            wire = post(
                served.url,
                target,
                method="PUT",
                headers=(("X-MBX-APIKEY", "aB+/="), ("Content-Type", "text/x")),
                body=body,
            )
            answer = await channel.send(wire, timeout_s=5)
            assert (answer.status, answer.body) == (200, b"{}")
            host = served.url.removeprefix("http://")
            expected = (
                f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: aB+/=\r\n"
                "Content-Type: text/x\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n"
                "User-Agent: connector\r\nContent-Length: 256\r\n\r\n"
            ).encode() + body
            assert served.requests == [expected]

    run(main())


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("DELETE", b"", None), ("POST", b"", "0"), ("GET", b"x", "1")],
)
def test_the_length_of_the_body_is_told(
    method: str, body: bytes, length: str | None
) -> None:
    """A POST without a body says so; a GET without one says nothing."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url, method=method, body=body), timeout_s=5)
            head = served.requests[0].decode().lower()
            assert ("content-length" in head) == (length is not None)
            if length is not None:
                assert f"content-length: {length}\r\n" in head

    run(main())


def test_one_connection_serves_many_requests() -> None:
    """HTTP/1.1 keep-alive, and `warm` opens it beforehand."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.warm(f"{served.url}/ping")
            for _ in range(5):
                await channel.send(post(served.url), timeout_s=5)
            assert served.connections == 1
            assert len(served.requests) == 6
            assert served.requests[0].startswith(b"GET /ping HTTP/1.1\r\n")

    run(main())


def test_other_hosts_are_refused_before_anything_is_sent() -> None:
    """Law 10; the query is not shown."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            wire = post(served.url.replace("127.0.0.1", "127.0.0.2"))
            with pytest.raises(ConfigError) as caught:
                await channel.send(wire, timeout_s=5)
            assert CANARY not in shown(caught.value)
            assert served.connections == 0

    run(main())


def test_the_environment_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no .netrc."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).status == 200
            assert b"uthorization" not in served.requests[0]

    run(main())


def test_redirects_and_cookies_are_left_alone() -> None:
    """A 302 is an answer; a cookie is not sent back."""

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(
                b"HTTP/1.1 302 Found\r\nLocation: /else\r\nSet-Cookie: a=1\r\n"
                b"set-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
            )

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for _ in range(2):
                answer = await channel.send(post(served.url), timeout_s=5)
            assert answer.status == 302
            assert answer.headers["set-cookie"] == "a=1, b=2"
            assert len(served.requests) == 2
            assert b"ookie" not in served.requests[1]

    run(main())


def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Law 9, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url), timeout_s=5)

    run(main())
    assert CANARY not in caplog.text


def test_the_async_library_is_found_cheaply() -> None:
    """Without sniffio httpcore searches the whole path several times per request."""
    with pytest.raises(sniffio.AsyncLibraryNotFoundError):
        sniffio.current_async_library()


# Certainly not sent


def test_a_refused_connection_is_not_sent() -> None:
    """Nothing listens: NotSent, and the caller was not told that bytes may leave."""

    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        async with channel_to(url) as channel:
            exc, announced = await failing(channel, post(url))
            assert (type(exc), announced) == (NotSent, False)
            assert url in str(exc)

    run(main())


def test_an_unknown_name_is_not_sent() -> None:
    """Name resolution fails: NotSent."""

    async def main() -> None:
        async def unknown(*_: Any, **__: Any) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        loop = asyncio.get_running_loop()
        loop.getaddrinfo = unknown  # type: ignore[method-assign, assignment]
        url = "https://venue.example"
        async with channel_to(url) as channel:
            exc, announced = await failing(channel, post(url))
            assert (type(exc), announced) == (NotSent, False)

    run(main())


def tls_server(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


def test_tls_is_verified_and_its_failure_is_not_sent(
    loopback_certificate: tuple[Path, Path],
) -> None:
    """Law 10: an unknown certificate is refused, a trusted one accepted."""
    trusting = ssl.create_default_context(cafile=loopback_certificate[0])

    async def main() -> None:
        async with venue(answering, tls_server(loopback_certificate)) as served:
            async with channel_to(served.url) as channel:
                exc, announced = await failing(channel, post(served.url))
                assert (type(exc), announced) == (NotSent, False)
            async with channel_to(served.url, tls=trusting) as channel:
                assert (await channel.send(post(served.url), timeout_s=5)).status == 200

    run(main())


def test_a_certificate_for_another_name_is_refused(
    loopback_certificate: tuple[Path, Path],
) -> None:
    """Trusted, but not for this host."""
    trusting = ssl.create_default_context(cafile=loopback_certificate[0])

    async def main() -> None:
        async with venue(answering, tls_server(loopback_certificate)) as served:
            url = served.url.replace("127.0.0.1", "localhost")
            async with channel_to(url, tls=trusting) as channel:
                exc, announced = await failing(channel, post(url))
                assert (type(exc), announced) == (NotSent, False)

    run(main())


def test_a_context_that_verifies_nothing_is_refused() -> None:
    """Not even by configuration."""
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(ConfigError):
        HttpChannel(
            AllowList(["https://venue.example"]),
            connect_timeout_s=1,
            read_timeout_s=1,
            tls=careless,
        )


@pytest.mark.parametrize("options", [{"connect_timeout_s": 0.1}, {"timeout_s": 0.1}])
def test_a_tls_handshake_that_hangs_is_not_sent(options: dict[str, float]) -> None:
    """Either bound: nothing of the request was written."""

    async def talk(connection: Connection) -> None:
        """Say nothing."""

    timeout_s = options.pop("timeout_s", 5)

    async def main() -> None:
        async with venue(talk) as served:
            url = served.url.replace("http:", "https:")
            async with channel_to(url, **options) as channel:
                exc, announced = await failing(channel, post(url), timeout_s=timeout_s)
                assert (type(exc), announced) == (NotSent, False)

    run(main())


def test_waiting_for_a_free_connection_is_not_sent() -> None:
    """The pool is busy: NotSent for the one that waited, the other goes on."""
    go_on = asyncio.Event()

    async def talk(connection: Connection) -> None:
        await connection.request()
        await go_on.wait()
        connection.writer.write(OK)

    async def main() -> None:
        async with (
            venue(talk) as served,
            channel_to(served.url, max_connections=1, connect_timeout_s=0.1) as channel,
        ):
            first = asyncio.create_task(channel.send(post(served.url), timeout_s=5))
            await asyncio.sleep(0.02)
            exc, announced = await failing(channel, post(served.url))
            assert (type(exc), announced) == (NotSent, False)
            go_on.set()
            assert (await first).status == 200

    run(main())


def test_a_callback_that_fails_stops_the_request() -> None:
    """If the caller cannot note it, nothing leaves."""

    def fail() -> None:
        raise RuntimeError(CANARY)

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            with pytest.raises(NotSent) as caught:
                await channel.send(
                    post(served.url), timeout_s=5, on_bytes_may_leave=fail
                )
            assert CANARY not in shown(caught.value)
            await asyncio.sleep(0.02)
            assert served.requests == []

    run(main())


# Perhaps sent


async def closes(connection: Connection) -> None:
    await connection.request()
    connection.writer.close()


async def resets(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def closes_unread(connection: Connection) -> None:
    connection.reset()


async def hangs(connection: Connection) -> None:
    await connection.request()


def says(data: bytes, *, and_closes: bool = True) -> Talk:
    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(data)
        if and_closes:
            await connection.writer.drain()
            connection.writer.close()

    return talk


def answer(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


BOMB = gzip.compress(bytes(50_000_000))
UNCERTAIN: dict[str, Talk] = {
    "closed after reading": closes,
    "reset after reading": resets,
    "reset without reading": closes_unread,
    "silence": hangs,
    "half a head": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "half a body, silence": says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", and_closes=False
    ),
    "half a chunk": says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    ),
    "not HTTP": says(b"220 mail.example ESMTP\r\n"),
    "endless head": says(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000),
    "too large, told": says(answer(bytes(100_001))),
    "too large, not told": says(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100_001)),
    "too large, chunked": says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"1000\r\n" + bytes(0x1000) + b"\r\n") * 30
    ),
    "too large, compressed": says(answer(BOMB, "Content-Encoding: gzip")),
    "unknown encoding": says(answer(b"x", "Content-Encoding: br")),
    "damaged gzip": says(answer(b"\x1f\x8bnonsense", "Content-Encoding: gzip")),
    "cut gzip": says(answer(gzip.compress(b"abc" * 99)[:-9], "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("talk", UNCERTAIN.values(), ids=UNCERTAIN)
def test_a_failure_after_writing_began_is_maybe_sent(talk: Talk) -> None:
    """Law 2, and the request is never sent a second time."""

    async def main() -> None:
        async with (
            venue(talk) as served,
            channel_to(
                served.url, max_response_bytes=100_000, read_timeout_s=0.2
            ) as channel,
        ):
            exc, announced = await failing(channel, post(served.url))
            assert (type(exc), announced) == (MaybeSent, True)
            await asyncio.sleep(0.02)
            assert served.connections == 1
            assert len(served.requests) <= 1
            assert served.url in str(exc)

    run(main())


def test_the_bound_of_the_whole_is_kept() -> None:
    """A venue that drips bytes is cut off at timeout_s."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.writer.write(b"x")
            await connection.writer.drain()
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            exc, announced = await failing(channel, post(served.url), timeout_s=0.15)
            assert (type(exc), announced) == (MaybeSent, True)
            assert "0.15 s" in str(exc)

    run(main())


# Stale connections


def test_a_connection_closed_while_idle_is_replaced() -> None:
    """httpcore sees the close before it writes: no failure, sent once."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(OK)
        await connection.writer.drain()
        connection.writer.close()

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for n in range(3):
                await channel.send(post(served.url, f"/{n}"), timeout_s=5)
                await asyncio.sleep(0.02)
            assert served.connections == 3
            assert len(served.requests) == 3

    run(main())


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("is_read", [True, False], ids=["after", "before"])
def test_a_connection_that_dies_under_a_request_is_not_retried(
    method: str, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes a kept connection before or after reading the next request:
    MaybeSent, and the request arrives at most once, whatever its method."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(OK)
        if is_read:
            await connection.request()
        await connection.writer.drain()
        connection.reset()

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url, "/first"), timeout_s=5)
            await asyncio.sleep(0.02)
            wire = post(served.url, "/second", method=method)
            exc, announced = await failing(channel, wire)
            assert (type(exc), announced) == (MaybeSent, True)
            await asyncio.sleep(0.02)
            assert served.connections == 1
            assert len(served.requests) == 1 + is_read
            # The next one gets a fresh connection.
            await channel.send(post(served.url, "/third"), timeout_s=5)
            assert served.connections == 2

    if not is_read:
        # The gap between httpcore's look at the socket and our write.
        monkeypatch.setattr(
            "httpcore._backends.anyio.is_socket_readable", lambda _: False
        )
    run(main())


# Cancellation


def test_cancelled_before_writing_nothing_left() -> None:
    """CancelledError passes, the callback was not called."""

    async def talk(connection: Connection) -> None:
        """Never shake hands."""

    async def main() -> None:
        announced: list[bool] = []
        async with venue(talk) as served:
            url = served.url.replace("http:", "https:")
            async with channel_to(url) as channel:
                await cancelled_while_sending(channel, url, announced, served)
                assert announced == []

    run(main())


def test_cancelled_after_writing_the_caller_knows() -> None:
    """CancelledError passes, the callback was called, and the pool stays usable."""

    async def talk(connection: Connection) -> None:
        request = await connection.request()
        if b"/order" in request:
            await connection.request()  # the client hangs up
        connection.writer.write(OK)

    async def main() -> None:
        async with (
            venue(talk) as served,
            channel_to(served.url, max_connections=2) as channel,
        ):
            for n in range(6):
                announced: list[bool] = []
                await cancelled_while_sending(channel, served.url, announced, served)
                assert announced == [True]
                assert len(served.requests) == n + 1
            answer = await channel.send(post(served.url, "/x"), timeout_s=5)
            assert answer.status == 200

    run(main())


# Now and then a socket is left to the garbage collector, cause not found: see http.py.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_requests_cut_off_at_any_moment_leave_the_channel_whole(
    loopback_certificate: tuple[Path, Path],
) -> None:
    """300 requests over TLS, cancelled or timed out at every step of their way: what
    was not announced did not arrive, nothing arrives twice, and the pool is not used
    up."""
    trusting = ssl.create_default_context(cafile=loopback_certificate[0])

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            await asyncio.sleep(0.001)
            connection.writer.write(OK)

    async def one(channel: HttpChannel, url: str, n: int, announced: set[int]) -> None:
        timeout_s = 5 if n % 2 else 0.0002 * (n % 60)
        await channel.send(
            post(url, f"/{n}-"),
            timeout_s=timeout_s,
            on_bytes_may_leave=lambda: announced.add(n),
        )

    async def main() -> None:
        announced: set[int] = set()
        async with (
            venue(talk, tls_server(loopback_certificate)) as served,
            channel_to(served.url, tls=trusting, max_connections=3) as channel,
        ):
            for start in range(0, 300, 6):
                tasks = [
                    asyncio.create_task(one(channel, served.url, n, announced))
                    for n in range(start, start + 6)
                ]
                await asyncio.sleep(0.0002 * (start % 50))
                for task in tasks[1::2]:
                    task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    assert result is None or isinstance(
                        result, NotSent | MaybeSent | asyncio.CancelledError
                    )
            answers = [
                await channel.send(post(served.url, f"/{n}-"), timeout_s=5)
                for n in range(1000, 1010)
            ]
            assert {200} == {answer.status for answer in answers}
            arrived = {int(r.split(b"/")[1].split(b"-")[0]) for r in served.requests}
            assert arrived - set(range(1000, 1010)) <= announced
            assert len(served.requests) == len(arrived)

    run(main())
    gc.collect()


async def cancelled_while_sending(
    channel: HttpChannel, url: str, announced: list[bool], served: Venue
) -> None:
    before = len(served.requests), served.connections
    task = asyncio.create_task(
        channel.send(
            post(url), timeout_s=60, on_bytes_may_leave=lambda: announced.append(True)
        )
    )
    if url.startswith("http:"):
        await until(lambda: len(served.requests) > before[0])
    else:
        await until(lambda: served.connections > before[1])
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert CANARY not in shown(caught.value)


# Answers


BODY = b'{"price":"60000.10"}' * 100
ENCODED = {
    "gzip": answer(gzip.compress(BODY), "Content-Encoding: gzip"),
    "gzip in two members": answer(
        gzip.compress(BODY[:7]) + gzip.compress(BODY[7:]), "content-encoding: GZIP"
    ),
    "deflate": answer(zlib.compress(BODY), "Content-Encoding: deflate"),
    "identity": answer(BODY, "Content-Encoding: identity"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
    + b"0\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
def test_bodies_arrive_decoded(data: bytes) -> None:
    """Whatever the framing and the encoding."""

    async def main() -> None:
        async with venue(says(data)) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).body == BODY

    run(main())


def test_an_empty_answer_with_an_encoding_is_empty() -> None:
    """204 and the like carry no gzip trailer."""

    async def main() -> None:
        data = answer(b"", "Content-Encoding: gzip")
        async with venue(says(data)) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).body == b""

    run(main())


@pytest.mark.parametrize("status", [200, 400, 418, 429, 500, 503, 599])
def test_every_status_is_an_answer(status: int) -> None:
    """What a status means is the dialect's business; header names are lower-case."""

    async def main() -> None:
        with respx.MockRouter(assert_all_called=True) as router:
            route = router.post("https://venue.example/order").respond(
                status, headers={"X-MBX-Used-Weight-1M": "7"}, content=b"[]"
            )
            async with channel_to(
                "https://venue.example",
                transport=httpx.MockTransport(router.async_handler),
            ) as channel:
                wire = post("https://venue.example", "/order?a=1")
                answer = await channel.send(wire, timeout_s=5)
                assert (answer.status, answer.body) == (status, b"[]")
                assert answer.headers["x-mbx-used-weight-1m"] == "7"
                assert route.calls.last.request.content == wire.body

    run(main())


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.WriteError, MaybeSent),
        (httpx.WriteTimeout, MaybeSent),
        (httpx.ReadError, MaybeSent),
        (httpx.ReadTimeout, MaybeSent),
        (httpx.RemoteProtocolError, MaybeSent),
        (httpx.LocalProtocolError, MaybeSent),
        (OSError, MaybeSent),
        (ssl.SSLError, MaybeSent),
        (RuntimeError, MaybeSent),
    ],
)
def test_a_transport_that_announces_nothing_is_not_believed(
    raised: type[Exception], expected: type[NetworkError]
) -> None:
    """Only failures to connect are certain; no foreign exception comes out."""

    async def main() -> None:
        with respx.MockRouter() as router:
            router.post("https://venue.example/order").mock(side_effect=raised(CANARY))
            async with channel_to(
                "https://venue.example",
                transport=httpx.MockTransport(router.async_handler),
            ) as channel:
                wire = post("https://venue.example")
                exc, _ = await failing(channel, wire)
                assert type(exc) is expected
                assert exc.__cause__ is None
                assert exc.__context__ is None

    run(main())


def test_closing_fails_what_is_under_way() -> None:
    """No request outlives its channel."""

    async def main() -> None:
        async with venue(hangs) as served, channel_to(served.url) as channel:
            task = asyncio.create_task(failing(channel, post(served.url)))
            await until(lambda: bool(served.requests))
            await channel.close()
            exc, announced = await task
            assert (type(exc), announced) == (MaybeSent, True)

    run(main())
