"""Long virtual stories on the Deribit face: credits, settlement, expiry."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from deribit_desk import PERPETUAL, START_MS, tell, todays

from connector.errors import ConnectorError
from connector.model.account import LedgerKind
from connector.model.events import Event, Gap, LedgerUpdate, LinkState
from connector.model.order import Accepted, OrderStatus, Rejected
from connector.paper.faces.deribit import Deribit, FaceConfig
from connector.paper.server import PaperServer
from connector.session import EventStream, Session
from connector.sim.world import World


async def listen(events: EventStream, told: list[Event]) -> None:
    """Keep every event in *told*, as long as they come."""
    while True:
        told.append(await anext(events))


def the_option(session: Session, letter: str) -> str:
    """The option at the money that expires next."""
    names = [n for n in session.instruments if n.endswith(f"-100000-{letter}")]
    return min(names, key=lambda n: session.instruments[n].expiry_ms or 0)


def test_fifty_tasks_never_empty_the_pool() -> None:
    """Law 8: ten minutes of fifty tasks that place and cancel as fast as they may
    use over 95 % of the sustained rate, and nothing is ever answered 10028."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        face = server.faces[0]
        assert isinstance(face, Deribit)
        end_ns = world.mono_ns() + 600 * 10**9

        async def hammer(number: int) -> None:
            while world.mono_ns() < end_ns:
                order = await session.buy(PERPETUAL, 10, limit=D(95000 + number))
                if isinstance(order.outcome, Rejected):
                    assert not order.outcome.was_sent, order.outcome
                    continue
                try:
                    await order.cancel()
                except ConnectorError:
                    continue

        before = face.state.credits.taken("main", "matching")
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(hammer(number), name=f"hammer.{number}")
        taken = face.state.credits.taken("main", "matching") - before
        config = face.state.config.credits
        assert list(face.state.credits.exceedances) == []
        assert taken >= 0.95 * 600 * config.matching_rate
        assert session.state is LinkState.LIVE

    tell(story)


def test_the_daily_settlement_ties_out() -> None:
    """At 08:00 UTC the session's profit moves into the wallet: told as settlement,
    nothing is left unexplained, the position stays."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        told: list[Event] = []
        await (await session.buy(PERPETUAL, 10_000)).wait_done(5)
        server.control.apply("mark", {"symbol": PERPETUAL, "price": "101000"})
        events = session.events()

        listener = asyncio.create_task(listen(events, told))
        await asyncio.sleep((_next_settlement_ms() - START_MS) / 1000 + 30)
        (settled,) = [
            event
            for event in told
            if isinstance(event, LedgerUpdate)
            and event.entry.kind is LedgerKind.SETTLEMENT
        ]
        assert settled.entry.amount > D("0.0009")
        assert settled.entry.symbol == PERPETUAL
        report = await session.reconcile()
        assert report.differences_left == ()
        assert report.unknowable == ()
        assert session.position(PERPETUAL).qty == 10_000
        rows = session.margin.collateral.values()
        assert [row.broken_identities() for row in rows] == [()] * len(rows)
        listener.cancel()

    tell(story)


def test_expiry_inside_an_outage() -> None:
    """Options expire and deliver while the stream is down: afterwards the positions
    are flat, the delivery is in the ledger, and everything ties out."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        call, put = the_option(session, "C"), the_option(session, "P")
        await (await session.buy(call, "1")).wait_done(5)
        await (await session.sell(put, "0.5")).wait_done(5)
        resting = await session.buy(call, "1", limit=D("0.0001"))
        assert resting.is_open
        server.control.apply("mark", {"symbol": PERPETUAL, "price": "104000"})
        expiry_ms = session.instruments[call].expiry_ms
        assert expiry_ms is not None
        await asyncio.sleep((expiry_ms - START_MS) / 1000 - 5)
        server.control.apply("outage", {"hold": 10})
        await asyncio.sleep(1)
        assert not session.is_live
        await asyncio.sleep(30)
        assert session.is_live, (session.state, session.last_report.text())
        assert [p.symbol for p in session.positions] == []
        assert not resting.is_open
        report = await session.reconcile()
        assert report.differences_left == ()
        truth = server.control.apply("state")
        assert truth["positions"] == {}
        wallet = session.balances["BTC"].wallet
        assert wallet == D(truth["balances"]["BTC"])
        # (S - K) / S, less premiums and fees
        assert wallet > D(10) + D("0.038") - D("0.03")
        server.faces[0].engine.audit()

    tell(story)


