"""The conformance list: what every venue must do, over loopback, with defaults.

A case is one coroutine; its number is its place in CASES. A venue that cannot do a
thing must say `Unsupported` before anything is sent, which is a case of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from decimal import Decimal as D
from typing import Any

import httpx
import pytest
from harness import HARNESSES
from venue import Case, Desk, desk

from connector.dialect import Capability
from connector.errors import InvalidOrder, NotLive, Unsupported, UsageError
from connector.model.events import (
    FillEvent,
    GapReason,
    LedgerUpdate,
    LinkState,
    OrderUpdate,
)
from connector.model.order import (
    Accepted,
    OrderStatus,
    Origin,
    Rejected,
    Side,
)
from connector.paper.faces.registry import playbook_of
from connector.session.intents import make_intent

CASE_COUNT = 40
CASES: list[Case] = []


def case(body: Case) -> Case:
    """Add to the list."""
    CASES.append(body)
    return body


@pytest.mark.parametrize("venue", sorted(HARNESSES))
@pytest.mark.parametrize("number", range(CASE_COUNT), ids=lambda n: f"{n:02d}")
def test_case(venue: str, number: int) -> None:
    """Every venue passes every case of the list."""
    if number >= len(CASES):
        pytest.fail("the range above is longer than the list")

    async def run() -> None:
        async with asyncio.timeout(30), desk(venue) as at:
            await CASES[number](at)

    asyncio.run(run())


def test_every_case_is_run() -> None:
    """The numbers above cover the list exactly."""
    assert len(CASES) == CASE_COUNT


# --- orders ---


@case
async def limit_order_rests(at: Desk) -> None:
    """A limit order away from the market is accepted and rests."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    assert isinstance(order.outcome, Accepted)
    assert order.status is OrderStatus.NEW
    assert [o.client_order_id for o in at.session.orders] == [order.client_order_id]


@case
async def market_order_fills(at: Desk) -> None:
    """A market order fills; position and wallet equal the ledger's."""
    order = await at.session.buy(at.symbol, "0.010")
    assert (await order.wait_done(5)).status is OrderStatus.FILLED
    await at.until(lambda: bool(at.session.positions))
    assert at.session.positions[0].qty == D("0.010")
    assert_ledger_equal(at)


@case
async def ioc_remainder_expires(at: Desk) -> None:
    """An IOC order that nobody meets expires unfilled."""
    order = await at.session.buy(
        at.symbol, "0.010", limit=at.price("0.97"), time_in_force="IOC"
    )
    done = await order.wait_done(5)
    assert (done.status, done.filled_qty) == (OrderStatus.EXPIRED, 0)


@case
async def fok_is_all_or_nothing(at: Desk) -> None:
    """A FOK order that cannot fill whole leaves no trace in the position."""
    order = await at.session.buy(
        at.symbol, "0.010", limit=at.price("0.97"), time_in_force="FOK"
    )
    assert order.filled_qty == 0
    assert not order.is_open
    assert at.session.positions == []


@case
async def post_only_rests_or_is_refused(at: Desk) -> None:
    """Post-only never takes: it rests away from the market, and ends at it."""
    resting = await at.session.buy(
        at.symbol, "0.010", limit=at.price("0.97"), post_only=True
    )
    assert resting.status is OrderStatus.NEW
    crossing = await at.session.buy(
        at.symbol, "0.010", limit=at.price("1.01"), post_only=True
    )
    assert crossing.filled_qty == 0
    assert not crossing.is_open


@case
async def reduce_only_cannot_open(at: Desk) -> None:
    """Reduce-only without a position is refused by the venue, as a value."""
    order = await at.session.sell(at.symbol, "0.010", reduce_only=True)
    assert isinstance(order.outcome, Rejected)
    assert order.outcome.code
    assert order.status is OrderStatus.REJECTED


@case
async def reduce_only_closes(at: Desk) -> None:
    """Reduce-only closes what is held and no more."""
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    order = await at.session.sell(at.symbol, "0.010", reduce_only=True)
    await order.wait_done(5)
    await at.until(lambda: not at.session.positions)
    assert_ledger_equal(at)


