"""One connection: latency, flow control, cuts, stalls and resets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from connector.sim.link import GIVE_UP_NS, WINDOW, Connection, Direction, LinkProfile
from connector.sim.world import World

Play = Callable[..., Any]
FIXED = LinkProfile(latency_s=0.010, jitter_s=0.0)


def test_a_connection_takes_a_round_trip_and_bytes_half(
    play: Play, ends: ModuleType
) -> None:
    """Law: every way through the network costs its latency."""

    async def main(world: World) -> tuple[list[Any], list[Any]]:
        client, server, _ = await ends.pair(world)
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


def test_jitter_never_reorders(play: Play, ends: ModuleType) -> None:
    """Law: a direction is first in, first out, whatever the jitter."""

    async def main(world: World) -> str:
        client, server, _ = await ends.pair(world)
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


def test_a_reader_that_does_not_read_pauses_the_writer(
    play: Play, ends: ModuleType
) -> None:
    """Law: memory between two ends is bounded, and nothing is lost."""
    size = 2 * WINDOW

    async def main(world: World) -> tuple[list[str], int, int]:
        client, server, connection = await ends.pair(world)
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


def test_write_buffer_limits(play: Play, ends: ModuleType) -> None:
    """Law: limits are settable and checked, as in asyncio."""

    async def main(world: World) -> list[tuple[int, int]]:
        client, _, _ = await ends.pair(world)
        transport = client.transport
        found = [transport.get_write_buffer_limits()]
        transport.set_write_buffer_limits(high=100)
        found.append(transport.get_write_buffer_limits())
        transport.set_write_buffer_limits(low=10)
        found.append(transport.get_write_buffer_limits())
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)
        with pytest.raises(TypeError):
            transport.write("text")
        return found

    assert play(main) == [(16_384, 65_536), (25, 100), (10, 40)]


@pytest.mark.parametrize("orderly", [False, True], ids=["reset", "orderly"])
@pytest.mark.parametrize("at", range(12))
def test_a_cut_delivers_exactly_that_many_bytes(
    play: Play, ends: ModuleType, at: int, *, orderly: bool
) -> None:
    """Law: cut at byte k: k bytes arrive, then both ends learn of the end."""

    async def main(world: World) -> tuple[list[str], list[str]]:
        client, server, connection = await ends.pair(world)
        connection.cut(Direction.TO_SERVER, at, orderly=orderly)
        for piece in (b"abc", b"def", b"ghij", b"k"):
            client.transport.write(piece)
        await client.gone
        await server.gone
        return [t for _, t in client.seen[1:]], [t for _, t in server.seen[1:]]

    client, server = play(main)
    count = len(server) - (2 if orderly else 1)
    text, end = "".join(server[:count]), server[count:]
    assert text == "abcdefghijk"[:at]
    assert client == ["lost ConnectionResetError"]
    expected = ["eof", "lost NoneType"] if orderly else ["lost ConnectionResetError"]
    assert end == expected


def test_a_reset_reaches_both_ends(play: Play, ends: ModuleType) -> None:
    """Law: a reset loses what is under way."""

    async def main(world: World) -> list[str]:
        client, server, connection = await ends.pair(world)
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


def test_a_reset_is_read_after_the_bytes_before_it(
    play: Play, ends: ModuleType
) -> None:
    """Law: a paused reader still gets what arrived; a writer learns at once."""

    async def main(world: World) -> list[str]:
        client, server, connection = await ends.pair(world)
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


def test_closing_with_unread_bytes_resets_the_peer(
    play: Play, ends: ModuleType
) -> None:
    """Law: bytes nobody read are answered with a reset, as Linux does."""

    async def main(world: World) -> list[str]:
        client, server, _ = await ends.pair(world)
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
        failure: OSError | None = None
        for _ in range(100):
            writer.write(b"x")
            await asyncio.sleep(0.01)
            try:
                await writer.drain()
            except OSError as exc:
                failure = exc
                break
        assert isinstance(failure, BrokenPipeError)
        return str(world.trace)

    assert "reset" in play(main)


def test_a_stall_is_silent_until_a_timeout_finds_it(
    play: Play, ends: ModuleType
) -> None:
    """Law: a half-open connection is found by deadlines alone, in virtual time."""

    async def main(world: World) -> float:
        client, server, connection = await ends.pair(world)
        connection.stall()
        client.transport.write(b"ping")
        began = world.loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.shield(client.gone)
        assert len(server.seen) == 1
        return world.loop.time() - began

    assert play(main) == pytest.approx(30)


def test_a_healed_stall_delivers_late(play: Play, ends: ModuleType) -> None:
    """Law: what was held arrives after healing: a request can be very late."""

    async def main(world: World) -> list[Any]:
        client, server, connection = await ends.pair(world)
        connection.stall(Direction.TO_SERVER)
        client.transport.write(b"order")
        server.transport.write(b"push")
        await asyncio.sleep(40)
        client.transport.write(b"more")
        connection.heal()
        await asyncio.sleep(1)
        return [*client.seen[1:], *server.seen[1:]]

    found = play(main, profile=FIXED)
    assert found == [(0.13, "push"), (40.13, "order"), (40.13, "more")]


def test_the_kernel_gives_up_in_the_end(play: Play, ends: ModuleType) -> None:
    """Law: unacknowledged bytes end a stalled connection after Linux's bound."""

    async def main(world: World) -> tuple[list[str], float]:
        client, _, connection = await ends.pair(world)
        connection.stall()
        began = world.loop.time()
        client.transport.write(b"never")
        await client.gone
        return [text for _, text in client.seen], world.loop.time() - began

    seen, waited = play(main)
    assert seen == ["made", "lost TimeoutError"]
    assert waited == pytest.approx(GIVE_UP_NS / 1e9)


