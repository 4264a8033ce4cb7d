"""Fault rules as plain state: what they match, how they wear out, what they emit."""

from __future__ import annotations

import pytest

from connector.paper.faces import Frame, Reply, SocketKind
from connector.paper.faults import (
    CallAction,
    CallRule,
    Faults,
    FrameAction,
    FrameRule,
)

PRIVATE = SocketKind.PRIVATE
T0 = 1_000_000


def frame(name: str, socket_id: int = 1) -> Frame:
    return Frame(socket_id=socket_id, text=name, event=name)


def sent(faults: Faults, *names: str, now_ms: int = T0) -> list[str]:
    """Texts that leave for frames of these types, in order."""
    return [
        delivery.frame.text
        for name in names
        for delivery in faults.deliveries(frame(name), PRIVATE, now_ms)
    ]


def test_no_rules_no_change() -> None:
    """A healthy venue sends what it has, at once."""
    assert sent(Faults(), "a", "b") == ["a", "b"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (FrameRule(action=FrameAction.DROP, event="b"), ["a", "c", "b"]),
        (FrameRule(action=FrameAction.DROP, event="b", times=2), ["a", "c"]),
        (FrameRule(action=FrameAction.DROP, times=3), ["b"]),
        (
            FrameRule(action=FrameAction.DUPLICATE, event="a", copies=2),
            ["a", "a", "a", "b", "c", "b"],
        ),
        (FrameRule(action=FrameAction.REORDER, event="a"), ["b", "a", "c", "b"]),
        (
            FrameRule(action=FrameAction.REORDER, times=2),
            ["a", "c", "b", "b"],
        ),
        (
            FrameRule(action=FrameAction.DROP, kind=SocketKind.PUBLIC, times=9),
            ["a", "b", "c", "b"],
        ),
        (
            FrameRule(action=FrameAction.DROP, times=9, until_ms=T0),
            ["a", "b", "c", "b"],
        ),
    ],
)
def test_frame_rules(rule: FrameRule, expected: list[str]) -> None:
    """Each rule acts on its own frames, as often as it says, and ends."""
    faults = Faults(frame_rules=[rule])
    assert sent(faults, "a", "b", "c", "b") == expected


def test_delay_only_delays() -> None:
    """A delayed frame keeps its place in the answer, with its delay."""
    rule = FrameRule(action=FrameAction.DELAY, delay_ms=40)
    (delivery,) = Faults(frame_rules=[rule]).deliveries(frame("a"), PRIVATE, T0)
    assert (delivery.frame.text, delivery.delay_ms) == ("a", 40)


def test_a_held_frame_belongs_to_its_socket() -> None:
    """Reordering never moves a frame to another socket, nor beyond its end."""
    faults = Faults(frame_rules=[FrameRule(action=FrameAction.REORDER)])
    assert faults.deliveries(frame("a", 1), PRIVATE, T0) == []
    (other,) = faults.deliveries(frame("b", 2), PRIVATE, T0)
    assert other.frame.text == "b"
    faults.forget_socket(1)
    assert [d.frame.text for d in faults.deliveries(frame("c", 1), PRIVATE, T0)] == [
        "c"
    ]


def test_call_rules_wear_out_in_order() -> None:
    """The oldest rule that matches is used, each as often as it says."""
    faults = Faults(
        call_rules=[
            CallRule(action=CallAction.LOSE_REPLY, method="post", path="/order"),
            CallRule(action=CallAction.ANSWER, path="/order", times=2),
        ]
    )

    def used(method: str, path: str) -> str | None:
        rule = faults.take_call_rule(method, path)
        return None if rule is None else str(rule.action)

    assert used("GET", "/fapi/v1/time") is None
    assert used("GET", "/fapi/v1/order") == "answer"
    assert used("POST", "/fapi/v1/order") == "lose_reply"
    assert used("POST", "/fapi/v1/order") == "answer"
    assert used("POST", "/fapi/v1/order") is None
    assert faults.call_rules == []


def test_an_answer_without_words_is_an_empty_503() -> None:
    """A canned answer has a default."""
    assert CallRule(action=CallAction.ANSWER).canned() == Reply(status=503, body=b"")


def test_states_end_by_themselves_or_by_healing() -> None:
    """Refusals, stalls and downtime hold until their time, or until cleared."""
    faults = Faults(skew_ms=-50, down_until_ms=T0 + 10)
    faults.refused_until_ms[PRIVATE] = T0 + 10
    faults.stalled_until_ms[PRIVATE] = T0 + 10

    def state(now_ms: int) -> tuple[bool, bool, bool]:
        return (
            faults.is_down(now_ms),
            faults.refuses(PRIVATE, now_ms),
            faults.stalls(PRIVATE, now_ms),
        )

    assert state(T0 + 9) == (True, True, True)
    assert state(T0 + 10) == (False, False, False)
    assert not faults.refuses(SocketKind.PUBLIC, T0)
    assert faults.venue_ms(T0) == T0 - 50
    faults.clear()
    assert state(T0) == (False, False, False)
    assert faults.venue_ms(T0) == T0
