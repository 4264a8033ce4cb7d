"""What the venue does by itself: liquidation, ADL, settlement, funding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.paper.instruments import DEFAULT_INSTRUMENTS
from connector.paper.types import AccountEvent, MarginCallEvent, OrderEvent
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    EndReason,
    ExecKind,
    IncomeType,
    MarginType,
    OrderKind,
    OrderStatus,
    Reason,
    TimeInForce,
)

D = Decimal
HOUR_MS = 3_600_000


def _sum(desk: Any, name: str, kind: IncomeType) -> Decimal:
    rows = desk.engine.income(name, kind=kind)
    return sum((row.amount for row in rows), D(0))


# liquidation ---------------------------------------------------------------
def test_cross_liquidation(make_desk: Callable[..., Any]) -> None:
    """Orders expire, then an IOC order closes all: CALCULATED, fee to the fund."""
    desk = make_desk(balance="400")
    desk.order("a", "BUY", "0.1")
    resting = desk.order("a", "SELL", "0.010", "62000.0")
    price = desk.position("a").liquidation_price
    desk.mark(str(price.quantize(D("0.1")) + 1))
    assert D("0.1") == desk.position("a").qty
    desk.told("a")
    desk.mark(str(price.quantize(D("0.1")) - 1))
    assert desk.position("a").qty == 0
    events = [e for e in desk.told("a") if isinstance(e, OrderEvent)]
    assert resting.order_id == events[0].order.order_id
    assert EndReason.LIQUIDATION is events[0].order.end_reason
    assert ExecKind.NEW is events[1].kind
    forced = events[1].order
    assert (
        forced.kind,
        forced.time_in_force,
    ) == (OrderKind.LIQUIDATION, TimeInForce.IOC)
    assert forced.client_order_id.startswith("autoclose-")
    assert {ExecKind.CALCULATED} == {event.kind for event in events[2:]}
    for event in events[2:]:
        assert event.fill is not None
        fee = event.fill.quote_qty * D("0.0125")
        assert fee == event.fill.commission
    (listed,) = desk.engine.forced_orders("a", kind=OrderKind.LIQUIDATION)
    assert OrderStatus.FILLED is listed.status
    assert desk.engine.open_orders("a") == []


def test_the_fund_clears_what_is_owed(make_desk: Callable[..., Any]) -> None:
    """A gap far beyond bankruptcy leaves a wallet of zero, not a debt."""
    desk = make_desk(balance="400")
    desk.order("a", "BUY", "0.1")
    desk.mark("50000")
    assert desk.wallet("a") == 0
    assert _sum(desk, "a", IncomeType.INSURANCE_CLEAR) > 0
    reasons = [
        event.reason for event in desk.told("a") if isinstance(event, AccountEvent)
    ]
    assert AccountReason.INSURANCE_CLEAR is reasons[-1]


def test_liquidation_stops_when_it_is_enough(make_desk: Callable[..., Any]) -> None:
    """The heaviest position goes first; the rest may stay."""
    cheap = tuple(
        replace(item, liquidation_fee=D("0.001")) for item in DEFAULT_INSTRUMENTS
    )
    desk = make_desk(balance="1000", instruments=cheap)
    desk.order("a", "BUY", "0.2")
    desk.order("a", "BUY", "0.1", symbol="ETHUSDT")
    desk.mark("55200")
    assert desk.position("a").qty == 0
    assert D("0.1") == desk.position("a", "ETHUSDT").qty


def test_isolated_liquidation_costs_the_isolated_wallet(desk: Any) -> None:
    """Cross money is not touched, however far the price fell."""
    desk.engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=desk.now_ms)
    desk.order("a", "BUY", "0.1")
    before = desk.engine.account("a").totals.cross_wallet
    desk.mark("50000")
    totals = desk.engine.account("a").totals
    assert desk.position("a").qty == 0
    assert before == totals.cross_wallet == totals.wallet


def test_a_margin_call_comes_once(make_desk: Callable[..., Any]) -> None:
    """Warned when margin runs low, again only after it recovered."""
    desk = make_desk(balance="400")
    desk.order("a", "BUY", "0.1")

    def calls(*marks: str) -> int:
        for mark in marks:
            desk.mark(mark)
        return sum(isinstance(event, MarginCallEvent) for event in desk.told("a"))

    assert calls("56310", "56300", "56302") == 1
    assert calls("60000") == 0
    assert calls("56300") == 1
    assert D("0.1") == desk.position("a").qty


def test_an_isolated_margin_call_names_its_position(desk: Any) -> None:
    """No cross wallet in it, and only once."""
    desk.engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=desk.now_ms)
    desk.order("a", "BUY", "0.1")
    desk.told("a")
    price = desk.position("a").liquidation_price.quantize(D("0.1"))
    for mark in (price + 50, price + 40):
        desk.mark(str(mark))
    (call,) = [e for e in desk.told("a") if isinstance(e, MarginCallEvent)]
    assert call.cross_wallet is None
    assert [D("0.1")] == [row.qty for row in call.positions]


# ADL and settlement ----------------------------------------------------------
def test_adl_is_free_of_commission(desk: Any) -> None:
    """Part of a position is closed at a price nobody chose."""
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    order = desk.engine.adl("a", "BTCUSDT", D("0.05"), D("60500"), now_ms=desk.now_ms)
    assert (
        order.kind,
        order.status,
        order.client_order_id,
    ) == (OrderKind.ADL, OrderStatus.FILLED, "adl_autoclose")
    fill = desk.engine.fills("a")[-1]
    assert (D(0), D(25)) == (fill.commission, fill.realized_pnl)
    assert D("0.05") == desk.position("a").qty
    refused = desk.engine.adl("a", "BTCUSDT", D(1), D("60500"), now_ms=desk.now_ms)
    assert Reason.NO_POSITION is refused.reason
    desk.engine.audit()


def test_settlement_closes_everything(desk: Any) -> None:
    """Orders expire as delisted, positions close as trades, trading ends."""
    resting = desk.order("a", "BUY", "0.010", "59000.0")
    desk.order("a", "BUY", "0.1")
    stop = desk.conditional("a", "STOP_MARKET", "SELL", "1", trigger_price="50000.0")
    desk.told("a")
    desk.engine.settle_symbol("BTCUSDT", D("60000"), now_ms=desk.now_ms)
    desk.engine.audit()
    assert EndReason.DELISTED is desk.now(resting).end_reason
    assert desk.position("a").qty == 0
    (order,) = desk.engine.forced_orders("a")
    assert order.client_order_id.startswith("settlement_autoclose-")
    assert Reason.NOT_TRADING is desk.refused("a", "BUY", "0.010", "59000.0")
    assert not desk.engine.is_trading("BTCUSDT")
    gone = desk.engine.conditional("a", stop.conditional_id)
    assert gone.status is ConditionalStatus.EXPIRED


# funding -------------------------------------------------------------------
def test_longs_pay_shorts(desk: Any) -> None:
    """size * mark * rate, told with the symbol; cross funding names no position."""
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    desk.told("a")
    desk.engine.settle_funding("BTCUSDT", D("0.0001"), now_ms=desk.now_ms)
    assert D("-0.6") == _sum(desk, "a", IncomeType.FUNDING_FEE)
    assert D("0.6") == _sum(desk, "b", IncomeType.FUNDING_FEE)
    desk.engine.audit()


def test_funding_event(desk: Any) -> None:
    """Isolated funding moves the isolated wallet and names the position."""
    desk.engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=desk.now_ms)
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    events = desk.engine.drain()
    desk.engine.settle_funding("BTCUSDT", D("0.0001"), now_ms=desk.now_ms)
    events = [e for e in desk.engine.drain() if isinstance(e, AccountEvent)]
    isolated, cross = events
    assert (isolated.reason, isolated.symbol) == (AccountReason.FUNDING_FEE, "BTCUSDT")
    assert D("-0.6") == isolated.balances[0].delta
    assert D("299.4") == isolated.positions[0].isolated_wallet
    assert cross.positions == ()


def test_funding_comes_by_the_clock(desk: Any) -> None:
    """Every interval, at the rate the market shows, stamped with its time."""
    desk.order("a", "BUY", "0.1")
    due = desk.engine.quote("BTCUSDT").next_funding_ms
    desk.engine.set_funding_rate("BTCUSDT", D("0.0003"))
    assert D("0.0003") == desk.engine.quote("BTCUSDT").funding_rate
    desk.wait(due - desk.now_ms - 1)
    assert _sum(desk, "a", IncomeType.FUNDING_FEE) == 0
    desk.wait(8 * HOUR_MS + 5)
    rows = desk.engine.income("a", kind=IncomeType.FUNDING_FEE)
    assert [due, due + 8 * HOUR_MS] == [row.time_ms for row in rows]
    assert [D("-1.8"), D("-1.8")] == [row.amount for row in rows]


def test_deposits_and_withdrawals_are_told(desk: Any) -> None:
    """With reason, delta and an income row."""
    desk.engine.deposit("a", "USDT", D(10), now_ms=desk.now_ms)
    desk.engine.withdraw(
        "a",
        "USDT",
        D(4),
        reason=AccountReason.TRANSFER,
        now_ms=desk.now_ms,
    )
    first, second = desk.told("a")
    assert (AccountReason.DEPOSIT, D(10)) == (first.reason, first.balances[0].delta)
    assert (AccountReason.TRANSFER, D(-4)) == (second.reason, second.balances[0].delta)
    rows = desk.engine.income("a", kind=IncomeType.TRANSFER)
    assert [D(5000), D(10), D(-4)] == [row.amount for row in rows]
    assert len({row.tran_id for row in rows}) == 3
