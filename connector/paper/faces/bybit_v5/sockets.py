"""The three kinds of sockets and what clients say on them.

``/v5/private`` and ``/v5/trade`` log in first; the first spells its control frames
in snake_case, the second in camelCase, pongs included. A request of order entry is
not signed, but the time rule holds for its header.

Source: Bybit v5 docs, "WebSocket Connect" and "WebSocket Trade Guideline", read
2026-11; the shape of a failed login is from a public fixture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connector.paper.faces import Call, Frame, Hangup, Outgoing, Reply, SocketKind
from connector.paper.faces.bybit_v5.apierrors import ApiError, dump
from connector.paper.faces.bybit_v5.auth import ApiKey, check_time, log_in
from connector.paper.faces.bybit_v5.context import CATEGORY, Ask, Params, Venue
from connector.paper.faces.bybit_v5.endpoints import TRADE, Route
from connector.paper.faces.bybit_v5.market import ticker
from connector.paper.faces.bybit_v5.orders import Batch

PRIVATE_PATH = "/v5/private"
TRADE_PATH = "/v5/trade"
PUBLIC_PATH = "/v5/public/"
POLICY_VIOLATION = 1008
IDS_KEPT = 10_000
TOPICS = ("order", "execution", "execution.fast", "position", "wallet", "greeks")


@dataclass(slots=True, kw_only=True)
class Socket:
    """One connection: who logged in on it and what it subscribed to."""

    socket_id: int
    kind: SocketKind
    peer: str
    path: str
    heard_ms: int
    idle_ms: int
    key: ApiKey | None = None
    topics: dict[str, None] = field(default_factory=dict)
    request_ids: dict[str, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the venue calls the connection."""
        return f"paper-{self.socket_id}"


def kind_of(path: str) -> SocketKind | None:
    """What a socket at *path* is for; None if there is nothing."""
    if path == PRIVATE_PATH:
        return SocketKind.PRIVATE
    if path == TRADE_PATH:
        return SocketKind.WS_API
    return SocketKind.PUBLIC if path.startswith(PUBLIC_PATH) else None


