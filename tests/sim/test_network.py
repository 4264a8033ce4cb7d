"""The in-memory network: connections, flow control and every kind of fault."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from connector.sim.errors import SimulationError
from connector.sim.faults import Chaos, ConnectFate, FateKind
from connector.sim.link import Direction, LinkProfile
from connector.sim.network import SYN_TIMEOUT_S
from connector.sim.tape import Tape
from connector.sim.world import World, WorldConfig, run_world

Play = Callable[..., Any]
FIXED = LinkProfile(latency_s=0.010, jitter_s=0.0)


def test_names_and_sockets_are_good_enough(play: Play, ends: ModuleType) -> None:
    """Law: what libraries ask of a transport is there."""

    async def main(world: World) -> list[Any]:
        client, server, connection = await ends.pair(world)
        sock = client.transport.get_extra_info("socket")
        sock.setsockopt(6, 1, 1)
        assert sock.getsockopt(6, 1) == 1
        assert sock.fileno() >= 0
        server.transport.write(b"x")
        client.transport.pause_reading()
        await asyncio.sleep(1)
        assert sock.fileno() == -1
        return [
            client.transport.get_extra_info("peername"),
            server.transport.get_extra_info("sockname"),
            client.transport.get_extra_info("sockname"),
            server.transport.get_extra_info("peername"),
            sock.getsockname(),
            sock.getpeername(),
            client.transport.get_extra_info("sslcontext"),
            connection.host,
        ]

    venue, bot = ("10.0.0.1", 9), ("127.0.0.1", 40_000)
    assert play(main) == [venue, venue, bot, bot, bot, venue, None, "venue"]


def test_refused_unanswered_and_unbound(play: Play, ends: ModuleType) -> None:
    """Law: connecting fails as a kernel lets it fail."""

    async def attempt(world: World, port: int) -> tuple[str, float]:
        began = world.loop.time()
        try:
            _, writer = await asyncio.open_connection("venue", port)
            writer.close()
        except OSError as exc:
            return type(exc).__name__, round(world.loop.time() - began, 6)
        return "connected", round(world.loop.time() - began, 6)

    async def main(world: World) -> list[Any]:
        await ends.pair(world)
        outcomes = [await attempt(world, 10)]
        world.network.refuse("venue")
        outcomes.append(await attempt(world, 9))
        world.network.drop("venue")
        outcomes.append(await attempt(world, 9))
        world.network.admit("venue")
        outcomes.append(await attempt(world, 9))
        return outcomes

    assert play(main, profile=FIXED) == [
        ("ConnectionRefusedError", 0.02),
        ("ConnectionRefusedError", 0.02),
        ("TimeoutError", SYN_TIMEOUT_S),
        ("connected", 0.02),
    ]


def test_hooks_see_every_delivered_byte(play: Play, ends: ModuleType) -> None:
    """Law: on_bytes shows direction, connection and data, in order."""
    seen: list[tuple[Direction, int, bytes]] = []

    async def main(world: World) -> None:
        world.network.on_bytes.append(lambda d, c, data: seen.append((d, c.id, data)))
        client, server, _ = await ends.pair(world)
        client.transport.write(b"to")
        server.transport.write(b"fro")
        await asyncio.sleep(1)

    play(main, profile=FIXED)
    assert seen == [(Direction.TO_SERVER, 1, b"to"), (Direction.TO_CLIENT, 1, b"fro")]


def test_ports_are_taken_once_and_servers_close(play: Play) -> None:
    """Law: an address has one server; port 0 finds a free one."""

    async def main(world: World) -> list[int]:
        first = await asyncio.start_server(_ignore, None, 0)
        second = await asyncio.start_server(_ignore, "127.0.0.1", 0)
        ports = [s.getsockname()[1] for s in (*first.sockets, *second.sockets)]
        with pytest.raises(OSError) as caught:
            await asyncio.start_server(_ignore, "127.0.0.1", ports[1])
        assert caught.value.errno == errno.EADDRINUSE
        _, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.close()
        second.close()
        await second.wait_closed()
        assert second.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", ports[1])
        again = await asyncio.start_server(_ignore, "127.0.0.1", ports[1])
        assert again.is_serving()
        return ports

    assert play(main) == [20_001, 20_002]


async def _ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_wait_closed_waits_for_connections(play: Play) -> None:
    """Law: wait_closed returns when the last accepted connection is gone."""

    async def main(world: World) -> float:
        server = await asyncio.start_server(_ignore, "127.0.0.1", 9)
        _, writer = await asyncio.open_connection("127.0.0.1", 9)
        world.loop.call_later(50, writer.close)
        async with server:
            await asyncio.sleep(1)
        return world.loop.time()

    assert play(main) == pytest.approx(50, abs=1)


def test_chaos_draws_every_kind_and_replays() -> None:
    """Law: the tape alone decides; its values replay the faults."""
    kinds: set[FateKind] = set()
    tape = Tape(seed=3)
    chaos = Chaos(segment_chance=0.5, connect_chance=0.9)
    fates = [chaos.segment(tape, 100) for _ in range(200)]
    connects = [chaos.connect(tape) for _ in range(50)]
    kinds.update(fate.kind for fate in fates)
    assert kinds == set(FateKind)
    assert {fate for fate, _ in connects} == set(ConnectFate)
    assert all(0 <= fate.at <= 100 for fate in fates)
    replay = Tape(values=tape.values)
    assert fates == [chaos.segment(replay, 100) for _ in range(200)]
    assert connects == [chaos.connect(replay) for _ in range(50)]


async def _chatter(world: World) -> int:
    """Ask until 20 answers came, reconnecting after every trouble."""
    await asyncio.start_server(_echo_lines, "127.0.0.1", 9)
    answers = 0
    while answers < 20:
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", 9)
                for _ in range(5):
                    writer.write(b"a line\n")
                    if not (await reader.readline()).endswith(b"\n"):
                        raise EOFError
                    answers += 1
        except (OSError, EOFError):
            await asyncio.sleep(1)
        finally:
            if writer is not None:
                writer.close()
    return answers


async def _echo_lines(reader: asyncio.StreamReader, writer: Any) -> None:
    try:
        while line := await reader.readline():
            writer.write(line)
        writer.close()
    except OSError:
        pass


@pytest.mark.parametrize("seed", range(12))
def test_a_world_in_chaos_replays_from_its_tape(seed: int) -> None:
    """Law: the recorded tape gives the very same world; zeros give a quiet one."""
    config = WorldConfig(chaos=Chaos(segment_chance=0.1, connect_chance=0.2))
    first = run_world(_chatter, seed, config=config)
    assert first.error is None
    assert first.faults
    again = run_world(_chatter, seed, tape=first.tape, config=config)
    assert again.trace_hash == first.trace_hash
    assert again.virtual_ns == first.virtual_ns
    quiet = run_world(_chatter, seed, tape=[], config=config)
    assert quiet.faults == []


def test_heal_ends_all_faults(play: Play, ends: ModuleType) -> None:
    """Law: after heal the network works and nothing stays held."""

    async def main(world: World) -> list[Any]:
        client, server, _ = await ends.pair(world)
        world.network.stall_all()
        world.network.refuse("venue")
        world.network.chaos = Chaos(segment_chance=1.0)
        client.transport.write(b"held")
        await asyncio.sleep(5)
        assert len(server.seen) == 1
        world.network.heal()
        _, writer = await asyncio.open_connection("venue", 9)
        writer.close()
        client.transport.write(b"free")
        await asyncio.sleep(1)
        return [text for _, text in server.seen[1:]]

    found = "".join(play(main))
    assert found in ("heldfree", "free")


def test_a_hidden_name_does_not_resolve(play: Play, ends: ModuleType) -> None:
    """Law: name resolution can fail, and comes back."""

    async def main(world: World) -> bool:
        await ends.pair(world)
        world.network.hide("venue")
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("venue", 9)
        world.network.admit("venue")
        _, writer = await asyncio.open_connection("venue", 9)
        writer.close()
        return True

    assert play(main)


def test_a_server_does_what_asyncio_documents(play: Play) -> None:
    """Law: start_serving, serve_forever and the rest of the server work."""

    async def main(world: World) -> None:
        loop = world.loop
        late: Any = await loop.create_server(
            asyncio.Protocol, "127.0.0.1", 9, start_serving=False
        )
        assert not late.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", 9)
        await late.start_serving()
        assert late.is_serving()
        assert late.get_loop() is loop
        _, writer = await asyncio.open_connection("127.0.0.1", 9)
        await asyncio.sleep(1)
        late.abort_clients()
        writer.close()
        await asyncio.sleep(1)
        assert world.network.connections == {}
        with pytest.raises(OSError) as caught:
            late.sockets[0].getpeername()
        assert caught.value.errno == errno.ENOTCONN
        with pytest.raises(SimulationError, match="recv"):
            late.sockets[0].recv(1)
        task = loop.create_task(late.serve_forever())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not late.is_serving()
        with pytest.raises(RuntimeError, match="closed"):
            await late.start_serving()

    play(main)


def test_a_server_that_fails_to_accept_resets_the_client() -> None:
    """Law: a failing protocol factory is told, and its client is not left hanging."""

    def fail() -> asyncio.Protocol:
        raise ZeroDivisionError

    async def main(world: World) -> None:
        await world.loop.create_server(fail, "127.0.0.1", 9)
        reader, writer = await asyncio.open_connection("127.0.0.1", 9)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    result = run_world(main, 1)
    assert result.error is None
    assert len(result.errors) == 1
    assert "failed to accept: ZeroDivisionError" in result.errors[0]
