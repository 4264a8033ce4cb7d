"""Messages received and not read: bounded, timed, and handed over without a detour.

Two ways out. `take` gives one message to a task that waits for it. A *sink*, a plain
function, is called from where the bytes arrive, so that a message costs no task switch
and no turn of the loop. After `PER_TURN` messages, or when they took longer than
`TURN_S`, the rest waits for the next turn: a burst must not keep timers, answers and
other sockets waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

PER_TURN = 32
"""Messages handed to the sink before everybody else gets a turn, at most."""

TURN_S = 0.001
"""No further message is handed over in a turn that has taken this long."""

_LOOK_EVERY = 4  # messages between two looks at the clock

Sink = Callable[[bytes], None]


class Inbox:
    """Messages of one stream; *pause* and *resume* stop and start its socket."""

    __slots__ = (
        "_is_draining",
        "_loop",
        "_max_bytes",
        "_max_messages",
        "_reader",
        "_sink",
        "failure",
        "is_ended",
        "is_paused",
        "messages",
        "pause",
        "reason",
        "resume",
        "size",
    )

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._reader: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._is_draining = False
        self.messages: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.is_paused = False
        self.is_ended = False
        self.reason = ""
        self.failure: Exception | None = None
        self.pause: Callable[[], None] = _nothing
        self.resume: Callable[[], None] = _nothing

    @property
    def is_spent(self) -> bool:
        """Ended, and everything received before was read."""
        return self.is_ended and not self.messages

    def put(self, arrived_s: float, messages: Sequence[bytes]) -> None:
        """Take what one read of the socket brought; at a bound, stop reading it.

        What comes after the end (we closed, the peer goes on) is dropped.
        """
        if self.is_ended or not messages:
            return
        sink, kept = self._sink, self.messages
        done = 0
        if sink is not None and not kept:
            try:
                until_s = self._loop.time() + TURN_S
                for message in messages[:PER_TURN]:
                    done += 1
                    sink(message)
                    if done % _LOOK_EVERY == 0 and self._loop.time() > until_s:
                        break
            except Exception as exc:
                self._fail(exc)
            if done == len(messages):
                return
        for message in messages[done:]:
            kept.append((arrived_s, message))
            self.size += len(message)
        if self._sink is not None:
            self._drain_soon()
        else:
            self._wake()
        if not self.is_paused and (
            len(kept) >= self._max_messages or self.size >= self._max_bytes
        ):
            self.is_paused = True
            self.pause()

    def take(self) -> bytes:
        """The oldest message; at half the bounds the socket is read again."""
        _, message = self.messages.popleft()
        self.size -= len(message)
        if (
            self.is_paused
            and len(self.messages) <= self._max_messages // 2
            and self.size <= self._max_bytes // 2
        ):
            self.is_paused = False
            self.resume()
        return message

    def end(self, reason: str) -> None:
        """Nothing will come any more; the first reason stays.

        The socket is read on, if it was not, for the peer's goodbye.
        """
        if self.is_ended:
            return
        self.is_ended = True
        self.reason = reason
        self._wake()
        if self.is_paused:
            self.is_paused = False
            self.resume()

    def deliver_to(self, sink: Sink | None) -> None:
        """From now on call *sink* for every message, the waiting ones first.

        None: keep them. What *sink* raises ends the delivery and is the `failure`.
        """
        self._sink = sink
        if sink is not None and self.messages:
            self._drain()

    async def wait(self) -> None:
        """Until there is a message to take, the end, or a failure of the sink."""
        assert self._reader is None, "one task reads a stream"
        while not self._has_news():
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def _has_news(self) -> bool:
        if self._sink is None:
            return bool(self.messages) or self.is_ended or self.failure is not None
        return self.is_spent

    def _drain_soon(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._is_draining = False
        sink = self._sink
        if sink is None:
            return
        try:
            until_s = self._loop.time() + TURN_S
            for done in range(1, min(PER_TURN, len(self.messages)) + 1):
                sink(self.take())
                if done % _LOOK_EVERY == 0 and self._loop.time() > until_s:
                    break
        except Exception as exc:
            self._fail(exc)
        if self._sink is None:
            return
        if self.messages:
            self._drain_soon()
        elif self.is_ended:
            self._wake()

    def _fail(self, exc: Exception) -> None:
        self._sink = None
        self.failure = exc
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _nothing() -> None:
    """Before there is a transport there is nothing to pause."""
