"""Tests of connector.cli.watch, watch_view and watch_render."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from connector.cli.watch_render import bar, render, rows_for
from connector.cli.watch_view import (
    LimitView,
    WatchView,
    doubtful_first,
    fullest,
    liquidation_distance,
)
from connector.model.account import Greeks
from connector.model.order import OrderStatus
from tests.cli import frames
from tests.cli.conftest import Desk, Run


def drawn(view: WatchView, width: int, rows: int = 8) -> str:
    """The frame as plain text."""
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(render(view, width, rows))
    return captured.get()


@pytest.mark.parametrize("width", [80, 100, 119, 120, 200])
@pytest.mark.parametrize("view", [frames.busy_view(), frames.quiet_view()])
def test_nothing_is_cut(view: WatchView, width: int) -> None:
    """Every line fits, and no number loses its end."""
    text = drawn(view, width)

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [40, 50, 60])
@pytest.mark.parametrize("view", [frames.busy_view(), frames.quiet_view()])
def test_a_tiny_terminal_shows_less_but_whole(view: WatchView, width: int) -> None:
    """Columns are left out rather than cut: what is at stake stays readable."""
    text = drawn(view, width)

    assert max(map(len, text.splitlines())) <= width
    for title in ("positions", "open orders", "last fills"):
        box = text.partition(f"╭─ {title}")[2].partition("╰")[0]
        assert "…" not in box


@pytest.mark.parametrize("width", [80, 120])
def test_greeks_are_shown_where_there_are_any(width: int) -> None:
    """Per currency, because deltas of two coins are no sum."""
    greeks = {
        "BTC": Greeks(
            delta=Decimal("-1.25"),
            gamma=Decimal("0.00021"),
            vega=Decimal("1215.29"),
            theta=Decimal("-1809.04"),
        ),
        "ETH": Greeks(delta=Decimal(3)),
    }
    text = drawn(replace(frames.busy_view(), greeks=greeks), width)
    box = text.partition("╭─ greeks")[2]

    for number in ("BTC", "-1.250", "+0.00021", "+1,215.3", "-1,809.0", "+3.000"):
        assert number in box
    assert max(map(len, text.splitlines())) <= width
    assert "greeks" not in drawn(frames.busy_view(), width)


def test_one_line_per_limit() -> None:
    """Connections have buckets of their own; the one nearest its end is shown."""
    limits = [
        LimitView(name="frames", used=1, limit=10),
        LimitView(name="weight", used=3, limit=2400),
        LimitView(name="frames", used=9, limit=10),
        LimitView(name="weight", used=0, limit=2400, closed_s=42),
    ]

    assert fullest(limits) == (limits[2], limits[3])


@pytest.mark.parametrize("width", [80, 120])
def test_what_must_be_seen(width: int) -> None:
    """Environment, staleness with its age, doubt on top, distance to liquidation."""
    text = drawn(frames.busy_view(), width)

    for part in (
        "LIVE  live:hedge", "STALE 3.2 s CONNECTING", "63.00 %", "4.5 %", "30.0 %",
        "1 in doubt", "closed 42 s", "7 reconnects", "clock +12.3 ± 2.1 ms",
        "1 differences", "and 4 more", "-2,654.32", "59,987.12",
    ):  # fmt: skip
        assert part in text
    rows = [line for line in text.splitlines() if "IN DOUBT" in line or " new " in line]
    assert "IN DOUBT" in rows[0]
    assert "SYNCED" in drawn(frames.quiet_view(), width)
    assert "ties out" in drawn(
        replace(frames.quiet_view(), report=frames.report()), width
    )


def test_rendering_is_pure() -> None:
    """The same view gives the same frame."""
    assert drawn(frames.busy_view(), 120) == drawn(frames.busy_view(), 120)


def test_orders_in_doubt_come_first() -> None:
    """Then the newest."""
    doubtful = frames.order(9, OrderStatus.IN_DOUBT, in_doubt_since_ns=1)
    orders = [frames.order(3), frames.order(1), doubtful, frames.order(2)]

    assert [int(o.client_order_id[-1]) for o in doubtful_first(orders)] == [9, 1, 2, 3]


@pytest.mark.parametrize(
    ("qty", "mark", "end", "expected"),
    [
        ("1", "100", "90", "0.1"),
        ("-1", "100", "130", "0.3"),
        ("1", "100", "100", "0"),
        ("-1", "100", "99", "-0.01"),
        ("1", "100", None, None),
    ],
)
def test_liquidation_distance(
    qty: str, mark: str, end: str | None, expected: str | None
) -> None:
    """Positive while it is away, whatever the side."""
    found = liquidation_distance(frames.position("X", qty, "1", mark, end))

    assert found == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.01, 0.5, 0.999, 1.0, 7.0])
def test_a_bar_has_its_width(share: float) -> None:
    """Whatever it shows."""
    assert len(bar(share, 14, "green")) == 14


def test_rows_follow_the_height() -> None:
    """Small terminals get short tables."""
    assert [rows_for(height) for height in (10, 24, 40, 100)] == [3, 3, 5, 8]


def test_once(run: Run, desk: Desk) -> None:
    """One frame of a real session; as a record with --json."""
    run("place", "buy", "BTCUSDT", "--qty", "0.02", *desk.options)
    seen = run("watch", "--once", *desk.options)
    record = run("watch", "--once", "--json", *desk.options).records[0]

    assert seen.code == 0
    assert " PAPER  paper:desk" in seen.out
    assert "SYNCED" in seen.out
    assert "0.02" in seen.out
    assert "\x1b" not in seen.out
    assert record["type"] == "snapshot"
    assert record["positions"][0]["symbol"] == "BTCUSDT"
    assert len(record["fills"]) == 1


def test_events(run: Run) -> None:
    """With --json one event per line; through a pipe one line of text each."""
    records = run("watch", "--json", "--seconds", "1.2").records
    text = run("watch", "--seconds", "1.2").out

    assert all("type" in record and "seq" in record for record in records)
    assert "\x1b" not in text
