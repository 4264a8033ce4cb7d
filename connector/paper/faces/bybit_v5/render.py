"""The machine's values in the venue's words: orders, executions, positions, wallets.

Rows of REST and of the stream are the same but for a few names. Ids are the
machine's numbers as text, where the real venue has UUIDs: clients take them as they
come.

Source: Bybit v5 docs, "Get Open & Closed Orders", "Get Trade History", "Get
Position Info", "Get Wallet Balance", "Enums Definitions", read 2026-11.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.paper.engine import Engine
from connector.paper.types import (
    ZERO,
    AccountView,
    Conditional,
    Fill,
    Instrument,
    Order,
    Position,
)
from connector.paper.words import (
    ConditionalStatus,
    ConditionalType,
    EndReason,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
INDEXES = {PositionSide.BOTH: 0, PositionSide.LONG: 1, PositionSide.SHORT: 2}
LIFETIMES = {TimeInForce.POST_ONLY: "PostOnly"}
SMP_TYPES = {
    SelfTradePrevention.NONE: "None",
    SelfTradePrevention.EXPIRE_MAKER: "CancelMaker",
    SelfTradePrevention.EXPIRE_TAKER: "CancelTaker",
    SelfTradePrevention.EXPIRE_BOTH: "CancelBoth",
}
TRIGGERS = {
    WorkingType.CONTRACT_PRICE: "LastPrice",
    WorkingType.MARK_PRICE: "MarkPrice",
}
STATUSES = {
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
}
# How an order ended: (cancelType, rejectReason).
ENDS: dict[EndReason, tuple[str, str]] = {
    EndReason.NONE: ("UNKNOWN", "EC_NoError"),
    EndReason.USER: ("CancelByUser", "EC_PerCancelRequest"),
    EndReason.COUNTDOWN: ("CancelByDCP", "EC_PerCancelRequest"),
    EndReason.POST_ONLY: ("UNKNOWN", "EC_PostOnlyWillTakeLiquidity"),
    EndReason.SELF_TRADE: ("CancelBySmp", "EC_BySelfMatch"),
    EndReason.IOC: ("UNKNOWN", "EC_NoImmediateQtyToFill"),
    EndReason.IOC_SELF_TRADE: ("CancelBySmp", "EC_BySelfMatch"),
    EndReason.REDUCE_ONLY: ("CancelByReduceOnly", "EC_NoError"),
    EndReason.LIQUIDATION: ("CancelAllBeforeLiq", "EC_NoError"),
    EndReason.DELISTED: ("CancelBySettle", "EC_NoError"),
    EndReason.GTD: ("UNKNOWN", "EC_NoError"),
    EndReason.NO_LIQUIDITY: ("UNKNOWN", "EC_NoImmediateQtyToFill"),
}
ORIGINS = {
    OrderKind.LIQUIDATION: "CreateByTakeOver_PassThrough",
    OrderKind.ADL: "CreateByAdl_PassThrough",
    OrderKind.SETTLEMENT: "CreateBySettle",
}
EXECUTIONS = {
    OrderKind.LIQUIDATION: "BustTrade",
    OrderKind.ADL: "AdlTrade",
    OrderKind.SETTLEMENT: "Settle",
}
WAITING = {
    ConditionalStatus.NEW: "Untriggered",
    ConditionalStatus.TRIGGERING: "Triggered",
    ConditionalStatus.CANCELED: "Deactivated",
    ConditionalStatus.REJECTED: "Cancelled",
    ConditionalStatus.EXPIRED: "Cancelled",
}
_STOPS = (ConditionalType.STOP, ConditionalType.STOP_MARKET)


def plain(value: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_rising(kind: ConditionalType, side: Side) -> bool:
    """Whether a trigger waits above the price."""
    return (kind in _STOPS) == (side is Side.BUY)


def link_id(item: Order | Conditional) -> str:
    """The client's id; what the venue itself made has none."""
    is_forced = isinstance(item, Order) and item.kind in ORIGINS
    return "" if is_forced or item.tag else item.client_order_id


