"""The machine's values in the venue's words: numbers, orders, fills, algo orders.

Decimals are strings with the venue's own habits: prices and quantities carry the
precision of the symbol, money eight digits, zero is sometimes ``0``. Ids and times
are JSON integers.

Source: Binance USDⓈ-M docs, response samples of the trade endpoints, read
2026-11; since 2026-07-15 ``avgPrice`` and ``cumQuote`` are no longer in answers
to place, modify and cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from connector.paper.types import (
    ZERO,
    Amendment,
    Conditional,
    Fill,
    Income,
    Instrument,
    Order,
)
from connector.paper.words import (
    EndReason,
    OrderStatus,
    TimeInForce,
)

EIGHT = Decimal("0.00000001")
FIVE = Decimal("0.00001")

EXPIRY_REASONS: dict[EndReason, str] = {
    EndReason.SELF_TRADE: "1",
    EndReason.IOC: "2",
    EndReason.IOC_SELF_TRADE: "3",
    EndReason.REDUCE_ONLY: "4",
    EndReason.LIQUIDATION: "5",
    EndReason.DELISTED: "7",
    EndReason.NO_LIQUIDITY: "9",
}


def plain(value: Decimal) -> str:
    """Shortest positional text: 5, -588.98, 0."""
    if value == 0:
        return "0"
    text = format(value.normalize(), "f")
    return text if text != "-0" else "0"


def fixed(value: Decimal, step: Decimal) -> str:
    """Positional text with as many digits as *step* has, cut, never rounded up."""
    return format(value.quantize(step, ROUND_DOWN) + ZERO, "f")


def money(value: Decimal) -> str:
    """Eight digits."""
    return fixed(value, EIGHT)


def money_or_zero(value: Decimal) -> str:
    """Eight digits, but a bare 0 for nothing."""
    return "0" if value == 0 else money(value)


def entry(value: Decimal) -> str:
    """Entry and break-even prices: at least one digit, at most eight."""
    text = plain(value.quantize(EIGHT, ROUND_DOWN))
    return text if "." in text else f"{text}.0"


class Renderer:
    """Rendering that needs to know the symbol's precision."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments

    def margin_asset(self, symbol: str) -> str:
        """What the symbol settles in."""
        return self._instruments[symbol].settle

    def price(self, symbol: str, value: Decimal) -> str:
        """A price with the symbol's precision."""
        return fixed(value, self._instruments[symbol].tick_size)

    def price_or_zero(self, symbol: str, value: Decimal) -> str:
        """A price as streams write it: a bare 0 for none."""
        return "0" if value == 0 else self.price(symbol, value)

    def qty(self, symbol: str, value: Decimal) -> str:
        """A quantity with the symbol's precision."""
        return fixed(value, self._instruments[symbol].qty_step)

    def qty_or_zero(self, symbol: str, value: Decimal) -> str:
        """A quantity as streams write it: a bare 0 for none."""
        return "0" if value == 0 else self.qty(symbol, value)

    def _order_core(self, order: Order) -> dict[str, Any]:
        symbol = order.symbol
        core: dict[str, Any] = {
            "orderId": order.order_id,
            "symbol": symbol,
            "status": status_word(order),
            "clientOrderId": order.client_order_id,
            "price": self.price(symbol, order.price),
            "origQty": self.qty(symbol, order.qty),
            "executedQty": self.qty(symbol, order.filled_qty),
            "timeInForce": tif_word(order.time_in_force, order.tag),
            "type": str(order.type),
            "reduceOnly": order.reduce_only,
            "closePosition": order.close_position,
            "side": str(order.side),
            "positionSide": str(order.position_side),
            "stopPrice": self.price(symbol, order.stop_price),
            "workingType": str(order.working_type),
            "priceProtect": order.price_protect,
            "origType": str(order.original_type),
            "priceMatch": order.price_match,
            "selfTradePreventionMode": str(order.stp),
            "goodTillDate": order.expire_ms,
            "updateTime": order.updated_ms,
        }
        if str(order.original_type) == "TRAILING_STOP_MARKET":
            core["activatePrice"] = plain(order.activate_price)
            core["priceRate"] = plain(order.callback_rate)
        return core

    def order_answer(self, order: Order) -> dict[str, Any]:
        """Answer to place, modify and cancel."""
        qty = self.qty(order.symbol, order.filled_qty)
        return {**self._order_core(order), "cumQty": qty}

    def order_query(self, order: Order) -> dict[str, Any]:
        """An order as queries and lists show it."""
        return {
            **self._order_core(order),
            "avgPrice": fixed(order.average_price, FIVE),
            "cumQuote": fixed(order.filled_quote, FIVE),
            "time": order.created_ms,
        }

    def user_trade(self, fill: Fill) -> dict[str, Any]:
        """A row of userTrades."""
        symbol = fill.symbol
        return {
            "buyer": fill.side == "BUY",
            "commission": money(fill.commission),
            "commissionAsset": fill.commission_asset,
            "id": fill.trade_id,
            "maker": fill.is_maker,
            "orderId": fill.order_id,
            "price": self.price(symbol, fill.price),
            "qty": self.qty(symbol, fill.qty),
            "quoteQty": fixed(fill.quote_qty, FIVE),
            "baseQty": "0",
            "marginAsset": fill.commission_asset,
            "realizedPnl": plain(fill.realized_pnl),
            "side": str(fill.side),
            "positionSide": str(fill.position_side),
            "symbol": symbol,
            "pair": symbol,
            "time": fill.time_ms,
        }

    def amendment(self, change: Amendment) -> dict[str, Any]:
        """A row of orderAmendment."""
        symbol = change.symbol
        body: dict[str, Any] = {
            "price": {
                "before": self.price(symbol, change.price_before),
                "after": self.price(symbol, change.price_after),
            },
            "origQty": {
                "before": self.qty(symbol, change.qty_before),
                "after": self.qty(symbol, change.qty_after),
            },
            "count": change.count,
        }
        if change.tag:
            body["modifyId"] = int(change.tag)
        return {
            "amendmentId": change.amendment_id,
            "symbol": symbol,
            "pair": symbol,
            "orderId": change.order_id,
            "clientOrderId": change.client_order_id,
            "time": change.time_ms,
            "amendment": body,
        }

    def algo_answer(self, algo: Conditional) -> dict[str, Any]:
        """Answer to placing an algo order."""
        symbol = algo.symbol
        row: dict[str, Any] = {
            "algoId": algo.conditional_id,
            "clientAlgoId": algo.client_order_id,
            "algoType": "CONDITIONAL",
            "orderType": str(algo.type),
            "symbol": symbol,
            "side": str(algo.side),
            "positionSide": str(algo.position_side),
            "timeInForce": tif_word(algo.time_in_force, algo.tag),
            "quantity": self.qty(symbol, algo.qty),
            "algoStatus": str(algo.status),
            "triggerPrice": self.price(symbol, algo.trigger_price),
            "price": self.price(symbol, algo.price),
            "icebergQuantity": None,
            "selfTradePreventionMode": str(algo.stp),
            "workingType": str(algo.working_type),
            "priceMatch": algo.price_match,
            "closePosition": algo.close_position,
            "priceProtect": algo.price_protect,
            "reduceOnly": algo.reduce_only,
        }
        row["activatePrice"] = plain(algo.activate_price) if algo.activate_price else ""
        row["callbackRate"] = plain(algo.callback_rate) if algo.callback_rate else ""
        return {**row, **_algo_times(algo)}

    def algo_query(self, algo: Conditional) -> dict[str, Any]:
        """An algo order as queries and lists show it."""
        row = self.algo_answer(algo)
        if not algo.callback_rate:
            del row["activatePrice"], row["callbackRate"]
        actual = algo.actual_order_id
        row["actualOrderId"] = str(actual) if actual else ""
        row["actualPrice"] = fixed(algo.actual_price, FIVE)
        row["tpTriggerPrice"] = row["tpPrice"] = "0.000"
        row["slTriggerPrice"] = row["slPrice"] = "0.000"
        row["tpOrderType"] = ""
        if algo.actual_type is not None:
            row["actualType"] = str(algo.actual_type)
            row["actualQty"] = self.qty(algo.symbol, algo.actual_qty)
        return row


