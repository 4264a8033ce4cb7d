"""REST of the Binance face: every field, every refusal, signed and limited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from connector.paper.faces.binance_usdm import ApiKey

S = "BTCUSDT"
LIMIT = {
    "symbol": S,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "59000",
}
ALGO = {
    "algoType": "CONDITIONAL",
    "symbol": S,
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.010",
    "triggerPrice": "58000",
}


def test_answers_have_the_golden_shape(stage: Any, golden: Any, shape_of: Any) -> None:
    """Keys and JSON types of every answer equal the venue's."""

    async def story(bench: Any) -> None:
        async def same(name: str, method: str, path: str, **params: Any) -> Any:
            body = await bench.ok(method, path, **params)
            assert shape_of(golden(name)) == shape_of(body), name
            return body

        order = "/fapi/v1/order"
        await bench.market("BUY")
        done = await same("rest_order_new_ack.json", "POST", order, **LIMIT)
        by_id = {"symbol": S, "orderId": done["orderId"]}
        await same("rest_open_orders.json", "GET", "/fapi/v1/openOrders", symbol=S)
        await same("rest_account_v3.json", "GET", "/fapi/v3/account")
        await same("rest_account_v2.json", "GET", "/fapi/v2/account")
        await same("rest_balance_v3.json", "GET", "/fapi/v3/balance")
        await same("rest_position_risk_v2.json", "GET", "/fapi/v2/positionRisk")
        await same("rest_position_risk_v3.json", "GET", "/fapi/v3/positionRisk")
        change = {"side": "BUY", "quantity": "0.011", "price": "59100", "modifyId": 7}
        await same("rest_order_modify.json", "PUT", order, **by_id, **change)
        await same(
            "rest_order_amendment_history.json",
            "GET",
            "/fapi/v1/orderAmendment",
            symbol=S,
        )
        await same("rest_order_cancel.json", "DELETE", order, **by_id)
        await same("rest_order_query.json", "GET", order, **by_id)
        await same("rest_all_orders.json", "GET", "/fapi/v1/allOrders", symbol=S)
        await same("rest_user_trades.json", "GET", "/fapi/v1/userTrades", symbol=S)
        await same("rest_income.json", "GET", "/fapi/v1/income")
        await same("rest_algo_order_new.json", "POST", "/fapi/v1/algoOrder", **ALGO)
        await same(
            "rest_open_algo_orders.json", "GET", "/fapi/v1/openAlgoOrders", symbol=S
        )
        await same(
            "rest_leverage_bracket.json", "GET", "/fapi/v1/leverageBracket", symbol=S
        )
        await same("rest_exchange_info.json", "GET", "/fapi/v1/exchangeInfo")
        bench.control("adl", symbol=S, qty="0.005", price="60000")
        await same("rest_force_orders.json", "GET", "/fapi/v1/forceOrders", symbol=S)

    stage(story)


