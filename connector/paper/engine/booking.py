"""Writing things down: fills, money, order changes, and telling the accounts.

Per fill an account is told, in this order: TradeEvent, AccountEvent, OrderEvent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from connector.paper.amounts import money
from connector.paper.engine import margin
from connector.paper.engine.money import gather, pay
from connector.paper.engine.state import (
    AccountState,
    LiveOrder,
    PositionState,
    SymbolState,
    World,
)
from connector.paper.ledger import CLEARING, FEES, INSURANCE
from connector.paper.types import (
    ZERO,
    AccountEvent,
    BalanceChange,
    Conditional,
    ConditionalEvent,
    Fill,
    Order,
    OrderEvent,
    Position,
    TradeEvent,
)
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    ContractKind,
    EndReason,
    ExecKind,
    IncomeType,
    MarginType,
    OrderKind,
    OrderStatus,
    PositionSide,
    Side,
)


def tell_account(
    world: World,
    account: AccountState,
    reason: AccountReason,
    *,
    asset: str | None = None,
    delta: Decimal = ZERO,
    positions: Iterable[tuple[SymbolState, PositionSide]] = (),
    symbol: str = "",
) -> None:
    """Append an AccountEvent with the balance of *asset* and *positions* as now."""
    sums = None
    balances: tuple[BalanceChange, ...] = ()
    if asset is not None:
        sums = margin.totals(world, account, asset)
        change = BalanceChange(
            asset=asset,
            wallet=sums.wallet,
            cross_wallet=sums.cross_wallet,
            delta=delta,
        )
        balances = (change,)
    rows: list[Position] = [
        margin.position_view(world, account, state, side, sums)
        for state, side in positions
    ]
    world.outbox.append(
        AccountEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            reason=reason,
            balances=balances,
            positions=tuple(rows),
            symbol=symbol,
        )
    )


# orders --------------------------------------------------------------------
def tell_order(
    world: World,
    account: AccountState,
    order: LiveOrder,
    kind: ExecKind,
    *,
    fill: Fill | None = None,
    snapshot: Order | None = None,
    tag: str = "",
) -> Order:
    """Append an OrderEvent; the ledger learns the new state."""
    if snapshot is None:
        order.updated_ms = world.now_ms
        snapshot = order.snapshot()
    world.ledger.write_order(snapshot)
    state = world.symbol_state(account, order.request.symbol)
    world.outbox.append(
        OrderEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            kind=kind,
            order=snapshot,
            fill=fill,
            bid_notional=state.side_notional(Side.BUY),
            ask_notional=state.side_notional(Side.SELL),
            tag=tag,
        )
    )
    return snapshot


def tell_conditional(
    world: World, account: AccountState, conditional: Conditional
) -> Conditional:
    """Store *conditional* as the newest state and append its event."""
    account.conditionals[conditional.conditional_id] = conditional
    world.outbox.append(
        ConditionalEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            conditional=conditional,
        )
    )
    return conditional


def _finish_conditional(world: World, account: AccountState, order: LiveOrder) -> None:
    """The real order of a conditional one ended: so does the conditional one."""
    if order.conditional is None:
        return
    conditional = account.conditionals[order.conditional.conditional_id]
    tell_conditional(
        world,
        account,
        replace(
            conditional,
            status=ConditionalStatus.FINISHED,
            actual_qty=order.filled_qty,
            actual_price=order.snapshot().average_price,
            updated_ms=world.now_ms,
        ),
    )


def open_order(world: World, account: AccountState, order: LiveOrder) -> None:
    """Index a new order; its notional counts from now on."""
    symbol = order.request.symbol
    state = world.symbol_state(account, symbol)
    account.orders.append(order)
    account.orders_by_id[order.order_id] = order
    account.orders_by_client_id[order.client_order_id] = order
    account.open_orders[order.order_id] = order
    state.orders[order.order_id] = order
    state.recount(order)


def rest(world: World, account: AccountState, order: LiveOrder) -> None:
    """Put the rest of *order* into the book."""
    symbol = order.request.symbol
    book = world.books[symbol]
    book.side(order.side).add(order)
    book.update_id += 1
    if order.is_reducing:
        state = world.symbol_state(account, symbol)
        key = (order.request.position_side, order.side)
        state.reducing.setdefault(key, {})[order.order_id] = order
        state.reducing_qty[key] = state.reducing_qty.get(key, ZERO) + order.remaining


def unrest(world: World, account: AccountState, order: LiveOrder) -> None:
    """Take *order* out of the book; nothing to do when it is not there."""
    symbol = order.request.symbol
    book = world.books[symbol]
    if not book.side(order.side).holds(order):
        return
    book.side(order.side).remove(order)
    book.update_id += 1
    if order.is_reducing:
        state = world.symbol_state(account, symbol)
        key = (order.request.position_side, order.side)
        del state.reducing[key][order.order_id]
        state.reducing_qty[key] -= order.remaining


def end_order(
    world: World,
    account: AccountState,
    order: LiveOrder,
    status: OrderStatus,
    reason: EndReason,
) -> Order:
    """Cancel or expire what is left of *order* and tell about it."""
    unrest(world, account, order)
    order.status, order.end_reason = status, reason
    forget_open(world, account, order)
    kind = ExecKind.CANCELED if status is OrderStatus.CANCELED else ExecKind.EXPIRED
    snapshot = tell_order(world, account, order, kind)
    _finish_conditional(world, account, order)
    return snapshot


def forget_open(world: World, account: AccountState, order: LiveOrder) -> None:
    """Drop a closed order from the indexes of open ones."""
    state = world.symbol_state(account, order.request.symbol)
    account.open_orders.pop(order.order_id, None)
    state.orders.pop(order.order_id, None)
    state.recount(order)


# fills ---------------------------------------------------------------------
def _commission(
    order: LiveOrder,
    qty: Decimal,
    quote: Decimal,
    reference: Decimal,
    *,
    is_maker: bool,
) -> Decimal:
    instrument = order.instrument
    if order.kind is OrderKind.ADL:
        return ZERO
    if order.kind is OrderKind.LIQUIDATION:
        return money(quote * instrument.liquidation_fee)
    rate = instrument.maker_rate if is_maker else instrument.taker_rate
    if instrument.kind is ContractKind.OPTION:
        # So much per contract, but at most a share of the premium.
        unit = Decimal(1) if instrument.is_coin_settled else reference
        return money(min(qty * unit * rate, quote * instrument.premium_fee_cap))
    return money(quote * rate)


def _shift_isolated(
    state: SymbolState,
    position: PositionState,
    held: Decimal,
    closed: Decimal,
    opened_value: Decimal,
) -> None:
    """Move margin between the wallets of an isolated position and the account."""
    if closed:
        left = abs(held) - closed
        position.isolated_wallet = (
            money(position.isolated_wallet * left / abs(held)) if left else ZERO
        )
    if opened_value:
        position.isolated_wallet += money(opened_value / state.leverage)


def book_fill(
    world: World,
    account: AccountState,
    order: LiveOrder,
    qty: Decimal,
    price: Decimal,
    *,
    trade_id: int,
    is_maker: bool,
) -> None:
    """Write one side of a trade: order, position, wallet, ledger, events.

    A resting order must still be in the book; a full one is taken out.
    """
    quote = order.instrument.value(qty, price)
    reference = world.markets[order.request.symbol].reference
    commission = _commission(order, qty, quote, reference, is_maker=is_maker)
    realized = _book_position(world, account, order, qty, price, commission)
    gain = realized
    if order.instrument.kind is ContractKind.OPTION:
        gain = -order.side.sign * quote  # the premium, paid at once
    _book_money(world, account, order, gain, commission, trade_id)
    _fill_order(world, account, order, qty, quote)
    fill = Fill(
        account_id=account.account_id,
        symbol=order.request.symbol,
        trade_id=trade_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        side=order.side,
        position_side=order.request.position_side,
        qty=qty,
        price=price,
        quote_qty=quote,
        is_maker=is_maker,
        commission=commission,
        commission_asset=order.instrument.settle,
        realized_pnl=realized,
        kind=order.kind,
        time_ms=world.now_ms,
        flow_sign=order.instrument.flow_sign,
    )
    account.fills.append(fill)
    account.fills_by_symbol.setdefault(fill.symbol, []).append(fill)
    world.ledger.write_fill(fill)
    _tell_fill(world, account, order, fill)


def _book_position(
    world: World,
    account: AccountState,
    order: LiveOrder,
    qty: Decimal,
    price: Decimal,
    commission: Decimal,
) -> Decimal:
    """Change the position; returns the realised profit."""
    symbol = order.request.symbol
    state = world.symbol_state(account, symbol)
    position = state.position(order.request.position_side)
    held, closed = position.qty, min(qty, position.reducible(order.side))
    realized = position.apply(order.side, qty, price, commission)
    position.updated_ms = world.now_ms
    if state.margin_type is MarginType.ISOLATED:
        opened_value = order.instrument.value(qty, price) * (qty - closed) / qty
        _shift_isolated(state, position, held, closed, opened_value)
    if any(item.qty for item in state.positions.values()):
        world.holders[symbol][account.account_id] = None
    else:
        world.holders[symbol].pop(account.account_id, None)
    return realized


def _book_money(
    world: World,
    account: AccountState,
    order: LiveOrder,
    gain: Decimal,
    commission: Decimal,
    trade_id: int,
) -> None:
    fees = INSURANCE if order.kind is OrderKind.LIQUIDATION else FEES
    kind_of_gain = IncomeType.REALIZED_PNL
    if order.instrument.kind is ContractKind.OPTION:
        kind_of_gain = IncomeType.PREMIUM
    elif gather(world, account, order.request.symbol, gain, CLEARING):
        gain = ZERO
    for amount, kind, payer in (
        (gain, kind_of_gain, CLEARING),
        (-commission, IncomeType.COMMISSION, fees),
    ):
        pay(
            world,
            account,
            order.instrument.settle,
            amount,
            kind,
            payer=payer,
            symbol=order.request.symbol,
            trade_id=trade_id,
        )


def _tell_fill(
    world: World, account: AccountState, order: LiveOrder, fill: Fill
) -> None:
    """Trade, account, order: in this order."""
    snapshot = order.snapshot()
    world.outbox.append(
        TradeEvent(
            account_id=account.account_id,
            time_ms=world.now_ms,
            order=snapshot,
            fill=fill,
        )
    )
    state = world.symbol_state(account, fill.symbol)
    tell_account(
        world,
        account,
        AccountReason.ORDER,
        asset=order.instrument.settle,
        positions=((state, fill.position_side),),
    )
    is_forced = order.kind in (OrderKind.LIQUIDATION, OrderKind.ADL)
    exec_kind = ExecKind.CALCULATED if is_forced else ExecKind.TRADE
    tell_order(world, account, order, exec_kind, fill=fill, snapshot=snapshot)
    if not order.status.is_open:
        _finish_conditional(world, account, order)


def _fill_order(
    world: World, account: AccountState, order: LiveOrder, qty: Decimal, quote: Decimal
) -> None:
    state = world.symbol_state(account, order.request.symbol)
    side = world.books[order.request.symbol].side(order.side)
    is_resting = side.holds(order)
    order.updated_ms = world.now_ms
    order.filled_qty += qty
    order.filled_quote += quote
    if order.request.take_profit or order.request.stop_loss:
        account.unprotected[order.order_id] = order
    if is_resting:
        side.reduce(order, qty)
        world.books[order.request.symbol].update_id += 1
        if order.is_reducing:
            key = (order.request.position_side, order.side)
            state.reducing_qty[key] -= qty
    if order.remaining:
        order.status = OrderStatus.PARTIALLY_FILLED
        state.recount(order)
        return
    order.status = OrderStatus.FILLED
    unrest(world, account, order)
    forget_open(world, account, order)


def book_house(
    world: World,
    symbol: str,
    side: Side,
    qty: Decimal,
    price: Decimal,
    *,
    trade_id: int,
    is_maker: bool,
) -> None:
    """Write the house's side of a trade: no fee, no margin, nobody told."""
    state = world.symbol_state(world.house, symbol)
    position = state.position(PositionSide.BOTH)
    realized = position.apply(side, qty, price, ZERO)
    asset = state.instrument.settle
    gain = realized
    if state.instrument.kind is ContractKind.OPTION:
        gain = -side.sign * state.instrument.value(qty, price)
    elif gather(world, world.house, symbol, gain, CLEARING):
        gain = ZERO
    pay(
        world,
        world.house,
        asset,
        gain,
        IncomeType.REALIZED_PNL,
        payer=CLEARING,
        symbol=symbol,
        trade_id=trade_id,
    )
    world.ledger.write_fill(
        Fill(
            account_id=world.house.account_id,
            symbol=symbol,
            trade_id=trade_id,
            order_id=0,
            client_order_id="",
            side=side,
            position_side=PositionSide.BOTH,
            qty=qty,
            price=price,
            quote_qty=state.instrument.value(qty, price),
            is_maker=is_maker,
            commission=ZERO,
            commission_asset=asset,
            realized_pnl=realized,
            kind=OrderKind.USER,
            time_ms=world.now_ms,
            flow_sign=state.instrument.flow_sign,
        )
    )
