"""What a refusal means: by status, then by code.

A gateway's page (HTTP 403 without a code, 5xx, 408, 429, a redirect) proves
nothing about a command unless it says "too frequent". A question has no effect:
where a command would be UNKNOWN, a question may simply be asked again.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.dialect.wire import Reply, Request, Throttle, Verdict
from connector.model.limits import BucketScope
from connector.venues.bybit_v5 import codes
from connector.venues.bybit_v5.codes import Meaning

UNREADABLE = "unreadable"
TEXT_MAX = 500
IP_BAN_MS = 600_000
PAUSE_MS = 1000
RESET_MAX_MS = 60_000

PLACING = frozenset(("place", "place_batch"))
ENDING = frozenset(("amend", "cancel", "cancel_batch", "cancel_all"))
SETTING = frozenset(("set_leverage", "set_hedge_mode", "set_margin_mode"))


def classify(
    request: Request,
    *,
    status: int,
    code: int | None,
    text: str,
    headers: Mapping[str, str],
    server_ms: int = 0,
) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    sessions = code == codes.TOO_MANY_SESSIONS and "session" in text.lower()
    banned = code in codes.IP_BANNED or (
        status == 403 and code is None and "frequent" in text.lower()
    )
    if banned or sessions:
        meaning = Meaning.NOT_EXECUTED
    elif code is not None and (status < 300 or 400 <= status < 500):
        meaning = codes.meaning_of(code)
    else:
        refused = status in {400, 401, 404} and code is None
        meaning = Meaning.REFUSED if refused else Meaning.UNKNOWN
    return Reply(
        verdict=_verdict(request, meaning),
        code=f"HTTP {status}" if code is None else str(code),
        text=text[:TEXT_MAX],
        throttle=_throttle(status, code, headers, server_ms, banned=banned),
        is_clock_error=code in codes.CLOCK_ERRORS,
        is_key_error=code in codes.KEY_ERRORS and not sessions,
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
        case Meaning.UNCHANGED:
            return Verdict.UNCHANGED
        case Meaning.UNKNOWN:
            return Verdict.UNKNOWN if is_command else Verdict.NOT_EXECUTED
        case Meaning.DUPLICATE:
            return Verdict.DUPLICATE if op in PLACING else Verdict.REJECTED
        case Meaning.BUSY:
            return Verdict.NOT_EXECUTED if op in ENDING else Verdict.REJECTED
        case Meaning.GONE:
            if op in ENDING:
                return Verdict.NOT_OPEN
            # No answer to a placement: something in between mixed up requests.
            return Verdict.UNKNOWN if op in PLACING else Verdict.NOT_FOUND


def _throttle(
    status: int,
    code: int | None,
    headers: Mapping[str, str],
    server_ms: int,
    *,
    banned: bool,
) -> Throttle | None:
    if banned:
        return Throttle(scope=BucketScope.IP, wait_ms=IP_BAN_MS, is_ban=True)
    if status == 429 or code in codes.SYSTEM_LIMITS:
        return Throttle(scope=BucketScope.IP, wait_ms=PAUSE_MS)
    if code not in codes.ACCOUNT_LIMITS:
        return None
    told = headers.get("x-bapi-limit-reset-timestamp", "").strip()
    if not (told.isascii() and told.isdigit() and len(told) == 13):
        return Throttle(scope=BucketScope.ACCOUNT, wait_ms=PAUSE_MS)
    until_ms = int(told)
    if server_ms:
        until_ms = min(until_ms, server_ms + RESET_MAX_MS)
    return Throttle(scope=BucketScope.ACCOUNT, until_ms=until_ms)
