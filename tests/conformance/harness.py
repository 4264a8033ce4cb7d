"""What the conformance cases must know of a venue, one module each.

The module of a venue is called ``harness_`` + its name with underscores and holds a
``HARNESS``. A registered venue without one fails the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from connector.venues.registry import venue_names


@dataclass(frozen=True, kw_only=True)
class Harness:
    """The venue's words for what the cases look at.

    *symbol*: a linear contract settled in *asset*, of which 0.010 may be ordered.
    *order_event*: what faults call frames that tell of orders.
    *margin_fields*: names in ``Margin.venue_fields`` for wallet, equity, initial,
    maintenance and available margin. *funding_kind*: what the ledger calls an entry
    that holds funding, and *funding_verb* what makes the venue pay it, if not at once.
    *exit_orders*: as how many orders a take-profit and a stop-loss wait together.
    *has_band*: the venue tells how far from the mark a price may be.
    """

    symbol: str
    order_event: str
    margin_fields: Mapping[str, str]
    asset: str = "USDT"
    funding_kind: str = "funding"
    funding_verb: str = ""
    has_band: bool = True
    exit_orders: int = 2
    wallet: str = "100000"
    others: Mapping[str, str] = field(default_factory=lambda: {"USDT": "1000000"})


HARNESSES: Mapping[str, Harness] = {
    name: import_module(f"harness_{name.replace('-', '_')}").HARNESS
    for name in venue_names()
}
