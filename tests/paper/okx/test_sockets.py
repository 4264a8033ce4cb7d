"""The OKX face over WebSocket: login, channels, orders, and how sockets end."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.paper.faces import Call, Reply
from connector.paper.faces.okx_v5 import FaceConfig

GOLDEN = Path(__file__).parents[2] / "golden" / "okx_v5"
BTC, CODE = "BTC-USDT-SWAP", 10459
ORDER = {
    "instIdCode": CODE,
    "tdMode": "cross",
    "side": "buy",
    "ordType": "limit",
    "sz": "1",
    "px": "59000",
}


def subscription(**arg: str) -> dict[str, Any]:
    """The frame."""
    return {"op": "subscribe", "args": [arg]}


def pushed(told: list[dict[str, Any]], channel: str) -> list[dict[str, Any]]:
    """Rows of a channel."""
    return [
        row
        for one in told
        if one.get("arg", {}).get("channel") == channel
        for row in one.get("data", [])
    ]


# login and subscriptions -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"timestamp": "soon"}, "60004"),
        ({"timestamp": "1795341569"}, "60006"),
        ({"apiKey": "stranger"}, "60032"),
        ({"sign": "AAAA"}, "60007"),
        ({"passphrase": "wrong"}, "60024"),
    ],
)
def test_logins_that_are_refused(desk: Any, changed: Any, code: str) -> None:
    """An error event; channels of the account stay closed."""
    socket = desk.open()
    told = desk.login(socket, **changed)
    assert (told["event"], told["code"]) == ("error", code)
    (told,) = desk.say(socket, subscription(channel="account"))
    assert told["code"] == "60011"


def test_channels_live_at_their_own_addresses(desk: Any) -> None:
    """60018 elsewhere, 60013 without a type, 64003 without the entitlement."""
    socket = desk.private()
    for arg, code in (
        ({"channel": "mark-price", "instId": BTC}, "60018"),
        ({"channel": "orders-algo", "instType": "ANY"}, "60018"),
        ({"channel": "nothing"}, "60018"),
        ({"channel": "orders"}, "60013"),
        ({"channel": "fills"}, "64003"),
    ):
        (told,) = desk.say(socket, subscription(**arg))
        assert (told["event"], told["code"]) == ("error", code), arg
    for text in ("{", "[]", '{"op":"dance"}', '{"op":"subscribe","args":[]}'):
        (told,) = desk.say(socket, text)
        assert told["code"] == "60012", text
    public = desk.open("/ws/v5/public")
    (told, *_) = desk.say(public, subscription(channel="mark-price", instId=BTC))
    assert told["event"] == "subscribe"
    business = desk.open("/ws/v5/business")
    assert desk.login(business)["code"] == "0"
    arg = {"channel": "orders-algo", "instType": "ANY"}
    assert desk.say(business, subscription(**arg))[0]["event"] == "subscribe"


def test_ping_is_text(desk: Any) -> None:
    """And any frame puts off the end of a silent socket."""
    socket = desk.open()
    assert desk.say(socket, "ping") == [{"event": "pong"}]
    desk.wait(29_999)
    desk.say(socket, "ping")
    desk.wait(29_999)
    assert desk.heard(socket) == []
    assert desk.hangups == []
    desk.wait(1)
    desk.heard(socket)
    assert desk.hangups == [4004]


def test_steps_of_the_clock_end_no_socket(desk: Any) -> None:
    """Silence is measured, not read off the clock."""
    socket = desk.open()
    desk.now_ms += 3_600_000
    desk.face.clock_stepped(3_600_000)
    desk.wait(1)
    desk.heard(socket)
    assert desk.hangups == []


def test_addresses_may_dial_thrice_a_second(desk: Any) -> None:
    """The fourth is turned away; other addresses are not."""
    for _ in range(3):
        desk.open()
    call = Call(method="GET", target="/ws/v5/private")
    assert isinstance(desk.face.open_socket(99, call, desk.now_ms), Reply)
    desk.open(peer="10.0.0.9")
    desk.wait(1001)
    desk.open()


# channels --------------------------------------------------------------------------


def test_snapshots_come_first(desk: Any) -> None:
    """Positions, account and deltas begin with what is; orders do not."""
    desk.place(ordType="market", px=None)
    socket = desk.open()
    desk.login(socket)
    for channel in ("positions", "account", "balance_and_position"):
        arg = {"channel": channel} | (
            {"instType": "ANY"} if channel == "positions" else {}
        )
        told = desk.say(socket, subscription(**arg))
        assert told[0]["event"] == "subscribe"
        (row,) = pushed(told, channel)
        if channel == "positions":
            assert row["pos"] == "1"
            assert told[1]["eventType"] == "snapshot"
        elif channel == "balance_and_position":
            assert row["eventType"] == "snapshot"
            assert [one["pos"] for one in row["posData"]] == ["1"]
    told = desk.say(socket, subscription(channel="orders", instType="SWAP"))
    assert [one["event"] for one in told] == ["subscribe"]


def test_what_an_order_pushes(desk: Any) -> None:
    """Each change on `orders`, the fill's effect on the others."""
    socket = desk.private("orders", "positions", "account", "balance_and_position")
    order_id = desk.place(clOrdId="a1")["data"][0]["ordId"]
    (row,) = pushed(desk.heard(socket), "orders")
    assert (row["ordId"], row["state"], row["sz"]) == (order_id, "live", "1")
    named = {"instId": BTC, "ordId": order_id}
    desk.post("trade/amend-order", named | {"newSz": "2", "reqId": "r1"})
    (row,) = pushed(desk.heard(socket), "orders")
    assert (row["amendResult"], row["reqId"], row["sz"]) == ("0", "r1", "2")
    desk.trade("58999")
    told = desk.heard(socket)
    (row,) = pushed(told, "orders")
    assert (row["state"], row["fillSz"], row["execType"]) == ("filled", "2", "M")
    assert float(row["fillFee"]) < 0
    assert pushed(told, "positions")[-1]["pos"] == "2"
    assert pushed(told, "account")
    delta = pushed(told, "balance_and_position")[-1]
    assert delta["eventType"] == "filled"
    assert {one["tradeId"] for one in delta["trades"]} == {row["tradeId"]}
    desk.post("trade/close-position", {"instId": BTC, "mgnMode": "cross"})
    assert pushed(desk.heard(socket), "positions")[-1]["pos"] == "0"


