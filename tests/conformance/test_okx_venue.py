"""OKX over loopback: what only this venue does, end to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D
from typing import Any

import pytest
from harness import HARNESSES
from venue import API_KEY, API_SECRET, Desk, session_on
from venue_cases import drained, fill_by_others

from connector.errors import InvalidOrder, Unsupported
from connector.model.events import Alarm, FillEvent, LinkState
from connector.model.order import Accepted, OrderStatus, Origin, Rejected, Side
from connector.paper.faces.okx_v5 import FaceConfig
from connector.paper.venue import paper_server
from connector.session.intents import make_intent

VENUE = "okx-v5"


@asynccontextmanager
async def stage(face: FaceConfig | None = None, **options: Any) -> AsyncIterator[Desk]:
    """A venue whose market stands still, set up as *face*, and a session on it."""
    server = paper_server(
        VENUE,
        api_key=API_KEY,
        api_secret=API_SECRET,
        seed=1,
        config=face or FaceConfig(),
    )
    async with server:
        harness = HARNESSES[VENUE]
        server.control.apply("freeze", {"symbol": harness.symbol, "frozen": True})
        engine = server.faces[0].engine
        engine.open_account("others", {"USDT": D(1_000_000)}, now_ms=engine.now_ms)
        async with session_on(server, VENUE, **options) as session:
            yield Desk(server, session, harness)


def play(
    story: Callable[[Desk], Awaitable[None]],
    face: FaceConfig | None = None,
    **options: Any,
) -> None:
    """Run *story* on a fresh venue, with a deadline."""

    async def run() -> None:
        async with asyncio.timeout(40), stage(face, **options) as at:
            await story(at)

    asyncio.run(run())


def test_an_announced_end_is_no_gap() -> None:
    """Notice 64008: the next connection is up and subscribed before the old one is
    left, on every private socket; nothing is missed and nothing told twice."""

    async def story(at: Desk) -> None:
        core, events = at.session._open_shell.core, at.session.events()
        order = await at.session.buy(at.symbol, "0.020", limit=at.price("0.99"))
        at.control("notice")
        await fill_by_others(at, order.price, "0.010")
        links = core.streams.links
        await at.until(lambda: all(link.rotations == 1 for link in links), 15)
        await fill_by_others(at, order.price, "0.010")
        await at.until(lambda: order.status is OrderStatus.FILLED)
        fills = await drained(events, FillEvent)
        assert [event.fill.qty for event in fills] == [D("0.010")] * 2
        assert not any(event.recovered for event in fills)
        assert at.session.state is LinkState.LIVE
        assert all(link.reconnects == 0 for link in links)

    play(story)


def test_what_the_venue_forgot_is_named() -> None:
    """An order that was cancelled unfilled more than two hours ago: that it is gone is
    known, how it ended cannot be, and the report of the outage says so."""

    async def story(at: Desk) -> None:
        events = at.session.events()
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        at.control("outage", hold=1.0, fill=False)
        engine = at.server.faces[0].engine
        (resting,) = engine.open_orders("main")
        engine.cancel("main", resting.symbol, resting.order_id, now_ms=engine.now_ms)
        at.control("skew", ms=3 * 3_600_000)  # as if the outage had been that long
        report = (await at.resynced(events, timeout_s=20)).report
        assert order.client_order_id in " ".join(report.unknowable)
        assert at.session.orders == []

    play(story)


def test_an_order_beyond_its_deadline_never_is() -> None:
    """``expTime``: what waits too long before the matching is refused there (50037),
    and told as such, not as doubt."""

    async def story(at: Desk) -> None:
        at.control("matching_delay", ms=4000)
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        assert isinstance(order.outcome, Rejected)
        assert not at.ledger()["orders"]
        at.control("matching_delay", ms=0)
        again = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        assert isinstance(again.outcome, Accepted)

    play(story)


def test_fast_fills_are_hints() -> None:
    """Whoever is entitled to the channel hears of executions there first; each counts
    once, with the fee that only the order tells."""

    async def story(at: Desk) -> None:
        events = at.session.events()
        order = await at.session.buy(at.symbol, "0.020", limit=at.price("0.99"))
        for _ in range(2):
            await fill_by_others(at, order.price, "0.010")
        await at.until(lambda: order.status is OrderStatus.FILLED)
        fills = await drained(events, FillEvent)
        assert [event.fill.qty for event in fills] == [D("0.010")] * 2
        assert all(event.fill.fee for event in fills)

    play(story, FaceConfig(has_fast_fills=True))


def test_forced_executions_have_negative_numbers_and_count_once() -> None:
    """The channel of orders tells none for them; the fills come by asking."""

    async def story(at: Desk) -> None:
        events = at.session.events()
        await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
        await at.until(lambda: bool(at.session.positions))
        at.control("transfer", asset="USDT", amount="-99000")
        at.control("mark", symbol=at.symbol, price=str(at.price("0.80")))
        await at.until(lambda: not at.session.positions, 15)
        await at.session.reconcile()
        fills = [event.fill for event in await drained(events, FillEvent)]
        forced = [fill for fill in fills if fill.origin is Origin.LIQUIDATION]
        assert forced
        assert all(fill.trade_id.startswith("-") for fill in forced)
        assert len({fill.trade_id for fill in forced}) == len(forced)
        assert sum(fill.qty for fill in forced) == D("0.100")

    play(story)


def test_the_switch_is_kept_armed() -> None:
    """``dead_man_s``: cancel-all-after is armed before an order rests, and renewed;
    when nobody renews it, the venue cancels, and it is told so."""

    async def story(at: Desk) -> None:
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        engine = at.server.faces[0].engine
        assert engine.open_orders("main")
        at.session._open_shell.core.dead_man.tick = lambda now: None  # nobody renews
        now_ms = engine.now_ms
        engine.advance(now_ms + 11_000)
        assert not engine.open_orders("main")
        await at.session.reconcile()
        assert order.status is OrderStatus.CANCELED
        assert "cancel-all-after" in order.order.reason

    play(story, dead_man_s=10)


def test_what_was_attached_is_our_own() -> None:
    """Its name says to which order it belongs, so that it is no
    stranger's; it can be amended and cancelled as any other."""

    async def story(at: Desk) -> None:
        order = await at.session.buy(
            at.symbol,
            "0.010",
            attach_take_profit=at.price("1.03"),
            attach_stop_loss=at.price("0.97"),
        )
        await order.wait_done(5)
        await at.until(lambda: bool(at.session.orders))
        (waiting,) = at.session.orders
        assert waiting.origin is Origin.OWN
        assert waiting.client_order_id == f"{order.client_order_id}X"
        changed = await at.session.amend(waiting, trigger_price=at.price("0.98"))
        assert isinstance(changed, Accepted)
        assert isinstance(await at.session.cancel(waiting), Accepted)
        assert at.session.orders == []

    play(story)


