"""Law 9 end to end: a session that trades shows its key nowhere.

A real session talks to the simulated venue over loopback with a key that occurs
nowhere else; then everything a user, a log or a crash report could see is searched.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector import Session
from connector.config import SessionConfig
from connector.embedded import endpoints_of
from connector.errors import ConnectorError
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.order import Accepted
from connector.paper.faces.binance_usdm import BinanceUsdm
from connector.paper.server import PaperServer
from connector.paper.venue import ACCOUNT_ID, paper_server, wall_ms
from connector.runtime import log
from connector.venues.signing import generate_ed25519
from tests.secrets.canary import Canary

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@dataclass(frozen=True)
class Key:
    """A key that was made for one test."""

    api_key: str
    secret: str
    passphrase: str | None = None
    listen_key: str | None = None

    @property
    def credentials(self) -> Credentials:
        return Credentials(
            api_key=ApiKey(self.api_key),
            secret=Secret(self.secret),
            passphrase=None if self.passphrase is None else Secret(self.passphrase),
        )

    @property
    def canary(self) -> Canary:
        texts = (self.api_key, self.secret, self.passphrase, self.listen_key)
        return Canary(*(text for text in texts if text is not None))


def hmac_key() -> Key:
    return Key(secrets.token_hex(32), secrets.token_hex(32))


def ed25519_key() -> Key:
    return Key(secrets.token_hex(32), generate_ed25519()[0].reveal())


def encrypted_rsa_key() -> Key:
    passphrase = secrets.token_hex(16)
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        PEM, PKCS8, serialization.BestAvailableEncryption(passphrase.encode())
    )
    return Key(secrets.token_hex(32), pem.decode(), passphrase)


KINDS = {"hmac": hmac_key, "ed25519": ed25519_key, "encrypted-rsa": encrypted_rsa_key}


def session_for(key: Key, urls: dict[str, str], journal: Path) -> Session:
    return Session(
        "paper:binance",
        credentials=key.credentials,
        endpoints=endpoints_of(urls),
        config=SessionConfig(open_timeout_s=2),
        journal=journal,
    )


def listen_key_of(venue: PaperServer) -> str:
    """The stream key the venue will hand out: it returns the one that lives."""
    face = venue.faces[0]
    assert isinstance(face, BinanceUsdm)
    return face.state.streams.keys_of(ACCOUNT_ID).start(wall_ms())


def everything_of_ours() -> Iterator[object]:
    """All live objects of the package, but those of the simulated venue."""
    for found in gc.get_objects():
        module = type(found).__module__
        if not isinstance(module, str):
            continue  # a descriptor: a class of somebody else plays tricks
        if module.startswith("connector.") and "paper" not in module:
            yield found


async def trade(key: Key, venue: PaperServer, journal: Path) -> Session:
    """Place, fill and cancel orders; look at every object while they live."""
    async with venue:
        async with session_for(key, venue.urls, journal) as session:
            order = await session.buy(
                "BTCUSDT", Decimal("0.010"), limit=Decimal("59000")
            )
            assert isinstance(order.outcome, Accepted)
            await session.sell("BTCUSDT", Decimal("0.010"))
            await session.cancel(order)
            key.canary.assert_object_clean(session)
            key.canary.assert_object_clean(order)
            for task in asyncio.all_tasks():
                key.canary.assert_text_clean(repr(task), "a task")
            for found in everything_of_ours():
                key.canary.assert_text_clean(repr(found), type(found).__name__)
        return session


@pytest.fixture(params=[True, False], ids=["net", "no-net"])
def others(request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """Loggers that are not ours to keep clean: with our nets installed, none.

    Without them websockets logs the stream key, on the venue's side and, if somebody
    turns our own logger for it down to DEBUG, on ours.
    """
    if request.param:
        log.install()
    talkers = ("websockets.server", "connector.runtime.websockets")
    yield () if request.param else talkers
    log.uninstall()


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_trading_session_shows_no_key(
    make: Callable[[], Key], tmp_path: Path, others: tuple[str, ...]
) -> None:
    """Logs of everybody at DEBUG, objects, tasks, journal and process are clean."""
    key = make()
    venue = paper_server(
        "binance-usdm",
        api_key=key.api_key,
        api_secret=key.secret,
        passphrase=key.passphrase,
    )
    key = replace(key, listen_key=listen_key_of(venue))
    with key.canary.logs() as seen:
        session = asyncio.run(trade(key, venue, tmp_path / "journal"))
    assert seen.names
    seen.assert_clean(*others)
    key.canary.assert_object_clean(session)
    assert any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    key.canary.assert_directory_clean(tmp_path)
    key.canary.assert_process_clean()


async def open_at(key: Key, registered: Key, journal: Path) -> None:
    venue = paper_server(
        "binance-usdm", api_key=registered.api_key, api_secret=registered.secret
    )
    async with venue, session_for(key, venue.urls, journal):
        pass


@pytest.mark.parametrize("make", [hmac_key, ed25519_key], ids=["hmac", "ed25519"])
def test_a_refused_key_is_not_quoted(make: Callable[[], Key], tmp_path: Path) -> None:
    """The venue refuses the signature: the error tells so, with clean locals."""
    registered = make()
    key = Key(registered.api_key, make().secret)
    with (
        key.canary.logs() as seen,
        pytest.raises(ConnectorError) as caught,
    ):
        asyncio.run(open_at(key, registered, tmp_path / "journal"))
    seen.assert_clean()
    key.canary.assert_exception_clean(caught.value)
    key.canary.assert_directory_clean(tmp_path)


async def open_nowhere(key: Key, journal: Path) -> None:
    venue = paper_server("binance-usdm", api_key=key.api_key, api_secret=key.secret)
    async with venue:
        urls = dict(venue.urls)
    async with session_for(key, urls, journal):
        pass


def test_an_unreachable_venue_is_not_told_the_key(tmp_path: Path) -> None:
    """Nobody listens: the error has no URL with a signature among its locals."""
    key = hmac_key()
    with (
        key.canary.logs() as seen,
        pytest.raises(ConnectorError) as caught,
    ):
        asyncio.run(open_nowhere(key, tmp_path / "journal"))
    seen.assert_clean()
    key.canary.assert_exception_clean(caught.value)
    key.canary.assert_directory_clean(tmp_path)
