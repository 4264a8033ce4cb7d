"""What a tiny venue says of orders, fills and the account, in neutral facts.

Whatever is said is kept in the venue's book as well, so that its REST side agrees.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import core_tiny as tiny

from connector.dialect.facts import (
    BalanceFact,
    FillFact,
    LedgerFact,
    OrderFact,
    PositionFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.order import (
    OrderIntent,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
)

D = Decimal
BTC = tiny.BTC
EPOCH_S = 1_700_000_000


class Nouns:
    """Facts at second *t* of a story, and the book that keeps them."""

    t: float
    book: tiny.Book

    def at(self, t: float | None = None) -> int:
        """Venue time (UTC ns) at second *t* of the story."""
        return round((EPOCH_S + (self.t if t is None else t)) * 1000) * NS_PER_MS

    def intent(self, **given: Any) -> OrderIntent:
        values: dict[str, Any] = {
            "symbol": BTC,
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "qty": "1",
            "price": "100",
            **given,
        }
        for name in ("qty", "price", "trigger_price", "callback_rate"):
            if isinstance(values.get(name), str):
                values[name] = D(values[name])
        return OrderIntent(**values)

    def state(
        self,
        client: str | None,
        venue: str,
        status: OrderStatus = OrderStatus.NEW,
        filled: str = "0",
        *,
        t: float | None = None,
        **given: Any,
    ) -> OrderFact:
        """The venue's word about an order, kept in its book as well."""
        values: dict[str, Any] = {
            "symbol": BTC,
            "venue_order_id": VenueOrderId(venue),
            "client_order_id": None if client is None else ClientOrderId(client),
            "status": status,
            "venue_ns": self.at(t),
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "qty": D(1),
            "price": D(100),
            "filled_qty": D(filled),
            **given,
        }
        if D(filled) and "avg_price" not in values:
            values["avg_price"] = D(100)
        fact = OrderFact(**values)
        self.book.orders[venue] = fact
        return fact

    def fill(
        self,
        client: str | None,
        venue: str,
        trade: str,
        qty: str,
        *,
        t: float | None = None,
        **given: Any,
    ) -> FillFact:
        """One execution, kept in the venue's book as well."""
        values: dict[str, Any] = {
            "symbol": BTC,
            "venue_order_id": VenueOrderId(venue),
            "client_order_id": None if client is None else ClientOrderId(client),
            "trade_id": TradeId(trade),
            "side": Side.BUY,
            "qty": D(qty),
            "price": D(100),
            "venue_ns": self.at(t),
            **given,
        }
        fact = FillFact(**values)
        if not fact.is_hint:
            self.book.fills.append(fact)
        return fact

    def position(
        self,
        qty: str,
        *,
        t: float | None = None,
        symbol: Symbol = BTC,
        side: PositionSide = PositionSide.NET,
        **given: Any,
    ) -> PositionFact:
        fact = PositionFact(
            symbol=symbol,
            position_side=side,
            qty=D(qty),
            venue_ns=self.at(t),
            entry_price=D(100),
            **given,
        )
        self.book.positions[symbol, side.value] = fact
        return fact

    def balance(self, wallet: str, *, t: float | None = None) -> BalanceFact:
        fact = BalanceFact(asset="USDT", wallet=D(wallet), venue_ns=self.at(t))
        self.book.balances["USDT"] = fact
        return fact

    def entry(
        self, amount: str, kind: LedgerKind = LedgerKind.FUNDING, **given: Any
    ) -> LedgerFact:
        entry_id = str(len(self.book.ledger) + 1)
        fact = LedgerFact(
            kind=kind,
            asset="USDT",
            amount=D(amount),
            venue_ns=self.at(),
            entry_id=entry_id,
            **given,
        )
        self.book.ledger.append(fact)
        return fact
