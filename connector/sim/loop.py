"""An asyncio event loop without sockets, threads or waiting: time is a number.

`VirtualTimeLoop` keeps everything of asyncio's own scheduler (order of callbacks,
timers, tasks, task groups, timeouts, context variables) and replaces the one place
where a loop waits. When nothing is ready, the clock jumps to the next timer; when
there is no timer either, nothing can ever happen again and `Deadlock` says who
waits for what. Name resolution, connections and servers come from an in-memory
network (`Wire`, see `connector.sim.network`). TLS is asyncio's own implementation
over the in-memory transport.

Determinism: tasks and futures hash by a number counted per loop, because asyncio
and anyio keep them in sets and iterate over those when they cancel. The default
hash is an address and differs between processes.

Bounds: `Limits`. Virtual time is kept in integer nanoseconds; asyncio sees it as
float seconds, exact to below one nanosecond for 30 days, which is the longest a
world may last.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import socket
import ssl as tls
import threading
import time
from asyncio import sslproto
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, TypeVarTuple, Unpack

from connector.sim.errors import Deadlock, LimitExceeded, SimulationError

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)
_perf_counter = time.perf_counter  # the real clock, also while a world replaces it

NS = 1_000_000_000
_LONGEST_S = 30 * 86_400
_WALL_CHECK_STEPS = 1_024
_COLLECT_STEPS = 200_000

Address = tuple[str, int]
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]


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


class Wire(Protocol):
    """The network as the loop needs it."""

    def resolve(self, host: str | None, *, passive: bool) -> list[str]:
        """IPv4 addresses of *host*; raises socket.gaierror for unknown names."""

    async def connect(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        address: Address,
        local_address: Address | None,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Open a connection; raises OSError kin as a kernel would."""

    def listen(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        addresses: Sequence[Address],
        *,
        serving: bool,
    ) -> asyncio.AbstractServer:
        """Listen; raises OSError(EADDRINUSE) if an address is taken."""


class _NumberedTask(asyncio.Task[_T]):
    """A task whose place in a set depends on its number alone."""

    _number: int

    def __new__(
        cls, coro: Any, *, loop: VirtualTimeLoop, **_: Any
    ) -> _NumberedTask[_T]:
        # Before __init__, which already puts the task into a set.
        task = super().__new__(cls)
        task._number = loop.next_number()
        return task

    def __hash__(self) -> int:
        return self._number


class _NumberedFuture(asyncio.Future[Any]):
    """A future whose place in a set depends on its number alone."""

    _number: int

    def __new__(cls, *, loop: VirtualTimeLoop) -> Self:
        future = super().__new__(cls)
        future._number = loop.next_number()
        return future

    def __hash__(self) -> int:
        return self._number


