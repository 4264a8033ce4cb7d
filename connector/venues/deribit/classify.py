"""What a failure means: the code where there is one, else how the answer came.

Texts may carry a value (``price_too_high 43666.4288``), so only the code counts. The
page of errors opens with a table of common codes that contradicts its full table
(10002 is not a lack of funds); the full one is right. A code nobody listed is a
refusal.

Source: Deribit API, "JSON-RPC" and "RPC Error Codes", full table; read 2026-11.
"""

from __future__ import annotations

from connector.dialect.wire import Reply, Request, Throttle
from connector.model.limits import BucketScope
from connector.model.noun import replace
from connector.venues.verdicts import Meaning, failed

TOO_MANY_REQUESTS = 10028
UNAUTHORIZED = 13009
FORBIDDEN = 13021

KEY_ERRORS = frozenset((10000, 11042, 13004, FORBIDDEN, 13403))
"""The key itself: wrong, disabled, without the right, or of another network."""

_GROUPS: dict[Meaning, tuple[int, ...]] = {
    Meaning.NOT_EXECUTED: (
        *(TOO_MANY_REQUESTS, UNAUTHORIZED),
        # retry, settlement, queue full, too many quotes, unavailable
        *(10040, 10041, 10047, 10066, 13503),
        13666,  # request_cancelled_by_user: purged from the queue
        13888,  # timed_out: valid_until passed
    ),
    # error, lock_time_exceeded, internal errors, maintenance, unavailable
    Meaning.UNKNOWN: (10001, 10050, 11031, 11051, 11094, 13028),
    # not found, closed, filled, not open
    Meaning.GONE: (10004, 10010, 11008, 11044),
}
CODES = {code: meaning for meaning, group in _GROUPS.items() for code in group}

_NO_INSTRUMENT = frozenset((10020, 13020))
_BREATHER_MS = 5_000
"""How long nothing is sent after the pool was found empty: it refills meanwhile."""
_UNARMED = (
    "cancel-on-disconnect is off, and this key may not arm it: switch it on for the "
    'account on the web page, or give the key the setting account = "read_write"'
)


def failure(request: Request, *, status: int, code: int | None, text: str) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    throttle = None
    if code == TOO_MANY_REQUESTS or status == 429:
        throttle = Throttle(
            # 429 without a code: the address has too many connections.
            scope=BucketScope.IP if code is None else BucketScope.ACCOUNT,
            wait_ms=_BREATHER_MS,
        )
    is_scope = request.op == "dead_man_arm" and code == FORBIDDEN
    reply = failed(
        request,
        _meaning(request, status, code),
        status=status,
        code=code,
        text=_UNARMED if is_scope else text,
        throttle=throttle,
        is_key_error=code in KEY_ERRORS and not is_scope,
    )
    return replace(reply, is_token_error=code == UNAUTHORIZED)


def _meaning(request: Request, status: int, code: int | None) -> Meaning:
    if code is None:
        return Meaning.NOT_EXECUTED if status == 429 else Meaning.UNKNOWN
    if request.op == "fills" and code in _NO_INSTRUMENT:
        # The log names futures that only exist while options are delivered.
        return Meaning.GONE
    return CODES.get(code, Meaning.REFUSED)
