"""What waits for a reconciliation is no longer than what happened."""

from __future__ import annotations

from decimal import Decimal as D

from connector.core.buffer import without_repeats
from connector.dialect.facts import AccountFact, BalanceFact, Fact, NoticeFact


def wallet(asset: str, amount: int, venue_ns: int) -> BalanceFact:
    return BalanceFact(asset=asset, wallet=D(amount), venue_ns=venue_ns)


def test_a_later_word_replaces_an_older_one() -> None:
    """Per asset and kind; the order of the rest stays."""
    notice = NoticeFact(code="a", text="b")
    sums = AccountFact(venue_ns=2, fields={"x": "1"}, scope="BTC")
    facts: list[Fact] = [
        wallet("BTC", 1, 1), notice, sums, wallet("ETH", 1, 1), wallet("BTC", 2, 2),
    ]  # fmt: skip
    assert without_repeats(facts) == facts[1:]


def test_a_late_old_word_replaces_nothing() -> None:
    """Frames may come out of order: the venue's time decides at the merge."""
    facts = [wallet("BTC", 2, 2), wallet("BTC", 1, 1)]
    assert without_repeats(facts) == facts


def test_what_is_told_again_at_the_same_time_counts_once() -> None:
    """Duplicated frames cost nothing."""
    assert without_repeats([wallet("BTC", 2, 2)] * 9) == [wallet("BTC", 2, 2)]
