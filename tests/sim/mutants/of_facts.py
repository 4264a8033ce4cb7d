"""Broken variants of how facts are merged: orders, fills, positions, wallets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connector.core import order_state, orders
from connector.core.account import Account
from connector.core.ledger_ids import LedgerIds
from connector.core.merge import Merger
from connector.core.orders import Change, Orders
from connector.core.sums import Sums
from connector.dialect.facts import (
    BalanceFact,
    FillFact,
    LedgerFact,
    OrderFact,
    PositionFact,
)
from connector.model.account import LedgerKind
from connector.model.noun import replace
from connector.model.order import OrderStatus, Origin, PositionSide

Patch = pytest.MonkeyPatch


def _filter(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Let every fact pass through *change* before it is merged; None drops it."""
    apply = Merger.apply

    def changed(self: Merger, facts: Any, *args: Any, **options: Any) -> None:
        kept = [new for fact in facts if (new := change(fact)) is not None]
        apply(self, kept, *args, **options)

    patch.setattr(Merger, "apply", changed)


def skip_dedupe(patch: Patch) -> None:
    """Forget which fills were counted."""
    patch.setattr(Orders, "has_fill", lambda self, key: False)


def forget_that_fills_were_told(patch: Patch) -> None:
    """After a restart the fills of the journal count again."""
    patch.setattr(Orders, "restore_fill_keys", lambda self, keys: None)


def an_end_is_not_the_end(patch: Patch) -> None:
    """A late word opens an order again that had ended."""
    merge = order_state.merge_state

    def merge_state(tracked: Any, fact: Any) -> bool:
        changed = merge(tracked, fact)
        if fact.status is OrderStatus.NEW and tracked.is_terminal:
            tracked.status = OrderStatus.NEW
            return True
        return changed

    patch.setattr(orders, "merge_state", merge_state)


def filled_may_shrink(patch: Patch) -> None:
    """The filled quantity is whatever was told last."""
    merge = order_state.merge_state

    def merge_state(tracked: Any, fact: Any) -> bool:
        changed = merge(tracked, fact)
        if fact.filled_qty is not None:
            tracked.filled_qty = fact.filled_qty
        return changed

    patch.setattr(orders, "merge_state", merge_state)


def drop_external_fills(patch: Patch) -> None:
    """Executions of orders that we did not make are nobody's."""
    merge = Orders.merge_fill

    def merge_fill(self: Orders, fact: Any) -> Any:
        tracked = self.find(fact.symbol, fact.venue_order_id)
        if tracked is None or tracked.origin is not Origin.OWN:
            return Change()
        return merge(self, fact)

    patch.setattr(Orders, "merge_fill", merge_fill)


def adopt_nothing(patch: Patch) -> None:
    """Orders that we did not make do not exist."""
    apply = Merger.apply

    def known(self: Merger, facts: Any, *args: Any, **options: Any) -> None:
        kept = [
            fact
            for fact in facts
            if not isinstance(fact, OrderFact)
            or self._orders._resolve(fact) is not None
        ]
        apply(self, kept, *args, **options)

    patch.setattr(Merger, "apply", known)


def ignore_cancels(patch: Patch) -> None:
    """Nobody hears that an order was cancelled."""

    def change(fact: Any) -> Any:
        is_end = isinstance(fact, OrderFact) and fact.status is OrderStatus.CANCELED
        return None if is_end else fact

    _filter(patch, change)


def ignore_expiry(patch: Patch) -> None:
    """Nobody hears that an order expired."""

    def change(fact: Any) -> Any:
        is_end = isinstance(fact, OrderFact) and fact.status is OrderStatus.EXPIRED
        return None if is_end else fact

    _filter(patch, change)


def ignore_amended_terms(patch: Patch) -> None:
    """An order keeps the terms it was placed with."""
    merge = order_state.merge_state

    def merge_state(tracked: Any, fact: Any) -> bool:
        if tracked.venue_order_id is not None and tracked.venue_ns:
            fact = replace(fact, qty=None, price=None)
        return merge(tracked, fact)

    patch.setattr(orders, "merge_state", merge_state)


def ignore_positions(patch: Patch) -> None:
    """Do not take what the venue says about positions."""
    _filter(patch, lambda f: None if isinstance(f, PositionFact) else f)