def test_the_account_mode_is_told_and_obeyed() -> None:
    """Multi-currency: the venue's own totals, in USD."""

    async def story(at: Desk) -> None:
        await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
        await at.until(lambda: bool(at.session.margin and at.session.positions))
        margin = at.session.margin
        assert margin is not None
        assert margin.currency == "USD"
        assert margin.equity == D(margin.venue_fields["adjEq"])

    play(story, FaceConfig(account_level=3))


@pytest.mark.parametrize(
    ("symbol", "error", "what"),
    [
        ("BTC-USD-261225-60000-C", Unsupported, "options"),
        ("BTC-USDT", Unsupported, "spot"),
        ("BTC-USDX-SWAP", InvalidOrder, "the venue trades"),
    ],
)
def test_what_is_not_traded_is_refused_here(
    symbol: str, error: type[Exception], what: str
) -> None:
    """Nothing of it is journaled or sent."""

    async def story(at: Desk) -> None:
        with pytest.raises(error, match=what):
            await at.session.buy(symbol, "0.010")
        assert not at.ledger()["orders"]

    play(story)


def test_a_crowded_channel_is_dialed_again() -> None:
    """Too many connections have a channel: acknowledged and dead all the same. The
    stream is given up, the gap is told and closed."""

    async def story(at: Desk) -> None:
        events = at.session.events()
        at.control("conn_count_error", channel="orders")
        report = (await at.resynced(events, timeout_s=20)).report
        assert report.reason is not None
        await at.until(lambda: at.session.is_live)
        await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
        assert not [e for e in await drained(events, Alarm) if "risk" in e.code]

    play(story)


def test_cancel_all_of_one_instrument() -> None:
    """There is no such call: what is open there is listed and cancelled, conditional
    orders by calls of their own; orders of other instruments stay."""

    async def story(at: Desk) -> None:
        other = "ETH-USDT-SWAP"
        tick = at.session.instruments[other].tick_size
        mark = at.server.faces[0].engine.quote(other).mark
        low = (mark * D("0.97") / tick).to_integral_value() * tick
        kept = await at.session.buy(other, "0.1", limit=low)
        for factor in ("0.97", "0.96"):
            await at.session.buy(at.symbol, "0.010", limit=at.price(factor))
        await at.session.sell(at.symbol, "0.010", stop=at.price("0.95"))
        ended = await at.session.cancel_all(at.symbol)
        assert [order.status for order in ended] == [OrderStatus.CANCELED] * 3
        assert [o.client_order_id for o in at.session.orders] == [kept.client_order_id]
        await at.session.cancel_all()
        assert at.session.orders == []

    play(story)


def test_a_batch_is_judged_row_by_row() -> None:
    """``code`` 2 says that some failed; each row's ``sCode`` says which, and why."""

    async def story(at: Desk) -> None:
        good = make_intent(Side.BUY, at.symbol, "0.010", limit=at.price("0.97"))
        shut = make_intent(
            Side.SELL, at.symbol, "0.010", limit=at.price("1.03"), reduce_only=True
        )
        taking = make_intent(
            Side.BUY, at.symbol, "0.010", limit=at.price("1.01"), post_only=True
        )
        orders = await at.session.submit_batch([good, shut, taking, good])
        kinds = [type(order.outcome) for order in orders]
        assert kinds == [Accepted, Rejected, Accepted, Accepted]
        assert isinstance(orders[1].outcome, Rejected)
        assert orders[1].outcome.code == "51169"
        # What would have taken was accepted, and ended by itself.
        done = await orders[2].wait_done(5)
        assert done.status is OrderStatus.EXPIRED
        outcomes = await at.session.cancel_batch([orders[0], orders[2], orders[3]])
        assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted]

    play(story)
