"""An asyncio event loop without sockets, threads or waiting: time is a number.

`VirtualTimeLoop` keeps everything of asyncio's own scheduler (order of callbacks,
timers, tasks, task groups, timeouts, context variables) and replaces the one place
where a loop waits. When nothing is ready, the clock jumps to the next timer; when
there is no timer either, nothing can ever happen again and `Deadlock` says who
waits for what. Connections and servers come from an in-memory network
(`connector.sim.connecting`); tasks and futures have an order in sets
(`connector.sim.tasks`).

Bounds: `Limits`. Virtual time is kept in integer nanoseconds; asyncio sees it as
float seconds, exact to below one nanosecond for 30 days, which is the longest a
world may last.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple, Unpack

from connector.sim.connecting import ConnectingLoop
from connector.sim.errors import Deadlock, LimitExceeded, SimulationError
from connector.sim.tasks import NumberedFuture, NumberedTask, where

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_perf_counter = time.perf_counter  # the real clock, also while a world replaces it

NS = 1_000_000_000
_LONGEST_S = 30 * 86_400
_WALL_CHECK_STEPS = 1_024
_COLLECT_STEPS = 200_000


IsDead = Callable[[contextvars.Context | None], bool]
"""Whether the party of a context (None: the current one) was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a world is stopped with `LimitExceeded`; every bound is always on.

    A step is one turn of the loop. *instant_steps* bounds turns without any
    progress of virtual time: a busy loop of callbacks.
    """

    virtual_s: float = 7 * 86_400.0
    wall_s: float = 60.0
    steps: int = 50_000_000
    instant_steps: int = 200_000

    def __post_init__(self) -> None:
        if not 0 < self.virtual_s <= _LONGEST_S:
            raise ValueError(f"virtual_s must be in (0, {_LONGEST_S}]")


class _Jump:
    """Stands where a selector stands: instead of waiting, moves the clock."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Advance virtual time by *timeout* seconds; None means for ever."""
        self._loop.take_step(timeout)
        return []


