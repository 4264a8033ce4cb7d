"""Stores that are only read: provider, profile file, secret files, environment."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from connector.errors import (
    ConfigError,
    CredentialsError,
    KeyNotFound,
    KeystoreUnavailable,
)
from connector.model.credentials import ApiKey, Credentials, KeyKind, KeyName, Secret
from connector.runtime.keystore.bounded import Bounded
from connector.runtime.keystore.document import decode
from connector.runtime.keystore.ports import KeyProvider, ReadOnly
from connector.runtime.keystore.private_files import read_private_text

SYSTEMD_VARIABLE = "CREDENTIALS_DIRECTORY"

_FILE_PREFIX = "connector."
_FILE_SUFFIX = ".json"


class ProviderStore(ReadOnly):
    """The user's own provider object, bounded, its exceptions reduced to a type."""

    def __init__(self, provider: KeyProvider, timeout_s: float) -> None:
        self.name = f"key provider ({type(provider).__name__})"
        self._provider = provider
        # While a call hangs its thread keeps the provider, so its id stays unique.
        self._bounded = Bounded(self.name, timeout_s, resource=id(provider))

    def load(self, key: KeyName) -> Credentials:
        """Ask the provider; KeyNotFound if it has no such key."""
        answer = self._bounded.call(lambda: self._provider.load(key), "load")
        if answer.error is not None and issubclass(answer.error, KeyNotFound):
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        if answer.error is not None:
            raise KeystoreUnavailable(
                f"{self.name} failed with {answer.error.__name__} (its text is not "
                "shown, it might hold a secret)"
            )
        if answer.value is None:
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        if not isinstance(answer.value, Credentials):
            raise CredentialsError(
                f"{self.name} must return Credentials or None, "
                f"not {type(answer.value).__name__}"
            )
        return answer.value

    def list(self) -> tuple[KeyName, ...]:
        """Always empty: a provider is asked by name only."""
        return ()


class ProfileFile(ReadOnly):
    """The key that the profile file itself holds, which paper profiles may do."""

    def __init__(
        self, file: Path | None, key: KeyName, credentials: Credentials
    ) -> None:
        self.name = "profile" if file is None else f"profile file ({file})"
        self._key = key
        self._credentials = credentials

    def load(self, key: KeyName) -> Credentials:
        """The credentials if *key* is the profile's; else KeyNotFound."""
        if key != self._key:
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        return self._credentials

    def list(self) -> tuple[KeyName, ...]:
        """The one key."""
        return (self._key,)


class SecretFiles(ReadOnly):
    """A directory with one file per key, named `KeyName.file_name` (or .json).

    For systemd credentials (*is_systemd*) a group bit is no fault: systemd grants
    the service user access by an ACL, whose mask shows in the group bits
    (systemd.exec(5), "CREDENTIALS"; seen as mode 0440).
    """

    def __init__(self, directory: Path, *, is_systemd: bool = False) -> None:
        kind = "systemd credentials directory" if is_systemd else "secret files"
        self.name = f"{kind} ({directory})"
        self._directory = directory
        self._forbidden = stat.S_IRWXO | (0 if is_systemd else stat.S_IRWXG)

    def load(self, key: KeyName) -> Credentials:
        """Read the file of *key*; KeyNotFound if there is none."""
        for suffix in ("", _FILE_SUFFIX):
            path = self._directory / f"{key.file_name}{suffix}"
            try:
                text = read_private_text(path, forbidden=self._forbidden)
            except FileNotFoundError:
                continue
            return decode(text, str(path))
        raise KeyNotFound(f"{self.name} has no {key.file_name}")

    def list(self) -> tuple[KeyName, ...]:
        """The keys whose files are there, readable or not."""
        names: set[KeyName] = set()
        try:
            found = sorted(path.name for path in self._directory.iterdir())
        except OSError as exc:
            raise KeystoreUnavailable(f"{self.name}: {exc.strerror}") from None
        for file_name in found:
            parts = file_name.removesuffix(_FILE_SUFFIX).split(".")
            if not file_name.startswith(_FILE_PREFIX) or len(parts) != 4:
                continue
            try:
                names.add(KeyName(venue=parts[1], environment=parts[2], name=parts[3]))
            except ConfigError:
                continue
        return tuple(sorted(names))


class EnvironmentVariables(ReadOnly):
    """Environment variables, for those who insist.

    ``CONNECTOR_LIVE_BINANCE_USDM_API_KEY``, ``..._SECRET``, ``..._PASSPHRASE``,
    ``..._KIND``; a key name other than default goes before the last word. They are
    readable in /proc, inherited by every child and kept by many crash reporters.
    """

    name = "environment variables"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @staticmethod
    def prefix(key: KeyName) -> str:
        """What the variables of *key* begin with."""
        parts = [key.environment, key.venue]
        if key.profile.endswith(f"/{key.name}"):
            parts.append(key.name)
        return "_".join(["CONNECTOR", *parts]).upper().replace("-", "_")

    def load(self, key: KeyName) -> Credentials:
        """The credentials in the variables of *key*; KeyNotFound if incomplete."""
        prefix = self.prefix(key)
        api_key, secret, passphrase, kind = (
            None if value is None else Secret(value)
            for value in (
                self._environ.get(f"{prefix}_{word}")
                for word in ("API_KEY", "SECRET", "PASSPHRASE", "KIND")
            )
        )
        if not api_key or not secret:
            raise KeyNotFound(
                f"{self.name}: {prefix}_API_KEY and {prefix}_SECRET are not both set"
            )
        kinds = [item for item in KeyKind if kind == Secret(item.value)]
        if kind and not kinds:
            raise CredentialsError(
                f"{prefix}_KIND must be one of {', '.join(KeyKind)}, or not be set"
            )
        return Credentials(
            api_key=ApiKey(api_key.reveal()),
            secret=secret,
            kind=kinds[0] if kinds else None,
            passphrase=passphrase or None,
        )

    def list(self) -> tuple[KeyName, ...]:
        """Always empty: variables are asked for by name only."""
        return ()
