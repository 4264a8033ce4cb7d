"""Who one is, for hours: tokens that end, sessions by name, Coinbase's gateway."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal as D

import pytest
from deribit_desk import KEY, PERPETUAL, SECRET, tell

from connector.config.hosts import EndpointUrls
from connector.embedded import credentials_for, endpoints_of
from connector.errors import ConfigError, CredentialsError, KeyRefused
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import Event, Gap
from connector.model.order import Accepted, Rejected, Side
from connector.paper.faces.deribit import Deribit
from connector.paper.faces.deribit.auth import Token
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server
from connector.session import Session
from connector.session.intents import make_intent
from connector.sim.world import World

BOTH = ("deribit", "coinbase-derivatives")


def face_of(server: PaperServer) -> Deribit:
    (face,) = server.faces
    assert isinstance(face, Deribit)
    return face


def tokens_of(server: PaperServer) -> list[Token]:
    return list(face_of(server).state.keys.tokens.values())


async def gaps_during(session: Session, seconds: float) -> list[Event]:
    """Gaps that were told while *seconds* passed."""
    events = session.events()
    await asyncio.sleep(seconds)
    told = [await anext(events) for _ in range(events.backlog)]
    return [event for event in told if isinstance(event, Gap)]


@pytest.mark.parametrize("venue", BOTH)
def test_tokens_are_renewed_before_they_end(venue: str) -> None:
    """Two hours: every token ends many times over, and nobody notices."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        sockets = face_of(server).state.streams.sockets
        first = {s.token.access for s in sockets.values() if s.token}
        assert await gaps_during(session, 7200) == []
        assert first
        assert not first & {s.token.access for s in sockets.values() if s.token}
        order = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(order.outcome, Accepted)
        await session.reconcile()

    tell(story, venue=venue)


@pytest.mark.parametrize("venue", BOTH)
def test_tokens_that_end_early_cost_nothing(venue: str) -> None:
    """13009 on every connection and over HTTP: whoever hears it knows that nothing
    was executed, the next call is signed in again, and no state is lost."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        resting = await session.buy(PERPETUAL, 10, limit=D(95_000))
        events = session.events()
        for _ in range(3):
            server.control.apply("expire_tokens", {})
            order = await session.buy(PERPETUAL, 20, limit=D(94_000))
            assert isinstance(order.outcome, Rejected), order.outcome
            assert order.outcome.code == "13009"
            order = await session.buy(PERPETUAL, 20, limit=D(94_000))
            assert isinstance(order.outcome, Accepted), order.outcome
            report = await session.reconcile()
            assert report.differences_left == ()
        assert resting.is_open
        told = [await anext(events) for _ in range(events.backlog)]
        assert not any(isinstance(event, Gap) for event in told)
        assert session.is_live

    tell(story, venue=venue)


def test_a_token_serves_many_calls() -> None:
    """The gateway's exchange happens once, however many calls wait for it."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        server.control.apply("expire_tokens", {})
        before = {token.access for token in tokens_of(server)}
        await asyncio.gather(*(session.reconcile() for _ in range(5)))
        made = [t for t in tokens_of(server) if t.access not in before]
        assert len([token for token in made if token.socket_id is None]) == 1

    tell(story, venue="coinbase-derivatives")


def test_a_silent_socket_is_cut_at_the_gateway() -> None:
    """Twenty minutes in which nothing happens: ours are not silent, so none is."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        opened = set(face_of(server).state.streams.sockets)
        assert await gaps_during(session, 1200) == []
        assert opened <= set(face_of(server).state.streams.sockets)

    tell(story, venue="coinbase-derivatives")


def test_a_named_session_outlives_its_sockets() -> None:
    """Reconnects do not pile up sessions beyond the key's sixteen, and those that
    fell out of the sixteen only have to sign in again."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        for _ in range(20):
            server.control.apply("cut", {"kind": "private"})
            await asyncio.sleep(5)
        assert session.is_live
        held = [token for token in tokens_of(server) if token.session]
        assert {token.session for token in held} == {"bot"}
        assert len(held) <= 16
        order = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(order.outcome, Rejected)  # order entry had fallen out
        assert order.outcome.code == "13009"
        order = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(order.outcome, Accepted)

    tell(story, settings={"session": "bot"})


def test_signed_in_by_the_secret_itself() -> None:
    """`client_credentials`, for who asks for it; REST is signed all the same."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        order = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(order.outcome, Accepted)
        assert (await session.reconcile()).differences_left == ()

    tell(story, settings={"grant": "client_credentials"})


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"grant": "password"}, "grant"), ({"sesion": "bot"}, "sesion")],
)
def test_a_setting_that_nobody_knows(settings: dict[str, str], word: str) -> None:
    """Refused with what is known, before anything is sent."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        raise AssertionError("it must not open")

    with pytest.raises(ConfigError, match=f"(?s){word}.*session"):
        tell(story, settings=settings)


async def opened(urls: EndpointUrls, credentials: Credentials) -> None:
    async with Session(
        "paper:coinbase", endpoints=urls, credentials=credentials, journal="memory"
    ):
        pass


def test_the_gateway_refuses_other_keys() -> None:
    """Another kind of key is refused here; an unknown one by the venue, at once."""

    async def main() -> None:
        server = paper_server("coinbase-derivatives", api_key=KEY, api_secret=SECRET)
        async with server:
            urls = endpoints_of(server.urls)
            hmac = Credentials(api_key=ApiKey(KEY), secret=Secret(SECRET))
            with pytest.raises(CredentialsError, match="ed25519, es256, not hmac"):
                await opened(urls, hmac)
            other = credentials_for("coinbase-derivatives", KEY, "another word")
            with pytest.raises(KeyRefused):
                await opened(urls, other)

    asyncio.run(main())


def test_no_token_shows_in_a_preview(caplog: pytest.LogCaptureFixture) -> None:
    """What would be sent is shown without the token, which is good for an hour, and
    no log at any level has it."""
    caplog.set_level(logging.DEBUG)

    async def story(world: World, server: PaperServer, session: Session) -> None:
        intent = make_intent(Side.BUY, PERPETUAL, 10, limit=D(95_000))
        shown = session.preview(intent)
        assert shown["headers"]["Authorization"] == "Bearer **********"
        tokens = [token.access for token in tokens_of(server)]
        assert tokens
        assert not any(token in caplog.text for token in tokens)
        assert not any(token in repr(session) for token in tokens)

    tell(story, venue="coinbase-derivatives")
