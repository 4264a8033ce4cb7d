"""SQLite as the journal uses it: one connection, one caller at a time.

WAL mode with exclusive locking, so that the WAL index lives in memory and there is no
shared-memory file that a full disk could break. A durable commit runs with
``synchronous=FULL``: fsync of the WAL before it returns, which also covers everything
written before. Other commits run with NORMAL: they survive the death of the process,
not of the machine.

After an I/O error the connection is thrown away and opened again by the next call:
what SQLite and the page cache believe after a failed fsync is not worth relying on.
Torn writes at the end of the WAL are cut off by SQLite's checksums. Damage elsewhere
is found by ``quick_check`` when the file is opened, in the history when that is used;
the file is left as it is. What cannot be found: damage inside the WAL looks like its
torn end, and the commits behind it are dropped. Closing empties the WAL, and so does
every thousandth page.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.errors import JournalError, JournalFull, JournalLocked
from connector.runtime.journal import Name, Owner, Row, Values, hash_rows
from connector.runtime.journal_guard import (
    os_failure,
    private_file,
    sync_directory,
)
from connector.runtime.journal_migrations import bring_up_to_date

PAGE = 1_000  # rows per step of a long read or removal

_WRITE = "INSERT OR REPLACE INTO records (kind, key, wall_ns, body) VALUES (?, ?, ?, ?)"
_RETIRE = (
    "INSERT OR REPLACE INTO history SELECT * FROM records WHERE kind = ? AND key = ?",
    "DELETE FROM records WHERE kind = ? AND key = ?",
)
_DROP = """
DELETE FROM history WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, wall_ns FROM history WHERE seq <= ? ORDER BY seq LIMIT ?
    ) WHERE wall_ns < ?
)
"""
_PAGE = """
SELECT kind, key, seq, wall_ns, body FROM {table} WHERE seq > :since
AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
"""
_LIVE = f"{_PAGE.format(table='records')} ORDER BY seq LIMIT :most"
_BOTH = f"{_PAGE.format(table='history')} UNION ALL {_LIVE.format(table='records')}"
_SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is committed together: *values* are written, then *retired* leave for the
    history."""

    values: Sequence[Values]
    retired: Sequence[Name] = ()


