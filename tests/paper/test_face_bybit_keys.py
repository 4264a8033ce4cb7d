"""The Bybit v5 face: keys, signatures, logins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bybit_desk import KEY, LIMIT, PRIVATE, T0, Desk, golden
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.paper.faces import Call, Frame, Hangup
from connector.paper.faces.bybit_v5 import ApiKey
from connector.paper.faces.bybit_v5.auth import KeyRing, authenticate, log_in


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


def vectors() -> Any:
    """Published signatures."""
    return golden("auth_vectors.json")


@pytest.mark.parametrize("kind", ["hmac_hex", "rsa_base64"])
def test_the_signature_vectors_are_accepted(kind: str) -> None:
    """Both key kinds, over the bytes received; one changed byte is refused."""
    told = vectors()
    p, q, e = (int(str(told["rsa"][name]), 0) for name in "pqe")
    public = rsa.RSAPublicNumbers(e=e, n=p * q).public_key()
    name, at_ms = "TESTKEY0000000001", 1732272000000
    known = told["secret"] if kind == "hmac_hex" else public
    keys = KeyRing((ApiKey(key=name, verifier=known),))
    checked = 0
    for row in told["vectors"]:
        if kind not in row or not row["id"].startswith("rest_"):
            continue
        text = row["payload"].removeprefix(f"{at_ms}{name}5000")
        is_post = text.startswith("{")
        headers = {
            "x-bapi-api-key": name,
            "x-bapi-timestamp": str(at_ms),
            "x-bapi-recv-window": "5000",
            "x-bapi-sign": row[kind],
        }
        target = "/v5/x" if is_post or not text else f"/v5/x?{text}"
        call = Call(
            method="POST" if is_post else "GET",
            target=target,
            headers=headers,
            body=text.encode() if is_post else b"",
        )
        assert authenticate(call, keys, at_ms)[0].key == name
        other = Call(
            method="POST", target="/v5/x", headers=headers, body=b'{"forged":true}'
        )
        with pytest.raises(Exception, match="10004"):
            authenticate(other, keys, at_ms)
        checked += 1
    assert checked >= 2
    login = next(row for row in told["vectors"] if row["id"] == "ws_auth")
    assert log_in([name, at_ms + 10_000, login[kind]], keys, at_ms).key == name


def test_other_keys_are_refused() -> None:
    """There is no Ed25519 at this venue."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="HMAC and RSA"):
        Desk(api_secret=pem.decode())


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-bapi-sign": "0" * 64}, 10004),
        ({"x-bapi-api-key": "nobody"}, 10003),
        ({"x-bapi-timestamp": str(T0 + 1000)}, 10002),
        ({"x-bapi-timestamp": str(T0 - 5001)}, 10002),
        ({"x-bapi-timestamp": "x"}, 10002),
    ],
)
def test_bad_signatures_and_times(
    desk: Desk, headers: dict[str, str], code: int
) -> None:
    """The future side is one second, the past side the window."""
    body = json.loads(desk.call("GET", "account/info", headers).body)
    assert body["retCode"] == code


def test_a_key_that_may_only_read() -> None:
    """It asks, and does not act."""
    desk = Desk()
    desk.face.state.keys.find(KEY).can_trade = False
    assert desk.post("order/create", **LIMIT) == 10005
    assert desk.get("order/realtime", symbol="BTCUSDT")["list"] == []


def test_a_revoked_key_is_logged_out(desk: Desk) -> None:
    """Its sockets are closed, its calls refused."""
    desk.private("order")
    desk.face.command("revoke_api_key", {"key": KEY}, desk.now)
    assert any(isinstance(out, Hangup) for out in desk.face.outbox)
    assert desk.ask("GET", "account/info")["retCode"] == 10003


def test_a_failed_login_ends_the_socket(desk: Desk) -> None:
    """It says why, then hangs up; nothing can be subscribed before a login."""
    desk.open(PRIVATE, "private")
    early = desk.say(PRIVATE, op="subscribe", args=["order"])
    assert early["success"] is False
    mac = "0" * 64
    text = json.dumps({"op": "auth", "args": [KEY, desk.now + 5000, mac]})
    desk.face.text_received(PRIVATE, text, desk.now)
    answer, hang_up = desk.face.outbox
    assert isinstance(answer, Frame)
    assert json.loads(answer.text)["success"] is False
    assert isinstance(hang_up, Hangup)
