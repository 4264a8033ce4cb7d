"""Tests of connector.runtime.stream against real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from connector.errors import ConfigError, StreamLost, StreamRefused
from connector.model.credentials import Secret
from connector.runtime.hosts import AllowList
from connector.runtime.stream import Stream, StreamChannel

CANARY = "canary5treamkey"


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def venue(
    talk: Callable[[ServerConnection], Awaitable[None]], **options: Any
) -> AsyncIterator[str]:
    """A WebSocket server; yields its URL."""

    async def quiet(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await talk(connection)

    options.setdefault("ping_interval", None)
    async with serve(quiet, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        scheme = "wss" if "ssl" in options else "ws"
        yield f"{scheme}://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def raw_venue(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server; yields its ws URL."""
    is_over = asyncio.Event()
    handlers: set[asyncio.Task[Any]] = set()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await talk(reader, writer)
            await is_over.wait()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        is_over.set()
        if handlers:
            await asyncio.wait(handlers)


@contextlib.asynccontextmanager
async def stream_to(url: str, **options: Any) -> AsyncIterator[Stream]:
    options.setdefault("open_timeout_s", 5)
    stream = await StreamChannel(AllowList([url]), **options).open(url)
    try:
        yield stream
    finally:
        await stream.close(0.5)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def until(fact: Callable[[], bool]) -> None:
    while not fact():
        await asyncio.sleep(0.001)


async def collect(stream: Stream, into: list[int]) -> None:
    async for message in stream:
        into.append(int(message))  # noqa: PERF401  # keeps what came before an error


# Talking


def test_text_goes_out_and_comes_back_as_bytes() -> None:
    """Text frames are not decoded; UTF-8 and order are kept."""

    async def main() -> None:
        async with venue(echo) as url, stream_to(url) as stream:
            texts = ["{}", "é\U0001f511", "", "x" * 300_000]
            for text in texts:
                await stream.send(text)
            assert [await stream.recv() for _ in texts] == [t.encode() for t in texts]

    run(main())


def test_fragments_arrive_as_one_message() -> None:
    """Whole messages only, empty fragments included."""

    async def talk(connection: ServerConnection) -> None:
        await connection.send(["a", "", "b", "", "c"])
        await connection.send("d")
        await connection.wait_closed()

    async def main() -> None:
        async with venue(talk) as url, stream_to(url) as stream:
            assert [await stream.recv(), await stream.recv()] == [b"abc", b"d"]

    run(main())


def test_messages_sent_with_the_handshake_are_not_lost() -> None:
    """A venue may push before we even know that we are connected."""

    async def talk(connection: ServerConnection) -> None:
        for n in range(50):
            await connection.send(f"{n}")
        await connection.close(1001, "bye")

    async def main() -> None:
        async with venue(talk) as url, stream_to(url) as stream:
            got: list[int] = []
            with pytest.raises(StreamLost) as caught:
                await collect(stream, got)
            assert got == list(range(50))
            assert (caught.value.code, caught.value.text) == (1001, "bye")
            assert caught.value.reason == "closed by the venue"
            assert (stream.close_code, stream.close_reason) == (1001, "bye")
            assert not stream.is_open

    run(main())


def test_iteration_stops_after_our_own_close() -> None:
    """Only what we did not want is an exception."""

    async def main() -> None:
        async with venue(silent) as url, stream_to(url) as stream:
            reader = asyncio.create_task(collect(stream, []))
            await asyncio.sleep(0)
            await stream.close(1)
            await reader
            await stream.close(1)
            with pytest.raises(StreamLost, match="closed by us"):
                await stream.recv()

    run(main())


def test_cancelling_recv_loses_nothing() -> None:
    """Law 6: the message is there for the next reader."""

    async def main() -> None:
        async with venue(echo) as url, stream_to(url) as stream:
            for n in range(20):
                reader = asyncio.create_task(stream.recv())
                await asyncio.sleep(0)
                await stream.send(f"{n}")
                if n % 2:
                    await asyncio.wait({reader}, timeout=0.001 * n)
                reader.cancel()
                try:
                    got = await reader
                except asyncio.CancelledError:
                    got = await stream.recv()
                assert got == b"%d" % n

    run(main())


