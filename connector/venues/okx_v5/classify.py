"""What a refusal means: by code, else by status.

Codes stand in the envelope (``code``) or, for orders, in each row (``sCode``); one
that is not listed is a refusal. A body with a code is the venue's word, whatever the
status: 400 with 50004 is unknown, 200 with code 1 is how orders are refused, and 429
with a code is a limit. A gateway's page (5xx, 408, a redirect, 403) proves nothing
about a command, but for 429, which never reached it. 50004 says itself that the
result is neither success nor failure, 51149 and 51054 that the order timed out: those
are found out by asking, never by sending again, since client ids are unique among
pending orders only.

Source: "Error Code" of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from connector.dialect.wire import Reply, Request, Throttle
from connector.model.limits import BucketScope
from connector.venues.okx_v5.limits import ORDERS
from connector.venues.verdicts import Meaning, failed, meaning_of_status

PAUSE_MS = 2000
"""One window: no time is told."""
SERVICE_UPGRADE = 64008

CLOCK_ERRORS = frozenset((50102, 50112, 60004, 60006))
# The key, its passphrase, address list, permissions, environment or signature.
KEY_ERRORS = frozenset(
    (
        *(50035, 50100, 50101, 50103, 50104, 50105, 50106, 50110, 50111, 50113),
        *(50114, 50119, 50120, 60005, 60007, 60009, 60024, 60032),
    )
)
NOT_ENTITLED = frozenset((60029, 64003))  # the channel is for higher tiers
REQUEST_LIMITS, ACCOUNT_LIMIT, BUSY = frozenset((50011, 60014)), 50061, 50013
# The account is being liquidated, deleveraged or funded.
FROZEN = frozenset((50009, 50017, 50018, 50019, 50020, 50021, 50022, 50023))

_GROUPS: dict[Meaning, tuple[int, ...]] = {
    # Limits, deadlines and clocks: nothing happened, and trying again may help.
    Meaning.NOT_EXECUTED: (
        *(50006, 50011, 50036, 50037, 50038, 50040, 50061, 60011, 60014),
        *CLOCK_ERRORS,
    ),
    Meaning.UNKNOWN: (50001, 50004, 50013, 50026, 51054, 51149, 64007),
    Meaning.DUPLICATE: (50071, 51016),
    # 51410 (being cancelled already) and 51412 (being settled) are read as well: the
    # state that follows tells.
    Meaning.GONE: (
        *(51400, 51401, 51402, 51410, 51412, 51503, 51509, 51510, 51603, 51620),
    ),
    Meaning.BUSY: (51513,),
}
_MEANINGS = {code: meaning for meaning, group in _GROUPS.items() for code in group}


def classify(request: Request, *, status: int, code: int | None, text: str) -> Reply:
    """The Reply to a failure; *code* None when the body has none."""
    meaning = meaning_of_status(status)
    if code is not None:
        meaning = _MEANINGS.get(code, Meaning.REFUSED)
    return failed(
        request,
        meaning,
        status=status,
        code=code,
        text=text,
        throttle=_throttle(request, status, code),
        is_clock_error=code in CLOCK_ERRORS,
        is_key_error=code in KEY_ERRORS,
    )


def _throttle(request: Request, status: int, code: int | None) -> Throttle | None:
    """Which limit was met is not told: those of the call, or the one of all orders."""
    buckets: tuple[str, ...] = ()
    if code in REQUEST_LIMITS:
        buckets = tuple(name for name, _ in request.cost if name != ORDERS)
    elif code == ACCOUNT_LIMIT:
        buckets = (ORDERS,)
    if buckets:
        scope = BucketScope.ACCOUNT
        return Throttle(scope=scope, buckets=buckets, wait_ms=PAUSE_MS)
    if code == BUSY or (status == 429 and code is None):
        return Throttle(scope=BucketScope.IP, wait_ms=PAUSE_MS)
    return None