@case
async def cancel_ends_canceled(at: Desk) -> None:
    """A cancel is Accepted when the order ended cancelled."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    outcome = await order.cancel()
    assert isinstance(outcome, Accepted)
    assert order.status is OrderStatus.CANCELED
    assert at.session.orders == []


@case
async def cancel_after_fill_is_too_late(at: Desk) -> None:
    """A cancel of a filled order is Rejected and tells the fill."""
    order = await at.session.buy(at.symbol, "0.010")
    await order.wait_done(5)
    outcome = await order.cancel()
    assert isinstance(outcome, Rejected)
    assert outcome.order.status is OrderStatus.FILLED


@case
async def amend_changes_terms(at: Desk) -> None:
    """An amend changes price and quantity of the same order."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    venue_id = order.venue_order_id
    outcome = await order.amend(qty="0.012", price=at.price("0.96"))
    assert isinstance(outcome, Accepted)
    assert (order.qty, order.price) == (D("0.012"), at.price("0.96"))
    assert order.venue_order_id == venue_id


@case
async def batch_has_one_outcome_each(at: Desk) -> None:
    """A batch with one bad order: the others stand."""
    good = make_intent(Side.BUY, at.symbol, "0.010", limit=at.price("0.97"))
    bad = make_intent(
        Side.SELL, at.symbol, "0.010", limit=at.price("1.03"), reduce_only=True
    )
    orders = await at.session.submit_batch([good, bad, good])
    kinds = [type(order.outcome) for order in orders]
    assert kinds == [Accepted, Rejected, Accepted]
    outcomes = await at.session.cancel_batch([orders[0], orders[2]])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]


@case
async def cancel_all_leaves_nothing(at: Desk) -> None:
    """Cancel-all ends every open order, conditional ones included."""
    for factor in ("0.97", "0.96", "0.955"):
        await at.session.buy(at.symbol, "0.010", limit=at.price(factor))
    await at.session.sell(at.symbol, "0.010", stop=at.price("0.95"))
    ended = await at.session.cancel_all()
    assert [order.status for order in ended] == [OrderStatus.CANCELED] * 4
    assert at.session.orders == []


@case
async def conditional_order_triggers(at: Desk) -> None:
    """A stop waits, triggers, and is followed to its real order's fill."""
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    stop = await at.session.sell(
        at.symbol, "0.010", stop=at.price("0.98"), trigger_by="MARK", reduce_only=True
    )
    assert stop.status is OrderStatus.NEW
    at.control("mark", symbol=at.symbol, price=str(at.price("0.97")))
    done = await stop.wait_done(10)
    assert done.status is OrderStatus.FILLED
    assert done.triggered_order_id is not None
    await at.until(lambda: not at.session.positions)
    assert_ledger_equal(at)


@case
async def conditional_order_cancels(at: Desk) -> None:
    """A stop that waits can be cancelled."""
    stop = await at.session.sell(at.symbol, "0.010", stop=at.price("0.95"))
    assert isinstance(await stop.cancel(), Accepted)
    assert stop.status is OrderStatus.CANCELED


@case
async def partial_fill_is_told(at: Desk) -> None:
    """A resting order filled in parts: each fill once, sums equal."""
    events = at.session.events()
    order = await at.session.buy(at.symbol, "0.030", limit=at.price("0.99"))
    await fill_by_others(at, order.price, "0.010")
    await at.until(lambda: order.filled_qty == D("0.010"))
    assert order.status is OrderStatus.PARTIALLY_FILLED
    await order.cancel()
    assert (order.status, order.filled_qty) == (OrderStatus.CANCELED, D("0.010"))
    fills = await drained(events, FillEvent)
    assert [event.fill.qty for event in fills] == [D("0.010")]
    assert_ledger_equal(at)


# --- account ---


@case
async def margin_is_live(at: Desk) -> None:
    """Margin follows the mark price without any account event."""
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    await at.until(lambda: at.session.margin is not None)
    before = at.session.margin
    at.control("mark", symbol=at.symbol, price=str(at.price("1.01")))
    await at.until(lambda: at.session.margin.equity > before.equity + 10, timeout_s=10)
    assert at.session.margin.wallet == before.wallet


@case
async def margin_equals_the_venues(at: Desk) -> None:
    """Computed margin equals what the venue computes from the same numbers."""
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    await at.session.buy(at.symbol, "0.050", limit=at.price("0.97"))
    await asyncio.sleep(1.2)  # one public mark price
    await at.session.reconcile()
    margin = at.session.margin
    told = margin.venue_fields
    names = at.harness.margin_fields
    assert margin.wallet == D(told[names["wallet"]])
    for ours, theirs in (
        (margin.equity, "equity"),
        (margin.initial_margin, "initial"),
        (margin.maintenance_margin, "maintenance"),
        (margin.available, "available"),
    ):
        assert abs(ours - D(told[names[theirs]])) < D("0.00001"), theirs