def test_ping_measures_the_round_trip() -> None:
    """A float in seconds, and idle time starts anew."""

    async def main() -> None:
        async with venue(silent) as url, stream_to(url) as stream:
            latency = await stream.ping(5)
            assert latency is not None
            assert 0 < latency < 5
            assert stream.idle_s < 5

    run(main())


def test_a_ping_without_a_pong_is_none_and_the_stream_stays() -> None:
    """What silence means is the caller's decision; unanswered pings are bounded."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)

    async def main() -> None:
        async with raw_venue(talk) as url, stream_to(url) as stream:
            for _ in range(10):
                assert await stream.ping(0.001) is None
            assert stream.is_open
            assert len(stream._wire.pending_pings) == 8

    run(main())


async def shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """The server side of the opening handshake (RFC 6455, section 4.2)."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = request.lower().split("sec-websocket-key: ")[1].split("\r\n")[0]
    start = request.lower().index(key)
    key = request[start : start + len(key)]
    magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1((key + magic).encode()).digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
    )


def test_the_handshake_says_no_more_than_needed() -> None:
    """Plain user agent, no compression, path and query byte for byte."""
    seen: list[Request] = []

    def look(_: ServerConnection, request: Request) -> None:
        seen.append(request)

    async def main() -> None:
        async with venue(silent, process_request=look) as url:
            odd = "/Private/ws?listenKey=aB%2f'()[]{}|^&x=%zz&y=;"
            await (await channel(url).open(f"{url}{odd}")).close(1)
            assert seen[0].path == odd
            assert seen[0].headers["User-Agent"] == "connector"
            assert "Sec-WebSocket-Extensions" not in seen[0].headers

    run(main())


def channel(url: str, **options: Any) -> StreamChannel:
    return StreamChannel(AllowList([url]), open_timeout_s=5, **options)


# Endings


def test_a_frame_above_the_cap_ends_the_stream() -> None:
    """Law 11: oversized frames are survived: told, and the connection closed."""
    closed: list[int | None] = []

    async def talk(connection: ServerConnection) -> None:
        await connection.send("small")
        await connection.send("x" * 1001)
        await connection.wait_closed()
        closed.append(connection.close_code)

    async def main() -> None:
        async with (
            venue(talk) as url,
            stream_to(url, max_frame_bytes=1000) as stream,
        ):
            assert await stream.recv() == b"small"
            with pytest.raises(StreamLost, match="larger than the cap") as caught:
                await stream.recv()
            assert caught.value.code == 1009
            await until(lambda: bool(closed))
            assert closed == [1009]

    run(main())


def test_fragments_above_the_cap_end_the_stream() -> None:
    """The cap is for the message, in however many pieces."""

    async def talk(connection: ServerConnection) -> None:
        await connection.send(["x" * 300] * 4)
        await connection.wait_closed()

    async def main() -> None:
        async with (
            venue(talk) as url,
            stream_to(url, max_frame_bytes=1000) as stream,
        ):
            with pytest.raises(StreamLost, match="larger than the cap"):
                await stream.recv()

    run(main())


BAD_FRAMES = {
    "reserved bits": b"\xf1\x00",
    "unknown opcode": b"\x83\x00",
    "masked by the server": b"\x81\x81abcdx",
    "stray continuation": b"\x80\x01x",
    "long ping": b"\x89\x7e\x00\x7e" + b"x" * 126,
    "bad close code": b"\x88\x02\x00\x01",
    "not a frame": b"HTTP/1.1 200 OK\r\n" * 20,
}


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_broken_protocol_ends_the_stream(frame: bytes) -> None:
    """Law 11: no foreign exception, what came before is delivered, no waiting
    for a peer that never closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        writer.write(b"\x81\x02ok" + frame)

    async def main() -> None:
        async with raw_venue(talk) as url, stream_to(url) as stream:
            assert await stream.recv() == b"ok"
            started = asyncio.get_running_loop().time()
            with pytest.raises(StreamLost, match="broke the WebSocket protocol"):
                await stream.recv()
            assert asyncio.get_running_loop().time() - started < 1

    run(main())


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_vanished_peer_ends_the_stream(is_reset: bool) -> None:
    """With or without a reset: no close code, and a reason."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        writer.write(b"\x81\x017")
        await writer.drain()
        if is_reset:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        writer.close()

    async def main() -> None:
        async with raw_venue(talk) as url, stream_to(url) as stream:
            with pytest.raises(StreamLost) as caught:
                await collect(stream, [])
            assert caught.value.code is None
            assert not caught.value.maybe_sent
            with pytest.raises(StreamLost) as caught:
                await stream.send("late")
            assert not caught.value.maybe_sent
            with pytest.raises(StreamLost):
                await stream.ping(1)

    run(main())


