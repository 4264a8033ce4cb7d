"""The OS keyring against a real Secret Service: gnome-keyring on its own D-Bus.

Run by ``.ci/secret-service``, which starts both, unlocked, with an empty home. Any
other run has no reason to touch the user's keyring, so it skips.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import warnings

import pytest

from connector.errors import KeyNotFound, KeystoreUnavailable
from connector.model.credentials import ApiKey, Credentials, KeyKind, KeyName, Secret
from connector.runtime.keystore import KeystoreConfig, locate_credentials, open_keystore
from connector.runtime.keystore.os_keyring import OsKeyring
from connector.venues.signing import generate_ed25519, make_signer
from tests.secrets.canary import Canary

pytestmark = pytest.mark.secret_service

ALLOWED = "CONNECTOR_TEST_SECRET_SERVICE"


def _why_not() -> str:
    if not shutil.which("gnome-keyring-daemon"):
        return "gnome-keyring-daemon is not installed"
    if not shutil.which("dbus-run-session"):
        return "dbus-run-session is not installed"
    if os.environ.get(ALLOWED) != "1":
        return "not inside .ci/secret-service"
    return ""


@pytest.fixture(autouse=True)
def _only_in_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := _why_not():
        pytest.skip(reason)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)


@pytest.fixture
def key() -> KeyName:
    return KeyName(venue="test", environment="paper", name=secrets.token_hex(4))


def test_the_real_backend_is_admitted() -> None:
    """The Secret Service of this session is found, and known by name."""
    assert "Secret Service" in OsKeyring().name


@pytest.mark.parametrize("kind", ["ed25519", "hmac", "rsa"])
def test_keys_survive_the_round_trip(key: KeyName, kind: str) -> None:
    """What goes in comes out, whatever its size, and is removed for good."""
    text = {
        "ed25519": generate_ed25519()[0].reveal(),
        "hmac": secrets.token_urlsafe(48),
        "rsa": secrets.token_urlsafe(3000),
    }[kind]
    credentials = Credentials(
        api_key=ApiKey(secrets.token_hex(16)),
        secret=Secret(text),
        kind=KeyKind(kind),
        passphrase=Secret("pass phrase 'ä\n\""),
    )
    store = OsKeyring()
    with pytest.raises(KeyNotFound):
        store.load(key)
    store.save(key, credentials)
    try:
        assert credentials == store.load(key)
        assert credentials == OsKeyring().load(key)
        assert key in store.list()
    finally:
        store.delete(key)
    assert key not in store.list()
    with pytest.raises(KeyNotFound):
        store.load(key)


def test_nothing_is_logged_on_the_way(key: KeyName) -> None:
    """Law 9: keyring, D-Bus and our own code log no secret, at any level."""
    text = secrets.token_urlsafe(48)
    canary = Canary(text)
    store = OsKeyring()
    credentials = Credentials(api_key=ApiKey("id"), secret=Secret(text))
    with canary.logs("jeepney", "secretstorage") as seen:
        store.save(key, credentials)
        store.load(key)
        store.delete(key)
    seen.assert_clean()
    canary.assert_object_clean(store)
    canary.assert_process_clean()


def test_the_search_finds_it_and_it_signs(key: KeyName) -> None:
    """From the keyring to a signature, as a session does it."""
    config = KeystoreConfig(environ={})
    store = open_keystore(config)
    private, _ = generate_ed25519()
    store.save(key, Credentials(api_key=ApiKey("id"), secret=private))
    try:
        located = locate_credentials(key, config)
        assert store.name == located.store
        assert len(make_signer(located.credentials).sign(b"x")) == 64
    finally:
        store.delete(key)


def test_the_command_line_uses_it(key: KeyName) -> None:
    """`keys add --stdin`, `check`, `list`, `remove` in processes of their own."""
    secret = secrets.token_urlsafe(48)
    code = "from connector.cli.keys import build_keys_app; build_keys_app()()"

    def keys(*arguments: str, given: str = "") -> list[dict[str, str]]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--json"],
            input=given,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        Canary(secret).assert_text_clean(done.stdout + done.stderr, arguments[0])
        return [json.loads(line) for line in done.stdout.splitlines()]

    keys("add", key.profile, "--stdin", given=f"api-key-0123456789\n{secret}\n")
    assert "Secret Service" in keys("check", key.profile)[0]["store"]
    assert key.profile in [found["profile"] for found in keys("list")]
    keys("remove", key.profile, "--yes")
    assert key.profile not in [found["profile"] for found in keys("list")]


def test_last_a_locked_keyring_is_bounded(key: KeyName) -> None:
    """Nobody answers the unlock dialogue here: an error within the bound, no hang.

    Last in the file: nothing unlocks this session's keyring again.
    """
    import secretstorage  # only where keyring has brought it along

    store = OsKeyring(timeout_s=3.0)
    with contextlib.closing(secretstorage.dbus_init()) as bus:
        collection = secretstorage.get_default_collection(bus)
        collection.lock()
        assert collection.is_locked()
    began = time.monotonic()
    with pytest.raises(KeystoreUnavailable):
        store.load(key)
    assert time.monotonic() - began < 5
    with warnings.catch_warnings():  # keyring leaves its socket open when locked
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
