"""Rows of answers and parts of events, turned into facts.

Every function here is total over validated rows but for a side that is neither
BUY nor SELL, or a position side of a new kind: KeyError then, and the caller
reports the whole row as not understood, because guessing a direction loses money.
"""

from __future__ import annotations

from decimal import Decimal

from connector.dialect.facts import (
    BalanceFact,
    BracketFact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    SettingFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument, InstrumentKind
from connector.model.money import ZERO
from connector.model.order import TimeInForce
from connector.venues.binance_usdm import wire, words
from connector.venues.binance_usdm.wire import amount, amount_or_none


def client_id(text: str | None) -> ClientOrderId | None:
    """None for an absent or empty id."""
    return ClientOrderId(text) if text else None


def venue_id(number: int) -> VenueOrderId:
    """An order id as text; some exceed 2**53."""
    return VenueOrderId(str(number))


def lifetime(word: str) -> tuple[TimeInForce | None, bool | None]:
    """(time in force, post-only), both None when the word says nothing to us."""
    return words.LIFETIMES.get(word, (None, None))


def order_fact(row: wire.OrderRow) -> OrderFact:
    """A regular order. One that began as a conditional order keeps that type and
    names itself as the order it became."""
    qty, filled = amount(row.orig_qty), amount(row.executed_qty)
    status, reason = words.status_of(row.status, qty, filled)
    tif, post_only = lifetime(row.time_in_force)
    order_type = words.TYPES.get(row.orig_type or row.type)
    order_id = venue_id(row.order_id)
    triggered = order_type is not None and order_type.is_conditional
    return OrderFact(
        Symbol(row.symbol),
        order_id,
        client_id(row.client_order_id),
        status,
        row.update_time * NS_PER_MS,
        words.SIDES[row.side],
        order_type,
        tif,
        post_only,
        qty or None,
        amount_or_none(row.price),
        amount_or_none(row.stop_price),
        filled,
        amount_or_none(row.avg_price),
        row.reduce_only,
        row.close_position,
        position_side=words.POSITION_SIDES[row.position_side],
        origin=words.origin_of(row.client_order_id),
        reason=reason,
        triggered_order_id=order_id if triggered else None,
        is_amend=row.modify_id is not None,
        amend_id="" if row.modify_id is None else str(row.modify_id),
        created_ns=None if row.time is None else row.time * NS_PER_MS,
    )


def algo_fact(row: wire.AlgoRow) -> OrderFact:
    """A conditional order, seen through the algo service."""
    qty, price = amount_or_none(row.quantity), amount_or_none(row.price)
    filled = amount_or_none(row.actual_qty) or ZERO
    status, reason = words.algo_status_of(row.algo_status, qty, filled)
    tif, post_only = lifetime(row.time_in_force)
    actual = row.actual_order_id
    return OrderFact(
        Symbol(row.symbol),
        venue_id(row.algo_id),
        client_id(row.client_algo_id),
        status,
        row.update_time * NS_PER_MS,
        words.SIDES[row.side],
        words.conditional_type(row.order_type, price),
        tif,
        post_only,
        qty,
        price,
        amount_or_none(row.trigger_price),
        filled_qty=filled,
        avg_price=amount_or_none(row.actual_price),
        reduce_only=row.reduce_only,
        close_position=row.close_position,
        position_side=words.POSITION_SIDES[row.position_side],
        reason=reason,
        is_conditional=True,
        triggered_order_id=VenueOrderId(str(actual)) if actual else None,
        created_ns=None if row.create_time is None else row.create_time * NS_PER_MS,
    )


def trade_fact(row: wire.TradeRow) -> FillFact:
    """One own execution; userTrades does not tell the client id."""
    return FillFact(
        symbol=Symbol(row.symbol),
        venue_order_id=venue_id(row.order_id),
        client_order_id=None,
        trade_id=TradeId(str(row.id)),
        side=words.SIDES[row.side],
        qty=amount(row.qty),
        price=amount(row.price),
        venue_ns=row.time * NS_PER_MS,
        fee=None if row.commission is None else amount(row.commission),
        fee_asset=row.commission_asset or "",
        realized_pnl=None if row.realized_pnl is None else amount(row.realized_pnl),
        is_maker=row.maker,
        position_side=words.POSITION_SIDES[row.position_side],
    )


def position_fact(row: wire.PositionRisk) -> PositionFact:
    """One position of positionRisk v3.

    v3 tells neither leverage nor margin mode (symbolConfig does), and a
    liquidation price of "0" means that there is none.
    """
    return PositionFact(
        symbol=Symbol(row.symbol),
        position_side=words.POSITION_SIDES[row.position_side],
        qty=amount(row.position_amt),
        venue_ns=row.update_time * NS_PER_MS,
        entry_price=amount(row.entry_price),
        isolated_wallet=amount_or_none(row.isolated_wallet) or ZERO,
        mark_price=amount_or_none(row.mark_price),
        liquidation_price=amount_or_none(row.liquidation_price),
    )


def balance_fact(row: wire.AccountAsset) -> BalanceFact:
    """One asset of account v3."""
    cross = row.cross_wallet_balance
    return BalanceFact(
        asset=row.asset,
        wallet=amount(row.wallet_balance),
        venue_ns=row.update_time * NS_PER_MS,
        cross_wallet=None if cross is None else amount(cross),
    )


def income_fact(row: wire.IncomeRow) -> LedgerFact:
    """One ledger entry; its id is (income type, transaction id)."""
    return LedgerFact(
        kind=words.INCOME_TYPES.get(row.income_type, LedgerKind.OTHER),
        asset=row.asset,
        amount=amount(row.income),
        venue_ns=row.time * NS_PER_MS,
        symbol=Symbol(row.symbol) if row.symbol else None,
        entry_id=f"{row.income_type}:{row.tran_id}",
        trade_id=TradeId(str(row.trade_id)) if row.trade_id else None,
        text=row.income_type,
    )


def mark_fact(row: wire.PremiumIndex) -> MarkFact:
    """Mark price and funding of premiumIndex."""
    return MarkFact(
        symbol=Symbol(row.symbol),
        mark_price=amount(row.mark_price),
        venue_ns=row.time * NS_PER_MS,
        index_price=amount_or_none(row.index_price),
        funding_rate=amount(row.last_funding_rate) if row.last_funding_rate else None,
        next_funding_ns=row.next_funding_time * NS_PER_MS or None,
    )


def symbol_setting(row: wire.SymbolConfig) -> SettingFact:
    """Leverage and margin mode of one symbol."""
    return SettingFact(
        symbol=Symbol(row.symbol),
        leverage=row.leverage,
        margin_mode=words.MARGIN_MODES.get(row.margin_type.lower()),
    )


def bracket_fact(row: wire.SymbolBrackets) -> BracketFact:
    """Tiers by rising notional; a user's own coefficient scales them."""
    scale = row.notional_coef
    return BracketFact(
        symbol=Symbol(row.symbol),
        brackets=tuple(
            Bracket(
                floor=tier.notional_floor * scale,
                cap=tier.notional_cap * scale,
                maintenance_rate=tier.maint_margin_ratio,
                cum=tier.cum * scale,
                max_leverage=tier.initial_leverage,
            )
            for tier in sorted(row.brackets, key=lambda tier: tier.notional_floor)
        ),
    )


def instrument_fact(row: wire.SymbolInfo) -> InstrumentFact:
    """One symbol with its filters; ValueError if a needed filter is missing.

    `pricePrecision` and `quantityPrecision` are display hints, not tick and step.
    """
    filters = {item.filter_type: item for item in row.filters}
    price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    if price is None or lot is None:
        raise ValueError(f"{row.symbol}: no price or lot filter")
    market = filters.get("MARKET_LOT_SIZE", lot)
    percent = filters.get("PERCENT_PRICE")
    notional = filters.get("MIN_NOTIONAL")
    count = filters.get("MAX_NUM_ORDERS")
    max_qty = _needed(lot.max_qty, row.symbol)
    perpetual = not row.contract_type or row.contract_type.endswith("PERPETUAL")
    return InstrumentFact(
        instrument=Instrument(
            symbol=Symbol(row.symbol),
            kind=InstrumentKind.PERPETUAL if perpetual else InstrumentKind.FUTURE,
            base=row.base_asset,
            quote=row.quote_asset,
            settle=row.margin_asset,
            tick_size=_needed(price.tick_size, row.symbol),
            qty_step=_needed(lot.step_size, row.symbol),
            min_qty=_needed(lot.min_qty, row.symbol),
            max_qty=max_qty,
            market_max_qty=amount_or_none(market.max_qty) or max_qty,
            market_qty_step=amount_or_none(market.step_size),
            min_price=amount_or_none(price.min_price) or ZERO,
            max_price=amount_or_none(price.max_price),
            min_notional=amount_or_none(notional.notional) or ZERO
            if notional
            else ZERO,
            percent_up=amount_or_none(percent.multiplier_up) if percent else None,
            percent_down=amount_or_none(percent.multiplier_down) if percent else None,
            is_trading=row.status == "TRADING",
            expiry_ms=None if perpetual else row.delivery_date or None,
            max_open_orders=count.limit if count else None,
        )
    )


def _needed(text: str | None, symbol: str) -> Decimal:
    value = amount_or_none(text)
    if value is None or value <= 0:
        raise ValueError(f"{symbol}: a filter is missing a number")
    return value
