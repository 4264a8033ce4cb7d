"""The event loop whose time is a number."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from connector.sim.errors import Deadlock, LimitExceeded, SimulationError
from connector.sim.loop import Limits, VirtualTimeLoop
from connector.sim.world import World, WorldConfig, run_world

Play = Callable[..., Any]


def test_sleeping_moves_the_clock_and_nothing_else(play: Play) -> None:
    """Law: waiting costs virtual time exactly and no real time."""

    async def main(world: World) -> list[int]:
        stamps = []
        for seconds in (0, 0.001, 1, 3600, 86_400):
            await asyncio.sleep(seconds)
            stamps.append(world.mono_ns())
        return stamps

    expected = [0, 10**6, 1_001_000_000, 3_601_001_000_000, 90_001_001_000_000]
    assert all(abs(a - b) <= 2 for a, b in zip(expected, play(main), strict=True))


def test_timers_fire_in_order_and_timeouts_work(play: Play) -> None:
    """Law: asyncio's own timers, timeouts and task groups behave as ever."""

    async def main(world: World) -> list[str]:
        seen: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append(name)

        async with asyncio.TaskGroup() as group:
            for seconds, name in ((3, "c"), (1, "a"), (2, "b")):
                group.create_task(after(seconds, name))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.loop.create_future(), 5)
        seen.append(str(round(world.loop.time(), 6)))
        return seen

    assert play(main) == ["a", "b", "c", "13.0"]


def test_a_deadlock_names_everybody_who_waits() -> None:
    """Law: a world in which nothing can happen any more says so at once."""

    async def stuck(lock: asyncio.Lock) -> None:
        await lock.acquire()

    async def main(world: World) -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        async with asyncio.TaskGroup() as group:
            group.create_task(stuck(lock), name="first")
            group.create_task(stuck(lock), name="second")

    result = run_world(main, 1)
    assert isinstance(result.error, Deadlock)
    names = [line.split(":")[0] for line in result.error.waiting]
    assert names == ["main", "first", "second"]
    assert "stuck" in result.error.waiting[1]
    assert "Lock.acquire" in result.error.waiting[1]
    assert "test_loop.py" in result.error.waiting[1]
    assert result.errors == ()


async def _sleep_for_ever(world: World) -> None:
    for _ in range(10**9):
        await asyncio.sleep(1000)


async def _spin(world: World) -> None:
    for _ in range(10**9):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limits", "main", "limit"),
    [
        (Limits(virtual_s=5000), _sleep_for_ever, "virtual_s"),
        (Limits(steps=500), _sleep_for_ever, "steps"),
        (Limits(wall_s=0.01, virtual_s=30 * 86_400), _sleep_for_ever, "wall_s"),
        (Limits(instant_steps=1000), _spin, "instant_steps"),
    ],
    ids=["virtual", "steps", "wall", "instant"],
)
def test_every_world_ends(
    limits: Limits, main: Callable[[World], Any], limit: str
) -> None:
    """Law: a world that does not end is stopped, and the bound is named."""
    result = run_world(main, 1, config=WorldConfig(limits=limits))
    assert isinstance(result.error, LimitExceeded)
    assert result.error.limit == limit
    assert "main" in str(result.error)
    assert result.errors == ()


def test_limits_are_checked_for_sense() -> None:
    """Law: beyond 30 days float seconds lose nanoseconds, so it is refused."""
    with pytest.raises(ValueError, match="virtual_s"):
        Limits(virtual_s=31 * 86_400)


