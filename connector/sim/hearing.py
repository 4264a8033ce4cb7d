"""What a life was told of one thing after the other: it may not be taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from connector.model.account import Stamp
from connector.model.order import Order
from connector.paper.engine import Engine
from connector.paper.playbook import Playbook
from connector.paper.types import Order as VenueOrder

ACCOUNT = "main"


class Hearing:
    """Compares each word with the one before, and with the ledger (law "final")."""

    def __init__(
        self, engine: Engine, book: Playbook, broken: Callable[[str, str], None]
    ) -> None:
        self._engine = engine
        self._book = book
        self._broken = broken
        self.own: Mapping[str, str] = {}  # client ids that the bot has sent
        self.transitions: Counter[tuple[str, str]] = Counter()

    def on_order(self, told: dict[str, Order], order: Order) -> None:
        """An order was told; *told* has every order as it was last told."""
        name, status = order.client_order_id, order.status
        before = told.get(name)
        told[name] = order
        if before is None or before.status is not status:
            old = "none" if before is None else before.status.value
            self.transitions[old, status.value] += 1
        if before is None or name not in self.own:
            return
        if order.filled_qty < before.filled_qty:
            text = f"{order.filled_qty} after {before.filled_qty}"
            self._broken("final", f"order {name} was told to be filled {text}")
        if not before.status.is_terminal or status.is_terminal:
            return
        truly = self._order_named(name, before.venue_order_id)
        if truly is not None and not truly.status.is_open:
            text = f"{status.value} after {before.status.value}"
            self._broken("final", f"order {name} was told to be {text}")

    def on_stamp(self, told: dict[str, int], key: str, stamp: Stamp) -> None:
        """A position or a wallet was told, as it was at a time of the venue."""
        if stamp.venue_ns < told.get(key, 0):
            self._broken("final", f"{key} was told as it had been before")
        told[key] = max(stamp.venue_ns, told.get(key, 0))

    def name_of(self, number: int) -> str:
        """The client id of the order with this number; a conditional order keeps
        its own when it becomes a real one."""
        order = self._engine.order(ACCOUNT, number)
        if order is None:
            return ""
        for item in self._engine.conditionals(ACCOUNT, limit=1 << 30):
            if order.conditional_id and item.conditional_id == order.conditional_id:
                return item.client_order_id
        return order.client_order_id

    def _order_named(self, name: str, number: str | None) -> VenueOrder | None:
        for order in self._engine.orders(ACCOUNT, limit=1 << 30):
            is_it = self._book.order_id(order.symbol, order.order_id) == number
            if is_it and order.client_order_id == name:
                return order
        return None
