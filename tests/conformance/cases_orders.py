"""Orders: every kind, one by one and together."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from venue import Desk
from venue_cases import (
    assert_ledger_equal,
    cannot,
    case,
    drained,
    fill_by_others,
)

from connector.dialect import Capability
from connector.errors import InvalidOrder
from connector.model.events import (
    FillEvent,
)
from connector.model.instrument import InstrumentKind
from connector.model.order import (
    Accepted,
    OrderStatus,
    Rejected,
    Side,
)
from connector.session import LiveOrder
from connector.session.intents import make_intent


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
async def conditional_order_is_amended(at: Desk) -> None:
    """A stop that waits gets another trigger and size, and then triggers there."""
    await (await at.session.buy(at.symbol, "0.020")).wait_done(5)
    stop = await at.session.sell(
        at.symbol, "0.010", stop=at.price("0.97"), trigger_by="MARK", reduce_only=True
    )
    venue_id = stop.venue_order_id
    change = stop.amend(trigger_price=at.price("0.975"))
    if await cannot(at, Capability.AMEND_CONDITIONAL, change):
        return
    changed = await stop.amend(qty="0.020", trigger_price=at.price("0.98"))
    assert isinstance(changed, Accepted)
    assert (stop.qty, stop.order.trigger_price) == (D("0.020"), at.price("0.98"))
    assert stop.venue_order_id == venue_id
    assert isinstance(await stop.amend(trigger_price=at.price("0.975")), Accepted)
    at.control("mark", symbol=at.symbol, price=str(at.price("0.974")))
    assert (await stop.wait_done(10)).status is OrderStatus.FILLED
    await at.until(lambda: not at.session.positions)
    assert_ledger_equal(at)


@case
async def trailing_stop_keeps_its_distance(at: Desk) -> None:
    """A trailing stop follows the price up, stays, and triggers on the way back."""
    await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
    mark, distance = at.mark, at.price("1") - at.price("0.99")

    async def trail() -> LiveOrder:
        return await at.session.sell(
            at.symbol,
            "0.010",
            trailing_offset=distance,
            trigger_by="MARK",
            reduce_only=True,
        )

    if await cannot(at, Capability.TRAILING_OFFSET, trail()):
        return
    stop = await trail()
    for price in (mark + 2 * distance, mark + distance + distance / 2):
        at.control("mark", symbol=at.symbol, price=str(price))
        await asyncio.sleep(0.1)
        assert stop.status is OrderStatus.NEW
    at.control("mark", symbol=at.symbol, price=str(mark + distance))
    assert (await stop.wait_done(10)).status is OrderStatus.FILLED
    await at.until(lambda: not at.session.positions)
    assert_ledger_equal(at)


@case
async def cancel_all_of_a_kind(at: Desk) -> None:
    """Only instruments of that kind are covered; a word for none is refused."""
    kind = at.session.instruments[at.symbol].kind
    order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
    (other,) = {InstrumentKind.OPTION, InstrumentKind.PERPETUAL} - {kind}
    assert await at.session.cancel_all(kind=other) == []
    assert order.is_open
    ended = await at.session.cancel_all(kind=kind.value)
    assert [o.status for o in ended] == [OrderStatus.CANCELED]
    with pytest.raises(InvalidOrder, match="perpetual"):
        await at.session.cancel_all(kind="swaption")


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


@case
async def attached_exits_close_what_was_opened(at: Desk) -> None:
    """Both wait once the order filled, as two orders or as one with two prices; the
    one that triggers ends the other."""
    exits = {
        "attach_take_profit": at.price("1.04"),
        "attach_stop_loss": at.price("0.98"),
    }
    buying = at.session.buy(at.symbol, "0.010", trigger_by="MARK", **exits)
    if await cannot(at, Capability.ATTACHED_EXITS, buying):
        return
    order = await at.session.buy(at.symbol, "0.010", trigger_by="MARK", **exits)
    await order.wait_done(5)
    await at.until(lambda: len(at.session.orders) == at.harness.exit_orders)
    waiting = at.session.orders
    assert {o.trigger_price for o in waiting} <= set(exits.values())
    assert len({o.trigger_price for o in waiting}) == len(waiting)
    assert {(o.side, o.qty) for o in waiting} == {(Side.SELL, D("0.010"))}
    at.control("mark", symbol=at.symbol, price=str(at.price("0.97")))
    await at.until(lambda: not at.session.positions and not at.session.orders)
    assert_ledger_equal(at)
