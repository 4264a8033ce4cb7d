"""Account endpoints: balances, positions, modes, leverage, margin, income.

Source: Binance USDⓈ-M docs, "Account" section, read 2026-11.
"""

from __future__ import annotations

from typing import Any

from connector.paper.faces.binance_usdm import accounts
from connector.paper.faces.binance_usdm.apierrors import ApiError, missing
from connector.paper.faces.binance_usdm.context import Ask, MarginMove, refuse
from connector.paper.faces.binance_usdm.order_requests import position_side_of
from connector.paper.faces.binance_usdm.orders import DAY_MS, time_span
from connector.paper.faces.binance_usdm.render import income as income_row
from connector.paper.faces.binance_usdm.render import money, plain
from connector.paper.types import Bracket, Refusal, SymbolConfig
from connector.paper.words import IncomeType, MarginType, PositionSide, Reason

WEEK = 7 * DAY_MS
SUCCESS = {"code": 200, "msg": "success"}
MARGIN_WORDS = {
    "CROSSED": MarginType.CROSS,
    "CROSS": MarginType.CROSS,
    "ISOLATED": MarginType.ISOLATED,
}


def account_v2(ask: Ask) -> object:
    """GET v2/account (and v1)."""
    engine = ask.reads
    every = engine.positions(ask.account_id, all_rows=True)
    return accounts.account_v2(
        engine.account(ask.account_id), every, ask.venue.renderer
    )


def account_v3(ask: Ask) -> object:
    """GET v3/account, v2/account.status."""
    return accounts.account_v3(ask.reads.account(ask.account_id), ask.venue.renderer)


def balance(ask: Ask) -> object:
    """GET v1, v2 and v3 balance."""
    view = ask.reads.account(ask.account_id)
    return [accounts.balance_row(row) for row in view.assets]


def position_risk_v2(ask: Ask) -> object:
    """GET v1 and v2 positionRisk: every symbol."""
    rows = ask.reads.positions(ask.account_id, ask.symbol_or_none(), all_rows=True)
    return [accounts.position_risk_v2(row, ask.venue.renderer) for row in rows]


def position_risk_v3(ask: Ask) -> object:
    """GET v3 positionRisk: symbols with a position or an order."""
    rows = ask.reads.positions(ask.account_id, ask.symbol_or_none(), all_rows=True)
    renderer = ask.venue.renderer
    return [
        accounts.position_risk_v3(row, renderer)
        for row in rows
        if accounts.is_shown(row)
    ]


def account_config(ask: Ask) -> object:
    """GET accountConfig."""
    view = ask.reads.account(ask.account_id)
    return {**accounts.flags(view), "dualSidePosition": view.is_hedge}


def symbol_config(ask: Ask) -> object:
    """GET symbolConfig."""
    one = ask.symbol_or_none()
    symbols = [one] if one else list(ask.venue.engine.instruments)
    engine = ask.reads
    return [_config_row(engine.symbol_config(ask.account_id, s)) for s in symbols]


def _config_row(config: SymbolConfig) -> dict[str, Any]:
    isolated = config.margin_type is MarginType.ISOLATED
    return {
        "symbol": config.symbol,
        "marginType": "ISOLATED" if isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": config.leverage,
        "maxNotionalValue": plain(config.max_notional),
    }


def leverage_bracket(ask: Ask) -> object:
    """GET leverageBracket: a bare object for one symbol is a documented variant."""
    one = ask.symbol_or_none()
    symbols = [one] if one else list(ask.venue.engine.instruments)
    return [
        {
            "symbol": symbol,
            "notionalCoef": 1.0,
            "brackets": [
                _bracket_row(row) for row in ask.venue.instrument(symbol).brackets
            ],
        }
        for symbol in symbols
    ]


def _bracket_row(row: Bracket) -> dict[str, Any]:
    return {
        "bracket": row.number,
        "initialLeverage": row.max_leverage,
        "notionalCap": int(row.cap),
        "notionalFloor": int(row.floor),
        "maintMarginRatio": float(row.mmr),
        "cum": float(row.cum),
    }


def commission_rate(ask: Ask) -> object:
    """GET commissionRate."""
    symbol = ask.symbol()
    instrument = ask.venue.instrument(symbol)
    return {
        "symbol": symbol,
        "makerCommissionRate": f"{instrument.maker_rate:.6f}",
        "takerCommissionRate": f"{instrument.taker_rate:.6f}",
        "rpiCommissionRate": "0.000050",
    }


def set_leverage(ask: Ask) -> object:
    """POST leverage."""
    symbol = ask.symbol()
    leverage = ask.params.need_integer("leverage")
    config = ask.engine.set_leverage(
        ask.account_id, symbol, leverage, now_ms=ask.engine_ms
    )
    if isinstance(config, Refusal):
        if config.reason is Reason.LEVERAGE:
            raise ApiError(-4028, f"Leverage {leverage} is not valid")
        refuse(config)
    return {
        "leverage": config.leverage,
        "maxNotionalValue": plain(config.max_notional),
        "symbol": symbol,
    }


def set_margin_type(ask: Ask) -> object:
    """POST marginType."""
    symbol = ask.symbol()
    word = ask.params.need("marginType").upper()
    if word not in MARGIN_WORDS:
        raise ApiError(-1102, "Invalid marginType.")
    no = ask.engine.set_margin_type(
        ask.account_id, symbol, MARGIN_WORDS[word], now_ms=ask.engine_ms
    )
    if no is not None:
        special = {
            Reason.NO_CHANGE: -4046,
            Reason.OPEN_ORDERS: -4047,
            Reason.OPEN_POSITION: -4048,
        }
        if no.reason in special:
            raise ApiError(special[no.reason])
        refuse(no)
    return dict(SUCCESS)


