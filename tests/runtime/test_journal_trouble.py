"""Tests of connector.runtime.journal_file: full disks, damage and death."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import GOLDEN, killable, opened, record

from connector.errors import JournalError, JournalFull
from connector.runtime.journal import Owner, Row
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_migrations import LAYOUT

# What can go wrong


def fill(journal: FileJournal) -> int:
    """Append until JournalFull; how many were acknowledged."""
    for acked in range(10_000):
        try:
            journal.append([record(f"{acked}", "x" * 1000, wall_ns=acked)])
        except JournalFull:
            return acked
    raise AssertionError("never full")


@pytest.mark.parametrize("threaded", [True, False])
def test_a_full_disk_says_so_and_recovers(tmp_path: Path, threaded: bool) -> None:
    """A file size limit stands for the full disk; lifting it is enough."""
    script = f"""
import resource, sys
from pathlib import Path
from connector.errors import JournalError, JournalFull
from connector.runtime.journal import Owner, Record
from connector.runtime.journal_file import FileJournal
record = lambda n: Record(kind="intent", key=str(n), wall_ns=n, body="x" * 1000)
journal = FileJournal(Path(sys.argv[1]), Owner(profile="p", venue="v"), wall_ns=1,
                      threaded={threaded})
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
acked = 0
failures = 0
while failures < 3:
    try:
        journal.append([record(acked)])
        acked += 1
    except JournalFull:
        failures += 1
assert acked > 20, acked
assert len(list(journal.load())) == acked
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.append([record(acked)])
journal.close()
print(acked + 1)
"""
    path = tmp_path / "s" / "j.db"
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with FileJournal(path, Owner(profile="p", venue="v"), wall_ns=1) as journal:
        assert int(done.stdout) == len(list(journal.load()))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k,mode=700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_filled_by_others_recovers_when_space_returns(tmp_path: Path) -> None:
    """ENOSPC from a real file system: JournalFull, nothing acknowledged is lost."""
    with small_disk(tmp_path / "disk") as place:
        journal = opened(place / "j.db")
        journal.append([record("first")])
        hog = place / "hog"
        with contextlib.suppress(OSError), hog.open("wb", buffering=0) as sink:
            while True:
                sink.write(b"x" * 4096)
        acked = fill(journal)
        assert acked + 1 == len(list(journal.load()))
        hog.unlink()
        journal.append([record("after", "z" * 2000)])
        assert "after" in journal.load_keys("intent")
        journal.close()
        with opened(place / "j.db") as again:
            assert acked + 2 == len(list(again.load()))


def test_no_room_to_open_is_a_full_journal(tmp_path: Path) -> None:
    """Opening on a full disk names the problem, and works when space returns."""
    with small_disk(tmp_path / "disk") as place:
        hog = place / "hog"
        with contextlib.suppress(OSError), hog.open("wb", buffering=0) as sink:
            while True:
                sink.write(b"x" * 4096)
        with pytest.raises(JournalFull):
            opened(place / "sub" / "j.db")
        hog.unlink()
        opened(place / "sub" / "j.db").close()


def crashed_copy(journal: FileJournal, file: Path, place: Path) -> Path:
    """The files as a crash at this moment would leave them."""
    place.mkdir(mode=0o700)
    for suffix in ("", "-wal"):
        source = file.with_name(file.name + suffix)
        copy = place / source.name
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o600)
    return place / file.name


@pytest.mark.parametrize("damage", ["cut", "cut-frame", "zero", "garbage", "flip"])
def test_a_torn_last_write_is_cut_off(file: Path, tmp_path: Path, damage: str) -> None:
    """Reopened to the last durable record; the torn one was never acknowledged."""
    with opened(file) as journal:
        for n in range(20):
            journal.append([record(f"{n:02}")])
        before = file.with_name(file.name + "-wal").stat().st_size
        journal.append([record("torn", "t" * 9000)])
        copy = crashed_copy(journal, file, tmp_path / "copy")
    wal = copy.with_name(copy.name + "-wal")
    data = bytearray(wal.read_bytes())
    assert len(data) > before
    if damage == "cut":
        del data[before + 100 :]
    elif damage == "cut-frame":
        del data[-4120:]
    elif damage == "zero":
        data[before:] = bytes(len(data) - before)
    elif damage == "garbage":
        data[before:] = random.Random(1).randbytes(len(data) - before)
    else:
        data[before + 2000] ^= 1
    wal.write_bytes(data)
    with opened(copy) as journal:
        assert [f"{n:02}" for n in range(20)] == journal.load_keys("intent")
        journal.append([record("new")])


@pytest.mark.parametrize("where", ["header", "page", "cut", "not a database"])
def test_damage_elsewhere_is_told_and_the_file_kept(file: Path, where: str) -> None:
    """The error names the file and the next step; not a byte is changed."""
    with opened(file) as journal:
        journal.append([record(f"{n}", "x" * 500) for n in range(500)])
    data = bytearray(file.read_bytes())
    if where == "header":
        data[:16] = bytes(16)
    elif where == "page":
        data[3 * 4096 : 6 * 4096] = random.Random(1).randbytes(3 * 4096)
    elif where == "cut":
        del data[len(data) // 2 :]
    else:
        data[:] = b"hello " * 1000
    file.write_bytes(data)
    with pytest.raises(JournalError, match="damaged") as caught:
        opened(file)
    assert str(file) in str(caught.value)
    assert bytes(data) == file.read_bytes()


def test_a_foreign_database_is_refused(file: Path) -> None:
    """Somebody else's SQLite file is neither read nor changed."""
    file.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE records (x)")
    file.chmod(0o600)
    with pytest.raises(JournalError, match="not a journal"):
        opened(file)


