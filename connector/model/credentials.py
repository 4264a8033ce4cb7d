"""Credentials: secrets that hide themselves, keys shown only as fingerprints.

A `Secret` never shows its text: not in repr, str, format, dataclass reprs of its
owners, tracebacks with locals, `vars()`, copies or pickles. The text is held by a
closure, so that object browsers which walk attributes find a function, not a key.
`reveal()` is for signers and for stores that write the secret away, nobody else.

`KeyName` says which key is meant: (venue, environment, name).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, Self, SupportsIndex, final

from connector.errors import ConfigError, CredentialsError

HIDDEN = "**********"
DEFAULT_NAME = "default"

_FINGERPRINT_MIN_LENGTH = 16
_API_KEY = re.compile(r"[\x21-\x7e]{0,512}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Hidden:
    """Text behind a closure; the base of everything that must not show itself."""

    __slots__ = ("_text",)

    _text: Callable[[], str]

    def __new__(cls, *args: object) -> Self:
        """Empty at first, so that a traceback can show a half-made object."""
        self = super().__new__(cls)
        object.__setattr__(self, "_text", str)
        return self

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", lambda: text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def reveal(self) -> str:
        """The text itself: for signers and stores only, never for showing."""
        return self._text()

    def redact_from(self, text: str) -> str:
        """*text* with every occurrence of this value hidden.

        Values shorter than four characters are left alone: they would match
        by chance everywhere.
        """
        value = self._text()
        return text.replace(value, HIDDEN) if len(value) >= 4 else text

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, _Hidden)
        return hmac.compare_digest(
            self._text().encode("utf-8", "surrogatepass"),
            other._text().encode("utf-8", "surrogatepass"),
        )

    def __bool__(self) -> bool:
        return bool(self._text())

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return str(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} does not pickle: hand over the profile name "
            "and let the other process ask its key store"
        )

    def __reduce__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)


@final
class Secret(_Hidden):
    """A secret text. Compares in constant time, is not hashable, never shows."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        """Hide *text*; TypeError, without the value, if it is not a str."""
        if not isinstance(text, str):
            found = type(text).__name__
            del text  # or a traceback with locals would show it
            raise TypeError(f"a Secret is made from str, not {found}")
        super().__init__(text)


@final
class ApiKey(_Hidden):
    """The public half of credentials, shown as a fingerprint: ``abcd…wxyz``.

    Keys shorter than 16 characters show nothing. An empty key is *pending*: the
    key pair was made here and the venue has not issued its key id yet.

    Raises CredentialsError, without the value, for anything but printable ASCII
    without spaces (it travels in an HTTP header); space around it is dropped.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if _API_KEY.fullmatch(text.strip()) is None:
            del text  # or a traceback with locals would show it
            raise CredentialsError(
                "the API key has characters that cannot be sent (spaces, line ends, "
                "non-ASCII), or is longer than 512: paste the key id alone"
            )
        super().__init__(text.strip())

    @property
    def is_pending(self) -> bool:
        """True while the venue has not issued a key id for this key pair."""
        return not self

    @property
    def fingerprint(self) -> str:
        """What may be shown and logged: first and last four characters."""
        text = self.reveal()
        if not text:
            return "(pending)"
        if len(text) < _FINGERPRINT_MIN_LENGTH:
            return HIDDEN
        return f"{text[:4]}…{text[-4:]}"

    def __hash__(self) -> int:
        """Hashable, so that limiters can be shared by key (salted per process)."""
        return hash(self.reveal())

    def __str__(self) -> str:
        return self.fingerprint


class KeyKind(StrEnum):
    """How a key signs."""

    HMAC = "hmac"
    """HMAC-SHA256 with a shared secret."""
    ED25519 = "ed25519"
    """Pure Ed25519 (RFC 8032)."""
    RSA = "rsa"
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    ES256 = "es256"
    """ECDSA on P-256 with SHA-256, signature as r || s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One key of one account at one venue.

    *secret* is the HMAC secret or the private key text (PEM, DER in base64 or
    hex, seed in hex). *kind* None lets the signer find out from the secret.
    *passphrase* is the venue's passphrase (OKX) or the one that encrypts the PEM.
    *extra* holds public settings only (such as a sub-account name).
    """

    api_key: ApiKey
    secret: Secret
    kind: KeyKind | None = None
    passphrase: Secret | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", dict(self.extra))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("Credentials do not pickle: hand over the profile name")

    @property
    def is_pending(self) -> bool:
        """True while the venue has not issued the key id (see `ApiKey`)."""
        return self.api_key.is_pending

    def __str__(self) -> str:
        kind = self.kind.value if self.kind else "key"
        return f"{kind} {self.api_key.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeyName:
    """Which key is meant: the same three words in every store.

    Each part is letters, digits, ``-`` and ``_`` (at most 64, beginning with a
    letter or digit), so that neither separator can be forged. Raises ConfigError.
    """

    venue: str
    environment: str
    name: str = DEFAULT_NAME

    def __post_init__(self) -> None:
        for label in ("venue", "environment", "name"):
            part = getattr(self, label)
            if not isinstance(part, str) or _PART.fullmatch(part) is None:
                raise ConfigError(
                    f"{label} of a key: letters, digits, '-' and '_', at most 64, "
                    "beginning with a letter or digit"
                )

    @classmethod
    def of(cls, profile: str | tuple[str, str, str] | KeyName) -> KeyName:
        """The key of a profile.

        Takes ``live:binance``, ``live:binance/hedge``, the stored form
        ``connector:binance:live:hedge``, a (venue, environment, name) triple or
        a KeyName. Raises ConfigError for anything else.
        """
        if isinstance(profile, KeyName):
            return profile
        if not isinstance(profile, str):
            venue, environment, name = profile
            return cls(venue=venue, environment=environment, name=name)
        parts = profile.split(":")
        if len(parts) == 4 and parts[0] == "connector":
            return cls(venue=parts[1], environment=parts[2], name=parts[3])
        if len(parts) != 2:
            raise ConfigError(
                "a profile looks like live:VENUE, testnet:VENUE or live:VENUE/NAME: "
                "environment, colon, venue"
            )
        venue, slash, name = parts[1].partition("/")
        return cls(
            venue=venue, environment=parts[0], name=name if slash else DEFAULT_NAME
        )

    @property
    def profile(self) -> str:
        """The short form for people: ``live:binance`` or ``live:binance/hedge``."""
        tail = "" if self.name == DEFAULT_NAME else f"/{self.name}"
        return f"{self.environment}:{self.venue}{tail}"

    @property
    def entry(self) -> str:
        """The name of the entry in a store: ``connector:binance:live:default``."""
        return f"connector:{self.venue}:{self.environment}:{self.name}"

    @property
    def file_name(self) -> str:
        """The same as a file name: ``connector.binance.live.default``.

        Dots, because neither systemd credentials nor Kubernetes secrets may have
        a colon in their names.
        """
        return f"connector.{self.venue}.{self.environment}.{self.name}"

    def __str__(self) -> str:
        return self.profile
