"""Public methods: time, instruments, prices, books.

Source: Deribit API, "public/*"; read 2026-11.
"""

from __future__ import annotations

from typing import Any

from connector.paper.engine import Engine
from connector.paper.engine.options import value_of
from connector.paper.faces.deribit import ids
from connector.paper.faces.deribit.context import Ask, kind_of
from connector.paper.types import ZERO, Instrument
from connector.paper.words import ContractKind

VERSION = "1.2.26"
NEVER_MS = 32_503_708_800_000
CURRENCIES = {"BTC": "Bitcoin", "ETH": "Ether", "USDC": "USD Coin"}


def hello(ask: Ask) -> object:
    """public/hello, public/test."""
    return {"version": VERSION}


def get_time(ask: Ask) -> object:
    """public/get_time."""
    return ask.now_ms


def status(ask: Ask) -> object:
    """public/status."""
    return {"locked": "false", "locked_indices": []}


def currencies(ask: Ask) -> object:
    """public/get_currencies."""
    settles = {item.settle for item in ask.engine.instruments.values()}
    return [
        {
            "coin_type": "BITCOIN" if name == "BTC" else "ETHER",
            "currency": name,
            "currency_long": CURRENCIES[name],
            "decimals": 8,
            "fee_precision": 8,
            "min_confirmations": 1,
            "min_withdrawal_fee": 0.0001,
            "withdrawal_fee": 0.0001,
            "withdrawal_priorities": [],
            "in_cross_collateral_pool": False,
            "network_currency": name,
            "network_fee": 0.0001,
        }
        for name in sorted(settles)
    ]


def instruments(ask: Ask) -> object:
    """public/get_instruments."""
    currency = ask.params.text("currency", "any") or "any"
    kind = ask.params.text("kind", "any") or "any"
    wants_expired = ask.params.truth("expired", default=False)
    return [
        instrument_row(ask.engine, symbol)
        for symbol in ask.symbols_of(currency, kind)
        if ask.engine.is_trading(symbol) is not wants_expired
    ]


def instrument(ask: Ask) -> object:
    """public/get_instrument."""
    return instrument_row(ask.engine, ask.symbol())


def instrument_row(engine: Engine, symbol: str) -> dict[str, Any]:
    """One instrument."""
    item = engine.instruments[symbol]
    kind = kind_of(item)
    is_open = engine.is_trading(symbol)
    is_reversed = item.kind is ContractKind.INVERSE or (
        kind == "option" and item.is_coin_settled
    )
    row: dict[str, Any] = {
        "price_index": _index_name(item),
        "kind": kind,
        "instrument_name": symbol,
        "instrument_id": 1 + list(engine.instruments).index(symbol),
        "instrument_type": "reversed" if is_reversed else "linear",
        "base_currency": item.base,
        "quote_currency": item.quote,
        "counter_currency": "USD" if is_reversed else item.quote,
        "settlement_currency": item.settle,
        "settlement_period": _period(item),
        "contract_size": item.contract_size,
        "min_trade_amount": item.min_qty,
        "lot_size": 1,
        "tick_size": item.tick_size,
        "tick_size_steps": [
            {"above_price": above, "tick_size": tick} for above, tick in item.tick_steps
        ],
        "maker_commission": item.maker_rate,
        "taker_commission": item.taker_rate,
        "block_trade_commission": item.taker_rate,
        "block_trade_min_trade_amount": 25,
        "block_trade_tick_size": item.tick_size,
        "is_active": is_open,
        "state": "open" if is_open else "delivered",
        "creation_timestamp": item.onboard_ms,
        "expiration_timestamp": item.expiry_ms or NEVER_MS,
        "product_group": item.base,
        "underlying_type": "crypto",
    }
    if kind == "option":
        row["option_type"] = "call" if item.is_call else "put"
        row["strike"] = item.strike
    else:
        row["future_type"] = row["instrument_type"]
        row["max_leverage"] = 50
        row["max_liquidation_commission"] = item.liquidation_fee
    return row


def _index_name(item: Instrument) -> str:
    quote = "usd" if item.settle == item.base else item.settle.lower()
    return f"{item.base.lower()}_{quote}"


def _period(item: Instrument) -> str:
    if not item.expiry_ms:
        return "perpetual"
    return "day" if item.symbol.count("-") > 1 else "month"


def ticker(ask: Ask) -> object:
    """public/ticker."""
    return ticker_row(ask.engine, ask.symbol())


