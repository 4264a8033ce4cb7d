r"""The own vault: one encrypted file, for machines without a keyring.

Layout (all of it authenticated):

    connector-vault\n{header as one line of JSON}\n{ciphertext}

The passphrase is stretched with Argon2id to 64 bytes: the first 32 are the key of
ChaCha20-Poly1305, the last 32 authenticate the header, so that a wrong passphrase and
a changed file can be told apart. The whole part before the ciphertext is its
associated data. Each write takes a fresh nonce and replaces the file atomically, mode
0600, under a lock. What it does not defend against: an older copy put back in its
place, and malware that runs as the same user.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from connector.errors import KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore.document import decode, encode
from connector.runtime.keystore.private_files import read_private, write_private

MAGIC: Final = b"connector-vault\n"
VERSION: Final = 1
BYTES_MAX: Final = 4 * 1024 * 1024
LOCK_TIMEOUT_S: Final = 3.0

_HEADER_BYTES_MAX = 1024
_LOCK_POLL_S = 0.02
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 32

_SCHEME: Final = (VERSION, "argon2id", "chacha20-poly1305")

PassphraseSource = Callable[[], Secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess of the passphrase costs (RFC 9106, section 4, second choice)."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    def check(self) -> None:
        """ValueError for a cost that is absurd: a header is read before it is trusted.

        Bounds: 8 KiB per lane to 1 GiB, 1 to 64 passes, 1 to 16 lanes.
        """
        if not (
            1 <= self.lanes <= 16
            and 8 * self.lanes <= self.memory_kib <= 1024 * 1024
            and 1 <= self.iterations <= 64
        ):
            raise ValueError("cost out of bounds")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The public part of the file."""

    version: int
    kdf: str
    aead: str
    cost: Cost
    salt: bytes
    check: bytes = b""
    nonce: bytes = b""

    def core(self) -> bytes:
        """What *check* authenticates: all but itself and the nonce."""
        return json.dumps(
            [self.version, self.kdf, self.aead, asdict(self.cost), self.salt.hex()],
            sort_keys=True,
        ).encode()

    def encode(self) -> bytes:
        fields = asdict(self)
        for name in ("salt", "check", "nonce"):
            fields[name] = getattr(self, name).hex()
        return MAGIC + json.dumps(fields).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> _Header:
        """ValueError, KeyError or TypeError for anything that is not a header."""
        fields = json.loads(line)
        cost = Cost(**fields["cost"])
        if not all(type(value) is int for value in asdict(cost).values()):
            raise ValueError("cost is not a number")
        cost.check()
        return cls(
            version=fields["version"],
            kdf=fields["kdf"],
            aead=fields["aead"],
            cost=cost,
            salt=bytes.fromhex(fields["salt"]),
            check=bytes.fromhex(fields["check"]),
            nonce=bytes.fromhex(fields["nonce"]),
        )


class _Unlocked:
    """The keys of one (passphrase, salt, cost), inside C objects."""

    __slots__ = ("_check", "_cipher")

    def __init__(self, passphrase: Secret, header: _Header) -> None:
        kdf = Argon2id(
            salt=header.salt,
            length=2 * _KEY_BYTES,
            iterations=header.cost.iterations,
            lanes=header.cost.lanes,
            memory_cost=header.cost.memory_kib,
        )
        keys = Secret(kdf.derive(passphrase.reveal().encode("utf-8")).decode("l1"))
        self._cipher = ChaCha20Poly1305(keys.reveal()[:_KEY_BYTES].encode("l1"))
        self._check = hmac.new(
            keys.reveal()[_KEY_BYTES:].encode("l1"), None, hashlib.sha256
        ).copy

    def check(self, header: _Header) -> bytes:
        """The authenticator of a header."""
        state = self._check()
        state.update(header.core())
        return state.digest()

    def encrypt(self, header: _Header, text: Secret) -> bytes:
        """The whole file, under a fresh nonce."""
        fresh = replace(
            header, nonce=secrets.token_bytes(_NONCE_BYTES), check=self.check(header)
        )
        public = fresh.encode()
        return public + self._cipher.encrypt(
            fresh.nonce, text.reveal().encode("utf-8"), public
        )

    def decrypt(self, header: _Header, public: bytes, sealed: bytes) -> Secret | None:
        """The text, or None if nonce, header or ciphertext was changed."""
        try:
            return Secret(
                self._cipher.decrypt(header.nonce, sealed, public).decode("utf-8")
            )
        except (InvalidTag, ValueError):
            return None


