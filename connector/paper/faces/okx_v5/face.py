"""The OKX v5 protocol over the simulated venue: perpetuals in cross margin."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from connector.paper.engine import Engine
from connector.paper.faces import Admission, Call, Hangup, Outgoing, Paths, Reply
from connector.paper.faces.asking import steer
from connector.paper.faces.okx_v5 import accounts, algos, orders, public, sockets
from connector.paper.faces.okx_v5.apierrors import TEXTS, ApiError, dump
from connector.paper.faces.okx_v5.auth import ApiKey, KeyRing, check_call
from connector.paper.faces.okx_v5.context import Ask, FaceConfig, Venue
from connector.paper.faces.okx_v5.events import Teller
from connector.paper.faces.okx_v5.limits import Limits
from connector.paper.faces.okx_v5.listings import Catalogue
from connector.paper.faces.okx_v5.presets import PRESETS
from connector.paper.faces.okx_v5.sockets import Sockets, expiry_of
from connector.paper.faces.replica import Replica
from connector.paper.faces.windows import exceedance_rows
from connector.paper.types import MarkEvent

NO_DATA = 4004
NOT_FOUND = Reply(
    status=404,
    body=b'{"msg":"Not Found","code":"404","data":[]}',
)


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, what it is limited to per 2 s, and whether it is public.

    *limit* 0: an order operation, which counts its orders itself.
    """

    endpoint: Callable[[Ask], Any]
    limit: int
    is_public: bool = False


def _get(endpoint: Callable[[Ask], Any], limit: int) -> Route:
    return Route(endpoint, limit)


def _open(endpoint: Callable[[Ask], Any], limit: int) -> Route:
    return Route(endpoint, limit, is_public=True)


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "trade/order"): _get(orders.place, 0),
    ("POST", "trade/batch-orders"): _get(orders.place_batch, 0),
    ("POST", "trade/amend-order"): _get(orders.amend, 0),
    ("POST", "trade/amend-batch-orders"): _get(orders.amend_batch, 0),
    ("POST", "trade/cancel-order"): _get(orders.cancel, 0),
    ("POST", "trade/cancel-batch-orders"): _get(orders.cancel_batch, 0),
    ("POST", "trade/close-position"): _get(orders.close_position, 20),
    ("POST", "trade/cancel-all-after"): _get(orders.cancel_all_after, 2),
    ("POST", "trade/order-algo"): _get(algos.place, 0),
    ("POST", "trade/amend-algos"): _get(algos.amend, 0),
    ("POST", "trade/cancel-algos"): _get(algos.cancel, 0),
    ("GET", "trade/order"): _get(orders.query, 0),
    ("GET", "trade/orders-pending"): _get(orders.list_open, 60),
    ("GET", "trade/orders-history"): _get(orders.history, 40),
    ("GET", "trade/orders-history-archive"): _get(orders.history, 20),
    ("GET", "trade/fills"): _get(orders.fills, 60),
    ("GET", "trade/fills-history"): _get(orders.fills_history, 10),
    ("GET", "trade/order-algo"): _get(algos.query, 20),
    ("GET", "trade/orders-algo-pending"): _get(algos.list_open, 20),
    ("GET", "trade/orders-algo-history"): _get(algos.history, 20),
    ("GET", "trade/account-rate-limit"): _get(accounts.rate_limit, 2),
    ("GET", "account/instruments"): _get(public.instruments, 20),
    ("GET", "account/config"): _get(accounts.config, 5),
    ("GET", "account/balance"): _get(accounts.balance, 10),
    ("GET", "account/positions"): _get(accounts.positions, 10),
    ("GET", "account/account-position-risk"): _get(accounts.position_risk, 10),
    ("GET", "account/bills"): _get(accounts.bills, 10),
    ("GET", "account/bills-archive"): _get(accounts.bills_archive, 10),
    ("GET", "account/leverage-info"): _get(accounts.leverage_info, 20),
    ("GET", "account/trade-fee"): _get(accounts.trade_fee, 5),
    ("POST", "account/set-leverage"): _get(accounts.set_leverage, 20),
    ("POST", "account/set-position-mode"): _get(accounts.set_position_mode, 5),
    ("POST", "account/set-account-level"): _get(accounts.set_account_level, 5),
    ("GET", "asset/currencies"): _get(public.empty, 12),
    ("GET", "public/time"): _open(public.server_time, 10),
    ("GET", "public/instruments"): _open(public.instruments, 20),
    ("GET", "public/position-tiers"): _open(public.position_tiers, 10),
    ("GET", "public/mark-price"): _open(public.mark_price, 10),
    ("GET", "public/funding-rate"): _open(public.funding_rate, 10),
    ("GET", "market/ticker"): _open(public.tickers, 20),
    ("GET", "market/tickers"): _open(public.tickers, 20),
    ("GET", "market/books"): _open(public.books, 40),
    ("GET", "system/status"): _open(public.status, 2),
}
PREFIX = "/api/v5/"


