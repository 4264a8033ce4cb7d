"""What a failure means: the code where there is one, else how the answer came.

A question has no effect: where a command would be UNKNOWN, a question may simply be
asked again.

Source: Deribit API, "JSON-RPC" and "RPC Error Codes"; read 2026-11.
"""

from __future__ import annotations

from connector.dialect.wire import Reply, Request, Throttle, Verdict
from connector.model.limits import BucketScope
from connector.venues.deribit import codes
from connector.venues.deribit.codes import Meaning

TEXT_MAX = 500
UNREADABLE = "unreadable"

_ENDING = frozenset(("amend", "cancel", "cancel_all"))
_COMMANDS = _ENDING | {"place", "protect"}
_BREATHER_MS = 5_000
"""How long nothing is sent after the pool was found empty: it refills meanwhile."""


def failure(request: Request, *, status: int, code: int | None, text: str) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    meaning = _meaning(status, code)
    throttle = None
    if code == codes.TOO_MANY_REQUESTS or status == 429:
        throttle = Throttle(
            # 429 without a code: the address has too many connections.
            scope=BucketScope.IP if code is None else BucketScope.ACCOUNT,
            wait_ms=_BREATHER_MS,
        )
    return Reply(
        verdict=_verdict(request, meaning, code),
        code=f"HTTP {status}" if code is None else str(code),
        text=text[:TEXT_MAX],
        throttle=throttle,
        is_key_error=code in codes.KEY_ERRORS,
    )


def unreadable(request: Request, why: str) -> Reply:
    """The Reply to an answer that says neither yes nor no."""
    return Reply(
        verdict=_verdict(request, Meaning.UNKNOWN),
        code=UNREADABLE,
        text=why[:TEXT_MAX],
    )


def _meaning(status: int, code: int | None) -> Meaning:
    if code is not None:
        return codes.CODES.get(code, Meaning.REFUSED)
    return Meaning.NOT_EXECUTED if status == 429 else Meaning.UNKNOWN


def _verdict(request: Request, meaning: Meaning, code: int | None = None) -> Verdict:
    if request.op == "fills" and code in codes.NO_INSTRUMENT:
        # The log names futures that only exist while options are delivered.
        return Verdict.NOT_FOUND
    match meaning:
        case Meaning.REFUSED:
            return Verdict.REJECTED
        case Meaning.NOT_EXECUTED:
            return Verdict.NOT_EXECUTED
        case Meaning.UNKNOWN:
            is_command = request.op in _COMMANDS
            return Verdict.UNKNOWN if is_command else Verdict.NOT_EXECUTED
        case Meaning.GONE:
            if request.op in _ENDING:
                return Verdict.NOT_OPEN
            # No answer to a placement: something in between mixed up requests.
            return Verdict.UNKNOWN if request.op == "place" else Verdict.NOT_FOUND
