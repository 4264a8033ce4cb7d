"""What the venue does to an account: liquidation, ADL, settlement, funding.

Liquidation begins when the margin balance at mark no longer exceeds maintenance
margin: open orders expire, then positions are sold off with IOC orders that may go
to the bankruptcy price; what the market does not take, the insurance fund takes
over there. A debt that is left is cleared by the insurance fund.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.amounts import ceil_to, floor_to, money
from connector.paper.engine import margin
from connector.paper.engine.booking import (
    end_order,
    open_order,
    tell_account,
    tell_order,
)
from connector.paper.engine.expiry import settle_state
from connector.paper.engine.matching import match, trade
from connector.paper.engine.money import gather, pay
from connector.paper.engine.orders import new_order
from connector.paper.engine.standard_margin import option_rates
from connector.paper.engine.state import (
    AccountState,
    LiveOrder,
    PositionState,
    SymbolState,
    World,
)
from connector.paper.ledger import FUNDING, INSURANCE
from connector.paper.types import ZERO, MarginCallEvent, NewOrder, Order
from connector.paper.words import (
    AccountReason,
    ContractKind,
    EndReason,
    ExecKind,
    IncomeType,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
)


# liquidation ---------------------------------------------------------------
def check_symbol(world: World, symbol: str) -> None:
    """Liquidate or warn every account with a position in *symbol*."""
    for account_id in list(world.holders[symbol]):
        account = world.accounts.get(account_id)
        if account is not None:
            check_account(world, account, symbol)


def check_account(world: World, account: AccountState, symbol: str) -> None:
    """Compare margin with what the positions need, after a move of *symbol*."""
    state = world.symbol_state(account, symbol)
    asset = state.instrument.settle
    if state.margin_type is MarginType.ISOLATED:
        for side in list(state.positions):
            _check_isolated(world, account, state, side)
        return
    sums = margin.totals(world, account, asset)
    if not sums.cross_maintenance:
        return
    if sums.cross_balance <= sums.cross_maintenance:
        _liquidate_cross(world, account, asset)
        return
    ratio = world.rules.margin_call_ratio
    is_low = sums.cross_maintenance >= sums.cross_balance * ratio
    if is_low and not account.is_margin_called:
        rows = _cross_positions(account, asset)
        _call(world, account, sums.cross_wallet, rows)
    account.is_margin_called = is_low


def _cross_positions(
    account: AccountState, asset: str
) -> list[tuple[SymbolState, PositionState]]:
    return [
        (state, position)
        for state in account.symbols.values()
        if state.instrument.settle == asset and state.margin_type is MarginType.CROSS
        for position in state.positions.values()
        if position.qty
    ]


def _call(
    world: World,
    account: AccountState,
    cross_wallet: Decimal | None,
    positions: list[tuple[SymbolState, PositionState]],
) -> None:
    rows = [
        margin.position_view(world, account, state, position.side)
        for state, position in positions
    ]
    world.outbox.append(
        MarginCallEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            cross_wallet=cross_wallet,
            positions=tuple(rows),
        )
    )


def _expire_orders(
    world: World, account: AccountState, orders: list[LiveOrder]
) -> None:
    for order in orders:
        if order.status.is_open:
            end_order(world, account, order, OrderStatus.EXPIRED, EndReason.LIQUIDATION)


def _liquidate_cross(world: World, account: AccountState, asset: str) -> None:
    _expire_orders(
        world,
        account,
        [
            order
            for order in account.open_orders.values()
            if world.instruments[order.request.symbol].settle == asset
            and account.symbols[order.request.symbol].margin_type is MarginType.CROSS
        ],
    )
    while positions := _cross_positions(account, asset):
        sums = margin.totals(world, account, asset)
        if sums.cross_balance > sums.cross_maintenance:
            break
        state, position = max(positions, key=lambda pair: _weight(world, *pair))
        _close(world, account, state, position, sums.cross_balance)
    account.is_margin_called = False
    for state in account.symbols.values():
        if state.instrument.settle == asset and state.session:
            settle_state(world, account, state, world.markets[_name(state)].mark)
    sums = margin.totals(world, account, asset)
    if sums.cross_wallet < 0 and not _cross_positions(account, asset):
        _clear_debt(world, account, asset, -sums.cross_wallet)


def _name(state: SymbolState) -> str:
    return state.instrument.symbol


def _weight(world: World, state: SymbolState, position: PositionState) -> Decimal:
    market = world.markets[position.symbol]
    if state.instrument.kind is ContractKind.OPTION:
        _, upkeep = option_rates(state, market.mark, market.reference)
        return max(ZERO, -position.qty) * upkeep
    return margin.position_maintenance(state, position, market.mark)


def _check_isolated(
    world: World, account: AccountState, state: SymbolState, side: PositionSide
) -> None:
    position = state.positions[side]
    if not position.qty:
        return
    mark = world.markets[position.symbol].mark
    balance = position.isolated_wallet + position.unrealized(mark)
    needed = _weight(world, state, position)
    if balance > needed:
        is_low = needed >= balance * world.rules.margin_call_ratio
        if is_low and not position.is_margin_called:
            _call(world, account, None, [(state, position)])
        position.is_margin_called = is_low
        return
    position.is_margin_called = False
    orders = [o for o in state.orders.values() if o.request.position_side is side]
    _expire_orders(world, account, orders)
    asset, held = state.instrument.settle, position.isolated_wallet
    before = account.wallets.get(asset, ZERO)
    _close(world, account, state, position, balance)
    debt = before - account.wallets[asset] - held
    if debt > 0:
        _clear_debt(world, account, asset, debt, symbol=position.symbol)


def _clear_debt(
    world: World, account: AccountState, asset: str, debt: Decimal, symbol: str = ""
) -> None:
    pay(
        world,
        account,
        asset,
        debt,
        IncomeType.INSURANCE_CLEAR,
        payer=INSURANCE,
        symbol=symbol,
    )
    tell_account(world, account, AccountReason.INSURANCE_CLEAR, asset=asset, delta=debt)


def _close(
    world: World,
    account: AccountState,
    state: SymbolState,
    position: PositionState,
    balance: Decimal,
) -> None:
    """Sell off *position*, at worst at the price that uses up *balance*."""
    instrument = state.instrument
    mark, size = world.markets[position.symbol].mark, abs(position.qty)
    side = Side.SELL if position.qty > 0 else Side.BUY
    bankruptcy = margin.bankruptcy_price(position, mark, balance)
    to_grid = floor_to if side is Side.SELL else ceil_to
    price = max(instrument.min_price, to_grid(bankruptcy, instrument.tick_size))
    number = world.now_ms * 1_000_000_000 + len(account.forced)
    order = _force(
        world,
        account,
        position,
        side,
        size,
        price,
        OrderKind.LIQUIDATION,
        f"{world.rules.liquidation_prefix}{number}",
    )
    match(world, account, order)
    if order.status.is_open:
        party = (account, order)
        trade(world, instrument.symbol, side, order.remaining, price, taker=party)


def _force(
    world: World,
    account: AccountState,
    position: PositionState,
    side: Side,
    qty: Decimal,
    price: Decimal,
    kind: OrderKind,
    client_order_id: str,
) -> LiveOrder:
    request = NewOrder(
        symbol=position.symbol,
        side=side,
        type=OrderType.LIMIT,
        qty=qty,
        price=price,
        time_in_force=TimeInForce.IOC,
        position_side=position.side,
        client_order_id=client_order_id,
    )
    order = new_order(world, account, request, kind)
    account.forced.append(order)
    open_order(world, account, order)
    tell_order(world, account, order, ExecKind.NEW)
    return order


# ADL and settlement ---------------------------------------------------------
def deleverage(
    world: World,
    account: AccountState,
    position: PositionState,
    qty: Decimal,
    price: Decimal,
) -> Order:
    """Close *qty* of *position* at *price* against the house, without commission."""
    name = world.rules.adl_client_id
    return _close_at(world, account, position, qty, price, OrderKind.ADL, name)


def settle_symbol(world: World, symbol: str, price: Decimal) -> None:
    """Delist: expire the orders, close every position at *price*."""
    world.delisted.add(symbol)
    for account in world.accounts.values():
        state = account.symbols.get(symbol)
        if state is None:
            continue
        for order in list(state.orders.values()):
            end_order(world, account, order, OrderStatus.EXPIRED, EndReason.DELISTED)
        for position in list(state.positions.values()):
            if position.qty:
                name = f"{world.rules.settlement_prefix}{world.now_ms}"
                _close_at(
                    world,
                    account,
                    position,
                    abs(position.qty),
                    price,
                    OrderKind.SETTLEMENT,
                    name,
                )


def _close_at(
    world: World,
    account: AccountState,
    position: PositionState,
    qty: Decimal,
    price: Decimal,
    kind: OrderKind,
    client_order_id: str,
) -> Order:
    side = Side.SELL if position.qty > 0 else Side.BUY
    order = _force(world, account, position, side, qty, price, kind, client_order_id)
    trade(world, position.symbol, side, qty, price, taker=(account, order))
    return order.snapshot()


# funding -------------------------------------------------------------------
def settle_funding(world: World, symbol: str, rate: Decimal) -> None:
    """Longs pay ``size * mark * rate`` to shorts, the house included."""
    mark = world.markets[symbol].mark
    accounts = [world.accounts[name] for name in list(world.holders[symbol])]
    for account in (*accounts, world.house):
        state = world.symbol_state(account, symbol)
        asset = state.instrument.settle
        for position in state.positions.values():
            amount = money(-position.notional(mark) * rate)
            if not amount:
                continue
            if gather(world, account, symbol, amount, FUNDING):
                continue
            pay(
                world,
                account,
                asset,
                amount,
                IncomeType.FUNDING_FEE,
                payer=FUNDING,
                symbol=symbol,
            )
            if account.is_house:
                continue
            is_isolated = state.margin_type is MarginType.ISOLATED
            if is_isolated:
                position.isolated_wallet += amount
            tell_account(
                world,
                account,
                AccountReason.FUNDING_FEE,
                asset=asset,
                delta=amount,
                positions=((state, position.side),) if is_isolated else (),
                symbol=symbol,
            )
    check_symbol(world, symbol)
