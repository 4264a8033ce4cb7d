"""What each error code means for the thing that was asked.

Codes stand in the envelope (``code``) or, for orders, in each row (``sCode``); a
code that is not listed is a refusal. 50004 says itself that the result is neither
success nor failure, 51149 and 51054 that the order timed out: those are found out
by asking, never by sending again, since client ids are unique among pending orders
only.

Source: "Error Code" of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What happened to the thing that was asked."""

    REFUSED = "refused"  # did not and will not happen
    NOT_EXECUTED = "not_executed"  # was not processed; may be sent again
    UNKNOWN = "unknown"  # may have happened
    DUPLICATE = "duplicate"  # a pending order has this client id
    GONE = "gone"  # filled, cancelled, or never there


NOT_EXECUTED = frozenset(
    (
        50006,
        50011,
        50036,
        50037,
        50038,
        50040,
        50061,
        50102,
        50112,
        60004,
        60006,
        60011,
        60014,
    )
)
"""Limits, deadlines and clocks: nothing happened, and trying again may help."""

UNKNOWN = frozenset((50001, 50004, 50013, 50026, 51054, 51149, 64007))

DUPLICATE = frozenset((50071, 51016))

GONE = frozenset((51400, 51401, 51402, 51410, 51412, 51503, 51509, 51510, 51603, 51620))
"""51410 (being cancelled already) and 51412 (being settled) are read as well: the
state that follows tells."""

KEY_ERRORS = frozenset(
    (
        50035,
        50100,
        50101,
        50103,
        50104,
        50105,
        50106,
        50110,
        50111,
        50113,
        50114,
        50119,
        50120,
        60005,
        60007,
        60009,
        60024,
        60032,
    )
)
"""The key, its passphrase, address list, permissions, environment or signature."""

CLOCK_ERRORS = frozenset((50102, 50112, 60004, 60006))

REQUEST_LIMITS = frozenset((50011, 60014))
ACCOUNT_LIMITS = frozenset((50061,))
BUSY = frozenset((50013,))

FROZEN = frozenset((50009, 50017, 50018, 50019, 50020, 50021, 50022, 50023))
"""The account is being liquidated, deleveraged or funded."""

NOT_ENTITLED = frozenset((60029, 64003))
"""The channel is for higher tiers."""

SERVICE_UPGRADE = 64008


def meaning_of(code: int) -> Meaning:
    """What *code* says."""
    if code in NOT_EXECUTED:
        return Meaning.NOT_EXECUTED
    if code in UNKNOWN:
        return Meaning.UNKNOWN
    if code in DUPLICATE:
        return Meaning.DUPLICATE
    return Meaning.GONE if code in GONE else Meaning.REFUSED
