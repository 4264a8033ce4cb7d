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
4. The code; one that is not listed here is a refusal.

Source: "General Info", HTTP return codes, "Error Codes" and the change log; read
2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.dialect.wire import Reply, Request, Throttle
from connector.model.limits import BucketScope
from connector.venues.verdicts import Meaning, failed

INVALID_LISTEN_KEY = -1125

# Our timestamp was refused, at the gateway or at the matching engine: the order
# did not enter the book.
CLOCK_ERRORS = frozenset((-1021, -5028))
# The key, its address list, its permissions or its signature: no retry helps.
KEY_ERRORS = frozenset((-1002, -1011, -1022, -2014, -2015, -2017))
TOO_MANY_REQUESTS, TOO_MANY_ORDERS = -1003, -1015
_NOT_COUNTED = -1008  # throttled by the system: not charged to the limits

_GROUPS: dict[Meaning, tuple[int, ...]] = {
    Meaning.NOT_EXECUTED: (
        *(TOO_MANY_REQUESTS, TOO_MANY_ORDERS, _NOT_COUNTED),
        *CLOCK_ERRORS,
    ),
    # -1001 is called a failure, to be verified once: so it is verified.
    Meaning.UNKNOWN: (-1000, -1001, -1006, -1007, -2012, -4083),
    Meaning.DUPLICATE: (-4116,),
    Meaning.GONE: (-2011, -2013, -4117),
    Meaning.UNCHANGED: (-4046, -4059, -4171, -5027),
}
MEANINGS = {code: meaning for meaning, group in _GROUPS.items() for code in group}

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
_MINUTE_MS, _BAN_MIN_MS, _WAIT_MAX_MS = 60_000, 120_000, 3 * 86_400_000


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
        is_clock_error=code in CLOCK_ERRORS,
        is_key_error=code in KEY_ERRORS,
        is_counted=not (
            code == _NOT_COUNTED
            or any(sign in text.lower() for sign in _NOT_EXECUTED_TEXTS)
        ),
    )


def _is_over_limit(status: int, code: int | None) -> bool:
    return status in {418, 429} or code in {TOO_MANY_REQUESTS, TOO_MANY_ORDERS}


def _meaning(status: int, code: int | None, text: str) -> Meaning:
    if _is_over_limit(status, code) or code == _NOT_COUNTED:
        return Meaning.NOT_EXECUTED
    if any(sign in text for sign in _NOT_EXECUTED_TEXTS) and code is not None:
        return Meaning.NOT_EXECUTED
    if any(sign in text for sign in _UNKNOWN_TEXTS):
        return Meaning.UNKNOWN
    if code is None or status == 408 or status >= 500 or 300 <= status < 400:
        return Meaning.UNKNOWN
    return MEANINGS.get(code, Meaning.REFUSED)


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
        scope=BucketScope.ACCOUNT if code == TOO_MANY_ORDERS else BucketScope.IP,
        wait_ms=wait_ms,
        until_ms=until_ms,
        is_ban=banned,
    )
