"""Races around orders, on every family of venue.

Each story ends in `Trader.check`: every trade told once, all sums tie out, live, no
gap that had no cause, and the journal replays to the same state.
"""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.dialect.wire import Verdict
from connector.errors import NotLive
from connector.model.order import (
    Accepted,
    InDoubt,
    OrderStatus,
    Origin,
    PositionSide,
    Rejected,
    Side,
)

S = OrderStatus


def test_a_snapshot_older_than_a_buffered_event(trader: Any) -> None:
    """Law 6: what the stream told while REST still read the past is the newer word."""
    desk = trader.desk
    mine = trader.open_order()
    desk.freeze_rest()
    desk.hold("open_orders", "positions")
    desk.drop()
    desk.wait(1)
    assert desk.open_calls("open_orders")
    desk.push(
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    assert desk.status(mine) is S.NEW, "facts wait for the snapshot"
    desk.release("open_orders", "positions")
    desk.until_live()
    assert desk.status(mine) is S.FILLED
    assert trader.held() == 1
    desk.thaw_rest()
    trader.check(trades=("t1",), gaps=1)


@pytest.mark.parametrize("lag_s", [0.5, 6, 25, 39])
def test_rest_lags_the_stream(trader: Any, lag_s: float) -> None:
    """Law 6: a fill in the gap that REST tells only after up to 40 s is found by the
    audits that follow every gap."""
    desk = trader.desk
    mine = trader.open_order()
    desk.freeze_rest()
    desk.drop()
    trader.state(mine, "v1", S.FILLED, "1")
    trader.fill(mine, "v1", "t1", "1")
    trader.position("1")
    desk.until_live()
    assert desk.fills_told() == []
    desk.wait(lag_s)
    desk.thaw_rest()
    desk.wait(60)
    assert desk.status(mine) is S.FILLED
    assert trader.held() == 1
    trader.check(trades=("t1",), gaps=1)


def test_rest_lags_behind_what_the_stream_told_before_the_gap(trader: Any) -> None:
    """Law 6: a lagging snapshot takes nothing back that the stream had told."""
    desk = trader.desk
    mine = trader.open_order()
    desk.freeze_rest()
    desk.push(
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    desk.wait(1)
    desk.reconnect()
    assert desk.status(mine) is S.FILLED
    assert trader.held() == 1
    desk.wait(30)
    desk.thaw_rest()
    trader.check(trades=("t1",), gaps=1)


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "lost"])
def test_an_order_sent_while_the_stream_breaks(trader: Any, arrives: bool) -> None:
    """Law 2: sent, no answer, no stream: in doubt until the venue is asked; it
    exists once or is proven absent."""
    desk = trader.desk
    ticket = trader.place()
    desk.drop()
    desk.fail("place", maybe_sent=True)
    assert desk.order("c1").status is S.IN_DOUBT
    if arrives:
        trader.state("c1", "v1")
    desk.until_live()
    desk.wait(60)
    outcome = desk.outcomes[ticket]
    if arrives:
        assert isinstance(outcome, Accepted)
        assert desk.status("c1") is S.NEW
    else:
        assert isinstance(outcome, InDoubt)
        assert desk.status("c1") is S.REJECTED
    assert len(desk.asked("place")) == 1, "never sent twice"
    trader.check(trades=(), gaps=1)


def test_an_order_sent_before_and_answered_after_a_reconnect(trader: Any) -> None:
    """Law 5: an answer that outlives its stream still ends its command, once."""
    desk = trader.desk
    ticket = trader.place()
    desk.reconnect()
    trader.says_yes("place", trader.state("c1", "v1"))
    desk.wait(30)
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert [t.client_order_id for t in desk.core.orders.all()] == ["c1"]
    trader.check(trades=(), gaps=1)


def test_only_what_reduces_goes_while_reconnecting(trader: Any, story: Any) -> None:
    """Law 7: new exposure is refused while not live, what reduces goes through."""
    desk = trader.desk
    desk.streams_auto = False
    desk.drop()
    refused = trader.place()
    assert isinstance(desk.outcomes[refused], NotLive)
    reducing = trader.place(side=Side.SELL, reduce_only=True)
    assert reducing not in desk.outcomes
    assert len(desk.open_calls("place")) == 1
    desk.answer("place", story.no(Verdict.REJECTED))
    assert isinstance(desk.outcomes[reducing], Rejected)


