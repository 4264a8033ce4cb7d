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
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Instrument, InstrumentKind, TickStep
from connector.model.money import ZERO
from connector.model.order import Origin, PositionSide
from connector.venues.deribit import wire, words

_LAST_NS = NS_PER_MS - 1
_FEE_OR_TRADE = "trade"


def client_id(label: str | None) -> ClientOrderId | None:
    """None for an order without a label."""
    return ClientOrderId(label) if label else None


def order_fact(row: wire.OrderRow) -> OrderFact:
    """One order. What a stop became names the stop (`trigger_order_id`) and itself
    as the order it became; a market order may come back as a limit order."""
    order_type = words.TYPES.get(row.order_type)
    order_id = VenueOrderId(row.order_id)
    parent = row.trigger_order_id
    is_conditional = not parent and (
        row.order_state in words.WAITING
        or (order_type is not None and order_type.is_conditional)
    )
    return OrderFact(
        Symbol(row.instrument_name),
        order_id,
        client_id(row.label),
        words.status_of(row.order_state, row.time_in_force, row.cancel_reason),
        row.last_update_timestamp * NS_PER_MS,
        words.SIDES[row.direction],
        order_type,
        words.TIFS.get(row.time_in_force),
        row.post_only,
        row.amount or None,
        # The price of a market order is the bound that the venue chose for it.
        row.price if order_type is None or order_type.has_price else None,
        row.trigger_price,
        ZERO if row.filled_amount is None else row.filled_amount,
        row.average_price or None,
        row.reduce_only,
        None,  # close_position
        PositionSide.NET,
        Origin.LIQUIDATION if row.is_liquidation else None,
        reason=row.cancel_reason,
        is_conditional=is_conditional,
        triggered_order_id=order_id if parent else None,
        conditional_order_id=VenueOrderId(parent) if parent else None,
        is_amend=row.replaced,
        created_ns=(
            None
            if row.creation_timestamp is None
            else row.creation_timestamp * NS_PER_MS
        ),
    )


def fill_fact(row: wire.TradeRow) -> FillFact:
    """One execution."""
    return FillFact(
        symbol=Symbol(row.instrument_name),
        venue_order_id=VenueOrderId(row.order_id),
        client_order_id=client_id(row.label),
        trade_id=TradeId(row.trade_id),
        side=words.SIDES[row.direction],
        qty=row.amount,
        price=row.price,
        venue_ns=row.timestamp * NS_PER_MS,
        fee=row.fee,
        fee_asset=row.fee_currency,
        realized_pnl=row.profit_loss,
        is_maker={"M": True, "T": False}.get(row.liquidity),
        origin=Origin.LIQUIDATION if row.liquidation else None,
    )


def position_fact(row: wire.PositionRow, venue_ns: int) -> PositionFact:
    """One position as of *venue_ns* (0: nobody told)."""
    sign = words.SIDES[row.direction].sign if row.direction in words.SIDES else 1
    return PositionFact(
        Symbol(row.instrument_name),
        PositionSide.NET,
        qty=abs(row.size) * sign if row.size > 0 else row.size,
        venue_ns=venue_ns,
        entry_price=row.average_price,
        leverage=row.leverage,
        mark_price=row.mark_price or None,
        liquidation_price=row.estimated_liquidation_price or None,
        unrealized_pnl=row.floating_profit_loss,
        initial_margin=row.initial_margin,
        maintenance_margin=row.maintenance_margin,
        delta=row.delta,
        gamma=row.gamma,
        vega=row.vega,
        theta=row.theta,
        is_as_of=True,
    )


def summary_facts(
    row: wire.Summary, venue_ns: int
) -> tuple[BalanceFact | CollateralFact | AccountFact, ...]:
    """Wallet and collateral of one currency as of *venue_ns* (0: nobody told)."""
    every = {**row.model_dump(exclude={"limits"}), **(row.model_extra or {})}
    told = {
        f"{row.currency}.{name}": str(value)
        for name, value in every.items()
        if isinstance(value, (str, int, Decimal)) and name != "currency"
    }
    unrealized = row.session_upl if row.session_upl is not None else ZERO
    return (
        BalanceFact(
            asset=row.currency, wallet=row.balance, venue_ns=venue_ns, is_as_of=True
        ),
        CollateralFact(
            venue_ns=venue_ns,
            collateral=Collateral(
                currency=row.currency,
                margin_model=row.margin_model,
                is_shared=row.cross_collateral_enabled,
                wallet=row.balance,
                equity=row.equity,
                margin_balance=row.margin_balance,
                unrealized_pnl=unrealized,
                session_upl=row.futures_session_upl or ZERO,
                session_rpl=row.futures_session_rpl or ZERO,
                options_value=row.options_value or ZERO,
                initial_margin=row.initial_margin,
                maintenance_margin=row.maintenance_margin,
                available=row.available_funds,
                delta_total=row.delta_total or ZERO,
                greeks=Greeks(
                    delta=row.options_delta or ZERO,
                    gamma=row.options_gamma or ZERO,
                    vega=row.options_vega or ZERO,
                    theta=row.options_theta or ZERO,
                ),
            ),
        ),
        AccountFact(venue_ns=venue_ns, fields=told, scope=row.currency),
    )


