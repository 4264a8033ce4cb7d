"""Holes in the numbers of a ledger."""

from __future__ import annotations

import pytest

from connector.core.ledger_sequence import LedgerSequence


def told(*entries: tuple[str, int]) -> LedgerSequence:
    numbers = LedgerSequence()
    for asset, seq in entries:
        numbers.add(asset, seq)
    return numbers


@pytest.mark.parametrize(
    ("entries", "hole"),
    [
        ([], ""),
        ([("BTC", 7), ("BTC", 8), ("BTC", 9)], ""),
        ([("BTC", 9), ("BTC", 7), ("BTC", 8)], ""),
        ([("BTC", 7), ("ETH", 8), ("BTC", 9)], ""),  # counted per account
        ([("BTC", 7), ("BTC", 8), ("ETH", 7), ("ETH", 8)], ""),  # per currency
        ([("BTC", 7), ("BTC", 9)], "ledger entries 8"),
        ([("BTC", 7), ("ETH", 9), ("BTC", 10)], "ledger entries 8"),
        ([("BTC", 1), ("BTC", 9)], "ledger entries 2, 3, 4, 5, 6 and more"),
    ],
)
def test_what_is_missing(entries: list[tuple[str, int]], hole: str) -> None:
    """Whole by the account's count or by every currency's: whichever the venue uses;
    the order of arrival does not matter."""
    assert told(*entries).hole() == hole


def test_a_hole_is_told_once() -> None:
    """After a restart only what comes later counts, until it is filled or not."""
    numbers = told(("BTC", 7), ("BTC", 9))
    numbers.restart()
    assert numbers.hole() == ""
    numbers.add("BTC", 10)
    assert numbers.hole() == ""
    numbers.add("BTC", 12)
    assert numbers.hole() == "ledger entries 11"


def test_the_numbers_kept_are_bounded() -> None:
    """The newest thousands, and a hole among them is still seen."""
    numbers = told(*(("BTC", n) for n in range(10_000) if n != 9_500))
    assert numbers.hole() == "ledger entries 9500"
    assert sum(map(len, numbers._seen.values())) <= 4_000
