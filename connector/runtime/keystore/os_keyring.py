"""The OS keyring, through the keyring package, whose only importer this file is.

keyring will happily hand out backends that keep nothing (null), refuse everything
(fail) or write plain text. Only backends on the allow-list, known by class, are used;
the others are refused by name, with what to do next. Every call is bounded, and what
a backend raises is reduced to its type: the text could hold the secret.
"""

from __future__ import annotations

import json
from typing import Final

import keyring
import keyring.backend
import keyring.backends.chainer
import keyring.errors

from connector.errors import ConfigError, KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore.bounded import Bounded
from connector.runtime.keystore.document import decode, encode
from connector.runtime.keystore.vault import Vault

TIMEOUT_S: Final = 3.0

ALLOWED: Final = {
    "keyring.backends.SecretService.Keyring": "Secret Service",
    "keyring.backends.libsecret.Keyring": "libsecret",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet 4",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Manager",
}
"""Backends that encrypt what they keep and belong to the operating system."""

_WHY_REFUSED: Final = {
    "keyring.backends.null.Keyring": "it keeps nothing",
    "keyring.backends.fail.Keyring": "this machine offers no keyring at all",
    "keyrings.alt.file.PlaintextKeyring": "it writes secrets to disk in plain text",
}

_NEXT = (
    "Next: start a real keyring (gnome-keyring, KWallet, or that of the system) and "
    "unset PYTHON_KEYRING_BACKEND and any keyringrc.cfg that names another, or keep "
    "the key in the own vault: `connector keys add PROFILE --store vault`"
)

_ACCOUNT = "credentials"
_INDEX = "connector:index"


