"""Whole worlds: real httpx and websockets against a small venue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.exceptions

from connector.sim.faults import Chaos
from connector.sim.link import Connection, Direction, LinkProfile
from connector.sim.loop import Limits
from connector.sim.tape import shrink
from connector.sim.world import EPOCH_NS, World, WorldConfig, run_world

Play = Callable[..., Any]


def _in_process(script: Path, hash_seed: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize("arguments", [("3",), ("1", "chaos"), ("2", "chaos")])
def test_a_seed_means_the_same_in_every_process(
    scenario_path: Path, arguments: tuple[str, ...]
) -> None:
    """Law: same seed, same trace, whatever the hash seed of the process."""
    first = _in_process(scenario_path, "0", *arguments, "trace")
    second = _in_process(scenario_path, "4711", *arguments, "trace")
    assert first == second
    assert len(first.splitlines()) > 5


def test_a_seed_means_the_same_twice_in_one_process(scenario: ModuleType) -> None:
    """Law: nothing of one world leaks into the next."""
    worlds = [run_world(scenario.exchange, seed) for seed in (1, 2, 1)]
    hashes = [world.trace_hash for world in worlds]
    assert hashes[0] == hashes[2] != hashes[1]
    assert [world.errors for world in worlds] == [(), (), ()]
    assert worlds[0].unwrap()[4:9] == [f"order {number}" for number in range(5)]


def test_idle_connections_are_kept_and_expire_in_virtual_time(
    scenario: ModuleType,
) -> None:
    """Law: the pool of httpx works: reuse while fresh, a new one after 5 s idle."""

    async def main(world: World) -> list[int]:
        await scenario.open_venue(world)
        opened: list[Connection] = []
        world.network.on_connect.append(opened.append)
        counts = []
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            for pause_s in (0, 1, 4, 6, 1):
                await asyncio.sleep(pause_s)
                await client.get("http://venue:8080/")
                counts.append(len(opened))
        return counts

    assert run_world(main, 1).unwrap() == [1, 1, 1, 2, 2]


def test_a_connection_the_server_closed_is_not_reused(scenario: ModuleType) -> None:
    """Law: httpx sees the end of an idle connection before it sends on it."""

    async def main(world: World) -> tuple[int, int]:
        server = await scenario.open_venue(world)
        opened: list[Connection] = []
        world.network.on_connect.append(opened.append)
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            await client.get("http://venue:8080/")
            server.close_clients()
            await asyncio.sleep(1)
            answer = await client.get("http://venue:8080/")
        return answer.status_code, len(opened)

    assert run_world(main, 1).unwrap() == (200, 2)


def _bytes_of_exchange(scenario: ModuleType, what: str) -> dict[Direction, int]:
    """How many bytes each direction of the small exchange has without faults."""
    totals = dict.fromkeys(Direction, 0)

    async def main(world: World) -> None:
        def count(direction: Direction, _: Connection, data: bytes) -> None:
            totals[direction] += len(data)

        world.network.on_bytes.append(count)
        await _small_exchange(scenario, world, what)

    assert run_world(main, 1).error is None
    return totals


async def _small_exchange(scenario: ModuleType, world: World, what: str) -> None:
    await scenario.open_venue(world)
    if what == "http":
        async with httpx.AsyncClient(
            trust_env=False, verify=False, timeout=10
        ) as client:
            await client.get("http://venue:8080/")
    else:
        async with scenario.connect_stream(open_timeout=10) as stream:
            await stream.send("hello")
            assert await stream.recv() == "hello"


@pytest.mark.parametrize("orderly", [False, True], ids=["reset", "orderly"])
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("what", ["http", "stream"])
def test_cut_at_every_byte_is_an_error_and_never_a_hang(
    scenario: ModuleType, what: str, direction: Direction, *, orderly: bool
) -> None:
    """Law: wherever the exchange is cut, the client is told within its timeouts."""
    total = _bytes_of_exchange(scenario, what)[direction]
    assert total > 50
    # The last frame each way is the closing handshake: its loss is no error.
    needed = total - {"http": 0, "stream": 8}[what]
    for at in range(needed):

        async def main(world: World, at: int = at) -> None:
            world.network.on_connect.append(
                lambda connection: connection.cut(direction, at, orderly=orderly)
            )
            await _small_exchange(scenario, world, what)

        result = run_world(main, 1)
        assert isinstance(
            result.error,
            httpx.TransportError | websockets.exceptions.WebSocketException | OSError,
        ), (at, result.error)
        assert result.virtual_ns < 30 * 10**9
        assert result.errors == (), at


def test_a_stall_is_found_by_the_keepalive_in_virtual_time(
    scenario: ModuleType,
) -> None:
    """Law: a half-open stream is found by the client's own pings, within bounds."""

    async def main(world: World) -> float:
        await scenario.open_venue(world)
        opened: list[Connection] = []
        world.network.on_connect.append(opened.append)
        async with scenario.connect_stream(ping_interval=20, ping_timeout=10) as stream:
            await asyncio.sleep(100)
            opened[0].stall()
            stalled = world.loop.time()
            with pytest.raises(websockets.exceptions.ConnectionClosedError):
                await stream.recv()
            return world.loop.time() - stalled

    result = run_world(main, 1)
    assert 10 <= result.unwrap() <= 10 + 20 + 10
    assert result.errors == ()


