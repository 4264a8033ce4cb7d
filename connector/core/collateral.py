"""What the venue tells per currency, and what positions add up to."""

from __future__ import annotations

from collections.abc import Iterable

from connector.dialect.facts import CollateralFact
from connector.model.account import Collateral, Greeks, Position
from connector.model.money import ZERO


class Collaterals:
    """The newest word about every currency, where margin is kept per currency."""

    def __init__(self) -> None:
        self.rows: dict[str, Collateral] = {}
        self._told_ns: dict[str, int] = {}

    def merge(self, fact: CollateralFact) -> bool:
        """Newest venue time wins; True if it was not older."""
        currency = fact.collateral.currency
        if fact.venue_ns < self.told_ns(currency):
            return False
        self._told_ns[currency] = fact.venue_ns
        self.rows[currency] = fact.collateral
        return True

    def told_ns(self, currency: str) -> int:
        """Venue time of the newest word, 0 if there is none."""
        return self._told_ns.get(currency, 0)


def greeks_of(positions: Iterable[Position]) -> Greeks:
    """Sum over *positions*, as far as the venue tells them."""
    total = Greeks()
    for row in positions:
        total += Greeks(
            delta=row.delta or ZERO,
            gamma=row.gamma or ZERO,
            vega=row.vega or ZERO,
            theta=row.theta or ZERO,
        )
    return total
