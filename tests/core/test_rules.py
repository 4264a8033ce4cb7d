"""What is refused before anything is journaled or sent: rule by rule, with what is
allowed (law 11)."""

from __future__ import annotations

import decimal
from decimal import Decimal as D
from typing import Any, cast

import pytest

from connector.core.rules import check_amend
from connector.dialect import Capability
from connector.errors import InvalidOrder, Unsupported
from connector.model.events import Gap
from connector.model.noun import replace
from connector.model.order import (
    Exit,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceUnit,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)

T = OrderType
UP, DOWN = Exit(trigger_price=D(110)), Exit(trigger_price=D(90))

BAD: list[tuple[str, dict[str, Any]]] = [
    ("symbol", {"symbol": "NOPE"}),
    ("symbol", {"symbol": None}),
    ("symbol", {"symbol": ["BTCUSDT"]}),
    ("side", {"side": "BUY"}),
    ("order_type", {"order_type": "LIMIT"}),
    ("time_in_force", {"time_in_force": "GTC"}),
    ("post_only", {"post_only": "yes"}),
    ("reduce_only", {"reduce_only": 1}),
    ("qty", {"qty": D("NaN")}),
    ("qty", {"qty": D("sNaN")}),
    ("qty", {"qty": D("Infinity")}),
    ("qty", {"qty": D("1E+40")}),
    ("qty", {"qty": D("1E-40")}),
    ("qty", {"qty": 0.1}),
    ("qty", {"qty": 1}),
    ("qty", {"qty": D(0)}),
    ("qty", {"qty": D(-1)}),
    ("qty", {"qty": None}),
    ("qty", {"qty": D(1), "close_position": True, "order_type": T.STOP_MARKET}),
    ("qty_step", {"qty": D("0.0015")}),
    ("max_qty", {"qty": D(1001)}),
    ("max_qty", {"qty": D(101), "order_type": T.MARKET, "price": None}),
    ("price", {"price": None}),
    ("price", {"price": D("NaN")}),
    ("price", {"price": D("-Infinity")}),
    ("price", {"price": 100.0}),
    ("price", {"price": D(-1)}),
    ("price", {"price": D(100), "order_type": T.MARKET}),
    ("tick_size", {"price": D("100.05")}),
    ("trigger_price", {"trigger_price": D(90)}),
    ("trigger_price", {"order_type": T.STOP_LIMIT}),
    ("trigger_price", {"order_type": T.STOP_LIMIT, "trigger_price": D("90.01")}),
    ("trigger_price", {"order_type": T.STOP_LIMIT, "trigger_price": D("NaN")}),
    ("callback_rate", {"callback_rate": D(1)}),
    ("callback_rate", {"order_type": T.TRAILING_STOP, "price": None}),
    ("post_only", {"post_only": True, "time_in_force": TimeInForce.IOC}),
    ("good_till_ms", {"time_in_force": TimeInForce.GTD}),
    ("good_till_ms", {"good_till_ms": 1}),
    ("good_till_ms", {"time_in_force": TimeInForce.GTD, "good_till_ms": 1}),
    ("good_till_ms", {"time_in_force": TimeInForce.GTD, "good_till_ms": "tomorrow"}),
    ("good_till_ms", {"time_in_force": TimeInForce.GTD, "good_till_ms": True}),
    ("position_side", {"position_side": PositionSide.LONG}),
    ("reduce_only", {"position_side": PositionSide.LONG, "reduce_only": True}),
    (
        "reduce_only",
        {"side": Side.SELL, "position_side": PositionSide.SHORT, "reduce_only": True},
    ),
    (
        "close_position",
        {
            "order_type": T.STOP_LIMIT,
            "trigger_price": D(90),
            "close_position": True,
            "qty": None,
        },
    ),
    ("take_profit", {"take_profit": D(110)}),
    ("take_profit", {"take_profit": Exit(trigger_price=D("NaN"))}),
    ("take_profit", {"take_profit": Exit(trigger_price=D(90))}),
    ("take_profit", {"take_profit": Exit(trigger_price=D("110.05"))}),
    ("take_profit", {"take_profit": UP, "reduce_only": True}),
    ("take_profit", {"take_profit": UP, "side": Side.SELL}),
    ("stop_loss", {"stop_loss": UP}),
    ("stop_loss", {"stop_loss": Exit(trigger_price=D(90), price=D("89.99"))}),
    ("stop_loss", {"stop_loss": Exit(trigger_price=D(-1))}),
    ("stop_loss", {"stop_loss": Exit(trigger_price=cast(D, None))}),
    ("stop_loss", {"stop_loss": replace(DOWN, trigger_price_type="mark")}),
    ("activation_price", {"activation_price": D(110)}),
    (
        "activation_price",
        {
            "activation_price": D(110),
            "order_type": T.STOP_LIMIT,
            "trigger_price": D(90),
        },
    ),
    ("price_protect", {"price_protect": True}),
    ("price", {"price_unit": PriceUnit.VOLATILITY, "price": D(0)}),
    ("price", {"price_unit": PriceUnit.USD, "price": D(-5)}),
    (
        "price_unit",
        {"price_unit": PriceUnit.USD, "price": None, "order_type": T.MARKET},
    ),
    ("trigger_price_type", {"trigger_price_type": TriggerPriceType.MARK}),
    ("trigger_price", {"order_type": T.STOP_LIMIT, "trigger_price": D(0)}),
    (
        "trail_offset",
        {"trail_offset": D(0), "order_type": T.TRAILING_STOP, "price": None},
    ),
    (
        "stop_loss",
        {"stop_loss": DOWN, "order_type": T.STOP_LIMIT, "trigger_price": D(90)},
    ),
]


