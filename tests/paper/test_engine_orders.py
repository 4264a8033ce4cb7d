"""Orders: life cycle, lifetimes, matching, reduce-only, amending, refusals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.types import (
    AccountEvent,
    EngineRules,
    Fill,
    Order,
    OrderEvent,
    Refusal,
    TradeEvent,
)
from connector.paper.words import (
    EndReason,
    ExecKind,
    OrderStatus,
    PositionSide,
    Reason,
    SelfTradePrevention,
    TimeInForce,
)

D = Decimal
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
POST_ONLY = TimeInForce.POST_ONLY


@pytest.fixture(name="quiet")
def _quiet(make_desk: Callable[..., Any]) -> Any:
    """No house: only accounts trade. BTCUSDT at 60000."""
    return make_desk(house=False, balance="1000000")


def _fills(desk: Any, name: str) -> list[Fill]:
    return desk.engine.fills(name)


def test_the_documented_life_of_an_order(make_desk: Callable[..., Any]) -> None:
    """Two maker fills and a market close: fees, profit and wallet to the cent."""
    desk = make_desk(house=False)
    desk.open("maker", "100000")
    order = desk.order("a", "BUY", "0.010", "60000.0", client_order_id="x1")
    desk.order("maker", "SELL", "0.004", "60000.0")
    assert D("4999.952") == desk.wallet("a")
    desk.order("maker", "SELL", "0.006", "60000.0")
    assert D("4999.88") == desk.wallet("a")
    position = desk.position("a")
    assert (D("60000"), D("60012")) == (
        position.entry_price,
        position.break_even_price,
    )
    assert OrderStatus.FILLED is desk.now(order).status
    desk.mark("60500")
    desk.order("maker", "BUY", "0.010", "60500.0")
    close = desk.order("a", "SELL", "0.010", reduce_only=True)
    assert (OrderStatus.FILLED, D("60500")) == (close.status, close.average_price)
    assert D("5004.638") == desk.wallet("a")
    position = desk.position("a")
    assert (D(0), D(0), D(5)) == (
        position.qty,
        position.entry_price,
        position.realized_pnl,
    )
    assert [D("0.048"), D("0.072"), D("0.242")] == [
        fill.commission for fill in _fills(desk, "a")
    ]


def test_events_of_a_fill_come_in_causal_order(quiet: Any) -> None:
    """NEW, then trade, account, order for each fill, all with one trade id."""
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.told("a")
    quiet.order("a", "BUY", "0.5", "60000.0")
    new, trade, account, order = quiet.told("a")
    assert isinstance(new, OrderEvent)
    assert (ExecKind.NEW, D(30000)) == (new.kind, new.bid_notional)
    assert isinstance(trade, TradeEvent)
    assert isinstance(account, AccountEvent)
    assert isinstance(order, OrderEvent)
    assert (ExecKind.TRADE, D(0)) == (order.kind, order.bid_notional)
    assert trade.fill == order.fill
    assert D("0.5") == account.positions[0].qty
    assert D("999988") == account.balances[0].wallet
    assert D(0) == account.balances[0].delta


def test_better_prices_first_then_earlier_orders(quiet: Any) -> None:
    """Price-time priority, at the resting orders' prices."""
    late_good = quiet.order("b", "SELL", "0.1", "60001.0")
    first = quiet.order("b", "SELL", "0.1", "60000.0")
    second = quiet.order("b", "SELL", "0.1", "60000.0")
    quiet.order("a", "BUY", "0.25", "60005.0")
    assert [first.order_id, second.order_id, late_good.order_id] == [
        fill.order_id for fill in _fills(quiet, "b")
    ]
    assert [D(60000), D(60000), D(60001)] == [fill.price for fill in _fills(quiet, "a")]
    assert D("0.05") == quiet.now(late_good).filled_qty


def test_accounts_come_before_the_house_at_one_price(desk: Any) -> None:
    """The house's quotes are always the newest."""
    ask = desk.engine.quote("BTCUSDT").best_ask
    resting = desk.order("b", "SELL", "0.010", str(ask))
    desk.order("a", "BUY", "0.010")
    assert OrderStatus.FILLED is desk.now(resting).status


