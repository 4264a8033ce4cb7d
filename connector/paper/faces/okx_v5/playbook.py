"""OKX v5 for simulated worlds: its words, and the orders in its requests.

Source: OKX API v5 docs, "Trade", "Algo Trading" and "WebSocket", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connector.paper.faces.okx_v5.listings import INSTRUMENTS, Catalogue
from connector.paper.playbook import Amended, Market, Placed, Playbook, Sent

_PLACING = frozenset(
    ("/api/v5/trade/order", "/api/v5/trade/batch-orders", "/api/v5/trade/order-algo")
)
_AMENDING = frozenset(("/api/v5/trade/amend-order", "/api/v5/trade/amend-batch-orders"))
_CATALOGUE = Catalogue({one.symbol: one for one in INSTRUMENTS})


def read_call(method: str, target: str, body: bytes) -> tuple[Sent, ...]:
    """The orders that a REST request carries."""
    path = target.partition("?")[0]
    if method != "POST" or path not in _PLACING | _AMENDING:
        return ()
    told = json.loads(body)
    rows = told if isinstance(told, list) else [told]
    read: Callable[[str, Mapping[str, Any]], Sent]
    read = _placed if path in _PLACING else _amended
    return tuple(read(str(row["instId"]), row) for row in rows)


def read_frame(text: str) -> tuple[Sent, ...]:
    """The orders that a frame of order entry carries."""
    if text == "ping":
        return ()
    frame = json.loads(text)
    read = _FRAMES.get(frame.get("op"))
    if read is None:
        return ()
    return tuple(
        read(_CATALOGUE.symbol_of(row["instIdCode"]), row) for row in frame["args"]
    )


def _placed(symbol: str, row: Mapping[str, Any]) -> Placed:
    texts = {name: str(value) for name, value in row.items()}
    shape = [symbol, texts["side"], texts["ordType"]]
    shape += [texts.get(n, "") for n in ("sz", "px", "slTriggerPx", "tpTriggerPx")]
    closes = (texts.get("posSide"), texts["side"]) in (
        ("long", "sell"),
        ("short", "buy"),
    )
    return Placed(
        client_order_id=texts.get("clOrdId") or texts.get("algoClOrdId", ""),
        shape=" ".join(shape),
        reduces=row.get("reduceOnly") is True or closes,
    )


def _amended(symbol: str, row: Mapping[str, Any]) -> Amended:
    number, size = row.get("ordId"), row.get("newSz")
    qty = None
    if size is not None:
        qty = _CATALOGUE.of(symbol).coins(Decimal(str(size)))
    return Amended(
        order_id=int(number) if number else None,
        client_order_id=str(row.get("clOrdId", "")),
        qty=qty,
    )


_FRAMES: Mapping[str, Callable[[str, Mapping[str, Any]], Sent]] = {
    "order": _placed,
    "batch-orders": _placed,
    "amend-order": _amended,
    "batch-amend-orders": _amended,
}

PLAYBOOK = Playbook(
    markets={
        "BTC-USDT-SWAP": Market(lot=Decimal("0.001"), tick=Decimal(1), by_hand="0.002"),
        "ETH-USDT-SWAP": Market(
            lot=Decimal("0.01"), tick=Decimal("0.1"), by_hand="0.02"
        ),
    },
    events=(
        "",
        "orders",
        "positions",
        "account",
        "balance_and_position",
        "orders-algo",
        "reply",
    ),
    calls=(
        "",
        "/trade/order",
        "/trade/orders-pending",
        "/trade/fills",
        "/account/",
        "order",
    ),
    not_executed=(
        "too_many_requests",
        "account_limit",
        "order_expired",
        "request_timeout",
        "order_timeout",
        "unavailable",
        "busy",
        "system_error",
        "bad_gateway",
        "forbidden",
        "truncated_json",
        "empty_list",
    ),
    executed=(
        "request_timeout",
        "order_timeout",
        "unavailable",
        "busy",
        "system_error",
        "bad_gateway",
        "truncated_json",
        "empty_list",
    ),
    undrawn={
        "invalid_key": "a key that is refused ends the session, and rightly",
        "invalid_sign": "a key that is refused ends the session, and rightly",
        "stale_timestamp": "clocks are set wrong instead, and the face judges them",
    },
    transfers=(("USDT", "250"), ("USDT", "-125")),
    read_call=read_call,
    read_frame=read_frame,
    own_faults=(("notice", {}), ("conn_count_error", {"channel": "orders"})),
    has_hedge=True,
    with_passphrase=True,
    forced_trade_id=lambda _, number: str(-number),
)