def test_small_answers_have_the_golden_shape(
    stage: Any, golden: Any, shape_of: Any
) -> None:
    """The short answers too, success texts included."""
    rows = {
        row["call"].partition(" ")[0]
        + " "
        + row["call"].rpartition(" ")[2].removeprefix("https://api.binance.com"): row[
            "body"
        ]
        for row in golden("rest_small_responses.jsonl")
    }
    calls: dict[str, dict[str, Any]] = {
        "GET /fapi/v1/time": {},
        "POST /fapi/v1/listenKey": {},
        "PUT /fapi/v1/listenKey": {},
        "DELETE /fapi/v1/listenKey": {},
        "DELETE /fapi/v1/allOpenOrders": {"symbol": S},
        "DELETE /fapi/v1/algoOpenOrders": {"symbol": S},
        "POST /fapi/v1/countdownCancelAll": {"symbol": S, "countdownTime": 120000},
        "POST /fapi/v1/leverage": {"symbol": S, "leverage": 20},
        "POST /fapi/v1/marginType": {"symbol": S, "marginType": "ISOLATED"},
        "POST /fapi/v1/positionSide/dual": {"dualSidePosition": "TRUE"},
        "GET /fapi/v1/positionSide/dual": {},
        "GET /fapi/v1/multiAssetsMargin": {},
        "GET /fapi/v1/accountConfig": {},
        "GET /fapi/v1/symbolConfig": {"symbol": S},
        "GET /fapi/v1/commissionRate": {"symbol": S},
        "GET /fapi/v1/rateLimit/order": {},
        "GET /fapi/v1/feeBurn": {},
        "GET /fapi/v1/premiumIndex?symbol=BTCUSDT": {},
        "GET /sapi/v1/account/apiRestrictions": {},
    }

    async def story(bench: Any) -> None:
        for call, params in calls.items():
            method, _, path = call.partition(" ")
            path, _, query = path.partition("?")
            if query:
                params = dict([query.split("=")])
            body = await bench.ok(method, path, **params)
            want = rows[call]
            assert shape_of(want) == shape_of(body), call
            if "msg" in want:
                assert want == body

    stage(story)


ORDER_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"symbol": ""}, -1102, "'symbol'"),
    ({"symbol": "NOPE"}, -1121, "Invalid symbol"),
    ({"side": ""}, -1102, "'side'"),
    ({"side": "UP"}, -1117, "Invalid side"),
    ({"type": "ODD"}, -1116, "Invalid orderType"),
    ({"type": "STOP_MARKET", "stopPrice": "58000"}, -4120, "Algo Order"),
    ({"timeInForce": ""}, -1102, "'timeInForce'"),
    ({"timeInForce": "XYZ"}, -1115, "timeInForce"),
    ({"quantity": ""}, -1102, "'quantity'"),
    ({"quantity": "0"}, -4003, "less than or equal to zero"),
    ({"quantity": "abc"}, -1100, "'quantity'"),
    ({"quantity": "0.0001"}, -1111, "Precision"),
    ({"quantity": "100000"}, -4005, "max"),
    ({"price": ""}, -1102, "'price'"),
    ({"price": "-1"}, -4001, "less than 0"),
    ({"price": "59000.123"}, -1111, "Precision"),
    ({"price": "59000.05"}, -4014, "tick"),
    ({"price": "70000", "side": "BUY"}, -4016, "higher than"),
    ({"price": "50000", "side": "SELL"}, -4024, "lower than"),
    ({"price": "9000000"}, -4002, "max price"),
    ({"quantity": "0.0001", "price": "59000"}, -1111, "Precision"),
    ({"quantity": "0.001", "price": "49000.0", "side": "BUY"}, -4164, "notional"),
    ({"newClientOrderId": "bad id!"}, -4015, "Client order id"),
    ({"newClientOrderId": "x" * 37}, -4015, "Client order id"),
    ({"positionSide": "UP"}, -4060, "position side"),
    ({"positionSide": "LONG"}, -4061, "position side"),
    ({"newOrderRespType": "FULL"}, -1136, "newOrderRespType"),
    ({"selfTradePreventionMode": "ODD"}, -5039, "self trade"),
    ({"priceMatch": "ODD", "price": ""}, -5037, "price match"),
    ({"priceMatch": "QUEUE"}, -1106, "'price'"),
    ({"timeInForce": "GTD"}, -1102, "'goodTillDate'"),
    ({"timeInForce": "GTD", "goodTillDate": 1}, -5040, "goodTillDate"),
    ({"timeInForce": "GTX", "price": "60500"}, -5022, "Post Only"),
    ({"timeInForce": "FOK"}, -5021, "FOK"),
    ({"reduceOnly": "true"}, -2022, "ReduceOnly"),
    ({"reduceOnly": "maybe"}, -1102, "'reduceOnly'"),
    ({"quantity": "10"}, -2019, "Margin is insufficient"),
    ({"type": "MARKET"}, -1106, "'timeInForce'"),
]


