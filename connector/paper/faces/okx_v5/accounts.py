"""Account endpoints: configuration, balance, positions, bills, leverage, modes.

Futures mode (level 2) tells margin per currency and leaves the account's totals
empty, multi-currency mode (level 3) the other way round. Prices in USD are one for
the stable coin; the machine keeps one pool per settle currency in both modes.

Source: OKX API v5 docs, "Trading Account", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from connector.paper.engine import Engine
from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.faces.okx_v5.context import Ask, Venue, choice, need, refuse
from connector.paper.faces.okx_v5.render import Row, plain
from connector.paper.faces.okx_v5.render_account import bill_rows, position_row
from connector.paper.types import ZERO, AccountView, AssetBalance, Position, Refusal

DAY_MS = 86_400_000
_EMPTY = [
    "accAvgPx",
    "clSpotInUseAmt",
    "openAvgPx",
    "spotBal",
    "spotInUseAmt",
    "spotUpl",
    "spotUplRatio",
    "totalPnl",
    "totalPnlRatio",
]
_NOTHING = [
    "autoLendMtAmt",
    "colBorrAutoConversion",
    "colRes",
    "fixedBal",
    "frpType",
    "isoEq",
    "isoUpl",
    "rewardBal",
    "smtSyncEq",
    "spotCopyTradingEq",
    "spotIsoBal",
    "stgyEq",
    "twap",
]
_BORROWING = [
    "borrowFroz",
    "crossLiab",
    "interest",
    "isoLiab",
    "liab",
    "maxLoan",
    "uplLiab",
]
_TOTALS = [
    "adjEq",
    "availEq",
    "borrowFroz",
    "imr",
    "mgnRatio",
    "mmr",
    "notionalUsd",
    "notionalUsdForBorrow",
    "notionalUsdForFutures",
    "notionalUsdForOption",
    "notionalUsdForSwap",
    "ordFroz",
    "upl",
]


def config(ask: Ask) -> list[Row]:
    """GET account/config: the account, and what this key may do."""
    assert ask.key is not None, "signed calls have a key"
    uid = ask.venue.uid(ask.account_id)
    hedge = ask.reads.is_hedge(ask.account_id)
    return [
        {
            "acctLv": str(ask.venue.config.account_level),
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "feeType": "0",
            "greeksType": "PA",
            "ip": ask.key.ips,
            "kycLv": "3",
            "label": "paper",
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": uid,
            "mgnIsoMode": "automatic",
            "opAuth": "0",
            "perm": ask.key.permissions,
            "posMode": "long_short_mode" if hedge else "net_mode",
            "roleType": "0",
            "settleCcy": "USDT",
            "settleCcyList": ["USD", "USDC", "USDG"],
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "stgyType": "0",
            "traderInsts": [],
            "type": "0",
            "uid": uid,
        }
    ]


# balances --------------------------------------------------------------------------


def account_row(venue: Venue, engine: Engine, account_id: str, ccy: str) -> Row:
    """The account with its currencies (*ccy* "": all that are not zero)."""
    view = engine.account(account_id)
    is_multi = venue.config.account_level >= 3
    assets = [
        asset
        for asset in view.assets
        if (asset.wallet or asset.margin_balance)
        and (not ccy or asset.asset in ccy.split(","))
    ]
    updated = max((asset.updated_ms for asset in view.assets), default=engine.now_ms)
    row: Row = {
        "delta": "",
        "deltaLever": "",
        "deltaNeutralStatus": "",
        "details": [_currency(asset, is_multi=is_multi) for asset in assets],
        "isoEq": "0",
        "totalEq": plain(view.totals.margin_balance),
        "uTime": str(max(updated, engine.now_ms)),
    }
    totals = _totals(view) if is_multi else dict.fromkeys(_TOTALS, "")
    return row | totals


def ratio_of(asset: AssetBalance) -> str:
    """``mgnRatio``: a multiple, "" with nothing at risk."""
    if not asset.maintenance_margin:
        return ""
    ratio = asset.margin_balance / asset.maintenance_margin
    return plain(ratio.quantize(Decimal("0.0001")))


def _currency(asset: AssetBalance, *, is_multi: bool) -> Row:
    equity = plain(asset.margin_balance)
    row: Row = dict.fromkeys(_EMPTY, "") | dict.fromkeys(_NOTHING, "0")
    row |= dict.fromkeys(_BORROWING, "0" if is_multi else "")
    row |= {
        "autoLendStatus": "off",
        "availBal": plain(asset.available),
        "availEq": plain(asset.available),
        "cashBal": plain(asset.wallet),
        "ccy": asset.asset,
        "coinUsdPrice": "1",
        "collateralEnabled": False,
        "collateralRestrict": False,
        "disEq": equity,
        "eq": equity,
        "eqUsd": equity,
        "frozenBal": plain(asset.initial_margin),
        "imr": "" if is_multi else plain(asset.initial_margin),
        "maxSpotInUseAmt": "",
        "mgnRatio": "" if is_multi else ratio_of(asset),
        "mmr": "" if is_multi else plain(asset.maintenance_margin),
        "notionalLever": "" if is_multi else "0",
        "ordFrozen": plain(asset.open_order_margin),
        "uTime": str(asset.updated_ms),
        "upl": plain(asset.unrealized_pnl),
    }
    return row


def _totals(view: AccountView) -> Row:
    total = view.totals
    notional = sum((abs(row.notional) for row in view.positions), ZERO)
    return {
        "adjEq": plain(total.margin_balance),
        "availEq": plain(total.available),
        "borrowFroz": "0",
        "imr": plain(total.initial_margin),
        "mgnRatio": ratio_of(total),
        "mmr": plain(total.maintenance_margin),
        "notionalUsd": plain(notional),
        "notionalUsdForBorrow": "0",
        "notionalUsdForFutures": "0",
        "notionalUsdForOption": "0",
        "notionalUsdForSwap": plain(notional),
        "ordFroz": plain(total.open_order_margin),
        "upl": plain(total.unrealized_pnl),
    }


def balance(ask: Ask) -> list[Row]:
    """GET account/balance."""
    ccy = ask.query.get("ccy", "")
    row = account_row(ask.venue, ask.reads, ask.account_id, ccy)
    for one in row["details"]:  # three fields differ from what is pushed
        del one["coinUsdPrice"], one["maxSpotInUseAmt"]
        one["maxSpotInUse"] = ""
    return [row]


def delta_row(
    wallets: Iterable[tuple[str, Decimal, int]],
    reason: str,
    rows: list[Row],
    now_ms: int,
) -> Row:
    """One row of balance_and_position: what changed, and why; *wallets* are (asset,
    balance, time)."""
    trades = [
        {"instId": row["instId"], "tradeId": row["tradeId"]}
        for row in rows
        if reason == "filled" and row["tradeId"]
    ]
    names = [
        "posId",
        "tradeId",
        "instId",
        "instType",
        "mgnMode",
        "posSide",
        "pos",
        "ccy",
        "posCcy",
        "avgPx",
        "nonSettleAvgPx",
        "settledPnl",
        "uTime",
    ]
    return {
        "pTime": str(now_ms),
        "eventType": reason,
        "balData": [
            {"ccy": asset, "cashBal": plain(wallet), "uTime": str(updated_ms)}
            for asset, wallet, updated_ms in wallets
        ],
        "posData": [{name: row[name] for name in names} for row in rows],
        "trades": trades,
    }


# positions -------------------------------------------------------------------------


def render_position(venue: Venue, engine: Engine, account_id: str, p: Position) -> Row:
    """One position with the account's ratio and prices of now."""
    quote = engine.quote(p.symbol)
    last = engine.fills(account_id, symbol=p.symbol, limit=1)
    asset = next(
        (a for a in engine.account(account_id).assets if a.asset == p.margin_asset),
        None,
    )
    prices = {
        "idxPx": plain(quote.index),
        "last": plain(quote.last),
        "markPx": plain(quote.mark),
    }
    return position_row(
        p,
        venue.catalogue.of(p.symbol),
        str(last[-1].trade_id) if last else "",
        ratio_of(asset) if asset is not None else "",
        prices,
    )