def test_a_stalled_request_times_out_in_virtual_time(scenario: ModuleType) -> None:
    """Law: httpx's read timeout runs on the virtual clock."""

    async def main(world: World) -> float:
        await scenario.open_venue(world)
        world.network.on_connect.append(lambda c: c.stall(Direction.TO_CLIENT))
        async with httpx.AsyncClient(
            trust_env=False, verify=False, timeout=7.5
        ) as client:
            began = world.loop.time()
            with pytest.raises(httpx.ReadTimeout):
                await client.get("http://venue:8080/")
            return world.loop.time() - began

    assert run_world(main, 1).unwrap() == pytest.approx(7.5, abs=0.1)


def test_a_day_of_pings_runs_in_seconds(
    scenario: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law: 24 hours of an idle stream with keepalive are a matter of seconds."""

    async def main(world: World) -> int:
        await scenario.open_venue(world)
        async with scenario.connect_stream(ping_interval=20) as stream:
            await asyncio.sleep(86_400)
            await stream.send("still here")
            assert await stream.recv() == "still here"
        return world.trace.count

    result = run_world(main, 1)
    assert result.unwrap() > 4 * 86_400 / 20
    assert result.virtual_ns > 86_400 * 10**9
    assert result.wall_s < 60
    with capsys.disabled():
        print(
            f"\n24 h of pings: {result.wall_s:.1f} s real, {result.speed:,.0f}x, "
            f"{result.steps} turns, {result.trace.count} trace lines"
        )


def test_the_websockets_server_runs_too() -> None:
    """Law: the servers of websockets and asyncio run unmodified."""

    async def echo(stream: websockets.asyncio.server.ServerConnection) -> None:
        async for message in stream:
            await stream.send(message)

    async def main(world: World) -> str:
        async with websockets.asyncio.server.serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            uri = f"ws://localhost:{port}"
            async with websockets.asyncio.client.connect(uri, proxy=None) as stream:
                await stream.send("x" * 3_000_000)
                return str(len(await stream.recv(decode=True)))

    with pytest.raises(websockets.exceptions.ConnectionClosedError):
        run_world(main, 1).unwrap()  # beyond max_size: refused by the library itself

    async def smaller(world: World) -> int:
        async with websockets.asyncio.server.serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            uri = f"ws://localhost:{port}"
            async with websockets.asyncio.client.connect(uri, proxy=None) as stream:
                for _ in range(20):
                    await stream.send("x" * 900_000)
                    await stream.recv()
                return len(world.network.connections)

    result = run_world(smaller, 1)
    assert result.unwrap() == 1
    assert result.left_open == 0
    assert result.errors == ()


def test_anyio_finds_its_way(play: Play) -> None:
    """Law: anyio's streams, scopes and groups run on the virtual loop."""

    async def answer(reader: asyncio.StreamReader, writer: Any) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    async def main(world: World) -> tuple[bytes, float]:
        world.network.add_host("venue")
        await asyncio.start_server(answer, "venue", 9)
        async with await anyio.connect_tcp("venue", 9) as stream:
            await stream.send(b"any\n")
            received = await stream.receive()
        with anyio.move_on_after(9):
            await anyio.sleep_forever()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1)
        return received, round(world.loop.time())

    assert play(main) == (b"ANY\n", 10)


