"""Rows as the venue shows them: every field, as text, "" for what does not apply.

Sizes are contracts, fees negative when paid, response-side ``reduceOnly`` is the
word "true" or "false". Orders look the same in answers and pushes but for a few
fields each has to itself.

Source: OKX API v5 docs, response tables of "Order details" and "Order channel";
read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from connector.paper.faces.okx_v5.listings import Contract
from connector.paper.types import (
    ZERO,
    Fill,
    Order,
)
from connector.paper.words import (
    EndReason,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

Row = dict[str, Any]

STP_WORDS = {
    SelfTradePrevention.NONE: "",
    SelfTradePrevention.EXPIRE_TAKER: "cancel_taker",
    SelfTradePrevention.EXPIRE_MAKER: "cancel_maker",
    SelfTradePrevention.EXPIRE_BOTH: "cancel_both",
}
POSITION_WORDS = {
    PositionSide.BOTH: "net",
    PositionSide.LONG: "long",
    PositionSide.SHORT: "short",
}
CATEGORIES = {
    OrderKind.LIQUIDATION: "full_liquidation",
    OrderKind.ADL: "adl",
    OrderKind.SETTLEMENT: "delivery",
}
CANCEL_SOURCES = {
    EndReason.USER: "1",
    EndReason.COUNTDOWN: "20",
    EndReason.POST_ONLY: "31",
    EndReason.SELF_TRADE: "32",
    EndReason.IOC_SELF_TRADE: "32",
    EndReason.REDUCE_ONLY: "2",
    EndReason.LIQUIDATION: "3",
    EndReason.DELISTED: "7",
    EndReason.NO_LIQUIDITY: "0",
}
STATES = {
    OrderStatus.NEW: "live",
    OrderStatus.PARTIALLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
}


def plain(value: Decimal) -> str:
    """Shortest positional text: 5, -588.98, 0."""
    if value == 0:
        return "0"
    return format(value.normalize(), "f")


def or_empty(value: Decimal) -> str:
    """ "" for nothing."""
    return plain(value) if value else ""


def side_word(side: Side) -> str:
    """buy or sell."""
    return side.value.lower()


def true_or_false(value: bool) -> str:
    """The words that responses use."""
    return "true" if value else "false"


def order_type(order: Order) -> str:
    """``ordType``: kind and lifetime in one word."""
    if order.type is OrderType.MARKET:
        return "market"
    return {
        TimeInForce.POST_ONLY: "post_only",
        TimeInForce.IOC: "ioc",
        TimeInForce.FOK: "fok",
    }.get(order.time_in_force, "limit")


def client_id(order: Order) -> str:
    """What the user named it: nothing for the venue's own, nothing for one that
    began as a conditional order."""
    is_unnamed = order.client_order_id == str(order.order_id)
    if order.kind is not OrderKind.USER or is_unnamed:
        return ""
    return order.client_order_id


def algo_client_id(client_order_id: str, conditional_id: int) -> str:
    """What the user named a conditional order."""
    return "" if client_order_id == str(conditional_id) else client_order_id


def attached_rows(order: Order) -> list[Row]:
    """What is attached to an order; a stop and a take-profit are one."""
    stop, take = order.stop_loss, order.take_profit
    either = stop or take
    if either is None:
        return []
    profit = take.trigger_price if take else stop.profit_price if stop else None
    row: Row = {"attachAlgoId": "", "amendPxOnTriggerType": "0"}
    row |= dict.fromkeys(("failCode", "failReason", "sz", "tpOrdKind"), "")
    row["attachAlgoClOrdId"] = either.client_order_id or ""
    for prefix, wish, trigger in (
        ("sl", stop, stop.trigger_price if stop else None),
        ("tp", take or stop, profit),
    ):
        watched = price = ""
        if wish is not None and trigger:
            is_mark = wish.working_type is WorkingType.MARK_PRICE
            watched, price = "mark" if is_mark else "last", "-1"
            if wish.price is not None:
                price = plain(wish.price)
        row |= {
            f"{prefix}OrdPx": price,
            f"{prefix}TriggerPx": plain(trigger) if trigger else "",
            f"{prefix}TriggerPxType": watched,
        }
    return [row]


def cancel_source(order: Order) -> str:
    """Why it was cancelled; "" while it was not."""
    if order.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return ""
    if order.end_reason is EndReason.IOC:
        return "13" if order.time_in_force is TimeInForce.FOK else "14"
    return CANCEL_SOURCES.get(order.end_reason, "0")


def order_row(
    order: Order, contract: Contract, fills: Sequence[Fill], lever: int
) -> Row:
    """What answers and pushes have in common; *fills* are those of the order."""
    fee = sum((fill.commission for fill in fills), ZERO)
    pnl = sum((fill.realized_pnl for fill in fills), ZERO)
    is_triggered = order.conditional_id != 0
    return {
        "accFillSz": plain(contract.contracts(order.filled_qty)),
        "algoClOrdId": algo_client_id(order.client_order_id, order.conditional_id)
        if is_triggered
        else "",
        "algoId": str(order.conditional_id) if is_triggered else "",
        "attachAlgoClOrdId": "",
        "attachAlgoOrds": attached_rows(order),
        "avgPx": plain(order.average_price),
        "cTime": str(order.created_ms),
        "cancelSource": cancel_source(order),
        "category": CATEGORIES.get(order.kind, "normal"),
        "ccy": "",
        "clOrdId": client_id(order),
        "fee": plain(-fee),
        "feeCcy": fills[-1].commission_asset if fills else "USDT",
        "fillPx": "",
        "fillSz": "0",
        "fillTime": "",
        "instId": order.symbol,
        "instType": "SWAP",
        "isTpLimit": "false",
        "lever": str(lever),
        "linkedAlgoOrd": {"algoId": ""},
        "ordId": str(order.order_id),
        "ordType": order_type(order),
        "outcome": "",
        "pnl": plain(pnl),
        "posSide": POSITION_WORDS[order.position_side],
        "px": or_empty(order.price),
        "pxType": "",
        "pxUsd": "",
        "pxVol": "",
        "quickMgnType": "",
        "rebate": "0",
        "rebateCcy": "USDT",
        "reduceOnly": true_or_false(order.reduce_only),
        "side": side_word(order.side),
        "slOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "source": "",
        "state": STATES.get(order.status, "canceled"),
        "stpId": "",
        "stpMode": STP_WORDS[order.stp],
        "sz": plain(contract.contracts(order.qty)),
        "tag": order.tag,
        "tdMode": "cross",
        "tgtCcy": "",
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "tpTriggerPxType": "",
        "tradeId": "",
        "tradeQuoteCcy": "",
        "uTime": str(order.updated_ms),
    }


def order_answer(
    order: Order, contract: Contract, fills: Sequence[Fill], lever: int
) -> Row:
    """An order as REST shows it: the last fill, no average before the first."""
    row = order_row(order, contract, fills, lever)
    row["cancelSourceReason"] = ""
    if not fills:
        row["avgPx"] = ""
        return row
    last = fills[-1]
    return row | {
        "fillPx": plain(last.price),
        "fillSz": plain(contract.contracts(last.qty)),
        "fillTime": str(last.time_ms),
        "tradeId": trade_id(last),
    }


def order_push(
    order: Order,
    contract: Contract,
    fills: Sequence[Fill],
    lever: int,
    *,
    fill: Fill | None,
    amend: tuple[str, str, str] = ("", "", ""),
    mark: Decimal = ZERO,
    last: Decimal = ZERO,
) -> Row:
    """An order as the channel shows it: the execution of this very update, and
    *amend*: request id, result, source."""
    row = order_row(order, contract, fills, lever)
    req_id, result, source = amend
    row |= {
        "amendResult": result,
        "amendSource": source,
        "code": "0",
        "msg": "",
        "execType": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillNotionalUsd": "",
        "fillPnl": "0",
        "fillPxUsd": "",
        "fillPxVol": "",
        "lastPx": plain(last),
        "notionalUsd": plain(order.qty * mark),
        "reqId": req_id,
    }
    if fill is None:
        return row
    is_forced = fill.kind.is_forced
    return row | {
        "execType": "" if is_forced else ("M" if fill.is_maker else "T"),
        "fillFee": plain(-fill.commission),
        "fillFeeCcy": fill.commission_asset,
        "fillMarkPx": plain(mark),
        "fillNotionalUsd": plain(fill.quote_qty),
        "fillPnl": plain(fill.realized_pnl),
        "fillPx": plain(fill.price),
        "fillSz": plain(contract.contracts(fill.qty)),
        "fillTime": str(fill.time_ms),
        "tradeId": "0" if is_forced else str(fill.trade_id),
    }


def trade_id(fill: Fill) -> str:
    """Executions that the venue forced have negative numbers."""
    return str(-fill.trade_id if fill.kind.is_forced else fill.trade_id)


def fill_row(fill: Fill, contract: Contract, bill_id: str) -> Row:
    """One execution as `fills` shows it."""
    sub_types = {OrderKind.LIQUIDATION: (106, 107), OrderKind.ADL: (125, 126)}
    buy, sell = sub_types.get(fill.kind, (1, 2))
    is_forced = fill.kind.is_forced
    name = fill.client_order_id
    return {
        "side": side_word(fill.side),
        "fillSz": plain(contract.contracts(fill.qty)),
        "fillPx": plain(fill.price),
        "fillPxVol": "",
        "fillFwdPx": "",
        "fee": plain(-fill.commission),
        "fillPnl": plain(fill.realized_pnl),
        "ordId": str(fill.order_id),
        "feeRate": "",
        "instType": "SWAP",
        "fillPxUsd": "",
        "instId": fill.symbol,
        "clOrdId": name
        if fill.kind is OrderKind.USER and name != str(fill.order_id)
        else "",
        "posSide": POSITION_WORDS[fill.position_side],
        "billId": bill_id,
        "subType": str(buy if fill.side is Side.BUY else sell),
        "fillMarkVol": "",
        "tag": "",
        "fillTime": str(fill.time_ms),
        "execType": "" if is_forced else ("M" if fill.is_maker else "T"),
        "fillIdxPx": plain(fill.price),
        "tradeId": trade_id(fill),
        "fillMarkPx": plain(fill.price),
        "feeCcy": fill.commission_asset,
        "ts": str(fill.time_ms),
        "tradeQuoteCcy": "",
    }


def fast_fill(fill: Fill, contract: Contract) -> Row:
    """One execution on the fast channel: no fee, client ids only if numbers."""
    name = fill.client_order_id
    return {
        "instId": fill.symbol,
        "fillSz": plain(contract.contracts(fill.qty)),
        "fillPx": plain(fill.price),
        "side": side_word(fill.side),
        "ts": str(fill.time_ms),
        "ordId": str(fill.order_id),
        "clOrdId": name if name.isdecimal() and name != str(fill.order_id) else "0",
        "tradeId": str(fill.trade_id),
        "execType": "M" if fill.is_maker else "T",
        "count": "1",
    }
