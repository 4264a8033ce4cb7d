"""Tests of margin against the documented examples and a consistent account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.dialect import AccountView
from connector.model.account import Balance, MarginMode, Position, Source, Stamp
from connector.model.ids import Symbol, VenueOrderId
from connector.model.instrument import Bracket, Instrument, InstrumentKind
from connector.model.noun import replace
from connector.model.order import OrderStatus, OrderType, PositionSide, Side
from connector.venues.binance_usdm.margin import margin
from connector.venues.linear_margin import tier_for

D = Decimal
BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
STAMP = Stamp(source=Source.REST, venue_ns=0, received_mono_ns=0)
TIERS = (
    Bracket(
        floor=D(0),
        cap=D(300000),
        maintenance_rate=D("0.004"),
        cum=D(0),
        max_leverage=125,
    ),
    Bracket(
        floor=D(300000),
        cap=D(800000),
        maintenance_rate=D("0.005"),
        cum=D(300),
        max_leverage=100,
    ),
)


def instrument(symbol: Symbol, brackets=TIERS, settle: str = "USDT") -> Instrument:
    return Instrument(
        symbol=symbol,
        kind=InstrumentKind.PERPETUAL,
        base=symbol[:3],
        quote=settle,
        settle=settle,
        tick_size=D("0.1"),
        qty_step=D("0.001"),
        min_qty=D("0.001"),
        max_qty=D(1000),
        market_max_qty=D(120),
        brackets=brackets,
    )


def position(symbol: Symbol, qty: str, entry: str, **given) -> Position:
    base = {"position_side": PositionSide.NET}
    return Position(
        symbol=symbol,
        qty=D(qty),
        entry_price=D(entry),
        stamp=STAMP,
        **{**base, **given},
    )


@pytest.fixture
def bid(order):
    """A resting buy of 0.005 at 59000."""
    return order(
        order_type=OrderType.LIMIT,
        status=OrderStatus.NEW,
        qty=D("0.005"),
        price=D(59000),
    )


def view(positions=(), orders=(), wallet: str = "4999.88", **given) -> AccountView:
    base = {
        "balances": {"USDT": Balance(asset="USDT", wallet=D(wallet), stamp=STAMP)},
        "positions": positions,
        "open_orders": orders,
        "instruments": {BTC: instrument(BTC), ETH: instrument(ETH)},
        "marks": {BTC: D(60250), ETH: D(3000)},
        "leverage": {BTC: 20, ETH: 10},
        "margin_modes": {},
        "venue_fields": {},
    }
    return AccountView(**{**base, **given})


def test_the_consistent_account(bid, golden) -> None:
    """0.010 BTC long at 60000, mark 60250, 20x, a resting buy: the numbers that
    the venue's own answers show."""
    numbers = margin(view([position(BTC, "0.010", "60000")], [bid]))
    told = golden("rest_account_v3.json")
    assert numbers.currency == "USDT"
    assert numbers.initial_margin == D(told["totalInitialMargin"]) == D("44.875")
    assert numbers.maintenance_margin == D(told["totalMaintMargin"]) == D("2.41")
    assert numbers.unrealized_pnl == D(told["totalUnrealizedProfit"]) == D("2.5")
    assert numbers.equity == D(told["totalMarginBalance"]) == D("5002.38")
    assert numbers.available == D(told["availableBalance"]) == D("4957.505")
    assert numbers.margin_ratio == D("2.41") / D("5002.38")
    one = numbers.positions[BTC, "NET"]
    assert one.initial_margin == D("30.125")
    assert one.liquidation_price is None