def test_close_does_not_wait_for_a_deaf_peer() -> None:
    """Law 12: every wait has a deadline."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)

    async def main() -> None:
        async with raw_venue(talk) as url:
            stream = await channel(url).open(url)
            started = asyncio.get_running_loop().time()
            await stream.close(0.05)
            assert asyncio.get_running_loop().time() - started < 1
            assert not stream.is_open

    run(main())


def test_a_peer_that_takes_no_bytes_ends_the_stream_as_maybe_sent() -> None:
    """Law 2: what was written may have left."""
    may_leave: list[bool] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def main() -> None:
        async with (
            raw_venue(talk) as url,
            stream_to(url, send_timeout_s=0.1) as stream,
        ):
            with pytest.raises(StreamLost, match="no byte taken") as caught:
                await stream.send(
                    "x" * 15_000_000, on_bytes_may_leave=lambda: may_leave.append(True)
                )
            assert caught.value.maybe_sent
            assert may_leave == [True]
            assert not stream.is_open

    run(main())


def test_a_cancelled_send_tells_whether_bytes_may_have_left() -> None:
    """The callback comes first; CancelledError passes."""
    may_leave: list[bool] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def main() -> None:
        async with raw_venue(talk) as url, stream_to(url) as stream:
            early = asyncio.create_task(send("x", stream))
            early.cancel()
            with pytest.raises(asyncio.CancelledError):
                await early
            assert may_leave == []
            late = asyncio.create_task(send("x" * 15_000_000, stream))
            await until(lambda: bool(may_leave))
            late.cancel()
            with pytest.raises(asyncio.CancelledError):
                await late
            assert may_leave == [True]

    async def send(text: str, stream: Stream) -> None:
        await stream.send(text, on_bytes_may_leave=lambda: may_leave.append(True))

    run(main())


# A slow reader


@pytest.mark.parametrize(
    "bounds",
    [{"max_queue": 100}, {"max_queue_bytes": 100_000}],
    ids=["messages", "bytes"],
)
def test_a_slow_reader_slows_the_venue_down(bounds: dict[str, int]) -> None:
    """Law 12: the backlog is bounded, measurable, and nothing is lost."""
    sent = 0

    async def talk(connection: ServerConnection) -> None:
        nonlocal sent
        for sent in range(20_000):
            await connection.send(f"{sent:01000}")
        await connection.wait_closed()

    async def main() -> None:
        async with venue(talk) as url, stream_to(url, **bounds) as stream:
            await until(lambda: stream.is_paused)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < 19_999
            # One read of the socket (256 KiB) may go beyond the bound.
            assert 100 <= stream.backlog <= 100 + 270
            assert stream.backlog_bytes == stream.backlog * 1000
            assert stream.oldest_unread_s >= 0.05
            for n in range(20_000):
                assert int(await stream.recv()) == n
            assert (stream.backlog, stream.backlog_bytes) == (0, 0)
            assert stream.oldest_unread_s == 0
            assert not stream.is_paused

    run(main())


def test_a_paused_stream_still_closes_properly() -> None:
    """Our goodbye is answered although the backlog was full."""
    closed: list[int | None] = []

    async def talk(connection: ServerConnection) -> None:
        try:
            while True:
                await connection.send("x" * 1000)
        finally:
            closed.append(connection.close_code)

    async def main() -> None:
        async with venue(talk) as url:
            stream = await channel(url, max_queue=10).open(url)
            await until(lambda: stream.is_paused)
            backlog = stream.backlog
            await stream.close(5)
            assert stream.backlog == backlog
            await until(lambda: bool(closed))
            assert closed == [1000]

    run(main())


# Refusals


def shown(exc: BaseException) -> str:
    """Everything an error reporter with locals would print."""
    report = traceback.TracebackException.from_exception(exc, capture_locals=True)
    return "".join(report.format())


@pytest.mark.parametrize(
    ("status", "headers", "retry_after_s"),
    [
        (401, {}, None),
        (429, {"Retry-After": "17"}, 17.0),
        (503, {"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT",
               "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30.0),
        (503, {"Retry-After": "soon"}, None),
        (302, {"Location": "ws://127.0.0.1:1/elsewhere"}, None),
    ],
)  # fmt: skip
def test_a_refused_handshake_is_told(
    status: int, headers: dict[str, str], retry_after_s: float | None
) -> None:
    """Status and Retry-After as fields; redirects are refusals (law 10)."""

    async def main() -> None:
        async def talk(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            lines = [f"HTTP/1.1 {status} X", "Content-Length: 0"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

        async with raw_venue(talk) as url:
            with pytest.raises(StreamRefused) as caught:
                await channel(url).open(Secret(f"{url}/ws/{CANARY}"))
            assert caught.value.status == status
            assert caught.value.retry_after_s == retry_after_s

    run(main())


def test_every_other_failure_to_open_is_a_refusal(unused_port: int) -> None:
    """No foreign exception: refused, silent, garbage, hung up."""

    async def garbage(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")

    async def hangs_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.close()

    async def nothing(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def main() -> None:
        for talk in (garbage, hangs_up, nothing):
            async with raw_venue(talk) as url:
                opener = StreamChannel(AllowList([url]), open_timeout_s=0.2)
                with pytest.raises(StreamRefused) as caught:
                    await opener.open(Secret(f"{url}/ws/{CANARY}"))
                assert caught.value.status is None
                assert CANARY not in shown(caught.value)
        url = f"ws://127.0.0.1:{unused_port}"
        with pytest.raises(StreamRefused, match="no connection"):
            await channel(url).open(url)

    run(main())


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_other_hosts_are_refused_before_anything_is_sent() -> None:
    """Law 10, and the key in the URL is not shown."""

    async def main() -> None:
        opener = channel("ws://127.0.0.1:1")
        with pytest.raises(ConfigError) as caught:
            await opener.open(Secret(f"ws://127.0.0.1:2/ws?listenKey={CANARY}"))
        assert CANARY not in shown(caught.value)
        with pytest.raises(ConfigError, match="oddly spelled"):
            await opener.open("ws://127.0.0.1:1/path?")

    run(main())


def test_cancelling_open_leaves_nothing_behind() -> None:
    """The socket is gone and CancelledError passes."""
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()

    async def main() -> None:
        async with raw_venue(talk) as url:
            task = asyncio.create_task(channel(url).open(Secret(f"{url}/{CANARY}")))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert CANARY not in shown(caught.value)
            await gone.wait()

    run(main())


def test_nothing_of_the_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """websockets logs headers at DEBUG: off at the source."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with venue(echo, logger=logging.getLogger("server")) as url:
            logging.getLogger("server").setLevel(logging.CRITICAL)
            stream = await channel(url).open(Secret(f"{url}/ws/{CANARY}"))
            await stream.send(CANARY)
            await stream.recv()
            await stream.close(1)

    run(main())
    assert CANARY not in caplog.text


# TLS


def test_tls_is_verified(loopback_certificate: tuple[Path, Path]) -> None:
    """Law 10: an unknown certificate is refused, a known one accepted."""
    cert_file, key_file = loopback_certificate
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert_file, key_file)
    trusting = ssl.create_default_context(cafile=cert_file)

    async def main() -> None:
        async with venue(echo, ssl=server_side) as url:
            with pytest.raises(StreamRefused, match="TLS"):
                await channel(url).open(url)
            stream = await channel(url, tls=trusting).open(url)
            await stream.send("over TLS")
            assert await stream.recv() == b"over TLS"
            await stream.close(1)

    run(main())


def test_a_context_that_verifies_nothing_is_refused() -> None:
    """Not even by configuration."""
    careless = ssl.create_default_context()
    careless.check_hostname = False
    with pytest.raises(ConfigError):
        channel("wss://venue.example", tls=careless)
