"""Rows of answers and of pushes, turned into facts.

Quantities stay contracts here. Every function is total over validated rows but for
a side or a state that is none: KeyError then, and the caller reports the whole row
as not understood, because guessing a direction loses money.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

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
    SettingFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument
from connector.model.money import ONE, ZERO
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    TimeInForce,
)
from connector.venues.okx_v5 import wire, words
from connector.venues.okx_v5.wire import amount, amount_or_none

_LIQUIDATION_BILLS = frozenset(str(number) for number in range(100, 108))
_ADL_BILLS = frozenset(str(number) for number in range(125, 129))
_MAX_OPEN_ORDERS = 500


def client_id(text: str) -> ClientOrderId | None:
    """None for an empty id."""
    return ClientOrderId(text) if text else None


def position_side(word: str) -> PositionSide:
    """NET where the row does not say."""
    return words.POSITION_SIDES[word or "net"]


def order_facts(row: wire.OrderRow) -> list[Fact]:
    """The state of a regular order. One that began as a conditional order tells
    that first: it has another id there and no client id here."""
    symbol, order_id = Symbol(row.inst_id), VenueOrderId(row.ord_id)
    kind, lifetime, post_only = words.ORDER_TYPES.get(row.ord_type, (None, None, None))
    status, reason = words.STATES[row.state], ""
    if status is OrderStatus.CANCELED:
        status, reason = words.end_of(row.cancel_source)
    qty = amount_or_none(row.sz)
    facts: list[Fact] = []
    if row.algo_id:
        facts.append(_became(row, symbol, order_id))
        # What it was asked as says more than the order it became.
        kind = lifetime = post_only = None
    facts.append(
        OrderFact(
            symbol=symbol,
            venue_order_id=order_id,
            client_order_id=client_id(row.cl_ord_id),
            status=status,
            venue_ns=row.u_time * NS_PER_MS,
            side=words.SIDES[row.side],
            order_type=kind,
            time_in_force=lifetime,
            post_only=post_only,
            qty=qty,
            price=amount_or_none(row.px),
            filled_qty=amount(row.acc_fill_sz),
            avg_price=amount_or_none(row.avg_px),
            reduce_only=row.reduce_only == "true",
            position_side=position_side(row.pos_side),
            origin=_origin(row.category),
            reason=reason,
            is_amend=row.amend_result in ("0", "-1", "1"),
            amend_id=row.req_id,
            created_ns=row.c_time * NS_PER_MS or None,
        )
    )
    return facts


def _became(row: wire.OrderRow, symbol: Symbol, order_id: VenueOrderId) -> OrderFact:
    return OrderFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(row.algo_id),
        client_order_id=client_id(row.algo_cl_ord_id),
        status=OrderStatus.NEW,
        venue_ns=row.c_time * NS_PER_MS,
        side=words.SIDES[row.side],
        order_type=OrderType.STOP_LIMIT if row.px else OrderType.STOP_MARKET,
        qty=amount_or_none(row.sz),
        position_side=position_side(row.pos_side),
        is_conditional=True,
        triggered_order_id=order_id,
    )


def _origin(category: str) -> Origin | None:
    return words.ORIGINS.get(category)


def push_facts(row: wire.OrderPush) -> list[Fact]:
    """An order and the execution told with it. Forced executions have other trade
    ids in `fills` than here: they count once, from there."""
    facts = order_facts(row)
    if not row.trade_id or row.trade_id == "0" or not amount(row.fill_sz):
        return facts
    if row.category in words.ORIGINS:
        return facts
    facts.append(_fill(row, row.fill_fee, row.fill_fee_ccy, None))
    return facts


def _fill(
    row: wire.OrderPush | wire.FillRow, fee: str, fee_asset: str, origin: Origin | None
) -> FillFact:
    """What both kinds of rows tell of an execution; fees are negative when paid."""
    return FillFact(
        symbol=Symbol(row.inst_id),
        venue_order_id=VenueOrderId(row.ord_id),
        client_order_id=client_id(row.cl_ord_id),
        trade_id=TradeId(row.trade_id),
        side=words.SIDES[row.side],
        qty=amount(row.fill_sz),
        price=amount(row.fill_px),
        venue_ns=row.fill_time * NS_PER_MS,
        fee=None if fee == "" else -amount(fee),
        fee_asset=fee_asset,
        realized_pnl=None if row.fill_pnl == "" else amount(row.fill_pnl),
        is_maker=_is_maker(row.exec_type),
        position_side=position_side(row.pos_side),
        origin=origin,
    )


def _is_maker(word: str) -> bool | None:
    return {"M": True, "T": False}.get(word)


def algo_fact(row: wire.AlgoRow) -> OrderFact:
    """A conditional order, seen through the algo service."""
    stop = amount_or_none(row.sl_trigger_px)
    trigger = stop or amount_or_none(row.tp_trigger_px)
    price = row.sl_ord_px if stop is not None else row.tp_ord_px
    if trigger is None:
        trigger, price = amount_or_none(row.trigger_px), row.ord_px
    became = row.ord_id or next(iter(row.ord_id_list), "")
    status = words.ALGO_STATES[row.state]
    reason = f"failed: {row.fail_code}" if status is OrderStatus.REJECTED else ""
    if row.state in ("effective", "partially_effective") and not became:
        status, reason = OrderStatus.EXPIRED, "triggered; it became no order"
    return OrderFact(
        symbol=Symbol(row.inst_id),
        venue_order_id=VenueOrderId(row.algo_id),
        client_order_id=client_id(row.algo_cl_ord_id),
        status=status,
        venue_ns=(row.u_time or row.c_time) * NS_PER_MS,
        side=words.SIDES[row.side],
        order_type=words.conditional_type(row.ord_type, stop, price),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        qty=amount_or_none(row.sz),
        price=amount(price) if price not in ("", "-1") else None,
        trigger_price=trigger,
        filled_qty=ZERO,
        reduce_only=row.reduce_only == "true",
        close_position=row.close_fraction == "1",
        position_side=position_side(row.pos_side),
        reason=reason,
        is_conditional=True,
        triggered_order_id=VenueOrderId(became) if became else None,
        created_ns=row.c_time * NS_PER_MS or None,
    )


def fill_fact(row: wire.FillRow) -> FillFact:
    """One own execution; forced ones have negative trade ids and no maker flag."""
    origin = None
    if row.sub_type in _LIQUIDATION_BILLS:
        origin = Origin.LIQUIDATION
    elif row.sub_type in _ADL_BILLS:
        origin = Origin.ADL
    return _fill(row, row.fee, row.fee_ccy, origin)


def fill_hint(row: wire.FillPush) -> FillFact:
    """The early copy of an execution; takers that were added up are no hint."""
    return FillFact(
        symbol=Symbol(row.inst_id),
        venue_order_id=VenueOrderId(row.ord_id),
        client_order_id=None,
        trade_id=TradeId(row.trade_id),
        side=words.SIDES[row.side],
        qty=amount(row.fill_sz),
        price=amount(row.fill_px),
        venue_ns=row.ts * NS_PER_MS,
        is_maker=_is_maker(row.exec_type),
        is_hint=True,
    )


def position_fact(row: wire.PositionRow) -> PositionFact:
    """Signed in net mode; in hedge mode positive on both sides."""
    side = position_side(row.pos_side)
    qty, lever = amount(row.pos), amount(row.lever)
    return PositionFact(
        symbol=Symbol(row.inst_id),
        position_side=side,
        qty=-qty if side is PositionSide.SHORT else qty,
        venue_ns=row.u_time * NS_PER_MS,
        entry_price=amount(row.avg_px),
        margin_mode=words.MARGIN_MODES.get(row.mgn_mode),
        isolated_wallet=amount_or_none(row.margin),
        leverage=int(lever) if lever and lever == int(lever) else None,
        mark_price=amount_or_none(row.mark_px),
        liquidation_price=amount_or_none(row.liq_px),
    )


def account_facts(row: wire.AccountRow) -> list[Fact]:
    """Balances, and the venue's own totals, currencies by name; a push has only the
    currencies that changed, so what is told replaces what was told of the same."""
    fields = _texts(row.model_extra)
    for currency in row.details:
        fields[f"{currency.ccy}.cashBal"] = currency.cash_bal
        for name, value in _texts(currency.model_extra).items():
            fields[f"{currency.ccy}.{name}"] = value
    return [
        *(balance_fact(currency) for currency in row.details),
        AccountFact(venue_ns=row.u_time * NS_PER_MS, fields=fields, scope="account"),
    ]


def balance_fact(row: wire.CurrencyRow | wire.BalanceDelta) -> BalanceFact:
    """One currency; profit not yet realised is not part of it."""
    return BalanceFact(
        asset=row.ccy, wallet=amount(row.cash_bal), venue_ns=row.u_time * NS_PER_MS
    )


def _texts(extra: dict[str, object] | None) -> dict[str, str]:
    return {k: v for k, v in (extra or {}).items() if isinstance(v, str)}


def change_facts(row: wire.BalancePositionRow) -> list[Fact]:
    """What changed, and a notice that an entry of the ledger explains it."""
    facts: list[Fact] = [balance_fact(one) for one in row.bal_data]
    facts += [position_fact(p) for p in row.pos_data if p.inst_type in words.KINDS]
    if row.event_type not in words.QUIET_EVENTS:
        facts.append(
            LedgerFact(
                kind=words.ACCOUNT_EVENTS.get(row.event_type, LedgerKind.OTHER),
                asset=row.bal_data[0].ccy if row.bal_data else "",
                amount=ZERO,
                venue_ns=row.p_time * NS_PER_MS,
                text=row.event_type,
            )
        )
    return facts


def bill_facts(row: wire.BillRow) -> list[LedgerFact]:
    """One change of a balance, its fee and its profit apart."""
    fee, change = amount(row.fee), amount(row.bal_chg)
    kind = words.BILL_TYPES.get(row.type, LedgerKind.OTHER)
    if row.type in words.TRADE_BILLS:
        kind = LedgerKind.REALIZED_PNL
    rest = change - fee if row.type in words.TRADE_BILLS else change
    parts = [(kind, rest)]
    if rest != change:
        parts.append((LedgerKind.FEE, fee))
    return [
        LedgerFact(
            kind=part,
            asset=row.ccy,
            amount=value,
            venue_ns=row.ts * NS_PER_MS,
            symbol=Symbol(row.inst_id) if row.inst_id else None,
            entry_id=row.bill_id,
            trade_id=TradeId(row.trade_id) if row.trade_id else None,
            text=f"{row.type}/{row.sub_type}",
        )
        for part, value in parts
        if value
    ]


def instrument_fact(row: wire.InstrumentRow) -> InstrumentFact:
    """One contract. A linear one is worth ctVal x ctMult coins; an inverse one that
    many units of the quote currency, which is its quantity here too."""
    unit = amount(row.ct_val) * (amount_or_none(row.ct_mult) or ONE)
    base, _, quote = (row.uly or row.inst_id).partition("-")
    quote = quote.partition("-")[0]
    tick, step = amount(row.tick_sz), amount(row.lot_sz) * unit
    if unit <= 0 or tick <= 0 or step <= 0:
        raise ValueError(f"{row.inst_id}: a number is missing")
    return InstrumentFact(
        instrument=Instrument(
            symbol=Symbol(row.inst_id),
            kind=words.KINDS[row.inst_type],
            base=base,
            quote=quote,
            settle=row.settle_ccy,
            tick_size=tick,
            qty_step=step,
            min_qty=amount(row.min_sz) * unit,
            max_qty=amount(row.max_lmt_sz) * unit,
            market_max_qty=amount(row.max_mkt_sz) * unit,
            qty_unit=unit,
            is_inverse=row.ct_type == "inverse",
            is_trading=row.state == "live",
            expiry_ms=row.exp_time or None,
            max_open_orders=_MAX_OPEN_ORDERS,
            wire_code="" if row.inst_id_code is None else str(row.inst_id_code),
        )
    )


def bracket_fact(symbol: Symbol, tiers: Iterable[wire.TierRow]) -> BracketFact:
    """Tiers by rising size. Floor and cap count contracts here, and there is no
    constant: the whole position pays the rate of its tier."""
    return BracketFact(
        symbol=symbol,
        brackets=tuple(
            Bracket(
                floor=amount(tier.min_sz),
                cap=amount(tier.max_sz),
                maintenance_rate=amount(tier.mmr),
                cum=ZERO,
                max_leverage=int(Decimal(tier.max_lever)),
            )
            for tier in sorted(tiers, key=lambda tier: amount(tier.min_sz))
        ),
    )


def leverage_setting(row: wire.LeverageRow) -> SettingFact:
    """Leverage of one instrument, where it is a whole number."""
    lever = amount(row.lever)
    whole = int(lever) if lever == int(lever) else None
    return SettingFact(symbol=Symbol(row.inst_id), leverage=whole)


def mark_fact(row: wire.MarkRow) -> MarkFact:
    """A mark price."""
    return MarkFact(
        symbol=Symbol(row.inst_id),
        mark_price=amount(row.mark_px),
        venue_ns=row.ts * NS_PER_MS,
    )
