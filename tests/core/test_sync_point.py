"""How far the past is known survives a loss of power, so does its beginning, and so
does the age of a doubt."""

from __future__ import annotations

from typing import Any

from connector.core.effects import AppendJournal, JournalRecord
from connector.core.inputs import Start
from connector.model.order import OrderStatus


def _durable(desk: Any, key: str) -> list[bool]:
    """Whether each write of that meta record had to reach the disk."""
    return [
        effect.is_durable
        for effect in desk.effects
        if isinstance(effect, AppendJournal)
        and any(record.key == key for record in effect.records)
    ]


def test_a_sync_point_reaches_the_disk(story: Any) -> None:
    """Law 4: else who starts after a loss of power looks back too little."""
    desk = story.Desk()
    desk.core.restore([], desk.now)
    desk.feed(Start())
    desk.wait(5)
    assert desk.core.is_live
    assert set(_durable(desk, "history_start_ns")) == {True}
    assert set(_durable(desk, "synced_ms")) == {True}


def test_a_sync_point_in_the_future_hides_nothing(story: Any) -> None:
    """Law 6: a journal whose machine had a wrong clock: nobody knows the future, so
    the past is read from now on backwards at least."""
    desk = story.Desk(at_s=1000.0)
    ahead_ms = desk.at(90_000.0) // 1_000_000
    desk.core.restore([JournalRecord("meta", "synced_ms", str(ahead_ms))], desk.now)
    desk.state(None, "v7", OrderStatus.FILLED, "1", t=980.0)
    desk.fill(None, "v7", "t1", "1", t=980.0)
    desk.position("1", t=980.0)
    desk.feed(Start())
    desk.wait(5)
    assert desk.core.is_live
    assert desk.fills_told() == ["t1"]
    assert desk.core.reconciler.synced_ms <= desk.at() // 1_000_000


def test_a_run_that_never_synced_counts_from_its_beginning(story: Any) -> None:
    """Law 4: a fill of an earlier run's lifetime is found, however long ago."""
    desk = story.Desk(at_s=1000.0)
    begun_ns = desk.at(400.0)
    row = JournalRecord("meta", "history_start_ns", str(begun_ns))
    desk.core.restore([row], desk.now)
    desk.state(None, "v7", OrderStatus.FILLED, "1", t=500.0)
    desk.fill(None, "v7", "t1", "1", t=500.0)
    desk.position("1", t=500.0)
    desk.feed(Start())
    desk.wait(5)
    assert desk.core.is_live
    assert desk.fills_told() == ["t1"]
    assert desk.core.reconciler.history_start_ns == begun_ns


def test_a_doubt_keeps_its_age_over_a_restart(story: Any) -> None:
    """Law 2: nobody knows since then, whoever asks; the journal replays to it."""
    desk = story.Desk().open()
    desk.freeze_rest()
    desk.buy()
    desk.fail("place", maybe_sent=True)
    (doubted,) = desk.core.orders.open()
    since_ns = doubted.in_doubt_since_ns
    assert since_ns is not None
    desk.wait(30)
    again = story.reborn(desk)
    assert again.tracked(doubted.client_order_id).in_doubt_since_ns == since_ns
