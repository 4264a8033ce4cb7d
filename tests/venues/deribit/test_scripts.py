"""Conversations with Deribit, step by step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import Fail, Open, Ready, ScriptFailure, Send
from connector.model.clock import NS_PER_S
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.venues.deribit.scripts import (
    PRIVATE_CHANNELS,
    PUBLIC_CHANNELS,
    PublicSocket,
    SignedSocket,
)

LIVE, TEST = "wss://www.deribit.com/ws/api/v2", "wss://test.deribit.com/ws/api/v2"
SCOPE = "connection trade:read_write account:read"


def signed_in(ref: str = "auth", **fields: str) -> ControlFact:
    told = {"scope": SCOPE, "expires_in": "900", "testnet": "false"} | fields
    return ControlFact(
        kind=ControlKind.ACK, ref=ref, fields=told, secret=Secret("refresh-1")
    )


def ack(ref: str, channels: tuple[str, ...] = ()) -> ControlFact:
    fields = {"channels": " ".join(channels)} if channels else {}
    return ControlFact(kind=ControlKind.ACK, ref=ref, fields=fields)


def refused(ref: str, code: str) -> ControlFact:
    return ControlFact(kind=ControlKind.REFUSED, ref=ref, code=code, text="no")


def asked(steps: tuple[Any, ...]) -> list[str]:
    """Methods of what is sent; a frame still to be signed by its name."""
    return [
        step.sign or json.loads(step.text)["method"]
        for step in steps
        if isinstance(step, Send)
    ]


def ready(url: str = LIVE) -> SignedSocket:
    script = SignedSocket(url, subscribes=True)
    script.start(0)
    script.on_open(0)
    script.on_control(signed_in(), 0)
    script.on_control(ack("beat"), 0)
    script.on_control(ack("subscribe", PRIVATE_CHANNELS), 0)
    assert script.on_control(ack("watch", PUBLIC_CHANNELS), 0) == (Ready(),)
    return script


def test_the_private_stream_signs_in_then_subscribes() -> None:
    """Heartbeat, private and public channels; ready with the last answer."""
    script = SignedSocket(LIVE, subscribes=True)
    (opened,) = script.start(0)
    assert isinstance(opened, Open)
    assert asked(script.on_open(0)) == ["auth"]
    assert asked(script.on_control(signed_in(), 0)) == [
        "public/set_heartbeat",
        "private/subscribe",
        "public/subscribe",
    ]
    assert script.on_control(ack("watch", PUBLIC_CHANNELS), 0) == ()
    assert script.on_control(ack("subscribe", PRIVATE_CHANNELS), 0) == ()
    assert script.on_control(ack("beat"), 0) == (Ready(),)


def test_order_entry_only_signs_in() -> None:
    """No subscriptions."""
    script = SignedSocket(LIVE, subscribes=False)
    script.on_open(0)
    assert asked(script.on_control(signed_in(), 0)) == ["public/set_heartbeat"]
    assert script.on_control(ack("beat"), 0) == (Ready(),)


def test_a_channel_that_was_dropped_is_missed() -> None:
    """The venue silently leaves out names it does not know."""
    script = SignedSocket(LIVE, subscribes=True)
    script.on_open(0)
    script.on_control(signed_in(), 0)
    (step,) = script.on_control(ack("subscribe", PRIVATE_CHANNELS[1:]), 0)
    assert isinstance(step, Fail)
    assert step.failure is ScriptFailure.RETRY
    assert PRIVATE_CHANNELS[0] in step.why


@pytest.mark.parametrize(
    ("url", "fields", "word"),
    [
        (LIVE, {"scope": "connection trade:read account:read"}, "trade:read_write"),
        (LIVE, {"scope": "connection trade:read_write"}, "account:read"),
        (LIVE, {"scope": f"{SCOPE} wallet:read_write"}, "wallet:read_write"),
        (LIVE, {"testnet": "true"}, "test network"),
        (TEST, {"testnet": "false"}, "live network"),
    ],
)
def test_another_grant_than_asked_for_is_no_session(
    url: str, fields: dict[str, str], word: str
) -> None:
    """Less scope, more scope than wanted, or the other network."""
    script = SignedSocket(url, subscribes=True)
    script.on_open(0)
    (step,) = script.on_control(signed_in(**fields), 0)
    assert isinstance(step, Fail)
    assert step.failure is ScriptFailure.KEY_REFUSED
    assert word in step.why


def test_more_of_the_account_than_needed_is_as_good() -> None:
    """`account:read_write` contains reading."""
    script = SignedSocket(TEST, subscribes=False)
    script.on_open(0)
    scope = "connection trade:read_write account:read_write"
    steps = script.on_control(signed_in(scope=scope, testnet="true"), 0)
    assert asked(steps) == ["public/set_heartbeat"]


def test_the_token_is_renewed_at_four_fifths_of_its_life() -> None:
    """With the refresh token; the answer does not subscribe again."""
    script = ready()
    assert script.next_tick_ns == 720 * NS_PER_S
    (renewal,) = script.on_tick(720 * NS_PER_S)
    assert isinstance(renewal, Send)
    assert (renewal.sign, renewal.secret) == ("renew", Secret("refresh-1"))
    assert script.next_tick_ns is None
    assert script.on_control(signed_in("renew"), 721 * NS_PER_S) == ()
    assert script.next_tick_ns == (721 + 720) * NS_PER_S


def test_a_renewal_refused_signs_in_again() -> None:
    """The refresh token may have ended with a session that nobody told."""
    script = ready()
    script.on_tick(720 * NS_PER_S)
    assert asked(script.on_control(refused("renew", "13009"), 0)) == ["auth"]
    assert script.on_control(signed_in(), 0) == ()


def test_a_token_that_ended_signs_in_again_on_the_same_socket() -> None:
    """13009 loses nothing else: no gap, no new subscription."""
    script = ready()
    ended = ControlFact(kind=ControlKind.KEY_EXPIRED, code="13009")
    assert asked(script.on_control(ended, 0)) == ["auth"]
    assert script.on_control(signed_in(), 0) == ()


@pytest.mark.parametrize(
    ("code", "failure"),
    [("13004", ScriptFailure.KEY_REFUSED), ("10040", ScriptFailure.RETRY)],
)
def test_a_sign_in_refused(code: str, failure: ScriptFailure) -> None:
    """A key that is refused stays so; a venue in trouble may recover."""
    script = SignedSocket(LIVE, subscribes=True)
    script.on_open(0)
    (step,) = script.on_control(refused("auth", code), 0)
    assert isinstance(step, Fail)
    assert step.failure is failure


def test_test_requests_are_answered_at_once() -> None:
    """Else the venue hangs up; nothing waits for the answer."""
    for script in (ready(), PublicSocket(LIVE, [Symbol("BTC-PERPETUAL")])):
        wish = ControlFact(kind=ControlKind.TEST_REQUEST)
        assert asked(script.on_control(wish, 0)) == ["public/test"]
        assert asked(script.on_control(wish, 0)) == ["public/test"]


def test_tickers_are_subscribed_in_parts() -> None:
    """At most 500 channels in one request, none twice."""
    names = [Symbol(f"BTC-{n}") for n in range(501)]
    script = PublicSocket(LIVE, [*names, names[0]])
    _, *parts = script.on_open(0)
    sizes = []
    for part in parts:
        assert isinstance(part, Send)
        sizes.append(len(json.loads(part.text)["params"]["channels"]))
    assert sizes == [500, 1]
