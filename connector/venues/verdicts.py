"""What an answer means for the thing that was asked: one table for all venues.

A venue's `classify` says what happened (`Meaning`); what that is to a placement, to
the end of an order, to a setting or to a question is the same everywhere. A question
has no effect: where a command would be UNKNOWN, a question may simply be asked again.
"""

from __future__ import annotations

from enum import StrEnum

from connector.dialect.wire import Reply, Request, Throttle, Verdict

UNREADABLE = "unreadable"
TEXT_MAX = 500


class Meaning(StrEnum):
    """What happened to the thing that was asked."""

    REFUSED = "refused"  # did not and will not happen
    NOT_EXECUTED = "not_executed"  # was not processed; may be sent again
    UNKNOWN = "unknown"  # may have happened
    DUPLICATE = "duplicate"  # an order has this client id
    GONE = "gone"  # the order is not open, or not known (yet)
    BUSY = "busy"  # the order stands; an earlier change of it is under way
    UNCHANGED = "unchanged"  # was so already


def meaning_of_status(status: int) -> Meaning:
    """Of an answer whose body says nothing: a gateway's page (5xx, 408, a redirect,
    403) proves nothing about a command; 429 never reached it."""
    if status == 429:
        return Meaning.NOT_EXECUTED
    return Meaning.REFUSED if status in {400, 401, 404} else Meaning.UNKNOWN


_V = Verdict
# Of a placement, an amend or cancel, a setting, a question. (No answer to a placement
# is "gone": something in between mixed up requests.)
_VERDICTS = {
    Meaning.REFUSED: (_V.REJECTED,) * 4,
    Meaning.NOT_EXECUTED: (_V.NOT_EXECUTED,) * 4,
    Meaning.UNKNOWN: (_V.UNKNOWN, _V.UNKNOWN, _V.UNKNOWN, _V.NOT_EXECUTED),
    Meaning.DUPLICATE: (_V.DUPLICATE, _V.REJECTED, _V.REJECTED, _V.REJECTED),
    Meaning.GONE: (_V.UNKNOWN, _V.NOT_OPEN, _V.NOT_FOUND, _V.NOT_FOUND),
    Meaning.BUSY: (_V.REJECTED, _V.NOT_EXECUTED, _V.REJECTED, _V.REJECTED),
    Meaning.UNCHANGED: (_V.UNCHANGED,) * 4,
}
_COMMANDS = (("place",), ("amend", "cancel"), ("set_", "dead_man"))


def is_placing(op: str) -> bool:
    """Operations are named by what they do: this one makes orders."""
    return op.startswith(_COMMANDS[0])


def is_command(op: str) -> bool:
    """The operation changes something at the venue."""
    return any(op.startswith(names) for names in _COMMANDS)


def verdict_of(op: str, meaning: Meaning) -> Verdict:
    """What *meaning* is to an operation."""
    kinds = (kind for kind, names in enumerate(_COMMANDS) if op.startswith(names))
    return _VERDICTS[meaning][next(kinds, 3)]


def failed(
    request: Request,
    meaning: Meaning,
    *,
    status: int,
    code: int | None,
    text: str,
    throttle: Throttle | None = None,
    is_clock_error: bool = False,
    is_key_error: bool = False,
    is_counted: bool = True,
) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    return Reply(
        verdict=verdict_of(request.op, meaning),
        code=f"HTTP {status}" if code is None else str(code),
        text=text[:TEXT_MAX],
        throttle=throttle,
        is_clock_error=is_clock_error,
        is_key_error=is_key_error,
        is_counted=is_counted,
    )


def unreadable(request: Request, why: str) -> Reply:
    """The Reply to an answer that says neither yes nor no."""
    verdict = verdict_of(request.op, Meaning.UNKNOWN)
    return Reply(verdict=verdict, code=UNREADABLE, text=why[:TEXT_MAX])
