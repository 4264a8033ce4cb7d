"""Rows of answers and messages, turned into facts.

Total over validated rows but for a side or a position index of a new kind:
KeyError then, because guessing a direction loses money.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    Fact,
    FillFact,
    InstrumentFact,
    KeyFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument, InstrumentKind
from connector.model.money import ZERO
from connector.venues.bybit_v5 import wire, words
from connector.venues.bybit_v5.wire import amount, amount_or_none

MAX_OPEN_ORDERS = 500


def is_ours(category: str) -> bool:
    """Answers leave the category out; streams tell every one of the account."""
    return category in {"", words.CATEGORY}


def order_fact(row: wire.OrderRow) -> OrderFact:
    """An order; it keeps its id when it triggers."""
    qty, filled = amount_or_none(row.qty), amount(row.cum_exec_qty)
    side = words.SIDES[row.side]
    status, reason = words.status_of(
        row.order_status, row.cancel_type, row.reject_reason, qty, filled
    )
    tif, post_only = words.LIFETIMES.get(row.time_in_force, (None, None))
    return OrderFact(
        symbol=Symbol(row.symbol),
        venue_order_id=VenueOrderId(row.order_id),
        client_order_id=ClientOrderId(row.order_link_id) or None,
        status=status,
        venue_ns=row.updated_time * NS_PER_MS,
        side=side,
        order_type=words.type_of(
            row.order_type, row.stop_order_type, side, row.trigger_direction
        ),
        time_in_force=tif,
        post_only=post_only,
        qty=qty,
        price=amount_or_none(row.price),
        trigger_price=amount_or_none(row.trigger_price),
        filled_qty=filled,
        avg_price=amount_or_none(row.avg_price),
        reduce_only=row.reduce_only,
        close_position=row.close_on_trigger,
        position_side=words.POSITION_SIDES[row.position_idx],
        origin=words.ORDER_ORIGINS.get(row.create_type),
        reason=reason,
        is_conditional=row.order_status in words.WAITING_WORDS,
        created_ns=row.created_time * NS_PER_MS or None,
    )


def execution_fact(row: wire.ExecutionRow) -> Fact:
    """A fill; funding as a notice (the ledger has the entry); what is neither is
    told as not understood."""
    symbol, venue_ns = Symbol(row.symbol), row.exec_time * NS_PER_MS
    asset = row.fee_currency or words.settle_coin_of(row.symbol)
    fee = None if row.exec_fee in {None, ""} else amount(row.exec_fee)
    if row.exec_type == words.FUNDING:
        return LedgerFact(
            kind=LedgerKind.FUNDING,
            asset=asset,
            amount=-(fee or ZERO),
            venue_ns=venue_ns,
            symbol=symbol,
        )
    if row.exec_type not in words.FILL_ORIGINS or amount(row.exec_qty) <= 0:
        kind = f"execution {row.exec_type}"
        return UnknownFact(kind=kind, raw=row.model_dump_json(), is_gap=True)
    return FillFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(row.order_id),
        client_order_id=ClientOrderId(row.order_link_id) or None,
        trade_id=TradeId(row.exec_id),
        side=words.SIDES[row.side],
        qty=amount(row.exec_qty),
        price=amount(row.exec_price),
        venue_ns=venue_ns,
        fee=fee,
        fee_asset=asset,
        realized_pnl=None if row.exec_pnl in {None, ""} else amount(row.exec_pnl),
        is_maker=row.is_maker,
        position_side=None,
        origin=words.FILL_ORIGINS[row.exec_type]
        or words.ORDER_ORIGINS.get(row.create_type),
    )


def position_fact(row: wire.PositionRow) -> PositionFact:
    """A position; side "" is flat. A leverage that is no whole number is not told:
    the seam has none."""
    leverage = amount(row.leverage)
    sign = words.SIDES[row.side].sign if row.side else 0
    return PositionFact(
        symbol=Symbol(row.symbol),
        position_side=words.POSITION_SIDES[row.position_idx],
        qty=amount(row.size) * sign,
        venue_ns=row.updated_time * NS_PER_MS,
        entry_price=amount(row.entry_price),
        leverage=int(leverage) if leverage and leverage == int(leverage) else None,
        mark_price=amount_or_none(row.mark_price),
        liquidation_price=amount_or_none(row.liq_price),
        version=row.seq,
    )


def wallet_facts(
    row: wire.WalletRow, venue_ns: int, *, is_as_of: bool = False
) -> tuple[Fact, ...]:
    """Balances by coin, and the totals (in USD) as told."""
    extra = (row.model_extra or {}).items()
    totals = {name: value for name, value in extra if isinstance(value, str)}
    balances = (
        BalanceFact(
            asset=coin.coin,
            wallet=amount(coin.wallet_balance),
            venue_ns=venue_ns,
            is_as_of=is_as_of,
        )
        for coin in row.coin
    )
    return (*balances, AccountFact(venue_ns=venue_ns, fields=totals))


def ledger_facts(row: wire.LedgerRow) -> tuple[Fact, ...]:
    """One entry per part of a change, so that their sum is the change. An id may
    be that of several fills of one match: the trade is part of ours."""
    funding, fee = amount(row.funding), -amount(row.fee)
    flow, change = amount(row.cash_flow), amount(row.change)
    parts = (
        (words.LEDGER_KINDS.get(row.type, LedgerKind.OTHER), flow),
        (LedgerKind.FUNDING, funding),
        (LedgerKind.FEE, fee),
        (LedgerKind.UNEXPLAINED, change - flow - funding - fee),
    )
    return tuple(
        LedgerFact(
            kind=kind,
            asset=row.currency,
            amount=part,
            venue_ns=row.transaction_time * NS_PER_MS,
            symbol=Symbol(row.symbol) if row.symbol else None,
            entry_id=f"{row.type}:{row.id}:{row.trade_id}",
            trade_id=TradeId(row.trade_id) if row.trade_id else None,
            text=row.type,
        )
        for kind, part in parts
        if part
    )


def mark_facts(row: wire.TickerRow, venue_ns: int) -> tuple[Fact, ...]:
    """Nothing when the mark did not change."""
    if not row.mark_price:
        return ()
    return (
        MarkFact(
            symbol=Symbol(row.symbol),
            mark_price=amount(row.mark_price),
            venue_ns=venue_ns,
            index_price=amount_or_none(row.index_price),
            funding_rate=amount(row.funding_rate) if row.funding_rate else None,
            next_funding_ns=row.next_funding_time * NS_PER_MS or None,
        ),
    )


def instrument_fact(row: wire.InstrumentRow) -> InstrumentFact:
    """One contract with its rules; ValueError if a needed number is 0."""
    price, lot = row.price_filter, row.lot_size_filter
    tick, step = amount(price.tick_size), amount(lot.qty_step)
    if tick <= 0 or step <= 0:
        raise ValueError(f"{row.symbol}: no grid")
    high = amount(lot.max_order_qty)
    risk = row.risk_parameters
    band = max(amount(risk.price_limit_ratio_x), amount(risk.price_limit_ratio_y))
    perpetual = row.contract_type.endswith("Perpetual")
    return InstrumentFact(
        instrument=Instrument(
            symbol=Symbol(row.symbol),
            kind=InstrumentKind.PERPETUAL if perpetual else InstrumentKind.FUTURE,
            base=row.base_coin,
            quote=row.quote_coin,
            settle=row.settle_coin,
            tick_size=tick,
            qty_step=step,
            min_qty=amount(lot.min_order_qty),
            max_qty=high,
            market_max_qty=amount_or_none(lot.max_mkt_order_qty) or high,
            min_price=amount(price.min_price),
            max_price=amount_or_none(price.max_price),
            min_notional=amount(lot.min_notional_value),
            percent_up=1 + band if band else None,
            percent_down=1 - band if band else None,
            is_trading=row.status == "Trading",
            expiry_ms=None if perpetual else row.delivery_time or None,
            max_open_orders=MAX_OPEN_ORDERS,
        )
    )


def bracket_facts(page: Iterable[wire.TierRow]) -> tuple[Fact, ...]:
    """Tiers by rising value. Rates are fractions; percent, which the documentation
    shows elsewhere, is told by initial margin x leverage, which is 1 or 100."""
    ordered = sorted(page, key=lambda tier: (tier.symbol, tier.risk_limit_value))
    facts = []
    for symbol, tiers in groupby(ordered, key=lambda tier: tier.symbol):
        floor, brackets = ZERO, []
        for tier in tiers:
            percent = tier.initial_margin * tier.max_leverage > 10
            brackets.append(
                Bracket(
                    floor=floor,
                    cap=tier.risk_limit_value,
                    maintenance_rate=tier.maintenance_margin
                    / Decimal(100 if percent else 1),
                    cum=tier.mm_deduction,
                    max_leverage=int(tier.max_leverage),
                )
            )
            floor = tier.risk_limit_value
        facts.append(BracketFact(symbol=Symbol(symbol), brackets=tuple(brackets)))
    return tuple(facts)


def key_fact(row: wire.KeyRow) -> KeyFact:
    """Without bound addresses the list is empty or one asterisk."""
    allowed = row.permissions
    trades = allowed.get("ContractTrade") or allowed.get("Derivatives")
    return KeyFact(
        can_trade=row.read_only == 0 and bool(trades),
        can_withdraw="Withdraw" in allowed.get("Wallet", ()),
        is_ip_bound=bool(row.ips) and "*" not in row.ips,
    )
