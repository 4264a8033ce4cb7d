"""Tests of connector.runtime.journal_file: who may have it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from journals import killable, mode, opened, record

from connector.errors import JournalError, JournalLocked
from connector.runtime.journal import Owner
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_guard import WriterLock

# Who may have it


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """Law 9: 0600 in 0700, side files included."""
    for umask in (0o000, 0o777, 0o077):
        directory = tmp_path / f"{umask:o}" / "deep" / "er"
        before = os.umask(umask)
        try:
            journal = opened(directory / "j.db")
            journal.append([record("a")])
        finally:
            os.umask(before)
        files = list(directory.iterdir())
        assert {"j.db", "j.db-wal", "j.db.lock"} == {path.name for path in files}
        assert {0o600} == {mode(path) for path in files}
        assert {0o700} == {mode(directory), mode(directory.parent)}
        journal.close()


def test_a_readable_journal_is_closed_to_others(file: Path) -> None:
    """Copied back from a backup with 0644: still ours, made private again."""
    opened(file).close()
    file.chmod(0o644)
    opened(file).close()
    assert mode(file) == 0o600


@pytest.mark.parametrize("bits", [0o620, 0o602, 0o666])
def test_a_journal_others_can_write_is_refused(file: Path, bits: int) -> None:
    """What others can write is no evidence of our orders."""
    opened(file).close()
    file.chmod(bits)
    with pytest.raises(JournalError, match="somebody else"):
        opened(file)
    assert bits == mode(file)


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o1777])
def test_a_directory_others_can_write_is_refused(file: Path, bits: int) -> None:
    """Not even a sticky one: names could be taken before us."""
    file.parent.mkdir()
    file.parent.chmod(bits)
    with pytest.raises(JournalError, match="chmod go-w"):
        opened(file)


def test_a_parent_others_can_write_is_refused_unless_sticky(tmp_path: Path) -> None:
    """Whoever may rename the directory owns the journal."""
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(0o777)
    with pytest.raises(JournalError):
        opened(parent / "mine" / "j.db")
    parent.chmod(0o1777)
    opened(parent / "mine" / "j.db").close()


@pytest.mark.parametrize(
    ("members", "name", "is_accepted"),
    [([], "me", True), (["me"], "me", True), (["you"], "me", False), ([], "us", False)],
)
def test_a_parent_open_to_our_own_group_is_fine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[str],
    name: str,
    is_accepted: bool,
) -> None:
    """Homes are 0775 where each user has a group of his own; other groups are not."""
    parent = tmp_path / "home"
    parent.mkdir()
    parent.chmod(0o775)
    group = SimpleNamespace(gr_name=name, gr_mem=members)
    monkeypatch.setattr("grp.getgrgid", lambda _: group)
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    if is_accepted:
        opened(parent / "state" / "j.db").close()
    else:
        with pytest.raises(JournalError):
            opened(parent / "state" / "j.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_journal_of_another_user_is_refused(file: Path) -> None:
    """Law 10 in spirit: not ours, not read."""
    opened(file).close()
    os.chown(file, 12345, -1)
    with pytest.raises(JournalError):
        opened(file)


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_links_are_not_followed(file: Path, tmp_path: Path, suffix: str) -> None:
    """A link planted under our name does not make us write elsewhere."""
    target = tmp_path / "target"
    target.touch()
    file.parent.mkdir(mode=0o700)
    file.with_name(file.name + suffix).symlink_to(target)
    with pytest.raises(JournalError):
        opened(file)
    assert target.read_bytes() == b""


def test_one_writer_per_file_in_this_process(file: Path) -> None:
    """A second object is told who holds it; the first is not disturbed."""
    first = opened(file)
    with pytest.raises(JournalLocked) as caught:
        opened(file)
    assert os.getpid() == caught.value.pid
    assert str(os.getpid()) in str(caught.value)
    first.append([record("a")])
    first.close()
    opened(file).close()


def test_one_writer_per_file_among_processes(file: Path) -> None:
    """The other process is named by pid; killing it frees the journal."""
    with killable(file, 0) as process:
        with pytest.raises(JournalLocked) as caught:
            opened(file)
        assert process.pid == caught.value.pid
    opened(file).close()


def test_a_forked_child_may_not_use_it(file: Path) -> None:
    """SQLite connections do not survive fork; using one would corrupt the file."""
    with opened(file, threaded=False) as journal:
        pid = os.fork()
        if pid == 0:
            try:
                journal.append([record("child")])
            except JournalError:
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert status == 0
        assert list(journal.load()) == []


@pytest.mark.parametrize(
    "other",
    [
        Owner(profile="live:binance", venue="binance", account="7"),
        Owner(profile="paper:binance", venue="okx", account="7"),
        Owner(profile="paper:binance", venue="binance", account="8"),
    ],
)
def test_a_journal_belongs_to_one_owner(file: Path, other: Owner) -> None:
    """Law 10: paper, testnet and live, or two accounts, are never mixed up."""
    opened(file).close()
    with pytest.raises(JournalError, match="belongs to"):
        FileJournal(file, other, wall_ns=2)
    opened(file).close()


def test_the_account_may_become_known_later(file: Path) -> None:
    """An unknown account is not compared; the first known one is kept."""
    unknown = Owner(profile="paper:binance", venue="binance")
    FileJournal(file, unknown, wall_ns=1).close()
    opened(file).close()
    FileJournal(file, unknown, wall_ns=1).close()
    with pytest.raises(JournalError):
        FileJournal(
            file,
            Owner(profile="paper:binance", venue="binance", account="8"),
            wall_ns=1,
        )


def test_a_forked_child_does_not_keep_the_lock(file: Path) -> None:
    """A session's process is killed while children it forked live on: the next session
    opens the journal all the same."""
    journal = opened(file)
    ready, told = os.pipe()
    wait, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, b"x")
        os.read(wait, 1)
        os._exit(0)
    try:
        os.read(ready, 1)
        with pytest.raises(JournalLocked):
            WriterLock(file)
        # What the kernel does when the process dies.
        os.close(journal._writer_lock._descriptor)
        journal._writer_lock._descriptor = -1
        lock = WriterLock(file)
        lock.release()
    finally:
        os.write(end, b"x")
        os.waitpid(child, 0)
        for descriptor in (ready, told, wait, end):
            os.close(descriptor)
        journal.close()
