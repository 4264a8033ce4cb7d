"""The Deribit protocol over the simulated venue."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces import (
    Admission,
    Call,
    Frame,
    Hangup,
    Outgoing,
    Paths,
    Reply,
    SocketKind,
)
from connector.paper.faces.asking import steer
from connector.paper.faces.deribit import rows, rpc
from connector.paper.faces.deribit.auth import ApiKey, KeyRing, grants
from connector.paper.faces.deribit.context import Ask, FaceConfig, Venue, kind_of
from connector.paper.faces.deribit.credits import Credits
from connector.paper.faces.deribit.methods import METHODS, Method
from connector.paper.faces.deribit.presets import PRESETS
from connector.paper.faces.deribit.public import ticker_row
from connector.paper.faces.deribit.rpc import Envelope, RpcError, RpcRequest
from connector.paper.faces.deribit.streams import SILENCE_MS, Socket, Streams
from connector.paper.faces.replica import Replica
from connector.paper.faces.windows import exceedance_rows
from connector.paper.types import (
    AccountEvent,
    ConditionalEvent,
    Event,
    MarkEvent,
    OrderEvent,
    Position,
)

SOCKET_PATH = "/ws/api/v2"
_KINDS = {
    SOCKET_PATH: SocketKind.PRIVATE,
    f"{SOCKET_PATH}/public": SocketKind.PUBLIC,
    f"{SOCKET_PATH}/orders": SocketKind.WS_API,
}
"""One address at the real venue; here what comes behind it tells faults what the
socket is for."""


class Deribit:
    """A face over one machine; see ``connector.paper.faces.Face`` for the calls."""

    venue = "deribit"
    presets = PRESETS

    def __init__(
        self,
        engine: Engine,
        keys: tuple[ApiKey, ...],
        *,
        seed: int = 0,
        config: FaceConfig | None = None,
    ) -> None:
        config = FaceConfig() if config is None else config
        source = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.outbox: list[Outgoing] = []
        self.state = Venue(
            engine=engine,
            config=config,
            keys=KeyRing(
                {key.client_id: key for key in keys},
                source,
                config.token_life_s,
                config.is_gateway,
            ),
            credits=Credits(config.credits),
            streams=Streams(SILENCE_MS if config.is_gateway else 0),
            random=source,
            replica=Replica(engine),
        )
        self._moved: dict[tuple[str, str], Position] = {}

    @property
    def engine(self) -> Engine:
        """The machine behind this face."""
        return self.state.engine

    def claims(self, path: str) -> bool:
        """REST and sockets of this venue."""
        return path.startswith((rpc.ROOT, SOCKET_PATH))

    @property
    def paths(self) -> Paths:
        """REST begins at the root; all sockets share one address at the venue."""
        stream, public, orders = _KINDS
        return Paths(stream=stream, public=public, ws_api=orders)

    @property
    def order_entry(self) -> tuple[tuple[str, str], ...]:
        """However orders are entered."""
        return (
            ("POST", "/private/buy"),
            ("POST", "/private/sell"),
            ("WS", "private/buy"),
            ("WS", "private/sell"),
        )

    # HTTP

    def http(self, call: Call, now_ms: int) -> Reply:
        """Answer one call; errors are 400, as the venue answers them."""
        asked: RpcRequest | None = None
        try:
            asked = rpc.of_call(call)
            method = self._method(asked.method)
            key, scope = self.state.keys.of_http(call, asked.params, now_ms)
            ask = Ask(
                venue=self.state,
                params=asked.params,
                now_ms=now_ms,
                key=key,
                scope=scope,
            )
            owner = key.account_id if key is not None else f"ip-{call.peer}"
            if not self.state.credits.charge(owner, asked.method, now_ms):
                raise RpcError(10028)
            envelope = Envelope(
                id=asked.id, now_ms=now_ms, result=self._run(method, ask)
            )
        except RpcError as error:
            name = None if asked is None else asked.id
            envelope = Envelope(id=name, now_ms=now_ms, error=error)
        status = 200 if envelope.error is None else 400
        return Reply(status=status, body=envelope.text().encode())

    def _method(self, name: str) -> Method:
        method = METHODS.get(name)
        if method is None:
            raise RpcError(-32601)
        return method

    def _run(self, method: Method, ask: Ask) -> object:
        if method.need:
            if ask.key is None:
                raise RpcError(13009)
            if not grants(ask.scope.split(), method.need):
                about = {"reason": "insufficient_scope", "scope": method.need}
                raise RpcError(13021, data=about)
        return method.endpoint(ask)

    # sockets

    def open_socket(self, socket_id: int, call: Call, now_ms: int) -> Admission | Reply:
        """Admit a connection."""
        kind = _KINDS.get(call.path.rstrip("/"))
        if kind is None:
            return Reply(status=404, body=b"")
        self.state.streams.open(socket_id, call.peer, now_ms)
        return Admission(kind=kind)

    def close_socket(self, socket_id: int, now_ms: int) -> None:
        """Forget a connection; its orders end with it if they were protected."""
        state = self.state
        socket = state.streams.close(socket_id)
        if socket is None:
            return
        if not socket.said_goodbye and socket.account_id is not None:
            is_protected = (
                socket_id in state.protected_sockets
                or socket.account_id in state.protected_accounts
            )
            if is_protected:
                self._cancel_orders_of(socket, now_ms)
        state.protected_sockets.discard(socket_id)
        state.keys.forget_socket(socket_id)

    def _cancel_orders_of(self, socket: Socket, now_ms: int) -> None:
        engine, account_id = self.engine, socket.account_id
        assert account_id is not None, "nobody signed in"
        for order in engine.open_orders(account_id):
            if self.state.origins.get(order.order_id) == socket.socket_id:
                engine.cancel(
                    account_id,
                    order.symbol,
                    order.order_id,
                    is_disconnect=True,
                    now_ms=max(now_ms, engine.now_ms),
                )
        for item in engine.open_conditionals(account_id):
            made_by = self.state.waiting_origins.get(item.conditional_id)
            if made_by == socket.socket_id:
                engine.cancel_conditional(
                    account_id, item.conditional_id, now_ms=max(now_ms, engine.now_ms)
                )

    def text_received(self, socket_id: int, text: str, now_ms: int) -> None:
        """Answer one request of a socket."""
        socket = self.state.streams.sockets.get(socket_id)
        if socket is None:
            return
        socket.heard_ms = now_ms
        asked: RpcRequest | None = None
        try:
            asked = rpc.of_text(text)
            if asked.method == "private/logout":
                self._log_out(socket, asked)
                return
            envelope = Envelope(
                id=asked.id,
                now_ms=now_ms,
                result=self._answer(socket, asked, now_ms),
            )
        except RpcError as error:
            name = None if asked is None else asked.id
            envelope = Envelope(id=name, now_ms=now_ms, error=error)
        self._say(socket_id, envelope.text(), "reply")
        if envelope.error is not None and envelope.error.code == 10028:
            self._hang_up(socket_id, 1008, "too_many_requests")

    def _answer(self, socket: Socket, asked: RpcRequest, now_ms: int) -> object:
        method = self._method(asked.method)
        state = self.state
        token = socket.token
        access = asked.params.text("access_token")
        if access is not None:
            token = state.keys.of_token(access, now_ms, socket.socket_id)
        elif token is not None and method.need:
            token = state.keys.of_token(token.access, now_ms, socket.socket_id)
        owner = f"ip-{socket.peer}" if token is None else token.key.account_id
        if not state.credits.charge(owner, asked.method, now_ms):
            raise RpcError(10028)
        ask = Ask(
            venue=state,
            params=asked.params,
            now_ms=now_ms,
            socket_id=socket.socket_id,
            key=None if token is None else token.key,
            scope="" if token is None else token.scope,
        )
        return self._run(method, ask)

    def _log_out(self, socket: Socket, asked: RpcRequest) -> None:
        """No answer; the socket closes and takes no order along."""
        socket.said_goodbye = True
        if socket.token is not None and asked.params.truth(
            "invalidate_token", default=True
        ):
            self.state.keys.end(socket.token)
        self._hang_up(socket.socket_id, 1000, "logout")

    def canned_text(self, text: str, answer: Reply) -> str:
        """A fault's *answer* to a request of a socket."""
        try:
            asked = json.loads(text)
            told = json.loads(answer.body)
        except ValueError:
            return answer.body.decode("utf-8", "replace")
        if isinstance(told, dict) and isinstance(asked, dict):
            told["id"] = asked.get("id")
        return rpc.dump(told)

    def ping_received(self, socket_id: int, *, is_pong: bool, now_ms: int) -> None:
        """Pings at the protocol level are answered by the server and mean nothing."""

    def _say(self, socket_id: int, text: str, event: str) -> None:
        self.outbox.append(Frame(socket_id=socket_id, text=text, event=event))

    def _hang_up(self, socket_id: int, code: int, reason: str) -> None:
        self.outbox.append(Hangup(socket_id=socket_id, code=code, reason=reason))

    # time

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set: what is due at a distance stays so far away."""
        for socket in self.state.streams.sockets.values():
            socket.beaten_ms += by_ms
            socket.heard_ms += by_ms
        self.state.credits.clock_stepped(by_ms)

    def on_time(self, now_ms: int) -> None:
        """Advance the machine, tell what happened, beat."""
        engine = self.engine
        engine.advance(max(now_ms, engine.now_ms))
        events = engine.drain()
        touched: dict[tuple[str, str], None] = {}
        marks: list[MarkEvent] = []
        for event in events:
            if isinstance(event, MarkEvent):
                marks.append(event)
            else:
                self._tell(event, touched)
        self._tell_left_over()
        for at_ms, symbol, word in engine.drain_states():
            self._tell_state(at_ms, symbol, word)
        self._touch_holders(marks, touched)
        for account_id, asset in touched:
            self._tell_portfolio(account_id, asset)
        self._tell_marks(marks)
        self.outbox += self.state.streams.beat(now_ms)
        if events:
            self.state.replica.remember(now_ms, is_urgent=len(events) > len(marks))

    def _touch_holders(
        self, marks: list[MarkEvent], touched: dict[tuple[str, str], None]
    ) -> None:
        """Sums of a currency follow the marks of what is held in it."""
        names = {
            socket.account_id: None
            for socket in self.state.streams.sockets.values()
            if socket.account_id is not None
        }
        for event in marks:
            for account_id in names:
                if self.engine.holds(account_id, event.symbol):
                    settle = self.engine.instruments[event.symbol].settle
                    touched[account_id, settle] = None

    def _tell(self, event: Event, touched: dict[tuple[str, str], None]) -> None:
        match event:
            case AccountEvent(account_id=account_id):
                for change in event.balances:
                    touched[account_id, change.asset] = None
                for row in event.positions:
                    self._moved[account_id, row.symbol] = row
            case OrderEvent(account_id=account_id, order=order):
                instrument = self.engine.instruments[order.symbol]
                row_of_order = rows.order_row(order, instrument)
                trades, positions = [], []
                if event.fill is not None:
                    quote = self.engine.quote(order.symbol)
                    trades.append(
                        rows.trade_row(
                            event.fill,
                            instrument,
                            mark=quote.mark,
                            index=quote.index,
                            state=row_of_order["order_state"],
                        )
                    )
                    held = self._moved.pop((account_id, order.symbol), None)
                    if held is not None:
                        positions.append(rows.position_row(held, self.engine))
                self._tell_changes(
                    account_id, order.symbol, trades, [row_of_order], positions
                )
                touched[account_id, instrument.settle] = None
            case ConditionalEvent(account_id=account_id, conditional=item):
                if item.status.value == "FINISHED":
                    return
                instrument = self.engine.instruments[item.symbol]
                waiting = rows.waiting_row(item, instrument)
                self._tell_changes(account_id, item.symbol, [], [waiting], [])
            case _:
                pass

    def _tell_left_over(self) -> None:
        """Positions that moved without a trade: settled, delivered."""
        moved, self._moved = self._moved, {}
        for (account_id, symbol), held in moved.items():
            told = rows.position_row(held, self.engine)
            self._tell_changes(account_id, symbol, [], [], [told])

    def _tell_changes(
        self,
        account_id: str,
        symbol: str,
        trades: list[dict[str, Any]],
        orders: list[dict[str, Any]],
        positions: list[dict[str, Any]],
    ) -> None:
        streams, kind = self.state.streams, kind_of(self.engine.instruments[symbol])
        for row in orders:
            self.outbox += streams.account_frames(
                account_id, "orders", symbol, kind, row
            )
        if trades:
            self.outbox += streams.account_frames(
                account_id, "trades", symbol, kind, trades
            )
        whole = {
            "instrument_name": symbol,
            "trades": trades,
            "orders": orders,
            "positions": positions,
        }
        self.outbox += streams.account_frames(
            account_id, "changes", symbol, kind, whole
        )

    def _tell_state(self, at_ms: int, symbol: str, word: str) -> None:
        data: dict[str, object] = {
            "timestamp": at_ms,
            "state": word,
            "instrument_name": symbol,
        }
        kind = kind_of(self.engine.instruments[symbol])
        self.outbox += self.state.streams.state_frames(symbol, kind, data)

    def _tell_portfolio(self, account_id: str, asset: str) -> None:
        is_cross = self.state.config.is_cross
        for name, data in rows.summaries(
            self.engine, account_id, is_cross=is_cross
        ).items():
            if is_cross or name == asset:
                self.outbox += self.state.streams.portfolio_frames(
                    account_id, name, data
                )

    def _tell_marks(self, marks: list[MarkEvent]) -> None:
        moved = {event.symbol for event in marks}
        if not moved:
            return
        for channel, symbol in self.state.streams.wanted_tickers().items():
            if symbol in moved:
                data = ticker_row(self.engine, symbol)
                self.outbox += self.state.streams.public_frames(channel, data, "ticker")

    def next_due_ms(self) -> int | None:
        """When the machine or a socket needs time to pass."""
        dues = [self.engine.next_timer_ms()]
        beat_ms = self.state.streams.next_beat_ms()
        if beat_ms is not None:
            dues.append(beat_ms)
        return min(dues)

    # control

    def command(
        self, name: str, args: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        """Faults of this venue.

        ``expire_tokens`` ends every access token, ``revoke_api_key`` a *key*;
        ``maintenance`` (*on*) and ``lock`` (*on*) are announced; ``settle_day`` runs
        the daily settlement; ``read_lag`` and ``matching_delay`` take *ms*;
        ``exceedances`` lists who found a pool empty. Raises KeyError for another
        name.
        """
        state = self.state
        match name:
            case "expire_tokens":
                for token in state.keys.tokens.values():
                    token.expires_ms = min(token.expires_ms, now_ms)
            case "revoke_api_key":
                state.keys.revoked.add(str(args["key"]))
            case "maintenance":
                data: dict[str, object] = {"maintenance": bool(args.get("on", True))}
                self.outbox += state.streams.public_frames(
                    "platform_state", data, "platform_state"
                )
            case "lock":
                data = {"currency": "ALL", "locked": bool(args.get("on", True))}
                self.outbox += state.streams.public_frames(
                    "user.lock", data, "user.lock"
                )
            case "settle_day":
                self.engine.settle_day(now_ms=max(now_ms, self.engine.now_ms))
            case "exceedances":
                return exceedance_rows(state.credits.exceedances)
            case _:
                steer(state, name, args, now_ms)
        return {}
