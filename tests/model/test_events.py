"""Events as plain containers, and reports as text people read."""

from __future__ import annotations

import json
from decimal import Decimal as D

import pytest

from connector.model.events import (
    Adjustment,
    Alarm,
    Event,
    FillEvent,
    Gap,
    GapReason,
    LinkChanged,
    LinkState,
    OrderUpdate,
    ReconcileReport,
    Resynced,
    UnknownMessage,
    event_dict,
)
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.order import Fill, Order, OrderStatus, OrderType, Side

FILL = Fill(
    symbol=Symbol("BTCUSDT"),
    client_order_id=ClientOrderId("c1"),
    venue_order_id=VenueOrderId("1"),
    trade_id=TradeId("t1"),
    side=Side.BUY,
    qty=D("1E+1"),
    price=D("0.00000001"),
)
ORDER = Order(
    client_order_id=ClientOrderId("c1"),
    venue_order_id=None,
    symbol=Symbol("BTCUSDT"),
    side=Side.SELL,
    order_type=OrderType.MARKET,
    status=OrderStatus.IN_DOUBT,
    qty=D("1.50"),
    price=None,
)


def report(**given: object) -> ReconcileReport:
    """A report of a gap of two seconds."""
    base: dict[str, object] = {
        "reason": GapReason.DISCONNECT,
        "gap_start_ns": 1_000_000_000,
        "gap_end_ns": 3_000_000_000,
        "duration_ms": 12.0,
        "rounds": 1,
    }
    return ReconcileReport(**{**base, **given})


EVENTS: list[tuple[Event, str]] = [
    (FillEvent(seq=1, fill=FILL), "fill"),
    (OrderUpdate(seq=2, order=ORDER), "order_update"),
    (Gap(seq=3, reason=GapReason.STALL, since_wall_ns=5), "gap"),
    (Alarm(seq=4, code="a.b", text="c", fields={"d": "e"}), "alarm"),
    (UnknownMessage(seq=5, kind="?", raw="{}"), "unknown_message"),
    (Resynced(seq=6, report=report(missed_fills=(FILL,))), "resynced"),
    (
        LinkChanged(seq=7, before=LinkState.LIVE, after=LinkState.STALE),
        "link_changed",
    ),
]


@pytest.mark.parametrize(("event", "kind"), EVENTS, ids=lambda x: str(x)[:12])
def test_events_are_plain_containers(event: Event, kind: str) -> None:
    """One JSON object each, its kind under "type", numbers as plain text."""
    plain = event_dict(event)
    assert (plain["type"], plain["seq"]) == (kind, event.seq)
    text = json.dumps(plain)
    assert "Decimal" not in text
    assert "E+1" not in text


def test_money_in_events_is_text_without_exponent() -> None:
    """10 and 0.00000001, never 1E+1 and 1E-8."""
    plain = event_dict(FillEvent(fill=FILL))["fill"]
    assert (plain["qty"], plain["price"]) == ("10", "0.00000001")


def test_a_clean_report_and_what_makes_it_unclean() -> None:
    """Differences left and doubts left are not clean; found fills are."""
    left = Adjustment(subject="wallet USDT", local=D(1), venue=D(3))
    assert left.difference == 2
    assert report(missed_fills=(FILL,), unknowable=("x",)).is_clean
    assert not report(differences_left=(left,)).is_clean
    assert not report(in_doubt_left=(ORDER,)).is_clean


def test_a_report_names_everything_it_found() -> None:
    """One line each, so that nothing has to be looked up."""
    left = Adjustment(subject="wallet USDT", local=D(1), venue=D(3))
    text = report(
        missed_fills=(FILL,),
        in_doubt_left=(ORDER,),
        differences_left=(left,),
        unknowable=("old fills",),
        duplicates_dropped=4,
        rounds=2,
    ).text()
    assert "gap 2.000 s" in text
    assert "2 rounds" in text
    assert "trade t1" in text
    assert "STILL IN DOUBT      SELL 0/1.50 BTCUSDT @ market IN_DOUBT c1" in text
    assert "wallet USDT: local 1, venue 3" in text
    assert "cannot be known     old fills" in text
    assert "duplicates dropped  4" in text
