"""Margin in single-asset mode: formulas, then whole accounts.

Source: Binance USD-M documentation and FAQ (leverage and margin, liquidation
price, position risk), read 2026-11; the numbers of their examples are tests.

Instruments with ``has_fees_in_margin`` follow another school: initial and
maintenance margin hold the fee of closing at bankruptcy, ``V * (1 - s/L) * taker``
(s +1 long, -1 short); every order that may open is charged in full, with the fees
of opening and closing, and the tier counts what orders would add. Source: Bybit
help centre, "The New Margin Calculation" (2025-09-18); the form of the fee in
cross mode was not published, it fits observed rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from connector.paper.amounts import money
from connector.paper.engine.standard_margin import (
    open_option_margin,
    option_rates,
    size_rate,
)
from connector.paper.engine.state import (
    AccountState,
    PositionState,
    SymbolState,
    World,
)
from connector.paper.types import (
    ZERO,
    AccountView,
    AssetBalance,
    Bracket,
    Instrument,
    Position,
    SymbolConfig,
)
from connector.paper.words import ContractKind, MarginType, PositionSide, Side


# formulas ------------------------------------------------------------------
def bracket_of(instrument: Instrument, notional: Decimal) -> Bracket:
    """The bracket whose range holds *notional* (its size); the last one above."""
    for bracket in instrument.brackets:
        if notional <= bracket.cap:
            return bracket
    return instrument.brackets[-1]


def maintenance_margin(instrument: Instrument, notional: Decimal) -> Decimal:
    """size * rate - cum of the bracket of *notional* (its size)."""
    bracket = bracket_of(instrument, notional)
    return money(notional * bracket.mmr - bracket.cum)


def max_notional(instrument: Instrument, leverage: int) -> Decimal:
    """Largest position, with its open orders, that *leverage* allows."""
    caps = [b.cap for b in instrument.brackets if b.max_leverage >= leverage]
    return caps[-1] if caps else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One position as the liquidation formula sees it; ``qty`` is signed.

    ``cost`` is quantity times entry price (inverse: minus quantity over entry).
    """

    qty: Decimal
    cost: Decimal
    mmr: Decimal
    cum: Decimal


def liquidation_price(
    kind: ContractKind,
    *,
    wallet: Decimal,
    other_maintenance: Decimal,
    other_pnl: Decimal,
    own: list[Exposure],
) -> Decimal:
    """Price of one contract at which margin balance meets maintenance margin.

    *wallet* is the cross wallet, or the isolated wallet with both *other* terms 0;
    *own* are the positions in the contract (one, or both sides of a hedge). 0 when
    there is no such price.
    """
    fixed = wallet - other_maintenance + other_pnl
    fixed += sum((item.cum - item.cost for item in own), ZERO)
    if kind is ContractKind.INVERSE:
        moving = sum((abs(item.qty) * item.mmr + item.qty for item in own), ZERO)
        fixed, moving = moving, fixed
    else:
        moving = sum((abs(item.qty) * item.mmr - item.qty for item in own), ZERO)
    return max(ZERO, money(fixed / moving)) if moving else ZERO


def bankruptcy_price(
    position: PositionState, mark: Decimal, balance: Decimal
) -> Decimal:
    """Price at which *balance*, counted at *mark*, is used up."""
    instrument, qty = position.instrument, position.qty
    if instrument.kind is ContractKind.INVERSE:
        inverse = 1 / mark + balance / qty
        return 1 / inverse if inverse > 0 else instrument.max_price
    return mark - balance / qty


def position_exposure(
    state: SymbolState, position: PositionState, mark: Decimal
) -> Exposure:
    """*position* with the bracket it has at *mark*."""
    if state.instrument.size_margin is not None:
        size = abs(position.notional(mark))
        rate = size_rate(state.instrument, size, mark, initial=False)
        return Exposure(qty=position.qty, cost=position.cost, mmr=rate, cum=ZERO)
    bracket = _bracket_at(state, position, mark)
    rate = bracket.mmr
    if state.instrument.has_fees_in_margin:
        rate += closing_rate(state, 1 if position.qty > 0 else -1)
    return Exposure(qty=position.qty, cost=position.cost, mmr=rate, cum=bracket.cum)


def closing_rate(state: SymbolState, sign: int) -> Decimal:
    """Fee of closing at bankruptcy, as a fraction of the value."""
    return (1 - sign / Decimal(state.leverage)) * state.instrument.taker_rate


