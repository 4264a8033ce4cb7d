"""The OKX face over REST: orders that wait for a price, and exits of others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.paper.okx.conftest import BTC, STOP, code_of


def test_conditional_orders(desk: Any) -> None:
    """Listed apart, cancelled apart; triggered it is an order without our id."""
    desk.place(ordType="market", px=None)
    placed = desk.post("trade/order-algo", STOP | {"algoClOrdId": "s1"})
    algo_id = placed["data"][0]["algoId"]
    kinds = "ordType=conditional"
    (seen,) = desk.rows(f"trade/orders-algo-pending?{kinds}")
    assert (seen["algoId"], seen["state"], seen["slTriggerPx"]) == (
        algo_id,
        "live",
        "59000",
    )
    assert not desk.rows("trade/orders-pending")
    desk.trade("58990")
    desk.wait(1000)
    (done,) = desk.rows(f"trade/orders-algo-history?{kinds}&state=effective")
    (became,) = desk.rows(f"trade/order?instId={BTC}&ordId={done['ordId']}")
    assert (became["algoId"], became["clOrdId"]) == (algo_id, "")
    gone = desk.post("trade/cancel-algos", [{"instId": BTC, "algoId": algo_id}])
    assert gone["code"] == "1"


def test_conditional_orders_are_amended(desk: Any) -> None:
    """Trigger, price and size of what waits; by either id, until it has triggered."""
    placed = desk.post("trade/order-algo", STOP | {"algoClOrdId": "s1"})
    algo_id = placed["data"][0]["algoId"]

    def amend(**given: str) -> Any:
        return desk.post("trade/amend-algos", {"instId": BTC} | given)

    told = amend(algoClOrdId="s1", newSlTriggerPx="58000", newSlOrdPx="-1", newSz="2")
    assert (code_of(told), told["data"][0]["algoId"]) == (("0", "0"), algo_id)
    (seen,) = desk.rows("trade/orders-algo-pending?ordType=conditional")
    assert (seen["algoId"], seen["slTriggerPx"], seen["sz"]) == (algo_id, "58000", "2")
    assert code_of(amend(algoId=algo_id, newSlTriggerPx="70000")) == ("1", "51280")
    assert code_of(amend(algoId="7", newSlTriggerPx="58000")) == ("1", "51503")
    assert code_of(amend(newSlTriggerPx="58000")) == ("1", "50015")
    desk.trade("57990")
    desk.wait(1000)
    assert code_of(amend(algoId=algo_id, newSlTriggerPx="57000")) == ("1", "51503")


EXITS = {
    "attachAlgoClOrdId": "e1",
    "tpTriggerPx": "61000",
    "tpOrdPx": "-1",
    "slTriggerPx": "59000",
    "slOrdPx": "-1",
}


def test_attached_orders(desk: Any) -> None:
    """Shown with their order; when it is filled they wait as one order of kind oco,
    which can be amended and ends the position at either price."""
    resting = desk.place(px="50000", attachAlgoOrds=[EXITS])["data"][0]["ordId"]
    (shown,) = desk.rows(f"trade/order?instId={BTC}&ordId={resting}")
    (attached,) = shown["attachAlgoOrds"]
    assert {name: attached[name] for name in EXITS} == EXITS
    desk.place(ordType="market", px=None, attachAlgoOrds=[EXITS])
    (waiting,) = desk.rows("trade/orders-algo-pending?ordType=conditional,oco")
    names = ("algoClOrdId", "ordType", "side", "sz", "slTriggerPx", "tpTriggerPx")
    assert [waiting[name] for name in names] == [
        *("e1", "oco", "sell", "1", "59000", "61000"),
    ]
    assert waiting["reduceOnly"] == "true"
    body = {"instId": BTC, "algoClOrdId": "e1", "newTpTriggerPx": "60500"}
    assert code_of(desk.post("trade/amend-algos", body)) == ("0", "0")
    desk.trade("60510")
    desk.wait(1000)
    assert not desk.rows("account/positions")
    assert not desk.rows("trade/orders-algo-pending?ordType=oco")


def test_one_attached_order_may_have_a_price(desk: Any) -> None:
    """A take-profit alone, as a limit order."""
    take = {"attachAlgoClOrdId": "e2", "tpTriggerPx": "61000", "tpOrdPx": "61010"}
    desk.place(ordType="market", px=None, attachAlgoOrds=[take])
    (waiting,) = desk.rows("trade/orders-algo-pending?ordType=conditional")
    names = ("algoClOrdId", "tpTriggerPx", "tpOrdPx", "slTriggerPx")
    assert [waiting[name] for name in names] == ["e2", "61000", "61010", ""]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([{"attachAlgoClOrdId": "e1"}], "50015"),
        ([EXITS, EXITS], "51000"),
        ([EXITS | {"tpOrdPx": "61000"}], "51000"),
        (["e1"], "51000"),
        ({"tpTriggerPx": "1"}, "51000"),
    ],
)
def test_attached_orders_that_are_refused(desk: Any, given: Any, code: str) -> None:
    """With their order."""
    assert code_of(desk.place(attachAlgoOrds=given)) == ("1", code)
    assert not desk.rows("trade/orders-pending")


@pytest.mark.parametrize("price", ["59000", "61000"])
def test_plain_triggers(desk: Any, price: str) -> None:
    """Without a direction of their own; either side of the market will do."""
    body = {k: v for k, v in STOP.items() if not k.startswith("sl")}
    body |= {"ordType": "trigger", "triggerPx": price, "orderPx": "-1"}
    placed = desk.post("trade/order-algo", body)
    assert code_of(placed) == ("0", "0")
    (seen,) = desk.rows("trade/orders-algo-pending?ordType=trigger")
    assert (seen["triggerPx"], seen["ordPx"], seen["slTriggerPx"]) == (price, "-1", "")
    assert not desk.rows("trade/orders-algo-pending?ordType=conditional,oco")
    desk.trade(price)
    desk.wait(1000)
    (held,) = desk.rows("account/positions")
    assert held["pos"] == "-1"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"slTriggerPx": "70000"}, "51280"),
        ({"slTriggerPx": ""}, "50015"),
        ({"sz": ""}, "50015"),
        ({"sz": "", "closeFraction": "1"}, "51328"),
        ({"ordType": "move_order_stop"}, "50015"),
        ({"ordType": "iceberg"}, "51000"),
    ],
)
def test_conditional_orders_that_are_refused(desk: Any, given: Any, code: str) -> None:
    """With the reason in the row."""
    assert code_of(desk.post("trade/order-algo", STOP | given)) == ("1", code)
