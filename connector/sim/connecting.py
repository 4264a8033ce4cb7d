"""The half of the event loop that opens connections: asyncio's calls, no sockets.

`ConnectingLoop` serves `getaddrinfo`, `create_connection`, `create_server` and
`start_tls` from a `Wire`. TLS is asyncio's own implementation over the in-memory
transport: certificates are really checked, but OpenSSL draws its own randomness,
so the bytes of an encrypted connection differ from run to run.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from asyncio import sslproto
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from connector.sim.errors import SimulationError

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)

Address = tuple[str, int]
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]


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


class ConnectingLoop(asyncio.BaseEventLoop):
    """An event loop whose network is a `Wire`."""

    network: Wire | None = None

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
