"""The list of cases, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal as D
from typing import Any

import pytest
from venue import Case, Desk

from connector.dialect import Capability
from connector.errors import Unsupported
from connector.paper.faces.registry import playbook_of

CASES: list[Case] = []


def case(body: Case) -> Case:
    """Add to the list."""
    CASES.append(body)
    return body


async def cannot(at: Desk, capability: Capability, attempt: Awaitable[Any]) -> bool:
    """The venue lacks it: then the attempt says so, and nothing is sent."""
    if capability in at.capabilities:
        attempt.close()
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
