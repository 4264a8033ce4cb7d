"""Candles, tickers and open interest of the Binance face, by REST and by stream."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.paper.faces.binance_usdm.candles import Candle, candles_of

S = "BTCUSDT"
LOW = S.lower()
MINUTE_MS = 60_000


async def _trade_for(bench: Any, minutes: float) -> None:
    bench.control("freeze", frozen=False)
    for _ in range(int(minutes * 60)):
        bench.pass_ms(1000)
    bench.control("freeze")


def test_candles_are_the_trades(stage: Any) -> None:
    """Every trade kept is in exactly one candle; bounds and limits are obeyed."""

    async def story(bench: Any) -> None:
        await _trade_for(bench, 3)
        query = {"symbol": S, "interval": "1m"}
        rows = await bench.ok("GET", "/fapi/v1/klines", **query)
        trades = await bench.ok("GET", "/fapi/v1/trades", symbol=S, limit=1000)
        assert sum(row[8] for row in rows) == len(trades)
        assert sum(D(row[5]) for row in rows) == sum(D(t["qty"]) for t in trades)
        assert rows[-1][4] == trades[-1]["price"]
        for row in rows:
            prices = [D(t["price"]) for t in trades if row[0] <= t["time"] <= row[6]]
            assert [D(row[i]) for i in (1, 2, 3, 4)] == [
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
            ]
        since = await bench.ok("GET", "/fapi/v1/klines", **query, startTime=rows[1][0])
        until = await bench.ok("GET", "/fapi/v1/klines", **query, endTime=rows[0][0])
        last = await bench.ok("GET", "/fapi/v1/klines", **query, limit=1)
        assert (since, until, last) == (rows[1:], rows[:1], rows[-1:])
        same = {"pair": S, "contractType": "PERPETUAL", "interval": "1m"}
        assert await bench.ok("GET", "/fapi/v1/continuousKlines", **same) == rows

    stage(story)


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [
        ("/fapi/v1/markPriceKlines", "symbol", "markPrice"),
        ("/fapi/v1/indexPriceKlines", "pair", "indexPrice"),
    ],
)
def test_candles_of_prices_nobody_trades_at(
    stage: Any, path: str, name: str, field: str
) -> None:
    """The newest ends at the price of now and spans it; there are no volumes."""

    async def story(bench: Any) -> None:
        await _trade_for(bench, 0.5)
        bench.control("mark", symbol=S, price="61234.5")
        rows = await bench.ok("GET", path, **{name: S}, interval="1m")
        (quote,) = [await bench.ok("GET", "/fapi/v1/premiumIndex", symbol=S)]
        assert abs(D(rows[-1][4]) - D(quote[field])) <= D("0.1")
        assert D(rows[-1][3]) <= D(rows[-1][4]) <= D(rows[-1][2])
        assert {row[i] for row in rows for i in (5, 7, 9, 10)} == {"0"}

    stage(story)


def test_open_interest_is_what_accounts_hold(stage: Any) -> None:
    """One side of it: the street holds the other."""

    async def story(bench: Any) -> None:
        before = await bench.ok("GET", "/fapi/v1/openInterest", symbol=S)
        await bench.market("SELL")
        after = await bench.ok("GET", "/fapi/v1/openInterest", symbol=S)
        (held,) = await bench.ok("GET", "/fapi/v3/positionRisk", symbol=S)
        assert D(before["openInterest"]) == 0
        assert D(after["openInterest"]) == -D(held["positionAmt"]) > 0
        assert (after["symbol"], after["time"]) == (S, bench.now_ms)

    stage(story)


def test_summary_streams(stage: Any) -> None:
    """Candles, tickers and best prices in the venue's words, to who subscribed."""

    async def story(bench: Any) -> None:
        names = [
            f"{LOW}@kline_1m",
            f"{LOW}@ticker",
            f"{LOW}@miniTicker",
            "!ticker@arr",
            "!miniTicker@arr",
            "!bookTicker",
        ]
        socket = await bench.socket(f"/market/stream?streams={'/'.join(names)}")
        await _trade_for(bench, 0.2)
        rows = await bench.read_all(socket)
        assert {row["stream"] for row in rows} == set(names)
        newest = {row["stream"]: row["data"] for row in rows}
        ticker = await bench.ok("GET", "/fapi/v1/ticker/24hr", symbol=S)
        told = newest[names[1]]
        assert (told["e"], told["s"]) == ("24hrTicker", S)
        assert (told["c"], told["L"], told["v"]) == (
            ticker["lastPrice"],
            ticker["lastId"],
            ticker["volume"],
        )
        mini = newest[names[2]]
        assert mini == {
            "e": "24hrMiniTicker",
            "E": mini["E"],
            "s": S,
            **{word: told[word] for word in "cohlvq"},
        }
        assert S in {row["s"] for row in newest["!ticker@arr"]}
        assert {row["e"] for row in newest["!miniTicker@arr"]} == {"24hrMiniTicker"}
        assert newest["!bookTicker"]["e"] == "bookTicker"
        candle = newest[names[0]]
        (row,) = await bench.ok(
            "GET", "/fapi/v1/klines", symbol=S, interval="1m", limit=1
        )
        told_row = [candle["k"][word] for word in "tohlcvTqnVQB"]
        assert (candle["e"], told_row) == ("kline", row)

    stage(story)


def test_a_candle_is_told_once_as_closed(stage: Any) -> None:
    """``x`` is true in the last message of a candle and in no other."""

    async def story(bench: Any) -> None:
        socket = await bench.socket(f"/market/ws/{LOW}@kline_1m")
        await _trade_for(bench, 2.5)
        rows = [row["k"] for row in await bench.read_all(socket)]
        starts = sorted({row["t"] for row in rows})
        assert len(starts) >= 3
        for start in starts[:-1]:
            states = [row["x"] for row in rows if row["t"] == start]
            assert states == [False] * (len(states) - 1) + [True]
        assert not any(row["x"] for row in rows if row["t"] == starts[-1])

    stage(story)


def test_a_candle_counts_the_side_that_took() -> None:
    """Taker volumes are those of buys."""
    from connector.paper.venue import paper_server

    server = paper_server("binance-usdm", api_key="k", api_secret="s", seed=3)
    face = server.faces[0]
    engine = face.engine
    for _ in range(30):
        engine.advance(engine.now_ms + 1000)
    found = candles_of(face.state, S, MINUTE_MS)
    assert found
    for candle in found:
        assert isinstance(candle, Candle)
        bought = sum(row.qty for row in candle.rows if row.taker_side == "BUY")
        assert D(candle.bought) == bought
