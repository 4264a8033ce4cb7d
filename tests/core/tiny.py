"""The venue of a few lines with rules of its own, and its book of truth.

Answers and frames are made by the test as facts and carry what they mean, so that a
scenario speaks of what happened and not of JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connector.dialect.facts import (
    BalanceFact,
    Fact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
)
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import InvalidOrder
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.order import Order, OrderIntent, Terms
from connector.sim.bare import dialect as bare

BTC = Symbol("BTCUSDT")
ETH = Symbol("ETHUSDT")


def instrument(symbol: Symbol = BTC, **given: Any) -> Instrument:
    """A perpetual with a tick of 0.1 and a step of 0.001."""
    return bare.instrument(symbol, **given)


class TinyDialect(bare.TinyDialect):
    """Refuses some orders by itself, as dialects may."""

    say = staticmethod(bare.Told.of)

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        if intent.callback_rate is not None and intent.callback_rate > 20:
            raise InvalidOrder("callback_rate", intent.callback_rate, "at most 20")
        return super().place(intent, client_order_id, instrument)

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        if terms.price is not None and terms.price > 90_000:
            raise InvalidOrder("price", terms.price, "at most 90000")
        return super().amend(order, instrument, terms)


@dataclass
class Book:
    """What the venue knows, as its REST side tells it."""

    orders: dict[str, OrderFact] = field(default_factory=dict)
    fills: list[FillFact] = field(default_factory=list)
    positions: dict[tuple[Symbol, str], PositionFact] = field(default_factory=dict)
    balances: dict[str, BalanceFact] = field(default_factory=dict)
    ledger: list[LedgerFact] = field(default_factory=list)
    marks: list[MarkFact] = field(default_factory=list)
    instruments: list[Instrument] = field(default_factory=list)

    def answer(self, request: Request, now_ms: int) -> Reply:
        """The answer to a question."""
        context = request.context
        if request.op == "time":
            return Reply(verdict=Verdict.OK, server_ms=now_ms)
        if request.op == "order":
            return self._order(context, conditional=False)
        if request.op == "waiting_order":
            return self._order(context, conditional=True)
        facts: list[Fact] = []
        since_ns = int(context.get("since", "0")) * NS_PER_MS
        match request.op:
            case "open_orders":
                facts += [o for o in self.orders.values() if not o.status.is_terminal]
            case "fills":
                facts += [
                    f
                    for f in self.fills
                    if f.symbol == context["symbol"] and f.venue_ns >= since_ns
                ]
            case "positions":
                facts += [p for p in self.positions.values() if p.qty]
            case "balances":
                facts += self.balances.values()
            case "ledger":
                facts += [e for e in self.ledger if e.venue_ns >= since_ns]
            case "instruments":
                facts += [InstrumentFact(instrument=i) for i in self.instruments]
            case "marks":
                facts += self.marks
        return Reply(verdict=Verdict.OK, facts=tuple(facts))

    def _order(self, context: Any, *, conditional: bool) -> Reply:
        for fact in self.orders.values():
            if fact.symbol != context["symbol"] or fact.is_conditional != conditional:
                continue
            if context["id"]:
                found = fact.venue_order_id == context["id"]
            else:
                found = fact.client_order_id == context["client"]
            if found:
                return Reply(verdict=Verdict.OK, facts=(fact,))
        return Reply(verdict=Verdict.NOT_FOUND, code="-2013", text="no such order")
