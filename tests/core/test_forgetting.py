"""Closed orders and their fills leave memory; law 1 holds all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector.core.effects import AppendJournal
from connector.model.events import LedgerUpdate
from connector.model.order import OrderStatus, Origin

KEEP_S = 300.0


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    """Live; closed orders are kept for five minutes."""
    return make_desk(keep_closed_s=KEEP_S).open()


def traded(desk: Any, story: Any, client: str = "c1", venue: str = "7") -> Any:
    """One own order, filled and closed; returns its execution."""
    desk.buy()
    desk.answer("place", story.ok(desk.state(client, venue)))
    fill = desk.fill(client, venue, f"t{venue}", "1")
    desk.push(desk.state(client, venue, OrderStatus.FILLED, filled="1"), fill)
    desk.push(desk.position("1"))
    return fill


def sum_of(desk: Any) -> Any:
    return desk.core.account.sums.position(("BTCUSDT", "NET"))


def test_orders_and_fills_leave_memory_together(desk: Any, story: Any) -> None:
    """After the window neither is in memory; the journal has both."""
    traded(desk, story)
    desk.wait(KEEP_S - 100)
    assert len(desk.core.orders.fill_keys) == 1
    desk.wait(300)
    assert desk.core.orders.fill_keys == frozenset()
    assert desk.core.orders.all() == []
    assert list(desk.history) == [
        ("fill", "BTCUSDT/7/t7"),
        ("order", "c1"),
        ("intent", "c1"),
    ]
    assert {kind for kind, _ in desk.records} == {"meta"}


def test_a_forgotten_fill_never_counts_again(desk: Any, story: Any) -> None:
    """Told once more, by stream and by REST, long after: it was counted."""
    fill = traded(desk, story)
    desk.wait(KEEP_S + 300)
    desk.clear()
    desk.push(fill)
    desk.wait(100)
    assert desk.fills_told() == []
    assert sum_of(desk) == 1
    assert desk.core.orders.all() == []


def test_nor_does_it_after_a_restart(desk: Any, story: Any) -> None:
    """What was forgotten stays so, and the state is the same."""
    fill = traded(desk, story)
    desk.wait(KEEP_S + 300)
    again = story.reborn(desk, keep_closed_s=KEEP_S)
    assert again.core.state_hash() == desk.core.state_hash()
    again.open()
    again.push(fill)
    again.wait(10)
    assert again.fills_told() == []
    assert sum_of(again) == 1


@pytest.mark.parametrize("is_reborn", [False, True])
@pytest.mark.parametrize("with_fill", [False, True])
def test_the_end_of_a_forgotten_order_told_again_is_no_new_order(
    desk: Any, story: Any, with_fill: bool, is_reborn: bool
) -> None:
    """Law 1: it is not adopted as somebody else's, whose executions would be asked for
    and counted a second time."""
    fill = traded(desk, story)
    end = desk.book.orders["7"]
    desk.wait(KEEP_S + 300)
    if is_reborn:
        desk = story.reborn(desk, keep_closed_s=KEEP_S).open()
    desk.clear()
    desk.push(end, *([fill] if with_fill else []))
    desk.wait(200)
    assert desk.fills_told() == []
    assert desk.core.orders.all() == []
    assert sum_of(desk) == 1


def test_an_old_order_that_lacks_fills_does_not_bring_them_back(
    desk: Any, story: Any
) -> None:
    """Its executions are asked for from its creation; those of forgotten orders come
    along and are not counted."""
    desk.buy(price="90")
    desk.answer("place", story.ok(desk.state("c1", "6", price=story.D(90))))
    traded(desk, story, "c2", "7")
    desk.wait(KEEP_S + 300)
    desk.clear()
    desk.fill("c1", "6", "t6", "1")
    desk.push(desk.state("c1", "6", OrderStatus.FILLED, filled="1"))
    desk.position("2")
    desk.wait(60)
    assert desk.fills_told() == ["t6"]
    assert sum_of(desk) == 2


def test_fills_of_open_orders_stay(desk: Any, story: Any) -> None:
    """An order may rest for days: its executions are known as long as it does."""
    desk.buy(qty="2")
    desk.answer("place", story.ok(desk.state("c1", "7", qty=story.D(2))))
    fill = desk.fill("c1", "7", "t7", "1")
    desk.push(
        desk.state("c1", "7", OrderStatus.PARTIALLY_FILLED, filled="1", qty=story.D(2)),
        fill,
        desk.position("1"),
    )
    desk.wait(5 * KEEP_S)
    desk.clear()
    desk.push(fill)
    assert desk.fills_told() == []
    assert len(desk.core.orders.fill_keys) == 1


def test_what_closed_while_nobody_looked_is_shown_first(desk: Any, story: Any) -> None:
    """Filled in a gap of hours: a bot still finds how its order ended."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "7")))
    desk.streams_auto = False
    desk.drop()
    desk.fill("c1", "7", "t7", "1")
    desk.state("c1", "7", OrderStatus.FILLED, filled="1")
    desk.position("1")
    desk.wait(4 * KEEP_S)
    desk.streams_auto = True
    desk.wait(100)
    assert desk.status("c1") is OrderStatus.FILLED
    desk.wait(KEEP_S + 300)
    assert desk.core.orders.all() == []


