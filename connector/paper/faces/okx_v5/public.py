"""Public endpoints: clock, instruments, tiers, prices, book, status.

Source: OKX API v5 docs, "Public Data", "Order Book Trading / Market Data" and
"Status", read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.faces.okx_v5.context import Ask, Venue, need
from connector.paper.faces.okx_v5.listings import tiers_of
from connector.paper.faces.okx_v5.render import Row, plain
from connector.paper.types import Instrument

_EMPTY = [
    "auctionEndTime",
    "baseCcy",
    "contTdSwTime",
    "expTime",
    "longPosRemainingQuota",
    "maxMktAmt",
    "maxPlatOICoinLmt",
    "maxPlatOILmt",
    "openType",
    "optType",
    "posLmtAmt",
    "posLmtPct",
    "preMktSwTime",
    "quoteCcy",
    "shortPosRemainingQuota",
    "stk",
]


def server_time(ask: Ask) -> list[Row]:
    """GET public/time."""
    return [{"ts": str(ask.now_ms)}]


def status(ask: Ask) -> list[Row]:
    """GET system/status: nothing is planned."""
    return []


def instrument_row(venue: Venue, instrument: Instrument) -> Row:
    """One contract; sizes count contracts."""
    contract = venue.catalogue.of(instrument.symbol)
    family = instrument.symbol.removesuffix("-SWAP")

    def size(qty: Decimal) -> str:
        return plain(contract.contracts(qty))

    lever = max(bracket.max_leverage for bracket in instrument.brackets)
    is_live = venue.engine.is_trading(instrument.symbol)
    return dict.fromkeys(_EMPTY, "") | {
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": plain(contract.unit),
        "ctValCcy": instrument.base,
        "elp": "0",
        "floatPxLmtPct": "0.01",
        "futureSettlement": False,
        "groupId": "4",
        "initPxLmtPct": "0.01",
        "instCategory": "1",
        "instFamily": family,
        "instId": instrument.symbol,
        "instIdCode": contract.code,
        "instType": "SWAP",
        "lever": str(lever),
        "listTime": str(instrument.onboard_ms),
        "lotSz": size(instrument.qty_step),
        "maxIcebergSz": size(instrument.max_qty),
        "maxLmtAmt": "20000000",
        "maxLmtSz": size(instrument.max_qty),
        "maxMktSz": size(instrument.market_max_qty),
        "maxPxLmtPct": "0.05",
        "maxStopSz": size(instrument.market_max_qty),
        "maxTriggerSz": size(instrument.max_qty),
        "maxTwapSz": size(instrument.max_qty),
        "minSz": size(instrument.min_qty),
        "rpi": "0",
        "ruleType": "normal",
        "settleCcy": instrument.settle,
        "state": "live" if is_live else "suspend",
        "tickSz": plain(instrument.tick_size),
        "tradeQuoteCcyList": [],
        "uly": family,
        "upcChg": [],
    }


def instruments(ask: Ask) -> list[Row]:
    """GET account/instruments, public/instruments."""
    if need(ask.query, "instType") != "SWAP":
        return []
    wanted = ask.query.get("instId", "")
    rows = [
        instrument_row(ask.venue, one)
        for one in ask.engine.instruments.values()
        if wanted in ("", one.symbol)
    ]
    if wanted and not rows:
        raise ApiError(51001)
    return rows


def position_tiers(ask: Ask) -> list[Row]:
    """GET public/position-tiers."""
    need(ask.query, "instType")
    need(ask.query, "tdMode")
    rows: list[Row] = []
    for family in need(ask.query, "instFamily").split(","):
        instrument = ask.venue.instrument(f"{family}-SWAP")
        rows += tiers_of(instrument, ask.venue.catalogue.of(instrument.symbol))
    return rows


def mark_row(ask_ms: int, symbol: str, mark: Decimal) -> Row:
    """One mark price, in answers and pushes."""
    return {
        "instId": symbol,
        "instType": "SWAP",
        "markPx": plain(mark),
        "ts": str(ask_ms),
    }


def mark_price(ask: Ask) -> list[Row]:
    """GET public/mark-price."""
    need(ask.query, "instType")
    wanted = ask.query.get("instId", "")
    if ask.query["instType"] != "SWAP":
        return []
    return [
        mark_row(ask.now_ms, symbol, ask.reads.quote(symbol).mark)
        for symbol in ask.engine.instruments
        if wanted in ("", symbol)
    ]


def _symbols(ask: Ask) -> list[str]:
    wanted = ask.query.get("instId", "")
    if wanted:
        ask.venue.instrument(wanted)
    return [s for s in ask.engine.instruments if wanted in ("", s)]


def ticker_row(ask: Ask, symbol: str) -> Row:
    """One ticker."""
    quote, contract = ask.reads.quote(symbol), ask.contract(symbol)
    return {
        "instType": "SWAP",
        "instId": symbol,
        "last": plain(quote.last),
        "lastSz": "1",
        "askPx": plain(quote.best_ask),
        "askSz": plain(contract.contracts(quote.best_ask_qty)),
        "bidPx": plain(quote.best_bid),
        "bidSz": plain(contract.contracts(quote.best_bid_qty)),
        "open24h": plain(quote.last),
        "high24h": plain(quote.last),
        "low24h": plain(quote.last),
        "volCcy24h": "0",
        "vol24h": "0",
        "sodUtc0": plain(quote.last),
        "sodUtc8": plain(quote.last),
        "ts": str(quote.time_ms),
    }


def tickers(ask: Ask) -> list[Row]:
    """GET market/ticker, market/tickers."""
    return [ticker_row(ask, symbol) for symbol in _symbols(ask)]


def books(ask: Ask) -> list[Row]:
    """GET market/books: price, contracts, "0", number of orders."""
    symbol = need(ask.query, "instId")
    contract = ask.contract(symbol)
    depth = ask.reads.depth(symbol, min(ask.whole("sz") or 1, 400))

    def levels(side: tuple[tuple[Decimal, Decimal], ...]) -> list[list[str]]:
        return [
            [plain(price), plain(contract.contracts(qty)), "0", "1"]
            for price, qty in side
        ]

    return [
        {
            "asks": levels(depth.asks),
            "bids": levels(depth.bids),
            "ts": str(depth.time_ms),
        }
    ]


def funding_rate(ask: Ask) -> list[Row]:
    """GET public/funding-rate."""
    rows = []
    for symbol in _symbols(ask):
        quote = ask.reads.quote(symbol)
        rows.append(
            {
                "formulaType": "withRate",
                "fundingRate": plain(quote.funding_rate),
                "fundingTime": str(quote.next_funding_ms),
                "impactValue": "",
                "instId": symbol,
                "instType": "SWAP",
                "interestRate": "",
                "maxFundingRate": "0.015",
                "method": "current_period",
                "minFundingRate": "-0.015",
                "nextFundingRate": "",
                "nextFundingTime": str(quote.next_funding_ms + 28_800_000),
                "premium": "",
                "settFundingRate": "",
                "settState": "settled",
                "ts": str(ask.now_ms),
            }
        )
    return rows


def empty(ask: Ask) -> list[Row]:
    """Lists of things that are not simulated (currencies, spot)."""
    return []
