"""One TCP or TLS connection to an origin, for both channels.

The addresses of a name are tried one after the other, each within its share of the
time, so that a dead IPv6 route costs a part of the bound and not all of it. asyncio's
own racing of addresses is not used: cancelled at the wrong moment, it forgets the
socket that won. Cancelling `dial` closes whatever is half open.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from connector.runtime.hosts import Origin

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)


async def dial(
    origin: Origin,
    protocol_factory: Callable[[], _ProtocolT],
    *,
    tls: ssl.SSLContext | None,
    timeout_s: float,
) -> _ProtocolT:
    """Connect to *origin*, with TLS if *tls* is given; the protocol is connected.

    Raises OSError (ssl.SSLError is one, as is a name that does not resolve), and
    TimeoutError after *timeout_s*.
    """
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + timeout_s
    async with asyncio.timeout(timeout_s):
        addresses = await _addresses(loop, origin)
        for left in range(len(addresses), 0, -1):
            address = addresses[-left]
            share_s = (ends_s - loop.time()) / left
            try:
                async with asyncio.timeout(share_s if left > 1 else None):
                    _, protocol = await loop.create_connection(
                        protocol_factory,
                        address,
                        origin.port,
                        ssl=tls,
                        server_hostname=origin.host if tls is not None else None,
                    )
            except OSError:
                if left == 1:
                    raise
            else:
                return protocol
    raise OSError("the name has no address")


async def _addresses(loop: asyncio.AbstractEventLoop, origin: Origin) -> list[str]:
    """Addresses of the host, each once, in the resolver's order."""
    try:
        return [str(ipaddress.ip_address(origin.host))]
    except ValueError:
        pass
    found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))
