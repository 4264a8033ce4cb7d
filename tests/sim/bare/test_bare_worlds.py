"""Bare worlds: the machine keeps every law, and broken machines do not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from connector.cli.main import app
from connector.core import orders, outcomes
from connector.core.account import Account
from connector.core.commands import Commands
from connector.core.inputs import CallFailed
from connector.core.machine import SessionCore
from connector.core.merge import Merger
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.core.outcomes import Outcomes
from connector.core.trust import Trust
from connector.dialect.wire import Reply, Verdict
from connector.model.events import LinkState
from connector.sim.bare.network import CALL_FATES, FRAME_FATES
from connector.sim.bare.plan import KINDS
from connector.sim.bare.runs import BareReport, play, run_seeds, smallest_tape
from connector.sim.tape import shrink

SEEDS = range(8)
MUTANT_SEEDS = range(40)
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("seed", SEEDS)
def test_no_law_is_broken(seed: int) -> None:
    """The machine under faults keeps every law; the seed tells the world."""
    assert play(seed).violations == ()


def test_equal_seeds_make_equal_worlds_in_any_process() -> None:
    """Same trace, same digest, whatever the hashes of the process."""
    first, again = play(3, with_trace=True), play(3, with_trace=True)
    assert first.trace == again.trace
    assert len(first.trace) > 1000
    words = ["sim", "--core", "--seed", "3", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "connector", *words], capture_output=True, check=True
    )
    assert json.loads(ended.stdout)["digest"] == first.digest


def test_a_tape_replays_its_world() -> None:
    """Law: the tape alone decides the faults."""
    report = play(5)
    assert play(5, report.tape).digest == report.digest
    assert play(5, ()).faults == ()


def test_every_kind_of_fault_happens() -> None:
    """A fault that never befalls anybody proves nothing."""
    summary = run_seeds(range(100, 112))
    wanted = {
        *KINDS,
        *(f"call.{fate.value}" for fate in CALL_FATES[1:]),
        *(f"frame.{fate.value}" for fate in FRAME_FATES[1:]),
    }
    assert wanted <= summary.faults.keys()
    assert summary.violations == []
    told = summary.as_dict()
    assert told["steps"] > told["inputs"] > 10_000
    assert told["type"] == "sim.core"


# --- teeth ---


def skip_dedupe(patch: Patch) -> None:
    """Forget which fills were counted."""
    patch.setattr(Orders, "has_fill", lambda self, key: False)


def guess(patch: Patch) -> None:
    """Take "unknown" for "rejected"."""

    def doubt(self: Outcomes, command: Any, why: str, now: Any) -> None:
        self._refuse(command, Reply(verdict=Verdict.UNKNOWN, code="GUESS", text=why))

    patch.setattr(Outcomes, "doubt", doubt)


def timeout_is_not_sent(patch: Patch) -> None:
    """No answer means that nothing left."""
    failed = Outbox.on_failed

    def on_failed(self: Outbox, happened: CallFailed, now: Any) -> None:
        failed(self, CallFailed(happened.call_id, False, "NOT_SENT", "guess"), now)

    patch.setattr(Outbox, "on_failed", on_failed)


def never_prove(patch: Patch) -> None:
    """Doubt is never left by proof."""
    patch.setattr(outcomes, "count_proof", lambda *_: False)


def forget_intents(patch: Patch) -> None:
    """Nobody asks after a restart what became of an intent."""
    patch.setattr(Commands, "resume", lambda self, tracked, now: None)


def expose_while_stale(patch: Patch) -> None:
    """Send whatever was asked for, live or not."""
    patch.setattr(SessionCore, "may_expose", property(lambda self: True))


def never_ask(patch: Patch) -> None:
    """Live again without asking what was missed."""

    def sync(self: Trust, now: Any) -> None:
        self._was_live = True
        self._set_state(LinkState.LIVE, "")

    patch.setattr(Trust, "_sync", sync)


def an_end_is_not_the_end(patch: Patch) -> None:
    """A late word opens an order again that had ended."""
    merge = orders.merge_state

    def merge_state(tracked: Any, fact: Any) -> bool:
        changed = merge(tracked, fact)
        if fact.status.value == "NEW" and tracked.is_terminal:
            tracked.status = fact.status
            return True
        return changed

    patch.setattr(orders, "merge_state", merge_state)


def orders_are_not_saved(patch: Patch) -> None:
    """What becomes of an order stays in memory."""
    patch.setattr(Merger, "save_order", lambda self, tracked: None)


def old_wallets_count(patch: Patch) -> None:
    """The wallet told last counts, however old it is."""
    merge = Account.merge_balance

    def merge_balance(self: Account, fact: Any, source: Any, now: Any) -> bool:
        self.balances.pop(fact.asset, None)
        return merge(self, fact, source, now)

    patch.setattr(Account, "merge_balance", merge_balance)


TEETH: tuple[tuple[Callable[[Patch], None], str], ...] = (
    (skip_dedupe, "once"),
    (guess, "no-guess"),
    (timeout_is_not_sent, "no-guess"),
    (never_prove, "truth"),
    (forget_intents, "truth"),
    (expose_while_stale, "exposure"),
    (never_ask, "report"),
    (an_end_is_not_the_end, "final"),
    (orders_are_not_saved, "replay"),
    (old_wallets_count, "final"),
)


@pytest.mark.parametrize(("break_it", "law"), TEETH, ids=[t.__name__ for t, _ in TEETH])
def test_a_broken_machine_is_caught(
    break_it: Callable[[Patch], None], law: str, monkeypatch: Patch
) -> None:
    """Law: this defect breaks this law within forty worlds."""
    break_it(monkeypatch)
    assert any(law in play(seed).laws for seed in MUTANT_SEEDS)


def test_a_failure_becomes_a_handful_of_faults(monkeypatch: Patch) -> None:
    """From 40 decisions or more to 6 or fewer, in seconds."""
    timeout_is_not_sent(monkeypatch)

    def is_large(report: BareReport) -> bool:
        return "no-guess" in report.laws and len([n for n in report.tape if n]) >= 40

    seeds = (36, *MUTANT_SEEDS)  # the known one is short
    report = next(r for r in map(play, seeds) if is_large(r))

    def fails(tape: list[int]) -> bool:
        return "no-guess" in play(report.seed, tape).laws

    tape = shrink(list(report.tape), fails, max_steps=60)
    assert len([n for n in tape if n]) <= 6


def test_the_command_explains_a_failure(monkeypatch: Patch) -> None:
    """Which law, the fewest faults, how to see it again; exit code 1."""
    skip_dedupe(monkeypatch)
    monkeypatch.setattr("connector.cli.sim_core._SHRINK_S", 0.5)
    words = ["sim", "--core", "--seeds", "0:2", "--jobs", "1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "connector sim --core --seed" in result.output
    assert smallest_tape(play(0), budget_s=0.1) is not None


@pytest.mark.parametrize("words", [["--venue", "binance"], ["--soak", "1"]])
def test_core_has_a_venue_of_its_own(words: list[str]) -> None:
    """What cannot be combined is refused."""
    assert CliRunner().invoke(app, ["sim", "--core", *words]).exit_code != 0
