"""The streams of one session as sockets: opened, read, written, pinged, closed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from connector.core.effects import CloseStream, OpenStream, PingStream, SendStream
from connector.core.inputs import (
    Input,
    LinkRole,
    PongReceived,
    StreamClosed,
    StreamFrame,
    StreamOpened,
)
from connector.dialect.wire import Send, Throttle
from connector.errors import NetworkError, RateLimited, StreamLost, StreamRefused
from connector.model.clock import NS_PER_S, ClockOffset, Now
from connector.model.limits import FREE, BucketScope, Priority
from connector.runtime.stream import Stream, StreamChannel
from connector.session.budget import Budget

_BANNED = 418
_STOPPED = (429, _BANNED)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None] | None]


class Sockets:
    """Owns every open stream; what happens on them goes to *post*.

    *finish* adds the credentials to a frame that needs them. Opening, signing in
    and every wait for the limiter end after *logon_timeout_s*.
    """

    def __init__(
        self,
        channel: StreamChannel,
        budget: Budget,
        *,
        post: Callable[[Input], None],
        spawn: Spawn,
        now: Callable[[], Now],
        finish: Callable[[Send], str],
        logon_timeout_s: float,
    ) -> None:
        self._channel = channel
        self._budget = budget
        self._post = post
        self._spawn = spawn
        self._now = now
        self._finish = finish
        self._logon_timeout_ns = int(logon_timeout_s * NS_PER_S)
        self._open: dict[tuple[LinkRole, int], Stream] = {}
        self._readers: dict[tuple[LinkRole, int], asyncio.Task[None]] = {}

    def get(self, role: LinkRole, epoch: int) -> Stream | None:
        """The stream of a connection, if it is open."""
        return self._open.get((role, epoch))

    def open(self, effect: OpenStream) -> None:
        """Begin to open; StreamOpened or StreamClosed follows."""
        task = self._spawn(self._stream(effect), f"stream.{effect.role}")
        if task is not None:
            key = effect.role, effect.epoch
            self._readers[key] = task
            # Also of one that is cancelled before its first step.
            task.add_done_callback(lambda _: self._readers.pop(key, None))

    def send(self, effect: SendStream) -> None:
        """Send a frame when the limiter lets it."""
        self._spawn(self._send_frame(effect), "stream.send")

    def ping(self, effect: PingStream) -> None:
        """Ping; PongReceived follows, or the stream is lost."""
        self._spawn(self._ping(effect), "stream.ping")

    def close(self, effect: CloseStream) -> None:
        """Close; nothing follows: whoever closes knows."""
        reader = self._readers.get((effect.role, effect.epoch))
        if reader is not None:
            reader.cancel()

    # --- how ---

    def _deadline_ns(self) -> int:
        return self._now().mono_ns + self._logon_timeout_ns

    async def _dial(self, effect: OpenStream) -> Stream:
        """A handshake is counted when it arrives, perhaps long after it began."""
        if not effect.cost:
            return await self._channel.open(effect.url)
        while True:
            permit = await self._budget.acquire(
                effect.cost, Priority.RECONCILE, self._deadline_ns()
            )
            if permit.departed():
                break
        try:
            return await self._channel.open(effect.url)
        finally:
            permit.answered()

    async def _stream(self, effect: OpenStream) -> None:
        role, epoch = effect.role, effect.epoch
        connection = f"{role.value}-{epoch}"
        self._budget.open_connection(connection)
        why = "closed by us"
        try:
            stream = await self._dial(effect)
            self._open[role, epoch] = stream
            try:
                self._post(StreamOpened(role, epoch))
                await stream.deliver(
                    lambda raw: self._post(StreamFrame(role, epoch, raw))
                )
            finally:
                self._open.pop((role, epoch), None)
                await stream.close()
        except (NetworkError, RateLimited) as error:
            why = str(error)
            if isinstance(error, StreamRefused) and error.status in _STOPPED:
                self._obey(error)
        finally:
            self._budget.close_connection(connection)
        self._post(StreamClosed(role, epoch, why))

    def _obey(self, refused: StreamRefused) -> None:
        """A handshake was refused for the limits: everything of this address waits."""
        wait_s = refused.retry_after_s
        throttle = Throttle(
            scope=BucketScope.IP,
            wait_ms=None if wait_s is None else math.ceil(wait_s * 1000),
            is_ban=refused.status == _BANNED,
        )
        self._budget.close(throttle, ClockOffset(), self._now())

    async def _send_frame(self, effect: SendStream) -> None:
        role, epoch = effect.role, effect.epoch
        stream = self._open.get((role, epoch))
        if stream is None:
            return
        step = effect.step
        try:
            if step.cost != FREE:
                await self._budget.acquire(
                    step.cost,
                    Priority.RECONCILE,
                    self._deadline_ns(),
                    f"{role.value}-{epoch}",
                )
            await stream.send(self._finish(step) if step.sign else step.text)
        except RateLimited as error:
            self._post(StreamClosed(role, epoch, str(error)))
            self.close(CloseStream(role, epoch))  # the link has given it up
        except StreamLost:
            pass  # the reader of this stream says so

    async def _ping(self, effect: PingStream) -> None:
        stream = self._open.get((effect.role, effect.epoch))
        if stream is None:
            return
        try:
            latency_s = await stream.ping(effect.timeout_s)
        except StreamLost:
            return  # the reader of this stream says so
        latency_ms = None if latency_s is None else latency_s * 1000
        self._post(PongReceived(effect.role, effect.epoch, latency_ms))
