"""What leaves a bot for the venue, read from the bytes as they are sent.

Laws about the wire (an intent is durable before its order leaves, no new exposure
while not live, no client id twice) must not ask the connector: this reads plain
HTTP/1.1 requests and client WebSocket frames off the simulated network, and asks
the venue's playbook which orders they carry.
"""

from __future__ import annotations

import re
from typing import Protocol

from connector.paper.playbook import Playbook, Sent
from connector.sim.link import Connection, Direction

_HEADS = (b"GET ", b"POST", b"PUT ", b"DELE")
_MASKED = 0x80


_STOP = re.compile(rb"HTTP/1\.1 4(?:29|18) .*?retry-after: *([0-9]+)\r\n", re.I | re.S)


class Listener(Protocol):
    """Who is told what the wire carries."""

    def on_sent(self, sent: Sent) -> None:
        """An order, or new terms of one, left the bot."""

    def on_request(self, name: str) -> None:
        """A request left the bot: method and path."""

    def on_stop(self, wait_s: int) -> None:
        """The venue's word to wait arrived: 429 or 418 with Retry-After."""


class Wiretap:
    """Reassembles requests per connection and tells what they carry once sent."""

    def __init__(self, playbook: Playbook, listener: Listener) -> None:
        self._playbook = playbook
        self._listener = listener
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

    def on_arrived(self, way: Direction, connection: Connection, data: bytes) -> None:
        """A hook for `Network.on_bytes`."""
        if connection.pipe(way).target.is_closing():
            return  # given up, or its process was killed: nobody reads that
        if way is Direction.TO_CLIENT and data.startswith(b"HTTP/1.1 4"):
            found = _STOP.match(data)
            if found is not None and self._playbook.stop_sign in data:
                self._listener.on_stop(int(found[1]))

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
            self._listener.on_request(f"{method} {target.partition('?')[0]}")
            for sent in self._playbook.read_call(method, target, rest[:length]):
                self._listener.on_sent(sent)

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
                for sent in self._playbook.read_frame(_unmasked(payload, mask)):
                    self._listener.on_sent(sent)


def _unmasked(payload: bytes, mask: bytes) -> str:
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(size, "big").decode()
