"""The OKX face over REST: keys, outcomes, errors, limits, deadlines, key sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.paper.faces import Call
from connector.paper.faces.okx_v5 import FaceConfig, LimitConfig
from tests.paper.okx.conftest import BTC, STOP, code_of

GOLDEN = Path(__file__).parents[2] / "golden" / "okx_v5"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


# keys ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": None}, "50103"),
        ({"passphrase": None}, "50104"),
        ({"passphrase": "wrong"}, "50105"),
        ({"sign": None}, "50106"),
        ({"timestamp": "yesterday"}, "50112"),
        ({"timestamp": "2026-13-22T10:00:00.000Z"}, "50112"),
        ({"timestamp": "2026-11-22T09:59:29.000Z"}, "50102"),
        ({"timestamp": "2026-11-22T10:00:31.000Z"}, "50102"),
        ({"key": "stranger"}, "50119"),
        ({"sign": "AAAA"}, "50113"),
    ],
)
def test_keys_that_are_refused(desk: Any, changed: Any, code: str) -> None:
    """Status 401 and the venue's code, nothing done."""
    reply = desk.http(desk.signed("GET", "/api/v5/account/balance", **changed))
    assert (reply.status, json.loads(reply.body)["code"]) == (401, code)


def test_signature_covers_query_and_body(desk: Any) -> None:
    """A byte more in either and it is no longer ours."""
    good = desk.signed("GET", "/api/v5/account/positions?instType=SWAP")
    assert desk.http(good).status == 200
    other = Call(method="GET", target=good.target + "&a=1", headers=good.headers)
    assert json.loads(desk.http(other).body)["code"] == "50113"
    good = desk.signed("POST", "/api/v5/trade/order", "{}")
    other = Call(method="POST", target=good.target, headers=good.headers, body=b"{} ")
    assert json.loads(desk.http(other).body)["code"] == "50113"


def test_reading_keys_cannot_trade(desk: Any) -> None:
    """50120 for commands; revoked keys are unknown."""
    answer = desk.post("trade/order", {}, key="reader")
    assert answer["code"] == "50120"
    desk.face.command("revoke_api_key", {"key": "mykey"}, desk.now_ms)
    assert desk.get("account/balance")["code"] == "50119"


def test_unknown_paths_and_broken_bodies(desk: Any) -> None:
    """404, 50000 and 50002."""
    assert desk.http(desk.signed("GET", "/api/v5/nothing")).status == 404
    reply = desk.http(desk.signed("POST", "/api/v5/trade/order", ""))
    assert (reply.status, json.loads(reply.body)["code"]) == (400, "50000")
    reply = desk.http(desk.signed("POST", "/api/v5/trade/order", "{"))
    assert json.loads(reply.body)["code"] == "50002"


# orders ----------------------------------------------------------------------------


