"""Conditional orders as the venue shows them: every field, as text.

Source: OKX API v5 docs, response tables of "Algo order details"; read 2026-11.
"""

from __future__ import annotations

from connector.paper.faces.okx_v5.listings import Contract
from connector.paper.faces.okx_v5.render import (
    POSITION_WORDS,
    Row,
    algo_client_id,
    or_empty,
    plain,
    side_word,
    true_or_false,
)
from connector.paper.types import Conditional
from connector.paper.words import (
    ConditionalStatus,
    ConditionalType,
    Reason,
    WorkingType,
)

ALGO_STATES = {
    ConditionalStatus.NEW: "live",
    ConditionalStatus.TRIGGERING: "live",
    ConditionalStatus.TRIGGERED: "effective",
    ConditionalStatus.FINISHED: "effective",
    ConditionalStatus.CANCELED: "canceled",
    ConditionalStatus.EXPIRED: "order_failed",
    ConditionalStatus.REJECTED: "order_failed",
}
FAIL_CODES = {Reason.MARGIN: "51008", Reason.REDUCE_ONLY: "51169"}

_ALGO_BLANKS = dict.fromkeys(
    (
        "amendResult",
        "callbackSpread",
        "ccy",
        "chaseType",
        "chaseVal",
        "clOrdId",
        "isTradeBorrowMode",
        "last",
        "maxChaseType",
        "maxChaseVal",
        "moveTriggerPx",
        "notionalUsd",
        "pxLimit",
        "pxSpread",
        "pxVar",
        "quickMgnType",
        "reqId",
        "szLimit",
        "tgtCcy",
        "timeInterval",
        "tradeQuoteCcy",
    ),
    "",
)
"""What applies to spot, chases, iceberg and time-weighted orders only."""


def algo_row(
    item: Conditional, contract: Contract, lever: int, *, is_plain: bool = False
) -> Row:
    """A conditional order in its own store; *is_plain*: one without a direction."""
    is_trail = item.type is ConditionalType.TRAILING_STOP_MARKET
    is_stop = item.type in (ConditionalType.STOP, ConditionalType.STOP_MARKET)
    price = plain(item.price) if item.price else "-1"
    watched = "mark" if item.working_type is WorkingType.MARK_PRICE else "last"
    trigger = "" if is_trail else plain(item.trigger_price)
    words = (trigger, "" if is_trail else watched, "" if is_trail else price)
    nothing = ("", "", "")
    stop = words if is_stop and not is_plain else nothing
    take = nothing if is_stop or is_plain else words
    if item.profit_price:
        take = (plain(item.profit_price), watched, "-1")
    plain_words = words if is_plain else nothing
    became = str(item.actual_order_id) if item.actual_order_id else ""
    side = ("sl" if is_stop else "tp") if became and not is_plain else ""
    kind = "trigger" if is_plain else "oco" if item.profit_price else "conditional"
    failed = ALGO_STATES[item.status] == "order_failed"
    reason = item.reject_reason.reason if item.reject_reason else None
    return {
        **_ALGO_BLANKS,
        "activePx": plain(item.activate_price) if is_trail else "",
        "actualPx": or_empty(item.actual_price),
        "actualSide": side,
        "actualSz": plain(contract.contracts(item.actual_qty)),
        "algoClOrdId": algo_client_id(item.client_order_id, item.conditional_id),
        "algoId": str(item.conditional_id),
        "amendPxOnTriggerType": "0",
        "attachAlgoOrds": [],
        "cTime": str(item.created_ms),
        "callbackRatio": plain(item.callback_rate / 100) if is_trail else "",
        "closeFraction": "1" if item.close_position else "",
        "failCode": FAIL_CODES.get(reason, "51000") if failed and reason else "",
        "instId": item.symbol,
        "instType": "SWAP",
        "lever": str(lever),
        "linkedOrd": {"ordId": ""},
        "ordId": became,
        "ordIdList": [became] if became else [],
        "ordPx": plain_words[2],
        "ordType": "move_order_stop" if is_trail else kind,
        "posSide": POSITION_WORDS[item.position_side],
        "reduceOnly": true_or_false(item.reduce_only or item.close_position),
        "side": side_word(item.side),
        "slOrdPx": stop[2],
        "slTriggerPx": stop[0],
        "slTriggerPxType": stop[1],
        "state": ALGO_STATES[item.status],
        "sz": "" if item.close_position else plain(contract.contracts(item.qty)),
        "tag": item.tag,
        "tdMode": "cross",
        "tpOrdPx": take[2],
        "tpTriggerPx": take[0],
        "tpTriggerPxType": take[1],
        "triggerPx": plain_words[0],
        "triggerPxType": plain_words[1],
        "triggerTime": str(item.triggered_ms) if item.triggered_ms else "",
        "uTime": str(item.updated_ms),
    }
