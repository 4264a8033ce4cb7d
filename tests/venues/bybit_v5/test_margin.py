"""Tests of margin: cross mode at mark prices, numbers from observed rows."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from bybit_nouns import BTC, rules

from connector.dialect import AccountView
from connector.model.account import Balance, MarginMode, Position, Source, Stamp
from connector.model.ids import ClientOrderId
from connector.model.instrument import Bracket
from connector.model.order import Order, OrderStatus, OrderType, PositionSide, Side
from connector.venues.bybit_v5.margin import margin
from connector.venues.linear_margin import tier_for

TIERS = (
    Bracket(
        floor=D(0),
        cap=D(2_000_000),
        maintenance_rate=D("0.005"),
        cum=D(0),
        max_leverage=100,
    ),
    Bracket(
        floor=D(2_000_000),
        cap=D(2_600_000),
        maintenance_rate=D("0.0056"),
        cum=D(1200),
        max_leverage=90,
    ),
)
RULES = rules(TIERS)
STAMP = Stamp(source=Source.STREAM, venue_ns=1, received_mono_ns=1)


def held(qty: str = "0.008", entry: str = "61250", **terms: Any) -> Position:
    """A position, long unless told otherwise."""
    base = {
        "symbol": BTC,
        "position_side": PositionSide.NET,
        "qty": D(qty),
        "entry_price": D(entry),
        "stamp": STAMP,
        "margin_mode": MarginMode.CROSS,
    }
    return Position(**{**base, **terms})


def resting(**terms: Any) -> Order:
    """A limit order to buy 0.012."""
    base = {
        "client_order_id": ClientOrderId("c"),
        "venue_order_id": None,
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "status": OrderStatus.NEW,
        "qty": D("0.012"),
        "price": D(61250),
    }
    return Order(**{**base, **terms})


def view(**terms: Any) -> AccountView:
    """An account with 10,000 USDT, leverage 10, mark 61,260."""
    base = {
        "balances": {"USDT": Balance(asset="USDT", wallet=D(10_000), stamp=STAMP)},
        "positions": [held()],
        "open_orders": [],
        "instruments": {BTC: RULES},
        "marks": {BTC: D(61260)},
        "leverage": {BTC: 10},
        "margin_modes": {},
        "venue_fields": {},
    }
    return AccountView(**{**base, **terms})


def test_a_position_is_margined_at_its_mark() -> None:
    """V/L + F and V x rate - deduction + F, with F = V x (1 - 1/L) x taker: the
    numbers of the golden position row."""
    numbers = margin(view())
    assert numbers is not None
    assert numbers.initial_margin == D("49.2505896")
    assert numbers.maintenance_margin == D("2.6929896")
    assert (numbers.unrealized_pnl, numbers.equity) == (D("0.08"), D("10000.08"))


def test_a_short_pays_more_to_close() -> None:
    """Its bankruptcy price lies above: 1 + 1/L. Seen on a row of 30x: initial less
    maintenance is V x (1/L - rate), whatever the fee."""
    value = D("0.01") * D("3642.3")
    marks, leverage = {BTC: D("3642.3")}, {BTC: 30}
    numbers = margin(
        view(positions=[held("-0.01", "3642.3")], marks=marks, leverage=leverage)
    )
    assert numbers is not None
    fee = value * (1 + D(1) / 30) * D("0.00055")
    assert abs(numbers.initial_margin - (value / 30 + fee)) < D("1e-20")
    spread = numbers.initial_margin - numbers.maintenance_margin
    assert abs(spread - D("1.03199")) < D("0.00001")


def test_orders_are_charged_in_full() -> None:
    """Margin, opening and closing fee at the order's price; reduce-only and waiting
    conditional orders reserve nothing."""
    free = [
        resting(reduce_only=True),
        resting(order_type=OrderType.STOP_LIMIT, trigger_price=D(1)),
        resting(order_type=OrderType.MARKET, price=None),
    ]
    alone = margin(view(positions=[], open_orders=[resting(), *free]))
    assert alone is not None
    value = D("0.012") * 61250
    rate = D("0.1") + D("0.00055") + D("0.9") * D("0.00055")
    assert alone.initial_margin == value * rate
    assert alone.available == D(10_000) - value * rate


def test_the_tier_counts_what_orders_would_add() -> None:
    """Marginal tiers: the deduction makes maintenance continuous."""
    assert tier_for(TIERS, D(2_000_000)) is TIERS[0]
    assert tier_for(TIERS, D(2_000_001)) is TIERS[1]
    assert tier_for(TIERS, D(9_000_000)) is TIERS[1]
    position = held("32", "61260")
    before = margin(view(positions=[position]))
    after = margin(view(positions=[position], open_orders=[resting(qty=D(1))]))
    assert before is not None
    assert after is not None
    value = D(32) * 61260
    step = value * D("0.0006") - 1200
    assert after.maintenance_margin - before.maintenance_margin == step


def test_the_liquidation_price_is_where_margin_meets_maintenance() -> None:
    """At that mark equity equals maintenance."""
    first = margin(view(positions=[held("2", "61250")]))
    assert first is not None
    price = first.positions[BTC, "NET"].liquidation_price
    assert price is not None
    there = margin(view(positions=[held("2", "61250")], marks={BTC: price}))
    assert there is not None
    assert abs(there.equity - there.maintenance_margin) < D("1e-15")
    rich = margin(view())
    assert rich is not None
    assert rich.positions[BTC, "NET"].liquidation_price is None


@pytest.mark.parametrize(
    "terms",
    [
        {"is_multi_asset": True},
        {"marks": {}},
        {"leverage": {}},
        {"instruments": {}},
        {
            "balances": {
                "USDT": Balance(asset="USDT", wallet=D(1), stamp=STAMP),
                "BTC": Balance(asset="BTC", wallet=D(1), stamp=STAMP),
            }
        },
    ],
)
def test_what_is_not_known_is_not_computed(terms: dict[str, Any]) -> None:
    """No margin rather than a wrong one: the venue's own totals are shown."""
    assert margin(view(**terms)) is None
