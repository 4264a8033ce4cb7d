"""Rules of an instrument: each refusal names the rule and the nearest allowed value."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidOrder
from connector.model.ids import Symbol
from connector.model.instrument import Instrument, InstrumentKind


def rules(**changes: Any) -> Instrument:
    """A perpetual with odd grids, so that origins matter."""
    base: dict[str, Any] = {
        "symbol": Symbol("BTCUSDT"),
        "kind": InstrumentKind.PERPETUAL,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": D("0.5"),
        "qty_step": D("0.01"),
        "min_qty": D("0.05"),
        "max_qty": D(100),
        "market_max_qty": D(10),
        "min_price": D("0.5"),
        "max_price": D(1_000_000),
        "min_notional": D(100),
        "percent_up": D("1.05"),
        "percent_down": D("0.95"),
    }
    return Instrument(**{**base, **changes})


def refusal(check: Any) -> InvalidOrder:
    """The error that *check* raises."""
    with pytest.raises(InvalidOrder) as caught:
        check()
    return caught.value


QTY = [
    ("0.05", False, None, ""),
    ("100", False, None, ""),
    ("10", True, None, ""),
    ("0", False, "qty", "at least 0.05"),
    ("-1", False, "qty", "at least 0.05"),
    ("0.04", False, "min_qty", "at least 0.05"),
    ("100.01", False, "max_qty", "at most 100"),
    ("10.01", True, "max_qty", "at most 10"),
    ("1.005", False, "qty_step", "a multiple of 0.01; nearest allowed is 1"),
    ("1.006", False, "qty_step", "a multiple of 0.01; nearest allowed is 1.01"),
    ("0.051", False, "qty_step", "a multiple of 0.01; nearest allowed is 0.05"),
]


@pytest.mark.parametrize(("qty", "is_market", "rule", "allowed"), QTY)
def test_quantities(qty: str, is_market: bool, rule: str | None, allowed: str) -> None:
    """Step, bounds, and the tighter bound of market orders."""
    if rule is None:
        rules().check_qty(D(qty), is_market=is_market)
        return
    error = refusal(lambda: rules().check_qty(D(qty), is_market=is_market))
    assert (error.rule, error.allowed) == (rule, allowed)


def test_market_orders_have_a_step_of_their_own() -> None:
    """A coarser step for market orders, where the venue has one."""
    own = rules(market_qty_step=D("0.1"), min_qty=D("0.1"))
    own.check_qty(D("0.15"), is_market=False)
    error = refusal(lambda: own.check_qty(D("0.15"), is_market=True))
    assert error.rule == "qty_step"


PRICE = [
    ("100", None, None, ""),
    ("105", "100", None, ""),
    ("95", "100", None, ""),
    ("0", None, "price", "a price above 0"),
    ("-5", None, "price", "a price above 0"),
    ("0.4", None, "min_price", "at least 0.5"),
    ("1000000.5", None, "max_price", "at most 1000000"),
    ("100.2", None, "tick_size", "a multiple of 0.5; nearest allowed is 100"),
    ("100.3", None, "tick_size", "a multiple of 0.5; nearest allowed is 100.5"),
    ("105.5", "100", "percent_price", "at most 105 while the mark price is 100"),
    ("94.5", "100", "percent_price", "at least 95 while the mark price is 100"),
    ("106", "100.3", "percent_price", "at most 105 while the mark price is 100.3"),
]


@pytest.mark.parametrize(("price", "mark", "rule", "allowed"), PRICE)
def test_prices(price: str, mark: str | None, rule: str | None, allowed: str) -> None:
    """Tick, bounds, and the band around the mark price where one is known."""
    band = None if mark is None else D(mark)
    if rule is None:
        rules().check_price(D(price), mark=band)
        return
    error = refusal(lambda: rules().check_price(D(price), mark=band))
    assert (error.rule, error.allowed) == (rule, allowed)


def test_a_trigger_price_is_named_as_what_it_is() -> None:
    """The grid is the same, the name of the rule is the field's."""
    error = refusal(lambda: rules().check_price(D("100.2"), rule="trigger_price"))
    assert error.rule == "trigger_price"


@pytest.mark.parametrize("bounded", [True, False])
def test_notional_names_the_least_quantity(bounded: bool) -> None:
    """What is allowed can be typed: rounded up to the step, never below the least."""
    least = rules() if bounded else rules(min_qty=D("0.01"), min_notional=D(0))
    if not bounded:
        least.check_notional(D("0.01"), D(1))
        return
    error = refusal(lambda: least.check_notional(D("0.05"), D("777.5")))
    assert error.rule == "min_notional"
    assert error.allowed == "at least 100 USDT, which is 0.13 BTC at 777.5"
    least.check_notional(D("0.13"), D("777.5"))


@given(
    st.decimals("0.05", 10, places=5, allow_nan=False),
    st.decimals("0.5", 900_000, places=3, allow_nan=False),
)
def test_the_nearest_allowed_value_is_allowed(qty: D, price: D) -> None:
    """Whoever types what the refusal proposes is not refused again."""
    own = rules()
    for check, value in ((own.check_price, price), (_check_qty(own), qty)):
        try:
            check(value)
        except InvalidOrder as error:
            nearest = D(error.allowed.rsplit(" ", 1)[1])
            check(nearest)
            assert abs(nearest - value) <= own.tick_size


def _check_qty(own: Instrument) -> Any:
    return lambda qty: own.check_qty(qty, is_market=False)
