"""The demo's story: a trading day in a few seconds, with the cable pulled in between.

The venue is the simulated one, in this process, over real loopback HTTP and
WebSocket. Its price stands still except where the story moves it, so that the story
is the same each time. At the end what the session believes is compared with the
venue's own ledger, which nothing but the venue writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connector.cli.narrator import Narrator
from connector.cli.story_check import Checked, check
from connector.cli.wording import fill_text, order_text
from connector.errors import NotLive
from connector.model.events import (
    Event,
    FillEvent,
    LinkChanged,
    LinkState,
    ReconcileReport,
    event_dict,
)
from connector.model.order import Order, Outcome

if TYPE_CHECKING:
    from connector.paper.server import PaperServer
    from connector.session import LiveOrder, Session

TICK = Decimal("0.1")
CABLE_OUT_S = 2.0
WAIT_S = 5.0
_OTHER = "other"


class Story:
    """One telling; `events` is filled by the session's ``on_event``.

    *symbol* is traded in the cable's part, by *sizes*: what rests, what is lost, what
    somebody enters on the web page.
    """

    symbol: str
    tick = TICK
    sizes = ("0.015", "0.025", "0.005")

    def __init__(self, narrator: Narrator, server: PaperServer) -> None:
        self._tell = narrator
        self._server = server
        self._session: Session | None = None
        self.events: list[Event] = []
        self._prepare()

    def _prepare(self) -> None:
        """Somebody to trade with, and a price that stands still."""
        server, face = self._server, self._server.faces[0]
        self.symbol = next(iter(face.engine.instruments))
        at_ms = max(server.venue_ms(), face.engine.now_ms)
        face.engine.open_account(_OTHER, {"USDT": Decimal(1_000_000)}, now_ms=at_ms)
        self._control("volatility", symbol=self.symbol, per_step="0")

    def on_event(self, event: Event) -> None:
        """Keep it, and tell what a person would want to know at once."""
        self.events.append(event)
        match event:
            case FillEvent(fill=fill, recovered=recovered):
                note = "  (learnt by reconciliation)" if recovered else ""
                self._say_event(f"fill   {fill_text(fill)}{note}", "green", event)
            case LinkChanged(after=LinkState.STALE, why=why):
                self._say_event(f"link   STALE: {why}", "bold red", event)
            case LinkChanged(after=LinkState.LIVE):
                self._say_event("link   LIVE: in sync with the venue", "green", event)
            case _:
                pass

    async def run(self, session: Session) -> tuple[ReconcileReport, Checked]:
        """Tell it all; returns the report of the gap and the check at the end."""
        self._session = session
        await self._fill()
        await self._partial_fill()
        await self._cancel()
        await self._margin()
        report = await self._cable(session)
        return report, await self._final_check(session)

    # --- an ordinary day ---

    async def _fill(self) -> None:
        await self._tell.step("A market order", "It exists once, or not at all.")
        order = await self._s.buy(self.symbol, "0.020")
        self._order(await self._done(order))

    async def _partial_fill(self) -> None:
        await self._tell.step("A limit order, partly filled")
        price = self._bid + TICK
        order = await self._s.buy(self.symbol, "0.030", limit=price)
        self._order(order)
        self._trade(price, "0.012")
        await self._until(lambda: order.filled_qty > 0)
        self._order(order)

    async def _cancel(self) -> None:
        await self._tell.step("A cancel")
        order = await self._s.buy(self.symbol, "0.010", limit=self._bid - 500 * TICK)
        self._order(order)
        outcome = await order.cancel()
        self._outcome("cancel", outcome)
        self._order(order)

    async def _margin(self) -> None:
        await self._tell.step(
            "Live margin", "The mark price moves; margin follows by the venue's rules."
        )
        before = self._mark()
        self._margin_now()
        self._control("mark", symbol=self.symbol, price=str(before + 900))
        await self._until(lambda: self._mark() >= before + 800)
        self._margin_now()

    # --- the cable ---

    async def _cable(self, session: Session) -> ReconcileReport:
        await self._tell.step(
            "The cable is pulled, at the worst moment",
            "An order rests, another has just left: its reply never comes.",
        )
        resting = await session.buy(
            self.symbol, self.sizes[0], limit=self._bid - 20 * self.tick
        )
        self._order(resting)
        lost = await self._lose_a_reply(session)
        self._meanwhile(resting)
        await self._refused(session)
        report = await self._back(session)
        placed = await asyncio.wait_for(lost, WAIT_S)
        self._outcome("place", placed.outcome)
        self._order(placed)
        return report

    async def _lose_a_reply(self, session: Session) -> asyncio.Task[LiveOrder]:
        """Submit while the venue takes the order and all its words get lost."""
        known = len(self._ledger()["orders"])
        for method, words in self._server.faces[0].order_entry:
            self._control("lose_reply", method=method, path=words)
        self._control("mute", kind="private", hold=CABLE_OUT_S)
        price = self._bid - 100 * self.tick
        # The one task of the story: it waits for the outcome while the story goes on.
        lost = asyncio.create_task(
            session.buy(self.symbol, self.sizes[1], limit=price), name="demo.lost"
        )
        await self._until(lambda: len(self._ledger()["orders"]) > known)
        self._control("restart", hold=CABLE_OUT_S)
        self._tell.fact(
            f"cable  out for {CABLE_OUT_S:g} s; the reply to the new order is lost",
            "bold red",
        )
        return lost

    def _meanwhile(self, resting: LiveOrder) -> None:
        """What happens at the venue while nobody listens."""
        assert resting.price is not None
        self._control("trade", symbol=self.symbol, price=str(resting.price - self.tick))
        self._control(
            "manual",
            symbol=self.symbol,
            side="SELL",
            qty=self.sizes[2],
            price=str((self._bid * Decimal("1.03")).quantize(Decimal(1))),
        )
        self._tell.fact(
            "venue  meanwhile fills the resting order, and somebody enters an order "
            "on the web page",
            "yellow",
        )

    async def _refused(self, session: Session) -> None:
        await self._until(lambda: not session.is_live)
        try:
            await session.buy(self.symbol, "0.010", limit=self._bid)
        except NotLive as exc:
            self._tell.fact(
                f"STALE  {session.age_s:.2f} s; new exposure is refused: {exc.reason}",
                "bold yellow",
                refused=True,
            )
        await self._until(lambda: any(map(_is_doubtful, session.orders)))
        for order in filter(_is_doubtful, session.orders):
            self._tell.fact(
                f"doubt  {order_text(order)}: counts as exposure", "bold yellow"
            )

    async def _back(self, session: Session) -> ReconcileReport:
        await self._tell.step(
            "Back by itself",
            "Subscribed first, then asked: nothing can fall between the two.",
        )
        await session.wait_live(timeout_s=CABLE_OUT_S + WAIT_S)
        report = session.last_report
        assert report is not None, "live again without a report"
        await self._tell.step("The report", "What the gap cost, exactly.")
        self._tell.block(report.text())
        return report

    async def _final_check(self, session: Session) -> Checked:
        await self._tell.step("Checked against the venue's own ledger")
        fills = {
            (event.fill.symbol, event.fill.trade_id)
            for event in self.events
            if isinstance(event, FillEvent)
        }
        told = sum(1 for event in self.events if isinstance(event, FillEvent))
        checked = check(session, self._ledger(), fills, told)
        for line in checked.lines:
            self._tell.fact(line.text, "green" if line.is_equal else "bold red")
        return checked

    # --- tools ---

    def _say_event(self, text: str, style: str, event: Event) -> None:
        self._tell.fact(text, style, event=event_dict(event))

    @property
    def _s(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def _bid(self) -> Decimal:
        return self._server.faces[0].engine.quote(self.symbol).best_bid

    def _mark(self) -> Decimal:
        position = self._s.position(self.symbol)
        if position is None or position.mark_price is None:
            return self._server.faces[0].engine.quote(self.symbol).mark
        return position.mark_price

    def _control(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self._server.control.apply(verb, arguments)

    def _ledger(self) -> dict[str, Any]:
        return self._control("state")

    def _trade(self, price: Decimal, qty: str) -> None:
        """Somebody else sells into our order."""
        self._control(
            "manual",
            account=_OTHER,
            symbol=self.symbol,
            side="SELL",
            qty=qty,
            price=str(price),
        )

    async def _until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_true():  # noqa: ASYNC110 - the venue's ledger wakes nobody
                await asyncio.sleep(0.005)

    async def _done(self, order: LiveOrder) -> LiveOrder:
        await order.wait_done(WAIT_S)
        return order

    def _order(self, order: LiveOrder) -> None:
        self._tell.fact(
            f"order  {order_text(order.order)}",
            client_order_id=order.client_order_id,
            status=order.status.value,
            filled_qty=order.filled_qty,
        )

    def _outcome(self, action: str, outcome: Outcome) -> None:
        word = type(outcome).__name__
        self._tell.fact(f"{action} ended as {word}", outcome=word)

    def _margin_now(self) -> None:
        margin = self._s.margin
        assert margin is not None
        ratio = margin.margin_ratio or Decimal(0)
        position = self._s.position(self.symbol)
        end = None if position is None else position.liquidation_price
        self._tell.fact(
            f"margin mark {self._mark():,.1f}  equity {margin.equity:,.2f} "
            f"{margin.currency}  unrealized {margin.unrealized_pnl:+,.2f}  "
            f"ratio {ratio * 100:.2f} %"
            + ("" if end is None else f"  liquidation at {end:,.0f}"),
            equity=margin.equity,
            margin_ratio=ratio,
            liquidation_price=end,
        )


def _is_doubtful(order: Order) -> bool:
    return order.in_doubt_since_ns is not None
