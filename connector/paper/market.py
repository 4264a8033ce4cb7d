"""Where prices come from: a seeded random walk, and a house that quotes around it.

Everything is a pure function of (seed, symbol, step), so the market is the same
however often it is asked, and whichever symbols are listed beside it. Randomness
is a 64-bit integer mix (splitmix64), not floating point: the same on every
machine.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

from connector.paper.amounts import UNIT, ceil_to, floor_to
from connector.paper.types import Instrument
from connector.paper.words import ContractKind, Side

_MASK = (1 << 64) - 1
_INTEREST = Decimal("0.0001")
# four 16-bit uniforms: the sum has mean 2 * 65535 and deviation 65536 / sqrt(3)
_WALK_SCALE = Decimal("37837.23")
_PULL = Decimal("0.000001")  # keeps a walk of days near where it began
_LEVELS = 20
_LEVEL_NOTIONAL = Decimal(50_000)


def mix(value: int) -> int:
    """splitmix64: a well-spread 64-bit image of *value*."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Market:
    """Mark, index and house quotes of one symbol.

    ``volatility`` is the deviation of one step as a fraction of the price (0 stops
    the walk); ``liquidity`` scales what the house offers (0: no house at all).
    """

    def __init__(self, instrument: Instrument, *, seed: int) -> None:
        text = f"{seed}:{instrument.symbol}".encode()
        self._salt = int.from_bytes(sha256(text).digest()[:8], "big")
        self.instrument = instrument
        self.mark = instrument.initial_mark
        self.last = floor_to(
            instrument.initial_mark, instrument.tick_at(instrument.initial_mark)
        )
        self.reference = instrument.initial_mark  # what a unit is worth in USD
        self.volatility = Decimal("0.00003")
        self.liquidity = Decimal(1)
        self.is_frozen = False
        self.fixed_funding_rate: Decimal | None = None
        self._anchor = self.mark
        self.update_id = 0  # rises with every change of the quotes
        self._step = 0
        self._generation = 0
        self._ladders: dict[Side, list[tuple[Decimal, Decimal]]] = {}

    # prices --------------------------------------------------------------
    def walk(self, step: int) -> None:
        """Move the mark to step number *step* and renew the quotes."""
        self._step = step
        self._clear()
        if not self.volatility or self.instrument.underlying:
            return
        noise = mix(self._salt ^ step)
        total = (noise & 0xFFFF) + (noise >> 16 & 0xFFFF)
        total += (noise >> 32 & 0xFFFF) + (noise >> 48)
        move = self.mark * self.volatility * (total - 131_070) / _WALK_SCALE
        move += (self._anchor - self.mark) * _PULL
        floor = self.instrument.min_price
        self.mark = max(floor, (self.mark + move).quantize(UNIT))
        self.last = self.best(Side.SELL if noise & 1 else Side.BUY)

    def set_mark(self, price: Decimal) -> None:
        """Put the mark at *price* and renew the quotes around it."""
        self.mark = price
        self._anchor = price
        self.last = floor_to(price, self.instrument.tick_at(price))
        self.renew()

    def follow(self, mark: Decimal, reference: Decimal) -> None:
        """An option's mark, from its underlying at *reference*."""
        self.reference = reference
        if mark != self.mark:
            self.mark = self._anchor = mark
            self.last = floor_to(mark, self.instrument.tick_at(mark))
            self._clear()

    def renew(self) -> None:
        """Forget what takers took from the quotes."""
        self._generation += 1
        self._clear()

    def _clear(self) -> None:
        self._ladders.clear()
        self.update_id += 1

    @property
    def _premium(self) -> Decimal:
        """Mark over index as a fraction, within one basis point either way."""
        noise = mix(self._salt ^ (self._step // 600) ^ (1 << 63))
        return Decimal(noise % 2001 - 1000) / 10_000_000

    @property
    def index(self) -> Decimal:
        """Index price."""
        return (self.mark / (1 + self._premium)).quantize(UNIT)

    @property
    def funding_rate(self) -> Decimal:
        """Rate the next funding would use: interest plus premium, 8 decimals."""
        if self.fixed_funding_rate is not None:
            return self.fixed_funding_rate
        return (_INTEREST + self._premium).quantize(UNIT)

    # house quotes ----------------------------------------------------------
    def best(self, side: Side) -> Decimal:
        """Price of the best house quote on *side*, one tick outside the mark."""
        tick = self.instrument.tick_at(self.mark)
        if side is Side.BUY:
            return max(self.instrument.tick_size, floor_to(self.mark, tick) - tick)
        return ceil_to(self.mark, tick) + tick

    def ladder(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        """House quotes on *side*, best first, less what was taken this step."""
        levels = self._ladders.get(side)
        if levels is None:
            levels = self._ladders[side] = self._quote(side)
        return levels

    def take(self, side: Side, qty: Decimal) -> None:
        """Remove *qty* from the best quote on *side*; it must hold that much."""
        levels = self.ladder(side)
        price, offered = levels[0]
        assert qty <= offered, "more taken than offered"
        self.update_id += 1
        if qty == offered:
            levels.pop(0)
        else:
            levels[0] = (price, offered - qty)

    def _quote(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        if not self.liquidity:
            return []
        instrument = self.instrument
        step = instrument.qty_step
        unit = _LEVEL_NOTIONAL * self.liquidity
        if instrument.kind is ContractKind.OPTION:
            unit /= self.reference
        elif instrument.kind is not ContractKind.INVERSE:
            unit /= self.mark
        tick = instrument.tick_at(self.mark)
        gap = max(tick, floor_to(self.mark / 10_000, tick))
        price = self.best(side)
        seed = self._salt ^ self._step ^ (self._generation << 48)
        seed ^= 1 if side is Side.BUY else 2
        levels = []
        for depth in range(1, _LEVELS + 1):
            seed = mix(seed)
            share = Decimal(500 + seed % 1001) / 1000
            qty = max(step, floor_to(unit * depth * share, step))
            levels.append((price, qty))
            price -= gap * side.sign
            if price < tick or price % instrument.tick_at(price):
                break  # below the grid, or onto a finer or coarser part of it
        return levels
