"""The wire below the protocols: HTTP/1.1 and WebSocket on one port."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


async def raw(bench: Any, data: bytes, *, pieces: int = 1) -> bytes:
    """Everything the server answers to *data*, until it closes."""
    host, port = bench.urls["rest"].removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    size = -(-len(data) // pieces)
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        await writer.drain()
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


PING = b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /fapi/v1/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_pipelined_requests_are_answered_in_order(stage: Any, pieces: int) -> None:
    """Several requests in any cut of the byte stream, each answered once."""

    async def story(bench: Any) -> None:
        answer = await raw(bench, PING * 3 + LAST, pieces=pieces)
        assert answer.count(b"HTTP/1.1 200") == 4
        assert answer.endswith(b'{"serverTime":1795341600000}')

    stage(story)


def test_a_delayed_reply_holds_back_the_pipeline(stage: Any) -> None:
    """A late answer to the first request still comes first."""

    async def story(bench: Any) -> None:
        bench.control("delay_reply", path="/time", ms=20)
        first = LAST.replace(b"Connection: close\r\n", b"")
        last = PING.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
        answer = await raw(bench, first + last)
        assert answer.index(b"serverTime") < answer.rindex(b"{}")

    stage(story)


def test_a_pipeline_behind_a_hanging_call_is_bounded(stage: Any) -> None:
    """A megabyte of requests behind an unanswered one ends the connection."""

    async def story(bench: Any) -> None:
        bench.control("hang", path="/time")
        with suppress(ConnectionError):
            assert await raw(bench, LAST + PING * 40_000) == b""
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 200

    stage(story)


def test_chunked_and_plain_bodies_are_the_same_to_the_venue(stage: Any) -> None:
    """A form body may come in chunks."""

    async def story(bench: Any) -> None:
        form = bench.signed({"symbol": "BTCUSDT", "leverage": 5}).encode()
        head = (
            b"POST /fapi/v1/leverage HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: benchkey\r\n"
        )
        head += (
            b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        )
        chunks = b"".join(
            b"%x\r\n%s\r\n" % (len(form[i : i + 7]), form[i : i + 7])
            for i in range(0, len(form), 7)
        )
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        plain = head + b"Content-Length: %d\r\n\r\n" % len(form) + form
        for request in (chunked, plain):
            assert b'"leverage":5' in await raw(bench, request)

    stage(story)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /" + b"a" * 70_000, b"431"),
    ],
    ids=["no request", "no host", "no such path", "header too large"],
)
def test_bad_requests_are_refused(
    stage: Any, request_bytes: bytes, status: bytes
) -> None:
    """Whatever arrives is answered with a status; the server goes on."""

    async def story(bench: Any) -> None:
        answer = await raw(bench, request_bytes)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 200

    stage(story)


def test_a_body_too_large_is_refused(stage: Any) -> None:
    """Above one megabyte: 413, and the connection ends."""

    async def story(bench: Any) -> None:
        answer = await bench.http.post("/fapi/v1/order", content=b"a" * (1 << 21))
        assert answer.status_code == 413

    stage(story)


def test_a_client_may_ask_before_it_sends_its_body(stage: Any) -> None:
    """``Expect: 100-continue`` gets its go-ahead, then the answer."""

    async def story(bench: Any) -> None:
        form = bench.signed({"symbol": "BTCUSDT", "leverage": 5}).encode()
        head = (
            b"POST /fapi/v1/leverage HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: benchkey\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(form)
        )
        host, port = bench.urls["rest"].removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            writer.write(head)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(form)
            assert b'"leverage":5' in await reader.read()
        writer.close()
        await writer.wait_closed()

    stage(story)


def test_a_message_too_large_ends_the_socket(stage: Any) -> None:
    """Above one megabyte: 1009, as the WebSocket standard says."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        with suppress(ConnectionClosed):
            await socket.send("a" * (1 << 21))
        await asyncio.wait_for(socket.wait_closed(), 5)
        assert socket.close_code == 1009

    stage(story)


def test_a_client_that_does_not_read_is_dropped(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a slow client is bounded; then the connection is reset."""
    monkeypatch.setattr("connector.paper.http.BACKLOG_MAX", 100_000)

    async def story(bench: Any) -> None:
        host, port = bench.urls["rest"].removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        info = b"GET /fapi/v1/exchangeInfo HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.transport.pause_reading()
        for _ in range(40):
            if not bench.server.connections_of(None):
                break
            writer.write(info * 100)
            await asyncio.sleep(0.01)
        assert bench.server.connections_of(None) == []
        writer.transport.abort()

    stage(story)


def test_connections_are_kept_alive(stage: Any) -> None:
    """Many calls use one connection."""

    async def story(bench: Any) -> None:
        for _ in range(20):
            await bench.http.get("/fapi/v1/ping")
        assert len(bench.server.connections_of(None)) == 1

    stage(story)


def test_a_handshake_that_is_none_is_refused(stage: Any) -> None:
    """Unknown paths do not upgrade; a broken handshake is answered, not hung."""

    async def story(bench: Any) -> None:
        with pytest.raises(InvalidStatus):
            await bench.socket("/nowhere")
        broken = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
        assert b"HTTP/1.1 4" in await raw(bench, broken)

    stage(story)


def test_pings_are_answered_and_closing_is_clean(stage: Any) -> None:
    """A protocol ping gets its pong, a close its close."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        await asyncio.wait_for(await socket.ping(b"abc"), 5)
        await asyncio.wait_for(socket.close(), 2)
        assert socket.close_code == 1000

    stage(story)


def test_fragmented_and_binary_messages_are_read(stage: Any) -> None:
    """A request may come in fragments."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        await socket.send(['{"method":"LIST', '_SUBSCRIPTIONS","id":5}'])
        assert await bench.read(socket) == {"result": [], "id": 5}

    stage(story)


def test_what_follows_the_handshake_at_once_is_not_lost(stage: Any) -> None:
    """Frames in the same packet as the handshake are read."""

    async def story(bench: Any) -> None:
        host, port = bench.urls["rest"].removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /market/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            b"\x89\x80\x00\x00\x00\x00"  # a masked empty ping
        )
        async with asyncio.timeout(5):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\x8a\x00"
        writer.close()
        await writer.wait_closed()

    stage(story)


def test_close_drops_everything(stage: Any) -> None:
    """After close no connection is left and nobody is accepted."""

    async def story(bench: Any) -> None:
        socket = await bench.socket("/market/ws")
        await bench.server.close()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        with pytest.raises(OSError):
            await connect(bench.urls["stream"] + "/market/ws", proxy=None)
        await bench.server.close()

    stage(story)
