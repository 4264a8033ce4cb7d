"""Tests of connector.session.latency: histograms, and what a session measures."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venue import API_KEY, API_SECRET, desk, urls_of

from connector.errors import JournalFull
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import Event
from connector.paper.venue import paper_server
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import JournalFaults, MemoryJournal
from connector.session import Session
from connector.session.gate import forget_gates
from connector.session.latency import Histogram
from connector.sim.link import LinkProfile
from connector.sim.world import World, run_world

VENUE = "binance-usdm"


@given(st.integers(0, 2**62))
@settings(deadline=None)
def test_a_quantile_is_at_most_an_eighth_too_large(ns: int) -> None:
    """Never too small, never above the largest seen."""
    histogram = Histogram()
    histogram.record(ns)
    histogram.record(2**62)
    assert ns <= histogram.quantile_ns(0.5) <= ns + ns // 8
    assert histogram.quantile_ns(1) == 2**62


@given(st.lists(st.integers(-5, 2**70), max_size=50))
@settings(deadline=None)
def test_everything_is_counted_once(durations: list[int]) -> None:
    """Negative durations as 0, absurd ones in the last bucket; sums are exact."""
    histogram = Histogram()
    for ns in durations:
        histogram.record(ns)
    bounds = histogram.cumulative()
    assert bounds == sorted(bounds)
    assert [count for _, count in bounds][-1] == len(durations) == histogram.count
    assert histogram.total_ns == sum(max(ns, 0) for ns in durations)
    assert histogram.max_ns == max([0, *durations])


def test_buckets_count_what_is_not_longer() -> None:
    """The cumulative counts agree with counting by hand."""
    dice = random.Random(5)
    durations = [int(dice.expovariate(1e-6)) for _ in range(2000)]
    histogram = Histogram()
    for ns in durations:
        histogram.record(ns)
    for upper_s, count in histogram.cumulative():
        upper_ns = round(upper_s * 1e9)
        if upper_ns < 10**12:
            assert count == sum(1 for ns in durations if ns <= upper_ns)


def test_a_histogram_never_grows() -> None:
    """Law 12: fixed memory."""
    histogram = Histogram()
    before = sys.getsizeof(histogram._counts)
    for exponent in range(70):
        histogram.record(2**exponent)
    assert sys.getsizeof(histogram._counts) == before
    assert Histogram().summary() == {
        "count": 0, "mean_ms": 0.0, "p50_ms": 0.0,
        "p90_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0,
    }  # fmt: skip


def measured(*, use_ws_api: bool, handler: Callable[[Event], None]) -> Any:
    """Stats after three orders placed and cancelled, 20 ms from the venue."""

    async def main(world: World) -> Any:
        world.network.profile = LinkProfile(latency_s=0.02, jitter_s=0.0)
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET
        ) as server:
            urls = urls_of(server)
            if not use_ws_api:
                urls = replace(urls, ws_api="")
            async with Session(
                f"paper:{VENUE}",
                endpoints=urls,
                credentials=Credentials(
                    api_key=ApiKey(API_KEY), secret=Secret(API_SECRET)
                ),
                journal="memory",
                on_event=handler,
            ) as session:
                for _ in range(3):
                    order = await session.buy("BTCUSDT", "0.010", limit="58000")
                    await session.cancel(order)
                await asyncio.sleep(5)
                return session.stats()["latency"]

    forget_gates()  # they remember another world's time
    result = run_world(main, 1)
    forget_gates()
    return result.unwrap()


@pytest.mark.parametrize("use_ws_api", [True, False])
def test_a_session_measures_its_own_latency(use_ws_api: bool) -> None:
    """On a network that is 20 ms wide: an answer takes 40, an event 20."""
    latency = measured(use_ws_api=use_ws_api, handler=lambda _: None)
    assert latency["submit_to_sent"]["count"] == 6
    assert latency["submit_to_sent"]["max_ms"] == 0
    assert latency["sent_to_ack"]["count"] == 6
    assert 40 <= latency["sent_to_ack"]["p50_ms"] < 45
    assert latency["ack_to_echo"]["count"] == 3
    assert latency["ack_to_echo"]["max_ms"] < 5
    assert latency["venue_to_handler"]["count"] >= 6
    assert 18 <= latency["venue_to_handler"]["p50_ms"] <= 24
    assert latency["loop_lag"]["count"] >= 10
    assert latency["loop_lag"]["max_ms"] < 1
    assert latency["handler"]["count"] > 0


def test_a_slow_handler_shows() -> None:
    """Time spent in the user's function, apart from everything else."""

    def slow(_: Event) -> None:
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass

    async def main() -> Any:
        async with desk(VENUE, on_event=slow) as at:
            return at.session.stats()["latency"]["handler"]

    handler = asyncio.run(main())
    assert handler["count"] > 0
    assert handler["p50_ms"] >= 1


def test_intents_that_the_disk_refused_are_not_remembered() -> None:
    """Law 12: a disk that is full for days costs no memory per refused order."""

    async def body() -> None:
        faults = JournalFaults()
        owner = Owner(profile=f"paper:{VENUE}", venue=VENUE)
        journal = MemoryJournal(owner, faults=faults)
        async with desk(VENUE, journal=journal) as at:
            faults.is_full = True
            for _ in range(3):
                with pytest.raises(JournalFull):
                    await at.session.buy(at.symbol, "0.010")
            assert at.session._open_shell.latency._journaling == {}
            faults.is_full = False

    asyncio.run(body())
