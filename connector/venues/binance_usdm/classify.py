"""What a refusal means: by status, by code and, where those lie, by text.

The order of the rules is the point:

1. 429, 418 and -1003/-1015: over a limit, not executed, stop for as long as told.
2. The texts of the 503s, whatever number stands beside them: "Service
   Unavailable." and "Request throttled by system-level protection" were not
   executed; "Unknown error ..." may have been. "Internal error; unable to
   process your request" is called a failure by the documentation, with the
   advice to verify once: verifying is what UNKNOWN leads to, and resending a
   market order that was executed after all would double it.
3. Any other 5xx, 408, a redirect, or a body without a code: may have been
   executed. A gateway's 403 page too: some proxy may have passed the request on.
4. The code (`codes`); a code nobody listed is a refusal.

Source: "General Info", HTTP return codes, and "Error Codes"; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.dialect.wire import Reply, Request, Throttle
from connector.model.limits import BucketScope
from connector.venues.binance_usdm import codes
from connector.venues.verdicts import Meaning, failed

_NOT_EXECUTED_TEXTS = (
    "service unavailable",
    "throttled by system-level protection",
)
_UNKNOWN_TEXTS = (
    "unknown error, please check your request",
    "request occur unknown error",
    "internal error; unable to process",
    "execution status unknown",
)

_BAN_END = re.compile(r"until ([0-9]{13})")
_WAIT_MAX_MS = 3 * 86_400_000
_MINUTE_MS = 60_000
_BAN_MIN_MS = 120_000


def classify(
    request: Request,
    *,
    status: int,
    code: int | None,
    text: str,
    headers: Mapping[str, str],
    until_ms: int | None = None,
) -> Reply:
    """The Reply to a failure; *code* None when the body has none. *until_ms*: the
    body's own word about when a limit is over."""
    meaning = _meaning(status, code, text.lower())
    over_limit = _is_over_limit(status, code)
    return failed(
        request,
        meaning,
        status=status,
        code=code,
        text=text,
        throttle=(
            _throttle(status, code, text, headers, until_ms) if over_limit else None
        ),
        is_clock_error=code in codes.CLOCK_ERRORS,
        is_key_error=code in codes.KEY_ERRORS,
        is_counted=not (
            code in codes.NOT_COUNTED
            or any(sign in text.lower() for sign in _NOT_EXECUTED_TEXTS)
        ),
    )


def _is_over_limit(status: int, code: int | None) -> bool:
    return status in {418, 429} or code == -1003 or code in codes.ACCOUNT_LIMITS


def _meaning(status: int, code: int | None, text: str) -> Meaning:
    if _is_over_limit(status, code) or code in codes.NOT_COUNTED:
        return Meaning.NOT_EXECUTED
    if any(sign in text for sign in _NOT_EXECUTED_TEXTS) and code is not None:
        return Meaning.NOT_EXECUTED
    if any(sign in text for sign in _UNKNOWN_TEXTS):
        return Meaning.UNKNOWN
    if code is None or status == 408 or status >= 500 or 300 <= status < 400:
        return Meaning.UNKNOWN
    return codes.CODES.get(code, ("", Meaning.REFUSED))[1]


def _throttle(
    status: int,
    code: int | None,
    text: str,
    headers: Mapping[str, str],
    until_ms: int | None,
) -> Throttle:
    banned = status == 418 or "banned" in text
    match = _BAN_END.search(text)
    if match is not None:
        until_ms = int(match[1])
    told = headers.get("retry-after", "").strip()
    wait_ms: int | None = None
    if told.isascii() and told.isdigit() and len(told) <= 9:
        wait_ms = min(int(told) * 1000, _WAIT_MAX_MS)
    elif until_ms is None:
        # Not told: the shortest ban, or one window of the limit.
        wait_ms = _BAN_MIN_MS if banned else _MINUTE_MS
        if "TEN_SECONDS" in text:
            wait_ms = 10_000
    return Throttle(
        scope=(BucketScope.ACCOUNT if code in codes.ACCOUNT_LIMITS else BucketScope.IP),
        wait_ms=wait_ms,
        until_ms=until_ms,
        is_ban=banned,
    )
