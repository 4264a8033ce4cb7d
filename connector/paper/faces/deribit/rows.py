"""Orders, trades, positions, summaries and log rows in the venue's words.

Source: Deribit API reference (private/*), subscriptions; read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.paper.amounts import money
from connector.paper.engine import Engine
from connector.paper.engine.options import Held, greeks_of
from connector.paper.faces.deribit import ids
from connector.paper.faces.deribit.context import kind_of
from connector.paper.types import (
    ZERO,
    AssetBalance,
    Conditional,
    Fill,
    Instrument,
    Order,
    Position,
)
from connector.paper.words import (
    ConditionalStatus,
    ConditionalType,
    ContractKind,
    EndReason,
    OrderKind,
    OrderStatus,
    OrderType,
    TimeInForce,
    WorkingType,
)

FORCED = (OrderKind.LIQUIDATION, OrderKind.ADL)
USER_ID = 96103
_SIX = Decimal("0.000001")

STATES = {
    OrderStatus.NEW: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "cancelled",
    OrderStatus.EXPIRED: "cancelled",
}
WAITING_STATES = {
    ConditionalStatus.NEW: "untriggered",
    ConditionalStatus.TRIGGERING: "triggered",
    ConditionalStatus.TRIGGERED: "triggered",
    ConditionalStatus.FINISHED: "triggered",
    ConditionalStatus.CANCELED: "cancelled",
    ConditionalStatus.EXPIRED: "cancelled",
    ConditionalStatus.REJECTED: "rejected",
}
TIFS = {
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
}
REASONS = {
    EndReason.USER: "user_request",
    EndReason.COUNTDOWN: "cancel_on_disconnect",
    EndReason.LIQUIDATION: "autoliquidation",
    EndReason.DELISTED: "settlement",
    EndReason.POST_ONLY: "edit_post_only_reject",
    EndReason.REDUCE_ONLY: "risk_mitigation",
    EndReason.SELF_TRADE: "risk_mitigation",
}
TYPES = {
    ConditionalType.STOP: "stop_limit",
    ConditionalType.STOP_MARKET: "stop_market",
    ConditionalType.TAKE_PROFIT: "take_limit",
    ConditionalType.TAKE_PROFIT_MARKET: "take_market",
    ConditionalType.TRAILING_STOP_MARKET: "trailing_stop",
}


def contracts(instrument: Instrument, qty: Decimal) -> Decimal:
    """A quantity in contracts."""
    return qty / instrument.contract_size


def label_of(order: Order | Conditional) -> str:
    """The user's own label; what the venue made has none."""
    own = str(getattr(order, "order_id", ""))
    return "" if order.client_order_id == own else order.client_order_id


def order_row(order: Order, instrument: Instrument) -> dict[str, Any]:
    """One order in the book, or that was there."""
    is_forced = order.kind in FORCED
    is_post_only = order.time_in_force is TimeInForce.POST_ONLY
    row: dict[str, Any] = {
        "order_id": ids.shown(order.symbol, order.order_id),
        "order_state": STATES[order.status],
        "order_type": "limit" if order.type is OrderType.LIMIT else "market",
        "time_in_force": TIFS.get(order.time_in_force, "good_til_cancelled"),
        "instrument_name": order.symbol,
        "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.updated_ms,
        "direction": order.side.value.lower(),
        "price": order.price if order.price else "market_price",
        "label": "" if is_forced else label_of(order),
        "post_only": is_post_only,
        "reduce_only": order.reduce_only,
        "api": not is_forced,
        "web": False,
        "amount": order.qty,
        "contracts": contracts(instrument, order.qty),
        "filled_amount": order.filled_qty,
        "average_price": order.average_price,
        "mmp": False,
        "risk_reducing": False,
        "replaced": order.amend_count > 0,
        "is_liquidation": is_forced,
        "max_show": order.qty,
        "user_id": USER_ID,
    }
    if is_post_only:
        row["reject_post_only"] = True
    if order.conditional_id:
        waiting = ids.shown_waiting(order.symbol, order.conditional_id)
        row["trigger_order_id"] = waiting
        row["original_order_type"] = "market"
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        reason = REASONS.get(order.end_reason)
        if reason is not None:
            row["cancel_reason"] = reason
    return row


