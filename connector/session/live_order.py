"""An order in the user's hands: always its newest state."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.errors import UsageError
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.order import (
    Accepted,
    InDoubt,
    Order,
    OrderStatus,
    Outcome,
    Rejected,
)

if TYPE_CHECKING:
    from connector.session.session import Session


class LiveOrder:
    """What `buy`, `sell` and `submit` return.

    *outcome* is how the command ended (`Accepted`, `Rejected` or `InDoubt`);
    everything else reads the order as it is known at this moment.
    """

    def __init__(self, session: Session, outcome: Outcome) -> None:
        self._session = session
        self.outcome = outcome
        self._last = outcome.order

    @property
    def order(self) -> Order:
        """The newest snapshot."""
        newest = self._session.order(self._last.client_order_id)
        if newest is not None:
            self._last = newest
        return self._last

    @property
    def client_order_id(self) -> ClientOrderId:
        """Ours."""
        return self._last.client_order_id

    @property
    def venue_order_id(self) -> VenueOrderId | None:
        """The venue's, once known."""
        return self.order.venue_order_id

    @property
    def symbol(self) -> Symbol:
        """Instrument."""
        return self._last.symbol

    @property
    def status(self) -> OrderStatus:
        """In FIX words."""
        return self.order.status

    @property
    def qty(self) -> Decimal | None:
        """Total quantity now."""
        return self.order.qty

    @property
    def price(self) -> Decimal | None:
        """Limit price now."""
        return self.order.price

    @property
    def filled_qty(self) -> Decimal:
        """Filled so far."""
        return self.order.filled_qty

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill."""
        return self.order.leaves_qty

    @property
    def avg_price(self) -> Decimal | None:
        """Average price of the fills."""
        return self.order.avg_price

    @property
    def is_open(self) -> bool:
        """Rests, or may rest, at the venue."""
        return self.order.is_open

    @property
    def is_accepted(self) -> bool:
        """The venue has, or had, this order."""
        return isinstance(self.outcome, Accepted)

    @property
    def is_rejected(self) -> bool:
        """It never existed at the venue."""
        return isinstance(self.outcome, Rejected)

    @property
    def is_in_doubt(self) -> bool:
        """Nobody knows yet."""
        return isinstance(self.outcome, InDoubt) and self.status is OrderStatus.IN_DOUBT

    async def cancel(self) -> Outcome:
        """Cancel it; Rejected (TOO_LATE) if it had ended otherwise."""
        return await self._session.cancel(self)

    async def amend(
        self,
        *,
        qty: Decimal | str | None = None,
        price: Decimal | str | None = None,
        trigger_price: Decimal | str | None = None,
    ) -> Outcome:
        """Change the total quantity, the price, the trigger price, or several."""
        return await self._session.amend(
            self, qty=qty, price=price, trigger_price=trigger_price
        )

    async def wait_done(self, timeout_s: float) -> Order:
        """Wait until the order is final. Raises TimeoutError after *timeout_s*, and
        what ended the session if that is first (SessionClosed after `close`)."""
        async with asyncio.timeout(timeout_s):
            while self.order.is_open:
                await self._session.changed()
        return self.order

    def __repr__(self) -> str:
        o = self.order
        return (
            f"<LiveOrder {o.client_order_id} {o.side.value} {o.filled_qty}/{o.qty} "
            f"{o.symbol} {o.status.value}>"
        )


OrderRef = LiveOrder | Order | str


def client_order_id_of(order: OrderRef) -> ClientOrderId:
    """Ours, however the order was named. Raises UsageError for what names none."""
    if isinstance(order, str):
        return ClientOrderId(order)
    if not isinstance(order, Order | LiveOrder):
        raise UsageError(f"no order: {order!r:.80}; give it or its client order id")
    return order.client_order_id
