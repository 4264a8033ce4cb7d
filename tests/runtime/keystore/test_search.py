"""Tests of connector.runtime.keystore.search: the order, and the text that helps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backends.null
import pytest

from connector.errors import ConfigError, KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore import (
    KeystoreConfig,
    find_credentials,
    locate_credentials,
    open_keystore,
    survey,
)
from connector.runtime.keystore.document import encode
from connector.runtime.keystore.os_keyring import OsKeyring
from connector.runtime.keystore.search import (
    VAULT_CREDENTIAL,
    default_vault_path,
    passphrase_from_file,
)
from connector.runtime.keystore.vault import Cost, Vault, VaultStore
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
Write = Callable[..., Path]


class World:
    """A machine on which every store holds its own key for one profile."""

    def __init__(self, directory: Path, backend: Any, cost: Cost, key: KeyName) -> None:
        self.key = key
        self.systemd, self.files = directory / "systemd", directory / "files"
        for place in (self.systemd, self.files):
            place.mkdir()
        self.backend = backend
        self.vault = Vault(directory / "vault", lambda: Secret(PASSPHRASE), cost)
        self.environ: dict[str, str] = {}
        self.provider: Any = None

    def fill(self, store: str, credentials: Credentials) -> None:
        text = encode(credentials).reveal()
        match store:
            case "key provider (Provider)":
                self.provider = Provider(credentials)
            case "systemd credentials directory":
                path = self.systemd / self.key.file_name
                path.write_text(text)
                path.chmod(0o440)
                self.environ["CREDENTIALS_DIRECTORY"] = str(self.systemd)
            case "secret files":
                path = self.files / self.key.file_name
                path.write_text(text)
                path.chmod(0o600)
            case "OS keyring (Secret Service)":
                self.backend.entries[self.key.entry, "credentials"] = text
            case "vault":
                VaultStore(self.vault).save(self.key, credentials)
            case _:
                self.environ["CONNECTOR_LIVE_BINANCE_API_KEY"] = "id"
                self.environ["CONNECTOR_LIVE_BINANCE_SECRET"] = CANARY

    def config(self, **fields: Any) -> KeystoreConfig:
        values: dict[str, Any] = {
            "provider": self.provider,
            "secret_directory": self.files,
            "vault_path": self.vault.path,
            "vault_passphrase": lambda: Secret(PASSPHRASE),
            "allow_environment": True,
            "environ": self.environ,
        }
        return KeystoreConfig(**(values | fields))


class Provider:
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load(self, key: KeyName) -> Credentials | None:
        return self._credentials


ORDER = [
    "key provider (Provider)",
    "systemd credentials directory",
    "secret files",
    "OS keyring (Secret Service)",
    "vault",
    "environment variables",
]


@pytest.fixture
def world(
    tmp_path: Path,
    memory_keyring: Any,
    use_keyring: Callable[[object], None],
    cheap: Cost,
    key: KeyName,
) -> World:
    use_keyring(memory_keyring)
    return World(tmp_path, memory_keyring, cheap, key)


@pytest.mark.parametrize("first", range(len(ORDER)), ids=ORDER)
def test_the_order_of_the_stores(
    world: World, credentials: Credentials, first: int
) -> None:
    """The first store that has the key wins, in the documented order."""
    for store in ORDER[first:]:
        world.fill(store, credentials)
    located = locate_credentials("live:binance", world.config())
    assert located.store.startswith(ORDER[first])
    assert Secret(CANARY) == located.credentials.secret
    assert located.credentials == find_credentials(world.key, world.config())


def test_environment_variables_need_a_permission(
    world: World, credentials: Credentials
) -> None:
    """A key in the environment is not used unless that was said."""
    world.fill("environment variables", credentials)
    with pytest.raises(KeyNotFound, match="allow_environment is off"):
        find_credentials("live:binance", world.config(allow_environment=False))
    assert not KeystoreConfig().allow_environment


def test_a_missing_key_tells_where_it_looked(
    use_keyring: Callable[[object], None], tmp_path: Path
) -> None:
    """One text: entry name, every store with its reason, and the next command."""
    use_keyring(keyring.backends.null.Keyring())
    config = KeystoreConfig(vault_path=tmp_path / "vault", environ={})
    with pytest.raises(KeyNotFound) as caught:
        find_credentials(("binance", "testnet", "hedge"), config)
    lines = str(caught.value).splitlines()
    entry = "connector:binance:testnet:hedge"
    assert lines[0] == (f"no key for testnet:binance/hedge (entry {entry}). Looked in:")
    assert lines[1:4] == [
        "  - key provider: none given",
        "  - systemd credentials directory: $CREDENTIALS_DIRECTORY is not set",
        "  - secret files: no directory given",
    ]
    assert lines[4] == (
        "  - OS keyring: the keyring backend keyring.backends.null.Keyring is refused: "
        "it keeps nothing."
    )
    assert lines[5] == f"  - vault: no file {tmp_path / 'vault'}"
    assert "not allowed" in lines[6]
    assert lines[7] == "Next: `connector keys add testnet:binance/hedge --store vault`"


def test_stores_that_are_there_but_empty(world: World) -> None:
    """A store that was asked and had nothing is told apart from one that is not."""
    world.environ["CREDENTIALS_DIRECTORY"] = str(world.systemd)
    world.vault.put("other", Secret("x"))
    with pytest.raises(KeyNotFound) as caught:
        find_credentials("live:binance", world.config())
    lines = str(caught.value).splitlines()
    file_name, entry = "connector.binance.live.default", world.key.entry
    assert lines[2:7] == [
        f"  - systemd credentials directory ({world.systemd}) has no {file_name}",
        f"  - secret files ({world.files}) has no {file_name}",
        f"  - OS keyring (Secret Service) has no {entry}",
        f"  - vault ({world.vault.path}) has no {entry}",
        (
            "  - environment variables: CONNECTOR_LIVE_BINANCE_API_KEY and "
            "CONNECTOR_LIVE_BINANCE_SECRET are not both set"
        ),
    ]


def test_an_unsafe_file_ends_the_search(world: World, credentials: Credentials) -> None:
    """An exposed key is not passed over in favour of another one."""
    world.fill("secret files", credentials)
    world.fill("vault", credentials)
    (world.files / world.key.file_name).chmod(0o644)
    with pytest.raises(KeystoreUnavailable, match="open to other users"):
        find_credentials("live:binance", world.config())


def test_a_wrong_vault_passphrase_ends_the_search(
    world: World, credentials: Credentials
) -> None:
    """The user meant this vault: he is told that it does not open."""
    world.fill("vault", credentials)
    world.fill("environment variables", credentials)
    with pytest.raises(KeystoreUnavailable, match="wrong passphrase"):
        find_credentials(
            "live:binance", world.config(vault_passphrase=lambda: Secret("wrong"))
        )


def test_a_vault_without_passphrase_is_reported(
    world: World, credentials: Credentials
) -> None:
    """Without a passphrase the vault is passed over, and the text says so."""
    world.fill("vault", credentials)
    with pytest.raises(KeyNotFound, match="needs a passphrase and none was given"):
        find_credentials("live:binance", world.config(vault_passphrase=None))


def test_the_passphrase_may_be_a_systemd_credential(
    world: World, credentials: Credentials
) -> None:
    """Headless services unlock the vault with a systemd credential."""
    world.fill("vault", credentials)
    path = world.systemd / VAULT_CREDENTIAL
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o440)
    world.environ["CREDENTIALS_DIRECTORY"] = str(world.systemd)
    config = world.config(vault_passphrase=None)
    assert locate_credentials("live:binance", config).store.startswith("vault")


def test_a_passphrase_file_must_be_private(private: Write, tmp_path: Path) -> None:
    """The passphrase is worth as much as the vault."""
    assert passphrase_from_file(private("good", "pw \r\n"))() == Secret("pw ")
    with pytest.raises(KeystoreUnavailable, match="open to other users"):
        passphrase_from_file(private("bad", "pw", 0o644))()
    with pytest.raises(KeystoreUnavailable, match="no such file"):
        passphrase_from_file(tmp_path / "none")()


def test_a_hanging_keyring_does_not_stop_the_search(
    world: World, credentials: Credentials, release: threading.Event
) -> None:
    """The keyring's bound passes, then the vault is asked."""
    world.fill("vault", credentials)
    world.backend.fails = release.wait
    config = world.config(keyring_timeout_s=0.05)
    with pytest.raises(KeyNotFound, match=r"did not answer within 0\.05 s"):
        find_credentials("live:okx", config)
    assert locate_credentials("live:binance", config).store.startswith("vault")
    with pytest.raises(KeyNotFound, match="still hangs"):
        find_credentials("live:okx", config)


