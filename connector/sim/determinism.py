"""Everything a process takes from outside, replaced for as long as a world runs.

Libraries ask modules for the time and for randomness: httpcore for the expiry of
idle connections (`time.monotonic`), websockets for keys and masks
(`secrets.token_bytes`) and for ping payloads and backoff (`random`), uuid and httpx
for ids (`os.urandom`). `virtual_process` replaces these module attributes with
functions of the world and restores them afterwards, also after errors:

    time.time, time_ns, monotonic, monotonic_ns, perf_counter, perf_counter_ns
    time.sleep, threading.Thread.start, socket.getaddrinfo, socket.create_connection
                                    refused: they would stop or leave the world
    os.urandom, secrets.token_bytes, random.SystemRandom (all through one stream)
    the state of the shared generator in `random`
    automatic garbage collection    off; the loop collects at fixed steps instead

Only the thread of the world sees the replacements; others (of a test runner, say)
go on as before. Names bound before (``from time import monotonic``), `datetime.now`
and code in C (OpenSSL) are not reached. Random bytes are predictable here: keys made
inside a world are for that world only.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from connector.sim.errors import SimulationError

_DEFAULT_TOKEN_BYTES = 32


@contextlib.contextmanager
def virtual_process(
    *, mono_ns: Callable[[], int], wall_ns: Callable[[], int], seed: int
) -> Iterator[None]:
    """Replace the clocks and the randomness of the process; not reentrant."""
    stream = random.Random(f"bytes/{seed}")  # noqa: S311 - reproducible on purpose

    def token_bytes(nbytes: int | None = None) -> bytes:
        return stream.randbytes(_DEFAULT_TOKEN_BYTES if nbytes is None else nbytes)

    replacements: list[tuple[Any, str, Callable[..., Any]]] = [
        (time, "time", lambda: wall_ns() / 1e9),
        (time, "time_ns", wall_ns),
        (time, "monotonic", lambda: mono_ns() / 1e9),
        (time, "monotonic_ns", mono_ns),
        (time, "perf_counter", lambda: mono_ns() / 1e9),
        (time, "perf_counter_ns", mono_ns),
        (time, "sleep", _refused("time.sleep")),
        (threading.Thread, "start", _refused("a thread")),
        (socket, "getaddrinfo", _refused("socket.getaddrinfo")),
        (socket, "create_connection", _refused("socket.create_connection")),
        (os, "urandom", stream.randbytes),
        (secrets, "token_bytes", token_bytes),
        # What random.SystemRandom, and with it the rest of secrets, reads from.
        (random, "_urandom", stream.randbytes),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    state = random.getstate()
    was_collecting = gc.isenabled()
    try:
        gc.disable()
        random.seed(f"shared/{seed}")
        for (owner, name, original), (_, _, inside) in zip(
            originals, replacements, strict=True
        ):
            setattr(owner, name, _in_this_thread(inside, original))
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
        random.setstate(state)
        if was_collecting:
            gc.enable()


def _in_this_thread(
    inside: Callable[..., Any], outside: Callable[..., Any]
) -> Callable[..., Any]:
    world_thread = threading.get_ident()

    def choose(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() == world_thread:
            return inside(*arguments, **options)
        return outside(*arguments, **options)

    return choose


def _refused(what: str) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise SimulationError(f"{what} has no place in a simulated world")

    return refuse
