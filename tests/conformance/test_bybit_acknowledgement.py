"""Bybit over loopback: code 0 to an order says that it was received, no more."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest
from venue import API_KEY, API_SECRET, Desk, desk, urls_of

from connector.embedded import credentials_for
from connector.errors import InvalidOrder, Unsupported
from connector.model.events import OrderUpdate
from connector.model.order import Accepted, OrderStatus, Rejected
from connector.paper.venue import paper_server
from connector.session import Session

VENUE = "bybit-v5"


def play(story: Callable[[Desk], Awaitable[None]]) -> None:
    """Run *story* on a fresh venue, with a deadline."""

    async def run() -> None:
        async with asyncio.timeout(30), desk(VENUE) as at:
            await story(at)

    asyncio.run(run())


def test_an_order_refused_after_its_acknowledgement_is_rejected() -> None:
    """`await buy()` does not return Accepted on the acknowledgement: it waits for the
    stream, which tells the refusal; the order never was NEW."""

    async def story(at: Desk) -> None:
        events = at.session.events()
        at.control("refuse_later", on=True)
        order = await at.session.sell(at.symbol, "0.010", reduce_only=True)
        assert isinstance(order.outcome, Rejected)
        assert order.status is OrderStatus.REJECTED
        await asyncio.sleep(0.1)
        states = []
        while events.backlog:
            event = await anext(events)
            if isinstance(event, OrderUpdate):
                states.append(event.order.status)
        assert states == [OrderStatus.PENDING_NEW, OrderStatus.REJECTED]

    play(story)


def test_an_acknowledged_order_that_the_stream_never_tells_is_found() -> None:
    """The topic is mute: the acknowledgement alone is no outcome, asking is."""

    async def story(at: Desk) -> None:
        at.control("mute", kind="private", event="order", hold=6)
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        assert isinstance(order.outcome, Accepted)
        ids = [row["client_order_id"] for row in at.ledger()["orders"].values()]
        assert ids == [order.client_order_id]

    play(story)


def test_what_the_fresh_store_forgot_is_found_in_the_history() -> None:
    """The order query forgets closed orders when it restarts: an order that ended in
    a gap is found in the history."""

    async def story(at: Desk) -> None:
        order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
        at.control("outage", hold=0.5)
        rows = at.server.faces[0].engine
        rows.cancel_all("main", now_ms=rows.now_ms)
        at.control("forget")
        await at.until(lambda: not at.session.is_live)
        await at.session.wait_live(timeout_s=10)
        assert order.status is OrderStatus.CANCELED

    play(story)


def test_without_order_entry_everything_goes_by_rest() -> None:
    """The demo account has no order entry over WebSocket."""

    async def run() -> None:
        server = paper_server(VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=1)
        async with asyncio.timeout(30), server:
            urls = dataclasses.replace(urls_of(server), ws_api="")
            async with Session(
                f"paper:{VENUE}",
                endpoints=urls,
                credentials=credentials_for(VENUE, API_KEY, API_SECRET),
                journal="memory",
            ) as session:
                order = await session.buy("BTCUSDT", "0.010", limit="58000")
                assert isinstance(order.outcome, Accepted)
                assert isinstance(await order.amend(price="58010"), Accepted)
                assert isinstance(await order.cancel(), Accepted)
                assert "ws_api" not in server.control.apply("state", {})["sockets"]

    asyncio.run(run())


def test_options_spot_and_inverse_contracts_are_refused_by_kind() -> None:
    """Before anything is journaled or sent; a misspelt name is told otherwise."""

    async def story(at: Desk) -> None:
        for symbol, what in (
            ("BTC-26DEC26-90000-C", "options"),
            ("ETH-26DEC26-4000-P-USDT", "options"),
            ("BTCUSD", "inverse"),
            ("BTCUSDZ26", "inverse"),
            ("BTC/USDT", "spot"),
        ):
            with pytest.raises(Unsupported, match=what):
                await at.session.buy(symbol, "1", limit="1")
        with pytest.raises(InvalidOrder, match="symbol"):
            await at.session.buy("BTCUSTD", "1", limit="1")
        assert at.ledger()["orders"] == {}

    play(story)
