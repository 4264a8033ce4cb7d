"""A desk in front of the OKX face: signed calls, sockets, a clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.engine import Engine
from connector.paper.faces import Admission, Call, Frame, Hangup, Reply
from connector.paper.faces.okx_v5 import KIT, ApiKey, FaceConfig, OkxV5

NOW = 1_795_341_600_000
BTC, CODE = "BTC-USDT-SWAP", 10459
KEY, SECRET, PHRASE = "mykey", "mysecret", "myphrase"
STOP = {
    "instId": BTC,
    "tdMode": "cross",
    "side": "sell",
    "ordType": "conditional",
    "sz": "1",
    "slTriggerPx": "59000",
    "slOrdPx": "-1",
}


def code_of(answer: Any) -> tuple[str, str]:
    """The code of an envelope and of its first row."""
    return answer["code"], answer["data"][0]["sCode"]


class Desk:
    """A face with a frozen market, one account and a stranger's money."""

    def __init__(self, config: FaceConfig | None = None, usdt: str = "100000") -> None:
        self.now_ms = NOW
        engine = Engine(
            seed=7, now_ms=NOW, instruments=KIT.instruments, rules=KIT.rules
        )
        engine.freeze()
        for name, amount in (("main", usdt), ("other", "1000000")):
            engine.open_account(name, {"USDT": Decimal(amount)}, now_ms=NOW)
        keys = (
            ApiKey(key=KEY, secret=SECRET, passphrase=PHRASE),
            ApiKey(
                key="reader", secret=SECRET, passphrase=PHRASE, permissions="read_only"
            ),
        )
        self.face = OkxV5(engine, keys, seed=7, config=config)
        self.face.on_time(NOW)
        self.face.outbox.clear()
        self.hangups: list[int] = []
        self._socket_id = 0

    @property
    def engine(self) -> Engine:
        """The machine."""
        return self.face.engine

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms
        self.face.on_time(self.now_ms)

    # REST

    def signed(
        self, method: str, target: str, body: str = "", **changed: str | None
    ) -> Call:
        """A signed call; *changed* headers (by their last word) replace the right
        ones, None leaves one out."""
        now = datetime.fromtimestamp(self.now_ms / 1000, UTC)
        stamp = changed.pop("timestamp", None) or (
            now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        signature = _sign(f"{stamp}{method}{target}{body}")
        headers: dict[str, str | None] = {
            "ok-access-key": KEY,
            "ok-access-sign": signature,
            "ok-access-timestamp": stamp,
            "ok-access-passphrase": PHRASE,
        }
        for word, value in changed.items():
            name = "exptime" if word == "exptime" else f"ok-access-{word}"
            headers[name] = value
        return Call(
            method=method,
            target=target,
            body=body.encode(),
            headers={k: v for k, v in headers.items() if v is not None},
        )

    def http(self, call: Call) -> Reply:
        """The whole answer."""
        reply = self.face.http(call, self.now_ms)
        self.face.on_time(self.now_ms)
        return reply

    def get(self, path: str) -> Any:
        """The body of an answer."""
        return json.loads(self.http(self.signed("GET", f"/api/v5/{path}")).body)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """The data of a good answer."""
        body = self.get(path)
        assert body["code"] == "0", body
        return body["data"]

    def post(self, path: str, body: object, **changed: str | None) -> Any:
        """The body of an answer."""
        call = self.signed("POST", f"/api/v5/{path}", json.dumps(body), **changed)
        return json.loads(self.http(call).body)

    def place(self, **given: object) -> Any:
        """Buy one contract at 59000, or otherwise; the envelope."""
        return self.post("trade/order", order(**given))

    def trade(self, price: str) -> None:
        """The market trades at *price*, through whatever rests there."""
        self.engine.trade_through(BTC, Decimal(price), now_ms=self.now_ms)
        self.face.on_time(self.now_ms)

    # sockets

    def open(self, path: str = "/ws/v5/private", peer: str = "127.0.0.1") -> int:
        """A new socket; raises what the venue answers instead."""
        self._socket_id += 1
        call = Call(method="GET", target=path, peer=peer)
        admitted = self.face.open_socket(self._socket_id, call, self.now_ms)
        assert isinstance(admitted, Admission), admitted
        return self._socket_id

    def say(self, socket_id: int, frame: object) -> list[dict[str, Any]]:
        """Send a frame; everything the sockets said since, that one's only."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.face.text_received(socket_id, text, self.now_ms)
        self.face.on_time(self.now_ms)
        return self.heard(socket_id)

    def heard(self, socket_id: int) -> list[dict[str, Any]]:
        """What was said to a socket; "pong" as {"event": "pong"}."""
        texts, rest = [], []
        for one in self.face.outbox:
            if isinstance(one, Hangup):
                self.hangups.append(one.code)
            elif isinstance(one, Frame) and one.socket_id == socket_id:
                texts.append(one.text)
            else:
                rest.append(one)
        self.face.outbox[:] = rest
        return [
            {"event": "pong"} if text == "pong" else json.loads(text) for text in texts
        ]

    def login(self, socket_id: int, **changed: str) -> dict[str, Any]:
        """Sign in; the answer."""
        stamp = changed.pop("timestamp", str(self.now_ms // 1000))
        args = {
            "apiKey": KEY,
            "passphrase": PHRASE,
            "timestamp": stamp,
            "sign": _sign(f"{stamp}GET/users/self/verify"),
        }
        (told,) = self.say(socket_id, {"op": "login", "args": [args | changed]})
        return told

    def private(self, *channels: str) -> int:
        """A signed-in socket with subscriptions, its snapshots swallowed."""
        socket_id = self.open()
        assert self.login(socket_id)["code"] == "0"
        for channel in channels:
            arg = {"channel": channel}
            if channel not in ("account", "balance_and_position"):
                arg["instType"] = "SWAP"
            told = self.say(socket_id, {"op": "subscribe", "args": [arg]})
            assert told[0]["event"] == "subscribe", told
        return socket_id


def order(**given: object) -> dict[str, object]:
    """Buy one contract at 59000 by REST, or otherwise; None leaves a field out."""
    base: dict[str, object] = {
        "instId": BTC,
        "tdMode": "cross",
        "side": "buy",
        "ordType": "limit",
        "sz": "1",
        "px": "59000",
    }
    return {k: v for k, v in (base | given).items() if v is not None}


def _sign(text: str) -> str:
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


@pytest.fixture
def desk() -> Desk:
    """A desk as most tests need it."""
    return Desk()


@pytest.fixture
def desk_of() -> type[Desk]:
    """Desks with another configuration."""
    return Desk
