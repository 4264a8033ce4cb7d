"""Tests of what readers of answers share."""

from __future__ import annotations

from connector.dialect.facts import NoticeFact, UnknownFact
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.noun import replace
from connector.venues.replies import (
    RAW_MAX,
    batch_context,
    entries,
    ok,
    one_by_one,
    unknown,
    whole,
)

BATCH = Request(
    op="place_batch", method="POST", path="/", context=batch_context(["a", "b", "c"])
)
REFUSED = Reply(verdict=Verdict.REJECTED)


def test_a_batch_that_failed_as_a_whole_fails_for_each() -> None:
    """A single call stays as it is."""
    assert whole(BATCH, REFUSED).items == (REFUSED,) * 3
    single = Request(op="place", method="POST", path="/")
    assert whole(single, REFUSED).items == ()


def test_entries_without_an_answer_are_unknown() -> None:
    """Law 2: aligned by index; what the venue left out is no refusal."""
    items = entries(BATCH, 2, lambda index, name: replace(ok(), text=name))
    assert [item.text for item in items[:2]] == ["a", "b"]
    assert [item.verdict for item in items] == [
        Verdict.OK,
        Verdict.OK,
        Verdict.UNKNOWN,
    ]


def test_a_broken_row_hides_itself_alone() -> None:
    """Where rows stand for themselves."""

    def translate(text: str) -> NoticeFact:
        return NoticeFact(code=str(int(text)), text="")

    good, bad, other = one_by_one(["1", "x", "2"], translate, "thing")
    assert isinstance(bad, UnknownFact)
    assert (bad.kind, bad.raw, bad.is_gap) == ("thing", "x", False)
    assert (good, other) == (
        NoticeFact(code="1", text=""),
        NoticeFact(code="2", text=""),
    )


def test_what_is_kept_of_a_strange_frame_is_bounded() -> None:
    """Law 12; bytes that are no text are told all the same."""
    fact = unknown("", b"\xff" * (RAW_MAX + 9), is_gap=True)
    assert len(fact.raw) == RAW_MAX
    assert fact.is_gap
