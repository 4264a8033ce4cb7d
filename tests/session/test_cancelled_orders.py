"""Orders whose `await` is cancelled, or whose session is closed, at any point."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from venue import desk, session_on

from connector.config import SessionConfig
from connector.errors import SessionClosed
from connector.model.limits import BucketScope
from connector.model.order import (
    Accepted,
    InDoubt,
    Order,
    OrderStatus,
    Origin,
    Rejected,
)
from connector.session import LiveOrder

VENUE = "binance-usdm"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run with a bound."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


def resting(at: Any) -> set[str]:
    """Client ids of what rests at the venue."""
    return {row["client_order_id"] for row in at.ledger()["orders"].values()}


def known(orders: list[Order]) -> set[str]:
    """Client ids of what the session knows to rest."""
    return {order.client_order_id for order in orders if order.status == "NEW"}


def test_placing_may_be_cancelled_at_any_point() -> None:
    """Law 2: an order whose `await` was cancelled is placed or not, and known either
    way; the next one is not disturbed."""

    async def body() -> None:
        async with desk(VENUE) as at:
            session = at.session
            for turns in range(30):
                placing = asyncio.create_task(
                    session.buy(at.symbol, "0.010", limit=at.price("0.97"))
                )
                for _ in range(turns):
                    await asyncio.sleep(0)
                placing.cancel()
                await asyncio.wait({placing})
            await at.until(
                lambda: all(o.status is OrderStatus.NEW for o in session.orders)
            )
            assert len(session.orders) >= 29
            assert known(session.orders) == resting(at)
            order = await session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            assert isinstance(order.outcome, Accepted)
            shell = session._open_shell
            assert not shell._calls._permits
            assert not shell._calls._sent_ns

    run(body())


def test_waiting_for_the_limiter_may_be_cancelled() -> None:
    """Law 8: whoever waits behind a closed gate and is cancelled gives its place
    back; the order is refused as not sent, or placed, and known either way."""

    async def body() -> None:
        config = SessionConfig(order_wait_s=0.5)
        async with desk(VENUE, config=config) as at:
            session = at.session
            shell = session._open_shell
            until_ns = shell.now().mono_ns + 10 * 1_000_000_000
            gate = shell.budget._gate
            gate.close(until_ns, "closed by the test", scope=BucketScope.IP)
            placing = [
                asyncio.create_task(
                    session.buy(at.symbol, "0.010", limit=at.price("0.97"))
                )
                for _ in range(5)
            ]
            await asyncio.sleep(0.1)
            for task in placing[:3]:
                task.cancel()
            await asyncio.wait(placing)
            for task in placing[3:]:
                outcome = task.result().outcome
                assert isinstance(outcome, Rejected)
                assert not outcome.was_sent
            await at.until(lambda: session.orders == [])
            assert resting(at) == set()

    run(body())


@pytest.mark.parametrize("pause_s", [0.0, 0.0005, 0.001, 0.002, 0.004, 0.01, 0.05])
def test_closing_while_placing(pause_s: float, tmp_path: Path) -> None:
    """Law 4: whatever the order was doing, the next session on this journal knows
    it, as its own; what is not at the venue is in doubt there, never forgotten."""
    file = tmp_path / "j.db"

    async def body() -> None:
        config = SessionConfig(close_timeout_s=0.5)
        async with desk(VENUE, journal=file, config=config) as at:
            placing: asyncio.Task[LiveOrder] = asyncio.create_task(
                at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            )
            await asyncio.sleep(pause_s)
            await at.session.close()
            (done,), _ = await asyncio.wait({placing}, timeout=5)
            error = done.exception()
            told = None if error is not None else done.result().outcome
            assert isinstance(error, SessionClosed) or isinstance(
                told, (Accepted, InDoubt, Rejected)
            )
            async with session_on(at.server, VENUE, journal=file) as again:
                assert {o.origin for o in again.orders} <= {Origin.OWN}
                assert known(again.orders) == resting(at)
                others = {o.status for o in again.orders} - {OrderStatus.NEW}
                assert others <= {OrderStatus.IN_DOUBT}
                if isinstance(told, Accepted):
                    assert told.order.client_order_id in resting(at)
                if isinstance(told, Rejected) or error is not None:
                    assert resting(at) == set(), "told so, then it never left"

    run(body())
