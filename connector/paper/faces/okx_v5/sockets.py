"""Sockets: logins, subscriptions, who gets what, order entry by frame.

A heartbeat is the bare text ``ping``, answered ``pong``; a socket to which nothing
was sent for 30 s is cut. Channels of the account need a login; ``orders`` tells
nothing on subscribing, ``positions``, ``account`` and ``balance_and_position`` send
a snapshot first, the first two again every few seconds unless the client asks for
changes only. Conditional orders are told on the business socket alone.

Source: OKX API v5 docs, "WebSocket" (Connect, Login, Subscribe, Notification) and
the page of each channel, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.paper.faces import Call, Frame, SocketKind
from connector.paper.faces.okx_v5 import accounts, orders
from connector.paper.faces.okx_v5.apierrors import ApiError, dump
from connector.paper.faces.okx_v5.auth import ApiKey, check_login
from connector.paper.faces.okx_v5.context import WHOLE, Ask, Venue
from connector.paper.faces.okx_v5.render import Row

PUBLIC, PRIVATE, BUSINESS = "public", "private", "business"
_ONLY_ANSWERED = frozenset(("baseBal", "quoteBal"))
BASE = "/ws/v5/"
ORDER_ENTRY = "/ws/v5/private/orders"
"""Order entry is the private socket; under this address faults can tell it apart."""

CHANNELS: dict[str, str] = {
    "orders": PRIVATE,
    "positions": PRIVATE,
    "account": PRIVATE,
    "balance_and_position": PRIVATE,
    "liquidation-warning": PRIVATE,
    "fills": PRIVATE,
    "orders-algo": BUSINESS,
    "algo-advance": BUSINESS,
    "mark-price": PUBLIC,
    "tickers": PUBLIC,
    "status": PUBLIC,
    "instruments": PUBLIC,
}
NEED_TYPE = frozenset(
    ("orders", "positions", "liquidation-warning", "orders-algo", "algo-advance")
)
OPERATIONS: dict[str, Callable[[Ask], Row]] = {
    "order": orders.place,
    "batch-orders": orders.place_batch,
    "cancel-order": orders.cancel,
    "batch-cancel-orders": orders.cancel_batch,
    "amend-order": orders.amend,
    "batch-amend-orders": orders.amend_batch,
}
_SINGLE = frozenset(("order", "cancel-order", "amend-order"))


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One channel with its filters, as the client named them."""

    arg: dict[str, Any]
    next_push_ms: int | None = None

    @property
    def channel(self) -> str:
        """Its name."""
        return str(self.arg["channel"])

    def covers(self, symbol: str) -> bool:
        """Whether rows of *symbol* belong here."""
        family = symbol.removesuffix("-SWAP")
        return (
            self.arg.get("instType", "ANY") in ("ANY", "SWAP")
            and self.arg.get("instId", symbol) == symbol
            and self.arg.get("instFamily", family) == family
        )


@dataclass(slots=True, kw_only=True)
class Socket:
    """One connection: its path, its key once logged in, its subscriptions."""

    socket_id: int
    path: str
    kind: SocketKind
    peer: str
    connection_id: str
    sent_ms: int
    key: ApiKey | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


def is_socket_path(path: str) -> bool:
    """Whether *path* is one of the sockets."""
    parts = (BASE + PUBLIC, BASE + PRIVATE, BASE + BUSINESS, ORDER_ENTRY)
    return path in parts


