"""Positions and bills as the venue shows them: every field, as text.

Source: OKX API v5 docs, response tables of "Get positions" and "Get bills"; read
2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connector.paper.faces.okx_v5.listings import Contract
from connector.paper.faces.okx_v5.render import POSITION_WORDS, Row, or_empty, plain
from connector.paper.types import ZERO, Income, Position
from connector.paper.words import IncomeType, PositionSide

BILL_TYPES = {
    IncomeType.TRANSFER: "1",
    IncomeType.FUNDING_FEE: "8",
    IncomeType.INSURANCE_CLEAR: "10",
    IncomeType.ADJUSTMENT: "34",
}

_POSITION_BLANKS = dict.fromkeys(
    (
        "availPos",
        "baseBal",
        "baseBorrowed",
        "baseInterest",
        "bizRefId",
        "bizRefType",
        "clSpotInUseAmt",
        "deltaBS",
        "deltaPA",
        "gammaBS",
        "gammaPA",
        "hedgedPos",
        "interest",
        "liab",
        "liabCcy",
        "margin",
        "maxSpotInUseAmt",
        "nonSettleAvgPx",
        "optVal",
        "pendingCloseOrdLiabVal",
        "posCcy",
        "quoteBal",
        "quoteBorrowed",
        "quoteInterest",
        "settledPnl",
        "spotInUseAmt",
        "spotInUseCcy",
        "thetaBS",
        "thetaPA",
        "uplRatio",
        "uplRatioLastPx",
        "vegaBS",
        "vegaPA",
    ),
    "",
)
_BILL_BLANKS = dict.fromkeys(
    (
        "bal",
        "clOrdId",
        "earnAmt",
        "earnApr",
        "execType",
        "fillFwdPx",
        "fillIdxPx",
        "fillMarkPx",
        "fillMarkVol",
        "fillPxUsd",
        "fillPxVol",
        "fillTime",
        "notes",
        "ordId",
        "px",
        "tag",
    ),
    "",
)
"""What applies to spot, options or other modes only."""


def position_id(position: Position) -> str:
    """Stable for instrument and side."""
    text = f"{position.symbol} {position.position_side}"
    return str(1_752_810_000_000_000_000 + sum(map(ord, text)) * 7919)


def position_row(
    position: Position, contract: Contract, trade: str, mgn_ratio: str, prices: Row
) -> Row:
    """One position; in hedge mode its size is positive on both sides."""
    size = contract.contracts(position.qty)
    if position.position_side is not PositionSide.BOTH:
        size = abs(size)
    held = bool(position.qty)
    return {
        **_POSITION_BLANKS,
        "adl": str(position.adl_quantile),
        "avgPx": plain(position.entry_price) if held else "",
        "bePx": plain(position.break_even_price) if held else "",
        "cTime": str(position.updated_ms),
        "ccy": position.margin_asset,
        "closeOrderAlgo": [],
        "fee": "0",
        "fundingFee": "0",
        "imr": plain(position.position_margin) if held else "",
        "instId": position.symbol,
        "instType": "SWAP",
        "lever": str(position.leverage),
        "liqPenalty": "0",
        "liqPx": or_empty(position.liquidation_price),
        "mgnMode": "cross",
        "mgnRatio": mgn_ratio,
        "mmr": plain(position.maintenance_margin) if held else "",
        "notionalUsd": plain(abs(position.notional)),
        "pnl": plain(position.realized_pnl),
        "pos": plain(size),
        "posId": position_id(position),
        "posSide": POSITION_WORDS[position.position_side],
        "realizedPnl": plain(position.realized_pnl),
        "tradeId": trade,
        "uTime": str(position.updated_ms),
        "upl": plain(position.unrealized_pnl),
        "uplLastPx": plain(position.unrealized_pnl),
        "usdPx": "1",
        **prices,
    }


def bill_rows(incomes: Sequence[Income]) -> list[Row]:
    """Wallet entries as bills, newest first: a trade's profit and fee are one."""
    bills: list[tuple[Income, Decimal, Decimal, Decimal]] = []
    for one in incomes:
        pnl = one.amount if one.type is IncomeType.REALIZED_PNL else ZERO
        fee = one.amount if one.type is IncomeType.COMMISSION else ZERO
        if bills and fee and not bills[-1][2]:
            first, held_pnl, _, change = bills[-1]
            is_same = (first.type, first.symbol, first.trade_id) == (
                IncomeType.REALIZED_PNL,
                one.symbol,
                one.trade_id,
            )
            if is_same:
                bills[-1] = (first, held_pnl, fee, change + fee)
                continue
        bills.append((one, pnl, fee, one.amount))
    return [_bill(*bill) for bill in reversed(bills)]


def _bill(first: Income, pnl: Decimal, fee: Decimal, change: Decimal) -> Row:
    is_funding = first.type is IncomeType.FUNDING_FEE
    sub_type = ""
    if is_funding:
        sub_type = "173" if first.amount < 0 else "174"
    elif first.type is IncomeType.TRANSFER:
        sub_type = "11" if first.amount > 0 else "12"
    is_moved = first.type is IncomeType.TRANSFER
    return {
        **_BILL_BLANKS,
        "balChg": plain(change),
        "billId": str(first.tran_id),
        "ccy": first.asset,
        "fee": plain(fee),
        "from": "6" if is_moved else "",
        "instId": first.symbol,
        "instType": "SWAP" if first.symbol else "",
        "interest": "0",
        "mgnMode": "cross" if first.symbol else "",
        "pnl": plain(first.amount if is_funding else pnl),
        "posBal": "0",
        "posBalChg": "0",
        "subType": sub_type,
        "sz": "0",
        "to": "18" if is_moved else "",
        "tradeId": str(first.trade_id) if first.trade_id else "",
        "ts": str(first.time_ms),
        "type": BILL_TYPES.get(first.type, "2"),
    }
