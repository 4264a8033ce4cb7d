"""Bybit v5 for simulated worlds: its words, and the orders in its requests.

Source: Bybit v5 docs, "Trade" and "WebSocket Trade Guideline", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.paper.playbook import Amended, Market, Placed, Playbook, Sent

_ENTRY = "/v5/order/"


def read_call(method: str, target: str, body: bytes) -> tuple[Sent, ...]:
    """The orders that a REST request carries."""
    if method != "POST" or not target.startswith(_ENTRY):
        return ()
    return _orders(target.removeprefix(_ENTRY), json.loads(body))


def read_frame(text: str) -> tuple[Sent, ...]:
    """The orders that a frame of order entry carries."""
    frame = json.loads(text)
    op = str(frame.get("op", ""))
    if not op.startswith("order."):
        return ()
    return _orders(op.removeprefix("order."), frame["args"][0])


def _orders(name: str, body: Mapping[str, Any]) -> tuple[Sent, ...]:
    match name:
        case "create":
            return (_placed(body),)
        case "create-batch":
            return tuple(map(_placed, body["request"]))
        case "amend":
            return (_amended(body),)
        case "amend-batch":
            return tuple(map(_amended, body["request"]))
        case _:
            return ()


def _placed(order: Mapping[str, Any]) -> Placed:
    index, side = order.get("positionIdx", 0), order["side"]
    names = ("symbol", "side", "orderType", "qty", "price")
    return Placed(
        client_order_id=order.get("orderLinkId", ""),
        shape="/".join(str(order.get(name, "")) for name in names),
        reduces=bool(order.get("reduceOnly"))
        or (index, side) in ((1, "Sell"), (2, "Buy")),
    )


def _amended(order: Mapping[str, Any]) -> Amended:
    number = order.get("orderId")
    return Amended(
        order_id=None if number is None else int(number),
        client_order_id=order.get("orderLinkId", ""),
        qty=Decimal(order["qty"]) if "qty" in order else None,
    )


PLAYBOOK = Playbook(
    markets={
        "BTCUSDT": Market(lot=Decimal("0.001"), tick=Decimal("0.1"), by_hand="0.05"),
        "ETHUSDT": Market(lot=Decimal("0.01"), tick=Decimal("0.1"), by_hand="0.05"),
    },
    events=("order", "execution", "execution.fast", "position", "wallet", ""),
    calls=(
        "order.create",
        "order/create",
        "order.cancel",
        "batch",
        "order/realtime",
        "order/history",
        "execution/list",
        "position/list",
        "wallet-balance",
        "",
    ),
    not_executed=(
        "server_timeout",
        "server_error",
        "system_protection",
        "restarting",
        "too_many_visits",
        "too_many_requests",
        "bad_gateway",
        "service_unavailable",
        "gateway_timeout",
        "forbidden",
        "truncated_json",
    ),
    executed=(
        "server_timeout",
        "server_error",
        "duplicate_request",
        "bad_gateway",
        "gateway_timeout",
        "forbidden",
        "truncated_json",
    ),
    undrawn={"too_frequent": "the address stays away for longer than worlds last"},
    transfers=(("USDT", "100"), ("USDT", "-50.5")),
    read_call=read_call,
    read_frame=read_frame,
    own_faults=(
        ("forget", {}),
        ("refuse_later", {"on": True}),
        ("refuse_later", {"on": False}),
        ("history_lag", {"ms": 5000}),
        ("history_lag", {"ms": 0}),
    ),
    # has_bans: no; a banned address stays away for ten minutes, longer than worlds.
    has_hedge=True,
)
