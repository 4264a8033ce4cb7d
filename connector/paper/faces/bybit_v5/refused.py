"""Orders that were acknowledged and refused afterwards.

The real venue answers code 0 before its matching engine has looked: an order may
still end ``Rejected`` milliseconds later, which only the stream tells. The machine
never sees such an order, so it lives here. Off unless a test asks for it.

Source: Bybit v5 docs, "Place Order" (asynchronous acknowledgement), read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connector.paper.faces.bybit_v5.render import Renderer
from connector.paper.types import ZERO, NewConditional, NewOrder, Order, Refusal
from connector.paper.words import (
    EndReason,
    OrderKind,
    OrderStatus,
    OrderType,
    Reason,
    WorkingType,
)

FIRST_ID = 9_000_000_000_001
# What the gateway lets through; a malformed order is refused by itself.
LATER = (Reason.MARGIN, Reason.REDUCE_ONLY, Reason.MAX_POSITION, Reason.PRICE_BAND_HIGH)
WHY = {Reason.REDUCE_ONLY: "EC_ReduceOnlyReject"}


@dataclass(slots=True)
class RefusedLater:
    """All of them, by account; *untold* go out with the next frames."""

    is_on: bool = False
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    untold: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def take(
        self,
        account_id: str,
        request: NewOrder | NewConditional,
        no: Refusal,
        renderer: Renderer,
        now_ms: int,
    ) -> Order | None:
        """The order as acknowledged, if it is refused later; None: it is now."""
        if (
            not self.is_on
            or no.reason not in LATER
            or isinstance(request, NewConditional)
        ):
            return None
        order = _order(account_id, request, FIRST_ID + len(self.rows), now_ms)
        row = renderer.order(order) | {
            "orderStatus": "Rejected",
            "rejectReason": WHY.get(no.reason, "EC_Others"),
            "leavesQty": renderer.qty(order.symbol, ZERO),
        }
        for name in (row["orderId"], row["orderLinkId"]):
            self.rows[account_id, name] = row
        self.untold.append((account_id, row))
        return order

    def find(self, account_id: str, name: str | None) -> list[dict[str, Any]]:
        """The row that an id of either kind names."""
        row = None if name is None else self.rows.get((account_id, name))
        return [] if row is None else [row]


def _order(account_id: str, request: NewOrder, number: int, now_ms: int) -> Order:
    return Order(
        account_id=account_id,
        order_id=number,
        client_order_id=request.client_order_id or str(number),
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        original_type=OrderType(request.type),
        time_in_force=request.time_in_force,
        position_side=request.position_side,
        qty=request.qty,
        price=request.price or ZERO,
        status=OrderStatus.CANCELED,
        filled_qty=ZERO,
        filled_quote=ZERO,
        average_price=ZERO,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        stp=request.stp,
        price_match=request.price_match,
        expire_ms=0,
        kind=OrderKind.USER,
        end_reason=EndReason.NONE,
        created_ms=now_ms,
        updated_ms=now_ms,
        amend_count=0,
        conditional_id=0,
        stop_price=ZERO,
        activate_price=ZERO,
        callback_rate=ZERO,
        working_type=WorkingType.CONTRACT_PRICE,
        price_protect=False,
        tag="",
    )
