"""Ready-made venues and ``serve``."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import (
    generate_private_key as generate_ec_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connector.paper.faces.keys import verifier
from connector.paper.venue import paper_server, serve


def test_serve_announces_and_ends_on_sigterm() -> None:
    """All addresses once connections are accepted; SIGTERM ends it cleanly."""

    async def story() -> dict[str, str]:
        ready: asyncio.Future[dict[str, str]] = asyncio.Future()
        task = asyncio.create_task(
            serve(
                "binance-usdm", api_key="k", api_secret="s", announce=ready.set_result
            )
        )
        urls = await ready
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(urls["rest"] + "/fapi/v1/ping")
            assert answer.status_code == 200
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await task
        return urls

    urls = asyncio.run(story())
    assert list(urls) == ["venue", "rest", "stream", "public", "ws_api", "control"]


def test_serve_knows_its_venues() -> None:
    """An unknown venue is a KeyError before anything listens."""
    with pytest.raises(KeyError):
        asyncio.run(serve("nowhere", api_key="k", api_secret="s"))


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_a_pem_secret_becomes_its_public_key(passphrase: str | None) -> None:
    """The venue keeps the public half of a client's key file, or of a public PEM."""
    key = Ed25519PrivateKey.generate()
    lock: Any = NoEncryption()
    if passphrase is not None:
        lock = BestAvailableEncryption(passphrase.encode())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()
    public = key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    for text in (private, public.decode()):
        assert verifier(text, passphrase) == key.public_key()
    assert verifier("plain") == "plain"


def test_other_key_kinds_are_refused() -> None:
    """Elliptic-curve keys are not known to this venue."""
    key = generate_ec_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="only Ed25519 and RSA"):
        verifier(pem.decode())


def test_two_seeds_differ_and_one_repeats() -> None:
    """The seed decides the market and the ids."""

    def walk(seed: int) -> str:
        server = paper_server(
            "binance-usdm", seed=seed, now_ms=lambda: 1_795_341_600_000
        )
        engine = server.faces[0].engine
        engine.advance(1_795_341_660_000)
        return str(engine.quote("BTCUSDT").mark)

    assert walk(1) == walk(1) != walk(2)
