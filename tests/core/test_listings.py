"""Contracts and coins, instruments listed later, tiers asked one by one."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from connector.dialect import Capability
from connector.model.events import Gap
from connector.model.ids import Symbol
from connector.model.order import OrderStatus

CONTRACTS = {"counts_contracts": True}
BTC = Symbol("BTCUSDT")
SOL = Symbol("SOLUSDT")


def book(story: Any, *symbols: Symbol) -> Any:
    """Instruments whose contract is a hundredth of a coin."""
    return story.tiny.Book(
        instruments=[story.tiny.instrument(s, qty_unit=D("0.01")) for s in symbols]
    )


def test_contracts_become_coins(story: Any) -> None:
    """Orders, fills and positions are in base units, whatever the wire counts."""
    desk = story.Desk(facts=CONTRACTS, book=book(story, BTC)).open()
    desk.push(
        desk.state(None, "v1", OrderStatus.PARTIALLY_FILLED, "30", qty=D(100)),
        desk.fill(None, "v1", "t1", "30"),
        desk.position("30"),
    )
    (order,) = desk.core.orders.snapshots(only_open=True)
    assert (order.qty, order.filled_qty) == (D(1), D("0.3"))
    (position,) = desk.core.account.positions()
    assert position.qty == D("0.3")
    assert desk.core.account.position_mismatches() == []


def test_an_instrument_listed_later_is_asked_for(story: Any) -> None:
    """A contract of unknown size says nothing: its rules are read, then the state."""
    venue = book(story, BTC)
    desk = story.Desk(facts=CONTRACTS, book=venue).open()
    venue.instruments.append(story.tiny.instrument(SOL, qty_unit=D("0.1")))
    fact = desk.state(None, "v9", symbol=SOL, qty=D(50))
    before = desk.core.trust.reports
    desk.push(fact)
    assert desk.told(Gap)
    desk.until_live(before)
    desk.wait(20)
    (order,) = desk.core.orders.snapshots(only_open=True)
    assert (order.symbol, order.qty) == (SOL, D(5))
    assert len(desk.asked("instruments")) == 1


def test_an_instrument_nobody_lists_is_asked_for_once(story: Any) -> None:
    """It is told as not understood, and the stream goes on."""
    desk = story.Desk(facts=CONTRACTS, book=book(story, BTC)).open()
    for number in range(5):
        desk.push(desk.state(None, f"v{number}", symbol=SOL))
        desk.wait(2)
    assert len(desk.asked("instruments")) == 1
    assert desk.core.is_live


def test_tiers_are_asked_when_an_instrument_is_at_stake(story: Any) -> None:
    """Once for each instrument, and again when the answer failed."""
    desk = story.Desk(facts={"tiers_one_by_one": True}).open()
    desk.answers["tiers"] = lambda _: story.ok()
    desk.push(desk.state(None, "v1"))
    desk.push(desk.state(None, "v2"))
    desk.wait(1)
    assert len(desk.asked("tiers")) == 1


def test_cancel_all_by_listing(story: Any) -> None:
    """Without a call of the venue, what is listed is cancelled one by one."""
    few = frozenset(Capability) - {Capability.CANCEL_ALL}
    desk = story.Desk(facts={"capabilities": few}).open()
    desk.push(desk.state(None, "v1"))
    desk.state(None, "v2")  # only the venue knows of it
    desk.cancel_all()
    assert len(desk.open_calls("cancel_batch")) == 1
    (call,) = desk.open_calls("cancel_batch")
    assert len(desk.calls[call].context["ids"].split()) == 2
