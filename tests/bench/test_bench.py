"""The benchmarks run: tiny counts, bare libraries and ours; nothing is timed here."""

from __future__ import annotations

import importlib.util
import os

import bench_run
import pytest

CORES = sorted(os.sched_getaffinity(0))
HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None  # extra: fast


OURS = ("floor", "ours", "parts")
NAMES = ["ingest", "latency", "place_rest", "place_ws", "frames_okx", "sessions_place"]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_bench_has_numbers(name: str) -> None:
    """A contender that fails would be missing, not slow."""
    found = bench_run.compare(
        name,
        rounds=1,
        scale=0.001,
        cores=(CORES[0], CORES[-1]),
        only=OURS,
    )
    rows = [
        row
        for row in bench_run.BENCHES[name].rows
        if row.who in OURS and (HAS_UVLOOP or "uvloop" not in row.label)
    ]
    assert [told["row"] for told in found] == [row.label for row in rows]
    for told in found:
        first, *others = bench_run.BENCHES[name].metrics
        assert told[first] > 0
        # Our HTTP channel alone only places.
        is_whole = told["row"] != "our HTTP channel alone"
        assert all(told[m] > 0 for m in others if is_whole or m != "cancel_us")
    assert found[0]["ratio"] == 1
    text = bench_run.table(name, found)
    assert len(text.splitlines()) == 2 + len(rows)