def test_parties_have_clocks_and_addresses_of_their_own(play: Play) -> None:
    """Law: skew and address follow the code of a party, into tasks and servers."""
    seen: dict[str, Any] = {}

    async def answer(reader: asyncio.StreamReader, writer: Any) -> None:
        seen["server"] = time.time_ns()
        seen["peer"] = writer.get_extra_info("peername")[0]
        writer.close()

    async def ask(world: World) -> None:
        reader, writer = await asyncio.open_connection("venue", 9)
        seen["client"] = time.time_ns()
        assert await reader.read() == b""
        writer.close()

    async def main(world: World) -> None:
        with world.party("venue", skew_ns=1_000):
            server = await asyncio.start_server(answer, "venue", 9)
        with world.party("bot", skew_ns=-5_000) as bot:
            task = asyncio.create_task(ask(world))
        assert world.now() == EPOCH_NS
        assert world.now(bot) == EPOCH_NS - 5_000
        await task
        server.close()
        assert time.time_ns() == EPOCH_NS + world.mono_ns()
        assert time.time() == pytest.approx((EPOCH_NS + world.mono_ns()) / 1e9)

    play(main, profile=LinkProfile(latency_s=0.01, jitter_s=0))
    assert seen["client"] == EPOCH_NS + 20_000_000 - 5_000
    assert seen["server"] == pytest.approx(EPOCH_NS + 30_000_000 + 1_000, abs=2)
    assert seen["peer"] == "10.0.0.2"


def test_what_is_left_over_is_cancelled_and_told() -> None:
    """Law: tasks end with the world, oldest first; background failures are told."""
    seen: list[str] = []

    async def linger(name: str) -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            seen.append(name)

    async def main(world: World) -> None:
        world.loop.call_soon(lambda: 1 // 0)
        for name in "abc":
            world.loop.create_task(linger(name))
        world.note("phase", "begun")
        await asyncio.sleep(1)

    result = run_world(main, 1)
    assert result.error is None
    assert seen == ["a", "b", "c"]
    assert len(result.left_running) == 3
    assert result.failed
    assert "ZeroDivisionError" in result.errors[0]
    assert "note.phase" in str(result.trace)


def test_a_task_that_will_not_die_is_reported() -> None:
    """Law: even a task that swallows cancellation cannot keep a world alive."""

    async def immortal() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)

    async def main(world: World) -> None:
        task = world.loop.create_task(immortal(), name="zombie")
        world.note("started", task.get_name())
        await asyncio.sleep(1)

    limits = Limits(virtual_s=100)
    result = run_world(main, 1, config=WorldConfig(limits=limits))
    assert result.error is None
    assert "zombie" in result.errors[0]


def test_a_failing_world_says_how_to_replay_and_shrinks(scenario: ModuleType) -> None:
    """Law: from a failing seed to the few decisions that matter."""

    async def main(world: World) -> None:
        await scenario.exchange(world)

    config = WorldConfig(chaos=Chaos(segment_chance=0.15, connect_chance=0.0))

    def fails(tape: list[int]) -> bool:
        error = run_world(main, 1, tape=tape, config=config).error
        return isinstance(error, websockets.exceptions.ConnectionClosed)

    seed = next(
        seed for seed in range(200) if fails(run_world(main, seed, config=config).tape)
    )
    tape = run_world(main, seed, config=config).tape
    small = shrink(tape, fails, max_steps=300)
    assert fails(small)
    assert sum(1 for value in small if value) <= 2
    result = run_world(main, 1, tape=small, config=config)
    with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
        result.unwrap()
    assert "seed=1" in "".join(caught.value.__notes__)


def test_the_trace_can_show_bytes_without_changing_its_hash(
    scenario: ModuleType,
) -> None:
    """Law: looking closer does not change the world; memory stays bounded."""
    plain = run_world(scenario.exchange, 1)
    config = WorldConfig(trace_preview=16, trace_lines=50)
    shown = run_world(scenario.exchange, 1, config=config)
    assert plain.trace_hash == shown.trace_hash
    assert plain.trace.count == shown.trace.count > len(shown.trace.lines) == 50
    assert "HTTP/1.1 200" in str(shown.trace)
    assert "HTTP/1.1 200" not in str(plain.trace)


def test_an_exception_nobody_retrieved_is_told_even_in_a_cycle() -> None:
    """Law: a task that fails unseen fails the world."""

    async def fail(cycle: list[Any]) -> None:
        cycle.append(asyncio.current_task())
        raise ZeroDivisionError

    async def main(world: World) -> None:
        cycle: list[Any] = []
        cycle.append(cycle)
        world.loop.create_task(fail(cycle))
        await asyncio.sleep(1)

    result = run_world(main, 1)
    assert result.error is None
    assert len(result.errors) == 1
    assert "never retrieved: ZeroDivisionError" in result.errors[0]
