"""Looking for a key: the stores in their order, and one text that helps if none has it.

Stores the user set up himself (provider, systemd, secret files, vault) are believed:
if one of them is unsafe or broken, the search ends there with its error, rather than
going on to use some other key. A keyring that is merely not there is passed over and
reported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector.errors import ConfigError, KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore.os_keyring import TIMEOUT_S, OsKeyring
from connector.runtime.keystore.ports import KeyProvider, KeyStore
from connector.runtime.keystore.private_files import read_private_text
from connector.runtime.keystore.sources import (
    SYSTEMD_VARIABLE,
    EnvironmentVariables,
    ProfileFile,
    ProviderStore,
    SecretFiles,
)
from connector.runtime.keystore.vault import PassphraseSource, Vault, VaultStore

PROVIDER_TIMEOUT_S = 10.0
VAULT_CREDENTIAL = "connector.vault-passphrase"
OS_KEYRING = "OS keyring"
STORES = ("auto", "keyring", "vault")


def default_vault_path(environ: Mapping[str, str]) -> Path:
    """Where the vault lies unless told otherwise: below the user's data directory."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA")
    else:
        base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "connector/vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreConfig:
    """Which stores there are. Without arguments: systemd, OS keyring and vault.

    *provider* is asked before all others, then *profile_file* for the key of a paper
    profile. *secret_directory* holds mounted secret files. *vault_passphrase* is
    asked when the vault is opened; without it the systemd credential
    ``connector.vault-passphrase`` is used if there is one. *allow_environment* must
    be said explicitly. Timeouts are in seconds, per call.
    """

    provider: KeyProvider | None = field(default=None, repr=False)
    profile_file: ProfileFile | None = field(default=None, repr=False)
    secret_directory: Path | None = None
    use_os_keyring: bool = True
    keyring_timeout_s: float = TIMEOUT_S
    provider_timeout_s: float = PROVIDER_TIMEOUT_S
    vault_path: Path | None = None
    vault_passphrase: PassphraseSource | None = field(default=None, repr=False)
    allow_environment: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def vault_file(self) -> Path:
        """The vault's path, default included."""
        return self.vault_path or default_vault_path(self.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Credentials and the name of the store they came from."""

    credentials: Credentials
    store: str
    key: KeyName


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """One line of `survey`: a store that is there, or why it is not."""

    name: str
    store: KeyStore | None
    reason: str = ""


def find_credentials(
    profile: str | tuple[str, str, str] | KeyName, config: KeystoreConfig | None = None
) -> Credentials:
    """The credentials of *profile*, from the first store that has them.

    Blocks for at most the sum of the stores' timeouts plus the key derivation of
    the vault (a fraction of a second); from a coroutine call it in a thread. Raises
    KeyNotFound, saying where it looked and what to type next, KeystoreUnavailable
    for a store that is unsafe or broken, CredentialsError for a bad entry.
    """
    return locate_credentials(profile, config).credentials


def locate_credentials(
    profile: str | tuple[str, str, str] | KeyName, config: KeystoreConfig | None = None
) -> Located:
    """Like `find_credentials`, with the name of the store."""
    key = KeyName.of(profile)
    looked = []
    option = ""
    for open_store in _openers(config or KeystoreConfig()):
        report = open_store()
        if report.store is None:
            if report.name == OS_KEYRING:
                option = " --store vault"
            looked.append(f"{report.name}: {report.reason.partition(' Next:')[0]}")
            continue
        try:
            credentials = report.store.load(key)
        except KeyNotFound as exc:
            looked.append(str(exc))
            continue
        except KeystoreUnavailable as exc:
            if not isinstance(report.store, OsKeyring):
                raise
            looked.append(f"{report.name}: {exc}")
            continue
        return Located(credentials=credentials, store=report.store.name, key=key)
    raise KeyNotFound(
        "\n".join(
            [
                f"no key for {key.profile} (entry {key.entry}). Looked in:",
                *(f"  - {line}" for line in looked),
                f"Next: `connector keys add {key.profile}{option}`",
            ]
        )
    )


def survey(config: KeystoreConfig | None = None) -> tuple[StoreReport, ...]:
    """Every store in the order of the search, opened, or with the reason why not."""
    return tuple(open_store() for open_store in _openers(config or KeystoreConfig()))


def open_keystore(
    config: KeystoreConfig | None = None, store: str = "auto"
) -> KeyStore:
    """The store that new keys are written to.

    *store* is ``keyring``, ``vault`` or ``auto``: the OS keyring if it can be used,
    otherwise the vault if it exists already. Raises KeystoreUnavailable with what to
    do next, ConfigError for another word.
    """
    config = config or KeystoreConfig()
    if store not in STORES:
        raise ConfigError(f"store must be one of {', '.join(STORES)}")
    if store == "vault":
        report = _vault(config, create=True)
        if report.store is None:
            raise KeystoreUnavailable(f"{report.name}: {report.reason}")
        return report.store
    report = _os_keyring(config)
    if report.store is None and store == "auto" and config.vault_file.exists():
        return open_keystore(config, "vault")
    if report.store is None:
        raise KeystoreUnavailable(f"{report.name}: {report.reason}")
    return report.store


def _openers(config: KeystoreConfig) -> tuple[Callable[[], StoreReport], ...]:
    """The stores in the order of the search, opened only when their turn comes."""
    own = config.profile_file
    return (
        lambda: _provider(config),
        *((lambda: StoreReport(name=own.name, store=own),) if own else ()),
        lambda: _systemd(config),
        lambda: _secret_files(config),
        lambda: _os_keyring(config),
        lambda: _vault(config),
        lambda: _environment(config),
    )


def _provider(config: KeystoreConfig) -> StoreReport:
    if config.provider is None:
        return StoreReport(name="key provider", store=None, reason="none given")
    store = ProviderStore(config.provider, config.provider_timeout_s)
    return StoreReport(name=store.name, store=store)


def _systemd(config: KeystoreConfig) -> StoreReport:
    directory = config.environ.get(SYSTEMD_VARIABLE)
    if not directory:
        return StoreReport(
            name="systemd credentials directory",
            store=None,
            reason=f"${SYSTEMD_VARIABLE} is not set",
        )
    store = SecretFiles(Path(directory), is_systemd=True)
    return StoreReport(name=store.name, store=store)


def _secret_files(config: KeystoreConfig) -> StoreReport:
    if config.secret_directory is None:
        return StoreReport(name="secret files", store=None, reason="no directory given")
    store = SecretFiles(config.secret_directory)
    return StoreReport(name=store.name, store=store)


def _os_keyring(config: KeystoreConfig) -> StoreReport:
    if not config.use_os_keyring:
        return StoreReport(name=OS_KEYRING, store=None, reason="switched off")
    try:
        store = OsKeyring(timeout_s=config.keyring_timeout_s)
    except KeystoreUnavailable as exc:
        return StoreReport(name=OS_KEYRING, store=None, reason=str(exc))
    return StoreReport(name=store.name, store=store)


def _vault(config: KeystoreConfig, *, create: bool = False) -> StoreReport:
    path = config.vault_file
    if not create and not path.exists():
        return StoreReport(name="vault", store=None, reason=f"no file {path}")
    passphrase = config.vault_passphrase or passphrase_from_systemd(config)
    if passphrase is None:
        return StoreReport(
            name="vault",
            store=None,
            reason=f"{path} needs a passphrase and none was given (systemd credential "
            f"{VAULT_CREDENTIAL}, --vault-passphrase-file, or a prompt)",
        )
    store = VaultStore(Vault(path, passphrase))
    return StoreReport(name=store.name, store=store)


def passphrase_from_systemd(config: KeystoreConfig) -> PassphraseSource | None:
    """The source that reads the systemd credential of the vault, if there is one."""
    directory = config.environ.get(SYSTEMD_VARIABLE)
    if not directory or not (Path(directory) / VAULT_CREDENTIAL).exists():
        return None
    return passphrase_from_file(Path(directory) / VAULT_CREDENTIAL, forbidden=0o7)


def passphrase_from_file(path: Path, *, forbidden: int = 0o77) -> PassphraseSource:
    """A passphrase source that reads a private file when asked.

    Line ends at its end are dropped. Raises KeystoreUnavailable when asked if the
    file is missing or its mode has a bit of *forbidden*.
    """

    def read() -> Secret:
        try:
            text = read_private_text(path, forbidden=forbidden)
        except FileNotFoundError:
            raise KeystoreUnavailable(f"{path}: no such file") from None
        return Secret(text.reveal().rstrip("\r\n"))

    return read


def _environment(config: KeystoreConfig) -> StoreReport:
    if not config.allow_environment:
        return StoreReport(
            name=EnvironmentVariables.name,
            store=None,
            reason="not allowed (allow_environment is off)",
        )
    store = EnvironmentVariables(config.environ)
    return StoreReport(name=store.name, store=store)
