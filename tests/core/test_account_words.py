"""Positions and wallets: the venue's newest word, in any order of arrival."""

from __future__ import annotations

import itertools
from decimal import Decimal as D
from typing import Any

import pytest

from connector.core.account import Account
from connector.core.orders import Orders
from connector.dialect.facts import BalanceFact, FillFact, OrderFact, PositionFact
from connector.model.account import MarginMode, Source
from connector.model.clock import Now
from connector.model.ids import Symbol, TradeId, VenueOrderId
from connector.model.noun import replace
from connector.model.order import OrderStatus, PositionSide, Side

BTC = Symbol("BTCUSDT")
NET = PositionSide.NET
NOW = Now(mono_ns=1, wall_ns=1)


def _word(qty: str, ns: int, version: int | None = None) -> PositionFact:
    return PositionFact(
        symbol=BTC, position_side=NET, qty=D(qty), venue_ns=ns, version=version
    )


def _account(tiny: Any) -> Account:
    return Account(tiny.TinyDialect())


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        pytest.param([_word("1", 10), _word("2", 20), _word("0", 30)], 0, id="flat"),
        pytest.param([_word("0", 30), _word("1", 10)], 0, id="flat is a word too"),
        pytest.param([_word("1", 10, 5), _word("2", 10, 6)], 2, id="one instant"),
        pytest.param([_word("1", 99, 5), _word("2", 10, 6)], 2, id="sequence rules"),
    ],
)
def test_the_newest_word_stands(tiny: Any, words: Any, wanted: int) -> None:
    """Law 6: by sequence where there is one, else by the venue's time."""
    for order in itertools.permutations(words):
        for again in ((), order[:1]):
            account = _account(tiny)
            for word in (*order, *again):
                account.merge_position(word, Source.STREAM, NOW)
            assert account.position_qty((BTC, NET)) == wanted, order


def test_the_other_mode_being_flat_says_nothing(tiny: Any) -> None:
    """Where an instrument may hold a position per margin mode: closing an isolated one
    by hand leaves the cross one as it is. Where it may not, the mode was changed."""
    for apart, wanted in ((True, 1), (False, 0)):
        account = Account(tiny.TinyDialect(holds_by_mode=apart))
        held = replace(_word("1", 10), margin_mode=MarginMode.CROSS)
        other = replace(_word("0", 20), margin_mode=MarginMode.ISOLATED)
        account.merge_position(held, Source.STREAM, NOW)
        account.merge_position(other, Source.STREAM, NOW)
        assert account.position_qty((BTC, NET)) == wanted
        flat = replace(other, margin_mode=MarginMode.CROSS, venue_ns=30)
        account.merge_position(flat, Source.STREAM, NOW)
        assert account.position_qty((BTC, NET)) == 0


def test_a_late_numbered_word_does_not_beat_a_newer_plain_one(tiny: Any) -> None:
    """REST without a sequence told what was later; the stream's late frame with the
    next number is older all the same."""
    account = _account(tiny)
    account.merge_position(_word("1", 5, 6), Source.STREAM, NOW)
    account.merge_position(_word("3", 20), Source.REST, NOW)
    assert not account.merge_position(_word("2", 10, 7), Source.STREAM, NOW)
    assert account.position_qty((BTC, NET)) == 3
    account.merge_position(_word("4", 30, 9), Source.STREAM, NOW)
    assert account.position_qty((BTC, NET)) == 4


def test_flat_instruments_of_a_snapshot_are_not_remembered(tiny: Any) -> None:
    """A venue that lists every instrument does not make us ask about them all."""
    account = _account(tiny)
    account.merge_position(_word("0", 10), Source.REST, NOW)
    assert account.position_keys() == []
    assert account.position((BTC, NET)) is None


def test_wallets_by_the_venues_time(tiny: Any) -> None:
    """Law 6: an older balance changes nothing, whichever channel brings it."""
    words = [
        BalanceFact(asset="USDT", wallet=D(w), venue_ns=ns)
        for w, ns in (("1", 10), ("2", 20), ("3", 30))
    ]
    for order in itertools.permutations(words):
        account = _account(tiny)
        for word in (*order, *order):
            account.merge_balance(word, Source.STREAM, NOW)
        assert account.balances["USDT"].wallet == 3


def _partly(filled: str, ns: int) -> OrderFact:
    return OrderFact(
        symbol=BTC,
        venue_order_id=VenueOrderId("w1"),
        client_order_id=None,
        status=OrderStatus.PARTIALLY_FILLED,
        venue_ns=ns,
        side=Side.BUY,
        qty=D(3),
        price=D(100),
        filled_qty=D(filled),
    )


def _fill(trade: str, qty: str, ns: int) -> FillFact:
    return FillFact(
        symbol=BTC,
        venue_order_id=VenueOrderId("w1"),
        client_order_id=None,
        trade_id=TradeId(trade),
        side=Side.BUY,
        qty=D(qty),
        price=D(100),
        venue_ns=ns,
    )


def test_a_fill_of_before_our_time_is_in_the_base() -> None:
    """A stranger's order was taken over partly filled; the execution, told late by a
    lagging replica, does not fill it once more."""
    orders = Orders()
    tracked = orders.merge_order(_partly("1", 50)).tracked
    assert tracked is not None
    tracked.base_filled = D(1)
    orders.merge_fill(_fill("t1", "1", 40))
    assert (tracked.filled_qty, tracked.missing_fills) == (1, 0)
    orders.merge_fill(_fill("t2", "0.5", 60))
    assert (tracked.filled_qty, tracked.missing_fills) == (D("1.5"), 0)


def test_a_position_base_holds_the_fills_before_it(make_desk: Any) -> None:
    """Law 13: at the first start the position was read with a fill in it that the
    list of fills did not show yet: told later, it is no difference."""
    late = make_desk()
    late.state(None, "w1", OrderStatus.FILLED, "1", t=-2)
    late.position("1", t=-2)
    late.open()
    assert late.held_qty() == 1
    late.fill(None, "w1", "t1", "1", t=-2)
    late.wait(1)
    late.resync()
    late.wait(60)
    assert late.fills_told() == ["t1"]
    assert late.core.account.position_mismatches() == []
    assert [d for r in late.reports() for d in r.differences_left] == []
