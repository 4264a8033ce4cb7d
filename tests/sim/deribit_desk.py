"""A live session on a fresh venue of Deribit's dialect, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from connector.config.profiles import KeyOptions, resolve
from connector.embedded import credentials_for, endpoints_of
from connector.paper.faces.deribit.listing import instruments_at
from connector.paper.server import PaperServer
from connector.paper.types import Instrument
from connector.paper.venue import paper_server
from connector.session import Session
from connector.session.gate import forget_gates
from connector.sim.loop import Limits
from connector.sim.world import EPOCH_NS, World, WorldConfig, run_world

KEY, SECRET = "simulated-key", "simulated-secret"
PERPETUAL = "BTC-PERPETUAL"
BEFORE_EIGHT_NS = EPOCH_NS + (21 * 3600 + 57 * 60) * 10**9
"""07:57 UTC of the day after the usual beginning of worlds."""
START_MS = BEFORE_EIGHT_NS // 1_000_000
Story = Callable[[World, PaperServer, Session], Awaitable[None]]


def tell(
    story: Story,
    *,
    venue: str = "deribit",
    seed: int = 1,
    face: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
    **options: Any,
) -> None:
    """Play *story* with a live session on a fresh venue whose market stands still.

    *face* are options of the venue, *settings* those of the key, *options* those of
    the session.
    """

    async def main(world: World) -> None:
        with world.party("venue"):
            server = paper_server(
                venue,
                api_key=KEY,
                api_secret=SECRET,
                seed=seed,
                now_ms=lambda: world.now() // 1_000_000,
                instruments=todays(START_MS),
                **(face or {}),
            )
            server.faces[0].engine.freeze()
            await server.start()
        with world.party("bot"):
            profile = resolve(f"paper:{venue}", environ={"HOME": "/nowhere"})
            profile = replace(profile, key_options=KeyOptions(settings=settings or {}))
            async with Session(
                profile,
                endpoints=endpoints_of(server.urls),
                credentials=credentials_for(venue, KEY, SECRET),
                journal="memory",
                **options,
            ) as session:
                await story(world, server, session)
        await server.close()

    forget_gates()
    limits = Limits(virtual_s=400_000, wall_s=300, steps=20_000_000)
    config = WorldConfig(limits=limits, epoch_ns=BEFORE_EIGHT_NS)
    run_world(main, seed, config=config).unwrap()


def todays(now_ms: int) -> list[Instrument]:
    """The usual listing of yesterday: its first options expire today at eight."""
    return list(instruments_at(now_ms - 12 * 3600 * 1000))