@case
async def leverage_can_be_set(at: Desk) -> None:
    """Leverage changes at the venue and here."""
    if await cannot(at, Capability.SET_LEVERAGE, at.session.set_leverage(at.symbol, 5)):
        return
    await at.session.set_leverage(at.symbol, 5)
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    await at.until(lambda: bool(at.session.positions))
    assert at.session.positions[0].leverage == 5


@case
async def margin_mode_can_be_set(at: Desk) -> None:
    """Isolated margin, twice: the second time is no error; asked for what is not
    there (of the account, or of one instrument) nothing is sent."""
    if await cannot(
        at,
        Capability.ISOLATED_MARGIN,
        at.session.set_margin_mode(at.symbol, "isolated"),
    ):
        return
    is_accounts = at.facts.margin_mode_of_account
    with pytest.raises(Unsupported, match="it is of"):
        await at.session.set_margin_mode(at.symbol if is_accounts else None, "isolated")
    where = None if is_accounts else at.symbol
    await at.session.set_margin_mode(where, "isolated")
    await at.session.set_margin_mode(where, "isolated")
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    await at.until(lambda: bool(at.session.positions))
    assert at.session.positions[0].margin_mode.value == "isolated"


@case
async def hedge_mode_holds_both_sides(at: Desk) -> None:
    """In hedge mode long and short are held side by side, and closed."""
    if await cannot(
        at, Capability.HEDGE_MODE, at.session.set_hedge_mode(is_hedge=True)
    ):
        return
    await at.session.set_hedge_mode(is_hedge=True)
    await at.session.reconcile()
    with pytest.raises(InvalidOrder, match="LONG or SHORT"):
        await at.session.buy(at.symbol, "0.010")
    await (await at.session.buy(at.symbol, "0.010", position_side="LONG")).wait_done(5)
    await (await at.session.sell(at.symbol, "0.020", position_side="SHORT")).wait_done(
        5
    )
    await at.until(lambda: len(at.session.positions) == 2)
    assert sorted(p.qty for p in at.session.positions) == [D("-0.020"), D("0.010")]
    assert_ledger_equal(at)


@case
async def funding_is_told(at: Desk) -> None:
    """Funding shows as a ledger entry, and the wallet ties out."""
    await (await at.session.buy(at.symbol, "0.100")).wait_done(5)
    events = at.session.events()
    at.control("funding", symbol=at.symbol, rate="0.0005")
    if at.harness.funding_verb:
        at.control(at.harness.funding_verb)
    kind = at.harness.funding_kind
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, LedgerUpdate) and event.entry.kind == kind:
                break
    assert event.entry.amount < 0
    report = await at.session.reconcile()
    assert report.differences_left == ()


@case
async def transfer_is_told(at: Desk) -> None:
    """A transfer changes the wallet and is named."""
    events = at.session.events()
    asset, before = at.harness.asset, D(at.harness.wallet)
    taken = before / 100
    at.control("transfer", asset=asset, amount=str(-taken))
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, LedgerUpdate) and event.entry.kind == "transfer":
                break
    assert event.entry.amount == -taken
    assert at.session.balances[asset].wallet == before - taken


@case
async def liquidation_is_a_fact(at: Desk) -> None:
    """A liquidation is adopted as such, with its fills; nothing is disguised."""
    if Capability.SET_LEVERAGE in at.capabilities:
        await at.session.set_leverage(at.symbol, 20)
    await (await at.session.buy(at.symbol, "20")).wait_done(5)
    events = at.session.events()
    at.control("liquidate", symbol=at.symbol)
    await at.until(lambda: not at.session.positions, timeout_s=10)
    async with asyncio.timeout(10):  # not every stream tells such executions
        async for event in events:
            if isinstance(event, FillEvent) and event.fill.origin is not Origin.OWN:
                break
    assert event.fill.origin is Origin.LIQUIDATION


# --- gaps ---


@case
async def outage_fill_is_known_within_a_second(at: Desk) -> None:
    """A fill during a 1.5 s outage shows within 1 s of the venue's return."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.99"))
    events = at.session.events()
    async with httpx.AsyncClient() as client:
        url = f"{at.server.urls['control']}/outage"
        answer = await client.post(url, json={"hold": 1.5, "fill": True})
        began = time.monotonic()
        assert answer.status_code == 200
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, FillEvent):
                break
    known_s = time.monotonic() - began
    assert event.recovered
    assert event.fill.client_order_id == order.client_order_id
    assert known_s < 2.5
    await at.until(lambda: at.session.is_live)
    assert_ledger_equal(at)


@case
async def stale_refuses_new_exposure(at: Desk) -> None:
    """While stale: new exposure is refused, the reason says so, cancels work."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    at.control("outage", hold=1.5, fill=False)
    await at.until(lambda: not at.session.is_live)
    assert at.session.age_s >= 0
    with pytest.raises(NotLive, match="refused"):
        await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    assert isinstance(await order.cancel(), Accepted)
    await at.session.wait_live(timeout_s=10)
    assert at.session.orders == []


