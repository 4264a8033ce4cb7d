"""Worlds of a real session under faults: laws hold, and broken cores are caught."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from connector.cli.main import app
from connector.core.command import Command
from connector.core.inputs import CallFailed
from connector.core.orders import Change, Orders
from connector.core.outbox import Outbox
from connector.core.outcomes import Outcomes
from connector.core.trust import Trust
from connector.dialect.wire import Reply, Verdict
from connector.model.events import LinkState
from connector.model.order import Origin
from connector.sim.runner import run_seeds, smallest_tape
from connector.sim.tape import shrink
from connector.sim.worlds import play

# A killed process leaves coroutines behind that nobody awaits; that is the point.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
)

SEEDS = range(1000, 1012)
MUTANT_SEEDS = range(60)

_merge_fill = Orders.merge_fill
_on_failed = Outbox.on_failed


@pytest.mark.parametrize("seed", SEEDS)
def test_no_law_is_broken(seed: int) -> None:
    """A session under faults keeps every law; the seed tells the world."""
    assert play(seed).violations == ()


def test_equal_seeds_leave_equal_traces() -> None:
    """The same world twice, byte for byte."""
    assert play(1003).trace_hash == play(1003).trace_hash


def test_a_summary_counts_its_worlds() -> None:
    """Runs, faults and repeated seeds are counted."""
    summary = run_seeds(range(1000, 1002))
    told = summary.as_dict()
    assert (told["runs"], told["run_twice"], told["law_violations"]) == (2, 1, 0)
    assert sum(told["faults"].values()) > 0
    assert told["virtual_hours"] > 0


def test_worlds_leave_nothing_behind() -> None:
    """Thousands in one process: what one leaves in cycles is collected in time."""

    def left_after(decade: int) -> int:
        run_seeds([decade + 1, decade + 2, decade])
        return len(gc.get_objects())

    left_after(1010)  # the first worlds fill caches
    before = left_after(1020)
    assert left_after(1030) < before * 1.02


def count_twice(self: Orders, fact: Any) -> Any:
    """A core that forgets which executions it has counted."""
    order = (fact.symbol, fact.venue_order_id)
    self._trades.get(order, set()).discard(fact.trade_id)
    return _merge_fill(self, fact)


def guess(self: Outcomes, command: Command, why: str, now: Any) -> None:
    """A core that takes "unknown" for "rejected"."""
    self._refuse(command, Reply(verdict=Verdict.UNKNOWN, code="GUESS", text=why))


def trust_all(self: Trust, now: Any) -> None:
    """A core that is live again without asking what it missed."""
    self._was_live = True
    self._set_state(LinkState.LIVE, "")


def drop_fills(self: Orders, fact: Any) -> Any:
    """A core that ignores executions of orders it did not make."""
    tracked = self.find(fact.symbol, fact.venue_order_id)
    if tracked is None or tracked.origin is not Origin.OWN:
        return Change()
    return _merge_fill(self, fact)


MUTANTS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "counts twice": (Orders, "merge_fill", count_twice),
    "guesses": (Outcomes, "doubt", guess),
    "never asks": (Trust, "_sync", trust_all),
    "drops external fills": (Orders, "merge_fill", drop_fills),
}


@pytest.fixture(params=MUTANTS)
def mutant(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The core with one thing broken."""
    owner, name, broken = MUTANTS[request.param]
    monkeypatch.setattr(owner, name, broken)
    return request.param


def test_a_broken_core_is_caught(mutant: str) -> None:
    """The laws have teeth: each mutant breaks one within a few seeds."""
    assert any(play(seed).violations for seed in MUTANT_SEEDS), mutant


def fail_as_not_sent(self: Outbox, happened: CallFailed, now: Any) -> None:
    """A core that takes a lost answer for a request that was not sent."""
    _on_failed(self, CallFailed(happened.call_id, False, "NOT_SENT", "guess"), now)


def test_forty_decisions_become_a_handful(monkeypatch: pytest.MonkeyPatch) -> None:
    """From more than 40 decisions to 6 or fewer in 62 worlds (half a minute of an
    idle core): what is left is one lost answer."""
    monkeypatch.setattr(Outbox, "on_failed", fail_as_not_sent)
    report = next(
        r
        for r in (play(seed, venue="binance-usdm") for seed in (13, *range(60)))
        if "no-guess" in r.laws and len([n for n in r.tape if n]) > 40
    )

    def fails(tape: list[int]) -> bool:
        return "no-guess" in play(report.seed, tape, venue=report.venue).laws

    tape = shrink(list(report.tape), fails, max_steps=62)
    assert len([n for n in tape if n]) <= 6


def test_a_failure_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fewest faults that still break the law are found."""
    monkeypatch.setattr(Trust, "_sync", trust_all)
    report = next(r for r in map(play, MUTANT_SEEDS) if r.violations)
    tape = smallest_tape(report, budget_s=10)
    assert len([n for n in tape if n]) <= len([n for n in report.tape if n])
    assert report.laws[0] in play(report.seed, tape).laws


@pytest.mark.parametrize(
    "words", [["--seeds", "5:3"], ["--seeds", "x"], ["--trace"], ["--jobs", "-1"]]
)
def test_bad_ranges_are_usage_errors(words: list[str]) -> None:
    """What cannot be a range is refused before anything runs."""
    result = CliRunner().invoke(app, ["sim", *words])
    assert result.exit_code != 0
