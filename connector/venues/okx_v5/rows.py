"""Rows of answers and of pushes, turned into facts.

Everything is text on this wire, missing is "". Rows of REST and stream are the same
but for a few names. Quantities stay contracts here, fees turn their sign. A side or a
state that is none raises KeyError, and the caller reports the whole row as not
understood, because guessing a direction loses money.

Source: response tables of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
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
from connector.model.instrument import Bracket, Instrument
from connector.model.money import ONE, ZERO
from connector.model.order import (
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
)
from connector.venues.json_rows import Row
from connector.venues.okx_v5 import words

_MAX_OPEN_ORDERS = 500


def is_ours(row: Row) -> bool:
    """Of a kind of instrument that is traded here, or of none."""
    return row.text("instType", "SWAP") in words.KINDS


def _position_side(row: Row) -> PositionSide:
    """NET where the row does not say."""
    return words.POSITION_SIDES[row.text("posSide", "") or "net"]


def _shared(row: Row, venue_id: str, name: str) -> dict[str, Any]:
    """What both stores tell of an order alike."""
    return {
        "symbol": row.symbol("instId"),
        "venue_order_id": row.order_id(venue_id),
        "client_order_id": row.client_id(name),
        "side": words.SIDES[row.text("side")],
        "qty": row.number_or_none("sz"),
        "reduce_only": row.text("reduceOnly", "") == "true",
        "position_side": _position_side(row),
        "created_ns": row.nanos("cTime", 0) or None,
    }


def order_facts(row: Row) -> list[Fact]:
    """The state of a regular order. One that began as a conditional order tells
    that first: it has another id there and no client id here."""
    kind, lifetime, post_only = words.ORDER_TYPES.get(
        row.text("ordType"), (None, None, None)
    )
    status, reason = words.STATES[row.text("state")], ""
    if status is OrderStatus.CANCELED:
        status, reason = words.end_of(row.text("cancelSource", ""))
    price, facts = row.number_or_none("px"), list[Fact]()
    if row.text("algoId", ""):
        waited = OrderFact(
            **_shared(row, "algoId", "algoClOrdId"),
            status=OrderStatus.NEW,
            venue_ns=row.nanos("cTime", 0),
            order_type=OrderType.STOP_LIMIT if price else OrderType.STOP_MARKET,
            is_conditional=True,
            triggered_order_id=row.order_id("ordId"),
        )
        facts.append(waited)
        # What it was asked as says more than the order it became.
        kind = lifetime = post_only = None
    state = OrderFact(
        **_shared(row, "ordId", "clOrdId"),
        status=status,
        venue_ns=row.nanos("uTime"),
        order_type=kind,
        time_in_force=lifetime,
        post_only=post_only,
        price=price,
        filled_qty=row.number("accFillSz", ZERO),
        avg_price=row.number_or_none("avgPx"),
        origin=words.ORIGINS.get(row.text("category", "")),
        reason=reason,
        is_amend=row.text("amendResult", "") in ("0", "-1", "1"),
        amend_id=row.text("reqId", ""),
    )
    facts.append(state)
    return facts


def push_facts(row: Row) -> list[Fact]:
    """An order and the execution told with it. Forced executions have other trade
    ids in `fills` than here: they count once, from there."""
    facts = order_facts(row)
    is_forced = row.text("category", "") in words.ORIGINS
    has_trade = row.text("tradeId", "") not in ("", "0") and row.number("fillSz", ZERO)
    if has_trade and not is_forced:
        facts.append(_fill(row, "fillFee", "fillTime"))
    return facts


def _fill(row: Row, fee: str, time: str, **more: Any) -> FillFact:
    """What all kinds of rows tell of an execution; fees are negative when paid."""
    return FillFact(
        symbol=row.symbol("instId"),
        venue_order_id=row.order_id("ordId"),
        trade_id=row.trade_id("tradeId"),
        side=words.SIDES[row.text("side")],
        qty=row.number("fillSz"),
        price=row.number("fillPx"),
        venue_ns=row.nanos(time),
        fee=-row.number(fee) if row.text(fee, "") else None,
        fee_asset=row.text(f"{fee}Ccy", ""),
        realized_pnl=row.number("fillPnl") if row.text("fillPnl", "") else None,
        is_maker={"M": True, "T": False}.get(row.text("execType", "")),
        position_side=_position_side(row),
        **({"client_order_id": row.client_id("clOrdId")} | more),
    )


def fill_fact(row: Row) -> FillFact:
    """One own execution; forced ones have negative trade ids and no maker flag."""
    origin = words.FORCED_BILLS.get(row.text("subType", ""))
    return _fill(row, "fee", "fillTime", origin=origin)


def fill_hints(row: Row) -> list[Fact]:
    """The early copy of an execution, without a fee and with a client id only if that
    is a number; takers that were added up per price (*count*) are no hint."""
    if row.text("count", "1") not in ("", "1"):
        return []
    return [_fill(row, "fee", "ts", client_order_id=None, is_hint=True)]


def algo_facts(row: Row) -> list[Fact]:
    """A conditional order, seen through the algo service."""
    stop = row.number_or_none("slTriggerPx")
    trigger = stop or row.number_or_none("tpTriggerPx")
    priced = "slOrdPx" if stop is not None else "tpOrdPx"
    if trigger is None:
        trigger, priced = row.number_or_none("triggerPx"), "ordPx"
    is_market = row.text(priced, "") in ("", "-1")
    told = row.items("ordIdList") if row.has("ordIdList") else []
    owner, mark, rest = row.text("algoClOrdId", "").rpartition(words.ATTACHED)
    became = row.text("ordId", "") or next(map(str, told), "")
    state = row.text("state")
    status, reason = words.ALGO_STATES[state], ""
    if status is OrderStatus.REJECTED:
        reason = f"failed: {row.text('failCode', '')}"
    if state in ("effective", "partially_effective") and not became:
        status, reason = OrderStatus.EXPIRED, "triggered; it became no order"
    fact = OrderFact(
        **_shared(row, "algoId", "algoClOrdId"),
        status=status,
        venue_ns=row.nanos("uTime", 0) or row.nanos("cTime", 0),
        order_type=words.conditional_type(
            row.text("ordType"), stop, is_market=is_market
        ),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        price=None if is_market else row.number(priced),
        trigger_price=trigger,
        filled_qty=ZERO,
        close_position=row.text("closeFraction", "") == "1",
        reason=reason,
        is_conditional=True,
        triggered_order_id=VenueOrderId(became) if became else None,
        attached_to=ClientOrderId(owner) if mark and not rest else None,
    )
    return [fact]


def position_fact(row: Row) -> PositionFact:
    """Signed in net mode; in hedge mode positive on both sides."""
    side = words.POSITION_SIDES[row.text("posSide")]
    qty = row.number("pos", ZERO)
    return PositionFact(
        symbol=row.symbol("instId"),
        position_side=side,
        qty=-qty if side is PositionSide.SHORT else qty,
        venue_ns=row.nanos("uTime"),
        entry_price=row.number("avgPx", ZERO),
        margin_mode=words.MARGIN_MODES.get(row.text("mgnMode", "")),
        isolated_wallet=row.number_or_none("margin"),
        leverage=row.whole("lever") or None,
        mark_price=row.number_or_none("markPx"),
        liquidation_price=row.number_or_none("liqPx"),
    )


def warning(row: Row) -> RiskFact:
    """A position near liquidation; it may come after it."""
    symbol, ratio = row.symbol("instId"), row.text("mgnRatio")
    text = f"{symbol} {row.text('pos')}: margin ratio {ratio}"
    return RiskFact(text=text, venue_ns=row.nanos("uTime"), symbols=(symbol,))


def account_facts(row: Row) -> list[Fact]:
    """Balances, and the venue's own totals, currencies by name; a push has only the
    currencies that changed, so what is told replaces what was told of the same."""
    currencies = row.rows_if("details")
    fields = _kept(row, "")
    for currency in currencies:
        fields |= _kept(currency, f"{currency.name('ccy')}.")
    account = AccountFact(venue_ns=row.nanos("uTime"), fields=fields, scope="account")
    return [*map(balance_fact, currencies), account]


def _kept(row: Row, prefix: str) -> dict[str, str]:
    names = ("uTime", "ccy")
    return {f"{prefix}{k}": v for k, v in row.texts().items() if k not in names}


def balance_fact(row: Row) -> BalanceFact:
    """One currency; profit not yet realised is not part of it."""
    asset, wallet = row.name("ccy"), row.number("cashBal", ZERO)
    return BalanceFact(asset=asset, wallet=wallet, venue_ns=row.nanos("uTime"))


def change_facts(row: Row) -> list[Fact]:
    """What changed, and a notice that an entry of the ledger explains it."""
    balances = row.rows_if("balData")
    facts: list[Fact] = [*map(balance_fact, balances)]
    facts += map(position_fact, filter(is_ours, row.rows_if("posData")))
    event = row.text("eventType")
    if event not in words.QUIET_EVENTS:
        notice = LedgerFact(
            kind=words.ACCOUNT_EVENTS.get(event, LedgerKind.OTHER),
            asset=balances[0].name("ccy") if balances else "",
            amount=ZERO,
            venue_ns=row.nanos("pTime"),
            text=event,
        )
        facts.append(notice)
    return facts


def bill_facts(row: Row) -> list[Fact]:
    """One change of a balance, its fee and its profit apart."""
    fee, change = row.number("fee", ZERO), row.number("balChg", ZERO)
    kind = row.text("type")
    parts = {words.BILL_TYPES.get(kind, LedgerKind.OTHER): change}
    if kind in words.TRADE_BILLS:
        parts = {LedgerKind.REALIZED_PNL: change - fee, LedgerKind.FEE: fee}
    symbol, trade_id = row.told("instId"), row.told("tradeId")
    return [
        LedgerFact(
            kind=part,
            asset=row.name("ccy"),
            amount=value,
            venue_ns=row.nanos("ts"),
            symbol=Symbol(symbol) if symbol else None,
            entry_id=row.name("billId"),
            trade_id=TradeId(trade_id) if trade_id else None,
            text=f"{kind}/{row.text('subType', '')}",
        )
        for part, value in parts.items()
        if value
    ]


def instrument_fact(row: Row) -> InstrumentFact:
    """One contract. A linear one is worth ctVal x ctMult coins; an inverse one that
    many units of the quote currency, which is its quantity here too."""
    unit = row.number("ctVal") * (row.number_or_none("ctMult") or ONE)
    base, quote = (row.text("uly", "") or row.name("instId")).split("-")[:2]
    tick, step = row.number("tickSz"), row.number("lotSz") * unit
    if unit <= 0 or tick <= 0 or step <= 0:
        raise ValueError(f"{row.name('instId')}: a number is missing")
    code = row.integer("instIdCode", -1)
    return InstrumentFact(
        instrument=Instrument(
            symbol=row.symbol("instId"),
            kind=words.KINDS[row.text("instType")],
            base=base,
            quote=quote,
            settle=row.name("settleCcy"),
            tick_size=tick,
            qty_step=step,
            min_qty=row.number("minSz") * unit,
            max_qty=row.number("maxLmtSz") * unit,
            market_max_qty=row.number("maxMktSz") * unit,
            qty_unit=unit,
            is_inverse=row.text("ctType") == "inverse",
            is_trading=row.text("state") == "live",
            expiry_ms=row.millis("expTime", 0) or None,
            max_open_orders=_MAX_OPEN_ORDERS,
            wire_code="" if code < 0 else str(code),
        )
    )


def bracket_fact(symbol: Symbol, tiers: Iterable[Row]) -> BracketFact:
    """Tiers by rising size. Floor and cap count contracts here, and there is no
    constant: the whole position pays the rate of its tier."""
    brackets = [
        Bracket(
            floor=tier.number("minSz"),
            cap=tier.number("maxSz"),
            maintenance_rate=tier.number("mmr"),
            cum=ZERO,
            max_leverage=int(tier.number("maxLever")),
        )
        for tier in tiers
    ]
    brackets.sort(key=lambda bracket: bracket.floor)
    return BracketFact(symbol=symbol, brackets=tuple(brackets))


def leverage_setting(row: Row) -> SettingFact:
    """Leverage of one instrument, where it is a whole number."""
    return SettingFact(symbol=row.symbol("instId"), leverage=row.whole("lever"))


def mark_fact(row: Row) -> MarkFact:
    """A mark price."""
    return MarkFact(
        symbol=row.symbol("instId"),
        mark_price=row.number("markPx"),
        venue_ns=row.nanos("ts"),
    )
