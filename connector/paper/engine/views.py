"""`Views`: the questions an engine answers, about the time of the last command."""

from __future__ import annotations

from decimal import Decimal

from connector.paper.engine import margin, queries
from connector.paper.engine.state import World
from connector.paper.types import (
    ZERO,
    AccountView,
    Amendment,
    Conditional,
    Depth,
    Fill,
    Income,
    Order,
    Position,
    PublicTrade,
    Quote,
    Refusal,
    SymbolConfig,
)
from connector.paper.words import IncomeType, OrderKind, PositionSide, Reason, Side


class Views:
    """Queries; nothing here changes anything.

    Lists with *limit* are oldest first (amendments newest first) and hold the
    newest *limit* rows, or the oldest from *from_id* or *start_ms* on; time
    windows are inclusive.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    # one account -------------------------------------------------------------
    def has_account(self, account_id: str) -> bool:
        """True when the account was opened."""
        return account_id in self._world.accounts

    def holds(self, account_id: str, symbol: str) -> bool:
        """True while the account has a position in *symbol*."""
        return account_id in self._world.holders[symbol]

    def order(self, account_id: str, order_id: int) -> Order | None:
        """One order, open or not."""
        found = self._world.accounts[account_id].orders_by_id.get(order_id)
        return None if found is None else found.snapshot()

    def order_by_client_id(
        self, account_id: str, client_order_id: str, *, symbol: str | None = None
    ) -> Order | None:
        """The newest order with this client id."""
        account = self._world.accounts[account_id]
        found = account.orders_by_client_id.get(client_order_id)
        if found is None or symbol not in (None, found.request.symbol):
            return None
        return found.snapshot()

    def open_orders(self, account_id: str, symbol: str | None = None) -> list[Order]:
        """Open orders, oldest first."""
        account = self._world.accounts[account_id]
        if symbol is None:
            return queries.snapshots(account.open_orders.values())
        state = account.symbols.get(symbol)
        return [] if state is None else queries.snapshots(state.orders.values())

    def orders(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Order]:
        """All orders by time of creation."""
        return queries.orders(
            self._world.accounts[account_id],
            symbol=symbol,
            from_id=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    def fills(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        order_id: int | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Fill]:
        """Fills; *from_id* is a trade id, inclusive, and needs *symbol*."""
        return queries.fills(
            self._world.accounts[account_id],
            symbol=symbol,
            order_id=order_id,
            from_id=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    def positions(
        self, account_id: str, symbol: str | None = None, *, all_rows: bool = False
    ) -> list[Position]:
        """Position rows with a position or open orders.

        *all_rows*: every listed symbol and every side the mode has (BOTH too).
        """
        world = self._world
        account = world.accounts[account_id]
        rows = []
        for name in world.instruments if symbol is None else (symbol,):
            if all_rows:
                state = world.symbol_state(account, name)
                sides = (
                    tuple(PositionSide) if account.is_hedge else (PositionSide.BOTH,)
                )
            elif name in account.symbols:
                state = account.symbols[name]
                sides = tuple(margin.used_sides(state))
            else:
                continue
            rows += [margin.position_view(world, account, state, s) for s in sides]
        return rows

    def account(self, account_id: str) -> AccountView:
        """Totals, assets and used positions."""
        return margin.account_view(self._world, self._world.accounts[account_id])

    def symbol_config(self, account_id: str, symbol: str) -> SymbolConfig:
        """Leverage and margin type."""
        account = self._world.accounts[account_id]
        return margin.config_view(self._world.symbol_state(account, symbol))

    def is_hedge(self, account_id: str) -> bool:
        """True in hedge mode."""
        return self._world.accounts[account_id].is_hedge

    def is_multi_assets(self, account_id: str) -> bool:
        """The multi-assets flag."""
        return self._world.accounts[account_id].is_multi_assets

    def income(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        kind: IncomeType | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
    ) -> list[Income]:
        """Wallet entries."""
        return queries.income(
            self._world.accounts[account_id],
            symbol=symbol,
            kind=kind,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    def forced_orders(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        kind: OrderKind | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 50,
    ) -> list[Order]:
        """Orders the venue made for the account."""
        return queries.forced_orders(
            self._world.accounts[account_id],
            symbol=symbol,
            kind=kind,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    def amendments(
        self,
        account_id: str,
        symbol: str,
        *,
        order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 50,
    ) -> list[Amendment]:
        """Amendment history, newest first."""
        return queries.amendments(
            self._world.accounts[account_id],
            symbol,
            order_id=order_id,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    def conditional(self, account_id: str, conditional_id: int) -> Conditional | None:
        """One conditional order."""
        return self._world.accounts[account_id].conditionals.get(conditional_id)

    def conditional_by_client_id(
        self, account_id: str, client_order_id: str
    ) -> Conditional | None:
        """The newest conditional order with this client id."""
        account = self._world.accounts[account_id]
        number = account.conditionals_by_client_id.get(client_order_id)
        return None if number is None else account.conditionals[number]

    def open_conditionals(
        self, account_id: str, symbol: str | None = None
    ) -> list[Conditional]:
        """Waiting conditional orders, oldest first."""
        account = self._world.accounts[account_id]
        found = (account.conditionals[number] for number in account.open_conditionals)
        return [item for item in found if symbol in (None, item.symbol)]

    def conditionals(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Conditional]:
        """All conditional orders by time of creation."""
        return queries.conditionals(
            self._world.accounts[account_id],
            symbol=symbol,
            from_id=from_id,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=limit,
        )

    # public ------------------------------------------------------------------
    def quote(self, symbol: str) -> Quote:
        """Mark, index, last, best prices and funding."""
        return queries.quote(self._world, symbol)

    def open_interest(self, symbol: str) -> Decimal:
        """Base units that accounts hold; the street holds the other side."""
        held = [
            position.qty
            for account in self._world.accounts.values()
            if symbol in account.symbols
            for position in account.symbols[symbol].positions.values()
        ]
        longs = sum((qty for qty in held if qty > 0), ZERO)
        return max(longs, longs - sum(held, ZERO))

    def depth(self, symbol: str, limit: int = 20) -> Depth:
        """Aggregated book of accounts and house."""
        return queries.depth(self._world, symbol, limit)

    def public_trades(self, symbol: str, limit: int = 500) -> list[PublicTrade]:
        """The newest trades, oldest first; at most 1000 are kept."""
        return queries.public_trades(self._world, symbol, limit)

    def match_price(self, symbol: str, side: Side, mode: str) -> Decimal | Refusal:
        """Price of a price-match mode (OPPONENT, QUEUE, OPPONENT_5, ...)."""
        if symbol not in self._world.instruments:
            return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=symbol)
        return queries.match_price(self._world, symbol, side, mode)

    def is_trading(self, symbol: str) -> bool:
        """False once delisted."""
        return symbol not in self._world.delisted
