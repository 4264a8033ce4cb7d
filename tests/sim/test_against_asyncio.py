"""The same programs on asyncio's own sockets (loopback) and in a world.

The referee for the in-memory transport: what a protocol is told, and in which
order, must not depend on which of the two it runs on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from connector.sim.transport import SimulatedSocket
from connector.sim.world import World, run_world


class Teller(asyncio.Protocol):
    """Collects what it is told; neighbouring data is joined."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.told: list[str] = []
        self.size = 0
        self.keeps_open = keeps_open
        self.waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.tell("made")

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        self.tell("data")

    def eof_received(self) -> bool:
        self.tell("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.tell("pause")

    def resume_writing(self) -> None:
        self.tell("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.tell(f"lost {type(exc).__name__}")

    def tell(self, text: str) -> None:
        if not (text == "data" and self.told[-1] == "data"):
            self.told.append(text)
        for condition, future in self.waiting:
            if condition() and not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds after something was told."""
        if not condition():
            future = asyncio.get_running_loop().create_future()
            self.waiting.append((condition, future))
            await asyncio.wait_for(future, 20)

    async def until_told(self, text: str) -> None:
        await self.until(lambda: any(told.startswith(text) for told in self.told))

    async def until_size(self, size: int) -> None:
        await self.until(lambda: self.size >= size)


Program = Callable[[Teller, Teller], Awaitable[None]]


async def echo_and_close(client: Teller, server: Teller) -> None:
    client.transport.write(b"question")
    await server.until_size(8)
    server.transport.write(b"answer")
    await client.until_size(6)
    client.transport.close()
    client.transport.close()
    client.transport.write(b"ignored")


async def write_and_close(client: Teller, server: Teller) -> None:
    server.transport.write(b"x" * 30_000_000)
    server.transport.close()
    assert server.transport.is_closing()
    await client.until_size(30_000_000)


async def half_close(client: Teller, server: Teller) -> None:
    server.keeps_open = True
    client.transport.write(b"all")
    client.transport.write_eof()
    await server.until_told("eof")
    server.transport.write(b"late answer")
    await client.until_size(11)
    server.transport.close()


async def abort(client: Teller, server: Teller) -> None:
    server.transport.write(b"last words")
    await client.until_size(10)
    server.transport.abort()


async def abort_with_buffer(client: Teller, server: Teller) -> None:
    client.transport.pause_reading()
    server.transport.write(b"x" * 30_000_000)
    await server.until_told("pause")
    server.transport.abort()
    await server.until_told("lost")
    client.transport.resume_reading()


async def close_with_unread(client: Teller, server: Teller) -> None:
    server.transport.pause_reading()
    client.transport.write(b"x" * 100)
    await _arrived(server)
    server.transport.close()


async def write_to_the_gone(client: Teller, server: Teller) -> None:
    client.keeps_open = True
    server.transport.close()
    await client.until_told("eof")
    await server.until_told("lost")
    for _ in range(1000):
        client.transport.write(b"x")
        await asyncio.sleep(0.001)
        if client.transport.is_closing():
            break


async def backpressure(client: Teller, server: Teller) -> None:
    server.transport.pause_reading()
    client.transport.write(b"x" * 30_000_000)
    await client.until_told("pause")
    server.transport.resume_reading()
    await client.until_told("resume")
    await server.until_size(30_000_000)
    client.transport.close()


async def both_close(client: Teller, server: Teller) -> None:
    client.transport.close()
    server.transport.close()


async def fail_on_data(client: Teller, server: Teller) -> None:
    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    server.data_received = fail
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    client.transport.write(b"x")


async def _arrived(end: Teller) -> None:
    """Wait until bytes wait in the socket of an end that does not read."""
    sock = end.transport.get_extra_info("socket")
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if isinstance(sock, SimulatedSocket):
            if sock.fileno() == -1:
                return
        else:
            with socket.socket(fileno=socket.dup(sock.fileno())) as copy:
                copy.setblocking(False)
                try:
                    copy.recv(1, socket.MSG_PEEK)
                except BlockingIOError:
                    continue
                return
    raise AssertionError("nothing arrived")


PROGRAMS: list[Program] = [
    echo_and_close,
    write_and_close,
    half_close,
    abort,
    abort_with_buffer,
    close_with_unread,
    write_to_the_gone,
    backpressure,
    both_close,
    fail_on_data,
]


async def perform(program: Program) -> dict[str, tuple[list[str], int]]:
    """Run *program* between two ends on the running loop."""
    loop = asyncio.get_running_loop()
    server_end = Teller()
    server = await loop.create_server(lambda: server_end, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, client_end = await loop.create_connection(Teller, "127.0.0.1", port)
    await server_end.until_told("made")
    await program(client_end, server_end)
    await client_end.until_told("lost")
    await server_end.until_told("lost")
    server.close()
    await server.wait_closed()
    return {
        "client": (client_end.told, client_end.size),
        "server": (server_end.told, server_end.size),
    }


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_protocols_are_told_the_same(program: Program) -> None:
    """Law: a protocol cannot tell the world from loopback."""

    async def main(world: World) -> dict[str, tuple[list[str], int]]:
        return await perform(program)

    simulated = run_world(main, 1).unwrap()
    real = asyncio.run(perform(program))
    if program is abort_with_buffer:  # how much had left is the kernel's business
        real, simulated = (
            {end: (told, 0) for end, (told, _) in outcome.items()}
            for outcome in (real, simulated)
        )
    assert real == simulated


def test_refusal_is_the_same() -> None:
    """Law: connecting to a closed port fails alike."""

    async def attempt() -> tuple[str, int | None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        try:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        except OSError as exc:
            return type(exc).__name__, exc.errno
        return "connected", None

    async def main(world: World) -> tuple[str, int | None]:
        return await attempt()

    assert run_world(main, 1).unwrap() == asyncio.run(attempt())