class VirtualTimeLoop(ConnectingLoop):
    """The event loop of one simulated world.

    Not supported, with a clear error: real sockets, datagrams, subprocesses,
    calls from other threads. `run_in_executor` runs the function inline, after
    *executor_delay_s* of virtual time (0 by default; a slow disk is a fault worth
    simulating), or is refused when *executor_delay_s* is None.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        executor_delay_s: float | None = 0.0,
    ) -> None:
        self.now_ns = 0
        self.steps = 0
        self.executor_delay_s = executor_delay_s
        self._limits = limits or Limits()
        self._limit_ns = int(self._limits.virtual_s * NS)
        self._wall_deadline = _perf_counter() + self._limits.wall_s
        self._instant_steps = 0
        self._alarms: dict[int, list[Callable[[], None]]] = {}
        self._is_dead: IsDead | None = None
        self._killed: list[asyncio.Task[Any]] = []
        self._dropped: list[tuple[Any, tuple[Any, ...], contextvars.Context]] = []
        self._numbers = 0
        self._selector = _Jump(self)
        self._owner = threading.get_ident()
        super().__init__()
        self._clock_resolution = 1e-9

    # Time

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self.now_ns / NS

    def call_at_ns(
        self,
        when_ns: int,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Like call_at, with the virtual time in integer nanoseconds."""
        return self.call_at(when_ns / NS, callback, *args, context=context)

    def take_step(self, timeout: float | None) -> None:
        """One turn of the loop: move the clock by *timeout*, keep the limits.

        Raises Deadlock and LimitExceeded out of `run_until_complete`.
        """
        self.steps += 1
        if self.steps in self._alarms:
            for callback in self._alarms.pop(self.steps):
                callback()
            timeout = 0 if timeout is None else timeout
        if timeout is None:
            raise Deadlock(self.describe_tasks())
        if timeout > 0:
            self._instant_steps = 0
            # Upwards: a timer that is due one nanosecond later would spin.
            whole = int(timeout * NS)
            self.now_ns += whole if whole >= timeout * NS else whole + 1
            if self.now_ns > self._limit_ns:
                self._exceeded("virtual_s", f"{self._limits.virtual_s} s have passed")
        else:
            self._instant_steps += 1
            if self._instant_steps > self._limits.instant_steps:
                self._exceeded("instant_steps", "callbacks go on, time stands still")
        if self.steps > self._limits.steps:
            self._exceeded("steps", f"{self.steps} turns of the loop")
        if self.steps % _WALL_CHECK_STEPS == 0:
            if _perf_counter() > self._wall_deadline:
                self._exceeded("wall_s", f"{self._limits.wall_s} s of real time")
            if self.steps % _COLLECT_STEPS == 0 and not gc.isenabled():
                gc.collect()

    def at_step(self, step: int, callback: Callable[[], None]) -> None:
        """Call *callback* between two turns, before turn number *step* (from 1)."""
        self._alarms.setdefault(step, []).append(callback)

    def extend_limits(self) -> None:
        """Grant a short extension, so that a stopped world can still be cleaned up."""
        self._limit_ns = self.now_ns + 3_600 * NS
        self._wall_deadline = _perf_counter() + 120.0
        self._instant_steps = 0
        self.steps = min(self.steps, self._limits.steps - 100_000)

    def _exceeded(self, limit: str, text: str) -> None:
        raise LimitExceeded(limit, text, self.describe_tasks())

    # Tasks

    def next_number(self) -> int:
        """The next number of a task or future of this loop."""
        self._numbers += 1
        return self._numbers

    def create_future(self) -> asyncio.Future[Any]:
        return NumberedFuture(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        **options: Any,
    ) -> asyncio.Task[_T]:
        """As asyncio does; unnamed tasks are named by a number of this loop."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        context = options.pop("context", None) or contextvars.copy_context()
        task = NumberedTask[_T](coro, loop=self, context=context, **options)
        task.set_name(f"task {task._number}" if name is None else str(name))
        if self._is_dead is not None and self._is_dead(context):
            self._killed.append(task)
        return task

    def unfinished_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks that are not done and not killed, oldest first."""
        left = asyncio.all_tasks(self).difference(self._killed)
        return sorted(left, key=hash)

    def describe_tasks(self) -> list[str]:
        """One line per unfinished task: its name and the calls it waits in."""
        return [where(task) for task in self.unfinished_tasks()]

    # Sudden death

    def kill(self, is_dead: IsDead) -> None:
        """From now on nothing runs whose context *is_dead*: kill -9 of a party.

        No cancellation, no ``finally``: tasks are never stepped again, timers and
        callbacks are dropped. The callback that is running now, if it is theirs,
        still runs up to its next await. Killed tasks never finish; do not await
        them. Calling again replaces the predicate, which must not forget anybody.
        """
        self._is_dead = is_dead
        inner: Any = self
        # Before the handles go, which may hold the last reference to a task.
        self._killed = [
            task for task in asyncio.all_tasks(self) if _killed(task, is_dead)
        ]
        for handle in (*inner._ready, *inner._scheduled):
            if is_dead(handle._context):
                self._drop(handle)

    def revive(self) -> None:
        """Make killed tasks ordinary again, to be cancelled at the end of a world.

        Otherwise the garbage collector would take them apart, outside of any loop.
        """
        self._is_dead = None
        self._killed.clear()
        for callback, args, context in self._dropped:
            self.call_soon(callback, *args, context=context)
        self._dropped.clear()

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As asyncio does, unless the callback belongs to a killed party."""
        handle = super().call_soon(callback, *args, context=context)
        if self._is_dead is not None and self._is_dead(context):
            self._drop(handle)
        return handle

    def _drop(self, handle: asyncio.Handle) -> None:
        """Cancel *handle*, but remember it for `revive` unless it is a timer."""
        inner: Any = handle
        if not isinstance(handle, asyncio.TimerHandle) and not handle.cancelled():
            self._dropped.append((inner._callback, inner._args, inner._context))
        handle.cancel()

    # What a loop without threads, signals and descriptors does instead

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[Unpack[_Ts]], _T],
        *args: *_Ts,
    ) -> asyncio.Future[_T]:
        """Run *func* inline on a later turn; *executor* is never used."""
        if self.executor_delay_s is None:
            raise SimulationError(f"run_in_executor refused: {func!r} wants a thread")
        future = self.create_future()
        self.call_later(self.executor_delay_s, _run_inline, future, func, args)
        return future

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As call_soon; from another thread it is refused (order would be lost)."""
        if threading.get_ident() != self._owner:
            raise SimulationError("a simulated world has one thread only")
        return self.call_soon(callback, *args, context=context)

    def add_signal_handler(
        self,
        sig: int,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
    ) -> None:
        """Accepted and ignored: a world gets no signals."""

    def remove_signal_handler(self, sig: int) -> bool:
        """Nothing was installed."""
        return False

    def _process_events(self, event_list: list[Any]) -> None:
        """No descriptors, no events."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""


def _killed(task: asyncio.Task[Any], is_dead: IsDead) -> bool:
    assert isinstance(task, NumberedTask)
    return is_dead(task.context)


def _run_inline(
    future: asyncio.Future[_T], func: Callable[..., _T], args: tuple[Any, ...]
) -> None:
    if future.cancelled():
        return
    try:
        result = func(*args)
    except Exception as exc:
        future.set_exception(exc)
    else:
        future.set_result(result)
