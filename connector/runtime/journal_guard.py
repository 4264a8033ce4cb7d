"""Keeping a journal to ourselves: private files, a private directory, one writer.

Everything is checked by owner and mode bits before SQLite opens a file, because what
others can write is no evidence of our orders. SQLite gives its side files (-wal) the
mode of the database file, which is made 0600 here, whatever the umask.

The lock is flock on a file beside the journal: it belongs to one open file, so that a
second object in the same process is refused too, and the kernel drops it when the
process dies, however it dies; children that it forked let go at once. The lock file
stays; removing it would let two
processes lock two different files of the same name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import stat
import weakref
from pathlib import Path

from connector.errors import JournalError, JournalFull, JournalLocked

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def os_failure(exc: OSError, what: str) -> JournalError:
    """*exc* as a JournalError, or JournalFull when space is what is missing."""
    text = f"{what}: {exc.strerror or type(exc).__name__}"
    if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return JournalFull(text)
    return JournalError(text)


def private_directory(directory: Path) -> Path:
    """*directory*, resolved; made with mode 0700 where it or its parents are missing.

    Raises JournalError if others could write to it or replace it: it must belong to
    this user and be writable by nobody else, and so must its parents, which may also
    belong to root, be sticky as /tmp is, or be open to the group that is this user's
    alone (many systems make home directories so).
    """
    try:
        _make(directory)
        directory = directory.resolve(strict=True)
        for place in (directory, *directory.parents):
            _check_directory(place, is_ours=place == directory)
    except OSError as exc:
        raise os_failure(exc, f"journal directory {directory}") from exc
    return directory


def private_file(file: Path, *, create: bool) -> None:
    """See that *file* is a plain file of ours with mode 0600; make it if *create*.

    A file others may read is closed to them; one others may write is refused with
    JournalError. A missing file is fine unless *create*.
    """
    try:
        try:
            found = file.lstat()
        except FileNotFoundError:
            if create:
                flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
                descriptor = os.open(file, flags, 0o600)
                os.fchmod(descriptor, 0o600)
                os.close(descriptor)
                sync_directory(file.parent)
            return
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise JournalError(f"{file} is not a plain file: move it away")
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
            raise JournalError(
                f"{file} belongs to, or can be written by, somebody else: its content "
                "cannot be trusted; move it away, or check it and then "
                "`chown` and `chmod 600` it"
            )
        if found.st_mode & 0o077:
            # By name: closing a descriptor of a database SQLite has open would drop
            # SQLite's locks on it (POSIX).
            file.chmod(0o600)
    except OSError as exc:
        raise os_failure(exc, f"journal file {file}") from exc


def sync_directory(directory: Path) -> None:
    """Make names created in *directory* survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WriterLock:
    """The right to write one journal, held until `release` or the process's end."""

    def __init__(self, journal: Path) -> None:
        """Take it. Raises JournalLocked, naming the holder's pid, or JournalError."""
        file = journal.with_name(f"{journal.name}.lock")
        private_file(file, create=False)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        try:
            self._descriptor = os.open(file, flags, 0o600)
        except OSError as exc:
            raise os_failure(exc, f"lock file {file}") from exc
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = _read_pid(self._descriptor)
            os.close(self._descriptor)
            raise JournalLocked(str(journal), holder) from exc
        except OSError as exc:
            os.close(self._descriptor)
            raise os_failure(exc, f"lock file {file}") from exc
        os.fchmod(self._descriptor, 0o600)
        _held.add(self)
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it back; releasing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_held: weakref.WeakSet[WriterLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """A forked child keeps no journal: its copy of the descriptor would hold the lock
    for as long as the child lives, also when the session's process was killed."""
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_let_go_in_child)


def _make(directory: Path) -> None:
    if directory.is_dir():
        return
    parent = directory.parent
    if parent != directory:
        _make(parent)
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)  # the umask may have taken too much
        sync_directory(parent)


def _check_directory(place: Path, *, is_ours: bool) -> None:
    found = place.stat()
    owners = {os.geteuid()} if is_ours else {os.geteuid(), 0}
    open_to = found.st_mode & _OTHERS_WRITE
    if (not is_ours and found.st_mode & stat.S_ISVTX) or (
        not is_ours and open_to == stat.S_IWGRP and _is_own_group(found.st_gid)
    ):
        open_to = 0
    if found.st_uid not in owners or open_to:
        raise JournalError(
            f"journal directory refused: {place} belongs to, or can be written by, "
            f"somebody else; `chmod go-w {place}`, or set CONNECTOR_STATE_DIR to a "
            "directory of your own"
        )


def _is_own_group(group_id: int) -> bool:
    """Whether the group is the user's private one: of the same name, nobody else in."""
    try:
        group = grp.getgrgid(group_id)
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _read_pid(descriptor: int) -> int | None:
    try:
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