@pytest.mark.parametrize(("rule", "given"), BAD, ids=str)
def test_bad_wishes_are_refused_by_name(
    desk: Any, rule: str, given: dict[str, Any]
) -> None:
    """The rule is named, what is allowed is said, nothing is journaled or sent."""
    records, sent = dict(desk.records), len(desk.sent)
    (ticket,) = desk.submit(desk.intent(**given))
    error = desk.outcomes[ticket]
    assert isinstance(error, InvalidOrder)
    assert error.rule == rule
    assert error.allowed
    assert (desk.records, len(desk.sent)) == (records, sent)
    assert desk.core.orders.all() == []


@pytest.mark.parametrize("bad", range(3))
def test_one_bad_order_refuses_its_batch(desk: Any, bad: int) -> None:
    """All of a batch or nothing of it."""
    intents = [desk.intent() for _ in range(3)]
    intents[bad] = desk.intent(price="100.05")
    tickets = desk.submit(*intents)
    assert all(isinstance(desk.outcomes[t], InvalidOrder) for t in tickets)
    assert desk.core.orders.all() == []


def test_what_is_not_traded_says_so(make_desk: Any) -> None:
    """Kinds of instrument that the venue has and this dialect does not trade are
    known by their names: Unsupported, before anything is journaled."""
    desk = make_desk(facts={"not_traded": (("[A-Z]+-[CP]", "options"),)}).open()
    records = dict(desk.records)
    (ticket,) = desk.submit(desk.intent(symbol="BTC-C"))
    assert isinstance(desk.outcomes[ticket], Unsupported)
    assert desk.records == records
    (ticket,) = desk.submit(desk.intent(symbol="BTC-X"))
    assert isinstance(desk.outcomes[ticket], InvalidOrder)


LACKING = [
    (Capability.CONDITIONAL, {"order_type": T.STOP_LIMIT, "trigger_price": "90"}),
    (
        Capability.TRAILING_STOP,
        {"order_type": T.TRAILING_STOP, "callback_rate": "1", "price": None},
    ),
    (Capability.GTD, {"time_in_force": TimeInForce.GTD, "good_till_ms": 1 << 50}),
    (Capability.HEDGE_MODE, {"position_side": PositionSide.LONG}),
    (
        Capability.SELF_TRADE_PREVENTION,
        {"self_trade_prevention": SelfTradePrevention.NONE},
    ),
    (
        Capability.CLOSE_POSITION,
        {
            "order_type": T.STOP_MARKET,
            "trigger_price": "90",
            "qty": None,
            "price": None,
            "close_position": True,
        },
    ),
    (Capability.PRICE_PROTECT, {"price_protect": True}),
    (Capability.ATTACHED_EXITS, {"take_profit": UP}),
    (Capability.ATTACHED_EXITS, {"stop_loss": DOWN}),
]


@pytest.mark.parametrize(("capability", "given"), LACKING, ids=str)
def test_what_a_venue_cannot_do_is_unsupported(
    make_desk: Any, capability: Capability, given: dict[str, Any]
) -> None:
    """Law 11: refused by name, not sent and hoped for."""
    have = frozenset(Capability) - {capability}
    desk = make_desk(facts={"capabilities": have}).open()
    (ticket,) = desk.submit(desk.intent(**given))
    error = desk.outcomes[ticket]
    assert isinstance(error, Unsupported)
    assert capability.value in str(error)


