"""Margin of linear contracts in single-asset mode, from facts and live marks.

    notional            = signed size x mark
    initial margin      = |notional| / leverage                        (position)
                        = max(|notional + bids|, |notional - asks|) / leverage
                          (one-way symbol with open orders; bids, asks = sums of
                          price x remaining quantity)
    maintenance margin  = |notional| x rate - cum, tier by |notional|
    available           = max(0, cross wallet + cross unrealised PnL
                          - cross initial margin - isolated open-order margin)

    liquidation price   = (WB - TMM + UPNL + cums - sum(signed size x entry))
                          / (sum(|size| x rate) - sum(signed size))

summed over the positions of one contract: one in one-way mode, two in hedge mode.
WB is the cross wallet, TMM and UPNL are maintenance margin and unrealised PnL of
all other cross contracts; for an isolated position WB is its own wallet and both
are 0. A price at or below 0 means that it cannot be liquidated.

In multi-asset mode collateral has haircuts and index prices that only the venue
knows: no numbers then, the venue's own fields are shown.

Source: "How to Calculate Liquidation Price of USD-M Futures Contracts" (Binance
FAQ) and the margin pages of the futures documentation, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import MarginMode, Position
from connector.model.ids import Symbol
from connector.model.instrument import Bracket
from connector.model.money import ONE, ZERO
from connector.model.noun import Noun
from connector.model.order import Order, PositionSide

DEFAULT_CURRENCY = "USDT"


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account in its main settle currency.

    None in multi-asset mode, and while a mark price, a leverage or the tiers of
    an instrument at stake are not known: a number made of guesses is worse.
    """
    if view.is_multi_asset:
        return None
    contracts = _contracts(view)
    if contracts is None:
        return None
    settles = {contract.settle for contract in contracts}
    positions: dict[tuple[Symbol, str], PositionNumbers] = {}
    for settle in settles:
        group = [c for c in contracts if c.settle == settle]
        wallet = _cross_wallet(view, settle, group)
        for contract in group:
            positions.update(_position_numbers(contract, group, wallet))
    currency = _currency(settles)
    group = [contract for contract in contracts if contract.settle == currency]
    return _totals(view, currency, group, positions)


# --- one contract: a symbol with its positions and open orders --------------------


class _Leg(Noun, frozen=True):
    """One position with its tier, in settle currency."""

    position: Position
    mark: Decimal
    bracket: Bracket
    notional: Decimal  # signed
    unrealized: Decimal
    maintenance: Decimal


def _leg(position: Position, mark: Decimal, brackets: Sequence[Bracket]) -> _Leg:
    notional = position.qty * mark
    size = abs(notional)
    tier = bracket_for(brackets, size)
    return _Leg(
        position,
        mark,
        tier,
        notional,
        position.qty * (mark - position.entry_price),
        size * tier.maintenance_rate - tier.cum,
    )


class _Contract(Noun, frozen=True):
    """One symbol; *position_margin* is the initial margin of its positions alone."""

    symbol: Symbol
    settle: str
    leverage: int
    is_isolated: bool
    legs: Sequence[_Leg]
    orders: Sequence[Order]
    unrealized: Decimal
    maintenance: Decimal
    position_margin: Decimal

    @property
    def initial_margin(self) -> Decimal:
        """Positions and the open orders that could add to them."""
        if not self.orders:
            return self.position_margin
        return (
            sum((self._exposure(side) for side in PositionSide), ZERO) / self.leverage
        )

    def _exposure(self, side: PositionSide) -> Decimal:
        """Largest notional that fills could lead to. In one-way mode either all
        bids or all asks fill; in hedge mode each side only grows by its own
        opening orders, and closing ones need no margin."""
        notional = sum(
            (leg.notional for leg in self.legs if leg.position.position_side is side),
            ZERO,
        )
        bids, asks = _open_notional(o for o in self.orders if o.position_side is side)
        match side:
            case PositionSide.NET:
                return max(abs(notional + bids), abs(notional - asks))
            case PositionSide.LONG:
                return abs(notional) + bids
            case PositionSide.SHORT:
                return abs(notional) + asks


def _open_notional(orders: Iterable[Order]) -> tuple[Decimal, Decimal]:
    """(bids, asks) of orders that rest with a price and may add exposure.

    Conditional orders are not margin-checked before their trigger.
    """
    bids = asks = ZERO
    for order in orders:
        waits = order.order_type.is_conditional and order.triggered_order_id is None
        if order.price is None or order.reduce_only or order.close_position or waits:
            continue
        if order.side.sign > 0:
            bids += order.price * order.leaves_qty
        else:
            asks += order.price * order.leaves_qty
    return bids, asks


