"""The Bybit v5 face: its shapes against golden payloads."""

from __future__ import annotations

from typing import Any

import pytest
from bybit_desk import LIMIT, PRIVATE, TRADE, Desk, golden, shape


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


def test_answers_have_the_shapes_of_the_golden_ones(desk: Desk) -> None:
    """Field for field and type for type."""
    answers = golden("answers.json")
    order_id = desk.place(orderLinkId="a")
    desk.place(orderType="Market", orderLinkId="b")
    for name, path, params in (
        ("order_realtime", "order/realtime", {"symbol": "BTCUSDT"}),
        ("execution_list", "execution/list", {"symbol": "BTCUSDT"}),
        ("position_list", "position/list", {"settleCoin": "USDT"}),
        ("position_flat", "position/list", {"symbol": "ETHUSDT"}),
        ("risk_limit", "market/risk-limit", {"symbol": "BTCUSDT"}),
        ("market_time", "market/time", {}),
    ):
        told = shape(desk.get(path, **params))
        wanted = shape(answers[name]["result"])
        for where in (told, wanted):  # fees by coin are there once something filled
            if where.get("list"):
                where["list"][0].pop("cumFeeDetail", None)
        assert told == wanted, name
    wallet = desk.ask("GET", "account/wallet-balance", accountType="UNIFIED")
    assert shape(wallet) == shape(answers["wallet_balance"])
    created = desk.ask("POST", "order/create", **{**LIMIT, "orderLinkId": "c"})
    assert shape(created) == shape(answers["order_create"])
    gone = desk.ask(
        "POST", "order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id
    )
    assert shape(gone) == shape(answers["order_cancel"])
    rules = desk.get("market/instruments-info", symbol="BTCUSDT")
    assert shape(rules) == shape(answers["instruments_info"]["result"])


def test_pushed_frames_have_the_shapes_of_the_golden_ones(desk: Desk) -> None:
    """Orders, executions, positions and wallets of one market order."""
    frames = golden("frames.json")
    desk.private("order", "execution", "execution.fast", "position", "wallet")
    desk.place(orderType="Market", orderLinkId="m")
    told = {}
    for frame in desk.pushed():
        told[frame["topic"]] = frame
    for topic, name in (
        ("order", "order_filled"),
        ("execution", "execution_fill"),
        ("position", "position_held"),
        ("wallet", "wallet"),
    ):
        assert shape(told[topic]) == shape(frames[name]), topic
    row = told["execution.fast"]["data"][0]
    assert set(row) == set(frames["execution_fast"]["data"][0])


def test_control_frames_of_both_sockets(desk: Desk) -> None:
    """snake_case and camelCase, and two pongs."""
    frames = golden("frames.json")
    desk.open(PRIVATE, "private")
    desk.open(TRADE, "trade")
    assert shape(desk.log_in(PRIVATE)) == shape(
        {k: v for k, v in frames["private_login"].items() if k != "req_id"}
    )
    assert shape(desk.log_in(TRADE)) == shape(
        {k: v for k, v in frames["trade_login"].items() if k != "reqId"}
    )
    assert shape(desk.say(PRIVATE, op="ping", req_id="4")) == shape(
        frames["private_pong"]
    )
    assert shape(desk.say(TRADE, op="ping")) == shape(frames["trade_pong"])
    bad = desk.say(PRIVATE, op="subscribe", args=["nope"], req_id="3")
    assert shape(bad) == shape(frames["private_bad_topic"])


def test_order_entry_answers_as_the_golden_frames(desk: Desk) -> None:
    """With the limits of the account in their headers; a batch has one code each."""
    frames = golden("frames.json")
    desk.open(TRADE, "trade")
    desk.log_in(TRADE)
    header = {"X-BAPI-TIMESTAMP": str(desk.now), "X-BAPI-RECV-WINDOW": "5000"}

    def enter(name: str, op: str, body: Any) -> Any:
        return desk.say(TRADE, reqId=name, header=header, op=op, args=[body])

    created = enter("r1", "order.create", LIMIT)
    assert shape(created) == shape(frames["trade_created"])
    assert created["header"]["X-Bapi-Limit-Status"] == "9"
    refused = enter("r2", "order.create", {**LIMIT, "qty": "100"})
    assert (refused["retCode"], refused["data"]) == (110007, {})
    assert enter("r2", "order.create", LIMIT)["retCode"] == 20006
    rows = [
        {**LIMIT, "orderLinkId": "x"},
        {**LIMIT, "positionIdx": 1, "orderLinkId": "y"},
    ]
    batch = enter("r3", "order.create-batch", {"category": "linear", "request": rows})
    assert shape(batch) == shape(frames["trade_batch"])
    assert [item["code"] for item in batch["retExtInfo"]["list"]] == [0, 10001]
    assert enter("r4", "order.nonsense", {})["retCode"] == 10404
