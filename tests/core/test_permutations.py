"""Any order of arrival, any duplicate, any restart: one end, one hash (law 14)."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from connector.dialect.facts import FillFact, OrderFact
from connector.model.events import FillEvent
from connector.model.order import OrderStatus, OrderType

S = OrderStatus

Step = Callable[[Any], None]
"""One arrival: a frame of the stream, or the answer to the command."""


class Life:
    """Everything that is told of one order, once, in its natural order."""

    def __init__(self, story: Any, name: str) -> None:
        self.story = story
        self.desk = desk = story.Desk()
        desk.feed(story.Start())
        while not desk.core.is_live:
            desk.wait(0.5)
        desk.clear()
        self.is_conditional = name == "triggered"
        given = {"order_type": OrderType.STOP_LIMIT} if self.is_conditional else {}
        desk.buy(trigger_price="90" if self.is_conditional else None, **given)
        self.facts = list(getattr(self, f"_{name}")())
        self.first = self.facts[0]
        self.trades = sorted(
            {f.trade_id for f in self.facts if isinstance(f, FillFact)}
        )

    def _filled(self) -> Iterator[Any]:
        d, t = self.desk, self.desk.t
        yield d.state("c1", "v1", t=t + 1)
        yield d.state("c1", "v1", S.PARTIALLY_FILLED, "0.4", t=t + 2)
        yield d.fill("c1", "v1", "t1", "0.4", t=t + 2)
        yield d.position("0.4", t=t + 2)
        yield d.balance("999", t=t + 2)
        yield d.state("c1", "v1", S.FILLED, "1", t=t + 3)
        yield d.fill("c1", "v1", "t2", "0.6", t=t + 3)
        yield d.position("1", t=t + 3)
        yield d.balance("998", t=t + 3)

    def _canceled(self) -> Iterator[Any]:
        d, t = self.desk, self.desk.t
        yield d.state("c1", "v1", t=t + 1)
        yield d.fill("c1", "v1", "t1", "0.4", t=t + 2)
        yield d.position("0.4", t=t + 2)
        yield d.state("c1", "v1", S.CANCELED, "0.4", t=t + 3, reason="by user")
        yield d.balance("999", t=t + 2)

    def _amended(self) -> Iterator[Any]:
        d, t, D = self.desk, self.desk.t, self.story.D
        terms = {"qty": D(2), "price": D(101)}
        yield d.state("c1", "v1", t=t + 1)
        yield d.fill("c1", "v1", "t1", "1", t=t + 2)
        yield d.state("c1", "v1", filled="1", t=t + 3, is_amend=True, **terms)
        yield d.state("c1", "v1", S.CANCELED, "1", t=t + 4, **terms)
        yield d.position("1", t=t + 2)

    def _refused(self) -> Iterator[Any]:
        d, t = self.desk, self.desk.t
        yield d.state("c1", "v1", t=t + 1)
        yield d.state("c1", "v1", S.EXPIRED, t=t + 1, reason="post only")
        yield d.balance("1000", t=t + 1)

    def _triggered(self) -> Iterator[Any]:
        d, t = self.desk, self.desk.t
        waiting = {
            "order_type": OrderType.STOP_LIMIT,
            "trigger_price": self.story.D(90),
        }
        became = {"triggered_order_id": "v1"}
        yield d.state("c1", "a1", t=t + 1, is_conditional=True, **waiting)
        yield d.state("c1", "a1", t=t + 2, is_conditional=True, **waiting, **became)
        yield d.state("c1", "v1", S.FILLED, "1", t=t + 3, **waiting)
        yield d.fill("c1", "v1", "t1", "1", t=t + 3)
        yield d.position("1", t=t + 3)

    @property
    def steps(self) -> list[Step]:
        """Every fact in a frame of its own, and the answer with the first state."""
        return [self._reply, *(self._push(fact) for fact in self.facts)]

    def _reply(self, desk: Any) -> None:
        if desk.open_calls("place"):
            desk.answer("place", self.story.ok(self.first))

    @staticmethod
    def _push(fact: Any) -> Step:
        return lambda desk: desk.push(fact)

    def end(self) -> Any:
        """All that must not depend on the order of arrival."""
        core = self.desk.core
        assert core.account.balances
        return (
            core.state_hash(),
            self.desk.held_qty(),
            core.account.balances["USDT"].wallet if core.account.balances else None,
            sorted(event.fill.trade_id for event in self.desk.told(FillEvent)),
            len(core.orders.open()),
        )


NAMES = ("filled", "canceled", "amended", "refused", "triggered")


def _orders(count: int, samples: int) -> Iterator[Sequence[int]]:
    """Every order of so many arrivals, or a sample where there are too many."""
    if count <= 5:
        yield from itertools.permutations(range(count))
        return
    rng = random.Random(count)
    yield tuple(reversed(range(count)))
    for _ in range(samples):
        yield tuple(rng.sample(range(count), count))


def _run(story: Any, name: str, order: Sequence[int]) -> Any:
    life = Life(story, name)
    steps = life.steps
    for index in order:
        steps[index](life.desk)
    if "USDT" not in life.desk.core.account.balances:
        life.desk.push(life.desk.balance("1000"))
    return life.end()


@pytest.mark.parametrize("name", NAMES)
def test_any_order_of_arrival_ends_in_the_same_hash(story: Any, name: str) -> None:
    """Laws 1 and 6: reply, states, fills, positions and balances in any order."""
    count = len(Life(story, name).steps)
    wanted = _run(story, name, range(count))
    for order in _orders(count, 150):
        assert _run(story, name, order) == wanted, order


@pytest.mark.parametrize("name", NAMES)
def test_duplicates_change_nothing(story: Any, name: str) -> None:
    """Law 1: told twice, or three times and late, is told once."""
    count = len(Life(story, name).steps)
    wanted = _run(story, name, range(count))
    rng = random.Random(7)
    for _ in range(60):
        order = [*range(count), *rng.choices(range(count), k=count)]
        rng.shuffle(order)
        assert _run(story, name, order) == wanted, order


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_at_any_point_replays_to_the_same_hash(story: Any, name: str) -> None:
    """Law 14: what was written is all that was known, after every single step."""
    count = len(Life(story, name).steps)
    for order in _orders(count, 25):
        life = Life(story, name)
        for index in order:
            life.steps[index](life.desk)
            again = story.reborn(life.desk).core
            if life.desk.tracked("c1").is_known_to_venue:
                assert again.state_hash() == life.desk.core.state_hash(), order
            else:
                (doubted,) = again.outcomes.in_doubt()
                assert doubted.client_order_id == "c1"


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_in_the_middle_ends_like_no_restart(story: Any, name: str) -> None:
    """Law 4: whatever was known when the process died, the next one ends in the
    same state, and between them every fill was told exactly once."""
    count = len(Life(story, name).steps)
    whole = Life(story, name)
    for step in whole.steps:
        step(whole.desk)
    rng = random.Random(3)
    for cut in range(count + 1):
        life = Life(story, name)
        order = rng.sample(range(count), count)
        for index in order[:cut]:
            life.steps[index](life.desk)
        again = story.reborn(life.desk)
        again.feed(story.Start())
        again.wait(15)
        assert again.core.is_live
        told = [*life.desk.fills_told(), *again.fills_told()]
        assert sorted(told) == life.trades
        mine, wanted = again.tracked("c1"), whole.desk.tracked("c1")
        for name_of in ("status", "qty", "price", "filled_qty", "fills_qty", "reason"):
            assert getattr(mine, name_of) == getattr(wanted, name_of), order[:cut]
        assert again.core.orders.fill_keys == whole.desk.core.orders.fill_keys
        assert again.held_qty() == whole.desk.held_qty()
        assert again.core.account.position_mismatches() == []


def test_states_of_strangers_in_any_order(story: Any) -> None:
    """Law 13: the same for orders we did not make, whichever word comes first."""
    wanted = None
    given = {"created_ns": 5}
    for order in itertools.permutations(range(4)):
        desk = story.Desk().open()
        t = desk.t
        facts: list[OrderFact | FillFact] = [
            desk.state("web", "w1", t=t + 1, **given),
            desk.fill("web", "w1", "t1", "0.4", t=t + 2),
            desk.state("web", "w1", S.PARTIALLY_FILLED, "0.4", t=t + 2, **given),
            desk.state("web", "w1", S.CANCELED, "0.4", t=t + 3, **given),
        ]
        for index in order:
            desk.push(facts[index])
        wanted = wanted or desk.core.state_hash()
        assert desk.core.state_hash() == wanted, order
