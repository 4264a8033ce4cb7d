"""Venues that tell the account on two streams: live only while both are up."""

from __future__ import annotations

from typing import Any

from connector.core.inputs import LinkRole, StreamClosed
from connector.model.events import GapReason, LinkState
from connector.model.order import OrderStatus


def test_losing_the_second_stream_is_a_gap(story: Any) -> None:
    """What the lost stream told meanwhile is asked for before LIVE."""
    desk = story.Desk(second="wss://tiny/second").open()
    second = desk.core.streams.second
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
    assert desk.core.streams.second is not None
    desk.streams_auto = False
    desk.feed(StreamClosed(LinkRole.SECOND, desk.core.streams.second.epoch, "reset"))
    desk.wait(30)
    assert desk.core.link.is_ready
    assert not desk.core.is_live


def test_the_second_stream_speaks_of_orders(story: Any) -> None:
    """Facts of the second stream are merged like those of the first."""
    desk = story.Desk(second="wss://tiny/second").open()
    assert desk.core.streams.second is not None
    fact = desk.state(None, "v1")
    desk.frame(LinkRole.SECOND, desk.core.streams.second.epoch, fact)
    (order,) = desk.core.orders.snapshots(only_open=True)
    assert (order.venue_order_id, order.status) == ("v1", OrderStatus.NEW)


# --- where connections are counted tightly ---


def turns(story: Any, **given: Any) -> Any:
    """A desk at a venue where everybody else waits for the private stream."""
    facts = {"dials_in_turn": True}
    return story.Desk(second="wss://tiny/second", facts=facts, **given).open()


def roles_dialed(desk: Any, since: int) -> list[LinkRole]:
    """Who dialed since there were *since* dials."""
    return [effect.role for _, effect in desk.dials[since:]]


def test_others_do_not_dial_while_the_first_stream_is_down(story: Any) -> None:
    """The private stream has every attempt to itself until it is up."""
    desk = turns(story)
    second = desk.core.streams.second
    assert second is not None
    desk.streams_auto = False
    dialed = len(desk.dials)
    desk.feed(StreamClosed(LinkRole.PRIVATE, desk.core.link.epoch, "reset"))
    desk.feed(StreamClosed(LinkRole.SECOND, second.epoch, "reset"))
    desk.wait(30)
    assert set(roles_dialed(desk, dialed)) == {LinkRole.PRIVATE}


def test_others_follow_at_once_when_it_is_up(story: Any) -> None:
    """No pause of their own is waited for."""
    desk = turns(story)
    second = desk.core.streams.second
    assert second is not None
    before, dialed = desk.core.trust.reports, len(desk.dials)
    desk.feed(StreamClosed(LinkRole.PRIVATE, desk.core.link.epoch, "reset"))
    desk.feed(StreamClosed(LinkRole.SECOND, second.epoch, "reset"))
    desk.until_live(before)
    times = [(t, effect.role) for t, effect in desk.dials[dialed:]]
    (first_s, first), (second_s, other), *_ = times
    assert (first, other) == (LinkRole.PRIVATE, LinkRole.SECOND)
    assert second_s - first_s < 0.01


def test_one_that_is_up_stays_up(story: Any) -> None:
    """Losing the first stream closes no other."""
    desk = turns(story)
    second = desk.core.streams.second
    assert second is not None
    epoch = second.epoch
    desk.feed(StreamClosed(LinkRole.PRIVATE, desk.core.link.epoch, "reset"))
    desk.until_live(desk.core.trust.reports)
    assert second.epoch == epoch
