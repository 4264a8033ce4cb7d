"""What each return code means for the thing that was asked.

Source: "Error Codes" of the v5 documentation and its WebSocket order entry
guideline, read 2026-11.
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What happened to the thing that was asked."""

    REFUSED = "refused"  # did not and will not happen
    NOT_EXECUTED = "not_executed"  # was not processed; may be sent again
    UNKNOWN = "unknown"  # may have happened
    DUPLICATE = "duplicate"  # an order has this client id
    GONE = "gone"  # the order is not open, or not known (yet)
    BUSY = "busy"  # the order stands; an earlier change of it is under way
    UNCHANGED = "unchanged"  # was so already


CLOCK_ERRORS = frozenset((10002,))
RATE_LIMITED = 10006
TOO_MANY_SESSIONS = 10003  # on the WebSocket; elsewhere: the key is invalid
SERVICE_RESTARTS = 10019
IP_BANNED = frozenset((10009,))

# The key, its addresses, permissions, age or signature: no retry helps.
KEY_ERRORS = frozenset((10003, 10004, 10005, 10007, 10010, 33004))

# Over a limit: of the account (10006, 20003) or of the address and the system.
ACCOUNT_LIMITS = frozenset((RATE_LIMITED, 20003))
SYSTEM_LIMITS = frozenset((429, 10403, 10429))

# The account is being liquidated.
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
        *(10028, 10029, 10404, 20001, 33004),
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
    known = CODES.get(code)
    if known is not None:
        return known
    from_trading = 110_000 <= code < 120_000 or 30_000 <= code < 40_000
    return Meaning.REFUSED if from_trading else Meaning.UNKNOWN
