"""What the venue tells per currency, and what positions add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.dialect.facts import CollateralFact, GreeksFact
from connector.model.account import Collateral, Greeks, Position
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
from connector.model.money import ZERO


class Collaterals:
    """The newest word about every currency, where margin is kept per currency."""

    def __init__(self) -> None:
        self.rows: dict[str, Collateral] = {}
        self._told_ns: dict[str, int] = {}
        self.greeks: dict[str, Greeks] = {}
        self._greeks_ns: dict[str, int] = {}
        self._broken: set[str] = set()

    def merge(self, fact: CollateralFact) -> bool:
        """Newest venue time wins; True if it was not older."""
        currency = fact.collateral.currency
        if fact.venue_ns < self.told_ns(currency):
            return False
        self._told_ns[currency] = fact.venue_ns
        self.rows[currency] = fact.collateral
        return True

    def merge_greeks(self, fact: GreeksFact) -> bool:
        """Newest venue time wins; True if it was not older."""
        if fact.venue_ns < self._greeks_ns.get(fact.currency, 0):
            return False
        self._greeks_ns[fact.currency] = fact.venue_ns
        self.greeks[fact.currency] = fact.greeks
        return True

    def news_of_sums(self, currency: str) -> str:
        """What of the venue's own sums does not hold, for people; "" if all do, or if
        that was told and they have not held since."""
        broken = self.rows[currency].broken_identities()
        was_broken = currency in self._broken
        (self._broken.add if broken else self._broken.discard)(currency)
        if not broken or was_broken:
            return ""
        return f"the venue's own numbers of {currency} do not add up: " + ", ".join(
            broken
        )

    def told_ns(self, currency: str) -> int:
        """Venue time of the newest word, 0 if there is none."""
        return self._told_ns.get(currency, 0)


def greeks_of(
    told: Collaterals,
    positions: Iterable[Position],
    instruments: Mapping[Symbol, Instrument],
) -> dict[str, Greeks]:
    """Greeks by settlement currency: the venue's newest sum where it tells one, whose
    delta counts futures too, else the sum over *positions* as far as it is told. Sums
    over the options on a coin are told by that coin."""
    found = {
        currency: Greeks(
            delta=row.delta_total,
            gamma=row.greeks.gamma,
            vega=row.greeks.vega,
            theta=row.greeks.theta,
        )
        for currency, row in told.rows.items()
    } | told.greeks
    for held in positions:
        instrument = instruments.get(held.symbol)
        if instrument is None or held.delta is None:
            continue
        if instrument.settle in told.rows or instrument.base in told.greeks:
            continue
        found[instrument.settle] = found.get(instrument.settle, Greeks()) + Greeks(
            delta=held.delta,
            gamma=held.gamma or ZERO,
            vega=held.vega or ZERO,
            theta=held.theta or ZERO,
        )
    return {name: greeks for name, greeks in found.items() if greeks != Greeks()}
