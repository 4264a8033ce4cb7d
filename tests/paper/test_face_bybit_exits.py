"""The Bybit v5 face: attached take-profit and stop-loss, amends of triggers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bybit_desk import LIMIT, Desk

BTC = {"category": "linear", "symbol": "BTCUSDT"}
MARKET = {"orderType": "Market"}
BOTH = {"takeProfit": "61000", "stopLoss": "59000", "tpslMode": "Partial"}


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


def test_exits_are_orders_of_the_venue(desk: Desk) -> None:
    """They have no client id, name their parent, and end together."""
    desk.private("order")
    desk.place(**MARKET, **BOTH, orderLinkId="parent")
    rows = desk.get("order/realtime", symbol="BTCUSDT")["list"]
    shown = {(r["stopOrderType"], r["createType"], r["triggerPrice"]) for r in rows}
    assert shown == {
        ("PartialTakeProfit", "CreateByPartialTakeProfit", "61000.00"),
        ("PartialStopLoss", "CreateByPartialStopLoss", "59000.00"),
    }
    assert {(r["orderLinkId"], r["parentOrderLinkId"]) for r in rows} == {
        ("", "parent")
    }
    assert {(r["qty"], r["reduceOnly"]) for r in rows} == {("0.010", True)}
    desk.pushed()
    desk.engine.set_mark("BTCUSDT", Decimal(61000), now_ms=desk.now)
    told = [f["data"][0] for f in desk.pushed() if f["topic"] == "order"]
    ends = {r["stopOrderType"]: (r["orderStatus"], r["cancelType"]) for r in told}
    assert ends == {
        "PartialTakeProfit": ("Filled", "UNKNOWN"),
        "PartialStopLoss": ("Cancelled", "CancelByTpSlTsClear"),
    }
    assert {r["orderLinkId"] for r in told} == {""}


def test_the_parent_shows_its_exits(desk: Desk) -> None:
    """As they were asked for."""
    terms = {"tpOrderType": "Limit", "tpLimitPrice": "61000.5"}
    desk.place(**{**BOTH, "stopLoss": "58000"}, **terms, tpTriggerBy="MarkPrice")
    (row,) = desk.get("order/realtime", symbol="BTCUSDT")["list"]
    names = ("takeProfit", "stopLoss", "tpslMode", "tpTriggerBy", "tpLimitPrice")
    shown = tuple(row[name] for name in names)
    assert shown == ("61000.00", "58000.00", "Partial", "MarkPrice", "61000.50")


def test_without_a_mode_the_whole_position_is_closed(desk: Desk) -> None:
    """``Full`` is the default; one of each per position."""
    desk.place(**MARKET, stopLoss="59000")
    desk.place(**MARKET, stopLoss="59500")
    (row,) = desk.get("order/realtime", symbol="BTCUSDT")["list"]
    assert (row["stopOrderType"], row["closeOnTrigger"]) == ("StopLoss", True)
    assert row["triggerPrice"] == "59500.00"


@pytest.mark.parametrize(
    "terms",
    [
        {"takeProfit": "58000"},
        {"stopLoss": "70000"},
        {"takeProfit": "70000.05"},
        {"takeProfit": "70000", "tpOrderType": "Limit", "tpLimitPrice": "70000"},
        {"takeProfit": "70000", "tpOrderType": "Limit", "tpslMode": "Partial"},
        {"takeProfit": "70000", "triggerPrice": "61000", "triggerDirection": 1},
        {"takeProfit": "70000", "tpslMode": "Some"},
    ],
)
def test_exits_that_make_no_sense_are_refused(desk: Desk, terms: Any) -> None:
    """Nothing is placed."""
    assert desk.post("order/create", **{**LIMIT, **terms}) == 10001
    assert desk.engine.open_orders("main") == []


def test_a_waiting_order_is_amended(desk: Desk) -> None:
    """Trigger, price and quantity; the stream tells the new terms."""
    desk.private("order")
    stop = {"price": "61100", "triggerPrice": "61000", "triggerDirection": 1}
    order_id = desk.place(**stop, orderLinkId="t")
    desk.pushed()
    named = {**BTC, "orderLinkId": "t"}
    new = {"qty": "0.02", "price": "62100", "triggerPrice": "62000"}
    assert desk.post("order/amend", **named, **new) == 0
    (row,) = [f["data"][0] for f in desk.pushed() if f["topic"] == "order"]
    shown = tuple(row[n] for n in ("orderId", "qty", "price", "triggerPrice"))
    assert shown == (order_id, "0.020", "62100.00", "62000.00")
    assert row["orderStatus"] == "Untriggered"
    assert desk.post("order/amend", **named, triggerPrice="59000") == 110092
    assert desk.post("order/amend", **named, takeProfit="70000") == 10001
    desk.place(orderLinkId="plain")
    plain = {**BTC, "orderLinkId": "plain"}
    assert desk.post("order/amend", **plain, triggerPrice="62000") == 10001
