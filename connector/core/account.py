"""Positions, wallets, settings and marks; margin between the venue's words.

What is shown is always the venue's newest word; `sums` check it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.core.collateral import Collaterals
from connector.core.held import Held
from connector.core.ledger_ids import LedgerIds
from connector.core.ledger_sequence import LedgerSequence
from connector.core.sums import PositionKey, Sums
from connector.dialect import AccountView, Dialect, MarginNumbers
from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    CollateralFact,
    GreeksFact,
    LedgerFact,
    MarkFact,
    PositionFact,
    SettingFact,
)
from connector.model.account import (
    Balance,
    LedgerEntry,
    Margin,
    MarginMode,
    Position,
    Source,
    Stamp,
)
from connector.model.clock import Now
from connector.model.ids import Symbol
from connector.model.instrument import Bracket, Instrument
from connector.model.money import ZERO, exactly
from connector.model.noun import replace
from connector.model.order import Order, PositionSide


@dataclass(slots=True)
class Account:
    """Everything about the account that is not an order."""

    dialect: Dialect
    instruments: dict[Symbol, Instrument] = field(default_factory=dict)
    marks: dict[Symbol, MarkFact] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    collaterals: Collaterals = field(default_factory=Collaterals)
    leverage: dict[Symbol, int] = field(default_factory=dict)
    margin_modes: dict[Symbol, MarginMode] = field(default_factory=dict)
    account_margin_mode: MarginMode = MarginMode.CROSS
    is_hedge_mode: bool = False
    is_multi_asset: bool = False
    can_trade: bool = True
    venue_fields: dict[str, str] = field(default_factory=dict)
    _brackets: dict[Symbol, tuple[Bracket, ...]] = field(default_factory=dict)
    _held: dict[PositionKey, Held] = field(default_factory=dict)
    wallet_moved_ns: dict[str, int] = field(default_factory=dict)
    sums: Sums = field(default_factory=Sums)
    ledger_ids: LedgerIds = field(default_factory=LedgerIds)
    ledger_numbers: LedgerSequence = field(default_factory=LedgerSequence)
    _version: int = 0
    _orders_version: int = 0
    _margin: MarginNumbers | None = None
    _margin_of: tuple[int, int] = (-1, -1)
    _numbers: MarginNumbers | None = None
    _numbers_of: int = -1
    _mark_prices: dict[Symbol, Decimal] = field(default_factory=dict)
    fresh_symbols: set[Symbol] = field(default_factory=set)
    """Instruments listed, or no longer flat; emptied by whoever follows them."""

    # --- facts ----------------------------------------------------------------

    def merge_position(self, fact: PositionFact, source: Source, now: Now) -> bool:
        """Newest venue version wins; True if what is shown changed."""
        key = (fact.symbol, fact.position_side)
        held = self._held.get(key)
        if held is not None and held.is_newer_than(fact):
            return False
        if held is not None and self._is_of_another(held, fact):
            return False
        stamp = Stamp(
            source=source, venue_ns=fact.venue_ns, received_mono_ns=now.mono_ns
        )
        if fact.margin_mode is not None:
            self.margin_modes[fact.symbol] = fact.margin_mode
        if fact.leverage is not None:
            self._lever(fact.symbol, fact.leverage)
        if held is None:
            is_listed = source is Source.REST and fact.margin_mode is None
            if fact.qty == 0 and is_listed:
                self._version += 1
                return False  # some venues list every instrument there is
            mode = self.account_margin_mode
            held = Held(qty=ZERO, entry_price=ZERO, stamp=stamp, margin_mode=mode)
            self._held[key] = held
        before = (held.qty, held.entry_price, held.margin_mode, held.isolated_wallet)
        if not (fact.is_as_of and held.qty == fact.qty):
            held.moved_ns = fact.venue_ns
        if not held.qty:
            self.fresh_symbols.add(fact.symbol)
        held.row = None
        held.qty = fact.qty
        held.stamp = stamp
        held.version = fact.version  # None: what comes next is told by its time
        if fact.entry_price is not None:
            held.entry_price = fact.entry_price
        if fact.margin_mode is not None:
            held.margin_mode = fact.margin_mode
        if fact.isolated_wallet is not None:
            held.isolated_wallet = fact.isolated_wallet
        held.mark_price = fact.mark_price or held.mark_price
        held.liquidation_price = fact.liquidation_price
        held.unrealized_pnl = fact.unrealized_pnl
        held.initial_margin = fact.initial_margin
        held.maintenance_margin = fact.maintenance_margin
        held.greeks = (fact.delta, fact.gamma, fact.vega, fact.theta)
        self._version += 1
        return before != (
            held.qty,
            held.entry_price,
            held.margin_mode,
            held.isolated_wallet,
        )

    def _is_of_another(self, held: Held, fact: PositionFact) -> bool:
        """Where an instrument may hold a position per margin mode, that the other
        one is flat says nothing about this one."""
        return (
            self.dialect.facts.holds_by_mode
            and bool(held.qty)
            and not fact.qty
            and fact.margin_mode not in (None, held.margin_mode)
        )

    def flatten_absent(
        self, told: set[PositionKey], venue_ns: int, now: Now, *, lag_ns: int
    ) -> list[PositionKey]:
        """A complete list of positions did not name these: they are flat.

        Positions with a newer word than *venue_ns* (when the list was asked
        for) are left alone, and those whose base + fills are not flat: the list
        may lag, and the check that follows finds out. The stamp stays, so that
        any later word of the venue counts.
        """
        flat = []
        for key, held in self._held.items():
            if key in told or held.qty == 0 or held.stamp.venue_ns >= venue_ns:
                continue
            is_recent = self.moved_ns(key) >= venue_ns - lag_ns
            if is_recent and self.sums.position(key) != 0:
                continue
            held.row = None
            held.qty = ZERO
            held.stamp = replace(
                held.stamp, source=Source.REST, received_mono_ns=now.mono_ns
            )
            self._version += 1
            flat.append(key)
        return flat

    def empty_absent(
        self, told: set[str], venue_ns: int, now: Now, *, lag_ns: int
    ) -> list[str]:
        """A complete list of wallets did not name these: nothing is in them. Left
        alone are the same as with positions."""
        empty = []
        for asset, held in self.balances.items():
            if asset in told or not held.wallet or held.stamp.venue_ns >= venue_ns:
                continue
            is_recent = self.wallet_moved_ns[asset] >= venue_ns - lag_ns
            if is_recent and self.sums.wallet(asset) != 0:
                continue
            stamp = replace(
                held.stamp, source=Source.REST, received_mono_ns=now.mono_ns
            )
            self.balances[asset] = replace(held, wallet=ZERO, stamp=stamp)
            self._version += 1
            empty.append(asset)
        return empty

    def merge_balance(self, fact: BalanceFact, source: Source, now: Now) -> bool:
        """Newest venue time wins; True if the wallet changed."""
        held = self.balances.get(fact.asset)
        if held is not None and fact.venue_ns < held.stamp.venue_ns:
            return False
        is_same = held is not None and held.wallet == fact.wallet
        if not (fact.is_as_of and is_same):
            self.wallet_moved_ns[fact.asset] = fact.venue_ns
        self.balances[fact.asset] = Balance(
            asset=fact.asset,
            wallet=fact.wallet,
            cross_wallet=fact.cross_wallet,
            stamp=Stamp(
                source=source, venue_ns=fact.venue_ns, received_mono_ns=now.mono_ns
            ),
        )
        self._version += 1
        return held is None or held.wallet != fact.wallet

    def merge_greeks(self, fact: GreeksFact) -> None:
        """The venue's own sum over options."""
        self._version += self.collaterals.merge_greeks(fact)

    def merge_collateral(self, fact: CollateralFact) -> str:
        """Newest venue time wins, per currency; what somebody should know of it."""
        is_newer = self.collaterals.merge(fact)
        self._version += is_newer
        currency = fact.collateral.currency
        return self.collaterals.news_of_sums(currency) if is_newer else ""

    def merge_mark(self, fact: MarkFact) -> bool:
        """Newest mark price; True if it moved."""
        held = self.marks.get(fact.symbol)
        if held is not None and fact.venue_ns < held.venue_ns:
            return False
        self.marks[fact.symbol] = fact
        self._mark_prices[fact.symbol] = fact.mark_price
        if held is not None and held.mark_price == fact.mark_price:
            return False
        self._version += 1
        return True

    def merge_setting(self, fact: SettingFact) -> None:
        """Leverage, margin mode, position mode."""
        if fact.symbol is not None:
            if fact.leverage is not None:
                self._lever(fact.symbol, fact.leverage)
            if fact.margin_mode is not None:
                self.margin_modes[fact.symbol] = fact.margin_mode
        elif fact.margin_mode is not None:
            self.account_margin_mode = fact.margin_mode
            for held in self._held.values():
                held.margin_mode = fact.margin_mode
                held.row = None
        if fact.is_hedge_mode is not None:
            self.is_hedge_mode = fact.is_hedge_mode
        if fact.is_multi_asset is not None:
            self.is_multi_asset = fact.is_multi_asset
        if fact.can_trade is not None:
            self.can_trade = fact.can_trade
        self._version += 1

    def merge_account(self, fact: AccountFact) -> None:
        """The venue's own totals, kept as told."""
        kept = self.venue_fields if fact.scope else {}
        self.venue_fields = {**kept, **fact.fields}
        self._version += 1

    def merge_ledger(self, fact: LedgerFact) -> LedgerEntry | None:
        """Count an entry once; None if it is known or only a notice."""
        if not fact.entry_id:
            return None
        if fact.seq is not None:
            self.ledger_numbers.add(fact.asset, fact.seq)
        if not self.ledger_ids.add(fact.kind, fact.entry_id, fact.venue_ns):
            return None
        self.sums.add_entry(fact.asset, fact.amount, fact.venue_ns)
        if fact.position_change and fact.symbol is not None:
            held = (fact.symbol, PositionSide.NET)
            self.sums.move_position(held, fact.position_change, fact.venue_ns)
        return LedgerEntry(
            kind=fact.kind,
            asset=fact.asset,
            amount=fact.amount,
            symbol=fact.symbol,
            entry_id=fact.entry_id,
            venue_ns=fact.venue_ns,
            text=fact.text,
            trade_id=fact.trade_id,
        )

    def _lever(self, symbol: Symbol, leverage: int) -> None:
        if self.leverage.get(symbol) != leverage:
            self.leverage[symbol] = leverage
            for (other, _), held in self._held.items():
                if other == symbol:
                    held.row = None

    def merge_instrument(self, instrument: Instrument) -> None:
        """Rules of an instrument; tiers told apart stay."""
        known = self._brackets.get(instrument.symbol)
        if known is not None:
            instrument = replace(instrument, brackets=known)
        self.instruments[instrument.symbol] = instrument
        self.fresh_symbols.add(instrument.symbol)

    def merge_brackets(self, symbol: Symbol, brackets: tuple[Bracket, ...]) -> None:
        """Margin tiers of an instrument, in whichever order they arrive."""
        self._brackets[symbol] = brackets
        if symbol in self.instruments:
            self.merge_instrument(self.instruments[symbol])
        self._version += 1

    # --- tying out ---------------------------------------------------------------

    def position_qty(self, key: PositionKey) -> Decimal:
        """The venue's newest word."""
        held = self._held.get(key)
        return held.qty if held is not None else ZERO

    def position_keys(self) -> list[PositionKey]:
        """Every position ever told or touched by a fill."""
        keys = dict.fromkeys(self._held)
        keys.update(dict.fromkeys(self.sums.position_keys()))
        return list(keys)

    def take_bases(self) -> None:
        """First synchronisation: the venue's word now is where sums begin."""
        self.sums.rebase(
            {key: self.position_qty(key) for key in self.position_keys()},
            {asset: balance.wallet for asset, balance in self.balances.items()},
            {key: held.stamp.venue_ns for key, held in self._held.items()},
            {asset: row.stamp.venue_ns for asset, row in self.balances.items()},
        )

    def position_mismatches(self) -> list[PositionKey]:
        """Positions that are not base + fills at this instant."""
        return [
            key
            for key in self.position_keys()
            if self.sums.position(key) != self.position_qty(key)
        ]

    def moved_within(
        self, keys: Sequence[PositionKey], span_ns: int, venue_ns: int
    ) -> bool:
        """One of *keys* moved less than *span_ns* before *venue_ns*."""
        return any(self.moved_ns(key) > venue_ns - span_ns for key in keys)

    def moved_ns(self, key: PositionKey) -> int:
        """Venue time of its newest move, told or by a fill."""
        held = self._held.get(key)
        told_ns = held.moved_ns if held is not None else 0
        return max(told_ns, self.sums.filled_ns(key))

    def assets(self) -> list[str]:
        """Currencies with something in the wallet, now or before."""
        held = {asset for asset, row in self.balances.items() if row.wallet}
        return sorted(held.union(self.sums.assets()))

    def position_told_ns(self, key: PositionKey) -> int:
        """Venue time of the newest word, 0 if there is none."""
        held = self._held.get(key)
        return held.stamp.venue_ns if held is not None else 0

    def balance_told_ns(self, asset: str) -> int:
        """The same of a wallet."""
        balance = self.balances.get(asset)
        return balance.stamp.venue_ns if balance is not None else 0

    # --- what users see --------------------------------------------------------------

    def symbols_held(self) -> set[Symbol]:
        """Instruments with a position that is not flat."""
        return {key[0] for key, held in self._held.items() if held.qty}

    def mark_of(self, symbol: Symbol) -> Decimal | None:
        """Live mark price, if one is known."""
        fact = self.marks.get(symbol)
        return fact.mark_price if fact is not None else None

    def positions(self) -> list[Position]:
        """Positions that are not flat, with live numbers."""
        return [self._position(k, held) for k, held in self._held.items() if held.qty]

    def position(self, key: PositionKey) -> Position | None:
        """One position, also when it is flat; None if never heard of."""
        held = self._held.get(key)
        return None if held is None else self._position(key, held)

    def margin(self, open_orders: Sequence[Order], now: Now) -> Margin | None:
        """The account's margin, computed with live marks where possible."""
        if self._margin_of != (self._version, self._orders_version):
            self._margin_of = (self._version, self._orders_version)
            self._margin = self._compute(open_orders)
        numbers = self._margin
        if numbers is None:
            return None
        newest = max((b.stamp.venue_ns for b in self.balances.values()), default=0)
        return Margin(
            currency=numbers.currency,
            wallet=numbers.wallet,
            equity=numbers.equity,
            unrealized_pnl=numbers.unrealized_pnl,
            initial_margin=numbers.initial_margin,
            maintenance_margin=numbers.maintenance_margin,
            available=numbers.available,
            margin_ratio=numbers.margin_ratio,
            stamp=Stamp(
                source=Source.COMPUTED, venue_ns=newest, received_mono_ns=now.mono_ns
            ),
            venue_fields=self.venue_fields,
            collateral=dict(self.collaterals.rows),
        )

    def invalidate(self) -> None:
        """Open orders changed, so margin did; positions did not."""
        self._orders_version += 1

    @property
    def version(self) -> int:
        """Rises whenever margin may have changed."""
        return self._version + self._orders_version

    def _position(self, key: PositionKey, held: Held) -> Position:
        live = None
        if held.qty:
            numbers = self._position_numbers()
            if numbers is not None:
                live = numbers.positions.get(key)
        row = held.row or self._row(key, held)
        if live is None:
            mark = self._mark_prices.get(key[0])
            return replace(row, mark_price=mark) if mark else row
        return replace(
            row,
            mark_price=live.mark_price,
            unrealized_pnl=live.unrealized_pnl,
            initial_margin=live.initial_margin,
            maintenance_margin=live.maintenance_margin,
            liquidation_price=live.liquidation_price,
        )

    def _row(self, key: PositionKey, held: Held) -> Position:
        """The venue's newest word, with the mark that it told."""
        symbol, side = key
        delta, gamma, vega, theta = held.greeks
        held.row = row = Position(
            symbol,
            side,
            held.qty,
            held.entry_price,
            stamp=held.stamp,
            margin_mode=held.margin_mode,
            leverage=self.leverage.get(symbol),
            isolated_wallet=held.isolated_wallet,
            mark_price=held.mark_price,
            liquidation_price=held.liquidation_price,
            unrealized_pnl=held.unrealized_pnl,
            initial_margin=held.initial_margin,
            maintenance_margin=held.maintenance_margin,
            delta=delta,
            gamma=gamma,
            vega=vega,
            theta=theta,
        )
        return row

    def _position_numbers(self) -> MarginNumbers | None:
        """Of positions alone: what may still fill changes the margin that is left,
        not the numbers of a position, and there may be very many orders."""
        if self._numbers_of != self._version:
            self._numbers_of = self._version
            self._numbers = self._compute(())
        return self._numbers

    @exactly
    def _compute(self, open_orders: Sequence[Order]) -> MarginNumbers | None:
        marks = self._mark_prices
        rows = []
        for key, held in self._held.items():
            if not held.qty:
                continue
            rows.append(held.row or self._row(key, held))
            if held.mark_price is not None and key[0] not in marks:
                marks = {key[0]: held.mark_price, **marks}
        view = AccountView(
            balances=self.balances,
            positions=rows,
            open_orders=open_orders,
            instruments=self.instruments,
            marks=marks,
            leverage=self.leverage,
            margin_modes=self.margin_modes,
            venue_fields=self.venue_fields,
            is_multi_asset=self.is_multi_asset,
            collateral=self.collaterals.rows,
        )
        return self.dialect.margin(view)