def waiting_row(item: Conditional, instrument: Instrument) -> dict[str, Any]:
    """An order that waits for its trigger, or that did."""
    is_mark = item.working_type is WorkingType.MARK_PRICE
    row: dict[str, Any] = {
        "order_id": ids.shown_waiting(item.symbol, item.conditional_id),
        "order_state": WAITING_STATES[item.status],
        "order_type": TYPES[item.type],
        "time_in_force": TIFS.get(item.time_in_force, "good_til_cancelled"),
        "instrument_name": item.symbol,
        "creation_timestamp": item.created_ms,
        "last_update_timestamp": item.updated_ms,
        "direction": item.side.value.lower(),
        "price": item.price if item.type.is_limit else "market_price",
        "label": label_of(item),
        "post_only": item.time_in_force is TimeInForce.POST_ONLY,
        "reduce_only": item.reduce_only,
        "api": True,
        "web": False,
        "amount": item.qty,
        "contracts": contracts(instrument, item.qty),
        "mmp": False,
        "risk_reducing": item.reduce_only,
        "replaced": False,
        "is_liquidation": False,
        "user_id": USER_ID,
        "trigger": "mark_price" if is_mark else "last_price",
        "trigger_price": item.trigger_price,
        "triggered": item.triggered_ms > 0,
        "reject_post_only": False,
    }
    if item.trail_offset:
        row["trigger_offset"] = item.trail_offset
        del row["trigger_price"]
    if item.status is ConditionalStatus.CANCELED:
        row["cancel_reason"] = "user_request"
    elif item.status is ConditionalStatus.EXPIRED:
        row["cancel_reason"] = "settlement"
    return row


def trade_row(
    fill: Fill, instrument: Instrument, *, mark: Decimal, index: Decimal, state: str
) -> dict[str, Any]:
    """One own execution."""
    is_forced = fill.kind in FORCED
    role = "M" if fill.is_maker else "T"
    row: dict[str, Any] = {
        "trade_id": ids.shown(fill.symbol, fill.trade_id),
        "trade_seq": fill.trade_id % 1_000_000_000,
        "instrument_name": fill.symbol,
        "timestamp": fill.time_ms,
        "order_type": "liquidation" if is_forced else "limit",
        "order_id": ids.shown(fill.symbol, fill.order_id),
        "matching_id": None,
        "direction": fill.side.value.lower(),
        "tick_direction": 0,
        "index_price": index,
        "mark_price": mark,
        "price": fill.price,
        "amount": fill.qty,
        "contracts": contracts(instrument, fill.qty),
        "liquidity": role,
        "fee": fill.commission,
        "fee_currency": fill.commission_asset,
        "label": "" if is_forced else _label(fill),
        "state": state,
        "api": True,
        "mmp": False,
        "post_only": False,
        "reduce_only": False,
        "self_trade": False,
        "risk_reducing": False,
        "profit_loss": fill.realized_pnl,
        "user_id": USER_ID,
    }
    if is_forced:
        row["liquidation"] = role
    if kind_of(instrument) == "option":
        row |= {"iv": instrument.iv, "underlying_price": index}
    return row


def _label(fill: Fill) -> str:
    return "" if fill.client_order_id == str(fill.order_id) else fill.client_order_id


def greeks(engine: Engine, symbol: str, qty: Decimal) -> Held:
    """Greeks of an option position now."""
    instrument = engine.instruments[symbol]
    forward = engine.quote(instrument.underlying).mark
    return greeks_of(instrument, qty, forward, engine.now_ms)


def position_row(row: Position, engine: Engine) -> dict[str, Any]:
    """One position; *size* is signed, ``direction`` repeats it."""
    instrument = engine.instruments[row.symbol]
    is_option = kind_of(instrument) == "option"
    direction = "zero" if not row.qty else "buy" if row.qty > 0 else "sell"
    source = instrument.underlying or row.symbol
    told: dict[str, Any] = {
        "instrument_name": row.symbol,
        "kind": kind_of(instrument),
        "direction": direction,
        "size": row.qty,
        "average_price": row.entry_price,
        "mark_price": row.mark_price,
        "index_price": engine.quote(source).index,
        "settlement_price": ZERO,
        "initial_margin": row.position_margin,
        "maintenance_margin": row.maintenance_margin,
        "open_orders_margin": row.open_order_margin,
        "floating_profit_loss": row.unrealized_pnl,
        "realized_profit_loss": row.realized_pnl,
        "total_profit_loss": row.unrealized_pnl,
    }
    if is_option:
        held = greeks(engine, row.symbol, row.qty)
        told |= {
            "delta": held.delta.quantize(_SIX),
            "gamma": held.gamma,
            "vega": held.vega.quantize(_SIX),
            "theta": held.theta.quantize(_SIX),
        }
        return told
    told |= {
        "size_currency": coins(instrument, row.qty, row.mark_price),
        "delta": coins(instrument, row.qty, row.mark_price),
        "leverage": 50,
        "estimated_liquidation_price": row.liquidation_price or None,
        "realized_funding": ZERO,
        "interest_value": ZERO,
    }
    return told


