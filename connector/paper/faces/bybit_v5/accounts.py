"""Positions, wallets and settings of the account.

Source: Bybit v5 docs, "Position", "Account" and "User" sections, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces.bybit_v5.apierrors import ApiError, bad, refuse
from connector.paper.faces.bybit_v5.context import Ask, position_sides
from connector.paper.faces.bybit_v5.orders import ALL, span
from connector.paper.faces.bybit_v5.render import INDEXES, SIDES, plain, seq_of
from connector.paper.types import ZERO, Income, Position, Refusal
from connector.paper.words import IncomeType, MarginType, Reason, Side

MARGIN_MODES = {
    "REGULAR_MARGIN": MarginType.CROSS,
    "ISOLATED_MARGIN": MarginType.ISOLATED,
}
DEAD_FIELDS = {"delta": "", "gamma": "", "vega": "", "theta": ""}


# positions


def positions(ask: Ask) -> object:
    """GET position/list: by symbol flat rows too, by coin only what is held."""
    if ask.category() != "linear":
        return {"category": ask.category(), "list": [], "nextPageCursor": ""}
    symbols, size = ask.symbols(), ask.limit(20, 200)
    by_symbol = ask.params.text("symbol") is not None
    engine = ask.reads
    rows = [
        row
        for symbol in symbols
        for row in position_rows(engine, ask.account_id, symbol)
        if by_symbol or row.qty
    ]
    page, cursor = ask.page(rows, lambda r: f"{r.symbol}:{r.position_side}", size)
    shown = [rest_position(ask, engine, row) for row in page]
    return {"category": "linear", "list": shown, "nextPageCursor": cursor}


def position_rows(engine: Engine, account_id: str, symbol: str) -> list[Position]:
    """The rows of one symbol in the account's mode, in the order of positionIdx."""
    sides = position_sides(engine, account_id)
    rows = engine.positions(account_id, symbol, all_rows=True)
    return sorted(
        (row for row in rows if row.position_side in sides),
        key=lambda row: INDEXES[row.position_side],
    )


def rest_position(ask: Ask, engine: Engine, row: Position) -> dict[str, Any]:
    """A position as answers show it."""
    seq = seq_of(engine, ask.account_id, row)
    shown = ask.venue.renderer.position(row, seq)
    return {**shown, "avgPrice": plain(row.entry_price), **DEAD_FIELDS}


def set_leverage(ask: Ask) -> object:
    """POST position/set-leverage: one number for both sides."""
    ask.need_linear()
    symbol = ask.instrument().symbol
    buy, sell = (ask.params.decimal(f"{side}Leverage") for side in ("buy", "sell"))
    if buy is None or buy != sell or buy != int(buy):
        raise bad("buyLeverage")
    engine, account_id = ask.engine, ask.account_id
    if engine.symbol_config(account_id, symbol).leverage == int(buy):
        raise ApiError(110043)
    changed = engine.set_leverage(account_id, symbol, int(buy), now_ms=ask.engine_ms)
    if isinstance(changed, Refusal):
        refuse(changed, code=110013)
    return {}


def switch_mode(ask: Ask) -> object:
    """POST position/switch-mode: one-way (0) or hedge (3), of the whole account."""
    ask.need_linear()
    mode = ask.params.integer("mode")
    if mode not in (0, 3) or not (ask.params.text("symbol") or ask.params.text("coin")):
        raise bad("mode")
    no = ask.engine.set_hedge(ask.account_id, hedge=mode == 3, now_ms=ask.engine_ms)
    if no is not None:
        refuse(no, code=110025 if no.reason is Reason.NO_CHANGE else None)
    return {}


# account


