"""Candles and day statistics, for REST and for the public streams.

Both are computed from the trades the machine still keeps (the newest thousand), enough
for clients that watch or ask at load, not a history. The past of mark and index is not
kept: their candles follow the trades, and the newest ends at the price of now.

Source: Binance USDⓈ-M docs, "Kline/Candlestick Data", "Mark Price Kline", "Index Price
Kline", "Open Interest", "24hr Ticker Price Change Statistics" and the streams "Kline",
"Individual Symbol Ticker", "Individual Symbol Mini Ticker", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.context import Ask, Venue
from connector.paper.faces.binance_usdm.render import fixed, plain
from connector.paper.types import ZERO, PublicTrade, Quote

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
TRADES_KEPT = 1000
_MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}
INTERVALS_MS = {name: minutes * MINUTE_MS for name, minutes in _MINUTES.items()}

_TICKER = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_TICKERS = ("ticker", "miniTicker")
_EVERY = ("!ticker@arr", "!miniTicker@arr")
_MINI_TICKER = {name: _TICKER[name] for name in "cohlvq"}

Made = dict[str, list[tuple[Any, str]]]
"""Payloads and their event kind, by stream."""


class Candle:
    """Trades of one interval as texts; *rows* is not empty."""

    def __init__(
        self, venue: Venue, start_ms: int, length_ms: int, rows: Sequence[PublicTrade]
    ) -> None:
        symbol = rows[0].symbol
        price, qty = venue.renderer.price, venue.renderer.qty
        prices = [row.price for row in rows]
        bought = [row for row in rows if row.taker_side == "BUY"]
        self.rows = rows
        self.start_ms = start_ms
        self.end_ms = start_ms + length_ms - 1
        self.open = price(symbol, prices[0])
        self.high = price(symbol, max(prices))
        self.low = price(symbol, min(prices))
        self.close = price(symbol, prices[-1])
        self.volume = qty(symbol, sum((row.qty for row in rows), ZERO))
        self.turnover = plain(_turnover(rows))
        self.bought = qty(symbol, sum((row.qty for row in bought), ZERO))
        self.bought_turnover = plain(_turnover(bought))

    def row(self) -> list[Any]:
        """As klines tells it."""
        return [
            self.start_ms,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.end_ms,
            self.turnover,
            len(self.rows),
            self.bought,
            self.bought_turnover,
            "0",
        ]

    def event(self, interval: str, now_ms: int) -> dict[str, Any]:
        """As the stream tells it."""
        symbol = self.rows[0].symbol
        return {
            "e": "kline",
            "E": now_ms,
            "s": symbol,
            "k": {
                "t": self.start_ms,
                "T": self.end_ms,
                "s": symbol,
                "i": interval,
                "f": self.rows[0].trade_id,
                "L": self.rows[-1].trade_id,
                "o": self.open,
                "c": self.close,
                "h": self.high,
                "l": self.low,
                "v": self.volume,
                "n": len(self.rows),
                "x": now_ms > self.end_ms,
                "q": self.turnover,
                "V": self.bought,
                "Q": self.bought_turnover,
                "B": "0",
            },
        }


def _turnover(rows: Sequence[PublicTrade]) -> Decimal:
    return sum((row.qty * row.price for row in rows), ZERO)


def candles_of(venue: Venue, symbol: str, length_ms: int) -> list[Candle]:
    """Candles of the trades still kept, oldest first; none where nobody traded."""
    rows: dict[int, list[PublicTrade]] = {}
    for trade in venue.engine.public_trades(symbol, TRADES_KEPT):
        start_ms = trade.time_ms - trade.time_ms % length_ms
        rows.setdefault(start_ms, []).append(trade)
    return [
        Candle(venue, start_ms, length_ms, found)
        for start_ms, found in sorted(rows.items())
    ]


# REST


def _asked(ask: Ask, symbol: str) -> list[Candle]:
    length_ms = INTERVALS_MS.get(ask.params.need("interval"))
    if length_ms is None:
        raise ApiError(-1120, "Invalid interval.")
    since_ms = ask.params.integer("startTime") or 0
    until_ms = ask.params.integer("endTime")
    found = [
        candle
        for candle in candles_of(ask.venue, symbol, length_ms)
        if candle.start_ms >= since_ms
        and (until_ms is None or candle.start_ms <= until_ms)
    ]
    limit = ask.params.limit(500, 1500)
    return found[:limit] if since_ms else found[-limit:]


def _pair(ask: Ask) -> str:
    """The perpetual contract of the mandatory pair; raises -1102 or -1121."""
    pair = ask.params.need("pair").upper()
    return ask.venue.instrument(pair).symbol


def klines(ask: Ask) -> object:
    """GET klines."""
    return [candle.row() for candle in _asked(ask, ask.symbol())]


def continuous_klines(ask: Ask) -> object:
    """GET continuousKlines: of the perpetual, there is no other contract."""
    kind = ask.params.need("contractType")
    symbol = _pair(ask)
    if kind.upper() != "PERPETUAL":
        return []
    return [candle.row() for candle in _asked(ask, symbol)]


def mark_klines(ask: Ask) -> object:
    """GET markPriceKlines."""
    symbol = ask.symbol()
    return _price_rows(ask, symbol, lambda quote: quote.mark)


def index_klines(ask: Ask) -> object:
    """GET indexPriceKlines."""
    return _price_rows(ask, _pair(ask), lambda quote: quote.index)


def _price_rows(
    ask: Ask, symbol: str, price_of: Callable[[Quote], Decimal]
) -> list[list[Any]]:
    """Candles of a price nobody trades at: without volumes."""
    rows = [candle.row() for candle in _asked(ask, symbol)]
    now = price_of(ask.venue.engine.quote(symbol))
    for row in rows:
        row[5] = row[7] = row[9] = row[10] = "0"
    if rows and rows[-1][6] >= ask.now_ms:
        newest, text = rows[-1], ask.venue.renderer.price(symbol, now)
        newest[2] = max(newest[2], text, key=Decimal)
        newest[3] = min(newest[3], text, key=Decimal)
        newest[4] = text
    return rows


def open_interest(ask: Ask) -> object:
    """GET openInterest."""
    symbol = ask.symbol()
    held = ask.venue.engine.open_interest(symbol)
    return {
        "symbol": symbol,
        "openInterest": ask.venue.renderer.qty(symbol, held),
        "time": ask.now_ms,
    }


def day_row(venue: Venue, quote: Quote, now_ms: int) -> dict[str, Any]:
    """One row of ticker/24hr."""
    symbol = quote.symbol
    trades = venue.engine.public_trades(symbol, TRADES_KEPT)
    prices = [trade.price for trade in trades] or [quote.last]
    volume = sum((trade.qty for trade in trades), ZERO)
    turnover = _turnover(trades)
    price, qty = venue.renderer.price, venue.renderer.qty
    change = quote.last - prices[0]
    return {
        "symbol": symbol,
        "priceChange": price(symbol, change),
        "priceChangePercent": f"{change / prices[0] * 100:.3f}",
        "weightedAvgPrice": price(symbol, turnover / volume if volume else quote.last),
        "lastPrice": price(symbol, quote.last),
        "lastQty": qty(symbol, trades[-1].qty if trades else ZERO),
        "openPrice": price(symbol, prices[0]),
        "highPrice": price(symbol, max(prices)),
        "lowPrice": price(symbol, min(prices)),
        "volume": qty(symbol, volume),
        "quoteVolume": fixed(turnover, Decimal("0.01")),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": trades[0].trade_id if trades else 0,
        "lastId": trades[-1].trade_id if trades else 0,
        "count": len(trades),
    }


# Streams


class SummaryStreams:
    """``kline_*``, ``ticker`` and ``miniTicker`` of one venue, told after trades.

    A candle is told a last time, as closed, when its time is over.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._told: dict[str, tuple[int, int]] = {}  # trade and candle, by stream
        self._day: dict[str, int] = {}  # newest trade that tickers know, by symbol

    def made(self, names: Collection[str], now_ms: int) -> Made:
        """Payloads for those of *names* that have news."""
        made: Made = {}
        wants_tickers = any(
            name in _EVERY or name.partition("@")[2] in _TICKERS for name in names
        )
        for symbol in self._venue.engine.instruments:
            prefix = f"{symbol.lower()}@kline_"
            for name in names:
                if name.startswith(prefix):
                    interval = name.removeprefix(prefix)
                    self._add_candles(made, name, symbol, interval, now_ms)
            if wants_tickers:
                self._add_tickers(made, symbol, now_ms)
        return made

    def _add_candles(
        self, made: Made, name: str, symbol: str, interval: str, now_ms: int
    ) -> None:
        length_ms = INTERVALS_MS.get(interval)
        if length_ms is None:
            return
        trade, open_ms = self._told.get(name, (0, 0))
        news = []
        recent = -2 if name in self._told else -1
        for candle in candles_of(self._venue, symbol, length_ms)[recent:]:
            newest = candle.rows[-1].trade_id
            is_closing = candle.start_ms == open_ms and now_ms > candle.end_ms
            if newest > trade or is_closing:
                news.append((candle.event(interval, now_ms), "kline"))
                open_ms = candle.start_ms if now_ms <= candle.end_ms else 0
                trade = newest
        if news:
            made[name] = news
            self._told[name] = (trade, open_ms)

    def _add_tickers(self, made: Made, symbol: str, now_ms: int) -> None:
        newest = self._venue.engine.public_trades(symbol, 1)
        if not newest or self._day.get(symbol) == newest[0].trade_id:
            return
        self._day[symbol] = newest[0].trade_id
        row = day_row(self._venue, self._venue.engine.quote(symbol), now_ms)
        for stream, event, words in (
            ("ticker", "24hrTicker", _TICKER),
            ("miniTicker", "24hrMiniTicker", _MINI_TICKER),
        ):
            told: dict[str, Any] = {"e": event, "E": now_ms, "s": symbol}
            told |= {name: row[field] for name, field in words.items()}
            made[f"{symbol.lower()}@{stream}"] = [(told, event)]
            every = made.setdefault(f"!{stream}@arr", [([], event)])
            every[0][0].append(told)
