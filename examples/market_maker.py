"""A market maker that survives outages.

Quotes one bid and one ask around the mark price, moves them by amending, and keeps
its position within a limit that counts everything open and everything in doubt.

What it shows:

- While the state is not the venue's (`s.is_live` is False) it adds nothing: the
  session would refuse, and quoting blind is how market makers lose money.
- After an outage it does not guess: `Resynced` says which fills it missed, and
  `s.exposure` already counts them when quoting starts again.
- It looks at its quotes twice a second whatever happens, so nothing that happens can
  make it spend the venue's order limit.
- An order in doubt is left alone until evidence tells what became of it.

Run: python examples/market_maker.py [--profile paper:binance] [--seconds 20]
"""

import argparse
import asyncio
from decimal import Decimal

from connector import LiveOrder, Session
from connector.errors import InvalidOrder, NotLive
from connector.model.events import Event, FillEvent, Gap, Resynced
from connector.model.instrument import Instrument
from connector.model.money import ceil_to_grid, floor_to_grid
from connector.model.order import Side

THINK_S = 0.5  # how often quotes are looked at
MOVE = Decimal("0.0001")  # quotes follow when they are off by this part of the price


class Maker:
    """One bid and one ask."""

    def __init__(self, s: Session, symbol: str, qty: Decimal, spread: Decimal) -> None:
        self.s = s
        self.symbol = symbol
        self.qty = qty
        self.spread = spread
        self.most = qty * 5  # of position, either way
        self.quotes: dict[Side, LiveOrder] = {}
        self.fills = 0

    async def requote(self) -> None:
        """Bring both quotes to where they should be."""
        mark = self.s.mark_price(self.symbol)
        if mark is None or not self.s.is_live:
            return
        instrument = self.s.instruments[self.symbol]
        for side in Side:
            try:
                await self._quote(side, _price(side, mark, self.spread, instrument))
            except NotLive:
                return  # the link went down between two quotes
            except InvalidOrder as exc:
                print(f"not quoting {side.value}: {exc}")

    async def _quote(self, side: Side, price: Decimal) -> None:
        order = self.quotes.get(side)
        if order is not None and order.is_in_doubt:
            return  # it may or may not exist: never send a second one
        if order is not None and order.is_open:
            assert order.price is not None
            if abs(order.price - price) > price * MOVE:
                await order.amend(price=price)
            return
        if not self._has_room(side):
            return
        place = self.s.buy if side is Side.BUY else self.s.sell
        self.quotes[side] = await place(
            self.symbol, self.qty, limit=price, post_only=True
        )

    def _has_room(self, side: Side) -> bool:
        low, high = self.s.exposure(self.symbol)
        if side is Side.BUY:
            return high + self.qty <= self.most
        return low - self.qty >= -self.most

    def hear(self, event: Event) -> None:
        """Tell what matters."""
        match event:
            case FillEvent(fill=fill, recovered=recovered):
                self.fills += 1
                late = " (missed, now known)" if recovered else ""
                print(f"{fill.side.value} {fill.qty} @ {fill.price}{late}")
            case Gap(reason=reason):
                print(f"not in sync ({reason.value}): quoting stops")
            case Resynced(report=report):
                print(f"in sync again: {len(report.missed_fills)} fills were missed")
            case _:
                pass


def _price(
    side: Side, mark: Decimal, spread: Decimal, instrument: Instrument
) -> Decimal:
    """Half the spread away from the mark, on the grid, never rounded inwards."""
    half = mark * spread / 2
    if side is Side.BUY:
        return floor_to_grid(mark - half, instrument.tick_size)
    return ceil_to_grid(mark + half, instrument.tick_size)


async def main(profile: str, symbol: str, qty: str, spread: str, seconds: float) -> int:
    """Quote for *seconds*; returns the number of fills."""
    async with Session(profile) as s:
        maker = Maker(s, symbol, Decimal(qty), Decimal(spread))
        events = s.events()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await maker.requote()
                    # By the clock, not by events: a refused quote is an event too,
                    # and answering it with the next quote would never end.
                    try:
                        async with asyncio.timeout(THINK_S):
                            while True:
                                maker.hear(await anext(events))
                    except TimeoutError:
                        pass
        except TimeoutError:
            pass
        await s.cancel_all(symbol)
        print(f"{maker.fills} fills; position {s.exposure(symbol)[0]} {symbol}")
        return maker.fills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A market maker.")
    parser.add_argument("--profile", default="paper:binance")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--qty", default="0.010")
    parser.add_argument("--spread", default="0.0002", help="part of the price")
    parser.add_argument("--seconds", type=float, default=20)
    asyncio.run(main(**vars(parser.parse_args())))
