"""Commands, unsigned: place, amend, cancel, settings.

Source: "Trade", "Position" and "Batch" pages of the v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from connector.dialect.wire import Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import Priority
from connector.model.money import text_of
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    TimeInForce,
)
from connector.venues.bybit_v5 import words
from connector.venues.bybit_v5.limits import cost_of

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""
BATCH_MAX = 20

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")

Body = dict[str, object]


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id; local names of other orders it cannot."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


def order_ids(order: Order) -> dict[str, str]:
    """The venue's id if known, else ours."""
    venue_id = order.venue_order_id or order.triggered_order_id
    if venue_id is not None:
        return {"orderId": venue_id}
    return {"orderLinkId": order.client_order_id}


class Commands:
    """The commands of the dialect."""

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones included."""
        return _command(
            "place",
            "/v5/order/create",
            {"category": words.CATEGORY, **_order(intent, client_order_id)},
            Priority.CANCEL if intent.reduces else Priority.PLACE,
            "order.create",
            symbol=intent.symbol,
            client_order_id=client_order_id,
        )

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Up to 20 orders; each costs one of the batch bucket."""
        reduces = all(intent.reduces for intent, _, _ in orders)
        return _batch(
            "place_batch",
            "create-batch",
            [_order(intent, name) for intent, name, _ in orders],
            [name for _, name, _ in orders],
            Priority.CANCEL if reduces else Priority.PLACE,
        )

    def amend(
        self, order: Order, instrument: Instrument, qty: Decimal, price: Decimal
    ) -> Request:
        """New total quantity, what is filled included, and price."""
        body: Body = {"category": words.CATEGORY, "symbol": order.symbol}
        body |= order_ids(order)
        body |= {"qty": text_of(qty), "price": text_of(price)}
        return _command(
            "amend",
            "/v5/order/amend",
            body,
            Priority.PLACE,
            "order.amend",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )

    def cancel(self, order: Order, instrument: Instrument | None = None) -> Request:
        """Cancel by venue id if known, else by client id."""
        body: Body = {"category": words.CATEGORY, "symbol": order.symbol}
        return _command(
            "cancel",
            "/v5/order/cancel",
            body | order_ids(order),
            Priority.CANCEL,
            "order.cancel",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
        )

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None = None
    ) -> Request:
        """Up to 20 orders."""
        return _batch(
            "cancel_batch",
            "cancel-batch",
            [{"symbol": order.symbol, **order_ids(order)} for order in orders],
            [order.client_order_id for order in orders],
            Priority.CANCEL,
        )

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """All orders of *symbol*, conditional ones too; above 500 a rest stays,
        which core cancels one by one."""
        body: Body = {"category": words.CATEGORY, "symbol": symbol}
        path = "/v5/order/cancel-all"
        return (_command("cancel_all", path, body, Priority.CANCEL, symbol=symbol),)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of an instrument, the same for both sides."""
        body: Body = {"category": words.CATEGORY, "symbol": symbol}
        body |= {"buyLeverage": str(leverage), "sellLeverage": str(leverage)}
        return _command(
            "set_leverage",
            "/v5/position/set-leverage",
            body,
            Priority.PLACE,
            symbol=symbol,
            context={"leverage": str(leverage)},
        )

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Margin mode of the whole account."""
        return _command(
            "set_margin_mode",
            "/v5/account/set-margin-mode",
            {"setMarginMode": words.MARGIN_MODE_WORDS[mode]},
            Priority.PLACE,
            context={"mode": mode.value},
        )

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Position mode of all USDT perpetuals; others have one-way mode only."""
        body: Body = {"category": words.CATEGORY, "coin": "USDT"}
        return _command(
            "set_hedge_mode",
            "/v5/position/switch-mode",
            body | {"mode": 3 if is_hedge else 0},
            Priority.PLACE,
            context={"is_hedge": "true" if is_hedge else "false"},
        )

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """The venue's switch (DCP) is enabled for institutions only."""
        raise Unsupported(
            words.VENUE,
            "a dead-man timer",
            "its disconnection protection is for institutional clients only: "
            "nothing cancels your orders when this program ends",
        )


