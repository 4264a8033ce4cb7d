"""The journal's tables, and the way from every older layout to this one.

The layout's number is SQLite's ``user_version``; ``application_id`` tells our files
from other people's. Migration n takes layout n to n + 1; all that are needed run in
one transaction, so that a crash leaves the old layout.
"""

from __future__ import annotations

import sqlite3

from connector.errors import JournalError

APPLICATION_ID = 0x434E4354  # "CNCT"

_RECORDS = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""
# What is retired, where no replay and no check at a start has to pass it.
_HISTORY = """
CREATE TABLE history (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"

# 0 -> 1: records get a sequence number (by age), so that changes can be followed.
_NUMBER_RECORDS = (
    "ALTER TABLE records RENAME TO records_0",
    _RECORDS,
    """
    INSERT INTO records (kind, key, wall_ns, body)
    SELECT kind, key, wall_ns, body FROM records_0 ORDER BY wall_ns, kind, key
    """,
    "DROP TABLE records_0",
)

_MIGRATIONS: tuple[tuple[str, ...], ...] = (_NUMBER_RECORDS, (_HISTORY,))
LAYOUT = len(_MIGRATIONS)


def bring_up_to_date(connection: sqlite3.Connection, file: str) -> None:
    """Create the tables in an empty file, or migrate an older layout.

    Raises JournalError for a file that is not a journal or is newer than this
    package, leaving it as it is; sqlite3.Error as SQLite does.
    """
    [tables] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [layout] = connection.execute("PRAGMA user_version").fetchone()
    if tables and application != APPLICATION_ID:
        raise JournalError(f"{file} is not a journal of this package: move it away")
    if layout > LAYOUT:
        raise JournalError(
            f"{file} was written by a newer version (layout {layout}, this one knows "
            f"{LAYOUT}): upgrade the package"
        )
    if not tables:
        steps: tuple[str, ...] = (_RECORDS, _HISTORY, _META)
    else:
        steps = tuple(step for steps in _MIGRATIONS[layout:] for step in steps)
    if not steps:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps:
            connection.execute(step)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
