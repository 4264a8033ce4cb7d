"""What a world replaces in its process, and gives back."""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
import time
import uuid
from typing import Any

import pytest

from connector.sim.errors import SimulationError
from connector.sim.world import World, run_world


def test_randomness_and_clocks_are_given_back() -> None:
    """Law: what a world replaces in the process is restored, errors or not."""
    names = [
        (time, "time"),
        (time, "time_ns"),
        (time, "monotonic"),
        (time, "monotonic_ns"),
        (time, "perf_counter"),
        (time, "perf_counter_ns"),
        (time, "sleep"),
        (threading.Thread, "start"),
        (socket, "getaddrinfo"),
        (os, "urandom"),
        (secrets, "token_bytes"),
    ]
    before = [getattr(owner, name) for owner, name in names]
    state = random.getstate()

    async def draw(world: World) -> list[Any]:
        assert time.monotonic() == world.loop.time()
        return [
            secrets.token_bytes(4),
            secrets.token_hex(),
            secrets.randbelow(10**9),
            os.urandom(8),
            uuid.uuid4(),
            random.random(),
            world.random.random(),
        ]

    async def fail(world: World) -> None:
        random.random()
        raise RuntimeError

    first, second, other = (run_world(draw, seed).unwrap() for seed in (1, 1, 2))
    assert isinstance(run_world(fail, 1).error, RuntimeError)
    assert first == second
    assert all(a != b for a, b in zip(first, other, strict=True))
    assert before == [getattr(owner, name) for owner, name in names]
    assert random.getstate() == state
    assert uuid.uuid4() != uuid.uuid4()


def test_other_threads_keep_their_clocks() -> None:
    """Law: a world is a matter of its own thread alone."""
    begin = threading.Event()
    seen: list[float] = []

    def outside() -> None:
        begin.wait(10)
        time.sleep(0)
        seen.append(time.monotonic())

    async def main(world: World) -> float:
        begin.set()
        thread.join(10)
        return time.monotonic()

    thread = threading.Thread(target=outside)
    thread.start()
    before = time.monotonic()
    assert run_world(main, 1).unwrap() == 0.0
    assert before <= seen[0] <= time.monotonic()


def test_blocking_and_nesting_are_refused() -> None:
    """Law: what would stop or confuse a world is refused by name."""

    async def block(world: World) -> None:
        time.sleep(1)  # noqa: ASYNC251 - the point of this test

    async def nest(world: World) -> None:
        run_world(block, 1)

    async def thread(world: World) -> None:
        threading.Thread(target=print).start()

    async def look_up(world: World) -> None:
        socket.create_connection(("localhost", 9))

    refused = (
        (block, "time.sleep"),
        (nest, "running event loop"),
        (thread, "a thread"),
        (look_up, "socket.create_connection"),
    )
    for main, text in refused:
        with pytest.raises(SimulationError, match=text):
            run_world(main, 1).unwrap()
