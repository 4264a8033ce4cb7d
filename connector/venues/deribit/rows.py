"""Rows of answers and channels, turned into facts.

Every function is total over validated rows but for a direction or an order state of
a new kind: KeyError then, and the caller reports the whole row as not understood,
because guessing costs money.
"""

from __future__ import annotations

from decimal import Decimal

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    CollateralFact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
)
from connector.model.account import Collateral, Greeks, LedgerKind
from connector.model.ids import Symbol, TradeId, VenueOrderId
from connector.model.instrument import Instrument, InstrumentKind, TickStep
from connector.model.noun import replace
from connector.model.order import OrderType, Origin, PositionSide
from connector.venues.deribit import words
from connector.venues.deribit.wire import Row

_PARENT = ("trigger_order_id", "")


def order_fact(row: Row) -> OrderFact:
    """One order. What a stop became names the stop (`trigger_order_id`) and itself
    as the order it became; a market order may come back as a limit order."""
    order_type = words.TYPES.get(row.text("order_type", ""))
    order_id, parent = row.order_id("order_id"), row.text(*_PARENT)
    state, tif = row.text("order_state"), row.text("time_in_force", "")
    reason = row.text("cancel_reason", "")
    is_conditional = not parent and (
        state in words.WAITING or (order_type is not None and order_type.is_conditional)
    )
    has_price = order_type is None or order_type.has_price
    return OrderFact(
        row.symbol("instrument_name"),
        order_id,
        row.client_id("label"),
        words.status_of(state, tif, reason, is_market=order_type is OrderType.MARKET),
        row.nanos("last_update_timestamp"),
        words.SIDES[row.text("direction")],
        order_type,
        words.TIFS.get(tif),
        row.flag("post_only"),
        row.amount_or_none("amount") or None,
        # The price of a market order is the bound that the venue chose for it.
        row.price("price") if has_price else None,
        row.amount_or_none("trigger_price"),
        row.amount_or_zero("filled_amount"),
        row.amount_or_none("average_price") or None,
        row.flag("reduce_only"),
        None,  # close_position
        PositionSide.NET,
        Origin.LIQUIDATION if row.flag("is_liquidation") else None,
        reason=reason,
        is_conditional=is_conditional,
        triggered_order_id=order_id if parent else None,
        conditional_order_id=VenueOrderId(parent) if parent else None,
        is_amend=row.flag("replaced") is True,
        created_ns=row.nanos("creation_timestamp", 0) or None,
    )


def fill_fact(row: Row) -> FillFact:
    """One execution."""
    return FillFact(
        symbol=row.symbol("instrument_name"),
        venue_order_id=row.order_id("order_id"),
        client_order_id=row.client_id("label"),
        trade_id=row.trade_id("trade_id"),
        side=words.SIDES[row.text("direction")],
        qty=row.amount("amount"),
        price=row.amount("price"),
        venue_ns=row.nanos("timestamp"),
        fee=row.amount_or_none("fee"),
        fee_asset=row.text("fee_currency", ""),
        realized_pnl=row.amount_or_none("profit_loss"),
        is_maker={"M": True, "T": False}.get(row.text("liquidity", "")),
        origin=Origin.LIQUIDATION if row.has("liquidation") else None,
    )


def position_fact(row: Row, venue_ns: int) -> PositionFact:
    """One position as of *venue_ns* (0: nobody told). *size*: base coin for options
    and linear futures, USD for inverse ones; negative when short (older rows tell it
    by the direction alone)."""
    direction, size = row.text("direction", ""), row.amount("size")
    sign = words.SIDES[direction].sign if direction in words.SIDES else 1
    return PositionFact(
        row.symbol("instrument_name"),
        PositionSide.NET,
        qty=size * sign if size > 0 else size,
        venue_ns=venue_ns,
        entry_price=row.amount_or_none("average_price"),
        leverage=int(row.amount_or_zero("leverage")) or None,
        mark_price=row.amount_or_none("mark_price") or None,
        liquidation_price=row.amount_or_none("estimated_liquidation_price") or None,
        unrealized_pnl=row.amount_or_none("floating_profit_loss"),
        initial_margin=row.amount_or_none("initial_margin"),
        maintenance_margin=row.amount_or_none("maintenance_margin"),
        delta=row.amount_or_none("delta"),
        gamma=row.amount_or_none("gamma"),
        vega=row.amount_or_none("vega"),
        theta=row.amount_or_none("theta"),
        is_as_of=True,
    )


