"""The key of a profile: where it is looked for, and in which order."""

from __future__ import annotations

from connector.config.profiles import Profile
from connector.model.credentials import Credentials
from connector.runtime.keystore.ports import KeyProvider
from connector.runtime.keystore.search import (
    KeystoreConfig,
    find_credentials,
    passphrase_from_file,
)
from connector.runtime.keystore.sources import ProfileFile
from connector.runtime.keystore.vault import PassphraseSource


def keystore_config(
    profile: Profile,
    ask_passphrase: PassphraseSource | None = None,
    provider: KeyProvider | None = None,
) -> KeystoreConfig:
    """Where the keys of *profile* are looked for; *provider* is asked first.

    *ask_passphrase* opens the vault if the profile names no file for that.
    """
    own = None
    if profile.paper_credentials is not None:
        own = ProfileFile(profile.file, profile.key_name, profile.paper_credentials)
    options = profile.key_options
    passphrase = ask_passphrase
    if options.vault_passphrase_file is not None:
        passphrase = passphrase_from_file(options.vault_passphrase_file)
    return KeystoreConfig(
        provider=provider,
        profile_file=own,
        secret_directory=options.secret_directory,
        vault_path=options.vault,
        vault_passphrase=passphrase,
        use_os_keyring=options.use_os_keyring,
        allow_environment=options.allow_environment,
    )


def credentials_of(
    profile: Profile,
    ask_passphrase: PassphraseSource | None = None,
    provider: KeyProvider | None = None,
) -> Credentials:
    """The credentials of *profile*; blocks and raises as `find_credentials`."""
    config = keystore_config(profile, ask_passphrase, provider)
    return find_credentials(profile.key_name, config)