def coins(instrument: Instrument, qty: Decimal, mark: Decimal) -> Decimal:
    """The size of a future in base coin."""
    if instrument.kind is ContractKind.INVERSE:
        return money(qty / mark)
    return money(qty)


def summary_row(
    row: AssetBalance, positions: list[Position], engine: Engine
) -> dict[str, Any]:
    """One currency of the account; the sums hold to 1e-8."""
    upl = row.unrealized_pnl
    options = [p for p in positions if engine.instruments[p.symbol].strike]
    futures = [p for p in positions if not engine.instruments[p.symbol].strike]
    held = [(p, greeks(engine, p.symbol, p.qty)) for p in options]
    options_upl = sum((p.unrealized_pnl for p in options), ZERO)
    delta = sum((g.delta - p.mark_price * p.qty for p, g in held), ZERO)
    delta += sum(
        (coins(engine.instruments[p.symbol], p.qty, p.mark_price) for p in futures),
        ZERO,
    )
    margin_balance = row.wallet + upl + row.session_pnl
    return {
        "currency": row.asset,
        "equity": margin_balance + row.options_value,
        "balance": row.wallet,
        "margin_balance": margin_balance,
        "available_funds": max(ZERO, margin_balance - row.initial_margin),
        "available_withdrawal_funds": row.max_withdraw,
        "initial_margin": row.initial_margin,
        "maintenance_margin": row.maintenance_margin,
        "projected_initial_margin": row.initial_margin,
        "projected_maintenance_margin": row.maintenance_margin,
        "session_upl": upl + options_upl,
        "session_rpl": row.session_pnl,
        "total_pl": upl + row.session_pnl + options_upl,
        "futures_pl": upl + row.session_pnl,
        "futures_session_upl": upl,
        "futures_session_rpl": row.session_pnl,
        "options_pl": options_upl,
        "options_session_upl": options_upl,
        "options_session_rpl": ZERO,
        "options_value": row.options_value,
        "options_delta": _total(held, "delta"),
        "options_gamma": _total(held, "gamma"),
        "options_vega": _total(held, "vega"),
        "options_theta": _total(held, "theta"),
        "delta_total": delta,
        "projected_delta_total": delta,
        "fee_balance": ZERO,
        "spot_reserve": ZERO,
        "additional_reserve": ZERO,
        "locked_balance": ZERO,
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
    }


_POOLED = (
    "equity",
    "margin_balance",
    "available_funds",
    "available_withdrawal_funds",
    "initial_margin",
    "maintenance_margin",
    "projected_initial_margin",
    "projected_maintenance_margin",
)


def summaries(
    engine: Engine, account_id: str, *, is_cross: bool
) -> dict[str, dict[str, Any]]:
    """Every currency of an account; with *is_cross* each shows the whole pool,
    converted, beside a balance of its own."""
    view = engine.account(account_id)
    told: dict[str, dict[str, Any]] = {}
    for row in view.assets:
        held = [
            p
            for p in view.positions
            if p.qty and ids.currency_of(p.symbol) == row.asset
        ]
        told[row.asset] = summary_row(row, held, engine)
    if not is_cross:
        return told
    prices = {asset: _in_usd(engine, asset) for asset in told}
    pool = {
        name: sum((row[name] * prices[asset] for asset, row in told.items()), ZERO)
        for name in _POOLED
    }
    for asset, shown in told.items():
        shown |= {name: money(total / prices[asset]) for name, total in pool.items()}
        shown |= {
            "margin_model": "cross_sm",
            "cross_collateral_enabled": True,
            "total_equity_usd": pool["equity"],
            "total_initial_margin_usd": pool["initial_margin"],
            "total_maintenance_margin_usd": pool["maintenance_margin"],
        }
    return told


def _in_usd(engine: Engine, asset: str) -> Decimal:
    """The index of a coin; a dollar of any kind is one."""
    for symbol, item in engine.instruments.items():
        if item.kind is ContractKind.INVERSE and item.settle == asset:
            return engine.quote(symbol).index
    return Decimal(1)


def _total(held: list[tuple[Position, Held]], name: str) -> Decimal:
    return sum((getattr(one, name) for _, one in held), ZERO)
