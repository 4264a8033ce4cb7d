"""The in-memory network: connections, flow control and every kind of fault."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from connector.sim.faults import Chaos, ConnectFate, FateKind
from connector.sim.link import GIVE_UP_NS, WINDOW, Connection, Direction
from connector.sim.network import SYN_TIMEOUT_S, LinkProfile
from connector.sim.tape import Tape
from connector.sim.world import World, WorldConfig, run_world

Play = Callable[..., Any]
FIXED = LinkProfile(latency_s=0.010, jitter_s=0.0)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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


def test_a_connection_takes_a_round_trip_and_bytes_half(play: Play) -> None:
    """Law: every way through the network costs its latency."""

    async def main(world: World) -> tuple[list[Any], list[Any]]:
        client, server, _ = await pair(world)
        client.transport.write(b"a")
        client.transport.write(b"b")
        await asyncio.sleep(0.1)
        server.transport.write(b"c")
        server.transport.close()
        await client.gone
        await server.gone
        return client.seen, server.seen

    client, server = play(main, profile=FIXED)
    assert client == [
        (0.02, "made"),
        (0.23, "c"),
        (0.23, "eof"),
        (0.23, "lost NoneType"),
    ]
    assert server == [
        (0.03, "made"),
        (0.13, "a"),
        (0.13, "b"),
        (0.22, "lost NoneType"),
    ]


def test_jitter_never_reorders(play: Play) -> None:
    """Law: a direction is first in, first out, whatever the jitter."""

    async def main(world: World) -> str:
        client, server, _ = await pair(world)
        for number in range(300):
            client.transport.write(f"{number},".encode())
            if number % 7 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        stamps = [at for at, _ in server.seen]
        assert stamps == sorted(stamps)
        return "".join(text for _, text in server.seen[1:])

    profile = LinkProfile(latency_s=0.001, jitter_s=0.2)
    assert play(main, profile=profile) == "".join(f"{n}," for n in range(300))


def test_names_and_sockets_are_good_enough(play: Play) -> None:
    """Law: what libraries ask of a transport is there."""

    async def main(world: World) -> list[Any]:
        client, server, connection = await pair(world)
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


def test_half_close_lets_the_other_way_go_on(play: Play) -> None:
    """Law: write_eof ends one direction; a protocol may keep its end open."""

    async def answer(reader: asyncio.StreamReader, writer: Any) -> None:
        everything = await reader.read()
        await asyncio.sleep(5)
        writer.write(everything.upper())
        writer.close()

    async def main(world: World) -> bytes:
        await asyncio.start_server(answer, "127.0.0.1", 9)
        reader, writer = await asyncio.open_connection("localhost", 9)
        writer.write(b"half")
        assert writer.can_write_eof()
        writer.write_eof()
        with pytest.raises(RuntimeError):
            writer.write(b"more")
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return received

    assert play(main) == b"HALF"


def test_a_reader_that_does_not_read_pauses_the_writer(play: Play) -> None:
    """Law: memory between two ends is bounded, and nothing is lost."""
    size = 2 * WINDOW

    async def main(world: World) -> tuple[list[str], int, int]:
        client, server, connection = await pair(world)
        server.transport.pause_reading()
        client.transport.write(b"x" * size)
        await asyncio.sleep(10)
        assert connection.to_server.delivered == WINDOW
        assert client.transport.get_write_buffer_size() == size - WINDOW
        assert len(server.seen) == 1
        server.transport.resume_reading()
        await asyncio.sleep(10)
        received = sum(len(text) for _, text in server.seen[1:])
        texts = [text for _, text in client.seen]
        return texts, received, client.transport.get_write_buffer_size()

    assert play(main) == (["made", "pause", "resume"], size, 0)


def test_write_buffer_limits(play: Play) -> None:
    """Law: limits are settable and checked, as in asyncio."""

    async def main(world: World) -> list[tuple[int, int]]:
        client, _, _ = await pair(world)
        transport = client.transport
        found = [transport.get_write_buffer_limits()]
        transport.set_write_buffer_limits(high=100)
        found.append(transport.get_write_buffer_limits())
        transport.set_write_buffer_limits(low=10)
        found.append(transport.get_write_buffer_limits())
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)
        with pytest.raises(TypeError):
            transport.write("text")  # type: ignore[arg-type]
        return found

    assert play(main) == [(16_384, 65_536), (25, 100), (10, 40)]


def test_refused_unanswered_and_unbound(play: Play) -> None:
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
        await pair(world)
        ends = [await attempt(world, 10)]
        world.network.refuse("venue")
        ends.append(await attempt(world, 9))
        world.network.drop("venue")
        ends.append(await attempt(world, 9))
        world.network.admit("venue")
        ends.append(await attempt(world, 9))
        return ends

    assert play(main, profile=FIXED) == [
        ("ConnectionRefusedError", 0.02),
        ("ConnectionRefusedError", 0.02),
        ("TimeoutError", SYN_TIMEOUT_S),
        ("connected", 0.02),
    ]


@pytest.mark.parametrize("orderly", [False, True], ids=["reset", "orderly"])
@pytest.mark.parametrize("at", range(12))
def test_a_cut_delivers_exactly_that_many_bytes(
    play: Play, at: int, *, orderly: bool
) -> None:
    """Law: cut at byte k: k bytes arrive, then both ends learn of the end."""

    async def main(world: World) -> tuple[list[str], list[str]]:
        client, server, connection = await pair(world)
        connection.cut(Direction.TO_SERVER, at, orderly=orderly)
        for piece in (b"abc", b"def", b"ghij", b"k"):
            client.transport.write(piece)
        await client.gone
        await server.gone
        return [t for _, t in client.seen[1:]], [t for _, t in server.seen[1:]]

    client, server = play(main)
    text, end = "", []
    for seen in server:
        (end.append if seen in ("eof",) or "lost" in seen else list)(seen)
        text += "" if end else seen
    assert text == "abcdefghijk"[:at]
    assert client == ["lost ConnectionResetError"]
    expected = ["eof", "lost NoneType"] if orderly else ["lost ConnectionResetError"]
    assert end == expected


def test_a_reset_reaches_both_ends(play: Play) -> None:
    """Law: a reset loses what is under way."""

    async def main(world: World) -> list[str]:
        client, server, connection = await pair(world)
        client.transport.write(b"lost")
        connection.reset()
        connection.reset()
        await client.gone
        await server.gone
        assert not connection.is_open
        assert world.network.connections == {}
        return [text for _, text in client.seen + server.seen]

    lost = "lost ConnectionResetError"
    assert play(main) == ["made", lost, "made", lost]


def test_a_reset_is_read_after_the_bytes_before_it(play: Play) -> None:
    """Law: a paused reader still gets what arrived; a writer learns at once."""

    async def main(world: World) -> list[str]:
        client, server, connection = await pair(world)
        client.transport.pause_reading()
        server.transport.write(b"before")
        await asyncio.sleep(1)
        connection.reset()
        await asyncio.sleep(1)
        assert not client.gone.done()
        client.transport.resume_reading()
        await client.gone
        return [text for _, text in client.seen]

    assert play(main) == ["made", "before", "lost ConnectionResetError"]


def test_closing_with_unread_bytes_resets_the_peer(play: Play) -> None:
    """Law: bytes nobody read are answered with a reset, as Linux does."""

    async def main(world: World) -> list[str]:
        client, server, _ = await pair(world)
        server.transport.pause_reading()
        client.transport.write(b"unread")
        await asyncio.sleep(1)
        server.transport.close()
        await client.gone
        return [text for _, text in client.seen]

    assert play(main) == ["made", "lost ConnectionResetError"]


def test_bytes_for_a_closed_end_are_answered_with_a_reset(play: Play) -> None:
    """Law: nobody can write to an end that is gone without being told."""

    async def answer(reader: asyncio.StreamReader, writer: Any) -> None:
        writer.close()

    async def main(world: World) -> str:
        await asyncio.start_server(answer, "127.0.0.1", 9)
        reader, writer = await asyncio.open_connection("127.0.0.1", 9)
        assert await reader.read() == b""
        with pytest.raises(ConnectionResetError):
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        return str(world.trace)

    assert "reset" in play(main)


def test_a_stall_is_silent_until_a_timeout_finds_it(play: Play) -> None:
    """Law: a half-open connection is found by deadlines alone, in virtual time."""

    async def main(world: World) -> float:
        client, server, connection = await pair(world)
        connection.stall()
        client.transport.write(b"ping")
        began = world.loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.shield(client.gone)
        assert len(server.seen) == 1
        return world.loop.time() - began

    assert play(main) == pytest.approx(30)


def test_a_healed_stall_delivers_late(play: Play) -> None:
    """Law: what was held arrives after healing: a request can be very late."""

    async def main(world: World) -> list[Any]:
        client, server, connection = await pair(world)
        connection.stall(Direction.TO_SERVER)
        client.transport.write(b"order")
        server.transport.write(b"push")
        await asyncio.sleep(40)
        client.transport.write(b"more")
        connection.heal()
        await asyncio.sleep(1)
        return client.seen[1:] + server.seen[1:]

    found = play(main, profile=FIXED)
    assert found == [(0.13, "push"), (40.13, "order"), (40.13, "more")]


def test_the_kernel_gives_up_in_the_end(play: Play) -> None:
    """Law: unacknowledged bytes end a stalled connection after Linux's bound."""

    async def main(world: World) -> tuple[list[str], float]:
        client, _, connection = await pair(world)
        connection.stall()
        began = world.loop.time()
        client.transport.write(b"never")
        await client.gone
        return [text for _, text in client.seen], world.loop.time() - began

    seen, waited = play(main)
    assert seen == ["made", "lost TimeoutError"]
    assert waited == pytest.approx(GIVE_UP_NS / 1e9)


def test_hooks_see_every_delivered_byte(play: Play) -> None:
    """Law: on_bytes shows direction, connection and data, in order."""
    seen: list[tuple[Direction, int, bytes]] = []

    async def main(world: World) -> None:
        world.network.on_bytes.append(lambda d, c, data: seen.append((d, c.id, data)))
        client, server, _ = await pair(world)
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


def test_heal_ends_all_faults(play: Play) -> None:
    """Law: after heal the network works and nothing stays held."""

    async def main(world: World) -> list[Any]:
        client, server, _ = await pair(world)
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
