"""Tests of connector.venues.signing, with the venues' own published signatures."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import CredentialsError
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.venues.signing import (
    Signer,
    detect_kind,
    generate_ed25519,
    make_signer,
    public_pem,
)
from tests.secrets.canary import Canary

GOLDEN = Path(__file__).parents[1] / "golden"
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / name).read_text())


BINANCE = golden("binance_usdm/signature_vectors.json")
BYBIT = golden("bybit_v5/auth_vectors.json")
OKX = golden("okx_v5/auth_vectors.json")
DERIBIT = golden("deribit/signing_vectors.json")


def ids(vectors: list[dict[str, Any]]) -> list[str]:
    return [vector["id"] for vector in vectors]


def pem(key: Any, passphrase: str | None = None, fmt: Any = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        fmt or serialization.PrivateFormat.PKCS8,
        encryption,
    ).decode()


def rsa_pem(p: int, q: int, e: int) -> str:
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    )
    return pem(numbers.private_key())


def signer(
    secret: str, kind: KeyKind | None = None, passphrase: str | None = None
) -> Signer:
    return make_signer(
        Credentials(
            api_key=ApiKey("key-id"),
            secret=Secret(secret),
            kind=kind,
            passphrase=None if passphrase is None else Secret(passphrase),
        )
    )


def binance_signer(vector: dict[str, Any]) -> Signer:
    if "secret" in vector:
        return signer(vector["secret"])
    key = BINANCE["keys"][vector["key_ref"]]
    if "seed_hex" in key:
        return signer(key["seed_hex"], KeyKind.ED25519)
    return signer(rsa_pem(int(key["p_hex"], 16), int(key["q_hex"], 16), key["e"]))


@pytest.mark.parametrize("vector", BINANCE["vectors"], ids=ids(BINANCE["vectors"]))
def test_binance_vectors(vector: dict[str, Any]) -> None:
    """Every signature published for the Binance interfaces is reproduced."""
    made = binance_signer(vector)
    payload = vector["payload"].encode()
    text = (
        made.sign_hex(payload)
        if made.kind is KeyKind.HMAC
        else made.sign_base64(payload)
    )
    assert vector["signature"] == text


@pytest.mark.parametrize("vector", BYBIT["vectors"], ids=ids(BYBIT["vectors"]))
def test_bybit_vectors(vector: dict[str, Any]) -> None:
    """HMAC as hex and RSA as base64 sign the same bytes for Bybit."""
    payload = vector["payload"].encode()
    assert vector["hmac_hex"] == signer(BYBIT["secret"]).sign_hex(payload)
    if "rsa_base64" in vector:
        key = BYBIT["rsa"]
        text = rsa_pem(int(key["p"], 16), int(key["q"], 16), key["e"])
        assert vector["rsa_base64"] == signer(text).sign_base64(payload)


@pytest.mark.parametrize("vector", OKX["vectors"], ids=ids(OKX["vectors"]))
def test_okx_vectors(vector: dict[str, Any]) -> None:
    """HMAC as base64 signs for OKX."""
    made = signer(OKX["secret"]).sign_base64(vector["payload"].encode())
    assert vector["hmac_base64"] == made


@pytest.mark.parametrize("vector", DERIBIT["vectors"], ids=ids(DERIBIT["vectors"]))
def test_deribit_vectors(vector: dict[str, Any]) -> None:
    """Hex and unpadded base64url, binary payloads with line ends, for Deribit."""
    payload = bytes.fromhex(vector["payload_hex"])
    match vector["alg"]:
        case "hmac":
            made = signer(DERIBIT["hmac_secret"]).sign_hex(payload)
        case "ed25519":
            seed = DERIBIT["ed25519_seed_hex"]
            made = signer(seed, KeyKind.ED25519).sign_base64url(payload)
        case _:
            key = DERIBIT["rsa"]
            text = rsa_pem(int(key["p_hex"], 16), int(key["q_hex"], 16), key["e"])
            made = signer(text).sign_base64url(payload)
    assert vector["signature"] == made


ED = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED))
ED_PEM = pem(ED)
ED_DER = ED.private_bytes(
    serialization.Encoding.DER,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OPENSSL = serialization.PrivateFormat.TraditionalOpenSSL

FORMS: dict[str, tuple[str, KeyKind | None, str | None]] = {
    "pem": (ED_PEM, None, None),
    "pem-declared": (ED_PEM, KeyKind.ED25519, None),
    "pem-crlf-and-space": ("\n " + ED_PEM.replace("\n", "\r\n") + "\n", None, None),
    "pem-folded-into-one-line": (ED_PEM.replace("\n", "\\n"), None, None),
    "der-base64": (base64.b64encode(ED_DER).decode(), None, None),
    "der-base64-declared": (base64.b64encode(ED_DER).decode(), KeyKind.ED25519, None),
    "der-hex": (ED_DER.hex(), None, None),
    "seed-hex": (SEED, KeyKind.ED25519, None),
    "seed-hex-upper": (f" {SEED.upper()}\n", KeyKind.ED25519, None),
    "encrypted": (pem(ED, "open sesame"), None, "open sesame"),
    "passphrase-not-needed": (ED_PEM, None, "not needed"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_one_key_signs_alike(
    form: tuple[str, KeyKind | None, str | None],
) -> None:
    """PEM, DER, seed and encrypted PEM of one key give one signature."""
    made = signer(*form)
    assert made.kind is KeyKind.ED25519
    assert ED.sign(b"payload") == made.sign(b"payload")


DETECTED: dict[str, tuple[str, str | None, KeyKind]] = {
    "hmac-hex-of-64": (SEED, None, KeyKind.HMAC),
    "hmac-alphanumeric": ("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3U", None, KeyKind.HMAC),
    "hmac-like-der": ("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/Vpguoo=", None, KeyKind.HMAC),
    "ed25519": (ED_PEM, None, KeyKind.ED25519),
    "rsa-pkcs8": (pem(RSA_KEY), None, KeyKind.RSA),
    "rsa-pkcs1": (pem(RSA_KEY, fmt=OPENSSL), None, KeyKind.RSA),
    "rsa-pkcs8-encrypted": (pem(RSA_KEY, "pass"), "pass", KeyKind.RSA),
    "rsa-pkcs1-encrypted": (pem(RSA_KEY, "pass", OPENSSL), "pass", KeyKind.RSA),
    "es256": (pem(EC_KEY), None, KeyKind.ES256),
    "es256-sec1": (pem(EC_KEY, fmt=OPENSSL), None, KeyKind.ES256),
}


@pytest.mark.parametrize(
    ("text", "passphrase", "kind"), DETECTED.values(), ids=DETECTED
)
def test_the_kind_is_found_out(
    text: str, passphrase: str | None, kind: KeyKind
) -> None:
    """The text of the secret tells its kind."""
    given = None if passphrase is None else Secret(passphrase)
    assert kind is detect_kind(Secret(text), given)


def test_es256_signatures_are_two_numbers_of_32_bytes() -> None:
    """ES256 travels as r || s and verifies with the public key."""
    made = signer(pem(EC_KEY)).sign(b"payload")
    assert len(made) == 64
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
    EC_KEY.public_key().verify(
        encode_dss_signature(r, s), b"payload", ec.ECDSA(hashes.SHA256())
    )


def public_text(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        .decode()
    )


def openssh(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()


SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1())
DSA_KEY = dsa.generate_private_key(key_size=1024)
ENCRYPTED = pem(ED, "open sesame")

REFUSED: dict[str, tuple[str, KeyKind | None, str | None, str]] = {
    "empty": (" \n", None, None, "empty"),
    "encrypted-without-passphrase": (ENCRYPTED, None, None, "encrypted"),
    "encrypted-empty-passphrase": (ENCRYPTED, None, "", "encrypted"),
    "wrong-passphrase": (ENCRYPTED, None, "canary-pass", "wrong passphrase"),
    "public-key": (public_text(ED), None, None, "private key is needed"),
    "openssh": (openssh(ED), None, None, "PKCS8"),
    "cut-off": (ED_PEM[:60], None, None, "whole PEM"),
    "damaged-header": ("-----BEGIN " + SEED, None, None, "damaged BEGIN"),
    "damaged-body": (ED_PEM.replace("MC4C", "MC5C"), None, None, "cannot be read"),
    "pem-called-hmac": (ED_PEM, KeyKind.HMAC, None, "says hmac"),
    "text-called-rsa": ("canary-secret", KeyKind.RSA, None, "says rsa"),
    "seed-too-short": (SEED[:-2], KeyKind.ED25519, None, "says ed25519"),
    "rsa-called-ed25519": (pem(RSA_KEY), KeyKind.ED25519, None, "of kind rsa"),
    "rsa-too-small": (pem(SMALL_RSA), None, None, "1024 bits"),
    "other-curve": (pem(OTHER_CURVE), None, None, "not used by any venue"),
    "dsa": (pem(DSA_KEY), None, None, "not used by any venue"),
    "not-text": ("sec\ud800ret-canary", None, None, "UTF-8"),
}


@pytest.mark.parametrize(
    ("text", "kind", "passphrase", "why"), REFUSED.values(), ids=REFUSED
)
def test_refusals_say_why_and_never_quote_the_key(
    text: str, kind: KeyKind | None, passphrase: str | None, why: str
) -> None:
    """Law 9: the error names the fault; key and passphrase are nowhere in it."""
    with pytest.raises(CredentialsError) as caught:
        signer(text, kind, passphrase)
    assert why in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    lines = [line for line in text.split() if len(line) > 8 and "-----" not in line]
    hidden = [part for part in [*lines, passphrase] if part and len(part) > 8]
    Canary(*hidden).assert_exception_clean(caught.value)


def test_only_the_venues_passphrase_is_kept() -> None:
    """The passphrase of a PEM must never end up in a venue's header."""
    assert signer("secret", None, "venue's").passphrase == Secret("venue's")
    assert signer(ED_PEM, None, "venue's").passphrase == Secret("venue's")
    assert signer(SEED, KeyKind.ED25519, "venue's").passphrase == Secret("venue's")
    assert signer(ENCRYPTED, None, "open sesame").passphrase is None
    encrypted_der = ED.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    made = signer(base64.b64encode(encrypted_der).decode(), None, "open sesame")
    assert made.passphrase is None
    assert made.sign(b"x") == ED.sign(b"x")


