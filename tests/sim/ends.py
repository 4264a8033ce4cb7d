"""Two recorded ends of one connection, for tests of the network."""

from __future__ import annotations

import asyncio

from connector.sim.link import Connection
from connector.sim.world import World


class Recorder(asyncio.Protocol):
    """Writes down what happens to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: list[tuple[float, str]] = []
        self.gone: asyncio.Future[None] = world.loop.create_future()

    def note(self, text: str) -> None:
        self.seen.append((round(self.world.loop.time(), 6), text))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.note(data.decode())

    def eof_received(self) -> bool:
        self.note("eof")
        return False

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.note(f"lost {type(exc).__name__}")
        self.gone.set_result(None)


async def pair(world: World) -> tuple[Recorder, Recorder, Connection]:
    """A connected client and server end, after the server accepted."""
    accepted: list[Recorder] = []

    def accept() -> Recorder:
        accepted.append(Recorder(world))
        return accepted[-1]

    world.network.add_host("venue")
    opened: list[Connection] = []
    world.network.on_connect.append(opened.append)
    await world.loop.create_server(accept, "venue", 9)
    _, client = await world.loop.create_connection(lambda: Recorder(world), "venue", 9)
    await asyncio.sleep(0.1)
    world.network.on_connect.remove(opened.append)
    return client, accepted[-1], opened[-1]
