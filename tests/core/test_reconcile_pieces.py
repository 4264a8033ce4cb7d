"""Much that was missed is merged a few facts at a time."""

from __future__ import annotations

import itertools
from typing import Any

from connector.core.inputs import Tick
from connector.model.order import OrderStatus

COUNT = 1_000


def missed(desk: Any, story: Any) -> None:
    """An order that rests, and executions of it that the stream never told."""
    terms = {"qty": story.D(2000)}
    desk.push(desk.state("c1", "7", **terms))
    desk.drop()
    for number in range(COUNT):
        desk.fill("c1", "7", f"t{number}", "1")
    desk.state("c1", "7", OrderStatus.PARTIALLY_FILLED, filled=str(COUNT), **terms)
    desk.position(str(COUNT))


def test_others_have_their_turn_between_pieces(desk: Any, story: Any) -> None:
    """Law 12: no input of the machine merges more than a piece; all is told once, in
    order, before the state is called live."""
    missed(desk, story)
    told = [0]
    while not desk.core.is_live:
        due_s = desk.core.next_wake_ns / 1e9 - story.BOOT_S
        desk.t = max(desk.t, due_s) + 1e-6
        desk.feed(Tick())
        told.append(len(desk.fills_told()))
    steps = [after - before for before, after in itertools.pairwise(told)]
    assert max(steps) <= 256
    assert desk.fills_told() == [f"t{number}" for number in range(COUNT)]
    (report,) = desk.reports()
    assert len(report.missed_fills) == COUNT
    assert report.differences_left == ()


def test_a_gap_between_pieces_loses_nothing(desk: Any, story: Any) -> None:
    """Lost again in the middle: the next run tells the rest, its report all."""
    missed(desk, story)
    while not desk.fills_told():
        due_s = desk.core.next_wake_ns / 1e9 - story.BOOT_S
        desk.t = max(desk.t, due_s) + 1e-6
        desk.feed(Tick())
    assert len(desk.fills_told()) < COUNT
    desk.drop()
    desk.wait(10)
    assert desk.core.is_live
    assert desk.fills_told() == [f"t{number}" for number in range(COUNT)]
    assert len(desk.reports()[0].missed_fills) == COUNT
    assert desk.core.account.position_mismatches() == []
