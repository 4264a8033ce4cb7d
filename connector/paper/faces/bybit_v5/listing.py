"""What this venue lists: its contracts, tiers and fees, in its own sizes.

Source: shapes of Bybit v5 "Get Instruments Info" and "Get Risk Limit", read 2026-11;
tiers are marginal, their values invented.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from connector.paper.instruments import DEFAULT_INSTRUMENTS, make_brackets
from connector.paper.types import EngineRules, Instrument
from connector.paper.words import ClientIdRule

_TIERS = (
    (100, "2000000", "0.005"),
    (90, "2600000", "0.0056"),
    (75, "5000000", "0.0067"),
    (50, "10000000", "0.01"),
    (25, "50000000", "0.02"),
    (10, "150000000", "0.05"),
    (5, "300000000", "0.1"),
    (2, "600000000", "0.25"),
    (1, "900000000", "0.5"),
)
_GRIDS = {"BTC": ("0.10", "0.001"), "ETH": ("0.01", "0.01"), "SOL": ("0.010", "0.1")}
_SIZES = {"BTC": ("1190", "500"), "ETH": ("7240", "724"), "SOL": ("79770", "9000")}


def _listed(model: Instrument) -> Instrument:
    tick, step = map(Decimal, _GRIDS[model.base])
    largest, largest_market = map(Decimal, _SIZES[model.base])
    return replace(
        model,
        tick_size=tick,
        qty_step=step,
        min_price=tick,
        min_qty=step,
        max_qty=largest,
        market_max_qty=largest_market,
        min_notional=Decimal(5),
        max_orders=500,
        max_conditional=10,
        brackets=make_brackets(_TIERS),
        taker_rate=Decimal("0.00055"),
        default_leverage=10,
        has_fees_in_margin=True,
    )


INSTRUMENTS: tuple[Instrument, ...] = tuple(map(_listed, DEFAULT_INSTRUMENTS))
RULES = EngineRules(
    client_id_rule=ClientIdRule.ALWAYS,
    refuse_post_only=False,
    refuse_fok=False,
    amend_keeps_queue=True,
    trigger_keeps_id=True,
)
