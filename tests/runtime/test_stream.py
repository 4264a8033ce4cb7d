"""Tests of connector.runtime.stream against real servers on loopback: talking."""

from __future__ import annotations

import asyncio

import pytest
from raw_streams import (
    channel,
    collect,
    echo,
    raw_venue,
    run,
    shake_hands,
    silent,
    stream_to,
    until,
    venue,
)
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from connector.errors import StreamLost

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