def test_where_new_keys_go(
    world: World, use_keyring: Callable[[object], None], credentials: Credentials
) -> None:
    """The keyring if it is real, the vault if it exists or is asked for."""
    assert isinstance(open_keystore(world.config()), OsKeyring)
    assert isinstance(open_keystore(world.config(), "vault"), VaultStore)
    use_keyring(keyring.backends.null.Keyring())
    with pytest.raises(KeystoreUnavailable, match=r"null\.Keyring is refused"):
        open_keystore(world.config())
    world.fill("vault", credentials)
    assert isinstance(open_keystore(world.config()), VaultStore)
    with pytest.raises(KeystoreUnavailable, match=r"null\.Keyring is refused"):
        open_keystore(world.config(), "keyring")
    with pytest.raises(KeystoreUnavailable, match="needs a passphrase"):
        open_keystore(world.config(vault_passphrase=None), "vault")
    with pytest.raises(KeystoreUnavailable, match="switched off"):
        open_keystore(world.config(use_os_keyring=False), "keyring")
    with pytest.raises(ConfigError, match="auto, keyring, vault"):
        open_keystore(world.config(), "cloud")


def test_the_survey_names_every_store(world: World) -> None:
    """Six stores, in the order of the search."""
    reports = survey(world.config())
    assert [report.name for report in reports[:2]] == [
        "key provider",
        "systemd credentials directory",
    ]
    assert [report.store is not None for report in reports] == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_DATA_HOME": "/data"}, Path("/data/connector/vault")),
        ({}, Path.home() / ".local/share/connector/vault"),
    ],
)
def test_the_usual_place_of_the_vault(environ: dict[str, str], expected: Path) -> None:
    """Below the user's data directory."""
    assert expected == default_vault_path(environ)


def test_the_configuration_hides_the_environment(world: World) -> None:
    """Law 9: the config's repr holds neither environment nor passphrase."""
    world.environ["CONNECTOR_LIVE_BINANCE_SECRET"] = CANARY
    Canary(CANARY, PASSPHRASE).assert_text_clean(repr(world.config()), "the config")
