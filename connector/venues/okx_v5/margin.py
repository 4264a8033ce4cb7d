"""Margin, from facts and live marks.

Futures mode (one risk unit per settle currency):

    notional     = |size in coins| x mark            (inverse: contracts / mark)
    initial      = notional / leverage + price x size / leverage of opening orders
    maintenance  = notional x rate of the tier, the whole position; tiers by contracts
    equity       = cash balance + unrealised PnL
    available    = max(0, equity - initial)
    liquidation  : cash + s q (P - avg) = q P (rate + taker fee), one position

Whether opposite orders are netted is not documented: here they are not, so that
what is shown as available never is too much. Multi-currency and portfolio margin
have haircuts, index prices and stress tests that only the venue knows: its own
totals in USD are shown then, as fresh as its last push.

Source: "Multi-currency margin mode" and "Futures mode: cross margin trading" (help
articles) and the account pages of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Position
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
from connector.model.money import ONE, ZERO
from connector.venues.linear_margin import (
    crossing,
    currency_of,
    may_open,
    ratio_of,
    tier_for,
    totals,
    wallet_of,
)

TAKER_FEE = Decimal("0.0005")
"""Of the lowest tier; only the estimate of a liquidation price needs it."""

_Key = tuple[Symbol, str]


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None while something at stake is not known: a number
    made of guesses is worse."""
    return _told(view) if view.is_multi_asset else _computed(view)


def _told(view: AccountView) -> MarginNumbers | None:
    told = view.venue_fields
    if not told.get("adjEq") or not told.get("totalEq"):
        return None
    names = ("adjEq", "totalEq", "upl", "imr", "mmr", "availEq")
    equity, wallet, unrealized, initial, maintenance, available = (
        Decimal(told.get(name) or 0) for name in names
    )
    return MarginNumbers(
        currency="USD",
        wallet=wallet - unrealized,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=available,
        margin_ratio=ratio_of(maintenance, equity),
    )


@dataclass(frozen=True, slots=True)
class _Leg:
    """One position; its instrument's quantities are quote units if it is inverse."""

    instrument: Instrument
    leverage: int
    mark: Decimal
    position: Position

    @property
    def key(self) -> _Key:
        return self.position.symbol, self.position.position_side.value

    @property
    def rate(self) -> Decimal:
        """Maintenance rate of the tier that the size falls into."""
        contracts = abs(self.position.qty) / self.instrument.qty_unit
        return tier_for(self.instrument.brackets, contracts).maintenance_rate

    @property
    def unrealized(self) -> Decimal:
        """Profit at the mark price."""
        qty, entry = self.position.qty, self.position.entry_price
        if not entry:
            return ZERO
        if self.instrument.is_inverse:
            return qty * (ONE / entry - ONE / self.mark)
        return qty * (self.mark - entry)

    def numbers(self, cash: Decimal) -> PositionNumbers:
        """Live numbers; *cash* is what stands behind the position."""
        qty, price = self.position.qty, self.position.liquidation_price
        notional = _value(self.instrument, abs(qty), self.mark)
        if price is None and not self.instrument.is_inverse:
            cost = abs(qty) * (self.rate + TAKER_FEE)
            price = crossing(cash - qty * self.position.entry_price, cost - qty)
        return PositionNumbers(
            mark_price=self.mark,
            unrealized_pnl=self.unrealized,
            initial_margin=notional / self.leverage,
            maintenance_margin=notional * self.rate,
            liquidation_price=price,
        )


def _value(instrument: Instrument, qty: Decimal, price: Decimal) -> Decimal:
    """In settle currency."""
    return qty / price if instrument.is_inverse else qty * price


def _computed(view: AccountView) -> MarginNumbers | None:
    legs: list[_Leg] = []
    reserved: dict[str, Decimal] = {}
    for symbol, (held, orders) in view.by_symbol().items():
        instrument = view.instruments.get(symbol)
        leverage, mark = view.leverage.get(symbol), view.marks.get(symbol)
        if instrument is None or not leverage:
            return None
        for position in held:
            if not mark or not instrument.brackets:
                return None
            legs.append(_Leg(instrument, leverage, mark, position))
        frozen = (
            _value(instrument, order.leaves_qty, order.price)
            for order in orders
            if order.price is not None and may_open(order)
        )
        before = reserved.get(instrument.settle, ZERO)
        reserved[instrument.settle] = before + sum(frozen, ZERO) / leverage
    currency = currency_of(reserved)
    positions: dict[_Key, PositionNumbers] = {}
    for settle in reserved:
        ours = [leg for leg in legs if leg.instrument.settle == settle]
        positions |= _positions(ours, wallet_of(view, settle))
    mine = [positions[g.key] for g in legs if g.instrument.settle == currency]
    return totals(
        currency,
        wallet_of(view, currency),
        mine,
        reserved.get(currency, ZERO),
        positions,
    )


def _positions(legs: list[_Leg], cash: Decimal) -> dict[_Key, PositionNumbers]:
    """Numbers of all positions of one currency: what the others earn and need is
    neither at the disposal of one."""
    alone = {leg.key: leg.numbers(cash) for leg in legs}
    spare = {k: n.unrealized_pnl - n.maintenance_margin for k, n in alone.items()}
    free = sum(spare.values(), cash)
    return {leg.key: leg.numbers(free - spare[leg.key]) for leg in legs}
