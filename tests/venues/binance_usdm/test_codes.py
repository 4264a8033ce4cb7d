"""Tests of codes: the table against the golden list of the venue's codes."""

from __future__ import annotations

import pytest

from connector.venues.binance_usdm.classify import (
    CLOCK_ERRORS,
    KEY_ERRORS,
    MEANINGS,
)
from connector.venues.verdicts import Meaning

STATED = {
    "REJECTED": {Meaning.REFUSED},
    "NOT_EXECUTED": {Meaning.NOT_EXECUTED},
    "UNKNOWN": {Meaning.UNKNOWN},
    "QUERY": {Meaning.GONE, Meaning.DUPLICATE},
    "UNCHANGED": {Meaning.REFUSED, Meaning.UNCHANGED},
    "n/a": {Meaning.REFUSED, Meaning.UNCHANGED},
}
# Where we say more, or less, than the list does.
OURS = {
    -1001: Meaning.UNKNOWN,  # called a failure, to be verified once: so verify
    -1015: Meaning.NOT_EXECUTED,  # over a limit: the same id may be sent again
    -1021: Meaning.NOT_EXECUTED,  # the clock, not the order, was refused
    -5028: Meaning.NOT_EXECUTED,
}


def test_no_code_is_invented(golden) -> None:
    """The venue lists 121; what is not named here is a refusal."""
    listed = {row["code"] for row in golden("error_codes.json")}
    assert len(listed) == 121
    assert listed >= set(MEANINGS)
    assert Meaning.REFUSED not in MEANINGS.values()


def test_every_code_means_what_the_list_says(golden) -> None:
    """Differences are on purpose, and named here."""
    for row in golden("error_codes.json"):
        code = row["code"]
        meaning = MEANINGS.get(code, Meaning.REFUSED)
        assert meaning in STATED[row["order_state"]] or meaning is OURS[code], code


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (-2013, Meaning.GONE),
        (-2011, Meaning.GONE),
        (-4117, Meaning.GONE),
        (-4116, Meaning.DUPLICATE),
        (-4046, Meaning.UNCHANGED),
        (-4059, Meaning.UNCHANGED),
        (-4171, Meaning.UNCHANGED),
        (-5027, Meaning.UNCHANGED),
        (-5043, Meaning.REFUSED),
        (-1007, Meaning.UNKNOWN),
    ],
)
def test_the_codes_that_decide_money(code: int, meaning: Meaning) -> None:
    """Each of them once led somebody else to a lost or a double order."""
    assert MEANINGS.get(code, Meaning.REFUSED) is meaning


def test_groups_are_codes_of_the_table(golden) -> None:
    """A typo in a group would switch a rule off in silence."""
    listed = {row["code"] for row in golden("error_codes.json")}
    assert listed >= CLOCK_ERRORS | KEY_ERRORS
