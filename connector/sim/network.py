"""The in-memory network: names, ports, servers, latency and faults.

One address space for the whole world. Names get addresses 10.0.0.1, 10.0.0.2, ...
in order of declaration; ``localhost`` and 127.0.0.1 are shared by all parties (one
machine). A server on 0.0.0.0 (or without a host) answers on every address.

Connecting takes one round trip, the server learns of it half a round trip later,
in order with the first bytes. Connection refused, unanswered (127 s, Linux's
tcp_syn_retries = 6) and unknown names raise what a kernel raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Self

from connector.sim.connecting import Address
from connector.sim.errors import SimulationError
from connector.sim.faults import NO_FATE, Chaos, ConnectFate, Fate
from connector.sim.link import Connection, Direction, End, LinkProfile, SegmentKind
from connector.sim.loop import IsDead, VirtualTimeLoop
from connector.sim.tape import Tape
from connector.sim.trace import Trace
from connector.sim.transport import Endpoint, SimulatedSocket

SYN_TIMEOUT_S = 127.0
_FIRST_PORT = 20_000
_FIRST_CLIENT_PORT = 40_000
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - names of addresses, nothing is bound

_own_address: contextvars.ContextVar[str] = contextvars.ContextVar(
    "own_address", default="127.0.0.1"
)

BytesHook = Callable[[Direction, Connection, bytes], None]


class Network:
    """Everything between the parties of one world.

    Set *chaos* to let the tape cause faults, None for a quiet network. Append to
    *on_bytes* to see all bytes as they are delivered, to *on_sent* to see them as
    they leave (one call per segment, before its fate is drawn), to *on_connect* to
    see every new connection before its first byte. Hooks may cut, stall and reset
    the connection, set its *profile*, or kill a party.
    """

    def __init__(
        self, loop: VirtualTimeLoop, *, trace: Trace, tape: Tape, seed: int
    ) -> None:
        self.loop = loop
        self.trace = trace
        self.tape = tape
        self.chaos: Chaos | None = None
        self.profile = LinkProfile()
        self.on_bytes: list[BytesHook] = []
        self.on_sent: list[BytesHook] = []
        self.on_connect: list[Callable[[Connection], None]] = []
        self.connections: dict[int, Connection] = {}
        self._seed = seed
        self._attempts = 0
        self._opened = 0
        self._names: dict[str, str] = {"localhost": "127.0.0.1"}
        self._profiles: dict[str, LinkProfile] = {}
        self._jitter: dict[tuple[int, Direction], Random] = {}
        self._servers: dict[Address, SimulatedServer] = {}
        self._verdicts: dict[str, ConnectFate] = {}
        self._hidden: dict[str, None] = {}
        self._client_ports: dict[str, int] = {}
        self._dead_ends: list[End] = []
        self._next_port = _FIRST_PORT

    # Names and places

    def add_host(self, name: str, profile: LinkProfile | None = None) -> str:
        """Declare *name* and return its address; declaring twice is harmless.

        *profile* applies to connections made to this host.
        """
        if name not in self._names:
            self._names[name] = f"10.0.0.{len(self._names)}"
        if profile is not None:
            self._profiles[self._names[name]] = profile
        return self._names[name]

    @contextlib.contextmanager
    def on_host(self, name: str) -> Iterator[None]:
        """Code in this block, and tasks it starts, connect from host *name*."""
        token = _own_address.set(self.add_host(name))
        try:
            yield
        finally:
            _own_address.reset(token)

    def resolve(self, host: str | None, *, passive: bool = False) -> list[str]:
        """IPv4 addresses of *host*; raises socket.gaierror for unknown names."""
        if host is None:
            return [_WILDCARDS[0] if passive else "127.0.0.1"]
        if host in self._names and host not in self._hidden:
            return [self._names[host]]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            raise socket.gaierror(
                socket.EAI_NONAME, "Name or service not known"
            ) from None

    # Faults

    def refuse(self, host: str) -> None:
        """Connections to *host* get ECONNREFUSED from now on."""
        self._verdicts[self.resolve(host)[0]] = ConnectFate.REFUSE

    def drop(self, host: str) -> None:
        """Attempts to connect to *host* get no answer from now on."""
        self._verdicts[self.resolve(host)[0]] = ConnectFate.DROP

    def hide(self, host: str) -> None:
        """The name *host* does not resolve from now on."""
        self._hidden[host] = None

    def admit(self, host: str) -> None:
        """Undo `refuse`, `drop` and `hide`."""
        self._hidden.pop(host, None)
        self._verdicts.pop(self.resolve(host)[0], None)

    def stall_all(self) -> None:
        """Every open connection becomes half-open, in both directions."""
        for connection in list(self.connections.values()):
            connection.stall()

    def heal(self) -> None:
        """No more chaos, no verdicts, nothing stalled: the network works again."""
        self.chaos = None
        self._hidden.clear()
        self._verdicts.clear()
        for connection in list(self.connections.values()):
            connection.heal()

    def abort_all(self) -> None:
        """Every end of every open connection aborts: the end of a world."""
        for connection in list(self.connections.values()):
            connection.abort()

    def kill(self, is_dead: IsDead) -> None:
        """Close servers and ends of killed parties, as their kernel would."""
        for server in list(self._servers.values()):
            if is_dead(server.context):
                server.close()
        for connection in list(self.connections.values()):
            self._dead_ends += connection.kill_ends(is_dead)

    def revive(self) -> None:
        """Tell the protocols of killed parties; see `VirtualTimeLoop.revive`."""
        for end in self._dead_ends:
            self.loop.call_soon(end.lose, context=end.context)
        self._dead_ends.clear()

    # The loop's side (Wire)

    async def connect(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        address: Address,
        local_address: Address | None = None,
    ) -> tuple[Endpoint, asyncio.BaseProtocol]:
        """Open a connection; the protocol is connected when this returns.

        Raises ConnectionRefusedError or TimeoutError as a kernel would.
        """
        host = self._name_of(address[0])
        self.trace.add("connect", f"{host}:{address[1]}")
        profile = self._profile_of(address[0])
        self._attempts += 1
        handshake = Random(f"{self._seed}/connect/{self._attempts}")  # noqa: S311 - reproducible
        fate, delay_ns = self._connect_fate(address[0])
        if fate is ConnectFate.DROP:
            await asyncio.sleep(SYN_TIMEOUT_S)
            self.trace.add("unanswered", f"{host}:{address[1]}")
            raise TimeoutError(errno.ETIMEDOUT, f"Connect call failed {address}")
        delay_ns += profile.delay_ns(Direction.TO_SERVER, handshake)
        await asyncio.sleep(delay_ns / 1e9)
        server = self._server_at(address)
        delay_ns = profile.delay_ns(Direction.TO_CLIENT, handshake)
        await asyncio.sleep(delay_ns / 1e9)
        if server is None or fate is ConnectFate.REFUSE:
            self.trace.add("refused", f"{host}:{address[1]}")
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed {address}"
            )
        names = (local_address or self._client_address(address[0]), address)
        return self._open(protocol_factory, server, host, names)

    def listen(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        addresses: Sequence[Address],
        *,
        serving: bool = True,
    ) -> SimulatedServer:
        """Listen on *addresses*; raises OSError(EADDRINUSE) if one is taken."""
        bound: list[Address] = []
        for host, port in addresses:
            bound.append((host, port or self._free_port()))
            if bound[-1] in self._servers:
                raise OSError(errno.EADDRINUSE, f"address in use: {bound[-1]}")
        server = SimulatedServer(self, protocol_factory, bound)
        if serving:
            server.open()
        return server

    def bind(self, server: SimulatedServer, address: Address) -> None:
        """Route new connections for *address* to *server*."""
        if self._servers.setdefault(address, server) is not server:
            raise OSError(errno.EADDRINUSE, f"address in use: {address}")

    def unbind(self, address: Address) -> None:
        """Refuse new connections for *address*."""
        self._servers.pop(address, None)

    # The pipes' side (Hooks)

    def latency_ns(self, connection: Connection, direction: Direction) -> int:
        """Delay of the next segment; every direction has its own random stream."""
        key = (connection.id, direction)
        jitter = self._jitter.get(key)
        if jitter is None:
            jitter = self._jitter[key] = Random(  # noqa: S311 - reproducible
                f"{self._seed}/{connection.id}/{direction}"
            )
        profile = connection.profile or self._profile_of(connection.server_address[0])
        return profile.delay_ns(direction, jitter)

    def fate(self, connection: Connection, direction: Direction, size: int) -> Fate:
        """What befalls a segment: nothing unless there is chaos."""
        if self.chaos is None:
            return NO_FATE
        fate = self.chaos.segment(self.tape, size)
        if fate is not NO_FATE:
            self.trace.add(
                "fault",
                f"{fate.kind} at={fate.at} delay_ns={fate.delay_ns}",
                connection=connection.id,
                direction=direction,
            )
        return fate

    def leaves(self, direction: Direction, connection: Connection, data: bytes) -> None:
        """Show bytes that are being sent."""
        for hook in self.on_sent:
            hook(direction, connection, data)

    def arrived(
        self, direction: Direction, connection: Connection, data: bytes
    ) -> None:
        """Trace and show delivered bytes."""
        self.trace.add(
            "arrived", connection=connection.id, direction=direction, size=len(data)
        )
        for hook in self.on_bytes:
            hook(direction, connection, data)

    # Inner parts

    def _open(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        server: SimulatedServer,
        host: str,
        names: tuple[Address, Address],
    ) -> tuple[Endpoint, asyncio.BaseProtocol]:
        self._opened += 1
        client_end = Endpoint(self.loop, contextvars.copy_context())
        server_end = Endpoint(self.loop, server.context.copy(), server.accept)
        connection = Connection(
            self, self._opened, host, names, (client_end, server_end)
        )
        connection.on_closed = self._forget
        client_end.attach(connection, connection.to_server, connection.to_client)
        server_end.attach(connection, connection.to_client, connection.to_server)
        self.connections[connection.id] = connection
        for hook in self.on_connect:
            hook(connection)
        protocol = protocol_factory()
        connection.to_server.send(SegmentKind.OPEN)
        client_end.start(protocol)
        return client_end, protocol

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection.id, None)
        for direction in Direction:
            self._jitter.pop((connection.id, direction), None)

    def _connect_fate(self, ip: str) -> tuple[ConnectFate, int]:
        verdict = self._verdicts.get(ip)
        if verdict is not None:
            return verdict, 0
        if self.chaos is None:
            return ConnectFate.NONE, 0
        return self.chaos.connect(self.tape)

    def _profile_of(self, server_ip: str) -> LinkProfile:
        return self._profiles.get(server_ip, self.profile)

    def _server_at(self, address: Address) -> SimulatedServer | None:
        found = self._servers.get(address)
        for wildcard in _WILDCARDS:
            found = found or self._servers.get((wildcard, address[1]))
        return found

    def _name_of(self, ip: str) -> str:
        for name, address in self._names.items():
            if address == ip:
                return name
        return ip

    def _client_address(self, server_ip: str) -> Address:
        own = "127.0.0.1" if server_ip == "127.0.0.1" else _own_address.get()
        port = self._client_ports.get(own, _FIRST_CLIENT_PORT)
        self._client_ports[own] = port + 1 if port < 65_535 else _FIRST_CLIENT_PORT
        return own, port

    def _free_port(self) -> int:
        self._next_port += 1
        if self._next_port >= _FIRST_CLIENT_PORT:
            raise SimulationError("no free port left in this world")
        return self._next_port


class SimulatedServer(asyncio.AbstractServer):
    """What `loop.create_server` returns.

    `wait_closed` waits until all accepted connections are closed, as asyncio does
    from Python 3.12 on, whatever Python runs this.
    """

    def __init__(
        self,
        network: Network,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        addresses: Sequence[Address],
    ) -> None:
        self.context = contextvars.copy_context()
        self._network = network
        self._protocol_factory = protocol_factory
        self._addresses = tuple(addresses)
        self._ends: dict[Endpoint, None] = {}  # ordered, unlike a set
        self._is_open = False
        self._is_closed = False
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def sockets(self) -> tuple[SimulatedSocket, ...]:
        """One stand-in per address; empty once closed."""
        if self._is_closed:
            return ()
        return tuple(SimulatedSocket(address, None) for address in self._addresses)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._network.loop

    def is_serving(self) -> bool:
        return self._is_open

    def open(self) -> None:
        """Start to accept."""
        if self._is_closed:
            raise RuntimeError("the server is closed")
        if not self._is_open:
            for address in self._addresses:
                self._network.bind(self, address)
            self._is_open = True

    async def start_serving(self) -> None:
        self.open()
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        self.open()
        try:
            await self._network.loop.create_future()
        finally:
            self.close()
            await self.wait_closed()

    def close(self) -> None:
        """Accept nothing more; open connections go on."""
        if self._is_open:
            for address in self._addresses:
                self._network.unbind(address)
        self._is_open = False
        self._is_closed = True
        self._wake()

    def close_clients(self) -> None:
        """Close every accepted connection."""
        for end in list(self._ends):
            end.close()

    def abort_clients(self) -> None:
        """Abort every accepted connection."""
        for end in list(self._ends):
            end.abort()

    async def wait_closed(self) -> None:
        while not self._is_closed or self._ends:
            waiter: asyncio.Future[None] = self._network.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
        await self.wait_closed()

    def accept(self, end: Endpoint) -> None:
        """Take the server's end of a new connection (called by the pipe)."""
        if not self._is_open:
            end.reject()
            return
        try:
            protocol = self._protocol_factory()
            self._ends[end] = None
            end.on_gone = self._gone
            end.start(protocol)
        except Exception as exc:
            end.reject()
            self._network.loop.call_exception_handler(
                {"message": "a server failed to accept", "exception": exc}
            )

    def _gone(self, end: Endpoint) -> None:
        self._ends.pop(end, None)
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
