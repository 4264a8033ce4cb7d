"""What happened in the machine, as rows for the private stream.

Per fill the machine tells a thin trade, the account, then the order; they become
``execution`` (and ``execution.fast`` before it), ``position`` and ``order``. A
position is also pushed when only an order changed. Wallets are told once for
everything that happened together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from connector.paper.faces.bybit_v5.accounts import funding_execution, position_rows
from connector.paper.faces.bybit_v5.context import Venue
from connector.paper.faces.bybit_v5.render import plain, seq_of
from connector.paper.types import (
    AccountEvent,
    AccountScoped,
    AssetModeEvent,
    ConditionalEvent,
    LeverageEvent,
    MarginCallEvent,
    OrderEvent,
    Position,
    TradeEvent,
)
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    ExecKind,
    OrderKind,
    PositionSide,
)

FUNDINGS_KEPT = 10_000
_NO_ORDER_OF_ITS_OWN = (ConditionalStatus.TRIGGERED, ConditionalStatus.FINISHED)
_UNFILLED = (ExecKind.NEW, ExecKind.AMENDMENT, ExecKind.CANCELED, ExecKind.EXPIRED)

Told = tuple[str, str, dict[str, Any]]  # account, topic, row


class Teller:
    """Turns events into rows; remembers which position an account was told last."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._told: dict[tuple[str, str, PositionSide], tuple[Position, int]] = {}
        self._seqs: dict[tuple[str, str], int] = {}

    def rows(self, events: Iterable[AccountScoped]) -> Iterator[Told]:
        """Rows in the order in which things happened, wallets last."""
        wallets: dict[str, None] = {}
        for event in events:
            match event:
                case TradeEvent():
                    yield from self._trade(event)
                case OrderEvent():
                    yield from self._order(event)
                case AccountEvent():
                    yield from self._account(event)
                    if event.balances:
                        wallets[event.account_id] = None
                case ConditionalEvent(conditional=item):
                    if item.status not in _NO_ORDER_OF_ITS_OWN:
                        row = self._venue.renderer.conditional(item)
                        yield event.account_id, "order", _streamed(row)
                case LeverageEvent(account_id=account_id, symbol=symbol):
                    yield from self._now(account_id, symbol)
                case AssetModeEvent() | MarginCallEvent():
                    pass
                case _:
                    assert_never(event)
        for account_id in wallets:
            view = self._venue.engine.account(account_id)
            yield account_id, "wallet", self._venue.renderer.wallet(view)

    def refused(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Orders that were acknowledged and are refused now."""
        untold, self._venue.refused.untold = self._venue.refused.untold, []
        yield from ((account_id, _streamed(row)) for account_id, row in untold)

    def _trade(self, event: TradeEvent) -> Iterator[Told]:
        fill, account_id = event.fill, event.account_id
        venue = self._venue
        venue.renderer.fees[fill.order_id] += fill.commission
        self._seqs[account_id, fill.symbol] = fill.trade_id
        mark = venue.engine.quote(fill.symbol).mark
        row = venue.renderer.execution(fill, event.order, mark)
        if row["execType"] == "Trade":
            fast = {name: row[name] for name in _FAST}
            if fill.is_maker:
                fast["orderLinkId"] = ""
            yield account_id, "execution.fast", {"category": "linear", **fast}
        yield account_id, "execution", {"category": "linear", **row}

    def _order(self, event: OrderEvent) -> Iterator[Told]:
        if event.order.kind is OrderKind.SETTLEMENT:
            return
        row = _streamed(self._venue.renderer.order(event.order))
        yield event.account_id, "order", row
        if event.kind in _UNFILLED:
            yield from self._again(event.account_id, event.order.symbol)

    def _again(self, account_id: str, symbol: str) -> Iterator[Told]:
        """The positions of a symbol as last told, though nothing changed."""
        told = [
            held for key, held in self._told.items() if key[:2] == (account_id, symbol)
        ]
        for position, seq in told:
            yield self._position(account_id, position, seq)
        if not told:
            yield from self._now(account_id, symbol)

    def _now(self, account_id: str, symbol: str) -> Iterator[Told]:
        engine = self._venue.engine
        for position in position_rows(engine, account_id, symbol):
            seq = seq_of(engine, account_id, position)
            yield self._position(account_id, position, seq)

    def _account(self, event: AccountEvent) -> Iterator[Told]:
        account_id = event.account_id
        if event.reason is AccountReason.FUNDING_FEE:
            yield self._funding(event)
        for position in event.positions:
            symbol = position.symbol
            seq = self._seqs.get((account_id, symbol))
            if seq is None:
                seq = seq_of(self._venue.engine, account_id, position)
            self._told[account_id, symbol, position.position_side] = (position, seq)
            yield self._position(account_id, position, seq)

    def _funding(self, event: AccountEvent) -> Told:
        venue, account_id = self._venue, event.account_id
        kept = venue.fundings.setdefault(account_id, deque(maxlen=FUNDINGS_KEPT))
        row = funding_execution(
            venue.engine,
            account_id,
            event.symbol,
            event.balances[0].delta,
            event.time_ms,
            number=len(kept),
        )
        kept.append(row)
        return account_id, "execution", {"category": "linear", **row}

    def _position(self, account_id: str, position: Position, seq: int) -> Told:
        row = self._venue.renderer.position(position, seq)
        price = plain(position.entry_price)
        return (
            account_id,
            "position",
            {"category": "linear", "entryPrice": price, **row},
        )


_FAST = (
    "symbol",
    "execId",
    "execPrice",
    "execQty",
    "orderId",
    "isMaker",
    "orderLinkId",
    "side",
    "execTime",
    "seq",
)


def _streamed(row: dict[str, Any]) -> dict[str, Any]:
    """An order of the stream has three fields more."""
    return {"category": "linear", **row, "closedPnl": "0", "feeCurrency": ""}