def test_life_of_an_order(desk: Any) -> None:
    """Placed, amended, seen, cancelled; a second cancel is 51400."""
    placed = desk.place(clOrdId="a1")
    assert code_of(placed) == ("0", "0")
    order_id = placed["data"][0]["ordId"]
    named = {"instId": BTC, "clOrdId": "a1"}
    changed = desk.post("trade/amend-order", named | {"newSz": "2", "reqId": "r1"})
    assert changed["data"][0] | {"ts": ""} == {
        "clOrdId": "a1",
        "ordId": order_id,
        "reqId": "r1",
        "sCode": "0",
        "sMsg": "",
        "subCode": "",
        "tag": "",
        "ts": "",
    }
    (seen,) = desk.rows("trade/orders-pending")
    assert (seen["ordId"], seen["sz"], seen["state"]) == (order_id, "2", "live")
    assert code_of(desk.post("trade/cancel-order", named)) == ("0", "0")
    assert code_of(desk.post("trade/cancel-order", named)) == ("1", "51400")
    assert code_of(desk.post("trade/amend-order", named | {"newSz": "3"})) == (
        "1",
        "51503",
    )
    (gone,) = desk.rows(f"trade/order?instId={BTC}&clOrdId=a1")
    assert (gone["state"], gone["cancelSource"]) == ("canceled", "1")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"tdMode": "isolated"}, "51000"),
        ({"instId": "NO-USDT-SWAP"}, "51001"),
        ({"sz": "0.001"}, "51020"),
        ({"sz": "1.001"}, "51121"),
        ({"sz": None}, "50014"),
        ({"sz": "-1"}, "51000"),
        ({"px": None}, "50014"),
        ({"ordType": "iceberg"}, "51000"),
        ({"side": "hold"}, "51000"),
        ({"clOrdId": "no-dashes"}, "51000"),
        ({"sz": "5000"}, "51008"),
        ({"reduceOnly": True}, "51169"),
    ],
)
def test_orders_that_are_refused(desk: Any, given: Any, code: str) -> None:
    """The reason is the row's, the envelope says that nothing worked."""
    answer = desk.place(**given)
    assert code_of(answer) == ("1", code)
    assert answer["msg"] == "All operations failed"
    assert not desk.rows("trade/orders-pending")


def test_client_ids_are_unique_among_open_orders_only(desk: Any) -> None:
    """The same again is refused while it rests, and a second order afterwards."""
    first = desk.place(clOrdId="same")["data"][0]["ordId"]
    assert code_of(desk.place(clOrdId="same")) == ("1", "51016")
    desk.post("trade/cancel-order", {"instId": BTC, "ordId": first})
    second = desk.place(clOrdId="same")["data"][0]["ordId"]
    assert second != first
    (seen,) = desk.rows(f"trade/order?instId={BTC}&clOrdId=same")
    assert seen["ordId"] == second


def test_batches_have_mixed_outcomes(desk: Any) -> None:
    """Code 2, one row each; all good is 0, none 1, too many a refused call."""
    one = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "limit"}
    good, bad = (one | {"sz": size, "px": "59000"} for size in ("1", "5000"))
    answer = desk.post("trade/batch-orders", [good, bad])
    assert answer["code"] == "2"
    assert [row["sCode"] for row in answer["data"]] == ["0", "51008"]
    assert desk.post("trade/batch-orders", [bad, bad])["code"] == "1"
    assert desk.post("trade/batch-orders", [good] * 21)["code"] == "51000"
    assert desk.post("trade/batch-orders", good)["code"] == "50002"
    ids = [row["ordId"] for row in desk.rows("trade/orders-pending")]
    twice = [{"instId": BTC, "ordId": ids[0], "newSz": "2"}] * 2
    assert desk.post("trade/amend-batch-orders", twice)["code"] == "51512"
    gone = [{"instId": BTC, "ordId": name} for name in (*ids, "12345")]
    answer = desk.post("trade/cancel-batch-orders", gone)
    assert [row["sCode"] for row in answer["data"]] == ["0", "51400"]


def test_deadlines(desk: Any) -> None:
    """50036 when it had passed on arrival, 50037 when it passes at the matching."""
    late = desk.post("trade/order", ORDER, exptime=str(desk.now_ms - 1))
    assert code_of(late) == ("1", "50036")
    in_time = desk.post("trade/order", ORDER, exptime=str(desk.now_ms + 1))
    assert code_of(in_time) == ("0", "0")
    desk.face.command("matching_delay", {"ms": 500}, desk.now_ms)
    late = desk.post("trade/order", ORDER, exptime=str(desk.now_ms + 499))
    assert code_of(late) == ("1", "50037")
    assert desk.post("trade/order", ORDER, exptime="soon")["code"] == "51000"


ORDER = {
    "instId": BTC,
    "tdMode": "cross",
    "side": "buy",
    "ordType": "limit",
    "sz": "1",
    "px": "59000",
}


