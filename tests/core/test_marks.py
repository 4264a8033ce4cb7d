"""Marks of what is held: subscribed when at stake, moved without a hole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.core.inputs import LinkRole, StreamClosed
from connector.dialect.facts import MarkFact
from connector.model.events import Gap, LinkChanged


def _dials(desk: Any) -> list[int]:
    return [effect.epoch for _, effect in desk.dials if effect.role is LinkRole.PUBLIC]


def _mark(desk: Any, tiny: Any, price: str, t: float, symbol: Any = None) -> MarkFact:
    return MarkFact(
        symbol=symbol or tiny.BTC,
        mark_price=Decimal(price),
        venue_ns=desk.at(t),
    )


def test_nothing_is_subscribed_while_nothing_is_at_stake(desk: Any) -> None:
    """No public stream for an account that holds nothing."""
    desk.wait(600)
    assert _dials(desk) == []


@pytest.mark.parametrize("stake", ["order", "position"])
def test_what_is_at_stake_is_subscribed(desk: Any, story: Any, stake: str) -> None:
    """An order or a position brings up the stream, once."""
    if stake == "order":
        desk.push(desk.state("x", "v1"))
    else:
        desk.push(desk.position("1"))
    desk.wait(1)
    assert desk.dialect.subscribed == [story.BTC]
    assert len(_dials(desk)) == 1


def test_another_instrument_joins_beside_the_old_connection(
    desk: Any, tiny: Any
) -> None:
    """The new connection has both; the old one delivers until it is closed."""
    desk.push(desk.state("x", "v1"))
    desk.wait(1)
    (first,) = _dials(desk)
    desk.push(desk.state("y", "v2", symbol=tiny.ETH))
    desk.wait(0.5)
    assert desk.dialect.subscribed == [tiny.BTC, tiny.ETH]
    assert len(_dials(desk)) == 2
    desk.frame(LinkRole.PUBLIC, first, _mark(desk, tiny, "77", desk.t))
    assert desk.core.account.mark_of(tiny.BTC) == 77


def test_the_newest_mark_stands(desk: Any, tiny: Any) -> None:
    """Two connections may deliver out of order."""
    desk.push(desk.state("x", "v1"))
    desk.wait(1)
    epoch = desk.core.marks.link.epoch
    for price, t in (("101", 2), ("100", 1), ("99", 0)):
        desk.frame(LinkRole.PUBLIC, epoch, _mark(desk, tiny, price, desk.t + t))
    assert desk.core.account.mark_of(tiny.BTC) == 101


def test_losing_marks_is_no_gap_of_the_account(desk: Any) -> None:
    """Law 6 speaks of orders and positions; marks come back by themselves."""
    desk.push(desk.state("x", "v1"))
    desk.wait(10)
    changes = len(desk.told(LinkChanged))
    epoch = desk.core.marks.link.epoch
    desk.feed(StreamClosed(LinkRole.PUBLIC, epoch, "reset"))
    assert desk.core.is_live
    desk.wait(5)
    assert desk.core.marks.link.epoch > epoch
    assert desk.core.marks.link.is_ready
    assert desk.told(Gap) == []
    assert len(desk.told(LinkChanged)) == changes


def test_marks_of_a_closed_connection_are_not_heard(desk: Any, tiny: Any) -> None:
    """An older epoch that still delivers changes no price."""
    desk.push(desk.state("x", "v1"))
    desk.wait(1)
    epoch = desk.core.marks.link.epoch
    desk.frame(LinkRole.PUBLIC, epoch + 7, _mark(desk, tiny, "5", desk.t))
    desk.feed(StreamClosed(LinkRole.PUBLIC, epoch, "reset"))
    desk.frame(LinkRole.PUBLIC, epoch, _mark(desk, tiny, "6", desk.t))
    assert desk.core.account.mark_of(tiny.BTC) is None