def test_after_giving_up_a_healed_path_brings_a_reset(
    play: Play, ends: ModuleType
) -> None:
    """Law: bytes are never missing in the middle: the peer is reset instead."""

    async def main(world: World) -> list[str]:
        client, server, connection = await ends.pair(world)
        connection.stall(Direction.TO_SERVER)
        client.transport.write(b"never")
        await client.gone
        connection.heal()
        await server.gone
        return [text for _, text in server.seen]

    assert play(main) == ["made", "lost ConnectionResetError"]


def test_each_direction_and_connection_has_delays_of_its_own(
    play: Play, ends: ModuleType
) -> None:
    """Law: the way back may be slower, and one connection slower than others."""

    async def main(world: World) -> list[Any]:
        client, server, connection = await ends.pair(world)
        client.transport.write(b"a")
        await asyncio.sleep(1)
        server.transport.write(b"b")
        await asyncio.sleep(1)
        connection.profile = LinkProfile(latency_s=2.0, jitter_s=0.0)
        client.transport.write(b"c")
        await asyncio.sleep(10)
        return [*client.seen, *server.seen]

    profile = LinkProfile(
        latency_s=0.01, jitter_s=0.0, return_latency_s=0.03, return_jitter_s=0.0
    )
    assert play(main, profile=profile) == [
        (0.04, "made"),
        (1.17, "b"),
        (0.05, "made"),
        (0.15, "a"),
        (4.14, "c"),
    ]


def test_a_hook_can_act_the_moment_bytes_leave(play: Play, ends: ModuleType) -> None:
    """Law: on_sent comes before the bytes travel, so a cut there loses them."""

    async def main(world: World) -> list[str]:
        client, server, _ = await ends.pair(world)

        def cut(_: Direction, connection: Connection, data: bytes) -> None:
            if data == b"order":
                connection.cut(Direction.TO_SERVER, 2)

        world.network.on_sent.append(cut)
        client.transport.write(b"order")
        await client.gone
        await server.gone
        return [text for _, text in server.seen]

    assert play(main) == ["made", "or", "lost ConnectionResetError"]
