"""Tests of connector.runtime.stream: refusals, secrets and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from pathlib import Path

import pytest
from raw_streams import (
    CANARY,
    channel,
    echo,
    raw_venue,
    run,
    shown,
    venue,
)

from connector.errors import ConfigError, StreamRefused
from connector.model.credentials import Secret
from connector.runtime.hosts import AllowList
from connector.runtime.stream import StreamChannel

# Refusals


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
