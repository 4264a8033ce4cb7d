"""Tests of connector.runtime.stream: how streams end."""

from __future__ import annotations

import asyncio
import socket

import pytest
from raw_streams import (
    channel,
    collect,
    raw_venue,
    run,
    shake_hands,
    stream_to,
    until,
    venue,
)
from websockets.asyncio.server import ServerConnection

from connector.errors import StreamLost
from connector.runtime.stream import Stream

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
        writer.transport.pause_reading()

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
        writer.transport.pause_reading()

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
