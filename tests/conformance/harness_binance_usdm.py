"""Binance USD-M for the conformance cases."""

from __future__ import annotations

from harness import Harness

HARNESS = Harness(
    symbol="BTCUSDT",
    order_event="ORDER_TRADE_UPDATE",
    margin_fields={
        "wallet": "totalWalletBalance",
        "equity": "totalMarginBalance",
        "initial": "totalInitialMargin",
        "maintenance": "totalMaintMargin",
        "available": "availableBalance",
    },
)
