"""What a refusal means: by code, else by status.

A body with a code is the venue's word, whatever the status: 400 with 50004 is
unknown, 200 with code 1 is how orders are refused, and 429 with a code is a limit.
A gateway's page (5xx, 408, a redirect, 403) proves nothing about a command, but for
429, which never reached it. A question has no effect: where a command would be
UNKNOWN, a question may simply be asked again.
"""

from __future__ import annotations

from connector.dialect.wire import Reply, Request, Throttle, Verdict
from connector.model.limits import BucketScope
from connector.venues.okx_v5 import codes
from connector.venues.okx_v5.codes import Meaning
from connector.venues.okx_v5.limits import ORDERS

UNREADABLE = "unreadable"
TEXT_MAX = 500
PAUSE_MS = 2000
"""One window: no time is told."""

PLACING = frozenset(("place", "place_algo", "place_batch"))
ENDING = frozenset(("amend", "amend_algo", "cancel", "cancel_algo", "cancel_batch"))
SETTING = frozenset(("set_leverage", "set_hedge_mode", "dead_man"))


def classify(request: Request, *, status: int, code: int | None, text: str) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    if code is not None:
        meaning = codes.meaning_of(code)
    elif status == 429:
        meaning = Meaning.NOT_EXECUTED
    else:
        meaning = Meaning.REFUSED if status in {400, 401, 404} else Meaning.UNKNOWN
    return Reply(
        verdict=_verdict(request, meaning),
        code=f"HTTP {status}" if code is None else str(code),
        text=text[:TEXT_MAX],
        throttle=_throttle(request, status, code),
        is_clock_error=code in codes.CLOCK_ERRORS,
        is_key_error=code in codes.KEY_ERRORS,
    )


def unreadable(request: Request, why: str) -> Reply:
    """The Reply to an answer that says neither yes nor no."""
    verdict = _verdict(request, Meaning.UNKNOWN)
    return Reply(verdict=verdict, code=UNREADABLE, text=why[:TEXT_MAX])


def _verdict(request: Request, meaning: Meaning) -> Verdict:
    op = request.op
    is_command = op in PLACING or op in ENDING or op in SETTING
    match meaning:
        case Meaning.REFUSED:
            return Verdict.REJECTED
        case Meaning.NOT_EXECUTED:
            return Verdict.NOT_EXECUTED
        case Meaning.UNKNOWN:
            return Verdict.UNKNOWN if is_command else Verdict.NOT_EXECUTED
        case Meaning.DUPLICATE:
            return Verdict.DUPLICATE if op in PLACING else Verdict.REJECTED
        case Meaning.GONE:
            if op in ENDING:
                return Verdict.NOT_OPEN
            # No answer to a placement: something in between mixed up requests.
            return Verdict.UNKNOWN if op in PLACING else Verdict.NOT_FOUND


def _throttle(request: Request, status: int, code: int | None) -> Throttle | None:
    """Which limit was met is not told: those of the call, or the one of all orders."""
    buckets: tuple[str, ...] = ()
    if code in codes.REQUEST_LIMITS:
        buckets = tuple(name for name, _ in request.cost if name != ORDERS)
    elif code in codes.ACCOUNT_LIMITS:
        buckets = (ORDERS,)
    if buckets:
        scope = BucketScope.ACCOUNT
        return Throttle(scope=scope, buckets=buckets, wait_ms=PAUSE_MS)
    if code in codes.BUSY or (status == 429 and code is None):
        return Throttle(scope=BucketScope.IP, wait_ms=PAUSE_MS)
    return None
