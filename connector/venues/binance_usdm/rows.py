"""Rows of answers and parts of events, turned into facts.

A row of another shape raises ValueError, a side that is neither BUY nor SELL or a
position side of a new kind KeyError, and the caller reports the whole row as not
understood, because guessing a direction loses money. Unknown fields are ignored,
unknown words kept as text.

Source: "Trade", "Account", "Market Data" and "User Data Streams" pages, read 2026-11.
"""

from __future__ import annotations

from typing import Any

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    Fact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    RiskFact,
    SettingFact,
)
from connector.model.account import LedgerKind
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument, InstrumentKind
from connector.model.money import ONE, ZERO
from connector.model.order import PositionSide
from connector.venues.binance_usdm import words
from connector.venues.json_rows import Row

UNSAID = (None, None)
"""Time in force and post-only of a lifetime that says nothing to us."""

# Names of ALGO_UPDATE, and what the algo endpoints call the same.
ALGO_NAMES = {
    "aid": "algoId",
    "caid": "clientAlgoId",
    "o": "orderType",
    "s": "symbol",
    "S": "side",
    "ps": "positionSide",
    "f": "timeInForce",
    "q": "quantity",
    "X": "algoStatus",
    "ai": "actualOrderId",
    "ap": "actualPrice",
    "aq": "actualQty",
    "tp": "triggerPrice",
    "p": "price",
    "cp": "closePosition",
    "R": "reduceOnly",
    "rm": "failure",
}


def _id(row: Row, name: str) -> VenueOrderId:
    """An order id as text; some exceed 2**53."""
    return VenueOrderId(str(row.integer(name)))


def _position_side(row: Row) -> PositionSide:
    return words.POSITION_SIDES[row.text("positionSide", "BOTH")]


def _shared(row: Row, name: str) -> dict[str, Any]:
    """What both stores tell of an order alike; *name* is of the client id, which may be
    empty, but not absent."""
    tif, post_only = words.LIFETIMES.get(row.text("timeInForce", ""), UNSAID)
    return {
        "symbol": row.symbol("symbol"),
        "client_order_id": ClientOrderId(row.text(name)) or None,
        "side": words.SIDES[row.text("side")],
        "time_in_force": tif,
        "post_only": post_only,
        "price": row.number_or_none("price"),
        "reduce_only": row.flag("reduceOnly"),
        "close_position": row.flag("closePosition"),
        "position_side": _position_side(row),
    }


def order_fact(row: Row) -> OrderFact:
    """A regular order; `avgPrice` left the answers of commands on 2026-07-15. One that
    began as a conditional order keeps that type and names itself as what it became."""
    qty, filled = row.number("origQty"), row.number("executedQty")
    status, reason = words.status_of(row.text("status"), qty, filled)
    order_type = words.TYPES.get(row.text("origType", "") or row.text("type"))
    order_id = _id(row, "orderId")
    triggered = order_type is not None and order_type.is_conditional
    return OrderFact(
        **_shared(row, "clientOrderId"),
        venue_order_id=order_id,
        status=status,
        venue_ns=row.nanos("updateTime"),
        order_type=order_type,
        qty=qty or None,
        trigger_price=row.number_or_none("stopPrice"),
        filled_qty=filled,
        avg_price=row.number_or_none("avgPrice"),
        origin=words.origin_of(row.text("clientOrderId")),
        reason=reason,
        triggered_order_id=order_id if triggered else None,
        is_amend=row.has("modifyId"),
        amend_id=row.ident("modifyId"),
        created_ns=row.nanos("time") if row.has("time") else None,
    )


def algo_fact(row: Row, venue_ns: int | None = None) -> OrderFact:
    """A conditional order, seen through the algo service."""
    qty, price = row.number_or_none("quantity"), row.number_or_none("price")
    filled = row.number("actualQty", ZERO)
    status, reason = words.algo_status_of(row.text("algoStatus"), qty, filled)
    became = row.ident("actualOrderId")
    return OrderFact(
        **_shared(row, "clientAlgoId"),
        venue_order_id=_id(row, "algoId"),
        status=status,
        venue_ns=row.nanos("updateTime") if venue_ns is None else venue_ns,
        order_type=words.conditional_type(row.text("orderType"), price),
        qty=qty,
        trigger_price=row.number_or_none("triggerPrice"),
        filled_qty=filled,
        avg_price=row.number_or_none("actualPrice"),
        reason=row.text("failure", "") or reason,
        is_conditional=True,
        triggered_order_id=VenueOrderId(became) if became else None,
        created_ns=row.nanos("createTime") if row.has("createTime") else None,
    )


