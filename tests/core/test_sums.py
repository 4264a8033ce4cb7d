"""What was booked before a wallet's base is in it, however late it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.core.sums import Sums


@pytest.mark.parametrize(
    ("booked_ns", "expected"), [(9, "100"), (10, "100"), (11, "130")]
)
def test_an_entry_counts_from_the_time_of_the_base(
    booked_ns: int, expected: str
) -> None:
    """Law 13: a ledger answered empty at first brings old entries later; the wallet
    that was taken as the base holds them already."""
    sums = Sums()
    sums.rebase({}, {"USDT": Decimal(100)}, {}, {"USDT": 10})
    sums.add_entry("USDT", Decimal(30), booked_ns)
    assert sums.wallet("USDT") == Decimal(expected)


def test_a_fill_before_the_base_is_in_it_after_a_restart_too(story: Any) -> None:
    """Law 13: the position was told first, its fill by a later process: what the
    base counts from is durable with the mark that says how far the past is known."""
    desk = story.Desk()
    desk.core.restore([], desk.now)
    desk.position("1")
    desk.open()
    again = story.reborn(desk)
    assert again.core.state_hash() == desk.core.state_hash()
    filled_s = desk.t - 90  # before the base
    late = again.fill("web", "8", "t8", "1", t=filled_s)
    again.open()
    again.push(late)
    assert again.fills_told() == ["t8"]
    assert again.core.account.position_mismatches() == []
