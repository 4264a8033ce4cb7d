"""The Deribit face: ways to sign in, credits, sums that follow marks, goodbyes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from connector.paper.engine import Engine
from connector.paper.faces import Admission, Call, Frame, Hangup
from connector.paper.faces.deribit import (
    KIT,
    ApiKey,
    CreditConfig,
    Deribit,
    FaceConfig,
    build,
)
from connector.paper.faces.deribit.listing import instruments_at

T0 = 1_795_605_600_000
KEY, SECRET = "paperkey", "papersecret"
SOCKET = 1
BUY = {"instrument_name": "BTC-PERPETUAL", "amount": 1000, "type": "market"}


class Desk:
    """A face over a still market, with one socket."""

    def __init__(self, **options: Any) -> None:
        self.now = T0
        self.ids = 0
        self.engine = Engine(
            seed=1, now_ms=T0, instruments=instruments_at(T0), rules=KIT.rules
        )
        self.engine.open_account("main", KIT.balances, now_ms=T0)
        self.engine.freeze()
        self.face: Deribit = build(
            self.engine, account_id="main", api_key=KEY, api_secret=SECRET, **options
        )
        call = Call(method="GET", target="/ws/api/v2", body=b"")
        admitted = self.face.open_socket(SOCKET, call, self.now)
        assert isinstance(admitted, Admission)

    def say(self, method: str, **params: Any) -> dict[str, Any]:
        """One request on the socket, and its answer."""
        self.ids += 1
        asked = {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params}
        self.face.text_received(SOCKET, json.dumps(asked), self.now)
        self.face.on_time(self.now)
        for item in reversed(self.face.outbox):
            if isinstance(item, Frame):
                told: dict[str, Any] = json.loads(item.text)
                if told.get("id") == self.ids:
                    return told
        raise AssertionError("no answer")

    def sign_in(self, **params: Any) -> dict[str, Any]:
        """With the secret itself."""
        return self.say(
            "public/auth",
            grant_type="client_credentials",
            client_id=KEY,
            client_secret=SECRET,
            **params,
        )

    def told(self, channel: str) -> list[dict[str, Any]]:
        """What a channel told so far, oldest first."""
        frames = [json.loads(f.text) for f in self.face.outbox if isinstance(f, Frame)]
        return [
            frame["params"]["data"]
            for frame in frames
            if frame.get("params", {}).get("channel") == channel
        ]

    def get(self, method: str, **params: Any) -> tuple[int, dict[str, Any]]:
        """One unsigned HTTP call."""
        query = urlencode(params)
        call = Call(method="GET", target=f"/api/v2/{method}?{query}", body=b"")
        reply = self.face.http(call, self.now)
        return reply.status, json.loads(reply.body)


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


def test_a_token_renews_and_ends(desk: Desk) -> None:
    """The new pair replaces the old one; an ended token is 13009."""
    first = desk.sign_in()["result"]
    second = desk.say(
        "public/auth",
        grant_type="refresh_token",
        refresh_token=first["refresh_token"],
    )["result"]
    assert second["access_token"] != first["access_token"]
    assert "result" in desk.say("private/get_positions", currency="any")
    desk.face.command("expire_tokens", {}, desk.now)
    told = desk.say("private/get_positions", currency="any")
    assert told["error"]["code"] == 13009
    desk.sign_in()
    assert "result" in desk.say("private/get_positions", currency="any")


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 13004),
        (
            {
                "grant_type": "client_signature",
                "timestamp": T0,
                "nonce": "n",
                "signature": "00",
            },
            13004,
        ),
        ({"grant_type": "password"}, -32602),
    ],
)
def test_who_does_not_prove_who_they_are(
    desk: Desk, grant: dict[str, Any], code: int
) -> None:
    """Refused, and nothing private is answered afterwards."""
    told = desk.say("public/auth", client_id=KEY, **grant)
    assert told["error"]["code"] == code
    assert "error" in desk.say("private/get_positions", currency="any")


def test_a_key_that_may_not_trade_is_told_so() -> None:
    """13021 names the scope that is missing; reading still works."""
    reader = ApiKey(client_id="reader", verifier="r", max_scope="account:read")
    desk = Desk(more_keys=[reader])
    desk.say(
        "public/auth",
        grant_type="client_credentials",
        client_id="reader",
        client_secret="r",
    )
    told = desk.say("private/buy", **BUY)
    assert told["error"]["code"] == 13021
    assert told["error"]["data"]["scope"] == "trade:read_write"
    assert "result" in desk.say("private/get_account_summaries")


def test_an_empty_pool_ends_the_session() -> None:
    """10028 and then the socket is closed: nobody may ever see this."""
    config = FaceConfig(credits=CreditConfig(matching_rate=1, matching_burst=2))
    desk = Desk(config=config)
    desk.sign_in()
    for _ in range(2):
        assert "result" in desk.say("private/buy", **BUY)
    assert desk.say("private/buy", **BUY)["error"]["code"] == 10028
    assert any(isinstance(item, Hangup) for item in desk.face.outbox)
    listed = desk.face.command("exceedances", {}, desk.now)["exceedances"]
    assert [row["limit"] for row in listed] == ["matching"]


def test_sums_follow_the_mark_while_something_is_held(desk: Desk) -> None:
    """A portfolio is told after a trade, and with every mark after it."""
    desk.sign_in()
    desk.say("private/subscribe", channels=["user.portfolio.any"])
    assert "result" in desk.say("private/buy", **BUY)
    before = desk.told("user.portfolio.any")
    assert before[-1]["currency"] == "BTC"
    desk.now += 1000
    desk.engine.set_mark("BTC-PERPETUAL", Decimal(104_000), now_ms=desk.now)
    desk.face.on_time(desk.now)
    after = desk.told("user.portfolio.any")
    assert len(after) > len(before)
    assert after[-1]["equity"] > before[-1]["equity"]
    assert after[-1]["balance"] == before[-1]["balance"]


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_protected_connection_takes_its_orders_along(says_goodbye: bool) -> None:
    """Unless it ended with a logout, which is meant."""
    scope = "account:read_write trade:read_write"
    desk = Desk(more_keys=[ApiKey(client_id="all", verifier="s", max_scope=scope)])
    desk.say(
        "public/auth",
        grant_type="client_credentials",
        client_id="all",
        client_secret="s",
    )
    assert "result" in desk.say(
        "private/enable_cancel_on_disconnect", scope="connection"
    )
    resting = {**BUY, "type": "limit", "price": 99_000}
    assert "result" in desk.say("private/buy", **resting)
    if says_goodbye:
        asked = {"jsonrpc": "2.0", "method": "private/logout", "params": {}}
        desk.face.text_received(SOCKET, json.dumps(asked), desk.now)
    desk.face.close_socket(SOCKET, desk.now)
    assert len(desk.engine.open_orders("main")) == (1 if says_goodbye else 0)


def test_public_calls_need_no_key(desk: Desk) -> None:
    """JSON-RPC by GET, with the network in every answer."""
    status, told = desk.get("public/get_time")
    assert (status, told["result"], told["testnet"]) == (200, T0, True)
    status, told = desk.get("public/nonsense")
    assert (status, told["error"]["code"]) == (400, -32601)
    status, told = desk.get("private/get_positions", currency="any")
    assert (status, told["error"]["code"]) == (400, 13009)
