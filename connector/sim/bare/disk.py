"""The journal of a bare world: one writer, one commit for all that waits.

As `connector.session.journaling` does it: an intent that the disk refuses is refused
for good, everything else is written again later. `kill` loses what was not committed,
`lose_power` also what was committed and not synced.
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.core.effects import AppendJournal, JournalRecord
from connector.core.inputs import Input, JournalFailed, JournalWritten

_Key = tuple[str, str]


class BareDisk:
    """Rows by (kind, key); the newest wins. Bodies are written out by the commit."""

    def __init__(self) -> None:
        self.rows: dict[_Key, JournalRecord] = {}
        self._synced: dict[_Key, JournalRecord] = {}
        self._unsynced: dict[_Key, JournalRecord] = {}
        self._waiting: list[AppendJournal] = []
        self._unsaved: dict[_Key, JournalRecord] = {}
        self._retired: set[_Key] = set()  # and not yet synced
        self.history: set[_Key] = set()
        self.is_full = False

    @property
    def has_work(self) -> bool:
        """Something waits to be written."""
        return bool(self._waiting or self._unsaved)

    def put(self, effect: AppendJournal) -> None:
        """To be written by the next `commit`."""
        self._waiting.append(effect)

    def commit(self) -> list[Input]:
        """Write all that waits; returns what the machine is told."""
        effects, self._waiting = self._waiting, []
        if self.is_full:
            return self._refuse(effects)
        newest = self._unsaved
        for record in (r for effect in effects for r in effect.records):
            newest.pop((record.kind, record.key), None)
            newest[record.kind, record.key] = record
        self._unsaved = {}
        for (kind, name), record in newest.items():
            row = JournalRecord(kind, name, record.body)
            self.rows.pop((kind, name), None)
            self.rows[kind, name] = self._unsynced[kind, name] = row
        for effect in effects:
            for key in effect.retired:
                if self.rows.pop(key, None) is not None:
                    self._retired.add(key)
                    self.history.add(key)
        if any(effect.is_durable for effect in effects):
            for key, record in self._unsynced.items():
                self._synced.pop(key, None)
                self._synced[key] = record
            for key in self._retired - self.rows.keys():
                self._synced.pop(key, None)
            self._unsynced.clear()
            self._retired.clear()
        return [JournalWritten(effect.token) for effect in effects if effect.token]

    def _refuse(self, effects: list[AppendJournal]) -> list[Input]:
        told: list[Input] = []
        self._waiting = [
            AppendJournal((), is_durable=False, retired=e.retired)
            for e in effects
            if e.retired
        ]
        for effect in effects:
            if effect.token:
                told.append(JournalFailed(effect.token, "no space", is_full=True))
                continue
            self._unsaved.update({(r.kind, r.key): r for r in effect.records})
        return told

    def is_durable(self, kind: str, key: str) -> bool:
        """Whether a row survives a loss of power."""
        return (kind, key) in self._synced

    def kill(self) -> None:
        """The process died."""
        self._waiting.clear()
        self._unsaved.clear()

    def lose_power(self) -> None:
        """The machine died."""
        self.kill()
        self.rows = dict(self._synced)
        self._unsynced.clear()
        self._retired.clear()

    def records(self) -> list[JournalRecord]:
        """The rows as a new process reads them, oldest first."""
        return list(self.rows.values())

    def keys(self, kind: str) -> Iterator[str]:
        """Keys of one kind, of history too."""
        return (key for k, key in (*self.rows, *sorted(self.history)) if k == kind)