class OsKeyring:
    """Credentials in the keyring of the operating system.

    One entry per key: service `KeyName.entry`, user name ``credentials``, the
    document as password. keyring cannot list, so an entry ``connector:index`` holds
    the names; of two processes that add keys at the same moment one may drop the
    other's name from it, while both keys are stored and found. *timeout_s* bounds
    each call; *backend* is for tests and for users who built their own instance of
    an allowed backend.
    """

    is_writable = True

    def __init__(
        self,
        *,
        timeout_s: float = TIMEOUT_S,
        backend: keyring.backend.KeyringBackend | None = None,
    ) -> None:
        """Find the backend and judge it; KeystoreUnavailable if it is not allowed."""
        self._bounded = Bounded(
            "the OS keyring",
            timeout_s,
            resource="OS keyring" if backend is None else None,
        )
        self._backend, title = self._admit(backend)
        self.name = f"OS keyring ({title})"
        self._bounded.label = self.name

    def load(self, key: KeyName) -> Credentials:
        """The credentials of *key*; KeyNotFound if the keyring has none."""
        text = self._get(key.entry)
        if text is None:
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        return decode(text, f"{self.name}, {key.entry}")

    def save(self, key: KeyName, credentials: Credentials) -> None:
        """Store, read back and compare; then note the name in the index."""
        text = encode(credentials)
        self._set(key.entry, text)
        if self._get(key.entry) != text:
            raise KeystoreUnavailable(
                f"{self.name} did not give back what was stored in {key.entry}; "
                "keep the key in the own vault instead (`--store vault`)"
            )
        self._note({*self.list(), key})

    def delete(self, key: KeyName) -> None:
        """Remove *key*; KeyNotFound if the keyring has none."""
        if self._get(key.entry) is None:
            self._note({*self.list()} - {key})
            raise KeyNotFound(f"{self.name} has no {key.entry}")
        answer = self._bounded.call(
            lambda: self._backend.delete_password(key.entry, _ACCOUNT), "delete"
        )
        self._refuse_error(answer.error, "delete")
        self._note({*self.list()} - {key})

    def list(self) -> tuple[KeyName, ...]:
        """The names in the index, sorted."""
        text = self._get(_INDEX)
        if text is None:
            return ()
        try:
            return tuple(sorted(KeyName.of(name) for name in json.loads(text.reveal())))
        except (ValueError, TypeError, ConfigError):
            pass
        raise KeystoreUnavailable(
            f"{self.name}: the entry {_INDEX} is damaged; remove it and add the keys "
            "again"
        )

    def _note(self, names: set[KeyName]) -> None:
        self._set(_INDEX, Secret(json.dumps(sorted(name.entry for name in names))))

    def _get(self, entry: str) -> Secret | None:
        def get() -> Secret | None:
            text = self._backend.get_password(entry, _ACCOUNT)
            return None if text is None else Secret(text)

        answer = self._bounded.call(get, "load")
        self._refuse_error(answer.error, "load")
        return answer.value

    def _set(self, entry: str, text: Secret) -> None:
        answer = self._bounded.call(
            lambda: self._backend.set_password(entry, _ACCOUNT, text.reveal()), "save"
        )
        self._refuse_error(answer.error, "save")

    def _refuse_error(self, error: type[BaseException] | None, verb: str) -> None:
        """Turn a backend's exception into ours, keeping its type name alone."""
        if error is None:
            return
        if issubclass(error, keyring.errors.KeyringLocked):
            raise KeystoreUnavailable(f"{self.name} is locked: unlock it, then retry")
        hint = ""
        if verb == "save":
            hint = (
                "; some keyrings refuse long entries (Windows: about 1200 "
                "characters): keep RSA keys in the own vault (`--store vault`)"
            )
        raise KeystoreUnavailable(
            f"{self.name} failed to {verb} with {error.__name__}{hint}"
        )

    def _admit(
        self, given: keyring.backend.KeyringBackend | None
    ) -> tuple[keyring.backend.KeyringBackend, str]:
        """(backend, its name for people), or KeystoreUnavailable saying why not."""
        answer = self._bounded.call(lambda: _inspect(given), "open")
        if answer.error is not None or answer.value is None:
            cause = answer.error.__name__ if answer.error else "nothing"
            raise KeystoreUnavailable(
                f"the OS keyring could not be opened: {cause}. {_NEXT}"
            )
        backend, members = answer.value
        for member in members:
            if member not in ALLOWED:
                inside = " (inside keyring's chainer)" if len(members) > 1 else ""
                why = _WHY_REFUSED.get(
                    member, "it is not on the list of keyrings known to be safe"
                )
                raise KeystoreUnavailable(
                    f"the keyring backend {member}{inside} is refused: {why}. {_NEXT}"
                )
        return backend, " + ".join(ALLOWED[member] for member in members)


def _inspect(
    given: keyring.backend.KeyringBackend | None,
) -> tuple[keyring.backend.KeyringBackend, list[str]]:
    """The backend and the class names of what it consists of; may hang or raise."""
    backend = keyring.get_keyring() if given is None else given
    if isinstance(backend, keyring.backends.chainer.ChainerBackend):
        members = [_class_name(member) for member in backend.backends]
        return backend, members or ["keyring.backends.fail.Keyring"]
    return backend, [_class_name(backend)]


def _class_name(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


class VaultKeyring(keyring.backend.KeyringBackend):
    """The own vault as a backend for other programs that speak keyring.

    keyring never picks it by itself: it is not viable, has no entry point, and
    cannot be built without a vault. Use it with ``keyring.set_keyring(...)``.
    """

    viable = False
    priority = -1.0

    def __init__(self, vault: Vault) -> None:
        # Not super().__init__(): it sets attributes from environment variables.
        self._vault = vault

    def get_password(self, service: str, username: str) -> str | None:
        """The password, or None."""
        text = self._vault.get(self._entry(service, username))
        return None if text is None else text.reveal()

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store the password."""
        self._vault.put(self._entry(service, username), Secret(password))

    def delete_password(self, service: str, username: str) -> None:
        """Remove the password; keyring.errors.PasswordDeleteError if absent."""
        if not self._vault.remove(self._entry(service, username)):
            raise keyring.errors.PasswordDeleteError("no such password")

    @staticmethod
    def _entry(service: str, username: str) -> str:
        return f"keyring:{json.dumps([service, username])}"