def test_a_pending_key_does_not_sign() -> None:
    """A key pair without the venue's key id is refused with the next command."""
    with pytest.raises(CredentialsError, match="--finish"):
        make_signer(Credentials(api_key=ApiKey(""), secret=Secret(ED_PEM)))


@pytest.mark.parametrize("text", ["canary-hmac-secret", ED_PEM], ids=["hmac", "ed"])
def test_a_signer_hides_its_key(text: str) -> None:
    """Law 9: repr, str, copies, pickles, attributes and locals show no key."""
    made = signer(text)
    assert "Signer(" + made.kind.value + ", **********)" == repr(made) == str(made)
    assert made is copy.copy(made) is copy.deepcopy(made)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(made, protocol)
    Canary(text).assert_object_clean(made)


def test_hmac_state_is_not_shared_between_calls() -> None:
    """The precomputed state is copied: one call leaves no trace in the next."""
    made = signer("secret")
    first = made.sign(b"a")
    made.sign(b"b")
    assert first == made.sign(b"a")


def test_generated_keys_sign_and_verify() -> None:
    """The private half goes to a store, the public half to the venue."""
    private, public = generate_ed25519()
    signature = signer(private.reveal()).sign(b"payload")
    loaded = serialization.load_pem_public_key(public.encode())
    assert isinstance(loaded, ed25519.Ed25519PublicKey)
    loaded.verify(signature, b"payload")
    assert public == public_pem(private)
    assert private != generate_ed25519()[0]


