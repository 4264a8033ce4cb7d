"""The Binance USDⓈ-M futures protocol over the simulated venue."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces import (
    Admission,
    Call,
    Hangup,
    Outgoing,
    Paths,
    Ping,
    Reply,
    SocketKind,
)
from connector.paper.faces.asking import steer
from connector.paper.faces.binance_usdm import ws_api
from connector.paper.faces.binance_usdm.apierrors import ApiError, missing
from connector.paper.faces.binance_usdm.auth import (
    ApiKey,
    KeyRing,
    check_time,
    rest_payload,
)
from connector.paper.faces.binance_usdm.context import Ask, FaceConfig, Venue
from connector.paper.faces.binance_usdm.endpoints import (
    OTHER_HOST,
    REST,
    Route,
    Security,
)
from connector.paper.faces.binance_usdm.events import listen_key_expired, stream_event
from connector.paper.faces.binance_usdm.limits import Limits
from connector.paper.faces.binance_usdm.params import Params
from connector.paper.faces.binance_usdm.presets import PRESETS
from connector.paper.faces.binance_usdm.public import PublicStreams
from connector.paper.faces.binance_usdm.render import Renderer
from connector.paper.faces.binance_usdm.streams import Streams, dump, is_stream_path
from connector.paper.faces.replica import Replica
from connector.paper.faces.windows import exceedance_rows
from connector.paper.types import AccountEvent, MarkEvent
from connector.paper.words import AccountReason, MarginType, PositionSide

POLICY_VIOLATION = 1008
GOING_AWAY = 1001
NOT_FOUND = Reply(
    status=404,
    body=b"<html><body>404 Not Found</body></html>",
    content_type="text/html",
)


@dataclass(slots=True)
class _Alive:
    """When a socket was opened and pinged, and since when a pong is overdue."""

    peer: str
    opened_ms: int
    pinged_ms: int
    unanswered_ms: int | None = None
    is_leaving: bool = False


class BinanceUsdm:
    """A face over one machine; see ``connector.paper.faces.Face`` for the calls."""

    venue = "binance-usdm"
    presets = PRESETS
    paths = Paths(ws_api=ws_api.PATH)
    order_entry = (("POST", "/fapi/v1/order"), ("WS", "order.place"))

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
            keys=KeyRing(keys),
            limits=Limits(config.limits),
            streams=Streams(
                source,
                config.listen_key_life_ms,
                config.limits.streams_max,
                serves_unrouted=config.serves_unrouted,
            ),
            renderer=Renderer(engine.instruments),
            replica=Replica(engine),
            random=source,
        )
        self._entry = ws_api.OrderEntry(self.state)
        self._public = PublicStreams(self.state)
        self._alive: dict[int, _Alive] = {}

    @property
    def engine(self) -> Engine:
        """The machine behind this face."""
        return self.state.engine

    def claims(self, path: str) -> bool:
        """REST, streams and order entry of this venue."""
        own = ("/fapi/", "/sapi/", ws_api.PATH)
        return path.startswith(own) or is_stream_path(path)

    # REST

    def http(self, call: Call, now_ms: int) -> Reply:
        """Answer one REST call, with the headers of the limits it used."""
        route = REST.get((call.method, call.path))
        if route is None:
            return NOT_FOUND
        is_ours = (call.method, call.path) not in OTHER_HOST
        account_id = None
        try:
            params = Params.of_rest(call.query, call.body)
            if is_ours:
                cost = route.cost(has_symbol=params.text("symbol") is not None)
                self.state.limits.charge_weight(call.peer, cost, now_ms)
            ask = self._authenticate(route, call, params, now_ms)
            if route.is_order:
                account_id = ask.account_id
                self.state.limits.charge_orders(
                    account_id, route.orders_10s, route.orders_1m, now_ms
                )
            body = dump(route.endpoint(ask)).encode()
            reply = Reply(status=200, body=body)
        except ApiError as error:
            reply = error.reply()
        headers = reply.headers
        if is_ours and route.weight == 0 and self.state.config.hides_weight:
            headers += (("X-MBX-USED-WEIGHT-1M", "-1"),)
        elif is_ours:
            headers += (self.state.limits.weight_header(call.peer, now_ms),)
        if account_id is not None:
            headers += self.state.limits.order_headers(account_id, now_ms)
        return Reply(status=reply.status, body=reply.body, headers=headers)

    def _authenticate(
        self, route: Route, call: Call, params: Params, now_ms: int
    ) -> Ask:
        ask = Ask(venue=self.state, params=params, now_ms=now_ms, peer=call.peer)
        if route.security is Security.NONE:
            return ask
        ask.key = self.state.keys.find(call.headers.get("x-mbx-apikey"))
        if route.security is Security.KEY:
            return ask
        payload, signature = rest_payload(call.query, call.body)
        if not signature:
            raise missing("signature")
        timestamp = params.need("timestamp")
        ask.deadline_ms = check_time(timestamp, params.text("recvWindow"), now_ms)
        if not ask.key.signs(payload, signature):
            raise ApiError(-1022)
        ask.key.check(is_trade=route.security is Security.TRADE)
        return ask

    # sockets

    def open_socket(self, socket_id: int, call: Call, now_ms: int) -> Admission | Reply:
        """Admit a stream or an order-entry connection."""
        if call.path.startswith(ws_api.PATH):
            try:
                self._entry.open(socket_id, call, now_ms)
            except ApiError as error:
                return error.reply()
            kind = SocketKind.WS_API
        elif is_stream_path(call.path):
            kind = self.state.streams.open(call, socket_id).kind
        else:
            return NOT_FOUND
        self._alive[socket_id] = _Alive(call.peer, now_ms, now_ms)
        return Admission(kind=kind)

    def close_socket(self, socket_id: int, now_ms: int) -> None:
        """Forget a connection."""
        self._entry.close(socket_id)
        self.state.streams.close(socket_id)
        self.state.limits.forget_socket(socket_id)
        self._alive.pop(socket_id, None)

    def text_received(self, socket_id: int, text: str, now_ms: int) -> None:
        """A request of order entry, or a subscription of a stream."""
        if self._entry.owns(socket_id):
            self.outbox.append(self._entry.answer(socket_id, text, now_ms))
            return
        socket = self.state.streams.find(socket_id)
        if socket is None:
            return
        if self._is_within(socket_id, now_ms, is_control=False):
            self.outbox.append(self.state.streams.answer(socket, text))

    def _is_within(self, socket_id: int, now_ms: int, *, is_control: bool) -> bool:
        """Count a frame; a socket that sends too many is cut off.

        Streams count every frame alike, order entry counts control frames only.
        """
        config = self.state.config.limits
        name, allowed = "INBOUND", config.inbound_1s
        if is_control and self._entry.owns(socket_id):
            name, allowed = "CONTROL", config.control_frames_1s
        if self.state.limits.charge_socket(socket_id, name, allowed, now_ms):
            return True
        alive = self._alive.get(socket_id)
        if alive is not None and not alive.is_leaving:
            alive.is_leaving = True
            self.state.limits.note_flood(alive.peer, now_ms)
            self._hang_up(socket_id, POLICY_VIOLATION, "Too many requests")
        return False

    def canned_text(self, text: str, answer: Reply) -> str:
        """A fault's answer to an order-entry request."""
        return ws_api.canned_text(text, answer)

    def ping_received(self, socket_id: int, *, is_pong: bool, now_ms: int) -> None:
        """Count control frames, remember pongs."""
        alive = self._alive.get(socket_id)
        if alive is None:
            return
        if is_pong:
            alive.unanswered_ms = None
        self._is_within(socket_id, now_ms, is_control=True)

    def _hang_up(self, socket_id: int, code: int, reason: str) -> None:
        self.outbox.append(Hangup(socket_id=socket_id, code=code, reason=reason))

    # time

    def clock_stepped(self, by_ms: int) -> None:
        """Limits count by a clock of their own."""
        self.state.limits.clock_stepped(by_ms)

    def on_time(self, now_ms: int) -> None:
        """Advance the machine, tell what happened, keep the sockets' rules."""
        engine = self.state.engine
        engine.advance(max(now_ms, engine.now_ms))
        marks: list[MarkEvent] = []
        events = engine.drain()
        for event in events:
            if isinstance(event, MarkEvent):
                marks.append(event)
                continue
            if isinstance(event, AccountEvent):
                event = self._with_hedge_rows(event)
            payload = stream_event(event, self.state.renderer, now_ms)
            if payload is not None:
                self.outbox += self.state.streams.account_frames(
                    event.account_id, payload, now_ms
                )
        self.outbox += self._public.frames(marks, now_ms)
        self.outbox += self.state.streams.expired_frames(now_ms, listen_key_expired)
        self._keep_alive(now_ms)
        if events:
            self.state.replica.remember(now_ms, is_urgent=len(events) > len(marks))

    def _with_hedge_rows(self, event: AccountEvent) -> AccountEvent:
        """A change on LONG or SHORT also tells BOTH and the symbol's isolated rows."""
        told = {(row.symbol, row.position_side) for row in event.positions}
        symbols = {symbol for symbol, side in told if side is not PositionSide.BOTH}
        if event.reason is not AccountReason.ORDER or not symbols:
            return event
        more = [
            row
            for symbol in sorted(symbols)
            for row in self.state.engine.positions(
                event.account_id, symbol, all_rows=True
            )
            if (symbol, row.position_side) not in told
            and (
                row.position_side is PositionSide.BOTH
                or row.margin_type is MarginType.ISOLATED
            )
        ]
        return replace(event, positions=(*event.positions, *more))

    def _keep_alive(self, now_ms: int) -> None:
        config = self.state.config
        for socket_id, alive in self._alive.items():
            since = alive.unanswered_ms
            if now_ms - alive.opened_ms >= config.socket_life_ms:
                alive.opened_ms = now_ms
                self._hang_up(socket_id, GOING_AWAY, "24 h are over")
            elif since is not None and now_ms - since >= config.pong_within_ms:
                alive.unanswered_ms = None
                self._hang_up(socket_id, POLICY_VIOLATION, "Pong timeout")
            elif now_ms - alive.pinged_ms >= config.ping_every_ms:
                alive.pinged_ms = now_ms
                if since is None:
                    alive.unanswered_ms = now_ms
                ping = Ping(socket_id=socket_id, payload=str(now_ms).encode())
                self.outbox.append(ping)

    def next_due_ms(self) -> int | None:
        """When the machine, a listen key or a socket needs time to pass."""
        config = self.state.config
        dues = [
            alive.pinged_ms + config.ping_every_ms for alive in self._alive.values()
        ]
        dues += [
            due
            for due in (
                self.state.engine.next_timer_ms(),
                self.state.streams.next_expiry_ms(),
            )
            if due is not None
        ]
        return min(dues, default=None)

    # control

    def command(
        self, name: str, args: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        """Faults of this venue: listen keys, API keys, bans, stale reads.

        ``expire_key`` and ``delete_key`` end the listen key of *account* with and
        without its farewell; ``revoke_api_key`` takes *key*; ``ban`` takes *peer*
        and *ms*; ``read_lag`` and ``matching_delay`` take *ms*; ``exceedances``
        lists what went above a limit. Raises KeyError for another name.
        """
        account_id = str(args.get("account", "main"))
        keys = self.state.streams.keys_of(account_id)
        match name:
            case "expire_key":
                keys.expires_ms = now_ms
                self.outbox += self.state.streams.expired_frames(
                    now_ms, listen_key_expired
                )
            case "delete_key":
                keys.close()
            case "revoke_api_key":
                self.state.keys.revoke(str(args["key"]))
            case "ban":
                until_ms = now_ms + int(args.get("ms", 120_000))
                self.state.limits.ban(str(args.get("peer", "127.0.0.1")), until_ms)
            case "exceedances":
                return exceedance_rows(self.state.limits.exceedances)
            case _:
                steer(self.state, name, args, now_ms)
        return {}
