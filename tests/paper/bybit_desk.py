"""A Bybit v5 venue of one account in a still market, and short words for calls."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connector.paper.engine import Engine
from connector.paper.faces import Admission, Call, Frame, Reply
from connector.paper.faces.bybit_v5 import KIT, BybitV5, build

GOLDEN = Path(__file__).parents[1] / "golden" / "bybit_v5"
T0 = 1_795_605_600_000
KEY, SECRET = "paperkey", "papersecret"
PRIVATE, TRADE = 1, 2
LIMIT = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.010",
    "price": "59000.00",
}


def golden(name: str) -> Any:
    """A golden file."""
    return json.loads((GOLDEN / name).read_text())


class Desk:
    """A face over a still market, and an account of 10,000 USDT."""

    def __init__(self, **options: Any) -> None:
        self.now = T0
        self.engine = Engine(
            seed=1, now_ms=T0, instruments=KIT.instruments, rules=KIT.rules
        )
        self.engine.open_account("main", {"USDT": Decimal(10_000)}, now_ms=T0)
        self.engine.freeze()
        options.setdefault("api_secret", SECRET)
        self.face: BybitV5 = build(
            self.engine, account_id="main", api_key=KEY, **options
        )

    def call(
        self,
        method: str,
        path: str,
        _headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Reply:
        """One signed call."""
        query = urlencode(params) if method == "GET" else ""
        body = json.dumps(params).encode() if method == "POST" else b""
        signed = body if method == "POST" else query.encode()
        mac = hmac.new(
            SECRET.encode(), f"{self.now}{KEY}5000".encode() + signed, hashlib.sha256
        )
        headers = {
            "x-bapi-api-key": KEY,
            "x-bapi-timestamp": str(self.now),
            "x-bapi-recv-window": "5000",
            "x-bapi-sign": mac.hexdigest(),
            **(_headers or {}),
        }
        target = f"/v5/{path}?{query}" if query else f"/v5/{path}"
        call = Call(method=method, target=target, headers=headers, body=body)
        return self.face.http(call, self.now)

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """The body of a call."""
        found = json.loads(self.call(method, path, **params).body)
        assert isinstance(found, dict)
        return found

    def get(self, path: str, **params: Any) -> Any:
        """The result of a question about linear contracts."""
        body = self.ask("GET", path, **{"category": "linear", **params})
        assert body["retCode"] == 0, body
        return body["result"]

    def post(self, path: str, **params: Any) -> int:
        """The code that a command is answered with."""
        return int(self.ask("POST", path, **params)["retCode"])

    def place(self, **terms: Any) -> str:
        """An order that must be taken; its id."""
        body = self.ask("POST", "order/create", **{**LIMIT, **terms})
        assert body["retCode"] == 0, body
        return str(body["result"]["orderId"])

    def open(self, socket_id: int, path: str, target: str = "") -> None:
        """A socket that is logged in (public ones need not)."""
        admitted = self.face.open_socket(
            socket_id, Call(method="GET", target=f"/v5/{path}{target}"), self.now
        )
        assert isinstance(admitted, Admission)

    def log_in(self, socket_id: int, secret: str = SECRET) -> Any:
        """The answer to a login."""
        expires = self.now + 5000
        mac = hmac.new(
            secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256
        )
        return self.say(socket_id, op="auth", args=[KEY, expires, mac.hexdigest()])

    def say(self, socket_id: int, **frame: Any) -> Any:
        """The first answer on the same socket."""
        self.face.text_received(socket_id, json.dumps(frame), self.now)
        out, self.face.outbox[:] = list(self.face.outbox), []
        texts = [f.text for f in out if isinstance(f, Frame)]
        return json.loads(texts[0]) if texts else out

    def pushed(self) -> list[Any]:
        """What the streams tell now."""
        self.face.on_time(self.now)
        out, self.face.outbox[:] = list(self.face.outbox), []
        return [json.loads(f.text) for f in out if isinstance(f, Frame)]

    def private(self, *topics: str) -> None:
        """A private stream with *topics*."""
        self.open(PRIVATE, "private")
        assert self.log_in(PRIVATE)["success"]
        assert self.say(PRIVATE, op="subscribe", args=list(topics))["success"]


def shape(value: Any) -> Any:
    """Keys and JSON types, recursively; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__