def test_public_pem_of_an_hmac_secret_is_refused() -> None:
    """Only private keys have a public half."""
    with pytest.raises(CredentialsError, match="no public key"):
        public_pem(Secret("hmac-secret"))


PRIVATE_TEXTS = [
    ED_PEM,
    ENCRYPTED,
    pem(EC_KEY),
    pem(EC_KEY, fmt=OPENSSL),
    pem(RSA_KEY),
    base64.b64encode(ED_DER).decode(),
    ED_DER.hex(),
]


@st.composite
def damaged_keys(draw: st.DrawFn) -> str:
    """A private key with a stretch replaced, cut out or repeated."""
    text = draw(st.sampled_from(PRIVATE_TEXTS))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    middle = draw(st.text(max_size=40) | st.just(text[start:end] * 2))
    return text[:start] + middle + text[end:]


@settings(deadline=None)
@given(
    text=damaged_keys() | st.text() | st.binary(min_size=33).map(bytes.hex),
    kind=st.none() | st.sampled_from(KeyKind),
    passphrase=st.none() | st.just("open sesame") | st.text(max_size=5),
)
def test_any_text_makes_a_signer_or_a_clear_error(
    text: str, kind: KeyKind | None, passphrase: str | None
) -> None:
    """Law 11: whatever is pasted, only CredentialsError comes out."""
    with contextlib.suppress(CredentialsError):
        assert signer(text, kind, passphrase).sign(b"payload")