def test_a_newer_layout_is_refused(file: Path) -> None:
    """An older package does not touch what it does not understand."""
    opened(file).close()
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    with pytest.raises(JournalError, match="newer version"):
        opened(file)


def test_layout_0_is_migrated(file: Path) -> None:
    """Every record of the old layout is there, numbered by age; once only."""
    file.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.executescript((GOLDEN / "layout_0.sql").read_text())
    file.chmod(0o600)
    for _ in range(2):
        with opened(file) as journal:
            assert [
                Row(kind="intent", key="c-1", seq=1, wall_ns=1700000000000000001,
                    body='{"qty":"1"}'),
                Row(kind="intent", key="c-2", seq=2, wall_ns=1700000000000000002,
                    body='{"qty":"2"}'),
                Row(kind="fill", key="t-9", seq=3, wall_ns=1700000000000000003,
                    body='{"price":"60000.10"}'),
            ] == list(journal.load())  # fmt: skip
    with contextlib.closing(sqlite3.connect(file)) as now:
        assert now.execute("PRAGMA user_version").fetchone()[0] == LAYOUT
        assert (
            now.execute(
                "SELECT value FROM meta WHERE name = 'created_wall_ns'"
            ).fetchone()[0]
            == "1700000000000000000"
        )
        assert (
            now.execute(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('records', 'meta')"
            ).fetchone()[0]
            == 2
        )


# Death


def test_every_acknowledged_record_survives_kill_9(file: Path) -> None:
    """Law 4: killed at 24 random moments; no acknowledged record is ever missing."""
    rng = random.Random(20261125)
    acked: list[int] = []
    for _ in range(24):
        with killable(file, acked[-1] + 1000 if acked else 0) as process:
            assert process.stdout is not None
            lines = rng.randrange(0, 60)
            acked += [int(process.stdout.readline()) for _ in range(lines)]
            threading.Event().wait(rng.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            acked += [
                int(line)
                for line in process.stdout.read().splitlines(keepends=True)
                if line.endswith("\n")
            ]
        owner = Owner(profile="paper:binance", venue="binance")
        with FileJournal(file, owner, wall_ns=1) as journal:
            kept = {row.key: row.body for row in journal.load({"intent"})}
            cursor = [row.body for row in journal.load({"cursor"})]
        assert set(map(str, acked)) <= set(kept)
        assert all(body.strip() == f'{{"number": {key}}}' for key, body in kept.items())
        if acked:
            # The batch is atomic: the cursor is that of the last intent kept.
            assert [max(kept, key=int)] == cursor
    assert len(acked) > 100
