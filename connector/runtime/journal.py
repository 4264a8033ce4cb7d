"""What a journal is, whatever keeps it: records by (kind, key), and where they live.

A record is the newest body of one thing (an order intent, a fill, a cursor). Writing
the same (kind, key) again replaces it and moves it to the end of the sequence, so
that `load` with *since_seq* returns what changed since.

A record that is retired is history: it can be read and is no longer replayed, so that a
start costs what was in memory at the end and not what ever happened. Records are the
newest state of things, not steps towards it; therefore what is left after retiring *is*
the checkpoint, and no snapshot has to be made, or kept consistent with a tail.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connector.errors import ConfigError, JournalError
from connector.model.noun import Noun

STATE_DIR_VARIABLE = "CONNECTOR_STATE_DIR"
_INT64 = 1 << 63
_UNSAFE = re.compile(r"[^a-z0-9_-]")


Values = tuple[str, str, int, str]
"""kind, key, wall_ns, body"""

Name = tuple[str, str]
"""kind, key"""


class RecordLike(Protocol):
    """What can be written: text (usually JSON) under a kind and a key."""

    @property
    def kind(self) -> str:
        """Which sort of thing, such as "intent"."""
        ...

    @property
    def key(self) -> str:
        """Which one of its kind."""
        ...

    @property
    def wall_ns(self) -> int:
        """When it was made, UTC epoch ns; history is dropped by it."""
        ...

    @property
    def body(self) -> str:
        """Its state as text."""
        ...


class Record(Noun, frozen=True, kw_only=True, gc=False):
    """A plain `RecordLike`."""

    kind: str
    key: str
    wall_ns: int
    body: str


class Row(Noun, frozen=True, kw_only=True, gc=False):
    """A record as it was stored; *seq* grows with every write of the journal."""

    kind: str
    key: str
    seq: int
    wall_ns: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose journal it is; a journal is never opened for somebody else.

    *account* is the venue's name for the account (not the key: keys are rotated).
    "" when it is not known yet: then it is not compared, and the first known account
    is kept.
    """

    profile: str
    venue: str
    account: str = ""


class Journal(Protocol):
    """Kept by `connector.runtime.journal_file` or `journal_memory`.

    Errors: JournalFull (nothing of the batch was kept, try again later) and
    JournalError. A failed write leaves the journal usable.
    """

    def append(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool = True,
        retired: Sequence[Name] = (),
    ) -> None:
        """Commit *records*, then retire *retired* (names nobody knows are skipped), as
        one: all or none; on disk before it returns if *durable*, else surviving the
        death of the process but not of the machine."""
        ...

    async def write(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool,
        retired: Sequence[Name] = (),
    ) -> None:
        """As `append`, without blocking the event loop."""
        ...

    def load(
        self,
        kinds: Collection[str] | None = None,
        *,
        since_seq: int = 0,
        with_history: bool = False,
    ) -> Iterator[Row]:
        """Rows of *kinds* (None: all) with seq > *since_seq*, by seq; retired ones
        only *with_history* (they keep their place)."""
        ...

    def load_keys(self, kind: str) -> list[str]:
        """Keys of one kind, sorted."""
        ...

    def state_hash(self, kinds: Collection[str] | None = None) -> str:
        """Digest of all (kind, key, body) that `load` tells, whatever order they were
        written in."""
        ...

    def close(self) -> None:
        """Finish what was handed in and let go; closing twice is allowed."""
        ...


def checked(records: Sequence[RecordLike]) -> list[Values]:
    """*records* as they are stored.

    Raises JournalError for one that could not be: checked before it joins a batch,
    it fails nobody else's.
    """
    values: list[Values] = []
    for record in records:
        one = (record.kind, record.key, record.wall_ns, record.body)
        kind, key, wall_ns, body = one
        try:
            is_sound = -_INT64 <= wall_ns < _INT64
            for text in (kind, key, body):
                is_sound = is_sound and "\0" not in text
                if not text.isascii():
                    text.encode()  # half a character raises
        except (AttributeError, TypeError, UnicodeEncodeError):
            is_sound = False
        if not is_sound:
            raise JournalError(
                "a record is text (without NUL, in valid Unicode) with a time of "
                f"64 bits; this one, of kind {kind!r:.40}, is not"
            )
        values.append(one)
    return values


def hash_rows(rows: Iterable[tuple[str, str, str]]) -> str:
    """Digest of (kind, key, body) triples, which must come sorted by kind and key."""
    digest = hashlib.sha256()
    for row in rows:
        for text in row:
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()


def state_dir() -> Path:
    """Where journals live: $CONNECTOR_STATE_DIR, else under the XDG state directory.

    Raises ConfigError if the variable is not an absolute path. As the XDG base
    directory specification says, a relative XDG_STATE_HOME is ignored.
    """
    own = os.environ.get(STATE_DIR_VARIABLE, "")
    if own:
        if not Path(own).is_absolute():
            raise ConfigError(f"{STATE_DIR_VARIABLE} must be an absolute path: {own}")
        return Path(own)
    xdg = Path(os.environ.get("XDG_STATE_HOME", ""))
    base = xdg if xdg.is_absolute() else Path.home() / ".local" / "state"
    return base / "connector"


def journal_path(profile: str, name: str = "journal") -> Path:
    """The file for *profile* (such as ``live:binance/hedge``) and *name*.

    Everything but lower-case letters, digits, ``-`` and ``_`` is written as its code
    point in hexadecimal between dots, so that different names never share a file
    (not even where case does not count), none leaves the directory and none is
    hidden. Raises ConfigError for an empty or overlong name.
    """
    file_name = f"{_safe(profile)}@{_safe(name)}.db"
    if not profile or not name or len(file_name) > 200:
        raise ConfigError("profile and name of a journal: 1 to about 60 characters")
    return state_dir() / file_name


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda match: f".{ord(match[0]):x}.", text)