def test_many_leave_a_few_at_a_time_and_a_restart_knows_which(
    desk: Any, story: Any
) -> None:
    """Law 14: wherever a pass is cut, the journal replays to what was in memory."""
    for number in range(600):
        name = f"web{number}"
        desk.push(
            desk.state(name, str(number), OrderStatus.FILLED, filled="1"),
            desk.fill(name, str(number), f"t{number}", "1"),
        )
    desk.position("600")
    left = [600]
    while left[-1]:
        due_s = desk.core.next_wake_ns / 1e9 - story.BOOT_S
        desk.wait(max(0.0, due_s - desk.t) + 1e-6)
        count = len(desk.core.orders.all())
        if count != left[-1]:
            left.append(count)
            assert story.reborn(desk).core.state_hash() == desk.core.state_hash()
    assert left == [600, 344, 88, 0]
    assert story.reborn(desk).core.account.sums.position(("BTCUSDT", "NET")) == 600


def test_killed_at_any_write_nothing_counts_twice(story: Any) -> None:
    """Laws 1 and 4: cut after every single write of a life that forgets, also between
    the mark and what it retires: each execution is told in one life only, and the sums
    tie out with the venue's."""
    desk = story.Desk(keep_closed_s=60.0)
    desk.core.restore([], desk.now)
    desk.feed(story.Start())
    desk.wait(5)
    for number in range(3):
        traded(desk, story, f"c{number + 1}", f"{number}")
        desk.position(str(number + 1))
        desk.wait(100)
    assert len(desk.history) > 3
    fills = {f"t{number}" for number in range(3)}
    for records, history in prefixes(desk.effects):
        again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t, keep_closed_s=60)
        again.core.restore(records.values(), again.now)
        known = {
            key.rpartition("/")[2]
            for kind, key in (*records, *history)
            if kind == "fill"
        }
        again.feed(story.Start())
        again.wait(75)
        assert again.core.is_live
        assert sorted([*known, *again.fills_told()]) == sorted(fills)
        assert again.core.account.position_mismatches() == []
        assert again.core.orders.short() == []


def prefixes(effects: list[Any]) -> Iterator[tuple[dict[Any, Any], dict[Any, Any]]]:
    """What is live, and what is history, after each write."""
    live: dict[Any, Any] = {}
    history: dict[Any, Any] = {}
    for effect in effects:
        if isinstance(effect, AppendJournal):
            live.update({(r.kind, r.key): r for r in effect.records})
            history.update({name: live.pop(name) for name in effect.retired})
            yield live, history


