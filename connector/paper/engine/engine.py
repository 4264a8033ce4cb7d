"""`Engine`: the whole venue behind one face-neutral set of calls.

Every command takes ``now_ms`` and first lets the venue live until then (market
steps, timers, funding), so results do not depend on how often `advance` is
called. A command answers with a value or a `Refusal` that changed nothing; what
happened is told, in causal order, by `drain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from connector.paper.ledger import Ledger
from connector.paper.types import (
    AccountView,
    Amendment,
    Conditional,
    Depth,
    EngineRules,
    Event,
    Fill,
    Income,
    Instrument,
    NewConditional,
    NewOrder,
    Order,
    Position,
    PublicTrade,
    Quote,
    Refusal,
    SymbolConfig,
)
from connector.paper.words import IncomeType, MarginType, OrderKind, PositionSide, Side


class Engine:
    """A simulated derivatives venue."""

    def __init__(
        self,
        *,
        seed: int,
        now_ms: int,
        instruments: Sequence[Instrument] | None = None,
        rules: EngineRules | None = None,
    ) -> None:
        """*instruments* None: the default set (BTCUSDT, ETHUSDT, SOLUSDT)."""
        raise NotImplementedError

    now_ms: int
    ledger: Ledger
    rules: EngineRules
    instruments: dict[str, Instrument]

    # the world ---------------------------------------------------------------
    def advance(self, now_ms: int) -> None: ...
    def next_timer_ms(self) -> int | None: ...
    def drain(self) -> list[Event]: ...
    def set_mark(self, symbol: str, price: Decimal, *, now_ms: int) -> None: ...
    def trade_through(self, symbol: str, price: Decimal, *, now_ms: int) -> None: ...
    def freeze(self, symbol: str | None = None, *, frozen: bool = True) -> None: ...
    def set_volatility(self, symbol: str, per_step: Decimal) -> None: ...
    def set_liquidity(self, symbol: str, *, qty_factor: Decimal) -> None: ...
    def settle_funding(
        self, symbol: str, rate: Decimal | None = None, *, now_ms: int
    ) -> None: ...
    def settle_symbol(self, symbol: str, price: Decimal, *, now_ms: int) -> None: ...
    def adl(
        self,
        account_id: str,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        *,
        position_side: PositionSide = PositionSide.BOTH,
        now_ms: int,
    ) -> Order | Refusal: ...

    # accounts ----------------------------------------------------------------
    def open_account(
        self, account_id: str, balances: Mapping[str, Decimal], *, now_ms: int
    ) -> None: ...
    def has_account(self, account_id: str) -> bool: ...
    def deposit(
        self, account_id: str, asset: str, amount: Decimal, *, now_ms: int
    ) -> Income | Refusal: ...
    def withdraw(
        self, account_id: str, asset: str, amount: Decimal, *, now_ms: int
    ) -> Income | Refusal: ...
    def set_hedge(
        self, account_id: str, *, hedge: bool, now_ms: int
    ) -> Refusal | None: ...
    def set_multi_assets(
        self, account_id: str, *, multi_assets: bool, now_ms: int
    ) -> Refusal | None: ...
    def set_leverage(
        self, account_id: str, symbol: str, leverage: int, *, now_ms: int
    ) -> SymbolConfig | Refusal: ...
    def set_margin_type(
        self, account_id: str, symbol: str, margin_type: MarginType, *, now_ms: int
    ) -> Refusal | None: ...
    def adjust_isolated_margin(
        self,
        account_id: str,
        symbol: str,
        amount: Decimal,
        *,
        position_side: PositionSide = PositionSide.BOTH,
        now_ms: int,
    ) -> Refusal | None: ...

    # orders ------------------------------------------------------------------
    def check(
        self, account_id: str, request: NewOrder, *, now_ms: int
    ) -> Refusal | None: ...
    def place(
        self, account_id: str, request: NewOrder, *, now_ms: int
    ) -> Order | Refusal: ...
    def amend(
        self,
        account_id: str,
        symbol: str,
        order_id: int,
        *,
        qty: Decimal | None = None,
        price: Decimal | None = None,
        tag: str = "",
        now_ms: int,
    ) -> Order | Refusal: ...
    def cancel(
        self, account_id: str, symbol: str, order_id: int, *, now_ms: int
    ) -> Order | Refusal: ...
    def cancel_all(
        self, account_id: str, symbol: str | None = None, *, now_ms: int
    ) -> list[Order]: ...
    def countdown(
        self, account_id: str, symbol: str | None, after_ms: int, *, now_ms: int
    ) -> None: ...
    def match_price(self, symbol: str, side: Side, mode: str) -> Decimal | Refusal: ...
    def place_conditional(
        self, account_id: str, request: NewConditional, *, now_ms: int
    ) -> Conditional | Refusal: ...
    def cancel_conditional(
        self, account_id: str, conditional_id: int, *, now_ms: int
    ) -> Conditional | Refusal: ...
    def cancel_all_conditional(
        self, account_id: str, symbol: str | None = None, *, now_ms: int
    ) -> list[Conditional]: ...

    # queries (at the time of the last command) -------------------------------
    def order(self, account_id: str, order_id: int) -> Order | None: ...
    def order_by_client_id(
        self, account_id: str, client_order_id: str, *, symbol: str | None = None
    ) -> Order | None: ...
    def open_orders(
        self, account_id: str, symbol: str | None = None
    ) -> list[Order]: ...
    def orders(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Order]: ...
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
    ) -> list[Fill]: ...
    def positions(
        self, account_id: str, symbol: str | None = None, *, all_rows: bool = False
    ) -> list[Position]: ...
    def account(self, account_id: str) -> AccountView: ...
    def symbol_config(self, account_id: str, symbol: str) -> SymbolConfig: ...
    def is_hedge(self, account_id: str) -> bool: ...
    def is_multi_assets(self, account_id: str) -> bool: ...
    def income(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        type: IncomeType | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
    ) -> list[Income]: ...
    def forced_orders(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        kind: OrderKind | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 50,
    ) -> list[Order]: ...
    def amendments(
        self,
        account_id: str,
        symbol: str,
        *,
        order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 50,
    ) -> list[Amendment]: ...
    def conditional(
        self, account_id: str, conditional_id: int
    ) -> Conditional | None: ...
    def conditional_by_client_id(
        self, account_id: str, client_order_id: str
    ) -> Conditional | None: ...
    def open_conditionals(
        self, account_id: str, symbol: str | None = None
    ) -> list[Conditional]: ...
    def conditionals(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Conditional]: ...
    def quote(self, symbol: str) -> Quote: ...
    def depth(self, symbol: str, limit: int = 20) -> Depth: ...
    def public_trades(self, symbol: str, limit: int = 500) -> list[PublicTrade]: ...
