"""A journal without a disk, for throw-away sessions and for the simulator.

`MemoryJournal` is the journal, `MemoryDisk` what would be on the disk. A simulated
process dies when its journal is dropped; the next one opens the same disk, which
has lost nothing (`kill -9`) or what was never synced (`lose_power`). Faults are told
by `JournalFaults`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from connector.errors import JournalError, JournalFull, JournalLocked
from connector.runtime.journal import Name, Owner, RecordLike, Row, checked, hash_rows

_Rows = dict[Name, Row]


@dataclass(slots=True)
class MemoryDisk:
    """What survives its journals: *rows* by seq as written, *history* of those that
    were retired, and in *unsynced* what was in both, at the last fsync, of those
    changed since (None: nothing)."""

    rows: _Rows = field(default_factory=dict)
    history: _Rows = field(default_factory=dict)
    unsynced: dict[Name, tuple[Row | None, Row | None]] = field(default_factory=dict)
    last_seq: int = 0
    owner: Owner | None = None
    writer: MemoryJournal | None = None

    def kill(self) -> None:
        """The process died: whoever had the disk open is gone, all writes stay."""
        if self.writer is not None:
            self.writer.close()

    def lose_power(self) -> None:
        """The machine died: what was not written durably is lost."""
        self.kill()
        for name, kept in self.unsynced.items():
            for rows, before in zip((self.rows, self.history), kept, strict=True):
                rows.pop(name, None)
                if before is not None:
                    rows[name] = before
        self.unsynced.clear()
        self.rows = dict(sorted(self.rows.items(), key=lambda item: item[1].seq))

    def changing(self, name: Name) -> None:
        """What is kept under *name* now comes back unless the change is synced."""
        before = (self.rows.get(name), self.history.get(name))
        self.unsynced.setdefault(name, before)


@dataclass(slots=True)
class JournalFaults:
    """What goes wrong; change it at any time.

    *is_full*: writes raise JournalFull. *delay_s*: `write` takes that long (on the
    loop's clock) before the commit and *ack_delay_s* after it, so that a task can be
    cancelled between write and ack. *before_commit* and *on_commit* are called with
    the records just before and just after they are kept; what they raise comes out
    of the write: the process that died before it could write, or before it could
    tell. When *before_commit* takes the disk away, nothing is kept.
    """

    is_full: bool = False
    delay_s: float = 0.0
    ack_delay_s: float = 0.0
    before_commit: Callable[[Sequence[RecordLike]], None] | None = None
    on_commit: Callable[[Sequence[RecordLike]], None] | None = None


class MemoryJournal:
    """A `connector.runtime.journal.Journal` in memory; history is never dropped."""

    def __init__(
        self,
        owner: Owner,
        *,
        disk: MemoryDisk | None = None,
        faults: JournalFaults | None = None,
    ) -> None:
        """Open *disk* (None: a fresh one).

        Raises JournalLocked while another journal has it open, and JournalError if
        it belongs to another owner.
        """
        self.disk = MemoryDisk() if disk is None else disk
        self.faults = JournalFaults() if faults is None else faults
        if self.disk.writer is not None:
            raise JournalLocked("in memory", None)
        kept = self.disk.owner
        if kept is not None and (kept.profile, kept.venue) != (
            owner.profile,
            owner.venue,
        ):
            raise JournalError(f"the journal belongs to {kept.profile}")
        if kept is not None and kept.account:
            if owner.account not in {"", kept.account}:
                raise JournalError(f"the journal belongs to account {kept.account}")
            owner = kept
        self.disk.owner = owner
        self.disk.writer = self

    def append(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool = True,
        retired: Sequence[Name] = (),
    ) -> None:
        """Keep *records* as one; raises JournalFull and whatever *on_commit* does."""
        self._check_open()
        values = checked(records)
        if self.faults.is_full:
            raise JournalFull("the journal in memory is told to be full")
        if self.faults.before_commit is not None:
            self.faults.before_commit(records)
            self._check_open()  # what died just now writes nothing any more
        disk = self.disk
        for kind, key, wall_ns, body in values:
            disk.last_seq += 1
            disk.changing((kind, key))
            # Taken out first, so that the rows stay sorted by seq.
            disk.rows.pop((kind, key), None)
            disk.rows[kind, key] = Row(
                kind=kind, key=key, seq=disk.last_seq, wall_ns=wall_ns, body=body
            )
        for name in retired:
            if name in disk.rows:
                disk.changing(name)
                disk.history[name] = disk.rows.pop(name)
        if durable:
            disk.unsynced.clear()
        if self.faults.on_commit is not None:
            self.faults.on_commit(records)

    async def write(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool,
        retired: Sequence[Name] = (),
    ) -> None:
        """As `append`, after and before the delays of the faults."""
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        self.append(records, durable=durable, retired=retired)
        if self.faults.ack_delay_s:
            await asyncio.sleep(self.faults.ack_delay_s)
            self._check_open()

    def load(
        self,
        kinds: Collection[str] | None = None,
        *,
        since_seq: int = 0,
        with_history: bool = False,
    ) -> Iterator[Row]:
        """Rows of *kinds* (None: all) with seq > *since_seq*, by seq, as of now;
        retired ones only *with_history*."""
        self._check_open()
        assert not isinstance(kinds, str), "several kinds, not one"
        rows = list(self.disk.rows.values())
        if with_history:
            rows += self.disk.history.values()
            rows.sort(key=lambda row: row.seq)
        return iter(
            [
                row
                for row in rows
                if row.seq > since_seq and (kinds is None or row.kind in kinds)
            ]
        )

    def load_keys(self, kind: str) -> list[str]:
        """Keys of one kind, sorted by code point."""
        return sorted(row.key for row in self.load([kind]))

    def state_hash(self, kinds: Collection[str] | None = None) -> str:
        """The same digest a file with the same records has."""
        return hash_rows(
            sorted((row.kind, row.key, row.body) for row in self.load(kinds))
        )

    def close(self) -> None:
        """Let go of the disk; idempotent."""
        if self.disk.writer is self:
            self.disk.writer = None

    def _check_open(self) -> None:
        if self.disk.writer is not self:
            raise JournalError("the journal is closed")
