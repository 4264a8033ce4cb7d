"""Tests of connector.runtime.keystore.vault."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.errors import KeyNotFound, KeystoreUnavailable
from connector.model.credentials import Credentials, KeyName, Secret
from connector.runtime.keystore import vault as vault_module
from connector.runtime.keystore.vault import MAGIC, Cost, Vault, VaultStore
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
OLD_COST = {"memory_kib": 64, "iterations": 1, "lanes": 1}


def right() -> Secret:
    return Secret(PASSPHRASE)


def wrong() -> Secret:
    return Secret("another")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def filled(path: Path, cheap: Cost) -> Path:
    Vault(path, right, cheap).put("entry", Secret(CANARY))
    return path


def test_entries_live_in_the_file(path: Path, cheap: Cost) -> None:
    """What one object stores another finds; the file is private and unreadable."""
    first = Vault(path, right, cheap)
    assert first.entries() == ()
    assert first.get("a") is None
    assert not first.remove("a")
    first.put("b", Secret(CANARY))
    first.put("a", Secret("ä\n"))
    second = Vault(path, right, cheap)
    assert second.entries() == ("a", "b")
    assert Secret("ä\n") == second.get("a")
    assert second.remove("a")
    assert not second.remove("a")
    assert first.entries() == ("b",)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    Canary(CANARY, PASSPHRASE).assert_directory_clean(path.parent)


def test_the_store_speaks_credentials(
    path: Path, cheap: Cost, credentials: Credentials, key: KeyName
) -> None:
    """Saved credentials are loaded; a missing key is KeyNotFound."""
    store = VaultStore(Vault(path, right, cheap))
    with pytest.raises(KeyNotFound):
        store.load(key)
    store.save(key, credentials)
    assert credentials == store.load(key)
    Vault(path, right, cheap).put("keyring:other", Secret("x"))
    assert (key,) == store.list()
    store.delete(key)
    with pytest.raises(KeyNotFound):
        store.delete(key)


def test_a_wrong_passphrase_is_told_from_a_changed_file(filled: Path) -> None:
    """Each has its own text, and neither shows anything."""
    with pytest.raises(KeystoreUnavailable, match="wrong passphrase") as caught:
        Vault(filled, wrong).get("entry")
    Canary(CANARY, PASSPHRASE).assert_exception_clean(caught.value)
    with pytest.raises(KeystoreUnavailable, match="passphrase is empty"):
        Vault(filled, lambda: Secret("")).get("entry")
    with pytest.raises(KeystoreUnavailable, match="passphrase that is not text"):
        Vault(filled, lambda: Secret("\ud800")).get("entry")


def test_no_byte_can_be_changed_or_cut_off(filled: Path, cheap: Cost) -> None:
    """Every single byte is authenticated; damage is an error of ours, no crash."""
    good = filled.read_bytes()
    damaged = [good[:end] for end in range(0, len(good), 7)]
    damaged += [good + b"x", good.replace(b'"version": 1', b'"version": 2')]
    for place in range(len(good)):
        for flip in (0x01, 0x80):
            changed = bytearray(good)
            changed[place] ^= flip
            damaged.append(bytes(changed))
    for bad in damaged:
        filled.write_bytes(bad)
        with pytest.raises(KeystoreUnavailable):
            Vault(filled, right).get("entry")
    filled.write_bytes(good)
    assert Secret(CANARY) == Vault(filled, right).get("entry")


def test_a_damaged_vault_is_not_overwritten(filled: Path) -> None:
    """A file that cannot be read is left for rescue, not replaced."""
    changed = filled.read_bytes()[:-1] + b"?"
    filled.write_bytes(changed)
    with pytest.raises(KeystoreUnavailable, match="passphrase is right"):
        Vault(filled, right).put("other", Secret("x"))
    assert changed == filled.read_bytes()


HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "empty": lambda header: header.clear(),
    "no-cost": lambda header: header.pop("cost"),
    "huge-memory": lambda header: header["cost"].update(memory_kib=2**40),
    "many-passes": lambda header: header["cost"].update(iterations=10**9),
    "float-lanes": lambda header: header["cost"].update(lanes=1.0),
    "bool-lanes": lambda header: header["cost"].update(lanes=True),
    "strange-cost": lambda header: header["cost"].update(more=1),
    "short-salt": lambda header: header.update(salt="00"),
    "short-nonce": lambda header: header.update(nonce="00"),
    "no-hex": lambda header: header.update(salt="zz"),
    "number": lambda header: header.update(salt=5),
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_absurd_headers_cost_nothing(
    filled: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    """Law 12: a header is bounded before anything is derived from it."""
    _, line, sealed = filled.read_bytes().split(b"\n", 2)
    header = json.loads(line)
    change(header)
    filled.write_bytes(MAGIC + json.dumps(header).encode() + b"\n" + sealed)

    def never() -> Secret:
        raise AssertionError("asked for a passphrase")

    with pytest.raises(KeystoreUnavailable, match="header is damaged"):
        Vault(filled, never).get("entry")


@pytest.mark.parametrize("field", ["version", "kdf", "aead"])
def test_unknown_schemes_are_refused(filled: Path, field: str) -> None:
    """A later format is not guessed at."""
    _, line, sealed = filled.read_bytes().split(b"\n", 2)
    header = json.loads(line) | {field: "later"}
    filled.write_bytes(MAGIC + json.dumps(header).encode() + b"\n" + sealed)
    with pytest.raises(KeystoreUnavailable, match="does not know"):
        Vault(filled, right).get("entry")


def test_other_files_are_not_vaults(path: Path) -> None:
    """Any other file is refused as what it is."""
    path.write_bytes(b"PK\x03\x04")
    path.chmod(0o600)
    with pytest.raises(KeystoreUnavailable, match="not a vault"):
        Vault(path, right).get("entry")


def test_a_vault_open_to_others_is_refused(filled: Path) -> None:
    """A readable vault invites guessing."""
    filled.chmod(0o644)
    with pytest.raises(KeystoreUnavailable, match="open to other users"):
        Vault(filled, right).get("entry")


def test_nonces_are_fresh_and_keys_derived_once(path: Path, cheap: Cost) -> None:
    """The same content never looks the same; the passphrase is asked once."""
    asked = []

    def source() -> Secret:
        asked.append(1)
        return right()

    vault = Vault(path, source, cheap)
    seen = set()
    for _ in range(5):
        vault.put("entry", Secret(CANARY))
        seen.add(path.read_bytes())
    assert len(seen) == 5
    assert len(asked) == 1


def test_the_passphrase_can_be_changed(filled: Path, cheap: Cost) -> None:
    """Afterwards only the new one opens it, under a new salt."""
    before = json.loads(filled.read_bytes().split(b"\n")[1])
    Vault(filled, right, cheap).change_passphrase(wrong)
    after = json.loads(filled.read_bytes().split(b"\n")[1])
    assert before["salt"] != after["salt"]
    assert Secret(CANARY) == Vault(filled, wrong).get("entry")
    with pytest.raises(KeystoreUnavailable, match="wrong passphrase"):
        Vault(filled, right).get("entry")


def test_the_default_cost_is_that_of_the_rfc(path: Path) -> None:
    """Argon2id with 64 MiB, 3 passes, 4 lanes (RFC 9106, second choice)."""
    Vault(path, right).put("entry", Secret("x"))
    header = json.loads(path.read_bytes().split(b"\n")[1])
    assert header["cost"] == {"memory_kib": 65536, "iterations": 3, "lanes": 4}


def test_writers_do_not_lose_each_others_entries(path: Path, cheap: Cost) -> None:
    """Read, change, write happens under a lock."""

    def write(number: int) -> None:
        Vault(path, right, cheap).put(f"entry{number}", Secret("x"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Vault(path, right, cheap).entries()) == 8


WRITER = """
import sys
from pathlib import Path
from connector.model.credentials import Secret
from connector.runtime.keystore.vault import Cost, Vault