def log_facts(row: wire.LogRow) -> tuple[LedgerFact, ...]:
    """What one row of the transaction log did to the wallet, fee apart.

    A position that moved without a trade (delivery, exercise, transfer) says so by
    a side that buys or sells.
    """
    change = ZERO if row.change is None else row.change
    fee = ZERO if row.commission is None else row.commission
    is_trade = row.type == _FEE_OR_TRADE
    kind = words.LEDGER_KINDS.get(row.type, LedgerKind.OTHER)
    if is_trade:
        kind = LedgerKind.REALIZED_PNL
    symbol = Symbol(row.instrument_name) if row.instrument_name else None
    moved = None if is_trade else _moved(row)
    facts = [
        LedgerFact(
            kind=kind,
            asset=row.currency,
            amount=change + fee,
            venue_ns=row.timestamp * NS_PER_MS,
            symbol=symbol,
            entry_id=str(row.id),
            trade_id=TradeId(row.trade_id) if row.trade_id else None,
            text=row.type,
            seq=row.user_seq,
            position_change=moved,
        )
    ]
    if fee and not (change + fee or moved):
        facts.clear()  # nothing but the fee
    if fee:
        facts.append(
            LedgerFact(
                kind=LedgerKind.FEE,
                asset=row.currency,
                amount=-fee,
                venue_ns=row.timestamp * NS_PER_MS,
                symbol=symbol,
                entry_id=f"{row.id}-fee",
                text=row.type,
                seq=row.user_seq,
            )
        )
    return tuple(facts)


def _moved(row: wire.LogRow) -> Decimal | None:
    words_of_side = (row.side or "").split()
    if row.trade_id or row.amount is None:
        return None
    if "buy" in words_of_side:
        return row.amount
    return -row.amount if "sell" in words_of_side else None


def mark_fact(row: wire.Ticker) -> MarkFact:
    """Mark and index of a ticker; options are marked in coin."""
    return MarkFact(
        symbol=Symbol(row.instrument_name),
        mark_price=row.mark_price,
        venue_ns=row.timestamp * NS_PER_MS,
        index_price=row.index_price,
        funding_rate=row.funding_8h,
    )


def instrument_fact(row: wire.InstrumentRow) -> InstrumentFact:
    """One instrument. No largest order is told, the venue judges by margin: what
    stands here is a bound against slips of the hand."""
    kind = words.KINDS[row.kind]
    is_perpetual = row.settlement_period == "perpetual"
    if kind is InstrumentKind.FUTURE and is_perpetual:
        kind = InstrumentKind.PERPETUAL
    is_inverse = row.instrument_type == "reversed" and kind is not InstrumentKind.OPTION
    bound = _MOST_USD if is_inverse else _MOST_COINS
    return InstrumentFact(
        instrument=Instrument(
            symbol=Symbol(row.instrument_name),
            kind=kind,
            base=row.base_currency,
            quote=row.quote_currency,
            settle=row.settlement_currency or row.base_currency,
            tick_size=row.tick_size,
            tick_steps=tuple(
                TickStep(above_price=step.above_price, tick_size=step.tick_size)
                for step in sorted(row.tick_size_steps, key=lambda s: s.above_price)
            ),
            qty_step=row.min_trade_amount,
            min_qty=row.min_trade_amount,
            max_qty=bound,
            market_max_qty=bound,
            qty_unit=row.contract_size,
            is_inverse=is_inverse,
            is_trading=row.is_active and row.state == "open",
            expiry_ms=None if is_perpetual else row.expiration_timestamp,
            strike=row.strike,
            option_type=words.OPTION_TYPES.get(row.option_type),
            price_index=row.price_index,
        )
    )


_MOST_USD, _MOST_COINS = Decimal(10**9), Decimal(10**6)
