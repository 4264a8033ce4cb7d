"""Signatures of Deribit: published vectors, exact bytes, deadlines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from connector.dialect.wire import Request, Security
from connector.errors import CredentialsError, Unsupported
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.venues.deribit import sign
from connector.venues.deribit.dialect import Deribit
from connector.venues.signing import Signer, make_signer

GOLDEN = Path(__file__).parents[2] / "golden" / "deribit" / "signing_vectors.json"
VECTORS: dict[str, Any] = json.loads(GOLDEN.read_text())
NOW_MS = 1576074319000


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [v for v in VECTORS["vectors"] if v.get("kind", v["id"]).startswith(kind)]


class Fixed:
    """A signer whose nonce is known."""

    def __init__(self, inner: Signer, nonce: str = "1iqt2wls") -> None:
        self.kind, self.api_key = inner.kind, inner.api_key
        self.passphrase = None
        self.settings, self.shared = inner.settings, inner.shared
        self.token: Secret | None = None
        self._inner, self._nonce = inner, nonce

    def nonce(self) -> str:
        return self._nonce

    def sign(self, payload: bytes) -> bytes:
        return self._inner.sign(payload)

    def sign_hex(self, payload: bytes) -> str:
        return self._inner.sign_hex(payload)

    def sign_base64(self, payload: bytes) -> str:
        return self._inner.sign_base64(payload)

    def sign_base64url(self, payload: bytes) -> str:
        return self._inner.sign_base64url(payload)


def ed25519() -> Signer:
    return make_signer(
        Credentials(
            api_key=ApiKey("GgTest01"),
            secret=Secret(VECTORS["ed25519_seed_hex"]),
            kind=KeyKind.ED25519,
        )
    )


def ask(path: str, *params: tuple[str, str], method: str = "GET") -> Request:
    return Request(op="positions", method=method, path=path, params=params)


def test_the_documented_sign_in(signer: Signer) -> None:
    """The signature printed in the venue's own article; data is empty and both
    newlines are there all the same."""
    frame = json.loads(sign.sign_in_frame("auth", Fixed(signer), NOW_MS))
    assert frame["method"] == "public/auth"
    assert frame["params"]["signature"] == (
        "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
    )
    assert frame["params"]["timestamp"] == NOW_MS
    assert frame["params"]["grant_type"] == "client_signature"
    assert "client_secret" not in frame["params"]


def test_an_ed25519_sign_in() -> None:
    """The same bytes by RFC 8032 test key 1, URL-safe and without padding."""
    frame = json.loads(sign.sign_in_frame("auth", Fixed(ed25519()), NOW_MS))
    assert frame["params"]["signature"] == (
        "ct_usiNBEI4biVO3qsPw4ACmmZR-NEhJpA6sX9nUXU3mak75LAiccV35TNtZM8-"
        "OdvjW0i77cJKvX1IFhz1PAg"
    )


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        (
            "/api/v2/private/get_account_summary",
            (("currency", "BTC"), ("extended", "true")),
            "91e6193100e8cbf118d55d485e822fc5f2c594b192e97309aa882b21bd65378a",
        ),
        (
            "/api/v2/private/get_order_state_by_label",
            (("currency", "BTC"), ("label", "a b/c")),
            "876b26bf9c17d4a6ea210216567d9ec6cefdc0fee68ac7018ad4a43161ea47a0",
        ),
    ],
    ids=["query", "percent-encoded"],
)
def test_http_get(
    signer: Signer, path: str, params: tuple[tuple[str, str], ...], expected: str
) -> None:
    """Path and query are signed as they are sent, percent-encoding included."""
    wire = sign.sign(ask(path, *params), Fixed(signer), "https://venue", NOW_MS)
    headers = dict(wire.headers)
    assert headers["Authorization"] == (
        f"deri-hmac-sha256 id=AMANDA,ts={NOW_MS},nonce=1iqt2wls,sig={expected}"
    )
    assert wire.url.startswith(f"https://venue{path}?")
    assert wire.body == b""
    assert wire.deadline_ms is None


def test_a_command_carries_its_deadline(signer: Signer) -> None:
    """Law 3: `valid_until` is venue time plus the window, on HTTP and as a frame;
    numbers travel as they were written."""
    request = Request(
        op="place",
        method="POST",
        path="/api/v2/private/buy",
        params=(("instrument_name", "BTC-PERPETUAL"), ("amount", "20")),
        window_ms=2000,
        frame_method="private/buy",
    )
    wire = sign.sign(request, Fixed(signer), "https://venue", NOW_MS)
    body = json.loads(wire.body)
    assert body["method"] == "private/buy"
    assert body["params"]["valid_until"] == NOW_MS + 2000 == wire.deadline_ms
    framed = sign.sign_request_frame(request, "17", NOW_MS)
    assert json.loads(framed.text)["params"] == body["params"]
    assert json.loads(framed.text)["id"] == "17"
    assert b'"amount":20,' in wire.body


def test_public_calls_carry_nothing(signer: Signer) -> None:
    """No key, no signature."""
    request = Request(
        op="server_time",
        method="GET",
        path="/api/v2/public/get_time",
        security=Security.NONE,
    )
    wire = sign.sign(request, None, "https://venue", NOW_MS)
    assert (wire.url, wire.headers) == ("https://venue/api/v2/public/get_time", ())


def test_what_is_no_command_does_not_go_as_a_frame() -> None:
    """Only order entry has a socket."""
    with pytest.raises(Unsupported):
        sign.sign_request_frame(ask("/api/v2/private/get_positions"), "1", NOW_MS)


def test_nonces_never_repeat(signer: Signer) -> None:
    """A nonce is good once; the clock would repeat it within a millisecond."""
    assert len({signer.nonce() for _ in range(1000)}) == 1000


def with_settings(signer_kind: str = "hmac", **settings: str) -> Signer:
    secret = (
        VECTORS["ed25519_seed_hex"] if signer_kind == "ed25519" else "AMANDASECRECT"
    )
    return make_signer(
        Credentials(
            api_key=ApiKey("AMANDA"),
            secret=Secret(secret),
            kind=KeyKind(signer_kind),
            extra=settings,
        )
    )


def signed_in_as(**settings: str) -> dict[str, Any]:
    frame = json.loads(sign.sign_in_frame("auth", with_settings(**settings), NOW_MS))
    params: dict[str, Any] = frame["params"]
    return params


def test_the_secret_is_sent_only_to_who_asks_for_that() -> None:
    """`client_credentials`: the secret itself, no signature; hidden until then."""
    signer = with_settings(grant="client_credentials")
    assert "AMANDASECRECT" not in repr(signer.shared)
    told = signed_in_as(grant="client_credentials")
    assert told == {
        "grant_type": "client_credentials",
        "client_id": "AMANDA",
        "client_secret": "AMANDASECRECT",
        "scope": sign.SCOPE,
    }
    assert with_settings(grant="client_signature").shared is None


def test_a_key_that_can_only_sign_has_nothing_to_send() -> None:
    """Asymmetric keys never sign in by secret, which is said at once."""
    with pytest.raises(CredentialsError, match="can only sign"):
        with_settings("ed25519", grant="client_credentials")


def test_a_named_session_and_the_right_to_arm() -> None:
    """Scope words of the key's settings; without them the least."""
    assert signed_in_as()["scope"] == "trade:read_write account:read wallet:none"
    told = signed_in_as(session="bot-1", account="read_write")["scope"]
    assert told == "trade:read_write account:read_write wallet:none session:bot-1"


@pytest.mark.parametrize(
    ("name", "value", "is_known"),
    [
        ("session", "bot-1", True),
        ("session", "two words", False),
        ("grant", "client_credentials", True),
        ("grant", "password", False),
        ("account", "read_write", True),
        ("scope", "wallet:read_write", False),
    ],
)
def test_settings_are_looked_at(name: str, value: str, is_known: bool) -> None:
    """Names and values that the venue does not know are refused before anything."""
    pattern = Deribit.facts.key_settings.get(name, "(?!)")
    assert (re.fullmatch(pattern, value) is not None) is is_known