def summary_facts(
    row: Row, venue_ns: int
) -> tuple[BalanceFact | CollateralFact | AccountFact, ...]:
    """Wallet and collateral of one currency as of *venue_ns* (0: nobody told)."""
    currency, wallet = row.name("currency"), row.amount("balance")
    told = {f"{currency}.{name}": value for name, value in row.plain().items()}
    greeks = Greeks(
        delta=row.amount_or_zero("options_delta"),
        gamma=row.amount_or_zero("options_gamma"),
        vega=row.amount_or_zero("options_vega"),
        theta=row.amount_or_zero("options_theta"),
    )
    collateral = Collateral(
        currency=currency,
        margin_model=row.text("margin_model", ""),
        is_shared=row.flag("cross_collateral_enabled") is True,
        wallet=wallet,
        equity=row.amount("equity"),
        margin_balance=row.amount("margin_balance"),
        unrealized_pnl=row.amount_or_zero("session_upl"),
        session_upl=row.amount_or_zero("futures_session_upl"),
        session_rpl=row.amount_or_zero("futures_session_rpl"),
        options_value=row.amount_or_zero("options_value"),
        initial_margin=row.amount("initial_margin"),
        maintenance_margin=row.amount("maintenance_margin"),
        available=row.amount("available_funds"),
        delta_total=row.amount_or_zero("delta_total"),
        greeks=greeks,
    )
    return (
        BalanceFact(asset=currency, wallet=wallet, venue_ns=venue_ns, is_as_of=True),
        CollateralFact(venue_ns=venue_ns, collateral=collateral),
        AccountFact(venue_ns=venue_ns, fields=told, scope=currency),
    )


def log_facts(row: Row) -> tuple[LedgerFact, ...]:
    """What one row of the transaction log did to the wallet, fee apart.

    A position that moved without a trade (delivery, exercise, transfer) says so by
    a side that buys or sells.
    """
    change, fee = row.amount_or_zero("change"), row.amount_or_zero("commission")
    word, name = row.text("type"), row.text("instrument_name", "")
    is_trade = word == "trade"
    kind = words.LEDGER_KINDS.get(word, LedgerKind.OTHER)
    moved = None if is_trade else _moved(row)
    trade_id, seq = row.text("trade_id", ""), row.value("user_seq")
    entry = LedgerFact(
        kind=LedgerKind.REALIZED_PNL if is_trade else kind,
        asset=row.name("currency"),
        amount=change + fee,
        venue_ns=row.nanos("timestamp"),
        symbol=Symbol(name) if name else None,
        entry_id=str(row.integer("id")),
        trade_id=TradeId(trade_id) if trade_id else None,
        text=word,
        seq=None if seq is None else row.integer("user_seq"),
        position_change=moved,
    )
    if not fee:
        return (entry,)
    paid = replace(
        entry,
        kind=LedgerKind.FEE,
        amount=-fee,
        entry_id=f"{entry.entry_id}-fee",
        trade_id=None,
        position_change=None,
    )
    # A row may tell nothing but the fee.
    return (entry, paid) if entry.amount or moved else (paid,)


def _moved(row: Row) -> Decimal | None:
    side, amount = row.text("side", "").split(), row.amount_or_none("amount")
    if row.has("trade_id") or amount is None:
        return None
    return amount if "buy" in side else -amount if "sell" in side else None


def mark_fact(row: Row) -> MarkFact:
    """Mark and index of a ticker; options are marked in coin."""
    return MarkFact(
        symbol=row.symbol("instrument_name"),
        mark_price=row.amount("mark_price"),
        venue_ns=row.nanos("timestamp"),
        index_price=row.amount_or_none("index_price"),
        funding_rate=row.amount_or_none("funding_8h"),
    )


def instrument_fact(row: Row) -> InstrumentFact:
    """One instrument. No largest order is told, the venue judges by margin: what
    stands here is a bound against slips of the hand."""
    kind, step = words.KINDS[row.text("kind")], row.amount("min_trade_amount")
    is_perpetual = row.text("settlement_period", "") == "perpetual"
    if kind is InstrumentKind.FUTURE and is_perpetual:
        kind = InstrumentKind.PERPETUAL
    is_reversed = row.text("instrument_type", "") == "reversed"
    is_inverse = is_reversed and kind is not InstrumentKind.OPTION
    bound = _MOST_USD if is_inverse else _MOST_COINS
    base, steps = row.text("base_currency"), row.value("tick_size_steps") or ()
    expiry_ms = row.millis("expiration_timestamp", 0) or None
    return InstrumentFact(
        instrument=Instrument(
            symbol=row.symbol("instrument_name"),
            kind=kind,
            base=base,
            quote=row.text("quote_currency"),
            settle=row.text("settlement_currency", "") or base,
            tick_size=row.amount("tick_size"),
            tick_steps=tuple(
                sorted(map(_tick_step, steps), key=lambda s: s.above_price)
            ),
            qty_step=step,
            min_qty=step,
            max_qty=bound,
            market_max_qty=bound,
            qty_unit=row.amount("contract_size"),
            is_inverse=is_inverse,
            is_trading=row.flag("is_active") is not False
            and row.text("state", "open") == "open",
            expiry_ms=None if is_perpetual else expiry_ms,
            strike=row.amount_or_none("strike"),
            option_type=words.OPTION_TYPES.get(row.text("option_type", "")),
            price_index=row.text("price_index", ""),
        )
    )


def _above(step: TickStep) -> Decimal:
    return step.above_price


def _tick_step(fields: object) -> TickStep:
    row = Row(fields)
    return TickStep(
        above_price=row.amount("above_price"), tick_size=row.amount("tick_size")
    )


_MOST_USD, _MOST_COINS = Decimal(10**9), Decimal(10**6)
