"""One connection of the paper server: HTTP/1.1 with keep-alive, then WebSocket.

A plain ``asyncio.Protocol`` over the sans-I/O parsers h11 and websockets: no
task, no thread, no clock of its own. It therefore runs the same on a real loop
and on a virtual-time loop with an in-memory network. Requests of one connection
are answered in order; a pipelined request waits until the reply before it has
been written, even if that reply is delayed.

Bounds: a request body above ``BODY_MAX`` is refused with 413; a client is
disconnected when it pipelines that much behind an unanswered request, or when
``BACKLOG_MAX`` bytes wait for it because it does not read.
"""

from __future__ import annotations

import asyncio
from typing import Protocol as TypingProtocol
from typing import cast

import h11
from websockets.exceptions import InvalidState
from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.http11 import Request as WsRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from connector.paper.faces import Call, Reply, SocketKind

BODY_MAX = 1 << 20
FRAME_MAX = 1 << 20
BACKLOG_MAX = 16 << 20


class Host(TypingProtocol):
    """What a connection asks of the server."""

    def request(self, connection: Connection, call: Call) -> None:
        """Answer *call* now or later through ``connection.reply``."""
        ...

    def upgrade(self, connection: Connection, call: Call) -> None:
        """Decide a handshake through ``connection.accept`` or ``reply``."""
        ...

    def text(self, connection: Connection, text: str) -> None:
        """Take a text message."""
        ...

    def ping(self, connection: Connection, *, is_pong: bool) -> None:
        """Take note of a ping or pong."""
        ...

    def opened(self, connection: Connection) -> None:
        """A client connected."""
        ...

    def lost(self, connection: Connection) -> None:
        """The connection is gone."""
        ...


