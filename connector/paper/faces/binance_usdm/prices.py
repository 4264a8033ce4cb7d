"""Public endpoints: exchangeInfo, prices, book, trades.

Source: Binance USDⓈ-M docs, "Market Data" section, read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.candles import day_row
from connector.paper.faces.binance_usdm.context import Ask
from connector.paper.faces.binance_usdm.render import fixed, money, plain
from connector.paper.types import Instrument, Quote

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)


def ping(ask: Ask) -> object:
    """GET ping."""
    return {}


def time(ask: Ask) -> object:
    """GET time."""
    return {"serverTime": ask.now_ms}


def exchange_info(ask: Ask) -> object:
    """GET exchangeInfo."""
    instruments = ask.venue.engine.instruments.values()
    assets = sorted({instrument.settle for instrument in instruments})
    return {
        "timezone": "UTC",
        "serverTime": ask.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": ask.venue.limits.rules(),
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in assets
        ],
        "symbols": [
            _symbol_row(
                instrument,
                is_trading=ask.venue.engine.is_trading(instrument.symbol),
            )
            for instrument in instruments
        ],
    }


def _places(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _symbol_row(instrument: Instrument, *, is_trading: bool) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": instrument.onboard_ms,
        "status": "TRADING" if is_trading else "SETTLING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.settle,
        "pricePrecision": _places(instrument.tick_size),
        "quantityPrecision": _places(instrument.qty_step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": f"{instrument.trigger_protect:.4f}",
        "liquidationFee": f"{instrument.liquidation_fee:.6f}",
        "marketTakeBound": plain(instrument.market_take_bound),
        "maxMoveOrderLimit": 10000,
        "filters": _filters(instrument),
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY"],
    }


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    step = format(instrument.qty_step, "f")
    least = format(instrument.min_qty, "f")
    return [
        {
            "filterType": "PRICE_FILTER",
            "tickSize": format(instrument.tick_size, "f"),
            "minPrice": format(instrument.min_price, "f"),
            "maxPrice": format(instrument.max_price, "f"),
        },
        {
            "filterType": "LOT_SIZE",
            "stepSize": step,
            "minQty": least,
            "maxQty": plain(instrument.max_qty),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "stepSize": step,
            "minQty": least,
            "maxQty": plain(instrument.market_max_qty),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_orders},
        {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{instrument.band_up:.4f}",
            "multiplierDown": f"{instrument.band_down:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]


def _per_symbol(ask: Ask) -> tuple[list[Quote], bool]:
    """Quotes asked for, and whether it was a single symbol."""
    one = ask.symbol_or_none()
    symbols = [one] if one else list(ask.venue.engine.instruments)
    return [ask.venue.engine.quote(symbol) for symbol in symbols], one is not None


def _one_or_all(rows: list[dict[str, Any]], *, is_one: bool) -> object:
    return rows[0] if is_one else rows


def premium_index(ask: Ask) -> object:
    """GET premiumIndex: mark, index and funding."""
    quotes, is_one = _per_symbol(ask)
    rows = [
        {
            "symbol": quote.symbol,
            "markPrice": money(quote.mark),
            "indexPrice": money(quote.index),
            "estimatedSettlePrice": money(quote.index),
            "lastFundingRate": money(quote.funding_rate),
            "interestRate": "0.00010000",
            "nextFundingTime": quote.next_funding_ms,
            "time": quote.time_ms,
        }
        for quote in quotes
    ]
    return _one_or_all(rows, is_one=is_one)


def book_ticker(ask: Ask) -> object:
    """GET ticker/bookTicker."""
    quotes, is_one = _per_symbol(ask)
    price = ask.venue.renderer.price
    qty = ask.venue.renderer.qty
    rows = [
        {
            "symbol": quote.symbol,
            "bidPrice": price(quote.symbol, quote.best_bid),
            "bidQty": qty(quote.symbol, quote.best_bid_qty),
            "askPrice": price(quote.symbol, quote.best_ask),
            "askQty": qty(quote.symbol, quote.best_ask_qty),
            "time": quote.time_ms,
            "lastUpdateId": quote.time_ms,
        }
        for quote in quotes
    ]
    return _one_or_all(rows, is_one=is_one)


def ticker_price(ask: Ask) -> object:
    """GET ticker/price, v1 and v2."""
    quotes, is_one = _per_symbol(ask)
    price = ask.venue.renderer.price
    rows = [
        {
            "symbol": quote.symbol,
            "price": price(quote.symbol, quote.last),
            "time": quote.time_ms,
        }
        for quote in quotes
    ]
    return _one_or_all(rows, is_one=is_one)


def ticker_24hr(ask: Ask) -> object:
    """GET ticker/24hr, over the trades still kept."""
    quotes, is_one = _per_symbol(ask)
    rows = [day_row(ask.venue, quote, ask.now_ms) for quote in quotes]
    return _one_or_all(rows, is_one=is_one)


def depth(ask: Ask) -> object:
    """GET depth."""
    symbol = ask.symbol()
    limit = ask.params.integer("limit") or 500
    if limit not in DEPTH_LIMITS:
        raise ApiError(-4021, f"{limit} is not valid depth limit.")
    book = ask.venue.engine.depth(symbol, limit)
    return {
        "lastUpdateId": book.update_id,
        "E": ask.now_ms,
        "T": book.time_ms,
        "bids": levels(ask, symbol, book.bids),
        "asks": levels(ask, symbol, book.asks),
    }


def levels(
    ask: Ask, symbol: str, rows: tuple[tuple[Decimal, Decimal], ...]
) -> list[list[str]]:
    """Book levels as pairs of texts."""
    renderer = ask.venue.renderer
    return [[renderer.price(symbol, p), renderer.qty(symbol, q)] for p, q in rows]


def trades(ask: Ask) -> object:
    """GET trades and historicalTrades."""
    symbol = ask.symbol()
    renderer = ask.venue.renderer
    return [
        {
            "id": trade.trade_id,
            "price": renderer.price(symbol, trade.price),
            "qty": renderer.qty(symbol, trade.qty),
            "quoteQty": fixed(trade.price * trade.qty, Decimal("0.01")),
            "time": trade.time_ms,
            "isBuyerMaker": trade.taker_side == "SELL",
        }
        for trade in ask.venue.engine.public_trades(symbol, ask.params.limit(500, 1000))
    ]


def agg_trades(ask: Ask) -> object:
    """GET aggTrades: every trade is its own aggregate here."""
    symbol = ask.symbol()
    renderer = ask.venue.renderer
    return [
        {
            "a": trade.trade_id,
            "p": renderer.price(symbol, trade.price),
            "q": renderer.qty(symbol, trade.qty),
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.time_ms,
            "m": trade.taker_side == "SELL",
        }
        for trade in ask.venue.engine.public_trades(symbol, ask.params.limit(500, 1000))
    ]


def funding_rate(ask: Ask) -> object:
    """GET fundingRate: the rate in force, the past is not kept."""
    quotes, _ = _per_symbol(ask)
    return [
        {
            "symbol": quote.symbol,
            "fundingTime": quote.next_funding_ms,
            "fundingRate": money(quote.funding_rate),
            "markPrice": money(quote.mark),
        }
        for quote in quotes
    ]


def funding_info(ask: Ask) -> object:
    """GET fundingInfo: no symbol has an adjusted interval."""
    return []


def empty_list(ask: Ask) -> object:
    """Endpoints other clients call at load and that have nothing to say here."""
    return []
