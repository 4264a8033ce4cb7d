"""One position as the machine remembers it: the venue's newest word about it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connector.dialect.facts import PositionFact
from connector.model.account import MarginMode, Position, Stamp
from connector.model.money import ZERO


@dataclass(slots=True)
class Held:
    """Mutable, private to core."""

    qty: Decimal
    entry_price: Decimal
    stamp: Stamp
    moved_ns: int = 0  # venue time of its last move, as far as it is told
    version: int | None = None
    margin_mode: MarginMode = MarginMode.CROSS
    isolated_wallet: Decimal = ZERO
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    row: Position | None = None  # what is shown of this word, if it was asked for
    greeks: tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None] = (
        None,
        None,
        None,
        None,
    )

    def is_newer_than(self, fact: PositionFact) -> bool:
        """By the venue's sequence where both have one, else by its time."""
        told, known = fact.version, self.version
        if told is not None and known is not None and told != known:
            return told < known
        return fact.venue_ns < self.stamp.venue_ns
