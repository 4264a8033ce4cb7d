"""Outages longer than what Bybit keeps: what cannot be known is named."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

from connector.config import SessionConfig
from connector.embedded import endpoints_of
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import LinkState, Resynced
from connector.model.order import OrderStatus
from connector.paper.venue import paper_server
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.loop import Limits
from connector.sim.world import World, WorldConfig, run_world

KEY, SECRET = "simulated-key", "simulated-secret"
HOUR_S = 3600


async def play(world: World, hours: int) -> tuple[OrderStatus, list[str]]:
    """An order is cancelled by hand an hour into an outage of *hours*, another one
    fills: how the first one looks afterwards, and what the reports could not know."""
    with world.party("venue"):
        server = paper_server(
            "bybit-v5",
            api_key=KEY,
            api_secret=SECRET,
            seed=1,
            now_ms=lambda: world.now() // 1_000_000,
        )
        engine = server.faces[0].engine
        engine.freeze()
        await server.start()
    with world.party("bot"):
        async with Session(
            "paper:bybit",
            endpoints=endpoints_of(server.urls),
            credentials=Credentials(api_key=ApiKey(KEY), secret=Secret(SECRET)),
            journal="memory",
            # A day of retries every half minute would tell nothing more.
            config=SessionConfig(reconnect_cap_s=1800),
        ) as session:
            cancelled = await session.buy("BTCUSDT", "0.010", limit=D(59000))
            filled = await session.buy("BTCUSDT", "0.010", limit=D(59500))
            events = session.events()
            outage_s = hours * HOUR_S
            server.control.apply("outage", {"hold": outage_s})
            await asyncio.sleep(HOUR_S)  # of virtual time
            now_ms = world.now() // 1_000_000
            number = int(cancelled.venue_order_id or 0)
            engine.cancel("main", "BTCUSDT", number, now_ms=now_ms)
            engine.trade_through("BTCUSDT", D(59500), now_ms=now_ms)
            await session.wait_live(timeout_s=outage_s)
            assert (filled.status, filled.filled_qty) == (
                OrderStatus.FILLED,
                D("0.010"),
            )
            assert session.state is LinkState.LIVE
            told: list[str] = []
            while events.backlog:
                event = await anext(events)
                if isinstance(event, Resynced):
                    told += event.report.unknowable
            shown = cancelled.status, told
    await server.close()
    return shown


def test_unfilled_ends_are_kept_for_a_day() -> None:
    """Law 13: after a day nobody can tell how the order ended; it is taken for
    cancelled and the report says so. Fills are kept for two years."""
    seen: list[tuple[OrderStatus, list[str]]] = []

    async def main(world: World) -> None:
        seen.append(await play(world, 26))

    forget_gates()
    limits = Limits(virtual_s=400_000, wall_s=300, steps=20_000_000)
    run_world(main, 1, config=WorldConfig(limits=limits)).unwrap()
    ((status, unknowable),) = seen
    assert status.is_terminal
    assert any("no longer tells" in text for text in unknowable), unknowable