def test_a_market_that_moves_through_an_order_fills_it(desk: Any) -> None:
    """A resting order trades as maker, at its own price."""
    order = desk.order("a", "BUY", "0.010", "59900.0")
    desk.mark("59850")
    (fill,) = _fills(desk, "a")
    assert (D("59900.0"), True) == (fill.price, fill.is_maker)
    assert OrderStatus.FILLED is desk.now(order).status


def test_a_large_order_is_filled_in_parts_as_the_market_moves(
    make_desk: Callable[..., Any],
) -> None:
    """The house takes what it quotes there, no more."""
    desk = make_desk(balance="100000000")
    order = desk.order("a", "BUY", "100", "59999.0")
    desk.mark("59998.5")
    part = desk.now(order)
    assert OrderStatus.PARTIALLY_FILLED is part.status
    assert 0 < part.filled_qty < 100
    desk.engine.trade_through("BTCUSDT", D("59990"), now_ms=desk.now_ms)
    assert OrderStatus.FILLED is desk.now(order).status
    desk.engine.audit()


# lifetimes -----------------------------------------------------------------
def test_ioc_expires_the_rest(quiet: Any) -> None:
    """What an IOC does not find at once expires with reason IOC."""
    quiet.order("b", "SELL", "0.1", "60000.0")
    quiet.told("a")
    order = quiet.order("a", "BUY", "0.3", "60000.0", time_in_force=IOC)
    assert (OrderStatus.EXPIRED, EndReason.IOC, D("0.1")) == (
        order.status,
        order.end_reason,
        order.filled_qty,
    )
    assert quiet.order_story("a") == [
        "NEW/NEW/NONE",
        "TRADE/PARTIALLY_FILLED/NONE",
        "EXPIRED/EXPIRED/IOC",
    ]


def test_fok_is_all_or_nothing(quiet: Any) -> None:
    """A fill-or-kill that cannot fill is refused and touches nothing."""
    quiet.order("b", "SELL", "0.1", "60000.0")
    quiet.order("b", "SELL", "0.1", "60001.0")
    assert Reason.FOK is quiet.refused("a", "BUY", "0.3", "60001.0", time_in_force=FOK)
    assert Reason.FOK is quiet.refused("a", "BUY", "0.2", "60000.0", time_in_force=FOK)
    order = quiet.order("a", "BUY", "0.2", "60001.0", time_in_force=FOK)
    assert OrderStatus.FILLED is order.status


def test_fok_does_not_count_own_orders_that_would_expire(quiet: Any) -> None:
    """Self-trade prevention takes liquidity away from a fill-or-kill."""
    quiet.order("a", "SELL", "0.1", "60000.0")
    quiet.order("b", "SELL", "0.1", "60000.0")
    for stp in (
        SelfTradePrevention.EXPIRE_MAKER,
        SelfTradePrevention.EXPIRE_TAKER,
        SelfTradePrevention.EXPIRE_BOTH,
    ):
        assert Reason.FOK is quiet.refused(
            "a", "BUY", "0.2", "60000.0", time_in_force=FOK, stp=stp
        )
    order = quiet.order("a", "BUY", "0.2", "60000.0", time_in_force=FOK)
    assert OrderStatus.FILLED is order.status


def test_post_only_never_takes(make_desk: Callable[..., Any]) -> None:
    """Refused, or accepted and expired, as the rules say."""
    desk = make_desk()
    assert Reason.POST_ONLY is desk.refused(
        "a", "BUY", "0.010", "60010.0", time_in_force=POST_ONLY
    )
    desk = make_desk(rules=EngineRules(refuse_post_only=False, refuse_fok=False))
    order = desk.order("a", "BUY", "0.010", "60010.0", time_in_force=POST_ONLY)
    assert (
        order.status,
        order.end_reason,
    ) == (OrderStatus.EXPIRED, EndReason.POST_ONLY)
    order = desk.order("a", "BUY", "1", "55000.0", time_in_force=FOK)
    assert (
        order.status,
        order.end_reason,
        order.filled_qty,
    ) == (OrderStatus.EXPIRED, EndReason.IOC, 0)


