"""The Bybit v5 face: orders, settings, what is kept of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bybit_desk import LIMIT, T0, Desk

from connector.paper.faces.bybit_v5 import FaceConfig


@pytest.fixture
def desk() -> Desk:
    """A fresh venue."""
    return Desk()


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"qty": "0"}, 10001),
        ({"qty": "x"}, 10001),
        ({"qty": "0.0005"}, 10001),
        ({"price": "59000.05"}, 10001),
        ({"side": "Both"}, 10001),
        ({"symbol": "NOPE"}, 10001),
        ({"category": "spot"}, 10001),
        ({"orderLinkId": "x" * 37}, 10001),
        ({"positionIdx": 1}, 10001),
        ({"qty": "100"}, 110007),
        ({"reduceOnly": True}, 110017),
        ({"takeProfit": "58000"}, 10001),
        (
            {"orderType": "Market", "triggerPrice": "1", "triggerDirection": 1},
            110092,
        ),
        (
            {"orderType": "Market", "triggerPrice": "99999", "triggerDirection": 2},
            110093,
        ),
    ],
)
def test_refusals(desk: Desk, terms: dict[str, Any], code: int) -> None:
    """Codes of what the venue refuses at once; nothing is placed."""
    assert desk.post("order/create", **{**LIMIT, **terms}) == code
    assert desk.engine.open_orders("main") == []


def test_a_client_id_is_used_once_for_ever(desk: Desk) -> None:
    """Also after the order ended, and across conditional orders."""
    desk.place(orderLinkId="once")
    desk.post("order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="once")
    assert desk.post("order/create", **{**LIMIT, "orderLinkId": "once"}) == 110072
    stop = {"triggerPrice": "70000", "triggerDirection": 1, "orderType": "Market"}
    assert (
        desk.post("order/create", **{**LIMIT, **stop, "orderLinkId": "once"}) == 110072
    )


def test_post_only_is_acknowledged_and_then_ends(desk: Desk) -> None:
    """Code 0 is not an order."""
    desk.private("order")
    desk.place(price="60500.00", timeInForce="PostOnly")
    last = desk.pushed()[-1]["data"][0]
    assert (last["orderStatus"], last["cancelType"]) == ("Cancelled", "UNKNOWN")
    assert last["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


def test_a_price_outside_the_band_is_moved_silently(desk: Desk) -> None:
    """As the account is set at first; else it is refused."""
    order_id = desk.place(side="Sell", price="40000.00", qty="0.001")
    (row,) = desk.get("order/realtime", symbol="BTCUSDT", orderId=order_id)["list"]
    assert row["price"] == "57000.00"
    strict = Desk(config=FaceConfig(moves_prices=False))
    far = {**LIMIT, "side": "Sell", "price": "40000.00"}
    assert strict.post("order/create", **far) == 110003


def test_a_conditional_order_keeps_its_id(desk: Desk) -> None:
    """Untriggered, Triggered, then the order itself, under one id."""
    desk.private("order")
    order_id = desk.place(
        orderType="Market", triggerPrice="61000", triggerDirection=1, orderLinkId="t"
    )
    (waiting,) = desk.get("order/realtime", symbol="BTCUSDT")["list"]
    assert (waiting["orderId"], waiting["orderStatus"]) == (order_id, "Untriggered")
    desk.pushed()
    desk.engine.trade_through("BTCUSDT", Decimal(61000), now_ms=desk.now)
    states = [f["data"][0] for f in desk.pushed() if f["topic"] == "order"]
    assert {row["orderId"] for row in states} == {order_id}
    words = [row["orderStatus"] for row in states]
    assert words[0] == "Triggered"
    assert words[-1] == "Filled"


def test_cancels_amends_and_what_is_too_late(desk: Desk) -> None:
    """An amend tells the new total; what is filled is no new total."""
    named = {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "a"}
    assert desk.post("order/cancel", **named) == 110001
    desk.place(orderLinkId="a", price="59000.00")
    assert desk.post("order/amend", **named, qty="0.02") == 0
    assert desk.post("order/amend", **named, qty="0.02") == 10001
    assert desk.post("order/cancel", **named) == 0
    assert desk.post("order/cancel", **named) == 110001
    assert desk.post("order/amend", **named, qty="0.03") == 110001


def test_cancel_all_by_coin_and_by_kind(desk: Desk) -> None:
    """Conditional ones too unless filtered; something must be selected."""
    desk.place()
    desk.place(orderType="Market", triggerPrice="61000", triggerDirection=1)
    assert desk.post("order/cancel-all", category="linear") == 10001
    only = desk.ask(
        "POST",
        "order/cancel-all",
        category="linear",
        settleCoin="USDT",
        orderFilter="StopOrder",
    )
    assert len(only["result"]["list"]) == 1
    rest = desk.ask("POST", "order/cancel-all", category="linear", symbol="BTCUSDT")
    assert len(rest["result"]["list"]) == 1


def test_both_sides_of_hedge_mode(desk: Desk) -> None:
    """Two rows per symbol, and nobody changes the mode with orders open."""
    mode = {"category": "linear", "coin": "USDT"}
    assert desk.post("position/switch-mode", **mode, mode=3) == 0
    assert desk.post("position/switch-mode", **mode, mode=3) == 110025
    rows = desk.get("position/list", symbol="BTCUSDT")["list"]
    assert [row["positionIdx"] for row in rows] == [1, 2]
    desk.place(positionIdx=1)
    assert desk.post("position/switch-mode", **mode, mode=0) == 110028
    assert desk.engine.is_hedge("main")


def test_settings_of_the_account(desk: Desk) -> None:
    """Leverage per symbol, margin mode of everything, and no DCP for this account."""
    lever = {"category": "linear", "symbol": "BTCUSDT"}
    set_to = {"buyLeverage": "20", "sellLeverage": "20"}
    assert desk.post("position/set-leverage", **lever, **set_to) == 0
    assert desk.post("position/set-leverage", **lever, **set_to) == 110043
    assert desk.post("account/set-margin-mode", setMarginMode="ISOLATED_MARGIN") == 0
    assert desk.ask("GET", "account/info")["result"]["marginMode"] == "ISOLATED_MARGIN"
    assert desk.post("account/set-margin-mode", setMarginMode="PORTFOLIO_MARGIN") == (
        3400045
    )
    assert desk.post("order/disconnected-cancel-all", timeWindow=10) == 10005


def test_pages_follow_by_cursors_verbatim(desk: Desk) -> None:
    """A cursor arrives percent-encoded; encoded once more it works too."""
    for number in range(5):
        desk.place(price=f"{59000 + number}.00")
    first = desk.get("order/realtime", symbol="BTCUSDT", limit=2)
    cursor = first["nextPageCursor"]
    assert "%" in cursor
    second = desk.get("order/realtime", symbol="BTCUSDT", limit=2, cursor=cursor)
    seen = [row["price"] for row in (*first["list"], *second["list"])]
    assert seen == [f"{59000 + n}.00" for n in (4, 3, 2, 1)]
    last = desk.get(
        "order/realtime", symbol="BTCUSDT", limit=2, cursor=second["nextPageCursor"]
    )
    assert (len(last["list"]), last["nextPageCursor"]) == (1, "")


def test_what_closed_unfilled_is_kept_for_a_day(desk: Desk) -> None:
    """And the fresh store forgets it all when it is restarted."""
    named = {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "a"}
    desk.place(orderLinkId="a")
    desk.post("order/cancel", **named)
    query = {"symbol": "BTCUSDT", "orderLinkId": "a"}
    assert desk.get("order/realtime", **query)["list"]
    desk.face.command("forget", {}, desk.now)
    assert desk.get("order/realtime", **query)["list"] == []
    assert desk.get("order/history", **query)["list"]
    desk.now += 86_400_001
    assert desk.get("order/history", **query)["list"] == []
    states = desk.ask("GET", "order/history", category="linear", orderStatus="New")
    assert states["retCode"] == 181017


def test_history_may_lag_the_fresh_store(desk: Desk) -> None:
    """What has just closed is there a while later."""
    desk.face.command("history_lag", {"ms": 2000}, desk.now)
    desk.place(orderLinkId="a", orderType="Market")
    query = {"symbol": "BTCUSDT", "orderLinkId": "a"}
    assert desk.get("order/history", **query)["list"] == []
    desk.now += 2000
    assert desk.get("order/history", **query)["list"]


def test_windows_are_seven_days(desk: Desk) -> None:
    """Longer ones are refused; an order's id switches other filters off."""
    order_id = desk.place(orderType="Market")
    week = 7 * 86_400_000
    wide = {"startTime": T0 - week - 1, "endTime": T0}
    body = desk.ask("GET", "execution/list", category="linear", **wide)
    assert body["retCode"] == 10001
    old = {"startTime": T0 - week, "endTime": T0 - 1}
    assert desk.get("execution/list", **old)["list"] == []
    assert desk.get("execution/list", **old, orderId=order_id)["list"]


