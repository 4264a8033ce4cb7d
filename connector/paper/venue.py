"""A simulated venue ready to run, for demos, tests and the command line.

``PaperVenue.binance_usdm(...)`` builds a server with one funded account and one
key; it is started by ``async with``. ``serve`` runs one until SIGTERM or SIGINT.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from connector.paper.engine import Engine
from connector.paper.faces.binance_usdm import ApiKey, BinanceUsdm, FaceConfig
from connector.paper.faults import Faults
from connector.paper.server import PaperServer
from connector.paper.types import Instrument

START_BALANCES: Mapping[str, Decimal] = {"USDT": Decimal(100_000)}
ACCOUNT_ID = "main"


def wall_ms() -> int:
    """True time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def verifier(
    secret: str, passphrase: str | None = None
) -> str | Ed25519PublicKey | RSAPublicKey:
    """What the venue keeps of a key: an HMAC secret, or a public key from PEM text.

    The PEM may hold the public key, or the private key a client signs with;
    raises ValueError if it holds another kind.
    """
    if not secret.lstrip().startswith("-----BEGIN"):
        return secret
    data = secret.encode()
    if "PUBLIC KEY" in secret.partition("\n")[0]:
        public = load_pem_public_key(data)
    else:
        private = load_pem_private_key(
            data, passphrase.encode() if passphrase else None
        )
        if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
            raise ValueError("only Ed25519 and RSA keys are known here")
        public = private.public_key()
    if not isinstance(public, Ed25519PublicKey | RSAPublicKey):
        raise ValueError("only Ed25519 and RSA keys are known here")
    return public


class PaperVenue:
    """Constructors of simulated venues, one per wire protocol."""

    @staticmethod
    def binance_usdm(
        *,
        api_key: str = "paperkey",
        api_secret: str = "papersecret",  # noqa: S107 - a simulated account
        passphrase: str | None = None,
        seed: int = 0,
        now_ms: Callable[[], int] = wall_ms,
        host: str = "127.0.0.1",
        port: int = 0,
        balances: Mapping[str, Decimal] = START_BALANCES,
        config: FaceConfig | None = None,
        more_keys: Sequence[ApiKey] = (),
        instruments: Sequence[Instrument] | None = None,
        faults: Faults | None = None,
    ) -> PaperServer:
        """Binance USDⓈ-M futures with the account ``main`` holding *balances*."""
        start_ms = now_ms()
        engine = Engine(seed=seed, now_ms=start_ms, instruments=instruments)
        engine.open_account(ACCOUNT_ID, balances, now_ms=start_ms)
        key = ApiKey(key=api_key, verifier=verifier(api_secret, passphrase))
        face = BinanceUsdm(engine, (key, *more_keys), seed=seed, config=config)
        return PaperServer([face], now_ms, host=host, port=port, faults=faults)


VENUES: Mapping[str, Callable[..., PaperServer]] = {
    "binance-usdm": PaperVenue.binance_usdm,
}


async def serve(
    venue: str,
    *,
    api_key: str,
    api_secret: str,
    passphrase: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
    announce: Callable[[dict[str, str]], None] | None = None,
) -> None:
    """Run *venue* until SIGTERM or SIGINT, or until cancelled.

    *announce* is called once with the addresses (keys ``venue``, ``rest``,
    ``stream``, ``ws_api``, ``control``) when connections are accepted. Raises
    KeyError for an unknown venue.
    """
    build = VENUES[venue]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    server = build(
        api_key=api_key,
        api_secret=api_secret,
        passphrase=passphrase,
        host=host,
        port=port,
        seed=seed,
    )
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with server:
            if announce is not None:
                announce(server.urls)
            await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
