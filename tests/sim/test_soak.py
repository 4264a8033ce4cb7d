"""A few hours of one session; growth is noticed. (Weeks: connector sim --soak 29.)"""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from connector.cli.main import app
from connector.errors import UsageError
from connector.sim.soak import Sample, growth, soak


def sample(day: float, **given: Any) -> Sample:
    values = {"objects": 1000, "tasks": 9, "timers": 12, "orders": 3}
    return Sample(day=day, **{"rss_mb": 90.0, "connections": 4, **values, **given})


def test_hours_pass_and_nothing_is_wrong() -> None:
    """Trades, quotes and an expired key: session and ledger agree at the end."""
    told = soak(0.13)
    assert told.violations == []
    assert told.commands > 6
    assert told.as_dict()["type"] == "soak"


def test_growth_is_noticed() -> None:
    """From the second day on nothing may grow; the first warms up."""
    flat = [sample(1, objects=10), sample(2), sample(3, objects=1010), sample(4)]
    assert growth(flat) == []
    leaking = [sample(1), sample(2), sample(3, tasks=20), sample(4, tasks=40)]
    assert growth(leaking) == ["tasks grew from 9 to 40"]


def test_months_are_refused() -> None:
    """A world lasts thirty days at most."""
    result = CliRunner().invoke(app, ["sim", "--soak", "31"])
    assert isinstance(result.exception, UsageError)