def test_the_published_liquidation_example() -> None:
    """Two cross positions of one wallet: each carries the other's risk."""
    eth = (
        Bracket(
            floor=D(0),
            cap=D(10**9),
            maintenance_rate=D("0.10"),
            cum=D(135365),
            max_leverage=10,
        ),
    )
    btc = (
        Bracket(
            floor=D(0),
            cap=D(10**9),
            maintenance_rate=D("0.025"),
            cum=D(16300),
            max_leverage=20,
        ),
    )
    numbers = margin(
        view(
            [
                position(ETH, "3683.979", "1456.84"),
                position(BTC, "109.488", "32481.98"),
            ],
            wallet="1535443.01",
            instruments={ETH: instrument(ETH, eth), BTC: instrument(BTC, btc)},
            marks={ETH: D("1335.18"), BTC: D("31967.27")},
        )
    )
    told_eth, told_btc = numbers.positions[ETH, "NET"], numbers.positions[BTC, "NET"]
    assert round(told_eth.maintenance_margin, 3) == D("356512.508")
    assert round(told_btc.maintenance_margin, 3) == D("71200.811")
    assert round(told_eth.liquidation_price, 2) == D("1153.26")
    assert round(told_btc.liquidation_price, 2) == D("26316.89")


@pytest.mark.parametrize("qty", ["0.500", "-0.500"])
def test_at_the_liquidation_price_equity_equals_maintenance(qty: str) -> None:
    """The definition, for a long and a short of the first tier."""
    held = position(BTC, qty, "60000")
    price = margin(view([held], wallet="3000")).positions[BTC, "NET"].liquidation_price
    there = margin(view([held], wallet="3000", marks={BTC: price}))
    assert abs(there.equity - there.maintenance_margin) < D("1e-18")
    assert (price < 60000) is (qty == "0.500")


def test_an_isolated_position_stands_alone() -> None:
    """Its own wallet carries it; only its open orders use the common one."""
    held = position(
        BTC,
        "0.010",
        "60000",
        margin_mode=MarginMode.ISOLATED,
        isolated_wallet=D("100"),
    )
    modes = {BTC: MarginMode.ISOLATED}
    rich = margin(view([held], margin_modes=modes))
    poor = margin(view([held], wallet="100", margin_modes=modes))
    price = rich.positions[BTC, "NET"].liquidation_price
    assert price == poor.positions[BTC, "NET"].liquidation_price
    assert price == (D(100) - D(600)) / (D("0.010") * D("0.004") - D("0.010"))
    assert rich.available == D("4899.88")


def test_isolated_orders_need_margin_of_the_common_wallet(bid) -> None:
    """Open-order margin = the whole minus the position's."""
    held = position(BTC, "0.010", "60000", isolated_wallet=D(100))
    numbers = margin(view([held], [bid], margin_modes={BTC: MarginMode.ISOLATED}))
    assert numbers.available == D("4899.88") - D("14.75")


def test_a_wallet_that_the_venue_splits_is_taken_as_split() -> None:
    """The cross part is the venue's word where it is told."""
    balance = Balance(asset="USDT", wallet=D(5000), cross_wallet=D(4000), stamp=STAMP)
    assert margin(view(balances={"USDT": balance})).available == 4000


@pytest.mark.parametrize(
    ("asks", "bids", "exposure"),
    [
        ("0", "0", "602.5"),
        ("0.005", "0", "602.5"),  # asks up to twice the position are free
        ("0.030", "0", "1167.5"),  # 0.030 x 59000 - 602.5
        ("0", "0.005", "897.5"),
        ("0.030", "0.030", "2372.5"),
    ],
)
def test_one_way_exposure_is_the_worse_side(order, asks, bids, exposure) -> None:
    """max(|notional + bids|, |notional - asks|) / leverage."""
    orders = [
        order(side=side, qty=D(qty), price=D(59000))
        for side, qty in ((Side.SELL, asks), (Side.BUY, bids))
        if D(qty)
    ]
    numbers = margin(view([position(BTC, "0.010", "60000")], orders))
    assert numbers.initial_margin == D(exposure) / 20


