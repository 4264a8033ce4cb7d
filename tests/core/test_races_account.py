"""Races around positions, wallets and strangers, on every family of venue.

Each story ends in `Trader.check`: every trade told once, all sums tie out, live, no
gap that had no cause, and the journal replays to the same state.
"""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.dialect.facts import ControlFact, ControlKind
from connector.model.account import LedgerKind
from connector.model.events import (
    Alarm,
    Gap,
    GapReason,
    LedgerUpdate,
    LinkChanged,
    LinkState,
)
from connector.model.ids import Symbol, TradeId
from connector.model.order import OrderStatus, Origin, PositionSide, Side

S = OrderStatus


def _hold(trader: Any, qty: str = "1") -> None:
    """Buy *qty* into the long position."""
    mine = trader.open_order("v1", qty)
    trader.desk.push(
        trader.state(mine, "v1", S.FILLED, qty, qty=D(qty)),
        trader.fill(mine, "v1", "t1", qty),
        trader.position(qty),
    )
    trader.desk.wait(10)


@pytest.mark.parametrize("channel", ["stream", "gap"])
def test_a_flip_through_zero(trader: Any, channel: str) -> None:
    """One sell of 3 with 1 held: -2 one-way; hedged, the two legs do not mix."""
    desk = trader.desk
    _hold(trader)
    sold = {"side": Side.SELL, "position_side": trader.short}
    mine = trader.open_order("v2", "3", **sold)
    if channel == "gap":
        desk.drop()
    facts = (
        trader.state(mine, "v2", S.FILLED, "3", qty=D(3), **sold),
        trader.fill(mine, "v2", "t2", "3", **sold),
        trader.position("-3", side=PositionSide.SHORT)
        if trader.family.is_hedged
        else trader.position("-2"),
    )
    if channel == "gap":
        desk.until_live()
    else:
        desk.push(*facts)
    if trader.family.is_hedged:
        assert (trader.held(), trader.held(PositionSide.SHORT)) == (1, -3)
    else:
        assert trader.held() == -2
    trader.check(trades=("t1", "t2"), gaps=1 if channel == "gap" else 0)


def test_closed_and_opened_again_in_the_gap(trader: Any) -> None:
    """Equal before and after is not the same: every fill between is told."""
    desk = trader.desk
    _hold(trader)
    sold = {"side": Side.SELL}
    first = trader.open_order("v2", **sold)
    second = trader.open_order("v3")
    desk.drop()
    trader.state(first, "v2", S.FILLED, "1", **sold)
    trader.fill(first, "v2", "t2", "1", **sold)
    trader.state(second, "v3", S.FILLED, "1")
    trader.fill(second, "v3", "t3", "1")
    trader.position("1")
    report = desk.until_live()
    assert [fill.trade_id for fill in report.missed_fills] == ["t2", "t3"]
    trader.check(trades=("t1", "t2", "t3"), gaps=1)


@pytest.mark.parametrize("kind", [LedgerKind.FUNDING, LedgerKind.TRANSFER])
def test_an_entry_in_the_gap(trader: Any, kind: LedgerKind) -> None:
    """Law 13: the wallet moved while nobody looked; the ledger says why, once."""
    desk = trader.desk
    desk.push(desk.balance("1000"))
    desk.entry("1000", LedgerKind.TRANSFER)
    desk.wait(120)
    desk.clear()
    desk.drop()
    desk.entry("-2.5", kind)
    desk.balance("997.5")
    report = desk.until_live()
    told = [(entry.kind, entry.amount) for entry in report.ledger_entries]
    assert told == [(kind, D("-2.5"))]
    assert report.differences_left == ()
    assert desk.core.account.balances["USDT"].wallet == D("997.5")
    trader.check(trades=(), gaps=1)
    assert [event.recovered for event in desk.told(LedgerUpdate)] == [True]


def test_fees_of_executions_are_told_by_their_fills(trader: Any) -> None:
    """The ledger repeats the fee of every fill, of those told before the gap as well:
    a report lists what no fill tells, and counts everything."""
    desk = trader.desk
    desk.push(desk.balance("1000"))
    desk.entry("1000", LedgerKind.TRANSFER)
    desk.wait(120)
    order = trader.open_order("v2")
    desk.push(
        trader.fill(order, "v2", "t1", "1"),
        trader.state(order, "v2", S.FILLED, "1"),
        trader.position("1"),
    )
    desk.drop()
    fee = {"symbol": Symbol("BTCUSDT"), "trade_id": TradeId("t1")}
    desk.entry("-0.4", LedgerKind.FEE, **fee)
    desk.entry("-2.5", LedgerKind.FUNDING, symbol="BTCUSDT")
    desk.entry("-0.1", LedgerKind.FEE, symbol="BTCUSDT", trade_id=TradeId("never seen"))
    report = desk.until_live()
    told = [(entry.kind, entry.amount) for entry in report.ledger_entries]
    assert told == [(LedgerKind.FUNDING, D("-2.5")), (LedgerKind.FEE, D("-0.1"))]
    told_one_by_one = [event.entry.amount for event in desk.told(LedgerUpdate)]
    assert told_one_by_one[-3:] == [D("-0.4"), D("-2.5"), D("-0.1")]
    assert "  other ledger        2\n    funding           -2.5 USDT" in report.text()


