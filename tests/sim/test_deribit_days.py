"""Long virtual stories on the Deribit face: credits, settlement, expiry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal as D

from connector.embedded import endpoints_of
from connector.errors import ConnectorError
from connector.model.account import LedgerKind
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import Event, Gap, LedgerUpdate, LinkState
from connector.model.order import Rejected
from connector.paper.faces.deribit import Deribit
from connector.paper.faces.deribit.listing import instruments_at
from connector.paper.server import PaperServer
from connector.paper.types import Instrument
from connector.paper.venue import paper_server
from connector.session import EventStream, Session
from connector.session.gate import forget_gates
from connector.sim.loop import Limits
from connector.sim.world import EPOCH_NS, World, WorldConfig, run_world

PERPETUAL = "BTC-PERPETUAL"
BEFORE_EIGHT_NS = EPOCH_NS + (21 * 3600 + 57 * 60) * 10**9
"""07:57 UTC of the day after the usual beginning of worlds."""
START_MS = BEFORE_EIGHT_NS // 1_000_000
Story = Callable[[World, PaperServer, Session], Awaitable[None]]


def tell(story: Story, *, seed: int = 1) -> None:
    """Play *story* with a live session on a fresh venue whose market stands still."""

    async def main(world: World) -> None:
        with world.party("venue"):
            server = paper_server(
                "deribit",
                api_key="simulated-key",
                api_secret="simulated-secret",
                seed=seed,
                now_ms=lambda: world.now() // 1_000_000,
                instruments=todays(START_MS),
            )
            server.faces[0].engine.freeze()
            await server.start()
        with world.party("bot"):
            async with Session(
                "paper:deribit",
                endpoints=endpoints_of(server.urls),
                credentials=Credentials(
                    api_key=ApiKey("simulated-key"), secret=Secret("simulated-secret")
                ),
                journal="memory",
            ) as session:
                await story(world, server, session)
        await server.close()

    forget_gates()
    limits = Limits(virtual_s=400_000, wall_s=300, steps=20_000_000)
    config = WorldConfig(limits=limits, epoch_ns=BEFORE_EIGHT_NS)
    run_world(main, seed, config=config).unwrap()


async def listen(events: EventStream, told: list[Event]) -> None:
    """Keep every event in *told*, as long as they come."""
    while True:
        told.append(await anext(events))


def the_option(session: Session, letter: str) -> str:
    """The option at the money that expires next."""
    names = [n for n in session.instruments if n.endswith(f"-100000-{letter}")]
    return min(names, key=lambda n: session.instruments[n].expiry_ms or 0)


def todays(now_ms: int) -> list[Instrument]:
    """The usual listing of yesterday: its first options expire today at eight."""
    return list(instruments_at(now_ms - 12 * 3600 * 1000))


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
