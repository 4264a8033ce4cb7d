"""Signing primitives: a key is parsed once, then signs bytes.

    credentials -> make_signer() -> Signer.sign(payload) -> bytes

What to sign, and in which alphabet the signature travels, is the venue's business.
The key lives inside OpenSSL objects that a closure holds; a `Signer` shows its kind
and the fingerprint of its API key, and nothing else, in repr, pickles or tracebacks
with locals. Errors are `CredentialsError`s that never quote the key; they are raised
outside `except` blocks so that no foreign exception hangs on to it as a context.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn, SupportsIndex, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from connector.errors import CredentialsError
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret

RSA_BITS_MIN = 2048

SENDS_SECRET = ("grant", "client_credentials")
"""The setting of a key that lets its secret be sent (RFC 6749, section 4.4)."""

_ED25519_SEED = re.compile(r"[0-9a-fA-F]{64}")
_PEM_HEADER = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BLOCK = 64  # bytes of SHA-256
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_DER_SEQUENCE = 0x30

_SignBytes = Callable[[bytes], bytes]


def to_base64(signature: bytes) -> str:
    """Standard base64 with padding; percent-encode it before it enters a URL."""
    return base64.b64encode(signature).decode("ascii")


def to_base64url(signature: bytes) -> str:
    """URL-safe base64 without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(signature).rstrip(b"=").decode("ascii")


@final
class Signer:
    """Signs bytes with one key; made by `make_signer`.

    *kind* is the kind the key turned out to have, *api_key* its public half,
    *passphrase* the venue's passphrase if the venue has one (OKX); a passphrase that
    only opened the key is not kept. *settings* came with the key; one of them
    (`SENDS_SECRET`) keeps the HMAC secret as *shared*. *token* is the access token
    in force, if somebody fetched one.
    """

    __slots__ = (
        "_sign",
        "api_key",
        "kind",
        "passphrase",
        "settings",
        "shared",
        "token",
    )

    def __init__(
        self,
        kind: KeyKind,
        api_key: ApiKey,
        passphrase: Secret | None,
        sign: _SignBytes,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        shared: Secret | None = None,
    ) -> None:
        self.kind = kind
        self.api_key = api_key
        self.passphrase = passphrase
        self.settings = settings
        self.shared = shared
        self.token: Secret | None = None
        self._sign = sign

    def nonce(self) -> str:
        """96 random bits in hexadecimal: never used before."""
        return secrets.token_hex(12)

    def sign(self, payload: bytes) -> bytes:
        """The raw signature of *payload*.

        32 bytes for HMAC, 64 for Ed25519 and ES256, the size of the modulus for
        RSA.
        """
        return self._sign(payload)

    def sign_hex(self, payload: bytes) -> str:
        """The signature in lower-case hexadecimal."""
        return self._sign(payload).hex()

    def sign_base64(self, payload: bytes) -> str:
        """The signature in standard base64."""
        return to_base64(self._sign(payload))

    def sign_base64url(self, payload: bytes) -> str:
        """The signature in URL-safe base64 without padding."""
        return to_base64url(self._sign(payload))

    def __repr__(self) -> str:
        return f"Signer({self.kind.value}, {self.api_key.fingerprint})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Signer does not pickle: its key stays in this process")

    def __reduce__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __copy__(self) -> Signer:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Signer:
        return self


def make_signer(credentials: Credentials) -> Signer:
    """Parse the key of *credentials* and keep it ready to sign.

    Raises CredentialsError if the venue's key id is still missing, the secret
    cannot be understood, or its kind is not the one stated.
    """
    if credentials.is_pending:
        raise CredentialsError(
            "the key pair has no API key of the venue yet: register its public key "
            "there, then type `connector keys add PROFILE --finish`"
        )
    secret, passphrase = credentials.secret, credentials.passphrase
    kind, sign = _parse(secret, credentials.kind, passphrase)
    if kind is not KeyKind.HMAC and _is_encrypted(secret):
        passphrase = None  # it opened the key; no dialect may take it for the venue's
    settings = credentials.extra
    sends_secret = settings.get(SENDS_SECRET[0]) == SENDS_SECRET[1]
    if sends_secret and kind is not KeyKind.HMAC:
        raise CredentialsError(
            f"{SENDS_SECRET[0]} {SENDS_SECRET[1]} sends the secret itself, and a "
            f"key of kind {kind.value} has none to send: it can only sign"
        )
    return Signer(
        kind,
        credentials.api_key,
        passphrase,
        sign,
        settings=settings,
        shared=secret if sends_secret else None,
    )


