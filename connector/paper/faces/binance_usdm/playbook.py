"""Binance USDⓈ-M for simulated worlds: its words, and the orders in its requests.

Source: Binance USDⓈ-M docs, "Trade" and "WebSocket API", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from connector.paper.faces.binance_usdm.context import FaceConfig
from connector.paper.faces.binance_usdm.limits import LimitConfig
from connector.paper.playbook import Amended, Market, Placed, Playbook, Sent

_PLACING = {
    "POST /fapi/v1/order",
    "POST /fapi/v1/algoOrder",
    "order.place",
    "algoOrder.place",
}
_AMENDING = {"PUT /fapi/v1/order", "order.modify"}


def read_call(method: str, target: str, body: bytes) -> tuple[Sent, ...]:
    """The orders that a REST request carries."""
    path, _, query = target.partition("?")
    params = dict(parse_qsl(query))
    params.update(parse_qsl(body.decode()))
    name = f"{method} {path}"
    if name == "POST /fapi/v1/batchOrders":
        rows: list[dict[str, Any]] = json.loads(params["batchOrders"])
        return tuple(_placed(_texts(row)) for row in rows)
    return _orders(name, params)


def read_frame(text: str) -> tuple[Sent, ...]:
    """The orders that a frame of order entry carries."""
    frame = json.loads(text)
    params = frame.get("params")
    if not isinstance(params, dict):
        return ()
    return _orders(str(frame["method"]), _texts(params))


def _orders(name: str, params: Mapping[str, str]) -> tuple[Sent, ...]:
    if name in _PLACING:
        return (_placed(params),)
    if name in _AMENDING:
        number = params.get("orderId")
        return (
            Amended(
                order_id=None if number is None else int(number),
                client_order_id=params.get("origClientOrderId", ""),
                qty=Decimal(params["quantity"]),
            ),
        )
    return ()


def _placed(order: Mapping[str, str]) -> Placed:
    closing = (order.get("positionSide"), order.get("side"))
    names = ("symbol", "side", "type", "quantity", "price")
    return Placed(
        client_order_id=order.get("newClientOrderId") or order.get("clientAlgoId", ""),
        shape="/".join(order.get(name, "") for name in names),
        reduces=order.get("reduceOnly") == "true"
        or order.get("closePosition") == "true"
        or closing in (("LONG", "SELL"), ("SHORT", "BUY")),
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(name): ("true" if value else "false")
        if isinstance(value, bool)
        else str(value)
        for name, value in values.items()
    }


PLAYBOOK = Playbook(
    markets={
        "BTCUSDT": Market(lot=Decimal("0.001"), tick=Decimal("0.1"), by_hand="0.05"),
        "ETHUSDT": Market(lot=Decimal("0.010"), tick=Decimal("0.1"), by_hand="0.05"),
    },
    events=("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ALGO_UPDATE", ""),
    calls=(
        "order",
        "batchOrders",
        "algoOrder",
        "openOrders",
        "userTrades",
        "listenKey",
        "",
    ),
    placing=(
        ("POST", "/order"),
        ("POST", "batchOrders"),
        ("POST", "algoOrder"),
        ("WS", "order.place"),
    ),
    not_executed=(
        "unknown_error",
        "service_unavailable",
        "internal_error",
        "throttled",
        "timeout",
        "bad_gateway",
        "forbidden",
        "truncated_json",
        "too_many_requests",
    ),
    executed=(
        "unknown_error",
        "internal_error",
        "timeout",
        "bad_gateway",
        "forbidden",
        "truncated_json",
    ),
    undrawn={"banned": "the fault `ban` bans the address, which ends by itself"},
    transfers=(("USDT", "100"), ("USDT", "-50.5")),
    read_call=read_call,
    read_frame=read_frame,
    tight_options={
        "config": FaceConfig(
            limits=LimitConfig(weight_1m=500, orders_10s=12, orders_1m=50)
        )
    },
    cancels_kept=10,
    other_hosts=("/sapi/",),
    stop_sign=b"-1003",
    own_faults=(("matching_delay", {"ms": 1500}),),
    key_faults=("expire_key", "delete_key"),
    has_bans=True,
    has_hedge=True,
)