cost = Cost(memory_kib=64, iterations=1, lanes=1)
vault = Vault(Path(sys.argv[1]), lambda: Secret(sys.stdin.readline().strip()), cost)
number = 0
while True:
    vault.put(f"entry{number % 50}", Secret("x" * number))
    number += 1
    print(number, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_vault(
    path: Path, cheap: Cost
) -> None:
    """kill -9 between any two instructions: the old or the new content, never half."""
    for lines in range(1, 12):
        command = [sys.executable, "-c", WRITER, str(path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write(f"{PASSPHRASE}\n".encode())
            writer.stdin.flush()
            for _ in range(lines):
                writer.stdout.readline()
            writer.kill()
        assert len(Vault(path, right, cheap).entries()) >= lines
    Vault(path, right, cheap).put("last", Secret("x"))
    assert {found.name for found in path.parent.iterdir()} == {"vault", "vault.lock"}


def test_the_wait_for_the_lock_is_bounded(
    filled: Path, cheap: Cost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 12: a writer that never ends does not stop the others for ever."""
    monkeypatch.setattr(vault_module, "LOCK_TIMEOUT_S", 0.05)
    vault = Vault(filled, right, cheap)
    with (
        vault._locked(),
        pytest.raises(KeystoreUnavailable, match="another process"),
    ):
        Vault(filled, right, cheap).put("x", Secret("y"))
    vault.put("x", Secret("y"))


def test_a_place_that_cannot_be_written(tmp_path: Path, cheap: Cost) -> None:
    """A file where the directory should be is told, not raised as OSError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KeystoreUnavailable, match="cannot be written"):
        Vault(tmp_path / "file" / "vault", right, cheap).put("x", Secret("y"))


def test_an_open_vault_hides_its_keys(filled: Path) -> None:
    """Law 9: no attribute of a vault in use shows passphrase or content."""
    vault = Vault(filled, right)
    vault.get("entry")
    canary = Canary(CANARY, PASSPHRASE)
    canary.assert_object_clean(vault)
    assert vault._unlocked is not None
    canary.assert_object_clean(vault._unlocked[1])