@case
async def manual_order_in_gap_is_adopted(at: Desk) -> None:
    """An order typed in by hand during an outage is adopted as external."""
    events = at.session.events()
    at.control("outage", hold=0.5, fill=False)
    at.control(
        "manual",
        symbol=at.symbol,
        side="BUY",
        qty="0.020",
        price=str(at.price("0.97")),
        type="LIMIT",
    )
    report = (await at.resynced(events)).report
    assert report.reason is GapReason.DISCONNECT
    assert [o.origin for o in report.external_orders] == [Origin.EXTERNAL]
    assert len(at.session.orders) == 1
    outcome = await at.session.cancel(at.session.orders[0])
    assert isinstance(outcome, Accepted)


@case
async def lost_reply_is_found(at: Desk) -> None:
    """An order whose reply was lost is found and accepted, not sent again."""
    at.control("lose_reply", method="", path="order", times=1)
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    assert isinstance(order.outcome, Accepted)
    ids = [row["client_order_id"] for row in at.ledger()["orders"].values()]
    assert ids.count(order.client_order_id) == 1


@case
async def stall_is_found_out(at: Desk) -> None:
    """A half-open stream (nothing arrives, nothing breaks) is left within bounds."""
    events = at.session.events()
    at.control("stall", kind="private", hold=2.0)
    began = time.monotonic()
    report = (await at.resynced(events, timeout_s=25)).report
    assert report.reason is GapReason.STALL
    assert time.monotonic() - began < 20


@case
async def mute_topic_is_found_out(at: Desk) -> None:
    """Pings are answered and order events do not come: the echo that is due finds
    out, or before it an audit."""
    events = at.session.events()
    at.control("mute", kind="private", event=at.harness.order_event, hold=2.0)
    await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    report = (await at.resynced(events, timeout_s=25)).report
    assert report.reason in (GapReason.MUTE, GapReason.AUDIT_MISMATCH)
    assert_ledger_equal(at)


@case
async def duplicates_are_dropped(at: Desk) -> None:
    """Every frame twice: each fill is told once."""
    events = at.session.events()
    at.control("duplicate", kind="private", copies=2, times=50)
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    await asyncio.sleep(0.2)
    fills = await drained(events, FillEvent)
    assert len(fills) == len(at.ledger()["fills"])
    assert_ledger_equal(at)


@case
async def restart_of_the_venue(at: Desk) -> None:
    """Everything drops for a while; afterwards all is as before."""
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    at.control("restart", hold=0.7)
    await at.until(lambda: not at.session.is_live)
    await at.session.wait_live(timeout_s=15)
    assert [o.client_order_id for o in at.session.orders] == [order.client_order_id]
    assert_ledger_equal(at)


@case
async def reconcile_on_demand_is_clean(at: Desk) -> None:
    """Asked for a report with nothing missed: it says so."""
    await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    report = await at.session.reconcile()
    assert report.is_clean
    assert report.missed_fills == ()
    assert report.requests > 0
    assert "differences left" in report.text()


@case
async def rotation_is_seamless(at: Desk) -> None:
    """A planned rotation brings the new stream up first: no gap is told."""
    events = at.session.events()
    core = at.session._open_shell.core
    core.link.rotate(at.session._open_shell.now())
    at.session._open_shell.post(_tick())
    await at.until(lambda: core.link.rotations == 1)
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    fills = await drained(events, FillEvent)
    assert len(fills) == len(at.ledger()["fills"])
    assert at.session.state is LinkState.LIVE


# --- bad input ---


@case
async def unknown_symbol_is_refused_here(at: Desk) -> None:
    """An unknown symbol names what is close; nothing is sent."""
    with pytest.raises(InvalidOrder, match=f"(?s)symbol.*{at.symbol}"):
        await at.session.buy("BTCUSD-NONE", "0.010")
    assert at.ledger()["orders"] == {}


@case
async def off_tick_price_is_refused_here(at: Desk) -> None:
    """An off-tick price names the nearest allowed one."""
    price = at.price("0.97") + at.session.instruments[at.symbol].tick_size / 2
    with pytest.raises(InvalidOrder, match="nearest allowed"):
        await at.session.buy(at.symbol, "0.010", limit=price)
    assert at.ledger()["orders"] == {}


