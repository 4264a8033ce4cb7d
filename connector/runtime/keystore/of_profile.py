"""The key of a profile: its own for paper, else from the stores it names."""

from __future__ import annotations

from connector.config.profiles import Profile
from connector.model.credentials import Credentials
from connector.runtime.keystore.search import (
    KeystoreConfig,
    find_credentials,
    passphrase_from_file,
)
from connector.runtime.keystore.vault import PassphraseSource


def keystore_config(
    profile: Profile, ask_passphrase: PassphraseSource | None = None
) -> KeystoreConfig:
    """Where the keys of *profile* are looked for.

    *ask_passphrase* opens the vault if the profile names no file for that.
    """
    options = profile.key_options
    passphrase = ask_passphrase
    if options.vault_passphrase_file is not None:
        passphrase = passphrase_from_file(options.vault_passphrase_file)
    return KeystoreConfig(
        secret_directory=options.secret_directory,
        vault_path=options.vault,
        vault_passphrase=passphrase,
        use_os_keyring=options.use_os_keyring,
        allow_environment=options.allow_environment,
    )


def credentials_of(
    profile: Profile, ask_passphrase: PassphraseSource | None = None
) -> Credentials:
    """The credentials of *profile*; blocks and raises as `find_credentials`."""
    if profile.paper_credentials is not None:
        return profile.paper_credentials
    return find_credentials(profile.key_name, keystore_config(profile, ask_passphrase))
