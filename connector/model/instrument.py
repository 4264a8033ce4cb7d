"""What can be traded, and the rules an order must obey before it is sent."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from connector.errors import InvalidOrder
from connector.model.ids import Symbol
from connector.model.money import (
    ONE,
    ZERO,
    ceil_to_grid,
    floor_to_grid,
    text_of,
)
from connector.model.noun import Noun


class InstrumentKind(StrEnum):
    """How a contract ends and pays."""

    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"
    SPOT = "spot"


class OptionType(StrEnum):
    """Right of an option."""

    CALL = "call"
    PUT = "put"


class Bracket(Noun, frozen=True, kw_only=True):
    """One tier of notional with its maintenance rate.

    *cum* makes maintenance margin continuous:
    maintenance = notional x maintenance_rate - cum.
    """

    floor: Decimal
    cap: Decimal
    maintenance_rate: Decimal
    cum: Decimal
    max_leverage: int


class TickStep(Noun, frozen=True, kw_only=True):
    """A larger tick that holds for prices above *above_price*."""

    above_price: Decimal
    tick_size: Decimal


class Instrument(Noun, frozen=True, kw_only=True):
    """One instrument and its rules; quantities in base units unless inverse.

    *qty_unit* is the base quantity of one wire unit (1 where the venue counts
    in coins, the contract value where it counts in contracts).
    *percent_up* / *percent_down* bound a limit price against the mark price.
    *tick_steps*, rising, replace *tick_size* above their prices. *strike* and
    *option_type* are those of options, whose prices are in *quote*; *price_index*
    names the index that the contract follows.
    """

    symbol: Symbol
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    market_qty_step: Decimal | None = None
    min_price: Decimal = ZERO
    max_price: Decimal | None = None
    min_notional: Decimal = ZERO
    percent_up: Decimal | None = None
    percent_down: Decimal | None = None
    qty_unit: Decimal = ONE
    is_inverse: bool = False
    is_trading: bool = True
    expiry_ms: int | None = None
    strike: Decimal | None = None
    option_type: OptionType | None = None
    max_open_orders: int | None = None
    brackets: tuple[Bracket, ...] = ()
    wire_code: str = ""
    tick_steps: tuple[TickStep, ...] = ()
    price_index: str = ""

    def tick_at(self, price: Decimal) -> Decimal:
        """The tick that holds at *price*."""
        tick = self.tick_size
        for step in self.tick_steps:
            if price > step.above_price:
                tick = step.tick_size
        return tick

    def check_qty(self, qty: Decimal, *, is_market: bool) -> None:
        """Raise InvalidOrder unless *qty* is on the grid and within bounds."""
        step = (self.market_qty_step or self.qty_step) if is_market else self.qty_step
        high = min(self.max_qty, self.market_max_qty) if is_market else self.max_qty
        if qty <= 0:
            raise InvalidOrder("qty", qty, f"at least {text_of(self.min_qty)}")
        if qty < self.min_qty:
            raise InvalidOrder("min_qty", qty, f"at least {text_of(self.min_qty)}")
        if qty > high:
            raise InvalidOrder("max_qty", qty, f"at most {text_of(high)}")
        if (qty - self.min_qty) % step:
            raise InvalidOrder("qty_step", qty, _nearest(qty, step, self.min_qty))

    def check_price(
        self, price: Decimal, *, rule: str = "tick_size", mark: Decimal | None = None
    ) -> None:
        """Raise InvalidOrder unless *price* is on the grid and inside the band."""
        if price <= 0:
            name = "price" if rule == "tick_size" else rule
            raise InvalidOrder(name, price, "a price above 0")
        if price < self.min_price:
            raise InvalidOrder(
                "min_price", price, f"at least {text_of(self.min_price)}"
            )
        if self.max_price is not None and price > self.max_price:
            raise InvalidOrder("max_price", price, f"at most {text_of(self.max_price)}")
        tick = self.tick_at(price)
        if (price - self.min_price) % tick:
            raise InvalidOrder(rule, price, _nearest(price, tick, self.min_price))
        if mark is None:
            return
        if self.percent_up is not None and price > mark * self.percent_up:
            high = floor_to_grid(mark * self.percent_up, self.tick_size, self.min_price)
            raise InvalidOrder(
                "percent_price",
                price,
                f"at most {text_of(high)} while the mark price is {text_of(mark)}",
            )
        if self.percent_down is not None and price < mark * self.percent_down:
            low = ceil_to_grid(mark * self.percent_down, self.tick_size, self.min_price)
            raise InvalidOrder(
                "percent_price",
                price,
                f"at least {text_of(low)} while the mark price is {text_of(mark)}",
            )

    def check_notional(self, qty: Decimal, price: Decimal) -> None:
        """Raise InvalidOrder when qty x price is below the minimum."""
        if qty * price < self.min_notional:
            least = max(
                self.min_qty,
                ceil_to_grid(self.min_notional / price, self.qty_step, self.min_qty),
            )
            raise InvalidOrder(
                "min_notional",
                text_of(qty * price),
                f"at least {text_of(self.min_notional)} {self.quote}, "
                f"which is {text_of(least)} {self.base} at {text_of(price)}",
            )


def _nearest(value: Decimal, step: Decimal, origin: Decimal) -> str:
    low = floor_to_grid(value, step, origin)
    high = ceil_to_grid(value, step, origin)
    near = low if low > 0 and value - low <= high - value else high
    return f"a multiple of {text_of(step)}; nearest allowed is {text_of(near)}"
