"""Time: steps, timers, and that only the time reached matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.engine import Engine
from connector.paper.instruments import DEFAULT_INSTRUMENTS
from connector.paper.types import Event, MarkEvent, NewOrder, Order
from connector.paper.words import EndReason, OrderStatus, OrderType, Side

D = Decimal
START_MS = 1_795_341_600_000


def _play(seed: int, pause_ms: int, rounds: int = 60_000) -> tuple[Engine, list[Event]]:
    """One bid, one ask, then *rounds* ms in pieces of *pause_ms*."""
    engine = Engine(seed=seed, now_ms=START_MS)
    engine.open_account("a", {"USDT": D(100000)}, now_ms=START_MS)
    for side, price in ((Side.BUY, "59980.0"), (Side.SELL, "60020.0")):
        request = NewOrder(
            symbol="BTCUSDT",
            side=side,
            type=OrderType.LIMIT,
            qty=D("0.5"),
            price=D(price),
        )
        assert isinstance(engine.place("a", request, now_ms=START_MS), Order)
    for now_ms in range(START_MS, START_MS + rounds + 1, pause_ms):
        engine.advance(now_ms)
    events = [e for e in engine.drain() if not isinstance(e, MarkEvent)]
    return engine, events


@pytest.mark.parametrize("pause_ms", [7, 100, 1_234, 60_000])
def test_only_the_time_reached_matters(pause_ms: int) -> None:
    """However often the venue is woken, the same things happen at the same times."""
    expected, expected_events = _play(3, 60_000)
    actual, events = _play(3, pause_ms, 60_000 // pause_ms * pause_ms)
    actual.advance(START_MS + 60_000)
    events += [e for e in actual.drain() if not isinstance(e, MarkEvent)]
    assert expected_events == events
    assert expected.quote("BTCUSDT") == actual.quote("BTCUSDT")
    assert expected.depth("ETHUSDT") == actual.depth("ETHUSDT")
    assert expected.ledger.state("a") == actual.ledger.state("a")


def test_a_seed_is_a_world() -> None:
    """Same seed, same world; another seed, another."""
    first, events = _play(5, 100)
    again, same_events = _play(5, 100)
    other, _ = _play(6, 100)
    assert events == same_events
    assert first.quote("SOLUSDT") == again.quote("SOLUSDT")
    assert first.quote("SOLUSDT").mark != other.quote("SOLUSDT").mark


def test_the_market_fills_what_it_walks_over() -> None:
    """In a moving market resting orders fill without anybody doing anything."""
    engine, _ = _play(3, 60_000)
    engine.set_volatility("BTCUSDT", D("0.001"))
    engine.advance(START_MS + 300_000)
    engine.audit()
    assert engine.fills("a")
    assert all(fill.is_maker for fill in engine.fills("a"))


def test_going_back_changes_nothing(desk: Any) -> None:
    """The clock never runs backwards."""
    desk.wait(5_000)
    desk.engine.advance(START_MS)
    assert desk.engine.now_ms == START_MS + 5_000


def test_marks_are_told_once_a_second_newest_only(desk: Any) -> None:
    """However long nobody drains, one MarkEvent per symbol waits."""
    desk.engine.freeze(frozen=False)
    desk.wait(10_000)
    marks = [e for e in desk.engine.drain() if isinstance(e, MarkEvent)]
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT"} == {event.symbol for event in marks}
    assert len(marks) == 3
    desk.wait(100)
    assert desk.engine.drain() == []
    desk.wait(900)
    assert len(desk.engine.drain()) == 3


def test_frozen_stands_still(desk: Any) -> None:
    """No price moves while frozen, and thawing does not catch up."""
    before = desk.engine.quote("BTCUSDT")
    desk.wait(3_600_000)
    after = desk.engine.quote("BTCUSDT")
    assert (before.mark, before.last) == (after.mark, after.last)
    due = desk.engine.next_timer_ms()
    assert due == after.next_funding_ms
    desk.engine.freeze(frozen=False)
    assert desk.engine.next_timer_ms() == desk.now_ms + 100
    desk.wait(100)
    assert before.mark != desk.engine.quote("BTCUSDT").mark


# the dead-man timer ----------------------------------------------------------
def test_countdown_cancels_at_its_time(desk: Any) -> None:
    """One symbol, exactly then, with its reason; other symbols stay."""
    order = desk.order("a", "BUY", "0.010", "59000.0")
    other = desk.order("a", "BUY", "0.1", "2900.00", symbol="ETHUSDT")
    desk.engine.countdown("a", "BTCUSDT", 10_000, now_ms=desk.now_ms)
    due = desk.now_ms + 10_000
    desk.wait(9_999)
    assert OrderStatus.NEW is desk.now(order).status
    desk.wait(60_000)
    gone = desk.now(order)
    assert (OrderStatus.CANCELED, EndReason.COUNTDOWN, due) == (
        gone.status,
        gone.end_reason,
        gone.updated_ms,
    )
    assert OrderStatus.NEW is desk.now(other).status


def test_countdown_is_renewed_and_stopped(desk: Any) -> None:
    """A new call replaces the old; zero stops it; None means all symbols."""
    order = desk.order("a", "BUY", "0.010", "59000.0")
    desk.engine.countdown("a", "BTCUSDT", 10_000, now_ms=desk.now_ms)
    desk.wait(9_000)
    desk.engine.countdown("a", "BTCUSDT", 10_000, now_ms=desk.now_ms)
    desk.wait(9_000)
    assert OrderStatus.NEW is desk.now(order).status
    desk.engine.countdown("a", "BTCUSDT", 0, now_ms=desk.now_ms)
    desk.wait(60_000)
    assert OrderStatus.NEW is desk.now(order).status
    desk.engine.countdown("a", None, 1_000, now_ms=desk.now_ms)
    desk.wait(1_000)
    assert OrderStatus.CANCELED is desk.now(order).status


def test_ten_thousand_open_orders(make_desk: Callable[..., Any]) -> None:
    """A large book stays right: what was cancelled or traded is gone, no more."""
    roomy = tuple(replace(i, max_orders=20_000) for i in DEFAULT_INSTRUMENTS)
    desk = make_desk(instruments=roomy, balance="1000000000", house=False)
    engine, now_ms = desk.engine, desk.now_ms
    orders = []
    for number in range(10_000):
        request = NewOrder(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            qty=D("0.001"),
            price=D("59000.0") - number % 500,
        )
        placed = engine.place("a", request, now_ms=now_ms)
        assert isinstance(placed, Order)
        orders.append(placed)
    engine.audit()
    gone = orders[::3]
    for order in gone:
        engine.cancel("a", "BTCUSDT", order.order_id, now_ms=now_ms)
    desk.order("b", "SELL", "1", "58990.0")
    left = {order.order_id for order in orders} - {order.order_id for order in gone}
    left -= {order.order_id for order in orders if order.price >= D("58990.0")}
    assert left == {order.order_id for order in engine.open_orders("a")}
