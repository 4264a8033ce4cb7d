"""Venues that tell the account on two streams: live only while both are up."""

from __future__ import annotations

from typing import Any

from connector.core.inputs import LinkRole, StreamClosed
from connector.model.events import GapReason, LinkState
from connector.model.order import OrderStatus


def test_losing_the_second_stream_is_a_gap(story: Any) -> None:
    """What the lost stream told meanwhile is asked for before LIVE."""
    desk = story.Desk(second="wss://tiny/second").open()
    second = desk.core.second_link
    assert second is not None
    assert second.is_ready
    before = desk.core.trust.reports
    desk.feed(StreamClosed(LinkRole.SECOND, second.epoch, "reset"))
    assert desk.core.state is LinkState.DISCONNECTED
    assert desk.until_live(before).reason is GapReason.DISCONNECT
    assert second.is_ready


def test_one_stream_alone_is_not_live(story: Any) -> None:
    """The first stream is up, the second is not: nothing is called live."""
    desk = story.Desk(second="wss://tiny/second").open()
    assert desk.core.second_link is not None
    desk.streams_auto = False
    desk.feed(StreamClosed(LinkRole.SECOND, desk.core.second_link.epoch, "reset"))
    desk.wait(30)
    assert desk.core.link.is_ready
    assert not desk.core.is_live


def test_the_second_stream_speaks_of_orders(story: Any) -> None:
    """Facts of the second stream are merged like those of the first."""
    desk = story.Desk(second="wss://tiny/second").open()
    assert desk.core.second_link is not None
    fact = desk.state(None, "v1")
    desk.frame(LinkRole.SECOND, desk.core.second_link.epoch, fact)
    (order,) = desk.core.orders.snapshots(only_open=True)
    assert (order.venue_order_id, order.status) == ("v1", OrderStatus.NEW)