@pytest.mark.parametrize(
    ("change", "code", "text"),
    ORDER_ERRORS,
    ids=[f"{code} {change}" for change, code, _ in ORDER_ERRORS],
)
def test_order_refusals(
    stage: Any, change: dict[str, Any], code: int, text: str
) -> None:
    """Each mistake has its code and text; nothing is placed, nothing streamed."""

    async def story(bench: Any) -> None:
        params = {**LIMIT, **change}
        status, got, message = await bench.error("POST", "/fapi/v1/order", **params)
        assert (status, got) == (400, code), message
        assert text in message
        assert bench.control("state")["orders"] == {}

    stage(story)


def test_other_refusals(stage: Any) -> None:
    """Duplicate ids, missing orders, unchanged settings and batches."""

    async def story(bench: Any) -> None:
        order = "/fapi/v1/order"

        async def refused(code: int, method: str, path: str, **params: Any) -> None:
            answer = await bench.error(method, path, **params)
            assert answer[:2] == (400, code), answer

        await bench.buy(newClientOrderId="one")
        await refused(-4116, "POST", order, **{**LIMIT, "newClientOrderId": "one"})
        await refused(-2013, "GET", order, symbol=S, origClientOrderId="two")
        await refused(-2011, "DELETE", order, symbol=S, origClientOrderId="two")
        await refused(-2011, "DELETE", order, symbol="ETHUSDT", origClientOrderId="one")
        await refused(-1102, "DELETE", order, symbol=S)
        change = {"symbol": S, "side": "BUY", "origClientOrderId": "one"}
        same = {"quantity": "0.010", "price": "59000"}
        await refused(-5027, "PUT", order, **change, **same)
        await refused(
            -2013, "PUT", order, **{**change, "origClientOrderId": "no"}, **same
        )
        await refused(-5047, "PUT", order, **change, **same, reduceOnly="true")
        await refused(-1102, "PUT", order, **change, quantity="0.02")
        await refused(
            -4067, "POST", "/fapi/v1/positionSide/dual", dualSidePosition=True
        )
        await refused(
            -4059, "POST", "/fapi/v1/positionSide/dual", dualSidePosition="False"
        )
        await refused(
            -4046, "POST", "/fapi/v1/marginType", symbol=S, marginType="CROSSED"
        )
        await refused(
            -4047, "POST", "/fapi/v1/marginType", symbol=S, marginType="ISOLATED"
        )
        await refused(
            -4171, "POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="false"
        )
        await refused(-4028, "POST", "/fapi/v1/leverage", symbol=S, leverage=500)
        await refused(-1125, "PUT", "/fapi/v1/listenKey")
        many = json.dumps([LIMIT] * 6)
        await refused(-4082, "POST", "/fapi/v1/batchOrders", batchOrders=many)
        await refused(-1130, "POST", "/fapi/v1/batchOrders", batchOrders="nonsense")
        wide = {"startTime": bench.now_ms - 9 * 86_400_000, "endTime": bench.now_ms}
        await refused(-1127, "GET", "/fapi/v1/userTrades", symbol=S, **wide)
        await refused(
            -1128, "GET", "/fapi/v1/userTrades", symbol=S, fromId=1, startTime=1
        )
        await refused(
            -2021, "POST", "/fapi/v1/algoOrder", **{**ALGO, "triggerPrice": "61000"}
        )
        await refused(-2013, "GET", "/fapi/v1/algoOrder", clientAlgoId="no")
        await refused(-2011, "DELETE", "/fapi/v1/algoOrder", clientAlgoId="no")
        await refused(-4137, "POST", "/fapi/v1/algoOrder", **ALGO, closePosition="true")

    stage(story)