@case
async def bad_quantities_are_refused_here(at: Desk) -> None:
    """Zero, negative, NaN, infinite, floats, off-step, huge, tiny notional."""
    off_step = D("0.010") + at.session.instruments[at.symbol].qty_step / 2
    bad: list[Any] = ["0", "-1", "NaN", "Infinity", 0.01, off_step, "1e9", "abc", True]
    for qty in bad:
        with pytest.raises(InvalidOrder):
            await at.session.buy(at.symbol, qty, limit=at.price("0.97"))
    assert at.ledger()["orders"] == {}


@case
async def price_far_from_the_mark_is_refused_here(at: Desk) -> None:
    """A price outside the venue's band names the bound; where the venue does not
    tell it before, the venue refuses."""
    is_told = at.session.instruments[at.symbol].percent_up is not None
    if not (at.harness.has_band and is_told):
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("2"))
        assert isinstance(order.outcome, Rejected)
        return
    with pytest.raises(InvalidOrder, match="mark price"):
        await at.session.buy(at.symbol, "0.010", limit=at.price("2"))


@case
async def unknown_order_is_refused_here(at: Desk) -> None:
    """Cancelling what nobody knows is an error of usage."""
    with pytest.raises(UsageError, match="no order nonsense"):
        await at.session.cancel("nonsense")


@case
async def contradictions_are_refused_here(at: Desk) -> None:
    """Options that exclude each other are named."""
    for options in (
        {"stop": "1", "take_profit": "2"},
        {"time_in_force": "GTD", "limit": at.price("0.97")},
        {"time_in_force": "sometimes", "limit": at.price("0.97")},
        {"post_only": True},
        {"position_side": "LONG"},
    ):
        with pytest.raises((InvalidOrder, Unsupported)):
            await at.session.buy(at.symbol, "0.010", **options)
    assert at.ledger()["orders"] == {}


@case
async def events_tell_a_whole_life(at: Desk) -> None:
    """Pending, new, canceled: each state once, in this order."""
    events = at.session.events()
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    await order.cancel()
    updates = await drained(events, OrderUpdate)
    told = [event.order.status.value for event in updates]
    assert told == ["PENDING_NEW", "NEW", "PENDING_CANCEL", "CANCELED"]
    assert [e.seq for e in updates] == sorted(e.seq for e in updates)


# --- helpers ---


def _tick() -> Any:
    from connector.core.inputs import Tick

    return Tick()


async def cannot(at: Desk, capability: Capability, attempt: Awaitable[Any]) -> bool:
    """The venue lacks it: then the attempt says so, and nothing is sent."""
    if capability in at.capabilities:
        attempt.close()  # type: ignore[attr-defined]  # a coroutine nobody awaits
        return False
    with pytest.raises(Unsupported):
        await attempt
    return True


async def fill_by_others(at: Desk, price: D | None, qty: str) -> None:
    """Somebody trades *qty* against our resting order."""
    assert price is not None
    at.control("liquidity", symbol=at.symbol, factor="0")
    at.control(
        "manual",
        account="others",
        symbol=at.symbol,
        side="SELL",
        qty=qty,
        price=str(price),
        type="LIMIT",
    )
    at.control("liquidity", symbol=at.symbol, factor="1")


async def drained(events: Any, kind: type) -> list[Any]:
    """Events of *kind* among those that are queued now."""
    found = []
    await asyncio.sleep(0.05)
    while events.backlog:
        event = await anext(events)
        if isinstance(event, kind):
            found.append(event)
    return found


def assert_ledger_equal(at: Desk) -> None:
    """Orders, positions and wallets equal the venue's own ledger."""
    truth = at.ledger()
    open_here = {o.venue_order_id: o.filled_qty for o in at.session.orders}
    shown = playbook_of(at.server.faces[0].venue).order_id
    open_there = {
        shown(row["symbol"], int(order_id)): D(row["filled_qty"])
        for order_id, row in truth["orders"].items()
        if row["status"] in ("NEW", "PARTIALLY_FILLED")
    }
    assert open_here == open_there
    sides = {"NET": "BOTH"}
    here = {
        f"{p.symbol}:{sides.get(p.position_side, p.position_side)}": p.qty
        for p in at.session.positions
    }
    assert here == {key: D(qty) for key, qty in truth["positions"].items()}
    for asset, wallet in truth["balances"].items():
        assert at.session.balances[asset].wallet == D(wallet)
