"""Settlement and delivery: profits move into the wallet, contracts end.

Once a day the session's profit of every future, realised and not, moves into the
wallet; from then on its position counts from the settlement price. A contract that
expires is delivered without a trade: futures at the price of their index, options
for their intrinsic value. Since 2026 an option in the money first becomes a future
(at its strike), positions net, and that future is delivered in cash: the same money
in more entries.

Source: Deribit Insights and support, "Settlement", "Options", read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.amounts import money
from connector.paper.engine.booking import (
    end_order,
    tell_account,
)
from connector.paper.engine.money import note_income, pay, session_book
from connector.paper.engine.options import intrinsic, mark_of
from connector.paper.engine.state import (
    AccountState,
    PositionState,
    SymbolState,
    World,
)
from connector.paper.engine.triggers import expire_symbol
from connector.paper.ledger import CLEARING, FEES
from connector.paper.types import ZERO, Income
from connector.paper.words import (
    AccountReason,
    ContractKind,
    EndReason,
    IncomeType,
    OrderStatus,
    PositionSide,
)

DAY_MS = 86_400_000


def reprice(world: World, underlying: str) -> None:
    """Options follow their underlying."""
    reference = world.markets[underlying].mark
    for symbol in world.followers.get(underlying, ()):
        market = world.markets[symbol]
        if symbol not in world.delisted:
            mark = mark_of(market.instrument, reference, world.now_ms)
            market.follow(mark, reference)


def next_settlement_ms(world: World) -> int | None:
    """When profits move into wallets next."""
    offset = world.rules.daily_settlement_ms
    if offset is None:
        return None
    return (world.settled_ms - offset) // DAY_MS * DAY_MS + DAY_MS + offset


def settle_day(world: World) -> None:
    """The daily settlement of every future and account."""
    world.settled_ms = world.now_ms
    for symbol, instrument in world.instruments.items():
        if instrument.kind is not ContractKind.OPTION and symbol not in world.delisted:
            price = world.markets[symbol].mark
            for account in (*world.accounts.values(), world.house):
                if symbol in account.symbols:
                    settle_state(world, account, account.symbols[symbol], price)


def settle_state(
    world: World, account: AccountState, state: SymbolState, price: Decimal
) -> None:
    """Move the session's profit of one future into the wallet."""
    position = state.position(PositionSide.BOTH)
    floating = position.unrealized(price)
    session, state.session = state.session, ZERO
    if not position.qty and not session:
        return
    asset = state.instrument.settle
    symbol = state.instrument.symbol
    pot = session_book(account.account_id)
    info = f"{session} {floating}"
    if floating:
        # What was owed for the open position is paid: it costs its value now.
        position.cost += floating
        position.entry = price
        key = (symbol, PositionSide.BOTH)
        world.ledger.write_move(account.account_id, key, ZERO, floating)
        world.ledger.write_transfer(
            pot, CLEARING, asset, floating, symbol, world.now_ms
        )
    income = pay(
        world,
        account,
        asset,
        session + floating,
        IncomeType.SETTLEMENT,
        payer=pot,
        symbol=symbol,
        info=info,
        qty=position.qty,
        price=price,
    )
    if income is not None and not account.is_house:
        tell_account(
            world,
            account,
            AccountReason.SETTLEMENT,
            asset=asset,
            delta=session + floating,
            positions=((state, PositionSide.BOTH),),
            symbol=symbol,
        )


def deliver(world: World, symbol: str, price: Decimal) -> None:
    """End *symbol*: cancel its orders, deliver every position at *price* (of the
    underlying, for options)."""
    world.states.append((world.now_ms, symbol, "settlement"))
    expire_symbol(world, symbol)
    world.delisted.add(symbol)
    for account in (*world.accounts.values(), world.house):
        state = account.symbols.get(symbol)
        if state is None:
            continue
        for order in list(state.orders.values()):
            end_order(world, account, order, OrderStatus.EXPIRED, EndReason.DELISTED)
        position = state.position(PositionSide.BOTH)
        if state.instrument.kind is ContractKind.OPTION:
            _deliver_option(world, account, state, position, price)
        else:
            settle_state(world, account, state, price)
            _remove(world, account, position, price)
        world.holders[symbol].pop(account.account_id, None)
    world.states.append((world.now_ms, symbol, "delivered"))


def _remove(
    world: World, account: AccountState, position: PositionState, price: Decimal
) -> Decimal:
    """Take a position off the books; returns what it was, signed."""
    qty, cost = position.qty, position.cost
    if not qty:
        return ZERO
    key = (position.symbol, position.side)
    world.ledger.write_move(account.account_id, key, -qty, -cost)
    position.qty = position.cost = position.entry = position.open_fees = ZERO
    position.updated_ms = world.now_ms
    if account.is_house:
        return qty
    asset = position.instrument.settle
    note_income(world, account, _delivered(world, position.symbol, asset, -qty, price))
    state = world.symbol_state(account, position.symbol)
    tell_account(
        world,
        account,
        AccountReason.DELIVERY,
        asset=asset,
        positions=((state, position.side),),
        symbol=position.symbol,
    )
    return qty


def _delivered(
    world: World, symbol: str, asset: str, qty: Decimal, price: Decimal
) -> Income:
    """An entry that moves a position and no money."""
    return Income(
        account_id="",
        tran_id=world.new_tran_id(),
        type=IncomeType.DELIVERY,
        asset=asset,
        amount=ZERO,
        symbol=symbol,
        trade_id=0,
        info="",
        time_ms=world.now_ms,
        qty=qty,
        price=price,
    )


def _deliver_option(
    world: World,
    account: AccountState,
    state: SymbolState,
    position: PositionState,
    price: Decimal,
) -> None:
    """Out of the money: gone. In the money: a future, delivered in cash."""
    instrument = state.instrument
    worth = intrinsic(instrument, price)
    qty = _remove(world, account, position, price)
    if not qty or not worth:
        return
    asset = instrument.settle
    cash = money(qty * worth)
    if account.is_house:
        pay(world, account, asset, cash, IncomeType.DELIVERY, payer=CLEARING)
        return
    future = instrument.symbol.rsplit("-", 2)[0]
    way = qty if instrument.is_call else -qty
    opened = _delivered(world, future, asset, way, instrument.strike)
    note_income(world, account, opened)
    pay(
        world,
        account,
        asset,
        cash,
        IncomeType.DELIVERY,
        payer=CLEARING,
        symbol=future,
        qty=-way,
        price=price,
    )
    unit = Decimal(1) if instrument.is_coin_settled else price
    fee = money(abs(qty) * unit * instrument.delivery_rate)
    fee = min(fee, money(abs(cash) * instrument.premium_fee_cap))
    pay(
        world,
        account,
        asset,
        -fee,
        IncomeType.COMMISSION,
        payer=FEES,
        symbol=future,
    )
    tell_account(world, account, AccountReason.DELIVERY, asset=asset, delta=cash)


def expire_due(world: World) -> None:
    """Deliver what expires now, options before the futures they became."""
    due = [
        item
        for item in world.instruments.values()
        if item.expiry_ms
        and item.expiry_ms <= world.now_ms
        and item.symbol not in world.delisted
    ]
    for item in sorted(due, key=lambda one: one.kind is not ContractKind.OPTION):
        source = item.underlying or item.symbol
        deliver(world, item.symbol, world.markets[source].index)


def next_expiry_ms(world: World) -> int | None:
    """When a contract expires next."""
    dues = (
        item.expiry_ms
        for item in world.instruments.values()
        if item.expiry_ms and item.symbol not in world.delisted
    )
    return min(dues, default=None)