def test_gtd_expires_at_its_time(desk: Any) -> None:
    """Open until then, expired at exactly then, whoever asks later."""
    due = desk.now_ms + 700_000
    gtd = {"time_in_force": TimeInForce.GTD, "expire_ms": due}
    order = desk.order("a", "BUY", "0.010", "59000.0", **gtd)
    desk.wait(699_999)
    assert OrderStatus.NEW is desk.now(order).status
    desk.wait(5_000)
    gone = desk.now(order)
    assert (OrderStatus.EXPIRED, EndReason.GTD, due) == (
        gone.status,
        gone.end_reason,
        gone.updated_ms,
    )
    assert Reason.EXPIRE_TIME is desk.refused("a", "BUY", "0.010", "59000.0", **gtd)


def test_market_orders_stop_at_the_bound(make_desk: Callable[..., Any]) -> None:
    """Five percent from the mark a market order ends, unfilled rest expired."""
    desk = make_desk(house=False, balance="1000000")
    desk.order("b", "SELL", "0.1", "62900.0")
    desk.order("b", "SELL", "0.1", "63100.0")
    order = desk.order("a", "BUY", "0.2")
    assert (OrderStatus.EXPIRED, EndReason.NO_LIQUIDITY, D("0.1")) == (
        order.status,
        order.end_reason,
        order.filled_qty,
    )


# self-trade prevention -----------------------------------------------------
@pytest.mark.parametrize(
    ("stp", "taker_end", "maker_end"),
    [
        ("NONE", ("FILLED", "NONE"), ("FILLED", "NONE")),
        ("EXPIRE_TAKER", ("EXPIRED", "SELF_TRADE"), ("NEW", "NONE")),
        ("EXPIRE_MAKER", ("NEW", "NONE"), ("EXPIRED", "SELF_TRADE")),
        ("EXPIRE_BOTH", ("EXPIRED", "SELF_TRADE"), ("EXPIRED", "SELF_TRADE")),
    ],
)
def test_self_trade_prevention(
    quiet: Any, stp: str, taker_end: tuple[str, str], maker_end: tuple[str, str]
) -> None:
    """Each mode expires whom it names; without one, an account trades with itself."""
    maker = quiet.order("a", "SELL", "0.1", "60000.0")
    taker = quiet.order("a", "BUY", "0.1", "60000.0", stp=SelfTradePrevention(stp))
    for expected, order in ((taker_end, taker), (maker_end, maker)):
        now = quiet.now(order)
        assert expected == (now.status.value, now.end_reason.value)
    if stp == "NONE":
        first, second = _fills(quiet, "a")
        assert first.trade_id == second.trade_id
        assert {maker.order_id, taker.order_id} == {first.order_id, second.order_id}


def test_an_ioc_stopped_by_self_trade_says_so(quiet: Any) -> None:
    """IOC rest expired because of self-trade prevention has its own reason."""
    quiet.order("a", "SELL", "0.1", "60000.0")
    order = quiet.order(
        "a",
        "BUY",
        "0.1",
        "60000.0",
        time_in_force=IOC,
        stp=SelfTradePrevention.EXPIRE_TAKER,
    )
    assert EndReason.IOC_SELF_TRADE is order.end_reason


# reduce-only ---------------------------------------------------------------
def test_reduce_only_needs_a_position_to_reduce(quiet: Any) -> None:
    """Refused when flat, and on the side that would grow the position."""
    assert Reason.REDUCE_ONLY is quiet.refused("a", "SELL", "1", reduce_only=True)
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.order("a", "BUY", "1", "60000.0")
    assert Reason.REDUCE_ONLY is quiet.refused("a", "BUY", "1", reduce_only=True)


def test_reduce_only_never_flips(quiet: Any) -> None:
    """More than the position is executed up to the position, the rest expires."""
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.order("a", "BUY", "1", "60000.0")
    quiet.order("b", "BUY", "5", "60000.0")
    order = quiet.order("a", "SELL", "3", reduce_only=True)
    assert (OrderStatus.EXPIRED, EndReason.REDUCE_ONLY, D(1)) == (
        order.status,
        order.end_reason,
        order.filled_qty,
    )
    assert quiet.position("a").qty == 0


