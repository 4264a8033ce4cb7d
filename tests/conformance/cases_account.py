"""Margin, positions, settings and what moves a wallet."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from venue import Desk
from venue_cases import (
    assert_ledger_equal,
    cannot,
    case,
)

from connector.dialect import Capability
from connector.errors import InvalidOrder, Unsupported
from connector.model.events import (
    FillEvent,
    LedgerUpdate,
)
from connector.model.order import (
    Origin,
)


@case
async def margin_is_live(at: Desk) -> None:
    """Margin follows the mark price without any account event."""
    at_first = at.session.margin
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    await at.until(lambda: at.session.margin.wallet != at_first.wallet)  # the fee
    before = at.session.margin
    at.control("mark", symbol=at.symbol, price=str(at.price("1.01")))
    await at.until(lambda: at.session.margin.equity > before.equity + 10, timeout_s=10)
    assert at.session.margin.wallet == before.wallet


@case
async def margin_equals_the_venues(at: Desk) -> None:
    """Computed margin equals what the venue computes from the same numbers."""
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    await at.session.buy(at.symbol, "0.050", limit=at.price("0.97"))
    await asyncio.sleep(1.2)  # one public mark price
    await at.session.reconcile()
    margin = at.session.margin
    told = margin.venue_fields
    names = at.harness.margin_fields
    assert margin.wallet == D(told[names["wallet"]])
    for ours, theirs in (
        (margin.equity, "equity"),
        (margin.initial_margin, "initial"),
        (margin.maintenance_margin, "maintenance"),
        (margin.available, "available"),
    ):
        assert abs(ours - D(told[names[theirs]])) < D("0.00001"), theirs


@case
async def leverage_can_be_set(at: Desk) -> None:
    """Leverage changes at the venue and here."""
    if await cannot(at, Capability.SET_LEVERAGE, at.session.set_leverage(at.symbol, 5)):
        return
    await at.session.set_leverage(at.symbol, 5)
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    await at.until(lambda: bool(at.session.positions))
    assert at.session.positions[0].leverage == 5


@case
async def margin_mode_can_be_set(at: Desk) -> None:
    """Isolated margin, twice: the second time is no error; asked for what is not
    there (of the account, or of one instrument) nothing is sent."""
    if await cannot(
        at,
        Capability.ISOLATED_MARGIN,
        at.session.set_margin_mode(at.symbol, "isolated"),
    ):
        return
    is_accounts = at.facts.margin_mode_of_account
    with pytest.raises(Unsupported, match="it is of"):
        await at.session.set_margin_mode(at.symbol if is_accounts else None, "isolated")
    where = None if is_accounts else at.symbol
    await at.session.set_margin_mode(where, "isolated")
    await at.session.set_margin_mode(where, "isolated")
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    await at.until(lambda: bool(at.session.positions))
    assert at.session.positions[0].margin_mode.value == "isolated"


@case
async def hedge_mode_holds_both_sides(at: Desk) -> None:
    """In hedge mode long and short are held side by side, and closed."""
    if await cannot(
        at, Capability.HEDGE_MODE, at.session.set_hedge_mode(is_hedge=True)
    ):
        return
    await at.session.set_hedge_mode(is_hedge=True)
    await at.session.reconcile()
    with pytest.raises(InvalidOrder, match="LONG or SHORT"):
        await at.session.buy(at.symbol, "0.010")
    await (await at.session.buy(at.symbol, "0.010", position_side="LONG")).wait_done(5)
    await (await at.session.sell(at.symbol, "0.020", position_side="SHORT")).wait_done(
        5
    )
    await at.until(lambda: len(at.session.positions) == 2)
    assert sorted(p.qty for p in at.session.positions) == [D("-0.020"), D("0.010")]
    assert_ledger_equal(at)


@case
async def funding_is_told(at: Desk) -> None:
    """Funding shows as a ledger entry, and the wallet ties out."""
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    events = at.session.events()
    at.control("funding", symbol=at.symbol, rate="0.0005")
    if at.harness.funding_verb:
        at.control(at.harness.funding_verb)
    kind = at.harness.funding_kind
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, LedgerUpdate) and event.entry.kind == kind:
                break
    assert event.entry.amount < 0
    report = await at.session.reconcile()
    assert report.differences_left == ()


@case
async def transfer_is_told(at: Desk) -> None:
    """A transfer changes the wallet and is named."""
    events = at.session.events()
    asset, before = at.harness.asset, D(at.harness.wallet)
    taken = before / 100
    at.control("transfer", asset=asset, amount=str(-taken))
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, LedgerUpdate) and event.entry.kind == "transfer":
                break
    assert event.entry.amount == -taken
    assert at.session.balances[asset].wallet == before - taken


@case
async def liquidation_is_a_fact(at: Desk) -> None:
    """A liquidation is adopted as such, with its fills; nothing is disguised."""
    if Capability.SET_LEVERAGE in at.capabilities:
        await at.session.set_leverage(at.symbol, 20)
    await (await at.session.buy(at.symbol, "20")).wait_done(5)
    events = at.session.events()
    at.control("liquidate", symbol=at.symbol)
    await at.until(lambda: not at.session.positions, timeout_s=10)
    async with asyncio.timeout(10):  # not every stream tells such executions
        async for event in events:
            if isinstance(event, FillEvent) and event.fill.origin is not Origin.OWN:
                break
    assert event.fill.origin is Origin.LIQUIDATION
