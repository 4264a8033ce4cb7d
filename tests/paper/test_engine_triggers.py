"""Conditional orders: when they trigger, what they become, how they end."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.types import (
    ConditionalEvent,
    EngineRules,
    OrderEvent,
    Refusal,
)
from connector.paper.words import (
    ConditionalStatus,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    WorkingType,
)

D = Decimal
MARK = WorkingType.MARK_PRICE


def _states(desk: Any, name: str = "a") -> list[str]:
    return [
        event.conditional.status.value
        for event in desk.told(name)
        if isinstance(event, ConditionalEvent)
    ]


@pytest.mark.parametrize("working", list(WorkingType))
@pytest.mark.parametrize(
    ("kind", "side", "trigger", "before", "at"),
    [
        ("STOP_MARKET", "SELL", "59000.0", "59000.1", "59000.0"),
        ("STOP_MARKET", "BUY", "61000.0", "60999.9", "61000.0"),
        ("TAKE_PROFIT_MARKET", "SELL", "61000.0", "60999.9", "61000.0"),
        ("TAKE_PROFIT_MARKET", "BUY", "59000.0", "59000.1", "59000.0"),
    ],
)
def test_triggers_exactly_at_the_price(
    desk: Any,
    kind: str,
    side: str,
    trigger: str,
    before: str,
    at: str,
    working: WorkingType,
) -> None:
    """Not a tick earlier, from the right direction, on the right price."""
    item = desk.conditional(
        "a", kind, side, "0.010", trigger_price=trigger, working_type=working
    )
    desk.mark(before)
    waiting = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.NEW is waiting.status
    desk.mark(at)
    done = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.FINISHED is done.status
    assert (D("0.010"), OrderType.MARKET) == (done.actual_qty, done.actual_type)
    sign = 1 if side == "BUY" else -1
    assert D("0.010") * sign == desk.position("a").qty


def test_the_story_of_a_stop(desk: Any) -> None:
    """TRIGGERING, TRIGGERED with the new id, the real order, FINISHED."""
    desk.order("a", "BUY", "0.010")
    item = desk.conditional(
        "a",
        "STOP_MARKET",
        "SELL",
        "0.010",
        trigger_price="59000.0",
        client_order_id="c1",
        reduce_only=True,
        working_type=MARK,
    )
    desk.told("a")
    desk.mark("58990")
    story = []
    for event in desk.told("a"):
        if isinstance(event, ConditionalEvent):
            story.append(event.conditional.status.value)
        if isinstance(event, OrderEvent):
            story.append(f"order {event.kind}")
    assert story == [
        "TRIGGERING",
        "TRIGGERED",
        "order NEW",
        "order TRADE",
        "FINISHED",
    ]
    done = desk.engine.conditional_by_client_id("a", "c1")
    real = desk.engine.order("a", done.actual_order_id)
    assert item.conditional_id == done.conditional_id == real.conditional_id
    assert ("c1", OrderKind.TRIGGERED, D("59000.0")) == (
        real.client_order_id,
        real.kind,
        real.stop_price,
    )
    assert real.average_price == done.actual_price
    assert item.type == real.original_type


def test_a_stop_limit_rests(desk: Any) -> None:
    """TRIGGERED lasts as long as the real order; cancelling that finishes it."""
    item = desk.conditional(
        "a", "STOP", "BUY", "0.010", trigger_price="61000.0", price="60500.0"
    )
    desk.mark("61000")
    now = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.TRIGGERED is now.status
    assert len(desk.engine.open_conditionals("a")) == 0
    real = desk.engine.order("a", now.actual_order_id)
    assert OrderStatus.NEW is real.status
    refused = desk.engine.cancel_conditional(
        "a", item.conditional_id, now_ms=desk.now_ms
    )
    assert Reason.ORDER_CLOSED is refused.reason
    desk.engine.cancel("a", "BTCUSDT", real.order_id, now_ms=desk.now_ms)
    done = desk.engine.conditional("a", item.conditional_id)
    assert (done.status, done.actual_qty) == (ConditionalStatus.FINISHED, 0)


def test_margin_is_checked_only_at_the_trigger(desk: Any) -> None:
    """Far too large is accepted, and rejected when its time comes."""
    item = desk.conditional("a", "STOP_MARKET", "BUY", "50", trigger_price="61000.0")
    desk.told("a")
    desk.mark("61000")
    assert _states(desk) == ["TRIGGERING", "REJECTED"]
    done = desk.engine.conditional("a", item.conditional_id)
    assert Reason.MARGIN is done.reject_reason.reason
    assert done.actual_order_id == 0


def test_reduce_only_without_position_is_rejected(desk: Any) -> None:
    """Nothing to reduce at the trigger."""
    item = desk.conditional(
        "a",
        "STOP_MARKET",
        "SELL",
        "0.010",
        trigger_price="59000.0",
        reduce_only=True,
    )
    desk.mark("58000")
    done = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.REJECTED is done.status
    assert Reason.REDUCE_ONLY is done.reject_reason.reason


def test_close_position_closes_what_there_is(desk: Any) -> None:
    """The whole position of the moment; EXPIRED when there is none."""
    stop = {"trigger_price": "59000.0", "close_position": True}
    desk.order("a", "BUY", "0.010")
    item = desk.conditional("a", "STOP_MARKET", "SELL", "0", **stop)
    other = desk.conditional("b", "STOP_MARKET", "SELL", "0", **stop)
    desk.order("a", "BUY", "0.020")
    desk.mark("58000")
    assert desk.position("a").qty == 0
    done = desk.engine.conditional("a", item.conditional_id)
    assert (ConditionalStatus.FINISHED, D("0.030")) == (done.status, done.actual_qty)
    gone = desk.engine.conditional("b", other.conditional_id)
    assert ConditionalStatus.EXPIRED is gone.status


# trailing ------------------------------------------------------------------
def test_trailing_follows_the_best_price(desk: Any) -> None:
    """A sell follows the price up and triggers on the way back, one percent."""
    desk.order("a", "BUY", "0.010")
    item = desk.conditional(
        "a",
        "TRAILING_STOP_MARKET",
        "SELL",
        "0.010",
        callback_rate="1",
        working_type=MARK,
    )
    assert item.is_activated
    for price in ("61000", "60500", "62000", "61380.1"):
        desk.mark(price)
        now = desk.engine.conditional("a", item.conditional_id)
        assert ConditionalStatus.NEW is now.status
    desk.mark("61380")
    now = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.FINISHED is now.status


def test_trailing_waits_for_its_activation(desk: Any) -> None:
    """A buy activates below, tells a second NEW, then trails upwards."""
    item = desk.conditional(
        "a",
        "TRAILING_STOP_MARKET",
        "BUY",
        "0.010",
        callback_rate="1",
        activate_price="59000.0",
        working_type=MARK,
    )
    assert not item.is_activated
    desk.mark("62000")
    desk.mark("59000.1")
    assert _states(desk) == ["NEW"]
    desk.mark("59000")
    assert _states(desk) == ["NEW"]
    assert desk.engine.conditional("a", item.conditional_id).is_activated
    desk.mark("58000")
    desk.mark("58579.9")
    assert _states(desk) == []
    desk.mark("58580")
    assert _states(desk) == ["TRIGGERING", "TRIGGERED", "FINISHED"]


# refusals and ends ---------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "kind", "fields"),
    [
        ("WOULD_TRIGGER", "STOP_MARKET", {"trigger_price": "60500.0"}),
        ("WOULD_TRIGGER", "TAKE_PROFIT_MARKET", {"trigger_price": "59000.0"}),
        ("WOULD_TRIGGER", "STOP_MARKET", {"trigger_price": "60000.0"}),
        ("BAD_PARAMETER", "STOP_MARKET", {}),
        ("BAD_PARAMETER", "STOP", {"trigger_price": "59000.0"}),
        ("PRICE_TICK", "STOP_MARKET", {"trigger_price": "59000.05"}),
        ("BAD_PARAMETER", "TRAILING_STOP_MARKET", {}),
        ("BAD_PARAMETER", "TRAILING_STOP_MARKET", {"callback_rate": "0"}),
        (
            "WOULD_TRIGGER",
            "TRAILING_STOP_MARKET",
            {"callback_rate": "1", "activate_price": "59000.0"},
        ),
        (
            "BAD_PARAMETER",
            "STOP_MARKET",
            {"trigger_price": "59000.0", "close_position": True},
        ),
        (
            "POSITION_SIDE",
            "STOP_MARKET",
            {"trigger_price": "59000.0", "position_side": PositionSide.LONG},
        ),
    ],
)
def test_refusals(desk: Any, reason: str, kind: str, fields: dict[str, Any]) -> None:
    """The form is checked at once (all sells, market at 60000)."""
    answer = desk.conditional("a", kind, "SELL", "0.010", **fields)
    assert isinstance(answer, Refusal)
    assert Reason(reason) is answer.reason
    assert desk.told("a") == []


def test_counts_and_client_ids(make_desk: Callable[..., Any]) -> None:
    """So many per account; a client id once among the waiting."""
    desk = make_desk(rules=EngineRules(max_conditional=2))
    stop = {"trigger_price": "59000.0"}
    first = desk.conditional(
        "a", "STOP_MARKET", "SELL", "0.010", client_order_id="c", **stop
    )
    twice = desk.conditional(
        "a", "STOP_MARKET", "SELL", "0.010", client_order_id="c", **stop
    )
    assert Reason.DUPLICATE_CLIENT_ID is twice.reason
    desk.conditional("a", "STOP_MARKET", "SELL", "0.010", **stop)
    third = desk.conditional("a", "STOP_MARKET", "SELL", "0.010", **stop)
    assert Reason.MAX_CONDITIONAL is third.reason
    gone = desk.engine.cancel_conditional("a", first.conditional_id, now_ms=desk.now_ms)
    assert ConditionalStatus.CANCELED is gone.status
    assert len(desk.engine.cancel_all_conditional("a", now_ms=desk.now_ms)) == 1
    assert desk.engine.open_conditionals("a") == []
    assert len(desk.engine.conditionals("a", symbol="BTCUSDT")) == 2
    desk.mark("58000")
    assert desk.position("a").qty == 0


def test_price_protection_waits_while_last_and_mark_disagree(
    make_desk: Callable[..., Any],
) -> None:
    """More than five percent apart nothing protected triggers."""
    desk = make_desk(house=False, balance="1000000")
    stop = {"trigger_price": "57000.0"}
    safe = desk.conditional(
        "a", "STOP_MARKET", "SELL", "0.010", price_protect=True, **stop
    )
    bare = desk.conditional("a", "STOP_MARKET", "SELL", "0.010", **stop)
    desk.engine.trade_through("BTCUSDT", D("56000"), now_ms=desk.now_ms)
    states = [
        desk.engine.conditional("a", item.conditional_id).status
        for item in (safe, bare)
    ]
    assert states == [ConditionalStatus.NEW, ConditionalStatus.FINISHED]
    desk.mark("56500")
    done = desk.engine.conditional("a", safe.conditional_id)
    assert ConditionalStatus.FINISHED is done.status


def test_a_fill_may_trigger_the_next(make_desk: Callable[..., Any]) -> None:
    """Stops run into each other on last prices, once each."""
    desk = make_desk(house=False, balance="1000000")
    for price in ("59900.0", "59800.0", "59700.0"):
        desk.order("b", "BUY", "0.010", price)
    for trigger in ("59950.0", "59900.0", "59800.0"):
        desk.conditional("a", "STOP_MARKET", "SELL", "0.010", trigger_price=trigger)
    desk.engine.trade_through("BTCUSDT", D("59940"), now_ms=desk.now_ms)
    desk.engine.audit()
    assert D("-0.030") == desk.position("a").qty
    assert desk.engine.open_conditionals("a") == []


def test_price_match_is_resolved_at_the_trigger(desk: Any) -> None:
    """The price is the book's of that moment."""
    item = desk.conditional(
        "a", "STOP", "BUY", "0.010", trigger_price="61000.0", price_match="QUEUE"
    )
    desk.mark("61000")
    now = desk.engine.conditional("a", item.conditional_id)
    real = desk.engine.order("a", now.actual_order_id)
    assert real.price == desk.engine.depth("BTCUSDT", 1).bids[0][0]
    assert real.price_match == "QUEUE"


