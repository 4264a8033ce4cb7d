"""Steering the simulated venue: faults, market, money, and the truth.

Over HTTP below ``/control``: ``GET state`` and ``POST <verb>`` with a JSON object;
the answer is a JSON object, 400 with ``{"error"}`` for bad arguments, 404 for an
unknown verb. In process: ``server.control.apply(verb, args)``. Every verb takes
``venue`` (default: the first face) and, where it makes sense, ``account``
(default ``main``). ``hold`` is in seconds, everything else in milliseconds.

Truth
    ``state``            ledger truth of *account*: orders, fills, positions,
                         balances; plus ``now_ms`` and open ``sockets`` per kind

Connections (*kind*: ``private``, ``public``, ``ws_api``; absent: every one)
    ``outage``           *hold*, *fill*: cut private sockets now, refuse new ones
                         for *hold* seconds, fill what rests meanwhile; *kinds*
                         chooses other sockets, *status* answers their handshakes
                         with it instead of a reset
    ``cut``              drop now, or after *bytes* more bytes each
    ``stall``            *kind*, *hold*: half-open, nothing is sent any more; new
                         ones are accepted by TCP only
    ``hang_up``          *kind*, *code*, *reason*: close with a closing handshake
    ``restart``          *hold*: drop everything, refuse connections

Frames (*kind*, *event*: the venue's event type, ``reply`` for answers; *times*)
    ``drop`` ``duplicate`` (*copies*) ``reorder`` ``delay`` (*ms*) ``corrupt``
    ``mute``             drop all of *event* for *hold* seconds; pings are answered
    ``inject``           *body* (text or JSON): a frame the venue never meant to send

Calls (*method*, *path*: part of the path, or of the text in order entry; *times*)
    ``lose_request`` ``lose_reply`` ``hang`` ``hang_after``
    ``delay_request`` ``delay_reply``        *ms*
    ``truncate``                             *bytes* of the body
    ``answer`` ``answer_after``              *status*, *body* (text or JSON),
                                             *headers*, or *preset* (names: the face's)

Clock and order of things
    ``skew``             *ms*: the venue's clock runs ahead (or behind)
    ``replies_first``    *on*: answers leave before the events they cause
    ``heal``             end all faults above, [*clock*: false leaves it as it is]

Market and money
    ``mark`` ``trade``   *symbol*, *price*: set the mark, trade through a price
    ``freeze``           *symbol*, *frozen*
    ``volatility``       *symbol*, *per_step*; ``liquidity``: *symbol*, *factor*
    ``funding``          *symbol*, *rate*: pay funding now
    ``transfer``         *asset*, *amount* (negative: out)
    ``manual``           *symbol side qty [price] [type]*: an order as the user
                         enters it on the web page
    ``manual_cancel``    *symbol*, *order_id*: one of the account's orders is
                         cancelled on the web page
    ``liquidate``        *symbol*: move the mark to the liquidation price
    ``adl``              *symbol*, *qty*, *price*, [*position_side*]
    ``settle``           *symbol*, *price*: deliver the contract

Anything else is offered to the face (for Binance: ``expire_key``, ``delete_key``,
``revoke_api_key``, ``ban``, ``read_lag``, ``matching_delay``, ``exceedances``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from connector.paper.faces import Call, Face, Reply, SocketKind
from connector.paper.faults import (
    FOREVER_MS,
    CallAction,
    CallRule,
    FrameAction,
    FrameRule,
)
from connector.paper.types import NewOrder, Order, Refusal
from connector.paper.words import OrderType, PositionSide, Side, TimeInForce

if TYPE_CHECKING:
    from connector.paper.server import PaperServer

Args = Mapping[str, Any]
Verb = Callable[[Face, Args], dict[str, Any]]
GOING_AWAY = 1001
BEYOND = Decimal("0.001")


class BadArgument(ValueError):
    """A verb was given something it cannot use; the text says what."""


class Control:
    """The verbs, over one server."""

    def __init__(self, server: PaperServer) -> None:
        self._server = server
        self._verbs: dict[str, Verb] = {
            "state": self._state,
            "outage": self._outage,
            "cut": self._cut,
            "stall": self._stall,
            "hang_up": self._hang_up,
            "restart": self._restart,
            "mute": self._mute,
            "inject": self._inject,
            "skew": self._skew,
            "replies_first": self._replies_first,
            "heal": self._heal,
            "mark": self._mark,
            "trade": self._trade,
            "freeze": self._freeze,
            "volatility": self._volatility,
            "liquidity": self._liquidity,
            "funding": self._funding,
            "transfer": self._transfer,
            "manual": self._manual,
            "manual_cancel": self._manual_cancel,
            "liquidate": self._liquidate,
            "adl": self._adl,
            "settle": self._settle,
        }

    def http(self, call: Call) -> Reply:
        """Carry out one HTTP call to the control interface."""
        verb = call.path.removeprefix("/control").strip("/")
        try:
            args = dict(parse_qsl(call.query))
            if call.body:
                args |= json.loads(call.body)
            return _json_reply(200, self.apply(verb, args))
        except KeyError as error:
            if error.args[:1] == (verb,):
                return _json_reply(404, {"error": f"no such verb: {verb}"})
            return _json_reply(400, {"error": f"missing argument: {error.args[0]}"})
        except (ValueError, TypeError) as error:
            return _json_reply(400, {"error": str(error)})

    def apply(self, verb: str, args: Args | None = None) -> dict[str, Any]:
        """Carry out one verb; raises KeyError (unknown, missing), BadArgument."""
        args = {} if args is None else args
        server = self._server
        face = self._face(args)
        server.pump()
        if verb in self._verbs:
            result = self._verbs[verb](face, args)
        elif verb in tuple(CallAction):
            result = self._call_rule(face, CallAction(verb), args)
        elif verb in tuple(FrameAction):
            result = self._frame_rule(FrameAction(verb), args)
        else:
            result = face.command(verb, args, server.venue_ms())
        server.pump()
        return result

    def _face(self, args: Args) -> Face:
        venue = args.get("venue")
        for face in self._server.faces:
            if venue is None or face.venue == venue:
                return face
        raise BadArgument(f"no such venue here: {venue}")

    def _engine_ms(self, face: Face) -> int:
        return max(self._server.venue_ms(), face.engine.now_ms)

    def _until_ms(self, args: Args) -> int:
        return self._server.true_ms() + round(float(args.get("hold", 0)) * 1000)

    # truth

    def _state(self, face: Face, args: Args) -> dict[str, Any]:
        sockets: dict[str, int] = {}
        for connection in self._server.connections_of(None):
            if connection.kind is not None:
                sockets[connection.kind] = sockets.get(connection.kind, 0) + 1
        return {
            "venue": face.venue,
            "now_ms": self._server.venue_ms(),
            "sockets": sockets,
            **face.engine.ledger.state(_account(face, args)),
        }

    # connections

    def _outage(self, face: Face, args: Args) -> dict[str, Any]:
        kinds = [SocketKind(kind) for kind in args.get("kinds", ["private"])]
        until_ms = self._until_ms(args)
        status = args.get("status")
        refusal = None if status is None else Reply(status=int(status), body=b"")
        self._server.faults.refusal = refusal
        count = 0
        for kind in kinds:
            self._server.faults.refused_until_ms[kind] = until_ms
            count += self._server.cut(kind)
        filled = self._fill_resting(face, args) if args.get("fill") else 0
        return {"cut": count, "filled": filled, "until_ms": until_ms}

    def _fill_resting(self, face: Face, args: Args) -> int:
        engine = face.engine
        account_id = _account(face, args)
        resting = engine.open_orders(account_id)
        for order in resting:
            current = engine.order(account_id, order.order_id)
            if current is not None and current.status.is_open:
                engine.trade_through(
                    order.symbol, order.price, now_ms=self._engine_ms(face)
                )
        after = [engine.order(account_id, order.order_id) for order in resting]
        return sum(1 for order in after if order and not order.status.is_open)

    def _cut(self, face: Face, args: Args) -> dict[str, Any]:
        after = args.get("bytes")
        count = self._server.cut(_kind(args), None if after is None else int(after))
        return {"cut": count}

    def _stall(self, face: Face, args: Args) -> dict[str, Any]:
        kind = _kind(args) or SocketKind.PRIVATE
        until_ms = self._until_ms(args)
        self._server.stall(kind, until_ms)
        return {"until_ms": until_ms}

    def _hang_up(self, face: Face, args: Args) -> dict[str, Any]:
        victims = self._server.connections_of(_kind(args))
        for connection in victims:
            code = int(args.get("code", GOING_AWAY))
            connection.hang_up(code, str(args.get("reason", "")))
        return {"closed": len(victims)}

    def _restart(self, face: Face, args: Args) -> dict[str, Any]:
        until_ms = self._until_ms(args)
        self._server.faults.down_until_ms = until_ms
        return {"cut": self._server.cut(None), "until_ms": until_ms}

    # frames and calls

    def _mute(self, face: Face, args: Args) -> dict[str, Any]:
        has_end = "hold" in args
        until_ms = self._until_ms(args) if has_end else FOREVER_MS
        rule = FrameRule(
            action=FrameAction.DROP,
            kind=_kind(args),
            event=str(args.get("event", "")),
            times=FOREVER_MS,
            until_ms=until_ms,
        )
        self._server.faults.frame_rules.append(rule)
        return {"until_ms": until_ms}

    def _inject(self, face: Face, args: Args) -> dict[str, Any]:
        targets = self._server.connections_of(_kind(args) or SocketKind.PRIVATE)
        for connection in targets:
            connection.send_text(_text(args["body"]))
        return {"sent": len(targets)}

    def _frame_rule(self, action: FrameAction, args: Args) -> dict[str, Any]:
        rule = FrameRule(
            action=action,
            kind=_kind(args),
            event=str(args.get("event", "")),
            times=int(args.get("times", 1)),
            until_ms=self._until_ms(args) if "hold" in args else FOREVER_MS,
            delay_ms=int(args.get("ms", 0)),
            copies=int(args.get("copies", 1)),
        )
        self._server.faults.frame_rules.append(rule)
        return {}

    def _call_rule(self, face: Face, action: CallAction, args: Args) -> dict[str, Any]:
        rule = CallRule(
            action=action,
            method=str(args.get("method", "")),
            path=str(args.get("path", "")),
            times=int(args.get("times", 1)),
            delay_ms=int(args.get("ms", 0)),
            body_bytes=int(args.get("bytes", 10)),
            answer=_answer(face, args) if action.value.startswith("answer") else None,
        )
        self._server.faults.call_rules.append(rule)
        return {}

    def _skew(self, face: Face, args: Args) -> dict[str, Any]:
        before_ms = self._server.faults.skew_ms
        self._server.faults.skew_ms = int(args["ms"])
        self._tell_step(before_ms)
        return {"now_ms": self._server.venue_ms()}

    def _tell_step(self, before_ms: int) -> None:
        by_ms = self._server.faults.skew_ms - before_ms
        for face in self._server.faces if by_ms else ():
            face.clock_stepped(by_ms)

    def _replies_first(self, face: Face, args: Args) -> dict[str, Any]:
        self._server.faults.replies_first = bool(args.get("on", True))
        return {}

    def _heal(self, face: Face, args: Args) -> dict[str, Any]:
        before_ms = self._server.faults.skew_ms
        self._server.faults.clear(clock=bool(args.get("clock", True)))
        self._tell_step(before_ms)
        return face.command("heal", args, self._server.venue_ms())

    # market and money

    def _mark(self, face: Face, args: Args) -> dict[str, Any]:
        price = _decimal(args, "price")
        face.engine.set_mark(args["symbol"], price, now_ms=self._engine_ms(face))
        return {}

    def _trade(self, face: Face, args: Args) -> dict[str, Any]:
        price = _decimal(args, "price")
        face.engine.trade_through(args["symbol"], price, now_ms=self._engine_ms(face))
        return {}

    def _freeze(self, face: Face, args: Args) -> dict[str, Any]:
        face.engine.freeze(args.get("symbol"), frozen=bool(args.get("frozen", True)))
        return {}

    def _volatility(self, face: Face, args: Args) -> dict[str, Any]:
        face.engine.set_volatility(args["symbol"], _decimal(args, "per_step"))
        return {}

    def _liquidity(self, face: Face, args: Args) -> dict[str, Any]:
        face.engine.set_liquidity(args["symbol"], qty_factor=_decimal(args, "factor"))
        return {}

    def _funding(self, face: Face, args: Args) -> dict[str, Any]:
        rate = _decimal(args, "rate") if "rate" in args else None
        at_ms = self._engine_ms(face)
        face.engine.settle_funding(args["symbol"], rate, now_ms=at_ms)
        return {}

    def _transfer(self, face: Face, args: Args) -> dict[str, Any]:
        amount = _decimal(args, "amount")
        move = face.engine.deposit if amount > 0 else face.engine.withdraw
        entry = move(
            _account(face, args),
            str(args.get("asset", "USDT")),
            abs(amount),
            now_ms=self._engine_ms(face),
        )
        if isinstance(entry, Refusal):
            raise BadArgument(f"{entry.reason} {entry.detail}")
        return {"tran_id": entry.tran_id}

    def _manual(self, face: Face, args: Args) -> dict[str, Any]:
        at_ms = self._engine_ms(face)
        has_price = args.get("price") is not None
        request = NewOrder(
            symbol=str(args["symbol"]),
            side=Side(str(args["side"]).upper()),
            type=OrderType.LIMIT if has_price else OrderType.MARKET,
            qty=_decimal(args, "qty"),
            price=_decimal(args, "price") if has_price else None,
            time_in_force=TimeInForce(str(args.get("time_in_force", "GTC"))),
            position_side=_position_side(args),
            reduce_only=bool(args.get("reduce_only", False)),
            client_order_id=str(args.get("client_order_id", f"web_{at_ms}")),
        )
        return _order_result(
            face.engine.place(_account(face, args), request, now_ms=at_ms)
        )

    def _manual_cancel(self, face: Face, args: Args) -> dict[str, Any]:
        return _order_result(
            face.engine.cancel(
                _account(face, args),
                str(args["symbol"]),
                int(args["order_id"]),
                now_ms=self._engine_ms(face),
            )
        )

    def _liquidate(self, face: Face, args: Args) -> dict[str, Any]:
        symbol = str(args["symbol"])
        for row in face.engine.positions(_account(face, args), symbol):
            if row.qty and row.liquidation_price > 0:
                way = -BEYOND if row.qty > 0 else BEYOND
                mark = row.liquidation_price * (1 + way)
                face.engine.set_mark(symbol, mark, now_ms=self._engine_ms(face))
                return {"mark": str(mark)}
        raise BadArgument(f"no position of {symbol} that could be liquidated")

    def _adl(self, face: Face, args: Args) -> dict[str, Any]:
        order = face.engine.adl(
            _account(face, args),
            str(args["symbol"]),
            _decimal(args, "qty"),
            _decimal(args, "price"),
            position_side=_position_side(args),
            now_ms=self._engine_ms(face),
        )
        return _order_result(order)

    def _settle(self, face: Face, args: Args) -> dict[str, Any]:
        price = _decimal(args, "price")
        face.engine.settle_symbol(args["symbol"], price, now_ms=self._engine_ms(face))
        return {}


def _account(face: Face, args: Args) -> str:
    account_id = str(args.get("account", "main"))
    if not face.engine.has_account(account_id):
        raise BadArgument(f"no such account: {account_id}")
    return account_id


def _kind(args: Args) -> SocketKind | None:
    kind = args.get("kind")
    return None if kind is None else SocketKind(kind)


def _position_side(args: Args) -> PositionSide:
    return PositionSide(str(args.get("position_side", "BOTH")).upper())


def _decimal(args: Args, name: str) -> Decimal:
    try:
        return Decimal(str(args[name]))
    except InvalidOperation:
        raise BadArgument(f"{name} is not a number: {args[name]}") from None


def _order_result(order: Order | Refusal) -> dict[str, Any]:
    if isinstance(order, Refusal):
        raise BadArgument(f"{order.reason} {order.detail}")
    return {"order_id": order.order_id, "client_order_id": order.client_order_id}


def _answer(face: Face, args: Args) -> Reply:
    preset = args.get("preset")
    if preset is not None:
        if preset not in face.presets:
            names = sorted(face.presets)
            raise BadArgument(f"no such preset: {preset}; one of {names}")
        return face.presets[preset]
    text = _text(args.get("body", ""))
    headers = args.get("headers", {})
    return Reply(
        status=int(args["status"]),
        body=text.encode(),
        headers=tuple((str(k), str(v)) for k, v in headers.items()),
        content_type=str(args.get("content_type", "application/json")),
    )


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _json_reply(status: int, value: object) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode())
