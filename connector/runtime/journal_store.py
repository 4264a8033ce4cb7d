"""SQLite as the journal uses it: one connection, one caller at a time.

WAL mode with exclusive locking, so that the WAL index lives in memory and there is no
shared-memory file that a full disk could break. A durable commit runs with
``synchronous=FULL``: fsync of the WAL before it returns, which also covers everything
written before. Other commits run with NORMAL: they survive the death of the process,
not of the machine.

After an I/O error the connection is thrown away and opened again by the next call:
what SQLite and the page cache believe after a failed fsync is not worth relying on.
Torn writes at the end of the WAL are cut off by SQLite's checksums. Damage elsewhere
is found by ``quick_check`` when the file is opened; the file is left as it is. What
cannot be found: damage inside the WAL looks like its torn end, and the commits behind
it are dropped. Closing empties the WAL, and so does every thousandth page.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from connector.errors import JournalError, JournalFull, JournalLocked
from connector.runtime.journal import Owner, Row, Values, hash_rows
from connector.runtime.journal_guard import (
    os_failure,
    private_file,
    sync_directory,
)
from connector.runtime.journal_migrations import bring_up_to_date

PAGE = 1_000  # rows per step of a long read or removal

_WRITE = "INSERT OR REPLACE INTO records (kind, key, wall_ns, body) VALUES (?, ?, ?, ?)"
_SIDE_FILES = ("-wal", "-shm", "-journal")


class Store:
    """The SQLite side: synchronous, one caller at a time, reopens after I/O errors."""

    def __init__(self, file: Path, max_bytes: int | None) -> None:
        self._file = file
        self._max_bytes = max_bytes
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
                [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise self._damaged()
                bring_up_to_date(connection, str(self._file))
                if self._max_bytes is not None:
                    [size] = connection.execute("PRAGMA page_size").fetchone()
                    pages = max(1, self._max_bytes // size)
                    connection.execute(f"PRAGMA max_page_count = {pages}")
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

    def commit(self, batches: Sequence[Sequence[Values]], *, durable: bool) -> None:
        """One transaction for all *batches*."""
        with self._using("written") as connection:
            if durable != self._is_full_sync:
                connection.execute(
                    f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}"
                )
                self._is_full_sync = durable
            with _transaction(connection):
                for values in batches:
                    connection.executemany(_WRITE, values)

    def page(self, kinds: Collection[str] | None, since_seq: int) -> list[Row]:
        """The next rows after *since_seq*, at most PAGE."""
        with self._using("read") as connection:
            found = connection.execute(
                "SELECT kind, key, seq, wall_ns, body FROM records WHERE seq > :since "
                "AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds))) "
                "ORDER BY seq LIMIT :most",
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

    def prune(self, kind: str, before_wall_ns: int) -> int:
        """Remove at most PAGE old rows; returns how many."""
        with self._using("written") as connection, _transaction(connection):
            return connection.execute(
                "DELETE FROM records WHERE seq IN (SELECT seq FROM records "
                "WHERE kind = ? AND wall_ns < ? LIMIT ?)",
                (kind, before_wall_ns, PAGE),
            ).rowcount

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
