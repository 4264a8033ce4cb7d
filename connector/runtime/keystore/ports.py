"""What a key store can do, whatever it is made of."""

from __future__ import annotations

from typing import NoReturn, Protocol, runtime_checkable

from connector.errors import KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName


class KeyStore(Protocol):
    """A place that holds credentials by name.

    Every method raises KeystoreUnavailable if the store cannot be used, is
    unsafe, or does not answer within its bound, and CredentialsError if an entry
    cannot be understood. No error ever quotes a secret.
    """

    @property
    def name(self) -> str:
        """What the store is, for people: ``OS keyring (Secret Service)``."""

    @property
    def is_writable(self) -> bool:
        """Whether `save` and `delete` can work at all."""

    def load(self, key: KeyName) -> Credentials:
        """The credentials of *key*; KeyNotFound if the store has none."""

    def save(self, key: KeyName, credentials: Credentials) -> None:
        """Store *credentials* under *key*, in place of what was there."""

    def delete(self, key: KeyName) -> None:
        """Remove *key*; KeyNotFound if the store has none."""

    def list(self) -> tuple[KeyName, ...]:
        """The names of all keys, sorted."""


@runtime_checkable
class KeyProvider(Protocol):
    """The user's own source of keys (a cloud secret store, for example).

    `load` returns None for a key it does not have. Whatever it raises is reported
    by type name alone, because the text of the exception might hold a secret.
    """

    def load(self, key: KeyName) -> Credentials | None:
        """The credentials of *key*, or None."""


class ReadOnly:
    """The writing half of a store that cannot be written from here."""

    name: str
    is_writable = False

    def save(self, key: KeyName, credentials: Credentials) -> NoReturn:
        """Always KeystoreUnavailable."""
        raise KeystoreUnavailable(f"{self.name} is read-only: {key} was not stored")

    def delete(self, key: KeyName) -> NoReturn:
        """Always KeystoreUnavailable."""
        raise KeystoreUnavailable(f"{self.name} is read-only: {key} was not removed")