@pytest.mark.parametrize("told_first", ["fill", "answer"])
def test_a_fill_beats_the_cancel(trader: Any, story: Any, told_first: str) -> None:
    """Law 2: a cancel that came too late is refused by what the order became."""
    desk = trader.desk
    mine = trader.open_order()
    (ticket,) = desk.cancel(mine)
    facts = (
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    if told_first == "fill":
        desk.push(*facts)
        desk.answer("cancel", story.no(Verdict.NOT_OPEN))
    else:
        desk.answer("cancel", story.no(Verdict.NOT_OPEN))
        assert ticket not in desk.outcomes, "read before it is concluded"
        desk.push(*facts)
    desk.wait(1)
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.order.status) == ("TOO_LATE", S.FILLED)
    trader.check(trades=("t1",))


def test_a_cancel_after_a_part(trader: Any) -> None:
    """Law 1: what was filled before the cancel counts, though it is told after."""
    desk = trader.desk
    mine = trader.open_order()
    (ticket,) = desk.cancel(mine)
    trader.says_yes("cancel", trader.state(mine, "v1", S.CANCELED, "0.4"))
    desk.wait(0.1)
    desk.push(trader.fill(mine, "v1", "t1", "0.4"), trader.position("0.4"))
    desk.wait(1)
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert (desk.status(mine), desk.order(mine).filled_qty) == (S.CANCELED, D("0.4"))
    trader.check(trades=("t1",))


def test_a_cancel_before_the_order_is_answered(trader: Any, story: Any) -> None:
    """Law 2: cancelling what nobody has heard of yet ends when the order does."""
    desk = trader.desk
    placed = trader.place()
    (ticket,) = desk.cancel("c1")
    desk.answer("cancel", story.no(Verdict.NOT_FOUND))
    assert ticket not in desk.outcomes
    trader.says_yes("place", trader.state("c1", "v1"))
    assert isinstance(desk.outcomes[placed], Accepted)
    while not desk.open_calls("cancel"):
        desk.wait(1)
    trader.says_yes("cancel", trader.state("c1", "v1", S.CANCELED))
    desk.wait(1)
    assert desk.status("c1") is S.CANCELED
    assert len(desk.asked("cancel")) == 2
    trader.check(trades=())


def test_a_fill_older_than_the_lookback(trader: Any) -> None:
    """A fill that no query brings is inferred from the order, named, and replaced
    when it is told after all."""
    desk = trader.desk
    mine = trader.open_order()
    desk.wait(600)
    desk.drop()
    trader.state(mine, "v1", S.FILLED, "1")
    late = trader.fill(mine, "v1", "t1", "1", t=desk.t - 500)
    trader.position("1")
    desk.book.fills.clear()
    desk.until_live()
    inferred = desk.fills_told()
    assert len(inferred) == 1
    assert inferred[0].startswith("inferred-")
    assert trader.held() == 1
    desk.push(late)
    trader.check(trades=(*inferred, "t1"), gaps=1)


