"""Tests of connector.runtime.keystore.os_keyring: which backends, how long, what shows.

The real Secret Service is tested in test_secret_service.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import keyring.backend
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from connector.errors import CredentialsError, KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore.os_keyring import (
    ALLOWED,
    TIMEOUT_S,
    OsKeyring,
    VaultKeyring,
)
from connector.runtime.keystore.vault import Cost, Vault
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
UseKeyring = Callable[[object], None]


def backend_named(module: str, name: str) -> Any:
    """An instance of a backend class of this full name."""

    def get_password(self: object, service: str, username: str) -> None:
        return None

    def set_password(self: object, *args: str) -> None:
        raise AssertionError("a refused backend must not get a secret")

    fields = {
        "__module__": module,
        "__qualname__": name,
        "viable": False,
        "priority": 1.0,
        "get_password": get_password,
        "set_password": set_password,
    }
    return type(name, (keyring.backend.KeyringBackend,), fields)()


REFUSED = {
    "null": (keyring.backends.null.Keyring(), "keeps nothing"),
    "missing": (keyring.backends.fail.Keyring(), "offers no keyring at all"),
    "plaintext": (
        backend_named("keyrings.alt.file", "PlaintextKeyring"),
        "in plain text",
    ),
    "encrypted-file": (
        backend_named("keyrings.alt.file", "EncryptedKeyring"),
        "not on the list",
    ),
    "somebody's": (backend_named("acme.keys", "Ring"), "not on the list"),
    "same-name": (backend_named("SecretService", "Keyring"), "not on the list"),
}


@pytest.mark.parametrize(("backend", "why"), REFUSED.values(), ids=REFUSED)
def test_backends_are_refused_by_name(
    use_keyring: UseKeyring, backend: object, why: str
) -> None:
    """The text has the backend's name, the reason, and what to do next."""
    use_keyring(backend)
    with pytest.raises(KeystoreUnavailable) as caught:
        OsKeyring()
    text = str(caught.value)
    assert f"{type(backend).__module__}.{type(backend).__qualname__} is refused" in text
    assert why in text
    assert "Next: start a real keyring" in text
    assert "--store vault" in text


class Chainer(keyring.backends.chainer.ChainerBackend):
    """A chain of given members."""

    viable = False
    priority = -2.0
    backends: list[object] = []


