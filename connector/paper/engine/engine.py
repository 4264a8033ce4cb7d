"""`Engine`: the whole venue behind one face-neutral set of calls.

Every command takes ``now_ms`` and first lets the venue live until then (market
steps, timers, funding), so results do not depend on how often `advance` is
called. A command answers with a value or a `Refusal` that changed nothing; what
happened is told, in causal order, by `drain`. Naming an account that was not
opened is a mistake of the caller (KeyError), a symbol that is not listed is a
refusal for commands and a KeyError for queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from connector.errors import ConfigError
from connector.paper.amounts import UNIT
from connector.paper.engine import (
    accounts,
    clock,
    expiry,
    forced,
    matching,
    orders,
    triggers,
)
from connector.paper.engine.audit import audit
from connector.paper.engine.state import AccountState, World
from connector.paper.engine.views import Views
from connector.paper.instruments import DEFAULT_INSTRUMENTS
from connector.paper.ledger import Ledger
from connector.paper.types import (
    Conditional,
    EngineRules,
    Event,
    Income,
    Instrument,
    NewConditional,
    NewOrder,
    Order,
    Refusal,
    SymbolConfig,
)
from connector.paper.words import (
    AccountReason,
    ContractKind,
    EndReason,
    MarginType,
    PositionSide,
    Reason,
)


class Engine(Views):
    """A simulated derivatives venue; deterministic for a seed and calls."""

    def __init__(
        self,
        *,
        seed: int,
        now_ms: int,
        instruments: Sequence[Instrument] | None = None,
        rules: EngineRules | None = None,
    ) -> None:
        """*instruments* None: the default set (BTCUSDT, ETHUSDT, SOLUSDT).

        Raises `ConfigError` for grids finer than money, whose values could not be
        kept exactly, and for an option whose underlying is not listed.
        """
        listed = DEFAULT_INSTRUMENTS if instruments is None else instruments
        for item in listed:
            symbols = {one.symbol for one in listed}
            if item.kind is ContractKind.OPTION and item.underlying not in symbols:
                raise ConfigError(f"{item.symbol}: its underlying is not listed")
            if item.kind is not ContractKind.INVERSE and (
                item.tick_size * item.qty_step % UNIT
            ):
                raise ConfigError(f"{item.symbol}: tick times step is below {UNIT}")
        world = World(
            seed=seed,
            now_ms=now_ms,
            instruments=listed,
            rules=EngineRules() if rules is None else rules,
        )
        world.triggers = {item.symbol: triggers.Triggers() for item in listed}
        super().__init__(world)
        for item in listed:
            expiry.reprice(world, item.symbol)

    @property
    def now_ms(self) -> int:
        """The venue's clock: the latest time any call brought."""
        return self._world.now_ms

    @property
    def ledger(self) -> Ledger:
        """The truth about every account."""
        return self._world.ledger

    @property
    def rules(self) -> EngineRules:
        """What it was built with."""
        return self._world.rules

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By symbol."""
        return self._world.instruments

    # the world ---------------------------------------------------------------
    def advance(self, now_ms: int) -> None:
        """Let the venue live until *now_ms*; an earlier time changes nothing."""
        clock.advance(self._world, now_ms)

    def next_timer_ms(self) -> int:
        """When something happens next by itself: step, timer or funding."""
        return clock.next_timer_ms(self._world)

    def drain(self) -> list[Event]:
        """All events since the last call, in causal order; newest marks last."""
        events = self._world.outbox
        events.extend(self._world.mark_events.values())
        self._world.outbox = []
        self._world.mark_events.clear()
        return events

    def set_mark(self, symbol: str, price: Decimal, *, now_ms: int) -> None:
        """Put the mark at *price*; house quotes follow, and whatever that causes."""
        clock.advance(self._world, now_ms)
        self._world.markets[symbol].set_mark(price)
        expiry.reprice(self._world, symbol)
        for name in (symbol, *self._world.followers.get(symbol, ())):
            if name not in self._world.delisted:
                clock.react(self._world, name)
                clock.tell_mark(self._world, name)

    def trade_through(self, symbol: str, price: Decimal, *, now_ms: int) -> None:
        """Trade at *price* once: every resting order it reaches fills completely.

        Fills are at the orders' own prices; the mark stays.
        """
        clock.advance(self._world, now_ms)
        matching.trade_through(self._world, symbol, price)
        clock.settle(self._world, symbol)

    def settle_day(self, *, now_ms: int) -> None:
        """The daily settlement, out of turn."""
        clock.advance(self._world, now_ms)
        expiry.settle_day(self._world)

    def drain_states(self) -> list[tuple[int, str, str]]:
        """(time, symbol, state) of every instrument that settled or was delivered
        since the last call."""
        states, self._world.states = self._world.states, []
        return states

    def freeze(self, symbol: str | None = None, *, frozen: bool = True) -> None:
        """Stop (or go on) moving *symbol*, or all; taken quotes stay taken."""
        for name, market in self._world.markets.items():
            if symbol in (None, name):
                market.is_frozen = frozen
        self._world.skip_steps()

    def set_volatility(self, symbol: str, per_step: Decimal) -> None:
        """Deviation of one step as a fraction of the price; 0 stands still."""
        self._world.markets[symbol].volatility = per_step

    def set_liquidity(self, symbol: str, *, qty_factor: Decimal) -> None:
        """Scale what the house offers; 0 takes the house out of the book."""
        market = self._world.markets[symbol]
        market.liquidity = qty_factor
        market.renew()

    def set_funding_rate(self, symbol: str, rate: Decimal | None) -> None:
        """Fix the rate of coming fundings; None: by the market again."""
        self._world.markets[symbol].fixed_funding_rate = rate

    def settle_funding(
        self, symbol: str, rate: Decimal | None = None, *, now_ms: int
    ) -> None:
        """Fund now, out of turn, at *rate* or the market's."""
        clock.advance(self._world, now_ms)
        if rate is None:
            rate = self._world.markets[symbol].funding_rate
        forced.settle_funding(self._world, symbol, rate)

    def settle_symbol(self, symbol: str, price: Decimal, *, now_ms: int) -> None:
        """Delist *symbol*: all its orders expire, positions close at *price* (or are
        delivered at it, see `EngineRules.delivers`)."""
        clock.advance(self._world, now_ms)
        if self._world.rules.delivers:
            expiry.deliver(self._world, symbol, price)
            return
        triggers.expire_symbol(self._world, symbol)
        forced.settle_symbol(self._world, symbol, price)

    def adl(
        self,
        account_id: str,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        *,
        position_side: PositionSide = PositionSide.BOTH,
        now_ms: int,
    ) -> Order | Refusal:
        """Auto-deleverage *qty* of a position at *price*."""
        account = self._enter(account_id, now_ms)
        state = self._world.symbol_state(account, symbol)
        position = state.position(position_side)
        if not 0 < qty <= abs(position.qty):
            return Refusal(reason=Reason.NO_POSITION, allowed=abs(position.qty))
        order = forced.deleverage(self._world, account, position, qty, price)
        clock.settle(self._world, symbol)
        return order

    # accounts ----------------------------------------------------------------
    def open_account(
        self, account_id: str, balances: Mapping[str, Decimal], *, now_ms: int
    ) -> None:
        """Open an account; *balances* arrive as deposits."""
        clock.advance(self._world, now_ms)
        accounts.open_account(self._world, account_id, balances)

    def deposit(
        self,
        account_id: str,
        asset: str,
        amount: Decimal,
        *,
        reason: AccountReason = AccountReason.DEPOSIT,
        now_ms: int,
    ) -> Income | Refusal:
        """Pay in; *amount* > 0."""
        account = self._enter(account_id, now_ms)
        if amount <= 0:
            return Refusal(reason=Reason.BAD_PARAMETER, detail="amount")
        return accounts.transfer(self._world, account, asset, amount, reason)

    def withdraw(
        self,
        account_id: str,
        asset: str,
        amount: Decimal,
        *,
        reason: AccountReason = AccountReason.WITHDRAW,
        now_ms: int,
    ) -> Income | Refusal:
        """Pay out at most what may be withdrawn; *amount* > 0."""
        account = self._enter(account_id, now_ms)
        if amount <= 0:
            return Refusal(reason=Reason.BAD_PARAMETER, detail="amount")
        return accounts.transfer(self._world, account, asset, -amount, reason)

    def set_hedge(self, account_id: str, *, hedge: bool, now_ms: int) -> Refusal | None:
        """Hedge or one-way mode."""
        return accounts.set_hedge(self._enter(account_id, now_ms), hedge=hedge)

    def set_multi_assets(
        self, account_id: str, *, multi_assets: bool, now_ms: int
    ) -> Refusal | None:
        """The multi-assets flag; margin stays per asset."""
        account = self._enter(account_id, now_ms)
        return accounts.set_multi_assets(
            self._world, account, multi_assets=multi_assets
        )

    def set_leverage(
        self, account_id: str, symbol: str, leverage: int, *, now_ms: int
    ) -> SymbolConfig | Refusal:
        """Leverage of a symbol."""
        account = self._enter(account_id, now_ms)
        if symbol not in self._world.instruments:
            return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=symbol)
        return accounts.set_leverage(self._world, account, symbol, leverage)

    def set_margin_type(
        self, account_id: str, symbol: str, margin_type: MarginType, *, now_ms: int
    ) -> Refusal | None:
        """Cross or isolated margin for a symbol."""
        account = self._enter(account_id, now_ms)
        if symbol not in self._world.instruments:
            return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=symbol)
        return accounts.set_margin_type(self._world, account, symbol, margin_type)

    def adjust_isolated_margin(
        self,
        account_id: str,
        symbol: str,
        amount: Decimal,
        *,
        position_side: PositionSide = PositionSide.BOTH,
        now_ms: int,
    ) -> Refusal | None:
        """Add (> 0) or take (< 0) margin of an isolated position."""
        account = self._enter(account_id, now_ms)
        if symbol not in self._world.instruments:
            return Refusal(reason=Reason.UNKNOWN_SYMBOL, detail=symbol)
        return accounts.adjust_isolated_margin(
            self._world, account, symbol, amount, position_side
        )

    # orders ------------------------------------------------------------------
    def check(
        self, account_id: str, request: NewOrder, *, now_ms: int
    ) -> Refusal | None:
        """What `place` would refuse; places nothing."""
        return orders.admit(self._world, self._enter(account_id, now_ms), request)

    def place(
        self, account_id: str, request: NewOrder, *, now_ms: int
    ) -> Order | Refusal:
        """Place an order; answers its state after matching."""
        account = self._enter(account_id, now_ms)
        placed = orders.place(self._world, account, request)
        if isinstance(placed, Refusal):
            return placed
        return self._settled(account, placed)

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
    ) -> Order | Refusal:
        """Change an open limit order; *tag* is echoed in event and history."""
        account = self._enter(account_id, now_ms)
        order = orders.find_open(account, symbol, order_id)
        if isinstance(order, Refusal):
            return order
        amended = orders.amend(
            self._world, account, order, qty=qty, price=price, tag=tag
        )
        if isinstance(amended, Refusal):
            return amended
        return self._settled(account, amended)

    def cancel(
        self,
        account_id: str,
        symbol: str,
        order_id: int,
        *,
        is_disconnect: bool = False,
        now_ms: int,
    ) -> Order | Refusal:
        """Cancel an open order, for its user or because the connection ended."""
        account = self._enter(account_id, now_ms)
        order = orders.find_open(account, symbol, order_id)
        if isinstance(order, Refusal):
            return order
        reason = EndReason.COUNTDOWN if is_disconnect else EndReason.USER
        return orders.cancel(self._world, account, order, reason)

    def cancel_all(
        self, account_id: str, symbol: str | None = None, *, now_ms: int
    ) -> list[Order]:
        """Cancel open orders of a symbol, or all; not conditional ones."""
        account = self._enter(account_id, now_ms)
        ids = clock.cancel_all(self._world, account, symbol, EndReason.USER)
        return [account.orders_by_id[order_id].snapshot() for order_id in ids]

    def countdown(
        self, account_id: str, symbol: str | None, after_ms: int, *, now_ms: int
    ) -> None:
        """Cancel all open orders of *symbol* (None: all) in *after_ms*; 0 stops it.

        A new call for the same symbol replaces the last. Conditional orders stay.
        """
        account = self._enter(account_id, now_ms)
        account.countdowns.pop(symbol, None)
        if after_ms > 0:
            due = self._world.now_ms + after_ms
            account.countdowns[symbol] = due
            self._world.set_timer(due, "countdown", account_id, symbol)

    def place_conditional(
        self, account_id: str, request: NewConditional, *, now_ms: int
    ) -> Conditional | Refusal:
        """Place a conditional order."""
        account = self._enter(account_id, now_ms)
        return triggers.place_conditional(self._world, account, request)

    def amend_conditional(
        self,
        account_id: str,
        conditional_id: int,
        *,
        qty: Decimal | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        profit_price: Decimal | None = None,
        now_ms: int,
    ) -> Conditional | Refusal:
        """Change a waiting conditional order; None leaves a term as it is."""
        account = self._enter(account_id, now_ms)
        item = triggers.find_waiting(account, conditional_id)
        if isinstance(item, Refusal):
            return item
        return triggers.amend_conditional(
            self._world,
            account,
            item,
            qty=qty,
            price=price,
            trigger_price=trigger_price,
            profit_price=profit_price,
        )

    def cancel_conditional(
        self, account_id: str, conditional_id: int, *, now_ms: int
    ) -> Conditional | Refusal:
        """Cancel a waiting conditional order."""
        account = self._enter(account_id, now_ms)
        item = triggers.find_waiting(account, conditional_id)
        if isinstance(item, Refusal):
            return item
        return triggers.cancel_conditional(self._world, account, item)

    def cancel_all_conditional(
        self, account_id: str, symbol: str | None = None, *, now_ms: int
    ) -> list[Conditional]:
        """Cancel the waiting conditional orders of a symbol, or all."""
        account = self._enter(account_id, now_ms)
        return [
            triggers.cancel_conditional(self._world, account, item)
            for item in self.open_conditionals(account_id, symbol)
        ]

    def audit(self) -> None:
        """Prove state and ledger equal and whole; raises `LedgerError`. Slow."""
        audit(self._world)

    # inside ------------------------------------------------------------------
    def _enter(self, account_id: str, now_ms: int) -> AccountState:
        clock.advance(self._world, now_ms)
        return self._world.accounts[account_id]

    def _settled(self, account: AccountState, placed: Order) -> Order:
        """Let the consequences happen; the answer is from before them."""
        clock.settle(self._world, placed.symbol)
        return placed