def test_an_order_that_comes_back_is_no_history(desk: Any, story: Any) -> None:
    """Told again by the venue after it was forgotten: the journal replays it."""
    traded(desk, story)
    desk.wait(KEEP_S + 300)
    desk.push(desk.state("c1", "7", OrderStatus.FILLED, filled="1"))
    assert desk.status("c1") is OrderStatus.FILLED
    assert story.reborn(desk).core.state_hash() == desk.core.state_hash()


def test_ledger_entries_leave_too(desk: Any, story: Any) -> None:
    """Their names are remembered as long as a query may bring them again."""
    for _ in range(300):
        desk.push(desk.entry("1"))
    desk.wait(2000)
    desk.push(desk.entry("1"))
    desk.wait(100)
    assert desk.core.account.ledger_ids.names() == ["funding/301"]
    assert story.reborn(desk).core.state_hash() == desk.core.state_hash()
    assert len(desk.history) == 300


def test_a_long_gap_forgets_nothing_it_has_to_ask_for(desk: Any, story: Any) -> None:
    """Away for hours: what happened meanwhile is younger than what was forgotten."""
    traded(desk, story)
    desk.wait(KEEP_S + 300)
    desk.streams_auto = False
    desk.drop()
    desk.wait(60)
    desk.fill("web", "8", "t8", "1")
    desk.state("web", "8", OrderStatus.FILLED, filled="1", origin=Origin.EXTERNAL)
    desk.position("2")
    desk.wait(4 * KEEP_S)
    desk.clear()
    desk.streams_auto = True
    desk.wait(60)
    assert desk.core.is_live
    assert desk.fills_told() == ["t8"]
    assert sum_of(desk) == 2


def test_what_was_filled_before_our_time_is_durable(
    make_desk: Callable[..., Any], story: Any
) -> None:
    """A base that was taken for an order of others is the same after a restart."""
    desk = make_desk()
    desk.core.restore([], desk.now)
    desk.open()
    before_s = desk.t - 10_000
    desk.push(
        desk.state(
            "web",
            "8",
            OrderStatus.PARTIALLY_FILLED,
            filled="1",
            qty=story.D(3),
            created_ns=desk.at(before_s),
            t=before_s,
        )
    )
    desk.wait(60)
    assert desk.tracked("web").base_filled == 1
    again = story.reborn(desk)
    assert again.tracked("web").base_filled == 1
    assert again.core.state_hash() == desk.core.state_hash()


def test_what_ended_long_ago_is_seen_when_it_is_learnt(desk: Any, story: Any) -> None:
    """An outage longer than the window: the order had ended before it by the venue's
    time, and whoever holds it sees that all the same; then it leaves as others do."""
    desk.buy(price="90")
    desk.answer("place", story.ok(desk.state("c1", "6", price=story.D(90))))
    desk.streams_auto = False
    desk.drop()
    desk.wait(60)
    desk.state("c1", "6", OrderStatus.CANCELED, price=story.D(90))
    desk.wait(4 * KEEP_S)
    desk.streams_auto = True
    desk.wait(60)
    (tracked,) = desk.core.orders.all()
    assert tracked.snapshot().status is OrderStatus.CANCELED
    desk.wait(2 * KEEP_S)
    assert desk.core.orders.all() == []


def test_ledger_entries_stay_as_long_as_a_query_may_bring_them(
    make_desk: Callable[..., Any], story: Any
) -> None:
    """Law 1: whoever looks back an hour at every audit counts each entry once."""
    desk = make_desk(overlap_s=3600.0).open()
    for _ in range(2):
        desk.push(desk.entry("1"), desk.balance(str(1001 + _)))
        desk.wait(1000)
    desk.wait(300)
    told = [event.entry.entry_id for event in desk.told(LedgerUpdate)]
    assert told == ["1", "2"]
