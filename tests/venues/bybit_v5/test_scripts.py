"""Tests of conversations: log in, subscribe, ping, and what a refusal means."""

from __future__ import annotations

import json

import pytest

from connector.dialect import Dialect, Endpoints
from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import Fail, Open, Ready, ScriptFailure, Send
from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.venues.bybit_v5.scripts import PRIVATE_TOPICS, TOPICS_PER_FRAME

LOGIN = ControlFact(kind=ControlKind.ACK, ref="login")
PONG = ControlFact(kind=ControlKind.PONG)


@pytest.fixture
def urls(dialect: Dialect) -> Endpoints:
    """Published addresses."""
    found = dialect.endpoints("live")
    assert found is not None
    return found


def test_the_private_stream_logs_in_then_subscribes(
    dialect: Dialect, urls: Endpoints
) -> None:
    """Ready with the last acknowledgement, not before."""
    script = dialect.private_script(urls)
    (opened,) = script.start(0)
    assert isinstance(opened, Open)
    assert opened.url.reveal() == "wss://stream.bybit.com/v5/private"
    (login,) = script.on_open(0)
    assert isinstance(login, Send)
    assert login.sign == "private"
    (frame,) = script.on_control(LOGIN, 0)
    assert isinstance(frame, Send)
    asked = json.loads(frame.text)
    assert (asked["op"], asked["args"]) == ("subscribe", list(PRIVATE_TOPICS))
    stranger = ControlFact(kind=ControlKind.ACK, ref="other")
    assert script.on_control(stranger, 0) == ()
    done = ControlFact(kind=ControlKind.ACK, ref=asked["req_id"])
    assert script.on_control(done, 0) == (Ready(),)
    assert script.on_control(done, 0) == ()


def test_order_entry_is_ready_once_logged_in(dialect: Dialect, urls: Endpoints) -> None:
    """There is nothing to subscribe to; and none without an address."""
    script = dialect.order_script(urls)
    assert script is not None
    (login,) = script.on_open(0)
    assert isinstance(login, Send)
    assert login.sign == "trade"
    assert script.on_control(LOGIN, 0) == (Ready(),)
    bare = Endpoints(rest=urls.rest, stream=urls.stream, public=urls.public)
    assert dialect.order_script(bare) is None


def test_mark_prices_are_subscribed_in_frames(
    dialect: Dialect, urls: Endpoints
) -> None:
    """Each instrument once, no more than the venue takes in one frame."""
    names = [Symbol(f"S{n}USDT") for n in range(TOPICS_PER_FRAME + 1)]
    script = dialect.public_script(urls, [*names, names[0]])
    frames = [s for s in script.on_open(0) if isinstance(s, Send)]
    topics = [json.loads(frame.text)["args"] for frame in frames]
    assert [len(part) for part in topics] == [TOPICS_PER_FRAME, 1]
    assert topics[1] == [f"tickers.S{TOPICS_PER_FRAME}USDT"]


def test_a_ping_every_20_s_must_be_answered(dialect: Dialect, urls: Endpoints) -> None:
    """An unanswered one is a dead stream."""
    script = dialect.private_script(urls)
    script.on_open(0)
    assert script.next_tick_ns == 20 * NS_PER_S
    (ping,) = script.on_tick(20 * NS_PER_S)
    assert ping == Send(text='{"op":"ping"}')
    assert script.next_tick_ns == 40 * NS_PER_S
    assert script.on_control(PONG, 0) == ()
    assert script.on_tick(40 * NS_PER_S) == (ping,)
    (dead,) = script.on_tick(60 * NS_PER_S)
    assert isinstance(dead, Fail)
    assert dead.failure is ScriptFailure.STALLED


@pytest.mark.parametrize(
    ("code", "text", "failure"),
    [
        ("10003", "API key is invalid.", ScriptFailure.KEY_REFUSED),
        ("10004", "error sign", ScriptFailure.KEY_REFUSED),
        ("33004", "", ScriptFailure.KEY_REFUSED),
        ("", "Your api key has expired", ScriptFailure.KEY_REFUSED),
        ("10003", "too many sessions under the same UID", ScriptFailure.RETRY),
        ("", "Params Error", ScriptFailure.RETRY),
        ("10016", "server error", ScriptFailure.RETRY),
    ],
)
def test_only_what_speaks_of_the_key_is_final(
    dialect: Dialect, urls: Endpoints, code: str, text: str, failure: ScriptFailure
) -> None:
    """A login also fails for a clock, a restart or too many sessions."""
    script = dialect.private_script(urls)
    script.on_open(0)
    refused = ControlFact(kind=ControlKind.REFUSED, ref="login", code=code, text=text)
    (failed,) = script.on_control(refused, 0)
    assert isinstance(failed, Fail)
    assert failed.failure is failure