def test_reduce_only_orders_shrink_with_the_position(quiet: Any) -> None:
    """The worst-placed go first: expired whole, the one on the edge shrunk."""
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.order("a", "BUY", "1", "60000.0")
    near = quiet.order("a", "SELL", "0.5", "61000.0", reduce_only=True)
    far = quiet.order("a", "SELL", "0.5", "62000.0", reduce_only=True)
    quiet.order("b", "BUY", "0.8", "60000.0")
    quiet.order("a", "SELL", "0.8", "60000.0")
    assert (D("0.2"), OrderStatus.NEW) == (
        quiet.now(near).qty,
        quiet.now(near).status,
    )
    gone = quiet.now(far)
    assert (
        gone.status,
        gone.end_reason,
    ) == (OrderStatus.EXPIRED, EndReason.REDUCE_ONLY)


def test_resting_reduce_only_orders_fill_in_parts(quiet: Any) -> None:
    """What was filled no longer counts against the position."""
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.order("a", "BUY", "1", "60000.0")
    order = quiet.order("a", "SELL", "1", "61000.0", reduce_only=True)
    quiet.order("b", "BUY", "0.4", "61000.0")
    assert quiet.now(order).filled_qty == D("0.4")
    assert quiet.position("a").qty == D("0.6")
    quiet.order("b", "BUY", "0.6", "61000.0")
    assert OrderStatus.FILLED is quiet.now(order).status


def test_fok_counts_the_house_before_an_own_order(
    make_desk: Callable[..., Any],
) -> None:
    """Up to an own order that would end it, a fill-or-kill takes from everybody."""
    desk = make_desk(balance="1000000")
    (ask, offered), (beyond, _) = desk.engine.depth("BTCUSDT", 2).asks
    desk.order("a", "SELL", "0.010", str(beyond - D("0.1")))
    stp = SelfTradePrevention.EXPIRE_TAKER
    too_much = str(offered + D("0.001"))
    fok = {"time_in_force": FOK, "stp": stp}
    assert Reason.FOK is desk.refused("a", "BUY", too_much, str(beyond), **fok)
    order = desk.order("a", "BUY", str(offered), str(beyond), **fok)
    assert (order.status, order.average_price) == (OrderStatus.FILLED, ask)


def test_a_better_reduce_only_order_displaces_a_worse_one(quiet: Any) -> None:
    """Only as much as the position may rest."""
    quiet.order("b", "SELL", "1", "60000.0")
    quiet.order("a", "BUY", "1", "60000.0")
    far = quiet.order("a", "SELL", "1", "62000.0", reduce_only=True)
    near = quiet.order("a", "SELL", "1", "61000.0", reduce_only=True)
    assert EndReason.REDUCE_ONLY is quiet.now(far).end_reason
    assert OrderStatus.NEW is quiet.now(near).status


def test_hedge_sides_are_apart(quiet: Any) -> None:
    """LONG and SHORT of one symbol live together; closing cannot open."""
    assert quiet.engine.set_hedge("a", hedge=True, now_ms=quiet.now_ms) is None
    long, short = PositionSide.LONG, PositionSide.SHORT
    quiet.order("b", "SELL", "2", "60000.0")
    quiet.order("b", "BUY", "2", "59990.0")
    quiet.order("a", "BUY", "1", position_side=long)
    quiet.order("a", "SELL", "1", position_side=short)
    assert (
        quiet.position("a", side=long).qty,
        quiet.position("a", side=short).qty,
    ) == (1, -1)
    assert Reason.REDUCE_ONLY is quiet.refused("a", "SELL", "2", position_side=long)
    assert Reason.POSITION_SIDE is quiet.refused("a", "SELL", "1")
    quiet.order("a", "SELL", "1", position_side=long)
    assert quiet.position("a", side=long).qty == 0
    refusal = quiet.engine.set_hedge("a", hedge=False, now_ms=quiet.now_ms)
    assert Reason.OPEN_POSITION is refusal.reason


