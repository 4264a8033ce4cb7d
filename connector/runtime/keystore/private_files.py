"""Files that nobody else may read: checked on reading, never half written.

The open file is checked, not its name, so that it cannot be exchanged in between.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from connector.errors import KeystoreUnavailable
from connector.model.credentials import Secret

TEXT_BYTES_MAX = 64 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO

_READ = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # or opening a FIFO would wait for ever
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_private_text(path: Path, *, forbidden: int = OTHERS) -> Secret:
    """The text of a private file of at most 64 KiB; errors as `read_private`."""
    text = read_private(path, bytes_max=TEXT_BYTES_MAX, forbidden=forbidden)
    decoded = decode_utf8(text)
    if decoded is None:
        raise KeystoreUnavailable(f"{path}: not a UTF-8 text")
    return decoded


def read_private(path: Path, *, bytes_max: int, forbidden: int = OTHERS) -> Secret:
    """What a private file holds, hidden, one latin-1 character per byte.

    Raises FileNotFoundError if it is not there, KeystoreUnavailable if its mode has
    a bit of *forbidden*, it belongs to another user, is no regular file, is larger
    than *bytes_max* or cannot be read.
    """
    problem = ""
    try:
        descriptor = os.open(path, _READ)
        with os.fdopen(descriptor, "rb") as file:
            problem = _unsafe(path, os.fstat(file.fileno()), forbidden)
            content = Secret("" if problem else file.read(bytes_max + 1).decode("l1"))
    except FileNotFoundError:
        raise
    except OSError as exc:
        problem = f"{path}: {exc.strerror}"
    if problem:
        raise KeystoreUnavailable(problem)
    if len(content.reveal()) > bytes_max:
        raise KeystoreUnavailable(f"{path}: larger than {bytes_max // 1024} KiB")
    return content


def write_private(path: Path, content: bytes) -> None:
    """Replace *path* by *content*, atomically and durably, mode 0600.

    A directory made on the way gets mode 0700. Raises KeystoreUnavailable.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    problem = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, _CREATE, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as exc:
        problem = exc.strerror
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    if problem is not None:
        raise KeystoreUnavailable(f"{path} could not be written: {problem}")


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # elsewhere a directory cannot be opened
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unsafe(path: Path, status: os.stat_result, forbidden: int) -> str:
    """What is unsafe about a file that others can read or have made, or ""."""
    if not stat.S_ISREG(status.st_mode):
        return f"{path}: not a regular file"
    if os.name != "posix":  # elsewhere the mode bits mean nothing
        return ""
    if status.st_mode & forbidden:
        return (
            f"{path} is open to other users (mode "
            f"{stat.S_IMODE(status.st_mode):04o}): refused. If nobody has read it, "
            f"type `chmod 600 {path}` (Kubernetes: defaultMode: 0400); if somebody "
            "may have, replace the key at the venue"
        )
    if status.st_uid not in (0, os.geteuid()):
        return (
            f"{path} belongs to another user (uid {status.st_uid}): refused; it must "
            "belong to you or to root"
        )
    return ""


def decode_utf8(content: Secret) -> Secret | None:
    """The text in *content* (one latin-1 character per byte); None if not UTF-8."""
    try:
        return Secret(content.reveal().encode("l1").decode("utf-8"))
    except UnicodeDecodeError:  # it carries the bytes
        return None
