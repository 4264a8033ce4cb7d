"""Margin: futures mode computed, the other modes as told."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from okx_nouns import BTC, DIALECT, instrument, order

from connector.dialect import AccountView
from connector.model.account import Balance, Position, Source, Stamp
from connector.model.instrument import Bracket
from connector.model.order import OrderType, PositionSide, Side

STAMP = Stamp(source=Source.REST, venue_ns=0, received_mono_ns=0)
TIERS = (
    Bracket(
        floor=D(0), cap=D(100), maintenance_rate=D("0.004"), cum=D(0), max_leverage=100
    ),
    Bracket(
        floor=D(100), cap=D(500), maintenance_rate=D("0.005"), cum=D(0), max_leverage=75
    ),
)


def view(*positions: Position, **given: Any) -> AccountView:
    """An account with 1000 USDT, leverage 10, BTC at 60000."""
    base: dict[str, Any] = {
        "balances": {"USDT": Balance(asset="USDT", wallet=D(1000), stamp=STAMP)},
        "positions": positions,
        "open_orders": (),
        "instruments": {BTC: instrument(brackets=TIERS)},
        "marks": {BTC: D(60000)},
        "leverage": {BTC: 10},
        "margin_modes": {},
        "venue_fields": {},
    }
    return AccountView(**{**base, **given})


def held(qty: str, entry: str = "59000") -> Position:
    """A net position."""
    return Position(
        symbol=BTC,
        position_side=PositionSide.NET,
        qty=D(qty),
        entry_price=D(entry),
        stamp=STAMP,
    )


def test_one_position() -> None:
    """Initial by leverage at the mark, maintenance by the tier's rate on the whole."""
    numbers = DIALECT.margin(view(held("0.1")))
    assert numbers is not None
    assert (numbers.wallet, numbers.unrealized_pnl, numbers.equity) == (
        D(1000),
        D(100),
        D(1100),
    )
    assert numbers.initial_margin == D(600)
    assert numbers.maintenance_margin == D("24.0000")
    assert numbers.available == D(500)


def test_tiers_count_contracts() -> None:
    """1.1 BTC are 110 contracts: all of them pay the second tier's rate."""
    numbers = DIALECT.margin(view(held("1.1", "60000")))
    assert numbers is not None
    assert numbers.maintenance_margin == D(66000) * D("0.005")


def test_liquidation_price_solves_its_equation() -> None:
    """cash + q (P - avg) = q P (rate + fee)."""
    numbers = DIALECT.margin(view(held("0.1")))
    assert numbers is not None
    price = numbers.positions[BTC, "NET"].liquidation_price
    assert price is not None
    left = D(1000) + D("0.1") * (price - 59000)
    right = D("0.1") * price * (D("0.004") + D("0.0005"))
    assert abs(left - right) < D("1e-18")
    assert price < 60000


def test_orders_freeze_margin_unless_they_cannot_add() -> None:
    """Reduce-only, closing and waiting orders freeze nothing."""
    resting = order(qty=D("0.1"))
    others = (
        order(reduce_only=True),
        order(side=Side.SELL, position_side=PositionSide.LONG),
        order(order_type=OrderType.STOP_LIMIT),
    )
    numbers = DIALECT.margin(view(open_orders=(resting, *others)))
    assert numbers is not None
    assert numbers.initial_margin == D(610)
    assert numbers.maintenance_margin == 0
    assert numbers.margin_ratio is None


def test_unknown_is_not_guessed() -> None:
    """Without tiers, leverage or mark there are no numbers."""
    for missing in (
        {"leverage": {}},
        {"marks": {}},
        {"instruments": {BTC: instrument()}},
        {"instruments": {}},
    ):
        assert DIALECT.margin(view(held("0.1"), **missing)) is None


def test_inverse_contracts_are_worth_less_as_the_price_rises() -> None:
    """Quantities are quote units; profit is in the coin."""
    inverse = instrument(is_inverse=True, settle="BTC", qty_unit=D(100), brackets=TIERS)
    balances = {"BTC": Balance(asset="BTC", wallet=D(1), stamp=STAMP)}
    numbers = DIALECT.margin(
        view(held("6000", "50000"), instruments={BTC: inverse}, balances=balances)
    )
    assert numbers is not None
    assert numbers.currency == "BTC"
    assert round(numbers.unrealized_pnl, 10) == D("0.0200000000")
    assert round(numbers.initial_margin, 10) == D("0.0100000000")


def test_multi_currency_shows_the_venues_totals() -> None:
    """In USD, as told; without them no numbers."""
    fields = {
        "totalEq": "9997.9",
        "adjEq": "9990",
        "imr": "190",
        "mmr": "7.5",
        "availEq": "9800",
        "upl": "0.1",
    }
    numbers = DIALECT.margin(view(is_multi_asset=True, venue_fields=fields))
    assert numbers is not None
    assert (numbers.currency, numbers.equity, numbers.available) == (
        "USD",
        D(9990),
        D(9800),
    )
    assert numbers.margin_ratio == D("7.5") / D(9990)
    assert DIALECT.margin(view(is_multi_asset=True)) is None
