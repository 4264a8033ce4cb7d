"""Client order ids: plain, short, never the same twice (law 5)."""

from __future__ import annotations

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from connector.core.restore import base36

PLAIN = set(string.ascii_lowercase + string.digits)


@given(st.integers(0, 10**40))
def test_base36_is_plain_and_reversible(number: int) -> None:
    """Letters and digits that every venue accepts; int() reads them back."""
    text = base36(number)
    assert set(text) <= PLAIN
    assert int(text, 36) == number
    assert text == "0" or not text.startswith("0")


def test_counting_never_repeats_and_keeps_its_order_by_length() -> None:
    """A counter in base 36 gives a new text every time."""
    names = [base36(n) for n in range(5000)]
    assert len(set(names)) == len(names)
    rng = random.Random(1)
    for _ in range(100):
        a, b = sorted(rng.sample(range(10**12), 2))
        assert (len(base36(a)), base36(a)) < (len(base36(b)), base36(b))
