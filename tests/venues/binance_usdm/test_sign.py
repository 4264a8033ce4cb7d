"""Tests of sign: the venue's vectors through the functions that sign for real."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import parse_qsl, quote, unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dialect.wire import Request, Security, Send
from connector.errors import Unsupported
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.order import OrderType
from connector.venues.binance_usdm import requests, sign
from connector.venues.signing import make_signer

BASE = "https://fapi.binance.com"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.fixture(scope="module")
def vectors(golden):
    return {row["id"]: row for row in golden("signature_vectors.json")["vectors"]}


@pytest.fixture(scope="module")
def signer_of(golden):
    keys = golden("signature_vectors.json")["keys"]

    def build(vector, api_key: str = API_KEY):
        if "secret" in vector:
            return make_signer(
                Credentials(
                    api_key=ApiKey(api_key),
                    secret=Secret(vector["secret"]),
                    kind=KeyKind.HMAC,
                )
            )
        return make_signer(
            Credentials(
                api_key=ApiKey(api_key), secret=Secret(_pem(keys[vector["key_ref"]]))
            )
        )

    return build


def _pem(key) -> str:
    if key["type"] == "Ed25519":
        private = ed25519.Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(key["seed_hex"])
        )
    else:
        p, q, d, n = (int(key[f"{name}_hex"], 16) for name in "pqdn")
        private = rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=d % (p - 1),
            dmq1=d % (q - 1),
            iqmp=pow(q, -1, p),
            public_numbers=rsa.RSAPublicNumbers(e=key["e"], n=n),
        ).private_key()
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _request(vector, method: str) -> tuple[Request, int]:
    """The request whose signing must give the payload of *vector*."""
    pairs = parse_qsl(vector["payload"], keep_blank_values=True, strict_parsing=True)
    given = dict(pairs)
    params = [(k, v) for k, v in pairs if k not in {"recvWindow", "timestamp"}]
    request = Request(
        op="vector",
        method=method,
        path="/fapi/v1/order",
        params=tuple(params),
        window_ms=int(given.get("recvWindow", 5000)),
    )
    return request, int(given["timestamp"])


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("hmac-fapi-query", "GET"),
        ("hmac-sdk-userTrades", "GET"),
        ("hmac-sdk-cancel", "DELETE"),
        ("hmac-spot-ascii", "POST"),
        ("hmac-spot-nonascii-rest", "POST"),
        ("hmac-order-body", "POST"),
        ("ed25519-order-body", "POST"),
        ("rsa-order-body", "POST"),
        ("hmac-batch-body", "POST"),
    ],
)
def test_rest_vectors(vectors, signer_of, name: str, method: str) -> None:
    """The published payload and signature, byte for byte, in the place where the
    method puts them; the encoded bytes are what is signed."""
    vector = vectors[name]
    request, venue_ms = _request(vector, method)
    wire = sign.sign(request, signer_of(vector), BASE, venue_ms)
    sent = wire.body.decode() if method == "POST" else wire.url.split("?", 1)[1]
    payload, signature = sent.rsplit("&signature=", 1)
    assert vector["payload"] == payload
    assert vector["signature"] == unquote(signature)
    if "signature_url_encoded" in vector:
        assert vector["signature_url_encoded"] == signature
    assert ("X-MBX-APIKEY", API_KEY) in wire.headers
    assert wire.deadline_ms == venue_ms + request.window_ms


@pytest.mark.parametrize(
    "name",
    [
        "hmac-fapi-mixed",
        "hmac-sdk-modify-mixed",
        "ed25519-rest",
        "ed25519-rest-2",
        "rsa-rest",
        "rsa-rest-2",
    ],
)
def test_signature_alphabets(vectors, signer_of, name: str) -> None:
    """Hexadecimal for HMAC, base64 else. These payloads (query and body mixed, a
    bare timestamp) are never built here, but verify the same function."""
    vector = vectors[name]
    assert vector["signature"] == sign.signature(signer_of(vector), vector["payload"])


@pytest.mark.parametrize(
    "name",
    [
        "hmac-ws-ascii",
        "hmac-ws-nonascii",
        "ed25519-ws-logon",
        "ed25519-ws-order.place",
        "ed25519-ws-order.modify",
    ],
)
def test_websocket_vectors(vectors, signer_of, name: str) -> None:
    """Sorted by name, raw UTF-8, not percent-encoded."""
    vector = vectors[name]
    pairs = [pair.split("=", 1) for pair in vector["payload"].split("&")]
    payload = sign.sorted_payload((k, v) for k, v in reversed(pairs))
    assert vector["payload"] == payload
    assert vector["signature"] == sign.signature(signer_of(vector), payload)


def test_a_websocket_order_is_typed_and_signed_as_text(
    dialect, vectors, signer_of, intent
) -> None:
    """Integers are JSON integers, decimals are texts, and the signature is over
    the same texts; key and signature are always there."""
    signer = signer_of(vectors["ed25519-ws-logon"])
    request = dialect.place(intent(), ClientOrderId("cx1"), None)
    wire = sign.sign_request_frame(request, signer, "f1", 1795341600000)
    frame = json.loads(wire.text)
    params = frame["params"]
    assert (frame["id"], frame["method"]) == ("f1", "order.place")
    assert params["timestamp"] == 1795341600000
    assert params["recvWindow"] == 3000
    assert (params["quantity"], params["price"]) == ("0.01", "60000")
    assert params["apiKey"] == API_KEY
    signature = params.pop("signature")
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()))
    assert signature == sign.signature(signer, text)
    assert wire.deadline_ms == 1795341603000


def test_a_cancel_by_venue_id_carries_an_integer(
    dialect, vectors, signer_of, order
) -> None:
    """Ids above 2**53 too: JSON integers have no such bound."""
    big = order(venue_order_id="8389765739703625592")
    wire = sign.sign_request_frame(
        dialect.cancel(big), signer_of(vectors["hmac-ws-ascii"]), "1", 1
    )
    assert json.loads(wire.text)["params"]["orderId"] == 8389765739703625592


def test_a_chinese_symbol_is_encoded_on_rest_and_raw_on_websocket(
    dialect, vectors, signer_of, intent
) -> None:
    """UTF-8 both ways; the two channels differ only in the encoding."""
    signer = signer_of(vectors["hmac-ws-ascii"])
    request = dialect.place(
        intent(symbol=Symbol("币安人生USDT")), ClientOrderId("c"), None
    )
    rest = sign.sign(request, signer, BASE, 1)
    assert b"symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&" in rest.body
    assert "币安人生USDT" in sign.sign_request_frame(request, signer, "1", 1).text


def test_methods_and_securities(vectors, signer_of, dialect) -> None:
    """Public calls need no key, key calls no signature; questions have no
    deadline, because nothing can come of them late."""
    signer = signer_of(vectors["hmac-ws-ascii"])
    public = dialect.sign(dialect.server_time(), None, BASE, 1)
    assert public.url == f"{BASE}/fapi/v1/time"
    assert (public.headers, public.body, public.deadline_ms) == ((), b"", None)
    key = dialect.sign(requests.listen_key("listen_key_start"), signer, BASE, 1)
    assert (key.method, key.body) == ("POST", b"")
    assert key.headers == (("X-MBX-APIKEY", API_KEY),)
    question = Request(op="positions", method="GET", path="/x")
    wire = dialect.sign(question, signer, BASE, 7)
    assert "?recvWindow=5000&timestamp=7&signature=" in wire.url
    assert wire.deadline_ms is None
    with pytest.raises(AssertionError):
        dialect.sign(question, None, BASE, 1)
    assert question.security is Security.SIGNED


def test_the_signature_is_last_and_the_stamp_is_fresh(
    dialect, vectors, signer_of, intent
) -> None:
    """A retry is stamped and signed again; the venue reads signature last."""
    signer = signer_of(vectors["hmac-order-body"])
    request = dialect.place(intent(), ClientOrderId("c"), None)
    bodies = {sign.sign(request, signer, BASE, ms).body for ms in (1, 2)}
    assert len(bodies) == 2
    for body in bodies:
        names = [name for name, _ in parse_qsl(body.decode())]
        assert names[-3:] == ["recvWindow", "timestamp", "signature"]


def test_logon_is_for_ed25519_only(vectors, signer_of, dialect) -> None:
    """Other keys ask for the session's status in its place; both are answered
    under the same id."""
    step = Send(text="logon", sign="logon")
    vector = vectors["ed25519-ws-logon"]
    frame = json.loads(dialect.sign_frame(step, signer_of(vector, "apiKey"), 5))
    assert frame["method"] == "session.logon"
    assert set(frame["params"]) == {"apiKey", "recvWindow", "timestamp", "signature"}
    for name in ("hmac-ws-ascii", "rsa-rest"):
        frame = json.loads(dialect.sign_frame(step, signer_of(vectors[name]), 5))
        assert frame == {"id": "logon", "method": "session.status"}


def test_what_has_no_frame_is_refused(dialect, vectors, signer_of, intent) -> None:
    """Batches and settings are REST only."""
    batch = dialect.place_batch([(intent(), ClientOrderId("a"), None)])
    with pytest.raises(Unsupported):
        sign.sign_request_frame(batch, signer_of(vectors["hmac-ws-ascii"]), "1", 1)


def test_conditional_orders_have_frames_too(
    dialect, vectors, signer_of, intent
) -> None:
    """algoOrder.place, with its booleans as texts."""
    request = dialect.place(
        intent(
            order_type=OrderType.STOP_MARKET,
            price=None,
            trigger_price=Decimal(58000),
            reduce_only=True,
        ),
        ClientOrderId("a"),
        None,
    )
    wire = sign.sign_request_frame(request, signer_of(vectors["hmac-ws-ascii"]), "1", 1)
    frame = json.loads(wire.text)
    assert frame["method"] == "algoOrder.place"
    assert frame["params"]["reduceOnly"] == "true"


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=12)), max_size=5))
@settings(deadline=None)
def test_plain_or_not_the_encoding_is_the_same(pairs: list[tuple[str, str]]) -> None:
    """Texts that need no encoding take a short cut to the same result."""
    plain = [(f"p{n}", "a-Z0.9_~") for n in range(len(pairs))]
    for given_pairs in (pairs, plain, plain + pairs):
        text = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in given_pairs
        )
        assert sign.encode(given_pairs) == text
