"""What the venue tells per currency, and what positions add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.dialect.facts import CollateralFact
from connector.model.account import Collateral, Greeks, Position
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
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


def greeks_of(
    collaterals: Mapping[str, Collateral],
    positions: Iterable[Position],
    instruments: Mapping[Symbol, Instrument],
) -> dict[str, Greeks]:
    """Greeks by settlement currency: the venue's newest sum where it tells one, whose
    delta counts futures too, else the sum over *positions* as far as it is told."""
    found = {
        currency: Greeks(
            delta=row.delta_total,
            gamma=row.greeks.gamma,
            vega=row.greeks.vega,
            theta=row.greeks.theta,
        )
        for currency, row in collaterals.items()
    }
    for held in positions:
        instrument = instruments.get(held.symbol)
        if instrument is None or instrument.settle in collaterals or held.delta is None:
            continue
        found[instrument.settle] = found.get(instrument.settle, Greeks()) + Greeks(
            delta=held.delta,
            gamma=held.gamma or ZERO,
            vega=held.vega or ZERO,
            theta=held.theta or ZERO,
        )
    return {name: greeks for name, greeks in found.items() if greeks != Greeks()}