class Connection(asyncio.Protocol):
    """A client's TCP connection; *socket_id* is unique per server."""

    def __init__(self, host: Host, socket_id: int) -> None:
        self.socket_id = socket_id
        self.kind: SocketKind | None = None
        self.peer = ""
        self.peer_port = 0
        self.is_stalled = False
        self.cut_after: int | None = None
        self._host = host
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=64 << 10)
        self._ws: ServerProtocol | None = None
        self._handshake: WsRequest | None = None
        self._transport: asyncio.Transport | None = None
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._parts: list[bytes] = []
        self._is_lost = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport and who is at the other end."""
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) and name else "127.0.0.1"
        self.peer_port = int(name[1]) if isinstance(name, tuple) and name else 0
        self._host.opened(self)

    def data_received(self, data: bytes) -> None:
        """Feed whatever parser is in charge."""
        if self._ws is not None:
            self._ws.receive_data(data)
            self._pump_socket()
            return
        self._http.receive_data(data)
        self._pump_http()

    def eof_received(self) -> bool:
        """The client stopped sending; close once answers are out."""
        if self._ws is not None:
            self._ws.receive_eof()
            self._pump_socket()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server exactly once."""
        if not self._is_lost:
            self._is_lost = True
            self._host.lost(self)

    # HTTP

    def _pump_http(self) -> None:
        while self._ws is None and not self._is_lost:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse_malformed(error)
                return
            if event is h11.PAUSED and len(self._http.trailing_data[0]) > BODY_MAX:
                self.abort()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Request):
                self._request = event
                self._body.clear()
                if self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._write(self._http.send(go_on) or b"")
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > BODY_MAX:
                    self._answer(Reply(status=413, body=b"{}"), is_last=True)
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._complete()
            else:  # ConnectionClosed
                self.close()
                return

    def _complete(self) -> None:
        request = self._request
        assert request is not None, "EndOfMessage without Request"
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in request.headers
        }
        call = Call(
            method=request.method.decode("latin-1"),
            target=request.target.decode("latin-1"),
            headers=headers,
            body=bytes(self._body),
            peer=self.peer,
        )
        if headers.get("upgrade", "").lower() != "websocket":
            self._host.request(self, call)
            return
        self._host.upgrade(self, call)

    def _refuse_malformed(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            status = error.error_status_hint or 400
            self._answer(Reply(status=status, body=b"{}"), is_last=True)
        else:
            self.abort()

    def reply(self, reply: Reply, *, cut_body_at: int | None = None) -> None:
        """Send *reply*; with *cut_body_at*, break off inside its body."""
        if self._is_lost or self._http.our_state is not h11.SEND_RESPONSE:
            return
        if cut_body_at is not None:
            whole = self._encode(reply, is_last=True)
            keep = len(whole) - len(reply.body) + cut_body_at
            self._write(whole[:keep])
            self.close()
            return
        self._answer(reply, is_last=False)
        state = self._http.states[h11.SERVER]
        if state is h11.MUST_CLOSE:
            self.close()
        elif state is h11.DONE:
            self._http.start_next_cycle()
            self._pump_http()

    def _answer(self, reply: Reply, *, is_last: bool) -> None:
        self._write(self._encode(reply, is_last=is_last))
        if is_last:
            self.close()

    def _encode(self, reply: Reply, *, is_last: bool) -> bytes:
        headers = [
            ("content-type", reply.content_type),
            ("content-length", str(len(reply.body))),
            *reply.headers,
        ]
        if is_last:
            headers.append(("connection", "close"))
        head = h11.Response(status_code=reply.status, headers=headers)
        data = self._http.send(head) or b""
        if self._request is None or self._request.method != b"HEAD":
            data += self._http.send(h11.Data(data=reply.body)) or b""
        return data + (self._http.send(h11.EndOfMessage()) or b"")

    # WebSocket

    def accept(self, kind: SocketKind) -> bool:
        """Answer the pending handshake with 101; False if it was malformed.

        A malformed handshake is answered as the WebSocket standard says.
        """
        assert self._request is not None, "accept without a request"
        if self._is_lost:
            return False
        ws = ServerProtocol(max_size=FRAME_MAX)
        lines = [self._request.method + b" " + self._request.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self._request.headers]
        ws.receive_data(b"\r\n".join(lines) + b"\r\n\r\n")
        request = ws.events_received()[0]
        assert isinstance(request, WsRequest), "the parser lost the handshake"
        response = ws.accept(request)
        response.headers.pop("Date", None)  # the wall clock is not ours to show
        ws.send_response(response)
        self._ws = ws
        for data in ws.data_to_send():
            self._write(data)
        if ws.state is not State.OPEN:
            self.close()
            return False
        self.kind = kind
        return True

    def start_reading(self) -> None:
        """Deliver what the client sent right behind its handshake."""
        rest, _ = self._http.trailing_data
        if rest and self._ws is not None:
            self._ws.receive_data(bytes(rest))
            self._pump_socket()

    def _pump_socket(self) -> None:
        ws = self._ws
        assert ws is not None, "no WebSocket"
        for event in ws.events_received():
            if isinstance(event, WsFrame):
                self._frame_received(event)
        self._flush()
        if ws.close_expected() or ws.state is State.CLOSED:
            self.close()

    def _frame_received(self, frame: WsFrame) -> None:
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            self._host.ping(self, is_pong=frame.opcode is Opcode.PONG)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._host.text(self, whole.decode("utf-8", "replace"))

    def send_text(self, text: str) -> None:
        """Send one text frame; nothing happens on a closing socket."""
        if self._ws is not None and self._ws.state is State.OPEN:
            self._ws.send_text(text.encode())
            self._flush()

    def send_ping(self, payload: bytes) -> None:
        """Send a protocol ping."""
        if self._ws is not None and self._ws.state is State.OPEN:
            self._ws.send_ping(payload)
            self._flush()

    def hang_up(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        if self._ws is None:
            self.close()
            return
        try:
            self._ws.send_close(code, reason)
        except InvalidState:
            return
        self._flush()

    def _flush(self) -> None:
        if self._ws is not None:
            for data in self._ws.data_to_send():
                if data:
                    self._write(data)
                else:
                    self.close()

    # transport

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or self.is_stalled:
            return
        if self.cut_after is not None:
            data = data[: self.cut_after]
            self.cut_after -= len(data)
        transport.write(data)
        if self.cut_after == 0:
            self.close()
        elif transport.get_write_buffer_size() > BACKLOG_MAX:
            self.abort()

    def close(self) -> None:
        """Close after what is buffered has been written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once, like a pulled cable with a reset."""
        if self._transport is not None:
            self._transport.abort()
