"""The venue's own Python client trades on the paper venue, addresses aside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import websockets

from connector.paper.faces.okx_v5 import KIT
from connector.paper.venue import paper_server

pytest.importorskip("okx", reason="extra: clients")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
LISTED = "BTC-USDT-SWAP"


def trade_on(base_url: str, keys: tuple[str, str]) -> None:
    """Place, amend, cancel, fill and ask, with blocking calls. Its clients keep their
    connections until they are closed."""
    with ExitStack() as stack:
        trade_with(stack.enter_context, base_url, keys)


def trade_with(
    opened: Callable[[Any], Any], base_url: str, keys: tuple[str, str]
) -> None:
    """The same; *opened* remembers a client, to close it."""
    from okx.Account import AccountAPI
    from okx.PublicData import PublicAPI
    from okx.Trade import TradeAPI

    signed = {
        "api_key": keys[0],
        "api_secret_key": keys[1],
        "passphrase": KIT.passphrase,
        "flag": "1",
        "domain": base_url,
        "debug": False,
    }
    trade, account = opened(TradeAPI(**signed)), opened(AccountAPI(**signed))
    public = opened(PublicAPI(flag="1", domain=base_url, debug=False))

    def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
        assert answer["code"] == "0", answer
        return answer["data"]

    (rules,) = rows(public.get_instruments(instType="SWAP", instId=LISTED))
    assert rules["ctVal"] == "0.01"
    terms = {"instId": LISTED, "tdMode": "cross", "side": "buy", "ordType": "limit"}
    (placed,) = rows(trade.place_order(**terms, sz="2", px="59000", clOrdId="py1"))
    rows(trade.amend_order(instId=LISTED, ordId=placed["ordId"], newSz="3"))
    (seen,) = rows(trade.get_order(instId=LISTED, clOrdId="py1"))
    assert (seen["state"], seen["sz"]) == ("live", "3")
    assert [row["ordId"] for row in rows(trade.get_order_list())] == [placed["ordId"]]
    rows(trade.cancel_order(instId=LISTED, clOrdId="py1"))
    answer = trade.cancel_order(instId=LISTED, clOrdId="py1")
    assert (answer["code"], answer["data"][0]["sCode"]) == ("1", "51400")
    both = [terms | {"sz": "1", "px": price} for price in ("58000", "0.01")]
    answer = trade.place_multiple_orders(both)
    assert answer["code"] == "2"
    assert [row["sCode"] == "0" for row in answer["data"]] == [True, False]
    rows(trade.place_order(**terms | {"ordType": "market"}, sz="1"))
    assert [row["fillSz"] for row in rows(trade.get_fills())] == ["1"]
    assert [row["pos"] for row in rows(account.get_positions())] == ["1"]
    (totals,) = rows(account.get_account_balance())
    assert float(totals["totalEq"]) > 0
    rows(account.set_leverage(lever="7", mgnMode="cross", instId=LISTED))
    (stop,) = rows(
        trade.place_algo_order(
            instId=LISTED,
            tdMode="cross",
            side="sell",
            ordType="conditional",
            sz="1",
            slTriggerPx="55000",
            slOrdPx="-1",
        )
    )
    rows(trade.cancel_algo_order([{"instId": LISTED, "algoId": stop["algoId"]}]))
    strangers = opened(TradeAPI(**signed | {"passphrase": "other"}))
    assert strangers.get_order_list()["code"] == "50105"


async def listen_on(
    url: str, keys: tuple[str, str], code: int, until: Any
) -> list[dict[str, Any]]:
    """Log in, subscribe, trade on the socket; returns all it told."""
    from okx.websocket.WsPrivateAsync import WsPrivateAsync

    client = WsPrivateAsync(
        apiKey=keys[0], passphrase=KIT.passphrase, secretKey=keys[1], url=url
    )
    # Its factory insists on TLS, which this venue does not speak on loopback.
    client.websocket = await websockets.connect(url)
    told: list[dict[str, Any]] = []
    reader = asyncio.create_task(client.consume())

    def keep(message: str) -> None:
        told.append(json.loads(message))

    try:
        # It waits five seconds between login and subscription.
        await client.subscribe([{"channel": "orders", "instType": "SWAP"}], keep)
        await until(lambda: "subscribe" in {row.get("event") for row in told})
        order = {
            "instIdCode": code,
            "tdMode": "cross",
            "side": "buy",
            "ordType": "limit",
            "sz": "1",
            "px": "59000",
            "clOrdId": "pyws1",
        }
        await client.place_order([order], id="1")
        await until(lambda: "1" in {row.get("id") for row in told})
        gone = {"instIdCode": code, "clOrdId": "pyws1"}
        await client.cancel_order([gone], id="2")
        await until(lambda: "canceled" in states(told))
    finally:
        reader.cancel()
        await client.websocket.close()
    return told


def states(told: list[dict[str, Any]]) -> list[str]:
    """What the orders channel said."""
    pushed = (row for row in told if "data" in row and "arg" in row)
    return [item["state"] for row in pushed for item in row["data"]]


def test_rest_and_socket(keys: Any, run: Any, until: Any) -> None:
    """REST with every kind of call, and orders over the private socket."""

    async def story() -> None:
        server = paper_server("okx-v5", api_key=keys[0], api_secret=keys[1], seed=7)
        server.faces[0].engine.freeze()
        async with server:
            await asyncio.to_thread(trade_on, server.urls["rest"], keys)
            code = 10459  # instIdCode of BTC-USDT-SWAP, here and at the venue
            told = await listen_on(server.urls["stream"], keys, code, until)
            events = [row.get("event") for row in told]
            assert events[0] == "login"
            assert told[0]["code"] == "0"
            assert states(told) == ["live", "canceled"]

    run(story())
