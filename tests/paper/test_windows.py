"""What counts uses of a limit: windows that a step of the clock does not stretch."""

from __future__ import annotations

import pytest

from connector.paper.faces.windows import Window
from connector.paper.venue import paper_server

MINUTE_MS = 60_000


def window() -> Window:
    return Window("WEIGHT_1M", "127.0.0.1", MINUTE_MS, 100)


@pytest.mark.parametrize("by_ms", [-2000, 2000])
def test_a_step_of_the_clock_moves_no_use(by_ms: int) -> None:
    """A minute after its use, by true time, a window is free: not sooner, not later."""
    told = window()
    told.add(100, 1_000_000)
    told.clock_stepped(by_ms)
    almost_ms = 1_000_000 + MINUTE_MS - 1 + by_ms
    assert told.sliding(almost_ms) == 100
    assert told.add(100, almost_ms + 1) is None
    assert told.add(1, almost_ms + 2) is not None


def test_the_server_tells_its_faces() -> None:
    """A skew, and its end, are steps of the clock; the sliding count survives them."""
    server = paper_server("binance-usdm", seed=1)
    face = server.faces[0]
    stepped: list[int] = []
    face.clock_stepped = stepped.append
    server.control.apply("skew", {"ms": 2000})
    server.control.apply("skew", {"ms": 500})
    server.control.apply("heal", {"clock": False})
    assert server.faults.skew_ms == 500
    server.control.apply("heal", {})
    server.control.apply("heal", {})
    assert stepped == [2000, -1500, -500]