def test_hedge_mode_needs_a_side(desk: Any, story: Any) -> None:
    """NET is no position of a hedged account."""
    desk.core.account.is_hedge_mode = True
    (ticket,) = desk.submit(desk.intent())
    assert desk.outcomes[ticket].rule == "position_side"
    (ticket,) = desk.submit(desk.intent(position_side=PositionSide.SHORT))
    assert ticket not in desk.outcomes


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        (("2", "100.05"), "tick_size"),
        (("0.0005", "100"), "min_qty"),
        (("2", "90001"), "price"),
        (("NaN", "100"), "qty"),
        (("1", "NaN"), "price"),
        (("1E+40", "100"), "qty"),
    ],
)
def test_bad_amends_are_refused(desk: Any, story: Any, terms: Any, rule: str) -> None:
    """Also by the dialect's own rules; the order is left as it was."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    records = dict(desk.records)
    ticket = desk.amend("c1", *terms)
    error = desk.outcomes[ticket]
    assert isinstance(error, InvalidOrder)
    assert error.rule == rule
    assert desk.records == records
    assert desk.status("c1") is OrderStatus.NEW


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"price": D(90)}, "price"),
        ({"trigger_price": None}, "trigger_price"),
        ({"trigger_price": D("90.05")}, "trigger_price"),
        ({"qty": None}, "qty"),
    ],
    ids=str,
)
def test_what_waits_is_amended_as_it_is(
    desk: Any, story: Any, given: dict[str, Any], rule: str
) -> None:
    """An amend changes the terms an order has; it makes no other kind of it."""
    desk.buy(order_type=T.STOP_MARKET, price=None, trigger_price=D(110))
    desk.answer(
        "place", story.ok(desk.state("c1", "v1", is_conditional=True, price=None))
    )
    order = desk.core.orders.get("c1").snapshot()
    terms = replace(order.terms, **given)
    with pytest.raises(InvalidOrder) as refused:
        check_amend(order, terms, desk.core.account, desk.core.dialect)
    assert refused.value.rule == rule
    triggered = replace(order, triggered_order_id="v2")
    with pytest.raises(InvalidOrder):
        check_amend(triggered, terms, desk.core.account, desk.core.dialect)


def test_what_has_ended_or_never_was_is_not_amended(desk: Any, story: Any) -> None:
    """Refused here, by what is known."""
    unknown = desk.amend("nope", "1", "100")
    assert "nope" in str(desk.outcomes[unknown])
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1", OrderStatus.CANCELED)))
    ended = desk.amend("c1", "1", "101")
    assert desk.outcomes[ended].rule == "status"
    (nothing,) = desk.cancel("nope")
    assert "nope" in str(desk.outcomes[nothing])


@pytest.mark.parametrize("prec", [1, 3, 8])
def test_a_decimal_context_of_the_user_changes_no_sum(
    make_desk: Any, story: Any, prec: int
) -> None:
    """Money: a bot that sets its own precision must not round ours."""
    context = decimal.getcontext().copy()
    context.prec = prec
    context.traps[decimal.Inexact] = True
    with decimal.localcontext(context):
        desk = make_desk().open()
        desk.buy(qty="12.345", price="12345.6")
        terms = {"qty": D("12.345"), "price": D("12345.6")}
        desk.answer("place", story.ok(desk.state("c1", "v1", **terms)))
        desk.push(
            desk.state("c1", "v1", OrderStatus.FILLED, "12.345", **terms),
            desk.fill("c1", "v1", "t1", "1.111"),
            desk.fill("c1", "v1", "t2", "11.234"),
            desk.position("12.345"),
            desk.balance("1234567.12345678"),
        )
        desk.wait(120)
        (bad,) = desk.submit(desk.intent(price="12345.67"))
        assert decimal.getcontext().prec == prec
    assert desk.outcomes[bad].rule == "tick_size"
    key = (story.BTC, PositionSide.NET)
    assert str(desk.core.account.sums.position(key)) == "12.345"
    assert desk.tracked("c1").missing_fills == 0
    assert desk.told(Gap) == []
    assert story.reborn(desk).core.state_hash() == desk.core.state_hash()


def test_sides_of_a_position_that_only_reduce(desk: Any) -> None:
    """What can never add exposure goes through while the state is stale."""
    table = [
        (Side.SELL, PositionSide.LONG, True),
        (Side.BUY, PositionSide.SHORT, True),
        (Side.BUY, PositionSide.LONG, False),
        (Side.SELL, PositionSide.SHORT, False),
        (Side.SELL, PositionSide.NET, False),
    ]
    for side, position_side, reduces in table:
        intent = desk.intent(side=side, position_side=position_side)
        assert intent.reduces is reduces
