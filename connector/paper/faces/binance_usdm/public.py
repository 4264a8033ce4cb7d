"""Public streams: mark price, best prices, trades, book (candles: `candles`).

Everything is derived from the machine when something changed; a stream sends
nothing for what nobody subscribed to.

Source: Binance USDⓈ-M docs, "Websocket Market Streams", read 2026-11. Depth
updates are complete for the levels shown (20), ``pu`` chains them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from connector.paper.faces import Frame
from connector.paper.faces.binance_usdm.candles import Made, SummaryStreams
from connector.paper.faces.binance_usdm.context import Venue
from connector.paper.faces.binance_usdm.render import money
from connector.paper.types import Depth, MarkEvent, PublicTrade, Quote

SLOW_MARK_MS = 3000
LEVELS_MAX = 20
TRADES_MAX = 200

Levels = tuple[tuple[Decimal, Decimal], ...]


class PublicStreams:
    """What was last told on the public streams of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._slow_mark: dict[str, int] = {}
        self._best: dict[str, tuple[Decimal, ...]] = {}
        self._trade_id: dict[str, int] = {}
        self._books: dict[str, Depth] = {}
        self._summaries = SummaryStreams(venue)

    def frames(self, marks: list[MarkEvent], now_ms: int) -> Iterator[Frame]:
        """Frames for everything that changed since the last call."""
        names = self._venue.streams.public_names()
        if not names:
            return
        made = self._summaries.made(names, now_ms)
        if marks:
            self._add_marks(made, names, marks, now_ms)
        for symbol in self._venue.engine.instruments:
            low = symbol.lower()
            if f"{low}@bookTicker" in names or "!bookTicker" in names:
                self._add_best(made, symbol, now_ms)
            if f"{low}@aggTrade" in names or f"{low}@trade" in names:
                self._add_trades(made, symbol, now_ms)
            wanted = [name for name in names if name.startswith(f"{low}@depth")]
            if wanted:
                self._add_depth(made, symbol, wanted, now_ms)
        for name, payloads in made.items():
            if name in names:
                for payload, event in payloads:
                    yield from self._venue.streams.public_frames(name, payload, event)

    def _add_marks(
        self,
        made: Made,
        names: Collection[str],
        marks: list[MarkEvent],
        now_ms: int,
    ) -> None:
        for mark in marks:
            low = mark.symbol.lower()
            payload = (mark_update(mark, now_ms), "markPriceUpdate")
            made[f"{low}@markPrice@1s"] = [payload]
            beat = mark.time_ms // SLOW_MARK_MS
            if self._slow_mark.get(mark.symbol) != beat:
                self._slow_mark[mark.symbol] = beat
                made[f"{low}@markPrice"] = [payload]
        every = [mark_update(mark, now_ms) for mark in marks]
        for name in ("!markPrice@arr", "!markPrice@arr@1s"):
            if name in names:
                made[name] = [(every, "markPriceUpdate")]

    def _add_best(self, made: Made, symbol: str, now_ms: int) -> None:
        quote = self._venue.engine.quote(symbol)
        best = (
            quote.best_bid,
            quote.best_bid_qty,
            quote.best_ask,
            quote.best_ask_qty,
        )
        if self._best.get(symbol) != best:
            self._best[symbol] = best
            payload = self._book_ticker(quote, now_ms)
            made[f"{symbol.lower()}@bookTicker"] = [(payload, "bookTicker")]
            made.setdefault("!bookTicker", []).append((payload, "bookTicker"))

    def _book_ticker(self, quote: Quote, now_ms: int) -> dict[str, Any]:
        price, qty = self._venue.renderer.price, self._venue.renderer.qty
        symbol = quote.symbol
        return {
            "e": "bookTicker",
            "u": quote.time_ms,
            "E": now_ms,
            "T": quote.time_ms,
            "s": symbol,
            "b": price(symbol, quote.best_bid),
            "B": qty(symbol, quote.best_bid_qty),
            "a": price(symbol, quote.best_ask),
            "A": qty(symbol, quote.best_ask_qty),
        }

    def _add_trades(self, made: Made, symbol: str, now_ms: int) -> None:
        rows = self._venue.engine.public_trades(symbol, TRADES_MAX)
        last = self._trade_id.get(symbol)
        if rows:
            self._trade_id[symbol] = rows[-1].trade_id
        if last is None:
            return
        new = [row for row in rows if row.trade_id > last]
        low = symbol.lower()
        made[f"{low}@aggTrade"] = [(self._agg(r, now_ms), "aggTrade") for r in new]
        made[f"{low}@trade"] = [(self._trade(r, now_ms), "trade") for r in new]

    def _agg(self, row: PublicTrade, now_ms: int) -> dict[str, Any]:
        return {
            "e": "aggTrade",
            "E": now_ms,
            "a": row.trade_id,
            "s": row.symbol,
            "p": self._venue.renderer.price(row.symbol, row.price),
            "q": self._venue.renderer.qty(row.symbol, row.qty),
            "f": row.trade_id,
            "l": row.trade_id,
            "T": row.time_ms,
            "m": row.taker_side == "SELL",
        }

    def _trade(self, row: PublicTrade, now_ms: int) -> dict[str, Any]:
        return {
            "e": "trade",
            "E": now_ms,
            "T": row.time_ms,
            "s": row.symbol,
            "t": row.trade_id,
            "p": self._venue.renderer.price(row.symbol, row.price),
            "q": self._venue.renderer.qty(row.symbol, row.qty),
            "X": "MARKET",
            "m": row.taker_side == "SELL",
        }

    def _add_depth(
        self,
        made: Made,
        symbol: str,
        wanted: list[str],
        now_ms: int,
    ) -> None:
        now = self._venue.engine.depth(symbol, LEVELS_MAX)
        past = self._books.get(symbol)
        if past is not None and (past.bids, past.asks) == (now.bids, now.asks):
            return
        self._books[symbol] = now
        for name in wanted:
            size = name.partition("@depth")[2].partition("@")[0]
            if size.isdigit():
                count = min(int(size), LEVELS_MAX)
                bids, asks = now.bids[:count], now.asks[:count]
            else:
                bids = changes(past.bids if past else (), now.bids)
                asks = changes(past.asks if past else (), now.asks)
            payload = {
                "e": "depthUpdate",
                "E": now_ms,
                "T": now.time_ms,
                "s": symbol,
                "U": past.update_id + 1 if past else now.update_id,
                "u": now.update_id,
                "pu": past.update_id if past else now.update_id - 1,
                "b": self._levels(symbol, bids),
                "a": self._levels(symbol, asks),
            }
            made[name] = [(payload, "depthUpdate")]

    def _levels(self, symbol: str, rows: Levels) -> list[list[str]]:
        price, qty = self._venue.renderer.price, self._venue.renderer.qty
        return [[price(symbol, p), qty(symbol, q)] for p, q in rows]


def changes(past: Levels, now: Levels) -> Levels:
    """Levels that differ; a level that is gone has quantity 0."""
    before, after = dict(past), dict(now)
    gone = tuple((price, Decimal(0)) for price in before if price not in after)
    return gone + tuple(row for row in now if before.get(row[0]) != row[1])


def mark_update(mark: MarkEvent, now_ms: int) -> dict[str, Any]:
    """One markPriceUpdate."""
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": mark.symbol,
        "p": money(mark.mark),
        "ap": money(mark.mark),
        "P": money(mark.index),
        "i": money(mark.index),
        "r": money(mark.funding_rate),
        "T": mark.next_funding_ms,
    }
