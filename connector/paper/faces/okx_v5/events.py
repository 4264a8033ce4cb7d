"""What the machine tells, as pushes of the channels.

For one fill the machine tells a thin trade, then balances, then the order: they
become the fast channel, `balance_and_position` with `positions` and `account`, and
`orders`. Executions that the venue forced are not on the fast channel.

Source: OKX API v5 docs, the page of each channel, read 2026-11.
"""

from __future__ import annotations

from typing import assert_never

from connector.paper.faces.okx_v5 import accounts, public
from connector.paper.faces.okx_v5.context import Venue
from connector.paper.faces.okx_v5.render import fast_fill, order_push
from connector.paper.faces.okx_v5.render_algo import algo_row
from connector.paper.faces.okx_v5.sockets import Sockets
from connector.paper.types import (
    AccountEvent,
    AssetModeEvent,
    ConditionalEvent,
    Event,
    Fill,
    LeverageEvent,
    MarginCallEvent,
    MarkEvent,
    OrderEvent,
    TradeEvent,
)
from connector.paper.words import (
    AccountReason,
    ConditionalType,
    ExecKind,
    OrderKind,
)

REASONS = {
    AccountReason.DEPOSIT: "transferred",
    AccountReason.WITHDRAW: "transferred",
    AccountReason.TRANSFER: "transferred",
    AccountReason.ORDER: "filled",
    AccountReason.FUNDING_FEE: "funding_fee",
    AccountReason.MARGIN_TRANSFER: "adjust_margin",
    AccountReason.MARGIN_TYPE_CHANGE: "adjust_margin",
    AccountReason.INSURANCE_CLEAR: "claw_back",
    AccountReason.ADJUSTMENT: "settlement",
}
FORCED_REASONS = {
    OrderKind.LIQUIDATION: "liquidation",
    OrderKind.ADL: "adl",
    OrderKind.SETTLEMENT: "delivered",
}


class Teller:
    """Turns events into pushes for whoever subscribed."""

    def __init__(self, venue: Venue, sockets: Sockets) -> None:
        self._venue = venue
        self._sockets = sockets
        self._kind = OrderKind.USER  # of the execution whose balances come next

    def tell(self, event: Event, now_ms: int) -> None:
        """Push what *event* means."""
        match event:
            case MarkEvent():
                row = public.mark_row(event.time_ms, event.symbol, event.mark)
                self._sockets.tell_public("mark-price", event.symbol, row, now_ms)
            case TradeEvent():
                self._kind = event.fill.kind
                if not event.fill.kind.is_forced:
                    symbol = event.fill.symbol
                    row = fast_fill(event.fill, self._venue.catalogue.of(symbol))
                    self._sockets.tell(event.account_id, "fills", symbol, row, now_ms)
            case OrderEvent():
                self._order(event, now_ms)
            case AccountEvent():
                self._account(event, now_ms)
            case ConditionalEvent():
                self._conditional(event, now_ms)
            case LeverageEvent():
                self._leverage(event, now_ms)
            case MarginCallEvent():
                self._margin_call(event, now_ms)
            case AssetModeEvent():
                pass  # the level of the account cannot change here
            case _:
                assert_never(event)

    def _order(self, event: OrderEvent, now_ms: int) -> None:
        account_id, order = event.account_id, event.order
        if not self._sockets.listens(account_id, "orders"):
            return
        engine = self._venue.engine
        amend = ("", "", "")
        if event.kind is ExecKind.AMENDMENT:
            is_ours = event.tag.startswith("user:")
            amend = (event.tag[5:], "0", "1") if is_ours else ("", "", "4")
        quote = engine.quote(order.symbol)
        fills = engine.fills(account_id, order_id=order.order_id, limit=10_000)
        row = order_push(
            order,
            self._venue.catalogue.of(order.symbol),
            # Later executions are told by later events.
            _until(fills, event.fill),
            engine.symbol_config(account_id, order.symbol).leverage,
            fill=event.fill,
            amend=amend,
            mark=quote.mark,
            last=quote.last,
        )
        self._sockets.tell(account_id, "orders", order.symbol, row, now_ms)

    def _account(self, event: AccountEvent, now_ms: int) -> None:
        account_id, venue, engine = event.account_id, self._venue, self._venue.engine
        rows = [
            accounts.render_position(venue, engine, account_id, position)
            for position in event.positions
        ]
        wallets = [(one.asset, one.wallet, event.time_ms) for one in event.balances]
        names = {change.asset for change in event.balances}
        reason = REASONS[event.reason]
        if event.reason is AccountReason.ORDER:
            reason = FORCED_REASONS.get(self._kind, reason)
        delta = accounts.delta_row(wallets, reason, rows, now_ms)
        self._sockets.tell(account_id, "balance_and_position", "", delta, now_ms)
        for row in rows:
            self._sockets.tell(account_id, "positions", row["instId"], row, now_ms)
        if names and self._sockets.listens(account_id, "account"):
            ccy = ",".join(sorted(names))
            account = accounts.account_row(venue, engine, account_id, ccy)
            self._sockets.tell(account_id, "account", "", account, now_ms)

    def _conditional(self, event: ConditionalEvent, now_ms: int) -> None:
        item = event.conditional
        contract = self._venue.catalogue.of(item.symbol)
        config = self._venue.engine.symbol_config(event.account_id, item.symbol)
        is_plain = item.conditional_id in self._venue.plain_triggers
        row = algo_row(item, contract, config.leverage, is_plain=is_plain)
        is_trail = item.type is ConditionalType.TRAILING_STOP_MARKET
        channel = "algo-advance" if is_trail else "orders-algo"
        self._sockets.tell(event.account_id, channel, item.symbol, row, now_ms)

    def _leverage(self, event: LeverageEvent, now_ms: int) -> None:
        account_id, engine = event.account_id, self._venue.engine
        for position in engine.positions(account_id, event.symbol):
            if position.qty:
                row = accounts.render_position(
                    self._venue, engine, account_id, position
                )
                self._sockets.tell(account_id, "positions", event.symbol, row, now_ms)

    def _margin_call(self, event: MarginCallEvent, now_ms: int) -> None:
        for position in event.positions:
            row = accounts.render_position(
                self._venue, self._venue.engine, event.account_id, position
            )
            names = [
                "cTime",
                "ccy",
                "instId",
                "instType",
                "lever",
                "markPx",
                "mgnMode",
                "mgnRatio",
                "pos",
                "posCcy",
                "posId",
                "posSide",
            ]
            warning = {name: row[name] for name in names}
            warning |= {"pTime": str(now_ms), "uTime": str(event.time_ms)}
            self._sockets.tell(
                event.account_id,
                "liquidation-warning",
                position.symbol,
                warning,
                now_ms,
            )


def _until(fills: list[Fill], last: Fill | None) -> list[Fill]:
    if last is None:
        return fills
    return [fill for fill in fills if fill.trade_id <= last.trade_id]
