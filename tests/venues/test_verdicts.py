"""Tests of what an answer means for the thing that was asked."""

from __future__ import annotations

import pytest

from connector.dialect.wire import Request, Verdict
from connector.venues.verdicts import (
    TEXT_MAX,
    Meaning,
    failed,
    is_command,
    unreadable,
    verdict_of,
)

M, V = Meaning, Verdict
KINDS = {
    "place": ("place", "place_batch", "place_algo"),
    "end": ("amend", "cancel", "cancel_all", "cancel_batch"),
    "set": ("set_leverage", "set_hedge_mode", "dead_man"),
    "ask": ("query_order", "open_orders", "fills", "server_time", "listen_key_start"),
}


@pytest.mark.parametrize("op", [op for ops in KINDS.values() for op in ops])
def test_operations_are_known_by_their_names(op: str) -> None:
    """Whatever is no question changes something."""
    assert is_command(op) is (op not in KINDS["ask"])


@pytest.mark.parametrize(
    ("meaning", "place", "end", "set_", "ask"),
    [
        (M.REFUSED, V.REJECTED, V.REJECTED, V.REJECTED, V.REJECTED),
        (M.UNKNOWN, V.UNKNOWN, V.UNKNOWN, V.UNKNOWN, V.NOT_EXECUTED),
        (M.DUPLICATE, V.DUPLICATE, V.REJECTED, V.REJECTED, V.REJECTED),
        (M.GONE, V.UNKNOWN, V.NOT_OPEN, V.NOT_FOUND, V.NOT_FOUND),
        (M.BUSY, V.REJECTED, V.NOT_EXECUTED, V.REJECTED, V.REJECTED),
    ],
)
def test_one_meaning_says_different_things(
    meaning: Meaning, place: Verdict, end: Verdict, set_: Verdict, ask: Verdict
) -> None:
    """Law 2: an unknown outcome of a command is never a refusal; a question may just
    be asked again."""
    wanted = dict(zip(KINDS, (place, end, set_, ask), strict=True))
    for kind, ops in KINDS.items():
        assert {verdict_of(op, meaning) for op in ops} == {wanted[kind]}


def test_every_meaning_has_a_verdict_for_everything() -> None:
    """No code can fall through."""
    for meaning in Meaning:
        for ops in KINDS.values():
            assert isinstance(verdict_of(ops[0], meaning), Verdict)


def test_what_nobody_can_read_proves_nothing() -> None:
    """Law 2; and texts of venues are cut."""
    place = Request(op="place", method="POST", path="/")
    reply = unreadable(place, "x" * 9999)
    assert (reply.verdict, len(reply.text)) == (V.UNKNOWN, TEXT_MAX)
    page = failed(place, M.UNKNOWN, status=502, code=None, text="<html>")
    assert (page.verdict, page.code) == (V.UNKNOWN, "HTTP 502")