def test_batches_are_mixed_and_in_order(stage: Any) -> None:
    """Each item answers for itself, in request order."""

    async def story(bench: Any) -> None:
        items = [
            {**LIMIT, "newClientOrderId": "b1"},
            {**LIMIT, "reduceOnly": "true"},
            {**LIMIT, "newClientOrderId": "b3", "quantity": 0.02},
        ]
        placed = await bench.ok(
            "POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(items)
        )
        assert [row.get("clientOrderId") for row in placed] == ["b1", None, "b3"]
        assert placed[1] == {"code": -2022, "msg": "ReduceOnly Order is rejected."}
        gone = await bench.ok(
            "DELETE",
            "/fapi/v1/batchOrders",
            symbol=S,
            origClientOrderIdList=json.dumps(["b3", "b2", "b1"]),
        )
        assert [row.get("status") for row in gone] == ["CANCELED", None, "CANCELED"]
        assert gone[1] == {"code": -2011, "msg": "Unknown order sent."}
        again = await bench.ok("POST", "/fapi/v1/order", **LIMIT)
        # ccxt and python-binance write the lists in lower case.
        ended = await bench.ok(
            "DELETE",
            "/fapi/v1/batchOrders",
            symbol=S,
            orderidlist=json.dumps([again["orderId"]]),
        )
        assert [row["status"] for row in ended] == ["CANCELED"]

    stage(story)