def test_hedged_legs_both_need_margin(order) -> None:
    """Long and short stand side by side; only opening orders add."""
    legs = [
        position(BTC, "0.010", "60000", position_side=PositionSide.LONG),
        position(BTC, "-0.004", "61000", position_side=PositionSide.SHORT),
    ]
    orders = [
        order(
            side=side, qty=D("0.005"), price=D(59000), position_side=PositionSide.LONG
        )
        for side in (Side.BUY, Side.SELL)
    ]
    numbers = margin(view(legs, orders, wallet="100"))
    assert numbers.initial_margin == (D("602.5") + D("241") + D(295)) / 20
    assert set(numbers.positions) == {(BTC, "LONG"), (BTC, "SHORT")}
    long, short = numbers.positions[BTC, "LONG"], numbers.positions[BTC, "SHORT"]
    assert long.liquidation_price == short.liquidation_price
    moved = margin(view(legs, wallet="100", marks={BTC: long.liquidation_price}))
    assert abs(moved.equity - moved.maintenance_margin) < D("1e-18")


@pytest.mark.parametrize(
    "given",
    [
        {"reduce_only": True},
        {"close_position": True},
        {"price": None, "order_type": OrderType.MARKET},
        {"order_type": OrderType.STOP_LIMIT},
        {"status": OrderStatus.FILLED},
        {"filled_qty": D("0.005")},
    ],
)
def test_orders_that_cannot_add_exposure_need_no_margin(bid, given) -> None:
    """Reduce-only, waiting for a trigger, done."""
    numbers = margin(view(orders=[replace(bid, **given)]))
    assert numbers.initial_margin == 0


def test_a_triggered_limit_order_counts(bid) -> None:
    """From the trigger on it is an order like any other."""
    live = replace(
        bid, order_type=OrderType.STOP_LIMIT, triggered_order_id=VenueOrderId("9")
    )
    assert margin(view(orders=[live])).initial_margin == D("14.75")


@pytest.mark.parametrize(
    "given",
    [
        {"is_multi_asset": True},
        {"marks": {}},
        {"leverage": {}},
        {"instruments": {}},
        {"instruments": {BTC: instrument(BTC, ())}},
    ],
)
def test_no_number_is_made_of_guesses(given) -> None:
    """Multi-asset mode, or something at stake that is not known: None."""
    assert margin(view([position(BTC, "0.010", "60000")], **given)) is None


def test_an_empty_account_is_all_free() -> None:
    """No position, no ratio; flat rows do not need marks."""
    numbers = margin(view([position(BTC, "0", "0")], marks={}))
    assert (numbers.available, numbers.margin_ratio) == (D("4999.88"), None)
    assert numbers.positions == {}
    assert margin(view(balances={})).wallet == 0


def test_currencies_are_kept_apart() -> None:
    """A USDC contract neither uses nor saves USDT; totals speak of USDT."""
    usdc = Symbol("BTCUSDC")
    base = view()
    numbers = margin(
        view(
            [position(BTC, "0.010", "60000"), position(usdc, "0.020", "60000")],
            instruments={**base.instruments, usdc: instrument(usdc, settle="USDC")},
            marks={**base.marks, usdc: D(60000)},
            leverage={**base.leverage, usdc: 20},
        )
    )
    assert numbers.currency == "USDT"
    assert numbers.initial_margin == D("30.125")
    assert (usdc, "NET") in numbers.positions


def test_a_bankrupt_account_is_at_its_limit() -> None:
    """The ratio says 1, not something negative."""
    numbers = margin(view([position(BTC, "0.5", "60000")], wallet="-1000"))
    assert (numbers.margin_ratio, numbers.available) == (1, 0)


def test_the_tier_follows_the_notional() -> None:
    """10 BTC at 60250 is 602500: second tier, with its cum."""
    numbers = margin(view([position(BTC, "10", "60000")], wallet="50000"))
    assert numbers.maintenance_margin == D(602500) * D("0.005") - 300


@pytest.mark.parametrize(
    ("notional", "tier"),
    [("0", 0), ("300000", 0), ("300000.01", 1), ("800000", 1), ("9e9", 1)],
)
def test_tiers_by_notional(notional: str, tier: int) -> None:
    """A cap belongs to its tier; above all caps the last one holds."""
    assert tier_for(TIERS, D(notional)) is TIERS[tier]
