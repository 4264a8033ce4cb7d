"""Commands, unsigned: place, amend, cancel, settings.

Source: "Trade", "Position" and "Batch" pages of the v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re

from connector.dialect.facts import SettingFact
from connector.dialect.wire import Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.limits import Priority
from connector.model.money import text_of
from connector.model.order import Order, OrderIntent, Terms
from connector.venues.bybit_v5 import words
from connector.venues.bybit_v5.limits import cost_of
from connector.venues.json_commands import (
    JsonCommands,
    JsonOrders,
    JsonRow,
    setting_request,
)

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""
BATCH_MAX = 20

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")

_LINEAR = {"category": words.CATEGORY}
_PATHS = {
    "place": "order/create",
    "place_batch": "order/create-batch",
    "amend": "order/amend",
    "cancel": "order/cancel",
    "cancel_batch": "order/cancel-batch",
}


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id; local names of other orders it cannot."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


def order_ids(order: Order) -> dict[str, str]:
    """The venue's id if known, else ours."""
    venue_id = order.venue_order_id or order.triggered_order_id
    if venue_id is not None:
        return {"orderId": venue_id}
    return {"orderLinkId": order.client_order_id}


class Commands(JsonCommands):
    """The commands of the dialect."""

    batch_max = BATCH_MAX

    def order_row(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> JsonRow:
        """A new order, conditional ones included."""
        return _order(intent, client_order_id)

    def amend_row(self, order: Order, instrument: Instrument, terms: Terms) -> JsonRow:
        """New total quantity, what is filled included, price and trigger, as far as
        the order has them."""
        told = {"qty": terms.qty, "price": terms.price}
        if order.waits:
            told["triggerPrice"] = terms.trigger_price
        new = {name: text_of(value) for name, value in told.items() if value}
        return self.cancel_row(order) | new

    def cancel_row(self, order: Order) -> JsonRow:
        """By venue id if known, else by client id."""
        return {"symbol": order.symbol, **order_ids(order)}

    def on_orders(self, orders: JsonOrders) -> Request:
        """One row as it is, several in a list; each costs one of the batch bucket."""
        rows, path = list(orders.rows), _PATHS[orders.op]
        return orders.request(
            f"/v5/{path}",
            {**_LINEAR, **({"request": rows} if orders.is_batch else rows[0])},
            cost_of(orders.op, len(rows)),
            window_ms=RECV_WINDOW_MS,
            frame_method=path.replace("/", "."),
        )

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """All orders of *symbol*, conditional ones too; above 500 a rest stays,
        which core cancels one by one."""
        return (_cancel_all({"symbol": symbol}),)

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
        """All orders of this category, one call per coin that it settles in; kinds
        of instruments are not told apart."""
        if kind is not None:
            return ()
        coins = words.SETTLE_COINS
        return tuple(_cancel_all({"settleCoin": coin}) for coin in coins)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of an instrument, the same for both sides."""
        both = {"buyLeverage": str(leverage), "sellLeverage": str(leverage)}
        told = SettingFact(symbol=symbol, leverage=leverage)
        body: JsonRow = {**_LINEAR, "symbol": symbol, **both}
        return _setting("set_leverage", "position/set-leverage", body, told)

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Margin mode of the whole account."""
        body: JsonRow = {"setMarginMode": words.MARGIN_MODE_WORDS[mode]}
        told = words.mode_fact(mode)
        return _setting("set_margin_mode", "account/set-margin-mode", body, told)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Position mode of all USDT perpetuals; others have one-way mode only."""
        body: JsonRow = {**_LINEAR, "coin": "USDT", "mode": 3 if is_hedge else 0}
        told = SettingFact(is_hedge_mode=is_hedge)
        return _setting("set_hedge_mode", "position/switch-mode", body, told)

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """The venue's switch (DCP) is enabled for institutions only."""
        raise Unsupported(
            words.VENUE,
            "a dead-man timer",
            "its disconnection protection is for institutional clients only: "
            "nothing cancels your orders when this program ends",
        )


def _order(intent: OrderIntent, client_order_id: ClientOrderId) -> JsonRow:
    """The order in wire words; InvalidOrder for what the venue would refuse."""
    if not is_wire_id(client_order_id):
        allowed = "1 to 36 of A-Z a-z 0-9 _ -"
        raise InvalidOrder("client_order_id", client_order_id, allowed)
    body: JsonRow = {
        "symbol": intent.symbol,
        "side": words.SIDE_WORDS[intent.side],
        "orderType": "Limit" if intent.order_type.has_price else "Market",
        # "0" with both flags closes whatever there is, up to the largest order.
        "qty": "0" if intent.qty is None else text_of(intent.qty),
    }
    if intent.price is not None:
        lifetime = "PostOnly" if intent.post_only else intent.time_in_force.value
        body |= {"price": text_of(intent.price), "timeInForce": lifetime}
    body["positionIdx"] = words.POSITION_INDEXES[intent.position_side]
    body["orderLinkId"] = client_order_id
    body["reduceOnly"] = intent.reduce_only or intent.close_position
    if intent.close_position:
        body["closeOnTrigger"] = True
    if intent.trigger_price is not None:
        way = words.trigger_direction(intent.order_type, intent.side)
        trigger = words.TRIGGER_WORDS[intent.trigger_price_type]
        body |= {"triggerPrice": text_of(intent.trigger_price)}
        body |= {"triggerDirection": way, "triggerBy": trigger}
    body |= _exits(intent)
    policy = words.SELF_TRADE_WORDS.get(intent.self_trade_prevention)
    return body if policy is None else body | {"smpType": policy}


def _exits(intent: OrderIntent) -> JsonRow:
    """In the mode that closes what this order opens, no more: ``Full`` would be the
    whole position's, and replace what it has."""
    body: JsonRow = {}
    for name, prefix, wish in (
        ("takeProfit", "tp", intent.take_profit),
        ("stopLoss", "sl", intent.stop_loss),
    ):
        if wish is None:
            continue
        trigger = words.TRIGGER_WORDS[wish.trigger_price_type]
        body |= {"tpslMode": "Partial", name: text_of(wish.trigger_price)}
        body |= {f"{prefix}TriggerBy": trigger, f"{prefix}OrderType": "Market"}
        if wish.price is not None:
            limit = {f"{prefix}LimitPrice": text_of(wish.price)}
            body |= {f"{prefix}OrderType": "Limit", **limit}
    return body


def _cancel_all(which: JsonRow) -> Request:
    return Request(
        op="cancel_all",
        method="POST",
        path="/v5/order/cancel-all",
        body={**_LINEAR, **which},
        cost=cost_of("cancel_all"),
        priority=Priority.CANCEL,
        window_ms=RECV_WINDOW_MS,
    )


def _setting(op: str, path: str, body: JsonRow, told: SettingFact) -> Request:
    path, window_ms = f"/v5/{path}", RECV_WINDOW_MS
    return setting_request(op, path, body, cost_of(op), told, window_ms=window_ms)