def test_fills_positions_and_fee_signs(desk: Any) -> None:
    """A fee is negative where it costs; sizes count contracts."""
    desk.place(ordType="market", px=None, sz="2")
    (fill,) = desk.rows("trade/fills?instType=SWAP")
    assert (fill["fillSz"], fill["execType"]) == ("2", "T")
    assert float(fill["fee"]) < 0
    (held,) = desk.rows("account/positions")
    assert (held["pos"], held["posSide"], held["mgnMode"]) == ("2", "net", "cross")
    (again,) = desk.rows(f"trade/fills-history?instType=SWAP&ordId={fill['ordId']}")
    assert again == fill
    closed = desk.post("trade/close-position", {"instId": BTC, "mgnMode": "cross"})
    assert closed["code"] == "0"
    assert not desk.rows("account/positions")
    again = desk.post("trade/close-position", {"instId": BTC, "mgnMode": "cross"})
    assert again["code"] == "51169"


def test_what_is_forgotten(desk: Any) -> None:
    """Unfilled cancels after two hours, fills of one call after three days."""
    order_id = desk.place(clOrdId="a1")["data"][0]["ordId"]
    desk.post("trade/cancel-order", {"instId": BTC, "ordId": order_id})
    desk.place(ordType="market", px=None)
    desk.wait(2 * 3_600_000 + 1000)
    gone = desk.get(f"trade/order?instId={BTC}&ordId={order_id}")
    assert gone["code"] == "51603"
    history = desk.rows("trade/orders-history?instType=SWAP")
    assert [row["state"] for row in history] == ["filled"]
    desk.wait(3 * 86_400_000)
    assert not desk.rows("trade/fills?instType=SWAP")
    assert len(desk.rows("trade/fills-history?instType=SWAP")) == 1


def test_pages(desk: Any) -> None:
    """Newest first, older ones after the last id."""
    ids = [desk.place()["data"][0]["ordId"] for _ in range(5)]
    page = desk.rows("trade/orders-pending?limit=2")
    assert [row["ordId"] for row in page] == [ids[4], ids[3]]
    page = desk.rows(f"trade/orders-pending?limit=2&after={ids[3]}")
    assert [row["ordId"] for row in page] == [ids[2], ids[1]]
    assert desk.get("trade/orders-pending?limit=101")["code"] == "51000"
    assert desk.get("trade/orders-pending?after=x")["code"] == "51000"


# settings, limits, dead-man --------------------------------------------------------


def test_settings(desk: Any) -> None:
    """Leverage and position mode; what stands in the way is said."""
    body = {"instId": BTC, "lever": "7", "mgnMode": "cross"}
    assert desk.post("account/set-leverage", body)["code"] == "0"
    (told,) = desk.rows(f"account/leverage-info?instId={BTC}&mgnMode=cross")
    assert told["lever"] == "7"
    assert desk.post("account/set-leverage", body | {"lever": "999"})["code"] == "59102"
    hedge = {"posMode": "long_short_mode"}
    assert desk.post("account/set-position-mode", hedge)["code"] == "0"
    assert desk.rows("account/config")[0]["posMode"] == "long_short_mode"
    desk.place(posSide="long")
    net = {"posMode": "net_mode"}
    assert desk.post("account/set-position-mode", net)["code"] == "59000"


def test_order_limits_count_per_instrument(desk: Any) -> None:
    """60 in 2 s of one instrument, then 50011 in the row; another goes on."""
    answers = [desk.place() for _ in range(61)]
    assert [code_of(one)[1] for one in answers] == ["0"] * 60 + ["50011"]
    assert code_of(desk.place(instId="ETH-USDT-SWAP", px="2900"))[1] == "0"
    told = desk.face.command("exceedances", {}, desk.now_ms)
    assert told["exceedances"]
    desk.wait(2001)
    assert code_of(desk.place())[1] == "0"


