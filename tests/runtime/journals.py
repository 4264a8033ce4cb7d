"""What the tests of the file journal share."""

from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from connector.runtime.journal import Owner, Record
from connector.runtime.journal_file import FileJournal

OWNER = Owner(profile="paper:binance", venue="binance", account="7")
GOLDEN = Path(__file__).parent.parent / "golden" / "journal"
KILLED = Path(__file__).with_name("journal_killed.py")


def record(
    key: str, body: str = "{}", kind: str = "intent", wall_ns: int = 1
) -> Record:
    return Record(kind=kind, key=key, wall_ns=wall_ns, body=body)


def opened(file: Path, **options: object) -> FileJournal:
    return FileJournal(file, OWNER, wall_ns=1, **options)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def killable(file: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, KILLED, file, str(number)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
