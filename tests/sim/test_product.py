"""The product's own channels and its paper venue, unmodified, inside a world."""

from __future__ import annotations

import asyncio

import pytest

from connector.dialect.wire import HttpWire
from connector.errors import MaybeSent, NotSent, StreamLost
from connector.paper.venue import paper_server
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel
from connector.runtime.stream import StreamChannel
from connector.sim.faults import Chaos
from connector.sim.link import Connection, Direction
from connector.sim.world import World, WorldConfig, run_world


def _get(url: str) -> HttpWire:
    return HttpWire(method="GET", url=url, headers=(), body=b"", deadline_ms=None)


async def _ask_and_listen(world: World) -> list[str]:
    """Twenty calls and one stream over five minutes; what came of each."""
    outcomes: list[str] = []
    with world.party("venue"):
        venue = await paper_server("binance-usdm").start()
    links = venue.links
    allow = AllowList([links.rest, links.stream, links.ws_api])
    with world.party("bot", skew_ns=-100_000_000):
        http = HttpChannel(allow, connect_timeout_s=5, read_timeout_s=5)
        for _ in range(20):
            try:
                answer = await http.send(
                    _get(f"{links.rest}/fapi/v1/time"), timeout_s=9
                )
            except (MaybeSent, NotSent) as exc:
                outcomes.append(type(exc).__name__)
            else:
                outcomes.append(str(answer.status))
            await asyncio.sleep(15)
        await http.close()
    await venue.close()
    return outcomes


def test_a_quiet_world_answers_everything() -> None:
    """Law: without faults every call is answered and nothing is left open."""
    result = run_world(_ask_and_listen, 1)
    assert result.unwrap() == ["200"] * 20
    assert result.left_open == 0
    assert result.errors == ()
    assert result.virtual_ns > 300 * 10**9


def test_a_faulty_world_is_told_apart_and_replays() -> None:
    """Law: every call ends in its bound, and the tape gives the same world."""
    config = WorldConfig(chaos=Chaos(segment_chance=0.1, connect_chance=0.2))
    first = run_world(_ask_and_listen, 3, config=config)
    again = run_world(_ask_and_listen, 3, tape=first.tape, config=config)
    assert set(first.unwrap()) > {"200"}
    assert first.errors == ()
    assert first.trace_hash == again.trace_hash


def test_a_stream_that_is_cut_ends_for_its_reader() -> None:
    """Law: the reader of a stream learns of a reset at once."""

    async def main(world: World) -> float:
        with world.party("venue"):
            venue = await paper_server("binance-usdm").start()
        opened: list[Connection] = []
        world.network.on_connect.append(opened.append)
        streams = StreamChannel(AllowList([venue.links.ws_api]), open_timeout_s=5)
        stream = await streams.open(venue.links.ws_api)
        await asyncio.sleep(60)
        opened[0].cut(Direction.TO_CLIENT, 0)
        began = world.loop.time()
        with pytest.raises(StreamLost):
            await stream.recv()
        waited_s = world.loop.time() - began
        await stream.close()
        await venue.close()
        return waited_s

    result = run_world(main, 1)
    assert result.unwrap() < 1
    assert result.errors == ()
