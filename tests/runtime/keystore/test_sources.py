"""Tests of connector.runtime.keystore.sources."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.errors import CredentialsError, KeyNotFound, KeystoreUnavailable
from connector.model.credentials import ApiKey, Credentials, KeyKind, KeyName
from connector.runtime.keystore.document import encode
from connector.runtime.keystore.ports import KeyProvider
from connector.runtime.keystore.sources import (
    EnvironmentVariables,
    ProviderStore,
    SecretFiles,
)
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
Write = Callable[..., Path]


class Provider:
    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def load(self, key: KeyName) -> Any:
        return self._answer()


def test_a_provider_is_asked_by_name(credentials: Credentials, key: KeyName) -> None:
    """What the provider returns is used; None means it has none."""
    provider = Provider(lambda: credentials)
    assert isinstance(provider, KeyProvider)
    assert credentials == ProviderStore(provider, 5).load(key)
    with pytest.raises(KeyNotFound):
        ProviderStore(Provider(lambda: None), 5).load(key)


def test_a_provider_that_fails_is_named_not_quoted(key: KeyName) -> None:
    """Law 9: its exception may hold the secret, so only the type is shown."""

    def fail() -> object:
        raise ValueError(f"bad secret {CANARY}")

    with pytest.raises(KeystoreUnavailable, match="failed with ValueError") as caught:
        ProviderStore(Provider(fail), 5).load(key)
    Canary(CANARY).assert_exception_clean(caught.value)
    with pytest.raises(CredentialsError, match="not str") as wrong:
        ProviderStore(Provider(lambda: CANARY), 5).load(key)
    Canary(CANARY).assert_text_clean(str(wrong.value), "the error")

    def missing() -> object:
        raise KeyNotFound(CANARY)

    with pytest.raises(KeyNotFound) as absent:
        ProviderStore(Provider(missing), 5).load(key)
    Canary(CANARY).assert_exception_clean(absent.value)


def test_a_provider_that_hangs_is_bounded(
    key: KeyName, release: threading.Event
) -> None:
    """Law 12: the wait has a deadline."""
    provider = Provider(release.wait)
    store = ProviderStore(provider, 0.02)
    with pytest.raises(KeystoreUnavailable, match="did not answer"):
        store.load(key)
    with pytest.raises(KeystoreUnavailable, match="still hangs"):
        ProviderStore(provider, 60).load(key)


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_secret_files_are_found_by_name(
    private: Write, tmp_path: Path, credentials: Credentials, key: KeyName, suffix: str
) -> None:
    """One file per key, with or without .json."""
    private(f"connector.binance.live.default{suffix}", encode(credentials).reveal())
    private("connector.okx.live.b.c", "other")
    private("connector.okx.live.!", "other")
    private("unrelated", "other")
    store = SecretFiles(tmp_path)
    assert credentials == store.load(key)
    assert (key,) == store.list()
    with pytest.raises(KeyNotFound, match=r"connector\.okx\.live\.default"):
        store.load(KeyName.of("live:okx"))


def test_a_missing_directory_holds_nothing(tmp_path: Path, key: KeyName) -> None:
    """No directory: no key, and listing says so."""
    store = SecretFiles(tmp_path / "none")
    with pytest.raises(KeyNotFound):
        store.load(key)
    with pytest.raises(KeystoreUnavailable, match="No such file"):
        store.list()


@pytest.mark.parametrize(
    ("mode", "is_systemd", "is_refused"),
    [(0o440, True, False), (0o444, True, True), (0o440, False, True)],
)
def test_group_bits_are_for_systemd_only(
    private: Write,
    tmp_path: Path,
    credentials: Credentials,
    key: KeyName,
    mode: int,
    is_systemd: bool,
    is_refused: bool,
) -> None:
    """systemd grants access by ACL, which shows in the group bits."""
    private(key.file_name, encode(credentials).reveal(), mode)
    store = SecretFiles(tmp_path, is_systemd=is_systemd)
    if is_refused:
        with pytest.raises(KeystoreUnavailable, match="open to other users"):
            store.load(key)
    else:
        assert credentials == store.load(key)


def test_read_only_stores_say_so(
    tmp_path: Path, credentials: Credentials, key: KeyName
) -> None:
    """Writing to a store that is only read is refused by name."""
    for store in (SecretFiles(tmp_path), EnvironmentVariables({})):
        assert not store.is_writable
        with pytest.raises(KeystoreUnavailable, match="read-only"):
            store.save(key, credentials)
        with pytest.raises(KeystoreUnavailable, match="read-only"):
            store.delete(key)


@pytest.mark.parametrize(
    ("profile", "prefix"),
    [
        ("live:binance", "CONNECTOR_LIVE_BINANCE"),
        ("testnet:okx/my-hedge", "CONNECTOR_TESTNET_OKX_MY_HEDGE"),
    ],
)
def test_environment_variables(profile: str, prefix: str) -> None:
    """Each key has its own variables."""
    variables = {f"{prefix}_API_KEY": "id", f"{prefix}_SECRET": CANARY}
    store = EnvironmentVariables(variables)
    found = store.load(KeyName.of(profile))
    assert (ApiKey("id"), CANARY) == (found.api_key, found.secret.reveal())
    assert (found.kind, found.passphrase) == (None, None)
    variables |= {f"{prefix}_KIND": "hmac", f"{prefix}_PASSPHRASE": "p"}
    found = store.load(KeyName.of(profile))
    assert KeyKind.HMAC is found.kind
    assert found.passphrase
    assert found.passphrase.reveal() == "p"
    assert store.list() == ()


def test_incomplete_or_wrong_variables(key: KeyName) -> None:
    """Half a key is no key; a wrong kind is named, not quoted."""
    name = "CONNECTOR_LIVE_BINANCE_"
    for half in ({f"{name}API_KEY": "id"}, {f"{name}SECRET": CANARY}, {}):
        with pytest.raises(KeyNotFound, match=f"{name}SECRET") as caught:
            EnvironmentVariables(half).load(key)
        Canary(CANARY).assert_text_clean(str(caught.value), "the error")
    whole = {f"{name}API_KEY": "id", f"{name}SECRET": "s", f"{name}KIND": CANARY}
    with pytest.raises(CredentialsError, match="KIND must be one of") as wrong:
        EnvironmentVariables(whole).load(key)
    Canary(CANARY).assert_text_clean(str(wrong.value), "the error")