def _bracket_at(state: SymbolState, position: PositionState, mark: Decimal) -> Bracket:
    size = abs(position.notional(mark))
    if state.instrument.has_fees_in_margin:
        adding = (
            order.remaining
            for order in state.orders.values()
            if not order.is_reducing
            and order.request.position_side is position.side
            and order.side.sign * position.qty > 0
        )
        size += state.instrument.value(sum(adding, ZERO), mark)
    return bracket_of(state.instrument, size)


# one symbol ----------------------------------------------------------------
def side_margin(
    state: SymbolState,
    side: PositionSide,
    mark: Decimal,
    *,
    bids: Decimal = ZERO,
    asks: Decimal = ZERO,
) -> Decimal:
    """Initial margin of position and open orders of one position side.

    One-way: the larger of what all bids or all asks would make of it. Hedge:
    position plus opening orders. *bids* and *asks* are notionals to add on trial.
    """
    position = state.positions.get(side)
    if state.instrument.kind is ContractKind.OPTION:
        return ZERO  # see `open_option_margin`
    if state.instrument.has_fees_in_margin:
        own = ZERO if position is None else position_margin(state, position, mark)
        return own + _orders_in_full(state, side, bids, asks)
    notional = position.notional(mark) if position is not None else ZERO
    bids += state.notional(side, Side.BUY)
    asks += state.notional(side, Side.SELL)
    if side is PositionSide.LONG:
        size = notional + bids
    elif side is PositionSide.SHORT:
        size = asks - notional
    else:
        size = max(abs(notional + bids), abs(notional - asks))
    if state.instrument.size_margin is not None:
        return money(size * size_rate(state.instrument, size, mark, initial=True))
    return money(size / state.leverage)


def position_margin(
    state: SymbolState, position: PositionState, mark: Decimal
) -> Decimal:
    """Initial margin of the position alone."""
    value = abs(position.notional(mark))
    if state.instrument.kind is ContractKind.OPTION:
        return ZERO
    if state.instrument.size_margin is not None:
        return money(value * size_rate(state.instrument, value, mark, initial=True))
    if not state.instrument.has_fees_in_margin:
        return money(value / state.leverage)
    fee = closing_rate(state, 1 if position.qty > 0 else -1)
    return money(value / state.leverage + value * fee)


def position_maintenance(
    state: SymbolState, position: PositionState, mark: Decimal
) -> Decimal:
    """Maintenance margin of the position."""
    value = abs(position.notional(mark))
    if state.instrument.kind is ContractKind.OPTION:
        return ZERO
    if state.instrument.size_margin is not None:
        return money(value * size_rate(state.instrument, value, mark, initial=False))
    if not position.qty or not state.instrument.has_fees_in_margin:
        return maintenance_margin(state.instrument, value)
    exposure = position_exposure(state, position, mark)
    return money(value * exposure.mmr - exposure.cum)


def _orders_in_full(
    state: SymbolState, side: PositionSide, bids: Decimal, asks: Decimal
) -> Decimal:
    """Margin and both fees of every order that may open, and of a trial."""
    values = {Side.BUY: bids, Side.SELL: asks}
    for order in state.orders.values():
        if order.request.position_side is side and not order.is_reducing:
            values[order.side] += order.open_value
    fees = state.instrument.taker_rate + 1 / Decimal(state.leverage)
    charged = (v * (fees + closing_rate(state, s.sign)) for s, v in values.items())
    return money(sum(charged, ZERO))


# one account ---------------------------------------------------------------
@dataclass(slots=True)
class Totals:
    """Sums over the symbols of one account that settle in one asset."""

    wallet: Decimal
    isolated_wallet: Decimal = ZERO
    pnl: Decimal = ZERO
    cross_pnl: Decimal = ZERO
    maintenance: Decimal = ZERO
    cross_maintenance: Decimal = ZERO
    position_margin: Decimal = ZERO
    open_order_margin: Decimal = ZERO
    blocked: Decimal = ZERO  # taken from the cross wallet
    session: Decimal = ZERO
    options_value: Decimal = ZERO

    @property
    def cross_wallet(self) -> Decimal:
        """Wallet less what isolated positions hold."""
        return self.wallet - self.isolated_wallet

    @property
    def cross_balance(self) -> Decimal:
        """Margin balance of the cross positions; options do not count."""
        return self.cross_wallet + self.cross_pnl + self.session

    @property
    def available(self) -> Decimal:
        """What new orders may use."""
        return max(ZERO, self.cross_balance - self.blocked)


