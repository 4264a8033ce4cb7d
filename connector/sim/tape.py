"""The decision tape: every choice of the simulated world, recorded and replayable.

A fault point asks the tape for a small integer; 0 always means "nothing happens",
and larger means worse. A tape is generated from a seed, or replayed from a list of
integers; past the end of a list every answer is 0. Shrinking a failing world is
therefore plain work on a list of integers: delete, zero and lower entries while
the world still fails. What is left is the list of faults that matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from random import Random

_monotonic = time.monotonic  # the real clock, also while a world replaces it


class Tape:
    """A source of decisions that remembers what it answered."""

    def __init__(
        self, *, seed: int | None = None, values: Sequence[int] | None = None
    ) -> None:
        """Generate from *seed*, or replay *values* (then 0 for ever).

        With both, *values* come first and the seed goes on after them.
        """
        self._replay = tuple(values or ())
        self._random = None if seed is None else Random(f"tape/{seed}")  # noqa: S311 - reproducible on purpose
        self.values: list[int] = []
        self.labels: list[str] = []

    def draw(self, label: str, bound: int, chance: float = 1.0) -> int:
        """An integer in ``0 <= n < bound``; 0 means no fault.

        A generated answer is nonzero with probability *chance*, then uniform; with
        ``chance=1`` it is uniform over the whole range, 0 included. A replayed
        answer that is out of bounds (the program took another path than when it
        was recorded) is reduced modulo *bound*. *label* names the fault point and
        only helps readers.
        """
        if bound < 1:
            raise ValueError(f"bound must be at least 1, not {bound}")
        position = len(self.values)
        if position < len(self._replay):
            value = self._replay[position] % bound
        elif self._random is None or bound == 1:
            value = 0
        elif chance >= 1.0:
            value = self._random.randrange(bound)
        elif self._random.random() < chance:
            value = self._random.randrange(1, bound)
        else:
            value = 0
        self.values.append(value)
        self.labels.append(label)
        return value

    def faults(self) -> list[tuple[int, str, int]]:
        """The nonzero answers so far as (position, label, value)."""
        return [
            (position, self.labels[position], value)
            for position, value in enumerate(self.values)
            if value
        ]


def shrink(
    tape: Sequence[int],
    fails: Callable[[list[int]], bool],
    *,
    max_steps: int = 2_000,
    budget_s: float | None = None,
) -> list[int]:
    """The smallest tape found that still fails; *tape* itself must fail.

    Zeroes groups of faults, lowers single ones and deletes stretches of the tape
    until nothing helps, *max_steps* runs of *fails* are spent, or *budget_s* seconds
    of real time have passed; at either limit the best tape so far is returned.
    Fewer faults are better, then a shorter tape, then smaller numbers. Trailing
    zeros are dropped: a replay answers 0 past its end. Raises ValueError if *tape*
    does not fail.
    """
    search = _Shrinker(fails, max_steps, budget_s)
    best = _without_trailing_zeros(list(tape))
    if not fails(list(best)):
        raise ValueError("the tape to shrink does not fail")
    while not search.is_spent:
        before = best
        best = search.sweep(best, _faults, _zeroed)
        best = search.lower(best)
        best = search.sweep(best, _positions, _deleted)
        if best == before:
            break
    return best


class _Shrinker:
    """Counts the runs of *fails* and never asks the same question twice."""

    def __init__(
        self,
        fails: Callable[[list[int]], bool],
        max_steps: int,
        budget_s: float | None,
    ) -> None:
        self._fails = fails
        self._steps_left = max_steps
        self._deadline = None if budget_s is None else _monotonic() + budget_s
        self._known: dict[bytes, bool] = {}

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        late = self._deadline is not None and _monotonic() >= self._deadline
        return self._steps_left <= 0 or late

    def better(self, best: list[int], candidate: list[int]) -> list[int]:
        """*candidate* if it is smaller than *best* and fails too, else *best*."""
        candidate = _without_trailing_zeros(candidate)
        if _size(candidate) >= _size(best) or self.is_spent:
            return best
        key = blake2b(repr(candidate).encode()).digest()
        if key not in self._known:
            self._steps_left -= 1
            self._known[key] = self._fails(list(candidate))
        return candidate if self._known[key] else best

    def sweep(
        self,
        best: list[int],
        places: Callable[[list[int]], Sequence[int]],
        edit: Callable[[list[int], Sequence[int]], list[int]],
    ) -> list[int]:
        """Edit groups of places, from half of them down to single ones.

        From the end: late decisions depend on early ones, not the reverse, so an
        edit leaves the places before it as they are.
        """
        length = max(1, len(places(best)) // 2)
        while True:
            end = len(places(best))
            while end > 0:
                start = max(0, end - length)
                best = self.better(best, edit(best, places(best)[start:end]))
                end = min(start, len(places(best)))
            if length == 1:
                return best
            length //= 2

    def lower(self, best: list[int]) -> list[int]:
        """Lower every fault by bisection towards the smallest that still fails."""
        for position in _faults(best):
            low = 0
            while position < len(best) and low < best[position]:
                middle = (low + best[position]) // 2
                candidate = [*best[:position], middle, *best[position + 1 :]]
                found = self.better(best, candidate)
                if found is best:
                    low = middle + 1
                best = found
        return best


def _faults(tape: list[int]) -> list[int]:
    return [position for position, value in enumerate(tape) if value]


def _positions(tape: list[int]) -> range:
    return range(len(tape))


def _zeroed(tape: list[int], places: Sequence[int]) -> list[int]:
    edited = list(tape)
    for place in places:
        edited[place] = 0
    return edited


def _deleted(tape: list[int], places: Sequence[int]) -> list[int]:
    return tape[: places[0]] + tape[places[-1] + 1 :]


def _without_trailing_zeros(tape: list[int]) -> list[int]:
    end = len(tape)
    while end and not tape[end - 1]:
        end -= 1
    return tape[:end]


def _size(tape: list[int]) -> tuple[int, int, int]:
    return len(_faults(tape)), len(tape), sum(tape)
