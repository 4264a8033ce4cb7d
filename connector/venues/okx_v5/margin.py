"""Margin, from facts and live marks.

Futures mode has one risk unit per settle currency: `linear_margin` without a fee of
closing, the whole position at the rate of its tier, tiers by contracts; a liquidation
costs the taker fee. Whether opposite orders are netted is not documented: here they
are not, so that what is shown as available never is too much. Multi-currency and
portfolio margin have haircuts, index prices and stress tests that only the venue
knows: its own totals in USD are shown then, as fresh as its last push.

Source: "Multi-currency margin mode" and "Futures mode: cross margin trading" (help
articles) and the account pages of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers
from connector.venues.linear_margin import (
    MarginRules,
    ToldTotals,
    margin_of,
    told_margin,
)

RULES = MarginRules(
    tier_size=lambda instrument, position, _, __: (
        abs(position.qty) / instrument.qty_unit
    ),
    # Of the lowest tier of fees; only the estimate of a liquidation price needs it.
    liquidation_fee=Decimal("0.0005"),
    shows_told=True,
)


TOLD = ToldTotals(
    equity="adjEq",
    total="totalEq",
    unrealized="upl",
    initial="imr",
    maintenance="mmr",
    available="availEq",
)


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None while something at stake is not known."""
    return told_margin(view, TOLD) if view.is_multi_asset else margin_of(view, RULES)
