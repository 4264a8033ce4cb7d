"""What was booked before a wallet's base is in it, however late it is told."""

from __future__ import annotations

from decimal import Decimal

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
