"""Tests of connector.runtime.journal_memory: the same journal, with faults at will."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import JournalError, JournalFull, JournalLocked
from connector.runtime.journal import Journal, Owner, Record, RecordLike
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_memory import JournalFaults, MemoryDisk, MemoryJournal

OWNER = Owner(profile="paper:binance", venue="binance")


def record(
    key: str, body: str = "{}", kind: str = "intent", wall_ns: int = 1
) -> Record:
    return Record(kind=kind, key=key, wall_ns=wall_ns, body=body)


def bodies(journal: Journal) -> list[tuple[str, str]]:
    return [(row.key, row.body) for row in journal.load()]


RECORDS = st.builds(
    record,
    st.sampled_from(["a", "b", "ü", "\U0001f511"]),
    st.text("xy", max_size=3),
    st.sampled_from(["intent", "fill"]),
    st.integers(0, 9),
)


NAMES = st.tuples(
    st.sampled_from(["intent", "fill", "none"]),
    st.sampled_from(["a", "b", "ü", "\U0001f511"]),
)


@given(
    st.lists(
        st.tuples(st.lists(RECORDS, max_size=4), st.lists(NAMES, max_size=2)),
        max_size=8,
    )
)
@settings(deadline=None)  # fsync takes what the disk takes
def test_memory_and_file_agree(
    batches: list[tuple[list[Record], list[tuple[str, str]]]],
) -> None:
    """Law 14: the simulator's journal shows what the real one would."""
    with tempfile.TemporaryDirectory() as place:
        file = FileJournal(Path(place) / "j.db", OWNER, wall_ns=1, threaded=False)
        memory = MemoryJournal(OWNER)
        both: tuple[Journal, Journal] = (file, memory)
        for journal in both:
            for batch, retired in batches:
                journal.append(batch, durable=False, retired=retired)
        assert list(file.load()) == list(memory.load())
        assert file.state_hash() == memory.state_hash()
        assert file.load_keys("fill") == memory.load_keys("fill")
        for kinds, since in ((None, 0), ({"fill"}, 2)):
            wanted = list(file.load(kinds, since_seq=since, with_history=True))
            assert wanted == list(
                memory.load(kinds, since_seq=since, with_history=True)
            )
        file.close()


def test_power_loss_takes_what_was_not_synced() -> None:
    """Kept: all up to the last durable write; after kill -9: everything."""
    disk = MemoryDisk()
    journal = MemoryJournal(OWNER, disk=disk)
    journal.append([record("a", "1"), record("b", "1")])
    journal.append([record("a", "2"), record("c", "2")], durable=False)
    journal.append([record("a", "3")], durable=False)
    disk.kill()
    journal = MemoryJournal(OWNER, disk=disk)
    assert bodies(journal) == [("b", "1"), ("c", "2"), ("a", "3")]
    disk.lose_power()
    journal = MemoryJournal(OWNER, disk=disk)
    assert bodies(journal) == [("a", "1"), ("b", "1")]
    journal.append([record("d")], durable=False)
    journal.append([record("e")], durable=True)
    disk.lose_power()
    keys = [key for key, _ in bodies(MemoryJournal(OWNER, disk=disk))]
    assert keys == ["a", "b", "d", "e"]


@given(
    st.lists(
        st.tuples(
            st.lists(RECORDS, max_size=2), st.lists(NAMES, max_size=2), st.booleans()
        ),
        max_size=8,
    )
)
def test_power_loss_brings_back_what_was_at_the_last_sync(
    writes: list[tuple[list[Record], list[tuple[str, str]], bool]],
) -> None:
    """Retired or written since: all of it is as it was, in both places."""
    disk = MemoryDisk()
    journal = MemoryJournal(OWNER, disk=disk)
    synced = (list(journal.load()), list(journal.load(with_history=True)))
    for records, retired, durable in writes:
        journal.append(records, durable=durable, retired=retired)
        if durable:
            synced = (list(journal.load()), list(journal.load(with_history=True)))
    disk.lose_power()
    journal = MemoryJournal(OWNER, disk=disk)
    assert (list(journal.load()), list(journal.load(with_history=True))) == synced


def test_a_full_journal_keeps_nothing_and_recovers() -> None:
    """JournalFull while told so; the next write succeeds."""
    faults = JournalFaults(is_full=True)
    journal = MemoryJournal(OWNER, faults=faults)
    with pytest.raises(JournalFull):
        journal.append([record("a")])
    faults.is_full = False
    journal.append([record("b")])
    assert journal.load_keys("intent") == ["b"]


def test_killed_between_write_and_ack() -> None:
    """The record is kept although its writer never learnt of it."""

    class KilledError(BaseException):
        pass

    def die(records: Sequence[RecordLike]) -> None:
        raise KilledError

    disk = MemoryDisk()
    journal = MemoryJournal(OWNER, disk=disk, faults=JournalFaults(on_commit=die))
    with pytest.raises(KilledError):
        asyncio.run(journal.write([record("a")], durable=True))
    disk.lose_power()
    assert MemoryJournal(OWNER, disk=disk).load_keys("intent") == ["a"]


def test_what_lost_its_power_writes_nothing_any_more() -> None:
    """Gone before the write: neither what was not synced nor the write itself, which
    the dying process still tried, stands on the disk."""
    disk = MemoryDisk()
    faults = JournalFaults()
    journal = MemoryJournal(OWNER, disk=disk, faults=faults)
    journal.append([record("a")], durable=False)
    faults.before_commit = lambda _: disk.lose_power()
    with pytest.raises(JournalError):
        journal.append([record("b")])
    assert bodies(MemoryJournal(OWNER, disk=disk)) == []


@pytest.mark.parametrize(("is_late", "kept"), [(False, []), (True, ["a"])])
def test_cancelled_before_or_after_the_commit(is_late: bool, kept: list[str]) -> None:
    """The delays leave room to cancel on either side of the commit."""

    async def main() -> None:
        task = asyncio.create_task(journal.write([record("a")], durable=True))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    faults = JournalFaults(**{"ack_delay_s" if is_late else "delay_s": 60.0})
    journal = MemoryJournal(OWNER, faults=faults)
    asyncio.run(main())
    assert journal.load_keys("intent") == kept


def test_one_writer_and_one_owner() -> None:
    """As the file: locked while open, refused for somebody else."""
    disk = MemoryDisk()
    first = MemoryJournal(OWNER, disk=disk)
    with pytest.raises(JournalLocked):
        MemoryJournal(OWNER, disk=disk)
    first.close()
    with pytest.raises(JournalError):
        first.append([record("a")])
    with pytest.raises(JournalError):
        MemoryJournal(Owner(profile="live:binance", venue="binance"), disk=disk)
    known = Owner(profile="paper:binance", venue="binance", account="7")
    MemoryJournal(known, disk=disk).close()
    MemoryJournal(OWNER, disk=disk).close()
    with pytest.raises(JournalError):
        MemoryJournal(Owner(profile="paper:binance", venue="binance", account="8"),
                      disk=disk)  # fmt: skip


def test_what_cannot_be_stored_is_refused_here_too() -> None:
    """So that a simulated run finds it."""
    journal = MemoryJournal(OWNER)
    with pytest.raises(JournalError):
        journal.append([record("good"), record("lone \ud800")])
    assert bodies(journal) == []
