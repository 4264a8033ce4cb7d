"""Orders that close what another order opens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connector.paper.words import WorkingType


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A take-profit or a stop-loss attached to an order.

    It waits from the first fill on, for as much as was filled, or (*closes_all*) for
    the whole position, instead of what waited for it before. *price* None: a market
    order when triggered. A stop may trigger at a *profit_price* too, instead of a
    take-profit beside it. *tag* and *client_order_id* become the conditional order's.
    """

    trigger_price: Decimal
    price: Decimal | None = None
    profit_price: Decimal | None = None
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    closes_all: bool = False
    client_order_id: str | None = None
    tag: str = ""
