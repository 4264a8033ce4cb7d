"""What happens while nobody listens."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from venue import Desk
from venue_cases import (
    assert_ledger_equal,
    case,
    drained,
)

from connector.errors import NotLive
from connector.model.events import (
    FillEvent,
    GapReason,
    LinkState,
)
from connector.model.order import (
    Accepted,
    Origin,
)


def _tick() -> Any:
    from connector.core.inputs import Tick

    return Tick()


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