def test_funding_is_an_execution_and_a_ledger_entry(desk: Desk) -> None:
    """Paid is positive in the execution, negative in the ledger."""
    desk.private("execution")
    desk.place(orderType="Market", qty="0.1")
    desk.pushed()
    desk.engine.settle_funding("BTCUSDT", Decimal("0.001"), now_ms=desk.now)
    (frame,) = desk.pushed()
    row = frame["data"][0]
    assert (row["execType"], row["orderType"]) == ("Funding", "UNKNOWN")
    assert Decimal(row["execFee"]) > 0
    listed = desk.get("execution/list", symbol="BTCUSDT", execType="Funding")["list"]
    assert [r["execId"] for r in listed] == [row["execId"]]
    ledger = desk.ask("GET", "account/transaction-log")["result"]["list"]
    entry = next(r for r in ledger if r["type"] == "SETTLEMENT")
    assert Decimal(entry["funding"]) == -Decimal(row["execFee"])
    for r in ledger:
        parts = [Decimal(r[name] or 0) for name in ("cashFlow", "funding", "fee")]
        assert Decimal(r["change"]) == parts[0] + parts[1] - parts[2]
    assert Decimal(ledger[0]["cashBalance"]) == desk.engine.ledger.wallet(
        "main", "USDT"
    )


