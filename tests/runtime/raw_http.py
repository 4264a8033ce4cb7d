"""What the tests of HTTP share: a venue that talks as told, and how they ask."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from connector.dialect.wire import HttpWire
from connector.errors import NetworkError
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

        connection.request = remembered
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._talk(connection)
                await self._is_over.wait()
        finally:
            writer.transport.abort()

    async def end(self) -> None:
        self._is_over.set()
        if self._tasks:
            # Aborting our side closes what a client kept open, here and not in a later
            # test.
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


def tls_server(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context
