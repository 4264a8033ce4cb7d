"""What every contender uses: its task, a stopwatch, and one line of JSON at the end.

A contender is a program of its own. It gets its task as JSON in its only argument
and prints the result as JSON on its last line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LONGEST_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure: *places* are those of `bench_venue`."""

    bench: str
    places: Mapping[str, str]
    count: int
    rate: float = 0
    in_flight: int = 1
    orders: int = 0
    sessions: int = 1
    settle_s: float = 0  # before the measurement: audits follow a start for 45 s
    journal: str = "memory"  # or a durability
    uvloop: bool = False
    uses_ws_api: bool = False
    venue: str = ""


class Spent:
    """CPU and wall time between two moments."""

    cpu_s = 0.0
    wall_s = 0.0

    def per(self, count: int) -> dict[str, float]:
        """Microseconds per one of *count*."""
        return {
            "cpu_us": self.cpu_s / count * 1e6,
            "wall_us": self.wall_s / count * 1e6,
        }


@contextmanager
def measure() -> Iterator[Spent]:
    """Measure the block, garbage of before aside."""
    spent = Spent()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.cpu_s = time.process_time() - cpu
    spent.wall_s = time.perf_counter() - wall


class Spread:
    """Durations: median and tail."""

    def __init__(self) -> None:
        self._ns: list[int] = []

    @property
    def count(self) -> int:
        return len(self._ns)

    def add_ns(self, ns: int) -> None:
        self._ns.append(ns)

    def summary(self) -> dict[str, float]:
        """p50 and p99 in microseconds."""
        ordered = sorted(self._ns) or [0]
        last = len(ordered) - 1
        return {
            "p50_us": ordered[round(last * 0.5)] / 1e3,
            "p99_us": ordered[round(last * 0.99)] / 1e3,
        }


def resident_kib() -> int:
    """Resident memory of this process."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - no disk
        (line,) = (line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1])


async def tell_venue(task: Task, path: str) -> None:
    """A word to `bench_venue`."""
    place = urlsplit(task.places["rest"])
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET /bench/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def start_burst(task: Task) -> asyncio.Task[None]:
    """Ask the venue for *count* events; done when they are written."""
    path = f"burst?count={task.count}&rate={task.rate}"
    return asyncio.create_task(tell_venue(task, path))


async def in_flight(task: Task, send: Callable[[], Awaitable[Any]]) -> None:
    """Keep *in_flight* calls of *send* going until *count* are done."""
    left = iter(range(task.count))

    async def one() -> None:
        for _ in left:
            await send()

    await asyncio.gather(*(one() for _ in range(task.in_flight)))


async def place_cancel(
    task: Task,
    place: Callable[[], Awaitable[Any]],
    cancel: Callable[[Any], Awaitable[Any]],
) -> dict[str, float]:
    """Place and cancel in turn; the spread is that of placing, and a median that of
    cancelling."""
    spread, cancels = Spread(), Spread()
    for _ in range(5):  # connections and caches
        await cancel(await place())
    with measure() as spent:
        for _ in range(task.count):
            began_ns = time.perf_counter_ns()
            order = await place()
            placed_ns = time.perf_counter_ns()
            spread.add_ns(placed_ns - began_ns)
            await cancel(order)
            cancels.add_ns(time.perf_counter_ns() - placed_ns)
    cancelled = {"cancel_us": cancels.summary()["p50_us"]}
    return {**spread.summary(), **cancelled, **spent.per(2 * task.count)}


Bench = Callable[[Task], Awaitable[dict[str, Any]]]


def serve(benches: Mapping[str, Bench]) -> None:
    """The contender's main program."""
    task = Task(**json.loads(sys.argv[1]))

    async def bounded() -> dict[str, Any]:
        async with asyncio.timeout(LONGEST_S):
            return await benches[task.bench](task)

    if task.uvloop:
        import uvloop

        result = uvloop.run(bounded())
    else:
        result = asyncio.run(bounded())
    print(json.dumps(result), flush=True)