def _order(intent: OrderIntent, client_order_id: ClientOrderId) -> Body:
    """The order in wire words; InvalidOrder for what the venue would refuse."""
    if not is_wire_id(client_order_id):
        raise InvalidOrder(
            "client_order_id", client_order_id, "1 to 36 of A-Z a-z 0-9 _ -"
        )
    _check(intent)
    has_price = intent.order_type.has_price
    body: Body = {
        "symbol": intent.symbol,
        "side": words.SIDE_WORDS[intent.side],
        "orderType": "Limit" if has_price else "Market",
        # "0" with both flags closes whatever there is, up to the largest order.
        "qty": "0" if intent.qty is None else text_of(intent.qty),
    }
    if intent.price is not None:
        body["price"] = text_of(intent.price)
        lifetime = "PostOnly" if intent.post_only else intent.time_in_force.value
        body["timeInForce"] = lifetime
    body["positionIdx"] = words.POSITION_INDEXES[intent.position_side]
    body["orderLinkId"] = client_order_id
    body["reduceOnly"] = intent.reduce_only or intent.close_position
    if intent.close_position:
        body["closeOnTrigger"] = True
    if intent.trigger_price is not None:
        body["triggerPrice"] = text_of(intent.trigger_price)
        body["triggerDirection"] = words.trigger_direction(
            intent.order_type, intent.side
        )
        body["triggerBy"] = words.TRIGGER_WORDS[intent.trigger_price_type]
    policy = words.SELF_TRADE_WORDS.get(intent.self_trade_prevention)
    if policy is not None:
        body["smpType"] = policy
    return body


def _check(intent: OrderIntent) -> None:
    kind = intent.order_type
    absent = {
        "trailing stop": kind is OrderType.TRAILING_STOP,
        "good till date": intent.time_in_force is TimeInForce.GTD,
        "price protect": intent.price_protect,
    }
    for capability, is_wanted in absent.items():
        if is_wanted:
            raise Unsupported(words.VENUE, capability)
    if kind.has_price != (intent.price is not None):
        raise InvalidOrder("price", intent.price, f"with limit orders, not {kind}")
    if kind.is_conditional != (intent.trigger_price is not None):
        raise InvalidOrder(
            "trigger_price", intent.trigger_price, "with conditional orders only"
        )
    if (intent.qty is None) != intent.close_position:
        raise InvalidOrder("qty", intent.qty, "a quantity, or close_position")
    if intent.close_position and kind.has_price:
        raise InvalidOrder("close_position", kind.value, "market kinds only")
    if intent.post_only and (
        not kind.has_price or intent.time_in_force is not TimeInForce.GTC
    ):
        raise InvalidOrder("post_only", kind.value, "GTC limit orders only")
    opens = (intent.side.sign > 0) == (intent.position_side is PositionSide.LONG)
    is_hedge = intent.position_side is not PositionSide.NET
    if is_hedge and opens and (intent.reduce_only or intent.close_position):
        raise InvalidOrder(
            "reduce_only",
            f"{intent.side.value} {intent.position_side.value}",
            "SELL with LONG or BUY with SHORT",
        )


def _batch(
    op: str, name: str, rows: list[Body], ids: Sequence[str], priority: Priority
) -> Request:
    if not 1 <= len(rows) <= BATCH_MAX:
        raise InvalidOrder("batch", len(rows), f"1 to {BATCH_MAX} orders in one call")
    return _command(
        op,
        f"/v5/order/{name}",
        {"category": words.CATEGORY, "request": rows},
        priority,
        f"order.{name}",
        units=len(rows),
        context={"count": str(len(rows)), "ids": " ".join(ids)},
    )


def _command(
    op: str,
    path: str,
    body: Body,
    priority: Priority,
    frame_method: str = "",
    *,
    units: int = 1,
    symbol: Symbol | None = None,
    client_order_id: ClientOrderId | None = None,
    context: Mapping[str, str] | None = None,
) -> Request:
    return Request(
        op=op,
        method="POST",
        path=path,
        body=body,
        cost=cost_of(op, units),
        priority=priority,
        window_ms=RECV_WINDOW_MS,
        frame_method=frame_method,
        symbol=symbol,
        client_order_id=client_order_id,
        context=context or {},
    )