def test_parameters_may_be_in_query_and_body_and_the_query_wins(stage: Any) -> None:
    """Signed bytes are query + body; on a repeated name the query counts."""

    async def story(bench: Any) -> None:
        import hashlib
        import hmac

        query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=59000"
        body = f"price=58000&quantity=0.010&timestamp={bench.now_ms}&unknown=1"
        mac = hmac.new(b"benchsecret", (query + body).encode(), hashlib.sha256)
        answer = await bench.http.post(
            f"/fapi/v1/order?{query}",
            content=f"{body}&signature={mac.hexdigest()}",
            headers={
                "X-MBX-APIKEY": "benchkey",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        assert answer.json()["price"] == "59000.00"

    stage(story)


def test_who_may_call(stage: Any) -> None:
    """No key, unknown key, missing or wrong signature, stale and early stamps."""

    async def story(bench: Any) -> None:
        path = "/fapi/v1/openOrders"

        async def plain(
            query: str, key: str | None = "benchkey"
        ) -> tuple[int, int, str]:
            headers = {} if key is None else {"X-MBX-APIKEY": key}
            answer = await bench.http.get(f"{path}?{query}", headers=headers)
            body = answer.json()
            return answer.status_code, body["code"], body["msg"]

        good = bench.signed({"symbol": S})
        assert (await plain(good, None))[:2] == (401, -2014)
        assert (await plain(good, "unknown"))[:2] == (401, -2015)
        assert (await plain("symbol=BTCUSDT"))[1] == -1102
        assert (await plain(good.replace("BTC", "ETH")))[:2] == (400, -1022)
        assert (await plain("signature=00"))[1] == -1102
        late = await bench.error("GET", path, timestamp=bench.now_ms - 5001)
        assert late == (
            400,
            -1021,
            "Timestamp for this request is outside of the recvWindow.",
        )
        early = await bench.error("GET", path, timestamp=bench.now_ms + 1000)
        assert early[2].endswith("1000ms ahead of the server's time.")
        await bench.ok("GET", path, timestamp=bench.now_ms - 9000, recvWindow=10000)
        bench.control("matching_delay", ms=3000)
        refused = await bench.error("POST", "/fapi/v1/order", **LIMIT, recvWindow=2000)
        assert refused[1] == -5028

    stage(story)


def test_all_key_kinds_sign_rest(stage: Any) -> None:
    """Ed25519 and RSA keys sign the same bytes, base64, percent-encoded."""
    import base64
    from urllib.parse import quote

    ed = Ed25519PrivateKey.generate()
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    more = (
        ApiKey(key="edkey", verifier=ed.public_key()),
        ApiKey(key="rsakey", verifier=rsa.public_key()),
        ApiKey(key="readkey", verifier="r", can_trade=False, can_withdraw=True),
    )

    async def story(bench: Any) -> None:
        payload = f"timestamp={bench.now_ms}"
        signatures = {
            "edkey": ed.sign(payload.encode()),
            "rsakey": rsa.sign(payload.encode(), PKCS1v15(), SHA256()),
        }
        for key, raw in signatures.items():
            text = quote(base64.b64encode(raw).decode(), safe="")
            for wanted, sent in ((200, text), (400, text.swapcase())):
                answer = await bench.http.get(
                    f"/fapi/v1/openOrders?{payload}&signature={sent}",
                    headers={"X-MBX-APIKEY": key},
                )
                assert answer.status_code == wanted, answer.text
        headers = {"X-MBX-APIKEY": "readkey"}
        query = bench.signed({}, "r")
        rights = await bench.http.get(
            f"/sapi/v1/account/apiRestrictions?{query}", headers=headers
        )
        assert rights.json()["enableWithdrawals"] is True
        assert rights.json()["enableFutures"] is False
        query = bench.signed(LIMIT, "r")
        refused = await bench.http.post(f"/fapi/v1/order?{query}", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, -2015)

    stage(story, more_keys=more)


def test_market_order_answers_ack_or_result(stage: Any) -> None:
    """ACK shows a NEW order, RESULT the final fill state."""

    async def story(bench: Any) -> None:
        market = {"symbol": S, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        ack = await bench.ok("POST", "/fapi/v1/order", **market)
        assert (ack["status"], ack["executedQty"]) == ("NEW", "0.000")
        result = await bench.market("SELL")
        assert (result["status"], result["executedQty"]) == ("FILLED", "0.010")

    stage(story)


def test_old_orders_without_fills_are_forgotten(stage: Any) -> None:
    """A cancelled order without a fill can be queried for three days."""

    async def story(bench: Any) -> None:
        order = await bench.buy()
        by_id = {"symbol": S, "orderId": order["orderId"]}
        await bench.ok("DELETE", "/fapi/v1/order", **by_id)
        await bench.ok("GET", "/fapi/v1/order", **by_id)
        bench.pass_ms(3 * 86_400_000 + 1)
        assert (await bench.error("GET", "/fapi/v1/order", **by_id))[1] == -2013

    stage(story)


def test_hedge_mode(stage: Any) -> None:
    """Hedge mode wants a side per order and forbids reduceOnly."""

    async def story(bench: Any) -> None:
        await bench.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        order = "/fapi/v1/order"
        assert (await bench.error("POST", order, **LIMIT))[1] == -4061
        both = {**LIMIT, "positionSide": "LONG", "reduceOnly": "true"}
        assert (await bench.error("POST", order, **both))[1] == -1106
        await bench.market("BUY", positionSide="LONG")
        await bench.market("SELL", positionSide="SHORT")
        rows = await bench.ok("GET", "/fapi/v3/positionRisk", symbol=S)
        sides = {row["positionSide"]: row["positionAmt"] for row in rows}
        assert (sides["LONG"], sides["SHORT"]) == ("0.010", "-0.010")

    stage(story)


def test_dead_man_switch(stage: Any) -> None:
    """Orders of the symbol are cancelled when the countdown is not renewed."""

    async def story(bench: Any) -> None:
        await bench.buy()
        path = "/fapi/v1/countdownCancelAll"
        await bench.ok("POST", path, symbol=S, countdownTime=1000)
        bench.pass_ms(900)
        assert await bench.ok("GET", "/fapi/v1/openOrders", symbol=S)
        await bench.ok("POST", path, symbol=S, countdownTime=1000)
        bench.pass_ms(900)
        assert await bench.ok("GET", "/fapi/v1/openOrders", symbol=S)
        bench.pass_ms(200)
        assert await bench.ok("GET", "/fapi/v1/openOrders", symbol=S) == []

    stage(story)
