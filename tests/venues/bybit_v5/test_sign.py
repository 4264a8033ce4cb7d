"""Tests of sign: the published vectors through the functions that sign for real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from connector.dialect import Part
from connector.dialect.wire import HttpAnswer, Request, Send, Verdict
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.venues.bybit_v5 import sign
from connector.venues.bybit_v5.dialect import BybitV5
from connector.venues.signing import Signer, make_signer

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden/bybit_v5/auth_vectors.json").read_text()
)
KEY, AT_MS, WINDOW_MS = "TESTKEY0000000001", 1732272000000, 5000
REST = [row for row in GOLDEN["vectors"] if row["id"].startswith("rest_")]
LOGIN = next(row for row in GOLDEN["vectors"] if row["id"] == "ws_auth")
QUESTIONS = [
    request
    for part in Part
    for request in BybitV5().query(part, symbols=(), since_ms=0, now_ms=AT_MS)
]


def _signers() -> dict[str, Signer]:
    p, q, e = (int(str(GOLDEN["rsa"][name]), 0) for name in "pqe")
    d = pow(e, -1, (p - 1) * (q - 1))
    private = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e=e, n=p * q),
    ).private_key()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    key = ApiKey(KEY)
    secret = Secret(GOLDEN["secret"])
    return {
        "hmac_hex": make_signer(
            Credentials(api_key=key, secret=secret, kind=KeyKind.HMAC)
        ),
        "rsa_base64": make_signer(Credentials(api_key=key, secret=Secret(pem))),
    }


SIGNERS = _signers()


@pytest.mark.parametrize(
    ("vector", "kind"),
    [
        pytest.param(row, kind, id=f"{row['id']}-{kind}")
        for row in REST
        for kind in SIGNERS
        if kind in row
    ],
)
def test_rest_vectors(vector: dict[str, Any], kind: str) -> None:
    """Query and body bytes give the published signatures, the cursor verbatim."""
    payload = vector["payload"].removeprefix(f"{AT_MS}{KEY}{WINDOW_MS}")
    if payload.startswith("{") and " " in payload:
        assert SIGNERS[kind].sign_hex(vector["payload"].encode()) == vector[kind]
        return
    is_post = payload.startswith("{")
    pairs = (
        [] if is_post or not payload else [p.split("=", 1) for p in payload.split("&")]
    )
    request = Request(
        op="any",
        method="POST" if is_post else "GET",
        path="/v5/any",
        params=tuple((n, v if n == "cursor" else unquote(v)) for n, v in pairs),
        body=json.loads(payload) if is_post else None,
        window_ms=WINDOW_MS,
    )
    wire = sign.sign(request, SIGNERS[kind], "https://host", AT_MS)
    assert dict(wire.headers)["X-BAPI-SIGN"] == vector[kind]
    assert wire.body == (payload.encode() if is_post else b"")
    assert wire.url.partition("?")[2] == ("" if is_post else payload)
    assert wire.deadline_ms == AT_MS + WINDOW_MS


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("where", ["private", "trade"])
def test_login_vector(kind: str, where: str) -> None:
    """The login expires 10 s after the venue's time."""
    text = sign.sign_frame(Send(text="login", sign=where), SIGNERS[kind], AT_MS)
    assert json.loads(text)["args"] == [KEY, AT_MS + 10_000, LOGIN[kind]]


@given(st.binary(max_size=200), st.sampled_from(QUESTIONS), st.sampled_from([200, 403]))
def test_no_bytes_stop_a_reader(raw: bytes, request: Request, status: int) -> None:
    """Frames and answers of any bytes are read without raising (law 11)."""
    dialect = BybitV5()
    assert isinstance(dialect.read_frame(raw), tuple)
    answer = HttpAnswer(status=status, headers={}, body=raw)
    replies = (
        dialect.read_frame_reply(request, raw),
        dialect.read_answer(request, answer),
    )
    assert all(reply.verdict is not Verdict.OK for reply in replies)