def test_limits_survive_steps_of_the_clock(desk: Any) -> None:
    """A clock that jumps does not forgive."""
    for _ in range(60):
        desk.place()
    desk.now_ms += 60_000
    desk.face.clock_stepped(60_000)
    assert code_of(desk.place())[1] == "50011"


def test_orders_of_all_instruments_count_together(desk_of: Any) -> None:
    """New and amended ones: 50061."""
    desk = desk_of(FaceConfig(limits=LimitConfig(account_orders=2)))
    desk.place()
    desk.place(instId="ETH-USDT-SWAP", px="2900")
    assert code_of(desk.place(instId="SOL-USDT-SWAP", px="140"))[1] == "50061"


def test_calls_are_limited_by_themselves(desk: Any) -> None:
    """Ten balances in 2 s: status 429; there are no headers about it."""
    replies = [
        desk.http(desk.signed("GET", "/api/v5/account/balance")) for _ in range(11)
    ]
    assert [reply.status for reply in replies] == [200] * 10 + [429]
    assert json.loads(replies[-1].body)["code"] == "50011"
    assert not replies[0].headers


def test_dead_man(desk: Any) -> None:
    """Counts in seconds, 10 to 120 or 0; cancels what rests."""
    desk.place()
    (told,) = desk.post("trade/cancel-all-after", {"timeOut": "10"})["data"]
    assert int(told["triggerTime"]) == desk.now_ms // 1000 + 10
    assert desk.post("trade/cancel-all-after", {"timeOut": "9"})["code"] == "51000"
    desk.wait(2500)
    desk.post("trade/cancel-all-after", {"timeOut": "0"})
    desk.wait(20_000)
    assert len(desk.rows("trade/orders-pending")) == 1
    desk.post("trade/cancel-all-after", {"timeOut": "10"})
    desk.wait(10_001)
    assert not desk.rows("trade/orders-pending")


def test_reads_may_lag(desk: Any) -> None:
    """A replica shows what was; commands do not."""
    desk.face.command("read_lag", {"ms": 2000}, desk.now_ms)
    desk.place(clOrdId="a1")
    assert not desk.rows("trade/orders-pending")
    assert code_of(desk.place(clOrdId="a1"))[1] == "51016"
    desk.face.command("heal", {}, desk.now_ms)
    assert len(desk.rows("trade/orders-pending")) == 1


# field sets ------------------------------------------------------------------------


def fields(value: Any) -> Any:
    """Names, at every depth that is an object."""
    if isinstance(value, dict):
        return {k: fields(v) if isinstance(v, dict) else None for k, v in value.items()}
    return None


def test_rows_have_the_documented_fields(desk: Any) -> None:
    """No field of the venue is missing, none is added."""
    desk.place(clOrdId="a1")
    desk.place(ordType="market", px=None)
    desk.post("trade/order-algo", STOP)
    pairs = [
        ("rest_instruments", "account/instruments?instType=SWAP"),
        ("rest_orders", "trade/orders-pending"),
        ("rest_fills", "trade/fills?instType=SWAP"),
        ("rest_positions", "account/positions"),
        ("rest_balance", "account/balance"),
        ("rest_bills", "account/bills"),
        ("rest_account_config", "account/config"),
    ]
    for name, path in pairs:
        told = first_row(golden(name))
        shown = desk.rows(path)[0]
        assert fields(shown).keys() == fields(told).keys(), name
        if "details" in told:
            assert shown["details"][0].keys() == told["details"][0].keys()


def first_row(found: Any) -> dict[str, Any]:
    """The first data row somewhere in a golden file."""
    if isinstance(found, list):
        for one in found:
            row = first_row(one)
            if row:
                return row
        return {}
    if isinstance(found, dict):
        data = found.get("data")
        if isinstance(data, list) and data and isinstance(data[0], dict):
            return data[0]
        for one in found.values():
            row = first_row(one) if isinstance(one, dict | list) else {}
            if row:
                return row
    return {}
