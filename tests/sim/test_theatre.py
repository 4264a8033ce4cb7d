"""What a world does to its venue, besides the faults of its tape."""

from __future__ import annotations

from connector.sim.draw import Draw
from connector.sim.theatre import Theatre
from connector.sim.world import Limits, World, WorldConfig, run_world


def test_a_venue_hears_of_every_step_of_its_clock() -> None:
    """Healing leaves the venue's clock as wrong as it was, and whoever counts by it
    heard of as many steps back as forth: else windows last longer, and a law that
    reads them blames the session."""
    steps: list[int] = []

    async def main(world: World) -> None:
        theatre = Theatre(world, Draw.of_seed(279, "okx-v5"))
        server = theatre.server
        server.faces[0].clock_stepped = steps.append
        server.control.apply("skew", {"ms": -3000})
        theatre.heal()
        assert server.faults.skew_ms == -3000

    result = run_world(main, 279, config=WorldConfig(limits=Limits(virtual_s=60)))
    assert result.error is None
    assert sum(steps) == -3000
