"""Signatures and the time rule of the Binance face, against published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.auth import (
    ApiKey,
    KeyRing,
    Verifier,
    check_time,
    rest_payload,
    socket_payloads,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm"
VECTORS: dict[str, Any] = json.loads((GOLDEN / "signature_vectors.json").read_text())
NOW = 1_795_341_600_000


def verifier_of(vector: dict[str, Any]) -> Verifier:
    if "secret" in vector:
        return str(vector["secret"])
    key = VECTORS["keys"][vector["key_ref"]]
    if key["type"] == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["public_hex"]))
    return RSAPublicNumbers(key["e"], int(key["n_hex"], 16)).public_key()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["id"])
def test_published_signature_verifies(vector: dict[str, Any]) -> None:
    """Every published vector is this venue's signature, and no other text is."""
    key = ApiKey(key="k", verifier=verifier_of(vector))
    payload = vector["payload"].encode()
    assert key.signs(payload, vector["signature"])
    assert not key.signs(payload + b" ", vector["signature"])
    assert not key.signs(payload, "AAAA")


def test_hmac_is_case_insensitive_and_base64_is_not() -> None:
    """Hex compares without case, base64 with case."""
    for vector in VECTORS["vectors"]:
        key = ApiKey(key="k", verifier=verifier_of(vector))
        swapped = vector["signature"].swapcase()
        same = key.signs(vector["payload"].encode(), swapped)
        assert same == isinstance(key.verifier, str)


@pytest.mark.parametrize(
    ("query", "body", "payload", "signature"),
    [
        ("a=1&b=2&signature=ff", b"", b"a=1&b=2", "ff"),
        ("", b"a=1&signature=ff", b"a=1", "ff"),
        ("a=1", b"b=2&signature=ff", b"a=1b=2", "ff"),
        ("a=1&signature=q", b"b=2&signature=b", b"a=1b=2", "q"),
        ("signature=ff&a=1", b"", b"a=1", "ff"),
        ("a=%EF%BC%91&signature=a%2Bb%3D", b"", b"a=%EF%BC%91", "a+b="),
        ("a=1", b"", b"a=1", None),
    ],
)
def test_rest_payload_is_query_then_body_as_received(
    query: str, body: bytes, payload: bytes, signature: str | None
) -> None:
    """The signed bytes are query and body, not re-encoded, without an ``&``."""
    assert rest_payload(query, body) == (payload, signature)


def test_socket_payload_is_sorted_and_raw() -> None:
    """Order entry signs sorted raw text; the SDK's encoded form is offered too."""
    params = {
        "b": 2,
        "apiKey": "k",
        "a": "x/y",
        "flag": True,
        "signature": "ignored",
    }
    raw, encoded = socket_payloads(params)
    assert raw == b"a=x/y&apiKey=k&b=2&flag=true"
    assert encoded == b"a=x%2Fy&apiKey=k&b=2&flag=true"


@pytest.mark.parametrize(
    ("offset_ms", "window", "text"),
    [
        (0, None, None),
        (999, None, None),
        (1000, None, "ahead"),
        (-5000, None, None),
        (-5001, None, "outside"),
        (-100, "100", None),
        (-101, "100", "outside"),
        (-60_000, "60000", None),
    ],
)
def test_time_rule(offset_ms: int, window: str | None, text: str | None) -> None:
    """Accepted iff timestamp < now + 1000 and now - timestamp <= recvWindow."""
    stamp = str(NOW + offset_ms)
    if text is None:
        length = 5000 if window is None else int(window)
        assert check_time(stamp, window, NOW) == NOW + offset_ms + length
        return
    with pytest.raises(ApiError) as caught:
        check_time(stamp, window, NOW)
    assert (caught.value.code, text in caught.value.text) == (-1021, True)


def test_key_ring_tells_bad_from_unknown() -> None:
    """-2014 for a malformed or absent key, -2015 for an unknown or revoked one."""
    ring = KeyRing((ApiKey(key="good", verifier="s"),))
    for name, code in ((None, -2014), ("", -2014), ("a b", -2014), ("other", -2015)):
        with pytest.raises(ApiError) as caught:
            ring.find(name)
        assert caught.value.code == code
    assert ring.find("good").key == "good"
    ring.revoke("good")
    with pytest.raises(ApiError):
        ring.find("good")


def test_secret_is_not_in_the_repr() -> None:
    """A key's repr shows no secret."""
    assert "topsecret" not in repr(ApiKey(key="k", verifier="topsecret"))
