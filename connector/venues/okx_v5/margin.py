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

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Position
from connector.model.ids import Symbol
from connector.model.instrument import Bracket, Instrument
from connector.model.money import ONE, ZERO
from connector.model.order import Order

DEFAULT_CURRENCY = "USDT"
TAKER_FEE = Decimal("0.0005")
"""Of the lowest tier; only the estimate of a liquidation price needs it."""


def margin(view: AccountView) -> MarginNumbers | None:
    """Numbers of the account; None while something at stake is not known: a number
    made of guesses is worse."""
    return _told(view) if view.is_multi_asset else _computed(view)


def _told(view: AccountView) -> MarginNumbers | None:
    told = view.venue_fields
    if not told.get("adjEq") or not told.get("totalEq"):
        return None
    equity, unrealized = Decimal(told["adjEq"]), Decimal(told.get("upl") or 0)
    maintenance = Decimal(told.get("mmr") or 0)
    return MarginNumbers(
        currency="USD",
        wallet=Decimal(told["totalEq"]) - unrealized,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=Decimal(told.get("imr") or 0),
        maintenance_margin=maintenance,
        available=Decimal(told.get("availEq") or 0),
        margin_ratio=_ratio(maintenance, equity),
    )


def _ratio(maintenance: Decimal, equity: Decimal) -> Decimal | None:
    if not maintenance:
        return None
    return maintenance / equity if equity > 0 else ONE


@dataclass(frozen=True, slots=True)
class _Contract:
    """One instrument with what is at stake in it."""

    instrument: Instrument
    leverage: int
    mark: Decimal
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """In settle currency; quantities of inverse contracts are quote units."""
        return qty / price if self.instrument.is_inverse else qty * price

    def rate(self, position: Position) -> Decimal:
        """Maintenance rate of the tier that the size falls into."""
        contracts = abs(position.qty) / self.instrument.qty_unit
        return tier_for(self.instrument.brackets, contracts).maintenance_rate

    def unrealized(self, position: Position) -> Decimal:
        """Profit at the mark price."""
        if not position.entry_price:
            return ZERO
        if self.instrument.is_inverse:
            return position.qty * (ONE / position.entry_price - ONE / self.mark)
        return position.qty * (self.mark - position.entry_price)

    def numbers(self, position: Position, cash: Decimal) -> PositionNumbers:
        """Live numbers of one position; *cash* is what stands behind it."""
        notional = self.value(abs(position.qty), self.mark)
        price = position.liquidation_price
        if price is None and not self.instrument.is_inverse:
            price = self._liquidation(position, cash)
        return PositionNumbers(
            mark_price=self.mark,
            unrealized_pnl=self.unrealized(position),
            initial_margin=notional / self.leverage,
            maintenance_margin=notional * self.rate(position),
            liquidation_price=price,
        )

    def _liquidation(self, position: Position, cash: Decimal) -> Decimal | None:
        cost = abs(position.qty) * (self.rate(position) + TAKER_FEE)
        bottom = cost - position.qty
        if not bottom:
            return None
        price = (cash - position.qty * position.entry_price) / bottom
        return price if price > 0 else None

    @property
    def order_margin(self) -> Decimal:
        """Frozen by orders that rest with a price and may add exposure."""
        frozen = sum(
            (
                self.value(order.leaves_qty, order.price)
                for order in self.orders
                if order.price is not None and _opens(order)
            ),
            ZERO,
        )
        return frozen / self.leverage


def _opens(order: Order) -> bool:
    """May add exposure and is not waiting for a trigger, which freezes nothing."""
    waits = order.order_type.is_conditional and order.triggered_order_id is None
    closes = (order.position_side.value, order.side.value) in (
        ("LONG", "SELL"),
        ("SHORT", "BUY"),
    )
    return not (waits or closes or order.reduce_only or order.close_position)


def tier_for(tiers: Sequence[Bracket], contracts: Decimal) -> Bracket:
    """The tier whose cap holds *contracts*; the last one above all caps."""
    return next((tier for tier in tiers if contracts <= tier.cap), tiers[-1])


def _computed(view: AccountView) -> MarginNumbers | None:
    contracts = _contracts(view)
    if contracts is None:
        return None
    settles = {contract.instrument.settle for contract in contracts}
    currency = DEFAULT_CURRENCY
    if settles and currency not in settles:
        currency = min(settles)
    positions: dict[tuple[Symbol, str], PositionNumbers] = {}
    for settle in settles:
        group = [c for c in contracts if c.instrument.settle == settle]
        positions |= _positions(group, _cash(view, settle))
    ours = [c for c in contracts if c.instrument.settle == currency]
    numbers = [
        positions[position.symbol, position.position_side.value]
        for contract in ours
        for position in contract.positions
    ]
    wallet = _cash(view, currency)
    unrealized = sum((n.unrealized_pnl for n in numbers), ZERO)
    maintenance = sum((n.maintenance_margin for n in numbers), ZERO)
    initial = sum((n.initial_margin for n in numbers), ZERO)
    initial += sum((contract.order_margin for contract in ours), ZERO)
    equity = wallet + unrealized
    return MarginNumbers(
        currency=currency,
        wallet=wallet,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=max(ZERO, equity - initial),
        margin_ratio=_ratio(maintenance, equity),
        positions=positions,
    )


def _positions(
    group: Sequence[_Contract], cash: Decimal
) -> dict[tuple[Symbol, str], PositionNumbers]:
    """Numbers of all positions of one currency: what the others earn and need is
    neither at the disposal of one."""
    alone = [(c, p, c.numbers(p, cash)) for c in group for p in c.positions]
    free = sum((n.unrealized_pnl - n.maintenance_margin for _, _, n in alone), cash)
    return {
        (p.symbol, p.position_side.value): c.numbers(
            p, free - n.unrealized_pnl + n.maintenance_margin
        )
        for c, p, n in alone
    }


def _cash(view: AccountView, currency: str) -> Decimal:
    balance = view.balances.get(currency)
    return balance.wallet if balance else ZERO


def _contracts(view: AccountView) -> list[_Contract] | None:
    contracts = []
    for symbol, (positions, orders) in view.by_symbol().items():
        instrument = view.instruments.get(symbol)
        leverage, mark = view.leverage.get(symbol), view.marks.get(symbol)
        if instrument is None or not leverage:
            return None
        if positions and (not mark or not instrument.brackets):
            return None
        contracts.append(
            _Contract(
                instrument,
                leverage,
                mark or ZERO,
                tuple(positions),
                tuple(orders),
            )
        )
    return contracts
