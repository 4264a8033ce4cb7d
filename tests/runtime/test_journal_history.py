"""Tests of connector.runtime.journal_file: what is retired, and what is cut off."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import opened, record

from connector.errors import JournalError
from connector.runtime.journal_file import FileJournal

State = tuple[list[tuple[str, str]], list[tuple[str, str]]]


@pytest.fixture
def journal(file: Path) -> Iterator[FileJournal]:
    with opened(file) as journal:
        yield journal


def live(journal: FileJournal) -> list[tuple[str, str]]:
    return [(row.key, row.body) for row in journal.load()]


def kept(journal: FileJournal) -> list[tuple[str, str]]:
    return [(row.key, row.body) for row in journal.load(with_history=True)]


def test_what_is_retired_is_read_and_not_replayed(journal: FileJournal) -> None:
    """It keeps its place; names that nobody knows are skipped."""
    journal.append([record(key, key) for key in "abc"])
    journal.append([record("d")], retired=[("intent", "b"), ("fill", "a")])
    assert live(journal) == [("a", "a"), ("c", "c"), ("d", "{}")]
    assert kept(journal) == [("a", "a"), ("b", "b"), ("c", "c"), ("d", "{}")]
    assert journal.load_keys("intent") == ["a", "c", "d"]


def test_a_record_written_and_retired_at_once_is_history(journal: FileJournal) -> None:
    """The newest body is kept, however often it came and went."""
    for body in ("1", "2", "3"):
        journal.append([record("a", body)], retired=[("intent", "a")])
        assert live(journal) == []
        assert kept(journal) == [("a", body)]
    journal.append([record("a", "4")])
    assert live(journal) == [("a", "4")]


def test_history_is_read_in_pages_while_rows_retire(journal: FileJournal) -> None:
    """A reader sees each row once, wherever it is by then."""
    names = [f"{n:05}" for n in range(2500)]
    journal.append([record(name) for name in names])
    reader = journal.load(with_history=True)
    found = [next(reader).key]
    journal.append([], retired=[("intent", name) for name in names[::2]])
    found += [row.key for row in reader]
    assert found == names


def test_old_history_leaves_the_file(file: Path) -> None:
    """Where its time is bounded: as other rows retire, by time of writing, never rows
    that are not retired nor those of the session that has it open."""
    with opened(file) as journal:
        journal.append([record(f"{n}", wall_ns=n) for n in range(100)])
        journal.append([], retired=[("intent", f"{n}") for n in range(1, 100)])
    with opened(file, keep_ns=1_000) as journal:
        journal.append([record("now", wall_ns=1_050)], retired=[("intent", "now")])
        left = ["0", *(f"{n}" for n in range(50, 100)), "now"]
        assert [key for key, _ in kept(journal)] == left
        journal.append([record("later", wall_ns=9_999)], retired=[("intent", "later")])
        assert [key for key, _ in kept(journal)] == ["0", "now", "later"]


def test_damaged_history_does_not_stop_a_start(file: Path) -> None:
    """It is no part of what is replayed; whoever reads it is told."""
    with opened(file) as journal:
        journal.append([record(f"{n}", "x" * 500) for n in range(500)])
        journal.append(
            [record("live")], retired=[("intent", f"{n}") for n in range(500)]
        )
    with contextlib.closing(sqlite3.connect(file)) as found:
        [size] = found.execute("PRAGMA page_size").fetchone()
        [root] = found.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'history'"
        ).fetchone()
    data = bytearray(file.read_bytes())
    data[(root - 1) * size : root * size] = b"?" * size
    file.write_bytes(data)
    with opened(file) as journal:
        assert live(journal) == [("live", "{}")]
        with pytest.raises(JournalError, match="damaged"):
            kept(journal)


def test_every_cut_of_the_log_is_a_state_between_writes(
    file: Path, tmp_path: Path
) -> None:
    """Law 4: wherever a write tears, a start finds all of the writes before it and
    nothing of it: no record lost between the two tables, none in both."""
    states: list[State] = []
    journal = opened(file)
    states.append((live(journal), kept(journal)))
    for number in range(12):
        journal.append(
            [record(f"{number}", f"{number}"), record("mark", f"{number}")],
            retired=[("intent", f"{number - 3}")] if number % 2 else [],
        )
        states.append((live(journal), kept(journal)))
    wal = file.with_name(file.name + "-wal").read_bytes()
    whole = file.read_bytes()
    journal.close()
    seen: list[State] = []
    for cut in (*range(0, len(wal), 1021), len(wal)):
        copy = tmp_path / f"{cut}" / "journal.db"
        copy.parent.mkdir(mode=0o700)
        copy.write_bytes(whole)
        torn = copy.with_name(copy.name + "-wal")
        torn.write_bytes(wal[:cut])
        copy.chmod(0o600)
        torn.chmod(0o600)
        with opened(copy, threaded=False) as journal:
            seen.append((live(journal), kept(journal)))
    known = [states.index(state) for state in seen]
    assert known == sorted(known)
    assert set(known) == set(range(len(states)))
