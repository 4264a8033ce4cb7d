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

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import MarginMode, Position
from connector.model.ids import Symbol
from connector.model.money import ZERO
from connector.model.order import Order, PositionSide, Side
from connector.venues.linear_margin import (
    Leg,
    currency_of,
    leverage_of,
    liquidation_price,
    may_open,
    tier_for,
    totals,
    wallet_of,
)

Positions = dict[tuple[Symbol, str], PositionNumbers]


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account in its main settle currency.

    None in multi-asset mode, and while a mark price, a leverage or the tiers of
    an instrument at stake are not known: a number made of guesses is worse.
    """
    if view.is_multi_asset:
        return None
    contracts: list[_Contract] = []
    for symbol, (held, orders) in view.by_symbol().items():
        contract = _contract(view, symbol, held, orders)
        if contract is None:
            return None
        contracts.append(contract)
    settles = {contract.settle for contract in contracts}
    currency = currency_of(settles)
    positions: Positions = {}
    for settle in settles - {currency}:
        group = [contract for contract in contracts if contract.settle == settle]
        positions |= _numbers(group, _cross_wallet(view, settle, group))
    group = [contract for contract in contracts if contract.settle == currency]
    wallet = _cross_wallet(view, currency, group)
    mine = _numbers(group, wallet)
    reserved = sum((contract.reserved for contract in group), ZERO)
    available = wallet - reserved
    for contract in group:
        if not contract.is_isolated:
            numbers = [mine[leg.key] for leg in contract.legs]
            available += sum(
                (n.unrealized_pnl - n.initial_margin for n in numbers), ZERO
            )
    whole = wallet_of(view, currency)
    return totals(currency, whole, mine.values(), reserved, positions | mine, available)


@dataclass(frozen=True, slots=True)
class _Contract:
    """One symbol: its positions, and the orders that may add to them."""

    settle: str
    leverage: Decimal
    is_isolated: bool
    legs: Sequence[Leg]
    orders: Sequence[Order]

    @property
    def reserved(self) -> Decimal:
        """What the orders need besides what the positions do."""
        return sum((self._opening(s) for s in PositionSide), ZERO) / self.leverage

    def _opening(self, side: PositionSide) -> Decimal:
        """By how much fills could raise the notional. In one-way mode either all
        bids or all asks fill; in hedge mode each side only grows by its own opening
        orders, and closing ones need no margin."""
        legs = (leg for leg in self.legs if leg.position.position_side is side)
        held = sum((leg.position.qty * leg.mark for leg in legs), ZERO)
        bids, asks = self._resting(side, Side.BUY), self._resting(side, Side.SELL)
        if side is PositionSide.NET:
            return max(abs(held + bids), abs(held - asks)) - abs(held)
        return bids + asks

    def _resting(self, side: PositionSide, way: Side) -> Decimal:
        """Notional of bids or asks, at their own prices."""
        orders = (o for o in self.orders if (o.position_side, o.side) == (side, way))
        return sum(((o.price or ZERO) * o.leaves_qty for o in orders), ZERO)


def _contract(
    view: AccountView, symbol: Symbol, held: list[Position], orders: list[Order]
) -> _Contract | None:
    instrument, mark = view.instruments.get(symbol), view.marks.get(symbol)
    leverage = Decimal(leverage_of(view, symbol, held) or 0)
    if instrument is None or not leverage:
        return None
    legs = []
    for position in held:
        if not mark or not instrument.brackets:
            return None
        tier = tier_for(instrument.brackets, abs(position.qty * mark))
        legs.append(Leg(instrument, position, mark, leverage, tier))
    mode = view.margin_modes.get(symbol)
    if mode is None and held:
        mode = held[0].margin_mode
    opening = [order for order in orders if may_open(order)]
    is_isolated = mode is MarginMode.ISOLATED
    return _Contract(instrument.settle, leverage, is_isolated, legs, opening)


def _numbers(group: Sequence[_Contract], cross_wallet: Decimal) -> Positions:
    """Of contracts with one settle currency: cross ones carry each other's risk, an
    isolated position is carried by its own wallet."""
    plain = {leg.key: leg.numbers() for c in group for leg in c.legs}
    found: Positions = {}
    for contract in group:
        others = (c for c in group if c is not contract and not c.is_isolated)
        needs = (plain[leg.key] for other in others for leg in other.legs)
        buffer = sum(
            (n.unrealized_pnl - n.maintenance_margin for n in needs), cross_wallet
        )
        for leg in contract.legs:
            price = liquidation_price(contract.legs, buffer)
            if contract.is_isolated:
                price = liquidation_price([leg], leg.position.isolated_wallet)
            found[leg.key] = leg.numbers(price)
    return found


def _cross_wallet(
    view: AccountView, settle: str, group: Sequence[_Contract]
) -> Decimal:
    """As the venue splits the wallet, else less what isolated positions have."""
    balance = view.balances.get(settle)
    if balance is None:
        return ZERO
    if balance.cross_wallet is not None:
        return balance.cross_wallet
    isolated = (
        leg.position.isolated_wallet for c in group if c.is_isolated for leg in c.legs
    )
    return balance.wallet - sum(isolated, ZERO)
