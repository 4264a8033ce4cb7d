"""What the tests of streams share: venues that talk as told, and how to reach them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

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


def channel(url: str, **options: Any) -> StreamChannel:
    return StreamChannel(AllowList([url]), open_timeout_s=5, **options)


def shown(exc: BaseException) -> str:
    """Everything an error reporter with locals would print."""
    report = traceback.TracebackException.from_exception(exc, capture_locals=True)
    return "".join(report.format())
