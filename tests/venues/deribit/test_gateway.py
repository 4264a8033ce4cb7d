"""Coinbase's gateway: the same dialect, signed in by tokens that a key signs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connector.dialect import Part
from connector.dialect.facts import ControlFact, ControlKind, TokenFact
from connector.dialect.wire import (
    Fail,
    HttpAnswer,
    Ready,
    Security,
    Send,
    SigningKey,
)
from connector.errors import Unsupported
from connector.model.clock import NS_PER_S
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import Symbol
from connector.venues.deribit import gateway
from connector.venues.deribit.gateway import EXCHANGE, Coinbase
from connector.venues.signing import Signer, make_signer

COINBASE = Coinbase()
NOW_MS = 1_795_168_800_123
KEY_NAME = "organizations/0f/apiKeys/1a2b3c4d"
ED25519 = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
URL = "wss://drb.coinbase.com/ws/api/v2"


def signer_of(key: Any) -> Signer:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return make_signer(
        Credentials(api_key=ApiKey(KEY_NAME), secret=Secret(pem.decode()))
    )


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_an_ed25519_token() -> None:
    """EdDSA over header and claims; good for two minutes, once."""
    signer: SigningKey = signer_of(ED25519)
    token = gateway.jwt(signer, NOW_MS)
    head, claims, signature = token.split(".")
    ED25519.public_key().verify(raw(signature), f"{head}.{claims}".encode())
    told = decoded(head)
    assert (told["alg"], told["kid"], told["typ"]) == ("EdDSA", KEY_NAME, "JWT")
    assert decoded(claims) == {
        "sub": KEY_NAME,
        "iss": "cdp",
        "nbf": NOW_MS // 1000,
        "exp": NOW_MS // 1000 + 120,
    }
    assert decoded(gateway.jwt(signer, NOW_MS).split(".")[0])["nonce"] != told["nonce"]


def test_an_es256_token() -> None:
    """ECDSA on P-256, the two numbers of the signature side by side."""
    head, claims, signature = gateway.jwt(signer_of(P256), NOW_MS).split(".")
    assert decoded(head)["alg"] == "ES256"
    told = raw(signature)
    assert len(told) == 64
    der = encode_dss_signature(
        int.from_bytes(told[:32], "big"), int.from_bytes(told[32:], "big")
    )
    P256.public_key().verify(
        der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )


def test_other_keys_are_not_taken() -> None:
    """A secret or an RSA key cannot sign such a token; the opening says so."""
    assert Coinbase.facts.key_kinds == {KeyKind.ED25519, KeyKind.ES256}


def test_the_exchange_and_what_it_brings() -> None:
    """A POST body, never an address; then every signed call bears the token."""
    signer = signer_of(ED25519)
    wire = COINBASE.sign(EXCHANGE, signer, "https://drb.coinbase.com", NOW_MS)
    assert wire.url == "https://drb.coinbase.com/api/v2/public/auth"
    asked = json.loads(wire.body)
    assert (asked["method"], asked["params"]["grant_type"]) == (
        "public/auth",
        "coinbase_cdp",
    )
    assert len(asked["params"]["token"].split(".")) == 3
    body = {
        "id": 1,
        "result": {
            "access_token": "a3f8",
            "expires_in": 3600,
            "scope": "rat#trade rat#view",
            "token_type": "bearer",
        },
    }
    answer = HttpAnswer(status=200, headers={}, body=json.dumps(body).encode())
    reply = COINBASE.read_answer(EXCHANGE, answer)
    assert reply.facts == (TokenFact(token=Secret("a3f8"), lifetime_s=3600),)

    signer.token = Secret("a3f8")
    (question,) = COINBASE.query(Part.POSITIONS, symbols=(), since_ms=0, now_ms=0)
    assert question.security is Security.SIGNED
    signed = COINBASE.sign(question, signer, "https://drb.coinbase.com", NOW_MS)
    assert ("Authorization", "Bearer a3f8") in signed.headers
    assert "a3f8" not in repr(signed)


def test_a_token_that_is_refused_is_fetched_anew() -> None:
    """13009 says that the token is over, not that the key is wrong."""
    body = json.dumps({"id": 1, "error": {"code": 13009, "message": "unauthorized"}})
    answer = HttpAnswer(status=400, headers={}, body=body.encode())
    reply = COINBASE.read_answer(EXCHANGE, answer)
    assert reply.is_token_error
    assert not reply.is_key_error


def granted(scope: str = "rat#trade rat#view", ref: str = "auth") -> ControlFact:
    fields = {"scope": scope, "expires_in": "3600", "testnet": "false"}
    return ControlFact(kind=ControlKind.ACK, ref=ref, fields=fields, secret=Secret(""))


def test_something_is_said_every_fifteen_seconds() -> None:
    """Silence for 30 s is the end of a socket; the token is exchanged anew at 80 %."""
    script = COINBASE.order_script(gateway.LIVE)
    assert script is not None
    script.start(0)
    (sign_in,) = script.on_open(0)
    assert isinstance(sign_in, Send)
    assert sign_in.sign == "auth"
    frame = json.loads(COINBASE.sign_frame(sign_in, signer_of(ED25519), NOW_MS))
    assert frame["params"]["grant_type"] == "coinbase_cdp"
    script.on_control(granted(), 0)
    beat = ControlFact(kind=ControlKind.ACK, ref="beat")
    assert script.on_control(beat, 0) == (Ready(),)
    at_s, said = 0, []
    while script.next_tick_ns is not None and at_s < 2880:
        at_s = script.next_tick_ns // NS_PER_S
        said += [(at_s, step) for step in script.on_tick(script.next_tick_ns)]
    tests = [at for at, step in said if isinstance(step, Send) and not step.sign]
    assert tests == list(range(15, 2881, 15))
    renewals = [(at, s.sign) for at, s in said if isinstance(s, Send) and s.sign]
    assert renewals == [(2880, "auth")]


def test_the_market_is_kept_up_too() -> None:
    """Public sockets are cut for silence as well."""
    script = COINBASE.public_script(gateway.LIVE, [Symbol("BTC-PERPETUAL")])
    script.on_open(0)
    assert script.next_tick_ns == 15 * NS_PER_S


@pytest.mark.parametrize(
    "scope",
    ["rat#view", "rat#trade", "", "rat#trade rat#view wallet:withdrawals:create"],
)
def test_another_grant_is_no_session(scope: str) -> None:
    """Both scopes are needed, to trade and to look; none that moves money out."""
    script = COINBASE.private_script(gateway.LIVE)
    script.on_open(0)
    (step,) = script.on_control(granted(scope), 0)
    assert isinstance(step, Fail)


def test_what_is_not_documented_there() -> None:
    """No test network, no cancel-on-disconnect."""
    assert COINBASE.endpoints("testnet") is None
    with pytest.raises(Unsupported):
        COINBASE.dead_man(None, 10_000)