def test_expiry_while_the_stream_is_up() -> None:
    """The same without an outage: the stream tells the states, the ledger the rest;
    the session is never called untrue."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        call = the_option(session, "C")
        await (await session.buy(call, "1")).wait_done(5)
        server.control.apply("mark", {"symbol": PERPETUAL, "price": "104000"})
        expiry_ms = session.instruments[call].expiry_ms
        assert expiry_ms is not None
        await asyncio.sleep((expiry_ms - START_MS) / 1000 - 60)
        told: list[Event] = []
        listener = asyncio.create_task(listen(session.events(), told))
        await asyncio.sleep(120)
        listener.cancel()
        assert not any(isinstance(event, Gap) for event in told)
        assert session.positions == []
        assert (await session.reconcile()).differences_left == ()

    tell(story)


def _next_settlement_ms() -> int:
    expiries = [i.expiry_ms for i in todays(START_MS) if i.expiry_ms]
    return min(expiries)


@pytest.mark.parametrize("hours", [0.75, 25], ids=["orders", "trades"])
def test_an_outage_longer_than_the_recent_stores(hours: float) -> None:
    """Orders are recent for 30 minutes, trades for a day: what happened before is in
    the historical store only, and both are asked. Filled, cancelled, triggered:
    everything is known, and each fill counts once."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        filled = await session.buy(PERPETUAL, 1000, limit=D(99_000))
        ended = await session.buy(PERPETUAL, 500, limit=D(95_000))
        stop = await session.sell(PERPETUAL, 1000, stop=D(97_000), reduce_only=True)
        assert [o.is_open for o in (filled, ended, stop)] == [True] * 3
        hold = int(hours * 3600)
        server.control.apply("restart", {"hold": hold})
        await asyncio.sleep(1)
        engine = server.faces[0].engine
        number = int(str(ended.venue_order_id).split("-")[-1])
        server.control.apply("manual_cancel", {"symbol": PERPETUAL, "order_id": number})
        for price in ("98900", "96900"):
            server.control.apply("trade", {"symbol": PERPETUAL, "price": price})
        assert not any(row.qty for row in engine.positions("main", PERPETUAL))
        await asyncio.sleep(hold + 120)
        assert session.is_live
        assert filled.status is OrderStatus.FILLED
        assert ended.status is OrderStatus.CANCELED
        assert stop.status is OrderStatus.FILLED
        assert session.positions == []
        report = await session.reconcile()
        assert report.differences_left == ()
        truth = server.control.apply("state")
        assert session.balances["BTC"].wallet == D(truth["balances"]["BTC"])

    tell(story)


def test_a_row_missing_from_the_ledger_is_noticed() -> None:
    """`user_seq` counts without a hole: a row that queries leave out is named, and
    once it appears everything ties out again."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        face = server.faces[0]
        assert isinstance(face, Deribit)
        await (await session.buy(PERPETUAL, 1000)).wait_done(5)
        await (await session.sell(PERPETUAL, 1000)).wait_done(5)
        await session.reconcile()
        await (await session.buy(PERPETUAL, 1000)).wait_done(5)
        await (await session.sell(PERPETUAL, 1000)).wait_done(5)
        number = 7000 + len(face.engine.income("main", start_ms=0, limit=1000))
        face.state.hidden_log.add(number - 1)
        report = await session.reconcile()
        assert report.unknowable == (f"ledger entries {number - 1}",)
        face.state.hidden_log.clear()
        await asyncio.sleep(60)
        report = await session.reconcile()
        assert (report.unknowable, report.differences_left) == ((), ())

    tell(story)


def test_one_pool_is_not_added_up() -> None:
    """Cross collateral: every currency shows all of it. The margin shown is one of
    them, never their sum, and the greeks of the account are there all the same."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        await (await session.buy(PERPETUAL, 10_000)).wait_done(5)
        await (await session.buy(the_option(session, "C"), "1")).wait_done(5)
        await asyncio.sleep(5)
        margin, rows = session.margin, session.margin.collateral
        assert {row.is_shared for row in rows.values()} == {True}
        prices = {"BTC": 100_000, "ETH": 3_500, "USDC": 1}
        worth = [rows[name].equity * price for name, price in prices.items()]
        assert max(worth) - min(worth) < max(worth) / 1000
        assert margin.equity == rows[margin.currency].equity
        assert margin.equity * prices[margin.currency] < 2 * min(worth)
        assert session.greeks["BTC"].delta != 0
        assert (await session.reconcile()).differences_left == ()

    tell(story, face={"config": FaceConfig(is_cross=True)})


@pytest.mark.parametrize(("unit", "price"), [("USD", D(2000)), ("VOLATILITY", D(45))])
def test_an_option_priced_in_other_units(unit: str, price: D) -> None:
    """In USD or volatility: the order that rests has a price in coin, on the grid."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        call = the_option(session, "C")
        order = await session.buy(call, "1", limit=price, price_unit=unit)
        assert isinstance(order.outcome, Accepted), order.outcome
        assert order.price is not None
        assert D(0) < order.price < D("0.2")
        assert order.price % session.instruments[call].tick_size == 0
        await order.cancel()
        assert (await session.reconcile()).differences_left == ()

    tell(story)
