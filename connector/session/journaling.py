"""Writes the machine's records: one writer, everything that waits in one commit.

Order intents are answered when they are durable. Other records are retried for
as long as the disk refuses them, and kept in memory meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from connector.core.effects import AppendJournal, JournalRecord
from connector.core.inputs import Input, JournalFailed, JournalWritten
from connector.errors import JournalError, JournalFull
from connector.runtime.clock import Clock
from connector.runtime.journal import Journal, Name, Record
from connector.session.spending import Spending

_RETRY_S = 1.0

SPENT = "spent"
"""Key of the record (kind ``meta``) of `Spending`."""


class JournalWriter:
    """Owns the journal of one session."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        post: Callable[[Input], None],
        spending: Spending | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._post = post
        self._spending = spending
        if spending is not None:
            spending.nudge = self._on_nudge
        self._waiting: list[AppendJournal] = []
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._writing: list[Record] = []
        self._unsaved: dict[Name, Record] = {}
        self._retired: dict[Name, None] = {}  # and not yet on the disk
        self._first_seq = 0
        self.is_failing = False

    def restore(self) -> Iterator[JournalRecord]:
        """What earlier runs kept, once, before anything is written; page by page, a
        journal of a million fills must not be in memory at once."""
        for row in self._journal.load():
            self._first_seq = row.seq
            yield JournalRecord(row.kind, row.key, row.body)

    def put(self, effect: AppendJournal) -> None:
        """Queue records; never blocks."""
        if not self._waiting:
            self._settled.clear()
            self._wake.set()
        self._waiting.append(effect)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._pause()
            await self._write_all()
            if not self._waiting:
                self._settled.set()

    async def flush(self) -> None:
        """Wait until everything queued is kept (or refused)."""
        await self._settled.wait()

    def close(self) -> None:
        """Write what is left; JournalFailed if the disk refuses it, or does not answer
        in time, unless that was told before. It can still be read here."""
        # A write that was cancelled may not have happened; writing twice is no harm.
        left = [*self._writing, *self._take(self._waiting)]
        self._waiting = []
        if self._spending is not None:
            left.append(self._spent_record(is_last=True))
        self._settled.set()  # nobody writes any longer: whoever waits may look
        if left or self._retired:
            self._write_last(left)

    def _write_last(self, records: list[Record]) -> None:
        try:
            self._journal.append(records, durable=True, retired=list(self._retired))
        except JournalError as error:
            self._unsaved = {(record.kind, record.key): record for record in records}
            if not self.is_failing:
                self.is_failing = True
                is_full = isinstance(error, JournalFull)
                why = f"{error}; {len(records)} records may not be durable"
                self._post(JournalFailed(0, why, is_full))

    def rows_since_open(self, kind: str) -> Iterator[str]:
        """Bodies of *kind* of this session, oldest first, also what the disk has
        refused so far."""
        rows = self._journal.load({kind}, since_seq=self._first_seq, with_history=True)
        for row in rows:
            yield row.body
        for record in list(self._unsaved.values()):
            if record.kind == kind:
                yield record.body

    def _on_nudge(self) -> None:
        self._wake.set()

    def _spent_record(self, *, is_last: bool = False) -> Record:
        assert self._spending is not None
        body = self._spending.record(is_last=is_last)
        wall_ns = self._clock.now().wall_ns
        return Record(kind="meta", key=SPENT, wall_ns=wall_ns, body=body)

    async def _pause(self) -> None:
        self._wake.clear()
        if self._waiting or (self._spending and self._spending.wants_record):
            return
        if not self._unsaved:
            await self._wake.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_S):
                await self._wake.wait()

    def _take(self, effects: list[AppendJournal]) -> list[Record]:
        wall_ns = self._clock.now().wall_ns
        records, self._unsaved = self._unsaved, {}
        # Only the newest of each is put into words.
        newest = {
            (item.kind, item.key): item for effect in effects for item in effect.records
        }
        for (kind, name), item in newest.items():
            try:
                body = item.body
            except UnicodeEncodeError:
                # Half a character, from a stranger's text: alone it must not keep
                # everything else from the disk.
                why = f"{kind} {name!r:.60} is no text: it is not kept"
                self._post(JournalFailed(0, why, is_full=False))
                continue
            key = name.replace("\0", "\ufffd")  # which no file keeps either
            records[kind, key] = Record(kind=kind, key=key, wall_ns=wall_ns, body=body)
        self._note_retired(effects)
        return list(records.values())

    def _note_retired(self, effects: list[AppendJournal]) -> None:
        """What is recorded again after it was retired stays."""
        for effect in effects:
            if self._retired:
                for item in effect.records:
                    self._retired.pop((item.kind, item.key), None)
            for kind, key in effect.retired:
                if _is_text(key):  # else it was never written
                    self._retired[kind, key] = None

    async def _write_all(self) -> None:
        effects, self._waiting = self._waiting, []
        records = self._take(effects)
        self._writing = records
        durable = any(effect.is_durable for effect in effects)
        spending = self._spending
        tells_spent = spending is not None and spending.wants_record
        if tells_spent:
            records = [*records, self._spent_record()]
            durable = True
        retired = list(self._retired)
        try:
            await self._journal.write(records, durable=durable, retired=retired)
        except JournalError as error:
            self._writing = []
            if spending is not None and tells_spent:
                spending.on_refused()
            self._refused(effects, records, error)
            return
        self._writing = []
        for name in retired:
            self._retired.pop(name, None)
        self.is_failing = False
        if spending is not None and tells_spent:
            spending.on_written()
        for effect in effects:
            if effect.token:
                self._post(JournalWritten(effect.token))

    def _refused(
        self, effects: list[AppendJournal], records: list[Record], error: JournalError
    ) -> None:
        """Intents are refused for good, everything else is tried again."""
        refused = {
            (item.kind, item.key)
            for effect in effects
            if effect.token
            for item in effect.records
        }
        for record in records:
            if record.key == SPENT:
                continue  # the next one will say more
            if (record.kind, record.key) not in refused:
                self._unsaved[record.kind, record.key] = record
        is_full = isinstance(error, JournalFull)
        tokens = [effect.token for effect in effects if effect.token]
        if not tokens and not self.is_failing:
            tokens = [0]
        self.is_failing = True
        for token in tokens:
            self._post(JournalFailed(token, str(error), is_full))


def _is_text(key: str) -> bool:
    return "\0" not in key and key == key.encode(errors="ignore").decode()
