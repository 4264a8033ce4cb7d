"""Commands, unsigned: place, amend, cancel, settings, cancel-all-after.

Bodies are those of REST, with instruments by name; `sign_request_frame` puts their
numbers in place. Sizes are contracts: the quantity divided by `qty_unit`. Every
order is cross margin: the mode is chosen with each order here, and one instrument
may hold a cross and an isolated position at once, which one position per instrument
and side cannot show.

Conditional orders (``conditional`` with a stop-loss or take-profit price,
``move_order_stop``) live in the algo service and go by REST only; the venue has no
deadline for them but the 30 s of every signed call.

Source: "Trade" and "Algo Trading" pages of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect.facts import SettingFact
from connector.dialect.wire import Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.money import text_of
from connector.model.order import (
    Exit,
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Terms,
    TimeInForce,
)
from connector.venues.json_commands import (
    JsonCommands,
    JsonOrders,
    JsonRow,
    setting_request,
)
from connector.venues.okx_v5 import words
from connector.venues.okx_v5.limits import cost_of, order_cost
from connector.venues.okx_v5.sign import ACCEPTANCE_MS

RECV_WINDOW_MS = 3000
"""Of commands: the shorter, the sooner a lost answer is settled by proof."""
BATCH_MAX = 20

_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_HUNDRED = Decimal(100)
_MARKET = "-1"


@dataclass(frozen=True, slots=True)
class _Call:
    """A command's path, its name as a frame ("" by REST only), how long the venue may
    take it (None: repeating it does no harm) and whether it takes a list."""

    path: str
    frame: str = ""
    window_ms: int | None = ACCEPTANCE_MS
    is_list: bool = False


ORDER_CALLS = {
    "place": _Call("order", "order", RECV_WINDOW_MS),
    "place_batch": _Call("batch-orders", "batch-orders", RECV_WINDOW_MS, True),
    "amend": _Call("amend-order", "amend-order", RECV_WINDOW_MS),
    "cancel": _Call("cancel-order", "cancel-order", None),
    "cancel_batch": _Call("cancel-batch-orders", "batch-cancel-orders", None, True),
    "place_conditional": _Call("order-algo"),
    "amend_conditional": _Call("amend-algos"),
    "cancel_conditional": _Call("cancel-algos", window_ms=None, is_list=True),
}
"""What has an outcome for each order."""


def is_wire_id(client_order_id: str) -> bool:
    """The venue could know this id; local names of other orders it cannot."""
    return _CLIENT_ID.fullmatch(client_order_id) is not None


class Commands(JsonCommands):
    """The commands of the dialect."""

    batch_max = BATCH_MAX
    stores_apart = True

    def order_row(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> JsonRow:
        """An order in wire words; raises for what the venue would refuse."""
        if not is_wire_id(client_order_id):
            allowed = "1 to 32 letters and digits"
            raise InvalidOrder("client_order_id", client_order_id, allowed)
        _check(intent)
        is_algo = intent.order_type.is_conditional
        row: JsonRow = {
            "instId": intent.symbol,
            "tdMode": "cross",
            "algoClOrdId" if is_algo else "clOrdId": client_order_id,
            "side": words.SIDE_WORDS[intent.side],
            "posSide": words.POSITION_SIDE_WORDS[intent.position_side],
        }
        if intent.qty is not None:
            row["sz"] = _contracts(intent.qty, instrument)
        else:
            row["closeFraction"] = "1"
        # In hedge mode the two sides say it.
        is_net = intent.position_side is PositionSide.NET
        if is_net and (intent.reduce_only or intent.close_position):
            row["reduceOnly"] = True
        if is_algo:
            return row | _trigger(intent)
        return row | _terms(intent) | _exits(intent, client_order_id)

    def amend_row(self, order: Order, instrument: Instrument, terms: Terms) -> JsonRow:
        """A size at or below what is filled makes the order filled."""
        row = self.cancel_row(order)
        if terms.qty is not None:
            row["newSz"] = _contracts(terms.qty, instrument)
        if not order.waits:
            return row | {"newPx": _price(terms.price)}
        if terms.trigger_price is None:
            raise _lacks("amending trailing stops", "place another one")
        prefix = f"new{_prefix(order.order_type).title()}"
        trigger = text_of(terms.trigger_price)
        return row | {
            f"{prefix}TriggerPx": trigger,
            f"{prefix}OrdPx": _price(terms.price),
        }

    def cancel_row(self, order: Order) -> JsonRow:
        """By venue id if known, else by client id, in the store that has it."""
        if order.waits:
            names = ("algoId", "algoClOrdId")
            known = order.venue_order_id
        else:
            names = ("ordId", "clOrdId")
            known = order.triggered_order_id or order.venue_order_id
        name, value = (names[0], known) if known else (names[1], order.client_order_id)
        return {"instId": order.symbol, name: value}

    def on_orders(self, orders: JsonOrders) -> Request:
        """As a frame if the numbers of all instruments are known."""
        call, rows = ORDER_CALLS[orders.op], list(orders.rows)
        codes = [known.wire_code if known else "" for known in orders.instruments]
        has_frame = bool(call.frame) and all(codes)
        # A batch of one counts as a single call.
        bucket = orders.op.replace("_", "-")
        if len(rows) == 1:
            bucket = bucket.removesuffix("-batch")
        return orders.request(
            f"/api/v5/trade/{call.path}",
            rows if call.is_list else rows[0],
            order_cost(bucket, orders.symbols),
            window_ms=call.window_ms,
            frame_method=call.frame if has_frame else "",
            context={
                "symbols": " ".join(orders.symbols),
                "codes": " ".join(codes) if has_frame else "",
            },
        )

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Leverage of cross positions of an instrument."""
        row: JsonRow = {"instId": symbol, "lever": str(leverage), "mgnMode": "cross"}
        fact = SettingFact(symbol=symbol, leverage=leverage)
        return _setting("set_leverage", "account/set-leverage", row, fact)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Position mode of the account."""
        row: JsonRow = {"posMode": "long_short_mode" if is_hedge else "net_mode"}
        fact = SettingFact(is_hedge_mode=is_hedge)
        return _setting("set_hedge_mode", "account/set-position-mode", row, fact)

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Cancels every order of the account, of any instrument, in whole seconds
        (10 to 120) unless armed again; 0 disarms. Conditional orders stay."""
        row: JsonRow = {"timeOut": str(-(-timeout_ms // 1000))}
        return _setting("dead_man", "trade/cancel-all-after", row, None)


def _terms(intent: OrderIntent) -> JsonRow:
    row: JsonRow = {"ordType": "market"}
    if intent.price is not None:
        word = words.LIFETIME_WORDS[intent.time_in_force]
        row["ordType"] = "post_only" if intent.post_only else word
        row["px"] = text_of(intent.price)
    policy = words.SELF_TRADE_WORDS.get(intent.self_trade_prevention)
    if policy is not None:
        row["stpMode"] = policy
    return row


def _exits(intent: OrderIntent, name: str) -> JsonRow:
    """One attached order for both, which waits in the algo service once this one is
    filled; its name says whose it is."""
    exits: JsonRow = {"attachAlgoClOrdId": f"{name}{words.ATTACHED}"}
    for prefix, wish in (("tp", intent.take_profit), ("sl", intent.stop_loss)):
        if wish is not None:
            exits |= _watched(prefix, wish)
    return {"attachAlgoOrds": [exits]} if len(exits) > 1 else {}


def _watched(prefix: str, wish: Exit) -> JsonRow:
    return {
        f"{prefix}TriggerPx": text_of(wish.trigger_price),
        f"{prefix}TriggerPxType": words.TRIGGER_WORDS[wish.trigger_price_type],
        f"{prefix}OrdPx": _price(wish.price),
    }


def _trigger(intent: OrderIntent) -> JsonRow:
    if intent.order_type is OrderType.TRAILING_STOP:
        assert intent.callback_rate is not None, "checked"
        ratio = text_of(intent.callback_rate / _HUNDRED)
        row: JsonRow = {"ordType": "move_order_stop", "callbackRatio": ratio}
        if intent.activation_price is not None:
            row["activePx"] = text_of(intent.activation_price)
        return row
    assert intent.trigger_price is not None, "checked"
    watched = Exit(
        trigger_price=intent.trigger_price,
        price=intent.price,
        trigger_price_type=intent.trigger_price_type,
    )
    return {"ordType": "conditional", **_watched(_prefix(intent.order_type), watched)}


def _check(intent: OrderIntent) -> None:
    """What is refused for reasons of this venue; core knows the rest."""
    kind, policy = intent.order_type, intent.self_trade_prevention
    if policy is SelfTradePrevention.NONE:
        raise _lacks("orders without self-trade prevention", "it is mandatory here")
    is_fok = intent.time_in_force is TimeInForce.FOK
    if is_fok and policy is SelfTradePrevention.EXPIRE_BOTH:
        raise InvalidOrder("self_trade_prevention", policy.value, "not with FOK")
    if not kind.is_conditional:
        if intent.close_position:
            raise InvalidOrder("close_position", kind.value, "when something triggers")
        return
    if kind is OrderType.TRAILING_STOP and intent.trigger_price_type != "LAST":
        raise _lacks("trailing stops by another price", "they follow the last price")
    if policy is not SelfTradePrevention.DEFAULT:
        raise _lacks("self-trade prevention of conditional orders")
    if intent.time_in_force is not TimeInForce.GTC:
        lifetime = intent.time_in_force.value
        raise InvalidOrder("time_in_force", lifetime, "GTC on conditional orders")


def _lacks(what: str, advice: str = "") -> Unsupported:
    return Unsupported(words.VENUE, what, advice)


def _prefix(kind: OrderType) -> str:
    """What fields of a stop-loss or of a take-profit begin with."""
    return "sl" if kind in (OrderType.STOP_LIMIT, OrderType.STOP_MARKET) else "tp"


def _price(price: Decimal | None) -> str:
    return _MARKET if price is None else text_of(price)


def _contracts(qty: Decimal, instrument: Instrument) -> str:
    return text_of(qty / instrument.qty_unit)


def _setting(op: str, path: str, row: JsonRow, fact: SettingFact | None) -> Request:
    path, cost = f"/api/v5/{path}", cost_of(path)
    return setting_request(op, path, row, cost, fact, window_ms=ACCEPTANCE_MS)
