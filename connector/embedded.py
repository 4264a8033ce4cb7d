"""Joins the session with the simulated venue, which do not know each other.

``paper:`` profiles without endpoints get a venue inside this process. Sessions of
one event loop that name the same profile meet at the same venue; the last one to
leave ends it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from connector.config.hosts import EndpointUrls
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.paper.faces.registry import kit_of
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.session.opening import Embedded

_API_KEY = "embedded-paper-key"
_API_SECRET = "embedded-paper-secret"  # noqa: S105 - a simulated account


@dataclass(slots=True)
class _Running:
    server: PaperServer
    users: int = 0


_running: dict[tuple[asyncio.AbstractEventLoop, str, str], _Running] = {}


def endpoints_of(urls: dict[str, str]) -> EndpointUrls:
    """What a simulated venue announces, as a profile's endpoints."""
    return EndpointUrls(
        rest=urls["rest"],
        stream=urls["stream"],
        public=urls["public"],
        ws_api=urls["ws_api"],
        key_info=urls["rest"],
        second=urls.get("second", ""),
    )


def server_of(venue: str, name: str) -> PaperServer:
    """The running venue of a profile, for demos and tests; KeyError if none is."""
    return _running[asyncio.get_running_loop(), venue, name].server


async def start_embedded(venue: str, name: str, stack: AsyncExitStack) -> Embedded:
    """Start or join the venue of a profile; the stack gives it back."""
    key = (asyncio.get_running_loop(), venue, name)
    running = _running.get(key)
    if running is None:
        server = paper_server(
            venue,
            api_key=_API_KEY,
            api_secret=_API_SECRET,
            passphrase=_passphrase(venue),
        )
        await server.start()
        running = _running.setdefault(key, _Running(server))

    running.users += 1

    async def leave() -> None:
        running.users -= 1
        if running.users == 0:
            _running.pop(key, None)
            await running.server.close()

    stack.push_async_callback(leave)
    return Embedded(
        endpoints=endpoints_of(running.server.urls),
        credentials=credentials_for(venue, _API_KEY, _API_SECRET),
    )


def credentials_for(venue: str, api_key: str, api_secret: str) -> Credentials:
    """A key of the simulated *venue*, with a passphrase if its keys have one."""
    passphrase = _passphrase(venue)
    return Credentials(
        api_key=ApiKey(api_key),
        secret=Secret(kit_of(venue).secret_from(api_secret)),
        passphrase=None if passphrase is None else Secret(passphrase),
    )


def _passphrase(venue: str) -> str | None:
    return kit_of(venue).passphrase
