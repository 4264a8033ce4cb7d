"""A model of a venue: orders, fills, a position and a wallet, each with its history.

It keeps its word: what it took exists, what it told on the stream is so, and
questions are answered from any instant of its past (`ask`), as replicas do. Every
change is stamped with a time of its own, later than all before.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
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
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.noun import replace
from connector.model.order import (
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
)
from connector.sim.bare.dialect import instrument

SYMBOLS = (Symbol("BTCUSDT"), Symbol("ETHUSDT"))
ASSET = "USDT"
PRICE = Decimal(100)
FEE = Decimal("0.01")
"""What every fill costs; without it a fill that others made and undid would leave
no trace in the account."""
_FIRST_WALLET = Decimal(10_000)
_NEVER = 1 << 62

Tell = Callable[[tuple[Fact, ...]], None]


class SmallVenue:
    """The truth. *tell* puts facts on the private streams, in this order."""

    def __init__(self, epoch_ns: int, tell: Tell) -> None:
        self._tell = tell
        self._stamp_ns = epoch_ns
        self._count = 0
        self.orders: dict[str, list[OrderFact]] = {}  # by number, oldest state first
        self.open: dict[str, OrderFact] = {}
        self.named: dict[str, list[str]] = {}  # numbers by client id
        self.accepted_ns: dict[str, int] = {}  # by number
        self.fills: dict[str, FillFact] = {}  # by trade id
        self.ledger: list[LedgerFact] = []
        self.slipped = Decimal(0)
        self.positions: dict[Symbol, list[PositionFact]] = {s: [] for s in SYMBOLS}
        self.wallets = [
            BalanceFact(asset=ASSET, wallet=_FIRST_WALLET, venue_ns=epoch_ns)
        ]

    # --- commands ---

    def execute(self, request: Request, now_ns: int) -> Reply:
        """Do what *request* commands; *now_ns* is the venue's clock."""
        self._at(now_ns)
        name = str(request.client_order_id)
        match request.op:
            case "place":
                assert isinstance(request.body, OrderIntent)
                return self._place(request.body, name)
            case "place_batch":
                body: Any = request.body
                items = tuple(self._place(intent, one) for one, intent in body)
                return Reply(verdict=Verdict.OK, items=items)
            case "cancel":
                return self._cancel(name)
            case "cancel_batch":
                names = request.context["ids"].split()
                items = tuple(self._cancel(one) for one in names)
                return Reply(verdict=Verdict.OK, items=items)
            case "cancel_all":
                for order in list(self.open.values()):
                    if request.symbol in (None, order.symbol):
                        self._change(order, OrderStatus.CANCELED)
                return Reply(verdict=Verdict.OK)
            case "amend":
                return self._amend(name, request.context)
            case _:
                return Reply(verdict=Verdict.OK)

    def _place(self, intent: OrderIntent, name: str) -> Reply:
        if any(self.orders[n][-1].status.is_terminal is False for n in self._of(name)):
            return Reply(verdict=Verdict.DUPLICATE, code="dup", text="the id is used")
        if intent.reduce_only and not self._reduces(intent):
            return _refused("nothing to reduce")
        qty = intent.qty
        if intent.reduce_only and qty is not None:
            qty = min(qty, abs(self.held(intent.symbol)))
        order = self._new_order(
            symbol=intent.symbol,
            client_order_id=ClientOrderId(name),
            side=intent.side,
            order_type=intent.order_type,
            qty=qty,
            price=intent.price,
            reduce_only=intent.reduce_only,
        )
        if order.order_type is OrderType.MARKET:
            assert order.qty is not None
            order = self.fill(order, order.qty)
        return Reply(verdict=Verdict.OK, facts=(order,))

    def _reduces(self, intent: OrderIntent) -> bool:
        return self.held(intent.symbol) * intent.side.sign < 0

    def _new_order(self, **terms: Any) -> OrderFact:
        order = OrderFact(
            venue_order_id=VenueOrderId(f"v{self._next()}"),
            status=OrderStatus.NEW,
            venue_ns=self._stamp(),
            filled_qty=Decimal(0),
            created_ns=self._stamp_ns,
            **terms,
        )
        number = str(order.venue_order_id)
        self.named.setdefault(str(order.client_order_id), []).append(number)
        self.accepted_ns[number] = order.venue_ns
        self.orders[number] = []
        self._keep(order)
        self._tell((order,))
        return order

    def _of(self, name: str) -> list[str]:
        return self.named.get(name, [])

    def _open_named(self, name: str) -> OrderFact | None:
        for number in self._of(name):
            if number in self.open:
                return self.open[number]
        return None

    def _cancel(self, name: str) -> Reply:
        order = self._open_named(name)
        if order is None:
            return Reply(verdict=Verdict.NOT_OPEN, code="gone", text="not open")
        order = self._change(order, OrderStatus.CANCELED)
        return Reply(verdict=Verdict.OK, facts=(order,))

    def _amend(self, name: str, terms: Any) -> Reply:
        order = self._open_named(name)
        if order is None:
            return Reply(verdict=Verdict.NOT_OPEN, code="gone", text="not open")
        qty, filled = Decimal(terms["qty"]), order.filled_qty or Decimal(0)
        if qty <= filled:
            return _refused("less than what is filled")
        order = self._change(
            order, order.status, qty=qty, price=Decimal(terms["price"]), is_amend=True
        )
        return Reply(verdict=Verdict.OK, facts=(order,))

    def _change(self, order: OrderFact, status: OrderStatus, **terms: Any) -> OrderFact:
        changes = {"is_amend": False, **terms}
        order = replace(order, status=status, venue_ns=self._stamp(), **changes)
        self._keep(order)
        self._tell((order,))
        return order

    # --- what happens by itself ---

    def fill(self, order: OrderFact, qty: Decimal) -> OrderFact:
        """Execute *qty* of an open order; returns its new state."""
        assert order.side is not None
        filled = (order.filled_qty or Decimal(0)) + qty
        is_done = order.qty is not None and filled >= order.qty
        status = OrderStatus.FILLED if is_done else OrderStatus.PARTIALLY_FILLED
        order = replace(
            order,
            status=status,
            filled_qty=filled,
            avg_price=PRICE,
            venue_ns=self._stamp(),
            is_amend=False,
        )
        self._keep(order)
        assert order.venue_order_id is not None
        assert order.side is not None
        fact = FillFact(
            symbol=order.symbol,
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            trade_id=TradeId(f"t{self._next()}"),
            side=order.side,
            qty=qty,
            price=PRICE,
            venue_ns=order.venue_ns,
            fee=FEE,
            fee_asset=ASSET,
        )
        self.fills[fact.trade_id] = fact
        self._tell((order, fact))
        position = PositionFact(
            symbol=order.symbol,
            position_side=PositionSide.NET,
            qty=self.held(order.symbol) + qty * order.side.sign,
            venue_ns=order.venue_ns,
            entry_price=PRICE,
        )
        self.positions[order.symbol].append(position)
        wallet = self._book(
            LedgerKind.FEE,
            -FEE,
            order.venue_ns,
            symbol=order.symbol,
            trade_id=fact.trade_id,
        )
        self._tell((wallet, position))
        return order

    def trade(self, order: OrderFact, qty: Decimal, now_ns: int) -> None:
        """Somebody takes *qty* of a resting order."""
        self._at(now_ns)
        self.fill(order, qty)

    def by_hand(self, symbol: Symbol, side: Side, qty: Decimal, now_ns: int) -> None:
        """An order of the account that another program placed; it rests."""
        self._at(now_ns)
        name = ClientOrderId(f"web{self._next()}")
        self._new_order(
            symbol=symbol,
            client_order_id=name,
            side=side,
            order_type=OrderType.LIMIT,
            qty=qty,
            price=PRICE,
            reduce_only=False,
        )

    def cancel_by_hand(self, order: OrderFact, now_ns: int) -> None:
        """Another program cancels an order."""
        self._at(now_ns)
        self._change(order, OrderStatus.CANCELED)

    def liquidate(self, symbol: Symbol, now_ns: int) -> None:
        """The venue closes the position."""
        self._at(now_ns)
        held = self.held(symbol)
        order = self._new_order(
            symbol=symbol,
            client_order_id=ClientOrderId(f"forced{self._next()}"),
            side=Side.SELL if held > 0 else Side.BUY,
            order_type=OrderType.MARKET,
            qty=abs(held),
            price=None,
            reduce_only=True,
            origin=Origin.LIQUIDATION,
        )
        self.fill(order, abs(held))

    def book(self, kind: LedgerKind, amount: Decimal, now_ns: int) -> None:
        """Money comes or goes."""
        self._at(now_ns)
        wallet = self._book(kind, amount, self._stamp())
        # As streams do: the entry is only hinted at, the query tells it.
        self._tell((wallet, replace(self.ledger[-1], entry_id="")))

    def slip(self, amount: Decimal, now_ns: int) -> None:
        """The wallet moves, and the ledger never tells why."""
        self._at(now_ns)
        self.slipped += amount
        wallet = BalanceFact(
            asset=ASSET,
            wallet=self.wallets[-1].wallet + amount,
            venue_ns=self._stamp(),
        )
        self.wallets.append(wallet)
        self._tell((wallet,))

    def _book(
        self, kind: LedgerKind, amount: Decimal, venue_ns: int, **given: Any
    ) -> BalanceFact:
        """A new entry of the ledger; returns the wallet after it."""
        entry = LedgerFact(
            kind=kind,
            asset=ASSET,
            amount=amount,
            venue_ns=venue_ns,
            entry_id=str(self._next()),
            **given,
        )
        wallet = BalanceFact(
            asset=ASSET, wallet=self.wallets[-1].wallet + amount, venue_ns=venue_ns
        )
        self.ledger.append(entry)
        self.wallets.append(wallet)
        return wallet

    # --- questions ---

    def held(self, symbol: Symbol) -> Decimal:
        """The position now."""
        states = self.positions[symbol]
        return states[-1].qty if states else Decimal(0)

    def ask(self, request: Request, now_ns: int, seen_ns: int = _NEVER) -> Reply:
        """The answer as of *seen_ns*."""
        context = request.context
        if request.op == "time":
            return Reply(verdict=Verdict.OK, server_ms=now_ns // NS_PER_MS)
        if request.op == "order":
            return self._order(context, seen_ns)
        facts: list[Fact] = []
        since_ns = int(context.get("since", "0")) * NS_PER_MS
        match request.op:
            case "open_orders":
                facts += self._open_orders(seen_ns)
            case "fills":
                symbol = context["symbol"]
                facts += [
                    f
                    for f in self.fills.values()
                    if f.symbol == symbol and since_ns <= f.venue_ns <= seen_ns
                ]
            case "positions":
                states = (_at(self.positions[s], seen_ns) for s in SYMBOLS)
                facts += [p for p in states if p is not None and p.qty]
            case "balances":
                wallet = _at(self.wallets, seen_ns)
                facts += [wallet or self.wallets[0]]
            case "ledger":
                entries = self.ledger
                facts += [e for e in entries if since_ns <= e.venue_ns <= seen_ns]
            case "instruments":
                facts += [InstrumentFact(instrument=instrument(s)) for s in SYMBOLS]
            case "marks":
                facts += [
                    MarkFact(symbol=s, mark_price=PRICE, venue_ns=now_ns)
                    for s in SYMBOLS
                ]
        return Reply(verdict=Verdict.OK, facts=tuple(facts))

    def _open_orders(self, seen_ns: int) -> list[OrderFact]:
        if seen_ns >= self._stamp_ns:
            return list(self.open.values())
        states = (_at(states, seen_ns) for states in self.orders.values())
        return [o for o in states if o is not None and not o.status.is_terminal]

    def _order(self, context: Any, seen_ns: int) -> Reply:
        numbers = [context["id"]] if context["id"] else self._of(context["client"])
        for number in reversed(numbers):
            order = _at(self.orders.get(number, []), seen_ns)
            if order is not None:
                return Reply(verdict=Verdict.OK, facts=(order,))
        return Reply(verdict=Verdict.NOT_FOUND, code="none", text="no such order")

    # --- the book ---

    def _keep(self, order: OrderFact) -> None:
        number = str(order.venue_order_id)
        self.orders[number].append(order)
        if order.status.is_terminal:
            self.open.pop(number, None)
        else:
            self.open[number] = order

    def _at(self, now_ns: int) -> None:
        self._stamp_ns = max(self._stamp_ns, now_ns)

    def _stamp(self) -> int:
        """A time that nothing else has, in whole milliseconds."""
        self._stamp_ns = (self._stamp_ns // NS_PER_MS + 1) * NS_PER_MS
        return self._stamp_ns

    def _next(self) -> int:
        self._count += 1
        return self._count


def _refused(text: str) -> Reply:
    return Reply(verdict=Verdict.REJECTED, code="no", text=text)


def _at(states: list[Any], seen_ns: int) -> Any:
    """The newest of *states* that is no newer than *seen_ns*."""
    for state in reversed(states):
        if state.venue_ns <= seen_ns:
            return state
    return None
