"""Public endpoints and the ticker of the public stream.

Source: Bybit v5 docs, "Market" section and "Ticker" of the public stream, read
2026-11. What needs a past that this venue does not keep is empty.
"""

from __future__ import annotations

from typing import Any

from connector.paper.faces.bybit_v5.context import Ask, Venue
from connector.paper.faces.bybit_v5.render import SIDES, plain
from connector.paper.types import Instrument

TIERS_PER_PAGE = 15


def time(ask: Ask) -> object:
    """GET market/time."""
    return {
        "timeSecond": str(ask.now_ms // 1000),
        "timeNano": str(ask.now_ms * 1_000_000),
    }


def _selected(ask: Ask) -> list[Instrument]:
    if ask.category() != "linear":
        return []
    symbol, base = ask.params.text("symbol"), ask.params.text("baseCoin")
    return [
        item
        for item in ask.engine.instruments.values()
        if symbol in (None, item.symbol) and base in (None, item.base)
    ]


def instruments_info(ask: Ask) -> object:
    """GET market/instruments-info."""
    rows, cursor = ask.page(_selected(ask), lambda i: i.symbol, ask.limit(500, 1000))
    return {
        "category": ask.category(),
        "list": [_instrument(ask, item, number) for number, item in enumerate(rows)],
        "nextPageCursor": cursor,
    }


def _instrument(ask: Ask, item: Instrument, number: int) -> dict[str, Any]:
    largest = item.brackets[0].max_leverage
    ratio = plain(item.band_up - 1)
    return {
        "symbol": item.symbol,
        "symbolId": number + 1,
        "contractType": "LinearPerpetual",
        "status": "Trading" if ask.engine.is_trading(item.symbol) else "Closed",
        "baseCoin": item.base,
        "quoteCoin": item.quote,
        "launchTime": str(item.onboard_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{largest}.00",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": str(item.min_price),
            "maxPrice": plain(item.max_price),
            "tickSize": str(item.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": str(item.max_qty),
            "minOrderQty": str(item.min_qty),
            "qtyStep": str(item.qty_step),
            "postOnlyMaxOrderQty": str(item.max_qty),
            "maxMktOrderQty": str(item.market_max_qty),
            "minNotionalValue": str(item.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": item.funding_interval_ms // 60_000,
        "settleCoin": item.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": ratio, "priceLimitRatioY": ratio},
        "symbolType": "",
        "displayName": "",
        "forbidUplWithdrawal": False,
    }


def risk_limit(ask: Ask) -> object:
    """GET market/risk-limit: 15 symbols a page, rates as fractions."""
    items, cursor = ask.page(_selected(ask), lambda i: i.symbol, TIERS_PER_PAGE)
    rows = [
        {
            "id": tier.number,
            "symbol": item.symbol,
            "riskLimitValue": plain(tier.cap),
            "maintenanceMargin": plain(tier.mmr),
            "initialMargin": f"{1 / tier.max_leverage:.4f}",
            "isLowestRisk": 1 if tier.number == 1 else 0,
            "maxLeverage": f"{tier.max_leverage}.00",
            "mmDeduction": plain(tier.cum) if tier.cum else "",
        }
        for item in items
        for tier in item.brackets
    ]
    return {"category": ask.category(), "list": rows, "nextPageCursor": cursor}


def tickers(ask: Ask) -> object:
    """GET market/tickers."""
    rows = [ticker(ask.venue, item.symbol) for item in _selected(ask)]
    return {"category": ask.category(), "list": rows}


def ticker(venue: Venue, symbol: str) -> dict[str, str]:
    """Everything a ticker tells."""
    quote = venue.engine.quote(symbol)
    return {
        "symbol": symbol,
        "lastPrice": plain(quote.last),
        "indexPrice": plain(quote.index),
        "markPrice": plain(quote.mark),
        "prevPrice24h": plain(quote.last),
        "price24hPcnt": "0",
        "highPrice24h": plain(quote.last),
        "lowPrice24h": plain(quote.last),
        "prevPrice1h": plain(quote.last),
        "openInterest": "0",
        "openInterestValue": "0",
        "turnover24h": "0",
        "volume24h": "0",
        "fundingRate": plain(quote.funding_rate),
        "nextFundingTime": str(quote.next_funding_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": plain(quote.best_bid),
        "bid1Size": plain(quote.best_bid_qty),
        "ask1Price": plain(quote.best_ask),
        "ask1Size": plain(quote.best_ask_qty),
        "basis": "",
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }


def orderbook(ask: Ask) -> object:
    """GET market/orderbook."""
    ask.need_linear()
    symbol = ask.instrument().symbol
    depth = ask.engine.depth(symbol, ask.limit(25, 500))
    return {
        "s": symbol,
        "b": [[plain(price), plain(qty)] for price, qty in depth.bids],
        "a": [[plain(price), plain(qty)] for price, qty in depth.asks],
        "ts": ask.now_ms,
        "u": depth.update_id,
        "seq": depth.update_id,
        "cts": depth.time_ms,
    }


def recent_trades(ask: Ask) -> object:
    """GET market/recent-trade."""
    ask.need_linear()
    symbol = ask.instrument().symbol
    rows = [
        {
            "execId": str(trade.trade_id),
            "symbol": symbol,
            "price": plain(trade.price),
            "size": plain(trade.qty),
            "side": SIDES[trade.taker_side],
            "time": str(trade.time_ms),
            "isBlockTrade": False,
            "isRPITrade": False,
        }
        for trade in reversed(ask.engine.public_trades(symbol, ask.limit(500, 1000)))
    ]
    return {"category": "linear", "list": rows}


def system_status(ask: Ask) -> object:
    """GET system/status: nothing is announced."""
    return {"list": []}