class Vault:
    """Named texts in one encrypted file; the file is made by the first `put`.

    *passphrase* is asked for when it is first needed, then only the derived key is
    kept (in memory, inside OpenSSL). All methods raise KeystoreUnavailable for a
    wrong passphrase, a damaged or changed file, one that is open to other users, or
    a lock that is not free within 3 s.
    """

    def __init__(
        self, path: Path, passphrase: PassphraseSource, cost: Cost | None = None
    ) -> None:
        self.path = path
        self._passphrase = passphrase
        self._cost = cost or Cost()
        self._cost.check()
        self._unlocked: tuple[tuple[Cost, bytes], _Unlocked] | None = None

    def get(self, entry: str) -> Secret | None:
        """The text of *entry*, or None."""
        return self._read().get(entry)

    def entries(self) -> tuple[str, ...]:
        """The names of all entries, sorted."""
        return tuple(sorted(self._read()))

    def put(self, entry: str, text: Secret) -> None:
        """Store *text* under *entry*, in place of what was there."""
        with self._locked():
            self._write({**self._read(), entry: text})

    def remove(self, entry: str) -> bool:
        """Remove *entry*; False if it was not there."""
        if not self.path.exists():
            return False
        with self._locked():
            entries = self._read()
            if entries.pop(entry, None) is None:
                return False
            self._write(entries)
            return True

    def change_passphrase(self, passphrase: PassphraseSource) -> None:
        """Encrypt everything anew, with a new salt and the present default cost."""
        with self._locked():
            entries = self._read()
            self._passphrase = passphrase
            self._unlocked = None
            self._write(entries)

    def _read(self) -> dict[str, Secret]:
        """All entries; empty if there is no file yet."""
        try:
            content = read_private(self.path, bytes_max=BYTES_MAX)
        except FileNotFoundError:
            return {}
        raw = content.reveal().encode("l1")
        public, header = self._split(raw)
        unlocked = self._unlock(header)
        if not hmac.compare_digest(unlocked.check(header), header.check):
            self._unlocked = None
            raise KeystoreUnavailable(
                f"vault {self.path}: wrong passphrase (or its header was changed)"
            )
        text = unlocked.decrypt(header, public, raw[len(public) :])
        entries = None if text is None else _parse_entries(text)
        if entries is None:
            raise KeystoreUnavailable(
                f"vault {self.path}: the passphrase is right, but the file is damaged "
                "or was changed: nothing in it is used. Restore a copy, or remove it "
                "and add the keys again"
            )
        return entries

    def _split(self, raw: bytes) -> tuple[bytes, _Header]:
        """(part before the ciphertext, its header), or KeystoreUnavailable."""
        end = raw.find(b"\n", len(MAGIC), len(MAGIC) + _HEADER_BYTES_MAX)
        if not raw.startswith(MAGIC) or end < 0:
            raise KeystoreUnavailable(f"{self.path} is not a vault of connector")
        try:
            header = _Header.decode(raw[len(MAGIC) : end])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            header = None
        if header is None:
            raise KeystoreUnavailable(f"vault {self.path}: its header is damaged")
        if (header.version, header.kdf, header.aead) != _SCHEME:
            raise KeystoreUnavailable(
                f"vault {self.path} is of a kind this version does not know; a newer "
                "connector wrote it, or it was changed"
            )
        if len(header.salt) != _SALT_BYTES or len(header.nonce) != _NONCE_BYTES:
            raise KeystoreUnavailable(f"vault {self.path}: its header is damaged")
        return raw[: end + 1], header

    def _write(self, entries: dict[str, Secret]) -> None:
        header = _Header(
            version=VERSION,
            kdf=_SCHEME[1],
            aead=_SCHEME[2],
            cost=self._cost,
            salt=secrets.token_bytes(_SALT_BYTES),
        )
        if self._unlocked is not None:
            (cost, salt), _ = self._unlocked
            header = replace(header, cost=cost, salt=salt)
        text = Secret(json.dumps({name: entries[name].reveal() for name in entries}))
        sealed = self._unlock(header).encrypt(header, text)
        if len(sealed) > BYTES_MAX:
            raise KeystoreUnavailable(f"vault {self.path} would grow beyond 4 MiB")
        for left in self.path.parent.glob(f".{self.path.name}.*"):
            left.unlink(
                missing_ok=True
            )  # of a writer that was killed; we hold the lock
        write_private(self.path, sealed)

    def _unlock(self, header: _Header) -> _Unlocked:
        """Derive the keys, unless they are those of the last time."""
        identity = (header.cost, header.salt)
        if self._unlocked is not None and self._unlocked[0] == identity:
            return self._unlocked[1]
        passphrase = self._passphrase()
        if not passphrase:
            raise KeystoreUnavailable(f"vault {self.path}: the passphrase is empty")
        try:
            unlocked = _Unlocked(passphrase, header)
        except (UnsupportedAlgorithm, MemoryError, ValueError):
            unlocked = None
        if unlocked is None:
            raise KeystoreUnavailable(
                f"vault {self.path}: Argon2id failed with "
                f"{header.cost.memory_kib // 1024} MiB: too little memory, a "
                "passphrase that is not text, or an OpenSSL older than 3.2"
            )
        self._unlocked = (identity, unlocked)
        return unlocked

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, across processes; waits at most 3 s."""
        lock = self._open_lock()
        try:
            give_up = time.monotonic() + LOCK_TIMEOUT_S
            while not _try_lock(lock):
                if time.monotonic() > give_up:
                    raise KeystoreUnavailable(
                        f"vault {self.path}: another process has been writing for "
                        f"{LOCK_TIMEOUT_S:g} s; try again"
                    )
                time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(lock)

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path.with_name(f"{self.path.name}.lock"), flags, 0o600)
        except OSError as exc:
            raise KeystoreUnavailable(
                f"vault {self.path} cannot be written: {exc.strerror}"
            ) from None


class VaultStore:
    """Credentials in the own vault: a `KeyStore`."""

    is_writable = True

    def __init__(self, vault: Vault) -> None:
        self.name = f"vault ({vault.path})"
        self._vault = vault

    def load(self, key: KeyName) -> Credentials:
        """The credentials of *key*; KeyNotFound if the vault has none."""
        text = self._vault.get(key.entry)
        if text is None:
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        return decode(text, f"{self.name}, {key.entry}")

    def save(self, key: KeyName, credentials: Credentials) -> None:
        """Store *credentials* under *key*."""
        self._vault.put(key.entry, encode(credentials))

    def delete(self, key: KeyName) -> None:
        """Remove *key*; KeyNotFound if the vault has none."""
        if not self._vault.remove(key.entry):
            raise KeyNotFound(f"{self.name} has no {key.entry}")

    def list(self) -> tuple[KeyName, ...]:
        """The names of all keys, sorted; entries of other programs are left out."""
        return tuple(
            sorted(
                KeyName.of(entry)
                for entry in self._vault.entries()
                if entry.startswith("connector:")
            )
        )


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _parse_entries(text: Secret) -> dict[str, Secret] | None:
    try:
        entries = json.loads(text.reveal())
        return {name: Secret(value) for name, value in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
