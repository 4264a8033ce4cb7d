"""Keep-alive connections: who may use which, and which are still good.

A slot is the right to hold a connection, and there are *max_connections* of them for
all origins together. Whoever finds neither an idle connection nor a free slot waits
in line; a connection or slot that becomes free is handed to the first in line and to
nobody else, so nothing is lost between the handing over and the taking, not even
when the taker is cancelled in between.

Idle connections are used youngest first and given up after *keepalive_s*, or a second
before the time the server announced. Before one is used again its socket is asked
whether something is waiting to be read: that is how a server's close looks which the
loop has not told us yet. What remains is a close that is still on its way here. Then
the request fails as possibly sent, because nobody can tell, and is never repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import ssl
from collections import deque
from collections.abc import Callable

from connector.runtime.dial import dial
from connector.runtime.hosts import Origin
from connector.runtime.http_connection import Answer, Ask, HttpConnection

_CLOSE_S = 1.0
_TURNS = 3  # turns of the loop given to a socket that has something to say


class PoolError(Exception):
    """No connection; nothing was sent. Its kinds say *why*."""

    why = "no connection"


class BusyError(PoolError):
    """All connections were in use for the connect timeout."""

    why = "all connections were busy"


class ClosedError(PoolError):
    """The pool is closed."""

    why = "the channel is closed"


class RefusedError(PoolError):
    """The name, the port or TLS."""

    why = "no connection (name, port, or TLS refused)"


class UnansweredError(PoolError):
    """The connect timeout is over."""

    why = "no connection in time"


class Pool:
    """Connections of one channel; `close` ends them all."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        max_connections: int,
        max_body_bytes: int,
        keepalive_s: float,
    ) -> None:
        self._tls = tls
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._keepalive_s = keepalive_s
        self._slots = 0
        self._idle: dict[Origin, deque[HttpConnection]] = {}
        self._origin_of: dict[HttpConnection, Origin] = {}
        self._sockets: dict[HttpConnection, None] = {}
        self._line: deque[tuple[Origin, asyncio.Future[HttpConnection | None]]] = (
            deque()
        )
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def exchange(
        self,
        origin: Origin,
        ask: Ask,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        on_write: Callable[[], None] | None = None,
    ) -> Answer:
        """Send *ask* over a connection to *origin*; see `HttpConnection.exchange`.

        Raises PoolError when there is no connection (then *on_write* was not
        called), and what the exchange raises.
        """
        connection = self._take_idle(origin)
        if connection is None or not await self._is_good(connection):
            connection = await self._checkout(origin, connect_timeout_s)
        try:
            return await connection.exchange(
                ask, read_timeout_s=read_timeout_s, on_write=on_write
            )
        finally:
            self._give_back(connection)

    async def warm(
        self, origin: Origin, count: int, *, for_s: float, connect_timeout_s: float
    ) -> None:
        """Have *count* connections to *origin* that last for another *for_s*.

        Never more than there are free slots. Raises the PoolError of the first that
        fails.
        """
        until_s = asyncio.get_running_loop().time() + for_s
        while not self._is_closed and self._slots < self._max_connections:
            lasting = [
                known
                for known, place in self._origin_of.items()
                if place == origin and self._expiry_s(known) > until_s
            ]
            if len(lasting) >= count:
                return
            self._slots += 1
            self._give_back(await self._open(origin, connect_timeout_s))

    async def close(self) -> None:
        """End every connection, and wait for the sockets (a second at most)."""
        self._is_closed = True
        while self._line:
            _, waiting = self._line.popleft()
            if not waiting.done():
                waiting.set_exception(ClosedError())
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._origin_of):
            connection.abort()
        if self._sockets:
            await asyncio.wait([c.closed for c in self._sockets], timeout=_CLOSE_S)

    # Taking

    def _take_idle(self, origin: Origin) -> HttpConnection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not self._is_over(connection):
                return connection
            connection.abort()
        return None

    async def _is_good(self, connection: HttpConnection) -> bool:
        """Whether an idle connection may be used; it is ours while we look."""
        try:
            for _ in range(_TURNS):
                if not _is_readable(connection.fileno()):
                    return connection.is_open
                # The loop tells us what it is: the end, or news for TLS alone.
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._give_back(connection)
            raise
        connection.abort()
        return False

    async def _checkout(self, origin: Origin, timeout_s: float) -> HttpConnection:
        """A good connection: an idle one, a new one, or one waited for."""
        if self._is_closed:
            raise ClosedError
        given: HttpConnection | None = None
        if self._slots < self._max_connections:
            self._slots += 1
        elif not self._steal_slot():
            started_s = asyncio.get_running_loop().time()
            given = await self._wait_in_line(origin, timeout_s)
            timeout_s -= asyncio.get_running_loop().time() - started_s
        if given is not None and await self._is_good(given):
            return given
        if given is not None:  # its slot went with it
            return await self._checkout(origin, timeout_s)
        return await self._open(origin, max(0.0, timeout_s))

    def _steal_slot(self) -> bool:
        """End an idle connection, to another origin, and keep its slot."""
        for idle in self._idle.values():
            if idle:
                idle.popleft().abort()  # nobody is in line, or it were not idle
                self._slots += 1
                return True
        return False

    async def _wait_in_line(
        self, origin: Origin, timeout_s: float
    ) -> HttpConnection | None:
        """A connection, or None for a slot."""
        waiting: asyncio.Future[HttpConnection | None]
        waiting = asyncio.get_running_loop().create_future()
        self._line.append((origin, waiting))
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except (TimeoutError, asyncio.CancelledError) as exc:
            if waiting.done() and not waiting.cancelled() and not waiting.exception():
                self._give_back(waiting.result())
            if isinstance(exc, TimeoutError):
                raise BusyError from None
            raise

    async def _open(self, origin: Origin, timeout_s: float) -> HttpConnection:
        """A new connection in a slot that is ours; the slot is lost if it fails."""
        tls = self._tls if origin.scheme == "https" else None
        try:
            connection = await dial(origin, self._build, tls=tls, timeout_s=timeout_s)
        except BaseException as exc:
            self._give_back(None)
            if isinstance(exc, TimeoutError):
                raise UnansweredError from None
            if isinstance(exc, OSError):
                raise RefusedError from None
            raise
        self._sockets[connection] = None
        connection.closed.add_done_callback(lambda _: self._sockets.pop(connection))
        if not connection.is_open:
            self._give_back(None)
            raise RefusedError
        self._origin_of[connection] = origin
        if self._is_closed:
            connection.abort()
            raise ClosedError
        return connection

    def _build(self) -> HttpConnection:
        return HttpConnection(
            max_body_bytes=self._max_body_bytes, on_lost=self._slot_of_lost
        )

    # Giving back

    def _give_back(self, connection: HttpConnection | None) -> None:
        """A connection that is not used any more, or (None) a bare slot."""
        if connection is not None and not connection.is_open:
            return  # its slot was given back when it was lost
        while self._line:
            origin, waiting = self._line.popleft()
            if waiting.done():
                continue
            if connection is not None and self._origin_of[connection] != origin:
                self._line.appendleft((origin, waiting))
                connection.abort()  # which gives its slot to the first in line
                return
            waiting.set_result(connection)
            return
        if connection is None:
            self._slots -= 1
            return
        self._idle.setdefault(self._origin_of[connection], deque()).append(connection)
        self._arm_sweep()

    def _slot_of_lost(self, connection: HttpConnection) -> None:
        """A connection ended, whoever ended it."""
        origin = self._origin_of.pop(connection, None)
        if origin is None:
            return  # still being opened: `_open` sees to its slot
        with contextlib.suppress(KeyError, ValueError):
            self._idle[origin].remove(connection)
        self._give_back(None)

    # Idle ones

    def _expiry_s(self, connection: HttpConnection) -> float:
        keeps_s = self._keepalive_s
        if connection.server_keeps_s is not None:
            keeps_s = min(keeps_s, max(0.0, connection.server_keeps_s - 1.0))
        return connection.idle_since_s + keeps_s

    def _is_over(self, connection: HttpConnection) -> bool:
        return self._expiry_s(connection) <= asyncio.get_running_loop().time()

    def _arm_sweep(self, wait_s: float | None = None) -> None:
        if self._sweep is None and not self._is_closed:
            wait_s = self._keepalive_s if wait_s is None else wait_s
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(wait_s, self._sweep_idle)

    def _sweep_idle(self) -> None:
        """Close what is idle for too long; nobody may come to find out."""
        self._sweep = None
        idle = [connection for kept in self._idle.values() for connection in kept]
        for connection in idle:
            if self._is_over(connection):
                connection.abort()
        left = [self._expiry_s(c) for c in idle if c.is_open]
        if left:
            self._arm_sweep(min(left) - asyncio.get_running_loop().time())


def _is_readable(descriptor: int) -> bool:
    """Whether something waits to be read, the end included; True if it is closed."""
    if descriptor < 0:
        return True
    look = select.poll()
    look.register(descriptor, select.POLLIN)
    return bool(look.poll(0))