def ignore_balances(patch: Patch) -> None:
    """Wallets stay as they were at the start."""
    merge = Account.merge_balance

    def merge_balance(self: Account, fact: BalanceFact, source: Any, now: Any) -> bool:
        return fact.asset not in self.balances and merge(self, fact, source, now)

    patch.setattr(Account, "merge_balance", merge_balance)


def wrong_sign_on_flip(patch: Patch) -> None:
    """A fill that takes a position through zero is added, not subtracted."""
    add = Sums.add_fill

    def add_fill(self: Sums, fill: Any, replaced: Decimal) -> None:
        key = (fill.symbol, fill.position_side)
        before = self.position(key)
        add(self, fill, replaced)
        if before * self.position(key) < 0:
            self._fills[key] -= 2 * (fill.qty - replaced) * fill.side.sign

    patch.setattr(Sums, "add_fill", add_fill)


def fees_count_twice(patch: Patch) -> None:
    """Every fee is taken from the wallet's sum twice."""
    merge = Account.merge_ledger

    def merge_ledger(self: Account, fact: LedgerFact) -> Any:
        entry = merge(self, fact)
        if entry is not None and fact.kind is LedgerKind.FEE:
            self.sums.add_entry(fact.asset, fact.amount, fact.venue_ns)
        return entry

    patch.setattr(Account, "merge_ledger", merge_ledger)


def _ignore_entries(patch: Patch, kind: LedgerKind) -> None:
    def change(fact: Any) -> Any:
        is_it = isinstance(fact, LedgerFact) and fact.kind is kind and fact.entry_id
        return None if is_it else fact

    _filter(patch, change)


def ignore_transfers(patch: Patch) -> None:
    """Transfers are not booked."""
    _ignore_entries(patch, LedgerKind.TRANSFER)


def entries_count_again(patch: Patch) -> None:
    """Forget which ledger entries were counted."""
    merge = Account.merge_ledger

    def merge_ledger(self: Account, fact: LedgerFact) -> Any:
        self.ledger_ids = LedgerIds()
        return merge(self, fact)

    patch.setattr(Account, "merge_ledger", merge_ledger)


def both_sides_are_one(patch: Patch) -> None:
    """LONG and SHORT of a hedged account are taken for one position."""

    def change(fact: Any) -> Any:
        if isinstance(fact, (PositionFact, FillFact)):
            return replace(fact, position_side=PositionSide.NET)
        return fact

    _filter(patch, change)


def absent_means_nothing(patch: Patch) -> None:
    """A position that a complete list does not name is kept."""
    patch.setattr(Account, "flatten_absent", lambda self, *args, **options: [])


def orders_are_not_saved(patch: Patch) -> None:
    """What becomes of an order stays in memory."""
    patch.setattr(Merger, "save_order", lambda self, tracked: None)


def sums_are_not_saved(patch: Patch) -> None:
    """The sums start from nothing after a restart."""
    patch.setattr(Sums, "restore", lambda self, record: None)


def old_balance_overwrites(patch: Patch) -> None:
    """The wallet told last stands, however old it is."""
    merge = Account.merge_balance

    def merge_balance(self: Account, fact: BalanceFact, source: Any, now: Any) -> bool:
        held = self.balances.get(fact.asset)
        if held is not None:
            newest = max(fact.venue_ns, held.stamp.venue_ns)
            fact = replace(fact, venue_ns=newest)
        return merge(self, fact, source, now)

    patch.setattr(Account, "merge_balance", merge_balance)


def absent_means_flat(patch: Patch) -> None:
    """A position that a lagging list does not name is flat at once."""

    def flatten_absent(
        self: Account, told: Any, venue_ns: int, now: Any, *, lag_ns: int
    ) -> Any:
        flat = []
        for key, held in self._held.items():
            if key not in told and held.qty:
                held.qty = Decimal(0)
                self.sums.move_position(
                    key, -self.sums.position(key), held.stamp.venue_ns
                )
                flat.append(key)
        return flat

    patch.setattr(Account, "flatten_absent", flatten_absent)


def forget_triggers(patch: Patch) -> None:
    """What a conditional order became is a stranger."""

    def change(fact: Any) -> Any:
        if isinstance(fact, OrderFact) and fact.triggered_order_id is not None:
            return replace(fact, triggered_order_id=None)
        return fact

    _filter(patch, change)
