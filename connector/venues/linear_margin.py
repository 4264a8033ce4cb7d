"""What the margin models of contracts in cross mode have in common.

    notional     = |size| x mark                       (inverse: size / mark)
    initial      = notional x (1 / leverage + closing)
    maintenance  = notional x (rate of the tier + closing) - deduction
    order margin = size x price x (1 / leverage + its rate), if it may open
    equity       = wallet + unrealised PnL;  available = max(0, equity - initial)
    liquidation  : what the account has and the legs of one instrument earn falls to
                   what all need, the marks of other instruments standing still

A venue says what closing and orders cost there, and what its tiers are counted by
(`MarginRules`); each settle currency is a risk of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.dialect import AccountView, MarginNumbers, PositionNumbers
from connector.model.account import Position
from connector.model.ids import Symbol
from connector.model.instrument import Bracket, Instrument
from connector.model.money import ONE, ZERO
from connector.model.order import Order, PositionSide, Side

DEFAULT_CURRENCY = "USDT"


def tier_for(tiers: Sequence[Bracket], size: Decimal) -> Bracket:
    """The tier whose cap holds *size*, in what the venue counts them by; the last
    one above all caps."""
    return next((tier for tier in tiers if size <= tier.cap), tiers[-1])


def may_open(order: Order) -> bool:
    """It rests with a price and may add exposure. Reduce-only orders, waiting
    conditional ones and the closing orders of hedge mode reserve nothing."""
    closes = (order.position_side, order.side) in (
        (PositionSide.LONG, Side.SELL),
        (PositionSide.SHORT, Side.BUY),
    )
    frees = order.reduce_only or order.close_position
    return not (order.waits or closes or frees) and order.price is not None


def leverage_of(
    view: AccountView, symbol: Symbol, held: Iterable[Position]
) -> int | None:
    """The setting of the instrument, else what a position there says of it."""
    told = (p.leverage for p in held if p.symbol == symbol and p.leverage)
    return view.leverage.get(symbol) or next(told, None)


def currency_of(settles: Iterable[str]) -> str:
    """The main one of what is settled in."""
    found = set(settles)
    if not found or DEFAULT_CURRENCY in found:
        return DEFAULT_CURRENCY
    return min(found)


def wallet_of(view: AccountView, asset: str) -> Decimal:
    """The wallet of an asset, 0 if there is none."""
    balance = view.balances.get(asset)
    return balance.wallet if balance else ZERO


def ratio_of(maintenance: Decimal, equity: Decimal) -> Decimal | None:
    """Maintenance margin over equity; 1 is liquidation, None without exposure."""
    if not maintenance:
        return None
    return maintenance / equity if equity > 0 else ONE


def crossing(top: Decimal, bottom: Decimal) -> Decimal | None:
    """A price top / bottom; None where there is no such price above 0."""
    price = top / bottom if bottom else ZERO
    return price if price > 0 else None


def totals(
    currency: str,
    wallet: Decimal,
    of_positions: Iterable[PositionNumbers],
    reserved: Decimal,
    positions: Mapping[tuple[Symbol, str], PositionNumbers],
    available: Decimal | None = None,
) -> MarginNumbers:
    """The account in one currency: *of_positions* are those settled in it, *reserved*
    is what its orders hold; *available* where a venue computes it otherwise."""
    numbers = list(of_positions)
    unrealized = sum((n.unrealized_pnl for n in numbers), ZERO)
    maintenance = sum((n.maintenance_margin for n in numbers), ZERO)
    initial = sum((n.initial_margin for n in numbers), reserved)
    equity = wallet + unrealized
    return MarginNumbers(
        currency=currency,
        wallet=wallet,
        equity=equity,
        unrealized_pnl=unrealized,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=max(ZERO, equity - initial if available is None else available),
        margin_ratio=ratio_of(maintenance, equity),
        positions=positions,
    )


def _nothing(sign: int, leverage: Decimal) -> Decimal:
    return ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRules:
    """What a venue charges; rates are of the notional, for a sign and a leverage.

    *tier_size*: what tiers are counted by, of an instrument, a position, the orders
    that may open and the mark. *closing*: the fee of closing, part of both margins.
    *ordering*: what an order reserves besides its initial margin. *liquidation_fee*
    is what a liquidation costs beyond the maintenance margin. *shows_told*: the
    venue's own liquidation price, where it tells one.
    """

    tier_size: Callable[[Instrument, Position, Sequence[Order], Decimal], Decimal]
    closing: Callable[[int, Decimal], Decimal] = _nothing
    ordering: Callable[[int, Decimal], Decimal] = _nothing
    liquidation_fee: Decimal = ZERO
    shows_told: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """One position; its instrument's quantities are quote units if it is inverse."""

    instrument: Instrument
    position: Position
    mark: Decimal
    leverage: Decimal
    tier: Bracket
    closing: Decimal = ZERO

    @property
    def key(self) -> tuple[Symbol, str]:
        return self.position.symbol, self.position.position_side.value

    def numbers(self, liquidation_price: Decimal | None = None) -> PositionNumbers:
        """Live numbers of the position."""
        notional = value_of(self.instrument, abs(self.position.qty), self.mark)
        rate = self.tier.maintenance_rate + self.closing
        return PositionNumbers(
            mark_price=self.mark,
            unrealized_pnl=unrealized(self.instrument, self.position, self.mark),
            initial_margin=notional / self.leverage + notional * self.closing,
            maintenance_margin=notional * rate - self.tier.cum,
            liquidation_price=liquidation_price,
        )