def test_settlement_is_a_trade_without_an_order(desk: Desk) -> None:
    """As the venue shows it."""
    desk.private("order", "execution")
    desk.place(orderType="Market")
    desk.pushed()
    desk.engine.settle_symbol("BTCUSDT", Decimal(60000), now_ms=desk.now)
    told = desk.pushed()
    assert [frame["topic"] for frame in told] == ["execution"]
    assert told[0]["data"][0]["createType"] == "CreateBySettle"


def test_positions_are_told_though_nothing_changed(desk: Desk) -> None:
    """At every order, with the sequence of the last trade; -1 before the first."""
    desk.private("position")
    desk.place()
    first = desk.pushed()[-1]["data"][0]
    assert (first["seq"], first["size"], first["side"]) == (-1, "0", "")
    desk.place(orderType="Market")
    held = desk.pushed()[-1]["data"][0]
    (listed,) = desk.get("position/list", settleCoin="USDT")["list"]
    assert held["seq"] == listed["seq"] > 0
    assert held["entryPrice"] == listed["avgPrice"]


def test_a_refusal_may_come_after_the_acknowledgement(desk: Desk) -> None:
    """Code 0, then Rejected on the stream; its id is used, and it can be asked for."""
    desk.face.command("refuse_later", {"on": True}, desk.now)
    desk.private("order")
    order_id = desk.place(qty="100", orderLinkId="late")
    (frame,) = desk.pushed()
    row = frame["data"][0]
    assert (row["orderId"], row["orderStatus"]) == (order_id, "Rejected")
    assert desk.engine.open_orders("main") == []
    (listed,) = desk.get("order/realtime", symbol="BTCUSDT", orderLinkId="late")["list"]
    assert listed["orderStatus"] == "Rejected"
    assert desk.post("order/create", **{**LIMIT, "orderLinkId": "late"}) == 110072
    assert desk.post("order/create", **{**LIMIT, "qty": "0.0005"}) == 10001