def test_price_match_without_a_book_is_rejected(
    make_desk: Callable[..., Any],
) -> None:
    """No level, no price, no order."""
    desk = make_desk(house=False)
    item = desk.conditional(
        "a", "STOP", "BUY", "0.010", trigger_price="61000.0", price_match="OPPONENT"
    )
    desk.mark("61000")
    now = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.REJECTED is now.status
    assert Reason.NO_LIQUIDITY is now.reject_reason.reason


def test_isolated_symbols_trigger_too(desk: Any) -> None:
    """The real order follows the margin type of the moment."""
    item = desk.conditional("a", "STOP_MARKET", "BUY", "0.010", trigger_price="61000.0")
    desk.engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=desk.now_ms)
    desk.mark("61000")
    assert desk.position("a").isolated_wallet > 0
    done = desk.engine.conditional("a", item.conditional_id)
    assert ConditionalStatus.FINISHED is done.status


def test_what_waits_can_be_changed(desk: Any) -> None:
    """It keeps its id and waits at its new price; what cannot be is refused, and then
    it waits where it did."""
    desk.order("a", "BUY", "0.010")
    item = desk.conditional(
        "a", "STOP_MARKET", "SELL", "0.010", trigger_price="59000", working_type=MARK
    )

    def amend(**terms: str) -> Any:
        changed = {name: D(text) for name, text in terms.items()}
        return desk.engine.amend_conditional(
            "a", item.conditional_id, now_ms=desk.now_ms, **changed
        )

    assert amend().reason is Reason.NO_CHANGE
    assert amend(price="59000").reason is Reason.NOT_AMENDABLE
    assert amend(trigger_price="61000").reason is Reason.WOULD_TRIGGER
    assert amend(qty="0.0000001").reason is Reason.QTY_MIN
    changed = amend(trigger_price="58000", qty="0.005")
    assert (changed.conditional_id, changed.status) == (
        item.conditional_id,
        ConditionalStatus.NEW,
    )
    desk.mark("58500")
    assert _states(desk) == ["NEW"] * 2
    desk.mark("57990")
    assert _states(desk) == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    assert desk.position("a").qty == D("0.005")
    assert amend(qty="0.004").reason is Reason.ORDER_CLOSED


def test_two_prices_one_order(desk: Any) -> None:
    """A stop with a profit price triggers at whichever comes first, once."""
    for mark, at in (("58990", "59000"), ("61010", "61000")):
        desk.order("a", "BUY", "0.010")
        item = desk.conditional(
            "a",
            "STOP_MARKET",
            "SELL",
            "0.010",
            trigger_price="59000",
            profit_price="61000",
            working_type=MARK,
            reduce_only=True,
        )
        assert item.status is ConditionalStatus.NEW, at
        desk.told("a")
        desk.mark(mark)
        assert _states(desk) == ["TRIGGERING", "TRIGGERED", "FINISHED"]
        assert not desk.engine.open_conditionals("a")
        desk.mark("60000")
    refused = desk.conditional(
        "a", "STOP_MARKET", "SELL", "0.010", trigger_price="59000", profit_price="59500"
    )
    assert refused.reason is Reason.WOULD_TRIGGER
