"""Proof of teeth: broken connectors do not survive simulated worlds.

Each mutant (``tests/sim/mutants``) is a connector with one defect of the kind that
loses money. The table says which law caught it first, and in which world. Worlds
change with every fault that is added, so the known world is tried first and then the
ones from 0 on. What audits repair within a second is caught where the truth can be
asked at any instant: in bare worlds.
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from connector.sim.bare import runs as bare
from connector.sim.laws import Violation, Witness
from connector.sim.worlds import play

# A killed process leaves coroutines behind that nobody awaits; that is the point.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
)

Break = Callable[[pytest.MonkeyPatch], None]

VENUE = "binance-usdm"
BARE = "the machine alone"
MOST_SEEDS = 60
ROOM = Path(__file__).with_name("mutants")

CAUGHT: dict[str, tuple[str, int]] = {
    "a_cancel_is_believed": ("no-guess", 3),
    "a_failed_sync_is_over": ("truth", 37),
    "a_strange_frame_kills": ("alive", 12),
    "absent_means_flat": ("truth", 0),
    "absent_means_nothing": ("truth", 8),
    "accept_every_epoch": ("calm", 4),
    "adopt_nothing": ("truth", 7),
    "amends_that_end_are_accepted": ("no-guess", 22),
    "an_amend_is_believed": ("no-guess", 2),
    "an_answer_is_lost": ("truth", 1),
    "an_end_is_not_the_end": ("final", 0),
    "answers_have_no_bound": ("bounded", 18),
    "any_end_is_a_cancel": ("no-guess", 3),
    "ask_for_no_fills": ("truth", 0),
    "ask_for_no_missing_orders": ("truth", 0),
    "both_sides_are_one": ("calm", 4),
    "cancels_wait_their_turn": ("starved", 21),
    "check_nothing": ("tie-out", 0),
    "close_without_writing": ("truth", 0),
    "drain_nothing": ("truth", 50),
    "drop_external_fills": ("stale", 1),
    "entries_count_again": ("truth", 3),
    "events_come_twice": ("once", 1),
    "expose_while_stale": ("exposure", 0),
    "fees_count_twice": ("truth", 3),
    "filled_may_shrink": ("replay", 19),
    "forget_intents_at_start": ("truth", 12),
    "forget_refused_records": ("replay", 1),
    "forget_that_fills_were_told": ("replay", 0),
    "forget_triggers": ("once", 36),
    "forget_the_doubtful": ("truth", 39),
    "give_up_reconnecting": ("truth", 0),
    "ignore_amended_terms": ("truth", 2),
    "ignore_balances": ("truth", 0),
    "ignore_cancels": ("truth", 0),
    "ignore_expiry": ("truth", 1),
    "ignore_positions": ("truth", 0),
    "ignore_retry_after": ("limits", 10),
    "ignore_the_limits": ("limits", 3),
    "ignore_transfers": ("truth", 7),
    "intents_are_not_synced": ("intent", 0),
    "never_ask": ("report", 0),
    "never_learn_limits": ("limits", 3),
    "never_ping": ("stale", 0),
    "never_prove": ("truth", 8),
    "no_report": ("report", 0),
    "old_balance_overwrites": ("truth", 0),
    "orders_are_not_saved": ("replay", 0),
    "overflow_loses_events": ("truth", 5),
    "reports_leave_fills_out": ("report", 0),
    "resend_under_a_new_id": ("intent", 6),
    "reuse_client_ids": ("replay", 0),
    "rotate_by_dropping": ("calm", 4),
    "secret_in_an_event": ("secret", 0),
    "secret_in_the_journal": ("secret", 0),
    "secret_in_the_log": ("secret", 10),
    "send_before_the_journal": ("intent", 1),
    "server_error_is_rejected": ("no-guess", 8),
    "skip_dedupe": ("once", 0),
    "skip_rotation": ("rotation", 1),
    "streams_are_left_open": ("bounded", 1),
    "sums_are_not_saved": ("replay", 0),
    "throttles_close_for_ever": ("truth", 10),
    "timeout_is_not_sent": ("no-guess", 13),
    "timeout_is_rejected": ("no-guess", 13),
    "unknown_is_rejected": ("no-guess", 6),
    "wait_for_ever": ("bounded", 6),
    "wrong_sign_on_flip": ("truth", 3),
}

WHERE: dict[str, str] = {
    "a_failed_sync_is_over": BARE,
    "absent_means_flat": BARE,
    "check_nothing": BARE,
    "drain_nothing": BARE,
    "forget_triggers": "okx-v5",  # elsewhere the order keeps the name it waited with
    "old_balance_overwrites": BARE,
}
"""Venues of those that are caught elsewhere."""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mutants_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _found() -> Iterator[tuple[str, Break]]:
    for path in sorted(ROOM.glob("of_*.py")):
        module = _load(path)
        for name, thing in vars(module).items():
            is_own = inspect.isfunction(thing) and thing.__module__ == module.__name__
            if is_own and not name.startswith("_"):
                yield name, thing


MUTANTS = dict(_found())


def _our_mistakes(texts: list[str]) -> list[str]:
    """Violations that only say that the mutant itself is badly made."""
    return [text for text in texts if "AttributeError" in text or "NameError" in text]


def _violations(seed: int, where: str) -> tuple[Violation, ...]:
    """What is broken in world number *seed* of a venue, or of the bare worlds."""
    report = bare.play(seed) if where == BARE else play(seed, venue=where)
    return report.violations


def test_every_mutant_is_in_the_table() -> None:
    """No mutant is left that nobody hunts, and at least forty are."""
    assert MUTANTS.keys() == CAUGHT.keys()
    assert WHERE.keys() <= CAUGHT.keys()
    assert len(CAUGHT) >= 60


@pytest.mark.parametrize("name", sorted(CAUGHT))
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: this defect does not survive; the world that showed it is known."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a mutant is noisy
    _, known = CAUGHT[name]
    MUTANTS[name](monkeypatch)
    for seed in (known, *range(MOST_SEEDS)):
        violations = _violations(seed, WHERE.get(name, VENUE))
        if violations:
            assert _our_mistakes([v.text for v in violations]) == []
            return
    pytest.fail(f"{name} survived {MOST_SEEDS} worlds")


def test_the_laws_are_known_by_name() -> None:
    """The table names laws that the witness describes."""
    import connector.sim.laws as laws

    assert Witness.__module__ == laws.__name__
    for name, (law, _) in CAUGHT.items():
        assert f"    {law} " in (laws.__doc__ or ""), name
