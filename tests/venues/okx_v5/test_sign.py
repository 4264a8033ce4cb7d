"""Signing: the vectors through the functions that sign for real."""

from __future__ import annotations

import json
from typing import Any

import pytest
from okx_nouns import DIALECT, NAME, VECTORS, instrument, intent, order, signer

from connector.dialect.wire import Request, Security, Send
from connector.errors import CredentialsError, Unsupported
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.venues.okx_v5 import sign
from connector.venues.signing import generate_ed25519, make_signer

AT_MS = 1_732_272_000_000
REST = [row for row in VECTORS["vectors"] if row["id"].startswith("rest_")]


def _request(payload: str) -> Request:
    """The request whose signed text is *payload*."""
    text = payload.removeprefix("2024-11-22T10:40:00.000Z")
    method, path = ("GET", text[3:]) if text.startswith("GET") else ("POST", text[4:])
    begin = min((path.find(mark) % 10_000 for mark in "{["), default=0)
    if begin < len(path):
        body = json.loads(path[begin:])
        return Request(op="x", method=method, path=path[:begin], body=body)
    return Request(op="x", method=method, path=path)


@pytest.mark.parametrize("vector", REST, ids=lambda row: row["id"])
def test_rest_vectors(vector: dict[str, Any]) -> None:
    """timestamp + method + path and query + body, base64; no "?" without a query."""
    wire = DIALECT.sign(_request(vector["payload"]), signer(), "https://x", AT_MS)
    headers = dict(wire.headers)
    assert headers["OK-ACCESS-SIGN"] == vector["hmac_base64"]
    assert headers["OK-ACCESS-TIMESTAMP"] == "2024-11-22T10:40:00.000Z"
    assert headers["OK-ACCESS-PASSPHRASE"] == "Passw0rd!test"
    assert not wire.url.endswith("?")


def test_login_vector() -> None:
    """A login is in seconds, as text."""
    (vector,) = [row for row in VECTORS["vectors"] if row["id"] == "ws_login"]
    frame = json.loads(
        DIALECT.sign_frame(
            Send(text=sign.LOGIN, sign=sign.LOGIN), signer(), AT_MS + 999
        )
    )
    assert frame["op"] == "login"
    (args,) = frame["args"]
    assert (args["timestamp"], args["sign"]) == ("1732272000", vector["hmac_base64"])


def test_commands_carry_the_venues_deadline() -> None:
    """`expTime` is the deadline of law 3, in a header or in the frame."""
    request = DIALECT.place(intent(), NAME, instrument())
    wire = DIALECT.sign(request, signer(), "https://x", AT_MS)
    assert dict(wire.headers)["expTime"] == str(AT_MS + 3000)
    assert wire.deadline_ms == AT_MS + 3000
    frame = DIALECT.sign_request_frame(request, signer(), "7", AT_MS)
    assert json.loads(frame.text)["expTime"] == str(AT_MS + 3000)
    assert frame.deadline_ms == AT_MS + 3000


def test_cancels_and_questions_have_none() -> None:
    """Cancelling twice does no harm, and `expTime` is not for it."""
    request = DIALECT.cancel(order(), instrument())
    wire = DIALECT.sign(request, signer(), "https://x", AT_MS)
    assert wire.deadline_ms is None
    assert "expTime" not in dict(wire.headers)


def test_frames_name_instruments_by_number() -> None:
    """`instIdCode` is an integer and comes in place of `instId`."""
    request = DIALECT.place(intent(), NAME, instrument())
    frame = json.loads(DIALECT.sign_request_frame(request, signer(), "7", AT_MS).text)
    (args,) = frame["args"]
    assert (frame["id"], frame["op"], args["instIdCode"]) == ("7", "order", 10459)
    assert "instId" not in args
    assert dict(args) == {
        "instIdCode": 10459,
        "tdMode": "cross",
        "clOrdId": NAME,
        "side": "buy",
        "posSide": "net",
        "sz": "3",
        "ordType": "limit",
        "px": "61000",
    }


def test_without_a_number_orders_go_by_rest() -> None:
    """An instrument whose code nobody told has no frame."""
    request = DIALECT.place(intent(), NAME, instrument(wire_code=""))
    assert request.frame_method == ""
    assert DIALECT.cancel(order(), None).frame_method == ""
    with pytest.raises(Unsupported, match="REST"):
        DIALECT.sign_request_frame(request, signer(), "7", AT_MS)


def test_other_keys_are_refused() -> None:
    """The venue has HMAC keys with a passphrase, and no others."""
    request = DIALECT.cancel(order(), instrument())
    with pytest.raises(CredentialsError, match="passphrase"):
        DIALECT.sign(request, signer(passphrase=None), "https://x", AT_MS)
    pem, _ = generate_ed25519()
    other = make_signer(
        Credentials(api_key=ApiKey("k"), secret=pem, passphrase=Secret("p"))
    )
    with pytest.raises(Unsupported, match="ed25519"):
        DIALECT.sign(request, other, "https://x", AT_MS)


def test_public_calls_are_not_signed() -> None:
    """The clock is asked without a key."""
    request = DIALECT.server_time()
    assert request.security is Security.NONE
    assert DIALECT.sign(request, None, "https://x", AT_MS).headers == ()
