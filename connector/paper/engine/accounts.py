"""Accounts: money in and out, modes, leverage, margin types."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connector.paper.engine import margin
from connector.paper.engine.booking import (
    tell_account,
)
from connector.paper.engine.money import pay
from connector.paper.engine.state import AccountState, World
from connector.paper.ledger import OUTSIDE
from connector.paper.types import (
    ZERO,
    AssetModeEvent,
    Income,
    LeverageEvent,
    Refusal,
    SymbolConfig,
)
from connector.paper.words import (
    AccountReason,
    IncomeType,
    MarginType,
    PositionSide,
    Reason,
)


def open_account(
    world: World, account_id: str, balances: Mapping[str, Decimal]
) -> AccountState:
    """Open an account and pay in; the first balances are told as deposits."""
    assert account_id not in world.accounts, "account exists"
    assert not account_id.startswith("~"), "names with ~ are the venue's own"
    account = world.accounts[account_id] = AccountState(account_id)
    for asset, amount in balances.items():
        account.wallets.setdefault(asset, ZERO)
        if amount:
            transfer(world, account, asset, amount, AccountReason.DEPOSIT)
    return account


def transfer(
    world: World,
    account: AccountState,
    asset: str,
    amount: Decimal,
    reason: AccountReason,
) -> Income | Refusal:
    """Move money in (amount > 0) or out; out is bounded by what may leave."""
    if not amount:
        return Refusal(reason=Reason.BAD_PARAMETER, detail="amount")
    if amount < 0:
        sums = margin.totals(world, account, asset)
        free = max(ZERO, min(sums.available, sums.cross_wallet))
        if -amount > free:
            return Refusal(reason=Reason.BALANCE, allowed=free)
    income = pay(world, account, asset, amount, IncomeType.TRANSFER, payer=OUTSIDE)
    assert income is not None, "amount is not 0"
    tell_account(world, account, reason, asset=asset, delta=amount)
    return income


def _is_flat(account: AccountState) -> bool:
    return not any(
        position.qty
        for state in account.symbols.values()
        for position in state.positions.values()
    )


def set_hedge(account: AccountState, *, hedge: bool) -> Refusal | None:
    """Switch the position mode; refused with orders or positions."""
    if account.is_hedge == hedge:
        return Refusal(reason=Reason.NO_CHANGE)
    if account.open_orders or account.open_conditionals:
        return Refusal(reason=Reason.OPEN_ORDERS)
    if not _is_flat(account):
        return Refusal(reason=Reason.OPEN_POSITION)
    account.is_hedge = hedge
    return None


def set_multi_assets(
    world: World, account: AccountState, *, multi_assets: bool
) -> Refusal | None:
    """Set the multi-assets flag; refused with isolated symbols in use."""
    if account.is_multi_assets == multi_assets:
        return Refusal(reason=Reason.NO_CHANGE)
    for state in account.symbols.values():
        is_used = any(True for _ in margin.used_sides(state))
        if multi_assets and is_used and state.margin_type is MarginType.ISOLATED:
            return Refusal(reason=Reason.ISOLATED_MARGIN)
    account.is_multi_assets = multi_assets
    world.outbox.append(
        AssetModeEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            is_multi_assets=multi_assets,
        )
    )
    return None


def set_leverage(
    world: World, account: AccountState, symbol: str, leverage: int
) -> SymbolConfig | Refusal:
    """Change leverage; open exposure must fit bracket and margin afterwards."""
    state = world.symbol_state(account, symbol)
    maximum = state.instrument.brackets[0].max_leverage
    if not 1 <= leverage <= maximum:
        return Refusal(reason=Reason.LEVERAGE, allowed=Decimal(maximum))
    before, mark = state.leverage, world.markets[symbol].mark
    has_position = any(position.qty for position in state.positions.values())
    is_isolated = state.margin_type is MarginType.ISOLATED
    if is_isolated and has_position and leverage < before:
        return Refusal(reason=Reason.LEVERAGE_REDUCTION)
    cap = margin.max_notional(state.instrument, leverage)
    sides = list(margin.used_sides(state))
    if any(margin.side_margin(state, side, mark) * before > cap for side in sides):
        return Refusal(reason=Reason.MAX_POSITION, allowed=cap)
    asset = state.instrument.settle
    state.leverage = leverage
    sums = margin.totals(world, account, asset)
    if leverage < before and sides and sums.cross_balance < sums.blocked:
        state.leverage = before
        return Refusal(reason=Reason.MARGIN)
    if leverage != before:
        world.outbox.append(
            LeverageEvent(
                account_id=account.account_id,
                time_ms=world.now_ms,
                symbol=symbol,
                leverage=leverage,
            )
        )
    return margin.config_view(state)


def set_margin_type(
    world: World, account: AccountState, symbol: str, margin_type: MarginType
) -> Refusal | None:
    """Change the margin type; refused with orders or a position in the symbol."""
    state = world.symbol_state(account, symbol)
    if state.margin_type is margin_type:
        return Refusal(reason=Reason.NO_CHANGE)
    if account.is_multi_assets and margin_type is MarginType.ISOLATED:
        return Refusal(reason=Reason.ISOLATED_MARGIN)
    if state.orders:
        return Refusal(reason=Reason.OPEN_ORDERS)
    if any(position.qty for position in state.positions.values()):
        return Refusal(reason=Reason.OPEN_POSITION)
    state.margin_type = margin_type
    tell_account(
        world,
        account,
        AccountReason.MARGIN_TYPE_CHANGE,
        positions=[(state, side) for side in account.position_sides()],
    )
    return None


def adjust_isolated_margin(
    world: World,
    account: AccountState,
    symbol: str,
    amount: Decimal,
    position_side: PositionSide,
) -> Refusal | None:
    """Add (amount > 0) or take margin of an isolated position.

    Taking leaves at least the initial margin, after losses.
    """
    state = world.symbol_state(account, symbol)
    if state.margin_type is not MarginType.ISOLATED:
        return Refusal(reason=Reason.NOT_ISOLATED)
    position = state.position(position_side)
    if not position.qty:
        return Refusal(reason=Reason.NO_POSITION)
    asset, mark = state.instrument.settle, world.markets[symbol].mark
    if amount > 0:
        free = margin.totals(world, account, asset).available
    else:
        loss = min(ZERO, position.unrealized(mark))
        needed = margin.position_margin(state, position, mark)
        free = max(ZERO, position.isolated_wallet + loss - needed)
    if not amount or abs(amount) > free:
        return Refusal(reason=Reason.ISOLATED_MARGIN, allowed=free)
    position.isolated_wallet += amount
    position.updated_ms = world.now_ms
    tell_account(
        world,
        account,
        AccountReason.MARGIN_TRANSFER,
        asset=asset,
        positions=((state, position_side),),
    )
    return None