def position_rows(venue: Venue, engine: Engine, account_id: str) -> list[Row]:
    """Every position that is not flat."""
    return [
        render_position(venue, engine, account_id, position)
        for position in engine.positions(account_id)
        if position.qty
    ]


def positions(ask: Ask) -> list[Row]:
    """GET account/positions: open ones."""
    wanted = ask.query.get("instId", "")
    if ask.query.get("instType", "SWAP") not in ("", "SWAP", "ANY"):
        return []
    rows = position_rows(ask.venue, ask.reads, ask.account_id)
    return [row for row in rows if not wanted or row["instId"] in wanted.split(",")]


def position_risk(ask: Ask) -> list[Row]:
    """GET account/account-position-risk: both of one instant, few fields."""
    account = account_row(ask.venue, ask.reads, ask.account_id, "")
    few = ("ccy", "eq", "disEq")
    names = [
        "baseBal",
        "ccy",
        "instId",
        "instType",
        "mgnMode",
        "notionalUsd",
        "pos",
        "posCcy",
        "posId",
        "posSide",
        "quoteBal",
    ]
    return [
        {
            "adjEq": account["adjEq"],
            "balData": [{name: d[name] for name in few} for d in account["details"]],
            "posData": [{name: row[name] for name in names} for row in positions(ask)],
            "ts": str(ask.now_ms),
        }
    ]