def test_fast_fills(desk_of: Any) -> None:
    """For accounts that are entitled: few fields, at once."""
    desk = desk_of(FaceConfig(has_fast_fills=True))
    socket = desk.open()
    desk.login(socket)
    desk.say(socket, subscription(channel="fills"))
    desk.place(ordType="market", px=None)
    (row,) = pushed(desk.heard(socket), "fills")
    golden = json.loads((GOLDEN / "ws_fills.json").read_text())
    assert set(row) == set(_first(golden, "fills"))


def test_pushes_have_the_documented_fields(desk: Any) -> None:
    """No field is missing, none is added."""
    socket = desk.private("positions", "account", "balance_and_position", "orders")
    desk.place(ordType="market", px=None)
    told = desk.heard(socket)
    for channel in ("orders", "positions", "account", "balance_and_position"):
        golden = json.loads((GOLDEN / f"ws_{channel}.json").read_text())
        wanted, shown = _first(golden, channel), pushed(told, channel)[0]
        assert set(shown) == set(wanted), channel
        for part in ("details", "balData", "posData", "trades"):
            if wanted.get(part) and shown.get(part):
                assert set(shown[part][0]) == set(wanted[part][0]), part


def _first(found: Any, channel: str) -> dict[str, Any]:
    """The first row pushed on *channel* somewhere in a golden file."""
    if isinstance(found, dict):
        arg = found.get("arg")
        if isinstance(arg, dict) and arg.get("channel") == channel:
            rows = found.get("data")
            if rows:
                return rows[0]
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            row = _first(one, channel)
            if row:
                return row
    return {}


def test_regular_pushes_can_be_declined(desk: Any) -> None:
    """Every five seconds, unless only changes are wanted."""
    often = desk.private("account")
    seldom = desk.open()
    desk.login(seldom)
    extra = json.dumps({"updateInterval": "0"})
    desk.say(seldom, subscription(channel="account", extraParams=extra))
    desk.heard(often)
    desk.wait(5001)
    assert pushed(desk.heard(often), "account")
    assert not pushed(desk.heard(seldom), "account")


