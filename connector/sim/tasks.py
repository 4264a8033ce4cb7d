"""Tasks and futures whose order in a set does not depend on addresses.

asyncio and anyio keep tasks in sets and iterate over those when they cancel. The
default hash is an address and differs between processes; here it is a number that
the loop counts.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from typing import Any, Protocol, Self, TypeVar

_T = TypeVar("_T")


class Numbering(Protocol):
    """A loop that numbers what is made for it."""

    def next_number(self) -> int:
        """The next number, never the same twice."""


class NumberedTask(asyncio.Task[_T]):
    """A task whose place in a set depends on its number alone.

    *context* is the one it runs in (Python 3.11 does not tell).
    """

    _number: int
    context: contextvars.Context

    def __new__(
        cls, coro: Any, *, loop: Numbering, context: contextvars.Context, **_: Any
    ) -> NumberedTask[_T]:
        # Before __init__, which already puts the task into a set.
        task = super().__new__(cls)
        task._number = loop.next_number()
        task.context = context
        return task

    def __hash__(self) -> int:
        return self._number


class NumberedFuture(asyncio.Future[Any]):
    """A future whose place in a set depends on its number alone."""

    _number: int

    def __new__(cls, *, loop: Numbering) -> Self:
        future = super().__new__(cls)
        future._number = loop.next_number()
        return future

    def __hash__(self) -> int:
        return self._number


def has_started(task: asyncio.Task[Any]) -> bool:
    """Whether the coroutine of *task* has run up to an await at least once."""
    coro = task.get_coro()
    return not inspect.iscoroutine(coro) or (
        inspect.getcoroutinestate(coro) != inspect.CORO_CREATED
    )


def where(task: asyncio.Task[Any]) -> str:
    """The name of a task and the last calls it is suspended in, innermost last."""
    calls: list[str] = []
    waits_in: Any = task.get_coro()
    while waits_in is not None:
        frame = (
            getattr(waits_in, "cr_frame", None)
            or getattr(waits_in, "gi_frame", None)
            or getattr(waits_in, "ag_frame", None)
        )
        if frame is not None:
            code = frame.f_code
            file = "/".join(code.co_filename.split("/")[-2:])
            calls.append(f"{code.co_qualname} ({file}:{frame.f_lineno})")
        waits_in = (
            getattr(waits_in, "cr_await", None)
            or getattr(waits_in, "gi_yieldfrom", None)
            or getattr(waits_in, "ag_await", None)
        )
    return f"{task.get_name()}: {' > '.join(calls[-4:]) or 'not started'}"