def margin_mode(ask: Ask) -> object:
    """POST account/set-margin-mode: of the whole account, or of none of it."""
    word = ask.params.text("setMarginMode") or ""
    wanted = MARGIN_MODES.get(word)
    engine, account_id, now_ms = ask.engine, ask.account_id, ask.engine_ms
    reason = ""
    if wanted is None:
        reason = "Equity needs to be equal to or greater than 1000 USDC"
    elif engine.open_orders(account_id) or engine.positions(account_id):
        reason = "There are open orders or positions"
    if reason:
        reasons = [{"reasonCode": "3400000", "reasonMsg": reason}]
        raise ApiError(3400045, result={"reasons": reasons})
    assert wanted is not None
    for symbol in engine.instruments:
        engine.set_margin_type(account_id, symbol, wanted, now_ms=now_ms)
    if wanted is MarginType.ISOLATED:
        ask.venue.isolated.add(account_id)
    else:
        ask.venue.isolated.discard(account_id)
    return {"reasons": []}


def account_info(ask: Ask) -> object:
    """GET account/info."""
    isolated = ask.account_id in ask.venue.isolated
    return {
        "marginMode": "ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN",
        "updatedTime": str(ask.now_ms),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def user_settings(ask: Ask) -> object:
    """GET account/user-setting-config."""
    return {"lpaSpot": False, "lpaPerp": not ask.venue.config.moves_prices}


def wallet_balance(ask: Ask) -> object:
    """GET account/wallet-balance."""
    if ask.params.need("accountType") != "UNIFIED":
        raise bad("accountType")
    row = ask.venue.renderer.wallet(ask.reads.account(ask.account_id))
    wanted = ask.params.text("coin")
    if wanted:
        names = wanted.split(",")
        row["coin"] = [coin for coin in row["coin"] if coin["coin"] in names]
    return {"list": [row]}


def fee_rate(ask: Ask) -> object:
    """GET account/fee-rate."""
    ask.need_linear()
    wanted = ask.params.text("symbol")
    return {
        "category": "",
        "list": [
            {
                "symbol": symbol,
                "baseCoin": "",
                "takerFeeRate": plain(item.taker_rate),
                "makerFeeRate": plain(item.maker_rate),
            }
            for symbol, item in ask.engine.instruments.items()
            if wanted in (None, symbol)
        ],
    }


def dead_man(ask: Ask) -> object:
    """POST order/disconnected-cancel-all, GET account/query-dcp-info: for
    institutions only, which this account is none of."""
    raise ApiError(10005, "Permission denied: DCP is not enabled for this account")


def key_info(ask: Ask) -> object:
    """GET user/query-api."""
    key = ask.key
    assert key is not None
    trades = ["Order", "Position"] if key.can_trade else []
    names = ("Spot", "Options", "CopyTrading", "BlockTrade", "Exchange", "NFT")
    return {
        "id": str(key.uid % 10_000_000),
        "note": "paper",
        "apiKey": key.key,
        "readOnly": 0 if key.can_trade else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": trades,
            "Derivatives": ["DerivativesTrade"] if trades else [],
            "Wallet": ["AccountTransfer", "Withdraw"] if key.can_withdraw else [],
            **{name: [] for name in names},
        },
        "ips": list(key.ips),
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "2100-01-01T00:00:00Z",
        "createdAt": "2025-10-13T03:20:45Z",
        "unified": 0,
        "uta": 1,
        "userID": key.uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def coin_info(ask: Ask) -> object:
    """GET asset/coin/query-info: nothing to say; some clients ask when they start."""
    return {"rows": []}


# ledger


def transaction_log(ask: Ask) -> object:
    """GET account/transaction-log: newest first, a day unless times are given."""
    size = ask.limit(20, 50)
    if ask.params.text("startTime") is None and ask.params.text("endTime") is None:
        start, end = ask.now_ms - 86_400_000, ask.now_ms
    else:
        start, end = span(ask)
    rows = [
        row
        for row in _ledger_rows(ask.reads, ask.account_id)
        if start <= int(row["transactionTime"]) <= end
    ]
    for name, field in (("currency", "currency"), ("type", "type")):
        wanted = ask.params.text(name)
        rows = [row for row in rows if wanted in (None, row[field])]
    rows.reverse()
    page, cursor = ask.page(rows, lambda row: str(row["id"]), size)
    return {"list": page, "nextPageCursor": cursor}


def _ledger_rows(engine: Engine, account_id: str) -> Iterator[dict[str, Any]]:
    """One row per trade (profit and fee together) and per other entry, oldest
    first, with the balance after it."""
    income = engine.income(account_id, limit=ALL)
    balances: dict[str, Decimal] = {}
    fills = {
        (fill.symbol, fill.trade_id): fill
        for fill in engine.fills(account_id, limit=ALL)
    }
    at = 0
    while at < len(income):
        first = income[at]
        group = [first]
        while first.trade_id and at + len(group) < len(income):
            other = income[at + len(group)]
            if (other.symbol, other.trade_id) != (first.symbol, first.trade_id):
                break
            group.append(other)
        at += len(group)
        change = sum((item.amount for item in group), ZERO)
        balances[first.asset] = balances.get(first.asset, ZERO) + change
        row = _ledger_row(group, change, balances[first.asset])
        fill = fills.get((first.symbol, first.trade_id))
        if fill is not None:
            row |= {
                "side": SIDES[fill.side],
                "qty": plain(fill.qty),
                "size": plain(fill.qty * fill.side.sign),
                "tradePrice": plain(fill.price),
                "orderId": str(fill.order_id),
                "orderLinkId": fill.client_order_id,
            }
        yield row


def _ledger_row(group: list[Income], change: Decimal, after: Decimal) -> dict[str, Any]:
    first = group[0]
    parts: dict[IncomeType, Decimal] = {}
    for item in group:
        parts[item.type] = parts.get(item.type, ZERO) + item.amount
    funding = parts.pop(IncomeType.FUNDING_FEE, ZERO)
    fee = -parts.pop(IncomeType.COMMISSION, ZERO)
    flow = sum(parts.values(), ZERO)
    return {
        "id": f"{first.tran_id}",
        "symbol": first.symbol,
        "category": "linear" if first.symbol else "",
        "side": "None",
        "transactionTime": str(first.time_ms),
        "type": _ledger_word(first),
        "transSubType": "",
        "qty": "0",
        "size": "0",
        "currency": first.asset,
        "tradePrice": "0",
        "funding": plain(funding) if funding else "",
        "fee": plain(fee),
        "cashFlow": plain(flow),
        "change": plain(change),
        "cashBalance": plain(after),
        "feeRate": "0",
        "bonusChange": "",
        "tradeId": str(first.trade_id) if first.trade_id else "",
        "orderId": "",
        "orderLinkId": "",
        "extraFees": "",
    }


def _ledger_word(entry: Income) -> str:
    match entry.type:
        case IncomeType.TRANSFER:
            return "TRANSFER_IN" if entry.amount > 0 else "TRANSFER_OUT"
        case IncomeType.FUNDING_FEE:
            return "SETTLEMENT"
        case IncomeType.REALIZED_PNL | IncomeType.COMMISSION:
            return "TRADE"
        case IncomeType.DELIVERY:
            return "DELIVERY"
        case _:
            return "OTHERS"


def funding_execution(
    engine: Engine,
    account_id: str,
    symbol: str,
    amount: Decimal,
    time_ms: int,
    *,
    number: int,
) -> dict[str, Any]:
    """Funding as the execution it is told as; *amount* is what the wallet got,
    *number* makes its id unique."""
    quote = engine.quote(symbol)
    rows = [row for row in engine.positions(account_id, symbol) if row.qty]
    row = next(iter(rows), None)
    held = ZERO if row is None else row.qty
    value = abs(held) * quote.mark
    side = Side.BUY if held >= 0 else Side.SELL
    seq = -1 if row is None else seq_of(engine, account_id, row)
    return {
        "symbol": symbol,
        "orderId": f"{time_ms}-{symbol}-{abs(seq)}",
        "orderLinkId": "",
        "side": SIDES[side],
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "createType": "",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "execFee": plain(-amount),
        "execId": f"{symbol}-{time_ms}-{number}",
        "execPrice": plain(quote.mark),
        "execQty": plain(abs(held)),
        "execPnl": "0",
        "execType": "Funding",
        "execValue": plain(value),
        "execTime": str(time_ms),
        "isMaker": False,
        "feeRate": plain(quote.funding_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(quote.mark),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "0",
        "extraFees": "",
        "seq": seq,
        "feeCurrency": engine.instruments[symbol].settle,
    }