def detect_kind(secret: Secret, passphrase: Secret | None = None) -> KeyKind:
    """The kind of key a secret text holds.

    PEM and DER (as base64 or hex) tell it themselves; any other text is an HMAC
    secret. A bare Ed25519 seed looks like an HMAC secret and must be declared.
    Raises CredentialsError for a private key that cannot be used.
    """
    return _parse(secret, None, passphrase)[0]


def generate_ed25519() -> tuple[Secret, str]:
    """A new Ed25519 key pair: (private key as PKCS#8 PEM, public key as PEM text)."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = Secret(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")
    )
    return private, _public_pem(key)


def public_pem(secret: Secret, passphrase: Secret | None = None) -> str:
    """The public half (SPKI PEM) of a private key, to register it at the venue.

    Raises CredentialsError if the secret is not a private key.
    """
    key = _load_private_key(secret, passphrase)
    if key is None:
        raise CredentialsError("an HMAC secret has no public key")
    return _public_pem(key)


def _public_pem(key: PrivateKeyTypes) -> str:
    return (
        key.public_key()
        .public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        .decode("ascii")
    )


def _parse(
    secret: Secret, kind: KeyKind | None, passphrase: Secret | None
) -> tuple[KeyKind, _SignBytes]:
    """(kind, signing function) of a secret; *kind* None means whatever it is."""
    if not secret.reveal().strip():
        raise CredentialsError("the secret is empty")
    if kind is KeyKind.HMAC:
        return kind, _hmac_sha256(secret)
    key = _load_private_key(secret, passphrase, seed=kind is KeyKind.ED25519)
    if key is None:
        if kind is None:
            return KeyKind.HMAC, _hmac_sha256(secret)
        raise CredentialsError(
            f"the secret is not a private key, but the kind says {kind.value}: "
            "give the PEM text, or say kind hmac"
        )
    found, sign = _asymmetric(key)
    if kind is not None and found is not kind:
        raise CredentialsError(
            f"the private key is of kind {found.value}, not {kind.value}"
        )
    return found, sign


def _hmac_sha256(secret: Secret) -> _SignBytes:
    """HMAC-SHA256 (RFC 2104) whose two keyed states are computed once and copied per
    call: `hmac` would copy objects around them, which takes half as long again.

    Space around the secret is dropped: no venue issues it, copying does.
    """
    if "-----BEGIN" in secret.reveal():
        raise CredentialsError(
            "the secret is a PEM key, but the kind says hmac: leave the kind out"
        )
    try:
        key = secret.reveal().strip().encode("utf-8")
    except UnicodeEncodeError:
        key = None
    if key is None:
        raise CredentialsError("the secret is not valid text (UTF-8)")
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    key = key.ljust(_BLOCK, b"\0")
    start_inner = hashlib.sha256(key.translate(_INNER_PAD)).copy
    start_outer = hashlib.sha256(key.translate(_OUTER_PAD)).copy

    def sign(payload: bytes) -> bytes:
        inner, outer = start_inner(), start_outer()
        inner.update(payload)
        outer.update(inner.digest())
        return outer.digest()

    return sign


def _asymmetric(key: PrivateKeyTypes) -> tuple[KeyKind, _SignBytes]:
    """The kind and the signing function of a parsed private key."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return KeyKind.ED25519, key.sign
        case rsa.RSAPrivateKey():
            return KeyKind.RSA, _rsa(key)
        case ec.EllipticCurvePrivateKey() if isinstance(key.curve, ec.SECP256R1):
            return KeyKind.ES256, _es256(key)
        case _:
            raise CredentialsError(
                "private keys of this algorithm are not used by any venue here: "
                f"allowed are {', '.join(KeyKind)}"
            )


def _rsa(key: rsa.RSAPrivateKey) -> _SignBytes:
    if key.key_size < RSA_BITS_MIN:
        raise CredentialsError(
            f"the RSA key has {key.key_size} bits; at least {RSA_BITS_MIN} are needed"
        )
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    return lambda payload: key.sign(payload, scheme, digest)


