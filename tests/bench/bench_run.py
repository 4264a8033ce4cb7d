"""One command, one table: this product beside bare libraries and other clients.

    python tests/bench/bench_run.py                    everything, a few minutes
    python tests/bench/bench_run.py ingest place_rest  some
    python tests/bench/bench_run.py --rounds 5 --scale 0.1

Contenders take turns in fresh processes on one core, the venue has another; of
several rounds the best counts, since noise only ever adds. A ratio is the contender's
number divided by that of the floor (the first row of a bench). A contender whose
package is not installed is left out and named (extra: bench).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FAILURES = ("rejected",)  # of which the worst round counts, not the best
PACKAGES = {
    "floor": ("httpx", "msgspec", "websockets"),
    "ours": (),
    "parts": (),
    "python_binance": ("binance",),
    "ccxt": ("ccxt",),
    "sdk": ("binance_sdk_derivatives_trading_usds_futures",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of a bench: a contender, its bench, and what it is given."""

    who: str
    bench: str
    label: str
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Rows to compare by *metrics*; the first row is what others are divided by."""

    title: str
    metrics: tuple[str, ...]
    count: int
    rows: tuple[Entry, ...]


def row(who: str, bench: str, label: str, **given: Any) -> Entry:
    """Short for `Entry`."""
    return Entry(who=who, bench=bench, label=label, given=given)


BENCHES: dict[str, Bench] = {
    "ingest": Bench(
        title="burst of private events, CPU us per event",
        metrics=("cpu_us", "got"),
        count=30_000,
        rows=(
            row("floor", "ingest", "websockets + msgspec typed decode"),
            row("ours", "ingest", "ours, events()"),
            row("ours", "ingest_callback", "ours, on_event"),
            row("python_binance", "ingest", "python-binance (dicts, no state)"),
            row("ccxt", "ingest", "ccxt.pro watch_orders", count=6_000),
        ),
    ),
    "scale": Bench(
        title="the same with open orders resting, CPU us per event",
        metrics=("cpu_us",),
        count=15_000,
        rows=(
            row("ours", "ingest_callback", "10 open orders", orders=10, settle_s=50),
            row(
                "ours",
                "ingest_callback",
                "10,000 open orders",
                orders=10_000,
                settle_s=50,
            ),
        ),
    ),
    "sessions": Bench(
        title="sessions in one process, CPU us per event and session",
        metrics=("cpu_us",),
        count=3_000,
        rows=(
            row("ours", "sessions", "1 session", count=30_000),
            row("ours", "sessions", "20 sessions", sessions=20),
        ),
    ),
    "sessions_place": Bench(
        title="sessions that share a limiter, all placing at once, CPU us per command",
        metrics=("cpu_us", "p99_us"),
        count=30,
        rows=(
            row("ours", "sessions_place", "1 session", count=600),
            row("ours", "sessions_place", "20 sessions", sessions=20),
        ),
    ),
    "open_orders": Bench(
        title="5,000 open orders into typed state, CPU us and KiB per order",
        metrics=("cpu_us", "kib"),
        count=5_000,
        rows=(
            row("ccxt", "open_orders", "ccxt fetch_open_orders"),
            row("ours", "open_orders", "ours, whole start of a session"),
        ),
    ),
    "open_orders_again": Bench(
        title="the same without the start: a live session reconciles, journal on disk",
        metrics=("cpu_us",),
        count=5_000,
        rows=(
            row("ccxt", "open_orders", "ccxt fetch_open_orders"),
            row("ours", "open_orders_again", "ours, a whole reconciliation"),
        ),
    ),
    "order_memory": Bench(
        title="bytes kept per open order (target: 2,048, and 1,536 after a read)",
        metrics=("bytes",),
        count=5_000,
        rows=(
            row("ours", "order_memory", "5,000 orders"),
            row("ours", "order_memory", "20,000 orders", count=20_000),
        ),
    ),
    **{
        f"latency_{rate}": Bench(
            title=f"wire to user at {rate:,} events a second",
            metrics=("p50_us", "p99_us", "cpu_us"),
            count=count,
            rows=(
                row("floor", "latency", "websockets + msgspec", rate=rate),
                row("ours", "latency", "ours, on_event", rate=rate),
                row("python_binance", "latency", "python-binance", rate=rate),
            ),
        )
        for rate, count in ((100, 1_500), (5_000, 20_000))
    },
    "latency": Bench(
        title="wire to user at 1,000 events a second",
        metrics=("p50_us", "p99_us", "cpu_us"),
        count=6_000,
        rows=(
            row("floor", "latency", "websockets + msgspec", rate=1000),
            row("ours", "latency", "ours, on_event", rate=1000),
            row("ours", "latency", "ours, uvloop", rate=1000, uvloop=True),
            row("python_binance", "latency", "python-binance", rate=1000),
            row("ccxt", "latency", "ccxt.pro", rate=1000, count=3_000),
        ),
    ),
    "priority": Bench(
        title="a cancel during a burst: asked to first byte (target: p99 5,000 us)",
        metrics=("p99_us", "cpu_p99_us", "p50_us"),
        count=50_000,
        rows=(
            row("ours", "priority", "ours, REST", orders=200),
            row("ours", "priority", "ours, WebSocket", orders=200, uses_ws_api=True),
        ),
    ),
    "place_rest": Bench(
        title="place and cancel over REST",
        metrics=("p50_us", "p99_us", "cancel_us", "cpu_us"),
        count=600,
        rows=(
            row("floor", "place_rest", "stock httpx"),
            row("ours", "http", "our HTTP channel alone"),
            row("ours", "place_rest", "ours (journal in memory)"),
            row("ours", "place_rest", "ours (durability process)", journal="process"),
            row("ours", "place_rest", "ours (durability power)", journal="power"),
            row("python_binance", "place_rest", "python-binance"),
            row("sdk", "place_rest", "official SDK (blocking)"),
            row("ccxt", "place_rest", "ccxt"),
        ),
    ),
    "rest_50": Bench(
        title="50 requests in flight, us of wall time per request",
        metrics=("wall_us", "cpu_us"),
        count=2_000,
        rows=(
            row("floor", "place_rest", "stock httpx", in_flight=50),
            row("ours", "http", "our HTTP channel", in_flight=50),
            row("python_binance", "place_rest", "python-binance", in_flight=50),
            row("ccxt", "place_rest", "ccxt", in_flight=50),
        ),
    ),
    "place_ws": Bench(
        title="place and cancel over WebSocket",
        metrics=("p50_us", "p99_us", "cancel_us", "cpu_us"),
        count=600,
        rows=(
            row("floor", "place_ws", "bare websockets"),
            row("ours", "place_ws", "ours (journal in memory)"),
            row("ours", "place_ws", "ours (durability process)", journal="process"),
            row("ours", "place_ws", "ours (durability power)", journal="power"),
            row("sdk", "place_ws", "official SDK"),
            row("ccxt", "place_ws", "ccxt.pro"),
        ),
    ),
    "small": Bench(
        title="signing and limiter, CPU us per call",
        metrics=("cpu_us",),
        count=20_000,
        rows=(
            row("floor", "sign", "urlencode + hmac, HMAC-SHA256"),
            row("ours", "sign", "ours, parameters to signed request"),
            row("ours", "limiter", "ours, limiter acquire"),
        ),
    ),
    "reconcile": Bench(
        title="missed executions of open orders, a gap to LIVE (target: 5 s of CPU)",
        metrics=("cpu_us", "cpu_s", "requests"),
        count=100_000,
        rows=(
            row(
                "ours",
                "reconcile",
                "1,000 orders, 10,000 fills",
                orders=1_000,
                count=10_000,
            ),
            row("ours", "reconcile", "10,000 orders, 100,000 fills", orders=10_000),
        ),
    ),
    "limiter_load": Bench(
        title=(
            "200 tasks, a strict server of 300 in 10 s, arrivals 20 ms apart "
            "(target: 2 % unused, 0 rejected, 5 ms of CPU a second)"
        ),
        metrics=("unused_pct", "rejected", "cpu_ms"),
        count=3,
        rows=(row("parts", "limiter_load", "ours"),),
    ),
    "start": Bench(
        title="start with a journal of so many executions (target: 2,000 ms)",
        metrics=("wall_ms", "cpu_ms", "mib"),
        count=1_000_000,
        rows=(
            row("parts", "start", "10,000 executions", count=10_000),
            row("parts", "start", "1,000,000 executions"),
        ),
    ),
    **{
        f"frames_{name}": Bench(
            title=f"private frames of {venue}, bytes to facts, CPU us per frame",
            metrics=("cpu_us",),
            count=20_000,
            rows=(
                row("parts", "frames_floor", "msgspec, untyped", venue=venue),
                row("parts", "frames", "ours, typed facts", venue=venue),
            ),
        )
        for name, venue in (
            ("binance", "binance-usdm"),
            ("bybit", "bybit-v5"),
            ("okx", "okx-v5"),
            ("deribit", "deribit"),
        )
    },
    "memory": Bench(
        title="resident memory of one live session, MiB",
        metrics=("rss_mib",),
        count=1,
        rows=(row("ours", "memory", "ours"),),
    ),
}


def is_there(who: str) -> bool:
    """Whether the packages of a contender are installed."""
    return all(importlib.util.find_spec(name) for name in PACKAGES[who])


@contextmanager
def venue(core: int) -> Iterator[dict[str, str]]:
    """The venue for measuring in a process of its own; yields its places."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bench_venue.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        os.sched_setaffinity(process.pid, {core})
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def run_one(
    entry: Entry, count: int, scale: float, places: dict[str, str], core: int
) -> Any:
    """One contender in a fresh process; its numbers, or None if it failed."""
    given = {**entry.given, "bench": entry.bench, "places": places}
    wanted = int(entry.given.get("count", count))
    task = {**given, "count": max(min(wanted, 30), int(wanted * scale))}
    process = subprocess.run(
        [
            *("taskset", "-c", str(core)),
            *(sys.executable, f"contender_{entry.who}.py", json.dumps(task)),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if process.returncode:
        print(f"  {entry.label} failed: {process.stderr[-400:]}", file=sys.stderr)
        return None
    return json.loads(process.stdout.splitlines()[-1])


def compare(
    name: str,
    *,
    rounds: int,
    scale: float,
    cores: tuple[int, int],
    only: Sequence[str] = tuple(PACKAGES),
) -> list[dict[str, Any]]:
    """All rows of one bench (those of *only*), best of *rounds*."""
    bench = BENCHES[name]
    rows = [e for e in bench.rows if e.who in only and is_there(e.who)]
    best: dict[str, dict[str, float]] = {}
    for number in range(rounds):
        for entry in rows if number % 2 == 0 else rows[::-1]:
            with venue(cores[1]) as places:
                told = run_one(entry, bench.count, scale, places, cores[0])
            if told is None:
                continue
            kept = best.setdefault(entry.label, dict(told))
            for metric in set(bench.metrics).intersection(told):
                worst = max if metric in FAILURES else min
                kept[metric] = worst(kept.get(metric, told[metric]), told[metric])
    base = best.get(rows[0].label, {})
    return [
        {
            "bench": name,
            "row": entry.label,
            **{metric: best[entry.label].get(metric) for metric in bench.metrics},
            "ratio": _ratio(best[entry.label], base, bench.metrics[0]),
        }
        for entry in rows
        if entry.label in best
    ]


def _ratio(row: dict[str, float], base: dict[str, float], metric: str) -> float | None:
    if not base.get(metric) or metric not in row:
        return None
    return row[metric] / base[metric]


def table(name: str, found: Sequence[dict[str, Any]]) -> str:
    """One bench as text."""
    bench = BENCHES[name]
    head = f"{'':38}" + "".join(f"{m:>12}" for m in bench.metrics) + f"{'ratio':>9}"
    lines = [f"{name}: {bench.title}", head]
    for told in found:
        cells = "".join(_cell(told[metric]) for metric in bench.metrics)
        ratio = told["ratio"]
        shown = "" if ratio is None else f"{ratio:>9.2f}"
        lines.append(f"  {told['row']:36}{cells}{shown}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return f"{'':>12}" if value is None else f"{value:>12.4g}"


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    pinned = (cores[0], cores[-1])
    missing = [who for who in PACKAGES if not is_there(who)]
    if missing:
        print(f"not installed (extra: bench): {', '.join(missing)}", file=sys.stderr)
    for name in given.names or BENCHES:
        found = compare(name, rounds=given.rounds, scale=given.scale, cores=pinned)
        if given.json:
            for told in found:
                print(json.dumps(told), flush=True)
        else:
            print(table(name, found) + "\n", flush=True)


if __name__ == "__main__":
    main()
