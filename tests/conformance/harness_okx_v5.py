"""OKX v5 for the conformance cases."""

from __future__ import annotations

from harness import Harness

HARNESS = Harness(
    symbol="BTC-USDT-SWAP",
    order_event="orders",
    exit_orders=1,
    margin_fields={
        "wallet": "USDT.cashBal",
        "equity": "USDT.eq",
        "initial": "USDT.imr",
        "maintenance": "USDT.mmr",
        "available": "USDT.availEq",
    },
)