def totals(world: World, account: AccountState, asset: str) -> Totals:
    """Sum up *account* in *asset* at the marks of now."""
    sums = Totals(account.wallets.get(asset, ZERO))
    for symbol, state in account.symbols.items():
        if state.instrument.settle != asset:
            continue
        mark = world.markets[symbol].mark
        sums.session += state.session
        if state.instrument.kind is ContractKind.OPTION:
            _add_option(sums, state, mark, world.markets[symbol].reference)
            continue
        is_cross = state.margin_type is MarginType.CROSS
        for side in used_sides(state):
            total = side_margin(state, side, mark)
            position = state.positions.get(side)
            own = ZERO
            if position is not None and position.qty:
                own = position_margin(state, position, mark)
                pnl = position.unrealized(mark)
                maintenance = position_maintenance(state, position, mark)
                sums.pnl += pnl
                sums.maintenance += maintenance
                sums.isolated_wallet += position.isolated_wallet
                if is_cross:
                    sums.cross_pnl += pnl
                    sums.cross_maintenance += maintenance
            sums.position_margin += own
            sums.open_order_margin += total - own
            sums.blocked += total if is_cross else total - own
    return sums


def _add_option(
    sums: Totals, state: SymbolState, mark: Decimal, forward: Decimal
) -> None:
    """Long options need no margin, short ones that of `short_margin`; an order to
    sell as if it were filled, an order to buy its premium."""
    position = state.position(PositionSide.BOTH)
    sums.options_value += money(position.qty * mark)
    initial, upkeep = option_rates(state, mark, forward)
    short = max(ZERO, -position.qty)
    own = money(short * initial)
    orders = open_option_margin(state, position, initial)
    sums.maintenance += money(short * upkeep)
    sums.cross_maintenance += money(short * upkeep)
    sums.position_margin += own
    sums.open_order_margin += orders
    sums.blocked += own + orders


def used_sides(state: SymbolState) -> Iterator[PositionSide]:
    """Position sides with a position or an open order."""
    for side in PositionSide:
        position = state.positions.get(side)
        if (
            (position is not None and position.qty)
            or state.notional(side, Side.BUY)
            or state.notional(side, Side.SELL)
        ):
            yield side


# views ---------------------------------------------------------------------
def position_view(
    world: World,
    account: AccountState,
    state: SymbolState,
    side: PositionSide,
    sums: Totals | None = None,
) -> Position:
    """Every number of one position; *sums* may be given to save work."""
    symbol, mark = state.instrument.symbol, world.markets[state.instrument.symbol].mark
    position = state.position(side)
    notional = position.notional(mark)
    pnl = position.unrealized(mark)
    own_margin = position_margin(state, position, mark)
    total = side_margin(state, side, mark)
    maintenance = position_maintenance(state, position, mark)
    if state.instrument.kind is ContractKind.OPTION:
        initial, upkeep = option_rates(state, mark, world.markets[symbol].reference)
        short = max(ZERO, -position.qty)
        own_margin, maintenance = money(short * initial), money(short * upkeep)
        total = own_margin + open_option_margin(state, position, initial)
    is_isolated = state.margin_type is MarginType.ISOLATED
    break_even = position.entry
    if position.qty:
        cost = position.cost + position.open_fees
        break_even = state.instrument.price_of(position.qty, cost)
    return Position(
        symbol=symbol,
        position_side=side,
        qty=position.qty,
        entry_price=position.entry,
        break_even_price=break_even,
        mark_price=mark,
        notional=notional,
        unrealized_pnl=pnl,
        realized_pnl=position.realized,
        liquidation_price=_liquidation_price(world, account, state, position, sums),
        leverage=state.leverage,
        max_notional=max_notional(state.instrument, state.leverage),
        margin_type=state.margin_type,
        margin_asset=state.instrument.settle,
        isolated_wallet=position.isolated_wallet,
        isolated_margin=position.isolated_wallet + pnl if is_isolated else ZERO,
        initial_margin=total,
        position_margin=own_margin,
        open_order_margin=total - own_margin,
        maintenance_margin=maintenance,
        bid_notional=state.notional(side, Side.BUY),
        ask_notional=state.notional(side, Side.SELL),
        adl_quantile=_adl_quantile(state, position, pnl),
        updated_ms=position.updated_ms,
    )