def _es256(key: ec.EllipticCurvePrivateKey) -> _SignBytes:
    algorithm = ec.ECDSA(hashes.SHA256())

    def sign(payload: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(payload, algorithm))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def _load_private_key(
    secret: Secret, passphrase: Secret | None, *, seed: bool = False
) -> PrivateKeyTypes | None:
    """The private key in *secret*, or None if it is no private key at all.

    With *seed*, 64 hexadecimal digits are an Ed25519 seed. Raises
    CredentialsError for a key that is one but cannot be loaded.
    """
    armoured = "-----BEGIN" in secret.reveal()
    if armoured:
        _refuse_unusable_pem(secret)
    elif seed and _ED25519_SEED.fullmatch(secret.reveal().strip()):
        return ed25519.Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(secret.reveal().strip())
        )
    elif _der(secret) is None:
        return None
    key, problem = _try_load(secret, passphrase, armoured=armoured)
    if key is not None:
        return key
    if problem == "encrypted":
        raise CredentialsError(
            "the private key is encrypted: its passphrase is needed as well"
        )
    if problem == "passphrase":
        raise CredentialsError(
            "the private key cannot be decrypted: wrong passphrase or damaged key"
        )
    if armoured:
        raise CredentialsError(
            "the private key cannot be read: damaged, cut off, or of a kind that is "
            "not supported; give the whole PEM text with its BEGIN and END lines"
        )
    return None


def _refuse_unusable_pem(secret: Secret) -> None:
    """Say what is wrong with PEM texts that hold no usable private key."""
    header = _PEM_HEADER.search(secret.reveal())
    if header is None:
        raise CredentialsError(
            "the PEM text has a damaged BEGIN line; give the whole key, unchanged"
        )
    label = header[1]
    if "OPENSSH" in label:
        raise CredentialsError(
            "this is an OpenSSH key: convert a copy to PKCS#8 first "
            "(`ssh-keygen -p -m PKCS8 -f COPY`)"
        )
    if "PRIVATE KEY" not in label:
        raise CredentialsError(
            f"this is a PEM block of {label!r}; the private key is needed"
        )


def _der(secret: Secret) -> Secret | None:
    """DER bytes (as latin-1 text, hidden) of a base64 or hex text; None if neither.

    Only what begins like an ASN.1 sequence as long as the text counts.
    """
    for decode in (bytes.fromhex, _base64_decode):
        try:
            raw = decode("".join(secret.reveal().split()))
        except (ValueError, binascii.Error):
            continue
        if len(raw) > 32 and raw[0] == _DER_SEQUENCE:
            return Secret(raw.decode("latin-1"))
    return None


def _base64_decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _try_load(
    secret: Secret, passphrase: Secret | None, *, armoured: bool
) -> tuple[PrivateKeyTypes | None, str]:
    """(key, "") or (None, what is wrong in one word); raises nothing.

    A passphrase given for a key that is not encrypted is not used.
    """

    def load(password: Secret | None) -> PrivateKeyTypes:
        if armoured:
            return serialization.load_pem_private_key(
                _pem_bytes(secret), _password_bytes(password)
            )
        der = _der(secret)
        assert der is not None, "checked by the caller"
        return serialization.load_der_private_key(
            der.reveal().encode("latin-1"), _password_bytes(password)
        )

    try:
        return load(None), ""
    except TypeError:  # how cryptography says: encrypted, and no password given
        pass
    except (ValueError, UnsupportedAlgorithm):
        return None, "unreadable"
    if not passphrase:
        return None, "encrypted"
    try:
        return load(passphrase), ""
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None, "passphrase"


def _is_encrypted(secret: Secret) -> bool:
    armoured = "-----BEGIN" in secret.reveal()
    return (armoured or _der(secret) is not None) and (
        _try_load(secret, None, armoured=armoured)[1] == "encrypted"
    )


def _pem_bytes(secret: Secret) -> bytes:
    r"""PEM text as bytes; a one-line text with literal ``\n`` is unfolded first."""
    return secret.reveal().replace("\\n", "\n").strip().encode("utf-8")


def _password_bytes(password: Secret | None) -> bytes | None:
    return None if password is None else password.reveal().encode("utf-8")
