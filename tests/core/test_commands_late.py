"""Commands and bad or late input: nothing is asked for ever, nothing ends twice."""

from __future__ import annotations

from typing import Any

import pytest

from connector.core.effects import AppendJournal, JournalRecord, SendCall
from connector.core.inputs import (
    CallAnswered,
    CallFailed,
    CallSigned,
    JournalFailed,
    JournalWritten,
)
from connector.dialect.facts import FrameReply
from connector.dialect.wire import HttpAnswer, Verdict
from connector.errors import InvalidOrder, JournalError, JournalFull
from connector.model.order import Accepted, OrderStatus, Rejected

S = OrderStatus


def _token(desk: Any) -> int:
    """The newest write that waits for the disk."""
    return max(e.token for e in desk.effects if isinstance(e, AppendJournal))


@pytest.mark.parametrize("is_full", [True, False])
def test_what_could_not_be_journaled_never_was(desk: Any, is_full: bool) -> None:
    """Law 4: no durable intent, no request, no trace; the reason has its own name."""
    desk.journal_auto = False
    ticket = desk.buy()
    desk.feed(JournalFailed(_token(desk), "no space", is_full))
    error = desk.outcomes[ticket]
    assert isinstance(error, JournalFull if is_full else JournalError)
    assert desk.core.orders.all() == desk.core.orders.open() == []
    assert desk.asked("place") == []


@pytest.mark.parametrize("op", ["cancel", "amend"])
def test_a_command_on_an_order_that_was_never_journaled_ends(
    desk: Any, story: Any, op: str
) -> None:
    """Law 12: it is not searched for ever: the order never was, and is not shown."""
    desk.journal_auto = False
    desk.buy()
    placing = _token(desk)
    if op == "cancel":
        (ticket,) = desk.cancel("c1")
        desk.answer("cancel", story.no(Verdict.NOT_FOUND))
    else:
        ticket = desk.amend("c1", "2", "101")
    amending = _token(desk)
    desk.feed(JournalFailed(placing, "no space", True))
    if op == "amend":
        desk.feed(JournalWritten(amending))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert desk.core.orders.open() == desk.core.orders.all() == []
    desk.sent.clear()
    desk.wait(30)
    assert desk.asked("order") == desk.asked("amend") == []
    assert desk.core.outcomes.all() == []


def test_a_restart_does_not_hear_of_an_order_that_was_never_journaled(
    desk: Any, story: Any
) -> None:
    """Law 14: a cancel in between had its state written; the intent was refused, so
    the order never was, for this process and for the next."""
    desk.core.restore([], desk.now)
    desk.journal_auto = False
    desk.buy()
    placing = _token(desk)
    desk.cancel("c1")
    desk.answer("cancel", story.no(Verdict.NOT_FOUND))
    desk.feed(JournalFailed(placing, "no space", True))
    kept: dict[tuple[str, str], JournalRecord] = {}
    for effect in desk.effects:
        if isinstance(effect, AppendJournal) and effect.token != placing:
            kept.update({(row.kind, row.key): row for row in effect.records})
    assert ("order", "c1") in kept
    again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t + 1)
    again.core.restore(list(kept.values()), again.now)
    assert again.core.orders.all() == []
    assert again.core.state_hash() == desk.core.state_hash()


