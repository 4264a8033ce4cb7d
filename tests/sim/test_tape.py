"""The decision tape: recorded, replayable, shrinkable."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sim.tape import Tape, shrink


def test_a_seed_gives_the_same_answers_and_a_list_replays_them() -> None:
    """Law: a tape is a function of its seed, and its values reproduce it."""
    first, second = Tape(seed=5), Tape(seed=5)
    draws = [(f"d{n}", 2 + n % 9, 0.3) for n in range(200)]
    for draw in draws:
        first.draw(*draw)
        second.draw(*draw)
    replay = Tape(values=first.values)
    for draw in draws:
        replay.draw(*draw)
    assert first.values == second.values == replay.values
    assert first.labels == replay.labels
    assert any(first.values)


def test_chance_zero_never_faults_and_past_the_end_is_zero() -> None:
    """Law: 0 means no fault, and no news is no fault."""
    quiet = Tape(seed=1)
    assert {quiet.draw("x", 9, 0.0) for _ in range(100)} == {0}
    replay = Tape(values=[3, 7])
    assert [replay.draw("x", 5) for _ in range(4)] == [3, 2, 0, 0]
    assert replay.faults() == [(0, "x", 3), (1, "x", 2)]
    with pytest.raises(ValueError, match="bound"):
        replay.draw("x", 0)


def test_values_then_seed() -> None:
    """Law: with both, the list comes first and the seed goes on."""
    tape = Tape(seed=1, values=[1, 1, 1])
    drawn = [tape.draw("x", 1_000_000) for _ in range(5)]
    assert drawn[:3] == [1, 1, 1]
    assert any(drawn[3:])


def test_a_failure_of_forty_decisions_shrinks_to_what_matters() -> None:
    """Law: a failing tape of 40 decisions shrinks to at most 6."""
    seed = next(n for n in itertools.count() if _breaks(_tape_of_40(n)))
    tape = _tape_of_40(seed)
    small = shrink(tape, _breaks)
    assert _breaks(small)
    assert len(small) <= 6
    assert small == [3, 4]
    assert len(tape) == 40


def _tape_of_40(seed: int) -> list[int]:
    tape = Tape(seed=seed)
    return [tape.draw("x", 8, 0.7) for _ in range(40)]


def _breaks(tape: list[int]) -> bool:
    """A cut of at least 3 and, later, a delay of at least 4."""
    cut = next((at for at, value in enumerate(tape) if value >= 3), None)
    return cut is not None and any(value >= 4 for value in tape[cut + 1 :])


def test_positions_that_matter_stay_where_they_are() -> None:
    """Law: where deleting would lose the failure, entries become zero instead."""
    tape = [5, 1, 2, 6, 3, 9, 1, 1]
    small = shrink(tape, lambda t: len(t) > 5 and t[5] >= 2)
    assert small == [0, 0, 0, 0, 0, 2]


@given(st.lists(st.integers(0, 9), max_size=25), st.integers(1, 40))
def test_shrinking_keeps_failing_and_never_grows(tape: list[int], total: int) -> None:
    """Law: the result fails, and is not larger than what went in."""

    def fails(values: list[int]) -> bool:
        return sum(values) >= total

    if not fails(tape):
        with pytest.raises(ValueError, match="does not fail"):
            shrink(tape, fails)
        return
    small = shrink(tape, fails, max_steps=300)
    assert fails(small)
    assert len(small) <= len(tape)


def test_the_step_budget_is_kept() -> None:
    """Law: the caller says how many runs shrinking may cost."""
    runs = 0

    def fails(values: list[int]) -> bool:
        nonlocal runs
        runs += 1
        return sum(values) > 3

    shrink([1] * 60, fails, max_steps=10)
    assert runs <= 11
    runs = 0
    shrink([1] * 60, fails, budget_s=0.0)
    assert runs == 1


def test_a_long_tape_with_few_faults_is_cheap_to_shrink() -> None:
    """Law: the cost grows with the faults, not with the length of the world."""
    tape = [0] * 20_000
    for position in range(500, 20_000, 1_000):
        tape[position] = 1 + position // 1_000 % 5
    runs = 0

    def fails(values: list[int]) -> bool:
        nonlocal runs
        runs += 1
        return sum(1 for value in values if value >= 3) >= 2

    small = shrink(tape, fails, max_steps=400)
    assert [value for value in small if value] == [3, 3]
    assert len(small) < 2_000
    assert runs <= 401
