"""Queries: windows, cursors, limits, and every number of the public book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.paper.words import IncomeType, PositionSide, Side

D = Decimal


@pytest.fixture(name="busy")
def _busy(desk: Any) -> Any:
    """Five market orders of "a", one second apart, then two resting."""
    for _ in range(5):
        desk.order("a", "BUY", "0.001")
        desk.wait(1_000)
    for price in ("59000.0", "59001.0"):
        desk.order("a", "BUY", "0.001", price, client_order_id=f"at {price}")
    return desk


def test_orders_page_by_id_and_time(busy: Any) -> None:
    """from_id and start_ms page forward, otherwise the newest come."""
    engine = busy.engine
    rows = engine.orders("a")
    assert sorted(row.order_id for row in rows) == [row.order_id for row in rows]
    assert rows[2:4] == engine.orders("a", from_id=rows[2].order_id, limit=2)
    assert rows[-2:] == engine.orders("a", limit=2)
    assert rows[1:3] == engine.orders(
        "a", start_ms=rows[1].created_ms, end_ms=rows[2].created_ms
    )
    assert engine.orders("a", symbol="ETHUSDT") == []


def test_fills_page_by_trade_id_and_time(busy: Any) -> None:
    """The trade cursor is inclusive; trade ids rise."""
    engine = busy.engine
    rows = engine.fills("a", symbol="BTCUSDT")
    ids = [row.trade_id for row in rows]
    assert sorted(set(ids)) == ids
    assert rows[2:] == engine.fills("a", symbol="BTCUSDT", from_id=ids[2])
    assert rows[2:3] == engine.fills("a", symbol="BTCUSDT", from_id=ids[2], limit=1)
    assert rows[3:4] == engine.fills("a", order_id=rows[3].order_id)
    assert rows[1:3] == engine.fills(
        "a", start_ms=rows[1].time_ms, end_ms=rows[2].time_ms
    )
    assert rows[-1:] == engine.fills("a", limit=1)


def test_income_filters(busy: Any) -> None:
    """By kind and symbol, signed; the wallet is the sum of all rows."""
    rows = busy.engine.income("a", kind=IncomeType.COMMISSION, symbol="BTCUSDT")
    assert len(rows) == 5
    assert all(row.amount < 0 and row.trade_id for row in rows)
    total = sum(row.amount for row in busy.engine.income("a", limit=1000))
    assert busy.wallet("a") == total
    assert rows[:2] == busy.engine.income(
        "a", kind=IncomeType.COMMISSION, start_ms=rows[0].time_ms, limit=2
    )


def test_orders_by_client_id(busy: Any) -> None:
    """Exactly one's own, in the right symbol."""
    engine = busy.engine
    found = engine.order_by_client_id("a", "at 59000.0", symbol="BTCUSDT")
    assert D("59000.0") == found.price
    assert engine.order_by_client_id("a", "at 59000.0", symbol="ETHUSDT") is None
    assert engine.order_by_client_id("b", "at 59000.0") is None
    assert engine.order("b", found.order_id) is None


def test_depth_joins_accounts_and_house(busy: Any) -> None:
    """One aggregated book, best first, uncrossed; the quote is its top."""
    engine = busy.engine
    best = engine.depth("BTCUSDT", 1).bids[0]
    busy.order("b", "BUY", "0.5", str(best[0]))
    depth = engine.depth("BTCUSDT", 1000)
    assert (best[0], best[1] + D("0.5")) == depth.bids[0]
    bids = [price for price, _ in depth.bids]
    asks = [price for price, _ in depth.asks]
    assert sorted(set(bids), reverse=True) == bids
    assert sorted(set(asks)) == asks
    assert bids[0] < asks[0]
    assert (D("59000.0"), D("0.001")) in depth.bids
    quote = engine.quote("BTCUSDT")
    assert (bids[0], asks[0]) == (quote.best_bid, quote.best_ask)


def test_every_change_of_the_book_has_a_new_number(busy: Any) -> None:
    """Orders, cancels, house moves and takers all raise the update id."""
    engine = busy.engine
    seen = [engine.depth("BTCUSDT").update_id]

    def note() -> None:
        seen.append(engine.depth("BTCUSDT").update_id)

    order = busy.order("b", "BUY", "0.010", "59000.0")
    note()
    engine.cancel("b", "BTCUSDT", order.order_id, now_ms=busy.now_ms)
    note()
    busy.order("b", "BUY", "0.010")
    note()
    busy.mark("60001")
    note()
    assert sorted(set(seen)) == seen


def test_public_trades_show_ours_too(busy: Any) -> None:
    """Own trades are among everybody's, under the same ids."""
    public = busy.engine.public_trades("BTCUSDT")
    own = busy.engine.fills("a")[-1]
    found = next(row for row in public if row.trade_id == own.trade_id)
    assert (own.price, own.qty, Side.BUY) == (found.price, found.qty, found.taker_side)
    assert public[-1:] == busy.engine.public_trades("BTCUSDT", 1)
    assert busy.engine.public_trades("BTCUSDT", 0) == []


def test_position_rows(busy: Any) -> None:
    """Used ones, or all: one per symbol, three in hedge mode."""
    engine = busy.engine
    assert [row.symbol for row in engine.positions("a")] == ["BTCUSDT"]
    assert engine.positions("b") == []
    assert len(engine.positions("b", all_rows=True)) == 3
    engine.set_hedge("b", hedge=True, now_ms=busy.now_ms)
    rows = engine.positions("b", "BTCUSDT", all_rows=True)
    assert list(PositionSide) == [row.position_side for row in rows]


def test_account_lists_every_asset(busy: Any) -> None:
    """Assets that were deposited and assets that instruments settle in."""
    busy.engine.deposit("a", "BNB", D("0.5"), now_ms=busy.now_ms)
    account = busy.engine.account("a")
    assert [item.asset for item in account.assets] == ["BNB", "USDT"]
    assert account.assets[1].wallet == account.totals.wallet
    assert busy.engine.has_account("a")
    assert not busy.engine.has_account("nobody")
