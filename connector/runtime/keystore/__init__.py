"""Where keys live, and in which order they are looked for.

    provider object > systemd credentials > mounted secret files > OS keyring
        > own vault > environment variables (only when allowed)

    find_credentials(profile, config) -> Credentials      what a session needs
    open_keystore(config, store)      -> KeyStore         what `connector keys` writes

Every store holds one JSON document per key (see `document`). All calls block,
bounded by the timeouts of `KeystoreConfig`: call them before the event loop runs or
in a thread. Only `os_keyring` imports keyring, only `vault` imports cryptography.
"""

from connector.runtime.keystore.ports import KeyProvider, KeyStore
from connector.runtime.keystore.search import (
    KeystoreConfig,
    Located,
    StoreReport,
    find_credentials,
    locate_credentials,
    open_keystore,
    survey,
)

__all__ = [
    "KeyProvider",
    "KeyStore",
    "KeystoreConfig",
    "Located",
    "StoreReport",
    "find_credentials",
    "locate_credentials",
    "open_keystore",
    "survey",
]
