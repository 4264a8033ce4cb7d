"""Reads and wishes that name what does not exist, and what open orders lead to."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from venue import desk, session_on

from connector.errors import InvalidOrder, UsageError
from connector.model.events import LinkState
from connector.model.order import OrderStatus, Side

VENUE = "binance-usdm"


def test_a_batch_with_an_unknown_order_cancels_none() -> None:
    """Law 11: refused before anything is sent, so no outcome is lost."""

    async def body() -> None:
        async with desk(VENUE) as at:
            order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            with pytest.raises(UsageError, match="no order nobody"):
                await at.session.cancel_batch([order, "nobody"])
            await at.session.reconcile()
            assert order.status is OrderStatus.NEW

    asyncio.run(body())


def test_a_misspelt_instrument_is_not_a_flat_one() -> None:
    """Names that do not exist are refused, with names that do."""

    async def body() -> None:
        async with desk(VENUE) as at:
            for read in (at.session.exposure, at.session.instrument):
                with pytest.raises(InvalidOrder, match="BTCUSDT"):
                    read("BTCUSD")
            assert at.session.exposure("BTCUSDT") == (D(0), D(0))

    asyncio.run(body())


def test_an_order_that_closes_a_position_leads_to_flat() -> None:
    """It has no quantity of its own: it takes what is held."""

    async def body() -> None:
        async with desk(VENUE) as at:
            await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            await at.session.sell(
                at.symbol, None, stop=at.price("0.9"), close_position=True
            )
            assert at.session.exposure(at.symbol) == (D(0), D("0.010"))

    asyncio.run(body())


def test_an_amend_of_nothing_is_refused() -> None:
    """Law 11: before anything is sent."""

    async def body() -> None:
        async with desk(VENUE) as at:
            order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            with pytest.raises(UsageError, match="what to change"):
                await order.amend()

    asyncio.run(body())


def test_cancel_all_finds_what_nobody_told() -> None:
    """While the state is not in sync, orders may rest that only the venue knows."""

    async def body() -> None:
        async with desk(VENUE) as at:
            await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            at.control("mute", kind="private", event="", hold=60)
            at.control("manual", symbol="ETHUSDT", side="BUY", qty="0.1", price="2000")
            core = at.session._open_shell.core
            core.trust.state = LinkState.STALE
            assert [order.symbol for order in at.session.orders] == [at.symbol]
            ended = await at.session.cancel_all()
            assert [order.symbol for order in ended] == [at.symbol, "ETHUSDT"]
            states = {row["status"] for row in at.ledger()["orders"].values()}
            assert states == {"CANCELED"}

    asyncio.run(body())


def test_fills_of_an_account_that_is_flat_again() -> None:
    """A later session has neither order nor position of it: the ledger names it."""

    async def body() -> None:
        async with desk(VENUE) as at:
            await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            await (await at.session.sell(at.symbol, "0.010")).wait_done(5)
            async with session_on(at.server, VENUE) as later:
                assert (later.orders, later.positions) == ([], [])
                found = await later.recent_fills(since_ms=0)
            assert [fill.side for fill in found] == [Side.BUY, Side.SELL]

    asyncio.run(body())
