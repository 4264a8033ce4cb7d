"""Exit codes, and which error ends in which.

    0    done
    1    failed for another reason (journal, rate limit, state not live, ...)
    2    usage: the command line, the profile file or the order is wrong
    3    keys, authentication or environment
    4    the venue refused
    5    the outcome is not known
    6    done, but differences to the venue are left
    7    the venue or the paper server cannot be reached
    130  interrupted

In every case but 0, 4, 5 and 6 nothing that was asked for has been sent, or a text
on stderr says what has.
"""

from __future__ import annotations

from enum import IntEnum

from connector.errors import (
    ConnectorError,
    CredentialsError,
    MaybeSent,
    NetworkError,
    NotLive,
    SessionClosed,
    Unreachable,
    UsageError,
    VenueRefused,
    WrongEnvironment,
)


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    USAGE = 2
    KEYS = 3
    REJECTED = 4
    IN_DOUBT = 5
    DIFFERENCES = 6
    UNREACHABLE = 7
    INTERRUPTED = 130


_CODES: tuple[tuple[type[ConnectorError], ExitCode], ...] = (
    # the first that fits: special ones above the families they belong to
    (WrongEnvironment, ExitCode.KEYS),
    (NotLive, ExitCode.FAILED),
    (SessionClosed, ExitCode.FAILED),
    (UsageError, ExitCode.USAGE),
    (CredentialsError, ExitCode.KEYS),
    (VenueRefused, ExitCode.REJECTED),
    (MaybeSent, ExitCode.IN_DOUBT),
    (NetworkError, ExitCode.UNREACHABLE),
    (Unreachable, ExitCode.UNREACHABLE),
    (ConnectorError, ExitCode.FAILED),
)


def code_of(error: ConnectorError) -> ExitCode:
    """The exit code of an error that ends a command."""
    return next(code for kind, code in _CODES if isinstance(error, kind))
