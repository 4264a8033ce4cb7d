"""Orders and fills: facts in any order, any number of times, end in one state."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.orders import Orders, fill_of_fact
from connector.core.sync_run import causal
from connector.dialect.facts import FillFact, OrderFact
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.order import (
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    Side,
)

D = Decimal
S = OrderStatus
BTC = Symbol("BTCUSDT")
MINE = ClientOrderId("c1")


def intent(**given: Any) -> OrderIntent:
    base: dict[str, Any] = {
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "qty": D(3),
        "price": D(100),
    }
    return OrderIntent(**{**base, **given})


def state(
    status: OrderStatus,
    filled: str,
    ns: int,
    *,
    client: str | None = "c1",
    venue: str = "v1",
    **given: Any,
) -> OrderFact:
    base: dict[str, Any] = {
        "symbol": BTC,
        "venue_order_id": VenueOrderId(venue),
        "client_order_id": None if client is None else ClientOrderId(client),
        "status": status,
        "venue_ns": ns,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "qty": D(3),
        "price": D(100),
        "filled_qty": D(filled),
        "avg_price": D(100) if D(filled) else None,
    }
    return OrderFact(**{**base, **given})


def fill(
    trade: str, qty: str, ns: int, *, client: str | None = "c1", venue: str = "v1"
) -> FillFact:
    return FillFact(
        symbol=BTC,
        venue_order_id=VenueOrderId(venue),
        client_order_id=None if client is None else ClientOrderId(client),
        trade_id=TradeId(trade),
        side=Side.BUY,
        qty=D(qty),
        price=D(100),
        venue_ns=ns,
    )


def own(**given: Any) -> Orders:
    """Orders with one of ours that was just asked for."""
    orders = Orders()
    orders.add_own(intent(**given), MINE, 1)
    return orders


def merge(orders: Orders, facts: Any) -> list[str]:
    """Merge all; the trade ids that were told."""
    told = []
    for fact in facts:
        if isinstance(fact, OrderFact):
            orders.merge_order(fact)
        else:
            told += [f.trade_id for f in orders.merge_fill(fact).fills]
    return told


def end_of(orders: Orders) -> Any:
    """All that must not depend on the order of arrival."""
    return (
        sorted(
            (
                t.client_order_id if t.origin is Origin.OWN else "",
                t.venue_order_id,
                t.triggered_order_id,
                t.status,
                t.qty,
                t.price,
                t.filled_qty,
                t.fills_qty,
                t.avg_price,
                t.venue_ns,
                t.is_terminal,
            )
            for t in orders.all()
        ),
        orders.fill_keys,
        sorted(o.client_order_id for o in orders.snapshots(only_open=True)),
    )


LIVES = {
    "filled in two": [
        state(S.NEW, "0", 10),
        state(S.PARTIALLY_FILLED, "1", 20),
        fill("t1", "1", 20),
        state(S.FILLED, "3", 30),
        fill("t2", "2", 30),
    ],
    "canceled after a part": [
        state(S.NEW, "0", 10),
        state(S.PARTIALLY_FILLED, "1", 20),
        fill("t1", "1", 20),
        state(S.CANCELED, "1", 30),
    ],
    "amended upwards, then filled to the old size": [
        state(S.NEW, "0", 10, qty=D(1)),
        state(S.NEW, "0", 20, qty=D(3), price=D(101), is_amend=True),
        fill("t1", "1", 30),
        state(S.PARTIALLY_FILLED, "1", 30, qty=D(3), price=D(101)),
    ],
    "amended upwards, the state after the fill never told": [
        state(S.NEW, "0", 10, qty=D(1)),
        state(S.NEW, "0", 20, qty=D(3), price=D(101), is_amend=True),
        fill("t1", "1", 30),
    ],
    "amended after a part": [
        state(S.NEW, "0", 10),
        fill("t1", "1", 20),
        state(S.PARTIALLY_FILLED, "1", 20),
        state(S.PARTIALLY_FILLED, "1", 30, qty=D(5), price=D(99), is_amend=True),
    ],
    "fills without their states": [
        state(S.NEW, "0", 10),
        fill("t1", "1", 20),
        fill("t2", "2", 30),
    ],
    "expired at once": [state(S.NEW, "0", 10), state(S.EXPIRED, "0", 10)],
}


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("mine", [True, False], ids=["own", "external"])
def test_any_order_of_facts_ends_in_the_same_state(name: str, mine: bool) -> None:
    """Law 1 and 6: order of arrival and duplicates change nothing, exhaustively."""
    facts = LIVES[name]
    wanted = None
    told = sorted(f.trade_id for f in facts if isinstance(f, FillFact))
    for doubled in [None, *facts]:
        twice = [*facts, doubled] if doubled is not None else facts
        for order in itertools.permutations(twice):
            orders = own() if mine else Orders()
            assert sorted(merge(orders, order)) == told
            ended = end_of(orders)
            wanted = wanted or ended
            assert ended == wanted, [f.venue_ns for f in order]


@given(st.lists(st.sampled_from(sorted(LIVES)), min_size=2, max_size=3), st.randoms())
@settings(max_examples=60, deadline=None)
def test_lives_of_several_orders_may_interleave(
    names: list[str], rng: random.Random
) -> None:
    """Law 1: facts of different orders do not disturb each other, whatever comes
    first and however often."""
    facts: list[Any] = []
    for index, name in enumerate(names):
        for fact in LIVES[name]:
            named = {"venue": f"v{index}", "client": f"x{index}"}
            if isinstance(fact, FillFact):
                facts.append(
                    fill(
                        f"{index}-{fact.trade_id}",
                        str(fact.qty),
                        fact.venue_ns,
                        **named,
                    )
                )
            else:
                facts.append(
                    state(
                        fact.status,
                        str(fact.filled_qty),
                        fact.venue_ns,
                        qty=fact.qty,
                        price=fact.price,
                        **named,
                    )
                )
    straight = Orders()
    merge(straight, facts)
    shuffled = facts + rng.choices(facts, k=len(facts))
    rng.shuffle(shuffled)
    mixed = Orders()
    merge(mixed, shuffled)
    assert end_of(mixed) == end_of(straight)


TRIGGERED = [
    state(
        S.NEW,
        "0",
        10,
        venue="a1",
        is_conditional=True,
        order_type=OrderType.STOP_MARKET,
    ),
    state(
        S.NEW,
        "0",
        20,
        venue="a1",
        is_conditional=True,
        order_type=OrderType.STOP_MARKET,
        triggered_order_id=VenueOrderId("v1"),
    ),
    state(
        S.FILLED,
        "3",
        25,
        order_type=OrderType.STOP_MARKET,
        triggered_order_id=VenueOrderId("v1"),
    ),
    fill("t1", "3", 25),
    state(
        S.FILLED,
        "3",
        30,
        venue="a1",
        is_conditional=True,
        order_type=OrderType.STOP_MARKET,
        triggered_order_id=VenueOrderId("v1"),
    ),
]


def test_a_triggered_order_is_one_order_in_any_order() -> None:
    """Law 5: the waiting object and what it became are one order, told once."""
    wanted = None
    for order in itertools.permutations(TRIGGERED):
        orders = own(order_type=OrderType.STOP_MARKET, price=None)
        assert merge(orders, order) == ["t1"]
        assert len(orders.all()) == 1
        tracked = orders.all()[0]
        ended = (tracked.status, tracked.filled_qty, tracked.missing_fills)
        wanted = wanted or ended
        assert ended == wanted == (S.FILLED, D(3), D(0))
        assert (tracked.venue_order_id, tracked.triggered_order_id) == ("a1", "v1")


def test_a_snapshot_tells_first_what_a_trigger_made() -> None:
    """Executions name the new order only: whose they are is known before them."""
    waiting, filled = TRIGGERED[-1], TRIGGERED[-2]
    orders = own(order_type=OrderType.STOP_MARKET, price=None)
    merge(orders, TRIGGERED[:1])
    first, *_ = told = causal([filled, waiting], orders)
    assert (first.triggered_order_id, first.status) == ("v1", S.NEW)
    assert first.filled_qty is None, "its end comes after its executions"
    assert told.index(filled) < told.index(waiting)
    assert merge(orders, told) == ["t1"]
    assert len(orders.all()) == 1


def test_a_triggered_order_of_others_is_one_order() -> None:
    """Law 13: told by its end first, by its waiting object later, it is the same."""
    for order in itertools.permutations(TRIGGERED):
        orders = Orders()
        merge(orders, order)
        filled = [t for t in orders.all() if t.filled_qty]
        assert [t.missing_fills for t in filled] == [D(0)], [f.venue_ns for f in order]
        assert orders.open() == []


def test_a_reused_client_id_is_another_order() -> None:
    """Race: the same client id with another venue id never touches the first."""
    orders = Orders()
    merge(orders, [state(S.FILLED, "3", 10, client="x", venue="v1")])
    merge(orders, [fill("t9", "1", 20, client="x", venue="v2")])
    merge(orders, [state(S.PARTIALLY_FILLED, "1", 20, client="x", venue="v2")])
    first, second = orders.all()
    assert (first.client_order_id, first.status, first.filled_qty) == ("x", S.FILLED, 3)
    assert (second.venue_order_id, second.filled_qty) == ("v2", 1)
    assert second.client_order_id != "x"


def test_the_same_venue_id_on_two_instruments_is_two_orders() -> None:
    """Venue ids are unique per instrument only."""
    orders = Orders()
    merge(orders, [state(S.NEW, "0", 10, client=None)])
    merge(orders, [state(S.NEW, "0", 10, client=None, symbol=Symbol("ETHUSDT"))])
    assert len(orders.open()) == 2
    assert orders.find(BTC, VenueOrderId("v1")) is orders.all()[0]


@pytest.mark.parametrize("word", ["state", "fill"])
def test_any_word_of_the_venue_overrides_our_own_conclusion(word: str) -> None:
    """Law 3: what we took for refused or absent is adopted when it shows up."""
    orders = own()
    tracked = orders.all()[0]
    orders.end(tracked, S.REJECTED, "the venue twice knew nothing of it")
    assert orders.open() == []
    fact = state(S.NEW, "0", 50) if word == "state" else fill("t1", "1", 50)
    merge(orders, [fact])
    assert tracked.status is (S.NEW if word == "state" else S.PARTIALLY_FILLED)
    assert tracked.reason == ""
    assert orders.open() == [tracked]


def test_the_venues_final_word_stays() -> None:
    """A final state told by the venue never reverts."""
    orders = own()
    merge(orders, [state(S.CANCELED, "1", 20, reason="by user")])
    merge(orders, [state(S.PARTIALLY_FILLED, "1", 30), state(S.NEW, "0", 40)])
    tracked = orders.all()[0]
    assert (tracked.status, tracked.reason) == (S.CANCELED, "by user")


def test_a_fill_of_an_unknown_order_waits_for_its_order() -> None:
    """Law 13: counted at once, the order itself is a stub until it is told."""
    orders = Orders()
    change = orders.merge_fill(fill("t1", "1", 20, client=None))
    stub = change.tracked
    assert stub is not None
    assert change.is_new_order
    assert stub.is_stub
    assert [f.trade_id for f in change.fills] == ["t1"]
    change = orders.merge_order(state(S.PARTIALLY_FILLED, "1", 20, client="web1"))
    assert change.tracked is stub
    assert change.is_new_order
    assert not stub.is_stub
    assert (stub.qty, stub.price, stub.missing_fills) == (D(3), D(100), D(0))


def test_an_inferred_fill_is_replaced_by_the_real_one() -> None:
    """A provisional fill gives way to the executions it stood for."""
    orders = own()
    merge(orders, [state(S.PARTIALLY_FILLED, "2", 20)])
    tracked = orders.all()[0]
    assert tracked.missing_fills == 2
    guess = orders.infer_fill(tracked, D(100), 20)
    assert (guess.qty, guess.is_provisional) == (D(2), True)
    assert tracked.missing_fills == 0
    first = orders.merge_fill(fill("t1", "0.5", 19))
    second = orders.merge_fill(fill("t2", "1.5", 20))
    assert first.replaced_provisional + second.replaced_provisional == 2
    assert (tracked.fills_qty, tracked.provisional_qty) == (D(2), D(0))


def test_a_new_execution_does_not_use_up_an_inferred_one() -> None:
    """A fill beyond what was inferred is counted in full."""
    orders = own()
    merge(orders, [state(S.PARTIALLY_FILLED, "1", 20)])
    tracked = orders.all()[0]
    orders.infer_fill(tracked, D(100), 20)
    merge(orders, [state(S.PARTIALLY_FILLED, "2", 30)])
    change = orders.merge_fill(fill("t2", "1", 30))
    assert change.replaced_provisional == 0
    assert (tracked.fills_qty, tracked.provisional_qty) == (D(2), D(1))
    assert orders.merge_fill(fill("t1", "1", 20)).replaced_provisional == 1
    assert tracked.missing_fills == 0


def test_duplicates_are_counted_and_change_nothing() -> None:
    """Law 1: the second telling of a fill says so and does nothing."""
    orders = own()
    merge(orders, [fill("t1", "1", 20)])
    change = orders.merge_fill(fill("t1", "1", 20))
    assert (change.dropped, change.fills, change.order_changed) == (1, (), False)
    assert orders.duplicates_dropped == 1


def test_a_pure_time_stamp_is_saved_but_is_no_news() -> None:
    """The newest stamp is durable; the user is not told of it."""
    orders = own()
    merge(orders, [state(S.NEW, "0", 10)])
    change = orders.merge_order(state(S.NEW, "0", 20))
    assert (change.order_changed, change.is_durable) == (False, True)
    change = orders.merge_order(state(S.NEW, "0", 20))
    assert (change.order_changed, change.is_durable) == (False, False)


def test_learning_an_id_is_a_change() -> None:
    """The order a conditional one became is told and saved."""
    orders = own(order_type=OrderType.STOP_MARKET, price=None)
    merge(orders, TRIGGERED[:1])
    change = orders.merge_order(TRIGGERED[1])
    assert change.order_changed
    assert orders.all()[0].triggered_order_id == "v1"


def test_forgotten_orders_keep_their_fills_counted() -> None:
    """Law 1: an order leaves memory, its executions never count again."""
    orders = own()
    merge(orders, [state(S.FILLED, "3", 10), fill("t1", "3", 10)])
    orders.floor_ns = 11
    assert orders.forget(orders.all()[0]) == [(BTC, "v1", "t1")]
    assert orders.all() == []
    assert orders.fill_keys == frozenset()
    assert orders.find(BTC, VenueOrderId("v1")) is None
    assert orders.merge_fill(fill("t1", "3", 10)).dropped == 1
    assert orders.all() == []


def test_discarded_orders_never_were() -> None:
    """An order that was never journaled leaves no trace."""
    orders = own()
    orders.discard(orders.all()[0])
    assert orders.all() == orders.open() == []


def test_a_client_id_is_used_once() -> None:
    """Law 5."""
    orders = own()
    with pytest.raises(AssertionError):
        orders.add_own(intent(), MINE, 2)


def test_names_of_orders_without_a_client_id() -> None:
    """They get a local name that says where they are."""
    orders = Orders()
    merge(orders, [state(S.NEW, "0", 10, client=None)])
    assert orders.all()[0].client_order_id == "external~BTCUSDT~v1"


def test_fills_as_users_see_them() -> None:
    """A fill carries the order's own name, whichever the wire told."""
    shown = fill_of_fact(fill("t1", "1", 5, client=None), MINE, Origin.OWN)
    assert (shown.client_order_id, shown.trade_id, shown.origin) == (
        MINE,
        "t1",
        Origin.OWN,
    )
