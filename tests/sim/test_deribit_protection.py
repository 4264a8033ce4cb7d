"""Cancel-on-disconnect: looked at, armed where the key may, and what follows."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest
from deribit_desk import PERPETUAL, tell

from connector.errors import Unprotected
from connector.model.order import Accepted, OrderStatus
from connector.paper.faces.deribit import Deribit
from connector.paper.server import PaperServer
from connector.session import Session
from connector.sim.world import World

MAY_ARM = {"max_scope": "account:read_write trade:read_write wallet:read"}
ASKS = {"account": "read_write"}


def face_of(server: PaperServer) -> Deribit:
    (face,) = server.faces
    assert isinstance(face, Deribit)
    return face


async def back_live(session: Session) -> None:
    async with asyncio.timeout(60):
        while not session.is_live:
            await session.changed()


def test_armed_on_request_where_the_scope_allows() -> None:
    """The connection of order entry is armed before the first order leaves; when it
    breaks, the venue cancels what was placed on it, and the next one is armed."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        state = face_of(server).state
        resting = await session.buy(PERPETUAL, 10, limit=D(95_000))
        stop = await session.sell(PERPETUAL, 10, stop=D(90_000))
        assert isinstance(resting.outcome, Accepted)
        (socket_id,) = state.protected_sockets
        assert set(state.origins.values()) == {socket_id}
        server.control.apply("cut", {"kind": "ws_api"})
        async with asyncio.timeout(10):
            while resting.is_open or stop.is_open:
                await session.changed()
        assert resting.status is OrderStatus.CANCELED
        assert stop.status is OrderStatus.CANCELED
        again = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(again.outcome, Accepted)
        (other,) = state.protected_sockets
        assert other != socket_id
        assert state.origins[int(str(again.venue_order_id).split("-")[-1])] == other

    tell(story, face=MAY_ARM, settings=ASKS, dead_man_s=30)


@pytest.mark.parametrize(
    ("face", "settings"),
    [({}, ASKS), (MAY_ARM, {}), ({}, {})],
    ids=["the key may not", "nobody asked", "neither"],
)
def test_not_armed_is_no_exposure(face: Any, settings: dict[str, str]) -> None:
    """Without the scope orders that add exposure are refused, with what to do."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        with pytest.raises(Unprotected, match="switch it on for the account"):
            await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert server.control.apply("state")["orders"] == {}

    tell(story, face=face, settings=settings, dead_man_s=30)


def test_switched_on_by_hand_is_as_good() -> None:
    """For the whole account, on the web page: only looked at here."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        state = face_of(server).state
        state.protected_accounts.add("main")
        await asyncio.sleep(10)  # it is looked at again by and by
        order = await session.buy(PERPETUAL, 10, limit=D(95_000))
        assert isinstance(order.outcome, Accepted)
        assert state.protected_sockets == set()

    tell(story, dead_man_s=30)


def test_exposure_waits_for_the_connection_that_protects() -> None:
    """Order entry is down: nothing that adds exposure goes by HTTP instead, since no
    disconnect would ever cancel it; a cancel does."""

    async def story(world: World, server: PaperServer, session: Session) -> None:
        resting = await session.buy(PERPETUAL, 10, limit=D(95_000))
        state = face_of(server).state
        state.protected_sockets.clear()  # so that the order survives the outage
        server.control.apply("outage", {"kinds": ["ws_api"], "hold": 60})
        await asyncio.sleep(1)
        with pytest.raises(Unprotected):
            await session.buy(PERPETUAL, 10, limit=D(94_000))
        assert isinstance(await resting.cancel(), Accepted)

    tell(story, face=MAY_ARM, settings=ASKS, dead_man_s=30)
