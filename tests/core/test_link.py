"""The life of a stream, state by state, with late and wrong input in each."""

from __future__ import annotations

from typing import Any

import pytest

from connector.core.effects import CloseStream, OpenStream, PingStream, SendStream
from connector.core.inputs import (
    LinkRole,
    PongReceived,
    Start,
    Stop,
    StreamClosed,
    StreamFrame,
    StreamOpened,
)
from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import Verdict
from connector.model.events import Alarm, Gap, GapReason, LinkChanged, LinkState

P = LinkRole.PRIVATE
STATES = ["key asked", "dialed", "signing in", "subscribing", "live", "lost", "stopped"]


def _ack(desk: Any, ref: str, epoch: int | None = None) -> None:
    desk.push(ControlFact(kind=ControlKind.ACK, ref=ref), epoch=epoch)


def _in(make_desk: Any, state: str) -> Any:
    """A desk whose private stream is in *state*."""
    desk = make_desk()
    desk.streams_auto = desk.pongs_auto = False
    desk.hold("key")
    desk.feed(Start())
    desk.wait(0)
    assert desk.open_calls("key")
    if state == "key asked":
        return desk
    desk.release("key")
    if state == "dialed":
        return desk
    desk.feed(StreamOpened(P, desk.core.link.epoch))
    if state == "signing in":
        return desk
    _ack(desk, "login")
    if state == "subscribing":
        return desk
    _ack(desk, "subscribe")
    assert desk.core.is_live
    if state == "lost":
        desk.hold("key")
        desk.drop()
    if state == "stopped":
        desk.feed(Stop())
    return desk