def test_executor_work_runs_inline_and_late(play: Play) -> None:
    """Law: no threads; the work of an executor happens on the loop, in order."""

    async def main(world: World) -> tuple[int, str, bool]:
        ident = await asyncio.to_thread(threading.get_ident)
        with pytest.raises(ZeroDivisionError):
            await world.loop.run_in_executor(None, lambda: 1 // 0)
        return (
            world.mono_ns(),
            threading.current_thread().name,
            ident == (threading.get_ident()),
        )

    before = threading.active_count()
    assert play(main) == (0, "MainThread", True)
    assert play(main, executor_delay_s=0.25)[0] == 500_000_000
    assert threading.active_count() == before


def test_executor_work_can_be_refused() -> None:
    """Law: what a simulation cannot do fails by name."""

    async def main(world: World) -> None:
        world.loop.executor_delay_s = None
        await asyncio.to_thread(threading.get_ident)

    with pytest.raises(SimulationError, match="wants a thread"):
        run_world(main, 1).unwrap()


def test_no_real_sockets_and_no_other_threads(play: Play) -> None:
    """Law: the outside world cannot get in."""

    begin = threading.Event()
    loops: list[VirtualTimeLoop] = []
    outside: list[str] = []

    def call_from_outside() -> None:
        begin.wait(10)
        try:
            loops[0].call_soon_threadsafe(print)
        except SimulationError as exc:
            outside.append(str(exc))

    thread = threading.Thread(target=call_from_outside)
    thread.start()

    async def main(world: World) -> list[str]:
        refusals = []
        with socket.socket() as real:
            for call in (
                world.loop.create_connection(asyncio.Protocol, sock=real),
                world.loop.create_server(asyncio.Protocol, sock=real),
            ):
                with pytest.raises(SimulationError) as caught:
                    await call
                refusals.append(str(caught.value))
            with pytest.raises(NotImplementedError):
                world.loop.add_reader(real, print)

        loops.append(world.loop)
        begin.set()
        thread.join()
        return refusals + outside

    assert play(main) == [
        "a simulated world accepts no real sockets",
        "a simulated world accepts no real sockets",
        "a simulated world has one thread only",
    ]


def test_signals_and_debug_mode_are_harmless(play: Play) -> None:
    """Law: code that installs signal handlers or debugs runs as it is."""

    async def main(world: World) -> bool:
        world.loop.set_debug(True)
        world.loop.add_signal_handler(signal.SIGTERM, print)
        await asyncio.sleep(1)
        return world.loop.remove_signal_handler(signal.SIGTERM)

    assert play(main) is False


def test_context_variables_follow_tasks_and_callbacks(play: Play) -> None:
    """Law: context variables work as in any loop."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("v", default="-")

    async def main(world: World) -> list[str]:
        seen: list[str] = []
        variable.set("a")
        world.loop.call_later(1, lambda: seen.append(variable.get()))
        task = asyncio.create_task(asyncio.sleep(2, variable.get()))
        variable.set("b")
        seen.append(await task)
        return [*seen, variable.get()]

    assert play(main) == ["a", "a", "b"]


def test_sets_of_tasks_have_an_order(play: Play) -> None:
    """Law: cancelling a group reaches its tasks in an order free of addresses."""

    async def main(world: World) -> list[int]:
        seen: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                seen.append(number)

        async def fail() -> None:
            await asyncio.sleep(1)
            raise ValueError

        ballast = [bytearray(n * 13 % 977) for n in range(100)]

        async def run_group() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(wait(number))
                    ballast[number] = bytearray(number)
                group.create_task(fail())

        with pytest.raises(ExceptionGroup):
            await run_group()
        futures = {world.loop.create_future() for _ in range(20)}
        return [*seen, *(hash(future) - min(map(hash, futures)) for future in futures)]

    orders = {tuple(play(main, seed=seed)) for seed in range(5)}
    assert len(orders) == 1
    assert sorted(orders.pop()[:50]) == list(range(50))


def test_names_resolve_inside_the_world_only(play: Play) -> None:
    """Law: no resolver is asked; unknown names fail as they do outside."""

    async def main(world: World) -> list[Any]:
        world.network.add_host("venue")
        infos = await world.loop.getaddrinfo("venue", 80, type=socket.SOCK_STREAM)
        found = [infos[0][4]]
        for host in (b"127.0.0.1", "localhost", None):
            infos = await world.loop.getaddrinfo(host, "443")
            found.append(infos[0][4])
        with pytest.raises(socket.gaierror):
            await world.loop.getaddrinfo("example.com", 80)
        with pytest.raises(socket.gaierror):
            await world.loop.getaddrinfo("venue", 80, family=socket.AF_INET6)
        return [*found, await world.loop.getnameinfo(("10.0.0.1", 80))]

    local = ("127.0.0.1", 443)
    numbers = ("10.0.0.1", "80")
    assert play(main) == [("10.0.0.1", 80), local, local, local, numbers]


def test_the_loop_alone_has_no_network() -> None:
    """Law: a loop without a network says so."""
    loop = VirtualTimeLoop()
    try:
        with pytest.raises(SimulationError, match="no network"):
            loop.run_until_complete(loop.getaddrinfo("venue", 80))
    finally:
        loop.close()


def test_the_real_clock_is_not_needed(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a world neither sleeps nor opens a socket."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("touched the outside")

    class NoSocket(socket.socket):
        def __init__(self, *_: object, **__: object) -> None:
            forbidden()

    async def main(world: World) -> bytes:
        server = await asyncio.start_server(_echo, "venue", 7)
        reader, writer = await asyncio.open_connection("venue", 7)
        writer.write(b"hello")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(3600)
        return answer

    async def in_world(world: World) -> bytes:
        world.network.add_host("venue")
        return await main(world)

    monkeypatch.setattr(time, "sleep", forbidden)
    monkeypatch.setattr(socket, "socket", NoSocket)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(threading.Thread, "start", forbidden)
    began = time.process_time()
    assert play(in_world) == b"hello"
    assert time.process_time() - began < 5


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()
