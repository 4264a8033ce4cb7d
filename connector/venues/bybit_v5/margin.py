"""Margin of a unified account in cross mode, at mark prices (since 2025-09).

    V = size x mark                       uPnL = s x size x (mark - entry)
    F = V x (1 - s / leverage) x taker    fee of closing at bankruptcy
    initial     = V / leverage + F        (order: at its price, plus opening fee)
    maintenance = V x rate - deduction + F, tier by position and opening orders
    liquidation price: buffer + sum(uPnL) = sum(maintenance), solved for the mark

s is +1 long, -1 short. Collateral in other coins has haircuts and prices that only
the venue knows: no numbers then, the venue's own fields are shown. Source: the
venue's help centre, "The New Margin Calculation" (2025-09-18); the form of F in
cross mode was not published, it fits observed rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers
from connector.model.account import Position
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.venues.linear_margin import MarginRules, currency_of, margin_of

TAKER_RATE = Decimal("0.00055")


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None outside cross mode, with collateral in another
    coin, and while a mark, a leverage or tiers at stake are not known."""
    at_stake = view.by_symbol()
    settles = {view.instruments[s].settle for s in at_stake if s in view.instruments}
    currency = currency_of(settles)
    others = any(b.wallet and asset != currency for asset, b in view.balances.items())
    if view.is_multi_asset or others or len(settles) > 1:
        return None
    return margin_of(view, RULES)


def _closing(sign: int, leverage: Decimal) -> Decimal:
    return (1 - sign / leverage) * TAKER_RATE


def _tier_size(
    instrument: Instrument, position: Position, charged: Sequence[Order], mark: Decimal
) -> Decimal:
    """The value of the position and of what its opening orders would add."""
    opening = (
        order.leaves_qty
        for order in charged
        if order.side.sign * position.qty > 0
        and order.position_side is position.position_side
    )
    return sum(opening, abs(position.qty)) * mark


RULES = MarginRules(
    tier_size=_tier_size,
    closing=_closing,
    ordering=lambda sign, leverage: TAKER_RATE + _closing(sign, leverage),
)