class _Jump:
    """Stands where a selector stands: instead of waiting, moves the clock."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Advance virtual time by *timeout* seconds; None means for ever."""
        self._loop.take_step(timeout)
        return []


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """The event loop of one simulated world.

    Not supported, with a clear error: real sockets, datagrams, subprocesses,
    calls from other threads. `run_in_executor` runs the function inline, after
    *executor_delay_s* of virtual time (0 by default; a slow disk is a fault worth
    simulating), or is refused when *executor_delay_s* is None.
    """

    network: Wire | None = None

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

    def extend_limits(self) -> None:
        """Grant a short extension, so that a stopped world can still be cleaned up."""
        self._limit_ns = self.now_ns + 3_600 * NS
        self._wall_deadline = _perf_counter() + 5.0
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
        return _NumberedFuture(loop=self)

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
        task = _NumberedTask[_T](coro, loop=self, **options)
        task.set_name(f"task {task._number}" if name is None else str(name))
        return task

    def unfinished_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks that are not done, oldest first."""
        return sorted(asyncio.all_tasks(self), key=hash)

    def describe_tasks(self) -> list[str]:
        """One line per unfinished task: its name and the calls it waits in."""
        return [_where(task) for task in self.unfinished_tasks()]

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

    # Network

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name asyncio gives it
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """IPv4 stream addresses of a host of the in-memory network."""
        if family not in (0, socket.AF_INET):
            raise socket.gaierror(socket.EAI_NONAME, "the world has IPv4 only")
        name = host.decode("ascii") if isinstance(host, bytes) else host
        passive = bool(flags & socket.AI_PASSIVE)
        found = self._wire().resolve(name, passive=passive)
        await asyncio.sleep(0)
        return [_address_info(ip, int(port or 0)) for ip in found]

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The address itself, as numbers."""
        return str(sockaddr[0]), str(sockaddr[1])

    async def create_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: tls.SSLContext | bool | None = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: Address | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, _ProtocolT]:
        """As asyncio does, over the in-memory network; addresses are tried in turn."""
        _refuse_socket(sock)
        protocols: list[_ProtocolT] = []
        ready: list[asyncio.Future[Any]] = []
        context = tls.create_default_context() if ssl is True else ssl or None

        def build() -> asyncio.BaseProtocol:
            protocols.append(protocol_factory())
            if context is None:
                return protocols[-1]
            ready.append(self.create_future())
            name = host if server_hostname is None else server_hostname
            return self._tls(
                protocols[-1],
                context,
                ready[-1],
                server_hostname=name,
                timeouts=(ssl_handshake_timeout, ssl_shutdown_timeout),
            )

        infos = await self.getaddrinfo(host, port, family=family, flags=flags)
        transport, outer = await self._connect_first(build, infos, local_addr)
        if ready:
            try:
                await ready[-1]
            except BaseException:
                transport.abort()
                raise
            assert isinstance(outer, sslproto.SSLProtocol)
            transport = outer._app_transport
        return transport, protocols[-1]

    async def create_server(  # type: ignore[override]  # one body for both overloads
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        family: int = 0,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: tls.SSLContext | None = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> asyncio.AbstractServer:
        """As asyncio does, over the in-memory network; port 0 picks the next one."""
        _refuse_socket(sock)

        def build() -> asyncio.BaseProtocol:
            if ssl is None:
                return protocol_factory()
            return self._tls(
                protocol_factory(),
                ssl,
                None,
                timeouts=(ssl_handshake_timeout, ssl_shutdown_timeout),
            )

        hosts = [host] if host is None or isinstance(host, str) else list(host)
        addresses: list[Address] = []
        for name in hosts:
            infos = await self.getaddrinfo(name or None, port, flags=flags)
            addresses += [info[4] for info in infos]
        return self._wire().listen(build, addresses, serving=start_serving)

    async def _connect_first(
        self,
        build: Callable[[], asyncio.BaseProtocol],
        infos: list[AddressInfo],
        local_address: Address | None,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        errors: list[OSError] = []
        for info in infos:
            try:
                return await self._wire().connect(build, info[4], local_address)
            except OSError as exc:
                errors.append(exc)
        if len(errors) == 1:
            raise errors[0]
        raise OSError("Multiple exceptions: " + ", ".join(str(e) for e in errors))

    def _tls(
        self,
        protocol: asyncio.BaseProtocol,
        context: tls.SSLContext,
        ready: asyncio.Future[Any] | None,
        *,
        server_hostname: str | None = None,
        timeouts: tuple[float | None, float | None],
    ) -> sslproto.SSLProtocol:
        """asyncio's own TLS, told apart as server by having nobody wait for it."""
        options: dict[str, Any] = {
            "server_side": ready is None,
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": timeouts[0],
            "ssl_shutdown_timeout": timeouts[1],
        }
        waiter: Any = ready
        return sslproto.SSLProtocol(self, protocol, context, waiter, **options)

    def _wire(self) -> Wire:
        if self.network is None:
            raise SimulationError("this loop has no network")
        return self.network


def _refuse_socket(sock: socket.socket | None) -> None:
    if sock is not None:
        raise SimulationError("a simulated world accepts no real sockets")


def _address_info(ip: str, port: int) -> AddressInfo:
    stream = socket.SOCK_STREAM
    return socket.AF_INET, stream, socket.IPPROTO_TCP, "", (ip, port)


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


def _where(task: asyncio.Task[Any]) -> str:
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
