"""kill -9 of a party, at any turn of the loop."""

from __future__ import annotations

import asyncio
from functools import partial
from types import ModuleType
from typing import Any

import httpx
import pytest

from connector.sim.link import Connection, Direction
from connector.sim.world import World, run_world


async def _write_for_ever(writer: asyncio.StreamWriter, seen: list[str]) -> None:
    try:
        for number in range(10**6):
            writer.write(b"%d\n" % number)
            await asyncio.sleep(1)
    finally:
        seen.append("finally")
        await asyncio.sleep(1)
        seen.append("after an await")


def test_a_killed_party_does_nothing_any_more() -> None:
    """Law: kill -9 runs no finally, drops timers and lets the kernel close."""
    seen: list[str] = []
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: Any) -> None:
        while line := await reader.readline():
            received.append(line)
        received.append(b"end")
        writer.close()

    async def bot(world: World) -> None:
        world.loop.call_later(50, seen.append, "timer")
        await asyncio.start_server(serve, "bot", 10)
        _, writer = await asyncio.open_connection("venue", 9)
        await _write_for_ever(writer, seen)

    async def main(world: World) -> list[str]:
        with world.party("venue"):
            await asyncio.start_server(serve, "venue", 9)
        first = world.start("bot", bot(world))
        await asyncio.sleep(2.5)
        world.kill(first)
        await asyncio.sleep(100)
        assert received == [b"0\n", b"1\n", b"2\n", b"end"]
        assert world.network.connections == {}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("bot", 10)
        second = world.start("bot", bot(world))
        await asyncio.sleep(1.5)
        assert received[4:] == [b"0\n", b"1\n"]
        world.kill(second)
        assert first.task is not None
        assert not first.task.done()
        return list(seen)

    result = run_world(main, 1)
    assert result.unwrap() == []
    # The end of a world cancels what was killed, like everything else.
    assert seen == ["finally", "finally", "after an await", "after an await"]
    assert result.errors == ()


def test_killing_at_every_step_never_hangs_the_others(scenario: ModuleType) -> None:
    """Law: whenever a party dies, the venue sees the end and a restart works."""
    ends: set[str] = set()

    async def main(world: World, step: int) -> tuple[int, int]:
        server = await scenario.open_venue(world)
        seen: list[str] = []
        started = world.loop.steps
        party = world.start("bot", _session(scenario, seen))
        world.loop.at_step(started + step, lambda: world.kill(party))
        await asyncio.sleep(30)
        ends.add(seen[-1] if seen else "nothing")
        again: list[str] = []
        await asyncio.wait_for(_session(scenario, again), 30)
        await asyncio.sleep(30)
        assert again == ["connected", "echo", "closed"]
        server.close()
        await server.wait_closed()
        return world.loop.steps - started, len(world.network.connections)

    for step in range(1, 80):
        result = run_world(partial(main, step=step), 1)
        assert result.unwrap()[1] == 0
        assert result.errors == (), step
    assert ends == {"nothing", "connected", "echo", "closed"}


async def _session(scenario: ModuleType, seen: list[str]) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        await client.get("http://venue:8080/")
        async with scenario.connect_stream() as stream:
            seen.append("connected")
            await stream.send("hello")
            await stream.recv()
            seen.append("echo")
    seen.append("closed")


def test_a_party_can_be_killed_as_its_bytes_leave() -> None:
    """Law: killed in the middle of a write, nothing of that write arrives."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: Any) -> None:
        received.append(await reader.read())
        writer.close()

    async def bot() -> None:
        _, writer = await asyncio.open_connection("venue", 9)
        writer.write(b"first")
        await asyncio.sleep(1)
        writer.write(b"second")
        writer.close()

    async def main(world: World) -> None:
        with world.party("venue"):
            await asyncio.start_server(serve, "venue", 9)
        party = world.start("bot", bot())

        def kill(_: Direction, __: Connection, data: bytes) -> None:
            if data == b"second":
                world.kill(party)

        world.network.on_sent.append(kill)
        await asyncio.sleep(5)

    result = run_world(main, 1)
    result.unwrap()
    assert received == [b"first"]
    assert result.left_open == 0
    assert result.errors == ()
