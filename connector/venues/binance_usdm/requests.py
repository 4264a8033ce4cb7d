"""Commands, unsigned: place, amend, cancel, settings, dead-man timer.

Conditional orders live in the algo service until they trigger; cancelling one
goes there before the trigger and to the order service afterwards.

`newOrderRespType` is RESULT where the outcome is decided at once (MARKET, IOC,
FOK): the answer then carries the final status, and an order that was killed is
not reported as accepted and open. Resting orders use ACK, the faster one; the
stream tells the rest.

Source: "Trade" pages of the REST API, weights in each page; read 2026-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect.facts import SettingFact
from connector.dialect.wire import Request, Security
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import Cost, Priority
from connector.model.money import text_of
from connector.model.noun import replace
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    Terms,
    TimeInForce,
)
from connector.venues.binance_usdm import words
from connector.venues.binance_usdm.limits import BATCH_PLACE_COST, ORDER_COST, weight
from connector.venues.json_commands import (
    JsonCommands,
    JsonOrders,
    JsonRow,
    setting_request,
)
from connector.venues.json_rows import compact

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""

BATCH_PLACE_MAX = 5
BATCH_CANCEL_MAX = 10

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CALLBACK_MIN, _CALLBACK_MAX = Decimal("0.1"), Decimal(20)
_CLOSING_TYPES = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)

Params = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Call:
    """A command on orders; *frame* is its name over WebSocket, "" by REST only."""

    method: str
    path: str
    cost: Cost
    frame: str = ""


_CALLS = {
    "place": _Call("POST", "order", ORDER_COST, "order.place"),
    "place_batch": _Call("POST", "batchOrders", BATCH_PLACE_COST),
    "place_conditional": _Call("POST", "algoOrder", ORDER_COST, "algoOrder.place"),
    "amend": _Call("PUT", "order", ORDER_COST, "order.modify"),
    "cancel": _Call("DELETE", "order", weight(1), "order.cancel"),
    "cancel_batch": _Call("DELETE", "batchOrders", weight(1)),
    "cancel_conditional": _Call("DELETE", "algoOrder", weight(1), "algoOrder.cancel"),
}


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id. Orders of others that came without a usable
    id carry a local name, which never goes on the wire."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


class Commands(JsonCommands):
    """The commands of the dialect; rows are parameters, all of them texts."""

    batch_max = BATCH_PLACE_MAX
    cancel_batch_max = BATCH_CANCEL_MAX
    stores_apart = True

    def order_row(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> JsonRow:
        """The order in wire words; InvalidOrder for what the venue would refuse."""
        if not is_wire_id(client_order_id):
            allowed = "1 to 36 of A-Z a-z 0-9 . : / _ -"
            raise InvalidOrder("client_order_id", client_order_id, allowed)
        conditional = intent.order_type.is_conditional
        params: Params = [("algoType", "CONDITIONAL")] if conditional else []
        params += [
            ("symbol", intent.symbol),
            ("side", intent.side.value),
            ("positionSide", words.POSITION_SIDE_WORDS[intent.position_side]),
            ("type", words.TYPE_WORDS[intent.order_type]),
        ]
        params += _lifetime(intent)
        params += _size(intent)
        params += _trigger(intent) if conditional else _no_trigger(intent)
        policy = words.SELF_TRADE_WORDS[intent.self_trade_prevention]
        params.append(("selfTradePreventionMode", policy))
        if conditional:
            return dict([*params, ("clientAlgoId", client_order_id)])
        at_once = (TimeInForce.IOC, TimeInForce.FOK)
        is_decided = not intent.order_type.has_price or intent.time_in_force in at_once
        params.append(("newClientOrderId", client_order_id))
        params.append(("newOrderRespType", "RESULT" if is_decided else "ACK"))
        return dict(params)

    def amend_row(self, order: Order, instrument: Instrument, terms: Terms) -> JsonRow:
        """New total quantity and price; the order loses its place in the queue. A
        quantity at or below what is filled, or a price that would cross a post-only
        order, cancels the order."""
        if order.order_type is not OrderType.LIMIT:
            what = f"amending {order.order_type.value} orders"
            raise Unsupported(words.VENUE, what, "LIMIT only")
        assert terms.qty is not None
        assert terms.price is not None
        return {
            **self.cancel_row(order),
            "side": order.side.value,
            "quantity": text_of(terms.qty),
            "price": text_of(terms.price),
        }

    def cancel_row(self, order: Order) -> JsonRow:
        """By venue id if known, else by client id, in the store that has it."""
        if order.waits:
            return order_id(order.venue_order_id, order, "algoId", "clientAlgoId")
        known = order.triggered_order_id or order.venue_order_id
        return {"symbol": order.symbol, **order_id(known, order)}

    def on_orders(self, orders: JsonOrders) -> Request:
        """A batch is one parameter that holds a list."""
        call, row = _CALLS[orders.op], orders.rows[0]
        if orders.op == "place_batch":
            row = {"batchOrders": compact(list(orders.rows))}
        elif orders.op == "cancel_batch":
            row = _cancels(orders)
        return orders.request(
            f"/fapi/v1/{call.path}",
            None,
            call.cost,
            window_ms=RECV_WINDOW_MS,
            frame_method=call.frame,
            method=call.method,
            params=tuple(zip(row, map(str, row.values()), strict=True)),
        )

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """Both stores; the fate of each order comes over the stream."""
        return tuple(
            replace(_setting(op, path, {"symbol": symbol}, None), method="DELETE")
            for op, path in (
                ("cancel_all", "allOpenOrders"),
                ("cancel_all_conditional", "algoOpenOrders"),
            )
        )

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of one symbol."""
        params = {"symbol": symbol, "leverage": str(leverage)}
        fact = SettingFact(symbol=symbol, leverage=leverage)
        return _setting("set_leverage", "leverage", params, fact)

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Refused by the venue while the symbol has orders or a position."""
        assert symbol is not None, "of an instrument; core checks"
        params = {"symbol": symbol, "marginType": words.MARGIN_MODE_WORDS[mode]}
        fact = SettingFact(symbol=symbol, margin_mode=mode)
        return _setting("set_margin_mode", "marginType", params, fact)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Position mode of the account; USD-M and COIN-M change together."""
        params = {"dualSidePosition": "true" if is_hedge else "false"}
        fact = SettingFact(is_hedge_mode=is_hedge)
        return _setting("set_hedge_mode", "positionSide/dual", params, fact)

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Cancels the regular orders of *symbol* in *timeout_ms*; 0 disarms.

        Whether conditional orders are covered is not documented: do not rely on it.
        """
        assert symbol is not None, "the countdown is one per symbol"
        params = {"symbol": symbol, "countdownTime": str(timeout_ms)}
        request = _setting("dead_man", "countdownCancelAll", params, None)
        return replace(request, symbol=symbol, cost=weight(10))


def listen_key(op: str) -> Request:
    """`listen_key_start` answers the account's one stream key and extends it;
    `listen_key_keepalive` extends it by 60 minutes. There is no closing call: it
    would close the stream of every other client of the account."""
    return Request(
        op=op,
        method="POST" if op == "listen_key_start" else "PUT",
        path="/fapi/v1/listenKey",
        security=Security.KEY,
        cost=weight(1),
        priority=Priority.RECONCILE,
    )


def order_id(
    known: str | None,
    order: Order,
    name: str = "orderId",
    otherwise: str = "origClientOrderId",
) -> dict[str, object]:
    """An order by the venue's id of it, else by the client's."""
    return {name: known} if known else {otherwise: order.client_order_id}


def _cancels(orders: JsonOrders) -> JsonRow:
    """One symbol; all orders by venue id, or all by client id."""
    symbol = orders.symbols[0]
    if set(orders.symbols) != {symbol}:
        raise InvalidOrder("symbol", symbol, "one instrument per batch of cancels")
    ids = [str(row.get("orderId", "")) for row in orders.rows]
    if all(ids):
        return {"symbol": symbol, "orderIdList": f"[{','.join(ids)}]"}
    return {"symbol": symbol, "origClientOrderIdList": compact(list(orders.names))}


def _setting(
    op: str, path: str, params: dict[str, str], fact: SettingFact | None
) -> Request:
    request = setting_request(
        op, f"/fapi/v1/{path}", None, weight(1), fact, window_ms=RECV_WINDOW_MS
    )
    return replace(request, params=tuple(params.items()))


def _lifetime(intent: OrderIntent) -> Params:
    if not intent.order_type.has_price:
        return []
    if intent.post_only:
        return [("timeInForce", "GTX")]
    params: Params = [("timeInForce", intent.time_in_force.value)]
    if intent.good_till_ms is not None:
        # The venue counts whole seconds; rounding down never outlives the wish.
        params.append(("goodTillDate", str(intent.good_till_ms // 1000 * 1000)))
    return params


def _size(intent: OrderIntent) -> Params:
    """`reduceOnly` is forbidden in hedge mode, where the two sides say the same;
    `closePosition` excludes it."""
    params: Params = []
    if intent.qty is not None:
        params.append(("quantity", text_of(intent.qty)))
    if intent.price is not None:
        params.append(("price", text_of(intent.price)))
    if intent.close_position:
        if intent.order_type not in _CLOSING_TYPES:
            allowed = "STOP_MARKET or TAKE_PROFIT_MARKET only"
            raise InvalidOrder("close_position", intent.order_type.value, allowed)
        params.append(("closePosition", "true"))
    elif intent.reduce_only and intent.position_side is PositionSide.NET:
        params.append(("reduceOnly", "true"))
    return params


def _trigger(intent: OrderIntent) -> Params:
    watched = words.TRIGGER_WORDS.get(intent.trigger_price_type)
    if watched is None:
        what = "triggers on the index price"
        raise Unsupported(words.VENUE, what, "use the mark or last price")
    rate = intent.callback_rate
    if rate is not None and not _CALLBACK_MIN <= rate <= _CALLBACK_MAX:
        raise InvalidOrder("callback_rate", rate, "0.1 to 20 percent")
    return [
        ("workingType", watched),
        *_amounts(
            activatePrice=intent.activation_price,
            callbackRate=rate,
            triggerPrice=intent.trigger_price,
        ),
        *([("priceProtect", "true")] if intent.price_protect else []),
    ]


def _amounts(**named: Decimal | None) -> Params:
    return [(name, text_of(told)) for name, told in named.items() if told is not None]


def _no_trigger(intent: OrderIntent) -> Params:
    for rule in ("activation_price", "price_protect"):
        if value := getattr(intent, rule):
            raise InvalidOrder(rule, value, "conditional orders only")
    return []
