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
from connector.runtime.journal import Owner, RecordLike, Row, checked, hash_rows

_Rows = dict[tuple[str, str], Row]


@dataclass(slots=True)
class MemoryDisk:
    """What survives its journals: *rows* by seq as written, and in *unsynced* what
    was there, at the last fsync, of those changed since (None: nothing)."""

    rows: _Rows = field(default_factory=dict)
    unsynced: dict[tuple[str, str], Row | None] = field(default_factory=dict)
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
        for name, before in self.unsynced.items():
            self.rows.pop(name, None)
            if before is not None:
                self.rows[name] = before
        self.unsynced.clear()
        self.rows = dict(sorted(self.rows.items(), key=lambda item: item[1].seq))


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
    """A `connector.runtime.journal.Journal` in memory; grows until pruned."""

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

    def append(self, records: Sequence[RecordLike], *, durable: bool = True) -> None:
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
            # Taken out first, so that the rows stay sorted by seq.
            before = disk.rows.pop((kind, key), None)
            disk.unsynced.setdefault((kind, key), before)
            disk.rows[kind, key] = Row(
                kind=kind, key=key, seq=disk.last_seq, wall_ns=wall_ns, body=body
            )
        if durable:
            disk.unsynced.clear()
        if self.faults.on_commit is not None:
            self.faults.on_commit(records)

    async def write(self, records: Sequence[RecordLike], *, durable: bool) -> None:
        """As `append`, after and before the delays of the faults."""
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        self.append(records, durable=durable)
        if self.faults.ack_delay_s:
            await asyncio.sleep(self.faults.ack_delay_s)
            self._check_open()

    def load(
        self, kinds: Collection[str] | None = None, *, since_seq: int = 0
    ) -> Iterator[Row]:
        """Rows of *kinds* (None: all) with seq > *since_seq*, by seq, as of now."""
        self._check_open()
        assert not isinstance(kinds, str), "several kinds, not one"
        return iter(
            [
                row
                for row in self.disk.rows.values()
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

    def prune(self, kind: str, before_wall_ns: int) -> int:
        """Forget rows of *kind* older than *before_wall_ns*; returns how many."""
        old = [row for row in self.load([kind]) if row.wall_ns < before_wall_ns]
        for row in old:
            del self.disk.rows[row.kind, row.key]
            self.disk.unsynced.pop((row.kind, row.key), None)
        return len(old)

    def close(self) -> None:
        """Let go of the disk; idempotent."""
        if self.disk.writer is self:
            self.disk.writer = None

    def _check_open(self) -> None:
        if self.disk.writer is not self:
            raise JournalError("the journal is closed")
