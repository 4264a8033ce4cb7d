"""Before the stream: every question is asked until it is answered; keys that may do
too much are refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from connector.core.inputs import Start, Stop
from connector.dialect import Part
from connector.dialect.facts import KeyFact
from connector.dialect.wire import Request, Verdict
from connector.errors import KeyRefused
from connector.model.events import Alarm

QUESTIONS = ["instruments", "settings", "marks"]


def _alarms(desk: Any) -> list[str]:
    return [alarm.code for alarm in desk.told(Alarm)]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "verdict", [v for v in Verdict if v not in (Verdict.OK, Verdict.UNCHANGED)]
)
def test_a_question_is_asked_until_it_is_answered(
    make_desk: Any, story: Any, question: str, verdict: Verdict
) -> None:
    """With growing pauses, without opening the stream before."""
    desk = make_desk()
    desk.answers[question] = lambda request: story.no(verdict)
    desk.feed(Start())
    desk.wait(20)
    times = desk.asked(question)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert 4 < len(times) < 12
    assert pauses == sorted(pauses)
    assert desk.asked("key") == []
    assert question in desk.core.startup.last_trouble
    del desk.answers[question]
    desk.wait(10)
    assert desk.core.is_live


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_in_pages(make_desk: Any, story: Any, question: str) -> None:
    """The next page is asked for; only the last one is the answer."""
    desk = make_desk()
    page = Request(op=f"{question}_2", method="GET", path="/2")
    first = desk.book.answer(Request(op=question, method="GET", path="/"), 0)
    desk.answers[question] = lambda request: story.ok(*first.facts, next_request=page)
    desk.hold(page.op)
    desk.feed(Start())
    desk.wait(1)
    assert not desk.core.startup.is_done
    desk.answer(page.op, story.ok())
    desk.wait(5)
    assert desk.core.is_live


class _WithKey:
    """Asks about the key and answers with *fact*."""

    def __init__(self, desk: Any, story: Any, fact: KeyFact) -> None:
        query = desk.dialect.query

        def asking(part: Part, **given: Any) -> tuple[Request, ...]:
            if part is Part.KEY_INFO:
                return (Request(op="key_info", method="GET", path="/k"),)
            answer: tuple[Request, ...] = query(part, **given)
            return answer

        desk.dialect.query = asking
        desk.answers["key_info"] = lambda request: story.ok(fact)
        self.desk = desk


KEYS = [
    (KeyFact(can_trade=True, can_withdraw=False, is_ip_bound=True), [], False),
    (KeyFact(can_trade=False), ["key.read_only"], False),
    (KeyFact(is_ip_bound=False), ["key.any_address"], False),
    (KeyFact(), [], False),
    (KeyFact(can_withdraw=True), [], True),
]


@pytest.mark.parametrize(("fact", "alarms", "is_fatal"), KEYS)
def test_what_a_key_may_do(
    make_desk: Any, story: Any, fact: KeyFact, alarms: list[str], is_fatal: bool
) -> None:
    """Law 9: withdrawal is refused, weaknesses are told, the unknown is no alarm."""
    desk = _WithKey(make_desk(), story, fact).desk
    desk.feed(Start())
    desk.wait(5)
    assert _alarms(desk) == alarms
    assert bool(desk.fatal) is is_fatal
    if is_fatal:
        assert isinstance(desk.fatal[0].error, KeyRefused)


def test_who_insists_may_use_a_key_that_withdraws(make_desk: Any, story: Any) -> None:
    """Law 9: unless the user insists."""
    made = make_desk(allow_withdraw_key=True)
    desk = _WithKey(made, story, KeyFact(can_withdraw=True)).desk.open()
    assert desk.fatal == []


@pytest.mark.parametrize("when", ["starting", "live"])
def test_a_refused_key(make_desk: Any, story: Any, when: str) -> None:
    """At the start it ends the session; later it is an alarm, and it goes on."""
    desk = make_desk()
    bad = story.no(Verdict.REJECTED, "-2015", is_key_error=True)
    if when == "starting":
        desk.answers["settings"] = lambda request: bad
        desk.feed(Start())
        desk.wait(1)
        assert isinstance(desk.fatal[0].error, KeyRefused)
        return
    desk.open()
    desk.buy()
    desk.answer("place", bad)
    assert _alarms(desk) == ["key.refused"]
    assert desk.fatal == []
    assert desk.status("c1") == "REJECTED"


@pytest.mark.parametrize("question", ["time", *QUESTIONS])
def test_stopped_while_asking(make_desk: Any, story: Any, question: str) -> None:
    """Answers that come after Stop start nothing, and nothing is asked again."""
    desk = make_desk()
    desk.hold(question)
    desk.feed(Start())
    desk.wait(0.1)
    assert desk.open_calls(question)
    desk.feed(Stop())
    desk.release(question)
    desk.wait(120)
    assert desk.dials == []
    assert desk.core.startup.next_wake_ns is None
