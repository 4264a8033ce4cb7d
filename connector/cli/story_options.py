"""The demo's story where options are traded: a straddle, hedged as the market moves."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from connector.cli.narrator import Narrator
from connector.cli.story import Story
from connector.cli.story_check import Checked
from connector.model.account import Greeks
from connector.model.events import ReconcileReport
from connector.model.instrument import Instrument
from connector.paper.types import Instrument as Listed

if TYPE_CHECKING:
    from connector.paper.server import PaperServer
    from connector.session import Session

_DAY_MS = 86_400_000
_LIVES_MS = 3 * _DAY_MS
_MOVE = Decimal("1.04")
_QTY = "2"
_DEPTH = "20"
"""So much more rests than usual that every order finds all it wants at one price."""


def has_options(server: PaperServer) -> bool:
    """Whether the venue lists any."""
    listed = server.faces[0].engine.instruments.values()
    return any(one.strike > 0 for one in listed)


class OptionStory(Story):
    """A call and a put are bought, their delta is sold, the market moves, the delta is
    sold again; then the cable is pulled."""

    def __init__(self, narrator: Narrator, server: PaperServer) -> None:
        listed = server.faces[0].engine.instruments
        self._call, self._put = _straddle(server)
        under = listed[self._call.underlying]
        self.symbol = under.symbol
        self.tick = under.tick_size
        step = under.qty_step
        self.sizes = (str(150 * step), str(250 * step), str(50 * step))
        super().__init__(narrator, server)

    def _prepare(self) -> None:
        self._control("volatility", symbol=self.symbol, per_step="0")
        for symbol in (self._call.symbol, self._put.symbol, self.symbol):
            self._control("liquidity", symbol=symbol, factor=_DEPTH)

    async def run(self, session: Session) -> tuple[ReconcileReport, Checked]:
        """Tell it all; returns the report of the gap and the check at the end."""
        self._session = session
        await self._buy_straddle()
        await self._hedge("Its delta is hedged", "With the perpetual of the same coin.")
        await self._move()
        await self._hedge("Hedged again", "The order is made of the venue's own delta.")
        report = await self._cable(session)
        self._greeks_now()
        return report, await self._final_check(session)

    def _has_greeks_beside(self, before: Greeks) -> bool:
        return self._greeks != before

    async def _buy_straddle(self) -> None:
        await self._tell.step(
            "A straddle", "A call and a put: it gains if the market moves, either way."
        )
        for option in (self._call, self._put):
            price = self._server.faces[0].engine.quote(option.symbol).best_ask
            before = self._greeks
            order = await self._s.buy(option.symbol, _QTY, limit=price)
            self._order(await self._done(order))
            await self._until(partial(self._has_greeks_beside, before))
        self._greeks_now()

    async def _hedge(self, title: str, text: str) -> None:
        await self._tell.step(title, text)
        instrument = self._s.instruments[self.symbol]
        before = self._greeks
        qty = _hedge_qty(instrument, before.delta, self._mark())
        trade = self._s.sell if before.delta > 0 else self._s.buy
        self._order(await self._done(await trade(self.symbol, qty)))
        await self._until(lambda: abs(self._greeks.delta) < abs(before.delta) / 10)
        self._greeks_now()

    async def _move(self) -> None:
        await self._tell.step(
            "The market moves by 4 %", "The delta of the options moves with it."
        )
        before = self._greeks
        price = (self._mark() * _MOVE).quantize(Decimal(1))
        self._control("mark", symbol=self.symbol, price=str(price))
        await self._until(
            lambda: (
                self._mark() >= price * Decimal("0.999")
                and abs(self._greeks.delta - before.delta) > Decimal("0.05")
            )
        )
        self._greeks_now()

    @property
    def _greeks(self) -> Greeks:
        return self._s.greeks.get(self._call.settle, Greeks())

    def _greeks_now(self) -> None:
        greeks, margin = self._greeks, self._s.margin
        row = None if margin is None else margin.collateral.get(self._call.settle)
        equity = "" if row is None else f"  equity {row.equity:,.6f} {row.currency}"
        self._tell.fact(
            f"greeks mark {self._mark():,.1f}  delta {greeks.delta:+.4f}  "
            f"gamma {greeks.gamma:+.6f}  vega {greeks.vega:+,.2f}  "
            f"theta {greeks.theta:+,.2f}{equity}",
            delta=greeks.delta,
            gamma=greeks.gamma,
            vega=greeks.vega,
            theta=greeks.theta,
        )


def _hedge_qty(instrument: Instrument, delta: Decimal, mark: Decimal) -> Decimal:
    """What of *instrument* has the opposite of *delta*, down to its grid."""
    size = abs(delta) * mark if instrument.is_inverse else abs(delta)
    return size // instrument.qty_step * instrument.qty_step


def _straddle(server: PaperServer) -> tuple[Listed, Listed]:
    """The call and the put at the strike nearest to the market, some days to live."""
    engine, now_ms = server.faces[0].engine, server.venue_ms()
    options = [
        one
        for one in engine.instruments.values()
        if one.strike > 0 and (one.expiry_ms or 0) > now_ms + _LIVES_MS
    ]

    def distance(one: Listed) -> tuple[int, Decimal]:
        mark = engine.quote(one.underlying).mark
        return one.expiry_ms or 0, abs(one.strike / mark - 1)

    call = min((one for one in options if one.is_call), key=distance)
    put = next(
        one
        for one in options
        if not one.is_call
        and (one.underlying, one.strike, one.expiry_ms)
        == (call.underlying, call.strike, call.expiry_ms)
    )
    return call, put