def value_of(instrument: Instrument, qty: Decimal, price: Decimal) -> Decimal:
    """In settle currency."""
    return qty / price if instrument.is_inverse else qty * price


def unrealized(instrument: Instrument, position: Position, mark: Decimal) -> Decimal:
    """Profit at *mark*, in settle currency."""
    if not position.entry_price:
        return ZERO
    if instrument.is_inverse:
        return position.qty * (ONE / position.entry_price - ONE / mark)
    return position.qty * (mark - position.entry_price)


def margin_of(view: AccountView, rules: MarginRules) -> MarginNumbers | None:
    """Numbers of the account; None while something at stake is not known: a number
    made of guesses is worse."""
    legs: list[Leg] = []
    reserved: dict[str, Decimal] = {}
    for symbol, (held, orders) in view.by_symbol().items():
        instrument, mark = view.instruments.get(symbol), view.marks.get(symbol)
        leverage = Decimal(leverage_of(view, symbol, held) or 0)
        charged = [order for order in orders if may_open(order)]
        if instrument is None or ((held or charged) and not leverage):
            return None
        for position in held:
            if not mark or not instrument.brackets:
                return None
            size = rules.tier_size(instrument, position, charged, mark)
            tier = tier_for(instrument.brackets, size)
            closing = rules.closing(1 if position.qty > 0 else -1, leverage)
            legs.append(Leg(instrument, position, mark, leverage, tier, closing))
        held_back = (_reserve(instrument, o, leverage, rules) for o in charged)
        before = reserved.get(instrument.settle, ZERO)
        reserved[instrument.settle] = sum(held_back, before)
    currency = currency_of(reserved)
    positions = {
        leg.key: leg.numbers(_liquidation(leg, legs, view, rules)) for leg in legs
    }
    mine = [positions[g.key] for g in legs if g.instrument.settle == currency]
    wallet, held_back_here = wallet_of(view, currency), reserved.get(currency, ZERO)
    return totals(currency, wallet, mine, held_back_here, positions)


def _reserve(
    instrument: Instrument, order: Order, leverage: Decimal, rules: MarginRules
) -> Decimal:
    """Every order that may open is charged in full: how venues net opposite ones is
    not published, and this is never too little."""
    assert order.price is not None, "only orders with a price are charged"
    rate = ONE / leverage + rules.ordering(order.side.sign, leverage)
    return value_of(instrument, order.leaves_qty, order.price) * rate


def _liquidation(
    leg: Leg, legs: Sequence[Leg], view: AccountView, rules: MarginRules
) -> Decimal | None:
    told, settle = leg.position.liquidation_price, leg.instrument.settle
    if leg.instrument.is_inverse or (rules.shows_told and told is not None):
        return told
    mine = [other for other in legs if other.instrument.settle == settle]
    symbol = leg.position.symbol
    others = [other.numbers() for other in mine if other.position.symbol != symbol]
    buffer = sum(
        (n.unrealized_pnl - n.maintenance_margin for n in others),
        wallet_of(view, settle),
    )
    same = [other for other in mine if other.position.symbol == symbol]
    return liquidation_price(same, buffer, rules.liquidation_fee)


def liquidation_price(
    legs: Iterable[Leg], buffer: Decimal, fee: Decimal = ZERO
) -> Decimal | None:
    """Mark price of one instrument at which *buffer*, what there is less what others
    need, and the profit of *legs* fall to what they need, *fee* included."""
    top, bottom = -buffer, ZERO
    for leg in legs:
        qty, rate = leg.position.qty, leg.tier.maintenance_rate + leg.closing + fee
        top += qty * leg.position.entry_price - leg.tier.cum
        bottom += qty - abs(qty) * rate
    return crossing(top, bottom)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTotals:
    """The names under which a venue tells its own totals, in *currency*."""

    equity: str
    total: str
    unrealized: str
    initial: str
    maintenance: str
    available: str
    currency: str = "USD"


def told_margin(view: AccountView, names: ToldTotals) -> MarginNumbers | None:
    """The venue's own totals, where haircuts and prices of collateral are needed that
    only it knows: as fresh as its last word. None while it has not told them."""
    told = view.venue_fields
    if not told.get(names.equity) or not told.get(names.total):
        return None
    fields = (names.equity, names.unrealized, names.initial, names.maintenance)
    equity, profit, initial, maintenance = (Decimal(told.get(f) or 0) for f in fields)
    return MarginNumbers(
        currency=names.currency,
        wallet=Decimal(told[names.total]) - profit,
        equity=equity,
        unrealized_pnl=profit,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available=Decimal(told.get(names.available) or 0),
        margin_ratio=ratio_of(maintenance, equity),
    )
