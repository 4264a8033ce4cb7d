"""Coinbase's gateway as the face speaks it: whose token is taken, and what is cut."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connector.paper.engine import Engine
from connector.paper.faces import Call, Frame, Hangup
from connector.paper.faces.deribit.gateway import KIT, build, secret_from
from connector.paper.faces.deribit.listing import instruments_at

T0 = 1_795_605_600_000
NAME, WORD, SOCKET = "organizations/1/apiKeys/2", "a word", 1
P256 = ec.generate_private_key(ec.SECP256R1())
PEM = P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(text: str, secret: str) -> bytes:
    """By hand, as a client of the gateway would."""
    key = load_pem_private_key(secret.encode(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        der = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key.sign(text.encode())


def token(secret: str, *, head: Any = (), claims: Any = ()) -> str:
    """A token that is good but for what is said."""
    first = {"alg": "EdDSA", "kid": NAME, "nonce": "n1", "typ": "JWT", **dict(head)}
    now_s = T0 // 1000
    second = {"sub": NAME, "iss": "cdp", "nbf": now_s, "exp": now_s + 120}
    second |= dict(claims)
    text = ".".join(base64url(json.dumps(one).encode()) for one in (first, second))
    return f"{text}.{base64url(signed(text, secret))}"


class Desk:
    """A gateway with one key, one socket, and a market that stands still."""

    def __init__(self, secret: str = WORD) -> None:
        self.now = T0
        engine = Engine(
            seed=1, now_ms=T0, instruments=instruments_at(T0), rules=KIT.rules
        )
        engine.open_account("main", KIT.balances, now_ms=T0)
        engine.freeze()
        self.face = build(engine, account_id="main", api_key=NAME, api_secret=secret)
        self.face.open_socket(SOCKET, Call(method="GET", target="/ws/api/v2"), T0)

    def say(self, method: str, **params: Any) -> dict[str, Any]:
        """One request on the socket, and its answer."""
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.face.text_received(SOCKET, json.dumps(asked), self.now)
        frames = [f for f in self.face.outbox if isinstance(f, Frame)]
        told: dict[str, Any] = json.loads(frames[-1].text)
        return told

    def sign_in(self, jwt: str) -> dict[str, Any]:
        return self.say("public/auth", grant_type="coinbase_cdp", token=jwt)

    def post(
        self, method: str, header: str = "", path: str = "/api/v2", **params: Any
    ) -> dict[str, Any]:
        """One call by POST to the root, or to *path*."""
        asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        headers = {"authorization": header} if header else {}
        call = Call(
            method="POST", target=path, headers=headers, body=json.dumps(asked).encode()
        )
        told: dict[str, Any] = json.loads(self.face.http(call, self.now).body)
        return told


@pytest.mark.parametrize(
    ("secret", "algorithm"), [(WORD, "EdDSA"), (PEM, "ES256")], ids=["ed25519", "es256"]
)
def test_a_token_of_the_key_is_exchanged(secret: str, algorithm: str) -> None:
    """For an access token without a refresh token; it trades on the socket."""
    desk = Desk(secret)
    jwt = token(secret_from(secret), head={"alg": algorithm})
    told = desk.sign_in(jwt)["result"]
    assert told["expires_in"] == 3600
    assert "refresh_token" not in told
    assert {"rat#trade", "rat#view"} <= set(told["scope"].split())
    assert "result" in desk.say("private/get_positions", currency="any")


@pytest.mark.parametrize(
    ("head", "claims"),
    [
        ({"kid": "another"}, {}),
        ({"alg": "ES256"}, {}),
        ({"alg": "none"}, {}),
        ({"nonce": None}, {}),
        ({}, {"sub": "another"}),
        ({}, {"iss": "somebody"}),
        ({}, {"exp": T0 // 1000 - 1}),
        ({}, {"exp": T0 // 1000 + 3600}),
        ({}, {"nbf": T0 // 1000 + 600}),
        ({}, {"nbf": None}),
    ],
)
def test_a_token_that_is_wrong(head: Any, claims: Any) -> None:
    """13004, whatever it is; nothing private is answered afterwards."""
    desk = Desk()
    told = desk.sign_in(token(secret_from(WORD), head=head, claims=claims))
    assert told["error"]["code"] == 13004
    assert "error" in desk.say("private/get_positions", currency="any")


@pytest.mark.parametrize(
    "jwt", ["", "a.b", "a.b.c", "e30.e30.e30", "....", "\u00e9.b.c"]
)
def test_what_is_no_token(jwt: str) -> None:
    """Refused, and survived."""
    assert Desk().sign_in(jwt)["error"]["code"] in (13004, -32602)


def test_a_token_of_another_key_or_used_twice() -> None:
    """The signature must be the key's, and a nonce serves once."""
    desk = Desk()
    assert "error" in desk.sign_in(token(secret_from("another word")))
    good = token(secret_from(WORD))
    assert "result" in desk.sign_in(good)
    assert desk.sign_in(good)["error"]["code"] == 13004


def test_other_grants_and_signatures_are_not_of_this_door() -> None:
    """Deribit's own ways of signing in, per call or per socket, are refused."""
    desk = Desk()
    told = desk.say(
        "public/auth",
        grant_type="client_credentials",
        client_id=NAME,
        client_secret="x",
    )
    assert told["error"]["code"] == -32602
    for header in ("deri-hmac-sha256 id=a,ts=1,nonce=2,sig=3", "Basic YTpi"):
        told = desk.post("private/get_positions", header, currency="any")
        assert told["error"]["code"] == 13004


def test_http_bears_the_token() -> None:
    """By POST to the root and to the method's own path."""
    desk = Desk()
    told = desk.post(
        "public/auth", grant_type="coinbase_cdp", token=token(secret_from(WORD))
    )
    bearer = f"Bearer {told['result']['access_token']}"
    for path in ("/api/v2", "/api/v2/private/get_positions"):
        told = desk.post("private/get_positions", bearer, path, currency="any")
        assert told["result"] == []
    desk.face.command("expire_tokens", {}, desk.now)
    told = desk.post("private/get_positions", bearer, currency="any")
    assert told["error"]["code"] == 13009


def test_silence_ends_a_socket() -> None:
    """Thirty seconds without a word of the client: 1011; a test is a word."""
    desk = Desk()
    for _ in range(4):
        desk.now += 20_000
        desk.say("public/test")
        desk.face.on_time(desk.now)
    assert not [item for item in desk.face.outbox if isinstance(item, Hangup)]
    assert desk.face.next_due_ms() == desk.now + 30_000
    desk.now += 30_000
    desk.face.on_time(desk.now)
    desk.face.on_time(desk.now + 1)
    (gone,) = [item for item in desk.face.outbox if isinstance(item, Hangup)]
    assert gone.code == 1011
