"""Independent public clients against the paper venue: shared helpers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from connector.paper.server import PaperServer
from connector.paper.venue import paper_server

API_KEY = "clientskey"
API_SECRET = "clientssecret"
DEADLINE_S = 30.0

Opener = Callable[..., AbstractAsyncContextManager[PaperServer]]
Runner = Callable[[Coroutine[Any, Any, None]], None]
Waiter = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def keys() -> tuple[str, str]:
    """API key and secret that the venue knows."""
    return API_KEY, API_SECRET


@pytest.fixture
def run() -> Runner:
    """Run a coroutine to its end, with a deadline."""

    def runner(coroutine: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(DEADLINE_S):
                await coroutine

        asyncio.run(bounded())

    return runner


def opener_of(name: str) -> Opener:
    """Opens a running venue whose market stands still."""

    @asynccontextmanager
    async def opener(*more_keys: Any) -> AsyncIterator[PaperServer]:
        server = paper_server(
            name, api_key=API_KEY, api_secret=API_SECRET, seed=7, more_keys=more_keys
        )
        server.faces[0].engine.freeze()
        async with server:
            yield server

    return opener


@pytest.fixture
def venue() -> Opener:
    """A running Binance USD-M venue."""
    return opener_of("binance-usdm")


@pytest.fixture
def bybit() -> Opener:
    """A running Bybit v5 venue."""
    return opener_of("bybit-v5")


@pytest.fixture
def until() -> Waiter:
    """Wait until something is true, or fail after 10 s."""

    async def waiter(is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_true():
                await asyncio.sleep(0.005)

    return waiter
