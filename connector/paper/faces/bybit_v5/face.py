"""The Bybit v5 protocol (linear contracts) over the simulated venue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces import Admission, Call, Outgoing, Paths, Reply
from connector.paper.faces.asking import steer
from connector.paper.faces.bybit_v5.apierrors import (
    ApiError,
    PageError,
    dump,
    envelope,
)
from connector.paper.faces.bybit_v5.auth import ApiKey, KeyRing, authenticate
from connector.paper.faces.bybit_v5.context import Ask, FaceConfig, Params, Venue
from connector.paper.faces.bybit_v5.endpoints import REST, Route
from connector.paper.faces.bybit_v5.events import Teller
from connector.paper.faces.bybit_v5.limits import BAN_MS, Limits
from connector.paper.faces.bybit_v5.orders import Batch
from connector.paper.faces.bybit_v5.presets import PRESETS
from connector.paper.faces.bybit_v5.render import Renderer
from connector.paper.faces.bybit_v5.sockets import (
    PRIVATE_PATH,
    PUBLIC_PATH,
    TRADE_PATH,
    Sockets,
    canned_text,
    carry_out,
    kind_of,
)
from connector.paper.faces.replica import Replica
from connector.paper.faces.windows import exceedance_rows
from connector.paper.types import MarkEvent

NOT_FOUND = Reply(status=404, body=b"404 page not found", content_type="text/plain")


class BybitV5:
    """A face over one machine; see ``connector.paper.faces.Face`` for the calls."""

    venue = "bybit-v5"
    presets = PRESETS
    paths = Paths(stream=PRIVATE_PATH, public=f"{PUBLIC_PATH}linear", ws_api=TRADE_PATH)
    order_entry = (("POST", "/v5/order/create"), ("WS", '"order.create"'))

    def __init__(
        self,
        engine: Engine,
        keys: tuple[ApiKey, ...],
        *,
        config: FaceConfig | None = None,
    ) -> None:
        config = FaceConfig() if config is None else config
        self.outbox: list[Outgoing] = []
        self.state = Venue(
            engine=engine,
            config=config,
            keys=KeyRing(keys),
            limits=Limits(config.limits),
            renderer=Renderer(engine.instruments),
            replica=Replica(engine),
        )
        self._sockets = Sockets(self.state)
        self._teller = Teller(self.state)

    @property
    def engine(self) -> Engine:
        """The machine behind this face."""
        return self.state.engine

    def claims(self, path: str) -> bool:
        """Everything below ``/v5/``."""
        return path.startswith("/v5/")

    # REST

    def http(self, call: Call, now_ms: int) -> Reply:
        """Answer one REST call, with the headers of the limits it used."""
        route = REST.get((call.method, call.path))
        try:
            self.state.limits.charge_http(call.peer, now_ms)
            if call.method == "GET" and call.body:
                raise PageError(403, "403 Forbidden")
        except PageError as page:
            return page.reply()
        if route is None:
            return NOT_FOUND
        key: ApiKey | None = None
        ext: object = None
        reset_ms = None
        try:
            deadline_ms = 1 << 62
            if route.operation:
                key, deadline_ms = authenticate(call, self.state.keys, now_ms)
            ask = Ask(
                venue=self.state,
                params=_params(call),
                now_ms=now_ms,
                key=key,
                deadline_ms=deadline_ms,
            )
            result = route.endpoint(ask) if key is None else carry_out(route, ask)
            if isinstance(result, Batch):
                ext = {"list": result.codes}
                result = {"list": result.rows}
            body = envelope(result, now_ms, ext=ext)
        except ApiError as error:
            reset_ms = error.reset_ms
            body = envelope(error.result, now_ms, code=error.code, text=error.text)
        headers = self._headers(route, key, now_ms, reset_ms)
        return Reply(status=200, body=dump(body).encode(), headers=headers)

    def _headers(
        self, route: Route, key: ApiKey | None, now_ms: int, reset_ms: int | None
    ) -> tuple[tuple[str, str], ...]:
        told = (("Traceid", f"{now_ms:032x}"), ("Timenow", str(now_ms)))
        if key is None:
            return told
        limits = self.state.limits
        return told + limits.headers(key.account_id, route.operation, now_ms, reset_ms)

    # sockets

    def open_socket(self, socket_id: int, call: Call, now_ms: int) -> Admission | Reply:
        """Admit a socket by its address."""
        kind = kind_of(call.path)
        if kind is None:
            return NOT_FOUND
        try:
            self._sockets.open(socket_id, call, kind, now_ms)
        except PageError as page:
            return page.reply()
        return Admission(kind=kind)

    def close_socket(self, socket_id: int, now_ms: int) -> None:
        """Forget a connection."""
        self._sockets.close(socket_id)

    def text_received(self, socket_id: int, text: str, now_ms: int) -> None:
        """A login, a subscription, a ping, or a command."""
        self.outbox += self._sockets.answer(socket_id, text, now_ms)

    def canned_text(self, text: str, answer: Reply) -> str:
        """A fault's answer to an order-entry request."""
        return canned_text(text, answer)

    def ping_received(self, socket_id: int, *, is_pong: bool, now_ms: int) -> None:
        """Frames of the protocol do not count as a sign of life here."""

    # time

    def clock_stepped(self, by_ms: int) -> None:
        """Limits count by a clock of their own."""
        self.state.limits.clock_stepped(by_ms)

    def on_time(self, now_ms: int) -> None:
        """Advance the machine, tell what happened, cut what is idle."""
        state = self.state
        engine = state.engine
        engine.advance(max(now_ms, engine.now_ms))
        events = engine.drain()
        marks = [event for event in events if isinstance(event, MarkEvent)]
        rest = [event for event in events if not isinstance(event, MarkEvent)]
        for account_id, topic, row in self._teller.rows(rest):
            self.outbox += self._sockets.told(account_id, topic, row, now_ms)
        for account_id, row in self._teller.refused():
            self.outbox += self._sockets.told(account_id, "order", row, now_ms)
        for event in marks:
            self.outbox += self._sockets.tickers(event.symbol, now_ms)
        self.outbox += self._sockets.idle(now_ms)
        if events:
            state.replica.remember(now_ms, is_urgent=bool(rest))

    def next_due_ms(self) -> int | None:
        """When the machine or a socket needs time to pass."""
        dues = (self.state.engine.next_timer_ms(), self._sockets.next_idle_ms())
        return min((due for due in dues if due is not None), default=None)

    # control

    def command(
        self, name: str, args: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        """Faults of this venue.

        ``revoke_api_key`` takes *key*; ``ban`` takes *peer* and *ms*; ``read_lag``,
        ``history_lag`` (order history alone) and ``matching_delay`` take *ms*;
        ``refuse_later`` (*on*): some refusals come after the acknowledgement;
        ``forget``: the order query loses what has closed, as after a restart;
        ``exceedances`` lists what went above a limit. Raises KeyError for another.
        """
        state, ms = self.state, int(args.get("ms", 0))
        match name:
            case "revoke_api_key":
                state.keys.revoke(str(args["key"]))
                self.outbox += self._sockets.log_out(str(args["key"]))
            case "ban":
                peer = str(args.get("peer", "127.0.0.1"))
                state.limits.ban(peer, now_ms + (ms or BAN_MS))
            case "history_lag":
                state.history_lag_ms = ms
            case "refuse_later":
                state.refused.is_on = bool(args.get("on", True))
            case "forget":
                state.forgotten_ms = max(now_ms, state.engine.now_ms)
            case "heal":
                state.history_lag_ms = 0
                state.refused.is_on = False
                steer(state, name, args, now_ms)
            case "exceedances":
                return exceedance_rows(state.limits.exceedances)
            case _:
                steer(state, name, args, now_ms)
        return {}


def _params(call: Call) -> Params:
    if call.method == "GET":
        return Params.of_query(call.query)
    try:
        values = json.loads(call.body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ApiError(10001, "params error: body is no JSON object")
    return Params(values)
