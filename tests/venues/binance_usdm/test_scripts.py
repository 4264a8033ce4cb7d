"""Tests of scripts: the conversations that open and keep each stream."""

from __future__ import annotations

import json

import pytest

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Call,
    Fail,
    Open,
    Ready,
    Reply,
    ScriptFailure,
    Send,
)
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.venues.binance_usdm.scripts import (
    KEEP_ALIVE_NS,
    KEEP_ALIVE_RETRY_NS,
    OrderScript,
    PrivateScript,
    PublicScript,
)

KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
T0 = 1_000


@pytest.fixture
def key_reply(dialect, answer):
    """Answers a listen key call."""

    def reply(request, key: str | None = KEY, body=None, status: int = 200) -> Reply:
        told = {"listenKey": key} if key else {}
        return dialect.read_answer(request, answer(body or told, status))

    return reply


def opened(key_reply, url: str = "wss://fstream.binance.com/private") -> PrivateScript:
    script = PrivateScript(url)
    (call,) = script.start(T0)
    assert isinstance(call, Call)
    (step,) = script.on_reply(call.request, key_reply(call.request), T0)
    assert isinstance(step, Open)
    assert script.on_open(T0) == (Ready(),)
    return script


def test_the_private_stream_opens_with_the_account_key(key_reply) -> None:
    """POST, then the routed private path; the URL hides the key."""
    script = PrivateScript("wss://fstream.binance.com/private")
    (call,) = script.start(T0)
    assert (call.request.method, call.request.path) == ("POST", "/fapi/v1/listenKey")
    (step,) = script.on_reply(call.request, key_reply(call.request), T0)
    expected = f"wss://fstream.binance.com/private/ws?listenKey={KEY}"
    assert step == Open(url=Secret(expected))
    assert KEY not in repr(step)
    assert script.next_tick_ns is None
    assert script.on_open(T0) == (Ready(),)
    assert script.next_tick_ns == T0 + KEEP_ALIVE_NS


@pytest.mark.parametrize(
    ("base", "private"),
    [
        ("wss://f.x", f"wss://f.x/private/ws?listenKey={KEY}"),
        ("wss://f.x/private", f"wss://f.x/private/ws?listenKey={KEY}"),
        ("wss://f.x/ws", f"wss://f.x/ws/{KEY}"),
    ],
)
def test_the_route_of_the_private_stream(key_reply, base: str, private: str) -> None:
    """Routed, because a socket on another route stays silent; un-routed only where
    an address says so (the demo host is known to work that way)."""
    script = PrivateScript(base)
    (call,) = script.start(T0)
    (step,) = script.on_reply(call.request, key_reply(call.request), T0)
    assert step.url.reveal() == private


@pytest.mark.parametrize(
    ("base", "public"),
    [
        ("wss://f.x", "wss://f.x/market/stream"),
        ("wss://f.x/market", "wss://f.x/market/stream"),
        ("wss://f.x/stream", "wss://f.x/stream"),
    ],
)
def test_the_route_of_the_mark_prices(base: str, public: str) -> None:
    """Marks are on the market route, not on the private one."""
    (step,) = PublicScript(base, []).start(T0)
    assert step.url.reveal() == public


def test_the_key_is_kept_alive_every_half_hour(key_reply) -> None:
    """PUT; the same key, or an empty answer, changes nothing."""
    script = opened(key_reply)
    for key in (KEY, None):
        now = script.next_tick_ns
        (call,) = script.on_tick(now)
        assert (call.request.method, call.request.path) == ("PUT", "/fapi/v1/listenKey")
        assert script.on_reply(call.request, key_reply(call.request, key), now) == ()
        assert script.next_tick_ns == now + KEEP_ALIVE_NS


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        ({"listenKey": "another" * 8}, 200, ScriptFailure.NEW_KEY),
        ({"code": -1125, "msg": "This listenKey does not exist."}, 400, "NEW_KEY"),
        ({"code": -2015, "msg": "Invalid API-key"}, 401, ScriptFailure.KEY_REFUSED),
    ],
)
def test_a_keep_alive_that_ends_the_stream(key_reply, body, status, failure) -> None:
    """Another key, a dead key, a refused API key."""
    script = opened(key_reply)
    (call,) = script.on_tick(script.next_tick_ns)
    reply = key_reply(call.request, body=body, status=status)
    (step,) = script.on_reply(call.request, reply, T0)
    assert isinstance(step, Fail)
    assert step.failure is getattr(ScriptFailure, str(failure).upper())


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_keep_alive_without_an_answer_is_tried_again_soon(key_reply, status) -> None:
    """Half the key's life is left: nothing is torn down."""
    script = opened(key_reply)
    now = script.next_tick_ns
    (call,) = script.on_tick(now)
    reply = key_reply(call.request, body={"msg": "x"}, status=status)
    assert script.on_reply(call.request, reply, now) == ()
    assert script.next_tick_ns == now + KEEP_ALIVE_RETRY_NS
    assert KEEP_ALIVE_RETRY_NS == 60 * 10**9


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        ({"code": -2015, "msg": "Invalid API-key"}, 401, ScriptFailure.KEY_REFUSED),
        ({"code": -1000, "msg": "x"}, 503, ScriptFailure.RETRY),
        ({"nothing": 1}, 200, ScriptFailure.RETRY),
    ],
)
def test_no_key_no_stream(key_reply, body, status, failure) -> None:
    """A refused API key stops; everything else is tried again."""
    script = PrivateScript("wss://x/private")
    (call,) = script.start(T0)
    reply = key_reply(call.request, body=body, status=status)
    (step,) = script.on_reply(call.request, reply, T0)
    assert step.failure is failure