def _contracts(view: AccountView) -> list[_Contract] | None:
    contracts = []
    for symbol, (positions, orders) in view.by_symbol().items():
        contract = _contract(view, symbol, positions, orders)
        if contract is None:
            return None
        contracts.append(contract)
    return contracts


def _contract(
    view: AccountView, symbol: Symbol, positions: list[Position], orders: list[Order]
) -> _Contract | None:
    instrument = view.instruments.get(symbol)
    leverage = view.leverage.get(symbol) or next(
        (position.leverage for position in positions if position.leverage), None
    )
    mark = view.marks.get(symbol)
    if instrument is None or not leverage:
        return None
    legs = []
    unrealized = maintenance = taken = ZERO
    for position in positions:
        if mark is None or not instrument.brackets:
            return None
        leg = _leg(position, mark, instrument.brackets)
        legs.append(leg)
        unrealized += leg.unrealized
        maintenance += leg.maintenance
        taken += abs(leg.notional)
    mode = view.margin_modes.get(symbol)
    if mode is None and positions:
        mode = positions[0].margin_mode
    return _Contract(
        symbol,
        instrument.settle,
        leverage,
        mode is MarginMode.ISOLATED,
        legs,
        orders,
        unrealized,
        maintenance,
        taken / leverage,
    )


def bracket_for(brackets: Sequence[Bracket], notional: Decimal) -> Bracket:
    """The tier whose cap holds *notional*; the last one above all caps."""
    for tier in brackets:
        if notional <= tier.cap:
            return tier
    return brackets[-1]


# --- numbers ----------------------------------------------------------------------


def _position_numbers(
    contract: _Contract, group: Sequence[_Contract], cross_wallet: Decimal
) -> dict[tuple[Symbol, str], PositionNumbers]:
    numbers: dict[tuple[Symbol, str], PositionNumbers] = {}
    cross_price = (
        None if contract.is_isolated else _cross_price(contract, group, cross_wallet)
    )
    for leg in contract.legs:
        position = leg.position
        price = (
            liquidation_price([leg], position.isolated_wallet)
            if contract.is_isolated
            else cross_price
        )
        numbers[contract.symbol, position.position_side] = PositionNumbers(
            mark_price=leg.mark,
            unrealized_pnl=leg.unrealized,
            initial_margin=abs(leg.notional) / contract.leverage,
            maintenance_margin=leg.maintenance,
            liquidation_price=price,
        )
    return numbers


def _cross_price(
    contract: _Contract, group: Sequence[_Contract], cross_wallet: Decimal
) -> Decimal | None:
    buffer = cross_wallet
    for other in group:
        if other is not contract and not other.is_isolated:
            buffer += other.unrealized - other.maintenance
    return liquidation_price(contract.legs, buffer)


def liquidation_price(legs: Sequence[_Leg], buffer: Decimal) -> Decimal | None:
    """Mark price at which *buffer* and the legs' PnL fall to their maintenance.

    *buffer*: wallet less what other contracts need. None: there is no such price.
    """
    top, bottom = buffer, ZERO
    for leg in legs:
        qty, tier = leg.position.qty, leg.bracket
        top += tier.cum - qty * leg.position.entry_price
        bottom += abs(qty) * tier.maintenance_rate - qty
    if not bottom:
        return None
    price = top / bottom
    return price if price > 0 else None


def _currency(settles: set[str]) -> str:
    if not settles or DEFAULT_CURRENCY in settles:
        return DEFAULT_CURRENCY
    return min(settles)


def _cross_wallet(
    view: AccountView, settle: str, group: Sequence[_Contract]
) -> Decimal:
    balance = view.balances.get(settle)
    if balance is None:
        return ZERO
    if balance.cross_wallet is not None:
        return balance.cross_wallet
    isolated = sum(
        (
            leg.position.isolated_wallet
            for contract in group
            if contract.is_isolated
            for leg in contract.legs
        ),
        ZERO,
    )
    return balance.wallet - isolated


def _totals(
    view: AccountView,
    currency: str,
    group: Sequence[_Contract],
    positions: dict[tuple[Symbol, str], PositionNumbers],
) -> MarginNumbers:
    balance = view.balances.get(currency)
    wallet = balance.wallet if balance else ZERO
    free = _cross_wallet(view, currency, group)
    unrealized = maintenance = initial = ZERO
    for contract in group:
        needed = contract.initial_margin
        unrealized += contract.unrealized
        maintenance += contract.maintenance
        initial += needed
        if contract.is_isolated:
            free -= needed - contract.position_margin
        else:
            free += contract.unrealized - needed
    equity = wallet + unrealized
    ratio = None
    if maintenance:
        ratio = maintenance / equity if equity > 0 else ONE
    return MarginNumbers(
        currency=currency,
        wallet=wallet,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=max(ZERO, free),
        margin_ratio=ratio,
        positions=positions,
    )