def test_an_amend_is_not_sent_when_the_order_ended_meanwhile(
    desk: Any, story: Any
) -> None:
    """The order was filled while the new terms went to disk: nothing to amend."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.journal_auto = False
    ticket = desk.amend("c1", "2", "101")
    desk.push(desk.state("c1", "v1", S.FILLED, "1"), desk.fill("c1", "v1", "t1", "1"))
    desk.feed(JournalWritten(_token(desk)))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.was_sent) == ("TOO_LATE", False)
    assert desk.asked("amend") == []


@pytest.mark.parametrize("told", ["by the clock", "by the disk"])
def test_what_the_disk_keeps_too_late_is_not_sent(
    desk: Any, story: Any, told: str
) -> None:
    """Law 12: a disk that stalls keeps nobody waiting, and an order of minutes ago does
    not leave when it comes back. The next process knows that it did not."""
    desk.journal_auto = False
    ticket = desk.buy()
    written = [e for e in desk.effects if isinstance(e, AppendJournal) and e.token][-1]
    if told == "by the clock":
        desk.wait(desk.core.config.order_wait_s + 1)
    else:
        desk.t += desk.core.config.order_wait_s + 1
        desk.feed(JournalWritten(written.token))
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.was_sent) == ("NOT_SENT", False)
    kept = {(row.kind, row.key): row for row in written.records}
    desk.records = kept | desk.records
    desk.feed(JournalWritten(written.token))
    desk.wait(60)
    assert desk.asked("place") == desk.core.orders.open() == []
    assert desk.core.commands.next_wake_ns is None
    again = story.reborn(desk)
    assert again.status("c1") is S.REJECTED
    assert again.core.state_hash() == desk.core.state_hash()


def test_an_amend_that_the_disk_keeps_too_late_is_not_sent(
    desk: Any, story: Any
) -> None:
    """The order stays as it is."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.journal_auto = False
    ticket = desk.amend("c1", "2", "101")
    desk.wait(desk.core.config.order_wait_s + 1)
    outcome = desk.outcomes[ticket]
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.was_sent) == ("NOT_SENT", False)
    desk.feed(JournalWritten(_token(desk)))
    assert desk.asked("amend") == []
    assert desk.status("c1") is S.NEW


@pytest.mark.parametrize(
    "late",
    [
        CallAnswered(9999, HttpAnswer(status=200, headers={}, body=b"0")),
        CallFailed(9999, True, "", "late"),
        CallFailed(9999, False, "NOT_SENT", "late"),
        CallSigned(9999, 1, 0),
        JournalWritten(9999),
    ],
    ids=lambda happened: type(happened).__name__,
)
def test_answers_to_nothing_do_nothing(desk: Any, late: Any) -> None:
    """Law 11: what belongs to no call of ours changes nothing and is survived."""
    before = desk.core.state_hash()
    assert desk.feed(late) == []
    assert desk.core.state_hash() == before


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_second_answer_changes_nothing(
    desk: Any, story: Any, verdict: Verdict
) -> None:
    """Law 2: the first answer ends the call; whatever comes after is not heard."""
    ticket = desk.buy()
    (call_id,) = desk.open_calls("place")
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    assert isinstance(desk.outcomes[ticket], Accepted)
    body = desk.dialect.say(story.no(verdict))
    answer = HttpAnswer(status=200, headers={}, body=body)
    assert desk.feed(CallAnswered(call_id, answer)) == []
    assert desk.feed(CallFailed(call_id, True, "", "late")) == []
    assert desk.status("c1") is S.NEW


@pytest.mark.parametrize(
    "frame_id",
    ["", "abc", "-1", "0", "999999", "9" * 5000, "١", "1.0", " 1"],  # noqa: RUF001 - a digit of another script
    ids=lambda text: repr(text[:6]),
)
def test_frame_ids_that_are_none_of_ours(story: Any, frame_id: str) -> None:
    """Law 11: a malformed or foreign id of an answer frame is ignored."""
    desk = story.Desk(ws_api="wss://tiny/orders").open()
    before = desk.core.state_hash()
    raw = desk.dialect.say(story.ok())
    desk.push(FrameReply(frame_id=frame_id, raw=raw))
    assert desk.core.state_hash() == before
    assert desk.core.is_live


def test_a_batch_counts_its_own_orders(make_desk: Any, story: Any, tiny: Any) -> None:
    """All of a batch are checked before any is sent, each beside those before it."""
    rules = tiny.instrument(max_open_orders=3)
    desk = make_desk(book=tiny.Book(instruments=[rules])).open()
    tickets = desk.submit(*(desk.intent() for _ in range(4)))
    assert all(isinstance(desk.outcomes[t], InvalidOrder) for t in tickets)
    assert desk.core.orders.all() == []
    assert not [e for e in desk.effects if isinstance(e, SendCall)]
    desk.submit(*(desk.intent() for _ in range(3)))
    assert len(desk.open_calls("place_batch")) == 1


def test_a_doubt_found_again_is_as_old_as_it_was(desk: Any, story: Any) -> None:
    """Law 14: a restart does not make a doubt younger, nor the state another."""
    desk.buy()
    desk.fail("place", maybe_sent=True)
    since_ns = desk.order("c1").in_doubt_since_ns
    again = story.reborn(desk)
    assert again.order("c1").in_doubt_since_ns == since_ns
    assert again.core.state_hash() == desk.core.state_hash()