def trade_fact(row: Row) -> FillFact:
    """One own execution; userTrades does not tell the client id."""
    told = row.has("commission"), row.has("realizedPnl")
    return FillFact(
        symbol=row.symbol("symbol"),
        venue_order_id=_id(row, "orderId"),
        client_order_id=None,
        trade_id=TradeId(str(row.integer("id"))),
        side=words.SIDES[row.text("side")],
        qty=row.number("qty"),
        price=row.number("price"),
        venue_ns=row.nanos("time"),
        fee=row.number("commission") if told[0] else None,
        fee_asset=row.text("commissionAsset", ""),
        realized_pnl=row.number("realizedPnl") if told[1] else None,
        is_maker=row.flag("maker"),
        position_side=_position_side(row),
    )


def position_fact(row: Row) -> PositionFact:
    """One position of positionRisk v3.

    v3 tells neither leverage nor margin mode (symbolConfig does), and a
    liquidation price of "0" means that there is none.
    """
    return PositionFact(
        symbol=row.symbol("symbol"),
        position_side=words.POSITION_SIDES[row.text("positionSide")],
        qty=row.number("positionAmt"),
        venue_ns=row.nanos("updateTime"),
        entry_price=row.number("entryPrice"),
        isolated_wallet=row.number("isolatedWallet", ZERO),
        mark_price=row.number_or_none("markPrice"),
        liquidation_price=row.number_or_none("liquidationPrice"),
    )


def account_facts(row: Row) -> list[Fact]:
    """Account v3: balances, and the totals, which are kept as told."""
    balances = [_balance(asset) for asset in row.rows("assets")]
    venue_ns = max((balance.venue_ns for balance in balances), default=0)
    return [*balances, AccountFact(venue_ns=venue_ns, fields=row.texts())]


def _balance(row: Row) -> BalanceFact:
    cross = "crossWalletBalance"
    return BalanceFact(
        asset=row.text("asset"),
        wallet=row.number("walletBalance"),
        venue_ns=row.nanos("updateTime", 0),
        cross_wallet=row.number(cross) if row.has(cross) else None,
    )


def income_fact(row: Row) -> LedgerFact:
    """One ledger entry; its id is (income type, transaction id)."""
    kind, symbol = row.text("incomeType"), row.told("symbol")
    trade_id = row.ident("tradeId")
    return LedgerFact(
        kind=words.INCOME_TYPES.get(kind, LedgerKind.OTHER),
        asset=row.text("asset"),
        amount=row.number("income"),
        venue_ns=row.nanos("time"),
        symbol=Symbol(symbol) if symbol else None,
        entry_id=f"{kind}:{row.integer('tranId')}",
        trade_id=TradeId(trade_id) if trade_id else None,
        text=kind,
    )


def mark_fact(row: Row) -> MarkFact:
    """Mark price and funding of premiumIndex."""
    return _mark(
        row, "symbol markPrice time indexPrice lastFundingRate nextFundingTime"
    )


def pushed_mark(row: Row) -> MarkFact:
    """The same of markPriceUpdate."""
    return _mark(row, "s p E i r T")


def _mark(row: Row, names: str) -> MarkFact:
    """Futures with a delivery date have no funding."""
    symbol, mark, time, index, rate, following = names.split()
    return MarkFact(
        symbol=row.symbol(symbol),
        mark_price=row.number(mark),
        venue_ns=row.nanos(time),
        index_price=row.number_or_none(index),
        funding_rate=row.number(rate) if row.text(rate, "") else None,
        next_funding_ns=row.nanos(following, 0) or None,
    )