class OkxV5:
    """A face over one machine; see ``connector.paper.faces.Face`` for the calls."""

    venue = "okx-v5"
    presets = PRESETS
    paths = Paths(
        stream=sockets.BASE + sockets.PRIVATE,
        public=sockets.BASE + sockets.PUBLIC,
        ws_api=sockets.ORDER_ENTRY,
        second=sockets.BASE + sockets.BUSINESS,
    )
    order_entry = (("POST", "/trade/order"), ("WS", '"op":"order"'))

    def __init__(
        self,
        engine: Engine,
        keys: tuple[ApiKey, ...],
        *,
        seed: int = 0,
        config: FaceConfig | None = None,
    ) -> None:
        config = FaceConfig() if config is None else config
        self.outbox: list[Outgoing] = []
        self.state = Venue(
            engine=engine,
            config=config,
            keys=KeyRing(keys),
            limits=Limits(config.limits),
            catalogue=Catalogue(engine.instruments),
            replica=Replica(engine),
            random=random.Random(seed),  # noqa: S311 - reproducible, not secret
        )
        self._sockets = Sockets(self.state, self.outbox)
        self._teller = Teller(self.state, self._sockets)

    @property
    def engine(self) -> Engine:
        """The machine behind this face."""
        return self.state.engine

    def claims(self, path: str) -> bool:
        """REST and sockets of this venue."""
        return path.startswith(PREFIX) or sockets.is_socket_path(path)

    # REST

    def http(self, call: Call, now_ms: int) -> Reply:
        """Answer one REST call."""
        route = ROUTES.get((call.method, call.path.removeprefix(PREFIX)))
        if route is None or not call.path.startswith(PREFIX):
            return NOT_FOUND
        try:
            ask = self._ask(route, call, now_ms)
            if route.limit:
                scope = call.peer if route.is_public else ask.account_id
                self.state.limits.charge_call(call.path, scope, route.limit, now_ms)
            answer = route.endpoint(ask)
        except ApiError as error:
            return error.reply()
        if not isinstance(answer, dict):
            answer = {"code": "0", "data": answer, "msg": ""}
        return Reply(status=200, body=dump(answer).encode())

    def _ask(self, route: Route, call: Call, now_ms: int) -> Ask:
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        ask = Ask(venue=self.state, now_ms=now_ms, peer=call.peer, query=query)
        if not route.is_public:
            ask.key = check_call(self.state.keys, call, now_ms)
            if call.method == "POST" and "trade" not in ask.key.permissions:
                raise ApiError(50120)
        if call.method == "POST":
            if not call.body:
                raise ApiError(50000)
            try:
                ask.body = json.loads(call.body)
            except ValueError:
                raise ApiError(50002) from None
            ask.expires_ms = expiry_of(call.headers.get("exptime"))
        return ask

    # sockets

    def open_socket(self, socket_id: int, call: Call, now_ms: int) -> Admission | Reply:
        """Admit a socket, unless its address opens too many."""
        if not sockets.is_socket_path(call.path):
            return NOT_FOUND
        if not self.state.limits.charge_connect(call.peer, now_ms):
            return ApiError(50011).reply()
        return Admission(kind=self._sockets.open(socket_id, call, now_ms).kind)

    def close_socket(self, socket_id: int, now_ms: int) -> None:
        """Forget a connection."""
        self._sockets.close(socket_id)
        self.state.limits.forget_socket(socket_id)

    def text_received(self, socket_id: int, text: str, now_ms: int) -> None:
        """A ping, a login, a subscription or an order."""
        self._sockets.text(socket_id, text, now_ms)

    def canned_text(self, text: str, answer: Reply) -> str:
        """A fault's answer to an order-entry request."""
        try:
            request, body = json.loads(text), json.loads(answer.body)
        except ValueError:
            return answer.body.decode("utf-8", "replace")
        head = {"id": request.get("id"), "op": request.get("op")}
        return dump(head | body)

    def ping_received(self, socket_id: int, *, is_pong: bool, now_ms: int) -> None:
        """Pings of the protocol mean nothing here."""

    # time

    def clock_stepped(self, by_ms: int) -> None:
        """Limits and silence are counted by a clock of their own."""
        self.state.limits.clock_stepped(by_ms)
        self._sockets.clock_stepped(by_ms)

    def on_time(self, now_ms: int) -> None:
        """Advance the machine, tell what happened, keep the sockets' rules."""
        engine = self.state.engine
        engine.advance(max(now_ms, engine.now_ms))
        events = engine.drain()
        for event in events:
            self._teller.tell(event, now_ms)
        self._sockets.push_due(now_ms)
        for socket in self._sockets.all():
            if now_ms - socket.sent_ms >= self.state.config.idle_ms:
                socket.sent_ms = now_ms
                text = "No data received in 30s."
                self.outbox.append(
                    Hangup(socket_id=socket.socket_id, code=NO_DATA, reason=text)
                )
        if events:
            urgent = any(not isinstance(event, MarkEvent) for event in events)
            self.state.replica.remember(now_ms, is_urgent=urgent)

    def next_due_ms(self) -> int | None:
        """When the machine or a socket needs time to pass."""
        dues = (self.state.engine.next_timer_ms(), self._sockets.next_due_ms())
        return min((due for due in dues if due is not None), default=None)

    # control

    def command(
        self, name: str, args: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        """Faults of this venue: keys, notices, crowded channels, stale reads.

        ``revoke_api_key`` takes *key*; ``notice`` announces the close of every
        socket; ``conn_count_error`` says that too many connections have *channel*,
        whose pushes end; ``read_lag`` and ``matching_delay`` take *ms*;
        ``exceedances`` lists what went above a limit. Raises KeyError for another.
        """
        match name:
            case "revoke_api_key":
                self.state.keys.revoke(str(args["key"]))
            case "notice":
                body = {"event": "notice", "code": "64008", "msg": TEXTS[64008]}
                for socket in self._sockets.all():
                    self._sockets.notice(socket, body, now_ms)
            case "conn_count_error":
                self._crowd_out(str(args.get("channel", "orders")), now_ms)
            case "exceedances":
                return exceedance_rows(self.state.limits.exceedances)
            case _:
                steer(self.state, name, args, now_ms)
        return {}

    def _crowd_out(self, channel: str, now_ms: int) -> None:
        body = {
            "event": "channel-conn-count-error",
            "channel": channel,
            "connCount": "30",
        }
        for socket in self._sockets.all():
            mine = socket.subscriptions.items()
            gone = [name for name, one in mine if one.channel == channel]
            for name in gone:
                del socket.subscriptions[name]
            if gone:
                self._sockets.notice(socket, body, now_ms)
