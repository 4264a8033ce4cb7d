"""The order book of one symbol: price levels, each a queue in time order.

Adding, removing and finding the best are O(log levels) plus a memory move; the
orders of a level are a dict, which keeps arrival order and removes in O(1).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.paper.words import Side

if TYPE_CHECKING:
    from connector.paper.engine.state import LiveOrder


class Level:
    """Orders at one price, oldest first, and their total remaining quantity."""

    __slots__ = ("orders", "price", "qty")

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.qty = Decimal(0)
        self.orders: dict[int, LiveOrder] = {}

    def first(self) -> LiveOrder:
        """The order that has waited longest."""
        return next(iter(self.orders.values()))


class BookSide:
    """One side; ``_keys`` are prices signed so that the best sorts last."""

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, Level] = {}

    def best(self) -> Level | None:
        """The level that trades first."""
        if not self._keys:
            return None
        return self._levels[self._keys[-1] * self._sign]

    def add(self, order: LiveOrder) -> None:
        """Queue *order* behind everybody at its price."""
        level = self._levels.get(order.price)
        if level is None:
            level = self._levels[order.price] = Level(order.price)
            insort(self._keys, order.price * self._sign)
        level.orders[order.order_id] = order
        level.qty += order.remaining

    def remove(self, order: LiveOrder) -> None:
        """Take *order* out; its remaining quantity must be what the level counted."""
        level = self._levels[order.price]
        del level.orders[order.order_id]
        level.qty -= order.remaining
        if not level.orders:
            key = order.price * self._sign
            del self._keys[bisect_left(self._keys, key)]
            del self._levels[order.price]

    def holds(self, order: LiveOrder) -> bool:
        """True while *order* is queued here."""
        level = self._levels.get(order.price)
        return level is not None and order.order_id in level.orders

    def reduce(self, order: LiveOrder, qty: Decimal) -> None:
        """Tell that *order*, still queued, has *qty* less remaining."""
        self._levels[order.price].qty -= qty

    def levels(self) -> Iterator[Level]:
        """Levels, best first."""
        for key in reversed(self._keys):
            yield self._levels[key * self._sign]


class Book:
    """Both sides."""

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.update_id = 0

    def side(self, side: Side) -> BookSide:
        """The resting orders on *side*."""
        return self.bids if side is Side.BUY else self.asks