class Renderer:
    """Writes rows; knows the grids of the instruments, and what orders paid so far."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self.fees: dict[int, Decimal] = defaultdict(lambda: ZERO)

    def price(self, symbol: str, value: Decimal) -> str:
        """On the grid of the symbol, "" for none."""
        if not value:
            return ""
        return f"{value.quantize(self._instruments[symbol].tick_size):f}"

    def qty(self, symbol: str, value: Decimal) -> str:
        """On the grid of the symbol."""
        return f"{value.quantize(self._instruments[symbol].qty_step):f}"

    # orders

    def order(self, order: Order) -> dict[str, Any]:
        """A regular order, or what a conditional one became."""
        cancelled, refused = ENDS[order.end_reason]
        if order.end_reason is EndReason.IOC and (
            order.time_in_force is TimeInForce.FOK
        ):
            refused = "EC_CancelForNoFullFill"
        left = order.qty - order.filled_qty if order.status.is_open else ZERO
        fee = self.fees.get(order.order_id, ZERO)
        row = self._order_row(order)
        row |= {
            "orderStatus": STATUSES[order.status],
            "createType": ORIGINS.get(order.kind, "CreateByUser"),
            "cancelType": cancelled,
            "rejectReason": refused,
            "orderType": "Limit" if order.type is OrderType.LIMIT else "Market",
            "orderId": str(order.order_id),
            "orderLinkId": link_id(order),
            "leavesQty": self.qty(order.symbol, left),
            "leavesValue": plain(left * order.price),
            "cumExecQty": self.qty(order.symbol, order.filled_qty),
            "cumExecValue": plain(order.filled_quote),
            "avgPrice": plain(order.average_price) if order.filled_qty else "",
            "cumExecFee": plain(fee),
            "cumFeeDetail": self._fees(order.symbol, fee),
        }
        for prefix, word, wish in (
            ("tp", "takeProfit", order.take_profit),
            ("sl", "stopLoss", order.stop_loss),
        ):
            if wish is not None:
                row |= {
                    "tpslMode": "Full" if wish.closes_all else "Partial",
                    word: self.price(order.symbol, wish.trigger_price),
                    f"{prefix}TriggerBy": TRIGGERS[wish.working_type],
                    f"{prefix}LimitPrice": self.price(order.symbol, wish.price or ZERO),
                }
        if order.conditional_id:
            assert isinstance(order.original_type, ConditionalType)
            row |= self._trigger(order, order.original_type, order.stop_price)
        return row

    def conditional(self, item: Conditional) -> dict[str, Any]:
        """A conditional order that waits, or ended without becoming an order."""
        row = self._order_row(item)
        cancelled, refused = "UNKNOWN", "EC_NoError"
        if item.status is ConditionalStatus.CANCELED:
            cancelled, refused = ENDS[EndReason.USER]
        elif item.status is ConditionalStatus.EXPIRED:
            cancelled, refused = ENDS[EndReason.REDUCE_ONLY]
            if item.tag:
                cancelled = "CancelByTpSlTsClear"
        elif item.status is ConditionalStatus.REJECTED:
            assert item.reject_reason is not None
            refused = f"EC_{item.reject_reason.reason.title().replace('_', '')}"
        row |= {
            "orderStatus": WAITING[item.status],
            "cancelType": cancelled,
            "rejectReason": refused,
            "orderType": "Limit" if item.type.is_limit else "Market",
            "orderId": str(item.conditional_id),
            "orderLinkId": link_id(item),
            "leavesQty": self.qty(item.symbol, item.qty),
            "cumExecQty": self.qty(item.symbol, ZERO),
            **self._trigger(item, item.type, item.trigger_price),
        }
        return row

    def _order_row(self, order: Order | Conditional) -> dict[str, Any]:
        """What both kinds share; every field the venue documents is there."""
        symbol = order.symbol
        is_limit = bool(order.price)
        lifetime = LIFETIMES.get(order.time_in_force, order.time_in_force.value)
        return {
            "symbol": symbol,
            "orderId": "",
            "orderLinkId": "",
            "parentOrderLinkId": "",
            "blockTradeId": "",
            "side": SIDES[order.side],
            "positionIdx": INDEXES[order.position_side],
            "orderStatus": "",
            "createType": "CreateByUser",
            "cancelType": "UNKNOWN",
            "rejectReason": "EC_NoError",
            "timeInForce": lifetime if is_limit else "IOC",
            "orderType": "",
            "price": self.price(symbol, order.price) or "0",
            "qty": self.qty(symbol, order.qty),
            "leavesQty": "",
            "leavesValue": "0",
            "cumExecQty": "",
            "cumExecValue": "0",
            "avgPrice": "",
            "cumExecFee": "0",
            "cumFeeDetail": {},
            "isLeverage": "",
            "orderIv": "",
            "marketUnit": "",
            "slippageToleranceType": "UNKNOWN",
            "slippageTolerance": "",
            "stopOrderType": "",
            "ocoTriggerBy": "",
            "triggerPrice": "",
            "takeProfit": "",
            "stopLoss": "",
            "tpslMode": "UNKNOWN",
            "tpLimitPrice": "",
            "slLimitPrice": "",
            "tpTriggerBy": "",
            "slTriggerBy": "",
            "triggerDirection": 0,
            "triggerBy": "",
            "lastPriceOnCreated": "",
            "reduceOnly": order.reduce_only,
            "closeOnTrigger": order.close_position,
            "placeType": "",
            "smpType": SMP_TYPES[order.stp],
            "smpGroup": 0,
            "smpOrderId": "",
            "rpiTakerAccess": False,
            "rpiMatchedQty": "0",
            "createdTime": str(order.created_ms),
            "updatedTime": str(order.updated_ms),
        }

    def _trigger(
        self, order: Order | Conditional, kind: ConditionalType, price: Decimal
    ) -> dict[str, Any]:
        # What was attached carries its kind and the order that it belongs to.
        stop_type, _, parent = order.tag.partition(":")
        made = {"createType": f"CreateBy{stop_type}"} if stop_type else {}
        return {
            **made,
            "parentOrderLinkId": parent,
            "stopOrderType": stop_type or "Stop",
            "triggerPrice": self.price(order.symbol, price),
            "triggerDirection": 1 if is_rising(kind, order.side) else 2,
            "triggerBy": TRIGGERS[order.working_type],
        }

    def _fees(self, symbol: str, fee: Decimal) -> dict[str, str]:
        return {self._instruments[symbol].settle: plain(fee)} if fee else {}

    # executions

    def execution(
        self, fill: Fill, order: Order | None, mark: Decimal
    ) -> dict[str, Any]:
        """A fill; *order* as it is known, *mark* of now."""
        symbol = fill.symbol
        instrument = self._instruments[symbol]
        rate = fill.commission / fill.quote_qty if fill.quote_qty else ZERO
        is_limit = order is None or order.type is OrderType.LIMIT
        closed = fill.qty if fill.realized_pnl else ZERO
        return {
            "symbol": symbol,
            "orderId": str(fill.order_id),
            "orderLinkId": link_id(order) if order else fill.client_order_id,
            "side": SIDES[fill.side],
            "orderPrice": plain(order.price) if order else "0",
            "orderQty": self.qty(symbol, order.qty) if order else "0",
            "leavesQty": self.qty(symbol, order.qty - order.filled_qty)
            if order and order.status.is_open
            else "0",
            "createType": ORIGINS.get(fill.kind, "CreateByUser"),
            "orderType": "Limit" if is_limit else "Market",
            "stopOrderType": "Stop" if order and order.conditional_id else "UNKNOWN",
            "execFee": plain(fill.commission),
            "execId": str(fill.trade_id),
            "execPrice": plain(fill.price),
            "execQty": self.qty(symbol, fill.qty),
            "execPnl": plain(fill.realized_pnl),
            "execType": EXECUTIONS.get(fill.kind, "Trade"),
            "execValue": plain(fill.quote_qty),
            "execTime": str(fill.time_ms),
            "isMaker": fill.is_maker,
            "feeRate": plain(rate),
            "tradeIv": "",
            "markIv": "",
            "markPrice": plain(mark),
            "indexPrice": "",
            "underlyingPrice": "",
            "blockTradeId": "",
            "closedSize": plain(closed),
            "extraFees": "",
            "seq": fill.trade_id,
            "feeCurrency": instrument.settle,
            "isLeverage": "0",
            "marketUnit": "",
        }

    # positions

    def position(self, row: Position, seq: int) -> dict[str, Any]:
        """A position; its entry price has two names, one per wire."""
        instrument = self._instruments[row.symbol]
        isolated = row.margin_type is MarginType.ISOLATED
        held = bool(row.qty)
        liquidation = plain(row.liquidation_price) if row.liquidation_price else ""
        tier = next(
            (b for b in instrument.brackets if abs(row.notional) <= b.cap),
            instrument.brackets[-1],
        )
        margins = {
            "positionIM": plain(row.position_margin),
            "positionMM": plain(row.maintenance_margin),
        }
        return {
            "symbol": row.symbol,
            "side": ("Buy" if row.qty > 0 else "Sell") if held else "",
            "size": plain(abs(row.qty)),
            "positionIdx": INDEXES[row.position_side],
            "positionValue": plain(abs(row.notional)) if held else "",
            "riskId": tier.number,
            "riskLimitValue": plain(tier.cap),
            "markPrice": plain(row.mark_price),
            "leverage": str(row.leverage),
            "breakEvenPrice": plain(row.break_even_price) if held else "",
            "autoAddMargin": 0,
            **margins,
            **{f"{name}ByMp": text for name, text in margins.items()},
            "liqPrice": liquidation,
            "takeProfit": "0",
            "stopLoss": "0",
            "trailingStop": "0",
            "unrealisedPnl": plain(row.unrealized_pnl) if held else "",
            "curRealisedPnl": plain(row.realized_pnl),
            "sessionAvgPrice": "0",
            "cumRealisedPnl": plain(row.realized_pnl),
            "positionStatus": "Normal",
            "adlRankIndicator": row.adl_quantile,
            "isReduceOnly": False,
            "createdTime": str(instrument.onboard_ms),
            "updatedTime": str(row.updated_ms or instrument.onboard_ms),
            "openTime": row.updated_ms if held else 0,
            "seq": seq,
            "mmrSysUpdatedTime": "",
            "leverageSysUpdatedTime": "",
            "tpslMode": "Full",
            "bustPrice": "",
            "positionBalance": plain(row.isolated_wallet) if isolated else "0",
            "tradeMode": 1 if isolated else 0,
        }

    # wallets

    def wallet(self, view: AccountView) -> dict[str, Any]:
        """The account's totals in USD (stable coins at par) and its coins."""
        sums = view.totals
        equity = sums.margin_balance
        rate_im = sums.initial_margin / equity if equity > 0 else ZERO
        rate_mm = sums.maintenance_margin / equity if equity > 0 else ZERO
        rates = {
            "accountIMRate": f"{rate_im:.4f}",
            "accountMMRate": f"{rate_mm:.4f}",
            "totalInitialMargin": plain(sums.initial_margin),
            "totalMaintenanceMargin": plain(sums.maintenance_margin),
        }
        return {
            "accountType": "UNIFIED",
            **rates,
            **{f"{name}ByMp": text for name, text in rates.items()},
            "totalEquity": plain(equity),
            "totalWalletBalance": plain(sums.wallet),
            "totalMarginBalance": plain(equity),
            "totalAvailableBalance": plain(sums.available),
            "totalPerpUPL": plain(sums.unrealized_pnl),
            "accountLTV": "0",
            "coin": [
                {
                    "coin": coin.asset,
                    "equity": plain(coin.margin_balance),
                    "usdValue": plain(coin.margin_balance),
                    "walletBalance": plain(coin.wallet),
                    "locked": "0",
                    "spotHedgingQty": "0",
                    "borrowAmount": "0",
                    "accruedInterest": "0",
                    "totalOrderIM": plain(coin.open_order_margin),
                    "totalPositionIM": plain(coin.position_margin),
                    "totalPositionMM": plain(coin.maintenance_margin),
                    "unrealisedPnl": plain(coin.unrealized_pnl),
                    "cumRealisedPnl": "0",
                    "bonus": "0",
                    "collateralSwitch": True,
                    "marginCollateral": True,
                    "colRes": "0",
                    "spotBorrow": "0",
                    "availableToWithdraw": "",
                    "availableToBorrow": "",
                }
                for coin in view.assets
            ],
        }


def seq_of(engine: Engine, account_id: str, row: Position) -> int:
    """The sequence number of a position's last trade; -1 if it never traded."""
    for start_ms in (row.updated_ms, None):
        fills = engine.fills(
            account_id, symbol=row.symbol, start_ms=start_ms, limit=10_000
        )
        if fills:
            return fills[-1].trade_id
    return -1
