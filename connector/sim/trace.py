"""What happened in a world, line by line, and one hash over all of it.

Two worlds behaved alike exactly if their hashes are equal. The hash covers every
line; only the last ones are kept for reading, so that memory stays flat over days.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One thing that happened at *at_ns* of virtual time.

    *connection* is 0 for lines that belong to no connection; *size* counts bytes;
    *text* is a digest of the bytes, or what the program noted. *preview* shows the
    beginning of the bytes if the trace keeps it; the hash does not cover it.
    """

    at_ns: int
    kind: str
    connection: int
    direction: str
    size: int
    text: str
    preview: str = ""

    def __str__(self) -> str:
        where = f"#{self.connection} {self.direction}" if self.connection else "-"
        size = f" {self.size} B" if self.size else ""
        what = f"{self.kind} {where}{size} {self.text} {self.preview}"
        return f"{self.at_ns / 1e9:.9f} {what}".rstrip()


class Trace:
    """Lines in order of virtual time.

    *keep* is how many stay readable, *preview* how many bytes of each write they
    show.
    """

    def __init__(
        self, clock: Callable[[], int], *, keep: int = 10_000, preview: int = 0
    ) -> None:
        self._clock = clock
        self._preview = preview
        self._hash = blake2b(digest_size=16)
        self.lines: deque[TraceLine] = deque(maxlen=keep)
        self.count = 0

    def add(
        self,
        kind: str,
        text: str = "",
        *,
        connection: int = 0,
        direction: str = "",
        size: int = 0,
        preview: str = "",
    ) -> None:
        """Add a line at the current virtual time."""
        at_ns = self._clock()
        line = TraceLine(at_ns, kind, connection, direction, size, text, preview)
        self.lines.append(line)
        self.count += 1
        self._hash.update(
            f"{at_ns}\t{kind}\t{connection}\t{direction}\t{size}\t{text}\n".encode()
        )

    def add_bytes(
        self, kind: str, data: bytes, *, connection: int, direction: str
    ) -> None:
        """Add a line for *data*: its size, its digest and perhaps a preview."""
        self.add(
            kind,
            blake2b(data, digest_size=8).hexdigest(),
            connection=connection,
            direction=direction,
            size=len(data),
            preview=repr(data[: self._preview]) if self._preview else "",
        )

    @property
    def hash(self) -> str:
        """Hex digest over all lines so far."""
        return self._hash.copy().hexdigest()

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))