def test_liquidation_is_warned_of_and_told(desk_of: Any) -> None:
    """A warning first; the forced fill has a negative trade id and a category."""
    desk = desk_of(usdt="2000")
    socket = desk.private("orders", "liquidation-warning")
    assert desk.place(ordType="market", px=None, sz="30")["code"] == "0"
    desk.heard(socket)
    warned = False
    for mark in ("54000", "53610", "53500", "53000", "52000"):
        desk.engine.set_mark(BTC, Decimal(mark), now_ms=desk.now_ms)
        for _ in range(20):
            desk.wait(500)
        told = desk.heard(socket)
        warned = warned or bool(pushed(told, "liquidation-warning"))
        forced = [
            row
            for row in pushed(told, "orders")
            if row["category"] in ("full_liquidation", "partial_liquidation")
        ]
        if forced:
            break
    assert warned
    assert forced
    fills = desk.rows("trade/fills?instType=SWAP")
    assert any(row["tradeId"].startswith("-") for row in fills)


# orders ----------------------------------------------------------------------------


def test_orders_by_frame(desk: Any) -> None:
    """By number of the instrument; answers carry the id, like those of REST."""
    socket = desk.private()

    def ask(op: str, args: list[Any], **more: object) -> dict[str, Any]:
        (told,) = desk.say(socket, {"id": "7", "op": op, "args": args, **more})
        assert (told["id"], told["op"]) == ("7", op)
        return told

    told = ask("order", [ORDER | {"clOrdId": "f1"}])
    assert (told["code"], told["data"][0]["sCode"]) == ("0", "0")
    assert set(told) == {"id", "op", "code", "data", "inTime", "msg", "outTime"}
    told = ask("order", [ORDER | {"clOrdId": "f1"}])
    assert (told["code"], told["data"][0]["sCode"]) == ("1", "51016")
    named = {"instIdCode": CODE, "clOrdId": "f1"}
    assert ask("amend-order", [named | {"newPx": "58000"}])["code"] == "0"
    late = ask("order", [ORDER], expTime=str(desk.now_ms - 1))
    assert late["data"][0]["sCode"] == "50036"
    by_name = {k: v for k, v in ORDER.items() if k != "instIdCode"} | {"instId": BTC}
    assert ask("order", [by_name])["data"][0]["sCode"] == "51001"
    both = ask("batch-orders", [ORDER, ORDER | {"sz": "5000"}])
    assert (both["code"], [row["sCode"] for row in both["data"]]) == (
        "2",
        ["0", "51008"],
    )
    gone = ask("batch-cancel-orders", [named, named])
    assert [row["sCode"] for row in gone["data"]] == ["0", "51400"]
    assert ask("cancel-order", [named])["code"] == "1"


def test_orders_need_a_login_and_a_private_socket(desk: Any) -> None:
    """60011 and 60018, as answers to the request."""
    for path, code in (("private", "60011"), ("public", "60018")):
        socket = desk.open(f"/ws/v5/{path}")
        (told,) = desk.say(socket, {"id": "1", "op": "order", "args": [ORDER]})
        assert (told["id"], told["code"], told["data"]) == ("1", code, [])


def test_limits_are_shared_by_both_ways(desk: Any) -> None:
    """Thirty here, thirty there, and the next is one too many."""
    socket = desk.private()
    for _ in range(30):
        desk.place()
        desk.say(socket, {"id": "1", "op": "order", "args": [ORDER]})
    (told,) = desk.say(socket, {"id": "2", "op": "order", "args": [ORDER]})
    assert told["data"][0]["sCode"] == "50011"
    assert desk.place()["data"][0]["sCode"] == "50011"


# faults ----------------------------------------------------------------------------


def test_notices_and_crowds(desk: Any) -> None:
    """A planned end is announced; a crowded channel falls silent."""
    socket = desk.private("orders")
    desk.face.command("notice", {}, desk.now_ms)
    (told,) = desk.heard(socket)
    assert (told["event"], told["code"]) == ("notice", "64008")
    desk.face.command("conn_count_error", {"channel": "orders"}, desk.now_ms)
    (told,) = desk.heard(socket)
    assert told["event"] == "channel-conn-count-error"
    desk.place()
    assert not pushed(desk.heard(socket), "orders")
    with pytest.raises(KeyError):
        desk.face.command("nothing", {}, desk.now_ms)


def test_dead_sockets_are_forgotten(desk: Any) -> None:
    """Nothing is said to one that closed."""
    socket = desk.private("orders")
    desk.face.close_socket(socket, desk.now_ms)
    desk.place()
    assert desk.heard(socket) == []
    desk.face.text_received(socket, "ping", desk.now_ms)
    assert desk.heard(socket) == []