def test_a_wallet_that_no_entry_explains(trader: Any) -> None:
    """Law 13: what does not tie out is named, and the venue's word is taken."""
    desk = trader.desk
    desk.push(desk.balance("1000"))
    desk.wait(180)
    desk.clear()
    desk.drop()
    desk.balance("990")
    desk.until_live()
    desk.wait(120)
    left = [d for report in desk.reports() for d in report.differences_left]
    assert [(d.subject, d.difference) for d in left] == [("wallet USDT", D(-10))]


@pytest.mark.parametrize("origin", [Origin.LIQUIDATION, Origin.ADL])
@pytest.mark.parametrize("channel", ["stream", "gap"])
def test_a_forced_order(trader: Any, origin: Origin, channel: str) -> None:
    """Law 13: what the venue does to the account is adopted, typed and alarmed."""
    desk = trader.desk
    _hold(trader)
    sold = {"side": Side.SELL, "origin": origin}
    if channel == "gap":
        desk.drop()
    facts = (
        trader.state("autoclose-7", "v9", S.FILLED, "1", **sold),
        trader.fill("autoclose-7", "v9", "t9", "1", **sold),
        trader.position("0"),
    )
    if channel == "gap":
        report = desk.until_live()
        assert [order.origin for order in report.external_orders] == [origin]
    else:
        desk.push(*facts)
    desk.wait(30)
    assert desk.order("autoclose-7").origin is origin
    assert trader.held() == 0
    alarms = [alarm.code for alarm in desk.told(Alarm)]
    assert alarms == [f"forced.{origin.value}"]
    trader.check(trades=("t1", "t9"), gaps=1 if channel == "gap" else 0)


@pytest.mark.parametrize("channel", ["stream", "fill first", "gap"])
def test_a_manual_web_order(trader: Any, channel: str) -> None:
    """Law 13: an order without a client id is adopted as external, once."""
    desk = trader.desk
    if channel == "gap":
        desk.drop()
    state = trader.state(None, "w1", S.PARTIALLY_FILLED, "0.4", created_ns=desk.at())
    fill = trader.fill(None, "w1", "t1", "0.4")
    position = trader.position("0.4")
    if channel == "gap":
        report = desk.until_live()
        assert [order.venue_order_id for order in report.external_orders] == ["w1"]
    elif channel == "stream":
        desk.push(state, fill, position)
    else:
        desk.push(fill, position)
        desk.wait(0.2)
        desk.push(state)
    (tracked,) = desk.core.orders.all()
    order = tracked.snapshot()
    assert (order.origin, order.status) == (Origin.EXTERNAL, S.PARTIALLY_FILLED)
    assert (order.qty, order.filled_qty) == (D(1), D("0.4"))
    desk.push(trader.state(None, "w1", S.CANCELED, "0.4", created_ns=desk.at(0)))
    assert desk.core.orders.open() == []
    trader.check(trades=("t1",), gaps=1 if channel == "gap" else 0)


def test_a_web_order_cancelled_in_the_gap(trader: Any) -> None:
    """Law 6: what should be listed and is not is asked for, strangers too."""
    desk = trader.desk
    desk.push(trader.state(None, "w1", created_ns=desk.at()))
    desk.wait(5)
    desk.drop()
    trader.state(None, "w1", S.CANCELED)
    desk.until_live()
    assert desk.core.orders.open() == []
    trader.check(trades=(), gaps=1)


@pytest.mark.parametrize("told_by", ["frame", "keep-alive"])
def test_a_stream_key_that_another_process_deleted(
    trader: Any, story: Any, told_by: str
) -> None:
    """Law 6: a dead key is a gap with its own name; a fresh key is fetched and what
    happened meanwhile is found."""
    desk = trader.desk
    mine = trader.open_order()
    desk.hold("key")
    if told_by == "frame":
        desk.push(ControlFact(kind=ControlKind.KEY_EXPIRED))
    else:
        desk.answers["keep_alive"] = lambda request: story.no("rejected", "dead")
        desk.wait(1800)
    assert [gap.reason for gap in desk.told(Gap)] == [GapReason.KEY_EXPIRED]
    desk.wait(1)
    assert desk.open_calls("key"), "a fresh key"
    trader.state(mine, "v1", S.FILLED, "1")
    trader.fill(mine, "v1", "t1", "1")
    trader.position("1")
    desk.release("key")
    desk.until_live()
    assert desk.status(mine) is S.FILLED
    trader.check(trades=("t1",), gaps=1)


def test_a_rotation_loses_and_doubles_nothing(trader: Any) -> None:
    """Both connections deliver for a while: each fact counts once, no gap is told."""
    desk = trader.desk
    mine = trader.open_order()
    old = desk.core.link.epoch
    desk.core.link.rotate(desk.now)
    desk.wait(0)
    desk.push(trader.state(None, "w1", created_ns=desk.at()))
    assert desk.core.link.epoch == old + 1
    facts = (
        trader.state(mine, "v1", S.FILLED, "1"),
        trader.fill(mine, "v1", "t1", "1"),
        trader.position("1"),
    )
    desk.push(*facts, epoch=old)
    desk.push(*facts)
    desk.wait(5)
    late = trader.fill(mine, "v1", "t8", "1")
    desk.book.fills.remove(late)
    desk.push(late, epoch=old)
    assert LinkState.STALE not in [e.after for e in desk.told(LinkChanged)]
    trader.check(trades=("t1",))
