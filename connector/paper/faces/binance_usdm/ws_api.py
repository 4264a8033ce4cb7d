"""Order entry over WebSocket (``ws-fapi``): the REST endpoints in other clothes.

Each request is signed on its own, or the connection logs on once with an Ed25519
key; afterwards ``apiKey`` and ``signature`` may be left out. Answers carry the
request's id, whatever JSON type it has, and the state of the limits.

Source: Binance USDⓈ-M docs, "WebSocket API General Info", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from connector.paper.faces import Call, Frame, Reply
from connector.paper.faces.binance_usdm.apierrors import ApiError, missing
from connector.paper.faces.binance_usdm.auth import (
    ApiKey,
    check_time,
    socket_payloads,
)
from connector.paper.faces.binance_usdm.context import Ask, Venue
from connector.paper.faces.binance_usdm.endpoints import WS_API, Route, Security
from connector.paper.faces.binance_usdm.params import Params
from connector.paper.faces.binance_usdm.streams import dump

PATH = "/ws-fapi/v1"
SESSION_WEIGHT = 2
SESSION_METHODS = ("session.logon", "session.status", "session.logout")
WITHOUT_LIMITS = ("order.status",)
REVOKED_TEXT = "Invalid API-key, IP, or permissions for action."


@dataclass(slots=True, kw_only=True)
class Session:
    """One order-entry connection and who is logged on."""

    socket_id: int
    peer: str
    connected_ms: int
    shows_limits: bool
    key: ApiKey | None = None
    authorized_ms: int | None = None

    def describe(self, now_ms: int) -> dict[str, Any]:
        """The result of the session calls."""
        return {
            "apiKey": self.key.key if self.key else None,
            "authorizedSince": self.authorized_ms,
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.shows_limits,
            "serverTime": now_ms,
        }


class OrderEntry:
    """All order-entry connections of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._sessions: dict[int, Session] = {}

    def open(self, socket_id: int, call: Call, now_ms: int) -> None:
        """Register a connection; raises ApiError if its weight cannot be paid."""
        cost = self._venue.config.limits.handshake_weight
        self._venue.limits.charge_weight(call.peer, cost, now_ms)
        wish = parse_qs(call.query).get("returnRateLimits", ["true"])[0].lower()
        self._sessions[socket_id] = Session(
            socket_id=socket_id,
            peer=call.peer,
            connected_ms=now_ms,
            shows_limits=wish != "false",
        )

    def close(self, socket_id: int) -> None:
        """Forget a connection."""
        self._sessions.pop(socket_id, None)

    def owns(self, socket_id: int) -> bool:
        """Whether this is an order-entry connection."""
        return socket_id in self._sessions

    def answer(self, socket_id: int, text: str, now_ms: int) -> Frame:
        """Carry out one request."""
        session = self._sessions[socket_id]
        request, method, params = _parse(text)
        asked_id = request.get("id")
        body: dict[str, Any] = {"id": asked_id}
        try:
            if method is None or params is None:
                raise missing("method" if method is None else "params")
            if method in SESSION_METHODS:
                result: object = self._session_call(session, method, params, now_ms)
            else:
                result = self._call(session, method, params, now_ms)
            body |= {"status": 200, "result": result}
        except ApiError as error:
            body |= self._refusal(session, error, now_ms)
        if self._wants_limits(session, method or "", params or {}):
            body["rateLimits"] = self._venue.limits.usage(
                session.peer, now_ms, account_id=self._order_account(session, request)
            )
        return Frame(socket_id=socket_id, text=dump(body), event="reply")

    def _refusal(
        self, session: Session, error: ApiError, now_ms: int
    ) -> dict[str, Any]:
        """Status and error; a revoked key also ends the session, without an id."""
        if session.key is not None and self._is_revoked(session):
            session.key = session.authorized_ms = None
            revoked = ApiError(-2015, REVOKED_TEXT)
            return {"id": None, "status": 401, "error": revoked.body()}
        return {"status": error.status, "error": _error(error, now_ms)}

    def _order_account(
        self, session: Session, request: Mapping[str, Any]
    ) -> str | None:
        """Whose order counts an answer shows; None if the call is no order."""
        route = WS_API.get(str(request.get("method")))
        if route is None or not route.is_order:
            return None
        params = request.get("params")
        name = params.get("apiKey") if isinstance(params, dict) else None
        try:
            return self._venue.keys.find(name).account_id
        except ApiError:
            return session.key.account_id if session.key else None

    def _wants_limits(
        self, session: Session, method: str, params: Mapping[str, Any]
    ) -> bool:
        wish = str(params.get("returnRateLimits", session.shows_limits)).lower()
        return wish != "false" and method not in WITHOUT_LIMITS

    def _is_revoked(self, session: Session) -> bool:
        assert session.key is not None, "checked by the caller"
        try:
            self._venue.keys.find(session.key.key)
        except ApiError:
            return True
        return False

    def _session_call(
        self, session: Session, method: str, params: Mapping[str, Any], now_ms: int
    ) -> dict[str, Any]:
        self._venue.limits.charge_weight(session.peer, SESSION_WEIGHT, now_ms)
        if method == "session.logon":
            key, _ = self._signed_by(params, now_ms)
            if not key.may_log_on:
                raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
            session.key, session.authorized_ms = key, now_ms
        elif method == "session.logout":
            session.key = session.authorized_ms = None
        return session.describe(now_ms)

    def _call(
        self, session: Session, method: str, params: Mapping[str, Any], now_ms: int
    ) -> object:
        route = WS_API.get(method)
        if route is None:
            raise ApiError(-1020, "This operation is not supported.")
        venue = self._venue
        cost = route.cost(has_symbol=bool(params.get("symbol")))
        venue.limits.charge_weight(session.peer, cost, now_ms)
        ask = Ask(
            venue=venue,
            params=Params.of_json(params),
            now_ms=now_ms,
            peer=session.peer,
        )
        self._authenticate(session, route, params, ask)
        if route.is_order:
            venue.limits.charge_orders(
                ask.account_id, route.orders_10s, route.orders_1m, now_ms
            )
        return route.endpoint(ask)

    def _authenticate(
        self, session: Session, route: Route, params: Mapping[str, Any], ask: Ask
    ) -> None:
        if route.security is Security.NONE:
            return
        if route.security is Security.KEY:
            name = params.get("apiKey") or (session.key.key if session.key else None)
            ask.key = self._venue.keys.find(name)
            return
        if "signature" in params or session.key is None:
            ask.key, ask.deadline_ms = self._signed_by(params, ask.now_ms)
        else:
            ask.key = self._venue.keys.find(session.key.key)
            ask.deadline_ms = _time_of(params, ask.now_ms)
        ask.key.check(is_trade=route.security is Security.TRADE)

    def _signed_by(self, params: Mapping[str, Any], now_ms: int) -> tuple[ApiKey, int]:
        key = self._venue.keys.find(params.get("apiKey"))
        signature = params.get("signature")
        if not isinstance(signature, str) or not signature:
            raise missing("signature")
        deadline_ms = _time_of(params, now_ms)
        if not any(key.signs(form, signature) for form in socket_payloads(params)):
            raise ApiError(-1022)
        return key, deadline_ms


