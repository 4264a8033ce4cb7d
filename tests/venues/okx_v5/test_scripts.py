"""Conversations: login, subscriptions, heartbeats, refusals."""

from __future__ import annotations

import json

import pytest

from connector.dialect import Endpoints
from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import Fail, Open, Ready, ScriptFailure, Send, Step
from connector.venues.okx_v5 import scripts
from connector.venues.okx_v5.dialect import OkxV5

ENDPOINTS = OkxV5().endpoints("live")
assert ENDPOINTS is not None
LOGIN = ControlFact(kind=ControlKind.ACK, ref="login")


def ack(channel: str) -> ControlFact:
    """An acknowledged subscription."""
    return ControlFact(kind=ControlKind.ACK, ref=channel)


def sent(steps: tuple[Step, ...]) -> list[str]:
    """Channels in the frames of *steps*."""
    frames = [json.loads(s.text) for s in steps if isinstance(s, Send)]
    return [arg["channel"] for frame in frames for arg in frame["args"]]


def subscribed() -> scripts.StreamScript:
    """A private script that is ready."""
    script = OkxV5().private_script(ENDPOINTS)
    assert isinstance(script, scripts.StreamScript)
    (opened,) = script.start(0)
    assert isinstance(opened, Open)
    script.on_open(0)
    script.on_control(LOGIN, 0)
    steps: tuple[Step, ...] = ()
    for channel in scripts.PRIVATE:
        assert steps == ()
        steps = script.on_control(ack(channel["channel"]), 0)
    assert steps == (Ready(),)
    return script


def test_ready_with_the_last_acknowledgement() -> None:
    """Login first, then every channel; the fast one is asked for apart."""
    script = OkxV5().private_script(ENDPOINTS)
    (login,) = script.on_open(0)
    assert isinstance(login, Send)
    assert login.sign == "login"
    channels = sent(script.on_control(LOGIN, 0))
    assert channels == [c["channel"] for c in scripts.PRIVATE] + ["fills"]
    subscribed()


def test_conditional_orders_have_a_socket_of_their_own() -> None:
    """The business one; and none where no address is given."""
    script = OkxV5().second_script(ENDPOINTS)
    assert script is not None
    script.on_open(0)
    assert sent(script.on_control(LOGIN, 0)) == ["orders-algo", "algo-advance"]
    bare = Endpoints(rest="r", stream="s", public="p")
    assert OkxV5().second_script(bare) is None
    assert OkxV5().order_script(bare) is None


def test_order_entry_is_a_login_and_nothing_else() -> None:
    """The private socket without subscriptions."""
    script = OkxV5().order_script(ENDPOINTS)
    assert script is not None
    script.on_open(0)
    assert script.on_control(LOGIN, 0) == (Ready(),)


def test_the_fast_channel_may_be_refused() -> None:
    """Lower tiers do without; every other refusal fails the connection."""
    script = subscribed()
    refused = ControlFact(kind=ControlKind.REFUSED, ref="optional", code="64003")
    assert script.on_control(refused, 0) == ()
    (failed,) = script.on_control(
        ControlFact(kind=ControlKind.REFUSED, ref="s0", code="60018"), 0
    )
    assert isinstance(failed, Fail)
    assert failed.failure is ScriptFailure.RETRY


@pytest.mark.parametrize("code", ["60005", "60007", "60009", "60024", "60032"])
def test_a_wrong_key_is_final(code: str) -> None:
    """No retry helps; a clock that is off is not the key's fault."""
    script = OkxV5().private_script(ENDPOINTS)
    script.on_open(0)
    (failed,) = script.on_control(ControlFact(kind=ControlKind.REFUSED, code=code), 0)
    assert isinstance(failed, Fail)
    assert failed.failure is ScriptFailure.KEY_REFUSED
    (failed,) = script.on_control(
        ControlFact(kind=ControlKind.REFUSED, code="60006"), 0
    )
    assert isinstance(failed, Fail)
    assert failed.failure is ScriptFailure.RETRY


def test_a_crowded_channel_is_dead_although_acknowledged() -> None:
    """The loser gets its acknowledgement first."""
    script = subscribed()
    lost = ControlFact(kind=ControlKind.SUBSCRIPTION_LOST, ref="orders", text="many")
    (failed,) = script.on_control(lost, 0)
    assert isinstance(failed, Fail)


def test_heartbeat() -> None:
    """A bare word; one that is not answered is a stalled stream."""
    script = subscribed()
    assert script.next_tick_ns == scripts.PING_NS
    assert script.on_tick(scripts.PING_NS) == (Send(text="ping"),)
    script.on_control(ControlFact(kind=ControlKind.PONG), 0)
    script.on_tick(2 * scripts.PING_NS)
    (failed,) = script.on_tick(3 * scripts.PING_NS)
    assert isinstance(failed, Fail)
    assert failed.failure is ScriptFailure.STALLED


def test_environments() -> None:
    """Demo is the same REST host with a header, and hosts of its own for sockets."""
    demo = OkxV5().endpoints("testnet")
    assert demo is not None
    assert demo.rest == ENDPOINTS.rest
    assert demo.headers == (("x-simulated-trading", "1"),)
    assert ENDPOINTS.headers == ()
    assert "wspap" in demo.stream
    assert OkxV5().endpoints("paper") is None