def get_position_mode(ask: Ask) -> object:
    """GET positionSide/dual."""
    return {"dualSidePosition": ask.reads.is_hedge(ask.account_id)}


def set_position_mode(ask: Ask) -> object:
    """POST positionSide/dual."""
    hedge = ask.params.boolean("dualSidePosition")
    if hedge is None:
        raise missing("dualSidePosition")
    no = ask.engine.set_hedge(ask.account_id, hedge=hedge, now_ms=ask.engine_ms)
    if no is not None:
        special = {
            Reason.NO_CHANGE: -4059,
            Reason.OPEN_ORDERS: -4067,
            Reason.OPEN_POSITION: -4068,
        }
        if no.reason in special:
            raise ApiError(special[no.reason])
        refuse(no)
    return dict(SUCCESS)


def get_multi_assets(ask: Ask) -> object:
    """GET multiAssetsMargin."""
    return {"multiAssetsMargin": ask.reads.is_multi_assets(ask.account_id)}


def set_multi_assets(ask: Ask) -> object:
    """POST multiAssetsMargin."""
    wanted = ask.params.boolean("multiAssetsMargin")
    if wanted is None:
        raise missing("multiAssetsMargin")
    no = ask.engine.set_multi_assets(
        ask.account_id, multi_assets=wanted, now_ms=ask.engine_ms
    )
    if no is not None:
        special = {Reason.NO_CHANGE: -4171, Reason.ISOLATED_MARGIN: -4168}
        if no.reason in special:
            raise ApiError(special[no.reason])
        refuse(no)
    return dict(SUCCESS)


def adjust_margin(ask: Ask) -> object:
    """POST positionMargin: isolated only, 1 adds and 2 takes."""
    symbol = ask.symbol()
    amount = ask.params.need_decimal("amount")
    way = ask.params.need_integer("type")
    if amount <= 0 or way not in (1, 2):
        raise missing("amount" if amount <= 0 else "type")
    no = ask.engine.adjust_isolated_margin(
        ask.account_id,
        symbol,
        amount if way == 1 else -amount,
        position_side=position_side_of(ask.params),
        now_ms=ask.engine_ms,
    )
    if no is not None:
        if no.reason is Reason.ISOLATED_MARGIN and way == 1:
            raise ApiError(-4050)
        refuse(no)
    ask.venue.margin_moves.append(
        MarginMove(
            account_id=ask.account_id,
            symbol=symbol,
            way=way,
            amount=amount,
            position_side=position_side_of(ask.params),
            time_ms=ask.engine_ms,
        )
    )
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": way,
    }


def margin_history(ask: Ask) -> object:
    """GET positionMargin/history: the user's own adjustments."""
    symbol = ask.symbol()
    way = ask.params.integer("type")
    asset = ask.venue.instrument(symbol).settle
    rows = [
        row
        for row in ask.venue.margin_moves
        if (row.account_id, row.symbol) == (ask.account_id, symbol)
        and way in (None, row.way)
    ]
    return [
        {
            "symbol": symbol,
            "type": row.way,
            "deltaType": "USER_ADJUST",
            "amount": money(row.amount),
            "asset": asset,
            "time": row.time_ms,
            "positionSide": str(row.position_side),
        }
        for row in rows[-ask.params.limit(500, 500) :]
    ]


def income(ask: Ask) -> object:
    """GET income: wallet entries."""
    word = ask.params.upper("incomeType")
    span = time_span(ask, 90 * DAY_MS if ask.params.text("startTime") else WEEK)
    if word is not None and word not in tuple(IncomeType):
        return []
    rows = ask.reads.income(
        ask.account_id,
        symbol=ask.symbol_or_none(),
        kind=IncomeType(word) if word else None,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        limit=ask.params.limit(100, 1000),
    )
    return [income_row(row) for row in rows if row.time_ms >= span.floor_ms]


def adl_quantile(ask: Ask) -> object:
    """GET adlQuantile."""
    rows = ask.reads.positions(ask.account_id, ask.symbol_or_none())
    quantiles: dict[str, dict[str, int]] = {}
    for row in rows:
        quantiles.setdefault(row.symbol, {})[str(row.position_side)] = row.adl_quantile
    return [
        {"symbol": symbol, "adlQuantile": _all_sides(sides)}
        for symbol, sides in quantiles.items()
    ]


def _all_sides(sides: dict[str, int]) -> dict[str, int]:
    if str(PositionSide.BOTH) in sides:
        return {"LONG": 0, "SHORT": 0, "BOTH": sides["BOTH"]}
    long, short = sides.get("LONG", 0), sides.get("SHORT", 0)
    return {"LONG": long, "SHORT": short, "HEDGE": 0}


def rate_limit_order(ask: Ask) -> object:
    """GET rateLimit/order: this account's order limits, not the usage."""
    rules = ask.venue.limits.rules()
    return [rules[2], rules[1]]


def api_restrictions(ask: Ask) -> object:
    """GET sapi apiRestrictions: what the key may do."""
    key = ask.key
    assert key is not None, "a signed call has a key"
    return {
        "ipRestrict": key.is_ip_restricted,
        "createTime": 1790000000000,
        "enableReading": key.can_read,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": key.can_trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    }


def trading_status(ask: Ask) -> object:
    """GET apiTradingStatus: no indicator is ever tripped here."""
    return {"indicators": {}, "updateTime": ask.now_ms}


def fee_burn(ask: Ask) -> object:
    """GET feeBurn: fees are paid in the margin asset."""
    return {"feeBurn": False}