def _algo_times(algo: Conditional) -> dict[str, Any]:
    return {
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": algo.expire_ms,
    }


def status_word(order: Order) -> str:
    """The venue's order status; self-trade prevention has one of its own."""
    if order.status is OrderStatus.EXPIRED and order.end_reason in (
        EndReason.SELF_TRADE,
        EndReason.IOC_SELF_TRADE,
    ):
        return "EXPIRED_IN_MATCH"
    return str(order.status)


def tif_word(time_in_force: TimeInForce, tag: str) -> str:
    """The venue's time in force; RPI orders keep their word in the tag."""
    if tag == "RPI":
        return "RPI"
    return "GTX" if time_in_force is TimeInForce.POST_ONLY else str(time_in_force)


def income(row: Income) -> dict[str, Any]:
    """A row of the income history."""
    return {
        "symbol": row.symbol,
        "incomeType": str(row.type),
        "income": money(row.amount),
        "asset": row.asset,
        "info": row.info or str(row.type),
        "time": row.time_ms,
        "tranId": row.tran_id,
        "tradeId": str(row.trade_id) if row.trade_id else "",
    }


def force_order(renderer: Renderer, order: Order) -> dict[str, Any]:
    """A row of the user's forced orders."""
    row = renderer.order_query(order)
    for name in ("selfTradePreventionMode", "priceMatch", "goodTillDate"):
        del row[name]
    del row["priceProtect"]
    row["pair"] = order.symbol
    row["cumBase"] = "0"
    row["stopPrice"] = "0"
    return row
