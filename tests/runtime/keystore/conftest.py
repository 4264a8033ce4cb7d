"""Fakes for the key store tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from connector.model.credentials import ApiKey, Credentials, KeyKind, KeyName, Secret
from connector.runtime.keystore.vault import Cost

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
KEY = KeyName.of("live:binance")


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory that passes for the Secret Service."""

    viable = False
    priority = 5.0

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.fails: Callable[[], None] = lambda: None
        self.forgets = False

    def get_password(self, service: str, username: str) -> str | None:
        self.fails()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.fails()
        if not self.forgets:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.fails()
        if self.entries.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("none")


MemoryKeyring.__module__ = "keyring.backends.SecretService"
MemoryKeyring.__qualname__ = "Keyring"


def made(secret: str = CANARY, **fields: Any) -> Credentials:
    values: dict[str, Any] = {
        "api_key": ApiKey("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2"),
        "kind": KeyKind.HMAC,
        "passphrase": Secret(PASSPHRASE),
        "extra": {"account": "main"},
    }
    return Credentials(secret=Secret(secret), **(values | fields))


@pytest.fixture
def credentials() -> Credentials:
    return made()


@pytest.fixture
def key() -> KeyName:
    return KEY


@pytest.fixture
def memory_keyring() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture
def cheap() -> Cost:
    """A key derivation that costs nothing, for tests only."""
    return Cost(memory_kib=64, iterations=1, lanes=1)


@pytest.fixture
def use_keyring(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Makes keyring hand out a given backend."""

    def use(backend: object) -> None:
        monkeypatch.setattr(keyring.core, "_keyring_backend", backend)

    return use


@pytest.fixture
def private(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file with a mode."""

    def write(name: str, text: str, mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What a hanging backend waits for; in the end no thread is left."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name.startswith("connector.keystore."):
            thread.join(5)