def _effects(desk: Any, kind: type) -> list[Any]:
    return [effect for effect in desk.effects if isinstance(effect, kind)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("epoch", [0, 99], ids=["older", "never"])
@pytest.mark.parametrize("what", ["frame", "closed", "pong", "no pong", "control"])
def test_other_epochs_are_not_heard(
    make_desk: Any, state: str, epoch: int, what: str
) -> None:
    """A closed stream that still delivers, a timer of an earlier connection: nothing
    of it counts, in any state."""
    desk = _in(make_desk, state)
    link = desk.core.link
    before = (desk.core.state, link.epoch, link.is_ready, desk.core.state_hash())
    desk.effects.clear()
    match what:
        case "frame":
            raw = desk.dialect.say((desk.state("x", "x1"), desk.position("7")))
            desk.feed(StreamFrame(P, epoch, raw))
        case "control":
            _ack(desk, "subscribe", epoch=epoch or -1)
        case "closed":
            desk.feed(StreamClosed(P, epoch, "late"))
        case "pong":
            desk.feed(PongReceived(P, epoch, 1.0))
        case "no pong":
            desk.feed(PongReceived(P, epoch, None))
    after = (desk.core.state, link.epoch, link.is_ready, desk.core.state_hash())
    assert after == before
    assert desk.effects == []


@pytest.mark.parametrize("state", STATES)
def test_a_socket_nobody_wants_is_closed(make_desk: Any, state: str) -> None:
    """A connection that opens after its time is told to close, and is not used."""
    desk = _in(make_desk, state)
    desk.effects.clear()
    desk.feed(StreamOpened(P, 99))
    assert desk.effects == [CloseStream(P, 99)]


@pytest.mark.parametrize("state", STATES[1:-2])
def test_lost_in_any_state_comes_back(make_desk: Any, state: str) -> None:
    """Law 6: whatever the connection was doing when it was lost, a new one follows,
    with a higher epoch; what was live is told as a gap."""
    desk = _in(make_desk, state)
    epoch = desk.core.link.epoch
    desk.streams_auto = desk.pongs_auto = True
    desk.feed(StreamClosed(P, epoch, "reset"))
    assert not desk.core.is_live
    desk.until_live()
    assert desk.core.link.epoch > epoch
    gaps = [gap.reason for gap in desk.told(Gap)]
    assert gaps.count(GapReason.DISCONNECT) == 1


@pytest.mark.parametrize("state", ["key asked", "dialed", "signing in", "subscribing"])
def test_no_state_lasts_for_ever(make_desk: Any, state: str) -> None:
    """Law 12: a connection that does not get on is given up and tried again."""
    desk = _in(make_desk, state)
    epoch = desk.core.link.epoch
    desk.wait(11)
    assert desk.core.link.epoch > epoch
    alarms = [alarm.code for alarm in desk.told(Alarm)]
    assert alarms == ["link.down"], "told once"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_any_answer_about_the_key(make_desk: Any, story: Any, verdict: Verdict) -> None:
    """Whatever the venue answers instead of a key, the link goes on trying."""
    desk = _in(make_desk, "key asked")
    desk.answer("key", story.no(verdict) if verdict is not Verdict.OK else story.ok())
    if verdict is Verdict.OK:
        assert _effects(desk, OpenStream)
        return
    desk.wait(2)
    assert len(desk.asked("key")) > 1 or desk.open_calls("key")


def test_a_refused_subscription_is_tried_again(make_desk: Any) -> None:
    """REFUSED is no reason to go on half subscribed."""
    desk = _in(make_desk, "subscribing")
    epoch = desk.core.link.epoch
    desk.streams_auto = True
    desk.push(ControlFact(kind=ControlKind.REFUSED, ref="subscribe", text="no"))
    assert CloseStream(P, epoch) in desk.effects
    desk.until_live()
    assert desk.core.link.epoch > epoch


@pytest.mark.parametrize("ref", ["login", "subscribe", "nonsense", ""])
def test_acks_again_while_live_do_nothing(desk: Any, ref: str) -> None:
    """Law 11: a doubled or foreign acknowledgement starts nothing."""
    desk.streams_auto = False
    sent = len(_effects(desk, SendStream))
    reports = desk.core.trust.reports
    if ref != "login":  # the script answers a login with a subscription, once more
        _ack(desk, ref)
        assert len(_effects(desk, SendStream)) == sent
    desk.wait(10)
    assert desk.core.is_live
    assert desk.core.trust.reports == reports


def test_a_stall_is_found_by_our_own_ping(desk: Any) -> None:
    """Law 7: no pong within the bound is a gap named stall."""
    desk.pongs_auto = False
    while not _effects(desk, PingStream):
        desk.wait(1)
    (ping, *_) = _effects(desk, PingStream)
    desk.feed(PongReceived(P, ping.epoch, None))
    assert not desk.core.is_live
    assert [gap.reason for gap in desk.told(Gap)] == [GapReason.STALL]
    assert CloseStream(P, ping.epoch) in desk.effects


def test_one_ping_at_a_time(desk: Any) -> None:
    """A slow answer is waited for, not piled upon."""
    desk.pongs_auto = False
    desk.wait(120)
    assert len([p for p in _effects(desk, PingStream) if p.role is P]) == 1


def test_a_flapping_stream_is_not_hammered(desk: Any) -> None:
    """Law 12: a venue that accepts and drops us at once is tried ever more slowly,
    and quickly again once a connection has lived."""
    began = desk.t
    while desk.t < began + 300:
        if desk.core.link.is_ready:
            desk.drop()
        desk.wait(0.05)
    dials = [at for at, effect in desk.dials if effect.role is P]
    assert len(dials) < 60
    assert dials[-1] - dials[-2] > 10
    desk.wait(90)
    assert desk.core.is_live
    lost = desk.t
    desk.drop()
    desk.wait(0.2)
    assert desk.core.is_live
    assert desk.dials[-1][0] - lost < 0.2


def test_after_stop_nothing_is_opened(make_desk: Any, story: Any) -> None:
    """Answers that come after Stop are taken in and start no stream."""
    desk = make_desk().open()
    desk.buy()
    desk.feed(Stop())
    desk.effects.clear()
    fact = desk.state("c1", "v1")
    desk.answer("place", story.ok(fact, desk.position("1"), desk.balance("5")))
    desk.wait(600)
    assert _effects(desk, OpenStream) == _effects(desk, SendStream) == []
    assert desk.core.state is LinkState.DISCONNECTED
    assert desk.told(LinkChanged)[-1].why == "closed"