def _liquidation_price(
    world: World,
    account: AccountState,
    state: SymbolState,
    position: PositionState,
    sums: Totals | None,
) -> Decimal:
    if not position.qty:
        return ZERO
    instrument, mark = state.instrument, world.markets[state.instrument.symbol].mark
    if state.margin_type is MarginType.ISOLATED:
        return liquidation_price(
            instrument.kind,
            wallet=position.isolated_wallet,
            other_maintenance=ZERO,
            other_pnl=ZERO,
            own=[position_exposure(state, position, mark)],
        )
    if sums is None:
        sums = totals(world, account, instrument.settle)
    if instrument.kind is ContractKind.OPTION:
        return ZERO
    own = [item for item in state.positions.values() if item.qty]
    own_maintenance = sum(
        (position_maintenance(state, item, mark) for item in own), ZERO
    )
    own_pnl = sum((item.unrealized(mark) for item in own), ZERO)
    return liquidation_price(
        instrument.kind,
        wallet=sums.cross_wallet + sums.session,
        other_maintenance=sums.cross_maintenance - own_maintenance,
        other_pnl=sums.cross_pnl - own_pnl,
        own=[position_exposure(state, item, mark) for item in own],
    )


def _adl_quantile(state: SymbolState, position: PositionState, pnl: Decimal) -> int:
    """0 flat, then 1 (losing) to 4 by leveraged profit."""
    if not position.qty:
        return 0
    leveraged = pnl * state.leverage / abs(position.cost) if position.cost else ZERO
    bounds = (ZERO, Decimal("0.25"), Decimal(1))
    return 1 + sum(leveraged > bound for bound in bounds)


def balance_view(account: AccountState, asset: str, sums: Totals) -> AssetBalance:
    """Every number of one asset."""
    return AssetBalance(
        asset=asset,
        wallet=sums.wallet,
        unrealized_pnl=sums.pnl,
        margin_balance=sums.wallet + sums.pnl + sums.session,
        maintenance_margin=sums.maintenance,
        initial_margin=sums.position_margin + sums.open_order_margin,
        position_margin=sums.position_margin,
        open_order_margin=sums.open_order_margin,
        cross_wallet=sums.cross_wallet,
        cross_unrealized_pnl=sums.cross_pnl,
        available=sums.available,
        max_withdraw=max(ZERO, min(sums.available, sums.cross_wallet)),
        updated_ms=account.wallet_ms.get(asset, 0),
        session_pnl=sums.session,
        options_value=sums.options_value,
    )


def account_view(world: World, account: AccountState) -> AccountView:
    """Totals, assets and all positions of *account*.

    Totals are over the assets that linear instruments settle in, taken at par.
    """
    settles = {item.settle for item in world.instruments.values()}
    at_par = {
        item.settle
        for item in world.instruments.values()
        if item.kind is ContractKind.LINEAR
    }
    assets = sorted(set(account.wallets) | settles)
    by_asset = {asset: totals(world, account, asset) for asset in assets}
    balances = [balance_view(account, a, by_asset[a]) for a in assets]
    positions = [
        position_view(world, account, state, side, by_asset[state.instrument.settle])
        for state in account.symbols.values()
        for side in used_sides(state)
    ]
    return AccountView(
        account_id=account.account_id,
        is_hedge=account.is_hedge,
        is_multi_assets=account.is_multi_assets,
        totals=_add_up([item for item in balances if item.asset in at_par]),
        assets=tuple(balances),
        positions=tuple(positions),
    )


def _add_up(items: list[AssetBalance]) -> AssetBalance:
    def total(name: str) -> Decimal:
        return sum((getattr(item, name) for item in items), ZERO)

    return AssetBalance(
        asset="",
        wallet=total("wallet"),
        unrealized_pnl=total("unrealized_pnl"),
        margin_balance=total("margin_balance"),
        maintenance_margin=total("maintenance_margin"),
        initial_margin=total("initial_margin"),
        position_margin=total("position_margin"),
        open_order_margin=total("open_order_margin"),
        cross_wallet=total("cross_wallet"),
        cross_unrealized_pnl=total("cross_unrealized_pnl"),
        available=total("available"),
        max_withdraw=total("max_withdraw"),
        updated_ms=max((item.updated_ms for item in items), default=0),
    )


def config_view(state: SymbolState) -> SymbolConfig:
    """Leverage and margin type."""
    return SymbolConfig(
        symbol=state.instrument.symbol,
        leverage=state.leverage,
        margin_type=state.margin_type,
        max_notional=max_notional(state.instrument, state.leverage),
    )