# amending ------------------------------------------------------------------
def test_an_amended_order_goes_to_the_back(quiet: Any) -> None:
    """Same id, new quantity, queue place lost; history and event tell."""
    first = quiet.order("b", "SELL", "0.1", "60000.0")
    second = quiet.order("b", "SELL", "0.1", "60000.0")
    changed = quiet.amend(first, qty="0.2")
    assert (first.order_id, D("0.2"), 1) == (
        changed.order_id,
        changed.qty,
        changed.amend_count,
    )
    quiet.order("a", "BUY", "0.1", "60000.0")
    assert OrderStatus.FILLED is quiet.now(second).status
    assert OrderStatus.NEW is quiet.now(first).status
    (row,) = quiet.engine.amendments("b", "BTCUSDT")
    assert (D("0.1"), D("0.2"), 1) == (row.qty_before, row.qty_after, row.count)


def test_a_smaller_order_may_keep_its_place(make_desk: Callable[..., Any]) -> None:
    """Where the venue's rules say so; a larger one still goes to the back."""
    rules = EngineRules(amend_keeps_queue=True)
    desk = make_desk(house=False, balance="1000000", rules=rules)
    first = desk.order("b", "SELL", "0.3", "60000.0")
    second = desk.order("b", "SELL", "0.1", "60000.0")
    assert desk.amend(first, qty="0.2").qty == D("0.2")
    desk.order("a", "BUY", "0.2", "60000.0")
    assert OrderStatus.FILLED is desk.now(first).status
    assert OrderStatus.NEW is desk.now(second).status
    third = desk.order("b", "SELL", "0.1", "60000.0")
    desk.amend(second, qty="0.2")
    desk.order("a", "BUY", "0.1", "60000.0")
    assert OrderStatus.FILLED is desk.now(third).status


def test_amending_to_no_more_than_filled_cancels(quiet: Any) -> None:
    """What is filled stays filled, the order is cancelled."""
    order = quiet.order("b", "SELL", "0.3", "60000.0")
    quiet.order("a", "BUY", "0.2", "60000.0")
    gone = quiet.amend(order, qty="0.2")
    assert (OrderStatus.CANCELED, D("0.2")) == (gone.status, gone.filled_qty)


def test_amending_post_only_into_the_market_cancels(quiet: Any) -> None:
    """It may not take, so it is cancelled."""
    quiet.order("b", "SELL", "0.3", "60000.0")
    order = quiet.order("a", "BUY", "0.1", "59000.0", time_in_force=POST_ONLY)
    gone = quiet.amend(order, price="60000.0")
    assert (
        gone.status,
        gone.end_reason,
    ) == (OrderStatus.CANCELED, EndReason.POST_ONLY)


def test_amending_into_the_market_takes(quiet: Any) -> None:
    """An ordinary order whose new price crosses trades, after its AMENDMENT."""
    quiet.order("b", "SELL", "0.3", "60000.0")
    order = quiet.order("a", "BUY", "0.1", "59000.0")
    quiet.told("a")
    assert OrderStatus.FILLED is quiet.amend(order, price="60000.0").status
    assert quiet.order_story("a") == ["AMENDMENT/NEW/NONE", "TRADE/FILLED/NONE"]


def test_amends_that_are_refused(make_desk: Callable[..., Any]) -> None:
    """No change, too many, closed, unknown, off the grid, too expensive."""
    desk = make_desk(house=False, rules=EngineRules(max_amends=1))
    order = desk.order("a", "BUY", "0.010", "59000.0")
    assert Reason.NO_CHANGE is desk.amend(order, qty="0.010").reason
    assert Reason.PRICE_TICK is desk.amend(order, price="59000.05").reason
    assert Reason.MARGIN is desk.amend(order, qty="5").reason
    assert isinstance(desk.amend(order, qty="0.020"), Order)
    assert Reason.MAX_AMENDS is desk.amend(order, qty="0.030").reason
    desk.engine.cancel("a", "BTCUSDT", order.order_id, now_ms=desk.now_ms)
    assert Reason.ORDER_CLOSED is desk.amend(order, qty="0.030").reason
    unknown = desk.engine.cancel("a", "BTCUSDT", 1, now_ms=desk.now_ms)
    assert isinstance(unknown, Refusal)
    assert Reason.UNKNOWN_ORDER is unknown.reason
