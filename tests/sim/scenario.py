"""A small venue (h11 and websockets on one port) and worlds that talk to it.

Run as a script it prints the trace hash of one world, for comparing processes:
``python scenario.py SEED [chaos]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import h11
import httpx
import websockets.asyncio.client
import websockets.frames
import websockets.http11
import websockets.server

from connector.sim.faults import Chaos
from connector.sim.world import World, WorldConfig, run_world


class TinyVenue(asyncio.Protocol):
    """GET answers the venue's clock; a WebSocket echoes text."""

    accepted = 0

    def __init__(self) -> None:
        self.head = b""
        self.http: h11.Connection | None = None
        self.stream: websockets.server.ServerProtocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        TinyVenue.accepted += 1

    def data_received(self, data: bytes) -> None:
        if self.http is None and self.stream is None:
            self.head += data
            if b"\r\n\r\n" not in self.head:
                return
            data = self.head
            if b"upgrade: websocket" in data.lower():
                self.stream = websockets.server.ServerProtocol()
            else:
                self.http = h11.Connection(h11.SERVER)
        if self.stream is not None:
            self.stream.receive_data(data)
            self.answer_stream(self.stream)
        elif self.http is not None:
            self.http.receive_data(data)
            self.answer_http(self.http)

    def eof_received(self) -> bool:
        if self.stream is not None:
            self.stream.receive_eof()
            self.answer_stream(self.stream)
        return False

    def answer_http(self, http: h11.Connection) -> None:
        while (event := http.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                body = json.dumps({"time_ms": time.time_ns() // 1_000_000}).encode()
                head = [("Content-Length", str(len(body)))]
                answer = http.send(h11.Response(status_code=200, headers=head))
                answer += http.send(h11.Data(data=body))
                answer += http.send(h11.EndOfMessage())
                self.transport.write(answer)
                http.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed):
                self.transport.close()
                return

    def answer_stream(self, stream: websockets.server.ServerProtocol) -> None:
        for event in stream.events_received():
            if isinstance(event, websockets.http11.Request):
                stream.send_response(stream.accept(event))
            elif (
                isinstance(event, websockets.frames.Frame)
                and event.opcode is websockets.frames.Opcode.TEXT
            ):
                stream.send_text(event.data)
        for data in stream.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()


async def open_venue(world: World) -> asyncio.AbstractServer:
    """Start the venue as a party of its own, at http://venue:8080."""
    with world.party("venue"):
        return await world.loop.create_server(TinyVenue, "0.0.0.0", 8080)


def connect_stream(**options: Any) -> websockets.asyncio.client.connect:
    """A connection to the venue by the real client library."""
    return websockets.asyncio.client.connect(
        "ws://venue:8080/stream", proxy=None, compression=None, **options
    )


async def exchange(world: World) -> list[str]:
    """HTTP and WebSocket against the venue, the way a connector uses them."""
    await open_venue(world)
    seen: list[str] = []
    with world.party("bot", skew_ns=-250_000_000):
        async with httpx.AsyncClient(
            trust_env=False, verify=False, timeout=10.0
        ) as client:
            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    group.create_task(get_time(client, seen), name=f"get {number}")
            async with connect_stream() as stream:
                for number in range(5):
                    await stream.send(f"order {number}")
                    seen.append(str(await stream.recv()))
                await asyncio.sleep(60)
            await get_time(client, seen)
    return seen


async def get_time(client: httpx.AsyncClient, seen: list[str]) -> None:
    seen.append((await client.get("http://venue:8080/time")).text)


if __name__ == "__main__":
    chaos = Chaos(segment_chance=0.05) if "chaos" in sys.argv else None
    result = run_world(exchange, int(sys.argv[1]), config=WorldConfig(chaos=chaos))
    print(result.trace_hash, len(result.trace.lines), result.error, result.errors)
    if "trace" in sys.argv:
        print(result.trace)
        print(result.returned)