def test_a_chain_with_a_bad_member_is_refused(
    use_keyring: UseKeyring,
    memory_keyring: keyring.backend.KeyringBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One plaintext backend in the chain could get the secret: refused by name."""
    plain = backend_named("keyrings.alt.file", "PlaintextKeyring")
    monkeypatch.setattr(Chainer, "backends", [memory_keyring, plain])
    use_keyring(Chainer())
    with pytest.raises(
        KeystoreUnavailable, match=r"PlaintextKeyring \(inside keyring's chainer\)"
    ):
        OsKeyring()
    monkeypatch.setattr(Chainer, "backends", [])
    with pytest.raises(KeystoreUnavailable, match="no keyring at all"):
        OsKeyring()


def test_a_chain_of_good_members_is_used(
    use_keyring: UseKeyring,
    memory_keyring: keyring.backend.KeyringBackend,
    monkeypatch: pytest.MonkeyPatch,
    key: KeyName,
    credentials: Credentials,
) -> None:
    """Two real keyrings on one machine are no reason to refuse."""
    other = backend_named("keyring.backends.libsecret", "Keyring")
    monkeypatch.setattr(Chainer, "backends", [memory_keyring, other])
    use_keyring(Chainer())
    store = OsKeyring()
    assert store.name == "OS keyring (Secret Service + libsecret)"
    store.save(key, credentials)
    assert credentials == store.load(key)


def test_a_backend_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong PYTHON_KEYRING_BACKEND is reported, not raised as ImportError."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no_such_module.Keyring")
    with pytest.raises(KeystoreUnavailable, match="opened: ModuleNotFoundError"):
        OsKeyring()


def test_keys_are_stored_listed_and_removed(
    memory_keyring: Any, key: KeyName, credentials: Credentials
) -> None:
    """One entry per key, found by name; an index lists them."""
    store = OsKeyring(backend=memory_keyring)
    assert store.list() == ()
    with pytest.raises(KeyNotFound, match="connector:binance:live:default"):
        store.load(key)
    other = KeyName.of("live:okx/hedge")
    store.save(key, credentials)
    store.save(other, credentials)
    store.save(other, credentials)
    assert credentials == store.load(key)
    assert ("connector:binance:live:default", "credentials") in memory_keyring.entries
    assert (key, other) == store.list()
    store.delete(key)
    assert (other,) == store.list()
    with pytest.raises(KeyNotFound):
        store.delete(key)


def test_a_backend_that_forgets_is_caught(
    memory_keyring: Any, key: KeyName, credentials: Credentials
) -> None:
    """What was stored is read back before it is called stored."""
    memory_keyring.forgets = True
    with pytest.raises(KeystoreUnavailable, match="did not give back"):
        OsKeyring(backend=memory_keyring).save(key, credentials)


def test_a_damaged_index_is_told(memory_keyring: Any) -> None:
    """A broken list is an error of ours."""
    memory_keyring.entries["connector:index", "credentials"] = "[5]"
    with pytest.raises(KeystoreUnavailable, match="connector:index is damaged"):
        OsKeyring(backend=memory_keyring).list()
    memory_keyring.entries["connector:index", "credentials"] = '["../x"]'
    with pytest.raises(KeystoreUnavailable, match="connector:index is damaged"):
        OsKeyring(backend=memory_keyring).list()


def test_a_damaged_entry_is_told(memory_keyring: Any, key: KeyName) -> None:
    """An entry that is no document is named, not quoted."""
    memory_keyring.entries[key.entry, "credentials"] = CANARY
    with pytest.raises(CredentialsError, match=key.entry) as caught:
        OsKeyring(backend=memory_keyring).load(key)
    Canary(CANARY).assert_exception_clean(caught.value)


@pytest.mark.parametrize("verb", ["load", "save", "delete", "list"])
def test_what_a_backend_raises_shows_nothing(
    memory_keyring: Any, key: KeyName, credentials: Credentials, verb: str
) -> None:
    """Law 9: the backend's exception is reduced to its type; no cause, no context."""
    store = OsKeyring(backend=memory_keyring)

    def fail() -> None:
        raise keyring.errors.PasswordSetError(f"cannot store {CANARY}")

    memory_keyring.fails = fail
    arguments = {"save": (key, credentials), "list": ()}.get(verb, (key,))
    with pytest.raises(KeystoreUnavailable, match="PasswordSetError") as caught:
        getattr(store, verb)(*arguments)
    Canary(CANARY, PASSPHRASE).assert_exception_clean(caught.value)


def test_a_locked_keyring_says_so(memory_keyring: Any, key: KeyName) -> None:
    """A dismissed unlock dialogue is told as such."""

    def locked() -> None:
        raise keyring.errors.KeyringLocked("dismissed")

    store = OsKeyring(backend=memory_keyring)
    memory_keyring.fails = locked
    with pytest.raises(KeystoreUnavailable, match="locked: unlock it"):
        store.load(key)


def test_the_bound_is_three_seconds() -> None:
    """The documented default."""
    assert TIMEOUT_S == 3.0


@pytest.mark.parametrize("verb", ["load", "save", "delete", "list"])
def test_a_hanging_keyring_is_bounded(
    memory_keyring: Any,
    key: KeyName,
    credentials: Credentials,
    verb: str,
    release: threading.Event,
) -> None:
    """A dialogue that nobody answers costs the bound, not more."""
    store = OsKeyring(backend=memory_keyring, timeout_s=0.05)
    memory_keyring.fails = release.wait
    arguments = {"save": (key, credentials), "list": ()}.get(verb, (key,))
    began = time.monotonic()
    with pytest.raises(KeystoreUnavailable, match=r"not answer within 0\.05 s"):
        getattr(store, verb)(*arguments)
    assert time.monotonic() - began < 2


def test_a_keyring_that_hangs_while_it_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, release: threading.Event
) -> None:
    """Finding the backend talks to D-Bus: it is bounded, and lost only once."""
    monkeypatch.setattr(keyring, "get_keyring", release.wait)
    with pytest.raises(KeystoreUnavailable, match=r"not answer within 0\.05 s \(open"):
        OsKeyring(timeout_s=0.05)
    with pytest.raises(KeystoreUnavailable, match="still hangs"):
        OsKeyring(timeout_s=60)


def test_the_allow_list_names_real_classes() -> None:
    """Each allowed name is a class that this version of keyring has."""
    for full_name in ALLOWED:
        loaded = keyring.core._load_keyring_class(full_name)
        assert full_name == f"{loaded.__module__}.{loaded.__qualname__}"


def test_the_vault_speaks_keyring_but_is_never_picked(
    tmp_path: Any, cheap: Cost
) -> None:
    """Usable when set by hand; keyring's own search never finds it."""
    vault = Vault(tmp_path / "vault", lambda: Secret(PASSPHRASE), cheap)
    backend = VaultKeyring(vault)
    assert backend.get_password("service", "user") is None
    backend.set_password("service", "user", CANARY)
    assert backend.get_password("service", "user") == CANARY
    backend.delete_password("service", "user")
    with pytest.raises(keyring.errors.PasswordDeleteError):
        backend.delete_password("service", "user")
    assert not VaultKeyring.viable
    found = list(keyring.backend.KeyringBackend.get_viable_backends())
    assert VaultKeyring not in found
    with pytest.raises(TypeError):
        keyring.core.load_keyring(f"{VaultKeyring.__module__}.VaultKeyring")
    Canary(CANARY, PASSPHRASE).assert_object_clean(backend)