def _time_of(params: Mapping[str, Any], now_ms: int) -> int:
    timestamp = params.get("timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window = params.get("recvWindow")
    return check_time(str(timestamp), None if window is None else str(window), now_ms)


def _parse(text: str) -> tuple[dict[str, Any], str | None, dict[str, Any] | None]:
    """Request, method and parameters; None for what is not there."""
    try:
        request = json.loads(text)
    except ValueError:
        request = {}
    if not isinstance(request, dict):
        request = {}
    method = request.get("method")
    params = request.get("params", {})
    return (
        request,
        method if isinstance(method, str) else None,
        params if isinstance(params, dict) else None,
    )


def _error(error: ApiError, now_ms: int) -> dict[str, Any]:
    body: dict[str, Any] = error.body()
    for name, value in error.headers:
        if name == "Retry-After":
            retry_ms = now_ms + int(value) * 1000
            body["data"] = {"serverTime": now_ms, "retryAfter": retry_ms}
    return body


def canned_text(text: str, answer: Reply) -> str:
    """A fault's answer in the form of an order-entry answer to *text*."""
    request, _, _ = _parse(text)
    try:
        error: Any = json.loads(answer.body)
    except ValueError:
        error = {"code": -1000, "msg": answer.body.decode("utf-8", "replace")}
    return dump({"id": request.get("id"), "status": answer.status, "error": error})
