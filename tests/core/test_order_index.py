"""What the store of orders counts is what one finds by looking at every order; the
durable form of an order restores it."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from connector.core.orders import Orders
from connector.core.records import OrderRecord, SumsRecord
from connector.core.tracked import Tracked
from connector.dialect.facts import FillFact, OrderFact
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.noun import of_text, to_text
from connector.model.order import OrderStatus, OrderType, Side

SYMBOLS = (Symbol("BTCUSDT"), Symbol("ETHUSDT"))
WORDS = (
    OrderStatus.NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.FILLED,
    OrderStatus.CANCELED,
)


def order_fact(rng: random.Random, number: int) -> OrderFact:
    status = rng.choice(WORDS)
    filled = {OrderStatus.NEW: "0", OrderStatus.FILLED: "3"}.get(status, "1")
    return OrderFact(
        symbol=SYMBOLS[number % 2],
        venue_order_id=VenueOrderId(str(number)),
        client_order_id=ClientOrderId(f"c{number}"),
        status=status,
        venue_ns=rng.randrange(1, 50),
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        qty=Decimal(3),
        price=Decimal("100.10"),
        filled_qty=Decimal(filled),
    )


def fill_fact(rng: random.Random, number: int) -> FillFact:
    return FillFact(
        symbol=SYMBOLS[number % 2],
        venue_order_id=VenueOrderId(str(number)),
        client_order_id=None,
        trade_id=TradeId(str(rng.randrange(3))),
        side=Side.BUY,
        qty=Decimal(1),
        price=Decimal(100),
        venue_ns=rng.randrange(1, 50),
    )


@pytest.mark.parametrize("seed", range(40))
def test_counts_equal_a_look_at_every_order(seed: int) -> None:
    """Open orders per instrument and orders short of fills, after any facts."""
    rng = random.Random(seed)
    orders = Orders()
    for _ in range(120):
        number = rng.randrange(8)
        if rng.random() < 0.5:
            orders.merge_order(order_fact(rng, number))
        else:
            orders.merge_fill(fill_fact(rng, number))
        final = [t for t in orders.all() if t.is_terminal]
        if final and rng.random() < 0.1:
            orders.forget(rng.choice(final))
        open_ones = [t for t in orders.all() if not t.is_terminal]
        for symbol in SYMBOLS:
            count = sum(1 for t in open_ones if t.symbol == symbol)
            assert orders.open_count(symbol) == count
        assert set(orders.open_symbols()) == {t.symbol for t in open_ones}
        short = {t.client_order_id for t in orders.all() if t.missing_fills > 0}
        assert {t.client_order_id for t in orders.short()} == short


@pytest.mark.parametrize("seed", range(10))
def test_the_durable_form_restores_an_order(seed: int) -> None:
    """Law 4: what a restart reads is what was known."""
    rng = random.Random(seed)
    orders = Orders()
    for _ in range(30):
        orders.merge_order(order_fact(rng, 1))
        orders.merge_fill(fill_fact(rng, 1))
    (tracked,) = orders.all()
    text = to_text(tracked.record())
    again = Tracked.of_record(of_text(OrderRecord, text))
    assert again.record() == tracked.record()
    assert again.snapshot() == tracked.snapshot()


def test_numbers_written_differently_have_one_digest() -> None:
    """A venue that writes 100.10 here and 100.1 there means one number."""
    assert (
        SumsRecord({"a": Decimal("1.50")}, {"x": Decimal("1E+2")}).digest_text()
        == SumsRecord({"a": Decimal("1.5")}, {"x": Decimal(100)}).digest_text()
    )
    rng = random.Random(1)
    orders = Orders()
    orders.merge_order(order_fact(rng, 1))
    record = orders.all()[0].record()
    assert "100.10" not in record.digest_text()
    assert "|100.1|" in record.digest_text()


def test_a_text_that_is_no_record_is_refused_by_name() -> None:
    """A damaged row names what it should have been."""
    with pytest.raises(ValueError, match="no OrderRecord"):
        of_text(OrderRecord, '{"client_order_id": 1}')


def test_an_older_text_restores_with_the_values_of_then() -> None:
    """Fields that came later have the value every order had before; fields that
    went are skipped."""
    text = (
        '{"client_order_id":"c1","symbol":"BTCUSDT","side":"BUY","order_type":"LIMIT",'
        '"status":"NEW","qty":"3","price":"100","created_ns":5,"gone":true}'
    )
    tracked = Tracked.of_record(of_text(OrderRecord, text))
    assert tracked.status is OrderStatus.NEW
    assert tracked.qty == 3
    assert tracked.base_filled == 0
    assert not tracked.is_stub
