"""Bybit v5 for the conformance cases."""

from __future__ import annotations

from harness import Harness

HARNESS = Harness(
    symbol="BTCUSDT",
    order_event="order",
    margin_fields={
        "wallet": "totalWalletBalance",
        "equity": "totalMarginBalance",
        "initial": "totalInitialMargin",
        "maintenance": "totalMaintenanceMargin",
        "available": "totalAvailableBalance",
    },
)
