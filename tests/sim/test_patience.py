"""Law ``limits``: who was told to stop sends nothing, nor does who comes after."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sim.patience import Patience


@dataclass
class Process:
    ended_s: float = 0.0


def test_a_process_waits_as_long_as_it_was_told() -> None:
    """The longest word counts; half a second is for what is being written."""
    patience, process = Patience(), Process()
    assert patience.left_s(process, 0.0, 0.0) <= 0
    patience.told(process, 60, 10.0, 0.0)
    patience.told(process, 5, 11.0, 0.0)
    assert patience.left_s(process, 20.0, 0.0) == 49.5
    assert patience.left_s(process, 69.5, 0.0) <= 0


def test_what_is_written_in_that_instant_may_leave() -> None:
    """It was on its way before anybody could read the word."""
    patience, process = Patience(), Process()
    patience.told(process, 60, 10.0, 0.0)
    assert patience.left_s(process, 10.0, 0.0) <= 0
    assert patience.left_s(process, 10.01, 0.0) > 59


def test_the_next_process_waits_too() -> None:
    """If there was time to note it, and the disk took it."""
    patience, first, second = Patience(), Process(), Process()
    patience.told(first, 60, 10.0, 0.0)
    first.ended_s = 11.0
    assert patience.left_s(second, 20.0, 0.0) <= 0
    first.ended_s = 13.0
    assert patience.left_s(second, 20.0, 0.0) == 49.5
    assert patience.left_s(second, 20.0, 4.0) == 45.5  # its clock was set forward
    assert patience.left_s(second, 20.0, -4.0) == 49.5
    patience.had_disk_fault = True
    assert patience.left_s(second, 20.0, 0.0) <= 0


def test_what_nobody_could_note_does_not_hide_what_is_told_later() -> None:
    """A shorter word to the next process counts for it."""
    patience, first, second = Patience(), Process(), Process()
    patience.told(first, 600, 10.0, 0.0)
    first.ended_s = 10.5
    patience.told(second, 5, 20.0, 0.0)
    assert patience.left_s(second, 21.0, 0.0) == 3.5