def test_an_expired_key_asks_for_a_new_one(key_reply) -> None:
    """The socket stays open and silent; other notices are no business of it."""
    script = opened(key_reply)
    (step,) = script.on_control(ControlFact(kind=ControlKind.KEY_EXPIRED), T0)
    assert step.failure is ScriptFailure.NEW_KEY
    assert script.on_control(ControlFact(kind=ControlKind.RESTART_NOTICE), T0) == ()


def test_starting_again_stops_the_old_clock(key_reply) -> None:
    """No keep-alive of a key that is being replaced."""
    script = opened(key_reply)
    script.start(T0)
    assert script.next_tick_ns is None


def ack(number: int) -> ControlFact:
    return ControlFact(kind=ControlKind.ACK, ref=str(number))


def test_marks_are_ready_when_all_are_acknowledged() -> None:
    """Frames of bounded size, each with its cost; foreign acks do not count."""
    symbols = [Symbol(f"S{i}USDT") for i in range(120)]
    script = PublicScript("wss://fstream.binance.com/market", symbols + symbols)
    (step,) = script.start(T0)
    assert step.url.reveal() == "wss://fstream.binance.com/market/stream"
    sends = script.on_open(T0)
    assert all(isinstance(send, Send) for send in sends)
    frames = [json.loads(send.text) for send in sends]
    assert [frame["id"] for frame in frames] == [1, 2, 3]
    names = [name for frame in frames for name in frame["params"]]
    assert names == [f"s{i}usdt@markPrice@1s" for i in range(120)]
    assert {send.cost for send in sends} == {(("stream-frames-1s", 1),)}
    assert script.on_control(ack(1), T0) == ()
    assert script.on_control(ack(9), T0) == ()
    assert script.on_control(ack(1), T0) == ()
    assert script.on_control(ack(3), T0) == ()
    assert script.on_control(ack(2), T0) == (Ready(),)
    assert script.on_tick(T0) == ()


def test_very_many_marks_are_one_stream() -> None:
    """The stream of all symbols, instead of a thousand subscriptions."""
    most = PublicScript("wss://x", [Symbol(f"S{i}") for i in range(200)])
    assert len(most.on_open(T0)) == 4
    script = PublicScript("wss://x", [Symbol(f"S{i}") for i in range(201)])
    (send,) = script.on_open(T0)
    assert json.loads(send.text)["params"] == ["!markPrice@arr@1s"]


def test_no_marks_is_ready_at_once() -> None:
    """Nothing to wait for."""
    assert PublicScript("wss://x", []).on_open(T0) == (Ready(),)


def test_a_refused_subscription_fails() -> None:
    """With what the venue said."""
    script = PublicScript("wss://x", [Symbol("币安人生USDT")])
    (send,) = script.on_open(T0)
    assert "币安人生usdt@markPrice@1s" in send.text
    refused = ControlFact(kind=ControlKind.REFUSED, ref="1", code="2", text="no")
    (step,) = script.on_control(refused, T0)
    assert step.failure is ScriptFailure.RETRY
    assert "2 no" in step.why


def test_order_entry_is_ready_when_the_socket_answers() -> None:
    """Handshake and logon have weight; the logon is finished by the signer."""
    script = OrderScript("wss://ws-fapi.binance.com/ws-fapi/v1")
    (step,) = script.start(T0)
    assert step.cost == (("weight-1m", 5),)
    (send,) = script.on_open(T0)
    assert (send.sign, send.cost) == ("logon", (("weight-1m", 2),))
    ready = script.on_control(ControlFact(kind=ControlKind.ACK, ref="logon"), T0)
    assert ready == (Ready(),)
    assert script.on_control(ack(1), T0) == ()


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("-2015", ScriptFailure.KEY_REFUSED),
        ("-1022", ScriptFailure.KEY_REFUSED),
        ("-1021", ScriptFailure.RETRY),
        ("500", ScriptFailure.RETRY),
    ],
)
def test_order_entry_that_is_refused(code: str, failure: ScriptFailure) -> None:
    """At the logon, or later without an id (a revoked key)."""
    script = OrderScript("wss://x")
    for ref in ("logon", ""):
        fact = ControlFact(kind=ControlKind.REFUSED, ref=ref, code=code)
        (step,) = script.on_control(fact, T0)
        assert step.failure is failure


def test_which_environments_have_what(dialect) -> None:
    """Live has all; the demo venue has no WebSocket API and no key host."""
    live, demo = dialect.endpoints("live"), dialect.endpoints("testnet")
    assert all(url.startswith(("https://", "wss://")) for url in live.urls())
    assert live.stream.endswith("/private")
    assert not {u.split("/")[2] for u in live.urls()} & {
        u.split("/")[2] for u in demo.urls()
    }
    assert dialect.order_script(demo) is None
    assert dialect.order_script(live) is not None
    assert dialect.private_script(live).next_tick_ns is None
    assert dialect.public_script(live, []).start(0)
    assert dialect.endpoints("paper") is None
