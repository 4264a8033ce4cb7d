"""The market: deterministic, steerable, with a house that always quotes."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connector.paper.amounts import ceil_to, floor_to
from connector.paper.instruments import DEFAULT_INSTRUMENTS
from connector.paper.market import Market, mix
from connector.paper.words import Side

D = Decimal
BTC = DEFAULT_INSTRUMENTS[0]


def _walk(market: Market, steps: int) -> list[Decimal]:
    marks = []
    for step in range(1, steps + 1):
        market.walk(step)
        marks.append(market.mark)
    return marks


def test_mix_is_the_published_function() -> None:
    """splitmix64: first outputs for seed 1234567 (public reference vectors)."""
    state, outputs = 1234567, []
    for _ in range(3):
        outputs.append(mix(state))
        state = (state + 0x9E3779B97F4A7C15) & ((1 << 64) - 1)
    assert outputs == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_same_seed_same_walk() -> None:
    """A walk is a function of seed and symbol."""
    first, again, other = (_walk(Market(BTC, seed=seed), 500) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_volatility_is_what_was_set() -> None:
    """Deviation of relative steps within ten percent of the setting."""
    market = Market(BTC, seed=4)
    market.volatility = D("0.001")
    marks = [BTC.initial_mark, *_walk(market, 4000)]
    moves = [float(b / a - 1) for a, b in itertools.pairwise(marks)]
    deviation = (sum(move * move for move in moves) / len(moves)) ** 0.5
    assert 0.0009 < deviation < 0.0011


def test_zero_volatility_stands_still() -> None:
    """Quotes are renewed, prices are not."""
    market = Market(BTC, seed=1)
    market.volatility = D(0)
    assert {BTC.initial_mark} == set(_walk(market, 50))


@given(
    st.decimals("1", "1000000", places=8),
    st.integers(min_value=0, max_value=1000),
)
def test_the_house_quotes_around_any_mark(mark: Decimal, step: int) -> None:
    """Both sides, on the grid, outside the mark, best first, never empty levels."""
    market = Market(BTC, seed=9)
    market.volatility = D(0)
    market.walk(step)
    market.set_mark(mark)
    for side in Side:
        levels = market.ladder(side)
        assert market.best(side) == levels[0][0]
        prices = [price * -side.sign for price, _ in levels]
        assert sorted(set(prices)) == prices
        for price, qty in levels:
            assert price % BTC.tick_size == 0
            assert qty % BTC.qty_step == 0
            assert qty > 0
            assert price > 0
    if mark > 1:
        assert market.ladder(Side.BUY)[0][0] < mark < market.ladder(Side.SELL)[0][0]


def test_what_is_taken_is_gone_until_the_next_step() -> None:
    """Takers eat the ladder; a step renews it."""
    market = Market(BTC, seed=1)
    market.walk(1)
    price, qty = market.ladder(Side.SELL)[0]
    market.take(Side.SELL, qty / 2)
    assert (price, qty / 2) == market.ladder(Side.SELL)[0]
    market.take(Side.SELL, qty / 2)
    assert price < market.ladder(Side.SELL)[0][0]
    market.walk(2)
    assert len(market.ladder(Side.SELL)) == 20


def test_without_liquidity_there_is_no_house() -> None:
    """Factor zero empties both ladders."""
    market = Market(BTC, seed=1)
    market.liquidity = D(0)
    market.renew()
    assert [] == market.ladder(Side.BUY) == market.ladder(Side.SELL)


def test_index_and_funding_stay_near() -> None:
    """Index within a basis point of the mark, funding around its interest."""
    market = Market(BTC, seed=1)
    for step in range(1, 20_000, 600):
        market.walk(step)
        assert abs(market.index / market.mark - 1) <= D("0.000101")
        assert D("0") <= market.funding_rate <= D("0.0002")


@given(
    st.decimals("0", "1000000", places=6),
    st.sampled_from(["0.1", "0.01", "0.5", "1", "0.001"]),
)
def test_grid(value: Decimal, text: str) -> None:
    """Floor and ceiling are the nearest multiples around a value."""
    step = D(text)
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low % step == 0 == high % step
    assert low <= value <= high
    assert high - low in (0, step)