class Sockets:
    """All open connections of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._open: dict[int, Socket] = {}

    def open(self, socket_id: int, call: Call, kind: SocketKind, now_ms: int) -> None:
        """Register a connection; raises PageError when there were too many."""
        self._venue.limits.charge_connect(call.peer, now_ms)
        self._open[socket_id] = Socket(
            socket_id=socket_id,
            kind=kind,
            peer=call.peer,
            path=call.path,
            heard_ms=now_ms,
            idle_ms=_idle_ms(call.query) or self._venue.config.idle_ms,
        )

    def close(self, socket_id: int) -> None:
        """Forget a connection."""
        self._open.pop(socket_id, None)

    def log_out(self, key: str) -> Iterator[Outgoing]:
        """A key was revoked: its connections are closed."""
        for socket in self._open.values():
            if socket.key is not None and socket.key.key == key:
                yield _hang_up(socket, "api key is invalid")

    # what clients say

    def answer(self, socket_id: int, text: str, now_ms: int) -> Iterator[Outgoing]:
        """Carry out one frame of a client."""
        socket = self._open.get(socket_id)
        if socket is None:
            return
        socket.heard_ms = now_ms
        request = _parse(text)
        match request.get("op"):
            case "ping":
                yield self._control(socket, request, "pong", now_ms)
            case "auth":
                yield from self._log_in(socket, request, now_ms)
            case "subscribe" | "unsubscribe" if socket.kind is not SocketKind.WS_API:
                yield from self._subscribe(socket, request, now_ms)
            case _ if socket.kind is SocketKind.WS_API:
                yield self._enter(socket, request, now_ms)
            case op:
                yield self._reply(
                    socket,
                    {"success": False, "ret_msg": f"unknown op: {op}", "op": str(op)},
                    request,
                )

    def _reply(
        self,
        socket: Socket,
        body: dict[str, Any],
        request: dict[str, Any],
        event: str = "reply",
    ) -> Frame:
        is_camel = socket.kind is SocketKind.WS_API
        wanted, connection = ("reqId", "connId") if is_camel else ("req_id", "conn_id")
        body[connection] = socket.name
        if request.get(wanted) is not None:
            body[wanted] = request[wanted]
        return Frame(socket_id=socket.socket_id, text=dump(body), event=event)

    def _control(
        self, socket: Socket, request: dict[str, Any], op: str, now_ms: int
    ) -> Frame:
        """An acknowledgement, in the spelling of the socket."""
        told = [str(now_ms)]
        if socket.kind is SocketKind.WS_API:
            body: dict[str, Any] = {"retCode": 0, "retMsg": "OK", "op": op}
            if op == "pong":
                body["data"] = told
        elif op == "pong" and socket.kind is SocketKind.PRIVATE:
            body = {"op": op, "args": told}
        elif op == "pong":
            body = {"success": True, "ret_msg": "pong", "op": "ping"}
        else:
            body = {"success": True, "ret_msg": "", "op": op}
        return self._reply(socket, body, request, "pong" if op == "pong" else "reply")

    def _log_in(
        self, socket: Socket, request: dict[str, Any], now_ms: int
    ) -> Iterator[Outgoing]:
        try:
            if socket.kind is SocketKind.PUBLIC:
                raise ApiError(10001, "Params Error")
            if socket.key is not None:
                raise ApiError(20001)
            socket.key = log_in(request.get("args"), self._venue.keys, now_ms)
        except ApiError as error:
            body: dict[str, Any] = {"success": False, "ret_msg": error.text}
            if socket.kind is SocketKind.WS_API:
                body = {"retCode": error.code, "retMsg": error.text}
            yield self._reply(socket, {**body, "op": "auth"}, request)
            if socket.key is None:
                yield _hang_up(socket, "auth failed")
        else:
            yield self._control(socket, request, "auth", now_ms)

    def _subscribe(
        self, socket: Socket, request: dict[str, Any], now_ms: int
    ) -> Iterator[Outgoing]:
        op, topics = str(request["op"]), request.get("args")
        why = self._why_not(socket, topics)
        if why:
            body = {"success": False, "ret_msg": why, "op": op}
            yield self._reply(socket, body, request)
            return
        assert isinstance(topics, list)
        if op == "unsubscribe":
            for topic in topics:
                socket.topics.pop(topic, None)
        else:
            socket.topics.update(dict.fromkeys(topics))
        yield self._control(socket, request, op, now_ms)
        if op == "subscribe" and socket.kind is SocketKind.PUBLIC:
            for topic in topics:
                yield self._ticker_frame(socket, topic, now_ms, kind="snapshot")

    def _why_not(self, socket: Socket, topics: object) -> str:
        """Why these topics cannot be had; "" if they can."""
        if not isinstance(topics, list) or not topics:
            return "Params Error"
        if socket.kind is SocketKind.PUBLIC:
            for topic in topics:
                base, _, symbol = str(topic).partition(".")
                if base != "tickers" or symbol not in self._venue.engine.instruments:
                    return f"error:handler not found,topic:{topic}"
            return ""
        if socket.key is None:
            return "Request not authorized"
        bases = [str(topic).removesuffix(f".{CATEGORY}") for topic in topics]
        for topic, base in zip(topics, bases, strict=True):
            if base not in TOPICS:
                return f"error:handler not found,topic:{topic}"
        # both forms of one request at once are refused
        if (
            0
            < sum(topic != base for topic, base in zip(topics, bases, strict=True))
            < (len(topics))
        ):
            return "error:all-in-one and categorised topics must not be mixed"
        return ""

    # order entry

    def _enter(self, socket: Socket, request: dict[str, Any], now_ms: int) -> Frame:
        op = str(request.get("op"))
        route = TRADE.get(op)
        body: dict[str, Any] = {"retCode": 0, "retMsg": "OK", "op": op, "data": {}}
        ext: object = {}
        reset_ms = None
        try:
            result = self._call(socket, request, route, now_ms)
            if isinstance(result, Batch):
                ext = {"list": result.codes}
                result = {"list": result.rows}
            body["data"] = result
        except ApiError as error:
            body |= {"retCode": error.code, "retMsg": error.text, "data": error.result}
            reset_ms = error.reset_ms
        body["retExtInfo"] = ext
        body["header"] = {"Traceid": f"{now_ms:032x}", "Timenow": str(now_ms)}
        if socket.key is not None and route is not None:
            told = self._venue.limits.headers(
                socket.key.account_id, route.operation, now_ms, reset_ms
            )
            body["header"] |= dict(told)
        return self._reply(socket, body, request)

    def _call(
        self,
        socket: Socket,
        request: dict[str, Any],
        route: Route | None,
        now_ms: int,
    ) -> object:
        venue = self._venue
        venue.limits.charge_frame(socket.peer, now_ms)
        if socket.key is None:
            raise ApiError(10003, "not logged in")
        if route is None:
            raise ApiError(10404)
        key = venue.keys.find(socket.key.key)
        name = request.get("reqId")
        if name is not None:
            if str(name) in socket.request_ids:
                raise ApiError(20006)
            socket.request_ids[str(name)] = None
            while len(socket.request_ids) > IDS_KEPT:
                del socket.request_ids[next(iter(socket.request_ids))]
        header, args = request.get("header"), request.get("args")
        if not isinstance(header, dict):
            raise ApiError(10001, "params error: header")
        if (
            not isinstance(args, list)
            or len(args) != 1
            or not isinstance(args[0], dict)
        ):
            raise ApiError(10001, "params error: args")
        deadline_ms = check_time(
            header.get("X-BAPI-TIMESTAMP"), header.get("X-BAPI-RECV-WINDOW"), now_ms
        )
        ask = Ask(
            venue=venue,
            params=Params(args[0]),
            now_ms=now_ms,
            key=key,
            deadline_ms=deadline_ms,
        )
        return carry_out(route, ask)

    # what the venue says

    def told(
        self, account_id: str, topic: str, row: dict[str, Any], now_ms: int
    ) -> Iterator[Frame]:
        """One row for every socket of the account that wants the topic."""
        number = row.get("seq", now_ms)
        for socket in self._open.values():
            if socket.key is None or socket.key.account_id != account_id:
                continue
            for name in (topic, f"{topic}.{CATEGORY}"):
                if name in socket.topics:
                    body = {
                        "id": f"{account_id}_{topic}_{number}",
                        "topic": name,
                        "creationTime": now_ms,
                        "data": [row],
                    }
                    yield Frame(
                        socket_id=socket.socket_id, text=dump(body), event=topic
                    )

    def tickers(self, symbol: str, now_ms: int) -> Iterator[Frame]:
        """A changed ticker for everybody who wants it."""
        topic = f"tickers.{symbol}"
        for socket in self._open.values():
            if socket.kind is SocketKind.PUBLIC and topic in socket.topics:
                yield self._ticker_frame(socket, topic, now_ms, kind="delta")

    def _ticker_frame(
        self, socket: Socket, topic: str, now_ms: int, *, kind: str
    ) -> Frame:
        symbol = topic.partition(".")[2]
        body = {
            "topic": topic,
            "type": kind,
            "data": ticker(self._venue, symbol),
            "cs": now_ms,
            "ts": now_ms,
        }
        return Frame(socket_id=socket.socket_id, text=dump(body), event="tickers")

    # time

    def idle(self, now_ms: int) -> Iterator[Outgoing]:
        """Connections that said nothing for too long are cut."""
        for socket in self._open.values():
            if now_ms - socket.heard_ms >= socket.idle_ms:
                socket.heard_ms = now_ms
                yield _hang_up(socket, "idle for too long")

    def next_idle_ms(self) -> int | None:
        """When the next connection is cut."""
        dues = (socket.heard_ms + socket.idle_ms for socket in self._open.values())
        return min(dues, default=None)


def carry_out(route: Route, ask: Ask) -> object:
    """One private call after its authentication: rights, limits, the call."""
    assert ask.key is not None, "private calls have a key"
    if route.trades and not ask.key.can_trade:
        raise ApiError(10005)
    units = 1
    if route.operation.endswith("-batch"):
        rows = ask.params.value("request")
        units = max(1, len(rows)) if isinstance(rows, list) else 1
    limits = ask.venue.limits
    ask.granted = limits.charge(ask.account_id, route.operation, units, ask.now_ms)
    return route.endpoint(ask)


def _hang_up(socket: Socket, reason: str) -> Hangup:
    return Hangup(socket_id=socket.socket_id, code=POLICY_VIOLATION, reason=reason)


def _parse(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _idle_ms(query: str) -> int:
    """``max_active_time=30s`` or ``1m``; 0 if it is not given."""
    text = Params.of_query(query).text("max_active_time") or ""
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in ("s", "m"):
        return 0
    return int(number) * {"s": 1000, "m": 60_000}[unit]


def canned_text(text: str, answer: Reply) -> str:
    """A fault's *answer* in the form that an order-entry request expects."""
    request = _parse(text)
    try:
        told = json.loads(answer.body)
        code, words = int(told["retCode"]), str(told["retMsg"])
    except (ValueError, KeyError, TypeError):
        code, words = 10016, "Server error."
    if answer.status == 429:
        code, words = 429, "Too many requests"
    answered = {"reqId": request.get("reqId"), "retCode": code, "retMsg": words}
    return dump({**answered, "op": request.get("op"), "data": {}, "retExtInfo": {}})
