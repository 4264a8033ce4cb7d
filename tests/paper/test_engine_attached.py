"""Take-profit and stop-loss attached to an order, and amends of waiting orders."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.paper.types import Conditional, Exit, Refusal
from connector.paper.words import ConditionalStatus, Reason

UP, DOWN = Exit(trigger_price=D(61000)), Exit(trigger_price=D(59000))


def waiting(desk: Any) -> list[Conditional]:
    """What waits of account "a", oldest first."""
    found: list[Conditional] = list(desk.engine.open_conditionals("a"))
    return sorted(found, key=lambda item: item.conditional_id)


def test_exits_wait_from_the_first_fill_on_and_grow(make_desk: Any) -> None:
    """Nothing before; then as much as was filled, reduce-only, one of each."""
    quiet = make_desk(house=False)
    order = quiet.order("a", "BUY", "0.030", "59900.0", take_profit=UP, stop_loss=DOWN)
    assert waiting(quiet) == []
    quiet.order("b", "SELL", "0.010", "59900.0")
    kinds = {item.type.value: item.qty for item in waiting(quiet)}
    assert kinds == {"TAKE_PROFIT_MARKET": D("0.010"), "STOP_MARKET": D("0.010")}
    quiet.order("b", "SELL", "0.020", "59900.0")
    assert quiet.now(order).filled_qty == D("0.030")
    assert [item.qty for item in waiting(quiet)] == [D("0.030")] * 2
    assert all(item.reduce_only for item in waiting(quiet))


@pytest.mark.parametrize("price", ["61000", "59000"])
def test_the_one_that_triggers_cancels_the_other(desk: Any, price: str) -> None:
    """The position is closed once."""
    desk.order("a", "BUY", "0.010", take_profit=UP, stop_loss=DOWN)
    both = waiting(desk)
    desk.mark(price)
    assert waiting(desk) == []
    assert desk.position("a").qty == 0
    ends = [desk.engine.conditional("a", item.conditional_id).status for item in both]
    assert sorted(ends) == [ConditionalStatus.EXPIRED, ConditionalStatus.FINISHED]


def test_exits_end_with_the_position(desk: Any) -> None:
    """Closed by hand: there is nothing left to close."""
    desk.order("a", "BUY", "0.010", take_profit=UP, stop_loss=DOWN)
    desk.order("a", "SELL", "0.010")
    assert waiting(desk) == []


def test_exits_of_the_whole_position_replace_each_other(desk: Any) -> None:
    """A position has one take-profit that closes all of it."""
    for trigger in (61000, 62000):
        exit_ = Exit(trigger_price=D(trigger), closes_all=True)
        desk.order("a", "BUY", "0.010", take_profit=exit_)
    (only,) = waiting(desk)
    assert (only.trigger_price, only.close_position) == (D(62000), True)
    desk.mark("62000")
    assert desk.position("a").qty == 0


def test_a_limit_exit_rests(desk: Any) -> None:
    """With a price it becomes a limit order."""
    exit_ = Exit(trigger_price=D(61000), price=D(61500))
    desk.order("a", "BUY", "0.010", take_profit=exit_)
    desk.mark("61000")
    (order,) = desk.engine.open_orders("a")
    assert (order.price, order.reduce_only) == (D(61500), True)


def amend(desk: Any, item: Conditional, **terms: str) -> Conditional | Refusal:
    """Change a waiting order."""
    found: Conditional | Refusal = desk.engine.amend_conditional(
        "a",
        item.conditional_id,
        now_ms=desk.now_ms,
        **{name: D(value) for name, value in terms.items()},
    )
    desk.engine.audit()
    return found


def test_a_waiting_order_is_amended(desk: Any) -> None:
    """It waits for the new price, with the new terms, under the same id."""
    item = desk.conditional(
        "a", "STOP", "BUY", "0.010", trigger_price="61000.0", price="61100.0"
    )
    changed = amend(desk, item, qty="0.020", price="62100.0", trigger_price="62000.0")
    assert isinstance(changed, Conditional)
    assert changed.conditional_id == item.conditional_id
    desk.mark("61500")
    assert waiting(desk) == [changed]
    desk.mark("62000")
    (order,) = desk.engine.orders("a", symbol="BTCUSDT", limit=10)
    assert (order.qty, order.stop_price) == (D("0.020"), D(62000))


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"trigger_price": "61000.0"}, Reason.NO_CHANGE),
        ({"trigger_price": "59000.0"}, Reason.WOULD_TRIGGER),
        ({"trigger_price": "61000.05"}, Reason.PRICE_TICK),
        ({"qty": "0.0105"}, Reason.QTY_STEP),
        ({"price": "61000.0"}, Reason.NOT_AMENDABLE),
    ],
)
def test_an_amend_is_checked_like_a_new_order(
    desk: Any, terms: dict[str, str], reason: Reason
) -> None:
    """And what is refused changes nothing."""
    item = desk.conditional("a", "STOP_MARKET", "BUY", "0.010", trigger_price="61000.0")
    refused = amend(desk, item, **terms)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason
    assert waiting(desk) == [item]
    desk.engine.cancel_conditional("a", item.conditional_id, now_ms=desk.now_ms)
    late = amend(desk, item, qty="0.020")
    assert isinstance(late, Refusal)
    assert late.reason is Reason.ORDER_CLOSED
