"""What leaves a bot for the venue, read from the bytes as they are sent.

Laws about the wire (an intent is durable before its order leaves, no new exposure
while not live, no client id twice) must not ask the connector: this reads plain
HTTP/1.1 requests and client WebSocket frames off the simulated network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from connector.sim.link import Connection, Direction

_HEADS = (b"GET ", b"POST", b"PUT ", b"DELE")
_MASKED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One call: *name* is "POST /path" or a method of order entry."""

    name: str
    params: Mapping[str, str]

    @property
    def orders(self) -> list[Mapping[str, str]]:
        """The orders it places, as their parameters; empty for other calls."""
        if self.name in ("POST /fapi/v1/order", "order.place"):
            return [self.params]
        if self.name in ("POST /fapi/v1/algoOrder", "algoOrder.place"):
            return [self.params]
        if self.name == "POST /fapi/v1/batchOrders":
            rows: list[dict[str, Any]] = json.loads(self.params["batchOrders"])
            return [{k: _text(v) for k, v in row.items()} for row in rows]
        return []


def client_id(order: Mapping[str, str]) -> str:
    """The client id of an order's parameters."""
    return order.get("newClientOrderId") or order.get("clientAlgoId", "")


def reduces(order: Mapping[str, str]) -> bool:
    """It cannot add exposure."""
    closing = (order.get("positionSide"), order.get("side"))
    return (
        order.get("reduceOnly") == "true"
        or order.get("closePosition") == "true"
        or closing in (("LONG", "SELL"), ("SHORT", "BUY"))
    )


class Wiretap:
    """Reassembles requests per connection and tells each once it is complete."""

    def __init__(self, tell: Callable[[Sent], None]) -> None:
        self._tell = tell
        self._buffers: dict[int, bytearray] = {}
        self._sockets: set[int] = set()

    def on_sent(self, way: Direction, connection: Connection, data: bytes) -> None:
        """A hook for `Network.on_sent`."""
        if way is not Direction.TO_SERVER:
            return
        buffer = self._buffers.setdefault(connection.id, bytearray())
        buffer += data
        if connection.id in self._sockets:
            self._read_frames(buffer)
        else:
            self._read_requests(connection.id, buffer)

    def _read_requests(self, number: int, buffer: bytearray) -> None:
        while buffer[:4] in _HEADS:
            head, found, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            del buffer[: len(head) + 4 + length]
            if "upgrade" in headers:
                self._sockets.add(number)
                self._read_frames(buffer)
                return
            method, target, _ = lines[0].split(" ")
            path, _, query = target.partition("?")
            params = dict(parse_qsl(query))
            params.update(parse_qsl(rest[:length].decode()))
            self._tell(Sent(name=f"{method} {path}", params=params))

    def _read_frames(self, buffer: bytearray) -> None:
        while len(buffer) >= 6:
            opcode, size, at = buffer[0] & 0x0F, buffer[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(buffer[2:10], "big"), 10
            assert buffer[1] & _MASKED, "clients mask their frames"
            if len(buffer) < at + 4 + size:
                return
            mask = bytes(buffer[at : at + 4])
            payload = bytes(buffer[at + 4 : at + 4 + size])
            del buffer[: at + 4 + size]
            if opcode == 1:
                repeated = (mask * (size // 4 + 1))[:size]
                text = bytes(a ^ b for a, b in zip(payload, repeated, strict=True))
                self._frame(json.loads(text))

    def _frame(self, frame: Mapping[str, Any]) -> None:
        params = frame.get("params")
        if isinstance(params, dict):
            texts = {str(k): _text(v) for k, v in params.items()}
            self._tell(Sent(name=str(frame["method"]), params=texts))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
