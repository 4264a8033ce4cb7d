"""Cancel-all of the whole account: one wish, whatever the instruments."""

from __future__ import annotations

from typing import Any

from connector.model.ids import Symbol
from connector.model.order import OrderStatus

ETH = Symbol("ETHUSDT")


def test_every_instrument_is_covered(desk: Any, story: Any) -> None:
    """Law 2: the call is done; each order ends by its own evidence."""
    for name, symbol in (("c1", story.BTC), ("c2", ETH)):
        desk.submit(desk.intent(symbol=symbol))
        fact = desk.state(name, f"v-{name}", symbol=symbol)
        desk.answer("place", story.ok(fact))
    ticket = desk.cancel_all(None)
    assert desk.open_calls("cancel_all")
    desk.answer("cancel_all", story.ok())
    assert len(desk.outcomes[ticket]) == 1
    shown = {desk.order(name).status for name in ("c1", "c2")}
    assert shown == {OrderStatus.PENDING_CANCEL}
    canceled = OrderStatus.CANCELED
    desk.push(desk.state("c1", "v-c1", canceled))
    desk.push(desk.state("c2", "v-c2", canceled, symbol=ETH))
    assert {desk.status(name) for name in ("c1", "c2")} == {canceled}
