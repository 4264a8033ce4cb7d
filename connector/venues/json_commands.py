"""Commands of venues whose orders are rows of JSON, alone or in lists.

A venue inherits `JsonCommands` and says how an order, new terms and a cancel are
written, and what stands around the rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from connector.dialect import VenueFacts
from connector.dialect.facts import SettingFact
from connector.dialect.needs import check_shape, needs_of
from connector.dialect.wire import HttpWire, Request
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.limits import Cost, Priority
from connector.model.noun import Noun
from connector.model.order import Order, OrderIntent, Terms
from connector.venues.base import setting_context
from connector.venues.json_rows import compact
from connector.venues.replies import batch_context

JsonRow = dict[str, object]


class JsonOrders(Noun, frozen=True, kw_only=True):
    """What a call on orders is about; *op* ends in ``_batch`` for several, and in
    ``_conditional`` for one in a store of its own."""

    op: str
    rows: tuple[JsonRow, ...]
    names: tuple[ClientOrderId, ...]
    symbols: tuple[Symbol, ...]
    instruments: tuple[Instrument | None, ...]
    priority: Priority

    @property
    def is_batch(self) -> bool:
        """Its answer has an entry per order."""
        return self.op.endswith("_batch")

    def request(
        self,
        path: str,
        body: object,
        cost: Cost,
        *,
        window_ms: int | None,
        frame_method: str = "",
        context: Mapping[str, str] | None = None,
        method: str = "POST",
        params: tuple[tuple[str, str], ...] = (),
    ) -> Request:
        """The call; a batch remembers what its answer is compared with."""
        several = batch_context(self.names) if self.is_batch else {}
        return Request(
            op=self.op,
            method=method,
            path=path,
            params=params,
            body=body,
            cost=cost,
            priority=self.priority,
            window_ms=window_ms,
            frame_method=frame_method,
            symbol=self.symbols[0],
            client_order_id=None if self.is_batch else self.names[0],
            context={**several, **(context or {})},
        )


class JsonCommands(ABC):
    """Place, amend and cancel; at most *batch_max* in a call, *cancel_batch_max*
    cancels where that is another number. *stores_apart*: conditional orders have
    calls of their own, and no batches."""

    facts: VenueFacts
    batch_max: ClassVar[int]
    cancel_batch_max: ClassVar[int] = 0
    stores_apart: ClassVar[bool] = False

    @abstractmethod
    def order_row(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> JsonRow:
        """A new order; raises for what the venue would refuse."""

    @abstractmethod
    def amend_row(self, order: Order, instrument: Instrument, terms: Terms) -> JsonRow:
        """New terms, and the order they are for."""

    @abstractmethod
    def cancel_row(self, order: Order) -> JsonRow:
        """The order, by venue id if known, else by client id."""

    @abstractmethod
    def on_orders(self, orders: JsonOrders) -> Request:
        """The call around the rows."""

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """A new order, conditional ones included."""
        op = self._op("place", is_waiting=intent.order_type.is_conditional)
        return self._place(op, [(intent, client_order_id, instrument)])

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Several orders; each has an outcome of its own."""
        waiting = [intent.order_type.is_conditional for intent, _, _ in orders]
        self._check_batch(waiting, self.batch_max)
        return self._place("place_batch", orders)

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """New total quantity, what is filled included, price and trigger price."""
        call = JsonOrders(
            op=self._op("amend", is_waiting=order.waits),
            rows=(self.amend_row(order, instrument, terms),),
            names=(order.client_order_id,),
            symbols=(order.symbol,),
            instruments=(instrument,),
            priority=Priority.PLACE,
        )
        return self.on_orders(call)

    def cancel(self, order: Order, instrument: Instrument | None = None) -> Request:
        """Cancel by venue id if known, else by client id, where the order is."""
        op = self._op("cancel", is_waiting=order.waits)
        return self._cancel(op, [order], instrument)

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None = None
    ) -> Request:
        """Several orders of one instrument."""
        most = self.cancel_batch_max or self.batch_max
        self._check_batch([order.waits for order in orders], most)
        return self._cancel("cancel_batch", orders, instrument)

    def _place(
        self,
        op: str,
        orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]],
    ) -> Request:
        for intent, _, _ in orders:
            self._check(intent)
        intents, names, instruments = zip(*orders, strict=True)
        reduces = all(intent.reduces for intent in intents)
        call = JsonOrders(
            op=op,
            rows=tuple(self.order_row(*order) for order in orders),
            names=names,
            symbols=tuple(intent.symbol for intent in intents),
            instruments=instruments,
            priority=Priority.CANCEL if reduces else Priority.PLACE,
        )
        return self.on_orders(call)

    def _cancel(
        self, op: str, orders: Sequence[Order], instrument: Instrument | None
    ) -> Request:
        call = JsonOrders(
            op=op,
            rows=tuple(self.cancel_row(order) for order in orders),
            names=tuple(order.client_order_id for order in orders),
            symbols=tuple(order.symbol for order in orders),
            instruments=(instrument,) * len(orders),
            priority=Priority.CANCEL,
        )
        return self.on_orders(call)

    def _op(self, verb: str, *, is_waiting: bool) -> str:
        return f"{verb}_conditional" if is_waiting and self.stores_apart else verb

    def _check_batch(self, waiting: Sequence[bool], most: int) -> None:
        if not 1 <= len(waiting) <= most:
            allowed = f"1 to {most} orders in one call"
            raise InvalidOrder("batch", len(waiting), allowed)
        if self.stores_apart and any(waiting):
            what = "batches of conditional orders"
            raise Unsupported(self.facts.name, what, "send them one by one")

    def _check(self, intent: OrderIntent) -> None:
        """What can be known without the account; core refuses it before."""
        for capability in needs_of(intent):
            if capability not in self.facts.capabilities:
                raise Unsupported(self.facts.name, capability.value)
        check_shape(intent)


def setting_request(
    op: str,
    path: str,
    body: JsonRow | None,
    cost: Cost,
    fact: SettingFact | None,
    *,
    window_ms: int,
) -> Request:
    """A change of settings; *fact* is so once it was taken. Without one it protects
    (a dead-man switch), which comes before what exposes."""
    return Request(
        op=op,
        method="POST",
        path=path,
        body=body,
        cost=cost,
        priority=Priority.PLACE if fact else Priority.CANCEL,
        window_ms=window_ms,
        symbol=fact.symbol if fact else None,
        context=setting_context(fact) if fact else {},
    )


def query_of(request: Request) -> str:
    """The query string, in the order of its parameters."""
    return "&".join(f"{name}={quote(text, safe='')}" for name, text in request.params)


def body_of(request: Request) -> str:
    """The body as it is sent and signed."""
    return "" if request.body is None else compact(request.body)


def deadline_of(request: Request, venue_ms: int) -> int | None:
    """Venue time after which a request that is sent now is refused."""
    return None if request.window_ms is None else venue_ms + request.window_ms


def http_wire(
    request: Request,
    base_url: str,
    query: str,
    body: str,
    headers: Sequence[tuple[str, str]] = (),
    deadline_ms: int | None = None,
) -> HttpWire:
    """The bytes; no question mark without a query, no kind of body without one."""
    kinds = [("Content-Type", "application/json")] if body else []
    return HttpWire(
        method=request.method,
        url=f"{base_url}{request.path}" + (f"?{query}" if query else ""),
        headers=(*headers, *kinds),
        body=body.encode("utf-8"),
        deadline_ms=deadline_ms,
    )
