"""Margin: the documented examples, then what orders may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import ConfigError
from connector.paper.engine.margin import (
    Exposure,
    bracket_of,
    liquidation_price,
    maintenance_margin,
    max_notional,
)
from connector.paper.instruments import DEFAULT_INSTRUMENTS, make_brackets
from connector.paper.types import Bracket, Instrument
from connector.paper.words import ContractKind, MarginType, PositionSide, Reason, Side

D = Decimal
BTC, ETH, SOL = DEFAULT_INSTRUMENTS
CENT = D("0.01")


def _flat(base: Instrument, mark: str, mmr: str, cum: str) -> Instrument:
    """No fees and one bracket."""
    bracket = Bracket(
        number=1,
        max_leverage=125,
        floor=D(0),
        cap=D(10) ** 9,
        mmr=D(mmr),
        cum=D(cum),
    )
    return replace(
        base,
        tick_size=D("0.01"),
        min_price=D("0.01"),
        brackets=(bracket,),
        maker_rate=D(0),
        taker_rate=D(0),
        initial_mark=D(mark),
    )


def test_the_documented_liquidation_example(make_desk: Callable[..., Any]) -> None:
    """Binance FAQ: two cross positions, their margins and liquidation prices."""
    instruments = (
        _flat(BTC, "32481.98", "0.025", "16300"),
        _flat(ETH, "1456.84", "0.1", "135365"),
    )
    desk = make_desk(house=False, balance="1535443.01", instruments=instruments)
    desk.open("deep", "1000000000")
    for symbol, qty, price in (
        ("BTCUSDT", "109.488", "32481.98"),
        ("ETHUSDT", "3683.979", "1456.84"),
    ):
        desk.order("deep", "SELL", qty, price, symbol=symbol)
        desk.order("a", "BUY", qty, price, symbol=symbol)
    desk.mark("1335.18", "ETHUSDT")
    desk.mark("31967.27", "BTCUSDT")
    btc, eth = desk.position("a", "BTCUSDT"), desk.position("a", "ETHUSDT")
    assert D("356512.508") == eth.maintenance_margin.quantize(D("0.001"))
    assert D("71200.811") == btc.maintenance_margin.quantize(D("0.001"))
    assert D("1153.26") == eth.liquidation_price.quantize(CENT)
    assert D("26316.89") == btc.liquidation_price.quantize(CENT)


def test_the_documented_position_row(make_desk: Callable[..., Any]) -> None:
    """ADAUSDT of the position risk documentation, field by field."""
    ada = replace(
        SOL,
        symbol="ADAUSDT",
        base="ADA",
        tick_size=D("0.00010"),
        min_price=D("0.00010"),
        qty_step=D(1),
        min_qty=D(1),
        initial_mark=D("0.385"),
        brackets=make_brackets([(75, "100000", "0.0065")]),
    )
    desk = make_desk(house=False, instruments=(ada,))
    desk.order("a", "BUY", "30", "0.3850", symbol="ADAUSDT")
    desk.order("b", "SELL", "30", "0.3850", symbol="ADAUSDT")
    desk.mark("0.41047590", "ADAUSDT")
    row = desk.position("a", "ADAUSDT")
    assert D("0.385") == row.entry_price
    assert D("0.385077") == row.break_even_price
    assert D("0.76427700") == row.unrealized_pnl
    assert D("12.31427700") == row.notional
    assert D("0.61571385") == row.position_margin == row.initial_margin
    assert D("0.08004280") == row.maintenance_margin
    assert row.liquidation_price == 0


def test_the_documented_account(make_desk: Callable[..., Any]) -> None:
    """0.010 long at 60000, mark 60250, 20x, 0.005 resting at 59000."""
    desk = make_desk(house=False)
    desk.order("a", "BUY", "0.010", "60000.0")
    desk.order("b", "SELL", "0.010", "60000.0")
    desk.mark("60250")
    desk.order("a", "BUY", "0.005", "59000.0")
    account = desk.engine.account("a")
    totals = account.totals
    assert D("4999.88") == totals.wallet == totals.cross_wallet
    assert D("2.5") == totals.unrealized_pnl == totals.cross_unrealized_pnl
    assert D("5002.38") == totals.margin_balance
    assert D("2.41") == totals.maintenance_margin
    assert D("44.875") == totals.initial_margin
    assert D("30.125") == totals.position_margin
    assert D("14.75") == totals.open_order_margin
    assert D("4957.505") == totals.available == totals.max_withdraw
    (row,) = account.positions
    assert (D(295), D(0)) == (row.bid_notional, row.ask_notional)
    assert (D("44.875"), D("14.75")) == (row.initial_margin, row.open_order_margin)


def test_brackets_are_continuous() -> None:
    """At every edge both brackets give the same maintenance margin."""
    for instrument in DEFAULT_INSTRUMENTS:
        for lower, upper in zip(
            instrument.brackets, instrument.brackets[1:], strict=False
        ):
            edge = lower.cap
            assert edge * lower.mmr - lower.cum == edge * upper.mmr - upper.cum
    assert [D(0), D(300), D(1500), D(12000), D(132000)] == [
        bracket.cum for bracket in BTC.brackets[:5]
    ]


@pytest.mark.parametrize(
    ("notional", "number"),
    [("0", 1), ("300000", 1), ("300000.01", 2), ("99000000000", 12)],
)
def test_bracket_of(notional: str, number: int) -> None:
    """Caps belong to the lower bracket; above all, the last one holds."""
    assert number == bracket_of(BTC, D(notional)).number


def test_leverage_bounds_the_position() -> None:
    """The cap of the last bracket that still allows the leverage."""
    assert D("300000") == max_notional(BTC, 125)
    assert D("100000000") == max_notional(BTC, 20)
    assert D("0") == max_notional(BTC, 126)
    assert D("2000") == maintenance_margin(BTC, D("460000"))


_OWN = [
    [("2", "60000")],
    [("-2", "60000")],
    [("3", "60000"), ("-1", "61000")],
    [("-3", "60000"), ("1", "61000")],
]


@pytest.mark.parametrize("own", _OWN)
@pytest.mark.parametrize(
    ("kind", "unit", "wallet"),
    [
        (ContractKind.LINEAR, D(1), D(10000)),
        (ContractKind.INVERSE, D(10000), D("0.02")),
    ],
)
def test_at_the_liquidation_price_balance_meets_maintenance(
    kind: ContractKind, unit: Decimal, wallet: Decimal, own: list[tuple[str, str]]
) -> None:
    """Long, short and hedge, linear and inverse: the formula solves its equation."""
    instrument = replace(BTC, kind=kind)
    exposures = []
    for qty_text, entry in own:
        qty = D(qty_text) * unit
        cost = instrument.flow_sign * instrument.value(qty, D(entry))
        exposures.append(Exposure(qty=qty, cost=cost, mmr=D("0.01"), cum=D("0.01")))
    price = liquidation_price(
        kind,
        wallet=wallet,
        other_maintenance=wallet / 100,
        other_pnl=-wallet / 200,
        own=exposures,
    )
    assert price > 0
    balance, needed = wallet - wallet / 200, wallet / 100
    for item in exposures:
        value = instrument.value(item.qty, price)
        balance += instrument.flow_sign * value - item.cost
        needed += abs(value) * item.mmr - item.cum
    assert abs(balance - needed) < D("0.000001")


def test_opposite_orders_share_margin(desk: Any) -> None:
    """One-way: the larger side counts, so closing orders cost nothing."""
    desk.order("a", "BUY", "0.1", "59000.0")
    bid_only = desk.engine.account("a").totals.initial_margin
    desk.order("a", "SELL", "0.1", "61000.0")
    both = desk.engine.account("a").totals.initial_margin
    assert (D(295), D(305)) == (bid_only, both)


def test_hedge_sides_add_up(desk: Any) -> None:
    """Hedge: both sides need margin, closing orders none."""
    desk.engine.set_hedge("a", hedge=True, now_ms=desk.now_ms)
    desk.order("a", "BUY", "0.1", "59000.0", position_side=PositionSide.LONG)
    desk.order("a", "SELL", "0.1", "61000.0", position_side=PositionSide.SHORT)
    assert D(600) == desk.engine.account("a").totals.initial_margin


def test_a_losing_limit_needs_its_loss_too(make_desk: Callable[..., Any]) -> None:
    """Margin plus what is lost at once must fit: 300.15 + 3 > 302 > 300.075 + 1.5."""
    desk = make_desk(balance="302", house=False)
    assert Reason.MARGIN is desk.refused("a", "BUY", "0.1", "60030.0")
    assert Reason.MARGIN is desk.refused("a", "SELL", "0.1", "59970.0")
    desk.order("a", "BUY", "0.1", "60015.0")


def test_break_even_stays_while_a_position_shrinks(
    make_desk: Callable[..., Any],
) -> None:
    """Fees of the closed part leave with it."""
    desk = make_desk(house=False)
    desk.order("a", "BUY", "0.010", "60000.0")
    desk.order("b", "SELL", "0.010", "60000.0")
    desk.order("b", "BUY", "0.005", "60000.0")
    desk.order("a", "SELL", "0.005")
    assert desk.position("a").break_even_price == D("60012")


def test_margin_is_free_for_closing(make_desk: Callable[..., Any]) -> None:
    """With nothing available an account can still close."""
    desk = make_desk(balance="305")
    desk.order("a", "BUY", "0.1")
    assert desk.engine.account("a").totals.available < 3
    desk.order("a", "SELL", "0.1", "61000.0")
    desk.order("a", "SELL", "0.1", reduce_only=True)
    assert desk.position("a").qty == 0


# isolated ------------------------------------------------------------------
def _isolated(desk: Any, name: str = "a") -> None:
    refusal = desk.engine.set_margin_type(
        name, "BTCUSDT", MarginType.ISOLATED, now_ms=desk.now_ms
    )
    assert refusal is None


def test_isolated_margin_moves_with_the_position(desk: Any) -> None:
    """Opening takes initial margin out of the cross wallet, closing gives it back."""
    _isolated(desk)
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    row = desk.position("a")
    assert D(300) == row.isolated_wallet
    totals = desk.engine.account("a").totals
    assert desk.wallet("a") - 300 == totals.cross_wallet
    desk.engine.adjust_isolated_margin("a", "BTCUSDT", D(50), now_ms=desk.now_ms)
    desk.order("a", "SELL", "0.05", reduce_only=True)
    assert D(175) == desk.position("a").isolated_wallet
    desk.order("a", "SELL", "0.05", reduce_only=True)
    assert desk.position("a").isolated_wallet == 0
    assert desk.wallet("a") == desk.engine.account("a").totals.cross_wallet


def test_isolated_margin_bounds(desk: Any) -> None:
    """No more in than available, no more out than is spare."""
    adjust = desk.engine.adjust_isolated_margin
    refused = adjust("a", "BTCUSDT", D(50), now_ms=desk.now_ms)
    assert Reason.NOT_ISOLATED is refused.reason
    _isolated(desk)
    refused = adjust("a", "BTCUSDT", D(50), now_ms=desk.now_ms)
    assert Reason.NO_POSITION is refused.reason
    desk.order("a", "BUY", "0.1")
    for amount in (D(5000), D(-50)):
        refused = adjust("a", "BTCUSDT", amount, now_ms=desk.now_ms)
        assert Reason.ISOLATED_MARGIN is refused.reason
    assert adjust("a", "BTCUSDT", D(50), now_ms=desk.now_ms) is None
    assert adjust("a", "BTCUSDT", D(-40), now_ms=desk.now_ms) is None


def test_isolated_liquidation_price_ignores_the_rest(desk: Any) -> None:
    """Only the isolated wallet stands for the position."""
    _isolated(desk)
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    price = desk.position("a").liquidation_price
    expected = (D(300) - D(6000)) / (D("0.1") * D("0.004") - D("0.1"))
    assert expected.quantize(CENT) == price.quantize(CENT)


def test_settings_that_are_refused(desk: Any) -> None:
    """Modes cannot change under orders or positions."""
    engine, now = desk.engine, desk.now_ms
    order = desk.order("a", "BUY", "0.1", "59000.0")
    for refusal in (
        engine.set_hedge("a", hedge=True, now_ms=now),
        engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=now),
    ):
        assert Reason.OPEN_ORDERS is refusal.reason
    engine.cancel("a", "BTCUSDT", order.order_id, now_ms=now)
    desk.order("a", "BUY", "0.1")
    for refusal in (
        engine.set_hedge("a", hedge=True, now_ms=now),
        engine.set_margin_type("a", "BTCUSDT", MarginType.ISOLATED, now_ms=now),
    ):
        assert Reason.OPEN_POSITION is refusal.reason
    for refusal in (
        engine.set_hedge("a", hedge=False, now_ms=now),
        engine.set_multi_assets("a", multi_assets=False, now_ms=now),
        engine.set_margin_type("a", "BTCUSDT", MarginType.CROSS, now_ms=now),
    ):
        assert Reason.NO_CHANGE is refusal.reason


def test_leverage(desk: Any) -> None:
    """Changes are told once; too much, or too little for the margin, is refused."""
    engine, now = desk.engine, desk.now_ms
    for bad in (0, 126):
        assert (
            Reason.LEVERAGE
            is engine.set_leverage("a", "BTCUSDT", bad, now_ms=now).reason
        )
    config = engine.set_leverage("a", "BTCUSDT", 50, now_ms=now)
    assert (50, D(12000000)) == (config.leverage, config.max_notional)
    engine.set_leverage("a", "BTCUSDT", 50, now_ms=now)
    assert len(desk.told("a")) == 1
    desk.order("a", "BUY", "3", "59000.0")
    refused = engine.set_leverage("a", "BTCUSDT", 10, now_ms=now)
    assert Reason.MARGIN is refused.reason
    assert engine.symbol_config("a", "BTCUSDT").leverage == 50


def test_leverage_is_bounded_by_what_is_open(make_desk: Callable[..., Any]) -> None:
    """More leverage means a smaller cap: 420000 open does not fit 300000."""
    desk = make_desk(balance="1000000")
    desk.order("a", "BUY", "7", "59000.0")
    refused = desk.engine.set_leverage("a", "BTCUSDT", 125, now_ms=desk.now_ms)
    assert (refused.reason, refused.allowed) == (Reason.MAX_POSITION, D(300000))
    config = desk.engine.set_leverage("a", "BTCUSDT", 100, now_ms=desk.now_ms)
    assert config.leverage == 100


def test_multi_assets_is_a_flag_that_forbids_isolated(desk: Any) -> None:
    """Stored and told; isolated symbols in use stand in its way, and it in theirs."""
    engine, now = desk.engine, desk.now_ms
    _isolated(desk)
    order = desk.order("a", "BUY", "0.010", "59000.0")
    refused = engine.set_multi_assets("a", multi_assets=True, now_ms=now)
    assert Reason.ISOLATED_MARGIN is refused.reason
    engine.cancel("a", "BTCUSDT", order.order_id, now_ms=now)
    desk.told("a")
    assert engine.set_multi_assets("a", multi_assets=True, now_ms=now) is None
    (event,) = desk.told("a")
    assert event.is_multi_assets
    assert engine.is_multi_assets("a")
    refused = engine.set_margin_type("a", "ETHUSDT", MarginType.ISOLATED, now_ms=now)
    assert Reason.ISOLATED_MARGIN is refused.reason


def test_settings_of_nothing(desk: Any) -> None:
    """Unknown symbols and empty amounts are refusals, not crashes."""
    engine, now = desk.engine, desk.now_ms
    for refused in (
        engine.set_leverage("a", "NOPE", 5, now_ms=now),
        engine.set_margin_type("a", "NOPE", MarginType.ISOLATED, now_ms=now),
        engine.adjust_isolated_margin("a", "NOPE", D(1), now_ms=now),
        engine.match_price("NOPE", Side.BUY, "QUEUE"),
    ):
        assert Reason.UNKNOWN_SYMBOL is refused.reason
    for refused in (
        engine.deposit("a", "USDT", D(0), now_ms=now),
        engine.withdraw("a", "USDT", D(-1), now_ms=now),
    ):
        assert Reason.BAD_PARAMETER is refused.reason
    assert desk.told("a") == []


def test_lower_leverage_of_an_isolated_position_is_refused(desk: Any) -> None:
    """It would need margin the position was not given."""
    _isolated(desk)
    desk.order("a", "BUY", "0.1")
    refused = desk.engine.set_leverage("a", "BTCUSDT", 10, now_ms=desk.now_ms)
    assert Reason.LEVERAGE_REDUCTION is refused.reason


def test_unrealised_profit_does_not_leave(desk: Any) -> None:
    """Profit may back orders, but only realised money is withdrawn."""
    desk.order("a", "BUY", "0.1", "60000.0")
    desk.order("b", "SELL", "0.1", "60000.0")
    desk.mark("70000")
    totals = desk.engine.account("a").totals
    assert totals.available > totals.wallet
    refused = desk.engine.withdraw("a", "USDT", D(5000), now_ms=desk.now_ms)
    assert refused.allowed == totals.wallet == totals.max_withdraw


def test_withdrawals_leave_the_margin(desk: Any) -> None:
    """Only what is available and not profit may leave."""
    desk.order("a", "BUY", "0.1", "59000.0")
    refused = desk.engine.withdraw("a", "USDT", D(4800), now_ms=desk.now_ms)
    assert (Reason.BALANCE, D(4705)) == (refused.reason, refused.allowed)
    desk.engine.withdraw("a", "USDT", D(4705), now_ms=desk.now_ms)
    assert D(295) == desk.wallet("a")
    desk.engine.audit()


# inverse contracts -----------------------------------------------------------
def _inverse() -> Instrument:
    """Ten dollar steps, margin in BTC."""
    return replace(
        BTC,
        symbol="BTC-PERPETUAL",
        quote="USD",
        settle="BTC",
        kind=ContractKind.INVERSE,
        tick_size=D("0.5"),
        min_price=D("0.5"),
        qty_step=D(10),
        min_qty=D(10),
        max_qty=D(10) ** 7,
        market_max_qty=D(10) ** 7,
        min_notional=D(0),
        brackets=make_brackets([(50, "1000", "0.01")]),
    )


def test_inverse_profit_is_in_the_base_asset(make_desk: Callable[..., Any]) -> None:
    """q * (1/entry - 1/exit); margin, value and fees in BTC, prices in dollars."""
    desk = make_desk(instruments=(_inverse(),), house=False)
    for name in ("a", "b"):
        desk.engine.deposit(name, "BTC", D(1), now_ms=desk.now_ms)
    symbol = "BTC-PERPETUAL"
    desk.order("b", "SELL", "60000", "60000.0", symbol=symbol)
    desk.order("a", "BUY", "30000", "60000.0", symbol=symbol)
    row = desk.position("a", symbol)
    assert (D("30000"), D("60000"), D("0.5")) == (
        row.qty,
        row.entry_price,
        row.notional,
    )
    assert D("0.025") == row.position_margin
    desk.mark("75000", symbol)
    assert D("0.1") == desk.position("a", symbol).unrealized_pnl
    assert D("-0.1") == desk.position("b", symbol).unrealized_pnl
    desk.engine.cancel_all("b", now_ms=desk.now_ms)
    desk.order("b", "BUY", "30000", "75000.0", symbol=symbol)
    desk.order("a", "SELL", "30000", symbol=symbol, reduce_only=True)
    profit, fees = D("0.1"), D("0.5") * D("0.0004") + D("0.4") * D("0.0004")
    wallet = next(b for b in desk.engine.account("a").assets if b.asset == "BTC")
    assert 1 + profit - fees == wallet.wallet
    assert [D("0.1")] == [
        f.realized_pnl for f in desk.engine.fills("a") if f.realized_pnl
    ]


def test_an_inverse_short_of_one_times_is_never_liquidated(
    make_desk: Callable[..., Any],
) -> None:
    """A short worth no more than the coins behind it has no liquidation price."""
    desk = make_desk(instruments=(_inverse(),), house=False)
    for name in ("a", "b"):
        desk.engine.deposit(name, "BTC", D(1), now_ms=desk.now_ms)
    symbol = "BTC-PERPETUAL"
    desk.order("a", "SELL", "50000", "60000.0", symbol=symbol)
    desk.order("b", "BUY", "50000", "60000.0", symbol=symbol)
    assert desk.position("a", symbol).liquidation_price == 0
    assert desk.position("b", symbol).liquidation_price > 0
    desk.mark("600000", symbol)
    assert desk.position("a", symbol).qty == -50000
    desk.mark("20000", symbol)
    assert desk.position("b", symbol).qty == 0


def test_what_cannot_be_traded_is_refused_at_once(
    make_desk: Callable[..., Any],
) -> None:
    """Options, and grids finer than money."""
    option = replace(BTC, kind=ContractKind.OPTION)
    fine = replace(BTC, tick_size=D("0.000001"))
    for bad in (option, fine):
        with pytest.raises(ConfigError):
            make_desk(instruments=(bad,))