def symbol_setting(row: Row) -> SettingFact:
    """Leverage and margin mode of one symbol."""
    return SettingFact(
        symbol=row.symbol("symbol"),
        leverage=row.integer("leverage"),
        margin_mode=words.MARGIN_MODES.get(row.text("marginType", "").lower()),
    )


def bracket_fact(row: Row) -> BracketFact:
    """Tiers by rising notional; a user's own coefficient scales them."""
    scale = row.exact("notionalCoef", ONE)
    brackets = [
        Bracket(
            floor=tier.exact("notionalFloor", None) * scale,
            cap=tier.exact("notionalCap", None) * scale,
            maintenance_rate=tier.exact("maintMarginRatio", None),
            cum=tier.exact("cum") * scale,
            max_leverage=tier.integer("initialLeverage"),
        )
        for tier in row.rows("brackets")
    ]
    brackets.sort(key=lambda bracket: bracket.floor)
    return BracketFact(symbol=row.symbol("symbol"), brackets=tuple(brackets))


def margin_call(row: Row) -> RiskFact:
    """Positions near liquidation."""
    held = row.rows_if("p")
    told = ", ".join(
        f"{one.text('s')} {one.text('pa', '')} (maintenance margin "
        f"{one.text('mm', '')}, unrealised PnL {one.text('up', '')})"
        for one in held
    )
    return RiskFact(
        text=f"margin call: {told}",
        venue_ns=row.nanos("E"),
        symbols=tuple(one.symbol("s") for one in held),
    )


def config_facts(row: Row) -> list[Fact]:
    """ACCOUNT_CONFIG_UPDATE: leverage of a symbol, or the mode of the account."""
    facts: list[Fact] = []
    if row.has("ac"):
        one = row.row("ac")
        leverage = one.integer("l")
        facts.append(SettingFact(symbol=one.symbol("s"), leverage=leverage))
    mode = row.row("ai").flag("j")
    if mode is not None:
        facts.append(SettingFact(is_multi_asset=mode))
    if not facts:
        raise ValueError("ACCOUNT_CONFIG_UPDATE says nothing")
    return facts


def instrument_fact(row: Row) -> InstrumentFact:
    """One symbol with its filters; ValueError if a needed one, or its number, is
    missing.

    `pricePrecision` and `quantityPrecision` are display hints, not tick and step.
    """
    filters = {item.text("filterType"): item for item in row.rows("filters")}
    if not {"PRICE_FILTER", "LOT_SIZE"} <= filters.keys():
        raise ValueError("no price or lot filter")
    price, lot, nothing = filters["PRICE_FILTER"], filters["LOT_SIZE"], Row({})
    market = filters.get("MARKET_LOT_SIZE", lot)
    percent = filters.get("PERCENT_PRICE", nothing)
    needed = [price.number("tickSize")]
    needed += [lot.number(name) for name in ("stepSize", "minQty", "maxQty")]
    if min(needed) <= 0:
        raise ValueError("a filter is missing a number")
    tick, step, least, most = needed
    contract = row.text("contractType", "")
    perpetual = not contract or contract.endswith("PERPETUAL")
    notional = filters.get("MIN_NOTIONAL", nothing).number("notional", ZERO)
    return InstrumentFact(
        instrument=Instrument(
            symbol=row.symbol("symbol"),
            kind=InstrumentKind.PERPETUAL if perpetual else InstrumentKind.FUTURE,
            base=row.text("baseAsset"),
            quote=row.text("quoteAsset"),
            settle=row.text("marginAsset"),
            tick_size=tick,
            qty_step=step,
            min_qty=least,
            max_qty=most,
            market_max_qty=market.number_or_none("maxQty") or most,
            market_qty_step=market.number_or_none("stepSize"),
            min_price=price.number("minPrice", ZERO),
            max_price=price.number_or_none("maxPrice"),
            min_notional=notional,
            percent_up=percent.number_or_none("multiplierUp"),
            percent_down=percent.number_or_none("multiplierDown"),
            is_trading=row.text("status") == "TRADING",
            expiry_ms=None if perpetual else row.millis("deliveryDate", 0) or None,
            max_open_orders=filters.get("MAX_NUM_ORDERS", nothing).integer("limit", 0)
            or None,
        )
    )
