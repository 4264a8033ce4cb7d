"""Deribit for simulated worlds: its words, and the orders in its requests.

Source: Deribit API, "private/buy", "private/sell", "private/edit"; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from connector.paper.faces.deribit import ids
from connector.paper.playbook import Amended, Market, Placed, Playbook, Sent

_PLACING = ("private/buy", "private/sell")
_AMENDING = "private/edit"


def read_call(method: str, target: str, body: bytes) -> tuple[Sent, ...]:
    """The orders that an HTTP request carries."""
    path, _, query = target.partition("?")
    name = path.removeprefix("/api/v2").strip("/")
    if method == "GET":
        return _orders(name, dict(parse_qsl(query)))
    asked = json.loads(body, parse_float=str, parse_int=str)
    return _orders(name or asked["method"], asked.get("params", {}))


def read_frame(text: str) -> tuple[Sent, ...]:
    """The orders that a frame carries."""
    asked = json.loads(text, parse_float=str, parse_int=str)
    return _orders(str(asked.get("method")), asked.get("params", {}))


def _orders(name: str, params: Mapping[str, Any]) -> tuple[Sent, ...]:
    if name in _PLACING:
        names = ("instrument_name", "type", "amount", "price")
        shape = "/".join((name, *(str(params.get(one, "")) for one in names)))
        return (
            Placed(
                client_order_id=str(params.get("label", "")),
                shape=shape,
                reduces=params.get("reduce_only") in (True, "true"),
            ),
        )
    if name == _AMENDING:
        number, _ = ids.number_of(str(params["order_id"]))
        amount = params.get("amount")
        return (
            Amended(
                order_id=number,
                client_order_id="",
                qty=None if amount is None else Decimal(str(amount)),
            ),
        )
    return ()


PLAYBOOK = Playbook(
    markets={
        "BTC-PERPETUAL": Market(lot=Decimal(100), tick=Decimal("0.5"), by_hand="500"),
        "ETH_USDC-PERPETUAL": Market(
            lot=Decimal("0.1"), tick=Decimal("0.05"), by_hand="0.5"
        ),
    },
    events=("user.changes", "user.portfolio", "heartbeat", ""),
    calls=("buy", "sell", "edit", "cancel", "get_open_orders", "get_user_trades", ""),
    not_executed=(
        "error",
        "retry",
        "queue_full",
        "lock_timeout",
        "settlement",
        "maintenance",
        "internal",
        "unavailable",
        "timed_out",
        "unauthorized",
        "bad_gateway",
        "truncated_json",
    ),
    executed=(
        "error",
        "lock_timeout",
        "maintenance",
        "internal",
        "unavailable",
        "bad_gateway",
        "truncated_json",
    ),
    transfers=(("USDC", "100"), ("BTC", "-0.05")),
    read_call=read_call,
    read_frame=read_frame,
    key_faults=("expire_tokens",),
    # The recent stores are said to know everything at once, and rows of positions and
    # summaries have no time but that of the question: a lagging one would lie.
    lag_max_ms=0,
    order_id=ids.shown,
    conditional_id=ids.shown_waiting,
    trade_id=ids.shown,
    own_faults=(("settle_day", {}), ("maintenance", {"on": False})),
)
