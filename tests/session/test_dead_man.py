"""`Session(dead_man_s=...)`: what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from venue import API_KEY, API_SECRET, session_on, urls_of

from connector.config import SessionConfig
from connector.core.dead_man import DeadManSwitch
from connector.dialect import Capability, VenueFacts
from connector.dialect.wire import Request
from connector.errors import ConfigError, Unsupported
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.ids import Symbol
from connector.model.noun import replace
from connector.model.order import Rejected
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.session import Session, opening
from connector.venues.binance_usdm.dialect import FACTS, BinanceUsdm
from connector.venues.registry import dialect_for, venue_names


class Switchless(BinanceUsdm):
    """A venue without a dead-man switch."""

    @property
    def facts(self) -> VenueFacts:
        return replace(FACTS, dead_man=None)

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        raise Unsupported(self.facts.name, "a dead-man timer", "for institutions only")


def test_a_venue_without_a_switch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsupported, before anything is contacted."""
    monkeypatch.setattr(opening, "dialect_for", lambda _: Switchless())

    async def body() -> None:
        with pytest.raises(Unsupported, match="for institutions only"):
            await Session("paper:binance", dead_man_s=60).open()

    asyncio.run(body())


@pytest.mark.parametrize("seconds", [1.0, 86_400.0])
def test_a_time_out_of_range_is_refused(seconds: float) -> None:
    """ConfigError names what the venue takes."""

    async def body() -> None:
        with pytest.raises(ConfigError, match="5 to 3600 s"):
            await Session("paper:binance", dead_man_s=seconds).open()

    asyncio.run(body())


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    """No countdown takes such a time."""
    with pytest.raises(ConfigError, match="dead_man_s"):
        SessionConfig(dead_man_s=seconds)


@pytest.mark.parametrize("venue", venue_names())
def test_venues_say_what_they_have(venue: str) -> None:
    """A dialect claims the capability if and only if it tells how its switch works."""
    facts = dialect_for(venue).facts
    claims = Capability.DEAD_MAN_TIMER in facts.capabilities
    assert claims is (facts.dead_man is not None)


def test_exposure_that_must_be_a_frame_never_leaves_by_http(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bound to a connection that is not there: nothing is sent, and that is said."""
    monkeypatch.setattr(DeadManSwitch, "is_bound_to_order_entry", True)

    async def body() -> None:
        async with paper_server(
            "binance-usdm", api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            urls = dataclasses.replace(urls_of(server), ws_api="")
            async with Session(
                "paper:binance",
                endpoints=urls,
                credentials=Credentials(
                    api_key=ApiKey(API_KEY), secret=Secret(API_SECRET)
                ),
                journal="memory",
            ) as session:
                order = await session.buy("BTCUSDT", "0.010", limit="59400")
                outcome = order.outcome
                assert isinstance(outcome, Rejected)
                assert (outcome.code, outcome.was_sent) == ("NOT_SENT", False)
            assert statuses(server) == []

    asyncio.run(body())


def test_closing_leaves_the_switch_armed() -> None:
    """After `close` the venue cancels what was left when the time is up."""

    async def body() -> None:
        async with paper_server(
            "binance-usdm", api_key=API_KEY, api_secret=API_SECRET, seed=2
        ) as server:
            server.control.apply("freeze", {"symbol": "BTCUSDT"})
            async with session_on(server, "binance-usdm", dead_man_s=5) as session:
                await session.buy("BTCUSDT", "0.010", limit="59400")
            async with asyncio.timeout(10):
                while statuses(server) == ["NEW"]:
                    await asyncio.sleep(0.05)
            assert statuses(server) == ["CANCELED"]

    asyncio.run(body())


def statuses(server: PaperServer) -> list[str]:
    """Of every order at the venue."""
    state = server.control.apply("state", {})
    assert isinstance(state, dict)
    return [str(row["status"]) for row in state["orders"].values()]