class Store:
    """The SQLite side: synchronous, one caller at a time, reopens after I/O errors."""

    def __init__(self, file: Path, keep_ns: int | None) -> None:
        self._file = file
        self._keep_ns = keep_ns
        self._opened_seq = 0
        self._connection: sqlite3.Connection | None = None
        self._is_full_sync = False

    def open(self) -> sqlite3.Connection:
        """Open and verify the file; the errors are those of `FileJournal`."""
        private_file(self._file, create=True)
        for suffix in _SIDE_FILES:
            private_file(self._file.with_name(self._file.name + suffix), create=False)
        with self._mapped("opened"):
            connection = sqlite3.connect(
                self._file, timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                # Before the first access: then there is no shared-memory file.
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                if mode != "wal":
                    raise JournalError(f"{self._file}: the file system has no WAL")
                connection.execute("PRAGMA fullfsync = ON")
                connection.execute("PRAGMA checkpoint_fullfsync = ON")
                connection.execute("PRAGMA synchronous = FULL")
                self._is_full_sync = True
                if not _is_sound(connection):
                    raise self._damaged()
                bring_up_to_date(connection, str(self._file))
            except BaseException:
                connection.close()
                raise
        try:
            sync_directory(self._file.parent)
        except OSError as exc:
            connection.close()
            raise os_failure(exc, f"journal directory {self._file.parent}") from exc
        self._connection = connection
        return connection

    def own(self, owner: Owner, wall_ns: int) -> None:
        """Refuse another owner's file; write down the owner of a new one."""
        with self._using("opened") as connection:
            kept = dict(connection.execute("SELECT name, value FROM meta").fetchall())
            [self._opened_seq] = connection.execute(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence"
            ).fetchone()
        wanted = {
            "profile": owner.profile,
            "venue": owner.venue,
            "account": owner.account,
        }
        for name, value in wanted.items():
            if value and kept.get(name, "") not in {"", value}:
                raise JournalError(
                    f"{self._file} belongs to {name} {kept[name]}, not {value}: use "
                    "another profile name, or move the file away"
                )
        new = {name: value for name, value in wanted.items() if value}
        new["created_wall_ns"] = kept.get("created_wall_ns", str(wall_ns))
        if any(kept.get(name) != value for name, value in new.items()):
            with self._using("written") as connection, _transaction(connection):
                connection.executemany(
                    "INSERT OR REPLACE INTO meta VALUES (?, ?)", new.items()
                )

    def commit(self, batches: Sequence[Batch], *, durable: bool) -> None:
        """One transaction for all *batches*. Where rows are retired, older history
        than is kept leaves, a few rows more than came; never what was written since
        the file was opened: its session may still read it."""
        with self._using("written") as connection:
            if durable != self._is_full_sync:
                connection.execute(
                    f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}"
                )
                self._is_full_sync = durable
            with _transaction(connection):
                for batch in batches:
                    connection.executemany(_WRITE, batch.values)
                    if batch.retired:
                        self._retire(connection, batch)

    def _retire(self, connection: sqlite3.Connection, batch: Batch) -> None:
        for statement in _RETIRE:
            connection.executemany(statement, batch.retired)
        if self._keep_ns is not None and batch.values:
            before_ns = batch.values[-1][2] - self._keep_ns
            most = PAGE + 2 * len(batch.retired)
            connection.execute(_DROP, (self._opened_seq, most, before_ns))

    def page(
        self, kinds: Collection[str] | None, since_seq: int, *, with_history: bool
    ) -> list[Row]:
        """The next rows after *since_seq*, at most PAGE."""
        with self._using("read") as connection:
            found = connection.execute(
                _BOTH if with_history else _LIVE,
                {"kinds": _listed(kinds), "since": since_seq, "most": PAGE},
            ).fetchall()
        return [
            Row(kind=kind, key=key, seq=seq, wall_ns=wall_ns, body=body)
            for kind, key, seq, wall_ns, body in found
        ]

    def keys(self, kind: str) -> list[str]:
        """Sorted keys of *kind*."""
        with self._using("read") as connection:
            found = connection.execute(
                "SELECT key FROM records WHERE kind = ? ORDER BY key", (kind,)
            )
            return [key for (key,) in found]

    def state_hash(self, kinds: Collection[str] | None) -> str:
        """Digest in (kind, key) order."""
        with self._using("read") as connection:
            return hash_rows(
                connection.execute(
                    "SELECT kind, key, body FROM records WHERE :kinds IS NULL "
                    "OR kind IN (SELECT value FROM json_each(:kinds)) "
                    "ORDER BY kind, key",
                    {"kinds": _listed(kinds)},
                )
            )

    def close(self) -> None:
        """Close the file if it is open; what is committed stays committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    @contextlib.contextmanager
    def _using(self, what: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection or self.open()
        with self._mapped(what):
            yield connection

    @contextlib.contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise self._failure(exc, what) from exc

    def _failure(self, exc: sqlite3.Error, what: str) -> JournalError:
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        primary = code & 0xFF
        if primary == sqlite3.SQLITE_IOERR:
            self.close()
        if primary == sqlite3.SQLITE_FULL or code in _NO_SPACE:
            return JournalFull(
                f"journal {self._file} cannot be {what}: no space; make room, writing "
                "is tried again each time"
            )
        if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return self._damaged()
        if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return JournalLocked(str(self._file), None)
        return JournalError(f"journal {self._file} cannot be {what}: {exc}")

    def _damaged(self) -> JournalError:
        return JournalError(
            f"journal {self._file} is damaged and was left as it is: copy it and its "
            "-wal file for inspection, then move both away; the next session starts "
            "a new journal from the state of the venue. Check open orders first"
        )


def _is_sound(connection: sqlite3.Connection) -> bool:
    """What is replayed is checked; the history, which may be a hundred times as large,
    is not. Before there is one, everything is."""
    [(has_history,)] = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'history'"
    ).fetchall()
    what = "records" if has_history else "1"
    [found] = connection.execute(f"PRAGMA quick_check({what})").fetchone()
    return bool(found == "ok")


_NO_SPACE = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE}


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _listed(kinds: Collection[str] | None) -> str | None:
    assert not isinstance(kinds, str), "several kinds, not one"
    return None if kinds is None else json.dumps(list(kinds))
