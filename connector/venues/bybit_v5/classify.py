"""What a refusal means: by status, then by code.

A gateway's page (HTTP 403 without a code, 5xx, 408, 429, a redirect) proves
nothing about a command unless it says "too frequent".

Source: "Error Codes" of the v5 documentation and its WebSocket order entry
guideline, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.dialect.wire import Reply, Request, Throttle
from connector.model.limits import BucketScope
from connector.venues.bybit_v5.limits import buckets_of
from connector.venues.verdicts import Meaning, failed

IP_BAN_MS = 600_000
PAUSE_MS = 1000
RESET_MAX_MS = 60_000

CLOCK_ERROR = 10002
SERVICE_RESTARTS = 10019
IP_BANNED = 10009
TOO_MANY_SESSIONS = 10003  # on the WebSocket; elsewhere: the key is invalid
# The key, its addresses, permissions, age or signature: no retry helps.
KEY_ERRORS = frozenset((10003, 10004, 10005, 10007, 10010, 33004))
# Over a limit: of one operation of the account, or of the address and the system.
ACCOUNT_LIMITS = frozenset((10006, 20003))
SYSTEM_LIMITS = frozenset((429, 10403, 10429))
LIQUIDATION = frozenset((110035, 110080))


_GROUPS: dict[Meaning, tuple[int, ...]] = {
    Meaning.NOT_EXECUTED: (10002, 10006, 10019, 10403, 20003),
    Meaning.UNKNOWN: (
        *(429, 10000, 10014, 10016, 10429, 20006),
        *(170007, 170032, 170146),
    ),
    Meaning.DUPLICATE: (110072, 170141),
    Meaning.GONE: (110001, 110008, 110010, 170213),
    Meaning.BUSY: (40004, 110022, 110079),
    Meaning.UNCHANGED: (34040, 110025, 110026, 110043),
    Meaning.REFUSED: (
        # never reached trading
        *(10001, 10003, 10004, 10005, 10007, 10009, 10010, 10017, 10024, 10027),
        *(10028, 10029, 10404, 20001, 33004, 181017, 3400045),
        # price band, trigger side
        *(30208, 30209, 110003, 110092, 110093, 110120, 110121),
        # funds
        *(110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053),
        # size, count, state of the account or the instrument
        *(30228, 110009, 110017, 110020, 110021, 110023, 110040, 110063, 110064),
        *(110066, 110074, 110094, 110103, 110132),
        *LIQUIDATION,
    ),
}
CODES = {code: meaning for meaning, group in _GROUPS.items() for code in group}


def meaning_of(code: int) -> Meaning:
    """Codes of the trading engines that nobody listed are refusals; any other
    unlisted code says nothing certain."""
    from_trading = 110_000 <= code < 120_000 or 30_000 <= code < 40_000
    return CODES.get(code, Meaning.REFUSED if from_trading else Meaning.UNKNOWN)


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
    sessions = code == TOO_MANY_SESSIONS and "session" in text.lower()
    banned = code == IP_BANNED or (
        status == 403 and code is None and "frequent" in text.lower()
    )
    if banned or sessions:
        meaning = Meaning.NOT_EXECUTED
    elif code is not None and (status < 300 or 400 <= status < 500):
        meaning = meaning_of(code)
    else:
        refused = status in {400, 401, 404} and code is None
        meaning = Meaning.REFUSED if refused else Meaning.UNKNOWN
    throttle = None
    if banned:
        throttle = Throttle(scope=BucketScope.IP, wait_ms=IP_BAN_MS, is_ban=True)
    elif status == 429 or code in SYSTEM_LIMITS:
        throttle = Throttle(scope=BucketScope.IP, wait_ms=PAUSE_MS)
    elif code in ACCOUNT_LIMITS:
        throttle = _of_operation(request.op, headers, server_ms)
    return failed(
        request,
        meaning,
        status=status,
        code=code,
        text=text,
        throttle=throttle,
        is_clock_error=code == CLOCK_ERROR,
        is_key_error=code in KEY_ERRORS and not sessions,
    )


def _of_operation(op: str, headers: Mapping[str, str], server_ms: int) -> Throttle:
    """Until the told time, but not for longer than makes sense."""
    told = headers.get("x-bapi-limit-reset-timestamp", "").strip()
    scope, buckets = BucketScope.ACCOUNT, buckets_of(op)
    if not (told.isascii() and told.isdigit() and len(told) == 13):
        return Throttle(scope=scope, buckets=buckets, wait_ms=PAUSE_MS)
    until_ms = int(told)
    if server_ms:
        until_ms = min(until_ms, server_ms + RESET_MAX_MS)
    return Throttle(scope=scope, buckets=buckets, until_ms=until_ms)