# ledger ----------------------------------------------------------------------------


def _bills(ask: Ask, kept_days: int) -> list[Row]:
    floor = ask.now_ms - kept_days * DAY_MS
    begin, end = ask.whole("begin"), ask.whole("end")
    incomes = ask.reads.income(
        ask.account_id,
        start_ms=max(floor, begin or 0),
        end_ms=end,
        limit=100_000,
    )
    rows = bill_rows(incomes)
    wanted = ask.query.get("ccy", ""), ask.query.get("type", "")
    rows = [
        row
        for row in rows
        if wanted[0] in ("", row["ccy"]) and wanted[1] in ("", row["type"])
    ]
    return ask.page(rows, "billId")


def bills(ask: Ask) -> list[Row]:
    """GET account/bills: the last seven days."""
    return _bills(ask, 7)


def bills_archive(ask: Ask) -> list[Row]:
    """GET account/bills-archive: the last three months."""
    return _bills(ask, 90)


# settings --------------------------------------------------------------------------


def leverage_info(ask: Ask) -> list[Row]:
    """GET account/leverage-info."""
    need(ask.query, "mgnMode")
    rows = []
    for symbol in need(ask.query, "instId").split(","):
        ask.venue.instrument(symbol)
        lever = ask.reads.symbol_config(ask.account_id, symbol).leverage
        rows.append(
            {
                "ccy": "",
                "instId": symbol,
                "lever": str(lever),
                "mgnMode": "cross",
                "posSide": "net",
            }
        )
    return rows


def set_leverage(ask: Ask) -> list[Row]:
    """POST account/set-leverage: whole numbers."""
    row = ask.row()
    symbol, text = ask.symbol_in(row), need(row, "lever")
    if need(row, "mgnMode") != "cross":
        raise ApiError(51000, "mgnMode")
    number = text.removesuffix(".0")
    if not number.isdecimal() or not int(number):
        raise ApiError(51000, "lever")
    done = ask.engine.set_leverage(
        ask.account_id, symbol, int(number), now_ms=ask.engine_ms
    )
    if isinstance(done, Refusal):
        raise refuse(done)
    return [{"instId": symbol, "lever": number, "mgnMode": "cross", "posSide": ""}]


def set_position_mode(ask: Ask) -> list[Row]:
    """POST account/set-position-mode."""
    row = ask.row()
    modes = {"net_mode": False, "long_short_mode": True}
    need(row, "posMode")
    hedge = choice(row, "posMode", modes)
    no = ask.engine.set_hedge(ask.account_id, hedge=hedge, now_ms=ask.engine_ms)
    if no is not None:
        raise refuse(no)
    return [{"posMode": row["posMode"]}]


def set_account_level(ask: Ask) -> list[Row]:
    """POST account/set-account-level: the level cannot change here."""
    level = need(ask.row(), "acctLv")
    if level != str(ask.venue.config.account_level):
        raise ApiError(51010)
    return [{"acctLv": level}]


def trade_fee(ask: Ask) -> list[Row]:
    """GET account/trade-fee: negative rates are paid."""
    instrument = next(iter(ask.engine.instruments.values()))
    maker, taker = plain(-instrument.maker_rate), plain(-instrument.taker_rate)
    group = {
        "elpMaker": "",
        "rpiMaker": "",
        "groupId": "4",
        "maker": maker,
        "taker": taker,
    }
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "feeGroup": [group],
            "fiat": [],
            "instType": ask.query.get("instType", "SWAP"),
            "level": "Lv1",
            "maker": maker,
            "makerU": maker,
            "makerUSDC": maker,
            "ruleType": "normal",
            "settle": "",
            "taker": taker,
            "takerU": taker,
            "takerUSDC": taker,
            "ts": str(ask.now_ms),
        }
    ]


def rate_limit(ask: Ask) -> list[Row]:
    """GET trade/account-rate-limit."""
    return [
        {
            "accRateLimit": str(ask.venue.limits.config.account_orders),
            "fillRatio": "",
            "mainFillRatio": "",
            "nextAccRateLimit": "",
            "ts": str(ask.now_ms),
        }
    ]