def ticker_row(engine: Engine, symbol: str) -> dict[str, Any]:
    """Prices of an instrument now."""
    item, quote = engine.instruments[symbol], engine.quote(symbol)
    row: dict[str, Any] = {
        "timestamp": quote.time_ms,
        "state": "open" if engine.is_trading(symbol) else "delivered",
        "instrument_name": symbol,
        "stats": {
            "high": quote.mark,
            "low": quote.mark,
            "price_change": ZERO,
            "volume": ZERO,
            "volume_usd": ZERO,
        },
        "index_price": quote.index,
        "mark_price": quote.mark,
        "last_price": quote.last,
        "settlement_price": quote.mark,
        "min_price": quote.mark * item.band_down,
        "max_price": quote.mark * item.band_up,
        "open_interest": ZERO,
        "best_bid_price": quote.best_bid,
        "best_bid_amount": quote.best_bid_qty,
        "best_ask_price": quote.best_ask,
        "best_ask_amount": quote.best_ask_qty,
        "estimated_delivery_price": quote.index,
    }
    if item.strike:
        forward = engine.quote(item.underlying)
        value = value_of(item, forward.mark, engine.now_ms)
        row |= {
            "index_price": forward.index,
            "underlying_price": forward.mark,
            "underlying_index": item.underlying,
            "interest_rate": ZERO,
            "mark_iv": item.iv,
            "bid_iv": item.iv,
            "ask_iv": item.iv,
            "greeks": {
                "delta": round(value.delta, 5),
                "gamma": round(value.gamma, 5),
                "vega": round(value.vega, 5),
                "theta": round(value.theta, 5),
                "rho": round(value.rho, 5),
            },
        }
    elif not item.expiry_ms:
        row |= {
            "interest_value": ZERO,
            "current_funding": ZERO,
            "funding_8h": quote.funding_rate,
        }
    return row


def book_summaries(ask: Ask) -> object:
    """public/get_book_summary_by_currency."""
    kind = ask.params.text("kind", "any") or "any"
    return [
        _summary(ask, symbol)
        for symbol in ask.symbols_of(ask.params.need("currency"), kind)
        if ask.engine.is_trading(symbol)
    ]


def _summary(ask: Ask, symbol: str) -> dict[str, Any]:
    item, quote = ask.engine.instruments[symbol], ask.engine.quote(symbol)
    return {
        "instrument_name": symbol,
        "base_currency": item.base,
        "quote_currency": item.quote,
        "creation_timestamp": quote.time_ms,
        "mark_price": quote.mark,
        "mid_price": (quote.best_bid + quote.best_ask) / 2,
        "bid_price": quote.best_bid,
        "ask_price": quote.best_ask,
        "last": quote.last,
        "high": quote.mark,
        "low": quote.mark,
        "volume": ZERO,
        "open_interest": ZERO,
        "price_change": ZERO,
    }


def order_book(ask: Ask) -> object:
    """public/get_order_book."""
    symbol = ask.symbol()
    depth = ask.engine.depth(symbol, ask.params.integer("depth") or 20)
    return {
        **ticker_row(ask.engine, symbol),
        "bids": [[price, qty] for price, qty in depth.bids],
        "asks": [[price, qty] for price, qty in depth.asks],
        "change_id": depth.update_id,
    }


def index_price(ask: Ask) -> object:
    """public/get_index_price: by the name of the index."""
    name = ask.params.need("index_name")
    for item in ask.engine.instruments.values():
        if _index_name(item) == name and not item.strike:
            price = ask.engine.quote(item.symbol).index
            return {"index_price": price, "estimated_delivery_price": price}
    return {"index_price": ZERO, "estimated_delivery_price": ZERO}


def last_trades(ask: Ask) -> object:
    """public/get_last_trades_by_instrument."""
    symbol = ask.symbol()
    count = ask.params.count(10, 1000)
    quote = ask.engine.quote(symbol)
    trades = [
        {
            "trade_id": ids.shown(symbol, trade.trade_id),
            "trade_seq": trade.trade_id % 1_000_000_000,
            "timestamp": trade.time_ms,
            "instrument_name": symbol,
            "direction": trade.taker_side.value.lower(),
            "price": trade.price,
            "amount": trade.qty,
            "contracts": trade.qty / ask.engine.instruments[symbol].contract_size,
            "mark_price": quote.mark,
            "index_price": quote.index,
            "tick_direction": 0,
        }
        for trade in reversed(ask.engine.public_trades(symbol, count))
    ]
    return {"trades": trades, "has_more": False}
