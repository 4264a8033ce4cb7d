"""Money of an account: wallets, their entries, profits that wait for settlement."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from connector.paper.engine.state import AccountState, World
from connector.paper.ledger import Entry
from connector.paper.types import ZERO, Income
from connector.paper.words import IncomeType


def pay(
    world: World,
    account: AccountState,
    asset: str,
    amount: Decimal,
    kind: IncomeType,
    *,
    payer: str,
    symbol: str = "",
    trade_id: int = 0,
    info: str = "",
    qty: Decimal = ZERO,
    price: Decimal = ZERO,
) -> Income | None:
    """Add *amount* (signed) to the wallet and write the entry; None for nothing."""
    if not amount:
        return None
    account.wallets[asset] = account.wallets.get(asset, ZERO) + amount
    account.wallet_ms[asset] = world.now_ms
    entry = Entry(
        account_id=account.account_id,
        payer=payer,
        asset=asset,
        amount=amount,
        type=kind,
        symbol=symbol,
        trade_id=trade_id,
        time_ms=world.now_ms,
    )
    world.ledger.write_entry(entry)
    income = Income(
        account_id=account.account_id,
        tran_id=world.new_tran_id(),
        type=kind,
        asset=asset,
        amount=amount,
        symbol=symbol,
        trade_id=trade_id,
        info=info or (str(trade_id) if trade_id else kind.value),
        time_ms=world.now_ms,
        qty=qty,
        price=price,
    )
    note_income(world, account, income)
    return income


def note_income(world: World, account: AccountState, income: Income) -> None:
    """Show *income* among the entries of the account."""
    if not account.is_house:
        account.income.append(replace(income, account_id=account.account_id))


def session_book(account_id: str) -> str:
    """Where an account's profits of the day gather."""
    return f"~session-{account_id}"


def gather(
    world: World, account: AccountState, symbol: str, amount: Decimal, payer: str
) -> bool:
    """Keep a profit of *symbol* for the daily settlement, where there is one."""
    if world.rules.daily_settlement_ms is None:
        return False
    state = world.symbol_state(account, symbol)
    state.session += amount
    world.ledger.write_transfer(
        session_book(account.account_id),
        payer,
        state.instrument.settle,
        amount,
        symbol,
        world.now_ms,
    )
    return True
