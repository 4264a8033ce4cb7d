"""Deribit for the conformance cases."""

from __future__ import annotations

from harness import Harness

HARNESS = Harness(
    symbol="BTC_USDC-PERPETUAL",
    order_event="user.changes",
    margin_fields={
        "wallet": "USDC.balance",
        "equity": "USDC.equity",
        "initial": "USDC.initial_margin",
        "maintenance": "USDC.maintenance_margin",
        "available": "USDC.available_funds",
    },
    asset="USDC",
    funding_kind="settlement",
    funding_verb="settle_day",
    has_band=False,
    others={"USDC": "1000000"},
)
