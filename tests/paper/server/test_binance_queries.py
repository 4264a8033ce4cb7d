"""Queries and margin calls of the Binance face, over every GET there is."""

from __future__ import annotations

from typing import Any

from connector.paper.faces.binance_usdm.endpoints import REST

S = "BTCUSDT"
ALGO = {
    "algoType": "CONDITIONAL",
    "symbol": S,
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.010",
    "triggerPrice": "58000",
}

NEEDS: dict[str, dict[str, Any]] = {
    "/fapi/v1/klines": {"interval": "1m"},
    "/fapi/v1/continuousKlines": {
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "interval": "1m",
    },
    "/fapi/v1/markPriceKlines": {"interval": "1m"},
    "/fapi/v1/indexPriceKlines": {"pair": "BTCUSDT", "interval": "1m"},
    "/fapi/v1/order": {"origClientOrderId": "known"},
    "/fapi/v1/openOrder": {"origClientOrderId": "known"},
    "/fapi/v1/algoOrder": {"clientAlgoId": "stop"},
}


def test_every_query_is_answered(stage: Any) -> None:
    """Each GET of the table works with a symbol, and is JSON."""

    async def story(bench: Any) -> None:
        await bench.market("BUY")
        await bench.buy(newClientOrderId="known")
        await bench.ok("POST", "/fapi/v1/algoOrder", **ALGO, clientAlgoId="stop")
        bench.control("freeze", frozen=False)
        bench.pass_ms(2000)
        for method, path in REST:
            if method == "GET":
                params = {"symbol": S, **NEEDS.get(path, {})}
                answer = await bench.ok("GET", path, **params)
                assert isinstance(answer, dict | list), path

    stage(story)


def test_isolated_margin(stage: Any) -> None:
    """Margin is added and taken from an isolated position, and remembered."""

    async def story(bench: Any) -> None:
        path = "/fapi/v1/positionMargin"
        move = {"symbol": S, "amount": "10", "type": 1}
        assert (await bench.error("POST", path, **move))[0] == 400
        await bench.ok("POST", "/fapi/v1/marginType", symbol=S, marginType="ISOLATED")
        await bench.market("BUY")
        answer = await bench.ok("POST", path, **move)
        assert (answer["amount"], answer["code"], answer["type"]) == (10.0, 200, 1)
        await bench.ok("POST", path, **{**move, "type": 2, "amount": "4"})
        rows = await bench.ok("GET", f"{path}/history", symbol=S)
        assert [(row["type"], row["amount"]) for row in rows] == [
            (1, "10.00000000"),
            (2, "4.00000000"),
        ]
        only = await bench.ok("GET", f"{path}/history", symbol=S, type=2)
        assert len(only) == 1
        refused = await bench.error("POST", path, **{**move, "amount": "99999"})
        assert refused[1] == -4050
        refused = await bench.error("POST", path, **{**move, "amount": "30", "type": 2})
        assert refused[1] == -4051

    stage(story)


def test_pages_of_fills(stage: Any) -> None:
    """By id forward from one; by time the oldest; without either the newest."""

    async def story(bench: Any) -> None:
        start = bench.now_ms
        for _ in range(5):
            await bench.market("BUY", "0.001")
            bench.pass_ms(1000)
        path = "/fapi/v1/userTrades"

        async def ids(**params: Any) -> list[int]:
            rows = await bench.ok("GET", path, symbol=S, **params)
            return [row["id"] for row in rows]

        every = await ids()
        assert len(every) == 5
        assert every == sorted(every)
        assert await ids(limit=2) == every[-2:]
        assert await ids(limit=2, fromId=every[1]) == every[1:3]
        assert await ids(limit=2, startTime=start) == every[:2]
        assert await ids(startTime=start + 1000, endTime=start + 2000) == every[1:3]
        bench.pass_ms(8 * 86_400_000)
        assert await ids() == []
        assert await ids(fromId=every[0]) == every

    stage(story)
