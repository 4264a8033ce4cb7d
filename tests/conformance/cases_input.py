"""Bad input, and what must survive it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any, cast

import pytest
from venue import Desk
from venue_cases import (
    case,
    drained,
)

from connector.errors import InvalidOrder, Unsupported, UsageError
from connector.model.events import (
    OrderUpdate,
)
from connector.model.order import (
    Rejected,
)
from connector.session.intents import OrderOptions
from connector.session.live_order import OrderRef


@case
async def unknown_symbol_is_refused_here(at: Desk) -> None:
    """An unknown symbol names what is close; nothing is sent."""
    with pytest.raises(InvalidOrder, match=f"(?s)symbol.*{at.symbol}"):
        await at.session.buy("BTCUSD-NONE", "0.010")
    assert at.ledger()["orders"] == {}


@case
async def off_tick_price_is_refused_here(at: Desk) -> None:
    """An off-tick price names the nearest allowed one."""
    price = at.price("0.97") + at.session.instruments[at.symbol].tick_size / 2
    with pytest.raises(InvalidOrder, match="nearest allowed"):
        await at.session.buy(at.symbol, "0.010", limit=price)
    assert at.ledger()["orders"] == {}


@case
async def bad_quantities_are_refused_here(at: Desk) -> None:
    """Zero, negative, NaN, infinite, floats, off-step, huge, tiny notional."""
    off_step = D("0.010") + at.session.instruments[at.symbol].qty_step / 2
    bad: list[Any] = ["0", "-1", "NaN", "Infinity", 0.01, off_step, "1e9", "abc", True]
    for qty in bad:
        with pytest.raises(InvalidOrder):
            await at.session.buy(at.symbol, qty, limit=at.price("0.97"))
    assert at.ledger()["orders"] == {}


@case
async def price_far_from_the_mark_is_refused_here(at: Desk) -> None:
    """A price outside the venue's band names the bound; where the venue does not
    tell it before, the venue refuses."""
    is_told = at.session.instruments[at.symbol].percent_up is not None
    if not (at.harness.has_band and is_told):
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("2"))
        assert isinstance(order.outcome, Rejected)
        return
    with pytest.raises(InvalidOrder, match="mark price"):
        await at.session.buy(at.symbol, "0.010", limit=at.price("2"))


@case
async def unknown_order_is_refused_here(at: Desk) -> None:
    """Cancelling what nobody knows is an error of usage."""
    with pytest.raises(UsageError, match="no order nonsense"):
        await at.session.cancel("nonsense")


@case
async def contradictions_are_refused_here(at: Desk) -> None:
    """Options that exclude each other are named."""
    for options in (
        {"stop": "1", "take_profit": "2"},
        {"time_in_force": "GTD", "limit": at.price("0.97")},
        {"time_in_force": "sometimes", "limit": at.price("0.97")},
        {"post_only": True},
        {"position_side": "LONG"},
    ):
        with pytest.raises((InvalidOrder, Unsupported)):
            await at.session.buy(at.symbol, "0.010", **options)
    assert at.ledger()["orders"] == {}


@case
async def events_tell_a_whole_life(at: Desk) -> None:
    """Pending, new, canceled: each state once, in this order."""
    events = at.session.events()
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    await order.cancel()
    updates = await drained(events, OrderUpdate)
    told = [event.order.status.value for event in updates]
    assert told == ["PENDING_NEW", "NEW", "PENDING_CANCEL", "CANCELED"]
    assert [e.seq for e in updates] == sorted(e.seq for e in updates)


@case
async def forgotten_trigger_is_not_a_market_order(at: Desk) -> None:
    """Options about a trigger without the trigger itself: nothing is sent."""
    forgotten: list[OrderOptions] = [
        {"activation": at.price("1.01")},
        {"trigger_by": "MARK"},
    ]
    for options in forgotten:
        with pytest.raises(InvalidOrder, match=r"trailing|no trigger"):
            await at.session.sell(at.symbol, "0.010", **options)
    assert at.ledger()["orders"] == {}


@case
async def what_is_no_order_is_named(at: Desk) -> None:
    """Cancelling or amending what is no order is an error of use, nothing is sent."""
    nothing = cast(OrderRef, None)
    with pytest.raises(UsageError, match="no order: None"):
        await at.session.cancel(nothing)
    with pytest.raises(UsageError, match="no order: None"):
        await at.session.amend(nothing, qty="0.010")
