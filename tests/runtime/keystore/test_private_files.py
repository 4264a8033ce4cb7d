"""Tests of connector.runtime.keystore.private_files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.errors import KeystoreUnavailable
from connector.runtime.keystore.private_files import (
    read_private,
    read_private_text,
    write_private,
)
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
Write = Callable[..., Path]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_private_files_are_read(private: Write, mode: int) -> None:
    """A file that only its owner can read is read."""
    assert read_private_text(private("f", CANARY, mode)).reveal() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o602])
def test_files_open_to_others_are_refused(private: Write, mode: int) -> None:
    """Any bit for group or world is refused, with the command that helps."""
    path = private("f", CANARY, mode)
    with pytest.raises(KeystoreUnavailable, match=f"mode {mode:04o}") as caught:
        read_private_text(path)
    assert f"chmod 600 {path}" in str(caught.value)
    Canary(CANARY).assert_exception_clean(caught.value)


def test_a_link_is_judged_by_what_it_points_to(private: Write, tmp_path: Path) -> None:
    """Kubernetes mounts secrets as links: the open file is checked."""
    (tmp_path / "good").symlink_to(private("f", "text"))
    assert read_private_text(tmp_path / "good").reveal() == "text"
    (tmp_path / "bad").symlink_to(private("g", "text", 0o644))
    with pytest.raises(KeystoreUnavailable):
        read_private_text(tmp_path / "bad")


def test_files_of_other_users_are_refused(
    private: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file somebody else owns could be changed by him at any time."""
    path = private("f", "text")
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(KeystoreUnavailable, match="belongs to another user"):
        read_private_text(path)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A directory or a pipe is refused, and a pipe does not block."""
    with pytest.raises(KeystoreUnavailable):
        read_private_text(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeystoreUnavailable, match="not a regular file"):
        read_private_text(tmp_path / "pipe")


def test_missing_large_and_binary_files(private: Write, tmp_path: Path) -> None:
    """Each has its own answer."""
    with pytest.raises(FileNotFoundError):
        read_private_text(tmp_path / "none")
    with pytest.raises(KeystoreUnavailable, match="larger than 1 KiB"):
        read_private(private("f", "x" * 1025), bytes_max=1024)
    path = private("g", "")
    path.write_bytes(b"\xff" + CANARY.encode())
    with pytest.raises(KeystoreUnavailable, match="UTF-8") as caught:
        read_private_text(path)
    Canary(CANARY).assert_exception_clean(caught.value)


def test_writing_is_private_and_atomic(tmp_path: Path) -> None:
    """Mode 0600 in a 0700 directory; nothing else is left behind."""
    path = tmp_path / "made" / "file"
    old = os.umask(0)
    try:
        write_private(path, b"one")
        write_private(path, b"two")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [path] == list(path.parent.iterdir())


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails, what was there is still there, and nothing half written."""
    path = tmp_path / "file"
    write_private(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeystoreUnavailable, match="No space left") as caught:
        write_private(path, CANARY.encode())
    assert "file" in str(caught.value)
    assert path.read_bytes() == b"one"
    assert [path] == list(tmp_path.iterdir())