class Sockets:
    """All open sockets of the venue; frames are collected in *out*."""

    def __init__(self, venue: Venue, out: list[Any]) -> None:
        self._venue = venue
        self._out = out
        self._sockets: dict[int, Socket] = {}

    # --- life ---

    def open(self, socket_id: int, call: Call, now_ms: int) -> Socket:
        """Register a socket by its address."""
        kind = SocketKind.PRIVATE
        if call.path == ORDER_ENTRY:
            kind = SocketKind.WS_API
        elif call.path == BASE + PUBLIC:
            kind = SocketKind.PUBLIC
        socket = Socket(
            socket_id=socket_id,
            path=call.path.removeprefix(BASE).partition("/")[0],
            kind=kind,
            peer=call.peer,
            connection_id=f"{self._venue.random.getrandbits(32):08x}",
            sent_ms=now_ms,
        )
        self._sockets[socket_id] = socket
        return socket

    def close(self, socket_id: int) -> None:
        """Forget a socket; unknown ids are ignored."""
        self._sockets.pop(socket_id, None)

    def all(self) -> list[Socket]:
        """Open sockets, oldest first."""
        return list(self._sockets.values())

    # --- in ---

    def text(self, socket_id: int, text: str, now_ms: int) -> None:
        """Take one frame of a client."""
        socket = self._sockets.get(socket_id)
        if socket is None:
            return
        if text == "ping":
            self._say(socket, "pong", "pong", now_ms)
            return
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or not isinstance(frame.get("op"), str):
            self._error(socket, ApiError(60012), {}, now_ms)
            return
        op = frame["op"]
        try:
            if op == "login":
                self._login(socket, frame, now_ms)
            elif op in ("subscribe", "unsubscribe"):
                self._subscribe(socket, frame, now_ms)
            elif op in OPERATIONS:
                self._order(socket, frame, now_ms)
            else:
                raise ApiError(60012)
        except ApiError as error:
            self._error(socket, error, frame, now_ms)

    def _args(self, frame: Mapping[str, Any]) -> list[dict[str, Any]]:
        args = frame.get("args")
        if not isinstance(args, list) or not args:
            raise ApiError(60012)
        if not all(isinstance(arg, dict) for arg in args):
            raise ApiError(60013)
        return args

    def _login(self, socket: Socket, frame: Mapping[str, Any], now_ms: int) -> None:
        self._venue.limits.charge_socket(socket.socket_id, now_ms)
        if socket.path == PUBLIC:
            raise ApiError(60018, "login")
        socket.key = check_login(self._venue.keys, self._args(frame)[0], now_ms)
        body = {"event": "login", "msg": "", "code": "0"}
        body["connId"] = socket.connection_id
        self._say(socket, dump(body), "login", now_ms)

    def _subscribe(self, socket: Socket, frame: dict[str, Any], now_ms: int) -> None:
        is_on = frame["op"] == "subscribe"
        self._venue.limits.charge_socket(socket.socket_id, now_ms)
        for arg in self._args(frame):
            try:
                self._check_channel(socket, arg)
            except ApiError as error:
                self._error(socket, error, frame, now_ms)
                continue
            name = dump(dict(sorted(arg.items())))
            if is_on:
                socket.subscriptions[name] = Subscription(arg=arg)
            else:
                socket.subscriptions.pop(name, None)
            body: Row = {"event": frame["op"], "arg": arg}
            if "id" in frame:
                body["id"] = str(frame["id"])
            body["connId"] = socket.connection_id
            self._say(socket, dump(body), str(frame["op"]), now_ms)
            if is_on:
                self._begin(socket, socket.subscriptions[name], now_ms)

    def _check_channel(self, socket: Socket, arg: Mapping[str, Any]) -> None:
        channel = str(arg.get("channel", ""))
        if CHANNELS.get(channel) != socket.path:
            raise ApiError(60018, f"channel:{channel}")
        if socket.path != PUBLIC and socket.key is None:
            raise ApiError(60011)
        if channel in NEED_TYPE and not arg.get("instType"):
            raise ApiError(60013)
        if channel == "fills" and not self._venue.config.has_fast_fills:
            raise ApiError(64003)

    def _order(self, socket: Socket, frame: dict[str, Any], now_ms: int) -> None:
        op = str(frame["op"])
        head = {"id": str(frame.get("id", "")), "op": op}
        try:
            if socket.path != PRIVATE:
                raise ApiError(60018, op)
            if socket.key is None:
                raise ApiError(60011)
            if not head["id"].isalnum() or len(head["id"]) > 32:
                raise ApiError(60013)
            args = self._args(frame)
            ask = Ask(
                venue=self._venue,
                now_ms=now_ms,
                peer=socket.peer,
                body=args[0] if op in _SINGLE else args,
                key=socket.key,
                expires_ms=expiry_of(frame.get("expTime")),
                by_frame=True,
            )
            answer = OPERATIONS[op](ask)
        except ApiError as error:
            code = str(error.code)
            answer = {"code": code, "msg": error.text, "data": []}
        self._say(socket, dump(head | answer), "reply", now_ms)

    # --- out ---

    def _say(self, socket: Socket, text: str, event: str, now_ms: int) -> None:
        socket.sent_ms = now_ms
        self._out.append(Frame(socket_id=socket.socket_id, text=text, event=event))

    def _error(
        self, socket: Socket, error: ApiError, frame: Mapping[str, Any], now_ms: int
    ) -> None:
        body = {"event": "error", "code": str(error.code), "msg": error.text}
        if "id" in frame:
            body["id"] = str(frame["id"])
        body["connId"] = socket.connection_id
        self._say(socket, dump(body), "error", now_ms)

    def notice(self, socket: Socket, body: Row, now_ms: int) -> None:
        """Say something about the connection."""
        whole = dump({**body, "connId": socket.connection_id})
        self._say(socket, whole, str(body["event"]), now_ms)

    def tell(
        self, account_id: str, channel: str, symbol: str, row: Row, now_ms: int
    ) -> None:
        """A row of *symbol* ("" for none) for every subscription that covers it."""
        for socket, one in self._subscribed(channel):
            is_ours = socket.key is not None and socket.key.account_id == account_id
            if is_ours and (not symbol or one.covers(symbol)):
                self._push(socket, one, [row], now_ms)

    def tell_public(self, channel: str, symbol: str, row: Row, now_ms: int) -> None:
        """A public row for everybody who subscribed to it."""
        for socket, one in self._subscribed(channel):
            if one.covers(symbol):
                self._push(socket, one, [row], now_ms)

    def listens(self, account_id: str, channel: str) -> bool:
        """Whether anybody of *account_id* subscribed to *channel*."""
        return any(
            socket.key is not None and socket.key.account_id == account_id
            for socket, _ in self._subscribed(channel)
        )

    def _subscribed(self, channel: str) -> Iterable[tuple[Socket, Subscription]]:
        for socket in self._sockets.values():
            for one in socket.subscriptions.values():
                if one.channel == channel:
                    yield socket, one

    def _push(
        self,
        socket: Socket,
        one: Subscription,
        rows: list[Row],
        now_ms: int,
        **more: object,
    ) -> None:
        arg = {name: v for name, v in one.arg.items() if name != "extraParams"}
        if socket.key is not None and socket.path != PUBLIC:
            arg["uid"] = self._venue.uid(socket.key.account_id)
        if one.channel == "positions":
            rows = [_pushed_position(row, now_ms) for row in rows]
        if one.channel in ("positions", "account") and not more:
            more = {"eventType": "event_update"}
        body = {"arg": arg, **more, "data": rows}
        self._say(socket, dump(body), one.channel, now_ms)

    # --- snapshots and regular pushes ---

    def _begin(self, socket: Socket, one: Subscription, now_ms: int) -> None:
        if one.channel not in ("positions", "account", "balance_and_position"):
            return
        self._snapshot(socket, one, now_ms)
        params = one.arg.get("extraParams", "")
        is_on_change = "0" in str(params) and '"updateInterval"' in str(params)
        if one.channel != "balance_and_position" and not is_on_change:
            one.next_push_ms = now_ms + self._venue.config.push_every_ms

    def _snapshot(self, socket: Socket, one: Subscription, now_ms: int) -> None:
        assert socket.key is not None, "channels of the account need a login"
        account_id, engine = socket.key.account_id, self._venue.engine
        paged = {"eventType": "snapshot", "curPage": 1, "lastPage": True}
        if one.channel == "account":
            ccy = str(one.arg.get("ccy", ""))
            row = accounts.account_row(self._venue, engine, account_id, ccy)
            self._push(socket, one, [row], now_ms, **paged)
            return
        rows = accounts.position_rows(self._venue, engine, account_id)
        if one.channel == "positions":
            kept = [row for row in rows if one.covers(row["instId"])]
            self._push(socket, one, kept, now_ms, **paged)
            return
        wallets = [
            (asset.asset, asset.wallet, asset.updated_ms)
            for asset in engine.account(account_id).assets
            if asset.wallet
        ]
        row = accounts.delta_row(wallets, "snapshot", rows, now_ms)
        self._push(socket, one, [row], now_ms)

    def clock_stepped(self, by_ms: int) -> None:
        """Silence and regular pushes are measured, not read off the clock."""
        for socket in self._sockets.values():
            socket.sent_ms += by_ms
            for one in socket.subscriptions.values():
                if one.next_push_ms is not None:
                    one.next_push_ms += by_ms

    def push_due(self, now_ms: int) -> None:
        """Regular pushes whose time has come."""
        for socket in self._sockets.values():
            for one in socket.subscriptions.values():
                if one.next_push_ms is not None and one.next_push_ms <= now_ms:
                    one.next_push_ms = now_ms + self._venue.config.push_every_ms
                    self._snapshot(socket, one, now_ms)

    def next_due_ms(self) -> int | None:
        """When a regular push or a silent socket's end is due."""
        dues = [s.sent_ms + self._venue.config.idle_ms for s in self._sockets.values()]
        dues += [
            one.next_push_ms
            for socket in self._sockets.values()
            for one in socket.subscriptions.values()
            if one.next_push_ms is not None
        ]
        return min(dues, default=None)


def _pushed_position(row: Row, now_ms: int) -> Row:
    """What is pushed differs from answers in three fields."""
    kept = {name: v for name, v in row.items() if name not in _ONLY_ANSWERED}
    return kept | {"pTime": str(now_ms)}


def expiry_of(value: object) -> int | None:
    """``expTime`` in ms; raises 51000."""
    if value in (None, ""):
        return None
    text = str(value)
    if not WHOLE.fullmatch(text):
        raise ApiError(51000, "expTime")
    return int(text)
