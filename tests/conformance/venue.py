"""One simulated venue and sessions on it, for cases that every venue must pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness import HARNESSES, Harness

from connector.config import SessionConfig
from connector.config.hosts import EndpointUrls
from connector.dialect import Capability, VenueFacts
from connector.embedded import credentials_for, endpoints_of
from connector.model.events import Event, Resynced
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.session import EventStream, Session

API_KEY = "conformance-key-0001"
API_SECRET = "conformance-secret-0001"

Case = Callable[["Desk"], Awaitable[None]]


@dataclass
class Desk:
    """A venue whose market stands still, and a live session on it."""

    server: PaperServer
    session: Session
    harness: Harness

    @property
    def symbol(self) -> str:
        """The contract that the cases trade."""
        return self.harness.symbol

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the venue can do."""
        return self.session._open_shell.core.dialect.facts.capabilities

    @property
    def facts(self) -> VenueFacts:
        """What the venue can do."""
        return self.session._open_shell.core.dialect.facts

    def control(self, verb: str, **args: Any) -> dict[str, Any]:
        """Steer the venue (see connector.paper.control)."""
        answer = self.server.control.apply(verb, args)
        assert isinstance(answer, dict)
        return answer

    def ledger(self) -> dict[str, Any]:
        """The venue's own truth."""
        return self.control("state")

    @property
    def mark(self) -> Decimal:
        """Mark price as the session knows it."""
        mark = self.session._open_shell.core.account.mark_of(self.symbol)
        assert mark is not None
        return mark

    def price(self, factor: str) -> Decimal:
        """A price on the tick near mark x factor."""
        tick = self.session.instruments[self.symbol].tick_size
        return (self.mark * Decimal(factor) / tick).to_integral_value() * tick

    async def until(self, fact: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until *fact* holds."""
        async with asyncio.timeout(timeout_s):
            while not fact():
                await self.session.changed()

    async def resynced(self, events: EventStream, timeout_s: float = 10.0) -> Resynced:
        """The next report on *events*."""
        async with asyncio.timeout(timeout_s):
            async for event in events:
                if isinstance(event, Resynced):
                    return event
        raise AssertionError("the session closed")


@asynccontextmanager
async def desk(venue: str, **options: Any) -> AsyncIterator[Desk]:
    """A fresh venue and a session on it."""
    server = paper_server(venue, api_key=API_KEY, api_secret=API_SECRET, seed=1)
    async with server:
        harness = HARNESSES[venue]
        server.control.apply("freeze", {"symbol": harness.symbol, "frozen": True})
        engine = server.faces[0].engine
        others = {asset: Decimal(sum_) for asset, sum_ in harness.others.items()}
        engine.open_account("others", others, now_ms=engine.now_ms)
        async with session_on(server, venue, **options) as session:
            yield Desk(server, session, harness)


@asynccontextmanager
async def session_on(
    server: PaperServer, venue: str, **options: Any
) -> AsyncIterator[Session]:
    """Another session on a running venue."""
    options.setdefault("journal", "memory")
    options.setdefault("config", SessionConfig())
    async with Session(
        f"paper:{venue}",
        endpoints=urls_of(server),
        credentials=credentials_for(venue, API_KEY, API_SECRET),
        **options,
    ) as session:
        yield session


def urls_of(server: PaperServer) -> EndpointUrls:
    """Where a simulated venue listens."""
    return endpoints_of(server.urls)


def of_type(events: list[Event], kind: type[Event]) -> list[Any]:
    """Events of one kind."""
    return [event for event in events if isinstance(event, kind)]
