"""One loopback port that is a whole venue: REST, streams, order entry, control.

The server joins connections (``connector.paper.http``), faces (one per wire
protocol) and faults. It uses only the running loop, ``call_later`` and the clock
it is given, so it also runs in virtual time over an in-memory network.

Order of things for one call: faults may take it, the face answers, the frames
the face queued are sent *before* the reply leaves (on the real venues events may
precede the acknowledgement), or after it with ``faults.replies_first``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from connector.paper.control import Control
from connector.paper.faces import (
    Call,
    Face,
    Frame,
    Hangup,
    Links,
    Ping,
    Reply,
    SocketKind,
)
from connector.paper.faults import CallAction, CallRule, Delivery, Faults
from connector.paper.http import Connection

CONTROL_PATH = "/control"
SETTLE_ROUNDS = 64


class PaperServer:
    """A running simulated venue; use it as an async context manager.

    *now_ms* is the true time in epoch milliseconds. With ``port=0`` the system
    chooses a port; ``links`` is known once ``start`` returned. At ``close`` every
    connection is dropped and every timer cancelled.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        now_ms: Callable[[], int],
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
    ) -> None:
        self.faces = tuple(faces)
        self.faults = Faults() if faults is None else faults
        self.control = Control(self)
        self.true_ms = now_ms
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: dict[int, Connection] = {}
        self._owners: dict[int, Face] = {}
        self._next_id = 1
        self._timers: set[asyncio.TimerHandle] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_pumping = False

    # lifecycle

    async def start(self) -> Self:
        """Listen; returns once connections are accepted."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, self._host, self._port)
        if self._port == 0:
            self._port = int(self._server.sockets[0].getsockname()[1])
        self.pump()
        return self

    async def close(self) -> None:
        """Stop listening and drop everything; harmless when repeated."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for connection in list(self._connections.values()):
            connection.abort()
        if server is not None:
            await server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def links_of(self, face: Face) -> Links:
        """Addresses of *face* on this server."""
        paths = face.paths
        at = f"{self._host}:{self._port}"
        return Links(
            venue=face.venue,
            rest=f"http://{at}{paths.rest}",
            stream=f"ws://{at}{paths.stream}",
            public=f"ws://{at}{paths.public}",
            ws_api=f"ws://{at}{paths.ws_api}",
            control=f"http://{at}{CONTROL_PATH}",
            second=None if paths.second is None else f"ws://{at}{paths.second}",
        )

    @property
    def links(self) -> Links:
        """Addresses of the first face."""
        return self.links_of(self.faces[0])

    @property
    def urls(self) -> dict[str, str]:
        """``links`` as a dictionary; see ``Links``."""
        return self.links.as_dict()

    def venue_ms(self) -> int:
        """The venue's clock: true time plus the skew in force."""
        return self.faults.venue_ms(self.true_ms())

    # connections (the Host of connector.paper.http)

    def _connect(self) -> Connection:
        connection = Connection(self, self._next_id)
        self._next_id += 1
        return connection

    def opened(self, connection: Connection) -> None:
        """Register a client, or drop it while the venue is down."""
        self._connections[connection.socket_id] = connection
        if self.faults.is_down(self.true_ms()):
            connection.abort()

    def lost(self, connection: Connection) -> None:
        """Forget a client."""
        self._connections.pop(connection.socket_id, None)
        self.faults.forget_socket(connection.socket_id)
        face = self._owners.pop(connection.socket_id, None)
        if face is not None:
            face.close_socket(connection.socket_id, self.venue_ms())
            self.pump()

    def _face_of(self, path: str) -> Face | None:
        for face in self.faces:
            if face.claims(path):
                return face
        return None

    def request(self, connection: Connection, call: Call) -> None:
        """Answer an HTTP request, as the faults in force allow."""
        if call.path == CONTROL_PATH or call.path.startswith(CONTROL_PATH + "/"):
            connection.reply(self.control.http(call))
            return
        face = self._face_of(call.path)
        if face is None:
            connection.reply(Reply(status=404, body=b'{"error":"no such path"}'))
            return
        rule = self.faults.take_call_rule(call.method, call.path)
        if rule is None:
            self._serve(connection, face, call)
        else:
            self._request_with_fault(connection, face, call, rule)

    def _serve(self, connection: Connection, face: Face, call: Call) -> None:
        self.pump()
        reply = face.http(call, self.venue_ms())
        if self.faults.replies_first:
            connection.reply(reply)
            self.pump()
        else:
            self.pump()
            connection.reply(reply)

    def _ask(self, face: Face, call: Call) -> Reply:
        self.pump()
        reply = face.http(call, self.venue_ms())
        self.pump()
        return reply

    def _request_with_fault(
        self, connection: Connection, face: Face, call: Call, rule: CallRule
    ) -> None:
        match rule.action:
            case CallAction.LOSE_REQUEST:
                connection.abort()
            case CallAction.LOSE_REPLY:
                self._ask(face, call)
                connection.abort()
            case CallAction.HANG:
                pass
            case CallAction.HANG_AFTER:
                self._ask(face, call)
            case CallAction.ANSWER:
                connection.reply(rule.canned())
            case CallAction.ANSWER_AFTER:
                self._ask(face, call)
                connection.reply(rule.canned())
            case CallAction.DELAY_REPLY:
                reply = self._ask(face, call)
                self.later(rule.delay_ms, lambda: connection.reply(reply))
            case CallAction.DELAY_REQUEST:
                self.later(
                    rule.delay_ms, lambda: connection.reply(self._ask(face, call))
                )
            case CallAction.TRUNCATE:
                reply = self._ask(face, call)
                connection.reply(reply, cut_body_at=rule.body_bytes)

    def upgrade(self, connection: Connection, call: Call) -> None:
        """Admit a WebSocket, or refuse it."""
        face = self._face_of(call.path)
        if face is None:
            connection.reply(Reply(status=404, body=b""))
            return
        self.pump()
        admission = face.open_socket(connection.socket_id, call, self.venue_ms())
        if isinstance(admission, Reply):
            connection.reply(admission)
            return
        self._owners[connection.socket_id] = face
        now = self.true_ms()
        if self.faults.refuses(admission.kind, now):
            if self.faults.refusal is None:
                connection.abort()
            else:
                connection.reply(self.faults.refusal)
            return
        if self.faults.stalls(admission.kind, now):
            connection.is_stalled = True
        if connection.accept(admission.kind):
            self.pump()
            connection.start_reading()

    def text(self, connection: Connection, text: str) -> None:
        """Take a client's text frame, as the faults in force allow."""
        face = self._owners.get(connection.socket_id)
        if face is None or connection.is_stalled:
            return
        rule = None
        if connection.kind is SocketKind.WS_API:
            rule = self.faults.take_call_rule("WS", text)
        if rule is None:
            self._tell(face, connection, text)
        else:
            self._text_with_fault(face, connection, text, rule)

    def _tell(self, face: Face, connection: Connection, text: str) -> None:
        self.pump()
        face.text_received(connection.socket_id, text, self.venue_ms())
        self.pump()

    def _text_with_fault(
        self, face: Face, connection: Connection, text: str, rule: CallRule
    ) -> None:
        match rule.action:
            case CallAction.LOSE_REQUEST:
                connection.abort()
            case CallAction.LOSE_REPLY | CallAction.TRUNCATE:
                self._tell_muted(face, connection, text)
                connection.abort()
            case CallAction.HANG:
                pass
            case CallAction.HANG_AFTER:
                self._tell_muted(face, connection, text)
            case CallAction.ANSWER:
                connection.send_text(face.canned_text(text, rule.canned()))
            case CallAction.ANSWER_AFTER:
                self._tell_muted(face, connection, text)
                connection.send_text(face.canned_text(text, rule.canned()))
            case CallAction.DELAY_REPLY:
                frames = self._tell_muted(face, connection, text)
                for frame in frames:
                    self._send_later(Delivery(frame, rule.delay_ms))
            case CallAction.DELAY_REQUEST:
                self.later(rule.delay_ms, lambda: self._tell(face, connection, text))

    def _tell_muted(self, face: Face, connection: Connection, text: str) -> list[Frame]:
        """Let the face act, but keep back its answers to this socket."""
        self.pump()
        face.text_received(connection.socket_id, text, self.venue_ms())
        kept = [
            out
            for out in face.outbox
            if isinstance(out, Frame)
            and out.socket_id == connection.socket_id
            and out.event == "reply"
        ]
        face.outbox[:] = [out for out in face.outbox if out not in kept]
        self.pump()
        return kept

    def ping(self, connection: Connection, *, is_pong: bool) -> None:
        """Pass a ping or pong to the face, which may count it."""
        face = self._owners.get(connection.socket_id)
        if face is not None:
            face.ping_received(
                connection.socket_id, is_pong=is_pong, now_ms=self.venue_ms()
            )
            self.pump()

    # time and frames

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Call *act* after *delay_ms*, unless the server is closed first."""

        def fire() -> None:
            self._timers.discard(timer)
            act()

        loop = asyncio.get_running_loop()
        timer = loop.call_later(delay_ms / 1000, fire)
        self._timers.add(timer)

    def pump(self) -> None:
        """Let all faces do what is due, send what they queued, set the alarm."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            for _ in range(SETTLE_ROUNDS):
                now = self.venue_ms()
                for face in self.faces:
                    face.on_time(now)
                if not self._drain():
                    break
        finally:
            self._is_pumping = False
        self._set_alarm()

    def _drain(self) -> bool:
        has_sent = False
        for face in self.faces:
            while face.outbox:
                has_sent = True
                batch, face.outbox[:] = list(face.outbox), []
                for out in batch:
                    self._emit(out)
        return has_sent

    def _emit(self, out: Frame | Hangup | Ping) -> None:
        connection = self._connections.get(out.socket_id)
        if connection is None or connection.kind is None:
            return
        kind = connection.kind
        if isinstance(out, Hangup):
            connection.hang_up(out.code, out.reason)
        elif isinstance(out, Ping):
            connection.send_ping(out.payload)
        else:
            for delivery in self.faults.deliveries(out, kind, self.true_ms()):
                self._send_later(delivery)

    def _send_later(self, delivery: Delivery) -> None:
        frame = delivery.frame
        if delivery.delay_ms > 0:
            self.later(delivery.delay_ms, lambda: self._send(frame))
        else:
            self._send(frame)

    def _send(self, frame: Frame) -> None:
        connection = self._connections.get(frame.socket_id)
        if connection is not None:
            connection.send_text(frame.text)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        dues = [due for face in self.faces if (due := face.next_due_ms()) is not None]
        if dues and self._server is not None:
            wait_ms = max(1, min(dues) - self.venue_ms())
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(wait_ms / 1000, self.pump)

    # faults that act at once

    def connections_of(self, kind: SocketKind | None) -> list[Connection]:
        """Open connections of a kind; None means all, plain HTTP included."""
        return [
            connection
            for connection in self._connections.values()
            if kind is None or connection.kind is kind
        ]

    def cut(self, kind: SocketKind | None, after_bytes: int | None = None) -> int:
        """Drop connections now, or each after *after_bytes* more bytes."""
        victims = self.connections_of(kind)
        for connection in victims:
            if after_bytes is None:
                connection.abort()
            else:
                connection.cut_after = after_bytes
        return len(victims)

    def stall(self, kind: SocketKind, until_ms: int) -> None:
        """Make sockets of *kind*, open and new, half-open until true time."""
        self.faults.stalled_until_ms[kind] = until_ms
        for connection in self.connections_of(kind):
            connection.is_stalled = True
