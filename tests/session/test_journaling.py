"""The writer of the journal: what a disk refused is kept and told."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

from connector.core.effects import AppendJournal, JournalRecord
from connector.core.inputs import Input, JournalFailed, JournalWritten
from connector.model.account import LedgerEntry, LedgerKind
from connector.model.clock import Now
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import JournalFaults, MemoryDisk, MemoryJournal
from connector.session.journaling import JournalWriter


class _Clock:
    def now(self) -> Now:
        return Now(1, 1)


def _fill(name: str) -> AppendJournal:
    record = JournalRecord("fill", name, f'"{name}"')
    return AppendJournal((record,), is_durable=False)


async def _refused_then_kept() -> tuple[list[str], list[str], list[Input]]:
    disk, faults = MemoryDisk(), JournalFaults()
    journal = MemoryJournal(Owner(profile="paper:x", venue="v"), disk=disk)
    journal.faults = faults
    said: list[Input] = []
    writer = JournalWriter(journal, _Clock(), said.append)
    running = asyncio.create_task(writer.run())
    writer.put(_fill("a"))
    await writer.flush()
    faults.is_full = True
    intent = JournalRecord("intent", "c1", "{}")
    writer.put(AppendJournal((intent,), is_durable=True, token=7))
    writer.put(_fill("b"))
    await writer.flush()
    while_full = list(writer.rows_since_open("fill"))
    faults.is_full = False
    writer.put(_fill("c"))
    await writer.flush()
    after = list(writer.rows_since_open("fill"))
    assert list(writer.rows_since_open("intent")) == []
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return while_full, after, said


def test_what_a_full_disk_refused_is_still_told() -> None:
    """Law 1: a reader that overflowed gets every fill, also while the disk is full;
    a refused intent is refused for good."""
    while_full, after, said = asyncio.run(_refused_then_kept())
    assert while_full == ['"a"', '"b"']
    assert after == ['"a"', '"b"', '"c"']
    assert [type(item) for item in said] == [JournalFailed]
    assert not any(isinstance(item, JournalWritten) for item in said)


def test_a_last_write_that_is_refused_is_told() -> None:
    """What cannot be made durable when the session closes is no secret, and whoever
    waits for the disk waits no longer."""

    async def body() -> None:
        faults = JournalFaults(is_full=True)
        owner = Owner(profile="paper:x", venue="v")
        said: list[Input] = []
        writer = JournalWriter(
            MemoryJournal(owner, faults=faults), _Clock(), said.append
        )
        writer.put(_fill("a"))
        waits = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        assert not waits.done()
        writer.close()
        await waits
        (failed,) = said
        assert isinstance(failed, JournalFailed)
        assert (failed.token, failed.is_full) == (0, True)
        assert list(writer.rows_since_open("fill")) == ['"a"']

    asyncio.run(body())


def test_a_text_that_no_file_keeps_stops_nothing() -> None:
    """Law 11: a NUL or half a character in a stranger's order id is not the end of the
    journal: everything else is kept, and what is not is told."""

    async def body() -> None:
        said: list[Input] = []
        journal = MemoryJournal(Owner(profile="paper:x", venue="v"))
        writer = JournalWriter(journal, _Clock(), said.append)
        running = asyncio.create_task(writer.run())
        half = LedgerEntry(
            kind=LedgerKind.OTHER,
            asset="\ud800",
            amount=Decimal(1),
            symbol=None,
            entry_id="1",
            venue_ns=0,
        )
        records = (
            JournalRecord("order", "a\0b", '"nul"'),
            JournalRecord("order", "half", half),
            JournalRecord("order", "good", '"good"'),
        )
        writer.put(AppendJournal(records, is_durable=False))
        await writer.flush()
        assert list(writer.rows_since_open("order")) == ['"nul"', '"good"']
        (failed,) = said
        assert isinstance(failed, JournalFailed)
        assert (failed.token, failed.is_full) == (0, False)
        assert "half" in failed.why
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(body())
