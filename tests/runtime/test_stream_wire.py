"""Tests of connector.runtime.stream_wire: frames, held against websockets itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from connector.runtime.stream_inbox import PER_TURN, TURN_S, Inbox
from connector.runtime.stream_wire import Wire

URL = "ws://127.0.0.1/ws"
CAP = 70_000


class Socket(asyncio.Transport):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_dropped = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_dropped = True

    abort = close


def answer_to(request: bytes) -> bytes:
    """What a server says to a handshake."""
    server = ServerProtocol()
    server.receive_data(request)
    (asked,) = server.events_received()
    server.send_response(server.accept(asked))
    return b"".join(server.data_to_send())


def alone(frames: bytes) -> tuple[list[bytes], int | None]:
    """Messages and close code, by the library alone."""
    client = ClientProtocol(parse_uri(URL), state=State.OPEN, max_size=CAP)
    client.receive_data(frames)
    messages, parts = [], b""
    for event in client.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            parts += event.data
            if event.fin:
                messages.append(parts)
                parts = b""
    close = client.close_rcvd or client.close_sent
    return messages, None if close is None else int(close.code)


def ours(frames: bytes, cuts: list[int]) -> tuple[list[bytes], int | None, bytes]:
    """The same, through `Wire`, the bytes cut where told; and what it wrote."""

    async def main() -> tuple[list[bytes], int | None, bytes]:
        inbox = Inbox(10_000, 10_000_000)
        wire = Wire(URL, max_frame_bytes=CAP, inbox=inbox)
        socket = Socket()
        wire.connection_made(socket)
        hello = answer_to(socket.written)
        socket.written = b""
        data = hello + frames
        at = 0
        for end in [*sorted({c % len(data) for c in cuts}), len(data)]:
            wire.data_received(data[at:end])
            at = end
        await wire.opened
        code, _ = wire.farewell()
        wire.connection_lost(None)
        return [m for _, m in inbox.messages], code, socket.written

    return asyncio.run(main())


def frame(first: int, payload: bytes, *, long: bool = False) -> bytes:
    size = len(payload)
    if size < 126 and not long:
        return bytes([first, size]) + payload
    if size < 65_536:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


ODD = {
    "binary": frame(0x82, b"\x00\xff"),
    "fragments": b"\x01\x01a" + frame(0x89, b"p") + b"\x00\x00" + b"\x80\x01b",
    "text inside fragments": frame(0x01, b"a") + frame(0x81, b"b"),
    "ping": frame(0x89, b"x" * 125),
    "stray pong": frame(0x8A, b"stray"),
    "close": frame(0x88, b"\x03\xe9bye"),
    "empty close": frame(0x88, b""),
    "at the cap": frame(0x81, b"x" * CAP),
    "above the cap": frame(0x81, b"x" * (CAP + 1)),
    "fragments above the cap": frame(0x01, b"x" * 40_000) + frame(0x80, b"x" * 40_000),
    "size needs 8 bytes": frame(0x81, b"x" * 66_000),
    "reserved bit": frame(0xC1, b"x"),
    "unknown opcode": frame(0x83, b"x"),
    "masked": bytes([0x81, 0x81]) + b"mask" + b"x",
    "long control": frame(0x89, b"x" * 126, long=True),
    "stray continuation": frame(0x80, b"x"),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_odd_frames_end_as_with_the_library_alone(odd: bytes, step: int) -> None:
    """Before, between and after plain ones, in pieces of any size."""
    frames = frame(0x81, b"one") + odd + frame(0x81, b"x" * 300) + frame(0x81, b"")
    if len(frames) > 10_000:
        step *= 977
    cuts = list(range(0, len(frames) + 300, step))
    messages, code, _ = ours(frames, cuts)
    assert (messages, code) == alone(frames)
    assert messages[0] == b"one"


plain = st.binary(max_size=300).map(lambda p: frame(0x81, p))
anything = st.lists(plain | st.sampled_from([v for v in ODD.values() if len(v) < 1000]))


@given(anything, st.lists(st.integers(0, 5_000), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_frames_in_any_pieces_mean_the_same(
    frames: list[bytes], cuts: list[int]
) -> None:
    """Same messages, same end as the library alone."""
    messages, code, _ = ours(b"".join(frames), cuts)
    assert (messages, code) == alone(b"".join(frames))


@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=5))
@settings(max_examples=200, deadline=None)
def test_garbage_never_raises(data: bytes, cuts: list[int]) -> None:
    """Law 11: whatever comes, the same messages come out before the end."""
    messages, code, _ = ours(data, cuts)
    expected, expected_code = alone(data)
    assert messages == expected
    assert code == expected_code


def test_pings_are_answered_and_pongs_answer_all_before() -> None:
    """RFC 6455, 5.5.3: a pong may answer several pings."""

    async def main() -> None:
        inbox = Inbox(10, 1000)
        wire = Wire(URL, max_frame_bytes=CAP, inbox=inbox)
        socket = Socket()
        wire.connection_made(socket)
        wire.data_received(answer_to(socket.written))
        pings = [wire.send_ping() for _ in range(3)]
        second = list(wire.pending_pings)[1]
        wire.data_received(frame(0x8A, b"never sent") + frame(0x8A, second))
        assert [p.done() for p in pings] == [True, True, False]
        assert pings[0].result() >= pings[1].result() >= 0
        socket.written = b""
        wire.data_received(frame(0x89, b"hello"))
        assert socket.written[:2] == bytes([0x8A, 0x85])
        wire.connection_lost(None)
        assert pings[2].exception() is not None
        assert inbox.is_spent

    asyncio.run(main())


# The inbox and its sink


def in_loop(main: Callable[[Inbox], Any], bound: int = 10_000) -> None:
    async def run() -> None:
        await main(Inbox(bound, 1_000_000))

    asyncio.run(run())


def test_a_sink_gets_messages_at_once_and_in_order() -> None:
    """Waiting ones first; a burst is cut so that others get their turn."""

    async def main(inbox: Inbox) -> None:
        got: list[bytes] = []
        sent = [b"%d" % n for n in range(500)]
        inbox.put(0.0, sent[:10])
        inbox.deliver_to(got.append)
        assert got == sent[:10]
        inbox.put(0.0, sent[10:11])
        assert got == sent[:11]
        inbox.put(0.0, sent[11:400])
        assert got == sent[: 11 + PER_TURN]
        inbox.put(0.0, sent[400:])
        assert got == sent[: 11 + PER_TURN]
        turns = 0
        while len(got) < 500:
            before = len(got)
            await asyncio.sleep(0)
            turns += 1
            assert len(got) - before <= PER_TURN
        assert got == sent
        assert turns >= 14
        assert inbox.size == 0

    in_loop(main)


def test_slow_messages_end_a_turn_sooner() -> None:
    """What takes a millisecond together is enough for one turn of the loop."""

    async def main(inbox: Inbox) -> None:
        got: list[bytes] = []

        def slow(message: bytes) -> None:
            got.append(message)
            clock[0] += TURN_S / 3

        clock = [0.0]
        asyncio.get_running_loop().time = lambda: clock[0]
        inbox.deliver_to(slow)
        inbox.put(0.0, [b"x"] * 20)
        assert len(got) == 4
        await asyncio.sleep(0)
        assert len(got) == 8
        while len(got) < 20:
            await asyncio.sleep(0)

    in_loop(main)


def test_the_end_comes_after_the_last_message() -> None:
    """`wait` returns when the sink has had everything."""

    async def main(inbox: Inbox) -> None:
        got: list[bytes] = []
        inbox.deliver_to(got.append)
        inbox.put(0.0, [b"x"] * 100)
        inbox.end("over")
        assert len(got) == PER_TURN
        await inbox.wait()
        assert len(got) == 100

    in_loop(main)


@pytest.mark.parametrize("at", [0, 20, 90])
def test_a_sink_that_fails_gets_nothing_more(at: int) -> None:
    """Its error is kept, the other messages too."""

    async def main(inbox: Inbox) -> None:
        got: list[int] = []

        def sink(message: bytes) -> None:
            got.append(int(message))
            if len(got) == at + 1:
                raise RuntimeError("defect")

        inbox.deliver_to(sink)
        inbox.put(0.0, [b"%d" % n for n in range(100)])
        await inbox.wait()
        assert got == list(range(at + 1))
        assert isinstance(inbox.failure, RuntimeError)
        assert len(inbox.messages) == 99 - at

    in_loop(main)


def test_a_sink_that_is_slow_stops_the_socket() -> None:
    """Law 12: bounded with a sink as well."""

    async def main(inbox: Inbox) -> None:
        calls: list[str] = []
        inbox.pause = lambda: calls.append("pause")
        inbox.resume = lambda: calls.append("resume")
        got: list[bytes] = []
        inbox.deliver_to(got.append)
        inbox.put(0.0, [b"x"] * 200)
        assert calls == ["pause"]
        while inbox.messages:
            await asyncio.sleep(0)
        assert calls == ["pause", "resume"]
        assert len(got) == 200

    in_loop(main, bound=100)


def test_a_long_burst_in_random_pieces() -> None:
    """500 messages of real sizes, cut at 100 places."""
    dice = random.Random(7)
    frames = b"".join(frame(0x81, b"%d" % n * dice.randrange(400)) for n in range(500))
    cuts = [dice.randrange(len(frames)) for _ in range(100)]
    assert ours(frames, cuts)[:2] == alone(frames)