def test_a_client_id_that_another_program_reuses(trader: Any) -> None:
    """Law 5: the same client id under another venue id is another order, with its
    own fills, and ours is not touched by it."""
    desk = trader.desk
    mine = trader.open_order()
    desk.push(
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    desk.wait(10)
    desk.push(
        trader.state(mine, "v2"),
        trader.fill(mine, "v2", "t2", "0.5"),
        trader.state(mine, "v2", S.PARTIALLY_FILLED, "0.5"),
        trader.position("1.5"),
    )
    first, second = desk.core.orders.all()
    assert (first.client_order_id, first.status, first.filled_qty) == (
        mine,
        "FILLED",
        1,
    )
    assert second.client_order_id != mine
    assert (second.venue_order_id, second.origin) == ("v2", Origin.EXTERNAL)
    assert second.filled_qty == D("0.5")
    trader.check(trades=("t1", "t2"))


@pytest.mark.parametrize("first", ["state", "fill", "filled"])
def test_new_is_never_told(trader: Any, first: str) -> None:
    """Law 2: any word about an order proves that it was accepted."""
    desk = trader.desk
    ticket = trader.place()
    desk.fail("place", maybe_sent=True)
    part = trader.state("c1", "v1", S.PARTIALLY_FILLED, "0.4")
    fill = trader.fill("c1", "v1", "t1", "0.4")
    position = trader.position("0.4")
    trades: tuple[str, ...] = ("t1",)
    if first == "state":
        desk.push(part, position)
        desk.wait(0.1)
        desk.push(fill)
    elif first == "fill":
        desk.push(fill, position)
        desk.wait(0.1)
        desk.push(part)
    else:
        whole = trader.state("c1", "v1", S.FILLED, "1")
        desk.push(whole, fill, trader.fill("c1", "v1", "t2", "0.6"))
        desk.push(trader.position("1"))
        trades = ("t1", "t2")
    assert isinstance(desk.outcomes[ticket], Accepted)
    trader.check(trades=trades)


@pytest.mark.parametrize("stale", [S.NEW, S.PARTIALLY_FILLED])
def test_an_event_before_the_reply(trader: Any, story: Any, stale: OrderStatus) -> None:
    """A reply that tells an older state takes nothing back and tells nothing new."""
    desk = trader.desk
    ticket = trader.place()
    old = trader.state("c1", "v1", stale, "0" if stale is S.NEW else "0.3")
    desk.wait(0.2)
    desk.push(
        trader.state("c1", "v1", S.FILLED, "1"),
        trader.fill("c1", "v1", "t1", "1"),
        trader.position("1"),
    )
    told = len(desk.events)
    desk.answer("place", story.ok(old))
    assert len(desk.events) == told
    assert isinstance(desk.outcomes[ticket], Accepted)
    assert desk.outcomes[ticket].order.status is S.FILLED
    trader.check(trades=("t1",))


def test_a_self_trade_is_two_executions(trader: Any) -> None:
    """Law 1: one trade id on two own orders is one execution of each."""
    desk = trader.desk
    buy = trader.open_order("v1")
    sell = trader.open_order("v2", side=Side.SELL, position_side=trader.short)
    sold = {"side": Side.SELL, "position_side": trader.short}
    desk.push(
        trader.state(buy, "v1", S.FILLED, "1"),
        trader.fill(buy, "v1", "t1", "1"),
        trader.state(sell, "v2", S.FILLED, "1", **sold),
        trader.fill(sell, "v2", "t1", "1", **sold),
    )
    if trader.family.is_hedged:
        desk.push(trader.position("1"), trader.position("-1", side=PositionSide.SHORT))
        assert (trader.held(), trader.held(PositionSide.SHORT)) == (1, -1)
    else:
        desk.push(trader.position("0"))
        assert trader.held() == 0
    trader.check(trades=("t1", "t1"))


def test_an_amend_meets_the_fill_that_ends_the_order(trader: Any, story: Any) -> None:
    """Law 2: an amend that came too late is refused by what the order became."""
    desk = trader.desk
    mine = trader.open_order()
    ticket = desk.amend(mine, "2", "101")
    desk.push(
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    desk.answer("amend", story.no(Verdict.NOT_OPEN))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.order.qty) == ("TOO_LATE", 1)
    trader.check(trades=("t1",))


@pytest.mark.parametrize("told", ["fill first", "amend first"])
def test_an_amend_and_a_fill_of_the_old_terms(trader: Any, told: str) -> None:
    """An order amended to more is not done when the old quantity is filled."""
    desk = trader.desk
    mine = trader.open_order()
    ticket = desk.amend(mine, "2", "101")
    terms = {"qty": D(2), "price": D(101)}
    fill = trader.fill(mine, "v1", "t1", "1")
    desk.wait(0.01)
    amended = trader.state(mine, "v1", is_amend=True, filled="1", **terms)
    if told == "fill first":
        desk.push(fill, trader.position("1"))
        trader.says_yes("amend", amended)
    else:
        trader.says_yes("amend", amended)
        desk.push(fill, trader.position("1"))
    assert isinstance(desk.outcomes[ticket], Accepted)
    order = desk.order(mine)
    assert (order.status, order.qty, order.price) == (S.PARTIALLY_FILLED, 2, 101)
    assert order.leaves_qty == 1
    trader.check(trades=("t1",))
