"""Tests of connector.runtime.journal_file: a disk that does not answer (law 12)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import opened, record

from connector.errors import JournalError, JournalLocked
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_store import Store


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Commits wait for it; set at first, and at the end."""
    answers = threading.Event()
    answers.set()
    commit = Store.commit

    def slowly(self: Store, *args: object, **given: object) -> None:
        answers.wait()
        commit(self, *args, **given)

    monkeypatch.setattr(Store, "commit", slowly)
    yield answers
    answers.set()


def stalled(file: Path, disk: threading.Event) -> FileJournal:
    """A journal whose disk has just stopped answering."""
    journal = opened(file, patience_s=0.05)
    journal.append([record("before")])
    disk.clear()
    return journal


def test_nobody_waits_for_ever(file: Path, disk: threading.Event) -> None:
    """Writing, reading and closing end, and say why; after the first of them nobody
    waits a second time. What was handed in is written when the disk comes back."""
    journal = stalled(file, disk)
    with pytest.raises(JournalError, match=r"has not answered for 0\.05 s"):
        journal.append([record("late")])
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(JournalError, match="has not answered"):
            list(journal.load())
    journal.close()
    assert time.monotonic() - began < 4
    with pytest.raises(JournalLocked):
        opened(file)
    disk.set()
    journal._writer._thread.join(10)
    with opened(file) as journal:
        assert journal.load_keys("intent") == ["before", "late"]


def test_a_disk_that_comes_back_is_used_again(
    file: Path, disk: threading.Event
) -> None:
    """One stall is not the end of the journal."""
    with stalled(file, disk) as journal:
        with pytest.raises(JournalError, match="has not answered"):
            journal.append([record("late")])
        disk.set()
        journal.append([record("after")])
        assert journal.load_keys("intent") == ["after", "before", "late"]
