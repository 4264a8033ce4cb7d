"""Error codes and what they say about the thing asked for.

Texts may carry a value (``price_too_high 43666.4288``), so only the code counts.
The page of errors opens with a table of common codes that contradicts its full
table (10002 is not a lack of funds); the full one is right. A code nobody listed is
a refusal.

Source: Deribit API, "RPC Error Codes", full table; read 2026-11.
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What a code says."""

    REFUSED = "refused"
    NOT_EXECUTED = "not_executed"  # and may be tried later
    UNKNOWN = "unknown"
    GONE = "gone"  # the order is final, or not known


TOO_MANY_REQUESTS = 10028
UNAUTHORIZED = 13009

_NOT_EXECUTED = (
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    10040,  # retry
    10041,  # settlement_in_progress
    10047,  # matching_engine_queue_full
    10066,  # too_many_quotes_per_second
    13503,  # unavailable
    13666,  # request_cancelled_by_user: purged from the queue
    13888,  # timed_out: valid_until passed
)
_UNKNOWN = (
    10001,  # error
    10050,  # lock_time_exceeded
    11031,  # internal_error
    11051,  # system_maintenance
    11094,  # internal_server_error
    13028,  # temporarily_unavailable
)
_GONE = (
    10004,  # order_not_found
    10010,  # already_closed
    11008,  # already_filled
    11044,  # not_open_order
)
ORDER_NOT_FOUND = 10004

NO_INSTRUMENT = frozenset((10020, 13020))

CODES = {
    **dict.fromkeys(_NOT_EXECUTED, Meaning.NOT_EXECUTED),
    **dict.fromkeys(_UNKNOWN, Meaning.UNKNOWN),
    **dict.fromkeys(_GONE, Meaning.GONE),
}

# The key itself: wrong, disabled, without the right, or of another network.
KEY_ERRORS = frozenset((10000, 11042, 13004, 13021, 13403))
LOCKED = frozenset((10019, 10048, 11098))
"""The account may not trade now."""
