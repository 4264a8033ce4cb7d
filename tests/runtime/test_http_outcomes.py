"""Tests of connector.runtime.http: what is known of a request that failed."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from raw_http import (
    CANARY,
    OK,
    Connection,
    Talk,
    answer,
    answering,
    channel_to,
    failing,
    hangs,
    post,
    run,
    says,
    shown,
    tls_server,
    venue,
)

from connector.errors import ConfigError, MaybeSent, NotSent
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel

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
        loop.getaddrinfo = unknown
        url = "https://venue.example"
        async with channel_to(url) as channel:
            exc, announced = await failing(channel, post(url))
            assert (type(exc), announced) == (NotSent, False)

    run(main())


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
    "protocol switched": says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "endless interim answers": says(b"HTTP/1.1 102 Processing\r\n\r\n" * 11 + OK),
    "two lengths": says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
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
